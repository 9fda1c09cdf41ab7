use std::hint::black_box;

use bailiwick_review::{
    plan::{Plan, Snapshot, lint::lint},
    print::{self, Language},
    waiver,
};
use serde_json::{Value, json};

use crate::text;

/// A file of waivers is read, or refused with its reason.
pub fn waivers(input: &[u8]) {
    if let Err(error) = waiver::parse(text(input)) {
        assert!(!error.to_string().is_empty());
    }
}

/// A plan that is read is written as it was, linted, printed in each language, and tried on a
/// snapshot: it fits, or the error says what does not.
pub fn plan(input: &[u8]) {
    let Ok(plan) = Plan::parse(text(input)) else {
        return;
    };
    let Ok(written) = plan.to_json() else {
        return;
    };
    assert_eq!(Plan::parse(&written).ok().as_ref(), Some(&plan));
    black_box(lint(&plan));
    black_box(plan.verdict());
    for language in [
        Language::Json,
        Language::Cloudformation,
        Language::Terraform,
    ] {
        let _ = black_box(print::plan::files(&plan, language));
    }
    let snapshot = snapshot();
    // Made for this one, whatever it was made for.
    let plan = Plan {
        snapshot: snapshot.hash(),
        ..plan
    };
    match snapshot.apply(&plan) {
        Ok(after) => {
            let _ = black_box(after.apply(&plan.inverse(after.hash())));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A role, a runtime that runs as it, and a unit above.
fn snapshot() -> Snapshot {
    let role = "arn:aws:iam::111122223333:role/old";
    let id = "reader-AbCdEf1234";
    let arn = format!("arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/{id}");
    let statements = json!([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]);
    let document = |statements: &Value| json!({"Version": "2012-10-17", "Statement": statements});
    let detail = json!({"Path": "/", "RoleName": "old", "RoleId": "AROAEXAMPLE", "Arn": role,
        "AssumeRolePolicyDocument": document(&json!([])), "InstanceProfileList": [],
        "AttachedManagedPolicies": [], "Tags": [],
        "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": document(&statements)}]});
    let iam = json!({"UserDetailList": [], "GroupDetailList": [], "Policies": [],
        "RoleDetailList": [detail], "IsTruncated": false});
    let calls = json!({"calls": [
        {"operation": "GetAgentRuntime", "request": {"agentRuntimeId": id}, "response": {
            "agentRuntimeArn": arn, "agentRuntimeId": id, "agentRuntimeName": "reader",
            "agentRuntimeVersion": "1", "roleArn": role, "status": "READY"}}]});
    let organization = json!({"management_account": "999988887777", "roots": [
        {"id": "r-1", "scps": [], "rcps": [], "units": [], "accounts": [
            {"id": "111122223333", "name": "prod", "scps": [], "rcps": []}]}]});
    Snapshot::new([
        ("organization.json".to_owned(), organization),
        ("accounts/111122223333/iam.json".to_owned(), iam),
        (
            "accounts/111122223333/us-east-1/bedrock-agentcore-control.json".to_owned(),
            calls,
        ),
    ])
}
