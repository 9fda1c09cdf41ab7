mod who;

use super::*;
use crate::layers::{Level, NamedPolicy};
use crate::policy::Policy;
use crate::vocabulary::{KeyFacts, KeyKind};

/// The few keys these tests speak of.
#[derive(Debug)]
struct SomeKeys;

impl Vocabulary for SomeKeys {
    fn key(&self, key: &str) -> Option<KeyFacts> {
        let (kind, multivalued) = match key.to_ascii_lowercase().as_str() {
            "aws:securetransport" | "aws:multifactorauthpresent" => (KeyKind::Bool, false),
            "aws:sourceip" => (KeyKind::IpAddress, false),
            "aws:currenttime" => (KeyKind::Date, false),
            "s3:max-keys" => (KeyKind::Numeric, false),
            "aws:tagkeys" => (KeyKind::String, true),
            "aws:username"
            | "aws:principalaccount"
            | "aws:resourceaccount"
            | "aws:principalarn"
            | "aws:principaltype"
            | "kms:calleraccount"
            | "s3:prefix" => (KeyKind::String, false),
            key if key.contains("tag/") => (KeyKind::String, false),
            _ => return None,
        };
        Some(KeyFacts { kind, multivalued })
    }
}

#[derive(Debug)]
struct SomeActions;

impl Domain for SomeActions {
    fn actions(&self) -> Vec<DomainAction> {
        let action = |name: &str, resource: &str| DomainAction {
            name: name.into(),
            resources: vec![resource.into()],
        };
        vec![
            action("s3:GetObject", "arn:*:s3:::*/*"),
            action("s3:PutObject", "arn:*:s3:::*/*"),
            action("s3:ListBucket", "arn:*:s3:::*"),
            action("s3:ListAllMyBuckets", "*"),
        ]
    }
}

fn compiled(statements: &str) -> Arc<Compiled> {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    let policy = Policy::parse(&text).unwrap();
    Arc::new(Compiled::new(NamedPolicy {
        name: "p".into(),
        policy: Arc::new(policy),
    }))
}

fn identity(statements: &str) -> Layers {
    Layers {
        identity: Some([compiled(statements)].into()),
        ..Layers::default()
    }
}

