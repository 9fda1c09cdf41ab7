//! Statements into policies that AWS takes: as few as possible, none too long, no more than a node
//! has room for.

use bailiwick_iam::policy::{Policy, Statement, Version};

use crate::plan::CeilingKind;

/// What AWS allows at one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Characters of one policy, without white space.
    pub characters: usize,
    /// Policies attached to one root, unit or account.
    pub policies: usize,
}

impl Room {
    // https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
    #[must_use]
    pub const fn of(kind: CeilingKind) -> Self {
        match kind {
            // Since May 2026; 5,120 and 5 before.
            CeilingKind::Scp => Self {
                characters: 10_240,
                policies: 10,
            },
            CeilingKind::Rcp => Self {
                characters: 5_120,
                policies: 5,
            },
        }
    }
}

/// The statements in their order, a new policy where the last is full. A statement too long for a
/// policy of its own makes one that is too long; who asks for the room sees it.
pub(super) fn into_policies(statements: Vec<Statement>, room: Room) -> Vec<Policy> {
    let mut policies: Vec<Policy> = Vec::new();
    for statement in statements {
        let longer = policies.last().map(|last| {
            let mut longer = last.clone();
            longer.statements.push(statement.clone());
            longer
        });
        match (longer, policies.last_mut()) {
            (Some(longer), Some(last)) if length(&longer) <= room.characters => *last = longer,
            (_, _) => policies.push(Policy {
                version: Version::V2012,
                id: None,
                statements: vec![statement],
            }),
        }
    }
    policies
}

/// What AWS counts.
pub(super) fn length(policy: &Policy) -> usize {
    policy.to_json().chars().count()
}
