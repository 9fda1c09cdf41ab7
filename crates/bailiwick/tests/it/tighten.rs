//! `tighten`, on Acme.

use serde_json::Value;

use crate::program::{refuses, run};

const ACME: &str = "examples/acme";
const READER: &str =
    "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/invoice_reader-Qm7vR2sT9x";

#[test]
fn an_agent_is_named_as_its_charter_its_platform_or_aws_name_it() {
    let subject = |name: &str| {
        let ran = run(&["tighten", name, "--estate", ACME, "--json"]);
        let plan: Value = serde_json::from_str(&ran.out).expect(&ran.err);
        plan["subject"].as_str().unwrap().to_owned()
    };
    for name in ["invoice-reader", "invoice_reader-Qm7vR2sT9x", READER] {
        assert_eq!(subject(name), READER);
    }
    let desk = "arn:aws:bedrock:us-east-1:111122223333:agent/OD7Q2WXKTA";
    for name in ["order-desk", "OrderDesk", "OD7Q2WXKTA", desk] {
        assert_eq!(subject(name), desk);
    }
    let drafted = run(&["charter", "draft", "invoice-reader", "--estate", ACME]);
    assert!(drafted.out.contains(READER), "{}", drafted.err);
}

#[test]
fn a_name_of_several_or_of_none_is_refused_with_those_that_are_near() {
    let with = |name| ["tighten", name, "--estate", ACME];
    refuses(
        &with("invoice_reader"),
        &["2 agents answer", READER, "444455556666"],
    );
    refuses(
        &with("invoce-reader"),
        &["invoce-reader", "did you mean `invoice-reader`"],
    );
    refuses(
        &with("nobody"),
        &["no agent `nobody`", "`bailiwick agents PATH` lists them"],
    );
}

#[test]
fn a_shared_role_is_to_be_split_first() {
    let args = ["tighten", "support-copilot", "--estate", ACME];
    refuses(&args, &["2 workloads", "`bailiwick split arn:aws:iam::"]);
}

#[test]
fn what_no_selector_saw_is_not_called_unused() {
    let ran = run(&["tighten", "invoice-reader", "--estate", ACME]);
    // Its charter also declares what its role never allowed: that is refuted, and comes first.
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    for said in [
        "UNKNOWN   removed is unused",
        "AWS::BedrockAgentCore::Memory was not on",
        "REFUTED   charter ⊆ new",
    ] {
        assert!(ran.out.contains(said), "{said}: {}", ran.out);
    }
    let ran = run(&["tighten", "nightly-forecast", "--estate", ACME]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}
