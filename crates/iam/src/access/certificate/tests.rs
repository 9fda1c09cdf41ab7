use super::*;
use crate::access::Algebra;
use crate::layers::{Compiled, Layers, NamedPolicy};
use crate::policy::Policy;
use crate::vocabulary::NoVocabulary;

fn layers(statements: &str) -> Layers {
    let policy = Policy::parse(&format!(
        r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#
    ))
    .unwrap();
    let compiled = Compiled::new(NamedPolicy {
        name: "p".into(),
        policy: Arc::new(policy),
    });
    Layers {
        identity: Some([Arc::new(compiled)].into()),
        ..Layers::default()
    }
}

const HALVES: &str = r#"
    {"Effect":"Allow","Action":["s3:Get*","s3:PutObject"],"Resource":"*","Condition":{"StringEquals":{"k":"a"}}},
    {"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringNotEquals":{"k":"a"}}}"#;
const WHOLE: &str = r#"{"Effect":"Allow","Action":["s3:GetObject","s3:GetBucketAcl","s3:PutObject"],"Resource":["arn:aws:s3:::a/*","arn:aws:s3:::b/*"],
    "Condition":{"Null":{"k":"true"}}},
    {"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"StringLike":{"k":"a*"}}},
    {"Effect":"Deny","NotAction":"s3:*","Resource":"*"}"#;

#[test]
fn a_certificate_is_accepted_for_its_pair_and_names_the_statements() {
    let algebra = Algebra::new(&NoVocabulary);
    let (outer, inner) = (layers(HALVES), layers(WHOLE));
    let (outer, inner) = (algebra.access(&outer, None), algebra.access(&inner, None));
    let (answer, certificate) = outer.contains_with_certificate(&inner);
    assert_eq!(answer, Contained::Proved);
    let certificate = certificate.unwrap();
    assert_eq!(certificate.check(&outer, &inner), Ok(()));
    let lines = certificate.lines(&outer, &inner);
    assert_eq!(
        lines[0].held_by,
        [(LayerKind::Identity, "p".into(), 1)],
        "{lines:?}"
    );
}

#[test]
fn a_certificate_is_refused_for_a_wider_inner_and_for_a_narrower_outer() {
    let algebra = Algebra::new(&NoVocabulary);
    let (outer, inner) = (layers(HALVES), layers(WHOLE));
    let (outer, inner) = (algebra.access(&outer, None), algebra.access(&inner, None));
    let (_, certificate) = outer.contains_with_certificate(&inner);
    let certificate = certificate.unwrap();
    let wider = layers(&WHOLE.replace("s3:GetBucketAcl", "s3:GetBucketAcl\",\"s3:DeleteObject"));
    assert!(matches!(
        certificate.check(&outer, &algebra.access(&wider, None)),
        Err(Flaw::Silent { .. })
    ));
    let narrower = layers(&HALVES.replace("s3:*", "s3:Put*"));
    assert!(matches!(
        certificate.check(&algebra.access(&narrower, None), &inner),
        Err(Flaw::Open { .. })
    ));
}

#[test]
fn a_certificate_that_was_tampered_with_is_refused() {
    let algebra = Algebra::new(&NoVocabulary);
    let (outer, inner) = (layers(HALVES), layers(WHOLE));
    let (outer, inner) = (algebra.access(&outer, None), algebra.access(&inner, None));
    let (_, certificate) = outer.contains_with_certificate(&inner);
    let sound = certificate.unwrap();
    let parts = sound.parts[0].1[0].len();
    for at in 0..parts {
        let mut tampered = sound.clone();
        tampered.parts[0].1[0].remove(at);
        assert!(
            tampered.check(&outer, &inner).is_err(),
            "part {at} can be left out"
        );
        let mut tampered = sound.clone();
        for proof in &mut tampered.parts[0].1[0][at].proofs {
            *proof = Proof::Contradiction;
        }
        assert!(
            tampered.check(&outer, &inner).is_err(),
            "the proof of part {at} is not looked at"
        );
    }
}

#[test]
fn a_proof_that_the_checker_refuses_is_unknown_and_says_where() {
    let algebra = Algebra::new(&NoVocabulary);
    let (outer, inner) = (layers(HALVES), layers(WHOLE));
    let (outer, inner) = (algebra.access(&outer, None), algebra.access(&inner, None));
    let mut broken = outer.certificate(&inner, false).unwrap();
    broken.parts[0].1[0].remove(0);
    let (answer, certificate) = outer.accepted(broken, &inner);
    let Contained::Unknown(why) = answer else {
        panic!("{answer:?}");
    };
    assert!(certificate.is_none());
    let why = why.to_string();
    assert!(why.starts_with("a proof was found, and the check of its certificate failed: "));
    assert!(why.contains("of statement 0 of `p`"), "{why}");
}
