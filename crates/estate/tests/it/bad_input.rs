//! Whatever is wrong with a file: which one, where, and the mend.

use serde_json::json;

use crate::given::{ACCOUNT, Given, and, gaps, iam, role};

fn refusal(bytes: &[u8]) -> String {
    Given::default()
        .with_bytes("estate/iam.json", bytes)
        .refusal()
}

#[track_caller]
fn says(refusal: &str, parts: &[&str]) {
    for part in parts {
        assert!(refusal.contains(part), "`{part}` is not in: {refusal}");
    }
}

#[test]
fn a_file_that_was_cut_off_is_told_at_its_end() {
    let whole = iam(&[role("r", "lambda.amazonaws.com")], &[]).to_string();
    for end in [1, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        let refusal = refusal(&whole.as_bytes()[..end]);
        says(&refusal, &["snapshot/estate/iam.json:1:", "make it again"]);
    }
}

#[test]
fn an_empty_file_is_no_estate() {
    says(&refusal(b""), &["iam.json:1:1", "empty", "make it again"]);
    says(&refusal(b" \n\t"), &["empty"]);
}

#[test]
fn a_wrong_type_is_told_where_it_stands() {
    let text = r#"{"UserDetailList": [], "GroupDetailList": [], "Policies": [],
 "RoleDetailList": [{"RoleName": ["r"], "Arn": "arn:aws:iam::111122223333:role/r"}]}"#;
    says(
        &refusal(text.as_bytes()),
        &[
            "iam.json:2:34",
            "expected a string, found a list",
            "/RoleDetailList/0/RoleName",
        ],
    );
    says(
        &refusal(br#"{"RoleDetailList": {}}"#),
        &["iam.json:1:20", "expected a list"],
    );
}

#[test]
fn a_missing_member_is_named() {
    let text = br#"{"RoleDetailList": [{"RoleName": "r"}]}"#;
    says(
        &refusal(text),
        &["`Arn` is missing", "/RoleDetailList/0", "add `Arn`"],
    );
}

#[test]
fn a_principal_of_no_account_is_refused() {
    let role = and(role("r", ""), json!({"Arn": "arn:aws:iam:::role/r"}));
    says(
        &refusal(iam(&[role], &[]).to_string().as_bytes()),
        &["names no account"],
    );
}

#[test]
fn a_principal_has_the_arn_of_its_kind() {
    for wrong in [
        "arn:aws:iam::111122223333:group/r",
        "arn:aws:iam::111122223333:role:r",
        "arn:aws:iam::111122223333:roles/r",
        "arn:aws:sts::111122223333:role/r",
    ] {
        let role = and(role("r", ""), json!({"Arn": wrong}));
        says(
            &refusal(iam(&[role], &[]).to_string().as_bytes()),
            &["/Arn", "is not the ARN of a role", "role/PATH/NAME"],
        );
    }
}

#[test]
fn a_role_in_the_folder_of_another_account_is_refused() {
    let given = Given::default().with(
        "accounts/444455556666/iam.json",
        &iam(&[role("r", "lambda.amazonaws.com")], &[]),
    );
    says(&given.refusal(), &["is not of account 444455556666"]);
}

