use super::{Actions, Ceilings, KnownAction, Level, Remark, Weight, check};
use crate::Charter;

/// A few actions are enough to tell every case.
struct Few;

impl Actions for Few {
    fn matching(&self, pattern: &str) -> Vec<KnownAction> {
        let all = [
            ("s3:GetObject", Level::Read, true),
            ("s3:ListAllMyBuckets", Level::List, false),
            ("s3:PutObject", Level::Write, true),
            ("s3:DeleteObject", Level::Write, true),
            ("s3:PutBucketPolicy", Level::PermissionsManagement, true),
            ("dynamodb:PutItem", Level::Write, true),
            ("kms:Decrypt", Level::Write, true),
            ("sts:AssumeRole", Level::Write, true),
        ];
        let stem = pattern.strip_suffix('*');
        let named = |name: &str| stem.map_or(name == pattern, |stem| name.starts_with(stem));
        let known = all.into_iter().filter(|(name, ..)| named(name));
        known
            .map(|(name, level, takes_resource)| KnownAction {
                name: name.to_owned(),
                level,
                takes_resource,
            })
            .collect()
    }
}

const GOOD: &str = r#"
agent: reader
owner: { team: payments, contact: payments@example.com }
purpose: Read and file invoices.
environment: prod
data: [internal]
runs-as: ["arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/reader-Qm7vR2sT9x"]
mode: brokered
models: ["arn:aws:bedrock:us-east-1::foundation-model/m"]
invokers: []
review: { every: 90d }
tasks:
  file:
    for: 20m
    parameters: { supplier: "[a-z0-9-]{3,32}" }
    read: [ { actions: [s3:GetObject], resources: ["arn:aws:s3:::b/${supplier}/*"] } ]
    write: [ { actions: [dynamodb:PutItem], resources: ["arn:aws:dynamodb:us-east-1:111122223333:table/t"] } ]
    tools:
      - { tool: mail/fetch, calls: 10 }
      - { tool: mail/send, when: "args.to == \"x\"", calls: 2 }
    limits: { calls: 20, writes: 5, per-minute: 10 }
"#;

fn remarks(from: &str, to: &str) -> Vec<Remark> {
    assert!(GOOD.contains(from), "{from}");
    let text = GOOD.replacen(from, to, 1);
    let charter = Charter::parse("c.yaml", &text).unwrap();
    check(&charter, &Few, Ceilings::default())
}

/// With this change there is this remark, and no other.
fn remarked(from: &str, to: &str, about: &str, weight: Weight) -> Remark {
    let found = remarks(from, to);
    assert_eq!(found.len(), 1, "{found:#?}");
    let remark = found.into_iter().next().unwrap();
    assert_eq!((remark.about, remark.weight), (about, weight), "{remark:?}");
    remark
}

#[test]
fn a_good_charter_is_left_alone() {
    assert_eq!(remarks("reader", "reader"), []);
}

#[test]
fn a_write_under_read_is_the_gravest_confusion() {
    let remark = remarked("[s3:GetObject]", "[s3:PutObject]", "split", Weight::High);
    assert_eq!(remark.path, "tasks.file.read.0.actions.0");
    assert_eq!(remark.place.unwrap().line, 15 + 1);
    remarked("[dynamodb:PutItem]", "[s3:GetObject]", "split", Weight::Low);
    remarked(
        "[dynamodb:PutItem]",
        "[s3:PutBucketPolicy]",
        "permissions",
        Weight::High,
    );
}

#[test]
fn opening_an_envelope_is_no_write() {
    assert_eq!(remarks("[s3:GetObject]", "[s3:GetObject, kms:Decrypt]"), []);
}

#[test]
fn what_every_session_denies_is_told_to_who_declares_it() {
    remarked(
        "[dynamodb:PutItem]",
        "[dynamodb:PutItem, sts:AssumeRole]",
        "successor",
        Weight::High,
    );
}

#[test]
fn an_action_nobody_knows_is_unknown_and_not_fine() {
    let remark = remarked(
        "[s3:GetObject]",
        "[s3:Teleport]",
        "unknown-action",
        Weight::High,
    );
    assert!(remark.is_unknown);
}

#[test]
fn a_wildcard_is_told_with_what_it_is_today() {
    let remark = remarked(
        "[s3:GetObject]",
        "[\"s3:Get*\"]",
        "wildcard-action",
        Weight::Medium,
    );
    assert!(remark.what.contains("one action today"), "{}", remark.what);
    remarked(
        "[\"arn:aws:s3:::b/${supplier}/*\"]",
        "[\"*\", \"arn:aws:s3:::b/${supplier}/\"]",
        "any-resource",
        Weight::Medium,
    );
    let listing =
        "{ actions: [s3:ListAllMyBuckets], resources: [\"*\"] }, { actions: [s3:GetObject]";
    assert_eq!(remarks("{ actions: [s3:GetObject]", listing), []);
}

#[test]
fn a_parameter_is_looked_through() {
    remarked(
        "[a-z0-9-]{3,32}",
        "[a-z/]{3,32}",
        "unsafe-parameter",
        Weight::Medium,
    );
    remarked(
        "[a-z0-9-]{3,32}",
        "(?:a|b:c){3,32}",
        "unsafe-parameter",
        Weight::Medium,
    );
    remarked(
        "[a-z0-9-]{3,32}",
        "[^/:%]{3,9}",
        "unsafe-parameter",
        Weight::Medium,
    );
    remarked(
        "[a-z0-9-]{3,32}",
        "[a-z*]{3,32}",
        "unsafe-parameter",
        Weight::Low,
    );
    remarked(
        "[a-z0-9-]{3,32}",
        "[a-z]{0,32}",
        "empty-parameter",
        Weight::Low,
    );
    remarked("[a-z0-9-]{3,32}", "[a-z]+", "long-parameter", Weight::Low);
    remarked("${supplier}/*", "${supplier}*", "open-end", Weight::Medium);
    remarked(
        "parameters: {",
        "parameters: { other: \"[a-z]{1,9}\",",
        "unused-parameter",
        Weight::Info,
    );
}

