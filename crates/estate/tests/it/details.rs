use bailiwick_estate::{Content, Estate, PrincipalId, principal::LastUsed};
use bailiwick_iam::arn::Arn;
use serde_json::json;

use crate::given::{
    ACCOUNT, Given, allow, and, attached, gaps, iam, managed, role, role_arn, trust,
};

const READ: &str = "arn:aws:iam::aws:policy/ReadOnly";

fn only(estate: &Estate) -> PrincipalId {
    let mut principals = estate.principals();
    let (first, second) = (principals.next(), principals.next());
    assert!(second.is_none());
    first.unwrap()
}

fn names(estate: &Estate, principal: PrincipalId) -> Vec<&str> {
    let policies = estate.identity_policies(principal);
    policies
        .iter()
        .map(|&id| estate.policies.at(id).name.as_ref())
        .collect()
}

#[test]
fn a_managed_policy_counts_by_its_default_version() {
    let roles = [and(role("r", "lambda.amazonaws.com"), attached(READ))];
    let policies = [managed("ReadOnly", READ, &allow("s3:Get*", "*"))];
    let estate = Given::default()
        .with("iam.json", &iam(&roles, &policies))
        .estate();
    let policy = estate.identity_policies(only(&estate))[0];
    let policy = estate.policy(policy).unwrap();
    assert_eq!(
        policy.statements[0].actions.patterns()[0].value.0,
        "s3:Get*"
    );
    assert_eq!(gaps(&estate), [""; 0]);
}

#[test]
fn a_managed_policy_without_a_document_makes_access_unknown_and_is_told_once() {
    let roles = [
        and(role("a", "lambda.amazonaws.com"), attached(READ)),
        and(role("b", "lambda.amazonaws.com"), attached(READ)),
    ];
    let estate = Given::default()
        .with("iam.json", &iam(&roles, &[]))
        .estate();
    for principal in estate.principals() {
        let policies = estate.identity_policies(principal);
        assert!(matches!(
            estate.policies.at(policies[0]).content,
            Content::Missing
        ));
    }
    let gaps = gaps(&estate);
    assert_eq!(gaps.len(), 1);
    assert!(gaps[0].contains(READ) && gaps[0].contains("iam.json:") && gaps[0].contains("1 more"));
}

#[test]
fn a_user_has_the_policies_of_its_groups() {
    let given = json!({
        "RoleDetailList": [],
        "UserDetailList": [{
            "Path": "/", "UserName": "u", "UserId": "AIDAU", "Arn": format!("arn:aws:iam::{ACCOUNT}:user/u"),
            "UserPolicyList": [{"PolicyName": "own", "PolicyDocument": allow("s3:GetObject", "*")}],
            "GroupList": ["readers"], "AttachedManagedPolicies": []}],
        "GroupDetailList": [{
            "Path": "/", "GroupName": "readers", "GroupId": "AGPAG",
            "Arn": format!("arn:aws:iam::{ACCOUNT}:group/readers"),
            "GroupPolicyList": [{"PolicyName": "of the group", "PolicyDocument": allow("s3:ListBucket", "*")}],
            "AttachedManagedPolicies": []}],
        "Policies": [],
    });
    let estate = Given::default().with("iam.json", &given).estate();
    assert_eq!(names(&estate, only(&estate)), ["own", "of the group"]);
}

#[test]
fn a_group_that_no_file_describes_is_unknown_not_empty() {
    let given = json!({
        "RoleDetailList": [], "GroupDetailList": [], "Policies": [],
        "UserDetailList": [{
            "Path": "/", "UserName": "u", "UserId": "AIDAU", "Arn": format!("arn:aws:iam::{ACCOUNT}:user/u"),
            "GroupList": ["ghosts"]}],
    });
    let estate = Given::default().with("iam.json", &given).estate();
    let policies = estate.identity_policies(only(&estate));
    assert!(estate.policies.at(policies[0]).is_unknown());
    assert!(gaps(&estate)[0].contains("group/ghosts"));
}

#[test]
fn a_document_may_be_json_or_a_string_or_url_encoded() {
    let text = trust("lambda.amazonaws.com").to_string();
    let encoded: String = text
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let roles = [
        role("a", "lambda.amazonaws.com"),
        and(role("b", ""), json!({"AssumeRolePolicyDocument": text})),
        and(role("c", ""), json!({"AssumeRolePolicyDocument": encoded})),
    ];
    let estate = Given::default()
        .with("iam.json", &iam(&roles, &[]))
        .estate();
    let trusts: Vec<_> = estate
        .roles
        .values()
        .map(|role| estate.policy(role.trust))
        .collect();
    assert!(trusts[0].is_some());
    assert_eq!(trusts[0], trusts[1]);
    assert_eq!(trusts[0], trusts[2]);
}

