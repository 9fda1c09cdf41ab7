//! The certification scenario of AuthZEN 1.0: Basic, Batch, Search, Discovery.

use bailiwick_testkit::http::Answer;
use serde_json::{Value, json};

use crate::{
    authzen::pdp,
    house::{House, VIEWER, found_names},
};

const ONE: &str = "/access/v1/evaluation";
const MANY: &str = "/access/v1/evaluations";

fn ask(house: &House, path: &str, body: &Value) -> Answer {
    house.ask(VIEWER, "POST", path, body)
}

fn user(id: &str) -> Value {
    json!({ "type": "user", "id": id })
}

fn record(id: &str) -> Value {
    json!({ "type": "record", "id": id })
}

fn archived(id: &str) -> Value {
    json!({ "type": "record", "id": id, "properties": { "status": "archived" } })
}

fn admin(id: &str) -> Value {
    json!({ "type": "user", "id": id, "properties": { "role": "admin" } })
}

fn asked(subject: &Value, action: &Value, resource: &Value) -> Value {
    json!({ "subject": subject, "action": action, "resource": resource })
}

fn to(action: &str) -> Value {
    json!({ "name": action })
}

#[track_caller]
fn decides(house: &House, body: &Value, expected: bool) {
    let answer = ask(house, ONE, body);
    assert_eq!(answer.status, 200, "{body} {}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        answer.json()["decision"],
        expected,
        "{body} {}",
        answer.body
    );
    assert!(answer.json()["context"].is_object());
}

#[test]
fn basic_every_decision_of_the_fixture_is_as_it_must_be() {
    let house = pdp("certification");
    let cases = [
        (user("alice"), to("read"), record("record-1"), true),
        (user("alice"), to("write"), record("record-1"), true),
        (user("bob"), to("read"), record("record-1"), true),
        (user("bob"), to("write"), record("record-1"), false),
        (user("alice"), to("write"), archived("record-2"), false),
        (admin("bob"), to("write"), archived("record-2"), true),
        (
            user("alice"),
            json!({ "name": "delete", "properties": { "soft": true } }),
            record("record-1"),
            true,
        ),
        (
            user("alice"),
            json!({ "name": "delete", "properties": { "soft": false } }),
            record("record-1"),
            false,
        ),
    ];
    for (subject, action, resource, expected) in &cases {
        let body = asked(subject, action, resource);
        decides(&house, &body, *expected);
        let mut with_context = body.clone();
        with_context["context"] = json!({ "time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1" });
        decides(&house, &with_context, *expected);
        // The same question, the same answer.
        decides(&house, &body, *expected);
    }
}

#[test]
fn basic_more_than_is_known_is_passed_over() {
    let house = pdp("certification");
    let more = json!({
        "subject": { "type": "user", "id": "alice", "properties": { "department": "Sales", "role": "manager" } },
        "action": { "name": "read", "properties": { "method": "GET" } },
        "resource": { "type": "record", "id": "record-1", "properties": { "status": "active", "owner": "bob" } },
    });
    decides(&house, &more, true);
    let mut unknown = asked(&user("alice"), &to("read"), &record("record-1"));
    unknown["foo"] = json!("bar");
    unknown["futureField"] = json!({ "nested": true });
    decides(&house, &unknown, true);
}

