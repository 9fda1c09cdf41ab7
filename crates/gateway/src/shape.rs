//! What a body looks like: one table that requests are checked against and that the published
//! description is written from, so that the two cannot differ.

use std::collections::BTreeMap;

use bailiwick_authority::json::Value;
use serde_json::{Map, json};

use crate::problem::{Kind, Problem};

/// The members of a JSON object.
#[derive(Debug)]
pub struct Shape {
    /// Its name in the published description.
    pub name: &'static str,
    pub about: &'static str,
    pub fields: &'static [Field],
    /// Whether members that are not listed are passed over. Where they are not, a misspelled
    /// member is an error, and not a wish that nobody hears.
    pub open: bool,
}

/// One member.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub holds: Holds,
    pub required: bool,
    pub about: &'static str,
}

/// What a member holds.
#[derive(Debug)]
pub enum Holds {
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number that is not negative.
    Count,
    Truth,
    Object(&'static Shape),
    /// An object whose members are anything.
    Anything,
    /// An object whose members are texts.
    Texts,
    List(&'static Self),
}

/// A member that must be there.
pub(crate) const fn must(name: &'static str, holds: Holds, about: &'static str) -> Field {
    Field {
        name,
        holds,
        required: true,
        about,
    }
}

/// A member that may be there.
pub(crate) const fn may(name: &'static str, holds: Holds, about: &'static str) -> Field {
    Field {
        name,
        holds,
        required: false,
        about,
    }
}

impl Shape {
    /// Checks an object. `pointer` says where it stands.
    ///
    /// # Errors
    /// The first member that is missing, unknown or not what it must be.
    pub fn check(&self, object: &BTreeMap<String, Value>, pointer: &str) -> Result<(), Problem> {
        for field in self.fields {
            match object.get(field.name) {
                Some(value) => field
                    .holds
                    .check(value, &format!("{pointer}/{}", field.name))?,
                None if field.required => {
                    let detail = format!("`{}` is missing: {}", field.name, field.about);
                    return Err(Problem::new(Kind::Malformed, detail).at(pointer));
                }
                None => {}
            }
        }
        let known = |name: &str| self.fields.iter().any(|field| field.name == name);
        match object.keys().find(|name| !known(name)) {
            Some(_) if self.open => Ok(()),
            Some(unknown) => {
                let known: Vec<_> = self.fields.iter().map(|field| field.name).collect();
                let detail = format!(
                    "there is no member of this name here; there are: {}",
                    known.join(", ")
                );
                let place = format!("{pointer}/{}", escaped(unknown));
                Err(Problem::new(Kind::Malformed, detail).at(place))
            }
            None => Ok(()),
        }
    }

    /// As JSON Schema.
    pub fn schema(&self) -> serde_json::Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in self.fields {
            let mut schema = field.holds.schema();
            if let Some(schema) = schema.as_object_mut() {
                schema.insert("description".into(), field.about.into());
            }
            properties.insert(field.name.into(), schema);
            if field.required {
                required.push(serde_json::Value::from(field.name));
            }
        }
        let mut schema = json!({
            "type": "object",
            "description": self.about,
            "properties": properties,
            "additionalProperties": self.open,
        });
        if let Some(schema) = schema.as_object_mut()
            && !required.is_empty()
        {
            schema.insert("required".into(), required.into());
        }
        schema
    }

    /// The shapes in it, and those in them.
    pub fn within(&'static self, into: &mut Vec<&'static Self>) {
        if into.iter().any(|shape| shape.name == self.name) {
            return;
        }
        into.push(self);
        for field in self.fields {
            field.holds.within(into);
        }
    }
}

impl Holds {
    fn check(&self, value: &Value, pointer: &str) -> Result<(), Problem> {
        let fits = match (self, value) {
            (Self::Word(words), Value::Text(text)) => words.contains(&text.as_str()),
            (Self::Count, Value::Long(number)) => *number >= 0,
            (Self::Texts, Value::Record(texts)) => texts.values().all(|text| text.text().is_some()),
            (Self::Object(shape), Value::Record(object)) => return shape.check(object, pointer),
            (Self::List(each), Value::List(items)) => {
                for (at, item) in items.iter().enumerate() {
                    each.check(item, &format!("{pointer}/{at}"))?;
                }
                true
            }
            (Self::Text, Value::Text(_))
            | (Self::Truth, Value::Bool(_))
            | (Self::Anything, Value::Record(_)) => true,
            (
                Self::Text
                | Self::Word(_)
                | Self::Count
                | Self::Truth
                | Self::Object(_)
                | Self::Anything
                | Self::Texts
                | Self::List(_),
                _,
            ) => false,
        };
        if fits {
            return Ok(());
        }
        let detail = format!("this is to be {}", self.in_words());
        Err(Problem::new(Kind::Malformed, detail).at(pointer))
    }

