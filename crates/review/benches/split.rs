//! A split of one role that so many runtimes share, each with a charter and calls of its own: policies
//! compiled, proofs with their certificates, and the plan.

#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

use std::fmt::Write as _;

use bailiwick_charter::Charters;
use bailiwick_estate::{Estate, File, usage::Usage};
use bailiwick_iam_catalog::builtin;
use bailiwick_review::plan::{
    Snapshot, Verdict,
    split::{Sources, split},
};
use serde_json::{Value, json};

const ACCOUNT: &str = "111122223333";
const SHARED: &str = "arn:aws:iam::111122223333:role/shared";

fn main() {
    divan::main();
}

// What was aimed at for a hundred: five seconds.
#[divan::bench(args = [10, 100], sample_count = 5, sample_size = 1)]
fn agents_on_one_role(bencher: divan::Bencher<'_, '_>, agents: usize) {
    let snapshot = snapshot(agents);
    let texts: Vec<(&str, String)> = snapshot
        .files()
        .map(|(name, value)| (name, value.to_string()))
        .collect();
    let files = texts
        .iter()
        .map(|(name, text)| File::of_bytes("estate", name, text.as_bytes()));
    let estate = Estate::load(files.collect()).unwrap();
    let charters = charters(agents);
    let usage = usage(agents);
    let role = SHARED.parse().unwrap();
    bencher.bench_local(|| {
        let sources = Sources {
            estate: &estate,
            catalog: builtin(),
            snapshot: &snapshot,
            charters: &charters,
            usage: Some(&usage),
        };
        let plan = split(sources, &role).unwrap();
        // A plan that gave up early would be a quick one.
        assert_eq!(plan.verdict(), Verdict::Proved);
        assert!(plan.proofs.len() > 4 * agents);
        plan
    });
}

fn id(number: usize) -> String {
    format!("agent_{number}-AbCdEf1234")
}

fn arn(number: usize) -> String {
    format!(
        "arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:runtime/{}",
        id(number)
    )
}

/// What the shared role may do grew with its agents, as it does.
fn statements(agents: usize) -> Vec<Value> {
    let mut statements = vec![
        json!({"Effect": "Allow", "Action": ["bedrock:InvokeModel*", "logs:*", "xray:*", "cloudwatch:*"], "Resource": "*"}),
        json!({"Effect": "Allow", "Action": ["s3:Get*", "s3:List*", "s3:PutObject"], "Resource": "*"}),
        json!({"Effect": "Allow", "Action": ["sqs:*", "bedrock-agentcore:*", "ecr:*"], "Resource": "*"}),
        json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "never"}}}),
    ];
    statements.extend((0..agents).map(|number| {
        json!({"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"],
            "Resource": format!("arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/t{number}")})
    }));
    statements
}

fn snapshot(agents: usize) -> Snapshot {
    let document = |statements: Value| json!({"Version": "2012-10-17", "Statement": statements});
    let policies: Vec<Value> = statements(agents)
        .chunks(20)
        .enumerate()
        .map(|(number, part)| {
            json!({"PolicyName": format!("p{number}"), "PolicyDocument": document(json!(part))})
        })
        .collect();
    let trust = json!([{"Effect": "Allow", "Principal": {"Service": "bedrock-agentcore.amazonaws.com"},
        "Action": "sts:AssumeRole"}]);
    let role = json!({"Path": "/", "RoleName": "shared", "RoleId": "AROAEXAMPLESHARED", "Arn": SHARED,
        "AssumeRolePolicyDocument": document(trust), "InstanceProfileList": [],
        "AttachedManagedPolicies": [], "Tags": [], "RolePolicyList": policies});
    let iam = json!({"UserDetailList": [], "GroupDetailList": [], "Policies": [],
        "RoleDetailList": [role], "IsTruncated": false});
    let listed: Vec<Value> = (0..agents)
        .map(|number| {
            json!({"agentRuntimeArn": arn(number), "agentRuntimeId": id(number),
                "agentRuntimeVersion": "1", "agentRuntimeName": format!("agent_{number}"), "status": "READY"})
        })
        .collect();
    let list = json!({"operation": "ListAgentRuntimes", "request": {}, "response": {"agentRuntimes": listed}});
    let each = (0..agents).map(|number| {
        json!({"operation": "GetAgentRuntime", "request": {"agentRuntimeId": id(number)}, "response": {
            "agentRuntimeArn": arn(number), "agentRuntimeName": format!("agent_{number}"),
            "agentRuntimeId": id(number), "agentRuntimeVersion": "1", "roleArn": SHARED,
            "networkConfiguration": {"networkMode": "PUBLIC"}, "status": "READY"}})
    });
    let calls: Vec<Value> = std::iter::once(list).chain(each).collect();
    Snapshot::new([
        (format!("accounts/{ACCOUNT}/iam.json"), iam),
        (
            format!("accounts/{ACCOUNT}/us-east-1/bedrock-agentcore-control.json"),
            json!({"calls": calls}),
        ),
    ])
}