#[test]
fn basic_what_is_missing_or_of_another_type_is_a_bad_request() {
    let house = pdp("certification");
    let good = asked(&user("alice"), &to("read"), &record("record-1"));
    let mut bad = Vec::new();
    for name in ["subject", "action", "resource"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(name);
        bad.push(body);
    }
    for pointer in [
        "/subject/type",
        "/subject/id",
        "/action/name",
        "/resource/type",
        "/resource/id",
    ] {
        let mut body = good.clone();
        let (of, member) = pointer.rsplit_once('/').unwrap();
        let of = body.pointer_mut(of).unwrap().as_object_mut().unwrap();
        of.remove(member);
        bad.push(body);
    }
    for (pointer, value) in [
        ("/subject", json!("alice")),
        ("/action/name", json!(123)),
        ("/resource/id", json!(1)),
        ("/context", json!([])),
    ] {
        let mut body = good.clone();
        body["context"] = json!({});
        *body.pointer_mut(pointer).unwrap() = value;
        bad.push(body);
    }
    for body in &bad {
        let answer = ask(&house, ONE, body);
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
    }
    let send = |kind: &str, body: &str| {
        let headers = [("content-type", kind), ("authorization", VIEWER)];
        house
            .client()
            .ask("POST", ONE, &headers, body)
            .unwrap()
            .status
    };
    let text = good.to_string();
    assert_eq!(send("application/json; charset=utf-8", &text), 200);
    assert_eq!(send("text/plain", &text), 400);
    assert_eq!(send("application/jsonx", &text), 400);
    assert_eq!(send("application/json", "{"), 400);
    assert_eq!(send("application/json", ""), 400);
    assert_eq!(send("application/json", "[]"), 400);
}

#[test]
fn basic_the_id_of_a_request_comes_back_with_its_answer() {
    let house = pdp("certification");
    let body = asked(&user("alice"), &to("read"), &record("record-1")).to_string();
    let send = |id: Option<&str>| {
        let mut headers = vec![
            ("content-type", "application/json"),
            ("authorization", VIEWER),
        ];
        headers.extend(id.map(|id| ("x-request-id", id)));
        house.client().ask("POST", ONE, &headers, &body).unwrap()
    };
    let id = "bfe9eb29-ab87-4ca3-be83-a1d5d8305716";
    assert_eq!(send(Some(id)).header("x-request-id"), Some(id));
    let (one, other) = (send(None), send(None));
    assert_eq!(one.status, 200);
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
}

#[track_caller]
fn decides_many(house: &House, body: &Value, expected: &[bool]) -> Value {
    let answer = ask(house, MANY, body);
    assert_eq!(answer.status, 200, "{body} {}", answer.body);
    let answer = answer.json();
    let decisions = answer["evaluations"].as_array().unwrap().iter();
    let decisions: Vec<bool> = decisions
        .map(|one| one["decision"].as_bool().unwrap())
        .collect();
    assert_eq!(decisions, expected, "{body}");
    assert!(answer.get("decision").is_none());
    answer
}

#[test]
fn batch_each_evaluation_is_answered_in_its_place() {
    let house = pdp("certification");
    let read_both = json!({
        "subject": user("alice"), "action": to("read"),
        "evaluations": [{ "resource": record("record-1") }, { "resource": record("record-2") }],
    });
    decides_many(&house, &read_both, &[true, true]);
    let bob = json!({
        "subject": user("bob"), "resource": record("record-1"),
        "evaluations": [{ "action": to("read") }, { "action": to("write") }],
    });
    decides_many(&house, &bob, &[true, false]);
    let by_resource = json!({
        "subject": user("alice"), "action": to("write"),
        "evaluations": [{ "resource": record("record-1") }, { "resource": archived("record-2") }],
    });
    decides_many(&house, &by_resource, &[true, false]);
    let by_subject = json!({
        "action": to("write"), "resource": archived("record-2"),
        "evaluations": [{ "subject": user("alice") }, { "subject": admin("bob") }],
    });
    decides_many(&house, &by_subject, &[false, true]);
    let whole = json!({ "evaluations": [
        asked(&user("alice"), &to("read"), &record("record-1")),
        asked(&user("bob"), &to("write"), &record("record-1")),
    ]});
    decides_many(&house, &whole, &[true, false]);
    let contexts = json!({
        "subject": user("alice"), "action": to("read"), "context": { "time": "t" },
        "evaluations": [
            { "resource": record("record-1") },
            { "resource": record("record-2"), "context": { "source": "override" } },
        ],
    });
    decides_many(&house, &contexts, &[true, true]);
    let inherited = json!({
        "subject": user("alice"), "action": to("write"), "resource": record("record-1"),
        "evaluations": [{}, { "resource": archived("record-2") }],
    });
    decides_many(&house, &inherited, &[true, false]);
}

