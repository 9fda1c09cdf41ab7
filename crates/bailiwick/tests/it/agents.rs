//! `agents` and `reach` over the example.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::program::{Folder, refuses, run};

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

fn reaches_of_acme(more: &[&str]) -> Vec<Value> {
    let ran = run(&[&["reach", ACME, "--json"], more].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines = ran.out.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn reach_lists_so_many_ways_and_counts_the_others() {
    let all = reaches_of_acme(&["--ways", "all"]);
    let some = reaches_of_acme(&["--ways", "40"]);
    let mut cut = 0;
    for (all, some) in all.iter().zip(&some) {
        assert!(all.get("more").is_none());
        assert_eq!(all["admin"], some["admin"]);
        let (ways, told) = (
            all["reaches"].as_array().unwrap(),
            some["reaches"].as_array().unwrap(),
        );
        let Some(more) = some.get("more") else {
            assert_eq!(ways, told);
            continue;
        };
        cut += 1;
        assert_eq!(told.len(), 40);
        assert_eq!(more["ways"], ways.len() - told.len());
        assert!(told.iter().all(|way| ways.contains(way)));
        // Of each path one, and of each principal one while there is room.
        let paths = |ways: &[Value]| -> BTreeSet<String> {
            let paths = ways.iter().map(|way| way["hops"][0]["path"].to_string());
            paths.collect()
        };
        assert_eq!(paths(ways), paths(told));
        let principals = |ways: &[Value]| -> BTreeSet<String> {
            ways.iter()
                .map(|way| way["principal"].to_string())
                .collect()
        };
        let left = principals(ways).len() - principals(told).len();
        assert_eq!(more["principals"], left);
    }
    assert!(cut > 0);
    let refused = run(&["reach", ACME, "--json", "--ways", "0"]);
    assert_eq!(refused.code, 2);
}

/// What `reach --json` says of an account with one administrator.
fn reach_of_an_administrator(truncated: bool, denied: Option<&str>) -> Value {
    let folder = Folder::new();
    let all = json!({"Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let iam = json!({"UserDetailList": [{"Path": "/", "UserName": "root-like", "UserId": "AIDAEXAMPLE",
        "Arn": "arn:aws:iam::111122223333:user/root-like", "GroupList": [], "AttachedManagedPolicies": [],
        "UserPolicyList": [{"PolicyName": "all", "PolicyDocument": all}]}],
        "RoleDetailList": [], "GroupDetailList": [], "Policies": [], "IsTruncated": truncated});
    folder.file("iam.json", iam.to_string());
    if let Some(action) = denied {
        let full = json!({"name": "FullAWSAccess", "document": all});
        let deny = json!({"name": "ceiling", "document": {"Version": "2012-10-17",
            "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}]}});
        let organization = json!({"management_account": "999999999999", "roots": [{"id": "r-root",
            "scps": [full], "rcps": [], "units": [], "accounts": [{"id": "111122223333",
            "name": "member", "scps": [full, deny], "rcps": []}]}]});
        folder.file("organization.json", organization.to_string());
    }
    let ran = run(&["reach", folder.name(), "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(ran.out.trim()).unwrap()
}

#[test]
fn reach_tells_who_is_an_administrator_but_for_scps() {
    let under = reach_of_an_administrator(false, Some("cloudtrail:StopLogging"));
    assert_eq!(under["admin"], "no");
    assert_eq!(under["direct"], false);
    assert_eq!(under["admin_but_for_scps"], "yes");
    let free = reach_of_an_administrator(false, None);
    assert_eq!(free["admin"], "yes");
    assert!(free.get("admin_but_for_scps").is_none());
}

#[test]
fn reach_tells_of_a_truncated_page_in_each_line_it_concerns() {
    let cut = reach_of_an_administrator(true, None);
    let why = cut["incomplete"][0]["why"].as_str().unwrap();
    assert!(why.contains("IsTruncated"), "{why}");
    let whole = reach_of_an_administrator(false, None);
    assert!(whole.get("incomplete").is_none());
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
