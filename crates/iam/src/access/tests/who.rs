//! Who asks, and what follows from that.

use super::*;

fn bucket(statements: &[&str]) -> Arc<Compiled> {
    let statements: Vec<String> = statements
        .iter()
        .map(|rest| format!(r#"{{{rest},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}"#))
        .collect();
    compiled(&statements.join(","))
}

/// How two policies of a bucket relate, over all requests and over those that can be made.
fn check_bucket(a: &[&str], expected: (Relation, Relation), b: &[&str]) -> Comparison {
    let algebra = Algebra::new(&SomeKeys).over(&SomeActions);
    let (left, right) = (bucket(a), bucket(b));
    let found = compare(&algebra.granted_by(&left), &algebra.granted_by(&right));
    let relations = (found.relation, found.catalog_relation);
    assert_eq!(relations, expected, "{a:?} against {b:?}: {found:?}");
    found
}

const ANYBODY: &str = r#""Effect":"Allow","Principal":"*""#;
const ROLE: &str = r#""Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/app/r"}"#;
const SESSION: &str =
    r#""Effect":"Allow","Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/r/s"}"#;

fn denying_all_but(principals: &str) -> String {
    format!(r#""Effect":"Deny","NotPrincipal":{{{principals}}}"#)
}

#[test]
fn a_deny_spares_who_is_named_in_every_way_there_is() {
    let same = |relation| (relation, relation);
    // By role alone, nobody is spared: neither the account nor the session is named.
    let by_role = denying_all_but(r#""AWS":"arn:aws:iam::111122223333:role/app/r""#);
    check_bucket(&[ANYBODY, &by_role], same(Relation::Narrower), &[SESSION]);
    let in_full = denying_all_but(
        r#""AWS":["111122223333","arn:aws:iam::111122223333:role/app/r",
            "arn:aws:sts::111122223333:assumed-role/r/s"]"#,
    );
    check_bucket(&[ROLE, &in_full], same(Relation::Wider), &[SESSION]);
    check_bucket(&[SESSION, &in_full], same(Relation::Equal), &[SESSION]);
    let service = denying_all_but(r#""Service":"lambda.amazonaws.com""#);
    let lambda = r#""Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}"#;
    check_bucket(&[ANYBODY, &service], same(Relation::Equal), &[lambda]);
    let nobody = denying_all_but(r#""AWS":"*""#);
    check_bucket(&[ANYBODY, &nobody], same(Relation::Equal), &[ANYBODY]);
}

#[test]
fn whom_a_deny_spares_is_not_guessed_at_where_the_policy_does_not_say() {
    let unknown = (Relation::Unknown, Relation::Unknown);
    for principals in [
        r#""CanonicalUser":"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be""#,
        r#""AWS":"AROAEXAMPLEDELETED00""#,
    ] {
        let found = check_bucket(
            &[ANYBODY, &denying_all_but(principals)],
            unknown,
            &[ANYBODY],
        );
        assert!(
            found
                .reason
                .unwrap()
                .contains("whom it spares cannot be told")
        );
    }
}

fn anybody_whose(condition: &str) -> String {
    format!(r#"{ANYBODY},"Condition":{condition}"#)
}

#[test]
fn a_role_that_is_named_has_its_own_arn_and_account() {
    let by_arn = anybody_whose(
        r#"{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/app/r"}}"#,
    );
    check_bucket(
        &[ROLE],
        (Relation::Overlapping, Relation::Equal),
        &[&by_arn],
    );
    let by_account = anybody_whose(r#"{"StringEquals":{"aws:PrincipalAccount":"111122223333"}}"#);
    check_bucket(
        &[ROLE],
        (Relation::Overlapping, Relation::Narrower),
        &[&by_account],
    );
    // The near miss: another account, another role.
    let of_another = anybody_whose(r#"{"StringEquals":{"aws:PrincipalAccount":"444455556666"}}"#);
    check_bucket(
        &[ROLE],
        (Relation::Overlapping, Relation::Disjoint),
        &[&of_another],
    );
    let other_role = anybody_whose(
        r#"{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/app/other"}}"#,
    );
    check_bucket(
        &[ROLE],
        (Relation::Overlapping, Relation::Disjoint),
        &[&other_role],
    );
}

#[test]
fn nobody_is_a_user_and_a_role() {
    let algebra = Algebra::new(&SomeKeys).over(&SomeActions);
    let reads = |condition: &str| policy(&[&format!("Allow s3:GetObject on * if {condition}")]);
    let related = |a: &str, b: &str| {
        let (a, b) = (reads(a), reads(b));
        let found = compare(&algebra.access(&a, None), &algebra.access(&b, None));
        (found.relation, found.catalog_relation)
    };
    let user = r#"{"StringEquals":{"aws:PrincipalType":"User"}}"#;
    let role = r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}}"#;
    let ann = r#"{"StringEquals":{"aws:username":"ann"}}"#;
    let named_ann =
        r#"{"ArnLike":{"aws:PrincipalArn":["arn:*:iam::*:user/ann","arn:*:iam::*:user/*/ann"]}}"#;
    let named_bob = r#"{"ArnLike":{"aws:PrincipalArn":"arn:*:iam::*:user/bob"}}"#;
    assert_eq!(
        related(user, role),
        (Relation::Overlapping, Relation::Disjoint)
    );
    assert_eq!(
        related(ann, user),
        (Relation::Overlapping, Relation::Narrower)
    );
    assert_eq!(
        related(ann, named_ann),
        (Relation::Overlapping, Relation::Equal)
    );
    assert_eq!(
        related(ann, named_bob),
        (Relation::Overlapping, Relation::Disjoint)
    );
    let caller = r#"{"StringEquals":{"kms:CallerAccount":"111122223333"}}"#;
    let account = r#"{"StringEquals":{"aws:PrincipalAccount":"111122223333"}}"#;
    assert_eq!(
        related(caller, account),
        (Relation::Overlapping, Relation::Equal)
    );
}
