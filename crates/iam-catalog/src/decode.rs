//! The text of a catalog, and how it is read.
//!
//! One entry a line, its kind in the first character, its fields apart by tabs; lists inside a field
//! are apart by commas. Numbers count the lines of one kind within a service, from 0.
//!
//! ```text
//! bailiwick-iam-catalog 1 ⇥ VERSION ⇥ DATE ⇥ SOURCE
//! &KEY ⇥ TYPE                            a condition key of the whole catalog
//! @PREFIX ⇥ NAME ⇥ rcp or nothing        a service, and what follows is its own
//! %KEY ⇥ TYPE                            a condition key
//! #TYPE ⇥ ARN ARN ⇥ KEYS                 a resource type
//! =LEVEL ⇥ KEYS ⇥ DEPENDENTS ⇥ USES      a shape; USES: TYPE, * if required, | KEYS | DEPENDENTS; …
//! NAME ⇥ SHAPE                           an action
//! ```

use std::ops::Range;
use std::sync::OnceLock;

use thiserror::Error;

use crate::action::{self, AccessLevel, Shape, UseEntry};
use crate::key::Template;
use crate::service::{self, Content, TypeEntry};
use crate::{Catalog, ConditionKey, ValueType, compare};

const FORMAT: &str = "bailiwick-iam-catalog 1";

/// Why a text is no catalog, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line} of the catalog: {reason}")]
pub struct DecodeError {
    line: usize,
    reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
enum Reason {
    #[error("expected `{FORMAT}`, version, date and source")]
    Header,
    #[error("a field is missing")]
    MissingField,
    #[error("a field too many")]
    ExtraField,
    #[error("a name is empty")]
    EmptyName,
    #[error("it belongs to a service, and none has begun")]
    NoService,
    #[error("it is not sorted, or it is there twice")]
    Unsorted,
    #[error("the access level is none of L, R, W, T and P")]
    AccessLevel,
    #[error("the value type is none of S, N, D, B, I and A, with or without `*`")]
    ValueType,
    #[error("a number is expected that counts a line above")]
    Reference,
}

/// Reads the global keys and finds the services, and leaves what is inside a service to
/// [`Content::decode`]: most runs ask about a few services only.
pub(crate) fn outline(text: &str) -> Result<Catalog<'_>, DecodeError> {
    let (head, services) = split_services(text);
    let mut lines = (1..).zip(head.lines());
    let (line, header) = lines.next().unwrap_or((1, ""));
    let mut catalog = empty(header).map_err(|reason| DecodeError { line, reason })?;
    for (line, text) in lines {
        add_global_key(&mut catalog, text).map_err(|reason| DecodeError { line, reason })?;
    }
    let mut line = 1 + head.lines().count();
    for text in services {
        add_service(&mut catalog, text, line).map_err(|reason| DecodeError { line, reason })?;
        line += text.lines().count();
    }
    let keys = catalog.global_keys.iter().copied();
    catalog.key_templates = keys.filter_map(Template::new).collect();
    Ok(catalog)
}

/// Each service begins with an `@` at the start of its line.
fn split_services(text: &str) -> (&str, impl Iterator<Item = &str>) {
    let starts = text
        .match_indices('@')
        .map(|(place, _)| place)
        .filter(|place| {
            text.get(..*place)
                .is_some_and(|before| before.ends_with('\n'))
        });
    let mut starts = starts.chain([text.len()]).peekable();
    let head = starts.peek().and_then(|end| text.get(..*end));
    let services = std::iter::from_fn(move || {
        let start = starts.next()?;
        text.get(start..*starts.peek()?)
    });
    (head.unwrap_or_default(), services)
}

fn empty(header: &str) -> Result<Catalog<'_>, Reason> {
    let mut fields = header.split('\t');
    if fields.next() != Some(FORMAT) {
        return Err(Reason::Header);
    }
    let mut field = || fields.next().ok_or(Reason::Header);
    Ok(Catalog {
        version: field()?,
        date: field()?,
        source: field()?,
        services: Vec::new(),
        global_keys: Vec::new(),
        key_templates: Vec::new(),
    })
}

fn add_global_key<'t>(catalog: &mut Catalog<'t>, line: &'t str) -> Result<(), Reason> {
    let key = condition_key(line.strip_prefix('&').ok_or(Reason::NoService)?)?;
    sorted(catalog.global_keys.last().map(|last| last.name), key.name)?;
    catalog.global_keys.push(key);
    Ok(())
}

fn add_service<'t>(catalog: &mut Catalog<'t>, text: &'t str, line: usize) -> Result<(), Reason> {
    let (header, text) = text.split_once('\n').unwrap_or((text, ""));
    let [prefix, name, rcp] = fields(header.strip_prefix('@').ok_or(Reason::NoService)?)?;
    let before = catalog.services.last().map(|last| last.header.prefix);
    sorted(before, prefix)?;
    catalog.services.push(service::Entry {
        header: service::Header {
            prefix,
            name,
            supports_rcp: rcp == "rcp",
        },
        text,
        line: line + 1,
        content: OnceLock::new(),
    });
    Ok(())
}

impl<'t> Content<'t> {
    /// Reads what stands below the line of a service; its first line has the number `line`.
    pub(crate) fn decode(text: &'t str, line: usize) -> Result<Self, DecodeError> {
        let mut content = Self::default();
        for (line, text) in (line..).zip(text.lines()) {
            content
                .add(text)
                .map_err(|reason| DecodeError { line, reason })?;
        }
        Ok(content)
    }

