//! Taking typed values out of a piece of JSON, or pointing at the one that is not what it should be.

use std::cell::Cell;

use bailiwick_iam::{
    arn::{AccountId, Arn},
    json::{JsonError, Kind, Member, Node, Span},
};

use super::{
    LoadError,
    stream::{Raw, advanced},
};
use crate::{
    arena::Id,
    principal::Tags,
    source::{Place, Source},
};

/// A piece of a file, and how to find any place in it.
pub(crate) struct Piece<'f> {
    pub(crate) file: &'f str,
    pub(crate) source: Id<Source>,
    raw: Raw,
    /// Of the piece in its file.
    pointer: String,
    /// The place found last. Places are asked for from front to back, so counting goes on from here.
    last: Cell<(usize, u32, u32)>,
}

impl<'f> Piece<'f> {
    pub(crate) fn new(file: &'f str, source: Id<Source>, raw: Raw, pointer: String) -> Self {
        let last = Cell::new((0, raw.line, raw.column));
        Self {
            file,
            source,
            raw,
            pointer,
            last,
        }
    }

    pub(crate) fn value(&self) -> Result<Value<'_>, LoadError> {
        let node = Node::parse(&self.raw.text).map_err(|error| self.json(&self.pointer, &error))?;
        Ok(Value {
            piece: self,
            node,
            pointer: self.pointer.clone(),
        })
    }

    /// The line and column of a byte of the piece.
    fn line_and_column(&self, at: usize) -> (u32, u32) {
        let (from, line, column) = match self.last.get() {
            last if last.0 <= at => last,
            _ => (0, self.raw.line, self.raw.column),
        };
        let between = self.raw.text.as_bytes().get(from..at).unwrap_or_default();
        let (line, column) = advanced((line, column), between);
        self.last.set((at, line, column));
        (line, column)
    }

    fn error(&self, span: Span, pointer: &str, problem: String, mend: String) -> LoadError {
        let (line, column) = self.line_and_column(span.start);
        LoadError {
            file: self.file.to_owned(),
            line,
            column,
            pointer: pointer.to_owned(),
            problem,
            mend,
        }
    }

    fn json(&self, pointer: &str, error: &JsonError) -> LoadError {
        let mend = match error {
            JsonError::Malformed { .. } => {
                "mend the JSON at this place, or make the file again".to_owned()
            }
            JsonError::Duplicate { name, .. } => {
                format!("keep one `{name}`: readers disagree on which one counts")
            }
            JsonError::Kind { expected, .. } => format!("write {expected} here"),
        };
        self.error(error.span(), pointer, error.to_string(), mend)
    }
}

/// A value in a piece.
#[derive(Clone)]
pub(crate) struct Value<'a> {
    piece: &'a Piece<'a>,
    node: Node<'a>,
    pointer: String,
}

impl<'a> Value<'a> {
    pub(crate) fn kind(&self) -> Kind {
        self.node.kind()
    }

    pub(crate) fn node(&self) -> Node<'a> {
        self.node
    }

    pub(crate) fn place(&self) -> Place {
        let (line, column) = self.piece.line_and_column(self.node.span().start);
        Place {
            source: self.piece.source,
            pointer: self.pointer.as_str().into(),
            line,
            column,
        }
    }

    pub(crate) fn object(&self) -> Result<Object<'a>, LoadError> {
        let members = self.node.members().map_err(|error| self.json(&error))?;
        Ok(Object {
            value: self.clone(),
            members,
        })
    }

    pub(crate) fn elements(&self) -> Result<Vec<Self>, LoadError> {
        let nodes = self.node.elements().map_err(|error| self.json(&error))?;
        let element = |(index, node)| Self {
            piece: self.piece,
            node,
            pointer: format!("{}/{index}", self.pointer),
        };
        Ok(nodes.into_iter().enumerate().map(element).collect())
    }

    pub(crate) fn objects(&self) -> Result<Vec<Object<'a>>, LoadError> {
        self.elements()?.iter().map(Self::object).collect()
    }

    pub(crate) fn text(&self) -> Result<String, LoadError> {
        self.node.string().map_err(|error| self.json(&error))
    }

    pub(crate) fn arn(&self) -> Result<Arn, LoadError> {
        let text = self.text()?;
        let refused = |error: bailiwick_iam::arn::ParseArnError| {
            self.wrong(error.to_string(), "write the whole ARN")
        };
        text.parse().map_err(refused)
    }

    pub(crate) fn account(&self) -> Result<AccountId, LoadError> {
        let text = self.text()?;
        let refused = |_| {
            let mend = "account ids are twelve digits, in quotes so that leading zeros stay";
            self.wrong(format!("`{text}` is no account id"), mend)
        };
        text.parse().map_err(refused)
    }

    /// `{"key": "value"}`, or a list of `{"Key", "Value"}` (in any case of letters).
    pub(crate) fn tags(&self) -> Result<Tags, LoadError> {
        if self.kind() == Kind::List {
            let pair = |tag: Object<'_>| {
                let part = |upper, lower| match tag.text(upper)? {
                    None => tag.text(lower),
                    found => Ok(found),
                };
                match (part("Key", "key")?, part("Value", "value")?) {
                    (Some(key), value) => Ok((key, value.unwrap_or_default())),
                    (None, _) => Err(tag.lacks("Key")),
                }
            };
            return self.objects()?.into_iter().map(pair).collect();
        }
        let members = self.object()?.into_members();
        let pair = |(name, value): (String, Self)| Ok((name, value.text()?));
        members.into_iter().map(pair).collect()
    }

    pub(crate) fn wrong(&self, problem: impl Into<String>, mend: impl Into<String>) -> LoadError {
        let span = self.node.span();
        self.piece
            .error(span, &self.pointer, problem.into(), mend.into())
    }

    fn json(&self, error: &JsonError) -> LoadError {
        self.piece.json(&self.pointer, error)
    }
}

