use serde_json::json;

use super::*;

const TABLE: &str = "arn:aws:dynamodb:us-east-1:111122223333:table/orders";

fn desk(tool: &Value, tags: &Value) -> World {
    World::default()
        .role("desk", &trust_service("bedrock.amazonaws.com"), &json!([]))
        .role("tool", &trust_service("lambda.amazonaws.com"), tool)
        .bedrock_agent("desk", "desk", tags)
        .function("tool", None)
}

#[test]
fn sep_01_a_tool_that_reads_and_deletes() {
    let severity = |actions: &[&str]| {
        desk(&allow(actions, &[TABLE]), &json!({}))
            .fires("SEP-01")
            .severity
    };
    assert_eq!(
        severity(&["dynamodb:GetItem", "dynamodb:DeleteItem"]),
        Severity::High
    );
    assert_eq!(
        severity(&["dynamodb:GetItem", "dynamodb:PutItem"]),
        Severity::Medium
    );
}

#[test]
fn sep_01_near_miss_a_tool_that_reads_and_writes_logs() {
    let reads = allow(&["dynamodb:GetItem", "logs:PutLogEvents"], &["*"]);
    desk(&reads, &json!({})).is_silent("SEP-01");
}

#[test]
fn sep_02_a_reader_whose_tool_deletes() {
    let reader = json!({"access": "read-only"});
    let deletes = allow(&["dynamodb:DeleteItem"], &[TABLE]);
    let finding = desk(&deletes, &reader).fires("SEP-02");
    assert_eq!(finding.severity, Severity::Critical);
    assert_eq!(finding.path.len(), 3, "{:#?}", finding.path);
    desk(&allow(&["dynamodb:GetItem"], &[TABLE]), &reader).is_silent("SEP-02");
    desk(&deletes, &json!({})).is_silent("SEP-02");
}

#[test]
fn env_02_a_staging_agent_in_productions_bucket() {
    let world = |environment: &str| {
        World::default()
            .role("reader", &trust_of("reader"), &allow(&["s3:GetObject"], &["arn:aws:s3:::papers/*"]))
            .runtime_tagged("reader", "reader", &json!({"environment": "staging"}))
            .resource(json!({"arn": "arn:aws:s3:::papers", "type": "AWS::S3::Bucket", "tags": {"environment": environment}}))
    };
    let finding = world("prod").fires("ENV-02");
    assert_eq!(finding.severity, Severity::High);
    world("staging").is_silent("ENV-02");
}
