//! The clock of the machine, kept from going back.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::port::Clock;

/// The wall clock, or the time since this was made where the wall clock fell behind it.
///
/// A wall clock that is set back would let grants live longer than they were given. This one goes on
/// at its pace. One that is set forward ends grants early, which is the safe side.
#[derive(Debug)]
pub struct SystemClock {
    wall_ms: u64,
    begun: Instant,
}

impl SystemClock {
    pub fn new() -> Self {
        Self {
            wall_ms: wall_ms(),
            begun: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let elapsed = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        wall_ms().max(self.wall_ms.saturating_add(elapsed))
    }
}

/// A clock from before 1970 is taken for 1970: every grant is then issued in the future of nothing,
/// and the time of the last entry of the ledger is what counts.
fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
