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

/// The agent `desk`, whose tool may write to the table, with these statements of its own.
fn with_own(own: &Value) -> World {
    World::default()
        .role("desk", &trust_service("bedrock.amazonaws.com"), own)
        .role(
            "tool",
            &trust_service("lambda.amazonaws.com"),
            &both(
                &allow(&["dynamodb:PutItem"], &[TABLE]),
                &allow(&["kms:Decrypt", "logs:PutLogEvents"], &["*"]),
            ),
        )
        .bedrock_agent("desk", "desk", &json!({}))
        .function("tool", None)
}

#[test]
fn sep_03_an_agent_that_can_do_without_its_tool() {
    let finding = with_own(&allow(&["dynamodb:PutItem"], &[TABLE])).fires("SEP-03");
    assert_eq!(finding.severity, Severity::Medium);
    assert!(
        finding
            .why
            .contains(&format!("dynamodb:PutItem on {TABLE}")),
        "{}",
        finding.why
    );
    assert!(
        finding.title.ends_with("its tool tool"),
        "{}",
        finding.title
    );
    // Another table is no business of the tool's; keys and logs are everybody's.
    let other = "arn:aws:dynamodb:us-east-1:111122223333:table/others";
    with_own(&allow(&["dynamodb:PutItem"], &[other])).is_silent("SEP-03");
    with_own(&allow(&["kms:Decrypt", "logs:PutLogEvents"], &["*"])).is_silent("SEP-03");
    with_own(&json!([])).is_silent("SEP-03");
}

#[test]
fn sep_03_what_a_charter_declares_the_agent_does_itself() {
    let charter = |resource: &str| {
        format!(
            "agent: desk\nowner: {{ team: t, contact: t@example.com }}\npurpose: Take orders.\nenvironment: prod\nruns-as: [\"arn:aws:bedrock:us-east-1:{ACCOUNT}:agent/AGENT00001\"]\nmode: standing\ntasks:\n  order:\n    for: 5m\n    write:\n      - {{ actions: [dynamodb:PutItem], resources: [\"{resource}\"] }}\n"
        )
    };
    let world = |resource: &str| {
        with_own(&allow(&["dynamodb:PutItem"], &[TABLE])).charter(charter(resource))
    };
    world(TABLE).is_silent("SEP-03");
    world("arn:aws:dynamodb:us-east-1:111122223333:table/others").fires("SEP-03");
}

#[test]
fn sep_04_a_tool_with_a_mild_name_whose_role_deletes() {
    let world = |actions: &[&str], used: &str| {
        let charter = format!(
            "agent: desk\nowner: {{ team: t, contact: t@example.com }}\npurpose: Take orders.\nenvironment: prod\nruns-as: [\"arn:aws:bedrock:us-east-1:{ACCOUNT}:agent/AGENT00001\"]\nmode: standing\ntasks:\n  order:\n    for: 5m\n    tools:\n      - {{ tool: {used} }}\n"
        );
        desk(&allow(actions, &[TABLE]), &json!({})).charter(charter)
    };
    let deletes = ["dynamodb:DeleteItem"];
    let finding = world(&deletes, "tool/change_order").fires("SEP-04");
    let Some(Witness::Facts { facts }) = &finding.witness else {
        panic!("{finding:#?}")
    };
    assert!(
        facts[0].contains(&format!("dynamodb:DeleteItem on {TABLE}")),
        "{facts:?}"
    );
    world(&deletes, "tool/get_order").is_silent("SEP-04");
    world(&deletes, "tool/change_order, approve: human").is_silent("SEP-04");
    world(&["dynamodb:PutItem"], "tool/change_order").is_silent("SEP-04");
    world(&deletes, "another/change_order").is_silent("SEP-04");
}

#[test]
fn sep_02_a_change_that_no_statement_names() {
    let reader = json!({"access": "read-only"});
    let all_but = json!([{"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": TABLE}]);
    let finding = desk(&all_but, &reader).fires("SEP-02");
    assert_eq!(finding.severity, Severity::Critical);
    // The near miss: a denial of all but reads is proved to leave nothing that changes.
    let bounded = both(
        &all_but,
        &json!([{"Effect": "Deny", "NotAction": ["dynamodb:GetItem", "dynamodb:Query"], "Resource": "*"}]),
    );
    desk(&bounded, &reader).is_silent("SEP-02");
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

#[test]
fn env_02_what_not_action_leaves_open() {
    let all_but = json!([{"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}]);
    let finding = World::default()
        .role("reader", &trust_of("reader"), &all_but)
        .runtime_tagged("reader", "reader", &json!({"environment": "staging"}))
        .resource(json!({"arn": "arn:aws:s3:::papers", "type": "AWS::S3::Bucket", "tags": {"environment": "prod"}}))
        .fires("ENV-02");
    assert_eq!(finding.severity, Severity::Critical);
}

#[test]
fn env_02_a_staging_agent_that_may_become_a_role_of_production() {
    let world = |environment: &str| {
        let tags = json!({"Tags": [{"Key": "environment", "Value": environment}]});
        let trust = json!([{"Effect": "Allow", "Principal": {"AWS": role_arn("reader")}, "Action": "sts:AssumeRole"}]);
        World::default()
            .role(
                "reader",
                &trust_of("reader"),
                &allow(&["sts:AssumeRole"], &[&role_arn("deployer")]),
            )
            .role_with("deployer", &trust, &json!([]), &tags)
            .runtime_tagged("reader", "reader", &json!({"environment": "staging"}))
    };
    let finding = world("prod").fires("ENV-02");
    assert!(finding.title.contains("deployer"), "{}", finding.title);
    world("staging").is_silent("ENV-02");
}
