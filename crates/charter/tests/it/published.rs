//! What is published about charters is true of them.

use std::path::PathBuf;

use bailiwick_charter::{Charter, json_schema};
use serde_json::Value;

fn docs(file: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats");
    std::fs::read_to_string(folder.join(file)).unwrap()
}

#[test]
fn the_published_schema_is_that_of_the_parser() {
    let published = docs("charter.schema.json");
    let made = format!("{:#}\n", json_schema());
    assert_eq!(published, made, "run `cargo xtask codegen`");
}

#[test]
fn the_page_explains_every_field() {
    let page = docs("charter.md");
    let mut fields = Vec::new();
    named(&json_schema(), &mut fields);
    assert!(fields.len() > 40);
    for field in fields {
        let told = ["`", ":"].map(|end| format!("`{field}{end}"));
        assert!(told.iter().any(|told| page.contains(told)), "{field}");
    }
}

fn named(schema: &Value, fields: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        fields.push(name.clone());
        named(property, fields);
    }
    for inside in ["items", "additionalProperties"] {
        if schema[inside].is_object() {
            named(&schema[inside], fields);
        }
    }
}

/// A block that begins with no agent is what stands in a task.
#[test]
fn the_page_s_examples_are_charters() {
    let page = docs("charter.md");
    let mut blocks = page
        .split("```yaml\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap());
    let whole = blocks.next().unwrap();
    Charter::parse("charter.md", whole).unwrap();
    let head = whole.split("tasks:\n").next().unwrap();
    let mut read = 0;
    for task in blocks {
        let task: String = task.lines().map(|line| format!("    {line}\n")).collect();
        let text = format!("{head}tasks:\n  excerpt:\n    for: 20m\n{task}");
        Charter::parse("charter.md", &text).unwrap();
        read += 1;
    }
    assert!(read >= 1);
}
