//! Seconds since 1970, UTC, and the one form in which AWS writes them.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An instant, in seconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// A text that is no instant as AWS writes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no instant like 2026-11-26T20:41:11Z")]
pub struct ParseTimestampError {
    pub text: String,
}

impl Timestamp {
    #[must_use]
    pub fn plus_secs(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(i64::from(seconds)))
    }

    /// How many seconds it is from `earlier` to this, if it is later.
    #[must_use]
    pub fn secs_since(self, earlier: Self) -> u32 {
        let seconds = self.0.saturating_sub(earlier.0).max(0);
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let seconds = time
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        Self(i64::try_from(seconds).unwrap_or(i64::MAX))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        UNIX_EPOCH + Duration::from_secs(u64::try_from(time.0).unwrap_or(0))
    }
}

/// The day as year, month and day of the proleptic Gregorian calendar.
// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + of_era - 719_468
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0.div_euclid(86_400));
        let of_day = self.0.rem_euclid(86_400);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Takes `2026-11-26T20:41:11Z`, and a fraction of a second, which it drops.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseTimestampError {
            text: text.to_owned(),
        };
        let whole = text.strip_suffix('Z').ok_or_else(refused)?;
        let whole = match whole.split_once('.') {
            Some((whole, fraction)) if fraction.bytes().all(|it| it.is_ascii_digit()) => whole,
            Some(_) => return Err(refused()),
            None => whole,
        };
        let (date, clock) = whole.split_once('T').ok_or_else(refused)?;
        let [year, month, day] = numbers(date, '-', [4, 2, 2]).ok_or_else(refused)?;
        let [hour, minute, second] = numbers(clock, ':', [2, 2, 2]).ok_or_else(refused)?;
        let days = days(year, month, day);
        let exists = civil(days) == (year, month, day) && hour < 24 && minute < 60 && second < 60;
        if !exists {
            return Err(refused());
        }
        Ok(Self(days * 86_400 + hour * 3_600 + minute * 60 + second))
    }
}

fn numbers(text: &str, between: char, lengths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(between);
    let mut found = [0; 3];
    for (place, length) in found.iter_mut().zip(lengths) {
        let part = parts.next()?;
        let digits = part.len() == length && part.bytes().all(|it| it.is_ascii_digit());
        *place = digits.then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_as_aws_writes_it_and_read_back() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_725_671, "2026-11-26T20:41:11Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Timestamp(seconds).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp(seconds)));
        }
        assert_eq!(
            "2026-11-26T20:41:11.250Z".parse(),
            Ok(Timestamp(1_795_725_671))
        );
    }

    #[test]
    fn a_day_that_never_was_is_refused() {
        for text in [
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-26T24:00:00Z",
            "2026-11-26T20:41:11",
            "2026-11-26 20:41:11Z",
            "2026-11-26T20:41:11.Z5Z",
            "+026-11-26T20:41:11Z",
            "",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
