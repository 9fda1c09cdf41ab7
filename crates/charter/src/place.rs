//! Where in its file a charter says something, and what is wrong there.

use std::{collections::BTreeMap, fmt};

/// A line and a column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The places of what a charter says, by path: `tasks.reconcile.read.0.actions.1`.
///
/// Two charters are equal when they say the same, wherever it stood: so are all places.
#[derive(Debug, Clone, Default)]
pub struct Places(BTreeMap<String, Place>);

impl Places {
    pub(crate) fn note(&mut self, path: &str, place: Place) {
        self.0.insert(path.to_owned(), place);
    }

    /// The place of `path`, or of the nearest thing around it.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<Place> {
        let mut path = path;
        loop {
            if let Some(&place) = self.0.get(path) {
                return Some(place);
            }
            (path, _) = path.rsplit_once('.')?;
        }
    }
}

impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Places {}

/// One thing that keeps a text from being a charter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub place: Place,
    pub what: String,
    pub mend: String,
}

/// Why a text is no charter: everything that is wrong with it, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct CharterError {
    pub file: String,
    pub problems: Vec<Problem>,
}

impl fmt::Display for CharterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            let Problem { place, what, mend } = problem;
            let separator = if at == 0 { "" } else { "\n" };
            write!(f, "{separator}{}:{place}: {what}; {mend}", self.file)?;
        }
        Ok(())
    }
}
