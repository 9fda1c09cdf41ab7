//! What to change, and why the change is safe.
//!
//! A plan is a value that nothing alters once it is made. It names the snapshot it was made from,
//! lists its changes in order, each with what undoes it, and carries the proofs that were asked for
//! and what its reader must still do by hand. A proof that is refuted or unknown stays in the plan,
//! so that nobody applies it without having seen why.

pub mod ceiling;
mod change;
pub mod lint;
mod proof;
mod seen;
mod snapshot;
pub mod split;
pub mod tighten;

use serde::{Deserialize, Serialize};

pub use change::{Act, AgentAt, CeilingKind, Change, Document, Inverse, Phase, Tags, VersionStep};
pub use proof::{Claim, Obligation, Proof, Proven, Verdict};
pub use snapshot::{ApplyError, Snapshot, SnapshotHash};

pub(crate) use seen::{NOTHING, unseen};
pub(crate) use split::proofs::{compiled, holds, observed};

/// The version of `plan.json`; it grows when a field changes its meaning.
pub const VERSION: u32 = 1;

/// What to change, in order, with its proofs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub version: u32,
    pub kind: Kind,
    /// The role that is split, the agent that is tightened, the unit that gets a ceiling.
    pub subject: String,
    /// The snapshot it was made from. Applied to another, it is refused.
    pub snapshot: SnapshotHash,
    /// The catalog of actions that its proofs are as of.
    pub catalog: String,
    pub changes: Vec<Change>,
    pub proofs: Vec<Proof>,
    /// What no change here does, and somebody must.
    pub obligations: Vec<Obligation>,
    /// What was used and is not declared: reported, not granted.
    pub drift: Vec<Drift>,
    /// Rights that no task declares and the platform needs: all that may be new beyond old.
    pub baseline: Vec<BaselineRight>,
    /// What its reader should know.
    pub remarks: Vec<String>,
}

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Split,
    Tighten,
    Ceiling,
}

/// Something that was used and that no charter declares.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// `None`: no agent can be named for it.
    pub agent: Option<String>,
    pub role: String,
    pub action: String,
    pub resource: String,
    pub count: u64,
    /// As CloudTrail wrote it.
    pub last: String,
}

/// A right of the platform's baseline, and why it is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineRight {
    pub agent: String,
    pub sid: String,
    pub reason: String,
    pub actions: Vec<String>,
    pub resources: Vec<String>,
}

impl Plan {
    /// What the proofs say together: refuted outweighs unknown, and both outweigh proved.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.proofs.iter().map(|proof| proof.proven.verdict());
        verdicts.max().unwrap_or(Verdict::Proved)
    }

    /// The proofs that are not proved.
    pub fn open(&self) -> impl Iterator<Item = &Proof> {
        let is_open = |proof: &&Proof| proof.proven.verdict() != Verdict::Proved;
        self.proofs.iter().filter(is_open)
    }

    /// The text of `plan.json`: the same plan gives the same bytes.
    ///
    /// # Errors
    /// None that a plan can cause; the type is the writer's.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// Reads what [`Plan::to_json`] wrote.
    ///
    /// # Errors
    /// The place at which the text is no plan of this version.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let plan: Self = serde_json::from_str(text)?;
        if plan.version == VERSION {
            return Ok(plan);
        }
        let found = plan.version;
        Err(serde::de::Error::custom(format!(
            "a plan of version {found}, and this program reads version {VERSION}"
        )))
    }

    /// The plan that undoes this one, last change first. It is a plan of the snapshot that this one
    /// leaves, so it is named by whoever has that snapshot.
    #[must_use]
    pub fn inverse(&self, left: SnapshotHash) -> Self {
        Self {
            snapshot: left,
            changes: self.changes.iter().rev().map(Change::inverted).collect(),
            proofs: Vec::new(),
            obligations: Vec::new(),
            drift: Vec::new(),
            baseline: Vec::new(),
            remarks: vec![format!("undoes the plan made of {}", self.snapshot)],
            ..self.clone()
        }
    }
}
