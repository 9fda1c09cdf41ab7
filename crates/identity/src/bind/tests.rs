use bailiwick_ledger::Hash;

use super::*;
use crate::proof::{Binding, Method};

const ROLE: &str = "arn:aws:iam::111122223333:role/agents/prod/invoice";
const ID: &str = "AROAEXAMPLEINVOICE";

fn charter(agent: &str, more: &str) -> Charter {
    let text = format!(
        r#"
agent: {agent}
owner: {{ team: payments, contact: payments@example.com }}
purpose: Post invoices.
environment: prod
mode: brokered
tasks: {{ post: {{ for: 5m, tools: [ {{ tool: ledger/post }} ] }} }}
{more}
"#
    );
    Charter::parse("c.yaml", &text).unwrap()
}

fn role(arn: &str, id: &str) -> String {
    format!("role: {{ arn: \"{arn}\", id: {id} }}")
}

/// A session as STS tells it: no path, and the unique id.
fn session(account: &str, name: &str, id: &str) -> ProvedRole {
    ProvedRole {
        partition: "aws".into(),
        account: account.into(),
        path: None,
        name: name.into(),
        unique_id: Some(id.into()),
        by_name: false,
    }
}

fn proved(role: ProvedRole) -> Proved {
    Proved {
        method: Method::AwsSignature,
        subject: Subject::Role(role),
        instance: None,
        binding: Binding::Request,
        expires_ms: 0,
        id: Hash::ZERO,
        once: None,
    }
}

#[track_caller]
#[expect(
    clippy::needless_pass_by_value,
    reason = "a list of cases reads better so"
)]
fn check(charters: &[Charter], role: ProvedRole, expected: Result<&str, Unbound>) {
    let bound = bind(charters, &proved(role), "invoice");
    let bound = bound.map(|charter| charter.agent.as_str());
    assert_eq!(bound, expected);
}

#[test]
fn a_session_of_the_role_in_the_charter_is_its_agent() {
    let charters = [
        charter("invoice", &role(ROLE, ID)),
        charter(
            "refund",
            &role(
                "arn:aws:iam::111122223333:role/refund",
                "AROAEXAMPLEREFUND1",
            ),
        ),
        charter("none", ""),
    ];
    check(
        &charters,
        session("111122223333", "invoice", ID),
        Ok("invoice"),
    );
    check(
        &charters,
        session("111122223333", "refund", "AROAEXAMPLEREFUND1"),
        Err(Unbound::OtherAgent),
    );
}

// Test 10 of the list of required ones.
#[test]
fn a_role_that_is_nearly_the_one_in_the_charter_is_another() {
    let charters = [charter("invoice", &role(ROLE, ID))];
    let near = |change: fn(&mut ProvedRole)| {
        let mut role = session("111122223333", "invoice", ID);
        change(&mut role);
        role
    };
    for other in [
        near(|role| role.name = "invoice-evil".into()),
        near(|role| role.name = "Invoice".into()),
        near(|role| role.name = "prod/invoice".into()),
        near(|role| role.account = "111122223334".into()),
        near(|role| role.partition = "aws-cn".into()),
        near(|role| role.path = Some("/".into())),
        near(|role| role.path = Some("/agents/".into())),
        near(|role| role.path = Some("/agents/prod".into())),
    ] {
        check(&charters, other, Err(Unbound::NoCharter));
    }
    let whole = near(|role| role.path = Some("/agents/prod/".into()));
    check(&charters, whole, Ok("invoice"));
}

// Test 11 of the list of required ones.
#[test]
fn a_role_made_again_under_its_old_name_is_not_the_role_of_the_charter() {
    let again = || session("111122223333", "invoice", "AROAEXAMPLEAGAIN01");
    check(
        &[charter("invoice", &role(ROLE, ID))],
        again(),
        Err(Unbound::OtherRoleId),
    );
    // A charter that says no id does not say which of the two it means.
    check(
        &[charter("invoice", &format!("role: {{ arn: \"{ROLE}\" }}"))],
        again(),
        Err(Unbound::RoleIdNotDeclared),
    );
    // Certified again, it is.
    check(
        &[charter("invoice", &role(ROLE, "AROAEXAMPLEAGAIN01"))],
        again(),
        Ok("invoice"),
    );
}

#[test]
fn a_role_shown_by_name_alone_is_taken_where_the_authority_was_told_to() {
    let by_name = |by_name| ProvedRole {
        path: Some("/agents/prod/".into()),
        unique_id: None,
        by_name,
        ..session("111122223333", "invoice", ID)
    };
    let charters = [charter("invoice", &role(ROLE, ID))];
    check(&charters, by_name(false), Err(Unbound::RoleIdNotShown));
    check(&charters, by_name(true), Ok("invoice"));
}

#[test]
fn a_role_that_two_charters_share_proves_neither() {
    let shared = Err(Unbound::Shared { charters: 2 });
    let ours = || session("111122223333", "invoice", ID);
    let two = [
        charter("invoice", &role(ROLE, ID)),
        charter("refund", &role(ROLE, ID)),
    ];
    check(&two, ours(), shared.clone());
    // That the other charter has the id wrong, or has none, makes the role no less shared.
    let wrong = [
        charter("invoice", &role(ROLE, ID)),
        charter("refund", &role(ROLE, "AROAEXAMPLEOTHER01")),
    ];
    check(&wrong, ours(), shared.clone());
    let classed = [
        charter("invoice", &format!("{}\nclass: readers", role(ROLE, ID))),
        charter(
            "refund",
            &format!("{}\nclass: readers\ndata: [internal]", role(ROLE, ID)),
        ),
    ];
    check(&classed, ours(), shared);
}

#[test]
fn agents_of_one_class_with_equal_charters_may_share_a_role() {
    let more = format!("{}\nclass: readers", role(ROLE, ID));
    let charters = [charter("invoice", &more), charter("refund", &more)];
    check(
        &charters,
        session("111122223333", "invoice", ID),
        Ok("invoice"),
    );
    let neither = bind(
        &charters,
        &proved(session("111122223333", "invoice", ID)),
        "desk",
    );
    assert_eq!(neither.map(|it| it.agent.clone()), Err(Unbound::OtherAgent));
}
