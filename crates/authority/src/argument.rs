//! Arguments, typed before a policy sees them.
//!
//! A condition compares; it does not ask what it compares. To Cedar `"1" != 1` is simply true, so a
//! condition that forbids an amount would let the same amount through as a text. Therefore every
//! argument that a condition speaks of has one type, and a value of another is a denial.

pub(crate) mod infer;
mod part;
mod schema;

use std::collections::BTreeMap;

use bailiwick_charter::readable;
use cedar_policy::RestrictedExpression;
use unicode_normalization::is_nfkc;

use crate::decimal::Decimal;
use crate::json::Value;
use crate::reason::Reason;

pub use part::{PartFault, arn, email, path, url};
pub use schema::{SchemaFault, ToolSchema, Tools};

/// What an argument is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    Long,
    Decimal,
    Text,
    /// A text that stands for an address, a URL, a path or an ARN, and its parts.
    Parted(Parted),
    Set(Box<Self>),
    Record(Fields),
    /// Only whether it is there is asked.
    Any,
}

/// The members of an object, or the arguments of a tool.
pub(crate) type Fields = BTreeMap<String, Field>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) of: Type,
    /// Whether the condition asks if it is there.
    pub(crate) optional: bool,
}

/// A text with parts of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Parted {
    Email,
    Url,
    Path,
    Arn,
}

impl Parted {
    pub(crate) const ALL: [Self; 4] = [Self::Email, Self::Url, Self::Path, Self::Arn];

    /// The parts, and whether each is a number.
    pub(crate) fn parts(self) -> &'static [(&'static str, bool)] {
        match self {
            Self::Email => &[("address", false), ("local", false), ("domain", false)],
            Self::Url => &[
                ("url", false),
                ("scheme", false),
                ("host", false),
                ("port", true),
                ("path", false),
                ("query", false),
            ],
            Self::Path => &[
                ("path", false),
                ("folder", false),
                ("name", false),
                ("extension", false),
            ],
            Self::Arn => &[
                ("arn", false),
                ("partition", false),
                ("service", false),
                ("region", false),
                ("account", false),
                ("resource", false),
            ],
        }
    }

    /// The parts by which a text is known for what it is, where no schema says so. An object may
    /// well have a `name` or an `account`.
    pub(crate) fn is_known_by(self, part: &str) -> bool {
        match self {
            Self::Email => matches!(part, "local" | "domain"),
            Self::Url => matches!(part, "scheme" | "host"),
            Self::Path => matches!(part, "folder" | "extension"),
            Self::Arn => matches!(part, "arn" | "partition"),
        }
    }

    /// The name of the text as a whole, for a condition that compares all of it.
    pub(crate) fn whole(self) -> &'static str {
        match self {
            Self::Email => "address",
            Self::Url => "url",
            Self::Path => "path",
            Self::Arn => "arn",
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Email => "an e-mail address",
            Self::Url => "a URL",
            Self::Path => "a path",
            Self::Arn => "an ARN",
        }
    }

    fn read(self, text: &str) -> Result<Vec<(&'static str, Part)>, PartFault> {
        match self {
            Self::Email => email(text),
            Self::Url => url(text),
            Self::Path => path(text),
            Self::Arn => arn(text),
        }
    }
}

/// One part of a text: a text or a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(String),
    Long(i64),
}

impl Type {
    pub(crate) fn expected(&self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Long => "a whole number",
            Self::Decimal => "a number with at most four digits behind its point",
            Self::Text => "a text",
            Self::Parted(parted) => parted.expected(),
            Self::Set(_) => "a list",
            Self::Record(_) => "an object",
            Self::Any => "anything",
        }
    }
}

