use bailiwick_charter::Charter;
use bailiwick_ledger::{Chain, Entry, Grant, Stamp, replay::Answer};

use crate::{Authority, Call, Settings, Standing};

use super::*;

fn charter(tools: &str, limits: &str) -> Authority {
    authority(
        "",
        &format!("    tools:\n{tools}\n    limits: {{ {limits} }}"),
    )
}

/// The authority of one charter: what is said of its agent, and of its task.
fn authority(agent: &str, task: &str) -> Authority {
    let text = format!(
        r#"
agent: reader
owner: {{ team: payments, contact: payments@example.com }}
purpose: Post invoices.
environment: prod
mode: brokered
{agent}
tasks:
  post:
    for: 5m
{task}
"#
    );
    let charter = Charter::parse("reader.yaml", &text).unwrap();
    Authority::of([charter], Settings::default()).unwrap()
}

/// The entries that a broker would write of these calls of one grant, a second apart.
fn recorded(by: &Authority, calls: &[(&str, &str)]) -> Vec<(Entry, u64)> {
    recorded_with(by, &[], calls)
}

fn recorded_with(
    by: &Authority,
    parameters: &[(&str, &str)],
    calls: &[(&str, &str)],
) -> Vec<(Entry, u64)> {
    let task = by.task("reader", "post").unwrap();
    let bound = task.bind(parameters.iter().copied()).unwrap();
    let mut standing = Standing {
        agent: "reader".into(),
        task: "post".into(),
        charter: task.charter().to_owned(),
        body: bound.to_bytes(),
        history: Vec::new(),
    };
    let about = |mut entry: Entry| {
        entry.grant.get_or_insert_with(Grant::default).id = "g1".into();
        entry.agent.get_or_insert_default().id = "reader".into();
        entry.task.get_or_insert_default().id = "post".into();
        entry
    };
    let opened = Entry {
        task: Some(task.recorded(&bound)),
        ..Entry::of("grant.approved")
    };
    let mut entries = vec![(about(opened), 0)];
    for (number, (tool, args)) in (1..).zip(calls) {
        let call = match *tool {
            "aws" => {
                let (action, resource) = args.split_once(' ').unwrap();
                Call::aws(action, resource)
            }
            tool => Call::tool(tool, args.as_bytes()).unwrap(),
        };
        let judgement = by.judge(&standing, &call, number * 1_000);
        if let Some(history) = judgement.history() {
            standing.history = history.to_bytes();
        }
        entries.push((about(judgement.entry()), number * 1_000));
    }
    entries
}

/// What other charters say of each decision: `allow`, `deny CODE`, `? WHAT IS MISSING`.
fn again(by: &Authority, entries: &[(Entry, u64)]) -> Vec<String> {
    // Through the text of a record, as it is read from a file.
    let mut chain = Chain::default();
    let mut replayed = Replayed::by(by);
    let mut said = Vec::new();
    for (entry, time_ms) in entries {
        let stamp = Stamp {
            epoch: 1,
            time_ms: *time_ms,
            replica: "a".into(),
        };
        let entry = chain.append(entry, &stamp).unwrap().entry().unwrap();
        replayed.see(&entry, *time_ms);
        if Replayed::is_replayed(&entry) {
            said.push(match replayed.judge(&entry, *time_ms) {
                Answer::Decided(Effect::Allow, _) => "allow".to_owned(),
                Answer::Decided(Effect::StepUp, _) => "step up".to_owned(),
                Answer::Decided(Effect::Deny, why) => format!("deny {why}"),
                Answer::Unknown(missing) => format!("? {missing}"),
            });
        }
    }
    said
}

const OLD: &str = r#"      - { tool: ledger/post, when: "args.amount <= 1000" }
      - { tool: ledger/read }"#;