    fn in_words(&self) -> String {
        match self {
            Self::Text => "a text".into(),
            Self::Word(words) => format!("one of: {}", words.join(", ")),
            Self::Count => "a whole number that is not negative".into(),
            Self::Truth => "true or false".into(),
            Self::Object(_) | Self::Anything => "an object".into(),
            Self::Texts => "an object whose members are texts".into(),
            Self::List(_) => "a list".into(),
        }
    }

    fn schema(&self) -> serde_json::Value {
        match self {
            Self::Text => json!({ "type": "string" }),
            Self::Word(words) => json!({ "type": "string", "enum": words }),
            Self::Count => json!({ "type": "integer", "minimum": 0 }),
            Self::Truth => json!({ "type": "boolean" }),
            Self::Object(shape) => {
                // Siblings of a reference are read since JSON Schema 2019-09, and so in OpenAPI 3.1.
                json!({ "$ref": format!("#/components/schemas/{}", shape.name) })
            }
            Self::Anything => json!({ "type": "object" }),
            Self::Texts => {
                json!({ "type": "object", "additionalProperties": { "type": "string" } })
            }
            Self::List(each) => json!({ "type": "array", "items": each.schema() }),
        }
    }

    fn within(&self, into: &mut Vec<&'static Shape>) {
        match self {
            Self::Object(shape) => shape.within(into),
            Self::List(each) => each.within(into),
            Self::Text
            | Self::Word(_)
            | Self::Count
            | Self::Truth
            | Self::Anything
            | Self::Texts => {}
        }
    }
}

/// A name as a part of a JSON pointer.
fn escaped(name: &str) -> String {
    bailiwick_ledger::shown::shown(&name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INNER: Shape = Shape {
        name: "Inner",
        about: "",
        fields: &[must("word", Holds::Word(&["a", "b"]), "")],
        open: false,
    };
    const OUTER: Shape = Shape {
        name: "Outer",
        about: "",
        fields: &[
            must("text", Holds::Text, "what it is about"),
            may("count", Holds::Count, ""),
            may("inner", Holds::List(&Holds::Object(&INNER)), ""),
            may("texts", Holds::Texts, ""),
        ],
        open: false,
    };

    #[track_caller]
    fn check(value: &serde_json::Value, wrong_at: Option<&str>) {
        let text = value.to_string();
        let read = bailiwick_authority::json::read(
            text.as_bytes(),
            bailiwick_authority::json::Bounds::REQUEST,
        );
        let checked = OUTER.check(read.unwrap().record().unwrap(), "");
        let pointer = checked.err().map(|problem| problem.pointer.unwrap());
        assert_eq!(pointer.as_deref(), wrong_at, "{value}");
    }

    #[test]
    fn a_body_is_what_its_table_says_or_the_place_is_named() {
        check(&json!({ "text": "a" }), None);
        check(
            &json!({ "text": "a", "count": 3, "inner": [{ "word": "b" }], "texts": { "k": "v" } }),
            None,
        );
        check(&json!({}), Some(""));
        check(&json!({ "text": 1 }), Some("/text"));
        check(&json!({ "text": "a", "count": -1 }), Some("/count"));
        check(&json!({ "text": "a", "count": 1.5 }), Some("/count"));
        check(&json!({ "text": "a", "inner": {} }), Some("/inner"));
        check(
            &json!({ "text": "a", "inner": [{ "word": "b" }, { "word": "c" }] }),
            Some("/inner/1/word"),
        );
        check(&json!({ "text": "a", "texts": { "k": 1 } }), Some("/texts"));
        check(&json!({ "text": "a", "te/xt": 1 }), Some("/te~1xt"));
    }
}
