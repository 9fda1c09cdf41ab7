//! What is asked for, spelled and typed in every wrong way.

use bailiwick_charter::Charters;
use serde_json::{Value, json};

use crate::house::{House, OPERATOR, Plan};

/// An agent with a condition that adds, a path, a call to AWS and a parameter that admits anything.
const KEEPER: &str = r#"
agent: keeper
owner: { team: payments, contact: payments@example.com }
purpose: Keep files.
environment: prod
mode: brokered
role: { arn: "arn:aws:iam::111122223333:role/keeper" }
tasks:
  keep:
    for: 20m
    parameters: { tenant: ".*" }
    read: [ { actions: [s3:GetObject], resources: ["arn:aws:s3:::files/${tenant}"] } ]
    tools:
      - { tool: sums/add, when: "args.one + args.other <= 1000" }
      - { tool: files/put, when: 'args.path.folder == "/data/in"' }
"#;

fn house() -> House {
    House::of(Plan {
        charters: vec![("keeper.yaml".into(), KEEPER.into())],
        ..Plan::default()
    })
}

fn keeper(house: &House) -> String {
    let body = json!({ "agent": "keeper", "task": "keep", "parameters": { "tenant": "acme" } });
    let opened = house.open("keeper", &body);
    assert_eq!(opened.status, 201, "{}", opened.body);
    crate::house::held(&opened).1
}