#[test]
fn a_parameter_that_a_condition_asks_for_is_used() {
    let text = GOOD
        .replace("parameters: {", "parameters: { to: \"[a-z]{1,9}\",")
        .replace("args.to == \\\"x\\\"", "args.to == parameters.to");
    let charter = Charter::parse("c", &text).unwrap();
    assert_eq!(check(&charter, &Few, Ceilings::default()), []);
}

#[test]
fn an_owner_is_somebody_who_can_be_reached() {
    for contact in [
        "payments",
        "@example.com",
        "a@b",
        "https://",
        "a b@example.com",
    ] {
        remarked(
            "contact: payments@example.com",
            &format!("contact: \"{contact}\""),
            "owner",
            Weight::High,
        );
    }
    for contact in ["https://example.com/oncall", "#payments"] {
        assert_eq!(
            remarks(
                "contact: payments@example.com",
                &format!("contact: \"{contact}\"")
            ),
            []
        );
    }
}

#[test]
fn time_has_a_ceiling() {
    remarked("for: 20m", "for: 5h", "ttl", Weight::High);
    remarked("for: 20m", "for: 2h", "ttl", Weight::Low);
    assert_eq!(remarks("for: 20m", "for: 60m"), []);
}

#[test]
fn strangers_secrets_and_a_way_out_do_not_meet_unseen() {
    let labelled = GOOD
        .replace("mail/fetch,", "mail/fetch, labels: [untrusted-source],")
        .replace("data: [internal]", "data: [confidential]");
    let told = |text: &str| {
        let charter = Charter::parse("c", text).unwrap();
        let found = check(&charter, &Few, Ceilings::default());
        found
            .iter()
            .filter(|remark| remark.about == "rule-of-two")
            .count()
    };
    assert_eq!(told(&labelled), 1);
    assert_eq!(told(&labelled.replace("[confidential]", "[internal]")), 0);
    assert_eq!(
        told(&labelled.replace("[untrusted-source]", "[private-data]")),
        0
    );
    let way_out = labelled
        .lines()
        .filter(|line| !line.contains("write:"))
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(told(&way_out), 0);
    let sends = way_out.replace("mail/send,", "mail/send, labels: [outward-effect],");
    assert_eq!(told(&sends), 1);
    assert_eq!(
        told(&sends.replace("mail/send,", "mail/send, approve: human,")),
        0
    );
}

#[test]
fn a_condition_that_is_none_is_pointed_at() {
    remarked(
        "args.to == \\\"x\\\"",
        "args.to == (1",
        "when",
        Weight::High,
    );
    remarked(
        ", when: \"args.to == \\\"x\\\"\", calls: 2",
        ", labels: [outward-effect], calls: 2",
        "outward",
        Weight::Medium,
    );
    remarked(
        "      - { tool: mail/fetch, calls: 10 }",
        "      - { tool: mail/send, calls: 10 }",
        "moot-condition",
        Weight::Medium,
    );
}

#[test]
fn a_task_that_can_never_be_granted_is_told_before_anybody_asks() {
    let many: Vec<String> = (0..40)
        .map(|at| format!("\"arn:aws:s3:::a-bucket-with-a-rather-long-name-{at}/*\""))
        .collect();
    let resources = many.join(", ");
    remarked(
        "\"arn:aws:s3:::b/${supplier}/*\"",
        &format!("\"arn:aws:s3:::b/${{supplier}}/*\", {resources}"),
        "size",
        Weight::High,
    );
    let some: Vec<String> = (0..30)
        .map(|at| format!("\"arn:aws:s3:::b{at}/${{supplier}}/*\""))
        .collect();
    remarked(
        "\"arn:aws:s3:::b/${supplier}/*\"",
        &some.join(", "),
        "size",
        Weight::Medium,
    );
}

#[test]
fn what_is_left_out_is_told() {
    remarked("review: { every: 90d }\n", "", "review", Weight::Low);
    remarked("data: [internal]\n", "", "data", Weight::Low);
    remarked("invokers: []\n", "", "invokers", Weight::Low);
    remarked(
        "models: [\"arn:aws:bedrock:us-east-1::foundation-model/m\"]\n",
        "",
        "models",
        Weight::Info,
    );
    remarked(
        "    limits: { calls: 20, writes: 5, per-minute: 10 }\n",
        "",
        "limits",
        Weight::Low,
    );
}

#[test]
fn a_bedrock_agent_asks_nobody_so_brokered_is_doubtful() {
    remarked(
        "bedrock-agentcore:us-east-1:111122223333:runtime/reader-Qm7vR2sT9x",
        "bedrock:us-east-1:111122223333:agent/ABCDEFGHIJ",
        "mode",
        Weight::Medium,
    );
    remarked(
        "bedrock-agentcore:us-east-1:111122223333:runtime/reader-Qm7vR2sT9x",
        "sagemaker:us-east-1:111122223333:endpoint/x",
        "runs-as",
        Weight::High,
    );
}
