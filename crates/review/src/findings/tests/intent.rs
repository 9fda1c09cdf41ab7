//! The rules that ask what an agent is for.

use serde_json::json;

use super::*;

/// A charter of the runtime `reader`, with these lines in place of `more` and these in its one task.
fn charter(more: &str, task: &str) -> String {
    format!(
        "agent: reader\nowner: {{ team: papers, contact: papers@example.com }}\npurpose: Read papers.\nenvironment: staging\nruns-as: [\"{}\"]\nmode: brokered\n{more}\ntasks:\n  read:\n    for: 5m\n{task}\n",
        runtime_arn("reader")
    )
}

const READS: &str =
    "    read:\n      - { actions: [s3:GetObject], resources: [\"arn:aws:s3:::papers/*\"] }";

fn chartered(statements: &Value, more: &str, task: &str) -> World {
    reader(statements).charter(charter(more, task))
}

#[test]
fn life_06_an_agent_that_no_charter_names() {
    let both = || {
        reader(&json!([]))
            .role("other", &trust_of("other"), &json!([]))
            .runtime("other", "other")
    };
    let finding = both().charter(charter("", READS)).fires("LIFE-06");
    assert_eq!(finding.subject, runtime_arn("other"));
    assert_eq!(finding.severity, Severity::High);
    assert!(finding.fix.patch.contains(&runtime_arn("other")));
    chartered(&json!([]), "", READS).is_silent("LIFE-06");
    // Nobody wrote charters: then nothing is missing.
    both().is_silent("LIFE-06");
}

#[test]
fn life_06_says_how_much_the_agent_does_by_itself() {
    let scope = |statements: &Value| {
        reader(&json!([]))
            .role("other", &trust_of("other"), statements)
            .runtime("other", "other")
            .charter(charter("", READS))
            .fires("LIFE-06")
            .why
    };
    let reads = scope(&allow(&["s3:GetObject"], &["arn:aws:s3:::papers/*"]));
    assert!(reads.contains("scope 1: it changes nothing"), "{reads}");
    let writes = scope(&allow(&["s3:PutObject"], &["arn:aws:s3:::papers/*"]));
    assert!(
        writes.contains("scope 3") && writes.contains("s3:PutObject"),
        "{writes}"
    );
}

#[test]
fn life_06_an_agent_that_asks_nobody_though_its_charter_says_so() {
    let asked = "    tools:\n      - { tool: papers/file, approve: human }";
    let writes = allow(&["s3:PutObject"], &["arn:aws:s3:::papers/*"]);
    let finding = chartered(&writes, "", asked).fires("LIFE-06");
    assert!(
        finding
            .title
            .contains("declared of scope 2 and is of scope 3"),
        "{}",
        finding.title
    );
    chartered(&json!([]), "", asked).is_silent("LIFE-06");
    // Who is declared to write by itself may do so.
    let declared = READS
        .replace("read:", "write:")
        .replace("GetObject", "PutObject");
    chartered(&writes, "", &declared).is_silent("LIFE-06");
}

#[test]
fn life_01_an_owner_who_is_gone() {
    let owned = |owner: &str, is_truncated: bool| {
        let world = World::default()
            .role("reader", &trust_of("reader"), &json!([]))
            .user("ann", &json!([]))
            .runtime_tagged("reader", "reader", &json!({"owner": owner}));
        World {
            is_truncated,
            ..world
        }
    };
    let of = |user: &str| format!("arn:aws:iam::{ACCOUNT}:user/{user}");
    owned(&of("ann"), false).is_silent("LIFE-01");
    let finding = owned(&of("bob"), false).fires("LIFE-01");
    assert!(finding.why.contains("user/bob"), "{}", finding.why);
    owned(&of("bob"), true).is_unknown("LIFE-01");
    owned("arn:aws:iam::444455556666:user/bob", false).is_unknown("LIFE-01");
    // Of a team or an address, no snapshot tells whether anybody is behind it.
    let untold = owned("papers", false).is_unknown("LIFE-01");
    assert_eq!(untold.subject, "papers");
    owned("papers@example.com", true).is_unknown("LIFE-01");
}

