//! A bound on how often STS is asked, and on how many wait for their turn.
//!
//! STS has a quota for each account and region (some hundreds of calls a second). Who asks more often
//! is throttled, and so is everybody else in that account.

use crate::time::Timestamp;

/// How many calls may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub per_sec: u32,
    /// How many at once after a pause.
    pub burst: u32,
    /// How many calls may wait. One more is turned away at once.
    pub waiting_max: u32,
}

impl Rate {
    /// Half of what STS is said to take of one account in one region.
    pub const STS: Self = Self {
        per_sec: 300,
        burst: 300,
        waiting_max: 3_000,
    };
}

/// Turned away: too many wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{waiting} calls wait for STS already; ask again in {retry_after_secs} s")]
pub struct Busy {
    pub waiting: u32,
    pub retry_after_secs: u32,
}

/// Hands out turns. The clock is the caller's, in milliseconds that never go back.
#[derive(Debug, Clone)]
pub struct Bucket {
    rate: Rate,
    /// When the next turn is due if nobody waits, in microseconds.
    next_micros: u64,
}

impl Bucket {
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            next_micros: 0,
        }
    }

    /// Takes a turn: how many microseconds from now it is due.
    ///
    /// # Errors
    /// If as many wait as may.
    pub fn take(&mut self, now_micros: u64) -> Result<u64, Busy> {
        let every = 1_000_000 / u64::from(self.rate.per_sec.max(1));
        let burst = every * u64::from(self.rate.burst.saturating_sub(1));
        let due = self.next_micros.max(now_micros.saturating_sub(burst));
        let wait = due.saturating_sub(now_micros);
        let waiting = wait / every.max(1);
        if waiting > u64::from(self.rate.waiting_max) {
            return Err(Busy {
                waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
                retry_after_secs: u32::try_from(wait / 1_000_000 + 1).unwrap_or(u32::MAX),
            });
        }
        self.next_micros = due + every;
        Ok(wait)
    }
}

/// Until when a session must be taken to live whose making was asked for at `asked`, and of which
/// nothing is known.
///
/// STS may have carried the call out as late as its signature was taken, which is a quarter of an
/// hour.
#[must_use]
pub fn orphan_until(asked: Timestamp, duration_secs: u32) -> Timestamp {
    const SIGNATURE_SECS: u32 = 900;
    asked.plus_secs(duration_secs.saturating_add(SIGNATURE_SECS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        per_sec: 10,
        burst: 3,
        waiting_max: 5,
    };

    #[test]
    fn a_burst_goes_at_once_and_the_rest_in_turn() {
        let mut bucket = Bucket::new(RATE);
        let start = 10_000_000;
        let waits: Vec<u64> = (0..6).map(|_| bucket.take(start).unwrap()).collect();
        assert_eq!(waits, [0, 0, 0, 100_000, 200_000, 300_000]);
    }

    #[test]
    fn one_too_many_is_turned_away_and_takes_no_turn() {
        let mut bucket = Bucket::new(RATE);
        let start = 10_000_000;
        let taken = (0..100).filter(|_| bucket.take(start).is_ok()).count();
        assert_eq!(taken, 3 + 5);
        let busy = bucket.take(start).unwrap_err();
        assert_eq!((busy.waiting, busy.retry_after_secs), (6, 1));
        assert_eq!(bucket.take(start + 600_000), Ok(0));
    }

    #[test]
    fn never_more_than_rate_and_burst_in_any_second() {
        let mut bucket = Bucket::new(RATE);
        let mut due: Vec<u64> = Vec::new();
        for at in (0..3_000_000).step_by(7_001) {
            if let Ok(wait) = bucket.take(at) {
                due.push(at + wait);
            }
        }
        for &from in &due {
            let within = due
                .iter()
                .filter(|&&it| (from..from + 1_000_000).contains(&it));
            assert!(within.count() <= 13, "from {from}");
        }
    }
}
