//! Made estates of any size, the same for the same size: for benchmarks and for limits.
//!
//! An account of agents as they are found: most roles trust one service and carry a few managed
//! policies and an inline one; some may pass roles, some may assume the next, a few have a boundary
//! and a few are administrators.

use std::fs;

use serde_json::{Map, Value, json};

use crate::peers;

const ACCOUNT: &str = "111122223333";

/// As many of AWS's managed policies as one large account was seen to use.
const MANAGED_POLICIES: usize = 946;

/// Who trusts whom, in turn.
const SERVICES: [&str; 6] = [
    "bedrock.amazonaws.com",
    "bedrock-agentcore.amazonaws.com",
    "lambda.amazonaws.com",
    "ec2.amazonaws.com",
    "ecs-tasks.amazonaws.com",
    "sagemaker.amazonaws.com",
];

/// A file of a snapshot folder: its path and its text.
pub type SnapshotFile = (String, String);

/// A snapshot folder with one account of so many roles, an organisation with two ceilings, and a
/// Bedrock agent or an AgentCore runtime on every role that trusts those services.
///
/// `None` where AWS's managed policies are not installed: see [`peers`].
#[must_use]
pub fn snapshot(roles: usize) -> Option<Vec<SnapshotFile>> {
    let account = format!("accounts/{ACCOUNT}");
    Some(vec![
        ("organization.json".to_owned(), organization().to_string()),
        (format!("{account}/iam.json"), authorization_details(roles)?),
        (
            format!("{account}/us-east-1/bedrock-agent.json"),
            agents(roles).to_string(),
        ),
        (
            format!("{account}/us-east-1/bedrock-agentcore-control.json"),
            runtimes(roles).to_string(),
        ),
    ])
}

/// The output of `aws iam get-account-authorization-details` for so many roles.
///
/// `None` where AWS's managed policies are not installed: see [`peers`].
#[must_use]
pub fn authorization_details(roles: usize) -> Option<String> {
    let text = fs::read_to_string(peers::managed_policies()?).ok()?;
    let managed: Map<String, Value> = serde_json::from_str(&text).ok()?;
    let managed: Vec<(String, Value)> = managed.into_iter().take(MANAGED_POLICIES).collect();
    let arns: Vec<&Value> = managed
        .iter()
        .filter_map(|(_, policy)| policy.get("arn"))
        .collect();
    let details = json!({
        "UserDetailList": [],
        "GroupDetailList": [],
        "RoleDetailList": (0..roles).map(|number| role(number, roles, &arns)).collect::<Vec<_>>(),
        "Policies": managed.iter().map(|(name, policy)| managed_policy(name, policy)).collect::<Vec<_>>(),
        "IsTruncated": false,
    });
    Some(details.to_string())
}

fn role_name(number: usize) -> String {
    format!("agent-{number:05}")
}

fn role_arn(number: usize) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/agents/{}", role_name(number))
}

fn service(number: usize) -> &'static str {
    SERVICES
        .iter()
        .cycle()
        .nth(number % SERVICES.len())
        .copied()
        .unwrap_or_default()
}

fn role(number: usize, roles: usize, managed: &[&Value]) -> Value {
    let attached = (0..3).filter_map(|place| {
        let arn = managed
            .get((number * 7 + place * 311) % managed.len())?
            .as_str()?;
        Some(json!({"PolicyName": arn.rsplit('/').next(), "PolicyArn": arn}))
    });
    let mut role = json!({
        "Path": "/agents/",
        "RoleName": role_name(number),
        "RoleId": format!("AROAEXAMPLE{number:010}"),
        "Arn": role_arn(number),
        "CreateDate": "2026-01-01T00:00:00+00:00",
        "AssumeRolePolicyDocument": trust(number),
        "InstanceProfileList": [],
        "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": inline(number, roles)}],
        "AttachedManagedPolicies": attached.collect::<Vec<_>>(),
        "Tags": [{"Key": "environment", "Value": if number.is_multiple_of(4) { "staging" } else { "prod" }}],
    });
    if let (true, Some(role)) = (number % 5 == 4, role.as_object_mut()) {
        let boundary = "arn:aws:iam::aws:policy/AdministratorAccess";
        let boundary =
            json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary});
        role.insert("PermissionsBoundary".to_owned(), boundary);
    }
    role
}

