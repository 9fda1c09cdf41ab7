use super::*;

fn problem(text: &str) -> (Problem, String, (usize, usize)) {
    let error = Policy::parse(text).unwrap_err();
    (
        error.problem.clone(),
        error.pointer.clone(),
        error.span.line_and_column(text),
    )
}

#[test]
fn a_policy_prints_to_what_it_was_read_from() {
    let text = r#"{"Version":"2012-10-17","Id":"x","Statement":[{"Sid":"A","Effect":"Allow","Principal":{"AWS":["111122223333","arn:aws:iam::111122223333:role/r"],"Service":"lambda.amazonaws.com"},"NotAction":["s3:*","iam:Get?ole"],"Resource":"arn:aws:s3:::${aws:username}/*","Condition":{"StringEquals":{"aws:RequestedRegion":["us-east-1","eu-west-1"]},"Bool":{"aws:SecureTransport":"true"}}}]}"#;
    assert_eq!(Policy::parse(text).unwrap().to_json(), text);
}

#[test]
fn single_values_and_a_single_statement_need_no_list() {
    let one = Policy::parse(r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#);
    let list =
        Policy::parse(r#"{"Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"]}]}"#);
    assert_eq!(one.unwrap(), list.unwrap());
}

#[test]
fn numbers_and_booleans_in_conditions_are_kept_as_written() {
    let policy = Policy::parse(
        r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{
            "NumericLessThan":{"s3:max-keys":1.50},"Bool":{"aws:SecureTransport":false}}}}"#,
    )
    .unwrap();
    let values: Vec<_> = policy.statements[0]
        .conditions
        .iter()
        .map(|c| c.values[0].value.as_str())
        .collect();
    assert_eq!(values, ["1.50", "false"]);
}

#[test]
fn the_root_of_an_account_and_its_number_are_the_same_principal() {
    let policy = Policy::parse(
        r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":[
            "arn:aws:iam::111122223333:root","arn:aws-cn:iam::111122223333:root","111122223333",
            "arn:aws:iam::111122223333:role/root","AROAEXAMPLE"]}}}"#,
    )
    .unwrap();
    let account = PrincipalPattern::Account("111122223333".into());
    let principals = policy.statements[0].principals.as_ref().unwrap().patterns();
    let is_account: Vec<_> = principals.iter().map(|p| p.value == account).collect();
    assert_eq!(is_account, [true, true, true, false, false]);
}

#[test]
fn an_unknown_element_is_named_with_its_place_and_the_likely_one() {
    let text =
        "{\n \"Statement\": [\n  {\"Effect\": \"Allow\", \"action\": \"*\", \"Resource\": \"*\"}]}";
    let (problem, pointer, place) = problem(text);
    assert_eq!(
        problem,
        Problem::UnknownElement {
            name: "action".into(),
            of: "statement"
        }
    );
    assert_eq!(
        problem.mend(),
        "write `Action`; element names are case-sensitive"
    );
    assert_eq!((pointer.as_str(), place), ("/Statement/0/action", (3, 24)));
}

#[test]
fn a_misspelt_operator_is_refused_with_the_likely_one() {
    let (problem, pointer, _) = problem(
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEqual":{"a/b":"c"}}}}"#,
    );
    assert_eq!(problem.mend(), "did you mean `StringEquals`?");
    assert_eq!(pointer, "/Statement/Condition/StringEqual");
}

#[test]
fn what_excludes_each_other_is_refused_together() {
    for (one, other) in [("Action", "NotAction"), ("Resource", "NotResource")] {
        let text = format!(
            r#"{{"Statement":{{"Effect":"Allow","Action":"*","Resource":"*","{other}":"*"}}}}"#
        );
        assert_eq!(problem(&text).0, Problem::Both { one, other });
    }
}

#[test]
fn missing_parts_are_named() {
    for (text, element) in [
        (r#"{"Version":"2012-10-17"}"#, "Statement"),
        (r#"{"Statement":{"Action":"*","Resource":"*"}}"#, "Effect"),
        (
            r#"{"Statement":{"Effect":"Allow","Resource":"*"}}"#,
            "Action",
        ),
    ] {
        assert!(
            matches!(problem(text).0, Problem::Missing { element: found, .. } if found == element)
        );
    }
}

#[test]
fn an_effect_in_lower_case_is_refused() {
    let (problem, ..) = problem(r#"{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}"#);
    assert_eq!(
        problem,
        Problem::Effect {
            found: "allow".into()
        }
    );
}

#[test]
fn a_principal_without_its_kind_is_refused() {
    let (problem, ..) = problem(
        r#"{"Statement":{"Effect":"Allow","Action":"*","Principal":"arn:aws:iam::111122223333:root"}}"#,
    );
    assert!(matches!(problem, Problem::PrincipalKind { .. }));
}

#[test]
fn two_spellings_of_one_operator_stay_two_blocks() {
    let text = r#"{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"a":"b"},"stringequals":{"a":"c"}}}]}"#;
    let policy = Policy::parse(text).unwrap();
    assert_eq!(policy.statements[0].conditions.len(), 2);
    assert_eq!(policy.to_json(), text);
}
