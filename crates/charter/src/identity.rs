//! Identities beside a role: who vouches for them, and what they say.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::name::shown;

/// An identity that somebody other than AWS vouches for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum DeclaredIdentity {
    /// A subject of an issuer of tokens.
    Token {
        issuer: String,
        subject: String,
        /// Claims by name, or by JSON pointer, each with the value that it must have.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        claims: BTreeMap<String, String>,
    },
    Spiffe {
        spiffe: SpiffeId,
    },
}

/// The name of a workload in a trust domain: `spiffe://example.org/ns/prod/sa/invoice`.
// https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md, section 2
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpiffeId {
    text: Box<str>,
    /// Where the path begins.
    slash: usize,
}

/// A text that is no name of a workload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no SPIFFE ID of a workload: write spiffe://trust-domain/path, the domain of a-z, 0-9, `.`, `-`, `_`, the path of A-Z, a-z, 0-9, `.`, `-`, `_` between single slashes"
)]
pub struct SpiffeIdError {
    pub text: String,
}

/// The longest that is taken, in bytes.
const LENGTH_MAX: usize = 2_048;
const DOMAIN_LENGTH_MAX: usize = 255;

impl SpiffeId {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn trust_domain(&self) -> &str {
        let name = self.text.get(..self.slash).unwrap_or_default();
        name.strip_prefix("spiffe://").unwrap_or_default()
    }

    /// Whether a text names a trust domain.
    #[must_use]
    pub fn is_trust_domain(text: &str) -> bool {
        let is_taken = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
        !text.is_empty() && text.len() <= DOMAIN_LENGTH_MAX && text.bytes().all(is_taken)
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeIdError;

    /// Nothing is folded, decoded or trimmed: two texts that differ are two names.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || SpiffeIdError { text: shown(text) };
        let rest = text.strip_prefix("spiffe://").ok_or_else(refused)?;
        let (domain, path) = rest.split_once('/').ok_or_else(refused)?;
        let is_segment = |segment: &str| {
            let is_taken = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            !matches!(segment, "" | "." | "..") && segment.bytes().all(is_taken)
        };
        let is_name = text.len() <= LENGTH_MAX
            && Self::is_trust_domain(domain)
            && path.split('/').all(is_segment);
        if !is_name {
            return Err(refused());
        }
        Ok(Self {
            text: text.into(),
            slash: "spiffe://".len() + domain.len(),
        })
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for SpiffeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_has_one_spelling_and_everything_near_it_is_nobody() {
        let id: SpiffeId = "spiffe://example.org/ns/prod/sa/Invoice_1.2"
            .parse()
            .unwrap();
        assert_eq!(id.trust_domain(), "example.org");
        assert_eq!(
            id.to_string(),
            "spiffe://example.org/ns/prod/sa/Invoice_1.2"
        );
        for text in [
            "",
            "spiffe://",
            "spiffe://example.org",
            "spiffe://example.org/",
            "spiffe:///ns",
            "SPIFFE://example.org/ns",
            "spiffe://Example.org/ns",
            "spiffe://example.org/ns/",
            "spiffe://example.org//ns",
            "spiffe://example.org/ns/../other",
            "spiffe://example.org/./ns",
            "spiffe://example.org/n%73",
            "spiffe://example.org/ns?a=b",
            "spiffe://example.org/ns#a",
            "spiffe://example.org:8443/ns",
            "spiffe://user@example.org/ns",
            "spiffe://example.org/ns ",
            "spiffe://example.org/ñs",
            "https://example.org/ns",
        ] {
            assert!(text.parse::<SpiffeId>().is_err(), "{text}");
        }
        let long = format!("spiffe://example.org/{}", "a".repeat(2_048));
        assert!(long.parse::<SpiffeId>().is_err());
        let domain = format!("spiffe://{}/a", "a".repeat(256));
        assert!(domain.parse::<SpiffeId>().is_err());
    }
}
