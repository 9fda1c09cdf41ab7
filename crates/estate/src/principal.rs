//! Accounts, and the roles, users and groups in them.

use std::collections::BTreeMap;

use bailiwick_iam::arn::{AccountId, Arn};

use crate::{agent::Environment, arena::Id, document::PolicyDocument, source::Place};

pub type Tags = BTreeMap<String, String>;

#[derive(Debug, Clone)]
pub struct Account {
    pub id: AccountId,
    pub name: Option<String>,
    pub tags: Tags,
    /// Learned from the account's tags, its name or the units above it.
    pub environment: Option<Environment>,
    /// Whether its principals were given (`iam.json`); without them, an account is known by name.
    pub principals_given: bool,
    /// Whether `iam-extra.json` was given.
    pub extra_given: bool,
    /// The service calls that were answered, as `region/operation`; `global` where there is no
    /// region. A listing that is not here was not made: what it would list is unknown.
    pub answered: std::collections::BTreeSet<String>,
}

/// A role or a user: what can sign a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalId {
    Role(Id<Role>),
    User(Id<User>),
}

#[derive(Debug, Clone)]
pub struct Role {
    pub arn: Arn,
    pub account: AccountId,
    pub name: String,
    /// `/` or `/agents/prod/`.
    pub path: String,
    /// `AROA…`
    pub unique_id: Option<String>,
    pub created: Option<String>,
    pub trust: Id<PolicyDocument>,
    pub inline: Vec<Id<PolicyDocument>>,
    pub attached: Vec<Id<PolicyDocument>>,
    pub boundary: Option<Id<PolicyDocument>>,
    pub tags: Tags,
    /// `None` is unknown.
    pub session_secs_max: Option<u32>,
    pub last_used: LastUsed,
    pub instance_profiles: Vec<Arn>,
    pub place: Place,
}

impl Role {
    /// Whether AWS made this role for a service of its own. SCPs do not bind it, and nobody can
    /// change what it may do.
    #[must_use]
    pub fn is_service_linked(&self) -> bool {
        self.path.starts_with("/aws-service-role/")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastUsed {
    /// The snapshot does not say.
    Unknown,
    /// Not in the time AWS remembers (400 days).
    Never,
    At {
        /// As AWS wrote it.
        date: String,
        region: Option<String>,
    },
}

#[derive(Debug, Clone)]
pub struct User {
    pub arn: Arn,
    pub account: AccountId,
    pub name: String,
    pub path: String,
    /// `AIDA…`
    pub unique_id: Option<String>,
    pub created: Option<String>,
    pub groups: Vec<Id<Group>>,
    pub inline: Vec<Id<PolicyDocument>>,
    pub attached: Vec<Id<PolicyDocument>>,
    pub boundary: Option<Id<PolicyDocument>>,
    pub tags: Tags,
    /// `None` is unknown; the list of a user without keys is empty.
    pub access_keys: Option<Vec<Credential>>,
    /// Bedrock API keys and their like. `None` is unknown.
    pub service_credentials: Option<Vec<Credential>>,
    pub place: Place,
}

/// A long-lived credential of a user. The secret itself is never read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    pub id: String,
    pub active: bool,
    pub created: Option<String>,
    pub expires: Option<String>,
    /// `bedrock.amazonaws.com`, for service-specific credentials.
    pub service: Option<String>,
    pub place: Place,
}

#[derive(Debug, Clone)]
pub struct Group {
    pub arn: Arn,
    pub account: AccountId,
    pub name: String,
    pub path: String,
    pub inline: Vec<Id<PolicyDocument>>,
    pub attached: Vec<Id<PolicyDocument>>,
    pub place: Place,
}
