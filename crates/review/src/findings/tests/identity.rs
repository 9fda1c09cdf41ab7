use serde_json::json;

use super::*;

fn reads() -> Value {
    allow(&["s3:GetObject"], &["arn:aws:s3:::papers/*"])
}

fn shared(tags: [&Value; 2]) -> World {
    World::default()
        .role(
            "shared",
            &trust_service("bedrock-agentcore.amazonaws.com"),
            &reads(),
        )
        .runtime_tagged("one", "shared", tags[0])
        .runtime_tagged("two", "shared", tags[1])
}

#[test]
fn id_01_two_runtimes_on_one_role() {
    let owner = json!({"owner": "sales"});
    let finding = shared([&owner, &owner]).fires("ID-01");
    assert_eq!(finding.severity, Severity::High);
    assert_eq!(finding.subject, role_arn("shared"));
    assert_eq!(finding.agents, [runtime_arn("one"), runtime_arn("two")]);
}

#[test]
fn id_01_is_critical_where_owners_differ() {
    let finding =
        shared([&json!({"owner": "sales"}), &json!({"owner": "payments"})]).fires("ID-01");
    assert_eq!(finding.severity, Severity::Critical);
    assert!(finding.why.contains("owner"));
}

/// Two runtimes on one role, each with a charter of one class that reads this.
fn of_one_class(one: &str, other: &str, class: &str) -> World {
    let charter = |agent: &str, folder: &str, class: &str| {
        format!(
            "agent: {agent}\nowner: {{ team: t, contact: t@example.com }}\npurpose: Read papers.\nenvironment: prod\nruns-as: [\"{}\"]\nmode: brokered\nclass: {class}\ntasks:\n  read:\n    for: 5m\n    read:\n      - {{ actions: [s3:GetObject], resources: [\"arn:aws:s3:::papers/{folder}/*\"] }}\n",
            runtime_arn(agent)
        )
    };
    shared([&json!({}), &json!({})])
        .charter(charter("one", one, "readers"))
        .charter(charter("two", other, class))
}

#[test]
fn id_01_agents_of_one_class_whose_charters_are_proved_equal_may_share() {
    of_one_class("a", "a", "readers").is_silent("ID-01");
    let finding = of_one_class("a", "b", "readers").fires("ID-01");
    assert!(
        finding.why.contains("One class does not cover it"),
        "{}",
        finding.why
    );
    assert!(
        finding.why.contains("arn:aws:s3:::papers/"),
        "{}",
        finding.why
    );
    let finding = of_one_class("a", "a", "writers").fires("ID-01");
    assert!(!finding.why.contains("One class"), "{}", finding.why);
}

