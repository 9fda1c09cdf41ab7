//! Workloads of SPIFFE, by token and by certificate.

use std::fs;
use std::time::{Duration, Instant};

use bailiwick_identity::x509::Leaf;
use bailiwick_identity::{Binding, Method, Proofs, Proved, Shown, Subject, Unproved, settings};
use bailiwick_ledger::Hash;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};

use crate::sign::Signer;

const AUDIENCE: &str = "https://bailiwick.example.com";
const ID: &str = "spiffe://example.org/ns/prod/sa/invoice";
/// 2027-01-15.
const NOW: u64 = 1_800_000_000;

/// An authority of a trust domain.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
}

fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2036, 1, 1);
    let der = params.self_signed(&key).unwrap().der().clone();
    Authority {
        issuer: Issuer::new(params, key),
        der,
    }
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

/// What a workload's certificate has.
fn workload() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![uri(ID)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    params.not_before = date_time_ymd(2027, 1, 1);
    params.not_after = date_time_ymd(2027, 2, 1);
    params
}

impl Authority {
    fn sign(&self, params: &CertificateParams) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &self.issuer).unwrap().der().clone()
    }
}

/// A trust domain with a bundle in a file.
struct Domain {
    folder: tempfile::TempDir,
    key: Signer,
    authority: Authority,
}

impl Domain {
    fn new() -> Self {
        let domain = Self {
            folder: tempfile::tempdir().unwrap(),
            key: Signer::p256(),
            authority: authority(),
        };
        domain.publish(&[&domain.authority]);
        domain
    }

    fn publish(&self, authorities: &[&Authority]) {
        let mut key = self.key.jwk("k1");
        key["use"] = json!("jwt-svid");
        let mut keys = vec![key];
        keys.extend(authorities.iter().map(|authority| {
            json!({ "use": "x509-svid", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA",
                    "x5c": [BASE64.encode(&authority.der)] })
        }));
        let bundle = json!({ "keys": keys, "spiffe_sequence": 1, "spiffe_refresh_hint": 300 });
        fs::write(self.folder.path().join("bundle.json"), bundle.to_string()).unwrap();
    }

    fn proofs(&self) -> Proofs {
        let text = format!(
            "audience = \"{AUDIENCE}\"\n[[spiffe]]\ntrust-domain = \"example.org\"\nbundle = \"bundle.json\"\n"
        );
        let file = self.folder.path().join("identity.toml");
        let read = settings::read(&file, &text);
        read.unwrap_or_else(|error| panic!("{error}")).0
    }

    fn chain(&self, params: &CertificateParams) -> Result<Proved, Unproved> {
        let chain = [self.authority.sign(params)];
        self.proofs().verify_certificates(&chain, NOW * 1_000)
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        self.key.token(header, claims)
    }
}

async fn verify(proofs: &Proofs, token: &str) -> Result<Proved, Unproved> {
    let shown = Shown {
        scheme: "Bearer",
        proof: token,
        request: Hash::ZERO,
        now_ms: NOW * 1_000,
    };
    proofs.verify(&shown).await
}

fn header() -> Value {
    json!({ "alg": "ES256", "kid": "k1", "typ": "JWT" })
}

fn claims() -> Value {
    json!({ "sub": ID, "aud": [AUDIENCE], "iat": NOW - 5, "exp": NOW + 295 })
}

#[tokio::test]
async fn a_token_of_the_trust_domain_is_its_workload() {
    let domain = Domain::new();
    let proofs = domain.proofs();
    let proved = verify(&proofs, &domain.token(&header(), &claims()))
        .await
        .unwrap();
    assert_eq!(proved.method, Method::SpiffeToken);
    assert_eq!(proved.subject, Subject::Spiffe(ID.parse().unwrap()));
    // A workload's agent hands out one token until it expires.
    assert_eq!(proved.once, None);
    // Neither the time nor the issuer need be told.
    let mut bare = claims();
    bare.as_object_mut().unwrap().remove("iat");
    let bare_header = json!({ "alg": "ES256", "kid": "k1" });
    assert!(
        verify(&proofs, &domain.token(&bare_header, &bare))
            .await
            .is_ok()
    );
}

