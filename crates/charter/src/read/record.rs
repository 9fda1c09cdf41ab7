//! One map of a charter, held against its table of fields.

use std::str::FromStr;

use super::{Reading, parsed, phrase};
use crate::bind::is_hidden;
use crate::fields::Record;
use crate::name::shown;
use crate::place::Place;
use crate::yaml::{Content, Entry, Node};

/// A map whose every key is a field, with the path that leads to it.
pub(super) struct Fields<'n> {
    path: String,
    place: Place,
    entries: &'n [Entry],
    record: &'static Record,
}

impl<'n> Fields<'n> {
    /// The map in `node`; what it should not have and what it lacks is noted.
    pub(super) fn open(
        reading: &mut Reading,
        node: &'n Node,
        record: &'static Record,
        path: &str,
    ) -> Option<Self> {
        reading.places.note(path, node.place);
        let Content::Map(entries) = &node.content else {
            let what = format!("{} where a {} is a map", node.kind(), record.name);
            reading.wrong(node.place, what, format!("write {}", outline(record)));
            return None;
        };
        let fields = Self {
            path: path.to_owned(),
            place: node.place,
            entries,
            record,
        };
        fields.unknown(reading);
        fields.missing(reading);
        Some(fields)
    }

    fn unknown(&self, reading: &mut Reading) {
        let known = || self.record.fields.iter().map(|field| field.name);
        for Entry { key, place, .. } in self.entries {
            if known().any(|name| name == key) {
                reading.places.note(&self.under(key), *place);
                continue;
            }
            let what = format!("a {} has no `{}`", self.record.name, shown(key));
            let mend = match nearest(key, known()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("it has {}", outline(self.record)),
            };
            reading.wrong(*place, what, mend);
        }
    }

    fn missing(&self, reading: &mut Reading) {
        for field in self.record.fields.iter().filter(|field| field.required) {
            let given = self.entry(field.name).map(|entry| &entry.value.content);
            let place = self
                .entry(field.name)
                .map_or(self.place, |entry| entry.place);
            if matches!(given, None | Some(Content::Nothing)) {
                let what = format!("the {} lacks `{}`", self.record.name, field.name);
                reading.wrong(place, what, format!("add it: {}", phrase(field.says)));
            }
        }
    }

    fn under(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    fn entry(&self, name: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key == name)
    }

