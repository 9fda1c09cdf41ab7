//! A grant's life over HTTP.

use serde_json::{Value, json};

use crate::house::{House, OPERATOR, VIEWER, held};

#[test]
fn a_call_is_allowed_as_its_charter_says_and_is_on_record() {
    let house = House::new();
    let (id, token) = house.grant("invoice");
    assert!(house.allows(&token, "invoice"));
    let too_much = house.call(&token, "invoice", "ledger/post", &json!({ "amount": 5000 }));
    assert_eq!(
        too_much.json()["context"]["reason"]["code"],
        "condition_not_met"
    );
    let step_up = house
        .call(&token, "invoice", "mail/send", &json!({}))
        .json();
    assert_eq!(step_up["decision"], false);
    assert_eq!(step_up["context"]["obligations"][0]["type"], "step-up");
    let decisions: Vec<Value> = house
        .records()
        .into_iter()
        .filter(|record| record["event"] == "decision")
        .collect();
    let effects: Vec<&Value> = decisions
        .iter()
        .map(|one| &one["decision"]["effect"])
        .collect();
    assert_eq!(effects, ["allow", "deny", "step_up"]);
    for record in &decisions {
        assert_eq!(record["grant"]["id"], id);
        assert_eq!(record["flow"]["session"], "s-1");
        assert_eq!(record["owner"], "payments");
    }
}

// Test 40 of the list of required ones.
#[test]
fn a_completed_task_allows_nothing_more() {
    let house = House::new();
    let (id, token) = house.grant("invoice");
    assert!(house.allows(&token, "invoice"));
    let done = house.ask(
        &token,
        "POST",
        &format!("/v1/grants/{id}/complete"),
        &Value::Null,
    );
    assert_eq!(done.status, 200, "{}", done.body);
    assert!(!house.allows(&token, "invoice"));
    let renewed = house.ask(
        &token,
        "POST",
        &format!("/v1/grants/{id}/renew"),
        &json!({}),
    );
    assert_eq!(renewed.status, 409, "{}", renewed.body);
}

// Test 44.
#[test]
fn a_ticket_opens_one_grant_however_many_show_it() {
    let house = House::new();
    let ticket = format!("Bailiwick-Ticket {}", house.ticket("invoice"));
    let body = json!({ "agent": "invoice", "task": "look" });
    let opened: usize = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..100)
            .map(|_| scope.spawn(|| house.ask(&ticket, "POST", "/v1/grants", &body).status))
            .collect();
        let statuses = asking.into_iter().map(|asked| asked.join().unwrap());
        statuses.filter(|status| *status == 201).count()
    });
    assert_eq!(opened, 1);
    let other = format!("Bailiwick-Ticket {}", house.ticket("refund"));
    assert_eq!(house.ask(&other, "POST", "/v1/grants", &body).status, 403);
    let late = format!("Bailiwick-Ticket {}", house.ticket("invoice"));
    house.clock.forward(600_001);
    assert_eq!(house.ask(&late, "POST", "/v1/grants", &body).status, 401);
}

// Test 45.
#[test]
fn a_renewal_goes_as_far_as_the_charter_and_says_so() {
    let house = House::new();
    let wanted = json!({ "agent": "invoice", "task": "look", "seconds": 30 });
    let opened = house.open("invoice", &wanted);
    let (id, token) = held(&opened);
    let grant = &opened.json()["grant"];
    let deadline = |grant: &Value| grant["deadline_ms"].as_u64().unwrap();
    assert_eq!(
        deadline(grant) - grant["issued_at_ms"].as_u64().unwrap(),
        30_000
    );
    let path = format!("/v1/grants/{id}/renew");
    let renewed = house
        .ask(&token, "POST", &path, &json!({ "seconds": 3600 }))
        .json();
    assert_eq!(renewed["clamped"], true);
    assert_eq!(renewed["grant"]["deadline_ms"], grant["deadline_max_ms"]);
    let ended = house.ask(
        OPERATOR,
        "DELETE",
        &format!("/v1/grants/{id}"),
        &Value::Null,
    );
    assert_eq!(ended.json()["ended"], 1);
    for step in ["renew", "heartbeat", "complete", "delegate"] {
        let body = match step {
            "heartbeat" => json!({ "seconds": 30 }),
            "complete" => Value::Null,
            _ => json!({}),
        };
        let refused = house.ask(&token, "POST", &format!("/v1/grants/{id}/{step}"), &body);
        assert_eq!(refused.status, 409, "{step}: {}", refused.body);
        assert_eq!(refused.json()["reason"], "grant_not_active", "{step}");
    }
    assert_eq!(
        house
            .ask(&token, "GET", &format!("/v1/grants/{id}"), &Value::Null)
            .status,
        401
    );
}

