//! `compare`: of two files, as a gate, and as a filter.

use serde_json::Value;

use crate::program::{Folder, Ran, refuses, run, run_with};

fn policy(actions: &[&str], resource: &str) -> String {
    serde_json::json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": actions, "Resource": resource}]})
    .to_string()
}

fn compared(a: &str, b: &str, more: &[&str]) -> Ran {
    let folder = Folder::new();
    let (a, b) = (folder.file("new.json", a), folder.file("old.json", b));
    let args: Vec<_> = ["compare", &a, &b]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    run(&args)
}

fn pairs() -> [(&'static str, String, String); 5] {
    let read = policy(&["s3:GetObject"], "arn:aws:s3:::b/*");
    let both = policy(&["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::b/*");
    let write = policy(&["s3:PutObject"], "arn:aws:s3:::b/*");
    let other = policy(&["s3:PutObject", "s3:DeleteObject"], "arn:aws:s3:::b/*");
    [
        ("equal", read.clone(), read.clone()),
        ("narrower", read.clone(), both.clone()),
        ("wider", both.clone(), read.clone()),
        ("disjoint", read, write),
        ("overlapping", both, other),
    ]
}

#[test]
fn each_relation_has_its_name_its_witnesses_and_its_exit_code_at_the_gate() {
    for (relation, a, b) in pairs() {
        let ran = compared(&a, &b, &["--json"]);
        assert_eq!(
            ran.code, 0,
            "{relation}: without a gate it is no failure: {}",
            ran.err
        );
        let answer: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(answer["relation"], relation, "{}", ran.out);
        let a_has_more = !["equal", "narrower"].contains(&relation);
        assert_eq!(!answer["only_a"].is_null(), a_has_more, "{relation}");
        let ran = compared(&a, &b, &["--gate", "no-new-access"]);
        assert_eq!(ran.code, i32::from(a_has_more), "{relation}: {}", ran.out);
    }
}

#[test]
fn a_witness_is_a_request_that_one_side_allows_and_the_other_does_not() {
    for (relation, a, b) in pairs() {
        let answer: Value = serde_json::from_str(&compared(&a, &b, &["--json"]).out).unwrap();
        for (witness, yes, no) in [("only_a", &a, &b), ("only_b", &b, &a)] {
            if answer[witness].is_null() {
                continue;
            }
            for (policy, decision) in [(yes, "allow"), (no, "implicit_deny")] {
                let policy: Value = serde_json::from_str(policy).unwrap();
                let case = serde_json::json!({"request": answer[witness], "identity": [{"name": "p", "document": policy}]});
                let decided = run_with(&["evaluate", "--cases", "-"], case.to_string());
                let decided: Value = serde_json::from_str(&decided.out).unwrap();
                assert_eq!(decided["decision"], decision, "{relation} {witness}");
            }
        }
    }
}

#[test]
fn cases_are_a_filter() {
    let line = |name: &str, a: &str, b: &str| {
        format!("{{\"name\":\"{name}\",\"kind\":\"identity\",\"a\":{a},\"b\":[{b}]}}\n")
    };
    let input: String = pairs()
        .iter()
        .map(|(name, a, b)| line(name, a, b))
        .collect();
    let ran = run_with(&["compare", "--cases", "-"], &input);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let answers: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 5);
    for answer in answers {
        assert_eq!(answer["name"], answer["relation"]);
        assert!(answer["catalog_relation"].is_string());
    }
}

#[test]
fn every_claimed_containment_can_be_checked_again() {
    for (relation, a, b) in pairs() {
        let answer: Value =
            serde_json::from_str(&compared(&a, &b, &["--json", "--check"]).out).unwrap();
        assert_eq!(answer["relation"], relation, "{answer}");
        let claims = match relation {
            "equal" => serde_json::json!(["a ⊆ b", "b ⊆ a"]),
            "narrower" => serde_json::json!(["a ⊆ b"]),
            "wider" => serde_json::json!(["b ⊆ a"]),
            _ => serde_json::json!([]),
        };
        assert_eq!(answer["checked"], claims, "{relation}");
    }
}

#[test]
fn a_resource_policy_is_compared_by_whom_it_lets_in() {
    let of = |account: &str| {
        serde_json::json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": account}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]}).to_string()
    };
    let ran = compared(
        &of("*"),
        &of("111122223333"),
        &["--kind", "resource", "--json"],
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["relation"], "wider", "{answer}");
}

#[test]
fn layers_bound_each_other() {
    let all = policy(&["s3:*"], "*");
    let read = policy(&["s3:GetObject"], "*");
    let bounded = format!(r#"{{"identity":[{all}],"boundary":[{read}]}}"#);
    let answer: Value = serde_json::from_str(&compared(&bounded, &read, &["--json"]).out).unwrap();
    assert_eq!(answer["relation"], "equal", "{answer}");
}

#[test]
fn people_read_a_sentence_and_an_example() {
    let (_, read, both) = pairs()[1].clone();
    let table = compared(&both, &read, &[]).out;
    assert!(table.starts_with("WIDER"), "{table}");
    assert!(table.contains("s3:PutObject on arn:aws:s3:::b/"), "{table}");
    let comment = compared(&both, &read, &["--format", "markdown"]).out;
    assert!(comment.starts_with("### Access: wider"), "{comment}");
    assert!(comment.contains("s3:PutObject"), "{comment}");
}

#[test]
fn what_is_no_policy_is_pointed_at() {
    let folder = Folder::new();
    let good = folder.file("good.json", policy(&["s3:GetObject"], "*"));
    let bad = folder.file("bad.json", "{\n \"Statement\": [{\"Efect\": \"Allow\"}]}");
    refuses(
        &["compare", &good, &bad],
        &["bad.json:2:", "Efect", "write `Effect`"],
    );
    refuses(&["compare", &good, "no.json"], &["no.json"]);
    assert_eq!(run(&["compare", &good]).code, 2);
    let ran = run_with(&["compare", "--cases", "-"], "{\"a\": 1}");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("line 1"), "{}", ran.err);
}

#[test]
fn resource_policies_are_compared_by_whom_they_name() {
    let grants = |principal: &str| {
        serde_json::json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]})
        .to_string()
    };
    let role = grants("arn:aws:iam::111122223333:role/r");
    let account = grants("111122223333");
    let ran = compared(&account, &role, &["--json", "--kind", "resource"]);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["relation"], "wider", "{}", ran.out);
}
