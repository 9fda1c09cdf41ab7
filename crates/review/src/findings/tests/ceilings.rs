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