// Test 25 of the list of required ones.
#[tokio::test]
async fn a_token_of_another_domain_spelling_or_kind_is_nobodys() {
    let domain = Domain::new();
    let proofs = domain.proofs();
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        claims
    };
    for (claims, code) in [
        (
            with("sub", json!("spiffe://other.org/ns/prod/sa/invoice")),
            "unknown_issuer",
        ),
        (
            with("sub", json!("spiffe://example.org.evil.test/a")),
            "unknown_issuer",
        ),
        (
            with("sub", json!("spiffe://Example.org/ns/prod/sa/invoice")),
            "spiffe_id",
        ),
        (
            with("sub", json!("SPIFFE://example.org/ns/prod/sa/invoice")),
            "unknown_issuer",
        ),
        (
            with("sub", json!("spiffe://example.org/ns/%2e/sa")),
            "spiffe_id",
        ),
        (
            with("sub", json!("spiffe://example.org/ns/../sa")),
            "spiffe_id",
        ),
        (
            with("sub", json!("spiffe://example.org/ns/prod/sa/invoice/")),
            "spiffe_id",
        ),
        (with("sub", json!("spiffe://example.org")), "spiffe_id"),
        (with("aud", json!([AUDIENCE, "other"])), "token_audience"),
        (with("exp", json!(NOW)), "token_expired"),
        (with("exp", json!(NOW + 9_999)), "token_lifetime"),
        (json!({ "sub": ID, "aud": AUDIENCE }), "token_claims"),
    ] {
        let refused = verify(&proofs, &domain.token(&header(), &claims))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), code, "{claims}: {refused}");
    }
    for (header, code) in [
        (json!({ "alg": "EdDSA", "kid": "k1" }), "token_algorithm"),
        (json!({ "alg": "HS256", "kid": "k1" }), "token_algorithm"),
        (json!({ "alg": "none", "kid": "k1" }), "token_algorithm"),
        (json!({ "alg": "ES256", "kid": "k2" }), "unknown_key"),
        (
            json!({ "alg": "ES256", "kid": "k1", "typ": "wit+jwt" }),
            "token_type",
        ),
        (
            json!({ "alg": "ES256", "kid": "k1", "jku": "https://evil.test" }),
            "token_header",
        ),
    ] {
        let refused = verify(&proofs, &domain.token(&header, &claims()))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), code, "{header}: {refused}");
    }
    let stranger = Signer::p256().token(&header(), &claims());
    assert_eq!(
        verify(&proofs, &stranger).await.unwrap_err().code(),
        "token_signature"
    );
}

#[test]
fn a_certificate_of_the_trust_domain_is_its_workload() {
    let domain = Domain::new();
    let proved = domain.chain(&workload()).unwrap();
    assert_eq!(proved.method, Method::SpiffeCertificate);
    assert_eq!(proved.subject, Subject::Spiffe(ID.parse().unwrap()));
    assert!(matches!(proved.binding, Binding::Key(_)));
    assert_eq!(proved.expires_ms, 1_801_440_000_000, "2027-02-01");
    // Other names beside the URI say nothing.
    let mut named = workload();
    named
        .subject_alt_names
        .push(SanType::DnsName("invoice.example.org".try_into().unwrap()));
    assert!(domain.chain(&named).is_ok());
    // SPIFFE does not ask for an extended usage.
    let mut plain = workload();
    plain.extended_key_usages.clear();
    assert!(domain.chain(&plain).is_ok());
}

// Test 29 of the list of required ones.
#[test]
fn a_certificate_that_is_not_a_workloads_or_not_of_now_is_refused() {
    let domain = Domain::new();
    let changed = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = workload();
        change(&mut params);
        domain.chain(&params).unwrap_err()
    };
    let one_second = rcgen::date_time_ymd(2027, 1, 15);
    for (refused, code) in [
        (
            changed(&|it| it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            "certificate_usage",
        ),
        (
            changed(&|it| it.key_usages.push(KeyUsagePurpose::KeyCertSign)),
            "certificate_usage",
        ),
        (
            changed(&|it| it.key_usages.push(KeyUsagePurpose::CrlSign)),
            "certificate_usage",
        ),
        (
            changed(&|it| it.key_usages = vec![KeyUsagePurpose::KeyEncipherment]),
            "certificate_usage",
        ),
        (changed(&|it| it.key_usages.clear()), "certificate_usage"),
        (
            changed(&|it| it.subject_alt_names.push(uri("spiffe://example.org/other"))),
            "spiffe_id",
        ),
        (
            changed(&|it| it.subject_alt_names.push(uri("https://example.org/"))),
            "spiffe_id",
        ),
        (changed(&|it| it.subject_alt_names.clear()), "spiffe_id"),
        (
            changed(&|it| it.subject_alt_names = vec![SanType::DnsName("a.b".try_into().unwrap())]),
            "spiffe_id",
        ),
        (
            changed(&|it| it.subject_alt_names = vec![uri("spiffe://example.org")]),
            "spiffe_id",
        ),
        (
            changed(&|it| it.subject_alt_names = vec![uri("spiffe://Example.org/a")]),
            "spiffe_id",
        ),
        (
            changed(&|it| it.subject_alt_names = vec![uri("spiffe://other.org/a")]),
            "unknown_issuer",
        ),
        (
            changed(&|it| it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
            "certificate_chain",
        ),
        // It is 08:00 of that day.
        (
            changed(&|it| it.not_after = one_second),
            "certificate_chain",
        ),
        (
            changed(&|it| it.not_before = date_time_ymd(2027, 1, 16)),
            "certificate_chain",
        ),
    ] {
        assert_eq!(refused.code(), code, "{refused}");
    }
    // The very second after, and the one before.
    let proofs = domain.proofs();
    let mut params = workload();
    params.not_after = date_time_ymd(2027, 1, 20);
    let chain = [domain.authority.sign(&params)];
    let until = Leaf::read(&chain).unwrap().expires_ms;
    assert!(proofs.verify_certificates(&chain, until).is_ok());
    assert!(proofs.verify_certificates(&chain, until + 1_000).is_err());
    assert!(proofs.verify_certificates(&[], NOW * 1_000).is_err());
    assert!(
        proofs
            .verify_certificates(&[CertificateDer::from(vec![0x30, 0])], NOW * 1_000)
            .is_err()
    );
    // Of an authority that is not in the bundle.
    let stranger = authority();
    let chain = [stranger.sign(&workload()), stranger.der.clone()];
    let refused = proofs.verify_certificates(&chain, NOW * 1_000).unwrap_err();
    assert_eq!(refused.code(), "certificate_chain");
}

// Test 30 of the list of required ones.
#[test]
fn a_workload_vouches_for_no_other() {
    let domain = Domain::new();
    let params = workload();
    let key = KeyPair::generate().unwrap();
    let leaf = params
        .signed_by(&key, &domain.authority.issuer)
        .unwrap()
        .der()
        .clone();
    let below = Authority {
        issuer: Issuer::new(params, key),
        der: leaf,
    };
    let chain = [below.sign(&workload()), below.der.clone()];
    let refused = domain
        .proofs()
        .verify_certificates(&chain, NOW * 1_000)
        .unwrap_err();
    assert_eq!(refused.code(), "certificate_chain");
    // An authority under the authority does.
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2028, 1, 1);
    let der = params
        .signed_by(&key, &domain.authority.issuer)
        .unwrap()
        .der()
        .clone();
    let between = Authority {
        issuer: Issuer::new(params, key),
        der,
    };
    let chain = [between.sign(&workload()), between.der.clone()];
    assert!(
        domain
            .proofs()
            .verify_certificates(&chain, NOW * 1_000)
            .is_ok()
    );
}