const CALLS: [(&str, &str); 3] = [
    ("ledger/post", r#"{"amount":900}"#),
    ("ledger/read", "{}"),
    ("ledger/post", r#"{"amount":5000}"#),
];

#[test]
fn the_same_charter_decides_as_it_did() {
    let old = charter(OLD, "calls: 2");
    let entries = recorded(&old, &CALLS);
    assert_eq!(
        again(&old, &entries),
        ["allow", "allow", "deny budget_calls"]
    );
}

#[test]
fn a_tool_that_is_taken_away_is_denied_whatever_its_arguments_were() {
    let entries = recorded(&charter(OLD, ""), &CALLS);
    let new = charter("      - { tool: ledger/read }", "");
    assert_eq!(
        again(&new, &entries),
        ["deny not_declared", "allow", "deny not_declared"]
    );
}

#[test]
fn a_condition_on_arguments_that_were_not_recorded_is_not_guessed_at() {
    let entries = recorded(&charter(OLD, ""), &CALLS);
    let new = charter(
        r#"      - { tool: ledger/post, when: "args.amount <= 10" }
      - { tool: ledger/read }"#,
        "",
    );
    let missing = "? the arguments of the call";
    assert_eq!(again(&new, &entries), [missing, "allow", missing]);
}

#[test]
fn arguments_that_were_recorded_are_decided_on() {
    let old = OLD.replace("1000\" }", "1000\", record-arguments: true }");
    let entries = recorded(&charter(&old, ""), &CALLS);
    let new = charter(
        r#"      - { tool: ledger/post, when: "args.amount <= 9000 && args.amount > 900" }"#,
        "",
    );
    assert_eq!(
        again(&new, &entries),
        ["deny condition_not_met", "deny not_declared", "allow"]
    );
}

#[test]
fn a_budget_counts_what_surely_happened_and_what_only_may_have() {
    let calls = [
        ("ledger/post", r#"{"amount":1}"#),
        ("ledger/read", "{}"),
        ("ledger/read", "{}"),
        ("ledger/read", "{}"),
    ];
    let entries = recorded(&charter(OLD, ""), &calls);
    let new = |most: u32| {
        let tools = r#"      - { tool: ledger/post, when: "args.amount <= 10" }
      - { tool: ledger/read }"#;
        charter(tools, &format!("calls: {most}"))
    };
    let (missing, before) = (
        "? the arguments of the call",
        "? which of the calls before it happened",
    );
    assert_eq!(again(&new(2), &entries), [missing, "allow", before, before]);
    assert_eq!(
        again(&new(3), &entries),
        [missing, "allow", "allow", before]
    );
    let sure = charter("      - { tool: ledger/read }", "calls: 2");
    assert_eq!(
        again(&sure, &entries),
        ["deny not_declared", "allow", "allow", "deny budget_calls"]
    );
}

#[test]
fn a_sequence_whose_first_call_may_have_happened_is_unknown() {
    let sequence = |tools: &str| {
        let authority =
            format!("{tools}\n    sequence: [ {{ tool: ledger/read, after: ledger/post }} ]");
        charter(&authority, "")
    };
    let entries = recorded(&charter(OLD, ""), &CALLS[..2]);
    assert_eq!(
        again(&sequence(&OLD.replace("1000", "10")), &entries),
        [
            "? the arguments of the call",
            "? which of the calls before it happened"
        ]
    );
    let asked_for = OLD.replace("when: \"args.amount <= 1000\"", "approve: human");
    assert_eq!(
        again(&sequence(&asked_for), &entries),
        ["step up", "deny sequence_too_early"]
    );
}

#[test]
fn a_call_to_aws_hangs_on_parameters_that_are_not_on_record() {
    let reads = |resource: &str, parameters: &str| {
        let text = format!(
            r#"
agent: reader
owner: {{ team: payments, contact: payments@example.com }}
purpose: Read.
environment: prod
mode: brokered
role: {{ arn: "arn:aws:iam::111122223333:role/r" }}
tasks:
  post:
    for: 5m
    parameters: {{ {parameters} }}
    read: [ {{ actions: [s3:GetObject], resources: ["{resource}"] }} ]
"#
        );
        let charter = Charter::parse("reader.yaml", &text).unwrap();
        Authority::of([charter], Settings::default()).unwrap()
    };
    let calls = [
        ("aws", "s3:GetObject arn:aws:s3:::invoices/a"),
        ("aws", "s3:PutObject arn:aws:s3:::invoices/a"),
    ];
    let entries = recorded(&reads("arn:aws:s3:::invoices/*", ""), &calls);
    assert_eq!(
        again(&reads("arn:aws:s3:::else/*", ""), &entries),
        ["deny not_declared", "deny not_declared"]
    );
    let tenant = r#"tenant: "[a-z]{1,9}""#;
    assert_eq!(
        again(&reads("arn:aws:s3:::invoices/${tenant}", tenant), &entries),
        ["? the parameters of the grant", "deny not_declared"]
    );
}

#[test]
fn a_shorter_task_ends_calls_that_came_later() {
    let entries = recorded(&charter(OLD, ""), &[("ledger/read", "{}"); 3]);
    let text_of = |lasts: &str| {
        let text = format!(
            r#"
agent: reader
owner: {{ team: payments, contact: payments@example.com }}
purpose: Post invoices.
environment: prod
mode: brokered
tasks:
  post: {{ for: {lasts}, tools: [ {{ tool: ledger/read }} ] }}
"#
        );
        let charter = Charter::parse("reader.yaml", &text).unwrap();
        Authority::of([charter], Settings::default()).unwrap()
    };
    let said = again(&text_of("3s"), &entries);
    assert_eq!(
        said,
        ["allow", "allow", "deny the grant would have ended before"]
    );
}

#[test]
fn what_no_charter_decided_stays_as_it_was() {
    let mut entries = recorded(&charter(OLD, ""), &CALLS[1..2]);
    let stopped = &mut entries[1].0;
    stopped.reason_code = Some("stopped".into());
    let decision = stopped.decision.as_mut().unwrap();
    decision.effect = Effect::Deny;
    decision.policy_version = None;
    assert_eq!(
        again(&charter(OLD, "calls: 9"), &entries),
        ["deny not the charter's to decide"]
    );
}

#[test]
fn a_part_of_a_grant_is_denied_surely_and_allowed_by_nobody() {
    let mut entries = recorded(&charter(OLD, ""), &CALLS);
    for (entry, _) in &mut entries {
        entry.grant.as_mut().unwrap().parent = Some("g0".into());
    }
    let new = charter("      - { tool: ledger/read }", "");
    assert_eq!(
        again(&new, &entries),
        [
            "deny not_declared",
            "? what was delegated to the grant",
            "deny not_declared"
        ]
    );
}

/// A task whose calls hang on what its grant was opened with.
fn with_parameters(pattern: &str, more: &str) -> Authority {
    authority(
        r#"role: { arn: "arn:aws:iam::111122223333:role/reader" }"#,
        &format!(
            r#"    parameters: {{ tenant: "{pattern}" }}
{more}
    read: [ {{ actions: [s3:GetObject], resources: ["arn:aws:s3:::${{tenant}}/*"] }} ]
    tools: [ {{ tool: ledger/post, when: "args.to == parameters.tenant", record-arguments: true }} ]"#
        ),
    )
}

#[test]
fn parameters_that_were_recorded_are_decided_on_and_others_are_unknown() {
    const RECORDED: &str = "    record-parameters: true";
    let calls = [
        ("ledger/post", r#"{"to":"acme"}"#),
        ("aws", "s3:GetObject arn:aws:s3:::acme/x"),
        ("aws", "s3:GetObject arn:aws:s3:::other/x"),
    ];
    let opened = |more: &str| {
        let old = with_parameters("[a-z]+", more);
        recorded_with(&old, &[("tenant", "acme")], &calls)
    };
    let new = with_parameters("[a-z]{2,8}", "");
    let entries = opened(RECORDED);
    let told = entries[0].0.task.as_ref().unwrap();
    assert_eq!(told.parameters.as_deref(), Some(r#"{"tenant":"acme"}"#));
    assert_eq!(
        again(&new, &entries),
        ["allow", "allow", "deny not_declared"]
    );
    // A part of the grant is bound as the whole is.
    let mut split = entries.clone();
    let mut part = split[0].clone();
    part.0.task.as_mut().unwrap().parameters = None;
    for (entry, _) in std::iter::once(&mut part).chain(&mut split[1..]) {
        let grant = entry.grant.as_mut().unwrap();
        grant.id = "g2".into();
        grant.parent = Some("g1".into());
    }
    split.insert(1, part);
    assert_eq!(again(&new, &split)[2], "deny not_declared");
    // Other charters would not have opened it.
    assert_eq!(
        again(&with_parameters("[0-9]+", ""), &entries),
        ["deny the grant would not have been opened as it was"; 3]
    );
    // The hash tells which grants are alike, and decides nothing.
    let entries = opened("");
    let told = entries[0].0.task.as_ref().unwrap();
    assert!(told.parameters.is_none() && told.parameters_hash.is_some());
    assert_eq!(again(&new, &entries), ["? the parameters of the grant"; 3]);
}

#[test]
fn what_cannot_be_told_is_as_it_was_where_the_charter_is_the_same() {
    let old = charter(OLD, "");
    let entries = recorded(&old, &CALLS);
    assert_eq!(
        again(&old, &entries),
        ["allow", "allow", "deny the charter is the same"]
    );
}
