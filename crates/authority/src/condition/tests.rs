use std::collections::BTreeMap;

use bailiwick_charter::Charter;

use super::*;
use crate::argument::{SchemaFault, Tools};
use crate::authority::{Authority, Settings, Standing};
use crate::call::Call;

/// A charter with one tool under a condition.
fn charter(when: &str) -> Charter {
    let when = when.replace('\'', "''");
    let text = format!(
        "agent: reader\nowner: {{ team: t, contact: t@example.com }}\npurpose: p\nenvironment: prod\nmode: brokered\ntasks:\n  post:\n    for: 5m\n    parameters: {{ supplier: '[a-z0-9-]+' }}\n    tools: [ {{ tool: ledger/post, when: '{when}' }} ]\n"
    );
    Charter::parse("c.yaml", &text).unwrap()
}

fn authority_with(when: &str, tools: Tools) -> Result<Authority, String> {
    let settings = Settings {
        tools,
        ..Settings::default()
    };
    Authority::of([charter(when)], settings).map_err(|faults| faults.to_string())
}

fn code(authority: &Authority, args: &str) -> String {
    let task = authority.task("reader", "post").unwrap();
    let bound = task.bind([("supplier", "acme-1")]).unwrap();
    let standing = Standing {
        agent: "reader".into(),
        task: "post".into(),
        charter: task.charter().into(),
        body: bound.to_bytes(),
        history: Vec::new(),
    };
    match Call::tool("ledger/post", args.as_bytes()) {
        Ok(call) => authority.judge(&standing, &call, 0).code().into(),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn check(when: &str, calls: &[(&str, &str)]) {
    let authority = authority_with(when, Tools::default()).unwrap();
    for (args, expected) in calls {
        assert_eq!(code(&authority, args), *expected, "{when} with {args}");
    }
}

#[test]
fn a_condition_judges_the_arguments_of_the_call() {
    check(
        "args.amount <= 1000",
        &[
            (r#"{"amount":1000}"#, "allowed"),
            (r#"{"amount":1001}"#, "condition_not_met"),
        ],
    );
    check(
        r#"["EUR", "USD"].contains(args.currency) && args.supplier == parameters.supplier"#,
        &[
            (r#"{"currency":"EUR","supplier":"acme-1"}"#, "allowed"),
            (
                r#"{"currency":"EUR","supplier":"acme-2"}"#,
                "condition_not_met",
            ),
            (
                r#"{"currency":"GBP","supplier":"acme-1"}"#,
                "condition_not_met",
            ),
        ],
    );
}

#[test]
fn test_55_an_argument_that_is_absent_or_mistyped_is_a_denial_whatever_the_condition_compares() {
    // To Cedar a text is simply not equal to a number: this condition would let `"1000000"` pass.
    check(
        "args.amount != 1000000",
        &[
            (r#"{"amount":5}"#, "allowed"),
            (r#"{"amount":1000000}"#, "condition_not_met"),
            (r#"{"amount":"1000000"}"#, "argument_mistyped"),
            (r#"{"amount":1000000.0}"#, "argument_mistyped"),
            (r#"{"amount":[1000000]}"#, "argument_mistyped"),
            (r#"{"amount":{"value":1000000}}"#, "argument_mistyped"),
            (r#"{"amount":null}"#, "argument_absent"),
            (r#"{"Amount":5}"#, "argument_absent"),
            ("{}", "argument_absent"),
        ],
    );
    check(
        r#"!["admin"].contains(args.role)"#,
        &[
            (r#"{"role":"reader"}"#, "allowed"),
            (r#"{"role":"admin"}"#, "condition_not_met"),
            (r#"{"role":["admin"]}"#, "argument_mistyped"),
            (r#"{"role":true}"#, "argument_mistyped"),
        ],
    );
}

#[test]
fn test_55_an_amount_that_overflows_is_a_denial_and_its_error_is_recorded() {
    check(
        "args.a + args.b <= 1000",
        &[
            (r#"{"a":400,"b":600}"#, "allowed"),
            (r#"{"a":9223372036854775807,"b":1}"#, "condition_failed"),
        ],
    );
    check(
        "!(args.a * 2 > 1000)",
        &[(r#"{"a":9223372036854775807}"#, "condition_failed")],
    );
    let authority = authority_with("args.a + args.b <= 1000", Tools::default()).unwrap();
    let task = authority.task("reader", "post").unwrap();
    let bound = task.bind([("supplier", "acme-1")]).unwrap();
    let call = Call::tool("ledger/post", br#"{"a":9223372036854775807,"b":1}"#).unwrap();
    let judgement = task.judge(&bound, &crate::History::default(), &call, 0);
    let recorded = judgement.entry().decision.unwrap().errors;
    assert!(recorded[0].contains("overflow"), "{recorded:?}");
}

#[test]
fn test_57_a_text_that_has_another_spelling_is_refused_before_it_is_compared() {
    check(
        r#"args.role != "admin""#,
        &[
            (r#"{"role":"reader"}"#, "allowed"),
            (r#"{"role":"admin\u200b"}"#, "argument_unsafe"),
            (r#"{"role":"\uff41dmin"}"#, "argument_unsafe"),
            (r#"{"role":"adm\u202ein"}"#, "argument_unsafe"),
        ],
    );
}

#[test]
fn an_address_is_judged_by_its_domain_and_not_by_its_end() {
    check(
        r#"args.to.domain == "example.com""#,
        &[
            (r#"{"to":"bob@Example.com"}"#, "allowed"),
            (r#"{"to":"bob@evil-example.com"}"#, "condition_not_met"),
            (
                r#"{"to":"bob@example.com.evil.example"}"#,
                "condition_not_met",
            ),
            (
                r#"{"to":"bob@example.com,eve@evil.example"}"#,
                "argument_mistyped",
            ),
            (r#"{"to":{"domain":"example.com"}}"#, "argument_mistyped"),
        ],
    );
}

#[test]
fn a_url_is_judged_by_its_host_and_path() {
    check(
        r#"args.page.host == "docs.example.com" && args.page.path like "/public/*""#,
        &[
            (r#"{"page":"https://docs.example.com/public/x"}"#, "allowed"),
            (
                r#"{"page":"https://docs.example.com@evil.example/public/x"}"#,
                "argument_unsafe",
            ),
            (
                r#"{"page":"https://docs.example.com/public/../secret"}"#,
                "argument_unsafe",
            ),
            (
                r#"{"page":"https://docs.example.com/public/%2e%2e/secret"}"#,
                "argument_unsafe",
            ),
            (
                r#"{"page":"https://docs.example.com/secret"}"#,
                "condition_not_met",
            ),
        ],
    );
}

#[test]
fn an_amount_with_a_point_is_exact() {
    check(
        r#"args.amount.lessThanOrEqual(decimal("10.50"))"#,
        &[
            (r#"{"amount":10.5}"#, "allowed"),
            (r#"{"amount":10}"#, "allowed"),
            (r#"{"amount":"10.50"}"#, "allowed"),
            (r#"{"amount":10.5001}"#, "condition_not_met"),
            (r#"{"amount":"ten"}"#, "argument_mistyped"),
            (
                r#"{"amount":1e1}"#,
                "the arguments: a number at byte 10 that is neither a whole number of 64 bits nor one with at most four digits behind its point",
            ),
        ],
    );
}

#[test]
fn an_argument_that_may_be_absent_is_asked_for_first() {
    check(
        r#"args.amount <= 10 && (if args has note then args.note like "INV-*" else true)"#,
        &[
            (r#"{"amount":1}"#, "allowed"),
            (r#"{"amount":1,"note":"INV-1"}"#, "allowed"),
            (r#"{"amount":1,"note":"x"}"#, "condition_not_met"),
            (r#"{"amount":1,"note":1}"#, "argument_mistyped"),
        ],
    );
    check(
        "!(args has override)",
        &[
            ("{}", "allowed"),
            (r#"{"override":false}"#, "condition_not_met"),
        ],
    );
    let fault = authority_with(r#"args has note || args.note == "x""#, Tools::default());
    assert!(fault.unwrap_err().contains("note"));
}

#[test]
fn lists_and_objects_are_typed_as_deep_as_they_are_asked_about() {
    check(
        r#"["a","b"].containsAll(args.tags) && args.order.total <= 10"#,
        &[
            (r#"{"tags":["a"],"order":{"total":1}}"#, "allowed"),
            (r#"{"tags":[],"order":{"total":1}}"#, "allowed"),
            (r#"{"tags":["c"],"order":{"total":1}}"#, "condition_not_met"),
            (
                r#"{"tags":["a",1],"order":{"total":1}}"#,
                "argument_mistyped",
            ),
            (r#"{"tags":"a","order":{"total":1}}"#, "argument_mistyped"),
            (r#"{"tags":["a"],"order":{}}"#, "argument_absent"),
            (r#"{"tags":["a"],"order":"1"}"#, "argument_mistyped"),
        ],
    );
}

#[test]
fn a_condition_whose_types_cannot_be_told_is_an_error_in_the_charter() {
    for (when, told) in [
        ("args.a == args.b", "nothing tells the type of `args.a`"),
        (
            r#"args.a == 1 || args.a == "1""#,
            "used as a whole number and as a text",
        ),
        (
            r#"args.to == "a@b.example" && args.to.domain == "b.example""#,
            "compare `args.to.address`",
        ),
        (
            r#"args.to.domain == "b.example" && args.to.port == 1"#,
            "no part `port`",
        ),
        ("args.x && args.x > 1", "used as"),
        (r#"args.page.host == 1"#, "used as"),
        (r#"args.x == parameters.nobody"#, "nobody"),
        ("args == args && args.x == 1", "name one argument"),
    ] {
        let fault = authority_with(when, Tools::default()).unwrap_err();
        assert!(fault.contains(told), "{when}: {fault}");
        assert!(fault.contains(", 10:"), "the place is told: {fault}");
    }
}

fn tools(schema: &str) -> Result<Tools, SchemaFault> {
    let described = format!(r#"{{"description":"Posts.","inputSchema":{schema}}}"#);
    Tools::default().with("ledger/post".parse().unwrap(), described.as_bytes())
}

#[test]
fn the_tool_s_schema_has_the_last_word_on_types() {
    let schema = r#"{"type":"object","properties":{
        "a":{"type":"integer"},"b":{"type":"integer"},"to":{"type":"string","format":"email"},
        "file":{"type":"string"},"price":{"type":"number"},"tags":{"type":"array","items":{"type":"string"}},
        "any":{"anyOf":[{"type":"string"},{"type":"integer"}]}}}"#;
    let with = |when: &str| authority_with(when, tools(schema).unwrap());
    let authority = with("args.a == args.b").unwrap();
    assert_eq!(code(&authority, r#"{"a":1,"b":1}"#), "allowed");
    assert_eq!(code(&authority, r#"{"a":1,"b":"1"}"#), "argument_mistyped");
    let authority = with(r#"args.file.name == "x.pdf""#).unwrap();
    assert_eq!(code(&authority, r#"{"file":"a/x.pdf"}"#), "allowed");
    assert_eq!(
        code(&authority, r#"{"file":"a/../x.pdf"}"#),
        "argument_unsafe"
    );
    let authority = with(r#"args.price.lessThan(decimal("2.5"))"#).unwrap();
    assert_eq!(code(&authority, r#"{"price":2.4}"#), "allowed");
    for (when, told) in [
        (
            r#"args.a == "1""#,
            "schema says that `args.a` is a whole number",
        ),
        ("args.amount <= 1", "no argument `args.amount`"),
        (r#"args.to.host == "x""#, "no part `host`"),
        ("args.tags.x == 1", "schema says that `args.tags` is a list"),
    ] {
        let fault = with(when).unwrap_err();
        assert!(fault.contains(told), "{when}: {fault}");
    }
}

#[test]
fn types_are_found_through_what_an_argument_is_equal_to() {
    let expression = |when: &str| {
        let policy: Policy = format!("permit(principal, action, resource) when {{ {when} }};")
            .parse()
            .unwrap();
        let json = policy.to_json().unwrap();
        let body = json["conditions"][0]["body"].clone();
        types(&[&body], None)
    };
    let fields = expression("context.args.a == context.args.b && context.args.b == context.args.c && context.args.c > 1").unwrap();
    let names: BTreeMap<_, _> = fields
        .iter()
        .map(|(name, field)| (name.as_str(), &field.of))
        .collect();
    assert_eq!(
        names,
        BTreeMap::from([("a", &Type::Long), ("b", &Type::Long), ("c", &Type::Long)])
    );
}
