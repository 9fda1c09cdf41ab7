//! Where a grant is in its life, and where it may go from there.
//!
//! One table, [`TRANSITIONS`], is what the code asks, what the database enforces and what the tests
//! walk. Whoever waits in a state that has no way out of it is in a final one.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Where a grant is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Requested,
    PendingApproval,
    Approved,
    /// The intent to make a credential is durable; whether one was made is not yet.
    Issuing,
    Active,
    Suspended,
    /// Denied everywhere; waiting for the last credential to be worth nothing.
    Revoking,
    Completed,
    Expired,
    Revoked,
    Denied,
    Cancelled,
    Lapsed,
    IssueFailed,
    /// Nobody knows whether a credential was made: treated as if it was, and denied.
    Orphaned,
}

use State::{
    Active, Approved, Cancelled, Completed, Denied, Expired, IssueFailed, Issuing, Lapsed,
    Orphaned, PendingApproval, Requested, Revoked, Revoking, Suspended,
};

/// Every step that a grant may take.
pub const TRANSITIONS: &[(State, State)] = &[
    (Requested, Approved),
    (Requested, PendingApproval),
    (Requested, Denied),
    (Requested, Cancelled),
    (PendingApproval, Approved),
    (PendingApproval, Denied),
    (PendingApproval, Lapsed),
    (PendingApproval, Cancelled),
    (Approved, Issuing),
    (Approved, Cancelled),
    (Issuing, Active),
    (Issuing, IssueFailed),
    (Issuing, Orphaned),
    (Issuing, Revoking),
    // A renewal or a heartbeat: a new deadline and version, the same state.
    (Active, Active),
    (Active, Suspended),
    (Active, Revoking),
    // A later credential of which nobody knows whether it was made.
    (Active, Orphaned),
    (Suspended, Active),
    (Suspended, Revoking),
    (Revoking, Completed),
    (Revoking, Expired),
    (Revoking, Revoked),
    (Orphaned, Revoked),
];

impl State {
    pub const ALL: [Self; 15] = [
        Requested,
        PendingApproval,
        Approved,
        Issuing,
        Active,
        Suspended,
        Revoking,
        Completed,
        Expired,
        Revoked,
        Denied,
        Cancelled,
        Lapsed,
        IssueFailed,
        Orphaned,
    ];

    /// Its name in the database and in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Requested => "requested",
            PendingApproval => "pending_approval",
            Approved => "approved",
            Issuing => "issuing",
            Active => "active",
            Suspended => "suspended",
            Revoking => "revoking",
            Completed => "completed",
            Expired => "expired",
            Revoked => "revoked",
            Denied => "denied",
            Cancelled => "cancelled",
            Lapsed => "lapsed",
            IssueFailed => "issue_failed",
            Orphaned => "orphaned",
        }
    }

    /// Whether a grant may go from this state to that one.
    pub fn may_become(self, next: Self) -> bool {
        TRANSITIONS.contains(&(self, next))
    }

    /// Whether it has not begun to end: it may still become, or is, of use.
    pub fn is_live(self) -> bool {
        match self {
            Requested | PendingApproval | Approved | Issuing | Active | Suspended => true,
            Revoking | Completed | Expired | Revoked | Denied | Cancelled | Lapsed
            | IssueFailed | Orphaned => false,
        }
    }

    /// Whether a grant may begin in this state.
    pub fn may_begin(self) -> bool {
        matches!(self, Requested | PendingApproval | Approved)
    }

    /// Whether nothing follows.
    pub fn is_final(self) -> bool {
        TRANSITIONS.iter().all(|(from, _)| *from != self)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no state of a grant")]
pub struct ParseStateError(String);

impl FromStr for State {
    type Err = ParseStateError;

    fn from_str(name: &str) -> Result<Self, ParseStateError> {
        let found = Self::ALL.into_iter().find(|state| state.name() == name);
        found.ok_or_else(|| ParseStateError(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_name_of_its_own() {
        for state in State::ALL {
            assert_eq!(state.name().parse(), Ok(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }

    #[test]
    fn the_final_states_are_those_of_the_design() {
        let last: Vec<State> = State::ALL
            .into_iter()
            .filter(|state| state.is_final())
            .collect();
        assert_eq!(
            last,
            [
                Completed,
                Expired,
                Revoked,
                Denied,
                Cancelled,
                Lapsed,
                IssueFailed
            ]
        );
    }

    #[test]
    fn a_grant_that_was_live_ends_only_through_revoking() {
        for (from, to) in TRANSITIONS {
            if matches!(to, Completed | Expired) {
                assert_eq!(*from, Revoking);
            }
        }
        assert!(!Active.may_become(Revoked));
        assert!(!Revoking.may_become(Active));
    }
}
