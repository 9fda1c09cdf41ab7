mod any;
mod decided;

use std::sync::Arc;

use bailiwick_iam::access::{Algebra, Contained};
use bailiwick_iam::arn::{AccountId, Arn};
use bailiwick_iam::evaluate::{Outcome, evaluate};
use bailiwick_iam::layers::{Compiled, Layers, NamedPolicy};
use bailiwick_iam::policy::Policy;
use bailiwick_iam::request::{Context, Principal, Request};
use bailiwick_iam::vocabulary::NoVocabulary;

use super::*;
use crate::Charter;

const READER: &str = r#"
agent: invoice-reader
owner: { team: payments & co, contact: payments@example.com }
purpose: Reconcile supplier invoices against the ledger.
environment: prod
data: [internal, confidential]
runs-as: [ "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/invoice_reader-Qm7vR2sT9x" ]
mode: brokered
models: [ "arn:aws:bedrock:us-east-1::foundation-model/m" ]
invokers: [ "arn:aws:iam::111122223333:role/apps/payments-frontend" ]
tasks:
  reconcile:
    for: 20m
    parameters: { supplier: ".{1,32}" }
    read:
      - { actions: [s3:GetObject], resources: ["arn:aws:s3:::acme-invoices/incoming/${supplier}/*"] }
      - { actions: [kms:Decrypt], resources: ["arn:aws:kms:us-east-1:111122223333:key/6d1f3a52"] }
      - { actions: [dynamodb:GetItem, dynamodb:Query], resources: ["arn:aws:dynamodb:us-east-1:444455556666:table/ledger"] }
    write:
      - { actions: [dynamodb:PutItem], resources: ["arn:aws:dynamodb:us-east-1:444455556666:table/ledger"] }
      - { actions: [lambda:InvokeFunction], resources: ["arn:aws:lambda:us-east-1:111122223333:function:post"] }
    tools:
      - { tool: ledger/get_entry, calls: 100 }
      - { tool: ledger/post_entry, when: "args.amount <= 1000", calls: 20 }
"#;

fn charter(text: &str) -> Charter {
    Charter::parse("c.yaml", text).unwrap()
}

fn account(text: &str) -> AccountId {
    text.parse().unwrap()
}

fn home() -> AccountId {
    account("111122223333")
}

fn compiled(text: &str) -> CompiledCharter {
    compile(&charter(text), &Site::default()).unwrap()
}

fn layer(policies: impl IntoIterator<Item = Policy>) -> bailiwick_iam::layers::Policies {
    let compiled = |policy| {
        Arc::new(Compiled::new(NamedPolicy {
            name: "p".into(),
            policy: Arc::new(policy),
        }))
    };
    policies.into_iter().map(compiled).collect()
}

fn layers_of(role: &CompiledRole) -> Layers {
    Layers {
        identity: Some(layer(
            role.policies.iter().map(|policy| policy.document.clone()),
        )),
        boundary: Some(layer([role.boundary.document.clone()])),
        ..Layers::default()
    }
}

/// Whether all that one allows, the other allows.
fn contained(one: &Layers, other: &Layers) -> Contained {
    let algebra = Algebra::new(&NoVocabulary);
    let (one, other) = (algebra.access(one, None), algebra.access(other, None));
    other.contains(&one)
}

#[test]
fn what_is_made_reads_back_as_a_policy() {
    for text in [
        READER.to_owned(),
        READER.replace("mode: brokered", "mode: standing"),
    ] {
        let compiled = compiled(&text);
        let roles = compiled.roles().collect::<Vec<_>>();
        let of_role = |role: &&CompiledRole| {
            let policies = role.policies.iter().map(|policy| policy.document.clone());
            policies
                .chain([role.trust.clone(), role.boundary.document.clone()])
                .collect::<Vec<_>>()
        };
        let asked = compiled
            .hardening
            .iter()
            .filter_map(|asked| asked.policy.clone());
        for policy in roles.iter().flat_map(of_role).chain(asked) {
            let read = Policy::parse(&policy.to_json()).unwrap();
            assert_eq!(read, policy, "{}", policy.to_json_pretty());
        }
    }
}

