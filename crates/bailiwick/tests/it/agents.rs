//! `agents` and `reach` over the example.

use serde_json::Value;

use crate::program::{refuses, run};

const ACME: &str = "examples/acme";

fn agents(more: &[&str]) -> Vec<Value> {
    let args: Vec<_> = ["agents", ACME, "--json"]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    let ran = run(&args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let inventory: Value = serde_json::from_str(&ran.out).unwrap();
    inventory["agents"].as_array().unwrap().clone()
}

fn named(agents: &[Value], name: &str) -> Value {
    agents
        .iter()
        .find(|agent| agent["name"] == name)
        .unwrap()
        .clone()
}

#[test]
fn an_agent_has_its_kind_owner_environment_and_role() {
    let agent = named(&agents(&[]), "invoice_reader");
    assert_eq!(agent["kind"], "runtime");
    assert_eq!(agent["owner"]["value"], "payments");
    assert_eq!(agent["environment"]["value"], "prod");
    assert_eq!(
        agent["roles"][0]["arn"],
        "arn:aws:iam::111122223333:role/agents/prod/invoice-reader"
    );
    assert_eq!(agent["roles"][0]["shared_with"], serde_json::json!([]));
}

#[test]
fn whoever_shares_a_role_is_named_by_both() {
    let agents = agents(&[]);
    let (copilot, refunds) = (
        named(&agents, "support_copilot"),
        named(&agents, "refund_assistant"),
    );
    assert!(
        copilot["roles"][0]["shared_with"]
            .as_array()
            .unwrap()
            .contains(&refunds["arn"])
    );
    assert!(
        refunds["roles"][0]["shared_with"]
            .as_array()
            .unwrap()
            .contains(&copilot["arn"])
    );
}

#[test]
fn an_invoker_comes_with_a_request_that_evaluate_allows() {
    let agents = agents(&["--invokers"]);
    let witnesses: Vec<_> = agents
        .iter()
        .flat_map(|agent| agent["invokers"].as_array().unwrap())
        .flat_map(|way| way["may"].as_array().unwrap())
        .map(|may| &may["witness"])
        .collect();
    assert!(!witnesses.is_empty());
    for witness in witnesses {
        assert!(witness["request"]["action"].is_string());
        assert!(!witness["because"].as_array().unwrap().is_empty());
    }
}

#[test]
fn the_table_says_what_json_says() {
    let table = run(&["agents", ACME, "--invokers"]).out;
    for agent in agents(&[]) {
        let name = agent["name"].as_str().unwrap();
        assert!(table.contains(name), "{name}");
    }
}

#[test]
fn reach_answers_for_every_principal_one_object_a_line() {
    let ran = run(&["reach", ACME, "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.len() >= 40);
    for line in &lines {
        assert!(line["principal"].as_str().unwrap().starts_with("arn:"));
        assert!(["yes", "potential", "no", "unknown"].contains(&line["admin"].as_str().unwrap()));
        assert!(line["direct"].is_boolean() && line["reaches"].is_array());
    }
    let arns: Vec<_> = lines
        .iter()
        .map(|line| line["principal"].as_str().unwrap())
        .collect();
    assert!(arns.is_sorted());
}

#[test]
fn reach_from_one_principal_is_about_that_one() {
    let arn = "arn:aws:iam::111122223333:role/agents/prod/invoice-reader";
    let ran = run(&["reach", ACME, "--json", "--from", arn]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.out.lines().count(), 1);
    assert!(ran.out.contains(arn));
    assert!(run(&["reach", ACME, "--from", arn]).out.contains(arn));
}

#[test]
fn reach_from_nobody_is_bad_input_that_names_who_may_be_meant() {
    refuses(
        &["reach", ACME, "--from", "invoice-reader"],
        &["is no ARN", "mend:"],
    );
    refuses(
        &[
            "reach",
            ACME,
            "--from",
            "arn:aws:iam::111122223333:role/invoice-reader",
        ],
        &["did you mean arn:aws:iam::111122223333:role/agents/prod/invoice-reader"],
    );
}