#[test]
fn batch_one_that_cannot_be_read_is_a_denial_beside_the_others() {
    let house = pdp("certification");
    let body = json!({
        "subject": user("alice"), "action": to("read"),
        "options": { "evaluations_semantic": "execute_all" },
        "evaluations": [{ "resource": record("record-1") }, {}],
    });
    let answer = decides_many(&house, &body, &[true, false]);
    assert_eq!(
        answer["evaluations"][1]["context"]["reason"]["code"],
        "malformed"
    );
    for body in [
        json!({ "evaluations": 1 }),
        json!({ "subject": 1, "evaluations": [{}] }),
    ] {
        assert_eq!(ask(&house, MANY, &body).status, 400);
    }
}

#[test]
fn batch_without_a_list_is_one_evaluation() {
    let house = pdp("certification");
    let mut body = asked(&user("alice"), &to("read"), &record("record-1"));
    for _ in 0..2 {
        let answer = ask(&house, MANY, &body);
        assert_eq!(
            (answer.status, &answer.json()["decision"]),
            (200, &json!(true))
        );
        body["evaluations"] = json!([]);
    }
    assert_eq!(ask(&house, MANY, &json!({ "evaluations": [] })).status, 400);
}

#[test]
fn batch_ends_where_its_semantic_says() {
    let house = pdp("certification");
    let body = |semantic: &str, actions: [&str; 3]| {
        let evaluations: Vec<_> = actions
            .iter()
            .map(|name| json!({ "action": to(name) }))
            .collect();
        json!({
            "subject": user("bob"), "resource": record("record-1"),
            "options": { "evaluations_semantic": semantic }, "evaluations": evaluations,
        })
    };
    let mixed = ["read", "write", "read"];
    decides_many(&house, &body("execute_all", mixed), &[true, false, true]);
    decides_many(&house, &body("deny_on_first_deny", mixed), &[true, false]);
    decides_many(&house, &body("permit_on_first_permit", mixed), &[true]);
    let late = ["write", "write", "read"];
    decides_many(
        &house,
        &body("permit_on_first_permit", late),
        &[false, false, true],
    );
    assert_eq!(ask(&house, MANY, &body("first_come", mixed)).status, 400);
}

fn found(house: &House, of: &str, body: &Value) -> Vec<String> {
    let answer = ask(house, &format!("/access/v1/search/{of}"), body);
    assert_eq!(answer.status, 200, "{body} {}", answer.body);
    found_names(&answer.json())
}

#[test]
fn search_finds_what_the_fixture_lets_through() {
    let house = pdp("certification");
    let context = json!({ "time": "2025-06-27T18:03-07:00" });
    let cases: [(&str, Value, &[&str]); 6] = [
        (
            "subject",
            asked(&json!({ "type": "user" }), &to("read"), &record("record-1")),
            &["alice", "bob"],
        ),
        (
            "resource",
            asked(&user("alice"), &to("read"), &json!({ "type": "record" })),
            &["record-1", "record-2"],
        ),
        (
            "action",
            json!({ "subject": user("alice"), "resource": record("record-1") }),
            &["read", "write"],
        ),
        (
            "subject",
            asked(
                &json!({ "type": "user" }),
                &to("write"),
                &archived("record-2"),
            ),
            &["bob"],
        ),
        (
            "resource",
            asked(&admin("bob"), &to("write"), &json!({ "type": "record" })),
            &["record-2"],
        ),
        (
            "action",
            json!({ "subject": admin("bob"), "resource": archived("record-2") }),
            &["read", "write"],
        ),
    ];
    for (of, body, expected) in cases {
        assert_eq!(found(&house, of, &body), expected, "{of} {body}");
        let mut with_context = body.clone();
        with_context["context"] = context.clone();
        assert_eq!(found(&house, of, &with_context), expected, "{of} {body}");
        if of != "action" {
            // An id of what is searched for is passed over.
            let mut with_id = body.clone();
            with_id[of]["id"] = json!("alice");
            assert_eq!(found(&house, of, &with_id), expected, "{of} {body}");
        }
    }
}

