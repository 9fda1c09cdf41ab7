//! One file being read.

use bailiwick_iam::arn::AccountId;

use super::{
    File, LoadError,
    read::{Piece, nearest},
    stream::{PIECE_LENGTH_MAX, Stream, StreamError, StreamProblem},
};
use crate::{arena::Id, source::Source};

/// A file being read, and what its name says about it.
pub(super) struct Reading<'r, 'n> {
    pub(super) name: &'n str,
    pub(super) source: Id<Source>,
    /// From the folder it stands in.
    pub(super) account: Option<AccountId>,
    pub(super) region: Option<String>,
    stream: Stream<'r>,
}

impl<'r, 'n> Reading<'r, 'n> {
    pub(super) fn open(
        file: &'r File<'_>,
        name: &'n str,
        source: Id<Source>,
    ) -> Result<Self, LoadError> {
        let reader = (file.open)().map_err(|error| unreadable(name, &error))?;
        let stream = Stream::new(reader).map_err(|error| told(name, &error))?;
        Ok(Self {
            name,
            source,
            account: None,
            region: None,
            stream,
        })
    }

    pub(super) fn peek(&mut self) -> Result<Option<u8>, LoadError> {
        self.stream.peek().map_err(|error| told(self.name, &error))
    }

    pub(super) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), LoadError> {
        let found = self.stream.expect(byte, expected);
        found.map_err(|error| told(self.name, &error))
    }

    pub(super) fn has_element(&mut self, is_first: bool) -> Result<bool, LoadError> {
        let found = self.stream.has_element(is_first);
        found.map_err(|error| told(self.name, &error))
    }

    pub(super) fn skip(&mut self) -> Result<(), LoadError> {
        self.stream.skip().map_err(|error| told(self.name, &error))
    }

    pub(super) fn piece(&mut self, pointer: String) -> Result<Piece<'n>, LoadError> {
        let raw = self
            .stream
            .value()
            .map_err(|error| told(self.name, &error))?;
        Ok(Piece::new(self.name, self.source, raw, pointer))
    }

    /// The next member of an object, its value not yet read. `seen` holds the names before it.
    pub(super) fn member(
        &mut self,
        seen: &mut Vec<String>,
        pointer: &str,
    ) -> Result<Option<String>, LoadError> {
        let found = self.stream.member(seen.is_empty());
        let Some(raw) = found.map_err(|error| told(self.name, &error))? else {
            return Ok(None);
        };
        let (line, column) = (raw.line, raw.column);
        let name = Piece::new(self.name, self.source, raw, pointer.to_owned());
        let name = name.value()?.text()?;
        if seen.contains(&name) {
            return Err(LoadError {
                file: self.name.to_owned(),
                line,
                column,
                pointer: format!("{pointer}/{name}"),
                problem: format!("`{name}` stands twice in one object"),
                mend: format!("keep one `{name}`: readers disagree on which one counts"),
            });
        }
        // Only a hostile object has thousands of members here, and looking through them all would
        // take the square of that.
        if seen.len() < 256 {
            seen.push(name.clone());
        }
        Ok(Some(name))
    }

    /// Every element of the list that comes next, one piece at a time. `null` is an empty list.
    pub(super) fn each(
        &mut self,
        pointer: &str,
        mut take: impl FnMut(&Piece<'_>) -> Result<(), LoadError>,
    ) -> Result<(), LoadError> {
        if self.peek()? == Some(b'n') {
            return self.skip();
        }
        self.expect(b'[', "a list")?;
        let mut index = 0;
        while self.has_element(index == 0)? {
            take(&self.piece(format!("{pointer}/{index}"))?)?;
            index += 1;
        }
        Ok(())
    }

    /// Checks that nothing follows.
    pub(super) fn end(&mut self) -> Result<(), LoadError> {
        match self.peek()? {
            None => Ok(()),
            Some(_) => {
                let error = self
                    .stream
                    .wrong(StreamProblem::Syntax("the end of the file"));
                Err(told(self.name, &error))
            }
        }
    }

    /// What the file holds, going by the names at its top.
    pub(super) fn recognise(&mut self) -> Result<Recognised, LoadError> {
        match self.peek()? {
            None => Err(told(self.name, &self.stream.wrong(StreamProblem::Empty))),
            Some(b'{') => self.recognise_object(),
            Some(b'[') => {
                self.expect(b'[', "a list")?;
                if !self.has_element(true)? {
                    return Ok(Recognised::Resources);
                }
                if self.peek()? != Some(b'{') {
                    return Ok(Recognised::Other("a list of no objects"));
                }
                Ok(match self.recognise_object()? {
                    Recognised::Details => Recognised::Details,
                    Recognised::Resource => Recognised::Resources,
                    _ => Recognised::Other("a list of nothing known"),
                })
            }
            Some(_) => Ok(Recognised::NotJson),
        }
    }

    fn recognise_object(&mut self) -> Result<Recognised, LoadError> {
        self.expect(b'{', "an object")?;
        let mut seen = Vec::new();
        while let Some(name) = self.member(&mut seen, "")? {
            if let Some(found) = telling(&name) {
                return Ok(found);
            }
            self.skip()?;
        }
        let names: Vec<&str> = seen.iter().map(String::as_str).collect();
        Ok(if names.contains(&"arn") {
            Recognised::Resource
        } else if ["action", "count"].iter().all(|name| names.contains(name)) {
            Recognised::Usage
        } else if seen.iter().any(|name| nearest(name, &TELLING).is_some()) {
            Recognised::Misspelt(seen)
        } else {
            Recognised::Other("JSON with no name at its top that a snapshot has")
        })
    }
}

