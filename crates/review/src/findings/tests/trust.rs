use serde_json::json;

use super::*;

fn trusting(trust: &Value) -> World {
    World::default()
        .role(
            "reader",
            trust,
            &allow(&["s3:GetObject"], &["arn:aws:s3:::papers/*"]),
        )
        .runtime("reader", "reader")
}

fn when(condition: &Value) -> Value {
    json!([{
        "Effect": "Allow", "Principal": {"Service": "bedrock-agentcore.amazonaws.com"},
        "Action": "sts:AssumeRole", "Condition": condition,
    }])
}

#[test]
fn trust_01_no_condition_is_high_and_a_pattern_is_medium() {
    let open = trusting(&trust_service("bedrock-agentcore.amazonaws.com"));
    assert_eq!(open.fires("TRUST-01").severity, Severity::High);
    let pattern = when(
        &json!({"ArnLike": {"AWS:SourceArn": format!("arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:*")}}),
    );
    assert_eq!(
        trusting(&pattern).fires("TRUST-01").severity,
        Severity::Medium
    );
    trusting(&trust_of("reader")).is_silent("TRUST-01");
}

#[test]
fn trust_01_a_principal_arn_where_a_source_was_meant_protects_nothing() {
    let mistaken =
        when(&json!({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::999988887777:*"}}));
    assert_eq!(
        trusting(&mistaken).fires("TRUST-01").severity,
        Severity::High
    );
}

#[test]
fn trust_02_a_foreign_account_with_and_without_an_external_id() {
    let vendor = |condition: &Value| {
        both(
            &trust_of("reader"),
            &json!([{
                "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999988887777:role/vendor"},
                "Action": "sts:AssumeRole", "Condition": condition,
            }]),
        )
    };
    let severity = |condition: &Value| trusting(&vendor(condition)).fires("TRUST-02").severity;
    assert_eq!(severity(&json!({})), Severity::Critical);
    assert_eq!(
        severity(&json!({"StringEquals": {"sts:ExternalId": "4711"}})),
        Severity::High
    );
    trusting(&trust_of("reader")).is_silent("TRUST-02");
}

#[test]
fn trust_02_everyone_is_critical() {
    let everyone = both(
        &trust_of("reader"),
        &json!([{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]),
    );
    assert_eq!(
        trusting(&everyone).fires("TRUST-02").severity,
        Severity::Critical
    );
}

#[test]
fn trust_03_both_sides_must_agree() {
    let assume = allow(&["sts:AssumeRole"], &[&role_arn("onward")]);
    let world =
        |trust: &Value| reader(&assume).role("onward", trust, &allow(&["s3:GetObject"], &["*"]));
    let of_reader = json!([{"Effect": "Allow", "Principal": {"AWS": role_arn("reader")}, "Action": "sts:AssumeRole"}]);
    let finding = world(&of_reader).fires("TRUST-03");
    assert_eq!(finding.severity, Severity::High);
    assert_eq!(finding.path[0].to, role_arn("onward"));
    world(&trust_service("ec2.amazonaws.com")).is_silent("TRUST-03");
}

#[test]
fn trust_05_long_short_and_not_told() {
    let world = |secs: u32| {
        trusting(&trust_of("reader")).extra(json!({"roles": {"reader": {"MaxSessionDuration": secs}}, "access_keys": [], "service_specific_credentials": []}))
    };
    assert_eq!(world(43_200).fires("TRUST-05").severity, Severity::Low);
    world(3_600).is_silent("TRUST-05");
    trusting(&trust_of("reader")).is_unknown("TRUST-05");
}