#[test]
fn id_01_two_roles_that_say_the_same_in_other_words() {
    let one = json!([{"Effect": "Allow", "Action": ["s3:GetObject", "dynamodb:GetItem"], "Resource": "arn:aws:s3:::papers/*"}]);
    let other = json!([
        {"Effect": "Allow", "Action": "DynamoDB:getitem", "Resource": "arn:aws:s3:::papers/*"},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::papers/*"]},
    ]);
    let world = World::default()
        .role("one", &trust_of("one"), &one)
        .role("two", &trust_of("two"), &other)
        .runtime("one", "one")
        .runtime("two", "two");
    assert_eq!(world.fires("ID-01").severity, Severity::Medium);
}

#[test]
fn id_01_copies_whose_policies_share_no_word() {
    let one = json!([
        {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::papers/*",
         "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
    ]);
    let other = json!([
        {"Effect": "Allow", "Action": "s3:G*", "Resource": "arn:aws:s3:::*"},
        {"Effect": "Deny", "NotAction": "s3:Get*", "Resource": "*"},
        {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::papers/*"},
        {"Effect": "Deny", "Action": "*", "Resource": "*",
         "Condition": {"BoolIfExists": {"aws:SecureTransport": "false"}}},
    ]);
    let world = |other: &Value| {
        World::default()
            .role("one", &trust_of("one"), &one)
            .role("two", &trust_of("two"), other)
            .runtime("one", "one")
            .runtime("two", "two")
    };
    assert_eq!(world(&other).fires("ID-01").severity, Severity::Medium);
    // The near miss: one folder more.
    let mut wider = other.clone();
    wider[2]["NotResource"] = json!(["arn:aws:s3:::papers/*", "arn:aws:s3:::letters/*"]);
    world(&wider).is_silent("ID-01");
}

#[test]
fn id_01_near_miss_two_roles_that_may_do_nothing() {
    let nothing = json!([{"Effect": "Deny", "Action": "*", "Resource": "*"}]);
    World::default()
        .role("one", &trust_of("one"), &nothing)
        .role("two", &trust_of("two"), &nothing)
        .runtime("one", "one")
        .runtime("two", "two")
        .is_silent("ID-01");
}

#[test]
fn id_01_near_miss_two_roles_of_which_one_has_a_deny() {
    let denied = both(
        &reads(),
        &json!([{"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::papers/secret"}]),
    );
    World::default()
        .role("one", &trust_of("one"), &reads())
        .role("two", &trust_of("two"), &denied)
        .runtime("one", "one")
        .runtime("two", "two")
        .is_silent("ID-01");
}

#[test]
fn id_02_an_agent_and_its_function_on_one_role() {
    let world = |role: &str| {
        World::default()
            .role("desk", &trust_service("bedrock.amazonaws.com"), &reads())
            .role("tool", &trust_service("lambda.amazonaws.com"), &reads())
            .bedrock_agent("desk", "desk", &json!({}))
            .function(role, None)
    };
    let finding = world("desk").fires("ID-02");
    assert!(
        finding.title.contains("agent and function"),
        "{}",
        finding.title
    );
    world("tool").is_silent("ID-02");
}

#[test]
fn id_03_a_user_that_can_assume_the_agents_role() {
    let assume = allow(&["sts:AssumeRole"], &[&role_arn("reader")]);
    let world = |trust: &Value| {
        World::default()
            .user("ann", &assume)
            .role("reader", trust, &reads())
            .runtime("reader", "reader")
    };
    let account = json!([{"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}, "Action": "sts:AssumeRole"}]);
    let finding = world(&both(&trust_of("reader"), &account)).fires("ID-03");
    assert!(finding.why.contains("ann can assume it"), "{}", finding.why);
    world(&trust_of("reader")).is_silent("ID-03");
}

#[test]
fn id_05_a_live_version_on_the_draft_s_former_role() {
    let world = |live: &str| {
        World::default()
            .role("new", &trust_service("bedrock.amazonaws.com"), &reads())
            .role(
                "old",
                &trust_service("bedrock.amazonaws.com"),
                &allow(&["s3:DeleteObject"], &["arn:aws:s3:::papers/*"]),
            )
            .bedrock_agent("new", live, &json!({}))
    };
    let finding = world("old").fires("ID-05");
    assert_eq!(finding.severity, Severity::High, "the old role may do more");
    assert!(finding.why.contains("s3:DeleteObject"));
    world("new").is_silent("ID-05");
}

#[test]
fn id_05_is_high_exactly_if_the_former_role_may_do_more() {
    let severity_of = |old: &Value| {
        World::default()
            .role("new", &trust_service("bedrock.amazonaws.com"), &reads())
            .role("old", &trust_service("bedrock.amazonaws.com"), old)
            .bedrock_agent("new", "old", &json!({}))
            .fires("ID-05")
    };
    // No statement names what it may do: it names what it may not.
    let all_but =
        json!([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:aws:s3:::papers/*"}]);
    assert_eq!(severity_of(&all_but).severity, Severity::High);
    let less = allow(&["s3:GetObject"], &["arn:aws:s3:::papers/2026/*"]);
    let finding = severity_of(&less);
    assert_eq!(finding.severity, Severity::Medium);
    assert!(
        finding
            .why
            .contains("nothing that the draft's role may not"),
        "{}",
        finding.why
    );
}

#[test]
fn id_05_does_not_guess_what_a_policy_that_no_file_holds_allows() {
    let gone = json!({"AttachedManagedPolicies": [
        {"PolicyName": "gone", "PolicyArn": policy_arn("gone")}]});
    let finding = World::default()
        .role("new", &trust_service("bedrock.amazonaws.com"), &reads())
        .role_with(
            "old",
            &trust_service("bedrock.amazonaws.com"),
            &reads(),
            &gone,
        )
        .bedrock_agent("new", "old", &json!({}))
        .fires("ID-05");
    assert_eq!(finding.severity, Severity::Medium);
    assert!(finding.why.contains("could not be told"), "{}", finding.why);
}

#[test]
fn est_01_an_agent_whose_role_no_file_holds() {
    let finding = World::default()
        .role("other", &trust_service("ec2.amazonaws.com"), &reads())
        .runtime("reader", "reader")
        .is_unknown("EST-01");
    assert_eq!(finding.subject, role_arn("reader"));
    reader(&reads()).is_silent("EST-01");
}

#[test]
fn est_01_a_list_of_principals_that_is_cut_off() {
    let world = |is_truncated| World {
        is_truncated,
        ..reader(&reads())
    };
    let finding = world(true).is_unknown("EST-01");
    assert!(finding.subject.contains(ACCOUNT));
    world(false).is_silent("EST-01");
}

#[test]
fn a_role_with_a_policy_that_no_file_holds_passes_no_rule_about_access() {
    let gone = json!({"AttachedManagedPolicies": [
        {"PolicyName": "gone", "PolicyArn": policy_arn("gone")}]});
    let world = |more: &Value| {
        World::default()
            .role_with("reader", &trust_of("reader"), &reads(), more)
            .runtime("reader", "reader")
    };
    for rule in [
        "PERM-01", "PERM-02", "PERM-03", "PERM-05", "TRUST-03", "OBS-02",
    ] {
        assert_eq!(world(&json!({})).checked(rule).passed(), 1, "{rule}");
        assert_eq!(world(&gone).checked(rule).passed(), 0, "{rule}");
    }
}

#[test]
fn life_04_a_role_for_agents_that_no_agent_has() {
    let world = reader(&reads()).role(
        "leftover",
        &trust_service("bedrock-agentcore.amazonaws.com"),
        &reads(),
    );
    let finding = world.fires("LIFE-04");
    assert_eq!(finding.subject, role_arn("leftover"));
    assert_eq!(finding.severity, Severity::High, "it can still be assumed");
    reader(&reads()).is_silent("LIFE-04");
}
