//! What a grant remembers of its uses.
//!
//! A call is counted when it is decided, and not when it returns: those under way are in every sum
//! that the next one is judged by. Nothing is ever given back.
//!
//! Whatever is called how often, a history stays within [`HISTORY_LENGTH_MAX`] bytes: times are kept
//! in buckets, values as short hashes up to a number from which on every value counts as seen.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_charter::Label;
use serde::{Deserialize, Serialize};

use crate::flow::Seen;

/// The longest history, in bytes.
pub const HISTORY_LENGTH_MAX: usize = 64 << 10;

/// What a grant remembers. An empty one is that of a grant that was never used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct History {
    /// Every call that was allowed.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) calls: u64,
    /// Those that change something.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) writes: u64,
    /// Calls by entry of the task's `tools`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) uses: BTreeMap<u16, u64>,
    /// The tools that were called, by the first entry of `tools` that names them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) called: BTreeSet<u16>,
    /// What arguments add up to, in ten-thousandths, by entry of `limits.sums`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) sums: BTreeMap<u16, i64>,
    /// Calls by time: 0 is `per-minute`, then the entries of `sequence` from 1.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) windows: BTreeMap<u16, Window>,
    /// Tools that a grant it was delegated to, or from, may have called meanwhile: for
    /// `never-after` they count as called, and for nothing else.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) maybe_called: BTreeSet<u16>,
    /// The values that came from sources, by label.
    #[serde(skip_serializing_if = "Seen::is_nothing")]
    pub(crate) untrusted: Seen,
    #[serde(skip_serializing_if = "Seen::is_nothing")]
    pub(crate) private: Seen,
}

/// So many buckets a span is counted in.
const BUCKETS: u64 = 60;

/// Calls within a span that ends now. One more bucket than the span has is counted, so that no span
/// whatever, wherever it begins, holds more than the limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Window {
    /// What was delegated, and does not come back.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) reserved: u64,
    /// Bucket and count, the latest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    counts: Vec<(u64, u64)>,
}

/// Why bytes are no history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    #[error("a history of {length} bytes; the longest has {HISTORY_LENGTH_MAX}")]
    TooLong { length: usize },
    #[error("not a history: {0}")]
    Malformed(String),
}

impl History {
    /// The history as it is kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Numbers, lists and maps by number always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a history; no bytes are that of a grant that was never used.
    ///
    /// # Errors
    /// If the bytes are no history. Then nothing is known of the grant, and it may do nothing.
    pub fn read(bytes: &[u8]) -> Result<Self, HistoryError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        if bytes.len() > HISTORY_LENGTH_MAX {
            return Err(HistoryError::TooLong {
                length: bytes.len(),
            });
        }
        // A list would read as the fields in their order, and an empty one as nothing used.
        if !bytes.starts_with(b"{") {
            return Err(HistoryError::Malformed("not an object".to_owned()));
        }
        serde_json::from_slice(bytes).map_err(|error| HistoryError::Malformed(error.to_string()))
    }

    /// The values that came from sources of a label. Nothing comes from an effect.
    pub(crate) fn seen(&self, label: Label) -> Option<&Seen> {
        match label {
            Label::UntrustedSource => Some(&self.untrusted),
            Label::PrivateData => Some(&self.private),
            Label::OutwardEffect => None,
        }
    }

    pub(crate) fn seen_mut(&mut self, label: Label) -> Option<&mut Seen> {
        match label {
            Label::UntrustedSource => Some(&mut self.untrusted),
            Label::PrivateData => Some(&mut self.private),
            Label::OutwardEffect => None,
        }
    }

    /// How many calls were allowed, with those under way.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// How many of them change something.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.writes
    }
}

impl Window {
    /// How many calls there were in the span that ends now. A clock that was put back makes none of
    /// them younger: those ahead of it count as well.
    pub(crate) fn count(&self, now_ms: u64, span_ms: u64) -> u64 {
        let oldest = oldest(now_ms, span_ms);
        let within = self.counts.iter().filter(|(bucket, _)| *bucket >= oldest);
        within.fold(self.reserved, |sum, (_, count)| sum.saturating_add(*count))
    }

    pub(crate) fn add(&mut self, now_ms: u64, span_ms: u64) {
        let oldest = oldest(now_ms, span_ms);
        self.counts.retain(|(bucket, _)| *bucket >= oldest);
        let now = now_ms / width(span_ms);
        match self.counts.last_mut() {
            // Time put back counts where time was.
            Some((bucket, count)) if *bucket >= now => *count = count.saturating_add(1),
            _ => self.counts.push((now, 1)),
        }
    }
}

fn width(span_ms: u64) -> u64 {
    span_ms.div_ceil(BUCKETS).max(1)
}

fn oldest(now_ms: u64, span_ms: u64) -> u64 {
    now_ms.saturating_sub(span_ms) / width(span_ms)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks with a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests;
