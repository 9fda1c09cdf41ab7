//! The JSON Schema of a charter, made from the same table that the parser reads by.

use serde_json::{Map, Value, json};

use crate::fields::{CHARTER, Field, Record, Shape};

/// The schema, as editors take it to complete and underline charters.
///
/// It says less than the parser: which parameters exist, or whether an expression is one, a schema
/// cannot tell.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = record(&CHARTER);
    if let Value::Object(members) = &mut schema {
        members.insert(
            "$schema".into(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        members.insert("title".into(), json!("Bailiwick charter"));
        members.insert(
            "description".into(),
            json!("What one agent is for. https://github.com/bailiwick-dev/bailiwick/blob/main/docs/formats/charter.md"),
        );
    }
    // The same bytes, whether or not some other crate of the build keeps keys as they came.
    schema.sort_all_objects();
    schema
}

fn record(record: &Record) -> Value {
    let mut properties = Map::new();
    for field in record.fields {
        properties.insert(field.name.into(), property(field));
    }
    let required: Vec<_> = record
        .fields
        .iter()
        .filter(|field| field.required)
        .collect();
    let required: Vec<_> = required.into_iter().map(|field| field.name).collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "required": required,
    })
}

fn property(field: &Field) -> Value {
    let mut shape = shape(&field.shape);
    if let Value::Object(members) = &mut shape {
        members.insert("description".into(), json!(field.says));
    }
    shape
}

fn shape(shape: &Shape) -> Value {
    match shape {
        Shape::Text(pattern) => json!({"type": "string", "pattern": pattern}),
        Shape::Count => json!({"type": "integer", "minimum": 0}),
        Shape::Flag => json!({"type": "boolean"}),
        Shape::OneOf(words) => json!({"enum": words}),
        Shape::List(item) => json!({"type": "array", "items": self::shape(item)}),
        Shape::Record(fields) => record(fields),
        Shape::Map(pattern, value) => json!({
            "type": "object",
            "propertyNames": {"pattern": pattern},
            "additionalProperties": self::shape(value),
        }),
    }
}
