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

use thiserror::Error;

use crate::action::{self, AccessLevel, Shape, UseEntry};
use crate::key::Template;
use crate::service::{self, TypeEntry};
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

pub(crate) fn decode(text: &str) -> Result<Catalog<'_>, DecodeError> {
    let mut lines = (1..).zip(text.lines());
    let (line, header) = lines.next().unwrap_or((1, ""));
    let mut catalog = empty(header).map_err(|reason| DecodeError { line, reason })?;
    for (line, text) in lines {
        add(&mut catalog, text).map_err(|reason| DecodeError { line, reason })?;
    }
    catalog.key_templates = catalog
        .global_keys
        .iter()
        .copied()
        .filter_map(Template::new)
        .collect();
    Ok(catalog)
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
        service_keys: Vec::new(),
        resource_types: Vec::new(),
        actions: Vec::new(),
        shapes: Vec::new(),
        uses: Vec::new(),
        key_places: Vec::new(),
        dependents: Vec::new(),
    })
}

fn add<'t>(catalog: &mut Catalog<'t>, line: &'t str) -> Result<(), Reason> {
    if let Some(rest) = line.strip_prefix('&') {
        return add_global_key(catalog, rest);
    }
    if let Some(rest) = line.strip_prefix('@') {
        return add_service(catalog, rest);
    }
    let mut service = catalog.services.pop().ok_or(Reason::NoService)?;
    let added = match line.split_at_checked(1) {
        Some(("%", rest)) => add_key(catalog, &mut service, rest),
        Some(("#", rest)) => add_resource_type(catalog, &mut service, rest),
        Some(("=", rest)) => add_shape(catalog, &mut service, rest),
        _ => add_action(catalog, &mut service, line),
    };
    catalog.services.push(service);
    added
}

fn add_global_key<'t>(catalog: &mut Catalog<'t>, text: &'t str) -> Result<(), Reason> {
    let key = condition_key(text)?;
    sorted(catalog.global_keys.last().map(|last| last.name), key.name)?;
    catalog.global_keys.push(key);
    Ok(())
}

fn add_service<'t>(catalog: &mut Catalog<'t>, text: &'t str) -> Result<(), Reason> {
    let [prefix, name, rcp] = fields(text)?;
    sorted(catalog.services.last().map(|last| last.prefix), prefix)?;
    let from = |len: usize| len..len;
    catalog.services.push(service::Entry {
        prefix,
        name,
        supports_rcp: rcp == "rcp",
        keys: from(catalog.service_keys.len()),
        resource_types: from(catalog.resource_types.len()),
        shapes: from(catalog.shapes.len()),
        actions: from(catalog.actions.len()),
    });
    Ok(())
}

fn add_key<'t>(
    catalog: &mut Catalog<'t>,
    service: &mut service::Entry<'t>,
    text: &'t str,
) -> Result<(), Reason> {
    let key = condition_key(text)?;
    let before = last(&catalog.service_keys, &service.keys).map(|last| last.name);
    sorted(before, key.name)?;
    catalog.service_keys.push(key);
    service.keys.end = catalog.service_keys.len();
    Ok(())
}

fn add_resource_type<'t>(
    catalog: &mut Catalog<'t>,
    service: &mut service::Entry<'t>,
    text: &'t str,
) -> Result<(), Reason> {
    let [name, arns, keys] = fields(text)?;
    let before = last(&catalog.resource_types, &service.resource_types).map(|last| last.name);
    sorted(before, name)?;
    let keys = add_places(catalog, service, keys)?;
    catalog.resource_types.push(TypeEntry { name, arns, keys });
    service.resource_types.end = catalog.resource_types.len();
    Ok(())
}

fn add_shape<'t>(
    catalog: &mut Catalog<'t>,
    service: &mut service::Entry<'t>,
    text: &'t str,
) -> Result<(), Reason> {
    let [level, keys, dependents, uses] = fields(text)?;
    let level = access_level(level)?;
    let keys = add_places(catalog, service, keys)?;
    let dependents = add_dependents(catalog, dependents);
    let first = catalog.uses.len();
    for text in list(uses, ';') {
        let entry = resource_use(catalog, service, text)?;
        catalog.uses.push(entry);
    }
    catalog.shapes.push(Shape {
        level,
        keys,
        dependents,
        uses: first..catalog.uses.len(),
    });
    service.shapes.end = catalog.shapes.len();
    Ok(())
}

fn resource_use<'t>(
    catalog: &mut Catalog<'t>,
    service: &service::Entry<'t>,
    text: &'t str,
) -> Result<UseEntry, Reason> {
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
        resource_type: place(number, &service.resource_types)?,
        required,
        keys: add_places(catalog, service, keys)?,
        dependents: add_dependents(catalog, dependents),
    })
}

fn add_action<'t>(
    catalog: &mut Catalog<'t>,
    service: &mut service::Entry<'t>,
    text: &'t str,
) -> Result<(), Reason> {
    let [name, shape] = fields(text)?;
    let before = last(&catalog.actions, &service.actions).map(|last| last.name);
    sorted(before, name)?;
    let shape = place(shape, &service.shapes)?;
    catalog.actions.push(action::Entry { name, shape });
    service.actions.end = catalog.actions.len();
    Ok(())
}

/// Where the numbered condition keys of the service are; all numbers are those of lines above.
fn add_places<'t>(
    catalog: &mut Catalog<'t>,
    service: &service::Entry<'t>,
    numbers: &'t str,
) -> Result<Range<usize>, Reason> {
    let first = catalog.key_places.len();
    for number in list(numbers, ',') {
        catalog.key_places.push(place(number, &service.keys)?);
    }
    Ok(first..catalog.key_places.len())
}

fn add_dependents<'t>(catalog: &mut Catalog<'t>, actions: &'t str) -> Range<usize> {
    let first = catalog.dependents.len();
    catalog.dependents.extend(list(actions, ','));
    first..catalog.dependents.len()
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

fn place(number: &str, lines: &Range<usize>) -> Result<usize, Reason> {
    number
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_add(lines.start))
        .filter(|place| lines.contains(place))
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

fn last<'a, T>(arena: &'a [T], range: &Range<usize>) -> Option<&'a T> {
    arena.get(range.clone()).and_then(<[T]>::last)
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
