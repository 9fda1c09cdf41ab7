//! Laws that hold for every policy and every request, tried on made ones.

use bailiwick_iam::{
    case::Case,
    evaluate::{Decision, Outcome, evaluate},
    layers::Layers,
    request::{Context, Facts, Request},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{made, reference, vocabulary::Known};

fn decided(case: &Value) -> Decision {
    let case = Case::parse(&case.to_string()).unwrap();
    evaluate(&case.layers, &case.request, &Known)
}

fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allow => "allow",
        Outcome::ImplicitDeny => "implicit_deny",
        Outcome::ExplicitDeny => "explicit_deny",
        Outcome::Unknown => "unknown",
    }
}

fn with_statement(case: &Value, layer: &str, statement: &Value) -> Value {
    let mut case = case.clone();
    let document = json!({"Version": "2012-10-17", "Statement": [statement]});
    let policy = json!({"name": "added", "document": document});
    match case[layer].as_array_mut() {
        Some(policies) => policies.push(policy),
        None => case[layer] = json!([policy]),
    }
    case
}

/// The request with some of what is known of it forgotten.
fn forgetful(request: &Request, seed: u64) -> Request {
    let choice = &mut made::Choice::new(seed);
    let mut context = Context::incomplete();
    for (key, values) in request.context.iter() {
        let is_fixed = key.starts_with("aws:Principal")
            || key == "aws:username"
            || key == "aws:ResourceAccount";
        if is_fixed || choice.one_in(3) {
            context.set(key, values.clone());
        }
    }
    Request {
        context,
        ..request.clone()
    }
}

fn forgotten(seed: u64) -> (Layers, Request, Request) {
    let case = Case::parse(&made::case(seed).to_string()).unwrap();
    let forgetful = forgetful(&case.request, seed ^ 0xABCD);
    (case.layers, case.request, forgetful)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_evaluator_agrees_with_a_slow_and_obvious_one(seed: u64) {
        let case = made::case(seed);
        prop_assert_eq!(name(decided(&case).outcome), reference::answer(&case), "{}", case);
    }

    #[test]
    fn no_allow_survives_an_explicit_deny(seed: u64) {
        let case = made::case(seed);
        let deny = json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Principal": "*"});
        prop_assert_eq!(decided(&with_statement(&case, "endpoint", &deny)).outcome, Outcome::ExplicitDeny);
    }

    #[test]
    fn a_deny_more_never_allows_more(seed: u64, layer in prop::sample::select(vec!["identity", "boundary", "session"])) {
        let case = made::case(seed);
        let is_there = !case[layer].is_null();
        let other = made::case(seed.wrapping_add(1));
        let mut statement = other["identity"][0]["document"]["Statement"][0].clone();
        if !is_there || statement.is_null() {
            return Ok(());
        }
        statement["Effect"] = "Deny".into();
        let after = decided(&with_statement(&case, layer, &statement)).outcome;
        prop_assert!(after != Outcome::Allow || decided(&case).outcome == Outcome::Allow);
    }

    #[test]
    fn a_boundary_or_a_session_policy_never_allows_more(seed: u64) {
        let case = made::case(seed);
        let statement = made::case(seed.wrapping_add(1))["identity"][0]["document"]["Statement"][0].clone();
        if statement.is_null() {
            return Ok(());
        }
        for layer in ["boundary", "session"] {
            if !case[layer].is_null() {
                continue;
            }
            let after = decided(&with_statement(&case, layer, &statement)).outcome;
            prop_assert!(after != Outcome::Allow || decided(&case).outcome == Outcome::Allow);
        }
    }

    #[test]
    fn an_allow_more_in_identity_never_allows_less(seed: u64) {
        let case = made::case(seed);
        if case["identity"].is_null() || decided(&case).outcome != Outcome::Allow {
            return Ok(());
        }
        let allow = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
        prop_assert_eq!(decided(&with_statement(&case, "identity", &allow)).outcome, Outcome::Allow);
    }

    #[test]
    fn the_order_of_policies_decides_nothing(seed: u64) {
        let case = made::case(seed);
        let mut reversed = case.clone();
        for layer in ["identity", "scp"] {
            if let Some(policies) = reversed[layer].as_array_mut() {
                policies.reverse();
            }
        }
        prop_assert_eq!(decided(&case).outcome, decided(&reversed).outcome);
    }

    #[test]
    fn what_is_said_without_knowing_everything_stays_true_when_everything_is_known(seed: u64) {
        let (layers, known, forgetful) = forgotten(seed);
        let before = evaluate(&layers, &forgetful, &Known).outcome;
        let after = evaluate(&layers, &known, &Known).outcome;
        let holds = match before {
            Outcome::Unknown => true,
            Outcome::ImplicitDeny => matches!(after, Outcome::ImplicitDeny | Outcome::ExplicitDeny),
            Outcome::Allow | Outcome::ExplicitDeny => before == after,
        };
        prop_assert!(holds, "{before:?} became {after:?}");
    }

    #[test]
    fn whoever_tells_all_that_is_missing_gets_an_answer(seed: u64) {
        let (layers, known, mut request) = forgotten(seed);
        let decision = evaluate(&layers, &request, &Known);
        if decision.outcome != Outcome::Unknown {
            return Ok(());
        }
        prop_assert!(!decision.missing.is_empty());
        for key in &decision.missing {
            match known.context.facts(key) {
                Facts::Values(values) => request.context.set(key.as_str(), values.clone()),
                Facts::Absent | Facts::Unknown => request.context.set(key.as_str(), Vec::new()),
            }
        }
        let after = evaluate(&layers, &request, &Known).outcome;
        prop_assert_ne!(after, Outcome::Unknown, "{:?}", decision.missing);
    }

    #[test]
    fn the_statement_that_is_named_is_there_and_has_that_effect(seed: u64) {
        let case = Case::parse(&made::case(seed).to_string()).unwrap();
        let decision = evaluate(&case.layers, &case.request, &Known);
        if decision.outcome == Outcome::ExplicitDeny {
            let layer = decision.layer.unwrap();
            prop_assert!(decision.because.iter().any(|because| because.layer == layer && because.effect.to_string() == "Deny"));
        }
        if decision.outcome == Outcome::Allow {
            prop_assert!(decision.layer.is_none() && !decision.because.is_empty());
            prop_assert!(decision.because.iter().all(|because| because.effect.to_string() == "Allow"));
        }
    }
}

#[test]
fn made_cases_have_every_answer_and_every_layer() {
    let mut answers: std::collections::BTreeMap<(String, String), usize> =
        std::collections::BTreeMap::new();
    for seed in 0..1_500 {
        let decision = decided(&made::case(seed));
        let layer = decision
            .layer
            .map(|layer| layer.to_string())
            .unwrap_or_default();
        *answers
            .entry((name(decision.outcome).into(), layer))
            .or_default() += 1;
    }
    for (outcome, layer) in [
        ("allow", ""),
        ("implicit_deny", "identity"),
        ("implicit_deny", "boundary"),
        ("implicit_deny", "session"),
        ("implicit_deny", "scp"),
        ("implicit_deny", "resource"),
        ("implicit_deny", "trust"),
        ("implicit_deny", "endpoint"),
        ("explicit_deny", "rcp"),
        ("explicit_deny", "scp"),
        ("explicit_deny", "resource"),
        ("explicit_deny", "identity"),
    ] {
        let found = answers
            .get(&(outcome.into(), layer.into()))
            .copied()
            .unwrap_or(0);
        assert!(found >= 3, "{outcome} by {layer}: {found} of {answers:?}");
    }
}
