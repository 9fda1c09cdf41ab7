//! The condition keys that tests use, as AWS's reference types them.

use bailiwick_iam::vocabulary::{KeyFacts, KeyKind, Vocabulary};

/// Knows which of the global keys have several values.
#[derive(Debug)]
pub(crate) struct Known;

pub(crate) const SEVERAL: [&str; 5] = [
    "aws:calledvia",
    "aws:principalorgpaths",
    "aws:principalservicenameslist",
    "aws:resourceorgpaths",
    "aws:tagkeys",
];

impl Vocabulary for Known {
    fn key(&self, key: &str) -> Option<KeyFacts> {
        let key = key.to_ascii_lowercase();
        key.starts_with("aws:").then(|| KeyFacts {
            kind: KeyKind::String,
            multivalued: SEVERAL.contains(&key.as_str()),
        })
    }
}
