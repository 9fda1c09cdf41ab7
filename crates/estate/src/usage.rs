//! What was used: the calls of a trail, folded by role, session, action and resource.
//!
//! A usage file is lines of JSON. The first may say what the trail could see; without it, a right
//! that no line shows is not known to be unused.
//!
//! ```
//! use bailiwick_estate::usage::Usage;
//!
//! let text = br#"{"coverage":{"from":"2026-08-23T00:00:00Z","to":"2026-11-21T00:00:00Z","accounts":["111122223333"],"regions":["us-east-1"],"selectors":["management"]}}
//! {"account":"111122223333","role":"arn:aws:iam::111122223333:role/reader","session":"s","agent":null,"how_sure":"unknown","action":"s3:GetObject","resource":"arn:aws:s3:::ledger/1","count":3,"first":"2026-09-01T00:00:00Z","last":"2026-09-02T00:00:00Z","errors":{},"events":[]}"#;
//! let usage = Usage::read("usage.ndjson", text.as_slice())?;
//! assert_eq!(usage.coverage.map(|it| it.days()), Some(90));
//! assert_eq!(usage.lines.len(), 1);
//! # Ok::<(), bailiwick_estate::usage::UsageError>(())
//! ```

mod moment;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    io::{self, BufRead},
};

use bailiwick_iam::arn::{AccountId, Arn};
use serde::{Deserialize, Serialize};

pub use moment::{Moment, ParseMomentError};

/// The longest line. A fold keeps some sample events a line, never all.
pub const LINE_LENGTH_MAX: u64 = 1 << 20;

/// What was used, and what could be seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    /// `None`: nobody said what the trail could see, so nothing may be called unused.
    pub coverage: Option<Coverage>,
    /// In the order they were read.
    pub lines: Vec<Used>,
}

/// What a trail could see: when, where, and by which selectors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    pub from: Moment,
    pub to: Moment,
    pub accounts: Vec<AccountId>,
    pub regions: Vec<String>,
    /// `management`, and the resource types of data events such as `AWS::S3::Object`.
    pub selectors: Vec<String>,
}

/// What one session did with one resource, folded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Used {
    pub account: AccountId,
    pub role: Arn,
    #[serde(default)]
    pub session: Option<String>,
    /// `None`: no agent can be named.
    pub agent: Option<Arn>,
    pub how_sure: HowSure,
    /// `service:Name`.
    pub action: String,
    /// An ARN, or `*` where the action takes no resource.
    pub resource: String,
    pub count: u64,
    pub first: Moment,
    pub last: Moment,
    /// How many of the calls failed, by AWS's word for why.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
    /// Ids of some of the events.
    #[serde(default)]
    pub events: Vec<String>,
}

/// How sure it is that the agent named is the one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HowSure {
    Certain,
    Likely,
    Unknown,
}

/// Why a file is no usage: where, what, and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct UsageError {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    pub problem: String,
    pub mend: &'static str,
}

impl Coverage {
    /// Whole days from beginning to end.
    #[must_use]
    pub fn days(&self) -> i64 {
        self.from.days_until(&self.to)
    }

    /// Whether a selector was on, such as `management` or `AWS::S3::Object`.
    #[must_use]
    pub fn sees(&self, selector: &str) -> bool {
        self.selectors.iter().any(|it| it == selector)
    }
}

impl Used {
    /// Whether some call went through: what was always refused was never had.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        let failed = self
            .errors
            .values()
            .fold(0_u64, |sum, count| sum.saturating_add(*count));
        failed < self.count
    }
}

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Coverage(Option<Coverage>),
    Used(Box<Used>),
}

/// The first line, if it is one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    coverage: Option<Coverage>,
}

impl Usage {
    /// Reads a usage file, named `file` in errors.
    ///
    /// # Errors
    /// The first line that is no usage, with its place.
    pub fn read(file: &str, reader: impl BufRead) -> Result<Self, UsageError> {
        let mut usage = Self::default();
        for used in Lines::new(file, reader) {
            match used? {
                Line::Coverage(coverage) => usage.coverage = coverage,
                Line::Used(used) => usage.lines.push(*used),
            }
        }
        Ok(usage)
    }

    /// The lines of a role, whoever its sessions were.
    pub fn of_role<'u>(&'u self, role: &'u Arn) -> impl Iterator<Item = &'u Used> {
        self.lines.iter().filter(move |used| used.role == *role)
    }

    /// The file that says this.
    ///
    /// # Errors
    /// None that a usage can cause; the type is the writer's.
    pub fn to_ndjson(&self) -> Result<String, serde_json::Error> {
        let head = serde_json::json!({ "coverage": self.coverage });
        let mut text = format!("{head}\n");
        for used in &self.lines {
            text.push_str(&serde_json::to_string(used)?);
            text.push('\n');
        }
        Ok(text)
    }
}

