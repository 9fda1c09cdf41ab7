//! The values of conditions that are not text: numbers, dates, addresses. Read here for the
//! algebra alone; the evaluator has its own readers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A decimal number, in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(pub(crate) i128);

const BILLION: i128 = 1_000_000_000;

/// A number read from text.
pub(crate) enum Read {
    Number(Number),
    /// A number with more digits than are compared here.
    TooLong,
    NotANumber,
}

impl Number {
    pub(crate) fn read(text: &str) -> Read {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() && fraction.is_empty() || !plain(whole) || !plain(fraction) {
            return Read::NotANumber;
        }
        let (whole, fraction) = (
            whole.trim_start_matches('0'),
            fraction.trim_end_matches('0'),
        );
        if whole.len() > 24 || fraction.len() > 9 {
            return Read::TooLong;
        }
        let whole: i128 = format!("0{whole}").parse().unwrap_or_default();
        let fraction: i128 = format!("{fraction:0<9}").parse().unwrap_or_default();
        Read::Number(Self(sign * (whole * BILLION + fraction)))
    }

    /// As a policy would write it.
    pub(crate) fn text(self) -> String {
        let (sign, size) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let billion = BILLION.unsigned_abs();
        let (whole, fraction) = (size / billion, size % billion);
        if fraction == 0 {
            return format!("{sign}{whole}");
        }
        format!(
            "{sign}{whole}.{}",
            format!("{fraction:09}").trim_end_matches('0')
        )
    }

    /// A number between two, whole if there is one.
    pub(crate) fn between(self, other: Self) -> Self {
        let next_whole = Self((self.0.div_euclid(BILLION) + 1) * BILLION);
        if next_whole < other {
            next_whole
        } else {
            Self(self.0 + (other.0 - self.0) / 2)
        }
    }

    pub(crate) const fn plus(self, whole: i128) -> Self {
        Self(self.0 + whole * BILLION)
    }
}

/// A moment, in billionths of a second since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) i128);

impl Moment {
    /// A W3C date from the year alone down to a fraction of a second, or seconds since 1970.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        // Four digits are a year.
        let counted = digits.len() != 4
            && !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        if counted {
            return Some(Self(i128::from(text.parse::<i64>().ok()?) * BILLION));
        }
        let (date, time) = text
            .split_once('T')
            .map_or((text, None), |(date, time)| (date, Some(time)));
        let mut parts = date.split('-');
        let year: i64 = fixed(parts.next()?, 4)?;
        let month = parts.next().map_or(Some(1), |part| fixed(part, 2))?;
        let day = parts.next().map_or(Some(1), |part| fixed(part, 2))?;
        if parts.next().is_some()
            || time.is_some() && date.len() != 10
            || !(1..=12).contains(&month)
        {
            return None;
        }
        let days = days_from_civil(year, month, day);
        // A day that its month does not have is another day when written again.
        let real = civil_from_days(days) == (year, month, day);
        let within = time.map_or(Some(0), nanos_of_day)?;
        real.then_some(Self(i128::from(days) * 86_400 * BILLION + within))
    }

    /// As a policy would write it.
    pub(crate) fn text(self) -> String {
        let day = 86_400 * BILLION;
        let (days, within) = (self.0.div_euclid(day), self.0.rem_euclid(day));
        let (year, month, date) = civil_from_days(i64::try_from(days).unwrap_or_default());
        let (seconds, nanos) = (within / BILLION, within % BILLION);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        let fraction = format!(".{nanos:09}");
        let fraction = if nanos == 0 {
            ""
        } else {
            fraction.trim_end_matches('0')
        };
        format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
    }

    /// A moment between two, on a whole second if there is one.
    pub(crate) fn between(self, other: Self) -> Self {
        let next_whole = Self((self.0.div_euclid(BILLION) + 1) * BILLION);
        if next_whole < other {
            next_whole
        } else {
            Self(self.0 + (other.0 - self.0) / 2)
        }
    }

    pub(crate) const fn plus_days(self, days: i128) -> Self {
        Self(self.0 + days * 86_400 * BILLION)
    }
}

