//! Policy documents: every one that stands somewhere, and each distinct text read once.

use std::sync::Arc;

use bailiwick_iam::{arn::Arn, policy::Policy};

use crate::{
    arena::{Arena, Id},
    source::Place,
};

/// A policy where it stands: a managed policy once, an inline or trust policy once a principal.
#[derive(Debug, Clone)]
pub struct PolicyDocument {
    /// The policy's name; for a trust policy, `trust of NAME`.
    pub name: Box<str>,
    /// Managed policies alone have one.
    pub arn: Option<Arn>,
    /// Where the document stands; where it is named, if it is missing.
    pub place: Place,
    pub content: Content,
}

/// What a document says, so far as it could be read.
#[derive(Debug, Clone)]
pub enum Content {
    Read(Id<Text>),
    /// It is there and cannot be read. What it grants and denies is unknown.
    Unreadable {
        why: Box<str>,
    },
    /// It is named and is in none of the files. What it grants and denies is unknown.
    Missing,
}

/// A distinct document text. Documents that say the same word for word share it.
#[derive(Debug, Clone)]
pub struct Text {
    pub policy: Arc<Policy>,
    /// Where each statement begins: lines below the document's first, and the
    /// column (on the first line: columns past the document's own). `None` if the
    /// document stood inside a JSON string, where its lines are not the file's.
    pub(crate) statements: Option<Box<[(u32, u32)]>>,
}

impl PolicyDocument {
    /// Whether what it grants and denies is unknown.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        match self.content {
            Content::Read(_) => false,
            Content::Unreadable { .. } | Content::Missing => true,
        }
    }

    pub(crate) fn statement_place(&self, texts: &Arena<Text>, statement: usize) -> Place {
        let mut place = self.place.clone();
        let text = match self.content {
            Content::Read(text) => texts.at(text),
            Content::Unreadable { .. } | Content::Missing => return place,
        };
        let Some(statements) = &text.statements else {
            return place;
        };
        if let Some(&(lines, column)) = statements.get(statement) {
            if lines == 0 {
                place.column += column;
            } else {
                place.column = column;
            }
            place.line += lines;
            place.pointer = format!("{}/Statement/{statement}", place.pointer).into();
        }
        place
    }
}
