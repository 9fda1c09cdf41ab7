use crate::{case::Case, evaluate::Outcome, vocabulary::NoVocabulary};

use super::*;

fn explained(layers: &str, context: &str) -> Explanation {
    let text = format!(
        r#"{{"request":{{"principal":"arn:aws:sts::111122223333:assumed-role/agent/s","action":"s3:GetObject","resource":"arn:aws:s3:::ledger/1","context":{context}}},{layers}}}"#
    );
    let case = Case::parse(&text).unwrap();
    explain(&case.layers, &case.request, &NoVocabulary)
}

fn policy(name: &str, statement: &str) -> String {
    format!(
        r#"{{"name":"{name}","document":{{"Version":"2012-10-17","Statement":[{statement}]}}}}"#
    )
}

fn allow_all(name: &str) -> String {
    policy(name, r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#)
}

/// The steps of the shortest change, as JSON.
fn shortest(explanation: &Explanation) -> String {
    serde_json::to_string(&explanation.changes[0].steps).unwrap()
}

#[test]
fn every_layer_is_a_rung_with_its_statement() {
    let identity = allow_all("admin");
    let explanation = explained(
        &format!(
            r#""identity":[{identity}],"boundary":[{identity}],"scp":[{{"target":"r-root","policies":[{identity}]}},{{"target":"ou-1","policies":[]}}]"#
        ),
        "{}",
    );
    let rungs: Vec<_> = explanation
        .ladder
        .iter()
        .map(|rung| (rung.layer, rung.target.as_deref(), rung.says))
        .collect();
    assert_eq!(
        rungs,
        [
            (LayerKind::Scp, Some("r-root"), Says::Allows),
            (LayerKind::Scp, Some("ou-1"), Says::Nothing),
            (LayerKind::Identity, None, Says::Allows),
            (LayerKind::Boundary, None, Says::Allows),
        ]
    );
    assert_eq!(explanation.decision.outcome, Outcome::ImplicitDeny);
    assert!(shortest(&explanation).contains(r#""target":"ou-1""#));
}

#[test]
fn a_request_that_nothing_allows_needs_exactly_its_own_allow() {
    let explanation = explained(r#""identity":[]"#, "{}");
    assert_eq!(
        shortest(&explanation),
        r#"[{"do":"add_statement","layer":"identity","policy":null,"statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::ledger/1"}}]"#
    );
    assert_eq!(explanation.changes[0].outcome, Outcome::Allow);
}

#[test]
fn a_silent_boundary_needs_an_allow_too() {
    let boundary = policy(
        "edge",
        r#"{"Effect":"Allow","Action":"ec2:*","Resource":"*"}"#,
    );
    let explanation = explained(&format!(r#""identity":[],"boundary":[{boundary}]"#), "{}");
    let steps = &explanation.changes[0].steps;
    assert_eq!(steps.len(), 2);
    assert!(
        matches!(&steps[1], Step::AddStatement { layer: LayerKind::Boundary, policy: Some(name), .. } if &**name == "edge")
    );
}

#[test]
fn a_deny_of_its_own_is_removed_and_a_deny_over_many_spares_it() {
    let admin = allow_all("admin");
    let deny = policy(
        "no-ledger",
        r#"{"Sid":"NoLedger","Effect":"Deny","Action":"s3:*","Resource":"*"}"#,
    );
    let own = explained(&format!(r#""identity":[{admin},{deny}]"#), "{}");
    assert!(
        shortest(&own)
            .contains(r#""do":"remove_statement","layer":"identity","policy":"no-ledger""#)
    );
    let over_many = explained(
        &format!(
            r#""identity":[{admin}],"scp":[{{"target":"r-root","policies":[{admin},{deny}]}}]"#
        ),
        "{}",
    );
    assert_eq!(
        shortest(&over_many),
        r#"[{"do":"spare_principal","layer":"scp","target":"r-root","policy":"no-ledger","statement":0,"sid":"NoLedger","arn":"arn:aws:iam::111122223333:role/agent"}]"#
    );
}

#[test]
fn where_other_circumstances_would_do_they_are_told() {
    let only_tls = policy(
        "tls",
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"},"StringLike":{"aws:SourceVpc":"vpc-1*"}}}"#,
    );
    let explanation = explained(
        &format!(r#""identity":[{only_tls}]"#),
        r#"{"aws:SecureTransport":"false"}"#,
    );
    let by_context = explanation
        .changes
        .iter()
        .find(|change| matches!(change.steps[0], Step::SetContext { .. }))
        .unwrap();
    assert_eq!(
        serde_json::to_string(&by_context.steps).unwrap(),
        r#"[{"do":"set_context","key":"aws:SecureTransport","values":"true"},{"do":"set_context","key":"aws:SourceVpc","values":"vpc-1x"}]"#
    );
}

#[test]
fn a_deny_that_hangs_on_a_key_is_escaped_by_that_key() {
    let admin = allow_all("admin");
    let deny = policy(
        "only-eu",
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}}"#,
    );
    let explanation = explained(&format!(r#""identity":[{admin},{deny}]"#), "{}");
    let steps = serde_json::to_string(&explanation.changes).unwrap();
    assert!(
        steps.contains(r#"{"do":"set_context","key":"aws:RequestedRegion","values":"eu-west-1"}"#)
    );
}

#[test]
fn what_is_unknown_becomes_an_allow_by_the_key_it_hangs_on() {
    let only_vpc = policy(
        "vpc",
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:SourceVpc":"vpc-1"}}}"#,
    );
    let explanation = explained(
        &format!(r#""identity":[{only_vpc}],"context_complete":false"#),
        "{}",
    );
    assert_eq!(explanation.decision.missing, ["aws:SourceVpc"]);
    assert!(shortest(&explanation).contains(r#""key":"aws:SourceVpc","values":"vpc-1""#));
}

#[test]
fn an_allow_falls_when_every_statement_it_rests_on_is_gone() {
    let (one, other) = (allow_all("one"), allow_all("other"));
    let explanation = explained(&format!(r#""identity":[{one},{other}]"#), "{}");
    let change = &explanation.changes[0];
    assert_eq!(change.steps.len(), 2);
    assert_eq!(change.outcome, Outcome::ImplicitDeny);
}

#[test]
fn every_change_that_is_told_turns_the_answer() {
    let admin = allow_all("admin");
    let deny = policy("deny", r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#);
    let edge = policy(
        "edge",
        r#"{"Effect":"Allow","Action":"ec2:*","Resource":"*"}"#,
    );
    for layers in [
        format!(r#""identity":[{admin}]"#),
        format!(r#""identity":[{deny}],"boundary":[{edge}],"session":[{deny}]"#),
        format!(
            r#""identity":[],"scp":[{{"target":"a","policies":[]}},{{"target":"b","policies":[{deny}]}}]"#
        ),
        format!(r#""identity":[],"endpoint":[{edge}]"#),
    ] {
        let explanation = explained(&layers, "{}");
        assert!(!explanation.changes.is_empty(), "{layers}");
        for change in &explanation.changes {
            assert!(is_turned(explanation.decision.outcome, change.outcome));
        }
    }
}
