//! Spans of time as a charter writes them: `30s`, `20m`, `2h`, `90d`.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// A span of time in whole seconds, one second to ten years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lasts(u32);

/// Why a text is no span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no span of time: a whole number and one of s, m, h, d, such as 20m")]
pub struct SpanError {
    pub text: String,
}

/// Ten years. Longer is a mistake, and this much keeps arithmetic on time far from its ends.
const SECONDS_MAX: u32 = 10 * 366 * DAY;
const DAY: u32 = 86_400;

impl Lasts {
    /// The span, where it lies between a second and ten years.
    #[must_use]
    pub fn of_seconds(seconds: u32) -> Option<Self> {
        (1..=SECONDS_MAX)
            .contains(&seconds)
            .then_some(Self(seconds))
    }

    #[must_use]
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl FromStr for Lasts {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let refused = || SpanError {
            text: crate::name::shown(text),
        };
        let unit = match text.chars().last() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => DAY,
            Some(_) | None => return Err(refused()),
        };
        let digits = text.get(..text.len() - 1).unwrap_or_default();
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let count: Option<u32> = if plain { digits.parse().ok() } else { None };
        count
            .and_then(|count| count.checked_mul(unit))
            .and_then(Self::of_seconds)
            .ok_or_else(refused)
    }
}

impl fmt::Display for Lasts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0;
        if seconds.is_multiple_of(DAY) {
            write!(f, "{}d", seconds / DAY)
        } else if seconds.is_multiple_of(3_600) {
            write!(f, "{}h", seconds / 3_600)
        } else if seconds.is_multiple_of(60) {
            write!(f, "{}m", seconds / 60)
        } else {
            write!(f, "{seconds}s")
        }
    }
}

impl Serialize for Lasts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        for (text, seconds) in [
            ("90s", 90),
            ("20m", 1_200),
            ("2h", 7_200),
            ("90d", 7_776_000),
        ] {
            assert_eq!(text.parse::<Lasts>().unwrap().seconds(), seconds);
        }
        for text in [
            "",
            "m",
            "0m",
            "-1m",
            "+1m",
            "1.5h",
            "20",
            "20 m",
            "1h30m",
            "99999d",
            "4294967295h",
        ] {
            assert!(text.parse::<Lasts>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_is_printed_in_its_largest_unit() {
        for (text, printed) in [("120s", "2m"), ("60m", "1h"), ("24h", "1d"), ("61s", "61s")] {
            assert_eq!(text.parse::<Lasts>().unwrap().to_string(), printed);
        }
    }
}
