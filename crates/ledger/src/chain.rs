//! Entries in their order, each naming the one before by its hash.

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use crate::{
    Entry, Hash,
    canonical::{self, Extra, NumberError, WriteError},
    tree::Frontier,
};

/// The version of the format, the field `v` of every entry.
pub const VERSION: u64 = 1;

/// The longest text of one entry. A decision takes some 600 bytes; recorded arguments come on top.
pub const RECORD_LENGTH_MAX: usize = 1 << 20;

/// When and by whom an entry is placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The fencing epoch of the writer. It never falls along a ledger.
    pub epoch: u64,
    /// The time, in milliseconds since 1970.
    pub time_ms: u64,
    /// The process that wrote it.
    pub replica: String,
}

/// The end of a ledger: all that is needed to append to it, whatever its length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    head: Hash,
    frontier: Frontier,
}

impl Chain {
    /// The end of a ledger whose last entry has this hash, and whose tree has this frontier.
    pub fn resume(head: Hash, frontier: Frontier) -> Self {
        Self { head, frontier }
    }

    /// The sequence number that the next entry gets. The first is 0, so this is the length.
    pub fn len(&self) -> u64 {
        self.frontier.size()
    }

    /// Whether nothing was ever written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The hash of the last entry, zero if there is none.
    pub fn head(&self) -> Hash {
        self.head
    }

    /// The tree over all entries.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Gives an entry its place at the end.
    ///
    /// # Errors
    /// If the entry cannot be written so that every reader reads it alike, or is too long. The
    /// chain is then as it was.
    pub fn append(&mut self, entry: &Entry, stamp: &Stamp) -> Result<Record, AppendError> {
        self.append_seeing(entry, stamp, |_, _, _| ())
    }

    /// As [`Chain::append`], and tells `completed` the level, index and hash of each inner node of
    /// the tree that the entry completes.
    ///
    /// # Errors
    /// As [`Chain::append`].
    pub fn append_seeing(
        &mut self,
        entry: &Entry,
        stamp: &Stamp,
        completed: impl FnMut(u8, u64, Hash),
    ) -> Result<Record, AppendError> {
        let seq = self.len();
        let place = [
            ("v", Extra::Number(VERSION)),
            ("seq", Extra::Number(seq)),
            ("epoch", Extra::Number(stamp.epoch)),
            ("time_ms", Extra::Number(stamp.time_ms)),
            ("replica", Extra::Text(&stamp.replica)),
        ];
        let text = canonical::with(entry, &place)?;
        let record = Record::seal(seq, stamp.epoch, self.head, text)?;
        self.frontier.push_seeing(record.leaf(), completed);
        self.head = record.hash;
        Ok(record)
    }
}

/// Why an entry has no place in a ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// A number in it is not read alike everywhere.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// It is longer than [`RECORD_LENGTH_MAX`].
    #[error("an entry of {0} bytes, where {RECORD_LENGTH_MAX} is the most")]
    TooLong(usize),
    /// It cannot be written as a JSON object.
    #[error("the entry cannot be written: {0}")]
    Json(String),
}

impl From<WriteError> for AppendError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Number(error) => Self::Number(error),
            WriteError::Shape(said) => Self::Json(said),
        }
    }
}

/// An entry in its place: its canonical text, and what it follows.
///
/// The text is what was hashed. It is never written again from a typed [`Entry`], so that a field
/// of a later version, which this one does not know, is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    seq: u64,
    epoch: u64,
    prev: Hash,
    hash: Hash,
    text: String,
}

impl Record {
    fn seal(seq: u64, epoch: u64, prev: Hash, text: String) -> Result<Self, AppendError> {
        if text.len() > RECORD_LENGTH_MAX {
            return Err(AppendError::TooLong(text.len()));
        }
        Ok(Self {
            seq,
            epoch,
            prev,
            hash: Hash::of(&[prev.as_bytes(), text.as_bytes()]),
            text,
        })
    }

    /// Reads the canonical text of an entry that follows `prev`, as a database keeps it.
    ///
    /// # Errors
    /// If the text is not canonical or lacks its number.
    pub fn from_text(prev: Hash, text: &str) -> Result<Self, DecodeError> {
        let record = Self::of_members(prev, object(text)?)?;
        // What the text says twice or spells otherwise shows here.
        if record.text != text {
            return Err(DecodeError::NotCanonical);
        }
        Ok(record)
    }