#[test]
fn search_goes_page_by_page_and_says_where_it_ends() {
    let house = pdp("certification");
    let mut body = asked(&json!({ "type": "user" }), &to("read"), &record("record-1"));
    body["page"] = json!({ "limit": 1 });
    let path = "/access/v1/search/subject";
    let first = ask(&house, path, &body).json();
    assert_eq!(first["results"], json!([user("alice")]));
    body["page"]["token"] = first["page"]["next_token"].clone();
    let second = ask(&house, path, &body).json();
    assert_eq!(second["results"], json!([user("bob")]));
    assert_eq!(second["page"]["next_token"], "");
    // A token of another search is no token of this one.
    body["action"] = to("write");
    assert_eq!(ask(&house, path, &body).status, 400);
    body["page"] = json!({ "token": "!" });
    assert_eq!(ask(&house, path, &body).status, 400);
}

#[test]
fn search_for_what_nobody_knows_finds_nothing_and_half_a_question_is_a_bad_request() {
    let house = pdp("certification");
    let (stranger, ship) = (user("nonexistent-user"), json!({ "type": "spaceship" }));
    let nothing = [
        (
            "action",
            json!({ "subject": stranger, "resource": record("record-1") }),
        ),
        ("subject", asked(&ship, &to("read"), &record("record-1"))),
        ("resource", asked(&user("alice"), &to("read"), &ship)),
        (
            "resource",
            asked(&stranger, &to("read"), &json!({ "type": "record" })),
        ),
        (
            "subject",
            asked(
                &json!({ "type": "user" }),
                &to("read"),
                &json!({ "type": "spaceship", "id": "1" }),
            ),
        ),
    ];
    for (of, body) in nothing {
        assert!(found(&house, of, &body).is_empty(), "{of} {body}");
    }
    let half = [
        (
            "subject",
            json!({ "subject": { "type": "user" }, "resource": record("record-1") }),
        ),
        (
            "resource",
            json!({ "action": to("read"), "resource": { "type": "record" } }),
        ),
        ("action", json!({ "subject": user("alice") })),
        (
            "subject",
            asked(
                &json!({ "type": "user" }),
                &to("read"),
                &json!({ "type": "record" }),
            ),
        ),
        (
            "resource",
            asked(
                &json!({ "type": "user" }),
                &to("read"),
                &json!({ "type": "record" }),
            ),
        ),
        (
            "action",
            json!({ "subject": { "type": "user" }, "resource": record("record-1") }),
        ),
    ];
    for (of, body) in half {
        let answer = ask(&house, &format!("/access/v1/search/{of}"), &body);
        assert_eq!(answer.status, 400, "{of} {body}");
    }
}

#[test]
fn discovery_says_where_everything_is_and_each_of_it_answers() {
    let house = pdp("certification");
    let headers = [("host", "pdp.example.com")];
    let path = "/.well-known/authzen-configuration";
    let answer = house.client().ask("GET", path, &headers, "").unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let known = answer.json();
    // The scheme is that of the listener; behind TLS it is `https`.
    assert_eq!(known["policy_decision_point"], "http://pdp.example.com");
    for name in [
        "access_evaluation_endpoint",
        "access_evaluations_endpoint",
        "search_subject_endpoint",
        "search_resource_endpoint",
        "search_action_endpoint",
    ] {
        let url = known[name].as_str().unwrap();
        let path = url.strip_prefix("http://pdp.example.com").unwrap();
        assert_eq!(ask(&house, path, &json!({})).status, 400, "{name}");
    }
}