/// `Allow s3:GetObject on arn…`, with conditions in JSON after `if`.
fn statement(line: &str) -> String {
    let (head, condition) = line.split_once(" if ").unwrap_or((line, "{}"));
    let mut words = head.split_whitespace();
    let (effect, actions) = (words.next().unwrap(), words.next().unwrap());
    assert_eq!(words.next(), Some("on"), "{line}");
    let resources: Vec<&str> = words.collect();
    let list = |words: &mut dyn Iterator<Item = &str>| {
        words
            .map(|word| format!("{word:?}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    let named = |name: &str, text: &str, words: &mut dyn Iterator<Item = &str>| {
        let not = if text.starts_with('!') { "Not" } else { "" };
        format!(
            r#""{not}{name}":[{}]"#,
            list(&mut words.map(|word| word.trim_start_matches('!')))
        )
    };
    let first = resources.first().copied().unwrap_or_default();
    format!(
        r#"{{"Effect":"{effect}",{},{},"Condition":{condition}}}"#,
        named("Action", actions, &mut actions.split(',')),
        named("Resource", first, &mut resources.iter().copied()),
    )
}

fn policy(lines: &[&str]) -> Layers {
    identity(
        &lines
            .iter()
            .map(|line| statement(line))
            .collect::<Vec<_>>()
            .join(","),
    )
}

fn check(a: &[&str], expected: Relation, b: &[&str]) {
    let algebra = Algebra::new(&SomeKeys);
    let (left, right) = (policy(a), policy(b));
    let found = compare(&algebra.access(&left, None), &algebra.access(&right, None));
    assert_eq!(found.relation, expected, "{a:?} against {b:?}: {found:?}");
    let has_own = |relation| {
        matches!(
            relation,
            Relation::Wider | Relation::Overlapping | Relation::Disjoint
        )
    };
    assert_eq!(found.only_a.is_some(), has_own(expected), "{found:?}");
    let mirrored = match expected {
        Relation::Narrower => Relation::Wider,
        Relation::Wider => Relation::Narrower,
        same @ (Relation::Equal
        | Relation::Disjoint
        | Relation::Overlapping
        | Relation::Unknown) => same,
    };
    let back = compare(&algebra.access(&right, None), &algebra.access(&left, None));
    assert_eq!(back.relation, mirrored, "{b:?} against {a:?}: {back:?}");
}

#[test]
fn an_action_that_cannot_be_called_grants_nothing() {
    check(
        &["Allow s3:GetObject on *", "Allow s3: on *"],
        Relation::Equal,
        &["Allow s3:GetObject on *"],
    );
}

#[test]
fn fewer_actions_or_resources_are_narrower() {
    check(
        &["Allow s3:GetObject on *"],
        Relation::Narrower,
        &["Allow s3:Get* on *"],
    );
    check(
        &["Allow s3:Get* on arn:aws:s3:::a/*"],
        Relation::Narrower,
        &["Allow s3:Get* on arn:aws:s3:::*"],
    );
    check(
        &["Allow S3:getobject on *"],
        Relation::Equal,
        &["Allow s3:GetObject on *"],
    );
    check(
        &["Allow s3:GetObject on *"],
        Relation::Disjoint,
        &["Allow s3:PutObject on *"],
    );
    check(
        &["Allow s3:Get*,s3:List* on *"],
        Relation::Overlapping,
        &["Allow s3:Get*,s3:Put* on *"],
    );
}

#[test]
fn a_deny_takes_away_and_a_deny_of_nothing_does_not() {
    check(
        &["Allow s3:* on *", "Deny s3:Put* on *"],
        Relation::Narrower,
        &["Allow s3:* on *"],
    );
    check(
        &["Allow s3:* on *", "Deny ec2:* on *"],
        Relation::Equal,
        &["Allow s3:* on *"],
    );
    check(
        &["Allow s3:* on *", "Deny !s3:Get* on *"],
        Relation::Equal,
        &["Allow s3:Get* on *"],
    );
}

#[test]
fn what_is_not_listed_and_what_is_not_excluded_are_complements() {
    check(
        &["Allow !iam:* on *"],
        Relation::Disjoint,
        &["Allow iam:* on *"],
    );
    check(
        &["Allow !iam:* on *", "Allow iam:* on *"],
        Relation::Equal,
        &["Allow * on *"],
    );
    check(
        &["Allow s3:GetObject on !arn:aws:s3:::secret/*"],
        Relation::Narrower,
        &["Allow s3:GetObject on *"],
    );
}

#[test]
fn a_condition_narrows_and_its_opposite_completes() {
    let over_tls = r#"Allow s3:* on * if {"Bool":{"aws:SecureTransport":"true"}}"#;
    let not_over_tls = r#"Allow s3:* on * if {"BoolIfExists":{"aws:SecureTransport":"false"}}"#;
    check(&[over_tls], Relation::Narrower, &["Allow s3:* on *"]);
    check(
        &[over_tls, not_over_tls],
        Relation::Equal,
        &["Allow s3:* on *"],
    );
    check(&[over_tls], Relation::Disjoint, &[not_over_tls]);
}

#[test]
fn a_negated_condition_holds_where_the_key_is_absent() {
    let others = r#"Allow s3:* on * if {"StringNotEquals":{"aws:ResourceTag/team":"a"}}"#;
    let present = r#"Allow s3:* on * if {"StringNotEquals":{"aws:ResourceTag/team":"a"},"Null":{"aws:ResourceTag/team":"false"}}"#;
    check(&[present], Relation::Narrower, &[others]);
    let own = r#"Allow s3:* on * if {"StringEquals":{"aws:ResourceTag/team":"a"}}"#;
    check(&[others, own], Relation::Equal, &["Allow s3:* on *"]);
    check(&[present, own], Relation::Narrower, &["Allow s3:* on *"]);
}

#[test]
fn addresses_dates_and_numbers_are_compared_as_ranges() {
    let within = |ranges: &str| {
        format!(r#"Allow s3:* on * if {{"IpAddress":{{"aws:SourceIp":[{ranges}]}}}}"#)
    };
    check(
        &[&within(r#""10.1.0.0/16""#)],
        Relation::Narrower,
        &[&within(r#""10.0.0.0/8""#)],
    );
    check(
        &[&within(r#""10.0.0.0/9","10.128.0.0/9""#)],
        Relation::Equal,
        &[&within(r#""10.0.0.0/8""#)],
    );
    check(
        &[&within(r#""0.0.0.0/0""#)],
        Relation::Disjoint,
        &[&within(r#""::/0""#)],
    );
    let few = r#"Allow s3:* on * if {"NumericLessThan":{"s3:max-keys":"10"}}"#;
    let some = r#"Allow s3:* on * if {"NumericLessThanEquals":{"s3:max-keys":"10"}}"#;
    check(&[few], Relation::Narrower, &[some]);
    let early = r#"Allow s3:* on * if {"DateLessThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}}"#;
    let late = r#"Allow s3:* on * if {"DateGreaterThanEquals":{"aws:CurrentTime":"2026"}}"#;
    check(&[early], Relation::Disjoint, &[late]);
}

#[test]
fn set_operators_are_told_apart() {
    let all = r#"Allow s3:* on * if {"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}"#;
    let fewer = r#"Allow s3:* on * if {"ForAllValues:StringEquals":{"aws:TagKeys":["a"]}}"#;
    let any = r#"Allow s3:* on * if {"ForAnyValue:StringEquals":{"aws:TagKeys":["a","b"]}}"#;
    check(&[fewer], Relation::Narrower, &[all]);
    check(&[all], Relation::Overlapping, &[any]);
    let none = r#"Allow s3:* on * if {"ForAllValues:StringNotEquals":{"aws:TagKeys":["a","b"]}}"#;
    check(&[any, none], Relation::Equal, &["Allow s3:* on *"]);
}

#[test]
fn variables_are_equal_to_themselves_and_within_a_star() {
    let own = "Allow s3:* on arn:aws:s3:::home/${aws:username}/*";
    check(
        &[own],
        Relation::Narrower,
        &["Allow s3:* on arn:aws:s3:::home/*"],
    );
    check(
        &[own],
        Relation::Equal,
        &["Allow S3:* on arn:aws:s3:::home/${AWS:UserName}/*"],
    );
    let same_account =
        r#"Allow s3:* on * if {"StringEquals":{"aws:ResourceAccount":"${aws:PrincipalAccount}"}}"#;
    let other_account = r#"Allow s3:* on * if {"StringNotEquals":{"aws:ResourceAccount":"${aws:PrincipalAccount}"}}"#;
    check(&[same_account], Relation::Disjoint, &[other_account]);
    check(
        &[same_account, other_account],
        Relation::Equal,
        &["Allow s3:* on *"],
    );
}

#[test]
fn a_variable_with_a_default_is_its_value_or_the_default() {
    let folder = |text: &str| format!("Allow s3:GetObject on arn:aws:s3:::b/{text}/*");
    let (either, public) = (
        folder("${aws:PrincipalTag/team,'public'}"),
        folder("public"),
    );
    check(
        &[&either],
        Relation::Wider,
        &[&format!(
            "{public} if {}",
            r#"{"Null":{"aws:PrincipalTag/team":"true"}}"#
        )],
    );
    check(&[&either], Relation::Overlapping, &[&public]);
    check(
        &[&either],
        Relation::Narrower,
        &[&public, &folder("${aws:PrincipalTag/team}")],
    );
    let listing = |test: &str, value: &str| {
        format!(r#"Allow s3:ListBucket on * if {{"{test}":{{"s3:prefix":"{value}"}}}}"#)
    };
    let either = listing("StringLike", "${aws:PrincipalTag/team,'public'}/*");
    check(
        &[&either],
        Relation::Overlapping,
        &[&listing("StringLike", "public/*")],
    );
    check(
        &[&either],
        Relation::Narrower,
        &[&listing("StringLike", "*/*")],
    );
    // What is not so is so, and the other way round, with a value and without.
    let [like, unlike] = ["StringEquals", "StringNotEquals"]
        .map(|test| listing(test, "${aws:PrincipalTag/team,'public'}"));
    check(&[&like], Relation::Disjoint, &[&unlike]);
    check(
        &[&like, &unlike],
        Relation::Equal,
        &["Allow s3:ListBucket on *"],
    );
}

#[test]
fn what_nobody_needs_permission_for_makes_no_difference() {
    check(
        &["Allow s3:*,sts:GetCallerIdentity on *"],
        Relation::Equal,
        &["Allow s3:* on *"],
    );
}

#[test]
fn boundaries_sessions_and_ceilings_intersect() {
    let algebra = Algebra::new(&SomeKeys);
    let wide = policy(&["Allow * on *"]);
    let bounded = Layers {
        boundary: policy(&["Allow s3:* on *", "Allow sqs:* on *"]).identity,
        ..wide.clone()
    };
    let level = |lines: &[&str]| Level {
        target: "r".into(),
        policies: policy(lines).identity.unwrap(),
    };
    let ceiled = Layers {
        scp: Some([level(&["Allow * on *"]), level(&["Allow s3:*,ec2:* on *"])].into()),
        ..bounded.clone()
    };
    let plain = policy(&["Allow s3:* on *"]);
    let access = |layers: &Layers| algebra.access(layers, None);
    assert_eq!(
        compare(&access(&ceiled), &access(&plain)).relation,
        Relation::Equal
    );
    assert_eq!(
        compare(&access(&bounded), &access(&plain)).relation,
        Relation::Wider
    );
    assert_eq!(access(&wide).is_everything(), Contained::Proved);
    assert!(matches!(
        access(&ceiled).is_everything(),
        Contained::Refuted(_)
    ));
}

#[test]
fn a_region_is_found_with_a_request_or_proved_empty() {
    let algebra = Algebra::new(&SomeKeys);
    let role: Principal = "arn:aws:iam::111122223333:role/r".parse().unwrap();
    let passes = r#"Allow iam:PassRole on arn:aws:iam::111122223333:role/app-* if {"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}}"#;
    let layers = policy(&[passes, "Deny iam:PassRole on *-admin"]);
    let access = algebra.access(&layers, Some(&role));
    let pass = |role: &str| {
        Region::new(
            ["iam:PassRole"],
            [format!("arn:aws:iam::111122223333:role/{role}")],
        )
    };
    let Find::Found(request) = access.find(&pass("app-*")) else {
        panic!("not found")
    };
    assert_eq!(request.action, "iam:PassRole");
    assert!(matches!(
        access.find(&pass("app-x").with("iam:PassedToService", "lambda.amazonaws.com")),
        Find::Found(_)
    ));
    assert_eq!(
        access.find(&pass("app-x").with("iam:PassedToService", "ec2.amazonaws.com")),
        Find::Nothing
    );
    assert_eq!(
        access.find(&pass("app-x").without("iam:PassedToService")),
        Find::Nothing
    );
    assert_eq!(access.find(&pass("web-*")), Find::Nothing);
}

#[test]
fn what_is_known_of_the_principal_is_put_into_variables_and_conditions() {
    let algebra = Algebra::new(&SomeKeys);
    let layers = policy(&[
        r#"Allow s3:* on arn:aws:s3:::${aws:PrincipalTag/team}/* if {"StringEquals":{"aws:PrincipalTag/stage":"prod"}}"#,
    ]);
    let prod = algebra.access(&layers, None).knowing([
        ("aws:PrincipalTag/team", Some("a")),
        ("aws:PrincipalTag/stage", Some("prod")),
    ]);
    let stage = algebra.access(&layers, None).knowing([
        ("aws:PrincipalTag/team", Some("a")),
        ("aws:PrincipalTag/stage", Some("dev")),
    ]);
    let untagged = algebra
        .access(&layers, None)
        .knowing([("aws:PrincipalTag/team", None)]);
    let region = |bucket: &str| Region::new(["s3:GetObject"], [format!("arn:aws:s3:::{bucket}/x")]);
    assert!(matches!(prod.find(&region("a")), Find::Found(_)));
    assert_eq!(prod.find(&region("b")), Find::Nothing);
    assert_eq!(stage.find(&region("a")), Find::Nothing);
    assert_eq!(untagged.find(&Region::everything()), Find::Nothing);
}

#[test]
fn the_domain_forgets_requests_that_nobody_can_make() {
    let algebra = Algebra::new(&SomeKeys).over(&SomeActions);
    let (left, right) = (
        policy(&["Allow s3:Get*,s3:List* on *"]),
        policy(&["Allow s3:GetObject,s3:List* on *"]),
    );
    let found = compare(&algebra.access(&left, None), &algebra.access(&right, None));
    assert_eq!(
        (found.relation, found.catalog_relation),
        (Relation::Wider, Relation::Equal)
    );
    let none = policy(&["Allow s3:PutObject on *"]);
    let found = compare(&algebra.access(&none, None), &algebra.access(&right, None));
    let only_a = found.only_a.unwrap();
    assert_eq!(
        (only_a.action.as_str(), only_a.resource.as_str()),
        ("s3:PutObject", "arn:aws:s3:::x/x")
    );
}

#[test]
fn a_policy_that_cannot_be_read_leaves_the_answer_unknown() {
    let algebra = Algebra::new(&SomeKeys);
    let known = compiled(&statement("Allow s3:* on *"));
    let layers = Layers {
        identity: Some(
            [
                known,
                Arc::new(Compiled::unreadable("other", "not in the snapshot")),
            ]
            .into(),
        ),
        ..Layers::default()
    };
    let access = algebra.access(&layers, None);
    assert!(matches!(
        access.find(&Region::new(["ec2:*"], ["*"])),
        Find::Unknown(Unknown::Unreadable { .. })
    ));
    assert!(matches!(
        algebra
            .access(&policy(&["Allow s3:* on *"]), None)
            .contains(&access),
        Contained::Unknown(_)
    ));
}

fn grants(principal: &str, rest: &str) -> Arc<Compiled> {
    compiled(&format!(
        r#"{{"Effect":"Allow","Principal":{principal},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"{rest}}}"#
    ))
}

fn check_grants(a: &str, expected: Relation, b: &str) {
    let algebra = Algebra::new(&SomeKeys);
    let (left, right) = (grants(a, ""), grants(b, ""));
    let found = compare(&algebra.granted_by(&left), &algebra.granted_by(&right));
    assert_eq!(found.relation, expected, "{a} against {b}: {found:?}");
}

#[test]
fn a_resource_policy_is_compared_by_whom_it_names_too() {
    let account = r#"{"AWS":"111122223333"}"#;
    let role = r#"{"AWS":"arn:aws:iam::111122223333:role/app/r"}"#;
    let session = r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/r/s"}"#;
    let service = r#"{"Service":"lambda.amazonaws.com"}"#;
    check_grants(role, Relation::Narrower, account);
    check_grants(session, Relation::Narrower, role);
    check_grants(account, Relation::Narrower, r#""*""#);
    check_grants(
        account,
        Relation::Equal,
        r#"{"AWS":"arn:aws:iam::111122223333:root"}"#,
    );
    check_grants(service, Relation::Narrower, r#""*""#);
    check_grants(service, Relation::Disjoint, account);
    check_grants(account, Relation::Disjoint, r#"{"AWS":"444455556666"}"#);
}

#[test]
fn a_variable_with_one_possible_value_is_that_value() {
    let own = r#"Allow s3:* on arn:aws:s3:::home/${aws:username}/* if {"StringEquals":{"aws:username":"ann"}}"#;
    let anns =
        r#"Allow s3:* on arn:aws:s3:::home/ann/* if {"StringEquals":{"aws:username":"ann"}}"#;
    check(&[own], Relation::Equal, &[anns]);
}

#[test]
fn a_difference_is_few_lines_each_with_a_request() {
    let algebra = Algebra::new(&SomeKeys);
    let wide = policy(&[
        "Allow s3:GetObject,s3:PutObject,s3:DeleteObject on arn:aws:s3:::a/* arn:aws:s3:::b/*",
        "Allow sqs:* on *",
    ]);
    let narrow = policy(&["Allow s3:Get* on *", "Allow sqs:SendMessage on *"]);
    let (wide, narrow) = (algebra.access(&wide, None), algebra.access(&narrow, None));
    let found = wide.beyond(&narrow, 10);
    assert_eq!(
        (found.lines.len(), found.more, found.incomplete),
        (2, 0, false),
        "{found:?}"
    );
    assert_eq!(found.lines[0].actions, ["s3:DeleteObject", "s3:PutObject"]);
    assert_eq!(
        found.lines[0].resources,
        ["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"]
    );
    assert_eq!(found.lines[1].actions, ["sqs:*"]);
    let capped = wide.beyond(&narrow, 1);
    assert_eq!((capped.lines.len(), capped.more), (1, 1));
    assert!(wide.beyond(&wide, 10).lines.is_empty());
}

#[test]
fn equal_roles_are_grouped_however_they_are_written() {
    let algebra = Algebra::new(&SomeKeys);
    let all = [
        policy(&["Allow s3:Get*,s3:GetObject on *"]),
        policy(&["Allow s3:* on *"]),
        policy(&["Allow s3:Get* on *"]),
        policy(&["Allow s3:* on *"]),
        policy(&["Allow ec2:* on *"]),
    ];
    let all: Vec<Access<'_>> = all
        .iter()
        .map(|layers| algebra.access(layers, None))
        .collect();
    let found = group_equal(&all);
    assert_eq!(found.groups, [vec![0, 2], vec![1, 3], vec![4]]);
    assert_eq!(found.undecided, []);
}

fn hostile(a: &[String], b: &[String]) -> Contained {
    let limits = Limits {
        search_nodes: 400,
        product_nodes: 2_000,
        atoms: 60,
    };
    let lines = |lines: &[String]| policy(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let algebra = Algebra::new(&SomeKeys).with_limits(limits);
    let (a, b) = (lines(a), lines(b));
    algebra.access(&b, None).contains(&algebra.access(&a, None))
}

#[test]
fn overlapping_patterns_of_one_key_end_in_unknown_within_their_budget() {
    let infix: Vec<String> = (0..14)
        .map(|at| format!(r#""*{}*""#, char::from(b'a' + at)))
        .collect();
    let many = format!(
        r#"Allow s3:* on * if {{"StringLike":{{"s3:prefix":[{}]}}}}"#,
        infix.join(",")
    );
    let each: Vec<String> = infix
        .iter()
        .map(|pattern| format!(r#"Allow s3:* on * if {{"StringLike":{{"s3:prefix":{pattern}}}}}"#))
        .collect();
    let found = hostile(&[many], &each);
    assert!(
        matches!(found, Contained::Unknown(Unknown::Exhausted(_))),
        "{found:?}"
    );
}

#[test]
fn thousands_of_statements_are_no_danger_to_the_stack() {
    let line = |at: usize| {
        format!(
            r#"Allow s3:* on * if {{"StringEquals":{{"s3:prefix":"{at}","aws:RequestTag/a":"{at}"}}}}"#
        )
    };
    let all: Vec<String> = (0..1_500).map(line).collect();
    let whole = r#"Allow s3:* on * if {"StringLike":{"s3:prefix":"?*","aws:RequestTag/a":"?*"}}"#
        .to_owned();
    let found = hostile(&[whole], &all);
    assert!(!matches!(found, Contained::Proved), "{found:?}");
}

fn compared_over(domain: &dyn Domain, a: &str, b: &str) -> Comparison {
    let algebra = Algebra::new(&SomeKeys).over(domain);
    let (a, b) = (one_policy(a), one_policy(b));
    compare(&algebra.access(&a, None), &algebra.access(&b, None))
}

fn one_policy(statement: &str) -> Layers {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
    let policy = Arc::new(Policy::parse(&text).unwrap());
    let compiled = Compiled::new(NamedPolicy {
        name: "p".into(),
        policy,
    });
    Layers {
        identity: Some([Arc::new(compiled)].into()),
        ..Layers::default()
    }
}

fn reads(resource: &str) -> String {
    format!(r#"{{"Effect":"Allow","Action":"s3:GetObject","Resource":"{resource}"}}"#)
}

#[test]
fn a_witness_holds_under_both_readings_where_one_does() {
    let compared = compared_over(
        &SomeActions,
        &reads("arn:aws:s3:*:*:b/*"),
        &reads("arn:aws:s3:::b/*"),
    );
    assert_eq!(compared.relation, Relation::Wider);
    let witness = compared.only_a.unwrap();
    assert_eq!(compared.only_a_reading, None, "{witness:?}");
    let segments: Vec<&str> = witness.resource.split(':').collect();
    assert!(
        segments.len() == 6 && segments[5].starts_with("b/"),
        "{segments:?}"
    );
}

#[test]
fn a_witness_of_one_reading_alone_is_said_to_be_one() {
    let compared = compared_over(
        &SomeActions,
        &reads("arn:aws:s3:*:b"),
        &reads("arn:aws:s3:::zzz"),
    );
    let witness = compared.only_a.unwrap();
    assert_eq!(
        compared.only_a_reading,
        Some(crate::evaluate::ResourceSemantics::Flat),
        "{witness:?}"
    );
}

#[test]
fn an_action_of_a_witness_is_a_service_and_a_name() {
    let any = r#"{"Effect":"Allow","Action":"sqs:*","Resource":"*"}"#;
    let one = r#"{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}"#;
    let witness = compared_over(&SomeActions, any, one).only_a.unwrap();
    assert_eq!(witness.action.split(':').count(), 2, "{witness:?}");
    assert!(witness.action.starts_with("sqs:"), "{witness:?}");
}

#[test]
fn what_a_witness_says_of_its_principal_is_true_of_it() {
    let all = r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}"#;
    let of_users = |key: &str, value: &str| {
        format!(
            r#"{{"Effect":"Allow","Action":"s3:GetObject","Resource":"*",
                "Condition":{{"StringNotEquals":{{"{key}":"{value}"}}}}}}"#
        )
    };
    for (key, value) in [
        ("aws:PrincipalArn", "arn:aws:iam::111122223333:user/alice"),
        ("aws:PrincipalAccount", "999988887777"),
        ("aws:username", "alice"),
    ] {
        let witness = compared_over(&SomeActions, all, &of_users(key, value));
        let witness = witness.only_a.unwrap();
        assert!(witness::is_coherent(&witness), "{witness:?}");
    }
}