fn decided(
    house: &House,
    token: &str,
    action: &str,
    properties: &Value,
    resource: &Value,
) -> (Value, String) {
    let body = json!({
        "subject": { "type": "agent", "id": "keeper" },
        "action": { "name": action, "properties": properties },
        "resource": resource,
    });
    let answer = house.ask(token, "POST", "/access/v1/evaluation", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    let code = answer["context"]["reason"]["code"]
        .as_str()
        .unwrap_or("allowed");
    (answer["decision"].clone(), code.to_owned())
}

// Test 55 of the list of required ones.
#[test]
fn what_cannot_be_evaluated_is_denied_and_its_record_says_why() {
    let house = house();
    let token = keeper(&house);
    let tool = |name: &str, args: Value| {
        decided(
            &house,
            &token,
            "call",
            &args,
            &json!({ "type": "tool", "id": name }),
        )
    };
    assert_eq!(
        tool("sums/add", json!({ "one": 1, "other": 2 })),
        (json!(true), "allowed".into())
    );
    for (what, args, code) in [
        (
            "an attribute is missing",
            json!({ "one": 1 }),
            "argument_absent",
        ),
        (
            "an attribute is null",
            json!({ "one": 1, "other": null }),
            "argument_absent",
        ),
        (
            "a number is a text",
            json!({ "one": "1", "other": 2 }),
            "argument_mistyped",
        ),
        (
            "a number is a list",
            json!({ "one": [1], "other": 2 }),
            "argument_mistyped",
        ),
        (
            "the sum is too large",
            json!({ "one": i64::MAX, "other": 1 }),
            "condition_failed",
        ),
        (
            "the condition does not hold",
            json!({ "one": 999, "other": 2 }),
            "condition_not_met",
        ),
    ] {
        assert_eq!(
            tool("sums/add", args),
            (json!(false), code.to_owned()),
            "{what}"
        );
    }
    assert_eq!(
        tool("sums/none", json!({})),
        (json!(false), "not_declared".into())
    );
    for (action, kind) in [("drop", "tool"), ("call", "table"), ("", "aws")] {
        let (decision, code) = decided(
            &house,
            &token,
            action,
            &json!({}),
            &json!({ "type": kind, "id": "sums/add" }),
        );
        assert_eq!(decision, false, "{action} {kind}");
        assert_ne!(code, "allowed");
    }
    let records = house.records();
    let decisions: Vec<&Value> = records
        .iter()
        .filter(|one| one["event"] == "decision")
        .collect();
    assert_eq!(decisions.len(), 11, "each is on record");
    for denied in &decisions[1..] {
        assert_eq!(denied["decision"]["effect"], "deny");
        let errors = denied["decision"]["errors"].as_array().unwrap();
        assert!(!errors.is_empty(), "{denied}");
        assert!(denied["reason_code"].is_string(), "{denied}");
    }
    let overflow = decisions
        .iter()
        .find(|one| one["reason_code"] == "condition_failed");
    assert!(
        overflow.unwrap()["decision"]["errors"]
            .to_string()
            .contains("overflow")
    );
}

/// Letters that mean more than themselves to IAM, a path, a header, a terminal or an eye.
const TRICKS: [&str; 14] = [
    "*", "+", "/", ",", "\"", "\n", "\r", " ", "\u{202e}", "\u{200b}", "\u{feff}", ":", "%2e", "\0",
];

// Test 56.
#[test]
fn a_name_that_a_template_could_read_as_more_is_refused_at_registration() {
    let parsed = |text: &str| Charters::parse([("keeper.yaml", text.as_bytes())]);
    assert!(parsed(KEEPER).is_ok());
    for trick in TRICKS {
        let quoted = serde_json::to_string(&format!("kee{trick}per")).unwrap();
        for name in ["agent: keeper", "  keep:", "tenant:"] {
            let named = match name {
                "agent: keeper" => format!("agent: {quoted}"),
                "  keep:" => format!("  {quoted}:"),
                _ => format!("{quoted}:"),
            };
            let text = KEEPER.replacen(name, &named, 1);
            assert_ne!(text, KEEPER);
            assert!(parsed(&text).is_err(), "{named}");
        }
    }
    // And values that go into one, whatever the charter's expression lets through.
    let house = house();
    for value in [
        "a/b",
        "a:b",
        "a\\b",
        "a%2fb",
        "",
        "..",
        "a\nb",
        "a\u{202e}b",
        "a\u{200b}b",
    ] {
        let body = json!({ "agent": "keeper", "task": "keep", "parameters": { "tenant": value } });
        let refused = house.open("keeper", &body);
        assert_eq!(refused.status, 400, "{value:?}: {}", refused.body);
    }
    let opened = |one: &Value| one["event"] == "grant.approved";
    assert!(
        !house.records().iter().any(opened),
        "no grant was made of any"
    );
}

// Test 57.
#[test]
fn a_name_has_one_spelling_and_every_other_one_is_nobody() {
    let house = house();
    for name in [
        "Keeper",
        " keeper",
        "keeper ",
        "KEEPER",
        "keeper\u{200b}",
        "\u{ff4b}eeper",
        "ke\u{0435}per",
        "kee\u{0070}\u{0301}er",
        "keeper\0",
    ] {
        let ticket = house.ask(OPERATOR, "POST", "/v1/tickets", &json!({ "agent": name }));
        assert_eq!(ticket.status, 404, "{name:?}: {}", ticket.body);
        let named = format!("agent: {}", serde_json::to_string(name).unwrap());
        let text = KEEPER.replacen("agent: keeper", &named, 1);
        let both = [
            ("keeper.yaml", KEEPER.as_bytes()),
            ("twin.yaml", text.as_bytes()),
        ];
        assert!(Charters::parse(both).is_err(), "{name:?}");
    }
    // An operator who misspells a name is told that nobody has it.
    let kill = |name: &str| {
        let body = json!({ "scope": "agent", "name": name, "reason": "drill" });
        house.ask(OPERATOR, "POST", "/v1/kill", &body).json()
    };
    assert_eq!(kill("Keeper")["known"], false);
    assert_eq!(kill("keeper")["known"], true);
}

// Test 58.
#[test]
fn a_path_that_leads_elsewhere_than_it_says_is_refused_before_any_policy() {
    let house = house();
    let token = keeper(&house);
    for name in [
        "sums/../sums/add",
        "sums/./add",
        "sums//add",
        "sums/add/",
        "sums/add.",
        "sums%2fadd",
        "sums/%61dd",
        "sums%252fadd",
        "SUMS/add",
        "sums/add\u{200b}",
        "/sums/add",
        "sums\\add",
    ] {
        let args = json!({ "one": 1, "other": 2 });
        let resource = json!({ "type": "tool", "id": name });
        let (decision, code) = decided(&house, &token, "call", &args, &resource);
        assert_eq!(decision, false, "{name:?}");
        assert!(
            matches!(code.as_str(), "call_unreadable" | "not_declared"),
            "{name:?}: {code}"
        );
    }
    let aws = |resource: &str| {
        let resource = json!({ "type": "aws", "id": resource });
        decided(&house, &token, "s3:GetObject", &json!({}), &resource)
    };
    assert_eq!(
        aws("arn:aws:s3:::files/acme"),
        (json!(true), "allowed".into())
    );
    for resource in [
        "arn:aws:s3:::files/x/../acme",
        "arn:aws:s3:::files/./acme",
        "arn:aws:s3:::files/%2e%2e/acme",
        "arn:aws:s3:::files/%252e%252e/acme",
        "arn:aws:s3:::files/acm?",
        "arn:aws:s3:::files/*",
        "arn:aws:s3:::files/acme\u{200b}",
        "arn:aws:s3:::files/${aws:username}",
    ] {
        assert_eq!(
            aws(resource),
            (json!(false), "not_literal".into()),
            "{resource:?}"
        );
    }
    let put = |path: &str| {
        let resource = json!({ "type": "tool", "id": "files/put" });
        decided(&house, &token, "call", &json!({ "path": path }), &resource)
    };
    assert_eq!(put("/data/in/a.txt"), (json!(true), "allowed".into()));
    for path in [
        "/data/in/../../etc/passwd",
        "/data/in/./a",
        "/data/in/%2e%2e/a",
        "/data/in/%252e%252e/a",
        "/data/in/a\0",
        "/data/in\\..\\a",
        "/data/in/..",
    ] {
        let (decision, code) = put(path);
        assert_eq!(decision, false, "{path:?}");
        assert!(
            matches!(code.as_str(), "argument_unsafe" | "argument_mistyped"),
            "{path:?}: {code}"
        );
    }
}
