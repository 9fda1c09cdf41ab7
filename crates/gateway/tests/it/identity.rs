//! Grants for proofs of identity, over HTTP, with a server in the place of STS.

use std::time::Duration;

use bailiwick_aws::{
    endpoint::{Endpoint, Region, Service},
    key::AccessKey,
    proof::{BoundTo, SignedIdentity},
    time::Timestamp,
    transport::Transport,
};
use bailiwick_iam::arn::Arn;
use bailiwick_identity::{
    Proofs,
    aws::{ShownSignature, Signatures},
};
use bailiwick_ledger::Hash;
use bailiwick_testkit::{
    aws::{FakeAws, Mishap, Role as AwsRole, World},
    http::Answer,
};
use serde_json::{Value, json};

use crate::house::{BEGIN_MS, House, Plan, charter, held};

const AUDIENCE: &str = "bailiwick.test";

/// An account with the role of one agent, and the authority that knows it.
struct Scene {
    fake: FakeAws,
    agent: AccessKey,
    role_id: String,
    house: House,
}

fn arn(agent: &str) -> Arn {
    format!("arn:aws:iam::111122223333:role/agents/{agent}")
        .parse()
        .unwrap()
}

/// A charter with the role of an agent and the id that it has now.
fn with_role(agent: &str, of: &str, id: &str) -> (String, String) {
    let role = format!("role: {{ arn: \"{}\", id: {id} }}", arn(of));
    let text = charter(agent, "payments") + &role + "\n";
    (format!("{agent}.yaml"), text)
}

impl Scene {
    /// With the charters that are made of the id of the role.
    fn of(charters: fn(&str) -> Vec<(String, String)>) -> Self {
        let mut world = World::default();
        let role = AwsRole {
            arn: arn("invoice"),
            trust: r#"{"Version":"2012-10-17","Statement":[]}"#.into(),
            inline: Vec::new(),
            boundary: None,
            max_session_secs: 3_600,
        };
        let role_id = world.add_role(role).unwrap();
        let ahead = i64::try_from(BEGIN_MS / 1_000).unwrap() - world.now();
        world.advance(u32::try_from(ahead).unwrap());
        let (key, token) = world.begin(&arn("invoice"), "i-0abc", 3_600);
        let fake = FakeAws::start(world).unwrap();
        let transport = Transport::new(Duration::from_millis(500));
        let signatures = Signatures::new(AUDIENCE, transport);
        let signatures = signatures.with_sts_at(&fake.url()).unwrap();
        let house = House::of(Plan {
            charters: charters(&role_id),
            proofs: Proofs::default().with_signatures(signatures),
            ..Plan::default()
        });
        Self {
            agent: AccessKey::new(&key.id, &key.secret, Some(&token)),
            fake,
            role_id,
            house,
        }
    }

    fn new() -> Self {
        Self::of(|id| vec![with_role("invoice", "invoice", id)])
    }

    /// The `Authorization` of an agent that asks for this.
    fn proof(&self, body: &Value, nonce: &str) -> String {
        let region: Region = "eu-central-1".parse().unwrap();
        let endpoint = Endpoint::at(Service::Sts, &region, &self.fake.url()).unwrap();
        let bound = BoundTo {
            audience: AUDIENCE.into(),
            nonce: format!("nonce-of-the-test-{nonce}"),
            request: Hash::of(&[body.to_string().as_bytes()]).to_string(),
        };
        let at = Timestamp(i64::try_from(BEGIN_MS / 1_000).unwrap());
        let signed = SignedIdentity::sign(&endpoint, &bound, &self.agent, at).unwrap();
        let shown = ShownSignature {
            region: region.to_string(),
            nonce: bound.nonce,
            signed,
        };
        format!("Bailiwick-AWS {}", shown.show())
    }

    fn open(&self, proof: &str, body: &Value) -> Answer {
        self.house.ask(proof, "POST", "/v1/grants", body)
    }

    fn metric(&self, outcome: &str) -> u64 {
        let told = self.house.ask("", "GET", "/metrics", &Value::Null).body;
        let name = format!("bailiwick_proofs_total{{shown=\"proof\",outcome=\"{outcome}\"}} ");
        let line = told.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap().parse().unwrap()
    }
}

fn wanted() -> Value {
    json!({ "agent": "invoice", "task": "post", "parameters": { "tenant": "acme" } })
}

#[track_caller]
fn refused(answer: &Answer, status: u16, reason: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.json()["reason"], reason, "{}", answer.body);
}

#[test]
fn a_session_of_the_role_gets_its_agents_grant_and_the_record_tells_how_it_was_proved() {
    let scene = Scene::new();
    let answer = scene.open(&scene.proof(&wanted(), "1"), &wanted());
    assert_eq!(answer.status, 201, "{}", answer.body);
    let (id, token) = held(&answer);
    assert!(scene.house.allows(&token, "invoice"));
    let records = scene.house.records();
    let opened = records
        .iter()
        .find(|record| record["event"] == "grant.approved" && record["grant"]["id"] == id)
        .unwrap();
    assert_eq!(opened["agent"]["id"], "invoice");
    assert_eq!(opened["agent"]["unique_id"], scene.role_id);
    assert_eq!(opened["agent"]["method"], "aws_signature");
    assert_eq!(
        opened["actor"]["session"],
        format!("{}:i-0abc", scene.role_id)
    );
    assert_eq!(scene.metric("proved"), 1);
}

