//! The clock of the machine, kept from going back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::port::Clock;

/// The wall clock, or the time since this was made where the wall clock fell behind it.
///
/// A wall clock that is set back, or that stands still, would let grants live longer than they were
/// given. This one goes on at its pace. One that is set forward ends grants early, which is the safe
/// side; if it is then set right, this one stays ahead of it, and each grant lasts as long as it was
/// given.
#[derive(Debug)]
pub struct SystemClock {
    begun: Instant,
    /// The latest that the wall clock ever said the beginning was.
    begun_ms: AtomicU64,
}

impl SystemClock {
    pub fn new() -> Self {
        Self {
            begun: Instant::now(),
            begun_ms: AtomicU64::new(wall_ms()),
        }
    }

    /// The time, so long after the beginning and with the wall clock showing that.
    fn at(&self, elapsed_ms: u64, wall_ms: u64) -> u64 {
        let begun_ms = wall_ms.saturating_sub(elapsed_ms);
        let latest_ms = self.begun_ms.fetch_max(begun_ms, Ordering::AcqRel);
        latest_ms.max(begun_ms).saturating_add(elapsed_ms)
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
        self.at(elapsed, wall_ms())
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

#[cfg(test)]
mod tests {
    use super::*;

    const BEGAN: u64 = 1_800_000_000_000;
    const MINUTE: u64 = 60_000;

    /// What the clock says each time that the wall clock shows something, a minute apart, in minutes
    /// since the beginning.
    fn said(shown: [i64; 6]) -> [u64; 6] {
        let clock = SystemClock {
            begun: Instant::now(),
            begun_ms: AtomicU64::new(BEGAN),
        };
        let mut minute = 0;
        shown.map(|shown| {
            minute += 1;
            let wall = BEGAN.saturating_add_signed(shown * 60_000);
            (clock.at(minute * MINUTE, wall) - BEGAN) / MINUTE
        })
    }

    // Test 48 of the list of required ones.
    #[test]
    fn a_minute_is_a_minute_whatever_becomes_of_the_wall_clock() {
        assert_eq!(said([1, 2, 3, 4, 5, 6]), [1, 2, 3, 4, 5, 6]);
        assert_eq!(said([1, -8, -7, -6, 5, 6]), [1, 2, 3, 4, 5, 6], "set back");
        assert_eq!(said([1, 1, 1, 1, 5, 6]), [1, 2, 3, 4, 5, 6], "stands still");
        assert_eq!(said([1, 12, 13, 14, 15, 16]), [1, 12, 13, 14, 15, 16]);
        // Set forward and right again: what was over stays over, and nothing lasts longer for it.
        assert_eq!(said([1, 12, 3, 4, 5, 6]), [1, 12, 13, 14, 15, 16]);
    }

    #[test]
    fn a_second_that_comes_twice_and_a_clock_that_is_slowed_take_nothing_back() {
        let clock = SystemClock {
            begun: Instant::now(),
            begun_ms: AtomicU64::new(BEGAN),
        };
        let mut before = 0;
        for ms in 0..10_000 {
            // A leap second at three seconds; from five on the wall clock goes a tenth too slow.
            let wall = match ms {
                0..3_000 => ms,
                3_000..5_000 => ms - 1_000,
                _ => 4_000 + (ms - 5_000) * 9 / 10,
            };
            let now = clock.at(ms, BEGAN + wall);
            assert!(now >= before, "{ms}");
            assert_eq!(now - BEGAN, ms, "at its own pace");
            before = now;
        }
    }
}
