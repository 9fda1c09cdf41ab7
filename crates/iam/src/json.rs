//! JSON that remembers where it stood.
//!
//! A finding points at a line, and a policy with the same key twice must be refused rather than
//! half read. `serde_json` parses; this module only keeps the places and the repeated names, by
//! borrowing every value from the source text and noting how far into it the value begins.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// Where something stands in a source text, in bytes: `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    /// The line and column, both from 1, at which this span begins in `text`.
    #[must_use]
    pub fn line_and_column(self, text: &str) -> (usize, usize) {
        let before = text.get(..self.start).unwrap_or(text);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        let column = before
            .chars()
            .rev()
            .take_while(|&letter| letter != '\n')
            .count()
            + 1;
        (line, column)
    }
}

/// A value and where it stood. Two are equal when their values are, wherever they stood.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

impl<T> Spanned<T> {
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// A value that was made, not read.
    pub fn made(value: T) -> Self {
        Self {
            value,
            span: Span::default(),
        }
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl<T: std::hash::Hash> std::hash::Hash for Spanned<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

/// What a JSON value is, by its first letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Null,
    Bool,
    Number,
    String,
    List,
    Object,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::List => "a list",
            Self::Object => "an object",
        })
    }
}

/// One JSON value, borrowed from its source, with its place in it.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    source: &'a str,
    text: &'a str,
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}", self.kind(), self.span())
    }
}

/// A member of an object: its name, where the name stood, and its value.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    pub name: Cow<'a, str>,
    pub span: Span,
    pub value: Node<'a>,
}

/// Why a text is not the JSON that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("not valid JSON: {reason}")]
    Malformed { reason: String, span: Span },
    #[error("`{name}` stands twice in one object")]
    Duplicate { name: String, span: Span },
    #[error("expected {expected}, found {found}")]
    Kind {
        expected: &'static str,
        found: Kind,
        span: Span,
    },
}

impl JsonError {
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Malformed { span, .. }
            | Self::Duplicate { span, .. }
            | Self::Kind { span, .. } => *span,
        }
    }
}

impl<'a> Node<'a> {
    /// Reads a whole text as one value. A byte order mark before it is passed over.
    ///
    /// # Errors
    /// [`JsonError::Malformed`] with the place where the text stops being JSON.
    pub fn parse(source: &'a str) -> Result<Self, JsonError> {
        let body = source.strip_prefix('\u{feff}').unwrap_or(source);
        let skipped = source.len() - body.len();
        match serde_json::from_str::<&RawValue>(body) {
            Ok(raw) => Ok(Self {
                source,
                text: raw.get(),
            }),
            Err(error) => Err(malformed(body, skipped, &error)),
        }
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.text.as_bytes().first() {
            Some(b'n') => Kind::Null,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'"') => Kind::String,
            Some(b'[') => Kind::List,
            Some(b'{') => Kind::Object,
            _ => Kind::Number,
        }
    }

    #[must_use]
    pub fn span(&self) -> Span {
        place(self.source, self.text)
    }

    /// The value exactly as it was written.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The members in the order they were written.
    ///
    /// # Errors
    /// If this is no object, or a name stands twice in it.
    pub fn members(&self) -> Result<Vec<Member<'a>>, JsonError> {
        self.expect(Kind::Object, "an object")?;
        let Members(found) = self.read()?;
        let members: Vec<_> = found
            .into_iter()
            .map(|(name, raw)| {
                let value = Self {
                    source: self.source,
                    text: raw.get(),
                };
                let span = match &name {
                    Cow::Borrowed(name) => place(self.source, name),
                    // A name with escapes has no text of its own to point at.
                    Cow::Owned(_) => value.span(),
                };
                Member { name, span, value }
            })
            .collect();
        match first_repeated(&members) {
            None => Ok(members),
            Some(member) => Err(JsonError::Duplicate {
                name: member.name.to_string(),
                span: member.span,
            }),
        }
    }

    /// The elements of a list.
    ///
    /// # Errors
    /// If this is no list.
    pub fn elements(&self) -> Result<Vec<Self>, JsonError> {
        self.expect(Kind::List, "a list")?;
        let found: Vec<&'a RawValue> = self.read()?;
        Ok(found
            .into_iter()
            .map(|raw| Self {
                source: self.source,
                text: raw.get(),
            })
            .collect())
    }

    /// The elements of a list, or the one value that stands without a list around it.
    ///
    /// # Errors
    /// If a list cannot be read.
    pub fn one_or_more(&self) -> Result<Vec<Self>, JsonError> {
        match self.kind() {
            Kind::List => self.elements(),
            Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Object => Ok(vec![*self]),
        }
    }

    /// A string, its escapes resolved.
    ///
    /// # Errors
    /// If this is no string.
    pub fn string(&self) -> Result<String, JsonError> {
        self.expect(Kind::String, "a string")?;
        self.read()
    }

    /// A string, or a number or boolean as it was written: AWS reads `true` and `"true"` alike.
    ///
    /// # Errors
    /// If this is a list, an object or null.
    pub fn scalar(&self) -> Result<String, JsonError> {
        match self.kind() {
            Kind::String => self.read(),
            Kind::Bool | Kind::Number => Ok(self.text.to_owned()),
            found @ (Kind::Null | Kind::List | Kind::Object) => Err(JsonError::Kind {
                expected: "a string, a number or a boolean",
                found,
                span: self.span(),
            }),
        }
    }

    fn expect(&self, kind: Kind, expected: &'static str) -> Result<(), JsonError> {
        let found = self.kind();
        if found == kind {
            return Ok(());
        }
        Err(JsonError::Kind {
            expected,
            found,
            span: self.span(),
        })
    }

    fn read<T: Deserialize<'a>>(&self) -> Result<T, JsonError> {
        serde_json::from_str(self.text)
            .map_err(|error| malformed(self.text, self.span().start, &error))
    }
}