fn fixed(text: &str, count: usize) -> Option<i64> {
    let all = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.f`, with `Z`, an offset or neither.
fn nanos_of_day(text: &str) -> Option<i128> {
    let (clock, zone) = match (text.strip_suffix('Z'), text.rfind(['+', '-'])) {
        (Some(clock), _) => (clock, ""),
        (None, Some(at)) => text.split_at_checked(at)?,
        (None, None) => (text, ""),
    };
    let mut parts = clock.split(':');
    let (hour, minute) = (fixed(parts.next()?, 2)?, fixed(parts.next()?, 2)?);
    let (second, nanos) = match parts.next() {
        None => (0, 0),
        Some(part) => match part.split_once('.') {
            None => (fixed(part, 2)?, 0),
            Some((whole, fraction)) => (fixed(whole, 2)?, billionths(fraction)?),
        },
    };
    let real = parts.next().is_none() && hour < 24 && minute < 60 && second <= 60;
    let seconds = (hour * 60 + minute - offset_minutes(zone)?) * 60 + second;
    real.then(|| i128::from(seconds) * BILLION + i128::from(nanos))
}

fn billionths(fraction: &str) -> Option<i64> {
    let digits: String = fraction.chars().chain("00000000".chars()).take(9).collect();
    let plain = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| fixed(&digits, 9)).flatten()
}

fn offset_minutes(zone: &str) -> Option<i64> {
    let Some((sign, rest)) = zone.split_at_checked(1) else {
        return Some(0);
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (fixed(hours, 2)?, fixed(minutes, 2)?);
    let offset = hours * 60 + minutes;
    (hours < 24 && minutes < 60).then_some(if sign == "-" { -offset } else { offset })
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// A range of addresses of one family, both ends included. The families are separate spaces; an
/// IPv4 address written as IPv6 is the IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Range {
    pub(crate) v6: bool,
    pub(crate) low: u128,
    pub(crate) high: u128,
}

/// `::ffff:0:0/96`, the IPv4 addresses within IPv6.
const MAPPED: u128 = 0xffff_0000_0000;
const V4_TOP: u128 = 0xffff_ffff;

impl Range {
    /// `address` or `address/bits`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text
            .split_once('/')
            .map_or((text, None), |(address, bits)| (address, Some(bits)));
        let (v6, number, width) = match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(v4) => (false, u128::from(u32::from(v4)), 32_u32),
            IpAddr::V6(v6) => (true, u128::from(v6), 128),
        };
        let plain = |bits: &str| bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = match bits {
            None => width,
            Some(bits) => bits
                .parse::<u32>()
                .ok()
                .filter(|_| plain(bits))
                .filter(|bits| *bits <= width)?,
        };
        let host = 1_u128
            .checked_shl(width - bits)
            .map_or(u128::MAX, |size| size - 1);
        let range = Self {
            v6,
            low: number & !host,
            high: number | host,
        };
        Some(if v6 && bits >= 96 && range.low >> 32 == MAPPED >> 32 {
            Self {
                v6: false,
                low: range.low & V4_TOP,
                high: range.high & V4_TOP,
            }
        } else {
            range
        })
    }

    pub(crate) const fn contains(self, v6: bool, address: u128) -> bool {
        self.v6 == v6 && self.low <= address && address <= self.high
    }
}

/// An address from `start` on that is of its own family: past those that stand for IPv4.
pub(crate) const fn own_address(v6: bool, start: u128) -> u128 {
    if v6 && start >> 32 == MAPPED >> 32 {
        MAPPED + V4_TOP + 1
    } else {
        start
    }
}

pub(crate) fn address_text(v6: bool, address: u128) -> String {
    if v6 {
        Ipv6Addr::from(address).to_string()
    } else {
        u32::try_from(address).map_or_else(|_| String::new(), |v4| Ipv4Addr::from(v4).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Option<Number> {
        match Number::read(text) {
            Read::Number(number) => Some(number),
            Read::TooLong | Read::NotANumber => None,
        }
    }

    #[test]
    fn a_date_survives_being_written_and_read() {
        for text in [
            "2026-11-22T02:09:00Z",
            "1969-12-31T23:59:59.5Z",
            "2000-02-29T00:00:00Z",
        ] {
            assert_eq!(Moment::parse(text).unwrap().text(), text);
        }
    }

    #[test]
    fn an_offset_moves_the_moment_and_a_bare_year_is_its_first_day() {
        assert_eq!(
            Moment::parse("2026-01-01T02:00:00+02:00"),
            Moment::parse("2026")
        );
        assert_eq!(Moment::parse("1970-01-02"), Moment::parse("86400"));
        for text in [
            "2026-13-01",
            "2026-02-29",
            "2026-11T10:00Z",
            "2026-11-21T10:00+0200",
            "tomorrow",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_range_covers_its_block_and_no_other_family() {
        let block = Range::parse("10.1.2.3/8").unwrap();
        assert_eq!(
            (
                address_text(false, block.low),
                address_text(false, block.high)
            ),
            ("10.0.0.0".into(), "10.255.255.255".into())
        );
        assert!(!block.contains(true, block.low));
        assert_eq!(Range::parse("::/0").unwrap().high, u128::MAX);
        assert_eq!(Range::parse("10.0.0.0/33"), None);
        assert_eq!(
            Range::parse("::ffff:10.0.0.0/104"),
            Range::parse("10.0.0.0/8")
        );
    }

    #[test]
    fn numbers_are_decimals_and_words_are_not_numbers() {
        assert_eq!(number("5"), number("5.0"));
        assert_eq!(number("-0"), number("0"));
        assert_eq!(number("-1.5").unwrap().text(), "-1.5");
        assert_eq!(number("five"), None);
        assert_eq!(number("1e3"), None);
    }

    #[test]
    fn between_two_numbers_is_a_whole_one_if_there_is_one() {
        let between = |a, b| number(a).unwrap().between(number(b).unwrap()).text();
        assert_eq!(between("1.5", "9"), "2");
        assert_eq!(between("1", "2"), "1.5");
    }
}
