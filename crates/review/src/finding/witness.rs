//! What shows that a finding is true.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request that is decided as the finding says, or plain facts of the snapshot where no request is
/// involved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Witness {
    Request {
        request: Request,
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

/// A request as `evaluate` reads it, so that anyone can ask again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// An ARN, `{"service": …}` or `"anonymous"`.
    pub principal: Value,
    pub action: String,
    pub resource: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_account: Option<String>,
    /// A value, or a list where the key has several.
    #[serde(default)]
    pub context: BTreeMap<String, Value>,
}

impl Request {
    /// The principal as a person reads it.
    #[must_use]
    pub fn principal_text(&self) -> &str {
        self.principal
            .as_str()
            .or_else(|| self.principal.get("service").and_then(Value::as_str))
            .unwrap_or_default()
    }
}

/// A statement that took part in a decision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Because {
    pub layer: String,
    pub policy: String,
    pub statement: usize,
    pub sid: Option<String>,
    pub effect: String,
}

/// One step from a principal to what it can become.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hop {
    pub from: String,
    pub to: String,
    /// The action, or the pair of actions, that takes the step.
    pub by: String,
    pub because: Vec<Because>,
}
