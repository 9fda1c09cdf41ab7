//! Small changes of AWS's own managed policies, of each of which it is known which way it goes: a
//! statement less allows no more, a `Deny` less no less, and so on. Containment must prove that way,
//! with a certificate, under both readings of resource patterns, and never prove the other where a
//! request shows the difference.

use std::collections::BTreeMap;
use std::sync::Arc;

use bailiwick_iam::access::{Access, Algebra, Contained, Unknown};
use bailiwick_iam::layers::{Compiled, Layers, NamedPolicy};
use bailiwick_iam::policy::Policy;
use bailiwick_iam_catalog::builtin;
use bailiwick_testkit::peers;
use serde_json::{Map, Value, json};

/// What a change does to what is allowed, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Narrower,
    Wider,
    Same,
}

type Change = fn(&mut Vec<Value>, usize) -> Option<Way>;

/// Each by its name; a change that the policy gives no occasion for is left out.
const CHANGES: [(&str, Change); 12] = [
    ("a statement less", |statements, at| {
        let allows = statements.get(at)?["Effect"] == "Allow";
        (statements.len() > 1).then(|| statements.remove(at))?;
        Some(if allows { Way::Narrower } else { Way::Wider })
    }),
    ("a statement more", |statements, _| {
        statements.push(json!({"Effect": "Allow", "Action": ["sqs:*", "s3:GetObject"], "Resource": "arn:aws:*:*:111122223333:ours/*"}));
        Some(Way::Wider)
    }),
    ("a denial more", |statements, at| {
        let actions = statements.get(at)?.get("Action")?.clone();
        statements.push(json!({"Effect": "Deny", "Action": actions, "Resource": "arn:aws:*:*:111122223333:ours/*"}));
        Some(Way::Narrower)
    }),
    ("a denial of all but some", |statements, _| {
        statements.push(json!({"Effect": "Deny", "NotAction": "s3:*", "NotResource": "arn:aws:*:*:111122223333:*"}));
        Some(Way::Narrower)
    }),
    ("an action less", |statements, at| {
        let allows = statements.get(at)?["Effect"] == "Allow";
        let actions = statements.get_mut(at)?.get_mut("Action")?.as_array_mut()?;
        (actions.len() > 1).then(|| actions.pop())?;
        Some(if allows { Way::Narrower } else { Way::Wider })
    }),
    ("a wildcard for an action", |statements, at| {
        let allows = statements.get(at)?["Effect"] == "Allow";
        let action = statements.get_mut(at)?.get_mut("Action")?.get_mut(0)?;
        let (service, name) = action.as_str()?.split_once(':')?;
        let start: String = name.chars().take(3).take_while(|it| *it != '*').collect();
        *action = format!("{service}:{start}*").into();
        Some(if allows { Way::Wider } else { Way::Narrower })
    }),
    ("a denial of everything", |statements, _| {
        let denies = |it: &Value| it["Effect"] == "Deny";
        let at = statements.iter().position(denies)?;
        let statement = statements.get_mut(at)?.as_object_mut()?;
        statement
            .remove("Action")
            .or(statement.remove("NotAction"))?;
        statement.insert("Action".into(), "*".into());
        Some(Way::Narrower)
    }),
    ("a resource for all", |statements, at| {
        let allows = statements.get(at)?["Effect"] == "Allow";
        let resource = statements.get_mut(at)?.get_mut("Resource")?;
        (*resource == json!("*") || *resource == json!(["*"])).then_some(())?;
        *resource = json!(["arn:aws:*:*:111122223333:*", "arn:aws:s3:::ours/*"]);
        Some(if allows { Way::Narrower } else { Way::Wider })
    }),
    ("a condition less", |statements, at| {
        let allows = statements.get(at)?["Effect"] == "Allow";
        statements
            .get_mut(at)?
            .as_object_mut()?
            .remove("Condition")?;
        Some(if allows { Way::Wider } else { Way::Narrower })
    }),
    ("a condition more", |statements, at| {
        let allows = statements.get(at)?["Effect"] == "Allow";
        let conditions = statements
            .get_mut(at)?
            .as_object_mut()?
            .entry("Condition")
            .or_insert_with(|| json!({}));
        conditions["NotIpAddress"]["aws:SourceIp"] = "203.0.113.0/24".into();
        Some(if allows { Way::Narrower } else { Way::Wider })
    }),
    ("a statement in two halves", |statements, at| {
        let mut half = statements.get(at)?.clone();
        let speaks = half
            .get("Condition")
            .is_some_and(|it| it.get("Bool").is_some() || it.get("BoolIfExists").is_some());
        (!speaks).then_some(())?;
        half["Condition"]["BoolIfExists"]["aws:SecureTransport"] = "false".into();
        statements.get_mut(at)?["Condition"]["Bool"]["aws:SecureTransport"] = "true".into();
        statements.push(half);
        Some(Way::Same)
    }),
    (
        "the statements the other way round, one of them twice",
        |statements, at| {
            let again = statements.get(at)?.clone();
            statements.reverse();
            statements.push(again);
            Some(Way::Same)
        },
    ),
];