#[test]
fn a_brokered_agent_s_platform_role_holds_no_task_data() {
    let compiled = compiled(READER);
    assert_eq!(compiled.runtime.kind, RoleKind::Runtime);
    assert!(
        compiled
            .runtime
            .policies
            .iter()
            .all(|policy| policy.holds == Holds::Baseline)
    );
    let text = compiled.runtime.policies[0].document.to_json();
    assert!(
        !text.contains("s3:") && !text.contains("dynamodb:"),
        "{text}"
    );
    assert!(text.contains("xray:PutTraceSegments") && text.contains("logs:PutLogEvents"));
}

#[test]
fn there_is_a_task_role_in_each_account_with_what_is_needed_there() {
    let compiled = compiled(READER);
    let accounts: Vec<_> = compiled.tasks.keys().map(AccountId::as_str).collect();
    assert_eq!(accounts, ["111122223333", "444455556666"]);
    let other = &compiled.tasks[&account("444455556666")];
    assert_eq!(
        other.arn(),
        "arn:aws:iam::444455556666:role/agents/prod/invoice-reader-task"
    );
    let agent = charter(READER);
    assert_eq!(other.arn(), agent.task_role_arn(other.account));
    let held: Vec<_> = other
        .policies
        .iter()
        .map(|policy| policy.name.as_str())
        .collect();
    assert_eq!(held, ["read", "write"]);
    let own: Vec<_> = compiled.tasks[&home()]
        .policies
        .iter()
        .map(|policy| policy.name.as_str())
        .collect();
    assert_eq!(own, ["read", "invoke-tools"]);
}

#[test]
fn a_task_role_trusts_the_broker_alone_and_asks_for_the_grant_s_names() {
    let compiled = compiled(READER);
    let trust = compiled.tasks[&home()].trust.to_json();
    assert!(trust.contains("arn:aws:iam::111122223333:role/bailiwick/bailiwick-broker"));
    assert!(!trust.contains("Service"));
    for key in [
        "aws:RequestTag/agent",
        "aws:RequestTag/task",
        "aws:RequestTag/grant",
        "sts:SourceIdentity",
    ] {
        assert!(trust.contains(key), "{key}");
    }
}

#[test]
fn the_platform_is_trusted_for_this_agent_and_no_other() {
    let trust = compiled(READER).runtime.trust.to_json();
    assert_eq!(
        trust,
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"Platform","Effect":"Allow","Principal":{"Service":"bedrock-agentcore.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:SourceAccount":"111122223333"},"ArnEquals":{"aws:SourceArn":"arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/invoice_reader-Qm7vR2sT9x"}}}]}"#
    );
    let pending = compiled(&READER.replace("invoice_reader-Qm7vR2sT9x", "invoice_reader-*"));
    assert!(!pending.runtime.trust_is_exact);
    assert!(pending.runtime.trust.to_json().contains("ArnLike"));
    assert!(
        pending
            .remarks
            .iter()
            .any(|remark| remark.contains("compile again"))
    );
}

