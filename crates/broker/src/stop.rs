//! What has been stopped, and what a stop covers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::port::Grant;

/// What is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Grant(String),
    Agent(String),
    Owner(String),
    All,
}

impl Scope {
    /// Its kind and its name, as the database keeps them.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Grant(id) => ("grant", id),
            Self::Agent(agent) => ("agent", agent),
            Self::Owner(owner) => ("owner", owner),
            Self::All => ("all", ""),
        }
    }

    /// The scope of these parts.
    pub fn of_parts(kind: &str, name: String) -> Option<Self> {
        match kind {
            "grant" => Some(Self::Grant(name)),
            "agent" => Some(Self::Agent(name)),
            "owner" => Some(Self::Owner(name)),
            "all" => Some(Self::All),
            _ => None,
        }
    }
}

/// Something has been stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    pub scope: Scope,
    /// Whether new grants are refused as well, until an operator clears it.
    pub kill: bool,
    /// Grants issued up to then are stopped.
    pub at_ms: u64,
    pub by: String,
    pub reason: String,
}

impl Stop {
    /// Whether a grant may no longer be used. A grant is stopped with those it was delegated from.
    pub fn covers(&self, grant: &Grant) -> bool {
        let in_time = self.kill || grant.issued_ms <= self.at_ms;
        in_time
            && match &self.scope {
                Scope::Grant(id) => *id == grant.id || grant.lineage.contains(id),
                Scope::Agent(agent) => *agent == grant.agent,
                Scope::Owner(owner) => *owner == grant.owner,
                Scope::All => true,
            }
    }

    /// The stop of both: it covers what either covers.
    #[must_use]
    pub fn joined(self, other: &Self) -> Self {
        Self {
            kill: self.kill || other.kill,
            at_ms: self.at_ms.max(other.at_ms),
            ..self
        }
    }

    /// What is left of a kill when it is cleared: new grants open, and none that it stopped lives
    /// again.
    #[must_use]
    pub fn cleared(self, at_ms: u64) -> Self {
        Self {
            kill: false,
            at_ms: self.at_ms.max(at_ms),
            ..self
        }
    }
}

/// All stops that act here and now, by kind and name: every decision asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stops(BTreeMap<&'static str, BTreeMap<String, Stop>>);

impl Stops {
    pub(crate) fn add(&mut self, stop: Stop) {
        let joined = match self.of(&stop.scope) {
            Some(before) => stop.joined(before),
            None => stop,
        };
        let (kind, name) = joined.scope.parts();
        let name = name.to_owned();
        self.0.entry(kind).or_default().insert(name, joined);
    }

    pub(crate) fn clear_kill(&mut self, scope: &Scope, at_ms: u64) {
        if let Some(stop) = self.remove(scope) {
            self.add(stop.cleared(at_ms));
        }
    }

    pub(crate) fn remove(&mut self, scope: &Scope) -> Option<Stop> {
        let (kind, name) = scope.parts();
        self.0.get_mut(kind)?.remove(name)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Stop> {
        self.0.values().flat_map(BTreeMap::values)
    }

    fn of(&self, scope: &Scope) -> Option<&Stop> {
        let (kind, name) = scope.parts();
        self.0.get(kind)?.get(name)
    }

    /// The stop that covers a grant, if one does.
    pub(crate) fn covering(&self, grant: &Grant) -> Option<&Stop> {
        let scopes = [
            ("all", ""),
            ("owner", grant.owner.as_str()),
            ("agent", grant.agent.as_str()),
            ("grant", grant.id.as_str()),
        ];
        let above = grant.lineage.iter().map(|id| ("grant", id.as_str()));
        let mut scopes = scopes.into_iter().chain(above);
        scopes.find_map(|(kind, name)| {
            let stop = self.0.get(kind)?.get(name)?;
            stop.covers(grant).then_some(stop)
        })
    }
}