    /// Reads one line of an exported ledger.
    ///
    /// # Errors
    /// If the line is not the one spelling of an entry with its hashes, or if its hash is not that
    /// of its text.
    pub fn from_line(line: &str) -> Result<Self, DecodeError> {
        let read: Line<'_> = serde_json::from_str(line).map_err(DecodeError::json)?;
        let record = Self::from_text(read.prev, read.entry.get())?;
        if record.hash != read.hash {
            return Err(DecodeError::Hash {
                seq: record.seq,
                stated: read.hash,
                is: record.hash,
            });
        }
        if record.to_line() != line {
            return Err(DecodeError::NotCanonical);
        }
        Ok(record)
    }

    fn of_members(prev: Hash, members: Map<String, Value>) -> Result<Self, DecodeError> {
        let number = |name: &'static str| {
            let number = members.get(name).and_then(Value::as_u64);
            number.ok_or(DecodeError::Field(name))
        };
        let (version, seq, epoch) = (number("v")?, number("seq")?, number("epoch")?);
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        let text = canonical::text(&Value::Object(members))?;
        Self::seal(seq, epoch, prev, text).map_err(|error| match error {
            AppendError::Number(error) => DecodeError::Number(error),
            AppendError::TooLong(_) => DecodeError::TooLong,
            AppendError::Json(said) => DecodeError::Json(said),
        })
    }

    /// The line of an exported ledger, without its end.
    pub fn to_line(&self) -> String {
        let Self {
            text, hash, prev, ..
        } = self;
        format!(r#"{{"entry":{text},"hash":"{hash}","prev":"{prev}"}}"#)
    }

    /// Its place, counted from 0.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The fencing epoch of its writer.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The hash of the entry before.
    pub fn prev(&self) -> Hash {
        self.prev
    }

    /// `SHA-256(prev ‖ text)`.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Its canonical text, without `prev` and `hash`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its leaf in the tree.
    pub fn leaf(&self) -> Hash {
        crate::tree::leaf(self.hash.as_bytes())
    }

    /// What it says, as far as this version knows the fields.
    ///
    /// # Errors
    /// If a known field holds something of another type.
    pub fn entry(&self) -> Result<Entry, DecodeError> {
        serde_json::from_str(&self.text).map_err(DecodeError::json)
    }

    /// When it was written, in milliseconds since 1970.
    pub fn time_ms(&self) -> Option<u64> {
        let members = object(&self.text).ok()?;
        members.get("time_ms")?.as_u64()
    }
}

/// Why a text is no entry of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It is no JSON object.
    #[error("no JSON object: {0}")]
    Json(String),
    /// A number in it is not read alike everywhere.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// It is JSON, but not the one spelling of it: spaced, unsorted, or with a member twice.
    #[error("not written canonically (RFC 8785)")]
    NotCanonical,
    /// A field that every entry has is absent or of another type.
    #[error("the field `{0}` is absent or of another type")]
    Field(&'static str),
    /// It is of a version that this program does not know.
    #[error("version {0} of the format, where this program knows {VERSION}")]
    Version(u64),
    /// Its text was changed, or its hash.
    #[error("entry {seq}: its hash is {is}, and it says {stated}")]
    Hash {
        /// Which entry.
        seq: u64,
        /// What the line says.
        stated: Hash,
        /// What its text makes.
        is: Hash,
    },
    /// It is longer than an entry may be.
    #[error("longer than {RECORD_LENGTH_MAX} bytes")]
    TooLong,
}

impl DecodeError {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the shape that `map_err` wants"
    )]
    fn json(error: serde_json::Error) -> Self {
        Self::Json(error.to_string())
    }
}

/// A line of an exported ledger. The text of the entry is taken as it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    entry: &'a RawValue,
    hash: Hash,
    prev: Hash,
}

fn object(text: &str) -> Result<Map<String, Value>, DecodeError> {
    if text.len() > RECORD_LENGTH_MAX {
        return Err(DecodeError::TooLong);
    }
    serde_json::from_str(text).map_err(DecodeError::json)
}

#[cfg(test)]
mod tests;