fn charters(agents: usize) -> Charters {
    let text = |number: usize| {
        let arn = arn(number);
        format!(
            r#"agent: agent-{number}
owner: {{ team: t, contact: t@example.com }}
purpose: Measured.
environment: prod
mode: standing
runs-as: ["{arn}"]
models: ["arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0"]
tasks:
  work:
    for: 20m
    parameters: {{ tenant: "[a-z0-9-]{{3,32}}" }}
    read:
      - {{ actions: [s3:GetObject], resources: ["arn:aws:s3:::data-{number}/${{tenant}}/*"] }}
      - {{ actions: [s3:ListBucket], resources: ["arn:aws:s3:::data-{number}"] }}
      - {{ actions: [dynamodb:GetItem, dynamodb:Query], resources: ["arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/t{number}"] }}
    write:
      - {{ actions: [s3:PutObject], resources: ["arn:aws:s3:::data-{number}/out/*"] }}
      - {{ actions: [dynamodb:PutItem], resources: ["arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/t{number}"] }}
      - {{ actions: [sqs:SendMessage], resources: ["arn:aws:sqs:us-east-1:{ACCOUNT}:q{number}"] }}
"#
        )
    };
    let texts: Vec<(String, String)> = (0..agents)
        .map(|number| (format!("agent-{number}.yaml"), text(number)))
        .collect();
    let files = texts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()));
    Charters::parse(files).unwrap()
}

/// Four kinds of call of each agent, and one that no charter declares.
fn usage(agents: usize) -> Usage {
    let mut text = json!({"coverage": {"from": "2026-08-01T00:00:00Z", "to": "2026-11-01T00:00:00Z",
        "accounts": [ACCOUNT], "regions": ["us-east-1"], "selectors": ["management", "AWS::S3::Object"]}})
    .to_string();
    text.push('\n');
    for number in 0..agents {
        let calls = [
            ("s3:GetObject", format!("arn:aws:s3:::data-{number}/acme/1")),
            ("s3:PutObject", format!("arn:aws:s3:::data-{number}/out/1")),
            (
                "dynamodb:Query",
                format!("arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/t{number}"),
            ),
            (
                "sqs:SendMessage",
                format!("arn:aws:sqs:us-east-1:{ACCOUNT}:q{number}"),
            ),
            (
                "sqs:SendMessage",
                format!("arn:aws:sqs:us-east-1:{ACCOUNT}:elsewhere"),
            ),
        ];
        for (action, resource) in calls {
            let line = json!({"account": ACCOUNT, "role": SHARED, "session": "s", "agent": arn(number),
                "how_sure": "certain", "action": action, "resource": resource, "count": 3,
                "first": "2026-09-01T00:00:00Z", "last": "2026-09-02T00:00:00Z", "errors": {}, "events": []});
            let _ = writeln!(text, "{line}");
        }
    }
    Usage::read("usage.ndjson", text.as_bytes()).unwrap()
}