#[test]
fn life_01_asks_once_for_each_team_and_believes_a_charter() {
    let owned = |charter: &str| {
        let world = World::default()
            .role("reader", &trust_of("reader"), &json!([]))
            .role("writer", &trust_of("writer"), &json!([]))
            .runtime_tagged("reader", "reader", &json!({"owner": "papers"}))
            .runtime_tagged("writer", "writer", &json!({"owner": "papers"}));
        if charter.is_empty() {
            world
        } else {
            world.charter(charter.to_owned())
        }
    };
    let checked = owned("").checked("LIFE-01");
    assert_eq!(checked.findings.len(), 1, "{:#?}", checked.findings);
    assert_eq!(checked.findings[0].agents.len(), 2);
    assert_eq!(checked.passed(), 0);
    let checked = owned(&charter("", READS)).checked("LIFE-01");
    assert_eq!(checked.findings[0].agents, [runtime_arn("writer")]);
    assert_eq!(checked.passed(), 1);
}

#[test]
fn life_01_an_agent_without_an_owner() {
    let finding = reader(&json!([])).fires("LIFE-01");
    assert_eq!(finding.severity, Severity::Medium);
    chartered(&json!([]), "", READS).is_silent("LIFE-01");
    World::default()
        .role("reader", &trust_of("reader"), &json!([]))
        .runtime_tagged("reader", "reader", &json!({"owner": "papers"}))
        .is_unknown("LIFE-01");
}

#[test]
fn perm_09_what_the_charter_does_not_declare() {
    let severity = |actions: &[&str]| {
        let statements = allow(actions, &["arn:aws:s3:::papers/*"]);
        chartered(&statements, "", READS).fires("PERM-09").severity
    };
    assert_eq!(severity(&["s3:GetObject", "s3:PutObject"]), Severity::High);
    assert_eq!(
        severity(&["s3:GetObject", "s3:GetObjectAcl"]),
        Severity::Medium
    );
    let declared = allow(&["s3:GetObject"], &["arn:aws:s3:::papers/2026/*"]);
    chartered(&declared, "", READS).is_silent("PERM-09");
    // Telemetry is nobody's purpose and everybody's need.
    let telemetry = allow(&["xray:PutTraceSegments"], &["*"]);
    chartered(&both(&declared, &telemetry), "", READS).is_silent("PERM-09");
}

#[test]
fn perm_09_the_other_agent_of_the_role_has_no_charter() {
    let statements = allow(&["s3:GetObject"], &["arn:aws:s3:::papers/*"]);
    let finding = chartered(&statements, "", READS)
        .runtime("other", "reader")
        .is_unknown("PERM-09");
    assert!(finding.why.contains("the charter of"), "{}", finding.why);
    reader(&statements).is_silent("PERM-09");
}

#[test]
fn inv_01_and_inv_02_know_whom_the_charter_names() {
    let world = |invokers: &str, task: &str| {
        let statements = allow(
            &[
                "bedrock-agentcore:InvokeAgentRuntime",
                "bedrock-agentcore:InvokeAgentRuntimeCommand",
            ],
            &[&runtime_arn("reader")],
        );
        chartered(&json!([]), invokers, task).role(
            "front",
            &trust_service("lambda.amazonaws.com"),
            &statements,
        )
    };
    let named = format!("invokers: [\"{}\"]", role_arn("front"));
    let finding = world("invokers: []", READS).fires("INV-01");
    assert_eq!(finding.severity, Severity::Medium);
    assert!(
        finding.title.contains("charter does not name"),
        "{}",
        finding.title
    );
    let writes = READS
        .replace("read:", "write:")
        .replace("GetObject", "PutObject");
    assert_eq!(
        world("invokers: []", &writes).fires("INV-01").severity,
        Severity::High
    );
    world(&named, READS).is_silent("INV-01");
    // A charter that says nothing of invokers leaves a report.
    assert_eq!(world("", READS).fires("INV-01").severity, Severity::Info);
    world("invokers: []", READS).fires("INV-02");
    world(&named, READS).is_silent("INV-02");
}

#[test]
fn sep_02_a_charter_that_only_reads() {
    let writes = allow(&["s3:PutObject"], &["arn:aws:s3:::papers/*"]);
    chartered(&writes, "", READS).fires("SEP-02");
    let declared = READS
        .replace("read:", "write:")
        .replace("GetObject", "PutObject");
    chartered(&writes, "", &declared).is_silent("SEP-02");
}

#[test]
fn sep_04_a_cancellation_that_nobody_approves() {
    let world = |used: &str| {
        chartered(
            &json!([]),
            "",
            &format!("    tools:\n      - {{ tool: orders/cancel_order{used} }}"),
        )
    };
    let finding = world(", calls: 3").fires("SEP-04");
    assert!(
        finding.evidence[0].source.ends_with(".yaml"),
        "{finding:#?}"
    );
    world(", approve: human").is_silent("SEP-04");
    world(", when: \"args.amount <= 10\"").is_silent("SEP-04");
    let labelled = |tool: &str| {
        chartered(
            &json!([]),
            "",
            &format!("    tools:\n      - {{ tool: {tool} }}"),
        )
    };
    labelled("mail/send, labels: [outward-effect]").fires("SEP-04");
    labelled("mail/list").is_silent("SEP-04");
}