fn first_repeated<'m, 'a>(members: &'m [Member<'a>]) -> Option<&'m Member<'a>> {
    // Objects in policies have a handful of members; sorting pays only for the rare large one.
    if members.len() <= 16 {
        return members.iter().enumerate().find_map(|(index, member)| {
            members
                .iter()
                .take(index)
                .any(|other| other.name == member.name)
                .then_some(member)
        });
    }
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    sorted.windows(2).find_map(|pair| match pair {
        [a, b] if a.name == b.name => Some(*b),
        _ => None,
    })
}

/// Where `part`, a slice of `source`, begins and ends in it.
fn place(source: &str, part: &str) -> Span {
    let start = part.as_ptr().addr().saturating_sub(source.as_ptr().addr());
    Span {
        start,
        end: start + part.len(),
    }
}

fn malformed(text: &str, offset: usize, error: &serde_json::Error) -> JsonError {
    let line_start: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let at = (line_start + error.column().saturating_sub(1)).min(text.len());
    // serde_json ends its message with a place of its own, which would be relative to a part.
    let reason = error.to_string();
    let reason = reason
        .split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned();
    JsonError::Malformed {
        reason,
        span: Span {
            start: offset + at,
            end: offset + at,
        },
    }
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Reader).map(Members)
    }
}

/// A name borrowed from the source where it has no escapes; serde's own `Cow` always copies.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(name))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(name.to_owned()))
            }
        }
        deserializer.deserialize_str(Reader).map(Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_knows_its_line_and_column() {
        let text = "{\n  \"a\": 1,\n  \"b\": [true]\n}";
        let members = Node::parse(text).unwrap().members().unwrap();
        assert_eq!(members[1].name, "b");
        assert_eq!(members[1].span.line_and_column(text), (3, 4));
        assert_eq!(members[1].value.span().line_and_column(text), (3, 8));
    }

    #[test]
    fn a_name_that_stands_twice_is_refused_where_it_stands_again() {
        let text = r#"{"a":1,"a":2}"#;
        let error = Node::parse(text).unwrap().members().unwrap_err();
        assert_eq!(
            error,
            JsonError::Duplicate {
                name: "a".into(),
                span: Span { start: 8, end: 9 }
            }
        );
    }

    #[test]
    fn a_name_hidden_by_an_escape_is_still_a_repeat() {
        let error = Node::parse(r#"{"a":1,"\u0061":2}"#)
            .unwrap()
            .members()
            .unwrap_err();
        assert!(matches!(error, JsonError::Duplicate { .. }));
    }

    #[test]
    fn a_repeat_in_a_large_object_is_found_too() {
        let members: Vec<_> = (0..40).map(|n| format!("\"k{}\":{n}", n % 39)).collect();
        let text = format!("{{{}}}", members.join(","));
        assert!(Node::parse(&text).unwrap().members().is_err());
    }

    #[test]
    fn a_truncated_text_is_refused_at_its_end() {
        let text = "{\"a\": [1, 2";
        let error = Node::parse(text).unwrap_err();
        assert!(matches!(error, JsonError::Malformed { .. }));
        assert!(error.span().start >= text.len() - 1);
    }

    #[test]
    fn a_hundred_thousand_open_brackets_do_not_exhaust_the_stack() {
        assert!(Node::parse(&"[".repeat(100_000)).is_err());
        let closed = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(Node::parse(&closed).unwrap().kind(), Kind::List);
    }

    #[test]
    fn text_after_the_value_is_refused() {
        assert!(Node::parse("{} {}").is_err());
    }
}
