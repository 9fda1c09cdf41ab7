use serde_json::json;

use super::*;

fn bounded(statements: &Value, boundary: &Value) -> World {
    World::default()
        .role_with(
            "reader",
            &trust_of("reader"),
            statements,
            &json!({"PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": policy_arn("limit")}}),
        )
        .managed("limit", boundary)
        .runtime("reader", "reader")
}

#[test]
fn perm_01_a_service_wildcard() {
    let finding = reader(&allow(&["dynamodb:*"], &["*"])).fires("PERM-01");
    assert_eq!(finding.severity, Severity::High);
}

#[test]
fn perm_01_everything_is_critical_and_reads_alone_are_medium() {
    let severity = |action: &str| reader(&allow(&[action], &["*"])).fires("PERM-01").severity;
    assert_eq!(severity("*"), Severity::Critical);
    assert_eq!(severity("iam:*"), Severity::Critical);
    assert_eq!(severity("s3:GetObject*"), Severity::Medium);
}

#[test]
fn perm_01_near_miss_a_boundary_that_names_its_actions() {
    let wide = allow(&["s3:*"], &["*"]);
    bounded(&wide, &allow(&["s3:GetObject", "s3:ListBucket"], &["*"])).is_silent("PERM-01");
    let finding = bounded(&wide, &allow(&["s3:Get*"], &["*"])).fires("PERM-01");
    assert!(finding.title.contains("s3:Get*"), "{}", finding.title);
}

#[test]
fn perm_01_near_miss_an_scp_that_denies_all_of_it() {
    let deny = json!([{"name": "no-s3", "document": policy(&json!([{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]))}]);
    reader(&allow(&["s3:*"], &["*"]))
        .organized("999988887777", "Production", &deny)
        .is_silent("PERM-01");
}

#[test]
fn perm_02_a_secret_of_any_name() {
    let open = allow(&["secretsmanager:GetSecretValue"], &["*"]);
    assert_eq!(reader(&open).fires("PERM-02").severity, Severity::High);
    let own = format!("arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:reader-*");
    reader(&allow(&["secretsmanager:GetSecretValue"], &[&own])).is_silent("PERM-02");
}

#[test]
fn perm_02_near_misses_actions_without_resources_and_telemetry() {
    reader(&allow(
        &[
            "ecr:GetAuthorizationToken",
            "logs:PutLogEvents",
            "xray:PutTraceSegments",
            "s3:ListAllMyBuckets",
        ],
        &["*"],
    ))
    .is_silent("PERM-02");
}

#[test]
fn perm_02_near_miss_a_statement_that_a_tag_limits() {
    let tagged = json!([{"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/agent": "reader"}}}]);
    reader(&tagged).is_silent("PERM-02");
}

#[test]
fn perm_03_a_policy_that_grants_a_service_whole() {
    let world = |statements: &Value| {
        World::default()
            .role_with("reader", &trust_of("reader"), &json!([]), &json!({
                "RolePolicyList": [],
                "AttachedManagedPolicies": [{"PolicyName": "broad", "PolicyArn": policy_arn("broad")}],
            }))
            .managed("broad", statements)
            .runtime("reader", "reader")
    };
    world(&allow(&["dynamodb:*"], &["*"])).fires("PERM-03");
    world(&allow(&["dynamodb:GetItem"], &["*"])).is_silent("PERM-03");
}

#[test]
fn perm_04_a_role_that_may_rewrite_its_own_policies() {
    let own = role_arn("reader");
    let finding = reader(&allow(&["iam:PutRolePolicy"], &[&own])).fires("PERM-04");
    assert_eq!(finding.severity, Severity::Critical);
    reader(&allow(&["iam:GetRolePolicy"], &[&own])).is_silent("PERM-04");
}

#[test]
fn perm_05_an_agent_that_may_update_itself() {
    let own = runtime_arn("reader");
    let finding =
        reader(&allow(&["bedrock-agentcore:UpdateAgentRuntime"], &[&own])).fires("PERM-05");
    assert_eq!(finding.severity, Severity::Critical);
    let other = runtime_arn("writer");
    reader(&allow(&["bedrock-agentcore:UpdateAgentRuntime"], &[&other])).is_silent("PERM-05");
}

