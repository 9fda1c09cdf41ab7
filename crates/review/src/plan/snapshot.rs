//! The snapshot that a plan is made from and can be tried on: AWS's answers, as JSON.

mod agents;
mod apply;
mod ceilings;
mod roles;

use std::{collections::BTreeMap, fmt, fmt::Write as _};

use bailiwick_iam::arn::Arn;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use apply::ApplyError;

/// The files of an estate, by name, each a JSON value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    files: BTreeMap<String, Value>,
}

/// What a snapshot says, in 32 bytes: neither the names of its files nor their layout count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SnapshotHash(pub String);

impl fmt::Display for SnapshotHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Snapshot {
    /// The snapshot that these files are, each a name and its value.
    #[must_use]
    pub fn new(files: impl IntoIterator<Item = (String, Value)>) -> Self {
        Self {
            files: files.into_iter().collect(),
        }
    }

    /// By name.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.files
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }

    #[must_use]
    pub fn hash(&self) -> SnapshotHash {
        let of = |value: &Value| Sha256::digest(value.to_string());
        let mut parts: Vec<_> = self.files.values().map(of).collect();
        parts.sort();
        let mut whole = Sha256::new();
        for part in parts {
            whole.update(part);
        }
        let mut text = "sha256:".to_owned();
        for byte in whole.finalize() {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        SnapshotHash(text)
    }

    /// A role as `get-account-authorization-details` told of it, and where it stands: on which page
    /// of all, and where on the page.
    #[must_use]
    pub fn role_detail(&self, role: &Arn) -> Option<([usize; 2], &Value)> {
        let pages = self.files.values().flat_map(roles::pages);
        pages.enumerate().find_map(|(number, page)| {
            let list = page.get("RoleDetailList")?.as_array()?;
            let names =
                |detail: &Value| detail.get("Arn").and_then(Value::as_str) == Some(role.as_str());
            let at = list.iter().position(names)?;
            Some(([number, at], list.get(at)?))
        })
    }
}
