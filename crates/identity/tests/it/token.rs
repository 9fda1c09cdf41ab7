//! Tokens of issuers, against servers that publish keys as the real ones do, and as nobody should.

use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use bailiwick_identity::fetch::{Address, Fetch, Where};
use bailiwick_identity::issuer::{Issuer, IssuerKind, IssuerSettings};
use bailiwick_identity::jwks::Algorithm;
use bailiwick_identity::{
    ASK_EVERY_MS, FRESH_MS, Method, Proofs, Proved, STALE_MS_MAX, Shown, Source, Subject, Unproved,
    Verdict,
};
use bailiwick_ledger::Hash;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};

use crate::server::{Said, Server};
use crate::sign::{Signer, unsigned};

const AUDIENCE: &str = "https://bailiwick.example.com";
const DISCOVERY: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/keys";
const NOW: u64 = 1_800_000_000;

/// An issuer, with a server that publishes its keys.
struct Scene {
    server: Server,
    rsa: Signer,
    p256: Signer,
}

fn publish(server: &Server, keys: Value) {
    let url = server.url();
    server.answers(move |question| match question.path.as_str() {
        DISCOVERY => Said::json(json!({ "issuer": url, "jwks_uri": format!("{url}{KEYS}") })),
        KEYS => Said::json(json!({ "keys": keys })),
        _ => Said::status(404),
    });
}

impl Scene {
    fn new() -> Self {
        let server = Server::new(|_| Said::status(404));
        let (rsa, p256) = (Signer::rsa(), Signer::p256());
        publish(&server, json!([rsa.jwk("r1"), p256.jwk("e1")]));
        Self { server, rsa, p256 }
    }

    fn settings(&self) -> IssuerSettings {
        IssuerSettings {
            issuer: self.server.url(),
            kind: IssuerKind::Oidc,
            audience: AUDIENCE.to_owned(),
            algorithms: vec![Algorithm::RS256, Algorithm::ES256],
            types: vec![String::new(), "JWT".to_owned()],
            lifetime_secs_max: 3_600,
            is_once: true,
            pins: Vec::new(),
            keys: Source::Discovered,
        }
    }

    fn proofs_of(&self, settings: IssuerSettings) -> Proofs {
        let fetch = Fetch::new(Where::Private, &[]).unwrap();
        Proofs::default().with_issuer(Issuer::new(settings, fetch))
    }

    fn proofs(&self) -> Proofs {
        self.proofs_of(self.settings())
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.server.url(), "sub": "invoice", "aud": AUDIENCE,
            "iat": NOW - 10, "exp": NOW + 290, "jti": "1",
        })
    }

    /// The claims with one of them changed; null takes it away.
    fn with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        match value {
            Value::Null => {
                claims.as_object_mut().unwrap().remove(name);
            }
            value => claims[name] = value,
        }
        claims
    }

    fn signed(&self, claims: &Value) -> String {
        self.rsa.token(&header(), claims)
    }
}

fn header() -> Value {
    json!({ "alg": "RS256", "kid": "r1", "typ": "JWT" })
}

async fn at(proofs: &Proofs, token: &str, now_ms: u64) -> Result<Proved, Unproved> {
    let shown = Shown {
        scheme: "Bearer",
        proof: token,
        request: Hash::ZERO,
        now_ms,
    };
    proofs.verify(&shown).await
}

async fn verify(proofs: &Proofs, token: &str) -> Result<Proved, Unproved> {
    at(proofs, token, NOW * 1_000).await
}

#[track_caller]
fn refused(result: Result<Proved, Unproved>, code: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    let verdict = if code == "token_malformed" {
        Verdict::Malformed
    } else {
        Verdict::Refused
    };
    assert_eq!(error.verdict(), verdict, "{error}");
}

