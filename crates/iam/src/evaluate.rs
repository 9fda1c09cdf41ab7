//! What AWS answers to a request: yes, no, or that it depends on something that is not known.

use std::sync::Arc;

use serde::Serialize;
use smallvec::SmallVec;

use crate::{
    layers::{LayerKind, Layers},
    policy::{Effect, Policy},
    request::Request,
    vocabulary::Vocabulary,
};

/// A policy made ready to decide.
#[derive(Debug, Clone)]
pub(crate) struct Program;

impl Program {
    pub(crate) fn new(_policy: &Policy) -> Self {
        Self
    }
}

/// How a resource pattern is compared with an ARN.
// IAM-016
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ResourceSemantics {
    /// Segment by segment: a wildcard in the first five does not run past a colon.
    #[default]
    Segmented,
    /// As one text.
    Flat,
}

/// The answer to a request, with its reason.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    #[serde(rename = "decision")]
    pub outcome: Outcome,
    /// The layer that denied, or the first on which an unknown answer hangs. An allow has none:
    /// every layer had to agree.
    pub layer: Option<LayerKind>,
    /// The statement that decided in each layer in which one did: its deny, or else its allow. In
    /// an unknown answer, also the statements that may or may not match.
    pub because: SmallVec<[Because; 4]>,
    /// The context keys on which an unknown answer hangs, no more: as policies spell them, sorted.
    pub missing: Vec<String>,
    /// The policies that could not be read and on which an unknown answer hangs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Allow,
    /// Nothing allows it, or a layer that must allow it does not.
    ImplicitDeny,
    /// A statement denies it.
    ExplicitDeny,
    /// It depends on what is missing.
    Unknown,
}

/// A statement and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Because {
    pub layer: LayerKind,
    /// The name of the policy.
    pub policy: Arc<str>,
    /// The place of the statement in its policy, from 0.
    pub statement: usize,
    pub sid: Option<Arc<str>>,
    pub effect: Effect,
    /// The keys on which it depends whether this statement matches. Empty: it does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
}

/// A policy that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Unreadable {
    pub layer: LayerKind,
    pub policy: Arc<str>,
    pub why: Arc<str>,
}

/// Decides a request.
pub fn evaluate(_layers: &Layers, _request: &Request, _vocabulary: &dyn Vocabulary) -> Decision {
    Decision {
        outcome: Outcome::Unknown,
        layer: None,
        because: SmallVec::new(),
        missing: Vec::new(),
        unreadable: Vec::new(),
    }
}
