//! JSON of which there is one spelling: RFC 8785, without fractions.
//!
//! Members are sorted by their names as UTF-16, nothing is spaced, strings are escaped where they
//! must be and only there. Numbers are whole and at most 2⁵³−1 either way, so that every reader of
//! JSON, whatever it holds numbers in, sees the same record.

use std::cmp::Ordering;

use serde::Serialize;
use serde_json::{Map, Number, Value};

mod writer;

pub(crate) use writer::{Extra, Extras};

/// The greatest whole number that every JSON reader holds exactly.
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// A number that not every reader would read alike.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no whole number between -(2^53-1) and 2^53-1; write it as a string")]
pub struct NumberError(String);

/// Something that has no one spelling.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A number in it is not read alike everywhere.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// It is not what JSON can say.
    #[error("no JSON: {0}")]
    Shape(String),
}

/// The one spelling of what `value` serializes to: the same as [`text`] of its JSON value, sooner.
///
/// # Errors
/// If a number in it is a fraction or too large, or it is not what JSON can say.
///
/// ```
/// use bailiwick_ledger::{Entry, canonical};
/// let entry = Entry { outcome: Some("ok".into()), ..Entry::of("credential.issued") };
/// assert_eq!(canonical::of(&entry)?, r#"{"event":"credential.issued","outcome":"ok"}"#);
/// # Ok::<(), canonical::WriteError>(())
/// ```
pub fn of<T: Serialize>(value: &T) -> Result<String, WriteError> {
    with(value, &[])
}

/// The one spelling of an object and these members.
pub(crate) fn with<T: Serialize>(value: &T, extras: Extras<'_>) -> Result<String, WriteError> {
    let mut writer = writer::Writer::new(extras);
    value.serialize(&mut writer)?;
    writer.into_text()
}

/// The one spelling of `value`.
///
/// # Errors
/// If a number in it is a fraction or too large.
///
/// ```
/// use bailiwick_ledger::canonical;
/// let value = serde_json::json!({"b": [1, true], "a": "\u{7}é"});
/// assert_eq!(canonical::text(&value)?, r#"{"a":"\u0007é","b":[1,true]}"#);
/// assert!(canonical::text(&serde_json::json!(0.5)).is_err());
/// # Ok::<(), canonical::NumberError>(())
/// ```
pub fn text(value: &Value) -> Result<String, NumberError> {
    let mut text = String::with_capacity(512);
    write(value, &mut text)?;
    Ok(text)
}

fn write(value: &Value, text: &mut String) -> Result<(), NumberError> {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Number(number) => write_number(number, text)?,
        Value::String(string) => write_string(string, text),
        Value::Array(elements) => {
            text.push('[');
            for (at, element) in elements.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write(element, text)?;
            }
            text.push(']');
        }
        Value::Object(members) => write_object(members, text)?,
    }
    Ok(())
}

fn write_object(members: &Map<String, Value>, text: &mut String) -> Result<(), NumberError> {
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    sorted.sort_by(|(left, _), (right, _)| by_utf_16(left, right));
    text.push('{');
    for (at, (name, value)) in sorted.into_iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        write_string(name, text);
        text.push(':');
        write(value, text)?;
    }
    text.push('}');
    Ok(())
}

fn by_utf_16(left: &str, right: &str) -> Ordering {
    // The two orders differ only where one text has a character beyond the first 65,536.
    if left.is_ascii() {
        return left.cmp(right);
    }
    left.encode_utf16().cmp(right.encode_utf16())
}

fn write_number(number: &Number, text: &mut String) -> Result<(), NumberError> {
    let magnitude = number
        .as_u64()
        .or_else(|| number.as_i64().map(i64::unsigned_abs));
    match magnitude {
        Some(0..=INTEGER_MAX) => {
            text.push_str(&number.to_string());
            Ok(())
        }
        Some(_) | None => Err(NumberError(number.to_string())),
    }
}

fn write_string(string: &str, text: &mut String) {
    text.push('"');
    if string.bytes().all(is_plain) {
        text.push_str(string);
    } else {
        write_escaped(string, text);
    }
    text.push('"');
}

fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}

fn write_escaped(string: &str, text: &mut String) {
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\u{c}' => text.push_str("\\f"),
            '\r' => text.push_str("\\r"),
            '\0'..='\u{1f}' => text.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    // RFC 8785, section 3.2.3.
    #[test]
    fn members_are_sorted_as_utf_16() {
        let value = json!({
            "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet",
            "1": "One", "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control",
            "\u{f6}": "Latin Small Letter O With Diaeresis"
        });
        let text = text(&value).unwrap();
        let order = [
            "Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew",
        ];
        let places: Vec<_> = order.iter().map(|word| text.find(word).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
        assert_eq!(of(&value).unwrap(), text);
    }

    #[test]
    fn every_shape_of_serde_has_the_spelling_of_its_value() {
        #[derive(Serialize)]
        enum Shape {
            Unit,
            New(u8),
            Tuple(i64, Option<bool>),
            Struct {
                z: char,
                a: (),
                list: Vec<&'static str>,
            },
        }
        let shapes = [
            Shape::Unit,
            Shape::New(7),
            Shape::Tuple(-3, None),
            Shape::Tuple(3, Some(true)),
            Shape::Struct {
                z: '"',
                a: (),
                list: vec!["\u{1f}", "é\\"],
            },
        ];
        let value = serde_json::to_value(&shapes).unwrap();
        assert_eq!(of(&shapes).unwrap(), text(&value).unwrap());
        let numbered = std::collections::BTreeMap::from([(1, 2)]);
        assert!(matches!(of(&numbered), Err(WriteError::Shape(_))));
        assert!(with(&7, &[("v", Extra::Number(1))]).is_err());
    }

    #[test]
    fn only_numbers_that_every_reader_reads_alike_are_written() {
        for (number, is_written) in [
            (json!(9_007_199_254_740_991_u64), true),
            (json!(9_007_199_254_740_992_u64), false),
            (json!(-9_007_199_254_740_991_i64), true),
            (json!(i64::MIN), false),
            (json!(1.0), false),
            (json!(0), true),
        ] {
            assert_eq!(text(&number).is_ok(), is_written, "{number}");
            assert_eq!(of(&number).is_ok(), is_written, "{number}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reading_and_writing_again_changes_nothing(value in value()) {
            let written = text(&value).unwrap();
            let read: Value = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(&read, &value);
            prop_assert_eq!(text(&read).unwrap(), written);
        }

        #[test]
        fn both_ways_to_write_are_one_spelling(value in value()) {
            prop_assert_eq!(of(&value).unwrap(), text(&value).unwrap());
        }
    }
}