    /// The value of a field, where there is one.
    fn value(&self, name: &str) -> Option<&'n Node> {
        let value = &self.entry(name)?.value;
        match value.content {
            Content::Nothing => None,
            Content::Text(_) | Content::List(_) | Content::Map(_) => Some(value),
        }
    }

    /// Where the value of a field stands; where there is none, where it would.
    pub(super) fn place(&self, name: &str) -> Place {
        self.entry(name)
            .map_or(self.place, |entry| entry.value.place)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Whether a field is a list with something in it, or anything that is no list.
    pub(super) fn says_something(&self, name: &str) -> bool {
        match self.value(name).map(|node| &node.content) {
            Some(Content::List(items)) => !items.is_empty(),
            Some(Content::Text(_) | Content::Map(_)) => true,
            Some(Content::Nothing) | None => false,
        }
    }

    pub(super) fn item_place(&self, name: &str, index: usize) -> Place {
        match self.value(name).map(|node| &node.content) {
            Some(Content::List(items)) => {
                items.get(index).map_or(self.place(name), |item| item.place)
            }
            Some(Content::Nothing | Content::Text(_) | Content::Map(_)) | None => self.place(name),
        }
    }

    fn says(&self, name: &str) -> &'static str {
        let mut fields = self.record.fields.iter();
        fields
            .find(|field| field.name == name)
            .map_or("", |field| field.says)
    }

    pub(super) fn text(&self, reading: &mut Reading, name: &str) -> Option<String> {
        let node = self.value(name)?;
        text(reading, node, self.says(name)).map(str::to_owned)
    }

    pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(
        &self,
        reading: &mut Reading,
        name: &str,
    ) -> Option<T> {
        let node = self.value(name)?;
        let written = text(reading, node, self.says(name))?;
        parsed(reading, node.place, written, self.says(name))
    }

    pub(super) fn count<T: TryFrom<u64>>(&self, reading: &mut Reading, name: &str) -> Option<T> {
        let node = self.value(name)?;
        let written = text(reading, node, self.says(name))?;
        let digits = !written.is_empty() && written.bytes().all(|byte| byte.is_ascii_digit());
        let count: Option<u64> = if digits { written.parse().ok() } else { None };
        let count = count.and_then(|count| T::try_from(count).ok());
        if count.is_none() {
            let what = format!("`{}` is no count", shown(written));
            reading.wrong(node.place, what, "write a whole number");
        }
        count
    }

    pub(super) fn flag(&self, reading: &mut Reading, name: &str) -> bool {
        let Some(node) = self.value(name) else {
            return false;
        };
        match text(reading, node, self.says(name)) {
            Some("true") => true,
            Some("false") | None => false,
            Some(other) => {
                let what = format!("`{}` is neither true nor false", shown(other));
                reading.wrong(node.place, what, self.says(name));
                false
            }
        }
    }

    pub(super) fn parsed_list<T: FromStr<Err: std::fmt::Display>>(
        &self,
        reading: &mut Reading,
        name: &str,
    ) -> Option<Vec<T>> {
        let says = self.says(name);
        let mut values = Vec::new();
        for (path, item) in self.items(reading, name)? {
            reading.places.note(&path, item.place);
            let Some(written) = text(reading, item, says) else {
                continue;
            };
            values.extend(parsed(reading, item.place, written, says));
        }
        Some(values)
    }

    /// The items of a list, each with its path.
    pub(super) fn items(
        &self,
        reading: &mut Reading,
        name: &str,
    ) -> Option<Vec<(String, &'n Node)>> {
        let node = self.value(name)?;
        let Content::List(items) = &node.content else {
            let what = format!("{} where `{name}` is a list", node.kind());
            reading.wrong(node.place, what, "put it into [ ]");
            return None;
        };
        let path = |index| format!("{}.{index}", self.under(name));
        Some(
            items
                .iter()
                .enumerate()
                .map(|(index, item)| (path(index), item))
                .collect(),
        )
    }

    /// The records of a list.
    pub(super) fn records(
        &self,
        reading: &mut Reading,
        name: &str,
        record: &'static Record,
    ) -> Vec<Self> {
        let items = self.items(reading, name).unwrap_or_default();
        let open = |(path, item): (String, &'n Node)| Fields::open(reading, item, record, &path);
        items.into_iter().filter_map(open).collect()
    }

    pub(super) fn record(
        &self,
        reading: &mut Reading,
        name: &str,
        record: &'static Record,
    ) -> Option<Self> {
        let node = self.value(name)?;
        Fields::open(reading, node, record, &self.under(name))
    }

    /// The entries of a map whose keys are names of the owner's own.
    pub(super) fn map(
        &self,
        reading: &mut Reading,
        name: &str,
    ) -> Option<Vec<(String, &'n Entry)>> {
        let node = self.value(name)?;
        let Content::Map(entries) = &node.content else {
            let what = format!("{} where `{name}` is a map", node.kind());
            reading.wrong(node.place, what, self.says(name));
            return None;
        };
        let path = |entry: &Entry| format!("{}.{}", self.under(name), entry.key);
        let entries: Vec<_> = entries.iter().map(|entry| (path(entry), entry)).collect();
        for (path, entry) in &entries {
            reading.places.note(path, entry.place);
        }
        Some(entries)
    }
}

/// The text in a node, on one line and not empty.
pub(super) fn text<'n>(reading: &mut Reading, node: &'n Node, says: &str) -> Option<&'n str> {
    let Content::Text(text) = &node.content else {
        let what = format!("{} where a text is expected", node.kind());
        reading.wrong(node.place, what, says);
        return None;
    };
    if text.trim().is_empty() {
        reading.wrong(node.place, "an empty text", says);
        return None;
    }
    // A folded paragraph ends with a line break; what is shown and tagged later has none.
    let trimmed = text.trim_end_matches('\n');
    if trimmed.contains(is_hidden) {
        let what = "a text with control characters or letters that cannot be seen";
        reading.wrong(
            node.place,
            what,
            "write it on one line, in letters that a reader sees",
        );
        return None;
    }
    Some(trimmed)
}

fn outline(record: &Record) -> String {
    let names: Vec<_> = record.fields.iter().map(|field| field.name).collect();
    names.join(", ")
}

/// The known name that is a slip away from `written`.
pub(super) fn nearest<'k>(written: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let written = written.to_lowercase().replace('_', "-");
    let (distance, name) = known
        .map(|name| (distance(&written, name), name))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + name.len() / 4).then_some(name)
}

/// How many letters to insert, drop or change to make one word the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    // A word longer than any field is near to none.
    const LONG: usize = 64;
    if one.len() > LONG {
        return LONG;
    }
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (down, letter) in one.chars().enumerate() {
        let mut diagonal = down;
        let mut left = down + 1;
        let mut next = vec![left];
        for (above, against) in row.iter().skip(1).zip(other.chars()) {
            let change = diagonal + usize::from(letter != against);
            left = change.min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(LONG)
}
