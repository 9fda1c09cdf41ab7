//! `compact`: smaller, and proved the same.

use serde_json::Value;

use crate::program::{Folder, refuses, run, run_with};

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::ledger/*"},
  {"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::ledger/*"},
  {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::ledger/2026"}]}"#;

#[test]
fn the_policy_goes_out_and_what_was_proved_beside_it() {
    let ran = run_with(&["compact", "-"], POLICY);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let policy: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        policy["Statement"].as_array().map_or(1, Vec::len),
        1,
        "{policy}"
    );
    assert!(ran.err.contains("nothing is lost: proved"), "{}", ran.err);
    assert!(ran.err.contains("nothing is added: proved"), "{}", ran.err);
}

#[test]
fn what_came_out_compares_equal_to_what_went_in() {
    let folder = Folder::new();
    let before = folder.file("before.json", POLICY);
    let after = folder.path().join("after.json");
    let after = after.to_str().unwrap();
    assert_eq!(run(&["compact", &before, "--out", after]).code, 0);
    let ran = run(&["compare", &before, after, "--json", "--check"]);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["relation"], "equal");
}

#[test]
fn json_holds_both_proofs_and_the_sizes() {
    let answer: Value =
        serde_json::from_str(&run_with(&["compact", "-", "--json"], POLICY).out).unwrap();
    assert_eq!(answer["nothing_lost"]["verdict"], "proved");
    assert_eq!(answer["nothing_added"]["verdict"], "proved");
    assert!(answer["characters"].as_u64() < answer["characters_before"].as_u64());
    assert_eq!(answer["fits"], true);
}

#[test]
fn what_no_limit_takes_is_said_and_fails() {
    let actions: Vec<String> = (0..400).map(|n| format!("s3:Action{n}x")).collect();
    let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "NotAction": actions, "Resource": "*"}]});
    let ran = run_with(
        &["compact", "-", "--fit", "user-inline"],
        policy.to_string(),
    );
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("refuse it still"), "{}", ran.err);
}

#[test]
fn what_is_no_policy_is_pointed_at() {
    let folder = Folder::new();
    let bad = folder.file("bad.json", POLICY.replacen("Effect", "effect", 1));
    refuses(&["compact", &bad], &["bad.json:2:", "write `Effect`"]);
}
