//! Whether a condition holds in the circumstances of a request.

use std::net::IpAddr;

use crate::{
    layers::PlainOperator,
    policy::{Condition, Operator, Quantifier, Template, Test, Version},
};

use super::{
    glob::{Filled, Glob},
    question::{Key, Question, Seen},
    resource::{Filling, parts},
    truth::{Truth, all, any},
    values::{self, Moment, Number, Range},
};

/// One line of a `Condition` element, its values read.
#[derive(Debug, Clone)]
pub(crate) struct ConditionTest {
    operator: Operator,
    key: Key,
    values: Values,
}

/// The values of a condition. One that its operator cannot read matches nothing and is left out.
#[derive(Debug, Clone)]
enum Values {
    Texts(Box<[Text]>),
    AnyCase(Box<[AnyCase]>),
    Patterns(Box<[Text]>),
    Numbers(Order, Box<[Number]>),
    Moments(Order, Box<[Moment]>),
    Booleans(Box<[bool]>),
    Bytes(Box<[Vec<u8>]>),
    Ranges(Box<[Range]>),
    Arns(Box<[ArnPattern]>),
    /// Whether the key shall be absent.
    Absent(Box<[bool]>),
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone)]
enum Text {
    Glob(Glob),
    Variable(Filling),
}

#[derive(Debug, Clone)]
enum AnyCase {
    Lowered(String),
    Variable(Filling),
}

#[derive(Debug, Clone)]
enum ArnPattern {
    Parts(Box<[Glob; 6]>),
    Variable(Filling),
}

/// What one value of the request is to a condition's values.
enum Compared {
    /// Whether one of them matches it.
    Matches(Truth),
    /// It is no number, no date, no address or no ARN: the condition does not hold, negated or not.
    // IAM-032
    Incomparable,
}

impl ConditionTest {
    pub(crate) fn new(condition: &Condition, version: Version) -> Self {
        Self {
            operator: condition.operator,
            key: Key::new(&condition.key.value),
            values: Values::new(condition, version),
        }
    }

    // IAM-021: the values of one line are alternatives; the caller asks that all lines hold.
    pub(crate) fn holds(&self, question: &Question<'_>) -> Truth {
        let seen = question.see(&self.key);
        if let Values::Absent(wanted) = &self.values {
            return is_absent(&seen, wanted);
        }
        match (&seen, self.operator.quantifier) {
            (Seen::Unknown, _) => Truth::Maybe,
            (Seen::Absent, quantifier) => self.holds_when_absent(quantifier).into(),
            (Seen::One(_) | Seen::Many(_), None) => self.holds_plainly(&seen, question),
            (Seen::One(_) | Seen::Many(_), Some(Quantifier::ForAnyValue)) => {
                any(seen.values().map(|value| self.holds_for(value, question)))
            }
            (Seen::One(_) | Seen::Many(_), Some(Quantifier::ForAllValues)) => {
                // IAM-026: an empty text is no value.
                let is_empty = seen.values().all(str::is_empty);
                if is_empty {
                    return Truth::Yes;
                }
                all(seen.values().map(|value| self.holds_for(value, question)))
            }
        }
    }

    /// The unknown keys on which it depends whether this holds.
    pub(crate) fn unknown_keys(&self, question: &Question<'_>) -> Vec<String> {
        if matches!(question.see(&self.key), Seen::Unknown) {
            return vec![self.key.written.to_string()];
        }
        let fillings: Vec<&Filling> = match &self.values {
            Values::Texts(texts) | Values::Patterns(texts) => {
                texts.iter().filter_map(Text::filling).collect()
            }
            Values::AnyCase(texts) => texts.iter().filter_map(AnyCase::filling).collect(),
            Values::Arns(arns) => arns.iter().filter_map(ArnPattern::filling).collect(),
            Values::Numbers(..)
            | Values::Moments(..)
            | Values::Booleans(_)
            | Values::Bytes(_)
            | Values::Ranges(_)
            | Values::Absent(_) => Vec::new(),
        };
        let keys = fillings.iter();
        keys.flat_map(|filling| filling.unknown_keys(question))
            .collect()
    }