// Test 9 of the list of required ones.
#[test]
fn the_same_proof_opens_one_grant_however_often_and_at_once_it_is_shown() {
    let scene = Scene::new();
    let proof = scene.proof(&wanted(), "1");
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let ask = || scene.open(&proof, &wanted());
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let opened = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(opened.count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        refused(answer, 401, "proof_replayed");
    }
    let approved = scene.house.records();
    let approved = approved.iter().filter(|it| it["event"] == "grant.approved");
    assert_eq!(approved.count(), 1);
    // Another nonce is another proof.
    let another = scene.open(&scene.proof(&wanted(), "2"), &wanted());
    assert_eq!(another.status, 201, "{}", another.body);
}

#[test]
fn a_proof_is_for_the_request_it_came_with() {
    let scene = Scene::new();
    let mut more = wanted();
    more["seconds"] = json!(60);
    let proof = scene.proof(&wanted(), "1");
    refused(&scene.open(&proof, &more), 401, "signature_refused");
    assert_eq!(scene.open(&proof, &wanted()).status, 201);
}

#[test]
fn a_role_that_two_charters_share_opens_no_grant_and_says_so() {
    let scene = Scene::of(|id| {
        vec![
            with_role("invoice", "invoice", id),
            with_role("refund", "invoice", id),
        ]
    });
    let answer = scene.open(&scene.proof(&wanted(), "1"), &wanted());
    refused(&answer, 403, "identity_shared");
    assert!(answer.body.contains("2 charters"), "{}", answer.body);
    assert_eq!(scene.metric("unbound"), 1);
}

// Tests 10 and 11 of the list of required ones.
#[test]
fn another_role_or_the_same_name_with_another_id_opens_no_grant() {
    let scene = Scene::of(|_| vec![with_role("invoice", "invoice", "AROAEXAMPLEOTHER01")]);
    let answer = scene.open(&scene.proof(&wanted(), "1"), &wanted());
    refused(&answer, 403, "role_id_differs");
    let scene = Scene::of(|id| vec![with_role("invoice", "invoice-evil", id)]);
    let answer = scene.open(&scene.proof(&wanted(), "1"), &wanted());
    refused(&answer, 403, "identity_unknown");
}

#[test]
fn the_proof_of_one_agent_opens_no_grant_of_another() {
    let scene = Scene::of(|id| {
        vec![
            with_role("invoice", "invoice", id),
            with_role("refund", "refund", "AROAEXAMPLEREFUND1"),
        ]
    });
    let mut other = wanted();
    other["agent"] = json!("refund");
    let answer = scene.open(&scene.proof(&other, "1"), &other);
    refused(&answer, 403, "identity_of_another");
}

// Test 6 of the list of required ones.
#[test]
fn without_sts_there_is_no_grant_and_the_same_proof_is_good_later() {
    let scene = Scene::new();
    let proof = scene.proof(&wanted(), "1");
    scene.fake.mishap(Mishap::InternalFailure);
    let answer = scene.open(&proof, &wanted());
    refused(&answer, 503, "sts_unreachable");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(scene.metric("unavailable"), 1);
    assert_eq!(scene.open(&proof, &wanted()).status, 201);
}

#[test]
fn a_retry_with_its_key_gets_the_same_grant_while_the_proof_holds_and_none_after() {
    let scene = Scene::new();
    let proof = scene.proof(&wanted(), "1");
    let ask = || {
        let headers = [
            ("content-type", "application/json"),
            ("authorization", proof.as_str()),
            ("idempotency-key", "k-1"),
        ];
        let body = wanted().to_string();
        let mut client = scene.house.client();
        client.ask("POST", "/v1/grants", &headers, &body).unwrap()
    };
    let first = ask();
    assert_eq!(first.status, 201, "{}", first.body);
    let again = ask();
    assert_eq!(again.status, 201, "{}", again.body);
    assert_eq!(first.json()["grant"]["id"], again.json()["grant"]["id"]);
    scene.house.clock.forward(301_000);
    refused(&ask(), 401, "proof_stale");
}

// Test 26 of the list of required ones.
#[test]
fn a_grant_token_or_an_operators_is_no_proof_of_identity() {
    let scene = Scene::new();
    let opened = scene.open(&scene.proof(&wanted(), "1"), &wanted());
    let (_, token) = held(&opened);
    for shown in [token.as_str(), crate::house::OPERATOR, "Bailiwick-Other x"] {
        let answer = scene.open(shown, &wanted());
        assert_eq!(answer.status, 401, "{shown}: {}", answer.body);
    }
    let answer = scene.open("", &wanted());
    assert_eq!(answer.status, 401);
    assert!(answer.body.contains("Bailiwick-AWS"), "{}", answer.body);
}