#[test]
fn a_policy_that_cannot_be_read_keeps_its_place_and_is_told_with_its_mend() {
    let wrong = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "allow", "Action": "*", "Resource": "*"}]});
    let roles = [and(
        role("r", "lambda.amazonaws.com"),
        json!({"RolePolicyList": [{"PolicyName": "broken", "PolicyDocument": wrong}]}),
    )];
    let estate = Given::default()
        .with("iam.json", &iam(&roles, &[]))
        .estate();
    let policy = estate.identity_policies(only(&estate))[0];
    assert!(estate.policies.at(policy).is_unknown());
    let gap = &gaps(&estate)[0];
    assert!(
        gap.contains("`broken`") && gap.contains("\"Allow\""),
        "{gap}"
    );
}

#[test]
fn a_boundary_is_found_and_none_is_none() {
    let boundary = format!("arn:aws:iam::{ACCOUNT}:policy/edge");
    let roles = [
        and(
            role("bound", "lambda.amazonaws.com"),
            json!({"PermissionsBoundary": {
                "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary}}),
        ),
        role("free", "lambda.amazonaws.com"),
    ];
    let policies = [managed("edge", &boundary, &allow("s3:*", "*"))];
    let estate = Given::default()
        .with("iam.json", &iam(&roles, &policies))
        .estate();
    let found: Vec<_> = estate
        .principals()
        .map(|it| estate.boundary(it).is_some())
        .collect();
    assert_eq!(found, [true, false]);
}

#[test]
fn a_session_of_a_role_with_a_path_finds_the_role() {
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/agents/prod/Reader");
    let roles = [and(
        role("Reader", "lambda.amazonaws.com"),
        json!({"Arn": arn, "Path": "/agents/prod/"}),
    )];
    let estate = Given::default()
        .with("iam.json", &iam(&roles, &[]))
        .estate();
    let session: Arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/reader/s")
        .parse()
        .unwrap();
    assert_eq!(estate.principal(&session), Some(only(&estate)));
    let other: Arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/other/s")
        .parse()
        .unwrap();
    assert_eq!(estate.principal(&other), None);
}

#[test]
fn never_used_and_not_said_are_two_things() {
    let roles = [
        and(
            role("never", "lambda.amazonaws.com"),
            json!({"RoleLastUsed": {}}),
        ),
        role("unsaid", "lambda.amazonaws.com"),
        and(
            role("used", "lambda.amazonaws.com"),
            json!({"RoleLastUsed": {"LastUsedDate": "2026-01-01T00:00:00+00:00", "Region": "us-east-1"}}),
        ),
    ];
    let estate = Given::default()
        .with("iam.json", &iam(&roles, &[]))
        .estate();
    let used: Vec<_> = estate
        .roles
        .values()
        .map(|role| role.last_used.clone())
        .collect();
    assert_eq!(used[..2], [LastUsed::Never, LastUsed::Unknown]);
    assert!(matches!(used[2], LastUsed::At { .. }));
}

#[test]
fn what_iam_extra_leaves_out_stays_unknown() {
    let path = format!("accounts/{ACCOUNT}/iam.json");
    let given = Given::default().with(
        &path,
        &json!({
            "RoleDetailList": [role("long", "lambda.amazonaws.com"), role("unsaid", "lambda.amazonaws.com")],
            "UserDetailList": [{"UserName": "u", "UserId": "AIDAU", "Arn": format!("arn:aws:iam::{ACCOUNT}:user/u")}],
            "GroupDetailList": [], "Policies": [],
        }),
    );
    let without = given.estate();
    assert_eq!(without.users.values().next().unwrap().access_keys, None);
    let extra = json!({
        "roles": {"long": {"MaxSessionDuration": 43200}},
        "access_keys": [],
    });
    let estate = given
        .with(&format!("accounts/{ACCOUNT}/iam-extra.json"), &extra)
        .estate();
    let seconds: Vec<_> = estate
        .roles
        .values()
        .map(|role| role.session_secs_max)
        .collect();
    assert_eq!(seconds, [Some(43_200), None]);
    let user = estate.users.values().next().unwrap();
    assert_eq!(user.access_keys.as_ref().unwrap().len(), 0);
    assert_eq!(user.service_credentials, None);
}

#[test]
fn one_policy_text_is_held_once_however_many_roles_carry_it() {
    let roles: Vec<_> = (0..50)
        .map(|n| role(&format!("r{n}"), "lambda.amazonaws.com"))
        .collect();
    let estate = Given::default()
        .with("iam.json", &iam(&roles, &[]))
        .estate();
    assert_eq!(estate.policies.len(), 50);
    assert_eq!(estate.texts.len(), 1);
}

#[test]
fn a_statement_knows_its_line_in_the_file() {
    let roles = [and(
        role("r", "lambda.amazonaws.com"),
        json!({"RolePolicyList": [{"PolicyName": "p", "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
                {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}]}}]}),
    )];
    let text = serde_json::to_string_pretty(&iam(&roles, &[])).unwrap();
    let estate = Given::default()
        .with_bytes("iam.json", text.as_bytes())
        .estate();
    let policy = estate.identity_policies(only(&estate))[0];
    for (index, word) in [(0, "s3:GetObject"), (1, "s3:PutObject")] {
        let place = estate.statement_place(policy, index);
        let line = text.lines().nth(place.line as usize - 1).unwrap();
        assert_eq!(line.as_bytes()[place.column as usize - 1], b'{');
        let after: Vec<_> = text.lines().skip(place.line as usize).take(3).collect();
        assert!(after.join("\n").contains(word), "{after:?}");
        let pointer =
            format!("/RoleDetailList/0/RolePolicyList/0/PolicyDocument/Statement/{index}");
        assert_eq!(&*place.pointer, pointer);
    }
}

#[test]
fn pages_may_be_files_or_a_list_or_follow_each_other() {
    let first = and(
        iam(&[role("a", "lambda.amazonaws.com")], &[]),
        json!({"IsTruncated": true, "Marker": "m"}),
    );
    let last = and(
        iam(&[role("b", "lambda.amazonaws.com")], &[]),
        json!({"IsTruncated": false}),
    );
    let both = format!("{first}\n{last}");
    for given in [
        Given::default()
            .with("1.json", &first)
            .with("2.json", &last),
        Given::default().with("iam.json", &json!([first, last])),
        Given::default().with_bytes("iam.json", both.as_bytes()),
    ] {
        let estate = given.estate();
        assert_eq!(estate.roles.len(), 2);
        assert_eq!(gaps(&estate), [""; 0]);
    }
    let estate = Given::default().with("1.json", &first).estate();
    assert!(gaps(&estate)[0].contains("IsTruncated"));
}

#[test]
fn the_same_answer_twice_is_one_and_two_that_differ_are_refused() {
    let one = iam(&[role("r", "lambda.amazonaws.com")], &[]);
    let other = iam(&[role("r", "ec2.amazonaws.com")], &[]);
    let twice = Given::default()
        .with("a/iam.json", &one)
        .with("b/iam.json", &one);
    assert_eq!(twice.estate().roles.len(), 1);
    let refusal = Given::default()
        .with("a/iam.json", &one)
        .with("b/iam.json", &other)
        .refusal();
    assert!(
        refusal.contains(&role_arn("r")) && refusal.contains("one snapshot"),
        "{refusal}"
    );
}

#[test]
fn two_accounts_may_hold_two_versions_of_one_aws_managed_policy() {
    let other = |text: &str| text.replace(ACCOUNT, "444455556666");
    let with = |action: &str| {
        let roles = [and(role("r", "lambda.amazonaws.com"), attached(READ))];
        iam(&roles, &[managed("ReadOnly", READ, &allow(action, "*"))]).to_string()
    };
    let estate = Given::default()
        .with_bytes(
            "accounts/111122223333/iam.json",
            with("s3:GetObject").as_bytes(),
        )
        .with_bytes(
            "accounts/444455556666/iam.json",
            other(&with("s3:PutObject")).as_bytes(),
        )
        .estate();
    let actions: Vec<_> = estate
        .principals()
        .map(|it| estate.policy(estate.identity_policies(it)[0]).unwrap())
        .map(|policy| policy.statements[0].actions.patterns()[0].value.0.clone())
        .collect();
    assert_eq!(actions, ["s3:GetObject", "s3:PutObject"]);
}
