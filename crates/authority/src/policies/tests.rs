use super::*;
use crate::json::{self, Bounds};

const POLICIES: &str = r#"
@id("readers")
permit(principal, action == Action::"read", resource) when { principal has team };

@id("owners")
permit(principal, action in [Action::"write", Action::"delete"], resource)
when { resource has owner && resource.owner == principal }
unless { context.action has soft && !context.action.soft };

@id("frozen")
forbid(principal, action == Action::"write", resource)
when { resource has frozen && resource.frozen };
"#;

const ENTITIES: &str = r#"[
  {"uid": {"type": "user", "id": "ann"}, "attrs": {"team": "a"}, "parents": []},
  {"uid": {"type": "user", "id": "bo"}, "attrs": {}, "parents": []},
  {"uid": {"type": "doc", "id": "1"},
   "attrs": {"owner": {"__entity": {"type": "user", "id": "ann"}}, "frozen": false}, "parents": []},
  {"uid": {"type": "doc", "id": "2"}, "attrs": {"frozen": true}, "parents": []}
]"#;

fn policies() -> Policies {
    let files = [
        ("a.cedar", POLICIES.as_bytes()),
        ("entities.json", ENTITIES.as_bytes()),
    ];
    Policies::parse(files).unwrap()
}

fn members(text: &str) -> Members {
    let read = json::read(text.as_bytes(), Bounds::REQUEST).unwrap();
    read.record().unwrap().clone()
}

/// `subject action resource`, each with `{…}` properties where it has some.
#[track_caller]
fn check(subject: (&str, &str), action: (&str, &str), resource: (&str, &str), allowed: bool) {
    let (of_subject, of_action, of_resource) =
        (members(subject.1), members(action.1), members(resource.1));
    let question = Question {
        subject: Party {
            kind: "user",
            id: subject.0,
            properties: Some(&of_subject),
        },
        action: Deed {
            name: action.0,
            properties: Some(&of_action),
        },
        resource: Party {
            kind: "doc",
            id: resource.0,
            properties: Some(&of_resource),
        },
        context: None,
    };
    let opinion = policies().ask(&question);
    assert_eq!(opinion.is_allowed, allowed, "{opinion:?}");
}