#[test]
fn perm_05_an_agent_that_may_take_its_denials_away() {
    for action in [
        "iam:DetachRolePolicy",
        "iam:DeleteRolePolicy",
        "iam:PutRolePermissionsBoundary",
    ] {
        reader(&allow(&[action], &[&role_arn("reader")])).fires("PERM-05");
        reader(&allow(&[action], &[&role_arn("other")])).is_silent("PERM-05");
    }
    let world = |named: &str| {
        let statements = allow(&["iam:CreatePolicyVersion"], &[&policy_arn(named)]);
        bounded(&statements, &allow(&["*"], &["*"]))
    };
    world("limit").fires("PERM-05");
    world("another").is_silent("PERM-05");
}

#[test]
fn perm_02_what_not_action_leaves_open() {
    let all_but = json!([{"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"}]);
    let finding = reader(&all_but).fires("PERM-02");
    assert_eq!(finding.severity, Severity::High);
    let named = json!([{"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "arn:aws:s3:::papers/*"}]);
    reader(&named).is_silent("PERM-02");
}

#[test]
fn perm_06_a_pattern_over_all_runtimes() {
    let world = |resource: &str| {
        reader(&allow(
            &["bedrock-agentcore:InvokeAgentRuntime"],
            &[resource],
        ))
        .role("other", &trust_of("other"), &json!([]))
        .runtime("other", "other")
    };
    let finding = world(&format!(
        "arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:runtime/*"
    ))
    .fires("PERM-06");
    assert!(finding.title.contains("runtime other"), "{}", finding.title);
    world(&runtime_arn("other")).is_silent("PERM-06");
    world(&format!(
        "arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:runtime/reader-*"
    ))
    .is_silent("PERM-06");
}

#[test]
fn perm_07_no_boundary_or_one_that_takes_nothing_away() {
    let reads = allow(&["s3:GetObject"], &["arn:aws:s3:::papers/*"]);
    assert_eq!(reader(&reads).fires("PERM-07").severity, Severity::Medium);
    // Two statements that together allow everything, though neither says so.
    let all = json!([
        {"Effect": "Allow", "Action": "iam:*", "Resource": "*"},
        {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
    ]);
    let finding = bounded(&reads, &all).fires("PERM-07");
    assert!(finding.title.contains("takes nothing away"));
    bounded(&reads, &reads).is_silent("PERM-07");
}

#[test]
fn secr_03_any_secret_and_those_in_the_snapshot() {
    let secret = format!("arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:payments-Xa3Kd9");
    let world = |resource: &str| {
        reader(&allow(&["secretsmanager:GetSecretValue"], &[resource]))
            .resource(json!({"arn": secret, "type": "AWS::SecretsManager::Secret"}))
    };
    let finding = world("*").fires("SECR-03");
    assert!(finding.why.contains("payments-Xa3Kd9"), "{}", finding.why);
    world(&secret).is_silent("SECR-03");
}

#[test]
fn obs_02_an_agent_that_may_delete_its_own_logs() {
    let logs = |id: &str| {
        format!("arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/bedrock-agentcore/runtimes/{id}*")
    };
    reader(&allow(&["logs:DeleteLogGroup"], &[&logs("reader-")])).fires("OBS-02");
    reader(&allow(&["logs:DeleteLogGroup"], &[&logs("writer-")])).is_silent("OBS-02");
}

#[test]
fn obs_02_a_trail_by_its_name_and_files_that_expire() {
    let trail = format!("arn:aws:cloudtrail:eu-west-1:{ACCOUNT}:trail/management-events");
    for action in ["cloudtrail:StopLogging", "cloudtrail:UpdateTrail"] {
        reader(&allow(&[action], &[&trail])).fires("OBS-02");
    }
    reader(&allow(&["cloudtrail:GetTrail"], &[&trail])).is_silent("OBS-02");
    let bucket = "arn:aws:s3:::trail-files";
    let world = |class: &str| {
        reader(&allow(&["s3:PutLifecycleConfiguration"], &[bucket]))
            .resource(json!({"arn": bucket, "type": "AWS::S3::Bucket", "data": [class]}))
    };
    world("audit").fires("OBS-02");
    world("public").is_silent("OBS-02");
}