/// The members of a record as Cedar knows them: those that the condition speaks of, and no others.
pub(crate) fn typed(
    fields: &Fields,
    values: &BTreeMap<String, Value>,
    under: &str,
) -> Result<RestrictedExpression, Reason> {
    let mut members = Vec::with_capacity(fields.len());
    for (name, field) in fields {
        match values.get(name) {
            // Cedar knows no null, and most tools take it for absent.
            None | Some(Value::Null) if field.optional => {}
            None | Some(Value::Null) => {
                let argument = format!("{under}.{name}");
                return Err(Reason::Absent { argument });
            }
            Some(value) => {
                let member = one(&field.of, value, &|| format!("{under}.{name}"))?;
                members.push((name.clone(), member));
            }
        }
    }
    // Names come from a map: none stands twice.
    RestrictedExpression::new_record(members).map_err(|error| Reason::ConditionFailed {
        error: error.to_string(),
    })
}

fn one(
    of: &Type,
    value: &Value,
    named: &dyn Fn() -> String,
) -> Result<RestrictedExpression, Reason> {
    let mistyped = || Reason::Mistyped {
        argument: named(),
        expected: of.expected(),
    };
    Ok(match (of, value) {
        (Type::Bool, Value::Bool(value)) => RestrictedExpression::new_bool(*value),
        (Type::Long, Value::Long(value)) => RestrictedExpression::new_long(*value),
        (Type::Decimal, value) => {
            let amount = amount(value).ok_or_else(mistyped)?;
            RestrictedExpression::new_decimal(amount.to_string())
        }
        (Type::Text, Value::Text(text)) => {
            safe(text).map_err(|what| unsafe_argument(named(), what))?;
            RestrictedExpression::new_string(text.clone())
        }
        (Type::Parted(parted), Value::Text(text)) => {
            let parts = match parted.read(text) {
                Ok(parts) => parts,
                Err(PartFault::Kind) => return Err(mistyped()),
                Err(PartFault::Unsafe(what)) => return Err(unsafe_argument(named(), what)),
            };
            let parts = parts.into_iter().map(|(name, part)| {
                let part = match part {
                    Part::Text(text) => RestrictedExpression::new_string(text),
                    Part::Long(number) => RestrictedExpression::new_long(number),
                };
                (name.to_owned(), part)
            });
            RestrictedExpression::new_record(parts).map_err(|_| mistyped())?
        }
        (Type::Set(element), Value::List(values)) => {
            let elements: Result<Vec<_>, _> = values
                .iter()
                .map(|value| one(element, value, &|| format!("{}[]", named())))
                .collect();
            RestrictedExpression::new_set(elements?)
        }
        (Type::Record(fields), Value::Record(members)) => typed(fields, members, &named())?,
        (Type::Any, _) => RestrictedExpression::new_bool(true),
        (
            Type::Bool | Type::Long | Type::Text | Type::Parted(_) | Type::Set(_) | Type::Record(_),
            _,
        ) => return Err(mistyped()),
    })
}

fn unsafe_argument(argument: String, what: &'static str) -> Reason {
    Reason::Unsafe { argument, what }
}

/// An amount: a number, or a text that is one.
pub(crate) fn amount(value: &Value) -> Option<Decimal> {
    match value {
        Value::Decimal(amount) => Some(*amount),
        Value::Long(whole) => Decimal::of_long(*whole),
        Value::Text(text) => Decimal::read(text),
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Record(_) => None,
    }
}

/// Whether a text that a condition compares can be taken for another one by whoever acts on it.
fn safe(text: &str) -> Result<(), &'static str> {
    let is_line = |letter: char| matches!(letter, '\n' | '\r' | '\t');
    if text
        .chars()
        .any(|letter| !is_line(letter) && bailiwick_charter::is_hidden(letter))
    {
        return Err("a character that cannot be seen");
    }
    if !is_nfkc(text) {
        return Err("a character that has another spelling");
    }
    Ok(())
}

/// A name of an argument, for a message.
pub(crate) fn shown(path: &[String]) -> String {
    readable(&format!("args.{}", path.join(".")))
}