#[test]
fn what_a_request_says_fills_in_what_the_entities_do_not_say() {
    check(("ann", "{}"), ("read", "{}"), ("1", "{}"), true);
    check(("bo", "{}"), ("read", "{}"), ("1", "{}"), false);
    check(("bo", r#"{"team":"b"}"#), ("read", "{}"), ("1", "{}"), true);
    check(
        ("nobody", r#"{"team":"b"}"#),
        ("read", "{}"),
        ("9", "{}"),
        true,
    );
}

#[test]
fn what_the_entities_say_outranks_what_a_request_says() {
    check(("ann", "{}"), ("write", "{}"), ("1", "{}"), true);
    check(
        ("ann", "{}"),
        ("write", "{}"),
        ("1", r#"{"frozen":true}"#),
        true,
    );
    check(
        ("ann", "{}"),
        ("write", "{}"),
        ("2", r#"{"frozen":false}"#),
        false,
    );
}

#[test]
fn a_request_cannot_pretend_to_name_an_entity() {
    let forged = r#"{"owner":{"__entity":{"type":"user","id":"bo"}}}"#;
    check(("bo", "{}"), ("delete", "{}"), ("9", forged), false);
}

#[test]
fn the_properties_of_an_action_are_in_the_context() {
    check(
        ("ann", "{}"),
        ("delete", r#"{"soft":true}"#),
        ("1", "{}"),
        true,
    );
    check(
        ("ann", "{}"),
        ("delete", r#"{"soft":false}"#),
        ("1", "{}"),
        false,
    );
    check(
        ("ann", "{}"),
        ("delete", r#"{"soft":null}"#),
        ("1", "{}"),
        true,
    );
}

#[test]
fn what_cannot_be_evaluated_is_a_denial_even_where_another_policy_permits() {
    // A mistyped `frozen` makes the `forbid` fail, which Cedar alone would pass over.
    let (frozen, none) = (members(r#"{"frozen":"yes"}"#), Members::new());
    let question = Question {
        subject: Party {
            kind: "user",
            id: "ann",
            properties: Some(&none),
        },
        action: Deed {
            name: "write",
            properties: None,
        },
        resource: Party {
            kind: "doc",
            id: "3",
            properties: Some(&frozen),
        },
        context: None,
    };
    let opinion = policies().ask(&question);
    assert!(!opinion.is_allowed);
    assert!(opinion.errors[0].contains("frozen"), "{opinion:?}");

    let odd = Question {
        subject: Party {
            kind: "user-name",
            ..question.subject
        },
        ..question
    };
    assert_eq!(policies().ask(&odd).errors.len(), 1);
}

#[test]
fn an_answer_names_the_policies_that_made_it() {
    let question = Question {
        subject: Party {
            kind: "user",
            id: "ann",
            properties: None,
        },
        action: Deed {
            name: "read",
            properties: None,
        },
        resource: Party {
            kind: "doc",
            id: "1",
            properties: None,
        },
        context: None,
    };
    assert_eq!(policies().ask(&question).policies, ["a.cedar#readers"]);
}

#[test]
fn a_search_finds_what_a_question_allows_page_by_page() {
    let policies = policies();
    let resource = Party {
        kind: "doc",
        id: "1",
        properties: None,
    };
    let ann = Party {
        kind: "user",
        id: "ann",
        properties: None,
    };
    let read = Deed {
        name: "read",
        properties: None,
    };
    let search = Search::Subject {
        kind: "user",
        properties: None,
        action: read,
        resource,
    };
    let found = policies.search(&search, None, None, 9).unwrap();
    assert_eq!((found.ids, found.more), (vec!["ann".to_owned()], false));

    let search = Search::Resource {
        kind: "doc",
        properties: None,
        subject: ann,
        action: read,
    };
    let first = policies.search(&search, None, None, 1).unwrap();
    assert_eq!((first.ids, first.more), (vec!["1".to_owned()], true));
    let second = policies.search(&search, None, Some("1"), 1).unwrap();
    assert_eq!((second.ids, second.more), (vec!["2".to_owned()], false));

    let search = Search::Action {
        subject: ann,
        resource,
    };
    let found = policies.search(&search, None, None, 9).unwrap();
    assert_eq!(found.ids, ["delete", "read", "write"]);

    let search = Search::Subject {
        kind: "spaceship",
        properties: None,
        action: read,
        resource,
    };
    assert_eq!(
        policies.search(&search, None, None, 9).unwrap(),
        Found::default()
    );
}

#[test]
fn a_folder_that_cannot_be_used_names_the_file() {
    #[track_caller]
    fn check(files: &[(&str, &str)], file: &str, what: &str) {
        let files = files.iter().map(|(name, text)| (*name, text.as_bytes()));
        let error = Policies::parse(files).unwrap_err();
        let [problem] = error.0.as_slice() else {
            panic!("{error}");
        };
        assert_eq!(problem.file, file);
        assert!(problem.what.contains(what), "{error}");
    }
    let good = ("good.cedar", "permit(principal, action, resource);");
    check(&[], "the folder", "no policy");
    check(&[("a.cedar", "permit(principal)")], "a.cedar", "unexpected");
    check(&[good, ("b.ceder", "")], "b.ceder", "rename");
    check(
        &[
            good,
            (
                "t.cedar",
                "permit(principal == ?principal, action, resource);",
            ),
        ],
        "t.cedar",
        "template",
    );
    check(
        &[good, ("e.json", r#"[{"uid":1,"uid":2}]"#)],
        "e.json",
        "twice",
    );
    check(
        &[
            good,
            (
                "s.cedarschema",
                "entity user; action read appliesTo { principal: user, resource: user };",
            ),
            (
                "p.cedar",
                r#"permit(principal == robot::"r", action, resource);"#,
            ),
        ],
        "the policies",
        "robot",
    );
    check(
        &[(
            "a.cedar",
            r#"@id("x") permit(principal, action, resource); @id("x") forbid(principal, action, resource);"#,
        )],
        "a.cedar",
        "@id",
    );
}

#[test]
fn the_version_changes_with_every_file_that_counts() {
    let version = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(name, text)| (*name, text.as_bytes()));
        Policies::parse(files).unwrap().version().to_owned()
    };
    let good = ("good.cedar", "permit(principal, action, resource);");
    let other = ("good.cedar", "forbid(principal, action, resource);");
    assert_ne!(version(&[good]), version(&[other]));
    assert_eq!(version(&[good]), version(&[good, ("README.md", "words")]));
}