#[tokio::test]
async fn a_token_of_a_registered_issuer_is_its_subject_and_opens_one_grant() {
    let scene = Scene::new();
    let proofs = scene.proofs();
    let token = scene.signed(&scene.claims());
    let proved = verify(&proofs, &token).await.unwrap();
    assert_eq!(proved.method, Method::Token);
    let Subject::Token {
        issuer, subject, ..
    } = &proved.subject
    else {
        panic!("{proved:?}");
    };
    assert_eq!((issuer, subject.as_str()), (&scene.server.url(), "invoice"));
    let once = proved.once.unwrap();
    assert!(once.until_ms > proved.expires_ms);
    assert_eq!(verify(&proofs, &token).await.unwrap().once, Some(once));
    // The second key, of another kind.
    let header = json!({ "alg": "ES256", "kid": "e1" });
    let other = scene.p256.token(&header, &scene.claims());
    assert!(verify(&proofs, &other).await.is_ok());
    // Keys are asked for once.
    assert_eq!(
        (scene.server.asked(DISCOVERY), scene.server.asked(KEYS)),
        (1, 1)
    );
}

#[tokio::test]
async fn every_algorithm_that_is_taken_is_verified_and_with_another_key_refused() {
    let scene = Scene::new();
    let (p384, ed) = (Signer::p384(), Signer::ed25519());
    let keys = json!([scene.rsa.jwk("r1"), p384.jwk("e2"), ed.jwk("o1")]);
    publish(&scene.server, keys);
    let proofs = scene.proofs_of(IssuerSettings {
        algorithms: Algorithm::ALL.to_vec(),
        ..scene.settings()
    });
    for (signer, algorithm, kid) in [
        (&scene.rsa, "RS256", "r1"),
        (&scene.rsa, "PS256", "r1"),
        (&p384, "ES384", "e2"),
        (&ed, "EdDSA", "o1"),
    ] {
        let header = json!({ "alg": algorithm, "kid": kid });
        let token = signer.token(&header, &scene.claims());
        assert!(verify(&proofs, &token).await.is_ok(), "{algorithm}");
        // One letter of what was signed.
        let changed = unsigned(&header, &scene.with("sub", json!("invoicf")));
        let (_, signature) = token.rsplit_once('.').unwrap();
        let forged = format!("{changed}.{signature}");
        refused(verify(&proofs, &forged).await, "token_signature");
    }
    // A signature by one key under the name of another of the same kind.
    let stranger = Signer::rsa().token(&header(), &scene.claims());
    refused(verify(&proofs, &stranger).await, "token_signature");
    let swapped = json!({ "alg": "ES384", "kid": "r1" });
    refused(
        verify(&proofs, &p384.token(&swapped, &scene.claims())).await,
        "unknown_key",
    );
}

// Test 14 of the list of required ones.
#[tokio::test]
async fn no_algorithm_a_shared_secret_or_one_not_listed_proves_nothing() {
    let scene = Scene::new();
    let proofs = scene.proofs();
    for algorithm in [
        "none", "None", "nOnE", "NONE", "", "rs256", "HS256", "PS256", "EdDSA",
    ] {
        let header = json!({ "alg": algorithm, "kid": "r1" });
        let signed = unsigned(&header, &scene.claims());
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &scene.rsa.der());
        let tag = hmac::sign(&secret, signed.as_bytes());
        let token = format!("{signed}.{}", BASE64URL.encode(tag));
        refused(verify(&proofs, &token).await, "token_algorithm");
        let bare = format!("{signed}.");
        refused(verify(&proofs, &bare).await, "token_malformed");
    }
    let token = scene.rsa.token(&json!({ "kid": "r1" }), &scene.claims());
    refused(verify(&proofs, &token).await, "token_algorithm");
    // A good token whose algorithm this issuer is not known for.
    let proofs = scene.proofs_of(IssuerSettings {
        algorithms: vec![Algorithm::ES256],
        ..scene.settings()
    });
    refused(
        verify(&proofs, &scene.signed(&scene.claims())).await,
        "token_algorithm",
    );
    assert_eq!(scene.server.asked(KEYS), 0);
}