#[test]
fn data_01_a_class_that_was_not_declared() {
    let reads = allow(&["s3:GetObject"], &["arn:aws:s3:::contracts/*"]);
    let world = |declared: &str, class: &str| {
        chartered(&reads, declared, READS).resource(
            json!({"arn": "arn:aws:s3:::contracts", "type": "AWS::S3::Bucket", "data": [class]}),
        )
    };
    let finding = world("data: [internal]", "confidential").fires("DATA-01");
    assert_eq!(finding.severity, Severity::High);
    world("data: [internal]", "internal").is_silent("DATA-01");
    world("", "confidential").is_silent("DATA-01");
    let elsewhere = allow(&["s3:GetObject"], &["arn:aws:s3:::papers/*"]);
    chartered(&elsewhere, "data: [internal]", READS)
        .resource(json!({"arn": "arn:aws:s3:::contracts", "type": "AWS::S3::Bucket", "data": ["confidential"]}))
        .is_silent("DATA-01");
}

/// A knowledge base whose role reads the contracts; the runtime `reader` is not configured with it.
fn contracts(statements: &Value) -> World {
    let base = format!("arn:aws:bedrock:us-east-1:{ACCOUNT}:knowledge-base/KB00000001");
    let mut world = chartered(statements, "data: [internal]", READS)
        .role(
            "base",
            &trust_service("bedrock.amazonaws.com"),
            &allow(&["s3:GetObject"], &["arn:aws:s3:::contracts/*"]),
        )
        .resource(json!({"arn": "arn:aws:s3:::contracts", "type": "AWS::S3::Bucket", "data": ["confidential"]}));
    world.bedrock.extend([
        call("ListKnowledgeBases", &json!({}), &json!({"knowledgeBaseSummaries": [{"knowledgeBaseId": "KB00000001", "name": "contracts", "status": "ACTIVE", "updatedAt": "2026-01-01T00:00:00Z"}]})),
        call("GetKnowledgeBase", &json!({"knowledgeBaseId": "KB00000001"}), &json!({"knowledgeBase": {"knowledgeBaseId": "KB00000001", "name": "contracts", "knowledgeBaseArn": base, "roleArn": role_arn("base"), "status": "ACTIVE"}})),
    ]);
    world
}

#[test]
fn data_01_data_behind_a_knowledge_base_that_anybody_may_ask() {
    let retrieves = |base: &str| {
        let base = format!("arn:aws:bedrock:us-east-1:{ACCOUNT}:knowledge-base/{base}");
        allow(&["bedrock:Retrieve"], &[&base])
    };
    let finding = contracts(&retrieves("KB00000001")).fires("DATA-01");
    assert_eq!(finding.subject, runtime_arn("reader"));
    assert!(
        finding
            .why
            .contains("contracts (confidential) through the knowledge base contracts"),
        "{}",
        finding.why
    );
    contracts(&retrieves("KB00000002")).is_silent("DATA-01");
    contracts(&json!([])).is_silent("DATA-01");
}

#[test]
fn env_01_believes_the_charter_before_the_tag() {
    let world = |tag: &str| {
        World::default()
            .role("reader", &trust_of("reader"), &json!([]))
            .runtime_tagged("reader", "reader", &json!({"environment": "prod"}))
            .runtime_tagged("writer", "reader", &json!({"environment": tag}))
            .charter(charter("", READS))
    };
    // The tag says prod; the charter says staging.
    world("prod").fires("ENV-01");
    world("staging").is_silent("ENV-01");
}

#[test]
fn ceil_04_an_scp_that_denies_what_a_charter_declares() {
    let world = |action: &str| {
        let deny = json!([{"name": "no-objects", "document": policy(&json!([{"Effect": "Deny", "Action": action, "Resource": "*"}]))}]);
        chartered(&json!([]), "", READS).organized("999988887777", "Lab", &deny)
    };
    let finding = world("s3:GetObject").fires("CEIL-04");
    assert_eq!(finding.subject, runtime_arn("reader"));
    assert!(finding.title.contains("no-objects"), "{}", finding.title);
    world("s3:DeleteObject").is_silent("CEIL-04");
}

