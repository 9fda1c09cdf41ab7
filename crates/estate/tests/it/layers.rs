use bailiwick_iam::{
    evaluate::{Outcome, evaluate},
    request::Request,
    vocabulary::NoVocabulary,
};
use serde_json::{Value, json};

use crate::given::{ACCOUNT, Given, allow, and, attached, iam, managed, role, role_arn};

const POLICY: &str = "arn:aws:iam::111122223333:policy/reach";

fn decide(given: &Given, action: &str, resource: &str) -> Outcome {
    let estate = given.estate();
    let principal = estate.principals().next().unwrap();
    let layers = estate.layers_on(principal, &resource.parse().unwrap());
    let request = Request::new(
        estate.arn(principal).as_str().parse().unwrap(),
        action,
        resource,
    );
    evaluate(&layers, &request, &NoVocabulary).outcome
}

fn reader() -> Value {
    and(role("r", "lambda.amazonaws.com"), attached(POLICY))
}

#[test]
fn identity_and_boundary_meet() {
    let policies = [
        managed("reach", POLICY, &allow("s3:*", "*")),
        managed(
            "edge",
            &POLICY.replace("reach", "edge"),
            &allow("s3:GetObject", "*"),
        ),
    ];
    let boundary =
        json!({"PermissionsBoundary": {"PermissionsBoundaryArn": POLICY.replace("reach", "edge")}});
    let given = Given::default().with("iam.json", &iam(&[and(reader(), boundary)], &policies));
    assert_eq!(
        decide(&given, "s3:GetObject", "arn:aws:s3:::b/k"),
        Outcome::Allow
    );
    assert_eq!(
        decide(&given, "s3:PutObject", "arn:aws:s3:::b/k"),
        Outcome::ImplicitDeny
    );
}

#[test]
fn a_policy_whose_document_is_missing_leaves_the_answer_unknown() {
    let given = Given::default().with("iam.json", &iam(&[reader()], &[]));
    assert_eq!(
        decide(&given, "s3:GetObject", "arn:aws:s3:::b/k"),
        Outcome::Unknown
    );
}

#[test]
fn an_scp_binds_members_and_not_the_management_account() {
    let organization = |management: &str| {
        json!({"management_account": management, "roots": [{"id": "r-1", "rcps": [],
            "scps": [{"name": "only-s3", "document": allow("s3:*", "*")}],
            "accounts": [{"id": ACCOUNT, "rcps": [], "scps": [{"name": "all", "document": allow("*", "*")}]}]}]})
    };
    let policies = [managed("reach", POLICY, &allow("*", "*"))];
    let given = |management| {
        Given::default()
            .with("organization.json", &organization(management))
            .with("iam.json", &iam(&[reader()], &policies))
    };
    let table = "arn:aws:dynamodb:us-east-1:111122223333:table/t";
    assert_eq!(
        decide(&given("999900001111"), "dynamodb:GetItem", table),
        Outcome::ImplicitDeny
    );
    assert_eq!(
        decide(&given(ACCOUNT), "dynamodb:GetItem", table),
        Outcome::Allow
    );
}

#[test]
fn an_object_is_governed_by_the_policy_of_its_bucket() {
    let bucket_policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": role_arn("r")}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]});
    let given = Given::default()
        .with("iam.json", &iam(&[role("r", "lambda.amazonaws.com")], &[]))
        .with(
            "resources.json",
            &json!([{"arn": "arn:aws:s3:::b", "type": "AWS::S3::Bucket", "policy": bucket_policy}]),
        );
    assert_eq!(
        decide(&given, "s3:GetObject", "arn:aws:s3:::b/k"),
        Outcome::Allow
    );
    assert_eq!(
        decide(&given, "s3:GetObject", "arn:aws:s3:::other/k"),
        Outcome::ImplicitDeny
    );
}

#[test]
fn a_decision_points_at_the_line_that_made_it() {
    let roles = [and(
        role("r", "lambda.amazonaws.com"),
        json!({"RolePolicyList": [{"PolicyName": "own", "PolicyDocument": allow("s3:GetObject", "*")}]}),
    )];
    let given = Given::default().with("iam.json", &iam(&roles, &[]));
    let estate = given.estate();
    let principal = estate.principals().next().unwrap();
    let request = Request::new(
        role_arn("r").parse().unwrap(),
        "s3:GetObject",
        "arn:aws:s3:::b/k",
    );
    let decision = evaluate(&estate.layers(principal), &request, &NoVocabulary);
    let place = estate
        .place_of(&decision.because[0], principal, None)
        .unwrap();
    assert_eq!(
        &*place.pointer,
        "/RoleDetailList/0/RolePolicyList/0/PolicyDocument/Statement/0"
    );
    assert!(estate.locate(&place).starts_with("snapshot/iam.json:"));
}