/// The lines of a file, one at a time.
struct Lines<'f, R> {
    file: &'f str,
    reader: R,
    number: usize,
    buffer: Vec<u8>,
    is_first: bool,
}

impl<'f, R: BufRead> Lines<'f, R> {
    fn new(file: &'f str, reader: R) -> Self {
        Self {
            file,
            reader,
            number: 0,
            buffer: Vec::new(),
            is_first: true,
        }
    }

    /// Whether there was another line; it is in the buffer.
    fn advance(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        self.number += 1;
        let mut limited = io::Read::take(&mut self.reader, LINE_LENGTH_MAX + 1);
        Ok(limited.read_until(b'\n', &mut self.buffer)? > 0)
    }

    fn wrong(&self, column: usize, problem: impl Into<String>, mend: &'static str) -> UsageError {
        UsageError {
            file: self.file.to_owned(),
            line: self.number,
            column: column.max(1),
            problem: problem.into(),
            mend,
        }
    }

    fn parse(&self, text: &str) -> Result<Line, UsageError> {
        let is_head = text
            .trim_start()
            .trim_start_matches('{')
            .trim_start()
            .starts_with("\"coverage\"");
        if is_head && !self.is_first {
            return Err(self.wrong(
                1,
                "a coverage that is not the first line",
                "say on the first line what the trail could see; one file has one coverage",
            ));
        }
        let refused = |error: &serde_json::Error| {
            let text = error.to_string();
            // The place is said once, and as the file's.
            let problem = text.rsplit_once(" at line ").map_or(&*text, |(it, _)| it);
            self.wrong(error.column(), problem, mend_of(error, is_head))
        };
        if is_head {
            let head: Head = serde_json::from_str(text).map_err(|error| refused(&error))?;
            self.ordered(head.coverage.as_ref())?;
            return Ok(Line::Coverage(head.coverage));
        }
        let used: Used = serde_json::from_str(text).map_err(|error| refused(&error))?;
        let is_action = used
            .action
            .split_once(':')
            .is_some_and(|(service, name)| !service.is_empty() && !name.is_empty())
            && !used.action.contains(['*', '?', ' ']);
        if !is_action {
            return Err(self.wrong(
                1,
                format!("`{}` is no action", used.action),
                "write a service, a colon and a name, without wildcards",
            ));
        }
        let is_resource = used.resource == "*" || used.resource.parse::<Arn>().is_ok();
        if !is_resource {
            return Err(self.wrong(
                1,
                format!("`{}` is neither an ARN nor `*`", used.resource),
                "write the whole ARN of one resource, or `*` where the action takes none",
            ));
        }
        Ok(Line::Used(Box::new(used)))
    }

    fn ordered(&self, coverage: Option<&Coverage>) -> Result<(), UsageError> {
        match coverage {
            Some(coverage) if coverage.from > coverage.to => Err(self.wrong(
                1,
                "a coverage that ends before it begins",
                "write the earlier moment as `from`",
            )),
            Some(_) | None => Ok(()),
        }
    }
}

fn mend_of(error: &serde_json::Error, is_head: bool) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Io => "read the file again",
        serde_json::error::Category::Syntax => "one whole JSON object a line",
        serde_json::error::Category::Eof => "the line ends inside its object: write it whole",
        serde_json::error::Category::Data if is_head => {
            "a coverage has from, to, accounts, regions and selectors"
        }
        serde_json::error::Category::Data => {
            "a line has account, role, session, agent, how_sure, action, resource, count, first, last, errors and events"
        }
    }
}

impl<R: BufRead> Iterator for Lines<'_, R> {
    type Item = Result<Line, UsageError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.advance() {
                Ok(false) => return None,
                Ok(true) => {}
                Err(error) => {
                    return Some(Err(self.wrong(1, error.to_string(), "read the file again")));
                }
            }
            if self.buffer.len() as u64 > LINE_LENGTH_MAX {
                let long = format!("a line of more than {LINE_LENGTH_MAX} bytes");
                return Some(Err(self.wrong(1, long, "one object a line")));
            }
            let text = match std::str::from_utf8(&self.buffer) {
                Ok(text) => text,
                Err(error) => {
                    let column = error.valid_up_to() + 1;
                    return Some(Err(self.wrong(
                        column,
                        "a byte that is not UTF-8",
                        "save the file as UTF-8",
                    )));
                }
            };
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            if text.trim().is_empty() {
                continue;
            }
            let line = self.parse(text);
            self.is_first = false;
            return Some(line);
        }
    }
}
