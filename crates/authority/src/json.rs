//! JSON that can be read in one way only.
//!
//! What an agent sends is judged here and acted on elsewhere. If the two could read it differently,
//! a call would be allowed that was never looked at: so a name that stands twice, a number that has
//! no exact value, a depth that exhausts somebody's stack and a text that is not UTF-8 are refused
//! before anybody asks what they mean.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bailiwick_iam::json::{JsonError, Kind, Node};

use crate::decimal::Decimal;

/// How much of a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub bytes: usize,
    /// How many lists and objects may lie inside each other.
    pub depth: usize,
    /// How many values, with those inside of others.
    pub values: usize,
}

impl Bounds {
    /// A call with its arguments, or a request to the authority.
    pub const REQUEST: Self = Self {
        bytes: 256 << 10,
        depth: 32,
        values: 10_000,
    };
    /// The header or the claims of a token.
    pub const TOKEN: Self = Self {
        bytes: 8 << 10,
        depth: 8,
        values: 256,
    };
    /// What a tool answered: it may be long, and is looked through for values only.
    pub const ANSWER: Self = Self {
        bytes: 4 << 20,
        depth: 64,
        values: 200_000,
    };
}

/// A JSON value with exact numbers and each name once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    Null,
    Bool(bool),
    /// A whole number.
    Long(i64),
    /// A number with at most four digits behind its point.
    Decimal(Decimal),
    Text(String),
    List(Vec<Self>),
    Record(BTreeMap<String, Self>),
}

/// Why a text is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    #[error("more than {most} bytes")]
    TooLong { most: usize },
    #[error("lists and objects more than {most} deep")]
    TooDeep { most: usize },
    #[error("more than {most} values")]
    TooMany { most: usize },
    #[error("not UTF-8")]
    NotText,
    #[error("not valid JSON at byte {at}")]
    Malformed { at: usize },
    #[error("a name stands twice in one object, at byte {at}")]
    Twice { at: usize },
    #[error(
        "a number at byte {at} that is neither a whole number of 64 bits nor one with at most four digits behind its point"
    )]
    Number { at: usize },
}

impl JsonFault {
    /// The stable code of the fault.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "json_too_long",
            Self::TooDeep { .. } => "json_too_deep",
            Self::TooMany { .. } => "json_too_many_values",
            Self::NotText => "json_not_utf8",
            Self::Malformed { .. } => "json_malformed",
            Self::Twice { .. } => "json_duplicate_name",
            Self::Number { .. } => "json_number",
        }
    }

    /// Whether the text is refused for its size alone (HTTP's 413 rather than 400).
    #[must_use]
    pub fn is_size(&self) -> bool {
        matches!(self, Self::TooLong { .. })
    }
}

/// Reads one value, all of the text.
///
/// ```
/// use bailiwick_authority::json::{self, Bounds, Value};
///
/// let read = |text: &str| json::read(text.as_bytes(), Bounds::REQUEST);
/// assert_eq!(read("[1, true]"), Ok(Value::List(vec![Value::Long(1), Value::Bool(true)])));
/// assert!(read(r#"{"a":1,"a":2}"#).is_err());
/// assert!(read("1e400").is_err());
/// ```
///
/// # Errors
/// The first thing that could be read in two ways, or that is beyond the bounds.
pub fn read(bytes: &[u8], bounds: Bounds) -> Result<Value, JsonFault> {
    if bytes.len() > bounds.bytes {
        return Err(JsonFault::TooLong { most: bounds.bytes });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| JsonFault::NotText)?;
    measure(text, bounds)?;
    if text.starts_with('\u{feff}') {
        return Err(JsonFault::Malformed { at: 0 });
    }
    value(&Node::parse(text).map_err(|error| fault(&error))?)
}

/// Whether [`read`] would take the text, for readers that then fill a type of their own with it.
///
/// # Errors
/// As [`read`].
pub fn check(bytes: &[u8], bounds: Bounds) -> Result<&str, JsonFault> {
    read(bytes, bounds)?;
    std::str::from_utf8(bytes).map_err(|_| JsonFault::NotText)
}

