use serde_json::json;

use super::*;

fn caller(action: &str, resource: &str) -> World {
    reader(&json!([])).role(
        "front",
        &trust_service("lambda.amazonaws.com"),
        &allow(&[action], &[resource]),
    )
}

#[test]
fn inv_01_reports_who_may_invoke_with_a_request() {
    let action = "bedrock-agentcore:InvokeAgentRuntime";
    let finding = caller(action, &runtime_arn("reader")).fires("INV-01");
    assert_eq!(finding.severity, Severity::Info);
    assert!(finding.why.contains("front"));
    caller(action, &runtime_arn("other")).is_silent("INV-01");
}

#[test]
fn inv_01_another_agent_that_nobody_configured_is_medium() {
    let finding = reader(&json!([]))
        .role(
            "other",
            &trust_of("other"),
            &allow(&["bedrock-agentcore:InvokeAgentRuntime"], &["*"]),
        )
        .runtime("other", "other")
        .asked("INV-01");
    let about_reader = finding
        .iter()
        .find(|it| it.subject == runtime_arn("reader"))
        .unwrap();
    assert_eq!(about_reader.severity, Severity::Medium);
}

#[test]
fn inv_02_somebody_may_run_a_command_inside() {
    let finding = caller("bedrock-agentcore:InvokeAgentRuntimeCommand", "*").fires("INV-02");
    assert_eq!(finding.severity, Severity::High);
    caller("bedrock-agentcore:InvokeAgentRuntime", "*").is_silent("INV-02");
}

#[test]
fn inv_03_inline_agents() {
    let finding = caller("bedrock:InvokeInlineAgent", "*").fires("INV-03");
    assert!(finding.why.contains("front"));
    caller("bedrock:InvokeAgent", "*").is_silent("INV-03");
}

#[test]
fn inv_03_near_miss_an_scp_that_denies_them() {
    let deny = json!([{"name": "no-inline", "document": policy(&json!([{"Effect": "Deny", "Action": "bedrock:InvokeInlineAgent", "Resource": "*"}]))}]);
    caller("bedrock:InvokeInlineAgent", "*")
        .organized("999988887777", "Lab", &deny)
        .is_silent("INV-03");
}

#[test]
fn inv_05_no_authorizer_any_token_and_a_named_client() {
    let world = |authorizer: &Value| {
        World::default()
            .role(
                "tools",
                &trust_service("bedrock-agentcore.amazonaws.com"),
                &json!([]),
            )
            .gateway("tools", authorizer)
    };
    let jwt = |limits: Value| {
        let mut jwt =
            json!({"discoveryUrl": "https://issuer.example/.well-known/openid-configuration"});
        for (key, value) in limits.as_object().unwrap() {
            jwt[key] = value.clone();
        }
        json!({"authorizerType": "CUSTOM_JWT", "authorizerConfiguration": {"customJWTAuthorizer": jwt}})
    };
    assert_eq!(
        world(&json!({"authorizerType": "NONE"}))
            .fires("INV-05")
            .severity,
        Severity::Critical
    );
    assert_eq!(
        world(&jwt(json!({}))).fires("INV-05").severity,
        Severity::Medium
    );
    world(&jwt(json!({"allowedClients": ["desk"]}))).is_silent("INV-05");
    world(&json!({"authorizerType": "AWS_IAM"})).is_silent("INV-05");
}

#[test]
fn inv_07_a_function_for_any_agent_for_the_accounts_and_for_one() {
    let world = |condition: Option<Value>| {
        let permission = condition.map(|condition| {
            json!([{"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "lambda:InvokeFunction", "Resource": function_arn("tool"), "Condition": condition}])
        });
        World::default()
            .role("desk", &trust_service("bedrock.amazonaws.com"), &json!([]))
            .role("tool", &trust_service("lambda.amazonaws.com"), &json!([]))
            .bedrock_agent("desk", "desk", &json!({}))
            .function("tool", permission.as_ref())
    };
    let exact = json!({"ArnLike": {"AWS:SourceArn": format!("arn:aws:bedrock:us-east-1:{ACCOUNT}:agent/AGENT00001")}});
    assert!(world(Some(json!({}))).fires("INV-07").severity >= Severity::High);
    let account = json!({"StringEquals": {"AWS:SourceAccount": ACCOUNT}});
    assert_eq!(
        world(Some(account)).fires("INV-07").severity,
        Severity::Medium
    );
    world(Some(exact)).is_silent("INV-07");
    world(None).is_unknown("INV-07");
}

#[test]
fn secr_01_keys_that_do_not_end_and_keys_not_told() {
    let world = |extra: Option<Value>| {
        let world = World::default().user("ann", &allow(&["bedrock:InvokeModel"], &["*"]));
        match extra {
            Some(extra) => world.extra(extra),
            None => world,
        }
    };
    let keys = |status: &str| json!({"roles": {}, "service_specific_credentials": [], "access_keys": [{"UserName": "ann", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": status, "CreateDate": "2024-05-06T11:25:41+00:00"}]});
    let bedrock = json!({"roles": {}, "access_keys": [], "service_specific_credentials": [{"UserName": "ann", "Status": "Active", "CreateDate": "2025-10-08T14:55:22+00:00", "ServiceSpecificCredentialId": "ACCAEXAMPLE", "ServiceName": "bedrock.amazonaws.com"}]});
    assert_eq!(
        world(Some(keys("Active"))).fires("SECR-01").severity,
        Severity::High
    );
    assert_eq!(
        world(Some(bedrock)).fires("SECR-01").severity,
        Severity::Critical
    );
    world(Some(keys("Inactive"))).is_silent("SECR-01");
    world(None).is_unknown("SECR-01");
}