/// What a file holds.
pub(super) enum Recognised {
    Details,
    Organization,
    Extra,
    Calls,
    Resources,
    /// One resource, or one without its list.
    Resource,
    Usage,
    Trail,
    /// These names; at least one is nearly one of ours.
    Misspelt(Vec<String>),
    /// Something else, in a few words.
    Other(&'static str),
    NotJson,
}

const TELLING: [&str; 10] = [
    "UserDetailList",
    "GroupDetailList",
    "RoleDetailList",
    "management_account",
    "roots",
    "access_keys",
    "service_specific_credentials",
    "calls",
    "Policies",
    "roles",
];

fn telling(name: &str) -> Option<Recognised> {
    Some(match name {
        "UserDetailList" | "GroupDetailList" | "RoleDetailList" | "Policies" => Recognised::Details,
        "management_account" | "roots" => Recognised::Organization,
        "roles" | "access_keys" | "service_specific_credentials" => Recognised::Extra,
        "calls" => Recognised::Calls,
        "coverage" => Recognised::Usage,
        "Records" => Recognised::Trail,
        "AWSTemplateFormatVersion" | "Resources" => Recognised::Other("a CloudFormation template"),
        "planned_values" | "resource_changes" => Recognised::Other("a Terraform plan"),
        "Statement" => Recognised::Other("a policy that nothing here is said to carry"),
        _ => return None,
    })
}

pub(super) fn unreadable(file: &str, error: &std::io::Error) -> LoadError {
    LoadError {
        file: file.to_owned(),
        line: 0,
        column: 0,
        pointer: String::new(),
        problem: format!("cannot be read: {error}"),
        mend: "check that it exists and that you may read it".into(),
    }
}

fn told(file: &str, error: &StreamError) -> LoadError {
    let (problem, mend) = match &error.problem {
        StreamProblem::Io(error) => return unreadable(file, error),
        StreamProblem::Truncated => (
            "the file ends in the middle of a value".to_owned(),
            "it was cut off: make it again",
        ),
        StreamProblem::Empty => (
            "the file is empty".to_owned(),
            "the command that made it probably failed: make it again",
        ),
        StreamProblem::Syntax(expected) => (
            format!("not valid JSON: expected {expected}"),
            "mend the JSON at this place, or make the file again",
        ),
        StreamProblem::TooLong => (
            format!("one value is longer than {PIECE_LENGTH_MAX} bytes"),
            "no answer of AWS has values of this length; is this the right file?",
        ),
        StreamProblem::NotUtf8 => (
            "not UTF-8".to_owned(),
            "save it as UTF-8; is this the right file?",
        ),
        StreamProblem::Utf16 => (
            "the file is UTF-16".to_owned(),
            "save it as UTF-8; in PowerShell: … | Out-File -Encoding utf8 FILE",
        ),
    };
    LoadError {
        file: file.to_owned(),
        line: error.line,
        column: error.column,
        pointer: String::new(),
        problem,
        mend: mend.to_owned(),
    }
}
