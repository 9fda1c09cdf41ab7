use std::collections::BTreeSet;
use std::sync::Arc;

use bailiwick_charter::Charter;
use bailiwick_iam::evaluate::{Outcome, evaluate};
use bailiwick_iam::layers::{Compiled, Layers, NamedPolicy};
use bailiwick_iam::policy::Policy;
use bailiwick_iam::request::{Context, Principal, Request};
use bailiwick_iam::vocabulary::NoVocabulary;

use super::*;
use crate::authority::{Authority, Settings};
use crate::call::Call;
use crate::delegate::Delegation;
use crate::history::History;

const CHARTER: &str = r#"
agent: reader
owner: { team: payments, contact: t@example.com }
purpose: p
environment: prod
mode: brokered
role: { arn: "arn:aws:iam::111122223333:role/agents/prod/reader" }
tasks:
  work:
    for: 20m
    parameters: { tenant: "[a-z]{1,200}" }
    read:
      - { actions: ["s3:Get*"], resources: ["arn:aws:s3:::invoices/${tenant}/*"] }
    write:
      - { actions: [s3:PutObject], resources: ["arn:aws:s3:::invoices/${tenant}/*"] }
"#;

const DEADLINE: u64 = 1_790_001_200;

fn authority(charter: &str) -> Authority {
    let charter = Charter::parse("c.yaml", charter).unwrap();
    Authority::of([charter], Settings::default()).unwrap()
}

fn home() -> AccountId {
    "111122223333".parse().unwrap()
}

fn set(names: &[&str]) -> Option<BTreeSet<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

/// Whether a session with this policy may do it at this second.
fn may(policy: &str, action: &str, resource: &str, secs: u64) -> bool {
    decided(policy, action, resource, secs) == Outcome::Allow
}

fn decided(policy: &str, action: &str, resource: &str, secs: u64) -> Outcome {
    let named = NamedPolicy {
        name: "session".into(),
        policy: Arc::new(Policy::parse(policy).unwrap()),
    };
    let layers = Layers {
        identity: Some([Arc::new(Compiled::new(named))].into()),
        ..Layers::default()
    };
    let role = "arn:aws:iam::111122223333:role/agents/prod/reader-task";
    let mut request = Request::new(Principal::Role(role.parse().unwrap()), action, resource);
    let now = Deadline::of_unix_seconds(secs).unwrap();
    request.context = Context::default().with("aws:CurrentTime", now.to_string());
    evaluate(&layers, &request, &NoVocabulary).outcome
}

#[test]
fn a_session_may_what_the_task_declares_with_its_parameters_until_the_deadline() {
    let authority = authority(CHARTER);
    let task = authority.task("reader", "work").unwrap();
    let bound = task.bind([("tenant", "acme")]).unwrap();
    let policy = task.session(&bound, home(), DEADLINE).unwrap();
    let mine = "arn:aws:s3:::invoices/acme/1";
    assert!(may(&policy, "s3:GetObject", mine, DEADLINE - 1));
    assert!(may(&policy, "s3:PutObject", mine, DEADLINE - 1));
    assert!(!may(&policy, "s3:GetObject", mine, DEADLINE));
    assert!(!may(&policy, "s3:DeleteObject", mine, DEADLINE - 1));
    let theirs = "arn:aws:s3:::invoices/umbrella/1";
    assert!(!may(&policy, "s3:GetObject", theirs, DEADLINE - 1));
}

// Test 53. Explicitly, so that no policy of a role or a resource can give it back.
#[test]
fn a_session_cannot_make_its_successor_nor_change_a_role() {
    let authority = authority(CHARTER);
    let task = authority.task("reader", "work").unwrap();
    let bound = task.bind([("tenant", "acme")]).unwrap();
    let policy = task.session(&bound, home(), DEADLINE).unwrap();
    let role = "arn:aws:iam::111122223333:role/agents/prod/reader-task";
    for action in [
        "sts:AssumeRole",
        "sts:AssumeRoleWithWebIdentity",
        "sts:GetFederationToken",
        "sts:GetScopedCredentials",
        "sts:GetWebIdentityToken",
        "iam:DeleteRolePolicy",
        "iam:PassRole",
        "bedrock-agentcore:GetWorkloadAccessTokenForJWT",
    ] {
        let outcome = decided(&policy, action, role, DEADLINE - 1);
        assert_eq!(outcome, Outcome::ExplicitDeny, "{action}");
    }
}

