//! Grants for tokens of another issuer, over HTTP.

use bailiwick_identity::Proofs;
use bailiwick_testkit::http::Answer;
use serde_json::{Value, json};

use crate::house::{BEGIN_MS, House, Idp, Plan, VIEWER, charter, held};

const ISSUER: &str = "https://idp.example.com";
const AUDIENCE: &str = "bailiwick.test";

/// A subject as nobody should choose one.
const SUBJECT: &str = r#"a"; DROP TABLE grants--"#;

struct Scene {
    house: House,
    idp: Idp,
}

impl Scene {
    fn new() -> Self {
        let idp = Idp::new(ISSUER);
        let subject = SUBJECT.replace('"', "\\\"");
        let identity =
            format!("identity: [ {{ issuer: \"{ISSUER}\", subject: \"{subject}\" }} ]\n");
        let house = House::of(Plan {
            charters: vec![
                (
                    "invoice.yaml".into(),
                    charter("invoice", "payments") + &identity,
                ),
                ("refund.yaml".into(), charter("refund", "payments")),
            ],
            proofs: Proofs::default().with_issuer(idp.known(AUDIENCE, "")),
            ..Plan::default()
        });
        Self { house, idp }
    }

    fn claims(&self) -> Value {
        let now = BEGIN_MS / 1_000;
        json!({ "iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "iat": now, "exp": now + 300 })
    }

    fn token(&self, claims: &Value) -> String {
        self.idp.token("", claims)
    }

    fn open(&self, shown: &str, agent: &str) -> Answer {
        let body = json!({ "agent": agent, "task": "look" });
        self.house.ask(shown, "POST", "/v1/grants", &body)
    }
}

#[track_caller]
fn refused(answer: &Answer, status: u16, reason: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.json()["reason"], reason, "{}", answer.body);
}

// Test 85 of the list of required ones, for the names that others choose.
#[test]
fn a_subject_is_a_text_and_nothing_else_whatever_stands_in_it() {
    let scene = Scene::new();
    let answer = scene.open(&scene.token(&scene.claims()), "invoice");
    assert_eq!(answer.status, 201, "{}", answer.body);
    let (id, _) = held(&answer);
    let records = scene.house.records();
    let opened = records
        .iter()
        .find(|it| it["event"] == "grant.approved")
        .unwrap();
    assert_eq!(opened["agent"]["unique_id"], format!("{ISSUER} {SUBJECT}"));
    assert_eq!(opened["agent"]["method"], "oidc");
    let path = format!("/v1/grants/{id}");
    assert_eq!(
        scene.house.ask(VIEWER, "GET", &path, &Value::Null).status,
        200
    );
}

#[test]
fn a_token_opens_one_grant_of_its_own_agent() {
    let scene = Scene::new();
    let token = scene.token(&scene.claims());
    refused(&scene.open(&token, "refund"), 403, "identity_of_another");
    assert_eq!(scene.open(&token, "invoice").status, 201);
    refused(&scene.open(&token, "invoice"), 401, "proof_replayed");
    // The same claims signed again are the same proof: what was signed counts, not how.
    refused(
        &scene.open(&scene.token(&scene.claims()), "invoice"),
        401,
        "proof_replayed",
    );
    let mut other = scene.claims();
    other["jti"] = json!("2");
    assert_eq!(scene.open(&scene.token(&other), "invoice").status, 201);
}

// Test 26 of the list of required ones.
#[test]
fn our_own_tokens_prove_nobody() {
    let scene = Scene::new();
    let (_, grant) = held(&scene.open(&scene.token(&scene.claims()), "invoice"));
    refused(&scene.open(&grant, "invoice"), 401, "unknown_issuer");
    refused(
        &scene.open(crate::house::OPERATOR, "invoice"),
        400,
        "token_malformed",
    );
    scene.house.clock.forward(300_000);
    let late = scene.token(&scene.claims());
    refused(&scene.open(&late, "invoice"), 401, "token_expired");
}
