//! Where a value came from.
//!
//! What a tool answered is remembered by the hashes of the values in it, under the label of the
//! tool. An argument that holds one of them carries that label, and a tool with an outward effect
//! takes it only where the charter says so.
//!
//! A model can say the same in other words, and then nothing is recognised: this catches the
//! account number, the address and the link that a page put there, and not the idea. What cannot be
//! looked at at all (an answer that passed by, more values than are remembered) counts as holding
//! every value.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::json::Value;

/// How many values of one label a grant remembers. With more, every value counts as seen.
pub(crate) const VALUES_MAX: usize = 1_024;

/// The values of one label that a grant has seen, by their hashes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    These(BTreeSet<u64>),
    /// More than are remembered, or some that nobody looked at.
    Everything,
}

impl Default for Seen {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

impl Seen {
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn holds(&self, hash: u64) -> bool {
        match self {
            Self::These(hashes) => hashes.contains(&hash),
            Self::Everything => true,
        }
    }

    pub(crate) fn add(&mut self, hash: u64) {
        if let Self::These(hashes) = self {
            hashes.insert(hash);
            if hashes.len() > VALUES_MAX {
                *self = Self::Everything;
            }
        }
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::These(hashes) => write!(f, "{} values", hashes.len()),
            Self::Everything => f.write_str("everything"),
        }
    }
}

/// Eight bytes a hash, in their order; `*` is everything.
impl Serialize for Seen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::These(hashes) => {
                let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_be_bytes()).collect();
                serializer.serialize_str(&BASE64.encode(bytes))
            }
            Self::Everything => serializer.serialize_str("*"),
        }
    }
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "*" {
            return Ok(Self::Everything);
        }
        let bytes = BASE64.decode(text).map_err(serde::de::Error::custom)?;
        let (hashes, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() || hashes.len() > VALUES_MAX {
            return Err(serde::de::Error::custom("not a list of hashes"));
        }
        Ok(Self::These(
            hashes
                .iter()
                .map(|hash| u64::from_be_bytes(*hash))
                .collect(),
        ))
    }
}

/// Every value by which a source could be recognised: whole texts and numbers, and in longer texts
/// what looks like a name of something: an address, a link, a number, an identifier.
///
/// Names are the tool's own and no values, but for those inside of an argument, which its caller may
/// have chosen.
///
/// `each` is asked with the path of the value and its spelling, and ends the search by answering
/// `false`.
pub(crate) fn values(value: &Value, path: &str, each: &mut dyn FnMut(&str, &str) -> bool) -> bool {
    match value {
        // Two booleans are alike too often to say anything.
        Value::Null | Value::Bool(_) => true,
        Value::Long(number) => number_in(&number.to_string(), path, each),
        Value::Decimal(number) => number_in(&number.to_string(), path, each),
        Value::Text(text) => texts(text, path, each),
        Value::List(values) => values.iter().all(|value| self::values(value, path, each)),
        Value::Record(members) => members.iter().all(|(name, value)| {
            let is_free = path.starts_with("args.");
            let path = format!("{path}.{name}");
            (!is_free || texts(name, &path, each)) && values(value, &path, each)
        }),
    }
}

/// The shortest text that says where it came from.
const TEXT_LENGTH_MIN: usize = 4;

/// Small numbers are alike by chance.
fn number_in(digits: &str, path: &str, each: &mut dyn FnMut(&str, &str) -> bool) -> bool {
    let significant = digits.bytes().filter(u8::is_ascii_digit).count();
    significant < TEXT_LENGTH_MIN || each(path, digits)
}

fn texts(text: &str, path: &str, each: &mut dyn FnMut(&str, &str) -> bool) -> bool {
    let whole = text.trim().to_lowercase();
    if whole.len() >= TEXT_LENGTH_MIN && !each(path, &whole) {
        return false;
    }
    let words = whole.split(|letter: char| !is_of_a_word(letter));
    for word in words {
        let word = word.trim_matches(is_at_an_edge);
        if word.len() < TEXT_LENGTH_MIN || word == whole || !is_a_name(word) {
            continue;
        }
        if !each(path, word) {
            return false;
        }
        // `mailto:a@b.example` and `https://b.example/x`: what is in it may be sent alone.
        for part in word.split(['/', ':', '=', '@', '?', '&', '#']) {
            let part = part.trim_matches(is_at_an_edge);
            let is_worth = part.len() >= TEXT_LENGTH_MIN && part != word && is_a_name(part);
            if is_worth && !each(path, part) {
                return false;
            }
        }
    }
    true
}

fn is_of_a_word(letter: char) -> bool {
    letter.is_alphanumeric() || "@._-+/:=?&#%~$".contains(letter)
}

fn is_at_an_edge(letter: char) -> bool {
    ".-_/:=?&#".contains(letter)
}

/// Whether a word is more than a word of a language: it has a digit, or a sign inside.
fn is_a_name(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit())
        || word.contains(['@', '.', '_', '/', ':', '=', '#'])
}

#[cfg(test)]
mod tests;
