//! The circumstances of a request: condition keys and their values, and what is not known of them.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// Condition keys and their values.
///
/// Keys are compared without regard to case. A context is complete unless said otherwise: a key that
/// is not in it is absent from the request. In an incomplete one such a key is unknown, and single
/// keys can be said to be unknown in either.
// IAM-022
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Context {
    keys: BTreeMap<String, Entry>,
    open: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Entry {
    written: String,
    facts: Stored,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Stored {
    Unknown,
    Values(Values),
}

/// The values of a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Values {
    One(String),
    /// A list, which may hold one value or none. An empty list is the same as no key.
    Many(Vec<String>),
}

impl Values {
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values.as_slice(),
        }
        .iter()
        .map(String::as_str)
    }
}

impl From<&str> for Values {
    fn from(value: &str) -> Self {
        Self::One(value.to_owned())
    }
}

impl From<String> for Values {
    fn from(value: String) -> Self {
        Self::One(value)
    }
}

impl From<Vec<String>> for Values {
    fn from(values: Vec<String>) -> Self {
        Self::Many(values)
    }
}

impl<const N: usize> From<[&str; N]> for Values {
    fn from(values: [&str; N]) -> Self {
        Self::Many(values.map(str::to_owned).to_vec())
    }
}

/// What is known of one key of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facts<'a> {
    Absent,
    Unknown,
    Values(&'a Values),
}

impl Context {
    /// A context of which nothing is known: a key that is not added is unknown.
    #[must_use]
    pub fn incomplete() -> Self {
        Self {
            keys: BTreeMap::new(),
            open: true,
        }
    }

    /// This context with a key more, or with another value for a key it has.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, values: impl Into<Values>) -> Self {
        self.set(key, values);
        self
    }

    /// This context with a key of which it is not known whether it is present, and what it says.
    #[must_use]
    pub fn unknown(mut self, key: impl Into<String>) -> Self {
        self.insert(key.into(), Stored::Unknown);
        self
    }

    pub fn set(&mut self, key: impl Into<String>, values: impl Into<Values>) {
        self.insert(key.into(), Stored::Values(values.into()));
    }

    /// Takes a key out; what that means depends on [`Context::is_complete`].
    pub fn remove(&mut self, key: &str) {
        self.keys.remove(&key.to_ascii_lowercase());
    }

    /// What is known of a key, in any case of letters.
    #[must_use]
    pub fn facts(&self, key: &str) -> Facts<'_> {
        if key.bytes().any(|byte| byte.is_ascii_uppercase()) {
            self.facts_of_lowered(&key.to_ascii_lowercase())
        } else {
            self.facts_of_lowered(key)
        }
    }

    /// What this context itself says of a key that is already in lower case: `None` if it says
    /// nothing, and then [`Context::is_complete`] decides.
    pub(crate) fn stated(&self, lowered: &str) -> Option<Facts<'_>> {
        if self.keys.is_empty() {
            return None;
        }
        self.keys.get(lowered).map(|entry| match &entry.facts {
            Stored::Unknown => Facts::Unknown,
            Stored::Values(Values::Many(values)) if values.is_empty() => Facts::Absent,
            Stored::Values(values) => Facts::Values(values),
        })
    }

    fn facts_of_lowered(&self, lowered: &str) -> Facts<'_> {
        self.stated(lowered).unwrap_or(if self.open {
            Facts::Unknown
        } else {
            Facts::Absent
        })
    }

    /// Whether a key that is not in this context is known to be absent.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.open
    }

    pub fn set_complete(&mut self, complete: bool) {
        self.open = !complete;
    }

    /// The keys that are known, as they were written, in the order of their lower-case spelling.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Values)> {
        self.keys.values().filter_map(|entry| match &entry.facts {
            Stored::Unknown => None,
            Stored::Values(values) => Some((entry.written.as_str(), values)),
        })
    }

    /// The keys that were said to be unknown.
    pub fn unknown_keys(&self) -> impl Iterator<Item = &str> {
        self.keys.values().filter_map(|entry| match &entry.facts {
            Stored::Unknown => Some(entry.written.as_str()),
            Stored::Values(_) => None,
        })
    }

    fn insert(&mut self, written: String, facts: Stored) {
        let lowered = written.to_ascii_lowercase();
        self.keys.insert(lowered, Entry { written, facts });
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(value) => serializer.serialize_str(value),
            Self::Many(values) => values.serialize(serializer),
        }
    }
}

impl Serialize for Context {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
