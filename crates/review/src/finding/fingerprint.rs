//! The name under which a finding is known from one scan to the next.

use std::fmt;

use serde::Serialize;
use sha2::{Digest, Sha256};

/// A hash of the rule, the subject and what causes the finding.
///
/// Neither words nor line numbers go into it, so a waiver still holds after a title was reworded or
/// a file was reformatted, and no longer holds once the cause is another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// `cause` is the identity of the cause: names of policies, principals or actions. Its order and
    /// its repetitions do not matter.
    #[must_use]
    pub fn new<'a>(rule: &str, subject: &str, cause: impl IntoIterator<Item = &'a str>) -> Self {
        let mut cause: Vec<_> = cause.into_iter().collect();
        cause.sort_unstable();
        cause.dedup();
        let mut hash = Sha256::new();
        for part in [rule, subject].into_iter().chain(cause) {
            // The length first, so that no two lists of parts read alike.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let text = hash
            .finalize()
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self(text)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
