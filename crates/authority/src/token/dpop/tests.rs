use ed25519_dalek::Signer as _;

use super::*;
use crate::json::{self, Bounds};

const NOW: u64 = 1_790_000_000;
const URL: &str = "https://bailiwick.example/v1/grants";

fn ed25519() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[5; 32])
}

fn key() -> String {
    Jwk::Ed25519(ed25519().verifying_key()).value().canonical()
}

fn header() -> String {
    format!(r#"{{"alg":"EdDSA","jwk":{},"typ":"dpop+jwt"}}"#, key())
}

fn claims() -> String {
    let ath = jws::encode(&Sha256::digest("token"));
    format!(r#"{{"ath":"{ath}","htm":"POST","htu":"{URL}","iat":{NOW},"jti":"p-1","nonce":"n-1"}}"#)
}

fn signed(header: &str, claims: &str) -> String {
    let signed = format!(
        "{}.{}",
        jws::encode(header.as_bytes()),
        jws::encode(claims.as_bytes())
    );
    let signature = ed25519().sign(signed.as_bytes()).to_bytes();
    format!("{signed}.{}", jws::encode(&signature))
}

fn expected() -> Expected<'static> {
    Expected {
        method: "POST",
        url: URL,
        access_token: Some("token"),
        jkt: None,
        nonce: Some("n-1"),
        now_secs: NOW,
    }
}

#[test]
fn a_proof_of_this_request_by_this_key_is_taken_and_says_what_a_copy_would() {
    let jkt = Jwk::Ed25519(ed25519().verifying_key()).thumbprint();
    let expected = Expected {
        jkt: Some(&jkt),
        ..expected()
    };
    let proof = verify(&signed(&header(), &claims()), &expected).unwrap();
    assert_eq!(proof.jkt, jkt);
    assert_eq!(
        proof,
        verify(&signed(&header(), &claims()), &expected).unwrap()
    );
    assert!(proof.until_ms > (NOW + AGE_SECS_MAX) * 1_000);
    let other = claims().replace("p-1", "p-2");
    assert_ne!(
        verify(&signed(&header(), &other), &expected)
            .unwrap()
            .replay,
        proof.replay
    );
}

#[test]
fn test_35_a_proof_of_anything_else_is_refused() {
    for (from, to) in [
        (r#""POST""#, r#""GET""#),
        (r#""POST""#, r#""post""#),
        ("/v1/grants", "/v1/kill"),
        ("/v1/grants", "/v1/grants?x=1"),
        (r#""ath":""#, r#""ath":"x"#),
        (r#""nonce":"n-1""#, r#""nonce":"n-0""#),
        (r#","nonce":"n-1""#, ""),
        (r#""jti":"p-1","#, ""),
        (r#""jti":"p-1""#, r#""jti":7"#),
        ("1790000000", "1789999939"),
        ("1790000000", "1790000031"),
        ("1790000000", r#""1790000000""#),
    ] {
        let changed = claims().replace(from, to);
        assert_ne!(changed, claims(), "{from}");
        assert!(
            verify(&signed(&header(), &changed), &expected()).is_err(),
            "{to}"
        );
    }
    let stranger = Expected {
        jkt: Some("other"),
        ..expected()
    };
    let proof = signed(&header(), &claims());
    assert_eq!(verify(&proof, &stranger), Err(DpopFault::OtherKey));
    let no_token = Expected {
        access_token: None,
        ..expected()
    };
    assert_eq!(
        verify(&proof, &no_token),
        Err(DpopFault::OtherRequest("ath"))
    );
}

#[test]
fn test_35_a_private_a_secret_or_a_foreign_key_is_refused() {
    for (from, to) in [
        (r#""kty":"OKP""#, r#""d":"AAAA","kty":"OKP""#),
        (r#""kty":"OKP""#, r#""kty":"oct","k":"AAAA""#),
        (r#""Ed25519""#, r#""Ed448""#),
        (r#""EdDSA""#, r#""ES256""#),
        (r#""EdDSA""#, r#""none""#),
        (r#""EdDSA""#, r#""HS256""#),
        ("dpop+jwt", "JWT"),
        (r#""alg""#, r#""kid":"x","alg""#),
    ] {
        let changed = header().replace(from, to);
        assert_ne!(changed, header(), "{from}");
        assert!(
            verify(&signed(&changed, &claims()), &expected()).is_err(),
            "{to}"
        );
    }
    let other = ed25519_dalek::SigningKey::from_bytes(&[6; 32]);
    let theirs = Jwk::Ed25519(other.verifying_key()).value().canonical();
    let swapped = header().replace(&key(), &theirs);
    let fault = verify(&signed(&swapped, &claims()), &expected());
    assert_eq!(fault, Err(DpopFault::Token(TokenFault::Signature)));
}

#[test]
fn a_proof_may_be_signed_on_p_256() {
    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let public = Jwk::P256(Box::new(*key.verifying_key()));
    let written = public.value().canonical();
    let read = json::read(written.as_bytes(), Bounds::TOKEN).unwrap();
    assert_eq!(Jwk::read(&read), Ok(public.clone()));
    let header = format!(r#"{{"alg":"ES256","jwk":{written},"typ":"dpop+jwt"}}"#);
    let signed = format!(
        "{}.{}",
        jws::encode(header.as_bytes()),
        jws::encode(claims().as_bytes())
    );
    let signature: p256::ecdsa::Signature = key.sign(signed.as_bytes());
    let proof = format!("{signed}.{}", jws::encode(&signature.to_bytes()));
    assert_eq!(
        verify(&proof, &expected()).unwrap().jkt,
        public.thumbprint()
    );
}
