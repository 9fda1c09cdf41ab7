//! AWS's own managed policies, all of them, as the people who made moto collected them.

use std::sync::Arc;

use bailiwick_iam::{
    evaluate::{Outcome, evaluate},
    layers::{Compiled, Layers, NamedPolicy},
    policy::{ActionPattern, Effect, Policy, Selection},
    request::Request,
    vocabulary::NoVocabulary,
};
use serde_json::{Map, Value};

fn managed() -> Option<Vec<(String, Policy, Value)>> {
    let text = std::fs::read_to_string(bailiwick_testkit::peers::managed_policies()?).unwrap();
    let all: Map<String, Value> = serde_json::from_str(&text).unwrap();
    let read = |(name, policy): (String, Value)| {
        let document = policy["document"].clone();
        let parsed =
            Policy::parse(&document.to_string()).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, parsed, document)
    };
    Some(all.into_iter().map(read).collect())
}

#[test]
fn every_managed_policy_parses_prints_and_parses_to_the_same() {
    let Some(managed) = managed() else { return };
    assert!(managed.len() >= 1_500, "{}", managed.len());
    for (name, policy, _) in &managed {
        for printed in [policy.to_json(), policy.to_json_pretty()] {
            assert_eq!(Policy::parse(&printed).as_ref(), Ok(policy), "{name}");
        }
    }
}

/// Printing may take a list of one apart and nothing else.
#[test]
fn every_managed_policy_prints_what_it_says() {
    let Some(managed) = managed() else { return };
    for (name, policy, document) in managed {
        let printed: Value = serde_json::from_str(&policy.to_json()).unwrap();
        assert_eq!(loose(&printed), loose(&document), "{name}");
    }
}

/// A list of one is that one; numbers and booleans are their text.
fn loose(value: &Value) -> Value {
    match value {
        Value::Array(items) if items.len() == 1 => loose(&items[0]),
        Value::Array(items) => items.iter().map(loose).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), loose(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Bool(_) | Value::Number(_) => value.to_string().into(),
        Value::Null | Value::String(_) => value.clone(),
    }
}

#[test]
fn what_a_managed_policy_allows_outright_it_allows_compiled() {
    let Some(managed) = managed() else { return };
    let mut asked = 0;
    for (name, policy, _) in managed {
        let denies = policy
            .statements
            .iter()
            .any(|statement| statement.effect == Effect::Deny);
        if denies {
            continue;
        }
        let compiled = Compiled::new(NamedPolicy {
            name: name.as_str().into(),
            policy: Arc::new(policy.clone()),
        });
        let layers = Layers {
            identity: Some([Arc::new(compiled)].into()),
            ..Layers::default()
        };
        for statement in &policy.statements {
            let everywhere = statement.resources.as_ref().is_some_and(|resources| {
                !resources.is_excluding()
                    && resources
                        .patterns()
                        .iter()
                        .any(|pattern| pattern.value.0 == "*")
            });
            let Selection::Only(actions) = &statement.actions else {
                continue;
            };
            if !everywhere || !statement.conditions.is_empty() {
                continue;
            }
            for pattern in actions {
                let ActionPattern(action) = &pattern.value;
                let action = action.replace('*', "Thing").replace('?', "x");
                if !action.contains(':') {
                    continue;
                }
                let role = "arn:aws:iam::111122223333:role/agent".parse().unwrap();
                let request = Request::new(role, action.to_uppercase(), "*");
                let outcome = evaluate(&layers, &request, &NoVocabulary).outcome;
                let is_key = action.to_lowercase().starts_with("sts:getcalleridentity");
                assert!(is_key || outcome == Outcome::Allow, "{name}: {action}");
                asked += 1;
            }
        }
    }
    assert!(asked > 10_000, "{asked}");
}