    // IAM-023, IAM-024: ForAnyValue asks for a value, with IfExists or without.
    fn holds_when_absent(&self, quantifier: Option<Quantifier>) -> bool {
        match quantifier {
            None => self.operator.if_exists || self.operator.test.is_negated(),
            Some(Quantifier::ForAllValues) => true,
            Some(Quantifier::ForAnyValue) => false,
        }
    }

    // IAM-025
    fn holds_plainly(&self, seen: &Seen<'_>, question: &Question<'_>) -> Truth {
        let is_many = question.is_many(&self.key, seen);
        match (is_many, question.plain_operator()) {
            (true, PlainOperator::NeverMatches) => Truth::No,
            (true, PlainOperator::AnyValue) | (false, _) => {
                let each = seen.values().map(|value| self.holds_for(value, question));
                if self.operator.test.is_negated() {
                    all(each)
                } else {
                    any(each)
                }
            }
        }
    }

    // IAM-021: negated, none of the values may match.
    fn holds_for(&self, value: &str, question: &Question<'_>) -> Truth {
        match self.values.compare(value, question) {
            Compared::Matches(truth) if self.operator.test.is_negated() => !truth,
            Compared::Matches(truth) => truth,
            Compared::Incomparable => Truth::No,
        }
    }
}

// IAM-026
fn is_absent(seen: &Seen<'_>, wanted: &[bool]) -> Truth {
    let is_absent = match seen {
        Seen::Absent => true,
        Seen::One(_) | Seen::Many(_) => false,
        Seen::Unknown => {
            return match (wanted.contains(&true), wanted.contains(&false)) {
                (true, true) => Truth::Yes,
                (false, false) => Truth::No,
                (true, false) | (false, true) => Truth::Maybe,
            };
        }
    };
    wanted.contains(&is_absent).into()
}

impl Values {
    fn new(condition: &Condition, version: Version) -> Self {
        let written = || condition.values.iter().map(|value| value.value.as_str());
        let numbers = |order| Self::Numbers(order, written().filter_map(Number::parse).collect());
        let moments = |order| Self::Moments(order, written().filter_map(Moment::parse).collect());
        let literal = |text| Template::parse_literal(text, version);
        match condition.operator.test {
            Test::StringEquals | Test::StringNotEquals => {
                Self::Texts(written().map(|text| Text::new(&literal(text))).collect())
            }
            Test::StringEqualsIgnoreCase | Test::StringNotEqualsIgnoreCase => {
                Self::AnyCase(written().map(|text| AnyCase::new(&literal(text))).collect())
            }
            Test::StringLike | Test::StringNotLike => Self::Patterns(
                written()
                    .map(|text| Text::new(&Template::parse(text, version)))
                    .collect(),
            ),
            Test::NumericEquals | Test::NumericNotEquals => numbers(Order::Equal),
            Test::NumericLessThan => numbers(Order::Less),
            Test::NumericLessThanEquals => numbers(Order::LessOrEqual),
            Test::NumericGreaterThan => numbers(Order::Greater),
            Test::NumericGreaterThanEquals => numbers(Order::GreaterOrEqual),
            Test::DateEquals | Test::DateNotEquals => moments(Order::Equal),
            Test::DateLessThan => moments(Order::Less),
            Test::DateLessThanEquals => moments(Order::LessOrEqual),
            Test::DateGreaterThan => moments(Order::Greater),
            Test::DateGreaterThanEquals => moments(Order::GreaterOrEqual),
            Test::Bool => Self::Booleans(written().filter_map(values::boolean).collect()),
            Test::BinaryEquals => Self::Bytes(written().filter_map(values::bytes).collect()),
            Test::IpAddress | Test::NotIpAddress => {
                Self::Ranges(written().filter_map(Range::parse).collect())
            }
            Test::ArnEquals | Test::ArnLike | Test::ArnNotEquals | Test::ArnNotLike => Self::Arns(
                written()
                    .filter_map(|text| ArnPattern::new(text, version))
                    .collect(),
            ),
            Test::Null => Self::Absent(written().filter_map(values::boolean).collect()),
        }
    }

