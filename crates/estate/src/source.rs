//! Where a fact was read, and what could not be read.

use std::fmt;

use crate::arena::Id;

/// A file that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As a person would name it: the path given, and the path below it.
    pub name: String,
    pub holds: Holds,
}

/// What a file turned out to hold. Files are known by content, whatever their name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    Organization,
    /// `aws iam get-account-authorization-details`.
    AuthorizationDetails,
    /// What that call omits.
    IamExtra,
    Resources,
    /// Answers of service calls.
    Calls,
    /// Read by other parts of Bailiwick: charters, usage, a trail.
    Beside(Beside),
    /// Nothing of it was read, for this reason.
    Ignored(String),
}

/// What may stand beside an `estate/` folder and belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    Charter,
    Usage,
    Trail,
}

/// The place of a value in a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    pub source: Id<Source>,
    /// RFC 6901; empty is the whole file.
    pub pointer: Box<str>,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

/// How an [`Incomplete`] begins that tells of missing pages of an account's principals.
pub const MORE_PRINCIPALS: &str = "more principals of account";

/// Something that cannot be told, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Incomplete {
    pub what: String,
    pub why: String,
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}
