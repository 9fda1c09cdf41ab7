use super::*;
use crate::access::DomainAction;
use crate::vocabulary::NoVocabulary;

#[derive(Debug)]
struct Objects;

impl Domain for Objects {
    fn actions(&self) -> Vec<DomainAction> {
        let names = [
            "GetObject",
            "GetObjectAcl",
            "GetObjectTagging",
            "GetBucketAcl",
            "PutObject",
            "PutObjectAcl",
        ];
        let action = |name: &str| DomainAction {
            name: format!("s3:{name}"),
            resources: vec!["arn:*:s3:::*".into()],
        };
        names.map(action).into()
    }
}

fn policy(statements: &str) -> Arc<Policy> {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    Arc::new(Policy::parse(&text).unwrap())
}

fn allow(actions: &str, resources: &str) -> String {
    format!(r#"{{"Effect":"Allow","Action":[{actions}],"Resource":[{resources}]}}"#)
}

fn compacted(statements: &[String], sizes: Sizes) -> Compacted {
    let made = compact(
        &[policy(&statements.join(","))],
        &Algebra::new(&NoVocabulary),
        sizes,
        None,
    );
    assert!(made.is_proved(), "{made:?}");
    made
}

#[test]
fn actions_with_the_same_resources_share_a_statement() {
    let made = compacted(
        &[
            allow(
                r#""s3:GetObject""#,
                r#""arn:aws:s3:::a/*","arn:aws:s3:::b/*""#,
            ),
            allow(r#""s3:PutObject""#, r#""arn:aws:s3:::b/*""#),
            allow(r#""s3:PutObject""#, r#""arn:aws:s3:::a/*""#),
        ],
        Sizes::MANAGED,
    );
    assert_eq!(made.documents[0].statements.len(), 1);
    assert!(made.fits && made.characters < made.characters_before);
}

#[test]
fn what_another_line_covers_is_dropped_and_what_it_does_not_stays() {
    let made = compacted(
        &[
            allow(r#""s3:Get*""#, r#""*""#),
            allow(r#""s3:GetObject""#, r#""arn:aws:s3:::a/*""#),
            allow(
                r#""s3:PutObject""#,
                r#""arn:aws:s3:::a/*","arn:aws:s3:::a/b""#,
            ),
        ],
        Sizes::MANAGED,
    );
    let text = made.documents[0].to_json();
    assert!(
        !text.contains("s3:GetObject") && !text.contains("a/b"),
        "{text}"
    );
    assert_eq!(made.documents[0].statements.len(), 2);
}

#[test]
fn denies_and_exclusions_are_kept_as_they_stand() {
    let deny = r#"{"Sid":"No","Effect":"Deny","NotAction":"s3:*","Resource":"*"}"#.to_owned();
    let made = compacted(
        &[
            allow(r#""s3:GetObject","ec2:RunInstances""#, r#""*""#),
            deny,
        ],
        Sizes::MANAGED,
    );
    assert!(
        made.documents[0]
            .to_json()
            .contains(r#""NotAction":"s3:*""#)
    );
}

#[test]
fn a_long_list_is_split_over_documents_that_each_fit() {
    let actions: Vec<String> = (0..400)
        .map(|at| format!(r#""s3:GetSomethingLong{at}""#))
        .collect();
    let made = compacted(&[allow(&actions.join(","), r#""*""#)], Sizes::MANAGED);
    assert!(
        made.fits && made.documents.len() == 2,
        "{}",
        made.documents.len()
    );
    assert!(
        made.documents
            .iter()
            .all(|document| document.to_json().len() <= Sizes::MANAGED.document)
    );
    assert!(
        !compacted(
            &[allow(&actions.join(","), r#""*""#)],
            Sizes::INLINE_OF_USER
        )
        .fits
    );
}

#[test]
fn a_wildcard_stands_for_wanted_actions_alone_and_only_where_it_may() {
    let wanted = policy(&allow(
        r#""s3:GetObject","s3:GetObjectAcl","s3:GetObjectTagging","s3:PutObject","s3:PutObjectAcl""#,
        r#""arn:aws:s3:::a/*""#,
    ));
    let domain = Objects;
    let algebra = Algebra::new(&NoVocabulary).over(&domain);
    let wildcards = Wildcards {
        domain: &domain,
        may_hide: |name| name.starts_with("s3:Get"),
    };
    let made = compact(&[wanted], &algebra, Sizes::MANAGED, Some(wildcards));
    assert!(made.is_proved(), "{made:?}");
    let text = made.documents[0].to_json();
    assert!(
        text.contains(r#""s3:GetO*""#) && text.contains(r#""s3:PutObject""#),
        "{text}"
    );
}

fn want(actions: &[String], resources: &[&str]) -> Want {
    Want {
        actions: actions.iter().cloned().map(ActionPattern).collect(),
        resources: resources
            .iter()
            .map(|resource| ResourcePattern((*resource).to_owned()))
            .collect(),
        conditions: Vec::new(),
    }
}

fn one(action: &str) -> Vec<String> {
    vec![action.to_owned()]
}

#[test]
fn what_is_wanted_becomes_a_policy_and_nothing_else() {
    let algebra = Algebra::new(&NoVocabulary);
    let wanted = [
        want(&one("s3:GetObject"), &["arn:aws:s3:::a/*"]),
        want(&one("s3:PutObject"), &["arn:aws:s3:::b/*"]),
        want(&one("s3:getobject"), &["arn:aws:s3:::a/2026/*"]),
        want(&[], &["*"]),
    ];
    let made = synthesize(&wanted, &algebra, Sizes::SESSION, None);
    assert!(made.is_proved() && made.fits && !made.in_domain, "{made:?}");
    assert_eq!(made.documents[0].statements.len(), 2);
    assert!(!made.documents[0].to_json().contains("2026"));
}

#[test]
fn nothing_wanted_is_no_document() {
    let made = synthesize(&[], &Algebra::new(&NoVocabulary), Sizes::SESSION, None);
    assert!(made.is_proved() && made.fits && made.documents.is_empty());
}

/// Tables and buckets: what the one's actions take, the other's never do.
#[derive(Debug)]
struct Apart;

/// Actions a service.
const EACH: usize = 20;

impl Domain for Apart {
    fn actions(&self) -> Vec<DomainAction> {
        let kind = |service: &'static str, resource: &'static str| {
            names(service).into_iter().map(move |name| DomainAction {
                name,
                resources: vec![resource.into()],
            })
        };
        kind("s3", "arn:*:s3:::*")
            .chain(kind("dynamodb", "arn:*:dynamodb:*:*:table/*"))
            .collect()
    }
}

fn names(service: &str) -> Vec<String> {
    (0..EACH).map(|at| format!("{service}:Get{at}")).collect()
}

fn wanted_apart() -> [Want; 3] {
    [
        want(&names("s3"), &["arn:aws:s3:::a/*"]),
        want(&names("dynamodb"), &["arn:aws:dynamodb:*:*:table/a"]),
        want(&one("s3:Get0"), &["arn:aws:s3:::b/*"]),
    ]
}

#[test]
fn what_does_not_fit_shares_a_statement_where_that_adds_nothing_that_can_be_asked() {
    let domain = Apart;
    let algebra = Algebra::new(&NoVocabulary).over(&domain);
    let literal = synthesize(&wanted_apart(), &algebra, Sizes::MANAGED, None);
    assert!(literal.fits && !literal.in_domain && literal.is_proved());
    let sizes = Sizes {
        document: literal.characters - 1,
        documents: 1,
    };
    let made = synthesize(&wanted_apart(), &algebra, sizes, None);
    assert!(made.fits && made.in_domain && made.is_proved(), "{made:?}");
    assert!(made.documents[0].statements.len() < literal.documents[0].statements.len());
}

#[test]
fn statements_of_one_kind_of_resource_stay_apart_even_if_nothing_fits() {
    let domain = Apart;
    let algebra = Algebra::new(&NoVocabulary).over(&domain);
    let sizes = Sizes {
        document: 100,
        documents: 1,
    };
    let wanted = [
        want(&one("s3:Get0"), &["arn:aws:s3:::a/*"]),
        want(&one("s3:Get1"), &["arn:aws:s3:::b/*"]),
    ];
    let made = synthesize(&wanted, &algebra, sizes, None);
    assert!(!made.fits && made.is_proved(), "{made:?}");
    let statements = made
        .documents
        .iter()
        .map(|document| document.statements.len());
    assert_eq!(statements.sum::<usize>(), 2);
}
