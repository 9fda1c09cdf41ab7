//! A grant made out of a grant.

use serde_json::{Value, json};

use crate::house::{House, OPERATOR, held};

fn delegate(house: &House, who: &str, id: &str, body: &Value) -> bailiwick_testkit::http::Answer {
    house.ask(who, "POST", &format!("/v1/grants/{id}/delegate"), body)
}

// Test 47 of the list of required ones.
#[test]
fn a_part_of_a_grant_has_no_more_than_the_whole_and_ends_with_it() {
    let house = House::new();
    let (id, token) = house.grant("invoice");
    for (what, body) in [
        ("a tool it has not", json!({ "tools": ["ledger/read"] })),
        (
            "an action it has not",
            json!({ "actions": ["s3:GetObject"] }),
        ),
        (
            "a resource that no action of it reaches",
            json!({ "resources": ["arn:aws:s3:::payroll/1"] }),
        ),
        ("more calls", json!({ "calls": 1001 })),
    ] {
        let refused = delegate(&house, &token, &id, &body);
        assert_eq!(refused.status, 403, "{what}: {}", refused.body);
        assert_eq!(refused.json()["reason"], "not_delegated");
    }
    let wanted = json!({
        "tools": ["ledger/post"],
        "arguments": { "ledger/post": { "args.amount": [10, 20] } },
        "calls": 2,
        "share_percent": 10,
        "seconds": 86_400,
    });
    let made = delegate(&house, &token, &id, &wanted);
    assert_eq!(made.status, 201, "{}", made.body);
    let body = made.json();
    assert_eq!(body["clamped"], true);
    let parent = house.ask(&token, "GET", &format!("/v1/grants/{id}"), &Value::Null);
    assert_eq!(body["grant"]["deadline_ms"], parent.json()["deadline_ms"]);
    assert_eq!(body["grant"]["parents"], json!([id]));
    let (child_id, child) = held(&made);
    let call = |tool: &str, args: Value| {
        let answer = house.call(&child, "invoice", tool, &args).json();
        (
            answer["decision"].as_bool().unwrap(),
            answer["context"]["reason"]["code"].clone(),
        )
    };
    assert!(call("ledger/post", json!({ "amount": 10 })).0);
    assert_eq!(
        call("ledger/post", json!({ "amount": 11 })),
        (false, json!("not_delegated"))
    );
    assert_eq!(
        call("mail/send", json!({})),
        (false, json!("not_delegated"))
    );
    assert!(call("ledger/post", json!({ "amount": 20 })).0);
    assert_eq!(
        call("ledger/post", json!({ "amount": 10 })),
        (false, json!("budget_calls"))
    );
    // What another grant is delegated by is nobody's else.
    let (_, other) = house.grant("desk");
    assert_eq!(delegate(&house, &other, &id, &json!({})).status, 404);
    assert_eq!(delegate(&house, OPERATOR, &id, &json!({})).status, 403);
    let taken_away = delegate(
        &house,
        &child,
        &child_id,
        &json!({ "tools": ["mail/send"] }),
    );
    assert_eq!(taken_away.status, 403, "{}", taken_away.body);
    let grandchild = delegate(&house, &child, &child_id, &json!({ "share_percent": 0 }));
    assert_eq!(grandchild.status, 400);

    let (deep_id, deep) = held(&delegate(
        &house,
        &token,
        &id,
        &json!({ "calls": 5, "share_percent": 50 }),
    ));
    let (_, deeper) = held(&delegate(&house, &deep, &deep_id, &json!({ "calls": 2 })));
    assert!(house.allows(&deeper, "invoice"));
    let ended = house.ask(
        OPERATOR,
        "DELETE",
        &format!("/v1/grants/{id}"),
        &Value::Null,
    );
    assert_eq!(ended.json()["ended"], 4, "{}", ended.body);
    for token in [&token, &child, &deep, &deeper] {
        assert!(!house.allows(token, "invoice"));
    }
    assert_eq!(delegate(&house, &deep, &deep_id, &json!({})).status, 409);
}

#[test]
fn what_is_given_away_cannot_be_spent_twice_however_many_ask_at_once() {
    let house = House::new();
    let (id, token) = house.grant("invoice");
    // 1000 calls: ten times a hundred, and nothing is left.
    let made: Vec<u16> = std::thread::scope(|scope| {
        let ask = || delegate(&house, &token, &id, &json!({ "calls": 100 })).status;
        let asking: Vec<_> = (0..16).map(|_| scope.spawn(ask)).collect();
        asking
            .into_iter()
            .map(|asked| asked.join().unwrap())
            .collect()
    });
    let opened = made.iter().filter(|status| **status == 201).count();
    assert_eq!(opened, 10, "{made:?}");
    assert!(!house.allows(&token, "invoice"), "the first has none left");
    let records = house.records();
    let count = |event: &str| records.iter().filter(|one| one["event"] == event).count();
    assert_eq!(count("grant.delegated"), 10);
    let children = records
        .iter()
        .filter(|one| one["event"] == "grant.approved" && one["grant"]["parent"] == id.as_str());
    assert_eq!(
        children.count(),
        10,
        "each is on record with where it came from"
    );
}

#[test]
fn the_same_idempotency_key_makes_the_same_part() {
    let house = House::new();
    let (id, token) = house.grant("invoice");
    let ask = |calls: u32| {
        let headers = [
            ("content-type", "application/json"),
            ("authorization", token.as_str()),
            ("idempotency-key", "k-1"),
        ];
        let path = format!("/v1/grants/{id}/delegate");
        let body = json!({ "calls": calls }).to_string();
        house.client().ask("POST", &path, &headers, &body).unwrap()
    };
    let (first, again) = (ask(600), ask(600));
    assert_eq!((first.status, again.status), (201, 201), "{}", again.body);
    assert_eq!(first.json()["grant"]["id"], again.json()["grant"]["id"]);
    assert_eq!(ask(1).status, 422);
}

#[test]
fn a_grant_that_is_not_heard_of_ends_and_one_that_is_keeps_its_token() {
    let house = House::new();
    let wanted = |more: Value| {
        let mut body =
            json!({ "agent": "invoice", "task": "post", "parameters": { "tenant": "acme" } });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        house.open("invoice", &body)
    };
    let (id, token) = held(&wanted(json!({ "heartbeat_seconds": 30 })));
    let beat = |seconds: u64| {
        let path = format!("/v1/grants/{id}/heartbeat");
        house.ask(&token, "POST", &path, &json!({ "seconds": seconds }))
    };
    for _ in 0..5 {
        house.clock.forward(20_000);
        assert_eq!(beat(30).status, 200);
        assert!(house.allows(&token, "invoice"));
    }
    let long = beat(86_400).json();
    assert_eq!(long["clamped"], true);
    assert_eq!(
        long["grant"]["deadline_ms"],
        long["grant"]["deadline_max_ms"]
    );

    let (_, silent) = held(&wanted(json!({ "heartbeat_seconds": 30 })));
    assert!(house.allows(&silent, "invoice"));
    house.clock.forward(30_000);
    assert!(!house.allows(&silent, "invoice"));
    let both = wanted(json!({ "heartbeat_seconds": 30, "seconds": 30 }));
    assert_eq!(both.status, 400, "{}", both.body);
}