/// An object in a piece. A member that is `null` counts as absent: AWS's tools differ in which of
/// the two they write.
pub(crate) struct Object<'a> {
    pub(crate) value: Value<'a>,
    members: Vec<Member<'a>>,
}

impl<'a> Object<'a> {
    pub(crate) fn place(&self) -> Place {
        self.value.place()
    }

    pub(crate) fn field(&self, name: &str) -> Option<Value<'a>> {
        let member = self.members.iter().find(|member| member.name == name)?;
        let present = member.value.kind() != Kind::Null;
        present.then(|| self.value_of(member))
    }

    pub(crate) fn need(&self, name: &'static str) -> Result<Value<'a>, LoadError> {
        self.field(name).ok_or_else(|| self.lacks(name))
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, LoadError> {
        self.field(name).map(|value| value.text()).transpose()
    }

    pub(crate) fn need_text(&self, name: &'static str) -> Result<String, LoadError> {
        self.need(name)?.text()
    }

    pub(crate) fn arn(&self, name: &str) -> Result<Option<Arn>, LoadError> {
        self.field(name).map(|value| value.arn()).transpose()
    }

    pub(crate) fn need_arn(&self, name: &'static str) -> Result<Arn, LoadError> {
        self.need(name)?.arn()
    }

    pub(crate) fn object(&self, name: &str) -> Result<Option<Self>, LoadError> {
        self.field(name).map(|value| value.object()).transpose()
    }

    /// The object at the end of a path of members, if all of them are there.
    pub(crate) fn at(&self, path: &[&str]) -> Result<Option<Self>, LoadError> {
        let Some((first, rest)) = path.split_first() else {
            return Ok(None);
        };
        let mut found = self.object(first)?;
        for name in rest {
            let Some(object) = &found else {
                return Ok(None);
            };
            found = object.object(name)?;
        }
        Ok(found)
    }

    /// The elements of a list; none if it is absent.
    pub(crate) fn elements(&self, name: &str) -> Result<Vec<Value<'a>>, LoadError> {
        self.field(name)
            .map_or(Ok(Vec::new()), |list| list.elements())
    }

    pub(crate) fn objects(&self, name: &str) -> Result<Vec<Self>, LoadError> {
        self.field(name)
            .map_or(Ok(Vec::new()), |list| list.objects())
    }

    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, LoadError> {
        self.elements(name)?.iter().map(Value::text).collect()
    }

    pub(crate) fn arns(&self, name: &str) -> Result<Vec<Arn>, LoadError> {
        self.elements(name)?.iter().map(Value::arn).collect()
    }

    pub(crate) fn tags(&self, name: &str) -> Result<Tags, LoadError> {
        self.field(name).map_or(Ok(Tags::new()), |tags| tags.tags())
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u32>, LoadError> {
        let Some(value) = self.field(name) else {
            return Ok(None);
        };
        let found = value.node.text().parse();
        found
            .map(Some)
            .map_err(|_| value.wrong(format!("`{name}` is a whole number"), "write it in digits"))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.name.as_ref())
    }

    pub(crate) fn into_members(self) -> Vec<(String, Value<'a>)> {
        let pair = |member: &Member<'a>| (member.name.to_string(), self.value_of(member));
        self.members.iter().map(pair).collect()
    }

    pub(crate) fn lacks(&self, name: &str) -> LoadError {
        self.value
            .wrong(format!("`{name}` is missing"), format!("add `{name}`"))
    }

    /// Refuses members that are not in `known`. For our own formats alone: AWS adds to its answers.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), LoadError> {
        let unknown = |member: &&Member<'_>| !known.contains(&member.name.as_ref());
        let Some(member) = self.members.iter().find(unknown) else {
            return Ok(());
        };
        let mend = match nearest(&member.name, known) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("known here: {}", known.join(", ")),
        };
        let problem = format!("`{}` is not known here", member.name);
        let pointer = self.pointer_of(&member.name);
        Err(self.value.piece.error(member.span, &pointer, problem, mend))
    }

    fn value_of(&self, member: &Member<'a>) -> Value<'a> {
        Value {
            piece: self.value.piece,
            node: member.value,
            pointer: self.pointer_of(&member.name),
        }
    }

    fn pointer_of(&self, name: &str) -> String {
        let name = if name.contains(['~', '/']) {
            name.replace('~', "~0").replace('/', "~1")
        } else {
            name.to_owned()
        };
        format!("{}/{name}", self.value.pointer)
    }
}

/// The name that was probably meant: alike but for case, underscores and hyphens, or one begins the
/// other.
pub(crate) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |name: &str| -> String {
        let letters = name.chars().filter(|letter| letter.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let name = plain(name);
    let alike = |candidate: &&&str| {
        let candidate = plain(candidate);
        candidate == name
            || (name.len() >= 3 && (candidate.starts_with(&name) || name.starts_with(&candidate)))
            || edits_at_most_two(&candidate, &name)
    };
    known.iter().find(alike).copied()
}

fn edits_at_most_two(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) =
        (a.chars().take(64).collect(), b.chars().take(64).collect());
    let short = a.len().min(b.len()) >= 4;
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (other, &above) in b.iter().zip(row.iter().skip(1)) {
            left = (left + 1)
                .min(above + 1)
                .min(diagonal + usize::from(letter != other));
            diagonal = above;
            next.push(left);
        }
        row = next;
    }
    short && row.last().is_some_and(|&edits| edits <= 2)
}