#[test]
fn trust_04_a_broker_that_need_not_say_for_whom() {
    let world = |condition: &Value| {
        let trust = json!([{
            "Effect": "Allow", "Principal": {"AWS": role_arn("broker")},
            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
            "Condition": condition,
        }]);
        World::default()
            .role("reader", &trust, &json!([]))
            .role(
                "broker",
                &trust_service("ecs-tasks.amazonaws.com"),
                &allow(&["sts:AssumeRole"], &[&role_arn("reader")]),
            )
            .runtime("reader", "reader")
            .charter(charter("", READS))
    };
    assert_eq!(
        world(&json!({})).fires("TRUST-04").severity,
        Severity::Medium
    );
    world(&json!({"StringLike": {"sts:SourceIdentity": "*"}})).is_silent("TRUST-04");
}

#[test]
fn env_01_production_and_staging_on_one_role() {
    let world = |one: &Value, other: &Value| {
        World::default()
            .role("shared", &trust_of("reader"), &json!([]))
            .runtime_tagged("reader", "shared", one)
            .runtime_tagged("writer", "shared", other)
    };
    let (prod, staging) = (
        json!({"environment": "prod"}),
        json!({"environment": "staging"}),
    );
    assert_eq!(
        world(&prod, &staging).fires("ENV-01").severity,
        Severity::Critical
    );
    world(&prod, &prod).is_silent("ENV-01");
    let finding = world(&prod, &json!({})).is_unknown("ENV-01");
    assert!(
        finding.why.contains("the environment of"),
        "{}",
        finding.why
    );
}

#[test]
fn env_03_an_alias_of_production_on_the_draft() {
    let world = |environment: &str, version: &str| {
        let mut world = World::default()
            .role("desk", &trust_service("bedrock.amazonaws.com"), &json!([]))
            .role("tool", &trust_service("lambda.amazonaws.com"), &json!([]))
            .bedrock_agent("desk", "desk", &json!({"environment": environment}))
            .function("tool", None);
        for call in &mut world.bedrock {
            if call["operation"] == "ListAgentAliases" {
                call["response"]["agentAliasSummaries"][0]["routingConfiguration"] =
                    json!([{"agentVersion": version}]);
            }
        }
        world
    };
    world("prod", "DRAFT").fires("ENV-03");
    world("prod", "1").is_silent("ENV-03");
    world("staging", "DRAFT").is_silent("ENV-03");
}

#[test]
fn inv_04_a_token_for_any_user() {
    let action = "bedrock-agentcore:GetWorkloadAccessTokenForUserId";
    reader(&allow(&[action], &["*"])).fires("INV-04");
    reader(&allow(
        &["bedrock-agentcore:GetWorkloadAccessTokenForJWT"],
        &["*"],
    ))
    .is_silent("INV-04");
}

#[test]
fn ceil_02_controls_that_an_administrator_can_switch_off() {
    let world = |actions: &[&str]| {
        let deny = json!([{"name": "controls", "document": policy(&json!([{"Effect": "Deny", "Action": actions, "Resource": "*"}]))}]);
        reader(&json!([])).organized("999988887777", "Lab", &deny)
    };
    let all = [
        "iam:DeleteRolePermissionsBoundary",
        "cloudtrail:StopLogging",
        "bedrock:DeleteGuardrail",
        "bedrock-agentcore:DeletePolicyEngine",
        "bedrock:UpdateAgentAlias",
    ];
    let finding = world(&all[1..]).fires("CEIL-02");
    assert!(finding.why.contains(all[0]), "{}", finding.why);
    world(&all).is_silent("CEIL-02");
    reader(&json!([])).is_unknown("CEIL-02");
}

/// What a trail of 90 days saw, in this account and region and by these selectors.
fn coverage(account: &str, region: &str, selectors: &[&str]) -> Value {
    json!({"coverage": {
        "from": "2026-08-23T00:00:00Z", "to": "2026-11-21T00:00:00Z",
        "accounts": [account], "regions": [region], "selectors": selectors,
    }})
}

fn called(action: &str, errors: &Value) -> Value {
    json!({
        "account": ACCOUNT, "role": role_arn("reader"), "session": "s", "agent": null,
        "how_sure": "unknown", "action": action, "resource": "arn:aws:s3:::papers/1", "count": 3,
        "first": "2026-09-01T00:00:00Z", "last": "2026-09-02T00:00:00Z", "errors": errors, "events": [],
    })
}

const SEES: [&str; 2] = ["management", "AWS::S3::Object"];

fn papers(actions: &[&str]) -> World {
    reader(&allow(actions, &["arn:aws:s3:::papers/*"]))
}

