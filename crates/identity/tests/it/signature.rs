//! Proof by signature, against a server that verifies signatures with the secrets it gave out.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use bailiwick_aws::endpoint::{Endpoint, Region, Service};
use bailiwick_aws::key::AccessKey;
use bailiwick_aws::proof::{BoundTo, SignedIdentity};
use bailiwick_aws::time::Timestamp;
use bailiwick_aws::transport::Transport;
use bailiwick_identity::aws::{AwsFault, ShownSignature, Signatures};
use bailiwick_identity::{Binding, Method, Proved, Subject, Verdict};
use bailiwick_ledger::Hash;
use bailiwick_testkit::aws::{FakeAws, Mishap, Role, World};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use secrecy::ExposeSecret as _;

const ROLE: &str = "arn:aws:iam::111122223333:role/agents/prod/invoice";
const AUDIENCE: &str = "bailiwick.example.com";
const ASKED: &str = "sts:GetCallerIdentity";

/// An account with one agent that runs in it.
struct Account {
    fake: FakeAws,
    role_id: String,
    agent: AccessKey,
    region: Region,
}

impl Account {
    fn new() -> Self {
        let mut world = World::default();
        let arn: bailiwick_iam::arn::Arn = ROLE.parse().unwrap();
        let role = Role {
            arn: arn.clone(),
            trust: r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned(),
            inline: Vec::new(),
            boundary: None,
            max_session_secs: 3_600,
        };
        let role_id = world.add_role(role).unwrap();
        let (key, token) = world.begin(&arn, "i-0abc", 3_600);
        Self {
            fake: FakeAws::start(world).unwrap(),
            role_id,
            agent: AccessKey::new(&key.id, &key.secret, Some(&token)),
            region: "eu-central-1".parse().unwrap(),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.fake.world().now())
    }

    fn asked(&self) -> u64 {
        self.fake.world().calls(ASKED)
    }

    fn verifier(&self) -> Signatures {
        let transport = Transport::new(Duration::from_millis(500));
        let verifier = Signatures::new(AUDIENCE, transport);
        verifier.with_sts_at(&self.fake.url()).unwrap()
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::at(Service::Sts, &self.region, &self.fake.url()).unwrap()
    }

    fn sign(&self, bound: &BoundTo, at: Timestamp) -> ShownSignature {
        let signed = SignedIdentity::sign(&self.endpoint(), bound, &self.agent, at).unwrap();
        ShownSignature {
            region: self.region.to_string(),
            nonce: bound.nonce.clone(),
            signed,
        }
    }

    /// A proof as the agent should make it.
    fn proof(&self) -> ShownSignature {
        self.sign(&bound(), self.now())
    }

    async fn verify(&self, shown: &str) -> Result<Proved, AwsFault> {
        let now_ms = u64::try_from(self.now().0).unwrap() * 1_000;
        self.verifier().verify(shown, request(), now_ms).await
    }
}

