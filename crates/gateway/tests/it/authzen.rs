//! The interoperability scenarios of AuthZEN, answered by policies of our own, and what is recorded
//! of it.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::{Value, json};

use crate::house::{House, Plan, VIEWER, found_names};

/// An authority with the policies of one folder.
pub(crate) fn pdp(folder: &str) -> House {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/policies")
        .join(folder);
    let policies = std::fs::read_dir(folder).unwrap().map(|file| {
        let file = file.unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        (file.file_name().into_string().unwrap(), text)
    });
    House::of(Plan {
        policies: policies.collect(),
        ..Plan::default()
    })
}

fn decision(house: &House, body: &Value) -> bool {
    let answer = house.ask(VIEWER, "POST", "/access/v1/evaluation", body);
    assert_eq!(answer.status, 200, "{body} {}", answer.body);
    answer.json()["decision"].as_bool().unwrap()
}

/// The ids by which the scenarios know a person, after the letter that tells them apart.
fn opaque(letter: char) -> String {
    format!("CiRmZD{letter}2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs")
}

const PEOPLE: [(char, &str); 5] = [
    ('A', "rick@the-citadel.com"),
    ('E', "morty@the-citadel.com"),
    ('I', "summer@the-smiths.com"),
    ('M', "beth@the-smiths.com"),
    ('Q', "jerry@the-smiths.com"),
];

#[test]
fn todos_are_kept_by_those_who_may() {
    let house = pdp("todo");
    // Reading everybody and everything; creating; updating and deleting Rick's; one's own.
    let may = [
        "rick    read create  others own",
        "morty   read create  -      own",
        "summer  read create  -      own",
        "beth    read -       -      -",
        "jerry   read -       -      -",
    ];
    for ((letter, email), row) in PEOPLE.into_iter().zip(may) {
        let columns: Vec<bool> = row
            .split_whitespace()
            .skip(1)
            .map(|may| may != "-")
            .collect();
        let asked = |action: &str, resource: Value| {
            json!({
                "subject": { "type": "user", "id": opaque(letter) },
                "action": { "name": action }, "resource": resource,
            })
        };
        let todo = |owner: &str| json!({ "type": "todo", "id": "new", "properties": { "ownerID": owner } });
        let user = json!({ "type": "user", "id": "beth@the-smiths.com" });
        let check = |body: Value, expected: bool| {
            assert_eq!(decision(&house, &body), expected, "{row}: {body}");
        };
        check(asked("can_read_user", user), columns[0]);
        let any = json!({ "type": "todo", "id": "todo-1" });
        check(asked("can_read_todos", any.clone()), columns[0]);
        check(asked("can_create_todo", any), columns[1]);
        for action in ["can_update_todo", "can_delete_todo"] {
            let others = if letter == 'A' {
                "morty@the-citadel.com"
            } else {
                "rick@the-citadel.com"
            };
            check(asked(action, todo(others)), columns[2]);
            check(asked(action, todo(email)), columns[3]);
        }
    }
}

