//! The names of condition operators: a set operator, a comparison, and `IfExists`.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>.

use std::{fmt, str::FromStr};

/// A condition operator such as `ForAllValues:StringLikeIfExists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operator {
    pub quantifier: Option<Quantifier>,
    pub test: Test,
    pub if_exists: bool,
}

/// How a key with several values is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quantifier {
    ForAllValues,
    ForAnyValue,
}

/// What one value is compared for. In AWS's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Test {
    StringEquals,
    StringNotEquals,
    StringEqualsIgnoreCase,
    StringNotEqualsIgnoreCase,
    StringLike,
    StringNotLike,
    NumericEquals,
    NumericNotEquals,
    NumericLessThan,
    NumericLessThanEquals,
    NumericGreaterThan,
    NumericGreaterThanEquals,
    DateEquals,
    DateNotEquals,
    DateLessThan,
    DateLessThanEquals,
    DateGreaterThan,
    DateGreaterThanEquals,
    Bool,
    BinaryEquals,
    IpAddress,
    NotIpAddress,
    ArnEquals,
    ArnLike,
    ArnNotEquals,
    ArnNotLike,
    Null,
}

/// Why a name is no operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseOperatorError {
    #[error("there is no set operator `{name}`; AWS has ForAllValues and ForAnyValue")]
    Quantifier { name: String },
    #[error("there is no condition operator `{name}`")]
    Test { name: String },
    #[error("Null takes no IfExists: it already asks whether the key exists")]
    NullIfExists,
}

impl Operator {
    /// The plain operator for a comparison.
    #[must_use]
    pub const fn plain(test: Test) -> Self {
        Self {
            quantifier: None,
            test,
            if_exists: false,
        }
    }
}

impl Test {
    pub const ALL: [Self; 27] = [
        Self::StringEquals,
        Self::StringNotEquals,
        Self::StringEqualsIgnoreCase,
        Self::StringNotEqualsIgnoreCase,
        Self::StringLike,
        Self::StringNotLike,
        Self::NumericEquals,
        Self::NumericNotEquals,
        Self::NumericLessThan,
        Self::NumericLessThanEquals,
        Self::NumericGreaterThan,
        Self::NumericGreaterThanEquals,
        Self::DateEquals,
        Self::DateNotEquals,
        Self::DateLessThan,
        Self::DateLessThanEquals,
        Self::DateGreaterThan,
        Self::DateGreaterThanEquals,
        Self::Bool,
        Self::BinaryEquals,
        Self::IpAddress,
        Self::NotIpAddress,
        Self::ArnEquals,
        Self::ArnLike,
        Self::ArnNotEquals,
        Self::ArnNotLike,
        Self::Null,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StringEquals => "StringEquals",
            Self::StringNotEquals => "StringNotEquals",
            Self::StringEqualsIgnoreCase => "StringEqualsIgnoreCase",
            Self::StringNotEqualsIgnoreCase => "StringNotEqualsIgnoreCase",
            Self::StringLike => "StringLike",
            Self::StringNotLike => "StringNotLike",
            Self::NumericEquals => "NumericEquals",
            Self::NumericNotEquals => "NumericNotEquals",
            Self::NumericLessThan => "NumericLessThan",
            Self::NumericLessThanEquals => "NumericLessThanEquals",
            Self::NumericGreaterThan => "NumericGreaterThan",
            Self::NumericGreaterThanEquals => "NumericGreaterThanEquals",
            Self::DateEquals => "DateEquals",
            Self::DateNotEquals => "DateNotEquals",
            Self::DateLessThan => "DateLessThan",
            Self::DateLessThanEquals => "DateLessThanEquals",
            Self::DateGreaterThan => "DateGreaterThan",
            Self::DateGreaterThanEquals => "DateGreaterThanEquals",
            Self::Bool => "Bool",
            Self::BinaryEquals => "BinaryEquals",
            Self::IpAddress => "IpAddress",
            Self::NotIpAddress => "NotIpAddress",
            Self::ArnEquals => "ArnEquals",
            Self::ArnLike => "ArnLike",
            Self::ArnNotEquals => "ArnNotEquals",
            Self::ArnNotLike => "ArnNotLike",
            Self::Null => "Null",
        }
    }

    /// Whether the comparison is a `Not…`: it holds where none of the values matches.
    #[must_use]
    pub const fn is_negated(self) -> bool {
        match self {
            Self::StringNotEquals
            | Self::StringNotEqualsIgnoreCase
            | Self::StringNotLike
            | Self::NumericNotEquals
            | Self::DateNotEquals
            | Self::NotIpAddress
            | Self::ArnNotEquals
            | Self::ArnNotLike => true,
            Self::StringEquals
            | Self::StringEqualsIgnoreCase
            | Self::StringLike
            | Self::NumericEquals
            | Self::NumericLessThan
            | Self::NumericLessThanEquals
            | Self::NumericGreaterThan
            | Self::NumericGreaterThanEquals
            | Self::DateEquals
            | Self::DateLessThan
            | Self::DateLessThanEquals
            | Self::DateGreaterThan
            | Self::DateGreaterThanEquals
            | Self::Bool
            | Self::BinaryEquals
            | Self::IpAddress
            | Self::ArnEquals
            | Self::ArnLike
            | Self::Null => false,
        }
    }

    /// Whether `${…}` in its values is a variable: only where text or ARNs are compared.
    // IAM-030
    #[must_use]
    pub const fn has_variables(self) -> bool {
        match self {
            Self::StringEquals
            | Self::StringNotEquals
            | Self::StringEqualsIgnoreCase
            | Self::StringNotEqualsIgnoreCase
            | Self::StringLike
            | Self::StringNotLike
            | Self::ArnEquals
            | Self::ArnLike
            | Self::ArnNotEquals
            | Self::ArnNotLike => true,
            Self::NumericEquals
            | Self::NumericNotEquals
            | Self::NumericLessThan
            | Self::NumericLessThanEquals
            | Self::NumericGreaterThan
            | Self::NumericGreaterThanEquals
            | Self::DateEquals
            | Self::DateNotEquals
            | Self::DateLessThan
            | Self::DateLessThanEquals
            | Self::DateGreaterThan
            | Self::DateGreaterThanEquals
            | Self::Bool
            | Self::BinaryEquals
            | Self::IpAddress
            | Self::NotIpAddress
            | Self::Null => false,
        }
    }
}

