//! What one grant is: the parameters it was made with, and what was taken away when it was
//! delegated.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_charter::{BindError, Bindings};
use serde::{Deserialize, Serialize};

use crate::json::Value;

/// A task with its parameters bound: what [`crate::Authority::judge`] judges by.
///
/// A delegated grant holds what its parent holds and more restrictions in the same list. Nothing
/// that is added to it can make it wider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    pub(crate) parameters: Bindings,
    pub(crate) body: Body,
}

/// A bound task as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Body {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) parameters: BTreeMap<String, String>,
    /// The thumbprint of the key that whoever holds the grant must prove to have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) holder_key: Option<String>,
    #[serde(skip_serializing_if = "Caps::is_none")]
    pub(crate) caps: Caps,
    /// One for each time it was delegated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) narrowed: Vec<Narrow>,
}

/// What a delegated grant has of the budgets of the one before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Caps {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) calls: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) writes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) per_minute: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) uses: BTreeMap<u16, u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) sums: BTreeMap<u16, i64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) windows: BTreeMap<u16, u64>,
}

impl Caps {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What one delegation left of what there was. A list that is absent takes nothing away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Narrow {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tools: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) actions: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resources: Option<BTreeSet<String>>,
    /// By tool and argument, the values it may have, in their canonical spelling.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) arguments: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

/// Why bytes are no bound task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoundError {
    #[error("a body of {length} bytes; the longest has {BODY_LENGTH_MAX}")]
    TooLong { length: usize },
    #[error("not the body of a grant: {0}")]
    Malformed(String),
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// The longest body: 32 parameters of 256 bytes, and what four delegations list.
pub(crate) const BODY_LENGTH_MAX: usize = 256 << 10;

impl Bound {
    /// A task whose parameters nobody knows: for what does not ask about them.
    pub(crate) fn of_nothing() -> Self {
        Self {
            parameters: Bindings::default(),
            body: Body::default(),
        }
    }

    /// The body as it is kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Texts, numbers and maps by text always serialise.
        serde_json::to_vec(&self.body).unwrap_or_default()
    }

    /// The values of the task's parameters.
    #[must_use]
    pub fn parameters(&self) -> &Bindings {
        &self.parameters
    }

    /// The thumbprint (RFC 7638) of the key that the grant's holder must prove to have.
    #[must_use]
    pub fn holder_key(&self) -> Option<&str> {
        self.body.holder_key.as_deref()
    }

    /// The same, for whoever has the key of that thumbprint alone.
    #[must_use]
    pub fn held_by(mut self, thumbprint: &str) -> Self {
        self.body.holder_key = Some(thumbprint.to_owned());
        self
    }

    /// Whether no delegation took the tool away.
    pub(crate) fn holds_tool(&self, tool: &str) -> bool {
        self.all(|narrow| narrow.tools.as_ref(), tool)
    }

    pub(crate) fn holds_action(&self, action: &str) -> bool {
        let mut lists = self.body.narrowed.iter().flat_map(|narrow| &narrow.actions);
        lists.all(|list| list.iter().any(|held| held.eq_ignore_ascii_case(action)))
    }

    pub(crate) fn holds_resource(&self, resource: &str) -> bool {
        self.all(|narrow| narrow.resources.as_ref(), resource)
    }

    fn all<'b>(
        &'b self,
        list: impl Fn(&'b Narrow) -> Option<&'b BTreeSet<String>>,
        name: &str,
    ) -> bool {
        let mut lists = self.body.narrowed.iter().filter_map(list);
        lists.all(|list| list.contains(name))
    }

    /// Whether every argument that a delegation holds to some values has one of them.
    pub(crate) fn holds_arguments(&self, tool: &str, args: &Value) -> bool {
        let held = self.body.narrowed.iter();
        let held = held.filter_map(|narrow| narrow.arguments.get(tool));
        let mut held = held.flatten();
        held.all(|(name, values)| {
            let mut names = name.split('.').skip(1);
            let value = names.try_fold(args, |value, name| value.get(name));
            value.is_some_and(|value| values.contains(&value.canonical()))
        })
    }

    /// How often it was delegated.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.body.narrowed.len()
    }
}
