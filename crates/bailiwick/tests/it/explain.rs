//! `explain`, of a case and of an estate.

use serde_json::Value;

use crate::program::{Folder, refuses, run, run_with};

const ACME: &str = "examples/acme";
const READER: &str = "arn:aws:iam::111122223333:role/agents/prod/invoice-reader";

/// An identity policy that allows, on line 5, and an SCP that denies, on line 9.
const CASE: &str = r#"{"request": {"principal": "arn:aws:sts::111122223333:assumed-role/R/s",
  "action": "s3:PutObject", "resource": "arn:aws:s3:::b/k"},
 "identity": [{"name": "tools", "document": {"Version": "2012-10-17", "Statement": [
   {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
   {"Sid": "Write", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]}}],
 "scp": [{"target": "r-root", "policies": [
   {"name": "Full", "document": {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}},
   {"name": "ceiling", "document": {"Version": "2012-10-17", "Statement": [
     {"Sid": "NoWrites", "Effect": "Deny", "Action": "s3:Put*", "Resource": "*"}]}}]}]}"#;

#[test]
fn the_deciding_statement_is_named_with_its_file_and_line() {
    let folder = Folder::new();
    let file = folder.file("case.json", CASE);
    let ran = run(&["explain", "--request", &file]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.starts_with("DENIED"), "{}", ran.out);
    for words in [
        "a statement of the service control policies denies it",
        "ceiling, statement 1 (NoWrites)",
        "case.json:9:6",
        "tools, statement 2 (Write)",
        "case.json:5:4",
        "The smallest change that allows it",
    ] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
}

#[test]
fn explain_and_evaluate_give_one_answer() {
    let line = CASE.replace('\n', " ");
    let decided: Value =
        serde_json::from_str(&run_with(&["evaluate", "--cases", "-"], &line).out).unwrap();
    let explained: Value =
        serde_json::from_str(&run_with(&["explain", "--request", "-", "--json"], CASE).out)
            .unwrap();
    for field in ["decision", "layer", "because", "missing"] {
        assert_eq!(decided[field], explained[field], "{field}");
    }
    assert_eq!(explained["decision"], "explicit_deny");
    assert_eq!(explained["places"][0]["place"], "standard input:9:6");
}

#[test]
fn a_case_that_is_none_is_pointed_at() {
    let folder = Folder::new();
    let file = folder.file("case.json", CASE.replace("\"Deny\"", "\"deny\""));
    refuses(
        &["explain", "--request", &file],
        &["case.json:9:", "write \"Allow\" or \"Deny\"", "mend:"],
    );
}

#[test]
fn a_denial_in_an_estate_names_the_layer_and_the_change() {
    let ran = run(&[
        "explain",
        ACME,
        "--principal",
        READER,
        "--action",
        "iam:CreateUser",
        "--resource",
        "arn:aws:iam::111122223333:user/x",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.starts_with("DENIED"), "{}", ran.out);
    assert!(ran.out.contains("identity"), "{}", ran.out);
    assert!(
        ran.out
            .contains("examples/acme/estate/accounts/111122223333/iam.json:"),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains("smallest change that allows it"),
        "{}",
        ran.out
    );
}

#[test]
fn a_principal_the_snapshot_does_not_hold_is_no_denial() {
    let stranger = "arn:aws:iam::111122223333:role/nobody";
    let question = ["--action", "s3:GetObject", "--resource", "arn:aws:s3:::b/k"];
    let args: Vec<_> = ["explain", ACME, "--principal", stranger]
        .into_iter()
        .chain(question)
        .collect();
    refuses(&args, &["holds no role and no user", "nobody", "mend:"]);
}

#[test]
fn a_question_that_is_none_is_refused() {
    let asks = |action, resource, context| {
        [
            "explain",
            ACME,
            "--principal",
            READER,
            "--action",
            action,
            "--resource",
            resource,
            "--context",
            context,
        ]
    };
    refuses(
        &asks("s3:Get*", "arn:aws:s3:::b/k", "a=b"),
        &["`s3:Get*` is no action", "mend:"],
    );
    refuses(&asks("s3:GetObject", "b/k", "a=b"), &["`b/k`", "mend:"]);
    refuses(
        &asks("s3:GetObject", "arn:aws:s3:::b/k", "vpc-1"),
        &["`vpc-1` is no key and value", "mend:"],
    );
    assert_eq!(run(&["explain", ACME, "--principal", READER]).code, 2);
    assert_eq!(run(&["explain"]).code, 2);
    assert_eq!(run(&["explain", ACME, "--request", "x"]).code, 2);
}