/// The reader before AWS has made it.
fn unmade() -> String {
    let lines = READER.lines().filter(|line| !line.starts_with("runs-as"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn nobody_is_trusted_by_default() {
    let site = Site {
        account: Some(home()),
        ..Site::default()
    };
    let standing = unmade().replace("mode: brokered", "mode: standing");
    assert!(matches!(
        compile(&charter(&standing), &site),
        Err(CompileError::NoWorkload { .. })
    ));
    assert!(matches!(
        compile(&charter(&unmade()), &Site::default()),
        Err(CompileError::NoAccount { .. })
    ));
    // AgentCore has no runtime of so long a name.
    let long = unmade().replace(
        "agent: invoice-reader",
        &format!("agent: {}", "a".repeat(49)),
    );
    assert!(matches!(
        compile(&charter(&long), &site),
        Err(CompileError::NoWorkload { .. })
    ));
}

#[test]
fn an_agent_that_is_about_to_be_made_is_compiled_in_two_phases() {
    let site = Site {
        account: Some(home()),
        region: Some("us-east-1".to_owned()),
        ..Site::default()
    };
    let first = compile(&charter(&unmade()), &site).unwrap();
    assert!(!first.runtime.trust_is_exact);
    let trust = first.runtime.trust.to_json();
    for said in [
        r#""Service":"bedrock-agentcore.amazonaws.com""#,
        r#""aws:SourceAccount":"111122223333""#,
        r#""ArnLike":{"aws:SourceArn":"arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/invoice_reader-*"}"#,
    ] {
        assert!(trust.contains(said), "{trust}");
    }
    let told = |compiled: &CompiledCharter| {
        let mut remarks = compiled.remarks.iter();
        remarks.any(|it| it.starts_with("first phase: `runs-as` names nothing yet"))
    };
    assert!(told(&first), "{:?}", first.remarks);
    let second = compile(&charter(READER), &site).unwrap();
    assert!(second.runtime.trust_is_exact && !told(&second));
    // What holds the data does not wait for the platform.
    assert_eq!(first.tasks, second.tasks);
    assert!(first.tasks.values().all(|role| role.trust_is_exact));
    // Where nobody knows the region, it is any of this account's, and of no other.
    let site = Site {
        account: Some(home()),
        ..Site::default()
    };
    let trust = compile(&charter(&unmade()), &site).unwrap().runtime.trust;
    assert!(
        trust
            .to_json()
            .contains("bedrock-agentcore:*:111122223333:runtime/invoice_reader-*")
    );
}

#[test]
fn a_task_s_session_is_shown_before_anybody_asks_for_it() {
    let compiled = compiled(READER);
    let sessions = &compiled.sessions[&"reconcile".parse().unwrap()];
    let accounts: Vec<_> = sessions.keys().collect();
    assert_eq!(accounts, compiled.tasks.keys().collect::<Vec<_>>());
    let shown = &sessions[&home()];
    let text = shown.policy.to_json();
    assert!(
        text.contains("acme-invoices/incoming/${supplier}/*"),
        "{text}"
    );
    assert!(
        text.contains(r#""aws:CurrentTime":"1970-01-01T00:00:00Z""#),
        "{text}"
    );
    // With its values bound it is as long as was said.
    let bound = session(&[("supplier", "x")], home()).unwrap();
    assert_eq!(bound.to_json().len(), shown.characters);
    assert_eq!(shown.characters + shown.room, SESSION_POLICY_LENGTH_MAX);
    let standing = READER.replace("mode: brokered", "mode: standing");
    let standing = compile(&charter(&standing), &Site::default()).unwrap();
    assert!(standing.sessions.is_empty());
}

#[test]
fn a_task_that_can_never_be_granted_is_not_compiled() {
    let resources: Vec<String> = (0..40)
        .map(|at| format!("\"arn:aws:s3:::a-rather-long-bucket-name-{at}/*\""))
        .collect();
    let text = READER.replace(
        "\"arn:aws:s3:::acme-invoices/incoming/${supplier}/*\"",
        &resources.join(", "),
    );
    let refused = compile(&charter(&text), &Site::default());
    assert!(
        matches!(&refused, Err(CompileError::TooLong { what: "session policy", length, .. }) if *length > 2_048),
        "{refused:?}"
    );
}

#[test]
fn what_an_agent_is_configured_with_it_may_use() {
    let told = |workload: &str, mode: &str| {
        let text = READER
            .replace(
                "bedrock-agentcore:us-east-1:111122223333:runtime/invoice_reader-Qm7vR2sT9x",
                workload,
            )
            .replace("mode: brokered", mode);
        let arn = |text: &str| text.parse().unwrap();
        let site = Site {
            guardrails: vec![arn("arn:aws:bedrock:us-east-1:111122223333:guardrail/g")],
            engines: vec![arn(
                "arn:aws:bedrock-agentcore:us-east-1:111122223333:policy-engine/e",
            )],
            ..Site::default()
        };
        let baseline = compile(&charter(&text), &site).unwrap().baseline;
        let actions = baseline.into_iter().flat_map(|it| it.actions);
        actions.collect::<Vec<_>>().join(" ")
    };
    let agent = told(
        "bedrock:us-east-1:111122223333:agent/ABCDEFGHIJ",
        "mode: standing",
    );
    assert!(
        agent.contains("bedrock:ApplyGuardrail") && !agent.contains("AuthorizeAction"),
        "{agent}"
    );
    let gateway = told(
        "bedrock-agentcore:us-east-1:111122223333:gateway/tools-a4f9k2m7xq",
        "mode: standing",
    );
    assert!(
        gateway.contains("AuthorizeAction") && !gateway.contains("ApplyGuardrail"),
        "{gateway}"
    );
    // A runtime's code applies a guardrail as its charter declares.
    let runtime = told(
        "bedrock-agentcore:us-east-1:111122223333:runtime/r-Qm7vR2sT9x",
        "mode: brokered",
    );
    assert!(
        !runtime.contains("ApplyGuardrail") && !runtime.contains("AuthorizeAction"),
        "{runtime}"
    );
}

#[test]
fn bedrock_looks_up_the_profile_with_the_agent_s_role() {
    let agent = READER
        .replace(
            "bedrock-agentcore:us-east-1:111122223333:runtime/invoice_reader-Qm7vR2sT9x",
            "bedrock:us-east-1:111122223333:agent/ABCDEFGHIJ",
        )
        .replace("mode: brokered", "mode: standing");
    let looks_up = |text: &str| {
        let baseline = compiled(text).baseline;
        let found = baseline
            .iter()
            .find(|it| it.actions == ["bedrock:GetInferenceProfile"]);
        found.map(|it| it.resources.clone())
    };
    assert_eq!(looks_up(&agent), None);
    let profile = "arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.m";
    let profiled = agent.replace("arn:aws:bedrock:us-east-1::foundation-model/m", profile);
    assert_eq!(looks_up(&profiled), Some(vec![profile.to_owned()]));
    // A runtime's own code invokes the profile, and looks nothing up.
    let runtime = READER.replace("arn:aws:bedrock:us-east-1::foundation-model/m", profile);
    assert_eq!(looks_up(&runtime), None);
}

#[test]
fn a_standing_role_is_equal_to_the_closure_within_its_boundary() {
    let charter = charter(&READER.replace("mode: brokered", "mode: standing"));
    let compiled = compile(&charter, &Site::default()).unwrap();
    assert!(compiled.tasks.is_empty());
    let role = layers_of(&compiled.runtime);
    let closure = closure(&charter, &Site::default()).unwrap().layers();
    assert_eq!(contained(&role, &closure), Contained::Proved);
    assert_eq!(contained(&closure, &role), Contained::Proved);
}

#[test]
fn each_task_role_is_within_the_closure() {
    let charter = charter(READER);
    let compiled = compile(&charter, &Site::default()).unwrap();
    let closure = closure(&charter, &Site::default()).unwrap();
    for role in compiled.tasks.values() {
        assert_eq!(
            contained(&layers_of(role), &closure.declared_layers()),
            Contained::Proved
        );
    }
}

#[test]
fn a_role_may_not_make_its_successor_whatever_is_attached() {
    let compiled = compiled(READER);
    for role in compiled.roles() {
        let everything = Policy::parse(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#).unwrap();
        let widened = Layers {
            identity: Some(layer([everything])),
            boundary: Some(layer([role.boundary.document.clone()])),
            ..Layers::default()
        };
        assert_eq!(
            contained(&widened, &layers_of(role)),
            Contained::Proved,
            "{}",
            role.name
        );
    }
}

fn session(values: &[(&str, &str)], account: AccountId) -> Result<Policy, SessionError> {
    let charter = charter(READER);
    let (_, task) = charter.tasks.first_key_value().unwrap();
    let bindings = task.bind(values.iter().copied())?;
    let deadline = Deadline::of_unix_seconds(1_795_733_880).unwrap();
    session_policy(task, &bindings, account, home(), deadline)
}

#[test]
fn a_session_is_its_task_with_its_parameters_until_its_end() {
    let policy = session(&[("supplier", "acme")], home()).unwrap().to_json();
    assert!(
        policy.contains("arn:aws:s3:::acme-invoices/incoming/acme/*"),
        "{policy}"
    );
    assert!(
        !policy.contains("dynamodb"),
        "what belongs to another account is not here: {policy}"
    );
    assert!(policy.contains(r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateGreaterThanEquals":{"aws:CurrentTime":"2026-11-26T22:58:00Z"}}}"#), "{policy}");
    assert!(policy.contains("sts:AssumeRole*") && policy.contains("iam:*"));
    assert!(matches!(
        session(&[("supplier", "acme")], account("999999999999")),
        Err(SessionError::Nothing { .. })
    ));
}

#[test]
fn a_session_that_sts_would_refuse_is_refused_here() {
    let resources: Vec<String> = (0..40)
        .map(|at| format!("\"arn:aws:s3:::a-rather-long-bucket-name-{at}/*\""))
        .collect();
    let text = READER.replace(
        "\"arn:aws:s3:::acme-invoices/incoming/${supplier}/*\"",
        &resources.join(", "),
    );
    let charter = charter(&text);
    let (_, task) = charter.tasks.first_key_value().unwrap();
    let bindings = task.bind([("supplier", "acme")]).unwrap();
    let deadline = Deadline::of_unix_seconds(0).unwrap();
    let refused = session_policy(task, &bindings, home(), home(), deadline);
    assert!(matches!(refused, Err(SessionError::TooLong { length }) if length > 2_048));
}

#[test]
fn dates_are_those_of_the_calendar() {
    for (seconds, date) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_868_799, "2000-02-29T23:59:59Z"),
        (951_868_800, "2000-03-01T00:00:00Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
    ] {
        assert_eq!(
            Deadline::of_unix_seconds(seconds).unwrap().to_string(),
            date
        );
    }
    assert_eq!(Deadline::of_unix_seconds(253_402_300_800), None);
}

#[test]
fn the_invoker_s_policy_is_for_this_agent_and_apart_from_its_reach() {
    let invoke = compiled(READER).invoke.unwrap();
    let text = invoke.policy.document.to_json();
    assert!(text.contains("bedrock-agentcore:InvokeAgentRuntime"));
    assert!(text.contains("runtime/invoice_reader-Qm7vR2sT9x/runtime-endpoint/*"));
    assert_eq!(invoke.for_principals.len(), 1);
    assert_eq!(
        compiled(&READER.replace(
            "invokers: [ \"arn:aws:iam::111122223333:role/apps/payments-frontend\" ]",
            "invokers: []"
        ))
        .invoke,
        None
    );
}

#[test]
fn what_is_touched_names_its_role_and_keeps_strangers_out() {
    let site = Site {
        organization: Some("o-acme".to_owned()),
        ..Site::default()
    };
    let compiled = compile(&charter(READER), &site).unwrap();
    let of = |kind: &str| {
        compiled
            .hardening
            .iter()
            .find(|asked| asked.kind == kind)
            .unwrap()
    };
    let bucket = of("bucket policy");
    assert_eq!(bucket.resource, "arn:aws:s3:::acme-invoices");
    let text = bucket.policy.as_ref().unwrap().to_json();
    assert!(
        text.contains("role/agents/prod/invoice-reader-task") && text.contains("o-acme"),
        "{text}"
    );
    assert!(
        text.contains(r#""aws:PrincipalAccount":"111122223333""#),
        "{text}"
    );
    let table = of("table policy").policy.as_ref().unwrap().to_json();
    assert!(
        table.contains("arn:aws:iam::444455556666:role/agents/prod/invoice-reader-task"),
        "{table}"
    );
    assert!(
        of("key policy")
            .policy
            .as_ref()
            .unwrap()
            .to_json()
            .contains("\"Resource\":\"*\"")
    );
}

#[test]
fn an_action_group_s_function_names_its_agent() {
    let text = READER
        .replace(
            "bedrock-agentcore:us-east-1:111122223333:runtime/invoice_reader-Qm7vR2sT9x",
            "bedrock:us-east-1:111122223333:agent/ABCDEFGHIJ",
        )
        .replace("mode: brokered", "mode: standing");
    let target = ToolTarget {
        action: "lambda:InvokeFunction".to_owned(),
        resource: "arn:aws:lambda:us-east-1:111122223333:function:ledger".to_owned(),
        called_by: CalledBy::Platform,
    };
    let site = Site {
        tools: [("ledger".to_owned(), vec![target])].into(),
        ..Site::default()
    };
    let compiled = compile(&charter(&text), &site).unwrap();
    let held = compiled
        .runtime
        .policies
        .iter()
        .map(|policy| policy.document.to_json());
    assert!(
        held.into_iter().all(|policy| !policy.contains(":ledger")),
        "the role needs no right to it"
    );
    let asked = compiled
        .hardening
        .iter()
        .find(|asked| asked.resource.ends_with(":ledger"))
        .unwrap();
    let policy = asked.policy.as_ref().unwrap().to_json();
    assert!(
        policy.contains("agent/ABCDEFGHIJ") && policy.contains("aws:SourceAccount"),
        "{policy}"
    );
}

#[test]
fn a_knowledge_base_has_no_policy_to_harden_and_that_is_said() {
    let base = "arn:aws:bedrock:us-east-1:111122223333:knowledge-base/KB5R1HSNVD";
    let asks =
        format!("    read:\n      - {{ actions: [bedrock:Retrieve], resources: [\"{base}\"] }}\n");
    let compiled = compiled(&READER.replacen("    read:\n", &asks, 1));
    let asked = compiled
        .hardening
        .iter()
        .find(|asked| asked.resource == base)
        .unwrap();
    assert_eq!((asked.kind, &asked.policy), ("knowledge base", &None));
    assert!(
        asked.why.contains("no policy of its own")
            && asked.why.contains("role/agents/prod/invoice-reader-task"),
        "{}",
        asked.why
    );
}

#[test]
fn a_task_s_cedar_is_one_permit_for_each_way_to_call() {
    let compiled = compiled(READER);
    let (_, set) = compiled.cedar.first_key_value().unwrap();
    assert_eq!(set.uses, 2);
    assert_eq!(set.policies.matches("permit (").count(), 2);
    assert!(
        set.policies
            .contains("when { context.args.amount <= 1000 }")
    );
    assert!(set.policies.contains("@use(\"1\")"));
    let bad = charter(&READER.replace(
        "args.amount <= 1000",
        "true }; permit(principal,action,resource) when {args.x",
    ));
    assert!(matches!(
        compile(&bad, &Site::default()),
        Err(CompileError::When { .. })
    ));
}

#[test]
fn the_selectors_see_the_agent_and_what_it_touches() {
    let compiled = compiled(READER);
    let text = serde_json::to_string(&compiled.selectors).unwrap();
    for part in [
        "AWS::BedrockAgentCore::Runtime",
        "AWS::S3::Object",
        "AWS::DynamoDB::Table",
        "AWS::Lambda::Function",
        "\"StartsWith\":[\"arn:aws:s3:::acme-invoices/incoming/\"]",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_outlives_a_session_is_named() {
    let text = READER.replace("[kms:Decrypt]", "[\"ecr:GetAuth*\", kms:Decrypt]");
    let outlives = compiled(&text).outlives;
    let actions: Vec<_> = outlives.iter().map(|left| left.action.as_str()).collect();
    assert_eq!(
        actions,
        ["ecr:GetAuthorizationToken", "lambda:InvokeFunction"]
    );
}

#[test]
fn an_owner_s_words_fit_into_a_tag() {
    assert_eq!(compiled(READER).runtime.tags["owner"], "payments - co");
}

#[test]
fn the_broker_begins_sessions_and_revokes_them_and_no_more() {
    let workload: Arn = "arn:aws:ecs:us-east-1:111122223333:task-definition/bailiwickd"
        .parse()
        .unwrap();
    let role = broker(&workload, home(), &[account("444455556666")]).unwrap();
    assert_eq!(
        role.arn(),
        "arn:aws:iam::111122223333:role/bailiwick/bailiwick-broker"
    );
    let text = role.policies[0].document.to_json();
    assert!(text.contains("arn:aws:iam::444455556666:role/agents/*"));
    let everything = Policy::parse(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    )
    .unwrap();
    let widened = Layers {
        identity: Some(layer([everything])),
        boundary: Some(layer([role.boundary.document.clone()])),
        ..Layers::default()
    };
    assert_eq!(contained(&widened, &layers_of(&role)), Contained::Proved);
}
