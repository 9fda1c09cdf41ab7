//! People and programs that look after the authority, and what each may do.
//!
//! Some show a token that the authority made for them ([`Operators`]), others one of an OpenID Connect
//! issuer ([`People`](bailiwick_identity::People) with a [`Role`]).

use std::{collections::HashMap, fmt, sync::Arc};

use bailiwick_ledger::Hash;
use serde::{Deserialize, Serialize};

/// What an operator may do. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads grants and the ledger, and asks for decisions of the policies.
    Viewer,
    /// Says yes or no to what waits for a person.
    Approver,
    /// Mints tickets, ends grants, kills and clears.
    Operator,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Approver => "approver",
            Self::Operator => "operator",
        }
    }
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    pub name: String,
    pub role: Role,
    /// The SHA-256 of the token. Tokens have 256 random bits, so a plain hash tells nothing.
    pub token_sha256: Hash,
}

impl Operator {
    /// An operator who shows this token.
    pub fn with_token(name: impl Into<String>, role: Role, token: &str) -> Self {
        Self {
            name: name.into(),
            role,
            token_sha256: fingerprint(token),
        }
    }
}

/// Whoever looks after the authority, as it was proved for one request.
#[derive(Debug, Clone)]
pub(crate) struct Acting {
    /// Under which name it is recorded.
    pub(crate) name: String,
    pub(crate) role: Role,
    /// How it was proved: `token` or `oidc`.
    pub(crate) amr: &'static str,
}

impl From<&Operator> for Acting {
    fn from(operator: &Operator) -> Self {
        Self {
            name: operator.name.clone(),
            role: operator.role,
            amr: "token",
        }
    }
}

/// All operators, by what they show.
#[derive(Clone, Default)]
pub struct Operators(HashMap<Hash, Arc<Operator>>);

impl fmt::Debug for Operators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operators({})", self.0.len())
    }
}

impl Operators {
    /// The operator who shows this token. What is compared are hashes, so how long it takes tells
    /// nothing of a token.
    pub fn of_token(&self, token: &str) -> Option<&Arc<Operator>> {
        self.0.get(&fingerprint(token))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Operator> for Operators {
    fn from_iter<I: IntoIterator<Item = Operator>>(operators: I) -> Self {
        let by_token = |operator: Operator| (operator.token_sha256, Arc::new(operator));
        Self(operators.into_iter().map(by_token).collect())
    }
}

/// What of a token is kept.
pub fn fingerprint(token: &str) -> Hash {
    Hash::of(&[token.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_known_by_the_whole_token_and_nothing_else() {
        let operators: Operators = [
            Operator::with_token("dana", Role::Viewer, "bwo_one"),
            Operator::with_token("eli", Role::Operator, "bwo_two"),
        ]
        .into_iter()
        .collect();
        let name = |token| operators.of_token(token).map(|found| found.name.clone());
        assert_eq!(name("bwo_two").as_deref(), Some("eli"));
        for token in ["", "bwo_", "bwo_tw", "bwo_two ", "BWO_TWO"] {
            assert_eq!(name(token), None, "{token}");
        }
        assert!(Role::Viewer < Role::Approver && Role::Approver < Role::Operator);
    }
}
