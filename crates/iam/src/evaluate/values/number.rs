//! Decimal numbers, compared exactly: 0.1 is 0.1.

use std::cmp::Ordering;

/// The longest number read, in characters. Longer ones are no numbers that a service would send.
const LENGTH_MAX: usize = 200;

/// A decimal number: its sign and its digits around the point, without zeros that say nothing.
// IAM-032
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Number {
    is_negative: bool,
    whole: Box<str>,
    fraction: Box<str>,
}

impl Number {
    /// Reads an integer or a decimal: `-12`, `+3`, `0.50`, `.5`. Nothing else is a number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > LENGTH_MAX {
            return None;
        }
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let only_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let some_digits = !whole.is_empty() || !fraction.is_empty();
        if !some_digits || !only_digits(whole) || !only_digits(fraction) {
            return None;
        }
        let (whole, fraction) = (
            whole.trim_start_matches('0'),
            fraction.trim_end_matches('0'),
        );
        let is_zero = whole.is_empty() && fraction.is_empty();
        Some(Self {
            is_negative: is_negative && !is_zero,
            whole: whole.into(),
            fraction: fraction.into(),
        })
    }

    fn size_against(&self, other: &Self) -> Ordering {
        let by_length = self.whole.len().cmp(&other.whole.len());
        by_length
            .then_with(|| self.whole.cmp(&other.whole))
            .then_with(|| self.fraction.cmp(&other.fraction))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.size_against(other),
            (true, true) => other.size_against(self),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn numbers_are_ordered_by_value_not_by_text() {
        let rising = [
            "-10",
            "-9.5",
            "-9.25",
            "-1",
            "-0.1",
            "0",
            "0.05",
            ".5",
            "0.51",
            "1",
            "2",
            "10",
            "10.01",
            "9007199254740993",
            "9007199254740994",
        ];
        for pair in rising.windows(2) {
            assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn one_number_has_many_spellings() {
        assert_eq!(number("-0"), number("0.0"));
        assert_eq!(number("007.10"), number("+7.1"));
        assert_eq!(number("0.1"), number(".100"));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", ".", "-", "1e3", "0x10", "1 ", "1.2.3", "NaN", "１"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }
}
