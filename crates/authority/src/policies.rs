//! Policies that somebody wrote for a plain AuthZEN decision point, and what is known of their
//! entities.
//!
//! They stand beside the charters and decide nothing about agents' grants: an operator's enforcement
//! point asks them. A subject is a principal `type::"id"`, an action `Action::"name"`, a resource an
//! entity `type::"id"`. What the entities' file says of an entity outranks what a request says of
//! it; what it does not say is taken from the request's `properties`. An action's properties are
//! `context.action`. What cannot be evaluated is a denial, whatever the other policies say.

mod ask;
mod read;

use std::collections::BTreeMap;

use cedar_policy::{Entities, EntityUid, PolicySet};

use crate::json::Value;

pub use read::{PoliciesError, PoliciesProblem};

/// The members of a JSON object.
pub type Members = BTreeMap<String, Value>;

/// Entities that one search looks at. A search over more says so instead of answering with a part.
pub const CANDIDATES_MAX: usize = 10_000;

/// Policies with their entities, ready to be asked.
#[derive(Debug, Clone)]
pub struct Policies {
    set: PolicySet,
    entities: Entities,
    /// The ids of the entities of each type, in their order.
    of_type: BTreeMap<String, BTreeMap<String, EntityUid>>,
    /// The names of actions that entities or policies mention, in their order.
    actions: Vec<String>,
    version: String,
}

/// A subject or a resource.
#[derive(Debug, Clone, Copy)]
pub struct Party<'a> {
    pub kind: &'a str,
    pub id: &'a str,
    pub properties: Option<&'a Members>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Deed<'a> {
    pub name: &'a str,
    pub properties: Option<&'a Members>,
}

/// May this be done?
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub subject: Party<'a>,
    pub action: Deed<'a>,
    pub resource: Party<'a>,
    pub context: Option<&'a Members>,
}

/// What the policies say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Opinion {
    pub is_allowed: bool,
    /// The policies that made the answer, by file and name.
    pub policies: Vec<String>,
    /// What could not be evaluated. Then it is a denial.
    pub errors: Vec<String>,
}

/// What is searched for.
#[derive(Debug, Clone, Copy)]
pub enum Search<'a> {
    Subject {
        kind: &'a str,
        properties: Option<&'a Members>,
        action: Deed<'a>,
        resource: Party<'a>,
    },
    Resource {
        kind: &'a str,
        properties: Option<&'a Members>,
        subject: Party<'a>,
        action: Deed<'a>,
    },
    Action {
        subject: Party<'a>,
        resource: Party<'a>,
    },
}

/// One page of what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Ids, or names of actions, in their order.
    pub ids: Vec<String>,
    /// Whether there is more after the last of them.
    pub more: bool,
}

/// A search looks at more than [`CANDIDATES_MAX`] entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {found} entities of the type, and a search looks at {CANDIDATES_MAX} at most")]
pub struct TooMany {
    pub found: usize,
}

impl Policies {
    /// The hash of the files they were read from.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How many policies there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set.policies().count()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests;
