//! `diff`: each way in which the three books differ, beside its near miss.

use std::fs;

use serde_json::Value;

use crate::program::{Folder, Ran, refuses, run};

const ACME: &str = "examples/acme";
const CHARTERS: &str = "examples/acme/charters";

fn diff(charters: &str, more: &[&str]) -> (Ran, Value) {
    let ran = run(&[&["diff", ACME, charters, "--json"], more].concat());
    let answer = serde_json::from_str(&ran.out).unwrap();
    (ran, answer)
}

fn books<'a>(answer: &'a Value, agent: &str) -> &'a Value {
    let mut agents = answer["agents"].as_array().unwrap().iter();
    agents.find(|it| it["agent"] == agent).unwrap()
}

/// The actions in a list of lines.
fn actions(lines: &Value) -> Vec<&str> {
    let lines = lines.as_array().unwrap().iter();
    lines
        .flat_map(|line| line["actions"].as_array().unwrap())
        .map(|action| action.as_str().unwrap())
        .collect()
}

fn drifted(books: &Value) -> Vec<&str> {
    let lines = books["drift"].as_array().unwrap().iter();
    lines.map(|it| it["action"].as_str().unwrap()).collect()
}

#[test]
fn what_differs_is_found_in_each_direction() {
    let (ran, answer) = diff(CHARTERS, &[]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let reader = books(&answer, "invoice-reader");
    assert!(actions(&reader["excess"]).contains(&"s3:ListBucket"));
    assert_eq!(drifted(reader), ["s3:ListBucket"]);
    let broken = reader["broken"].as_array().unwrap();
    let layer_of = |action: &str| {
        let mut lines = broken.iter();
        let line = lines.find(|it| it["actions"].as_array().unwrap().contains(&action.into()));
        line.unwrap()["layer"].as_str().unwrap().to_owned()
    };
    assert_eq!(layer_of("dynamodb:PutItem"), "identity");
    assert_eq!(layer_of("kms:Decrypt"), "resource");
    // An agent whose books are equal.
    let forecast = books(&answer, "nightly-forecast");
    for list in ["excess", "broken", "drift", "unknown"] {
        assert_eq!(forecast[list].as_array().unwrap().len(), 0, "{forecast:#}");
    }
}

#[test]
fn what_a_charter_declares_is_no_excess_and_no_drift() {
    let text = fs::read_to_string(
        bailiwick_testkit::repository()
            .join(CHARTERS)
            .join("invoice-reader.yaml"),
    );
    let listing = "    read:\n      - { actions: [s3:ListBucket], resources: [\"arn:aws:s3:::acme-prod-invoices\"] }\n";
    let text = text.unwrap().replacen("    read:\n", listing, 1);
    let folder = Folder::new();
    folder.file("invoice-reader.yaml", text);
    let (_, answer) = diff(folder.name(), &[]);
    let reader = books(&answer, "invoice-reader");
    assert!(!actions(&reader["excess"]).contains(&"s3:ListBucket"));
    assert!(actions(&reader["excess"]).contains(&"s3:GetObject"));
    assert!(drifted(reader).is_empty());
    // The role lists below a prefix alone, and the charter now declares the whole bucket.
    assert!(actions(&reader["broken"]).contains(&"s3:ListBucket"));
}

#[test]
fn what_was_not_seen_is_no_drift() {
    let folder = Folder::new();
    let usage = folder.file("usage.ndjson", "{\"coverage\":null}\n");
    let (_, answer) = diff(CHARTERS, &["--usage", &usage]);
    assert!(drifted(books(&answer, "invoice-reader")).is_empty());
    assert_eq!(answer["coverage"], Value::Null);
}

#[test]
fn an_agent_without_a_charter_is_undeclared_until_it_has_one() {
    let (_, answer) = diff(CHARTERS, &[]);
    let undeclared = answer["undeclared"].as_array().unwrap();
    let is_named = |part: &str| {
        undeclared
            .iter()
            .any(|it| it.as_str().unwrap().contains(part))
    };
    assert!(is_named("harness/incident_helper"));
    assert!(!is_named("runtime/support_copilot"));
}

#[test]
fn a_trail_nobody_vouched_for_and_bad_input_are_told() {
    let folder = Folder::new();
    let usage = folder.file("usage.ndjson", "{\"coverage\":null}\n");
    let ran = run(&["diff", ACME, CHARTERS, "--usage", &usage]);
    assert!(ran.out.contains("no coverage is stated"), "{}", ran.out);
    let bad = folder.file("bad.ndjson", "{\"role\":3}\n");
    refuses(
        &["diff", ACME, CHARTERS, "--usage", &bad],
        &["bad.ndjson:1:"],
    );
    refuses(&["diff", ACME, "nowhere"], &["nowhere"]);
    let empty = Folder::new();
    refuses(&["diff", ACME, empty.name()], &["no charter", "mend:"]);
}
