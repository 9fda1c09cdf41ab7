//! Moments in time, as W3C dates or seconds since 1970.

/// A moment: seconds since 1970, and billionths of a second.
// IAM-033
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    seconds: i64,
    nanos: u32,
}

impl Moment {
    /// Reads a date in one of the forms of <https://www.w3.org/TR/NOTE-datetime>, from a year to a
    /// fraction of a second, or seconds since 1970. Four digits are a year.
    ///
    /// A time without a zone is in UTC.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let is_epoch = digits.len() != 4
            && !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_epoch {
            let seconds = sign * digits.parse::<i64>().ok()?;
            return Some(Self { seconds, nanos: 0 });
        }
        calendar(text)
    }
}

fn calendar(text: &str) -> Option<Moment> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| number(part, 2))?;
    let day = parts.next().map_or(Some(1), |part| number(part, 2))?;
    let whole_date = date.len() == 10;
    let is_day = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    if parts.next().is_some() || !is_day || (time.is_some() && !whole_date) {
        return None;
    }
    let midnight = days_since_1970(year, month, day) * 86_400;
    let Some(time) = time else {
        return Some(Moment {
            seconds: midnight,
            nanos: 0,
        });
    };
    let (clock, offset) = zone(time)?;
    let (seconds, nanos) = seconds_of(clock)?;
    Some(Moment {
        seconds: midnight + seconds - offset,
        nanos,
    })
}

/// The clock of a time, and how many seconds its zone is ahead of UTC.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else {
        return Some((time, 0));
    };
    let (clock, zone) = time.split_at_checked(at)?;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    let is_zone = hours < 24 && minutes < 60;
    is_zone.then_some((clock, sign * (hours * 3_600 + minutes * 60)))
}

fn seconds_of(clock: &str) -> Option<(i64, u32)> {
    let mut parts = clock.split(':');
    let (hours, minutes) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let (seconds, nanos) = match parts.next() {
        None => (0, 0),
        Some(part) => match part.split_once('.') {
            None => (number(part, 2)?, 0),
            Some((seconds, fraction)) => (number(seconds, 2)?, nanos(fraction)?),
        },
    };
    // A leap second is the second after.
    let is_clock = hours < 24 && minutes < 60 && seconds <= 60 && parts.next().is_none();
    is_clock.then_some((hours * 3_600 + minutes * 60 + seconds, nanos))
}

/// Billionths of a second; what is finer than that is cut off.
fn nanos(fraction: &str) -> Option<u32> {
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !is_fraction {
        return None;
    }
    format!("{fraction:0<9}").get(..9)?.parse().ok()
}

/// A number of exactly so many digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts in years that begin with March, so that the leap day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    #[test]
    fn a_date_may_be_written_short_or_long_or_as_seconds() {
        for (text, seconds) in [
            ("1970", 0),
            ("1970-01", 0),
            ("1970-01-01", 0),
            ("1970-01-01T00:00Z", 0),
            ("1970-01-01T00:00:00.000Z", 0),
            ("2000-02-29T12:30:15Z", 951_827_415),
            ("2000-02-29T14:30:15+02:00", 951_827_415),
            ("2000-02-29T07:00:15-05:30", 951_827_415),
            ("2026-11-21", 1_795_219_200),
            ("1795219200", 1_795_219_200),
            ("0", 0),
            ("-86400", -86_400),
            ("1969-12-31", -86_400),
            ("1600-03-01", -11_670_912_000),
        ] {
            assert_eq!(moment(text).seconds, seconds, "{text}");
        }
    }

    #[test]
    fn a_fraction_of_a_second_counts() {
        assert!(moment("2026-11-21T00:00:00.5Z") > moment("2026-11-21T00:00:00Z"));
        assert!(moment("2026-11-21T00:00:00.5Z") < moment("2026-11-21T00:00:01Z"));
        assert_eq!(
            moment("2026-11-21T00:00:00.50Z"),
            moment("2026-11-21T00:00:00.500000000Z")
        );
    }

    #[test]
    fn a_time_without_a_zone_is_in_utc() {
        assert_eq!(
            moment("2026-11-21T10:00:00"),
            moment("2026-11-21T10:00:00Z")
        );
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "-",
            "26-11-21",
            "2026-13",
            "2026-02-29",
            "2026-11-21T",
            "2026-11-21T25:00Z",
            "2026-11T10:00Z",
            "2026-11-21T10:00:00.Z",
            "2026-11-21 10:00Z",
            "tomorrow",
            "2026-11-21T10:00+0200",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }
}
