//! What hangs on something that no snapshot tells is neither silent nor a failure; what is denied
//! whatever it hangs on stays silent.

use serde_json::json;

use super::*;

const TABLE: &str = "arn:aws:dynamodb:us-east-1:111122223333:table/orders";

/// An allow that hangs on the organisation of the caller, of which the snapshot does not tell the id.
fn hanging(actions: &[&str], resources: &[&str]) -> Value {
    let mut statements = allow(actions, resources);
    statements[0]["Condition"] = of_an_organization();
    statements
}

fn of_an_organization() -> Value {
    json!({"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}})
}

/// The same, and an explicit deny beside it.
fn denied(actions: &[&str], resources: &[&str]) -> Value {
    let deny = json!([{"Effect": "Deny", "Action": actions, "Resource": resources}]);
    both(&hanging(actions, resources), &deny)
}

/// The rule says that it cannot tell, once, naming what is missing; and nothing where it is denied.
#[track_caller]
fn check(rule: &str, actions: &[&str], resources: &[&str], world: impl Fn(&Value) -> World) {
    let finding = world(&hanging(actions, resources)).is_unknown(rule);
    let Some(Witness::Facts { facts }) = &finding.witness else {
        panic!("{finding:#?}");
    };
    assert_eq!(facts, &["not known: aws:PrincipalOrgID"], "{finding:#?}");
    assert!(
        finding.title.starts_with("Cannot tell whether "),
        "{}",
        finding.title
    );
    world(&denied(actions, resources)).is_silent(rule);
}

fn with_policy(statements: &Value) -> World {
    World::default()
        .role_with("reader", &trust_of("reader"), &json!([]), &json!({
            "RolePolicyList": [],
            "AttachedManagedPolicies": [{"PolicyName": "broad", "PolicyArn": policy_arn("broad")}],
        }))
        .managed("broad", statements)
        .runtime("reader", "reader")
}

fn desk(tool: &Value, tags: &Value) -> World {
    World::default()
        .role("desk", &trust_service("bedrock.amazonaws.com"), &json!([]))
        .role("tool", &trust_service("lambda.amazonaws.com"), tool)
        .bedrock_agent("desk", "desk", tags)
        .function("tool", None)
}

fn caller(statements: &Value) -> World {
    reader(&json!([])).role("front", &trust_service("lambda.amazonaws.com"), statements)
}

#[test]
fn perm_03_a_broad_policy_that_may_not_take_effect() {
    check("PERM-03", &["dynamodb:*"], &["*"], with_policy);
}

#[test]
fn perm_05_a_change_to_itself_that_may_not_be_allowed() {
    let own = runtime_arn("reader");
    check(
        "PERM-05",
        &["bedrock-agentcore:UpdateAgentRuntime"],
        &[&own],
        reader,
    );
}

#[test]
fn perm_06_a_pattern_that_may_not_be_allowed() {
    check(
        "PERM-06",
        &["bedrock-agentcore:InvokeAgentRuntime"],
        &["*"],
        |statements| {
            reader(statements)
                .role("other", &trust_of("other"), &json!([]))
                .runtime("other", "other")
        },
    );
}

#[test]
fn obs_02_a_deletion_of_traces_that_may_not_be_allowed() {
    check("OBS-02", &["cloudtrail:StopLogging"], &["*"], reader);
}

#[test]
fn what_is_certain_is_claimed_and_the_rest_is_an_aside() {
    let own = runtime_arn("reader");
    let statements = both(
        &allow(&["bedrock-agentcore:UpdateAgentRuntime"], &[&own]),
        &hanging(&["bedrock-agentcore:DeleteAgentRuntime"], &[&own]),
    );
    let finding = reader(&statements).fires("PERM-05");
    assert!(
        finding.why.contains("hangs on aws:PrincipalOrgID"),
        "{}",
        finding.why
    );
}

#[test]
fn a_policy_that_cannot_be_read_is_est_01s_and_not_every_rules() {
    let world = World::default()
        .role_with(
            "reader",
            &trust_of("reader"),
            &json!([]),
            &json!({"AttachedManagedPolicies": [{"PolicyName": "lost", "PolicyArn": policy_arn("lost")}]}),
        )
        .runtime("reader", "reader");
    world.is_unknown("EST-01");
    for rule in ["PERM-03", "PERM-05", "PERM-06", "OBS-02", "SECR-03"] {
        let checked = world.checked(rule);
        assert!(
            checked.findings.is_empty(),
            "{rule}: {:#?}",
            checked.findings
        );
        assert_eq!(checked.passed(), 0, "{rule} passes what nobody could read");
    }
}

#[test]
fn trust_01_a_source_of_an_organisation_of_unknown_id() {
    let trust = |more: Value| {
        let mut statements = json!([{
            "Effect": "Allow", "Principal": {"Service": "bedrock-agentcore.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceOrgID": "o-exampleorg1"}},
        }]);
        statements[0]["Condition"]["StringEquals"]
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        World::default()
            .role("reader", &statements, &json!([]))
            .runtime("reader", "reader")
    };
    let finding = trust(json!({})).is_unknown("TRUST-01");
    assert!(finding.why.contains("aws:SourceOrgID"), "{}", finding.why);
    // Another organisation is out in any case, and no other agent is the one that is named.
    trust(json!({"aws:SourceArn": runtime_arn("reader")})).is_silent("TRUST-01");
}

#[test]
fn trust_02_everyone_of_an_organisation_of_unknown_id() {
    let world = |effect: &str| {
        let trust = both(
            &trust_of("reader"),
            &json!([
                {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole", "Condition": of_an_organization()},
                {"Effect": effect, "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole", "Condition": of_an_organization()},
            ]),
        );
        World::default()
            .role("reader", &trust, &json!([]))
            .runtime("reader", "reader")
    };
    world("Allow").is_unknown("TRUST-02");
    world("Deny").is_silent("TRUST-02");
}

#[test]
fn trust_03_a_role_behind_the_role_that_may_not_be_reached() {
    let onward = role_arn("onward");
    check("TRUST-03", &["sts:AssumeRole"], &[&onward], |statements| {
        let trust = json!([{"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}, "Action": "sts:AssumeRole"}]);
        reader(statements).role("onward", &trust, &json!([]))
    });
}

#[test]
fn sep_01_a_change_that_may_not_be_allowed_beside_a_read() {
    check("SEP-01", &["dynamodb:DeleteItem"], &[TABLE], |changes| {
        desk(
            &both(&allow(&["dynamodb:GetItem"], &[TABLE]), changes),
            &json!({}),
        )
    });
    // Whatever is missing, nothing here changes anything.
    desk(&hanging(&["dynamodb:GetItem"], &[TABLE]), &json!({})).is_silent("SEP-01");
}

#[test]
fn sep_02_a_reader_whose_tool_may_delete() {
    check("SEP-02", &["dynamodb:DeleteItem"], &[TABLE], |statements| {
        desk(statements, &json!({"access": "read-only"}))
    });
}

#[test]
fn env_02_a_way_to_production_that_may_not_be_open() {
    check(
        "ENV-02",
        &["s3:GetObject"],
        &["arn:aws:s3:::papers/*"],
        |statements| {
            World::default()
                .role("reader", &trust_of("reader"), statements)
                .runtime_tagged("reader", "reader", &json!({"environment": "staging"}))
                .resource(json!({"arn": "arn:aws:s3:::papers", "type": "AWS::S3::Bucket", "tags": {"environment": "prod"}}))
        },
    );
}

#[test]
fn inv_01_a_caller_who_may_not_be_let_in() {
    let own = runtime_arn("reader");
    let action = "bedrock-agentcore:InvokeAgentRuntime";
    check("INV-01", &[action], &[&own], caller);
}

#[test]
fn inv_02_a_command_that_may_not_be_allowed() {
    let action = "bedrock-agentcore:InvokeAgentRuntimeCommand";
    check("INV-02", &[action], &["*"], caller);
}

#[test]
fn inv_03_inline_agents_that_may_not_be_allowed() {
    check("INV-03", &["bedrock:InvokeInlineAgent"], &["*"], caller);
}
