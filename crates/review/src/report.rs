//! A scan's answer: the estate in numbers, what was found, and what was looked at and is well.

use serde::Serialize;

use crate::finding::{Finding, Severity, Status};

/// The version of the shape; it grows when a field changes its meaning.
pub const VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub version: u32,
    pub estate: Summary,
    /// Worst first.
    pub findings: Vec<Finding>,
    /// By rule; a rule that had nothing to look at is listed with no subjects.
    pub passed: Vec<Passed>,
}

/// The estate in numbers, and what of it is missing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    pub accounts: usize,
    pub agents: usize,
    pub roles: usize,
    pub sources: Vec<String>,
    pub incomplete: Vec<Incomplete>,
}

/// Something that the snapshot does not tell, and what follows from that.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Incomplete {
    pub what: String,
    pub why: String,
}

/// How many subjects a rule looked at and found in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Passed {
    pub rule: String,
    pub subjects: usize,
}

/// What a gate makes of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing at or above the level.
    Clear,
    /// Something fails at or above the level.
    Failed,
    /// Nothing fails there, and something at that level could not be told.
    Unknown,
}

impl Verdict {
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Clear => 0,
            Self::Failed => 1,
            Self::Unknown => 3,
        }
    }
}

impl Report {
    /// What a gate that fails on `level` makes of this. A failure outweighs an unknown.
    #[must_use]
    pub fn verdict(&self, level: Severity) -> Verdict {
        let any = |status: Status| {
            self.findings
                .iter()
                .any(|finding| finding.status == status && finding.severity >= level)
        };
        if any(Status::Fail) {
            Verdict::Failed
        } else if any(Status::Unknown) {
            Verdict::Unknown
        } else {
            Verdict::Clear
        }
    }
}
