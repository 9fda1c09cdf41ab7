//! The values of conditions that are not text: numbers, dates, addresses. Read here for the
//! algebra alone; the evaluator has its own readers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A decimal number that can be ordered and hashed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Number(pub(crate) f64);

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Number {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.trim_start_matches(['+', '-']);
        let plain = !digits.is_empty()
            && digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
            && digits.chars().all(|letter| {
                letter.is_ascii_digit() || matches!(letter, '.' | 'e' | 'E' | '+' | '-')
            });
        let number = plain.then(|| text.parse::<f64>().ok()).flatten()?;
        // One zero, so that equal numbers have one order.
        number.is_finite().then_some(Self(number + 0.0))
    }
}

/// An instant, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(pub(crate) i64);

impl Instant {
    /// ISO 8601 from the year alone down to a fraction of a second, or seconds since 1970.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        Self::from_epoch(text).or_else(|| Self::from_iso(text))
    }

    fn from_epoch(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        // Four digits are a year.
        let counted = digits.len() > 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: i64 = counted.then(|| text.parse().ok()).flatten()?;
        Some(Self(seconds.checked_mul(1_000)?))
    }

    fn from_iso(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once(['T', 't', ' ']) {
            None => (text, None),
            Some((date, time)) => (date, Some(time)),
        };
        let mut parts = date.split('-');
        let year: i64 = digits(parts.next()?, 4)?;
        let month = parts.next().map_or(Some(1), |part| digits(part, 2))?;
        let day = parts.next().map_or(Some(1), |part| digits(part, 2))?;
        let real = parts.next().is_none() && (1..=12).contains(&month) && (1..=31).contains(&day);
        let days = real.then(|| days_from_civil(year, month, day))?;
        let within = time.map_or(Some(0), millis_of_day)?;
        Some(Self(days * 86_400_000 + within))
    }

    /// As a policy would write it.
    pub(crate) fn iso(self) -> String {
        let (days, within) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        let (year, month, day) = civil_from_days(days);
        let (seconds, millis) = (within / 1_000, within % 1_000);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        let fraction = if millis == 0 {
            String::new()
        } else {
            format!(".{millis:03}")
        };
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
    }
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let all = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.f`, with `Z` or an offset.
fn millis_of_day(text: &str) -> Option<i64> {
    let zone_at = text.find(['Z', 'z', '+', '-']);
    let (clock, zone) = zone_at.map_or((text, ""), |at| text.split_at(at));
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = parts.next().map_or(Some(0), |part| digits(part, 2))?;
    let (second, millis) = match parts.next() {
        None => (0, 0),
        Some(part) => {
            let (whole, fraction) = part.split_once('.').unwrap_or((part, ""));
            let padded: String = fraction.chars().chain("000".chars()).take(3).collect();
            (digits(whole, 2)?, digits(&padded, 3)?)
        }
    };
    let real = parts.next().is_none() && hour < 25 && minute < 60 && second < 61;
    let offset = offset_minutes(zone)?;
    real.then(|| ((hour * 60 + minute - offset) * 60 + second) * 1_000 + millis)
}

fn offset_minutes(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let plain = rest.replace(':', "");
    let (hours, minutes) = plain.split_at_checked(2)?;
    let minutes = if minutes.is_empty() {
        0
    } else {
        digits(minutes, 2)?
    };
    let minutes = digits(hours, 2)? * 60 + minutes;
    Some(if sign == "-" { -minutes } else { minutes })
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
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

/// A range of addresses of one family, both ends included. The families are separate spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Range {
    pub(crate) v6: bool,
    pub(crate) low: u128,
    pub(crate) high: u128,
}

impl Range {
    /// `address` or `address/bits`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text
            .trim()
            .split_once('/')
            .map_or((text.trim(), None), |(a, b)| (a, Some(b)));
        let (v6, number, width) = match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(v4) => (false, u128::from(u32::from(v4)), 32_u32),
            IpAddr::V6(v6) => (true, u128::from(v6), 128),
        };
        let bits = bits
            .map_or(Some(width), |bits| bits.parse::<u32>().ok())
            .filter(|bits| *bits <= width)?;
        let host = 1_u128
            .checked_shl(width - bits)
            .map_or(u128::MAX, |size| size - 1);
        Some(Self {
            v6,
            low: number & !host,
            high: number | host,
        })
    }

    pub(crate) const fn contains(self, v6: bool, address: u128) -> bool {
        self.v6 == v6 && self.low <= address && address <= self.high
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

    #[test]
    fn a_date_survives_being_written_and_read() {
        for text in [
            "2026-11-22T02:09:00Z",
            "1969-12-31T23:59:59.500Z",
            "2000-02-29T00:00:00Z",
        ] {
            assert_eq!(Instant::parse(text).unwrap().iso(), text);
        }
    }

    #[test]
    fn an_offset_moves_the_instant_and_a_bare_year_is_its_first_day() {
        assert_eq!(
            Instant::parse("2026-01-01T02:00:00+02:00"),
            Instant::parse("2026")
        );
        assert_eq!(Instant::parse("1970-01-02"), Instant::parse("86400"));
        assert_eq!(Instant::parse("2026-13-01"), None);
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
    }

    #[test]
    fn numbers_are_decimals_and_words_are_not_numbers() {
        assert_eq!(Number::parse("5"), Number::parse("5.0"));
        assert_eq!(Number::parse("-0"), Number::parse("0"));
        assert_eq!(Number::parse("five"), None);
        assert_eq!(Number::parse("inf"), None);
    }
}