// Test 47, where AWS decides: a child has what was left to it and no more.
#[test]
fn what_delegation_took_away_is_denied_in_the_session_too() {
    let authority = authority(CHARTER);
    let task = authority.task("reader", "work").unwrap();
    let bound = task.bind([("tenant", "acme")]).unwrap();
    let one = "arn:aws:s3:::invoices/acme/1";
    let two = "arn:aws:s3:::invoices/acme/2";
    let three = "arn:aws:s3:::invoices/acme/3";
    let child = |bound: &Bound, resources: &[&str]| {
        let delegation = Delegation {
            actions: set(&["s3:GetObject"]),
            resources: set(resources),
            ..Delegation::default()
        };
        let now_ms = (DEADLINE - 600) * 1_000;
        let history = History::default();
        let made = task.delegate(bound, &history, &delegation, DEADLINE * 1_000, now_ms);
        made.unwrap().bound
    };
    let first = child(&bound, &[one, two]);
    let second = child(&first, &[two]);
    let asks = [
        ("s3:GetObject", one),
        ("s3:GetObject", two),
        ("s3:GetObject", three),
        ("s3:GetObjectAcl", two),
        ("s3:PutObject", two),
    ];
    for (bound, expected) in [
        (&bound, [true, true, true, true, true]),
        (&first, [true, true, false, false, false]),
        (&second, [false, true, false, false, false]),
    ] {
        let policy = task.session(bound, home(), DEADLINE).unwrap();
        for ((action, resource), expected) in asks.iter().zip(expected) {
            let call = Call::aws(action, resource);
            let judged = task.judge(bound, &History::default(), &call, (DEADLINE - 60) * 1_000);
            assert_eq!(judged.history().is_some(), expected, "{action} {resource}");
            let may = may(&policy, action, resource, DEADLINE - 60);
            assert_eq!(may, expected, "{action} {resource} in {policy}");
        }
    }
}

#[test]
fn there_is_no_session_where_there_are_no_rights_or_no_room_for_them() {
    let whole = authority(CHARTER);
    let task = whole.task("reader", "work").unwrap();
    let bound = task.bind([("tenant", "acme")]).unwrap();
    let elsewhere: AccountId = "999999999999".parse().unwrap();
    assert_eq!(
        task.session(&bound, elsewhere, DEADLINE),
        Err(NoSession::Nothing { account: elsewhere })
    );

    let standing = authority(&CHARTER.replace("brokered", "standing"));
    let task = standing.task("reader", "work").unwrap();
    let bound = task.bind([("tenant", "acme")]).unwrap();
    assert_eq!(
        task.session(&bound, home(), DEADLINE),
        Err(NoSession::Standing)
    );

    let resources: Vec<String> = (0..12)
        .map(|at| format!(r#""arn:aws:s3:::invoices-{at}/${{tenant}}/*""#))
        .collect();
    let wide = r#""arn:aws:s3:::invoices/${tenant}/*""#;
    let many = authority(&CHARTER.replace(wide, &resources.join(", ")));
    let task = many.task("reader", "work").unwrap();
    let short = task.bind([("tenant", "acme")]).unwrap();
    let policy = task.session(&short, home(), DEADLINE).unwrap();
    assert!(policy.chars().count() <= SESSION_POLICY_LENGTH_MAX);
    // Twelve resources with a value of 200 letters do not fit: all of it is refused, none dropped.
    let value = "x".repeat(200);
    let long = task.bind([("tenant", value.as_str())]).unwrap();
    let refused = task.session(&long, home(), DEADLINE);
    assert!(
        matches!(refused, Err(NoSession::TooLong { length }) if length > 2_048),
        "{refused:?}"
    );
}
