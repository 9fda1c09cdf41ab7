use super::*;

fn parsed(principal: &str, rest: &str) -> Result<Request, ReadError> {
    Request::parse(&format!(
        r#"{{"principal":{principal},"action":"s3:GetObject","resource":"arn:aws:s3:::b/k"{rest}}}"#
    ))
}

fn trouble(rest: &str) -> Trouble {
    parsed(r#""anonymous""#, rest).unwrap_err().trouble
}

#[test]
fn a_request_prints_to_what_it_was_read_from() {
    for text in [
        r#"{"principal":"arn:aws:sts::111122223333:assumed-role/R/s","action":"s3:GetObject","resource":"arn:aws:s3:::b/k","resource_account":"111122223333","context":{"aws:SourceIp":"10.0.0.1","aws:TagKeys":["a","b"]}}"#,
        r#"{"principal":{"service":"bedrock.amazonaws.com"},"action":"sts:AssumeRole","resource":"arn:aws:iam::111122223333:role/R","context":{},"context_complete":false}"#,
        r#"{"principal":{"federated":"cognito-identity.amazonaws.com"},"action":"sts:AssumeRoleWithWebIdentity","resource":"arn:aws:iam::111122223333:role/R","context":{"a":[]},"context_unknown":["aws:SourceVpc"]}"#,
        r#"{"principal":"anonymous","action":"s3:ListAllMyBuckets","resource":"*","context":{}}"#,
    ] {
        let request = Request::parse(text).unwrap();
        assert_eq!(serde_json::to_string(&request).unwrap(), text);
    }
}

#[test]
fn a_session_whose_role_has_a_path_prints_the_path_as_principal_arn() {
    let role = "arn:aws:iam::111122223333:role/agents/prod/R"
        .parse()
        .unwrap();
    let principal = Principal::session(&role, "s").unwrap();
    let request = Request::new(principal, "s3:GetObject", "*");
    let text = serde_json::to_string(&request).unwrap();
    assert!(text.contains(r#""aws:PrincipalArn":"arn:aws:iam::111122223333:role/agents/prod/R""#));
    assert!(text.contains("assumed-role/R/s"));
}

#[test]
fn every_kind_of_principal_is_read_from_its_own_spelling() {
    for (text, is_known) in [
        (r#""arn:aws:iam::111122223333:root""#, true),
        (r#""arn:aws:iam::111122223333:user/a/b""#, true),
        (r#""arn:aws-cn:iam::111122223333:role/R""#, true),
        (r#""arn:aws:sts::111122223333:assumed-role/R/s""#, true),
        (r#""arn:aws:sts::111122223333:federated-user/f""#, true),
        (r#"{"service":"lambda.amazonaws.com"}"#, true),
        (r#""anonymous""#, true),
        (r#""arn:aws:sts::111122223333:assumed-role/R""#, false),
        (r#""arn:aws:sts::111122223333:assumed-role/a/R/s""#, false),
        (r#""arn:aws:iam::111122223333:group/G""#, false),
        (r#""arn:aws:iam::1111:user/a""#, false),
        (r#""arn:aws:s3:::b""#, false),
        (r#""lambda.amazonaws.com""#, false),
        (r#"{"service":"a","federated":"b"}"#, false),
        (r#"{"aws":"*"}"#, false),
    ] {
        assert_eq!(parsed(text, "").is_ok(), is_known, "{text}");
    }
}

#[test]
fn keys_are_read_without_regard_to_case_and_only_once() {
    let request = parsed(
        r#""anonymous""#,
        r#","context":{"AWS:sourceIP":"10.0.0.1"}"#,
    )
    .unwrap();
    let expected = Values::from("10.0.0.1");
    assert_eq!(
        request.context.facts("aws:SourceIp"),
        Facts::Values(&expected)
    );
    assert!(matches!(
        trouble(r#","context":{"aws:SourceIp":"1","aws:sourceip":"2"}"#),
        Trouble::RepeatedKey { .. }
    ));
}

#[test]
fn numbers_and_booleans_are_kept_as_written_and_null_is_refused() {
    let request = parsed(r#""anonymous""#, r#","context":{"a":1.50,"b":true}"#).unwrap();
    assert_eq!(
        request.context.facts("a"),
        Facts::Values(&Values::from("1.50"))
    );
    assert_eq!(
        request.context.facts("b"),
        Facts::Values(&Values::from("true"))
    );
    let trouble = trouble(r#","context":{"a":null}"#);
    assert!(trouble.mend().contains("context_unknown"));
}

#[test]
fn a_key_that_is_not_given_is_absent_or_unknown_as_the_context_says() {
    let context = Context::default().unknown("aws:SourceVpc");
    assert_eq!(context.facts("aws:SourceIp"), Facts::Absent);
    assert_eq!(context.facts("aws:sourcevpc"), Facts::Unknown);
    let context = Context::incomplete().with("a", Values::Many(Vec::new()));
    assert_eq!(context.facts("aws:SourceIp"), Facts::Unknown);
    assert_eq!(context.facts("a"), Facts::Absent);
}

#[test]
fn actions_and_resources_are_whole_ones() {
    for (action, resource) in [
        ("s3:Get*", "*"),
        ("GetObject", "*"),
        ("s3:", "*"),
        ("s3:GetObject", "arn:aws:s3"),
        ("s3:GetObject", "bucket"),
    ] {
        let text =
            format!(r#"{{"principal":"anonymous","action":"{action}","resource":"{resource}"}}"#);
        assert!(Request::parse(&text).is_err(), "{action} on {resource}");
    }
}
