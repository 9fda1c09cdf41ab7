//! Grants that end: by time, by their holder, by an operator, all at once; and what a change of the
//! rules means for them.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bailiwick_broker::{Scope, State, Stop, port::Store as _, port::Which};
use bailiwick_ledger::Entry;
use bailiwick_store::{Failure, Faults, Moment};
use serde_json::{Value, json};

use crate::house::{BEGIN_MS, Hands, House, OPERATOR, Plan, charter, held, rules};

/// How many grants there are in a state.
fn count(house: &House, state: State) -> usize {
    let store = house.gateway.broker().store();
    let grants = store.grants(Which::In(state), None, 10_000);
    house.runtime.block_on(grants).unwrap().len()
}

// Test 41 of the list of required ones.
#[test]
fn grants_that_fell_due_while_nobody_ran_have_ended_before_anybody_is_answered() {
    let clock = Hands(Arc::new(AtomicU64::new(BEGIN_MS)));
    let plan = || Plan {
        trusts_everybody: true,
        ..Plan::default()
    };
    let house = House::in_folder(tempfile::tempdir().unwrap(), clock.clone(), plan());
    let body = json!({ "agent": "invoice", "task": "look" });
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..125 {
                    let opened = house.ask("Bailiwick-Local invoice", "POST", "/v1/grants", &body);
                    assert_eq!(opened.status, 201, "{}", opened.body);
                }
            });
        }
    });
    assert_eq!(count(&house, State::Active), 1_000);
    let House {
        folder,
        runtime,
        gateway,
        ..
    } = house;
    runtime.block_on(gateway.broker().close());
    drop((gateway, runtime));
    clock.forward(3_600_000);
    let again = House::in_folder(folder, clock, plan());
    // Nothing was asked yet: what there is was done before the listener was bound.
    assert_eq!(count(&again, State::Active), 0);
    assert_eq!(count(&again, State::Expired), 1_000);
}

// Test 43. One process: many ways to end race for each grant, and time runs out meanwhile.
#[test]
fn a_grant_that_is_ended_in_every_way_at_once_ends_once() {
    let house = House::of(Plan {
        trusts_everybody: true,
        ..Plan::default()
    });
    let body = json!({ "agent": "invoice", "task": "look" });
    for _ in 0..40 {
        let opened = house.ask("Bailiwick-Local invoice", "POST", "/v1/grants", &body);
        let (id, token) = held(&opened);
        let path = format!("/v1/grants/{id}");
        std::thread::scope(|scope| {
            scope.spawn(|| house.ask(&token, "POST", &format!("{path}/complete"), &Value::Null));
            scope.spawn(|| house.ask(OPERATOR, "DELETE", &path, &Value::Null));
            scope.spawn(|| {
                let kill = json!({ "scope": "grant", "name": id, "reason": "a race" });
                house.ask(OPERATOR, "POST", "/v1/kill", &kill)
            });
            scope.spawn(|| {
                house.clock.forward(120_001);
                let _ = house.runtime.block_on(house.gateway.broker().sweep());
            });
        });
        let late = house.call(&token, "invoice", "ledger/read", &json!({}));
        assert_ne!(late.json()["decision"], true);
    }
    house.clock.forward(3_600_000);
    while house
        .runtime
        .block_on(house.gateway.broker().sweep())
        .unwrap()
        > 0
    {}
    let mut ended: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in house.records() {
        let grant = &record["grant"];
        let (Some(id), Some(to)) = (grant["id"].as_str(), grant["state_to"].as_str()) else {
            continue;
        };
        if to.parse::<State>().unwrap().is_final() {
            ended.entry(id.to_owned()).or_default().push(to.to_owned());
        }
    }
    assert_eq!(ended.len(), 40);
    for (id, states) in ended {
        assert_eq!(states.len(), 1, "{id}: {states:?}");
    }
}