#[test]
fn a_batch_over_todos_is_answered_todo_by_todo() {
    let house = pdp("todo");
    for (letter, expected) in [
        ('A', [true, true]),
        ('E', [false, true]),
        ('Q', [false, false]),
    ] {
        let todos = ["rick@the-citadel.com", "morty@the-citadel.com"].map(|owner| {
            json!({ "resource": { "type": "todo", "id": owner, "properties": { "ownerID": owner } } })
        });
        let body = json!({
            "subject": { "type": "user", "id": opaque(letter) },
            "action": { "name": "can_update_todo" }, "evaluations": todos,
        });
        let answer = house
            .ask(VIEWER, "POST", "/access/v1/evaluations", &body)
            .json();
        let decisions: Vec<_> = answer["evaluations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["decision"].as_bool().unwrap())
            .collect();
        assert_eq!(decisions, expected, "{letter}");
    }
}

#[test]
fn an_api_gateway_lets_everybody_read_and_editors_write() {
    let house = pdp("routes");
    let routes = [
        ("GET", "/users/{userId}", true),
        ("GET", "/todos", true),
        ("POST", "/todos", false),
        ("PUT", "/todos/{todoId}", false),
        ("DELETE", "/todos/{todoId}", false),
    ];
    for (letter, email) in PEOPLE {
        let is_editor = matches!(letter, 'A' | 'E' | 'I');
        for (method, route, is_open) in routes {
            let body = json!({
                "subject": { "type": "identity", "id": opaque(letter) },
                "action": { "name": method }, "resource": { "type": "route", "id": route },
            });
            assert_eq!(
                decision(&house, &body),
                is_open || is_editor,
                "{email} {method} {route}"
            );
        }
    }
}

/// Which of the records 101 to 120 each may view, edit and delete.
const RECORDS: [(&str, &str, &str, &str); 6] = [
    ("alice", "all", "101 107 110 113 119", "101 107 113 119"),
    (
        "bob",
        "101 102 103 105 108 112 114 116 117 119 120",
        "102 108 114 120",
        "102 108 114 120",
    ),
    (
        "carol",
        "101 102 103 105 108 109 112 115 116 117 119",
        "103 109 115",
        "103 109 115",
    ),
    ("dan", "all", "104 110 115 116", "104 110 116"),
    ("erin", "105 111 115 117", "105 111 117", "105 111 117"),
    (
        "felix",
        "104 106 109 111 112 114 118 120",
        "106 112 118",
        "106 112 118",
    ),
];

#[test]
fn searches_over_records_agree_with_each_other_and_with_the_table() {
    let house = pdp("records");
    let all: Vec<String> = (101..=120).map(|id| id.to_string()).collect();
    let mut may: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
    for (user, view, edit, delete) in RECORDS {
        for (action, listed) in [("delete", delete), ("edit", edit), ("view", view)] {
            let expected: Vec<String> = match listed {
                "all" => all.clone(),
                some => some.split(' ').map(str::to_owned).collect(),
            };
            let body = json!({
                "subject": { "type": "user", "id": user },
                "action": { "name": action }, "resource": { "type": "record" },
            });
            assert_eq!(ids(&house, "resource", &body), expected, "{user} {action}");
            for record in expected {
                may.entry((action, record.clone())).or_default().push(user);
                may.entry((user, record)).or_default().push(action);
            }
        }
    }
    let nobody = Vec::new();
    for record in &all {
        let resource = json!({ "type": "record", "id": record });
        for action in ["view", "edit", "delete"] {
            let body = json!({
                "subject": { "type": "user" }, "action": { "name": action }, "resource": resource,
            });
            let expected = may.get(&(action, record.clone())).unwrap_or(&nobody);
            assert_eq!(
                &ids(&house, "subject", &body),
                expected,
                "{action} {record}"
            );
        }
        for (user, ..) in RECORDS {
            let body = json!({ "subject": { "type": "user", "id": user }, "resource": resource });
            let expected = may.get(&(user, record.clone())).unwrap_or(&nobody);
            assert_eq!(&ids(&house, "action", &body), expected, "{user} {record}");
        }
    }
}

fn ids(house: &House, of: &str, body: &Value) -> Vec<String> {
    let answer = house.ask(VIEWER, "POST", &format!("/access/v1/search/{of}"), body);
    found_names(&answer.json())
}

#[test]
fn what_policies_decided_is_on_record_before_it_is_told() {
    let house = pdp("todo");
    let body = json!({
        "subject": { "type": "user", "id": opaque('A') },
        "action": { "name": "can_delete_todo", "properties": { "secret": "canary-1" } },
        "resource": { "type": "todo", "id": "t", "properties": { "ownerID": "canary-2" } },
        "context": { "flow": { "session": "s-9", "turn": 4 }, "password": "canary-3" },
    });
    assert!(decision(&house, &body));
    let record = house
        .records()
        .into_iter()
        .find(|record| record["event"] == "decision")
        .unwrap();
    assert_eq!(record["decision"]["effect"], "allow");
    assert_eq!(
        record["decision"]["policy_ids"],
        json!(["rules.cedar#admins-do-everything"])
    );
    assert_eq!(record["actor"]["id"], "vera");
    assert_eq!(record["on_behalf_of"], format!("user::{}", opaque('A')));
    assert_eq!(record["action"]["resource"], "todo::t");
    assert_eq!(record["flow"], json!({ "session": "s-9", "turn": 4 }));
    assert!(
        record["action"]["args_hash"]
            .as_str()
            .unwrap()
            .starts_with("hmac-sha256:")
    );
    assert!(!record.to_string().contains("canary"), "{record}");
}

#[test]
fn without_policies_nothing_is_allowed_and_nothing_is_found() {
    let house = House::new();
    let body = json!({
        "subject": { "type": "user", "id": "a" }, "action": { "name": "read" },
        "resource": { "type": "doc", "id": "1" },
    });
    let answer = house.ask(VIEWER, "POST", "/access/v1/evaluation", &body);
    assert_eq!(answer.json()["decision"], false);
    assert!(answer.body.contains("--policies"));
    assert!(ids(&house, "subject", &body).is_empty());
}

/// The published cases themselves, where somebody has them: 272 decisions with their answers.
#[test]
#[ignore = "reads the published cases: set BAILIWICK_AUTHZEN_CASES to their folder"]
fn the_published_cases_are_answered_as_published() {
    let folder = PathBuf::from(std::env::var("BAILIWICK_AUTHZEN_CASES").unwrap());
    let mut counted = BTreeMap::new();
    for (file, policies) in [
        ("authzen-todo-backend__test__decisions.json", "todo"),
        (
            "authzen-todo-backend__test__decisions-authorization-api-1_0-00.json",
            "todo",
        ),
        (
            "authzen-todo-backend__test__decisions-authorization-api-1_0-01.json",
            "todo",
        ),
        (
            "authzen-todo-backend__test__decisions-authorization-api-1_0-02.json",
            "todo",
        ),
        (
            "authzen-api-gateways__test-harness__test__decisions.json",
            "routes",
        ),
        (
            "authzen-search-demo__test__subject__results.json",
            "records",
        ),
        (
            "authzen-search-demo__test__resource__results.json",
            "records",
        ),
        ("authzen-search-demo__test__action__results.json", "records"),
        ("authzen-idp__test-harness__src__results.json", "records"),
    ] {
        let house = pdp(policies);
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let cases: BTreeMap<String, Vec<Value>> = serde_json::from_str(&text).unwrap();
        for case in cases.values().flatten() {
            let request = &case["request"];
            let path = match (
                request.get("evaluations"),
                request["subject"].get("id"),
                request.get("action"),
                request["resource"].get("id"),
            ) {
                (Some(_), ..) => "evaluations",
                (None, None, ..) => "search/subject",
                (None, _, None, _) => "search/action",
                (None, _, _, None) => "search/resource",
                (None, ..) => "evaluation",
            };
            let answer = house
                .ask(VIEWER, "POST", &format!("/access/v1/{path}"), request)
                .json();
            let expected = &case["expected"];
            let sorted = |list: &Value| {
                let mut list: Vec<String> = list
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(Value::to_string)
                    .collect();
                list.sort();
                list
            };
            match path {
                "evaluation" => assert_eq!(&answer["decision"], expected, "{file} {request}"),
                "evaluations" => {
                    let told = answer["evaluations"].as_array().unwrap().iter();
                    let told: Vec<_> = told
                        .map(|one| json!({ "decision": one["decision"] }))
                        .collect();
                    assert_eq!(&Value::Array(told), expected, "{file} {request}");
                }
                _ => assert_eq!(
                    sorted(&answer["results"]),
                    sorted(&expected["results"]),
                    "{file} {request}"
                ),
            }
            *counted.entry(path).or_insert(0) += 1;
        }
    }
    let expected = [
        ("evaluation", 185),
        ("evaluations", 3),
        ("search/action", 120),
        ("search/resource", 24),
        ("search/subject", 60),
    ];
    assert_eq!(counted, BTreeMap::from(expected));
}
