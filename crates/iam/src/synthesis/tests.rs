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