// Test 15 of the list of required ones.
#[tokio::test]
async fn a_token_does_not_bring_its_own_key_or_its_own_rules() {
    let scene = Scene::new();
    let proofs = scene.proofs();
    let stranger = Signer::rsa();
    for (name, value) in [
        ("jwk", stranger.jwk("r1")),
        ("jku", json!("https://evil.test/keys")),
        ("x5u", json!("https://evil.test/cert")),
        ("x5c", json!(["AAAA"])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("anything", json!(1)),
    ] {
        let mut header = header();
        header[name] = value;
        for signer in [&stranger, &scene.rsa] {
            let token = signer.token(&header, &scene.claims());
            refused(verify(&proofs, &token).await, "token_header");
        }
    }
    // What GitHub writes beside them is not looked at.
    let mut header = header();
    header["x5t"] = json!("a digest");
    assert!(
        verify(&proofs, &scene.rsa.token(&header, &scene.claims()))
            .await
            .is_ok()
    );
}

// Test 16 of the list of required ones.
#[tokio::test]
async fn however_many_keys_tokens_name_an_issuer_is_asked_once_a_minute() {
    let scene = Scene::new();
    let proofs = scene.proofs();
    let token = |kid: &str| {
        let header = json!({ "alg": "RS256", "kid": kid });
        let signed = unsigned(&header, &scene.claims());
        format!("{signed}.{}", BASE64URL.encode([7; 256]))
    };
    for at in 0..10_000 {
        refused(
            verify(&proofs, &token(&format!("random-{at}"))).await,
            "unknown_key",
        );
    }
    assert_eq!(
        (scene.server.asked(DISCOVERY), scene.server.asked(KEYS)),
        (1, 1)
    );
    for kid in ["../../etc/passwd", "' OR 1=1 --", "", &"k".repeat(10_000)] {
        let error = verify(&proofs, &token(kid)).await.unwrap_err();
        assert!(
            matches!(error.code(), "unknown_key" | "token_malformed"),
            "{error}"
        );
    }
    let later = NOW * 1_000 + ASK_EVERY_MS;
    refused(at(&proofs, &token("another"), later).await, "unknown_key");
    assert_eq!(scene.server.asked(KEYS), 2);
}

#[tokio::test]
async fn a_new_key_is_found_and_a_withdrawn_one_is_not_taken_any_longer_than_keys_are_fresh() {
    let scene = Scene::new();
    let proofs = scene.proofs();
    let old = scene.signed(&scene.with("exp", json!(NOW + 3_000)));
    assert!(verify(&proofs, &old).await.is_ok());
    let next = Signer::rsa();
    publish(&scene.server, json!([next.jwk("r2")]));
    let header = json!({ "alg": "RS256", "kid": "r2" });
    let new = next.token(&header, &scene.with("exp", json!(NOW + 3_000)));
    // Asked a minute ago: the new key is looked for, and the old one is gone with that.
    let later = NOW * 1_000 + ASK_EVERY_MS;
    assert!(at(&proofs, &old, later).await.is_ok());
    assert!(at(&proofs, &new, later).await.is_ok());
    refused(at(&proofs, &old, later).await, "unknown_key");
    // Without a token that names it, it is gone when the keys are not fresh any more.
    publish(&scene.server, json!([scene.rsa.jwk("r1")]));
    let proofs = scene.proofs();
    assert!(verify(&proofs, &old).await.is_ok());
    publish(&scene.server, json!([next.jwk("r2")]));
    refused(
        at(&proofs, &old, NOW * 1_000 + FRESH_MS).await,
        "unknown_key",
    );
}

// Test 17 of the list of required ones.
#[tokio::test]
async fn one_name_on_keys_of_two_kinds_is_no_confusion_and_on_two_of_one_kind_no_key() {
    let scene = Scene::new();
    publish(
        &scene.server,
        json!([scene.rsa.jwk("k"), scene.p256.jwk("k")]),
    );
    let proofs = scene.proofs();
    let header = |algorithm: &str| json!({ "alg": algorithm, "kid": "k" });
    let by_point = scene.p256.token(&header("ES256"), &scene.claims());
    assert!(verify(&proofs, &by_point).await.is_ok());
    let confused = scene.p256.token(&header("RS256"), &scene.claims());
    refused(verify(&proofs, &confused).await, "token_signature");

    let twin = Signer::rsa();
    publish(&scene.server, json!([scene.rsa.jwk("k"), twin.jwk("k")]));
    let proofs = scene.proofs();
    for signer in [&scene.rsa, &twin] {
        let token = signer.token(&header("RS256"), &scene.claims());
        refused(verify(&proofs, &token).await, "ambiguous_key");
    }
}

#[tokio::test]
async fn a_key_for_another_use_or_with_its_secret_shown_is_no_key() {
    let scene = Scene::new();
    let changed = |name: &str, value: Value| {
        let mut key = scene.rsa.jwk("r1");
        key[name] = value;
        key
    };
    for key in [
        changed("use", json!("enc")),
        changed("alg", json!("RS512")),
        changed("alg", json!("none")),
        changed("d", json!("AAAA")),
        changed("k", json!("AAAA")),
        changed("kty", json!("oct")),
        changed("kid", json!("")),
        changed("kid", json!(1)),
        changed("n", json!("not base64!")),
        changed("e", Value::Null),
        json!("a key"),
    ] {
        publish(&scene.server, json!([key]));
        let proofs = scene.proofs();
        let token = scene.signed(&scene.claims());
        refused(verify(&proofs, &token).await, "unknown_key");
    }
    publish(
        &scene.server,
        json!([changed("use", json!("sig")), changed("kid", json!("other"))]),
    );
    assert!(
        verify(&scene.proofs(), &scene.signed(&scene.claims()))
            .await
            .is_ok()
    );
}

// Tests 18 and 19 of the list of required ones.
#[tokio::test]
async fn times_are_whole_numbers_that_make_sense_or_the_token_is_refused() {
    let scene = Scene::new();
    let proofs = scene.proofs();
    let cases = [
        ("exp", Value::Null, "token_claims"),
        ("exp", json!("1900000000"), "token_claims"),
        ("exp", json!(-1), "token_claims"),
        ("exp", json!([NOW + 9]), "token_claims"),
        ("exp", json!(true), "token_claims"),
        ("exp", json!(NOW), "token_expired"),
        ("exp", json!(NOW - 1), "token_expired"),
        ("exp", json!(NOW + 3_591), "token_lifetime"),
        ("exp", json!(i64::MAX), "token_lifetime"),
        ("iat", Value::Null, "token_claims"),
        ("iat", json!("1"), "token_claims"),
        ("iat", json!(NOW + 31), "token_early"),
        ("iat", json!(NOW - 31_536_000), "token_lifetime"),
        ("nbf", json!("1"), "token_claims"),
        ("nbf", json!(NOW + 31), "token_early"),
        ("sub", Value::Null, "token_claims"),
        ("sub", json!(""), "token_claims"),
        ("sub", json!(7), "token_claims"),
    ];
    for (name, value, code) in cases {
        let token = scene.signed(&scene.with(name, value.clone()));
        let error = verify(&proofs, &token).await.unwrap_err();
        assert_eq!(error.code(), code, "{name} {value}: {error}");
    }
    for (name, text) in [("exp", "1e308"), ("exp", "1.8e9"), ("iat", "1e400")] {
        let claims = scene.with(name, json!("HERE")).to_string();
        let claims = claims.replace("\"HERE\"", text);
        let signed = format!(
            "{}.{}",
            BASE64URL.encode(header().to_string()),
            BASE64URL.encode(claims)
        );
        let token = format!("{signed}.{}", BASE64URL.encode([1; 256]));
        refused(verify(&proofs, &token).await, "token_claims");
    }
    for (name, value) in [
        ("nbf", json!(NOW + 30)),
        ("iat", json!(NOW + 30)),
        ("exp", json!(NOW + 1)),
    ] {
        let token = scene.signed(&scene.with(name, value));
        assert!(verify(&proofs, &token).await.is_ok(), "{name}");
    }
}

// Test 20 of the list of required ones.
#[tokio::test]
async fn a_token_is_for_this_authority_and_for_nobody_else() {
    let scene = Scene::new();
    let proofs = scene.proofs();
    let mut many: Vec<Value> = (0..49).map(|at| json!(format!("https://a{at}"))).collect();
    many.push(json!(AUDIENCE));
    for audience in [
        Value::Null,
        json!(""),
        json!("https://bailiwick.example.co"),
        json!("https://bailiwick.example.com/"),
        json!("https://BAILIWICK.example.com"),
        json!([AUDIENCE, "https://other"]),
        json!([]),
        json!([7]),
        json!(many),
        json!({ "a": AUDIENCE }),
    ] {
        let token = scene.signed(&scene.with("aud", audience.clone()));
        let error = verify(&proofs, &token).await.unwrap_err();
        assert!(
            matches!(error.code(), "token_audience" | "token_claims"),
            "{audience}: {error}"
        );
    }
    let token = scene.signed(&scene.with("aud", json!([AUDIENCE])));
    assert!(verify(&proofs, &token).await.is_ok());
}

// Test 21 of the list of required ones.
#[tokio::test]
async fn an_issuer_is_its_name_letter_for_letter_and_speaks_for_itself_alone() {
    let scene = Scene::new();
    let other = Scene::new();
    let fetch = Fetch::new(Where::Private, &[]).unwrap();
    let proofs = scene
        .proofs()
        .with_issuer(Issuer::new(other.settings(), fetch));
    let url = scene.server.url();
    for issuer in [
        json!(format!("{url}/")),
        json!(url.to_uppercase()),
        json!("https://nobody.example.com"),
        json!(""),
        json!([url]),
        Value::Null,
    ] {
        let token = scene.signed(&scene.with("iss", issuer));
        refused(verify(&proofs, &token).await, "unknown_issuer");
    }
    // The other issuer's key under the name of this one, and its own subject under its own.
    let forged = other.rsa.token(&header(), &scene.claims());
    refused(verify(&proofs, &forged).await, "token_signature");
    let own = other.rsa.token(&header(), &other.claims());
    let proved = verify(&proofs, &own).await.unwrap();
    let Subject::Token { issuer, .. } = proved.subject else {
        panic!();
    };
    assert_eq!(issuer, other.server.url());
}

// Test 22 of the list of required ones.
#[tokio::test]
async fn a_token_has_one_spelling() {
    let scene = Scene::new();
    let proofs = scene.proofs();
    let token = scene.signed(&scene.claims());
    let [head, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!();
    };
    let twice = scene
        .claims()
        .to_string()
        .replacen('{', r#"{"sub":"other","#, 1);
    let twice = format!("{head}.{}.{signature}", BASE64URL.encode(twice));
    let last = signature.chars().last().unwrap();
    let next = char::from_u32(last as u32 + 1).unwrap();
    let spare = format!(
        "{head}.{claims}.{}{next}",
        &signature[..signature.len() - 1]
    );
    for text in [
        twice,
        format!("{token}="),
        format!(" {token}"),
        format!("{head}.{claims}"),
        format!("{token}.x"),
        format!("{head}.x.y.{claims}.{signature}"),
        format!("{head}..{signature}"),
        format!("{{\"payload\":\"{claims}\"}}"),
        String::new(),
    ] {
        refused(verify(&proofs, &text).await, "token_malformed");
    }
    // Bits that no byte is made of: refused whether or not they are all there is to it.
    assert!(verify(&proofs, &spare).await.is_err());
    assert!(verify(&proofs, &token).await.is_ok());
}

// Test 23 of the list of required ones.
#[tokio::test]
async fn a_token_too_large_too_deep_or_with_too_much_in_it_costs_nothing() {
    let scene = Scene::new();
    let proofs = scene.proofs();
    let mut deep = json!(1);
    for _ in 0..64 {
        deep = json!([deep]);
    }
    let many: serde_json::Map<String, Value> =
        (0..600).map(|at| (format!("c{at}"), json!(1))).collect();
    let begun = Instant::now();
    for claims in [
        scene.with("pad", json!("a".repeat(16 << 10))),
        scene.with("deep", deep),
        json!(many),
    ] {
        let signed = unsigned(&header(), &claims);
        let token = format!("{signed}.{}", BASE64URL.encode([1; 256]));
        refused(verify(&proofs, &token).await, "token_malformed");
    }
    assert!(begun.elapsed() < Duration::from_millis(200));
    assert_eq!(scene.server.asked(KEYS), 0);
}

// Test 26 of the list of required ones.
#[tokio::test]
async fn a_token_of_another_kind_is_no_proof() {
    let scene = Scene::new();
    let proofs = scene.proofs();
    for kind in [
        "txntoken+jwt",
        "dpop+jwt",
        "at+jwt",
        "wit+jwt",
        "secevent+jwt",
        "x",
    ] {
        let header = json!({ "alg": "RS256", "kid": "r1", "typ": kind });
        let token = scene.rsa.token(&header, &scene.claims());
        refused(verify(&proofs, &token).await, "token_type");
    }
    let header = json!({ "alg": "RS256", "kid": "r1", "typ": "at+jwt" });
    let access = scene.rsa.token(&header, &scene.claims());
    let proofs = scene.proofs_of(IssuerSettings {
        types: vec!["at+jwt".to_owned()],
        ..scene.settings()
    });
    assert!(verify(&proofs, &access).await.is_ok());
    refused(
        verify(&proofs, &scene.signed(&scene.claims())).await,
        "token_type",
    );
}

// Test 27 of the list of required ones.
#[tokio::test]
async fn keys_that_are_too_many_elsewhere_or_in_the_clear_are_not_taken() {
    let scene = Scene::new();
    let token = scene.signed(&scene.claims());
    let url = scene.server.url();
    let good = json!({ "issuer": url, "jwks_uri": format!("{url}{KEYS}") });
    let with = |name: &str, value: Value| {
        let mut told = good.clone();
        told[name] = value;
        told
    };
    for told in [
        with("issuer", json!("https://other.example.com")),
        with("issuer", json!(format!("{url}/"))),
        with("issuer", Value::Null),
        with("jwks_uri", Value::Null),
        with("jwks_uri", json!("http://keys.example.com/")),
        with("jwks_uri", json!("http://169.254.169.254/keys")),
        with("jwks_uri", json!("https://169.254.169.254/keys")),
        with("jwks_uri", json!("file:///etc/passwd")),
        json!([]),
    ] {
        scene
            .server
            .answers(move |question| match question.path.as_str() {
                DISCOVERY => Said::json(&told),
                _ => Said::json(json!({ "keys": [] })),
            });
        let error = verify(&scene.proofs(), &token).await.unwrap_err();
        assert_eq!(error.verdict(), Verdict::Unavailable, "{error}");
    }
    let large = "a".repeat(10 << 20);
    let keys = json!([scene.rsa.jwk("r1")]);
    let spoilt: [fn(String, &Value) -> Said; 5] = [
        |large, keys| Said::json(json!({ "keys": keys, "pad": large })),
        |_, _| Said {
            headers: vec![("location", "http://169.254.169.254/".into())],
            ..Said::status(302)
        },
        |_, _| Said::status(500),
        |_, keys| Said {
            headers: vec![("content-type", "text/html".into())],
            ..Said::json(json!({ "keys": keys }))
        },
        |_, keys| Said::json(json!({ "keys": vec![keys[0].clone(); 65] })),
    ];
    for spoil in spoilt {
        let (told, large, keys) = (good.clone(), large.clone(), keys.clone());
        scene
            .server
            .answers(move |question| match question.path.as_str() {
                DISCOVERY => Said::json(&told),
                _ => spoil(large.clone(), &keys),
            });
        let error = verify(&scene.proofs(), &token).await.unwrap_err();
        assert_eq!(error.code(), "issuer_unreachable", "{error}");
    }
    publish(&scene.server, keys);
    assert!(verify(&scene.proofs(), &token).await.is_ok());
    // An issuer that is not said to be near is not asked on this machine, whatever its name says.
    let settings = IssuerSettings {
        keys: Source::At(Address::read("https://localhost:1/keys", Where::Public).unwrap()),
        ..scene.settings()
    };
    let fetch = Fetch::new(Where::Public, &[]).unwrap();
    let proofs = Proofs::default().with_issuer(Issuer::new(settings, fetch));
    let error = verify(&proofs, &token).await.unwrap_err();
    assert_eq!(error.code(), "issuer_unreachable", "{error}");
}

// Test 28 of the list of required ones.
#[tokio::test]
async fn an_issuer_that_stays_away_fails_closed_and_the_others_do_not_notice() {
    let scene = Scene::new();
    let other = Scene::new();
    let fetch = Fetch::new(Where::Private, &[]).unwrap();
    let proofs = scene
        .proofs()
        .with_issuer(Issuer::new(other.settings(), fetch));
    let fresh = |scene: &Scene, ms: u64| {
        let mut claims = scene.claims();
        claims["iat"] = json!(NOW + ms / 1_000 - 10);
        claims["exp"] = json!(NOW + ms / 1_000 + 290);
        scene.signed(&claims)
    };
    assert!(verify(&proofs, &fresh(&scene, 0)).await.is_ok());
    scene.server.answers(|_| Said::status(503));
    for (after, is_taken) in [
        (FRESH_MS - 1, true),
        (STALE_MS_MAX - 1, true),
        (STALE_MS_MAX, false),
        (STALE_MS_MAX * 2, false),
    ] {
        let now = NOW * 1_000 + after;
        let told = at(&proofs, &fresh(&scene, after), now).await;
        match told {
            Ok(_) => assert!(is_taken, "{after}"),
            Err(error) => {
                assert!(!is_taken, "{after}: {error}");
                assert_eq!(error.code(), "issuer_unreachable");
                assert_eq!(error.verdict(), Verdict::Unavailable);
            }
        }
        let others = at(&proofs, &fresh(&other, after), now).await;
        assert!(others.is_ok(), "{after}");
    }
    publish(&scene.server, json!([scene.rsa.jwk("r1")]));
    let after = STALE_MS_MAX * 2 + ASK_EVERY_MS;
    let now = NOW * 1_000 + after;
    assert!(at(&proofs, &fresh(&scene, after), now).await.is_ok());
}

#[tokio::test]
async fn no_message_repeats_a_token() {
    let scene = Scene::new();
    let proofs = scene.proofs();
    let canary = "canary-of-the-token";
    let mut told = String::new();
    for claims in [
        scene.with("sub", json!([canary])),
        scene.with("aud", json!(canary)),
        scene.with("iss", json!(canary)),
        scene.with("exp", json!(canary)),
    ] {
        let token = scene.signed(&claims);
        let error = verify(&proofs, &token).await.unwrap_err();
        told += &format!("{error} {error:?} ");
        for part in token.split('.') {
            assert!(!told.contains(part), "{told}");
        }
    }
    assert!(!told.contains(canary), "{told}");
}

#[tokio::test]
async fn a_token_with_one_letter_changed_anywhere_proves_nothing() {
    let scene = Scene::new();
    let proofs = scene.proofs();
    let token = scene.signed(&scene.claims());
    assert!(verify(&proofs, &token).await.is_ok());
    for at in 0..token.len() {
        for change in [1, 2, 32] {
            let mut changed = token.clone().into_bytes();
            changed[at] ^= change;
            let Ok(changed) = String::from_utf8(changed) else {
                continue;
            };
            assert!(verify(&proofs, &changed).await.is_err(), "{at}: {changed}");
        }
    }
}