#[test]
fn perm_08_what_no_call_of_the_window_needed() {
    let seen = coverage(ACCOUNT, "us-east-1", &SEES);
    let got = called("s3:GetObject", &json!({}));
    let both = || papers(&["s3:GetObject", "s3:PutObject"]);
    let finding = both().used(&[seen.clone(), got.clone()]).fires("PERM-08");
    assert_eq!(finding.severity, Severity::Low);
    assert!(
        finding
            .title
            .ends_with("did not use s3:PutObject on arn:aws:s3:::papers/* in 90 days"),
        "{}",
        finding.title
    );
    // A right on other papers is one that is used, and one that was always refused is not.
    papers(&["s3:GetObject"])
        .used(&[seen.clone(), got.clone()])
        .is_silent("PERM-08");
    let refused = called("s3:PutObject", &json!({"AccessDenied": 3}));
    both()
        .used(&[seen.clone(), got.clone(), refused])
        .fires("PERM-08");
    let put = called("s3:PutObject", &json!({"AccessDenied": 2}));
    both()
        .used(&[seen.clone(), got.clone(), put])
        .is_silent("PERM-08");
    let privileged = papers(&["s3:GetObject", "s3:PutObjectAcl"]);
    let finding = privileged
        .used(&[seen.clone(), got.clone()])
        .fires("PERM-08");
    assert_eq!(finding.severity, Severity::Medium);
    // No trail keeps telemetry.
    let telemetry = allow(&["xray:PutTraceSegments"], &["*"]);
    reader(&telemetry).used(&[seen]).is_silent("PERM-08");
    // Nobody said what was used.
    both().is_silent("PERM-08");
}

#[test]
fn perm_08_an_action_is_unused_on_each_resource_that_no_call_touched() {
    let seen = coverage(ACCOUNT, "us-east-1", &SEES);
    let on = |resource: &str| {
        let mut line = called("s3:GetObject", &json!({}));
        line["resource"] = json!(resource);
        line
    };
    let read = |resources: &[&str]| reader(&allow(&["s3:GetObject"], resources));
    let two = || read(&["arn:aws:s3:::papers/*", "arn:aws:s3:::payroll/*"]);
    let finding = two()
        .used(&[seen.clone(), on("arn:aws:s3:::papers/1")])
        .fires("PERM-08");
    assert!(
        finding
            .title
            .contains("s3:GetObject on arn:aws:s3:::payroll/*"),
        "{}",
        finding.title
    );
    assert!(!finding.why.contains("papers"), "{}", finding.why);
    // What the trail covers is said.
    let covers = "2026-08-23T00:00:00Z to 2026-11-21T00:00:00Z (90 days) with management and AWS::S3::Object";
    assert!(finding.why.contains(covers), "{}", finding.why);
    two()
        .used(&[
            seen.clone(),
            on("arn:aws:s3:::papers/1"),
            on("arn:aws:s3:::payroll/may"),
        ])
        .is_silent("PERM-08");
    // The trail does not tell on which.
    two().used(&[seen.clone(), on("*")]).is_silent("PERM-08");
    // One grant is one right, however wide; how wide is another rule's matter.
    read(&["*"])
        .used(&[seen.clone(), on("arn:aws:s3:::papers/1")])
        .is_silent("PERM-08");
    // The key of an object is no bucket's: no request could be for this.
    read(&["arn:aws:s3:::papers", "arn:aws:s3:::papers/*"])
        .used(&[seen.clone(), on("arn:aws:s3:::papers/1")])
        .is_silent("PERM-08");
    // A variable may have stood for this one.
    read(&["arn:aws:s3:::${aws:PrincipalTag/tenant}/*"])
        .used(&[seen, on("arn:aws:s3:::papers/1")])
        .is_silent("PERM-08");
}

#[test]
fn perm_08_what_the_trail_could_not_have_shown() {
    let got = called("s3:GetObject", &json!({}));
    let both = || papers(&["s3:GetObject", "s3:PutObject"]);
    let cases = [
        (json!({"coverage": null}), "states no coverage"),
        (
            coverage("444455556666", "us-east-1", &SEES),
            "calls in 111122223333",
        ),
        (coverage(ACCOUNT, "eu-west-1", &SEES), "calls in us-east-1"),
        (
            coverage(ACCOUNT, "us-east-1", &["management"]),
            "AWS::S3::Object",
        ),
    ];
    for (head, missing) in cases {
        let finding = both()
            .used(&[head.clone(), got.clone()])
            .is_unknown("PERM-08");
        assert!(finding.why.contains(missing), "{}", finding.why);
        // Where all was used, nothing hangs on what the trail sees.
        papers(&["s3:GetObject"])
            .used(&[head, got.clone()])
            .is_silent("PERM-08");
    }
}