#[test]
fn a_name_that_stands_twice_is_refused_at_every_depth() {
    says(
        &refusal(br#"{"RoleDetailList": [], "RoleDetailList": []}"#),
        &["iam.json:1:24", "`RoleDetailList` stands twice"],
    );
    says(
        &refusal(br#"{"RoleDetailList": [{"Arn": "a", "Arn": "b"}]}"#),
        &["iam.json:1:35", "`Arn` stands twice"],
    );
}

#[test]
fn a_name_that_stands_twice_in_a_policy_makes_that_policy_unknown() {
    let text = r#"{"UserDetailList": [], "GroupDetailList": [], "Policies": [], "RoleDetailList": [
        {"RoleName": "r", "Arn": "arn:aws:iam::111122223333:role/r", "AssumeRolePolicyDocument":
         {"Statement": [], "Statement": []}}]}"#;
    let estate = Given::default()
        .with_bytes("iam.json", text.as_bytes())
        .estate();
    let role = estate.roles.values().next().unwrap();
    assert!(estate.policies.at(role.trust).is_unknown());
    assert!(gaps(&estate)[0].contains("`Statement` stands twice"));
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_stand() {
    says(
        &refusal(b"{\"RoleDetailList\": [\"\xFF\"]}"),
        &["iam.json:1:22", "not UTF-8"],
    );
    let utf16: Vec<u8> = "\u{feff}{}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    says(&refusal(&utf16), &["UTF-16", "PowerShell"]);
}

#[test]
fn nesting_however_deep_ends_in_an_answer() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let as_file = refusal(format!("{{\"RoleDetailList\": {deep}}}").as_bytes());
    says(&as_file, &["expected an object"]);
    let role = format!(
        r#"{{"RoleName": "r", "Arn": "arn:aws:iam::111122223333:role/r", "AssumeRolePolicyDocument": {{"Statement": {deep}}}}}"#
    );
    let text = format!(r#"{{"RoleDetailList": [{role}]}}"#);
    let estate = Given::default()
        .with_bytes("iam.json", text.as_bytes())
        .estate();
    assert!(
        estate
            .policies
            .at(estate.roles.values().next().unwrap().trust)
            .is_unknown()
    );
}

#[test]
fn what_follows_the_text_is_refused() {
    let resources = Given::default().with_bytes("estate/resources.json", b"[] []");
    says(
        &resources.refusal(),
        &["resources.json:1:4", "the end of the file"],
    );
}

#[test]
fn our_own_formats_name_what_was_probably_meant() {
    let extra = |text: &str| {
        let folder = format!("accounts/{ACCOUNT}");
        Given::default()
            .with(&format!("{folder}/iam.json"), &iam(&[], &[]))
            .with_bytes(&format!("{folder}/iam-extra.json"), text.as_bytes())
            .refusal()
    };
    says(
        &extra(r#"{"roles": {"r": {"MaxSessionDuraton": 1}}}"#),
        &["iam-extra.json:1:19", "did you mean `MaxSessionDuration`?"],
    );
    says(
        &extra(r#"{"roles": {}, "access-keys": []}"#),
        &["did you mean `access_keys`?"],
    );
    let resources = |text: &str| {
        Given::default()
            .with_bytes("estate/resources.json", text.as_bytes())
            .refusal()
    };
    says(
        &resources(r#"[{"arn": "arn:aws:s3:::b", "type": "AWS::S3::Bucket", "tag": {}}]"#),
        &["resources.json:1:56", "/0/tag", "did you mean `tags`?"],
    );
    says(
        &resources(r#"[{"arn": "bucket", "type": "x"}]"#),
        &["`bucket` is not an ARN"],
    );
    let organization = |text: &str| {
        Given::default()
            .with_bytes("estate/organization.json", text.as_bytes())
            .refusal()
    };
    says(
        &organization(r#"{"management_account": 111122223333, "roots": []}"#),
        &[
            "organization.json:1:24",
            "expected a string, found a number",
        ],
    );
    says(
        &organization(r#"{"management_account": "111122223333", "root": []}"#),
        &["did you mean `roots`?"],
    );
}

#[test]
fn a_file_nobody_meant_is_passed_over_but_told() {
    let given = Given::default()
        .with("iam.json", &iam(&[], &[role("x", "y")]))
        .with_bytes("tsconfig.json", b"{ // a comment\n}")
        .with_bytes("README.md", b"# Read me")
        .with_bytes("picture.png", b"\x89PNG\r\n");
    let estate = match given.load() {
        Ok(estate) => estate,
        Err(error) => panic!("{error}"),
    };
    let told: Vec<_> = gaps(&estate)
        .into_iter()
        .filter(|gap| gap.contains("not read"))
        .collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("tsconfig.json"));
}

#[test]
fn a_file_given_by_name_must_be_one_of_ours() {
    let file = bailiwick_estate::File::of_bytes("iam.json", "", b"{ // a comment\n}");
    let error = bailiwick_estate::Estate::load(vec![file]).unwrap_err();
    assert_eq!((error.line, error.column), (1, 3));
}

#[test]
fn an_unknown_operation_is_told_once() {
    let call = json!({"operation": "ListUnicorns", "request": {}, "response": {}});
    let estate = Given::default()
        .with(
            &format!("accounts/{ACCOUNT}/us-east-1/bedrock.json"),
            &json!({"calls": [call, call, call]}),
        )
        .estate();
    let told: Vec<_> = gaps(&estate)
        .into_iter()
        .filter(|gap| gap.contains("ListUnicorns"))
        .collect();
    assert_eq!(told.len(), 1);
}

#[test]
fn a_refused_call_is_told_as_what_it_would_have_said() {
    let call = json!({"operation": "ListAgents", "request": {},
        "error": {"code": "AccessDeniedException", "message": "not you"}});
    let estate = Given::default()
        .with(
            &format!("accounts/{ACCOUNT}/us-east-1/x.json"),
            &json!({"calls": [call]}),
        )
        .estate();
    assert!(
        gaps(&estate)
            .iter()
            .any(|gap| gap.contains("ListAgents") && gap.contains("not you"))
    );
    assert!(!estate.answered(ACCOUNT.parse().unwrap(), "ListAgents"));
}

#[test]
fn two_answers_to_one_question_must_agree() {
    let answer = |role: &str| {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        let arn = format!("arn:aws:bedrock:us-east-1:{ACCOUNT}:agent/A");
        let agent = json!({"agentId": "A", "agentArn": arn, "agentResourceRoleArn": role});
        ("GetAgent", json!({"agentId": "A"}), json!({"agent": agent}))
    };
    let given = |roles: [&str; 2]| Given::default().with_calls(&roles.map(answer));
    assert_eq!(given(["a", "a"]).estate().agents.len(), 1);
    says(
        &given(["a", "b"]).refusal(),
        &["GetAgent is answered twice", "one snapshot"],
    );
}
