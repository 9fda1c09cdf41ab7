//! How far two clocks are apart.

use std::{fmt, time::Duration};

use bailiwick_broker::port::StoreError;

/// By how much the clock here is ahead of the database's, at the least; negative: behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apart {
    ahead_ms: i128,
}

impl Apart {
    /// It was `here_ms` before the database was asked, and `there_ms` there when it answered; both
    /// came to pass within `took`.
    pub(super) fn between(here_ms: u64, there_ms: u64, took: Duration) -> Self {
        let took_ms = i128::try_from(took.as_millis()).unwrap_or(i128::MAX);
        let (first, there) = (i128::from(here_ms), i128::from(there_ms));
        // What the way there and back may explain is no difference.
        let ahead_ms = if there < first {
            first - there
        } else {
            (first + took_ms - there).min(0)
        };
        Self { ahead_ms }
    }

    /// Refuses clocks that are further apart.
    ///
    /// # Errors
    /// If they are.
    pub fn at_most(self, most: Duration) -> Result<(), StoreError> {
        let apart_ms = u64::try_from(self.ahead_ms.unsigned_abs()).unwrap_or(u64::MAX);
        let most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        if apart_ms <= most_ms {
            return Ok(());
        }
        Err(StoreError::ClocksApart {
            apart_ms,
            ahead: self.ahead_ms > 0,
            most_ms,
        })
    }
}

impl fmt::Display for Apart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.ahead_ms.unsigned_abs();
        match self.ahead_ms {
            0 => f.write_str("the clocks agree"),
            1.. => write!(f, "the clock here is {ms} ms ahead of the database's"),
            _ => write!(f, "the clock here is {ms} ms behind the database's"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_way_may_explain_is_no_difference() {
        let apart =
            |there, took| Apart::between(10_000, there, Duration::from_millis(took)).ahead_ms;
        assert_eq!(apart(10_000, 0), 0);
        assert_eq!(apart(10_300, 500), 0);
        assert_eq!(apart(10_500, 500), 0);
        assert_eq!(apart(10_501, 500), -1);
        assert_eq!(apart(9_999, 500), 1);
        assert_eq!(apart(4_000, 2_000), 6_000);
        let most = Duration::from_secs(5);
        let far = |there| Apart::between(10_000, there, Duration::ZERO).at_most(most);
        assert!(far(5_000).is_ok() && far(15_000).is_ok());
        for (there, ahead) in [(4_999, true), (15_001, false)] {
            let told = StoreError::ClocksApart {
                apart_ms: 5_001,
                ahead,
                most_ms: 5_000,
            };
            assert_eq!(far(there), Err(told));
        }
    }
}
