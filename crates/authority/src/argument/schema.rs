//! What a tool says of its arguments: its JSON schema, as far as types go, and its pin.

use std::collections::BTreeMap;

use bailiwick_charter::{SchemaPin, ToolName};
use bailiwick_ledger::Hash;

use crate::argument::Parted;
use crate::json::{self, Bounds, JsonFault, Value};

/// The tools whose schemas are known, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tools(BTreeMap<ToolName, ToolSchema>);

/// A tool as its server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolSchema {
    pin: SchemaPin,
    pub(crate) arguments: Declared,
}

/// The type of an argument, as its schema declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Declared {
    Bool,
    Whole,
    Number,
    Text(Option<Parted>),
    List(Box<Self>),
    Object(BTreeMap<String, Self>),
    /// Several types, or something that is not read here.
    Other,
}

/// Why a tool cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaFault {
    #[error("the tool's description: {0}")]
    Json(#[from] JsonFault),
    #[error("`{0}` is described twice")]
    Twice(ToolName),
    #[error("the description is no object with an `inputSchema`")]
    Shape,
}

impl Tools {
    /// These tools and one more, described as MCP's `tools/list` does: an object with
    /// `description` and `inputSchema`.
    ///
    /// # Errors
    /// If the description is none, or the tool is there already.
    pub fn with(self, tool: ToolName, described: &[u8]) -> Result<Self, SchemaFault> {
        let schema = ToolSchema::read(described)?;
        self.and(tool, schema)
    }

    /// These tools and one more, whose description was read.
    ///
    /// # Errors
    /// If it is there already.
    pub fn and(mut self, tool: ToolName, schema: ToolSchema) -> Result<Self, SchemaFault> {
        if self.0.contains_key(&tool) {
            return Err(SchemaFault::Twice(tool));
        }
        self.0.insert(tool, schema);
        Ok(self)
    }

    /// One hash over the pins of all of them; nothing where none is known.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        let pins = self.0.iter();
        let pins = pins.map(|(tool, schema)| format!("{tool} {}\n", schema.pin));
        let pins: String = pins.collect();
        (!pins.is_empty()).then(|| Hash::of(&[pins.as_bytes()]).to_string())
    }

    #[must_use]
    pub fn get(&self, tool: &ToolName) -> Option<&ToolSchema> {
        self.0.get(tool)
    }
}

impl ToolSchema {
    /// Reads a tool's description.
    ///
    /// # Errors
    /// If it is no object with an `inputSchema`.
    pub fn read(described: &[u8]) -> Result<Self, SchemaFault> {
        Self::of(&json::read(described, Bounds::REQUEST)?)
    }

    /// A tool of this description.
    ///
    /// # Errors
    /// If it is no object with an `inputSchema`.
    pub fn of(described: &Value) -> Result<Self, SchemaFault> {
        let input = described.get("inputSchema").ok_or(SchemaFault::Shape)?;
        input.record().ok_or(SchemaFault::Shape)?;
        let pinned = ["description", "inputSchema"].map(|name| {
            let value = described.get(name).cloned().unwrap_or(Value::Null);
            (name.to_owned(), value)
        });
        let canonical = Value::Record(pinned.into()).canonical();
        let pin = format!("sha256:{}", Hash::of(&[canonical.as_bytes()]));
        Ok(Self {
            pin: pin.parse().map_err(|_| SchemaFault::Shape)?,
            arguments: declared(input),
        })
    }

    /// What a charter pins: SHA-256 of the description and the input schema, in one spelling. Both
    /// are what a model reads before it calls the tool, so a change in either is a change.
    #[must_use]
    pub fn pin(&self) -> &SchemaPin {
        &self.pin
    }
}

fn declared(schema: &Value) -> Declared {
    let text = |name: &str| schema.get(name).and_then(Value::text);
    // Alternatives are not read: what they have in common is not known.
    let has_alternatives = ["anyOf", "oneOf", "allOf", "$ref", "if", "not"]
        .into_iter()
        .any(|name| schema.get(name).is_some());
    if has_alternatives {
        return Declared::Other;
    }
    match text("type") {
        Some("boolean") => Declared::Bool,
        Some("integer") => Declared::Whole,
        Some("number") => Declared::Number,
        Some("string") => Declared::Text(match text("format") {
            Some("email") => Some(Parted::Email),
            Some("uri" | "url") => Some(Parted::Url),
            Some("path" | "file-path") => Some(Parted::Path),
            Some("arn") => Some(Parted::Arn),
            _ => None,
        }),
        Some("array") => {
            let of = schema.get("items").map_or(Declared::Other, declared);
            Declared::List(Box::new(of))
        }
        Some("object") => match schema.get("properties").and_then(Value::record) {
            Some(properties) => {
                let properties = properties.iter();
                let of = properties.map(|(name, schema)| (name.clone(), declared(schema)));
                Declared::Object(of.collect())
            }
            None => Declared::Other,
        },
        _ => Declared::Other,
    }
}