    fn add(&mut self, line: &'t str) -> Result<(), Reason> {
        match line.split_at_checked(1) {
            Some(("%", rest)) => self.add_key(rest),
            Some(("#", rest)) => self.add_resource_type(rest),
            Some(("=", rest)) => self.add_shape(rest),
            _ => self.add_action(line),
        }
    }

    fn add_key(&mut self, text: &'t str) -> Result<(), Reason> {
        let key = condition_key(text)?;
        sorted(self.keys.last().map(|last| last.name), key.name)?;
        self.keys.push(key);
        Ok(())
    }

    fn add_resource_type(&mut self, text: &'t str) -> Result<(), Reason> {
        let [name, arns, keys] = fields(text)?;
        sorted(self.resource_types.last().map(|last| last.name), name)?;
        let keys = self.add_key_places(keys)?;
        self.resource_types.push(TypeEntry { name, arns, keys });
        Ok(())
    }

    fn add_shape(&mut self, text: &'t str) -> Result<(), Reason> {
        let [level, keys, dependents, uses] = fields(text)?;
        let level = access_level(level)?;
        let keys = self.add_key_places(keys)?;
        let dependents = self.add_dependents(dependents);
        let first = self.uses.len();
        for text in list(uses, ';') {
            let entry = self.resource_use(text)?;
            self.uses.push(entry);
        }
        self.shapes.push(Shape {
            level,
            keys,
            dependents,
            uses: first..self.uses.len(),
        });
        Ok(())
    }

    fn resource_use(&mut self, text: &'t str) -> Result<UseEntry, Reason> {
        let mut parts = text.split('|');
        let name = parts.next().unwrap_or_default();
        let keys = parts.next().unwrap_or_default();
        let dependents = parts.next().unwrap_or_default();
        if parts.next().is_some() {
            return Err(Reason::ExtraField);
        }
        let (number, required) = match name.strip_suffix('*') {
            Some(number) => (number, true),
            None => (name, false),
        };
        Ok(UseEntry {
            resource_type: place(number, self.resource_types.len())?,
            required,
            keys: self.add_key_places(keys)?,
            dependents: self.add_dependents(dependents),
        })
    }

    fn add_action(&mut self, text: &'t str) -> Result<(), Reason> {
        let [name, shape] = fields(text)?;
        sorted(self.actions.last().map(|last| last.name), name)?;
        let shape = place(shape, self.shapes.len())?;
        self.actions.push(action::Entry { name, shape });
        Ok(())
    }

    fn add_key_places(&mut self, numbers: &'t str) -> Result<Range<usize>, Reason> {
        let first = self.key_places.len();
        for number in list(numbers, ',') {
            self.key_places.push(place(number, self.keys.len())?);
        }
        Ok(first..self.key_places.len())
    }

    fn add_dependents(&mut self, actions: &'t str) -> Range<usize> {
        let first = self.dependents.len();
        self.dependents.extend(list(actions, ','));
        first..self.dependents.len()
    }
}

fn condition_key(text: &str) -> Result<ConditionKey<'_>, Reason> {
    let [name, value_type] = fields(text)?;
    let (letter, multi_valued) = match value_type.strip_suffix('*') {
        Some(letter) => (letter, true),
        None => (value_type, false),
    };
    let value_type = match letter {
        "S" => ValueType::String,
        "N" => ValueType::Numeric,
        "D" => ValueType::Date,
        "B" => ValueType::Bool,
        "I" => ValueType::IpAddress,
        "A" => ValueType::Arn,
        _ => return Err(Reason::ValueType),
    };
    Ok(ConditionKey {
        name,
        value_type,
        multi_valued,
    })
}

fn access_level(letter: &str) -> Result<AccessLevel, Reason> {
    match letter {
        "L" => Ok(AccessLevel::List),
        "R" => Ok(AccessLevel::Read),
        "W" => Ok(AccessLevel::Write),
        "T" => Ok(AccessLevel::Tagging),
        "P" => Ok(AccessLevel::PermissionsManagement),
        _ => Err(Reason::AccessLevel),
    }
}

/// A number that counts one of the lines above, of which there are `count`.
fn place(number: &str, count: usize) -> Result<usize, Reason> {
    number
        .parse()
        .ok()
        .filter(|place| *place < count)
        .ok_or(Reason::Reference)
}

fn fields<const COUNT: usize>(line: &str) -> Result<[&str; COUNT], Reason> {
    let mut rest = line.split('\t');
    let mut fields = [""; COUNT];
    for field in &mut fields {
        *field = rest.next().ok_or(Reason::MissingField)?;
    }
    match rest.next() {
        None => Ok(fields),
        Some(_) => Err(Reason::ExtraField),
    }
}

fn list(text: &str, separator: char) -> impl Iterator<Item = &str> {
    text.split(separator).filter(|item| !item.is_empty())
}

/// Lookups are binary searches, and a name that is there twice would have two answers.
fn sorted(before: Option<&str>, name: &str) -> Result<(), Reason> {
    if name.is_empty() {
        return Err(Reason::EmptyName);
    }
    match before {
        Some(before) if compare(before, name).is_ge() => Err(Reason::Unsorted),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
