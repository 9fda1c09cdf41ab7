//! How far IAM is behind what must be denied.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64},
    },
};

/// How far the denials are, for whoever watches.
#[derive(Debug, Default)]
pub struct Standing {
    /// Ended grants whose sessions are to be denied.
    pub grants: AtomicU64,
    /// Roles whose policy does not say yet what it must.
    pub roles_behind: AtomicU64,
    /// Writes to IAM that were done.
    pub writes: AtomicU64,
    /// Writes to IAM that failed.
    pub failures: AtomicU64,
    /// Ended grants with a role in an account where the broker writes no policy: their deadline alone
    /// ends them.
    pub out_of_reach: AtomicU64,
    /// Whether they are written from here; elsewhere another replica does it.
    pub is_here: AtomicBool,
    /// When the denial of each grant's sessions was written from here, by grant.
    written_ms: Mutex<BTreeMap<String, u64>>,
}

impl Standing {
    /// When IAM took the denial of a grant's sessions; `None` if it has not, or they have expired.
    pub fn written_ms(&self, grant: &str) -> Option<u64> {
        self.all_written().get(grant).copied()
    }

    pub(crate) fn all_written(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.written_ms
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