/// Counts before anything is built: memory is spent only on what is within the bounds.
fn measure(text: &str, bounds: Bounds) -> Result<(), JsonFault> {
    let (mut depth, mut values) = (0_usize, 1_usize);
    let (mut inside, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            _ if inside => {}
            b'[' | b'{' => {
                depth += 1;
                values += 1;
                if depth > bounds.depth {
                    return Err(JsonFault::TooDeep { most: bounds.depth });
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if values > bounds.values {
            return Err(JsonFault::TooMany {
                most: bounds.values,
            });
        }
    }
    Ok(())
}

fn value(node: &Node<'_>) -> Result<Value, JsonFault> {
    Ok(match node.kind() {
        Kind::Null => Value::Null,
        Kind::Bool => Value::Bool(node.text() == "true"),
        Kind::Number => return number(node),
        Kind::String => Value::Text(node.string().map_err(|error| fault(&error))?),
        Kind::List => {
            let elements = node.elements().map_err(|error| fault(&error))?;
            Value::List(elements.iter().map(value).collect::<Result<_, _>>()?)
        }
        Kind::Object => {
            let mut record = BTreeMap::new();
            for member in node.members().map_err(|error| fault(&error))? {
                record.insert(member.name.into_owned(), value(&member.value)?);
            }
            Value::Record(record)
        }
    })
}

/// `-0` is refused with the floats: readers do not agree whether it is zero.
fn number(node: &Node<'_>) -> Result<Value, JsonFault> {
    let text = node.text();
    let at = node.span().start;
    let exact = if text == "-0" {
        None
    } else if let Ok(whole) = text.parse::<i64>() {
        Some(Value::Long(whole))
    } else {
        Decimal::read(text).map(Value::Decimal)
    };
    exact.ok_or(JsonFault::Number { at })
}

fn fault(error: &JsonError) -> JsonFault {
    let at = error.span().start;
    match error {
        JsonError::Malformed { .. } | JsonError::Kind { .. } => JsonFault::Malformed { at },
        JsonError::Duplicate { .. } => JsonFault::Twice { at },
    }
}

impl Value {
    /// What the value is, as a message says it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Long(_) => "a whole number",
            Self::Decimal(_) => "a number with a point",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Record(_) => "an object",
        }
    }

    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null
            | Self::Bool(_)
            | Self::Long(_)
            | Self::Decimal(_)
            | Self::List(_)
            | Self::Record(_) => None,
        }
    }

    #[must_use]
    pub fn record(&self) -> Option<&BTreeMap<String, Self>> {
        match self {
            Self::Record(record) => Some(record),
            Self::Null
            | Self::Bool(_)
            | Self::Long(_)
            | Self::Decimal(_)
            | Self::Text(_)
            | Self::List(_) => None,
        }
    }

    /// The member of that name, if this is an object that has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.record()?.get(name)
    }

    /// The value in one spelling: no space, names in order. What is hashed is this.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        match self {
            Self::Null => text.push_str("null"),
            Self::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
            // Writing to a text cannot fail.
            Self::Long(value) => {
                let _ = write!(text, "{value}");
            }
            Self::Decimal(value) => {
                let _ = write!(text, "{value}");
            }
            Self::Text(value) => quote(text, value),
            Self::List(values) => {
                text.push('[');
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        text.push(',');
                    }
                    value.write(text);
                }
                text.push(']');
            }
            Self::Record(members) => {
                text.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        text.push(',');
                    }
                    quote(text, name);
                    text.push(':');
                    value.write(text);
                }
                text.push('}');
            }
        }
    }
}

fn quote(text: &mut String, value: &str) {
    // A text always serialises.
    text.push_str(&serde_json::to_string(value).unwrap_or_default());
}

#[cfg(test)]
mod tests;