    fn compare(&self, value: &str, question: &Question<'_>) -> Compared {
        let found = match self {
            Self::Texts(texts) | Self::Patterns(texts) => {
                any(texts.iter().map(|text| text.matches(value, question)))
            }
            Self::AnyCase(texts) => any(texts.iter().map(|text| text.matches(value, question))),
            Self::Numbers(order, own) => match Number::parse(value) {
                Some(value) => own.iter().any(|own| order.holds(&value, own)).into(),
                None => return Compared::Incomparable,
            },
            Self::Moments(order, own) => match Moment::parse(value) {
                Some(value) => own.iter().any(|own| order.holds(&value, own)).into(),
                None => return Compared::Incomparable,
            },
            // IAM-034
            Self::Booleans(own) => values::boolean(value)
                .is_some_and(|value| own.contains(&value))
                .into(),
            Self::Bytes(own) => values::bytes(value)
                .is_some_and(|value| own.contains(&value))
                .into(),
            Self::Ranges(own) => match values::address(value) {
                Some(address) => in_any(own, address).into(),
                None => return Compared::Incomparable,
            },
            // IAM-029
            Self::Arns(own) => match parts(value).filter(|[arn, ..]| *arn == "arn") {
                Some(parts) => any(own.iter().map(|own| own.matches(value, &parts, question))),
                None => return Compared::Incomparable,
            },
            Self::Absent(_) => Truth::No,
        };
        Compared::Matches(found)
    }
}

fn in_any(ranges: &[Range], address: IpAddr) -> bool {
    ranges.iter().any(|range| range.contains(address))
}

impl Order {
    fn holds<T: Ord>(self, asked: &T, own: &T) -> bool {
        match self {
            Self::Equal => asked == own,
            Self::Less => asked < own,
            Self::LessOrEqual => asked <= own,
            Self::Greater => asked > own,
            Self::GreaterOrEqual => asked >= own,
        }
    }
}

impl Text {
    fn new(template: &Template) -> Self {
        match Glob::new(template) {
            Some(glob) => Self::Glob(glob),
            None => Self::Variable(Filling::new(template)),
        }
    }

    fn matches(&self, value: &str, question: &Question<'_>) -> Truth {
        match self {
            Self::Glob(glob) => glob.matches(value).into(),
            Self::Variable(filling) => {
                let matches = |filled: &Filled| filled.matches(value);
                filling.matches(question, matches, matches)
            }
        }
    }

    fn filling(&self) -> Option<&Filling> {
        match self {
            Self::Glob(_) => None,
            Self::Variable(filling) => Some(filling),
        }
    }
}

impl AnyCase {
    fn new(template: &Template) -> Self {
        match template.as_text() {
            Some(text) => Self::Lowered(text.to_lowercase()),
            None => Self::Variable(Filling::new(template)),
        }
    }

    fn matches(&self, value: &str, question: &Question<'_>) -> Truth {
        match self {
            Self::Lowered(own) => {
                let same = own.eq_ignore_ascii_case(value) || *own == value.to_lowercase();
                same.into()
            }
            Self::Variable(filling) => {
                let lowered = value.to_lowercase();
                let matches = |filled: &Filled| filled.matches_lowered(&lowered);
                filling.matches(question, matches, matches)
            }
        }
    }

    fn filling(&self) -> Option<&Filling> {
        match self {
            Self::Lowered(_) => None,
            Self::Variable(filling) => Some(filling),
        }
    }
}

impl ArnPattern {
    fn new(text: &str, version: Version) -> Option<Self> {
        let template = Template::parse(text, version);
        if template.variables().next().is_some() {
            return Some(Self::Variable(Filling::new(&template)));
        }
        let globs = parts(text)?.map(|part| Glob::new(&Template::parse(part, version)));
        let [Some(a), Some(b), Some(c), Some(d), Some(e), Some(f)] = globs else {
            return None;
        };
        Some(Self::Parts(Box::new([a, b, c, d, e, f])))
    }

    // IAM-029: part by part, so that a wildcard does not run past a colon before the fifth.
    fn matches(&self, value: &str, parts: &[&str; 6], question: &Question<'_>) -> Truth {
        match self {
            Self::Parts(own) => {
                let mut pairs = own.iter().zip(parts);
                pairs.all(|(own, part)| own.matches(part)).into()
            }
            Self::Variable(filling) => filling.matches(
                question,
                |filled| filled.matches_parts(parts),
                |filled| filled.matches(value),
            ),
        }
    }

    fn filling(&self) -> Option<&Filling> {
        match self {
            Self::Parts(_) => None,
            Self::Variable(filling) => Some(filling),
        }
    }
}
