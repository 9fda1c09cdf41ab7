//! What shows that a finding is true.

use bailiwick_iam::{evaluate::Because, request::Request};
use serde::Serialize;

/// A request that is decided as the finding says, or plain facts of the snapshot where no request is
/// involved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Witness {
    /// Shaped as `evaluate` reads it, so that anyone can ask again.
    Request {
        request: Box<Request>,
        /// The statements that decided it, layer by layer.
        because: Vec<Because>,
    },
    Facts {
        facts: Vec<String>,
    },
}

impl Witness {
    pub fn facts<T: Into<String>>(facts: impl IntoIterator<Item = T>) -> Self {
        Self::Facts {
            facts: facts.into_iter().map(Into::into).collect(),
        }
    }
}

/// One step from a principal to what it can become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hop {
    pub from: String,
    pub to: String,
    /// The action, or the pair of actions, that takes the step.
    pub by: String,
    pub because: Vec<Because>,
}
