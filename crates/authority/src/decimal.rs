//! Amounts: a number with at most four digits behind its point, held exactly.

use std::fmt;

/// An exact number in ten-thousandths, as Cedar's `decimal` holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Decimal(i64);

/// Ten-thousandths in one.
const ONE: i64 = 10_000;

impl Decimal {
    /// A whole number as one with a point. `None` where that is too large.
    #[must_use]
    pub fn of_long(whole: i64) -> Option<Self> {
        whole.checked_mul(ONE).map(Self)
    }

    #[must_use]
    pub fn of_ten_thousandths(units: i64) -> Self {
        Self(units)
    }

    #[must_use]
    pub fn ten_thousandths(self) -> i64 {
        self.0
    }

    /// Reads `12`, `-0.5`, `10.5000`. `None` for an exponent, a fifth digit behind the point, a
    /// digit missing on either side of it, or a number too large.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, behind) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !is_digits(behind) || behind.len() > 4 {
            return None;
        }
        // A minus before nothing is zero for some readers and not for others.
        let padded = format!("{behind:0<4}");
        let units = whole
            .parse::<i64>()
            .ok()?
            .checked_mul(ONE)?
            .checked_add(padded.parse().ok()?)?;
        let is_minus_zero = negative && units == 0;
        (!is_minus_zero).then_some(Self(if negative { -units } else { units }))
    }
}

impl fmt::Display for Decimal {
    /// As Cedar reads it: at least one digit behind the point, and no more zeros than that.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.0.unsigned_abs();
        let (whole, behind) = (units / 10_000, units % 10_000);
        let sign = if self.0 < 0 { "-" } else { "" };
        let behind = format!("{behind:04}");
        let trimmed = behind.trim_end_matches('0');
        let behind = if trimmed.is_empty() { "0" } else { trimmed };
        write!(f, "{sign}{whole}.{behind}")
    }
}
