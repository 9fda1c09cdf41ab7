//! How long one decision takes: a role with ten of AWS's managed policies, alone and under ceilings.
//!
//! Where AWS's policies are not installed (`cargo xtask peers`), made ones of the same size stand in.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "benchmark code"
)]

use std::sync::Arc;

use bailiwick_iam::{
    evaluate::{Decision, evaluate},
    layers::{Compiled, Layers, Level, NamedPolicy, Policies},
    policy::Policy,
    request::{Context, Principal, Request},
    vocabulary::NoVocabulary,
};

/// Ten policies that roles of agents were seen with, 60 to 700 actions each.
const ATTACHED: [&str; 10] = [
    "ReadOnlyAccess",
    "AmazonBedrockFullAccess",
    "AmazonS3ReadOnlyAccess",
    "AmazonDynamoDBFullAccess",
    "CloudWatchLogsFullAccess",
    "AWSLambda_FullAccess",
    "AmazonSageMakerFullAccess",
    "AmazonEC2FullAccess",
    "SecretsManagerReadWrite",
    "AmazonSQSFullAccess",
];

fn main() {
    divan::main();
}

fn compiled(name: &str, text: &str) -> Arc<Compiled> {
    Arc::new(Compiled::new(NamedPolicy {
        name: name.into(),
        policy: Arc::new(Policy::parse(text).unwrap()),
    }))
}

fn documents() -> Vec<(String, String)> {
    let Some(path) = bailiwick_testkit::peers::managed_policies() else {
        return made();
    };
    let text = std::fs::read_to_string(path).unwrap();
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    let document = |name: &&str| {
        Some((
            (*name).to_owned(),
            all.get(name)?.get("document")?.to_string(),
        ))
    };
    ATTACHED.iter().filter_map(document).collect()
}

fn made() -> Vec<(String, String)> {
    let services = ["s3", "ec2", "sqs", "lambda", "bedrock"];
    let policy = |number: usize| {
        let actions: Vec<String> = (0..200)
            .map(|action| format!("\"{}:Get{number}Thing{action}\"", services[action % 5]))
            .collect();
        let statement = format!(
            r#"{{"Effect":"Allow","Action":["s3:List*",{}],"Resource":"*"}}"#,
            actions.join(",")
        );
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
        (format!("made-{number}"), text)
    };
    (0..10).map(policy).collect()
}

fn identity() -> Policies {
    let documents = documents();
    assert_eq!(documents.len(), 10);
    documents
        .iter()
        .map(|(name, text)| compiled(name, text))
        .collect()
}

fn request(action: &str, resource: &str) -> Request {
    let role = "arn:aws:iam::111122223333:role/agents/reader"
        .parse()
        .unwrap();
    let mut request = Request::new(Principal::session(&role, "s").unwrap(), action, resource);
    request.context = Context::default()
        .with("aws:SourceIp", "10.1.2.3")
        .with("aws:RequestedRegion", "us-east-1")
        .with("aws:SecureTransport", "true");
    request
}

/// Ten policies: what the last of them allows, and what none does.
#[divan::bench(args = ["sqs:SendMessage", "s3:GetObject", "iam:CreateUser"])]
fn ten_policies(bencher: divan::Bencher<'_, '_>, action: &str) {
    let layers = Layers {
        identity: Some(identity()),
        ..Layers::default()
    };
    let request = request(action, "arn:aws:sqs:us-east-1:111122223333:ledger");
    bencher.bench_local(|| -> Decision { evaluate(&layers, &request, &NoVocabulary) });
}

/// The same under two levels of SCPs with conditions, a boundary and a session policy.
#[divan::bench]
fn ten_policies_under_every_ceiling(bencher: divan::Bencher<'_, '_>) {
    let full = compiled(
        "FullAWSAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    );
    let regions = compiled(
        "regions",
        r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Deny","NotAction":["iam:*","sts:*","organizations:*"],"Resource":"*",
             "Condition":{"StringNotEquals":{"aws:RequestedRegion":["us-east-1","eu-west-1"]}}},
            {"Effect":"Deny","Action":"*","Resource":"*",
             "Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}"#,
    );
    let session = compiled(
        "session",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*",
            "Resource":"arn:aws:sqs:*:*:${aws:PrincipalTag/queue, 'ledger'}","Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/8"]}}}]}"#,
    );
    let level = |target: &str, policies: &[&Arc<Compiled>]| Level {
        target: target.into(),
        policies: policies.iter().copied().cloned().collect(),
    };
    let layers = Layers {
        identity: Some(identity()),
        boundary: Some([full.clone()].into()),
        session: Some([session].into()),
        scp: Some([level("r-root", &[&full]), level("ou-1", &[&full, &regions])].into()),
        ..Layers::default()
    };
    let request = request(
        "sqs:SendMessage",
        "arn:aws:sqs:us-east-1:111122223333:ledger",
    );
    let decision = evaluate(&layers, &request, &NoVocabulary);
    assert_eq!(decision.outcome, bailiwick_iam::evaluate::Outcome::Allow);
    bencher.bench_local(|| -> Decision { evaluate(&layers, &request, &NoVocabulary) });
}

/// Compiling the ten policies, once.
#[divan::bench]
fn compiling_ten_policies(bencher: divan::Bencher<'_, '_>) {
    let documents = documents();
    let policies: Vec<_> = documents
        .iter()
        .map(|(name, text)| NamedPolicy {
            name: name.as_str().into(),
            policy: Arc::new(Policy::parse(text).unwrap()),
        })
        .collect();
    bencher
        .bench_local(|| -> Vec<Compiled> { policies.iter().cloned().map(Compiled::new).collect() });
}