impl FromStr for Operator {
    type Err = ParseOperatorError;

    // IAM-022: the names are read without regard to case.
    fn from_str(text: &str) -> Result<Self, ParseOperatorError> {
        let (quantifier, rest) = match text.split_once(':') {
            None => (None, text),
            Some((name, rest)) if name.eq_ignore_ascii_case("ForAllValues") => {
                (Some(Quantifier::ForAllValues), rest)
            }
            Some((name, rest)) if name.eq_ignore_ascii_case("ForAnyValue") => {
                (Some(Quantifier::ForAnyValue), rest)
            }
            Some((name, _)) => {
                return Err(ParseOperatorError::Quantifier {
                    name: name.to_owned(),
                });
            }
        };
        let (name, if_exists) = without_if_exists(rest);
        let test = Test::ALL
            .into_iter()
            .find(|test| test.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| ParseOperatorError::Test {
                name: rest.to_owned(),
            })?;
        if test == Test::Null && if_exists {
            return Err(ParseOperatorError::NullIfExists);
        }
        Ok(Self {
            quantifier,
            test,
            if_exists,
        })
    }
}

fn without_if_exists(text: &str) -> (&str, bool) {
    const SUFFIX: &str = "IfExists";
    text.len()
        .checked_sub(SUFFIX.len())
        .and_then(|at| text.split_at_checked(at))
        .filter(|(_, end)| end.eq_ignore_ascii_case(SUFFIX))
        .map_or((text, false), |(name, _)| (name, true))
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.quantifier {
            None => {}
            Some(Quantifier::ForAllValues) => f.write_str("ForAllValues:")?,
            Some(Quantifier::ForAnyValue) => f.write_str("ForAnyValue:")?,
        }
        f.write_str(self.test.name())?;
        if self.if_exists {
            f.write_str("IfExists")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_prints_as_it_parses_whatever_its_case() {
        for test in Test::ALL {
            for quantifier in [
                None,
                Some(Quantifier::ForAllValues),
                Some(Quantifier::ForAnyValue),
            ] {
                for if_exists in [false, true] {
                    let operator = Operator {
                        quantifier,
                        test,
                        if_exists,
                    };
                    if test == Test::Null && if_exists {
                        continue;
                    }
                    let name = operator.to_string();
                    assert_eq!(name.parse(), Ok(operator));
                    assert_eq!(name.to_uppercase().parse(), Ok(operator));
                }
            }
        }
    }

    #[test]
    fn a_name_that_is_nearly_an_operator_is_none() {
        assert!("StringEqual".parse::<Operator>().is_err());
        assert!("ForEachValue:StringEquals".parse::<Operator>().is_err());
        assert_eq!(
            "NullIfExists".parse::<Operator>(),
            Err(ParseOperatorError::NullIfExists)
        );
    }
}