fn layers(document: &Value) -> Layers {
    let policy =
        Policy::parse(&document.to_string()).unwrap_or_else(|error| panic!("{document}: {error}"));
    let named = NamedPolicy {
        name: "p".into(),
        policy: Arc::new(policy),
    };
    Layers {
        identity: Some([Arc::new(Compiled::new(named))].into()),
        ..Layers::default()
    }
}

/// The changed document and which way it goes.
fn changed(document: &Value, at: usize, change: Change) -> Option<(Value, Way)> {
    let mut document = document.clone();
    let statements = document.get_mut("Statement")?;
    if statements.is_object() {
        *statements = json!([statements.clone()]);
    }
    let statements = statements.as_array_mut()?;
    for statement in statements.iter_mut() {
        for list in ["Action", "NotAction", "Resource", "NotResource"] {
            match statement.get_mut(list) {
                Some(one) if one.is_string() => *one = json!([one.clone()]),
                Some(_) | None => {}
            }
        }
    }
    let at = at % statements.len();
    let way = change(statements, at)?;
    Some((document, way))
}

fn mutations(step: usize) -> BTreeMap<&'static str, [usize; 3]> {
    let mut counts: BTreeMap<&'static str, [usize; 3]> = BTreeMap::new();
    let Some(path) = peers::managed_policies() else {
        return counts;
    };
    let all: Map<String, Value> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let denies = |name: &str| name.starts_with("AWSCompromisedKeyQuarantine");
    let sampled = all.iter().enumerate();
    for (at, (name, policy)) in sampled.filter(|(at, (name, _))| at % step == 0 || denies(name)) {
        let document = &policy["document"];
        let original = layers(document);
        for (what, change) in CHANGES {
            let Some((mutant, way)) = changed(document, at, change) else {
                continue;
            };
            let mutant = layers(&mutant);
            let algebra = Algebra::new(builtin());
            let (old, new) = (
                algebra.access(&original, None),
                algebra.access(&mutant, None),
            );
            let holds =
                |outer: &Access<'_>, inner: &Access<'_>| outer.contains_with_certificate(inner).0;
            let [proved, shown, unknown] = counts.entry(what).or_default();
            let mut told = |found: Contained, must: bool| match found {
                Contained::Proved => *proved += usize::from(must),
                Contained::Refuted(_) if !must => *shown += 1,
                Contained::Refuted(request) => panic!("{what} of {name}: {request:?}"),
                // Allowed by one reading of resource patterns alone.
                Contained::Unknown(Unknown::Reading { .. }) if !must => *shown += 1,
                Contained::Unknown(Unknown::Unconfirmed { .. }) => *unknown += 1,
                Contained::Unknown(why) => panic!("{what} of {name}: {why}"),
            };
            told(holds(&old, &new), way != Way::Wider);
            told(holds(&new, &old), way != Way::Narrower);
        }
    }
    counts
}

fn check(counts: &BTreeMap<&'static str, [usize; 3]>, policies: usize, untold: usize) {
    if peers::managed_policies().is_none() {
        return;
    }
    let sum = |at: usize| counts.values().map(|count| count[at]).sum::<usize>();
    let left_out = CHANGES.iter().find(|(what, _)| !counts.contains_key(what));
    assert_eq!(
        left_out.map(|(what, _)| what),
        None,
        "every change had an occasion"
    );
    assert!(sum(0) > policies * 6, "proved the way it goes: {counts:?}");
    assert!(sum(1) > policies * 2, "shown the other way: {counts:?}");
    assert_eq!(sum(2), untold, "not told: {counts:?}");
}

#[test]
fn a_small_change_of_a_real_policy_goes_the_way_it_must() {
    check(&mutations(48), 33, 0);
}

#[test]
#[ignore = "long: `cargo xtask differential`"]
fn differential_small_changes_of_every_real_policy_go_the_way_they_must() {
    let counts = mutations(1);
    println!("{counts:#?}");
    // SQSUnlockQueuePolicy denies all but the root user, and a queue of another account: the request
    // that tells it from one that allows more is not found.
    check(&counts, 1_582, 1);
}
