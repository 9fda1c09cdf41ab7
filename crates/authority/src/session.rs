//! What the session of a grant may do on AWS: the policy that goes with it, or why there is none.

use std::collections::BTreeSet;

use bailiwick_charter::Mode;
use bailiwick_charter::compile::{
    Deadline, SESSION_POLICY_LENGTH_MAX, SessionError, session_policy,
};
use bailiwick_iam::arn::AccountId;
use bailiwick_iam::policy::Policy;
use serde_json::json;

use crate::bound::Bound;
use crate::task::Task;

/// Why a grant has no session on AWS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSession {
    /// The platform's own role holds the rights.
    #[error(
        "the agent's charter is in mode `standing`: its platform holds the rights, and no session is made for a task"
    )]
    Standing,
    #[error("the charter names no account; say which one with `?account=`")]
    AccountUnknown,
    #[error("the grant reads and writes nothing in the account {account}")]
    Nothing { account: AccountId },
    #[error(
        "the session policy has {length} characters and STS takes {SESSION_POLICY_LENGTH_MAX}; split the task, or shorten its list of resources"
    )]
    TooLong { length: usize },
    #[error("the grant's parameters do not fit its task any more")]
    Unbound,
    #[error("the deadline is no date that AWS can read")]
    Deadline,
}

impl Task {
    /// The account that resources are in whose ARN names none, and that a session is made for where
    /// no other is asked for.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        self.account
    }

    /// The session policy of a grant in one account: its task's reads and writes with the parameters
    /// bound, without what delegation took away, until the deadline (in seconds since 1970).
    ///
    /// Nothing is dropped to fit.
    ///
    /// # Errors
    /// If the grant has no session there, or its policy is longer than STS takes.
    pub fn session(
        &self,
        bound: &Bound,
        account: AccountId,
        deadline_secs: u64,
    ) -> Result<String, NoSession> {
        if self.mode == Mode::Standing {
            return Err(NoSession::Standing);
        }
        let deadline = Deadline::of_unix_seconds(deadline_secs).ok_or(NoSession::Deadline)?;
        let home = self.account.unwrap_or(account);
        let policy = session_policy(&self.declared, &bound.parameters, account, home, deadline);
        let policy = policy.map_err(|error| match error {
            SessionError::Bind(_) => NoSession::Unbound,
            SessionError::Nothing { account } => NoSession::Nothing { account },
            SessionError::TooLong { length } => NoSession::TooLong { length },
        })?;
        let nothing = NoSession::Nothing { account };
        let held = held(bound).ok_or(nothing)?;
        let text = narrowed(&policy, &held).ok_or(NoSession::Unbound)?;
        let length = text.chars().count();
        if length > SESSION_POLICY_LENGTH_MAX {
            return Err(NoSession::TooLong { length });
        }
        Ok(text)
    }
}

/// What delegation left: `None` in a field takes nothing away.
struct Held<'b> {
    actions: Option<BTreeSet<&'b str>>,
    resources: Option<BTreeSet<&'b str>>,
}

/// `None` if nothing is left at all.
fn held(bound: &Bound) -> Option<Held<'_>> {
    let lists = bound.body.narrowed.iter();
    let actions = lists.clone().find_map(|narrow| narrow.actions.as_ref());
    let resources = lists.clone().find_map(|narrow| narrow.resources.as_ref());
    let held = Held {
        actions: actions.map(|list| {
            let left = list.iter().filter(|action| bound.holds_action(action));
            left.map(String::as_str).collect()
        }),
        resources: resources.map(|list| {
            let left = list
                .iter()
                .filter(|resource| bound.holds_resource(resource));
            left.map(String::as_str).collect()
        }),
    };
    let is_empty = |list: &Option<BTreeSet<&str>>| list.as_ref().is_some_and(BTreeSet::is_empty);
    (!is_empty(&held.actions) && !is_empty(&held.resources)).then_some(held)
}

/// The policy with a denial of all that was taken away, which no other statement can undo. `None` if
/// it cannot be written: then there is no policy, and not a wider one.
fn narrowed(policy: &Policy, held: &Held<'_>) -> Option<String> {
    let mut document = serde_json::to_value(policy).ok()?;
    let statements = document.get_mut("Statement")?.as_array_mut()?;
    if let Some(actions) = &held.actions {
        statements.push(json!({ "Effect": "Deny", "NotAction": actions, "Resource": "*" }));
    }
    if let Some(resources) = &held.resources {
        statements.push(json!({ "Effect": "Deny", "Action": "*", "NotResource": resources }));
    }
    Some(document.to_string())
}

#[cfg(test)]
mod tests;