fn request() -> Hash {
    Hash::of(&[br#"{"agent":"invoice","task":"post"}"#])
}

fn bound() -> BoundTo {
    BoundTo {
        audience: AUDIENCE.to_owned(),
        nonce: "nonce-0123456789abcdef".to_owned(),
        request: request().to_string(),
    }
}

/// The members of a proof, to be changed.
fn opened(shown: &str) -> serde_json::Map<String, serde_json::Value> {
    serde_json::from_slice(&BASE64URL.decode(shown).unwrap()).unwrap()
}

fn closed(members: &serde_json::Map<String, serde_json::Value>) -> String {
    BASE64URL.encode(serde_json::to_string(members).unwrap())
}

#[tokio::test]
async fn sts_says_whose_session_it_is_by_an_id_that_no_other_role_has() {
    let account = Account::new();
    let proved = account.verify(&account.proof().show()).await.unwrap();
    assert_eq!(proved.method, Method::AwsSignature);
    assert_eq!(proved.binding, Binding::Request);
    let Subject::Role(role) = &proved.subject else {
        panic!("{proved:?}");
    };
    assert_eq!(role.account, "111122223333");
    assert_eq!(role.name, "invoice");
    assert_eq!(role.unique_id.as_deref(), Some(&*account.role_id));
    assert_eq!(proved.instance, Some(format!("{}:i-0abc", account.role_id)));
    assert_eq!(account.asked(), 1);
    let once = proved.once.unwrap();
    let sts_takes_it_until = u64::try_from(account.now().0 + 900).unwrap() * 1_000;
    assert!(once.until_ms > sts_takes_it_until);
}

// Test 1 of the list of required ones.
#[tokio::test]
async fn only_sts_of_a_known_region_is_ever_asked() {
    let account = Account::new();
    for region in [
        "eu-central-1.amazonaws.com.evil.test",
        "eu-central-1@evil.test",
        "eu-central-1.",
        "eu-central-1:8443",
        "еu-central-1",
        "xx-nowhere-1",
        "eu-central-9",
        "EU-CENTRAL-1",
        "",
    ] {
        let mut members = opened(&account.proof().show());
        members.insert("region".into(), region.into());
        let refused = account.verify(&closed(&members)).await.unwrap_err();
        assert_eq!(refused.verdict(), Verdict::Malformed, "{region}: {refused}");
    }
    for address in [
        "http://sts.evil.test",
        "https://u@sts.evil.test",
        "https://h/path",
    ] {
        assert!(
            account.verifier().with_sts_at(address).is_err(),
            "{address}"
        );
    }
    assert_eq!(account.asked(), 0);
}

// Tests 2 and 3 of the list of required ones.
#[tokio::test]
async fn a_proof_has_no_place_for_an_action_a_url_or_a_header() {
    let account = Account::new();
    for member in [
        "Action", "action", "url", "method", "body", "headers", "Host", "accept", "expires",
    ] {
        let mut members = opened(&account.proof().show());
        members.insert(member.into(), "AssumeRole".into());
        let refused = account.verify(&closed(&members)).await.unwrap_err();
        assert_eq!(refused.verdict(), Verdict::Malformed, "{member}: {refused}");
    }
    for part in [
        "access_key_id",
        "date",
        "nonce",
        "region",
        "session_token",
        "signature",
    ] {
        let mut less = opened(&account.proof().show());
        less.remove(part);
        let mut other = opened(&account.proof().show());
        other.insert(part.into(), "a\r\nX-Forwarded-For: evil".into());
        let mut list = opened(&account.proof().show());
        list.insert(part.into(), serde_json::json!(["a"]));
        for members in [less, other, list] {
            let refused = account.verify(&closed(&members)).await.unwrap_err();
            assert_eq!(refused.verdict(), Verdict::Malformed, "{part}: {refused}");
        }
    }
    let shown = account.proof().show();
    let twice = String::from_utf8(BASE64URL.decode(&shown).unwrap()).unwrap();
    let twice = twice.replacen('{', r#"{"region":"eu-west-1","#, 1);
    for text in [
        String::new(),
        "%%%".into(),
        format!("{shown}="),
        BASE64URL.encode("[]"),
        BASE64URL.encode(twice),
        "A".repeat(13_000),
    ] {
        let refused = account.verify(&text).await.unwrap_err();
        assert_eq!(refused.verdict(), Verdict::Malformed, "{text:.80}");
    }
    assert_eq!(account.asked(), 0);
    // The proof that all these were made of holds.
    assert!(account.verify(&shown).await.is_ok());
}

// Tests 4 and 5 of the list of required ones.
#[tokio::test]
async fn what_sts_does_not_answer_proves_nothing() {
    let account = Account::new();
    for mishap in [
        Mishap::Json,
        Mishap::Namespace,
        Mishap::Twice,
        Mishap::Trailing,
        Mishap::Entity,
        Mishap::Long,
        Mishap::Redirect,
    ] {
        account.fake.mishap(mishap);
        let refused = account.verify(&account.proof().show()).await.unwrap_err();
        assert_eq!(refused.code(), "attest_malformed", "{mishap:?}: {refused}");
        assert_eq!(refused.verdict(), Verdict::Refused, "{mishap:?}");
    }
}

// Test 6 of the list of required ones.
#[tokio::test]
async fn without_an_answer_of_sts_nobody_is_proved_and_the_same_proof_may_hold_later() {
    let account = Account::new();
    let shown = account.proof().show();
    for mishap in [
        Mishap::Throttled,
        Mishap::InternalFailure,
        Mishap::Proxy,
        Mishap::Lost,
        Mishap::DoneAndLost,
        Mishap::Slow(Duration::from_secs(2)),
    ] {
        account.fake.mishap(mishap);
        let refused = account.verify(&shown).await.unwrap_err();
        assert_eq!(
            refused.verdict(),
            Verdict::Unavailable,
            "{mishap:?}: {refused}"
        );
    }
    assert!(account.verify(&shown).await.is_ok());
}

// Test 7 of the list of required ones.
#[tokio::test]
async fn a_signature_for_another_authority_another_request_or_another_nonce_is_refused_by_sts() {
    let account = Account::new();
    for other in [
        BoundTo {
            audience: "other.example.com".into(),
            ..bound()
        },
        BoundTo {
            audience: format!("{AUDIENCE}."),
            ..bound()
        },
        BoundTo {
            request: Hash::of(&[b"{}"]).to_string(),
            ..bound()
        },
    ] {
        let shown = account.sign(&other, account.now()).show();
        let refused = account.verify(&shown).await.unwrap_err();
        assert_eq!(refused.code(), "signature_refused", "{other:?}: {refused}");
    }
    let mut members = opened(&account.proof().show());
    members.insert("nonce".into(), "another-nonce-of-its-own".into());
    let refused = account.verify(&closed(&members)).await.unwrap_err();
    assert_eq!(refused.code(), "signature_refused");
    // A plain call of the agent's, with none of it in its signature, is no proof.
    let plain = bailiwick_aws::sign::signed_post(
        &account.endpoint(),
        "Action=GetCallerIdentity&Version=2011-06-15".to_owned(),
        &account.agent,
        account.now(),
    )
    .unwrap();
    let plain = plain.headers()["authorization"]
        .to_str()
        .unwrap()
        .to_owned();
    let (_, signature) = plain.split_once("Signature=").unwrap();
    let mut members = opened(&account.proof().show());
    members.insert("signature".into(), signature.into());
    let refused = account.verify(&closed(&members)).await.unwrap_err();
    assert_eq!(refused.code(), "signature_refused");
}

// Test 8 of the list of required ones.
#[tokio::test]
async fn a_signature_lives_five_minutes_and_comes_at_most_one_too_early() {
    let account = Account::new();
    let at = |secs: i64| Timestamp(account.now().0 + secs);
    for secs in [-301, -3_600, 62, 3_600] {
        let shown = account.sign(&bound(), at(secs)).show();
        let refused = account.verify(&shown).await.unwrap_err();
        assert_eq!(refused.code(), "proof_stale", "{secs}");
    }
    assert_eq!(account.asked(), 0);
    for secs in [-298, 58] {
        let shown = account.sign(&bound(), at(secs)).show();
        assert!(account.verify(&shown).await.is_ok(), "{secs}");
    }
}

// The values of test 9 of the list of required ones: the store sees each once.
#[tokio::test]
async fn the_same_proof_is_the_same_to_whoever_sees_it_and_another_is_another() {
    let account = Account::new();
    let once = async |shown: &str| account.verify(shown).await.unwrap().once.unwrap().value;
    let shown = account.proof().show();
    let first = once(&shown).await;
    assert_eq!(once(&shown).await, first);
    // Another signature over the same nonce is the same proof.
    let resigned = account
        .sign(&bound(), Timestamp(account.now().0 - 5))
        .show();
    assert_eq!(once(&resigned).await, first);
    let nonce = "another-nonce-of-its-own".to_owned();
    let other = account.sign(&BoundTo { nonce, ..bound() }, account.now());
    assert_ne!(once(&other.show()).await, first);
}

#[tokio::test]
async fn a_key_that_is_no_sessions_or_has_expired_proves_nobody() {
    let account = Account::new();
    let mut members = opened(&account.proof().show());
    members.insert("access_key_id".into(), "AKIAIOSFODNN7EXAMPLE".into());
    let refused = account.verify(&closed(&members)).await.unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Malformed);
    account.fake.world().advance(3_601);
    let refused = account.verify(&account.proof().show()).await.unwrap_err();
    assert_eq!(refused.code(), "signature_refused");
    assert!(refused.to_string().contains("ExpiredToken"), "{refused}");
}

#[tokio::test]
async fn no_message_repeats_a_secret_of_the_proof() {
    let account = Account::new();
    let shown = account.proof();
    let members = opened(&shown.show());
    let secrets = ["session_token", "signature"].map(|name| members[name].as_str().unwrap());
    account.fake.world().advance(7_200);
    let mut told = vec![format!("{shown:?}")];
    let stale = account.verify(&shown.show()).await.unwrap_err();
    let expired = account.verify(&account.proof().show()).await.unwrap_err();
    told.extend([stale, expired].map(|error| format!("{error} {error:?}")));
    for text in told {
        for secret in secrets {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

// The client of `docs/operate/identity.md`, with a signer by others.
#[tokio::test]
async fn botocore_makes_a_proof_that_holds_for_the_body_it_was_given() {
    let account = Account::new();
    let Some(mut python) = bailiwick_testkit::peers::python_script("prove_identity.py") else {
        return;
    };
    let body = br#"{"agent":"invoice","task":"post"}"#;
    let token = account.agent.session_token.as_ref().unwrap();
    let mut running = python
        .args([AUDIENCE, account.region.as_str(), &account.fake.url()])
        .env("AWS_ACCESS_KEY_ID", &account.agent.id)
        .env(
            "AWS_SECRET_ACCESS_KEY",
            account.agent.secret.expose_secret(),
        )
        .env("AWS_SESSION_TOKEN", token.expose_secret())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    running.stdin.take().unwrap().write_all(body).unwrap();
    let output = running.wait_with_output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let shown = told.trim_end().strip_prefix("Bailiwick-AWS ").unwrap();
    let proved = account.verify(shown).await.unwrap();
    assert_eq!(proved.method, Method::AwsSignature);
    let now_ms = u64::try_from(account.now().0).unwrap() * 1_000;
    let other = Hash::of(&[b"another body"]);
    let refused = account.verifier().verify(shown, other, now_ms).await;
    assert_eq!(refused.unwrap_err().code(), "signature_refused");
}

#[tokio::test]
async fn a_proof_with_one_bit_changed_anywhere_proves_nobody() {
    let account = Account::new();
    let shown = account.proof().show();
    let good = BASE64URL.decode(&shown).unwrap();
    assert!(account.verify(&shown).await.is_ok());
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        let told = account.verify(&BASE64URL.encode(&changed)).await;
        assert!(
            told.is_err(),
            "byte {at}: {}",
            String::from_utf8_lossy(&changed)
        );
    }
}