fn trust(number: usize) -> Value {
    let mut statements = vec![json!({
        "Effect": "Allow", "Principal": {"Service": service(number)}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    })];
    if number % 10 == 3 {
        let before = role_arn(number - 1);
        statements.push(
            json!({"Effect": "Allow", "Principal": {"AWS": before}, "Action": "sts:AssumeRole"}),
        );
    }
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn inline(number: usize, roles: usize) -> Value {
    let bucket = format!("arn:aws:s3:::data-{number:05}");
    let mut statements = vec![
        json!({"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": [bucket, format!("{bucket}/*")]}),
        json!({"Effect": "Allow", "Action": "dynamodb:*Item", "Resource": format!("arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/t-{number}"),
            "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:PrincipalTag/tenant}"]}}}),
        json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}),
    ];
    match number % 10 {
        2 => statements.push(json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role_arn(number + 1)})),
        5 => statements.push(json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": role_arn((number + 6) % roles.max(1)),
            "Condition": {"StringEquals": {"iam:PassedToService": service(number)}}})),
        7 => statements.push(json!({"Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*"})),
        9 if number % 100 == 99 => statements.push(json!({"Effect": "Allow", "Action": "*", "Resource": "*"})),
        _ => {}
    }
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn managed_policy(name: &str, policy: &Value) -> Value {
    let [arn, version, document] = ["arn", "version", "document"].map(|key| policy.get(key));
    json!({
        "PolicyName": name,
        "PolicyId": format!("ANPA{}", name.to_uppercase()),
        "Arn": arn,
        "Path": "/",
        "DefaultVersionId": version,
        "AttachmentCount": 1,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": true,
        "PolicyVersionList": [{"Document": document, "VersionId": version, "IsDefaultVersion": true}],
    })
}

fn organization() -> Value {
    let open = json!({"name": "FullAWSAccess", "document":
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}});
    let regions = json!({"name": "regions", "document": {"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "NotAction": ["iam:*", "sts:*", "organizations:*"], "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["us-east-1", "eu-west-1"]}}}]}});
    let account = json!({"id": ACCOUNT, "name": "prod", "tags": {"environment": "prod"}, "scps": [open], "rcps": []});
    let unit = json!({"id": "ou-made-agents", "name": "Agents", "scps": [open], "rcps": [], "units": [], "accounts": [account]});
    json!({"management_account": "999988887777",
        "roots": [{"id": "r-made", "scps": [open, regions], "rcps": [], "units": [unit]}]})
}

fn agents(roles: usize) -> Value {
    let mut calls = Vec::new();
    let mut summaries = Vec::new();
    for number in (0..roles).filter(|number| service(*number) == "bedrock.amazonaws.com") {
        let id = format!("AG{number:08}");
        let arn = format!("arn:aws:bedrock:us-east-1:{ACCOUNT}:agent/{id}");
        let name = format!("agent-{number:05}");
        summaries.push(json!({"agentId": id, "agentName": name, "agentStatus": "PREPARED"}));
        calls.push(
            json!({"operation": "GetAgent", "request": {"agentId": id}, "response": {"agent": {
            "agentId": id, "agentArn": arn, "agentName": name, "agentStatus": "PREPARED",
            "agentVersion": "DRAFT", "agentResourceRoleArn": role_arn(number)}}}),
        );
    }
    let list = json!({"operation": "ListAgents", "request": {}, "response": {"agentSummaries": summaries}});
    calls.insert(0, list);
    json!({"calls": calls})
}

fn runtimes(roles: usize) -> Value {
    let mut calls = Vec::new();
    let mut summaries = Vec::new();
    for number in (0..roles).filter(|number| service(*number).starts_with("bedrock-agentcore")) {
        let id = format!("runtime_{number:05}-AbCdEf1234");
        let arn = format!("arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:runtime/{id}");
        let name = format!("runtime_{number:05}");
        summaries.push(
            json!({"agentRuntimeArn": arn, "agentRuntimeId": id, "agentRuntimeVersion": "1",
            "agentRuntimeName": name, "status": "READY"}),
        );
        calls.push(json!({"operation": "GetAgentRuntime", "request": {"agentRuntimeId": id}, "response": {
            "agentRuntimeArn": arn, "agentRuntimeId": id, "agentRuntimeVersion": "1", "agentRuntimeName": name,
            "roleArn": role_arn(number), "networkConfiguration": {"networkMode": "PUBLIC"}, "status": "READY"}}));
    }
    let list = json!({"operation": "ListAgentRuntimes", "request": {}, "response": {"agentRuntimes": summaries}});
    calls.insert(0, list);
    json!({"calls": calls})
}
