use super::*;
use crate::{evaluate::Outcome, vocabulary::NoVocabulary};

const ALL: &str = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

fn with(layers: &str) -> String {
    format!(
        r#"{{"request":{{"principal":"arn:aws:iam::111122223333:user/ann","action":"s3:GetObject","resource":"arn:aws:s3:::b/k"}},{layers}}}"#
    )
}

fn outcome(layers: &str) -> Outcome {
    let case = Case::parse(&with(layers)).unwrap();
    case.answer(&NoVocabulary).decision.outcome
}

fn trouble(layers: &str) -> (Trouble, String) {
    let error = Case::parse(&with(layers)).unwrap_err();
    (error.trouble, error.pointer)
}

#[test]
fn an_absent_layer_a_null_layer_and_an_empty_one_are_three_things() {
    let all = format!(r#"[{{"name":"all","document":{ALL}}}]"#);
    let identity = format!(r#""identity":{all}"#);
    for (layers, expected) in [
        (identity.clone(), Outcome::Allow),
        (format!(r#"{identity},"scp":null"#), Outcome::Allow),
        (format!(r#"{identity},"scp":[]"#), Outcome::Allow),
        (
            format!(r#"{identity},"scp":[{{"target":"r","policies":[]}}]"#),
            Outcome::ImplicitDeny,
        ),
        (
            format!(r#"{identity},"rcp":[{{"target":"r","policies":[]}}]"#),
            Outcome::Allow,
        ),
        (r#""identity":[]"#.into(), Outcome::ImplicitDeny),
        (r#""identity":null"#.into(), Outcome::ImplicitDeny),
    ] {
        assert_eq!(outcome(&layers), expected, "{layers}");
    }
}

#[test]
fn an_empty_boundary_session_or_endpoint_is_refused_because_it_could_mean_two_things() {
    for layer in ["boundary", "session", "endpoint"] {
        let (trouble, pointer) = trouble(&format!(r#""{layer}":[]"#));
        assert_eq!(trouble, Trouble::EmptyLayer { layer });
        assert_eq!(pointer, format!("/{layer}"));
        assert_eq!(
            outcome(&format!(r#""identity":[],"{layer}":null"#)),
            Outcome::ImplicitDeny
        );
    }
}

#[test]
fn a_policy_that_cannot_be_read_is_pointed_at_in_its_case() {
    let (trouble, pointer) = trouble(
        r#""identity":[{"name":"p","document":{"Statement":[{"Effect":"allow","Action":"*","Resource":"*"}]}}]"#,
    );
    assert!(matches!(trouble, Trouble::Policy(_)));
    assert_eq!(pointer, "/identity/0/document/Statement/0/Effect");
    assert_eq!(trouble.mend(), "write \"Allow\" or \"Deny\", in this case");
}

#[test]
fn completeness_may_stand_in_the_case_or_in_the_request_but_not_twice_and_differ() {
    let inside = |value: &str| {
        format!(
            r#"{{"request":{{"principal":"anonymous","action":"s3:GetObject","resource":"*","context_complete":{value}}},"context_complete":false}}"#
        )
    };
    let case = Case::parse(&inside("false")).unwrap();
    assert!(!case.request.context.is_complete());
    let error = Case::parse(&inside("true")).unwrap_err();
    assert_eq!(error.trouble, Trouble::Completeness);
    assert!(
        !Case::parse(&with(r#""context_complete":false"#))
            .unwrap()
            .request
            .context
            .is_complete()
    );
}

#[test]
fn a_misspelt_member_is_refused_with_the_known_ones() {
    let (trouble, pointer) = trouble(r#""resourcePolicy":null"#);
    assert!(trouble.mend().contains("resource_policy"));
    assert_eq!(pointer, "/resourcePolicy");
}

#[test]
fn a_case_without_a_request_is_refused() {
    let error = Case::parse(r#"{"identity":[]}"#).unwrap_err();
    assert_eq!(error.trouble.mend(), "add `request`");
}
