//! A finding: one thing that is wrong, shown and not only claimed.
//!
//! The shapes here are what `scan --json` prints, field by field, so that no printer has an opinion
//! of its own.

mod fingerprint;
mod severity;
mod witness;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use fingerprint::Fingerprint;
pub use severity::{ParseSeverityError, Severity};
pub use witness::{Hop, Witness};

use crate::frameworks::Maps;

/// One thing that is wrong, or that could not be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub rule: String,
    pub status: Status,
    pub severity: Severity,
    /// What the finding is about, by its ARN where it has one.
    pub subject: String,
    /// The agents it concerns, by their ARNs, sorted.
    pub agents: Vec<String>,
    pub title: String,
    pub why: String,
    /// Never `None` when the status is [`Status::Fail`].
    pub witness: Option<Witness>,
    pub evidence: Vec<Evidence>,
    /// From the subject to what it reaches, hop by hop; empty where the subject itself is the matter.
    pub path: Vec<Hop>,
    pub fix: Fix,
    pub maps: Maps,
    pub fingerprint: Fingerprint,
}

/// What became of the question that a rule asks about a subject. Where the answer was no, there is
/// no finding: the subject is counted as passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Fail,
    /// Something needed for the answer is missing; the witness says what.
    Unknown,
    /// It fails, and somebody answers for it until a named day.
    Waived,
}

impl Status {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Waived => "waived",
        }
    }
}

/// Where the words stand that a finding rests on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Evidence {
    /// The file.
    pub source: String,
    /// A JSON pointer, or `line:column`.
    pub pointer: String,
    /// What stands there, shortened.
    pub text: String,
}

/// What to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fix {
    pub summary: String,
    /// The words to put in place, ready for review: usually a policy or one statement of it.
    pub patch: String,
}

impl Finding {
    /// Worst first; then by rule, subject and fingerprint, so that the order is total.
    pub fn sort(findings: &mut [Self]) {
        findings.sort_by(|a, b| {
            b.severity
                .cmp(&a.severity)
                .then_with(|| a.rule.cmp(&b.rule))
                .then_with(|| a.subject.cmp(&b.subject))
                .then_with(|| a.fingerprint.cmp(&b.fingerprint))
        });
    }
}