// Test 31 of the list of required ones, as far as the bundle goes.
#[tokio::test]
async fn an_authority_that_left_the_bundle_vouches_for_nothing_from_then_on() {
    let domain = Domain::new();
    let proofs = domain.proofs();
    let chain = [domain.authority.sign(&workload())];
    assert!(proofs.verify_certificates(&chain, NOW * 1_000).is_ok());
    let next = authority();
    domain.publish(&[&next]);
    let refused = proofs.verify_certificates(&chain, NOW * 1_000).unwrap_err();
    assert_eq!(refused.code(), "certificate_chain");
    let chain = [next.sign(&workload())];
    assert!(proofs.verify_certificates(&chain, NOW * 1_000).is_ok());
    // Without a bundle there is no authority, and no key.
    fs::write(domain.folder.path().join("bundle.json"), "{}").unwrap();
    let refused = proofs.verify_certificates(&chain, NOW * 1_000).unwrap_err();
    assert_eq!(refused.code(), "bundle_unreadable");
    let refused = verify(&proofs, &domain.token(&header(), &claims()))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "bundle_unreadable");
}

// Test 34 of the list of required ones.
#[test]
fn a_chain_that_is_too_long_or_has_too_many_names_costs_nothing() {
    let domain = Domain::new();
    let proofs = domain.proofs();
    let leaf = domain.authority.sign(&workload());
    let long: Vec<_> = std::iter::repeat_n(leaf.clone(), 1_000).collect();
    let mut many = workload();
    let name = |at: usize| SanType::DnsName(format!("n{at}.example.org").try_into().unwrap());
    many.subject_alt_names.extend((0..5_000).map(name));
    let many = [domain.authority.sign(&many)];
    let mut some = workload();
    some.subject_alt_names.extend((0..100).map(name));
    let some = [domain.authority.sign(&some)];
    for chain in [long.as_slice(), &many, &some] {
        let begun = Instant::now();
        let refused = proofs.verify_certificates(chain, NOW * 1_000).unwrap_err();
        assert!(begun.elapsed() < Duration::from_millis(100));
        assert!(
            matches!(refused.code(), "certificate_malformed" | "spiffe_id"),
            "{refused}"
        );
    }
    // The longest that is taken, of which none is vouched for.
    let stranger = authority();
    let mut chain = vec![stranger.sign(&workload())];
    chain.extend(std::iter::repeat_n(stranger.der.clone(), 7));
    let begun = Instant::now();
    assert!(proofs.verify_certificates(&chain, NOW * 1_000).is_err());
    assert!(begun.elapsed() < Duration::from_millis(500));
}

#[test]
fn a_certificate_with_one_bit_changed_anywhere_names_nobody() {
    let domain = Domain::new();
    let proofs = domain.proofs();
    let good = domain.authority.sign(&workload());
    for at in 0..good.len() {
        for change in [1, 0x20, 0x80] {
            let mut changed = good.to_vec();
            changed[at] ^= change;
            let chain = [CertificateDer::from(changed)];
            let told = proofs.verify_certificates(&chain, NOW * 1_000);
            assert!(told.is_err(), "byte {at}");
        }
    }
    for length in 0..good.len() {
        let chain = [CertificateDer::from(good[..length].to_vec())];
        assert!(proofs.verify_certificates(&chain, NOW * 1_000).is_err());
    }
}