// Test 54. What opens a grant is recorded in one change with it; if that fails there is neither a
// grant nor a token, and no answer can hold both a token and a problem: they are the two sides of a
// `Result`.
#[test]
fn a_proof_that_holds_and_a_grant_that_cannot_be_recorded_are_no_token() {
    for moment in [Moment::Begin, Moment::Applied, Moment::BeforeCommit] {
        let fails = Arc::new(AtomicBool::new(false));
        let probe = Arc::clone(&fails);
        let house = House::of(Plan {
            faults: Faults::new(move |now| {
                (now == moment && probe.load(Ordering::SeqCst)).then_some(Failure::Passing)
            }),
            ..Plan::default()
        });
        let ticket = format!("Bailiwick-Ticket {}", house.ticket("invoice"));
        let body = json!({ "agent": "invoice", "task": "look" });
        fails.store(true, Ordering::SeqCst);
        let failed = house.ask(&ticket, "POST", "/v1/grants", &body);
        assert_eq!(failed.status, 503, "{moment:?}: {}", failed.body);
        assert!(!failed.body.contains("token"), "{}", failed.body);
        fails.store(false, Ordering::SeqCst);
        for state in State::ALL {
            assert_eq!(count(&house, state), 0, "{moment:?} {state}");
        }
        // The proof was not spent on nothing.
        let opened = house.ask(&ticket, "POST", "/v1/grants", &body);
        assert_eq!(opened.status, 201, "{moment:?}: {}", opened.body);
    }
}

// Test 61.
#[test]
fn a_record_names_the_charter_it_was_decided_by_and_an_old_one_decides_nothing_more() {
    let house = House::new();
    let (_, token) = house.grant("invoice");
    let before = house
        .gateway
        .rules()
        .charters
        .of_agent("invoice")
        .unwrap()
        .hash()
        .to_string();
    let other = Plan {
        charters: vec![(
            "invoice.yaml".into(),
            charter("invoice", "payments").replace("1000\"", "2000\""),
        )],
        ..Plan::default()
    };
    let after = rules(&other)
        .charters
        .of_agent("invoice")
        .unwrap()
        .hash()
        .to_string();
    assert_ne!(before, after);
    let is_replaced = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let was_replaced = is_replaced.load(Ordering::SeqCst);
                    let allowed = house.allows(&token, "invoice");
                    assert!(
                        !(was_replaced && allowed),
                        "an old charter decided after the instant"
                    );
                }
            });
        }
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(30));
            let report = house.gateway.replace_rules(rules(&other));
            is_replaced.store(true, Ordering::SeqCst);
            assert_eq!(report.changed, ["invoice"]);
        });
    });
    let records = house.records();
    let decided = records.iter().filter(|one| one["event"] == "decision");
    let versions: HashSet<(String, String)> = decided
        .map(|one| {
            let said = |value: &Value| value.as_str().unwrap_or("none").to_owned();
            (
                said(&one["decision"]["effect"]),
                said(&one["decision"]["policy_version"]),
            )
        })
        .collect();
    assert!(
        versions.contains(&("allow".into(), before.clone())),
        "{versions:?}"
    );
    assert!(
        !versions
            .iter()
            .any(|(effect, version)| effect == "allow" && *version != before)
    );
    let reasons = records.iter().map(|one| &one["reason_code"]);
    assert!(
        reasons
            .into_iter()
            .any(|reason| reason == "charter_changed")
    );
    assert!(!house.allows(&token, "invoice"));
    let (_, new) = house.grant("invoice");
    assert!(house.allows(&new, "invoice"));
}

// Test 49, for what an operator stops over HTTP and nobody but the broker knows.
#[test]
fn a_stop_that_the_store_never_heard_of_denies_all_the_same() {
    let house = House::new();
    let (_, token) = house.grant("invoice");
    let stop = Stop {
        scope: Scope::Owner("payments".into()),
        kill: true,
        at_ms: BEGIN_MS,
        by: "olga".into(),
        reason: "drill".into(),
    };
    let stopped = house
        .runtime
        .block_on(house.gateway.broker().stop(stop, Entry::of("stop.set")));
    assert!(stopped.place.is_some());
    assert!(!house.allows(&token, "invoice"));
    let cleared = json!({ "scope": "owner", "name": "nobody", "reason": "x" });
    let answer = house.ask(OPERATOR, "POST", "/v1/kill/clear", &cleared);
    assert_eq!(answer.status, 404, "{}", answer.body);
}
