use serde_json::json;

use super::*;

const ELSEWHERE: &str = "999988887777";

fn under(scps: &Value) -> World {
    reader(&json!([])).organized(ELSEWHERE, "Lab", scps)
}

fn scp(name: &str, statement: &Value) -> Value {
    json!([{"name": name, "document": policy(&json!([statement]))}])
}

#[test]
fn ceil_01_only_what_allows_everything() {
    assert_eq!(
        under(&json!([])).fires("CEIL-01").severity,
        Severity::Medium
    );
    under(&scp(
        "no-inline",
        &json!({"Effect": "Deny", "Action": "bedrock:InvokeInlineAgent", "Resource": "*"}),
    ))
    .is_silent("CEIL-01");
}

#[test]
fn ceil_01_a_ceiling_on_something_else_does_not_count() {
    under(&scp(
        "no-trails-off",
        &json!({"Effect": "Deny", "Action": "cloudtrail:StopLogging", "Resource": "*"}),
    ))
    .fires("CEIL-01");
}

#[test]
fn ceil_01_production_is_high_and_no_organisation_is_unknown() {
    let prod = reader(&json!([])).organized(ELSEWHERE, "Production", &json!([]));
    assert_eq!(prod.fires("CEIL-01").severity, Severity::High);
    reader(&json!([])).is_unknown("CEIL-01");
}

#[test]
fn ceil_03_agents_in_the_management_account() {
    let finding = reader(&json!([]))
        .organized(ACCOUNT, "Lab", &json!([]))
        .fires("CEIL-03");
    assert_eq!(finding.severity, Severity::Critical);
    under(&json!([])).is_silent("CEIL-03");
    reader(&json!([])).is_unknown("CEIL-03");
}

#[test]
fn ceil_04_an_allow_list_beside_everything() {
    let list = json!({"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "*"});
    let finding = under(&scp("models", &list)).fires("CEIL-04");
    assert_eq!(finding.severity, Severity::High);
    assert!(finding.why.contains("FullAWSAccess"));
}

#[test]
fn ceil_04_a_deny_of_an_action_that_does_not_exist() {
    let deny = |action: &str| {
        scp(
            "models",
            &json!({"Effect": "Deny", "Action": action, "Resource": "*"}),
        )
    };
    under(&deny("bedrock:Converse")).fires("CEIL-04");
    under(&deny("bedrock:InvokeModel")).is_silent("CEIL-04");
}

/// With these policies at the unit, and nothing beside them.
fn at_the_unit(scps: &Value) -> World {
    let mut world = under(&json!([]));
    let organization = world.organization.as_mut().unwrap();
    organization["roots"][0]["units"][0]["scps"] = scps.clone();
    world
}

fn scps(statements: &[Value]) -> Value {
    let named = |(at, statement): (usize, &Value)| json!({"name": format!("scp-{at}"), "document": policy(&json!([statement]))});
    statements.iter().enumerate().map(named).collect()
}

#[test]
fn ceil_04_lists_that_together_allow_everything() {
    let all_but = |actions: &str| json!({"Effect": "Allow", "NotAction": actions, "Resource": "*"});
    let list = |actions: &str| json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
    // Neither limits anything beside the other.
    let world = at_the_unit(&scps(&[all_but("iam:*"), list("iam:*")]));
    let findings = world.checked("CEIL-04").findings;
    assert_eq!(findings.len(), 2, "{findings:#?}");
    assert!(findings.iter().all(|it| it.severity == Severity::High));
    // The near miss: deleting is in neither.
    at_the_unit(&scps(&[all_but("iam:*"), list("iam:Get*")])).is_silent("CEIL-04");
}

#[test]
fn ceil_04_a_deny_that_no_request_meets() {
    let deny = |condition: Value| {
        scp(
            "never",
            &json!({"Effect": "Deny", "Action": "bedrock:*", "Resource": "*", "Condition": condition}),
        )
    };
    let never = deny(json!({
        "Null": {"aws:RequestedRegion": "true"},
        "StringEquals": {"aws:RequestedRegion": "eu-central-1"},
    }));
    let finding = under(&never).fires("CEIL-04");
    assert!(
        finding.title.contains("denies nothing"),
        "{}",
        finding.title
    );
    let sometimes = deny(json!({"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}));
    under(&sometimes).is_silent("CEIL-04");
}

#[test]
fn ceil_04_a_level_that_nothing_passes() {
    let deny = json!({"Effect": "Deny", "Action": "iam:*", "Resource": "*"});
    let finding = at_the_unit(&scps(&[deny])).fires("CEIL-04");
    assert!(
        finding.title.contains("let nothing pass"),
        "{}",
        finding.title
    );
}