// Test 48.
#[test]
fn a_clock_that_goes_back_lets_no_expired_grant_live_again() {
    let house = House::new();
    let (_, token) = house.grant("invoice");
    let now = house.gateway.broker().now_ms();
    house.clock.forward(20 * 60 * 1_000);
    let late = house.call(&token, "invoice", "ledger/post", &json!({ "amount": 1 }));
    assert_ne!(late.json()["decision"], true);
    house.clock.set(now);
    let again = house.call(&token, "invoice", "ledger/post", &json!({ "amount": 1 }));
    assert_ne!(again.json()["decision"], true);
    // And none ends before its time: to the millisecond.
    let house = House::new();
    let (_, token) = house.grant("invoice");
    house.clock.forward(20 * 60 * 1_000 - 1);
    assert!(house.allows(&token, "invoice"));
    house.clock.forward(1);
    let over = house.call(&token, "invoice", "ledger/post", &json!({ "amount": 1 }));
    assert_ne!(over.json()["decision"], true);
}

// Test 49.
#[test]
fn a_kill_stops_an_agent_until_an_operator_clears_it_and_nothing_lives_again() {
    let house = House::new();
    let (_, token) = house.grant("invoice");
    let (_, other) = house.grant("refund");
    let kill = json!({ "scope": "agent", "name": "invoice", "reason": "odd mails" });
    assert_eq!(
        house.ask(OPERATOR, "POST", "/v1/kill", &kill).json()["recorded"],
        true
    );
    assert!(!house.allows(&token, "invoice"));
    assert!(house.allows(&other, "refund"));
    let wanted = json!({ "agent": "invoice", "task": "look" });
    let refused = house.open("invoice", &wanted);
    assert_eq!(
        (refused.status, &refused.json()["reason"]),
        (403, &json!("killed"))
    );
    let stops = house.ask(VIEWER, "GET", "/v1/kill", &Value::Null).json();
    assert_eq!(stops["stops"][0]["name"], "invoice");
    house.clock.forward(1_000);
    let cleared = house.ask(OPERATOR, "POST", "/v1/kill/clear", &kill);
    assert_eq!(cleared.status, 200, "{}", cleared.body);
    assert!(!house.allows(&token, "invoice"));
    house.clock.forward(1_000);
    assert_eq!(house.open("invoice", &wanted).status, 201);
}

#[test]
fn the_same_idempotency_key_opens_the_same_grant() {
    let house = House::new();
    let ticket = format!("Bailiwick-Ticket {}", house.ticket("invoice"));
    let ask = |task: &str| {
        let headers = [
            ("content-type", "application/json"),
            ("authorization", ticket.as_str()),
            ("idempotency-key", "k-1"),
        ];
        let body = json!({ "agent": "invoice", "task": task }).to_string();
        house
            .client()
            .ask("POST", "/v1/grants", &headers, &body)
            .unwrap()
    };
    let (first, again) = (ask("look"), ask("look"));
    assert_eq!((first.status, again.status), (201, 201), "{}", again.body);
    assert_eq!(first.json()["grant"]["id"], again.json()["grant"]["id"]);
    assert_eq!(ask("post").status, 422);
}

// Test 36.
#[test]
fn an_exchange_asks_for_no_more_than_the_grant_has() {
    let house = House::new();
    let (_, token) = house.grant("invoice");
    let token = token.strip_prefix("Bearer ").unwrap();
    let ask = |more: &str| {
        let body = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token={token}&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt{more}"
        );
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        house
            .client()
            .ask("POST", "/v1/token", &headers, &body)
            .unwrap()
    };
    let good = ask("&audience=https%3A%2F%2Ftools.example.com");
    assert_eq!(good.status, 200, "{}", good.body);
    assert_eq!(good.json()["scope"], "post");
    let before = house.records().len();
    for more in [
        "&audience=https%3A%2F%2Fevil",
        "&scope=look",
        "&requested_token_type=urn%3Asaml",
        "&actor_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt",
        "&actor_token=x",
    ] {
        assert_eq!(ask(more).status, 400, "{more}");
    }
    // A token that is none, and one that was changed.
    let (signed, _) = token.rsplit_once('.').unwrap();
    let changed = format!("{signed}.{}", "A".repeat(86));
    for (shown, status, reason) in [
        (signed, 400, "invalid_request"),
        (changed.as_str(), 401, "invalid_grant"),
    ] {
        let body = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token={shown}&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"
        );
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let refused = house
            .client()
            .ask("POST", "/v1/token", &headers, &body)
            .unwrap();
        assert_eq!(refused.status, status, "{}", refused.body);
        assert_eq!(refused.json()["reason"], reason, "{}", refused.body);
    }
    assert_eq!(house.records().len(), before);
}
