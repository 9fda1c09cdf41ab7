//! Failures on purpose, so that what happens after each can be tested.

use std::{fmt, sync::Arc};

/// When the writer may be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// Before anything of a batch is written.
    Begin,
    /// After a change was applied, before the next.
    Applied,
    /// Everything is written, and not committed.
    BeforeCommit,
    /// The flush of the commit.
    Commit,
    /// It is durable, and nobody was told.
    AfterCommit,
}

impl Moment {
    pub const ALL: [Self; 5] = [
        Self::Begin,
        Self::Applied,
        Self::BeforeCommit,
        Self::Commit,
        Self::AfterCommit,
    ];
}

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// An error after which things may be well again, as when the disk is full.
    Passing,
    /// An error of the disk, after which nothing is.
    Disk,
}

type Probe = dyn Fn(Moment) -> Option<Failure> + Send + Sync;

/// Decides at each moment whether to fail. It may also end the process.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<Probe>>);

impl Faults {
    pub fn none() -> Self {
        Self(None)
    }

    pub fn new(probe: impl Fn(Moment) -> Option<Failure> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(probe)))
    }

    pub(super) fn at(&self, moment: Moment) -> Option<Failure> {
        self.0.as_ref().and_then(|probe| probe(moment))
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = if self.0.is_some() {
            "on purpose"
        } else {
            "none"
        };
        write!(f, "Faults({on})")
    }
}
