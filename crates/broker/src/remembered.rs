//! What is remembered of the grants in use, with every call under way counted.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use tokio::sync::Notify;

use crate::{State, broker::lock, port::Grant};

/// A grant that was read longer ago is read again before it is the reason of a denial. An allowing
/// decision does not rest on it: the store looks again in the transaction that records it.
pub const STALE_AFTER_MS: u64 = 2_000;

/// Grants that are remembered. One takes some hundred bytes and what the authority writes of it.
const REMEMBERED_MAX: usize = 20_000;

/// A grant as it will be once everything that waits is recorded, so that calls under way count.
pub(crate) struct Ahead {
    pub(crate) grant: Grant,
    as_of_ms: u64,
    under_way: usize,
    /// Something of it is not so. While calls are under way the store does not have them yet: what
    /// is read from it then would be refused again, and again.
    is_stale: bool,
}

pub(crate) struct Remembered {
    pub(crate) ahead: Mutex<Ahead>,
    settled: Notify,
}

/// A call that was handed over to be recorded, until it is or is refused.
pub(crate) struct UnderWay(Arc<Remembered>);

/// What is known of a grant without asking the store.
pub(crate) enum Known {
    Good(Arc<Remembered>),
    /// It is to be read again, once nothing of it is under way.
    Stale(Arc<Remembered>),
    Nothing,
}

#[derive(Default)]
pub(crate) struct Memory(Mutex<HashMap<String, Arc<Remembered>>>);

impl Memory {
    pub(crate) fn known(&self, id: &str, now_ms: u64) -> Known {
        let Some(remembered) = lock(&self.0).get(id).cloned() else {
            return Known::Nothing;
        };
        let (is_good, is_settled) = {
            let ahead = lock(&remembered.ahead);
            let is_fresh = ahead.grant.state == State::Active
                || now_ms.saturating_sub(ahead.as_of_ms) <= STALE_AFTER_MS;
            (is_fresh && !ahead.is_stale, ahead.under_way == 0)
        };
        match (is_good, is_settled) {
            (true, _) => Known::Good(remembered),
            (false, true) => Known::Nothing,
            (false, false) => Known::Stale(remembered),
        }
    }

    /// Remembers what was read, unless somebody who read it as well is ahead of it.
    pub(crate) fn keep(&self, id: &str, grant: Grant, as_of_ms: u64) -> Arc<Remembered> {
        let mut grants = lock(&self.0);
        if let Some(known) = grants.get(id) {
            let ahead = lock(&known.ahead);
            let is_newer = ahead.grant.state == State::Active || ahead.as_of_ms >= as_of_ms;
            if is_newer && !ahead.is_stale {
                return Arc::clone(known);
            }
        }
        if grants.len() >= REMEMBERED_MAX {
            grants.retain(|_, remembered| Arc::strong_count(remembered) > 1);
        }
        let read = Arc::new(Remembered {
            ahead: Mutex::new(Ahead {
                grant,
                as_of_ms,
                under_way: 0,
                is_stale: false,
            }),
            settled: Notify::new(),
        });
        grants.insert(id.to_owned(), Arc::clone(&read));
        read
    }

    /// The grant is read again before the next decision.
    pub(crate) fn forget(&self, id: &str) {
        let mut grants = lock(&self.0);
        let Some(remembered) = grants.get(id) else {
            return;
        };
        let is_settled = {
            let mut ahead = lock(&remembered.ahead);
            ahead.is_stale = true;
            ahead.under_way == 0
        };
        if is_settled {
            grants.remove(id);
        }
    }
}

impl Remembered {
    /// Counts a call that was handed over, with what the grant remembers of it.
    pub(crate) fn used(self: &Arc<Self>, ahead: &mut Ahead, history: Vec<u8>) -> UnderWay {
        ahead.grant.uses += 1;
        ahead.grant.history = history;
        ahead.under_way += 1;
        UnderWay(Arc::clone(self))
    }

    /// Waits until nothing of it is under way.
    pub(crate) async fn settled(&self) {
        let mut settled = std::pin::pin!(self.settled.notified());
        // Whatever settles from here on is heard.
        settled.as_mut().enable();
        if lock(&self.ahead).under_way > 0 {
            settled.await;
        }
    }
}

// Also when whoever asked went away before the answer.
impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut ahead = lock(&self.0.ahead);
        ahead.under_way -= 1;
        if ahead.under_way == 0 {
            self.0.settled.notify_waiters();
        }
    }
}
