//! Policies that ask who it is: whom a resource's policy lets in, and what follows from who asks.
//!
//! The evaluator fills in `aws:PrincipalArn` and the keys like it from the principal. Among the
//! requests that can be made the algebra has rules for them; a proof that rests on a wrong rule
//! does not survive requests whose keys the evaluator has filled in.

use std::collections::BTreeMap;
use std::sync::Arc;

use bailiwick_iam::access::{Access, Algebra, Contained, Domain, DomainAction, Unknown};
use bailiwick_iam::evaluate::{Outcome, evaluate};
use bailiwick_iam::layers::{Compiled, Layers, NamedPolicy};
use bailiwick_iam::policy::Policy;
use bailiwick_iam::request::Request;

use super::generate::{Dice, TestKeys};

/// Two actions, on one resource.
#[derive(Debug)]
struct TwoActions;

impl Domain for TwoActions {
    fn actions(&self) -> Vec<DomainAction> {
        let action = |name: &str| DomainAction {
            name: name.into(),
            resources: vec!["arn:p:s:r:1:a".into()],
        };
        vec![action("a:x"), action("a:y")]
    }
}

fn compiled(text: &str) -> Arc<Compiled> {
    let policy = Policy::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    Arc::new(Compiled::new(NamedPolicy {
        name: "p".into(),
        policy: Arc::new(policy),
    }))
}

const EVERYTHING: &str = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

/// The policy as the evaluator sees it: a resource's is another account's, and the caller's own
/// policies allow everything.
fn layers(policy: &Arc<Compiled>, of_resource: bool) -> Layers {
    if of_resource {
        return Layers {
            identity: Some([compiled(EVERYTHING)].into()),
            resource: Some(policy.clone()),
            ..Layers::default()
        };
    }
    Layers {
        identity: Some([policy.clone()].into()),
        ..Layers::default()
    }
}

fn allows(layers: &Layers, request: &Request) -> bool {
    let mut request = request.clone();
    request.resource_account = "999988887777".parse().ok();
    if layers.resource.is_none() {
        request.resource_account = request.principal.account();
    }
    let outcome = evaluate(layers, &request, &TestKeys).outcome;
    assert_ne!(outcome, Outcome::Unknown, "{request:?}");
    outcome == Outcome::Allow
}

fn personal(
    seed: u64,
    of_resource: bool,
    pairs: usize,
    requests: usize,
) -> BTreeMap<String, usize> {
    let mut dice = Dice::new(seed);
    let mut seen = BTreeMap::new();
    for _ in 0..pairs {
        let texts = [
            dice.personal_policy(of_resource, 2),
            dice.personal_policy(of_resource, 3),
        ];
        let [a, b] = texts.each_ref().map(|text| compiled(text));
        let algebra = Algebra::new(&TestKeys).over(&TwoActions);
        let access = |policy: &Arc<Compiled>| -> Access<'_> {
            if of_resource {
                algebra.granted_by(policy)
            } else {
                algebra.access(&layers(policy, false), None)
            }
        };
        let (inner, outer) = (access(&a), access(&b));
        let verdicts = [
            ("all", outer.contains_with_certificate(&inner).0),
            (
                "domain",
                outer.contains_in_domain_with_certificate(&inner).0,
            ),
        ];
        let asked: Vec<Request> = (0..requests)
            .map(|_| dice.personal_request(of_resource))
            .filter(|request| {
                allows(&layers(&a, of_resource), request)
                    && !allows(&layers(&b, of_resource), request)
            })
            .collect();
        for (mode, verdict) in &verdicts {
            let label = match verdict {
                Contained::Proved => {
                    let escaped = asked.iter().find(|it| it.action != "b:x");
                    assert_eq!(escaped, None, "{mode}: {} within {}", texts[0], texts[1]);
                    "proved"
                }
                Contained::Refuted(_) => "refuted",
                Contained::Unknown(Unknown::Unconfirmed { .. }) => "unknown",
                Contained::Unknown(why) => panic!("{mode}: {}\n{}\n{why}", texts[0], texts[1]),
            };
            *seen.entry(format!("{mode} {label}")).or_default() += 1;
        }
        let widened = verdicts[0].1 == Contained::Proved && verdicts[1].1 != Contained::Proved;
        assert!(
            !widened,
            "what holds of all requests holds of those that can be made: {texts:?}"
        );
    }
    seen
}

fn check(seen: &BTreeMap<String, usize>, pairs: usize) {
    for label in [
        "all proved",
        "all refuted",
        "domain proved",
        "domain refuted",
    ] {
        assert!(
            seen.get(label).is_some_and(|count| count * 20 > pairs),
            "{seen:?}"
        );
    }
    assert!(seen["domain proved"] > seen["all proved"], "{seen:?}");
    let unknown = |mode: &str| seen.get(&format!("{mode} unknown")).copied().unwrap_or(0);
    assert!(
        unknown("all") * 30 < pairs && unknown("domain") * 30 < pairs,
        "{seen:?}"
    );
}

#[test]
fn whom_a_resource_lets_in_is_proved_or_shown() {
    check(&personal(31, true, 120, 60), 120);
}

#[test]
fn what_follows_from_a_principal_is_not_free() {
    check(&personal(32, false, 120, 60), 120);
}

#[test]
#[ignore = "long: `cargo xtask differential`"]
fn differential_principals_survive_attacks_on_ten_thousand_pairs() {
    for (seed, of_resource) in [(33, true), (34, false)] {
        let seen = personal(seed, of_resource, 10_000, 200);
        println!("{seen:?}");
        check(&seen, 10_000);
    }
}

/// A user name that a policy compares with is text: its `*` is no wildcard, here or in the ARN that
/// ends with it.
#[test]
fn a_star_in_a_user_name_is_a_letter() {
    let inner = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"a:y","Resource":"*",
        "NotPrincipal":{"AWS":"111122223333"},"Condition":{"StringEquals":{"aws:username":["ann","*"]}}}]}"#;
    let outer = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"a:y","Resource":"*","Principal":"*",
         "Condition":{"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/r"}}},
        {"Effect":"Allow","Action":"a:*","Resource":"*",
         "NotPrincipal":{"AWS":"arn:aws:iam::444455556666:user/ann"}}]}"#;
    let (inner, outer) = (compiled(inner), compiled(outer));
    let ann = "arn:aws:iam::444455556666:user/ann".parse().unwrap();
    let request = Request::new(ann, "a:y", "arn:p:s:r:1:a");
    assert!(allows(&layers(&inner, true), &request));
    assert!(!allows(&layers(&outer, true), &request));
    let algebra = Algebra::new(&TestKeys).over(&TwoActions);
    let (inner, outer) = (algebra.granted_by(&inner), algebra.granted_by(&outer));
    let told = outer.contains_in_domain_with_certificate(&inner).0;
    assert_ne!(told, Contained::Proved);
}
