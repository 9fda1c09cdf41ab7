//! An authority in this process, reached over loopback.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use bailiwick_authority::{
    Authority, Settings as AuthoritySettings,
    policies::Policies,
    token::{Keyring, SigningSecret},
};
use bailiwick_broker::{Broker, port::Clock};
use bailiwick_charter::Charters;
use bailiwick_gateway::{
    Door, Gateway, Keys, Listening, Rules, Settings, World,
    operator::{Operator, Role},
    router, serve,
};
use bailiwick_identity::{
    People, Proofs, Source,
    fetch::{Fetch, Where},
    issuer::{Issuer, IssuerKind, IssuerSettings},
    jwks::{Algorithm, KeySet},
};
use bailiwick_ledger::{argument::ArgumentKey, note};
use bailiwick_store::{Faults, Folder, Settings as StoreSettings, Sqlite};
use bailiwick_testkit::http::{Answer, Client};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

pub(crate) const ORIGIN: &str = "bailiwick.test";
pub(crate) const OPERATOR: &str = "Bearer bwo_operator";
pub(crate) const APPROVER: &str = "Bearer bwo_approver";
pub(crate) const VIEWER: &str = "Bearer bwo_viewer";

/// When every test begins.
pub(crate) const BEGIN_MS: u64 = 1_800_000_000_000;

/// A charter of an agent with the tasks that the tests ask for.
pub(crate) fn charter(agent: &str, owner: &str) -> String {
    format!(
        r#"
agent: {agent}
owner: {{ team: {owner}, contact: {owner}@example.com }}
purpose: Post invoices.
environment: prod
mode: brokered
tasks:
  post:
    for: 20m
    parameters: {{ tenant: "[a-z0-9-]{{3,32}}" }}
    tools:
      - {{ tool: ledger/post, when: "args.amount <= 1000", calls: 1000 }}
      - {{ tool: mail/send, approve: human }}
    limits: {{ calls: 1000 }}
  look:
    for: 2m
    tools:
      - {{ tool: ledger/read }}
"#
    )
}

/// A clock that stands still until it is told.
#[derive(Debug, Clone)]
pub(crate) struct Hands(pub(crate) Arc<AtomicU64>);

impl Hands {
    pub(crate) fn forward(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) fn set(&self, ms: u64) {
        self.0.store(ms, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

pub(crate) enum Tested {}

impl World for Tested {
    type Store = Sqlite;
    type Log = Folder;
    type Clock = Hands;
}

/// What a house is built of.
pub(crate) struct Plan {
    pub(crate) charters: Vec<(String, String)>,
    pub(crate) policies: Vec<(String, String)>,
    pub(crate) faults: Faults,
    pub(crate) trusts_everybody: bool,
    pub(crate) is_near: bool,
    pub(crate) pages_max: Option<u32>,
    pub(crate) proofs: Proofs,
    pub(crate) people: People<Role>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            charters: vec![
                ("invoice.yaml".into(), charter("invoice", "payments")),
                ("refund.yaml".into(), charter("refund", "payments")),
                ("desk.yaml".into(), charter("desk", "sales")),
            ],
            policies: Vec::new(),
            faults: Faults::none(),
            trusts_everybody: false,
            is_near: true,
            pages_max: None,
            proofs: Proofs::default(),
            people: People::default(),
        }
    }
}

/// An OpenID Connect issuer, and what it signs.
pub(crate) struct Idp {
    pub(crate) issuer: &'static str,
    key: EcdsaKeyPair,
}

impl Idp {
    pub(crate) fn new(issuer: &'static str) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { issuer, key }
    }

    /// It, as whoever takes its tokens for this audience knows it.
    pub(crate) fn known(&self, audience: &str, kind: &str) -> Issuer {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (BASE64.encode(x), BASE64.encode(y));
        let keys = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k", "x": x, "y": y }] });
        let settings = IssuerSettings {
            issuer: self.issuer.into(),
            kind: IssuerKind::Oidc,
            audience: audience.into(),
            algorithms: vec![Algorithm::ES256],
            types: vec![kind.into()],
            lifetime_secs_max: 600,
            is_once: true,
            pins: Vec::new(),
            keys: Source::Known(KeySet::read(keys.to_string().as_bytes()).unwrap()),
        };
        Issuer::new(settings, Fetch::new(Where::Public, &[]).unwrap())
    }

    /// A token of this kind (`typ`; none if it is empty), as a bearer shows it.
    pub(crate) fn token(&self, kind: &str, claims: &Value) -> String {
        let mut header = json!({ "alg": "ES256", "kid": "k" });
        if !kind.is_empty() {
            header["typ"] = kind.into();
        }
        let parts = [&header, claims].map(|part| BASE64.encode(part.to_string()));
        let signed = parts.join(".");
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes());
        format!(
            "Bearer {signed}.{}",
            BASE64.encode(signature.unwrap().as_ref())
        )
    }
}

pub(crate) struct House {
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) gateway: Arc<Gateway<Tested>>,
    pub(crate) clock: Hands,
    pub(crate) address: SocketAddr,
    pub(crate) folder: tempfile::TempDir,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::of(Plan::default())
    }

    pub(crate) fn of(plan: Plan) -> Self {
        let clock = Hands(Arc::new(AtomicU64::new(BEGIN_MS)));
        Self::in_folder(tempfile::tempdir().unwrap(), clock, plan)
    }

    /// Built again where another stood, as after a restart.
    pub(crate) fn in_folder(folder: tempfile::TempDir, clock: Hands, plan: Plan) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let rules = rules(&plan);
        let is_near = plan.is_near;
        let trusts_everybody = plan.trusts_everybody;
        let settings = StoreSettings {
            faults: plan.faults,
            pages_max: plan.pages_max,
            ..StoreSettings::of_replica("a")
        };
        let gateway = runtime.block_on(open(folder.path(), settings, clock.clone()));
        let gateway = Gateway::new(
            Arc::new(gateway),
            Settings {
                origin: ORIGIN.into(),
                audiences: vec!["https://tools.example.com".into()],
                door: Door::new(["pdp.example.com"]).unwrap(),
                is_near,
                is_tls: false,
                trusts_everybody,
            },
            Keys {
                tokens: Keyring::new(SigningSecret::new(&[7; 32])),
                checkpoints: note::Signer::new(ORIGIN, &[8; 32]).unwrap(),
            },
            rules,
            [
                Operator::with_token("olga", Role::Operator, "bwo_operator"),
                Operator::with_token("abe", Role::Approver, "bwo_approver"),
                Operator::with_token("vera", Role::Viewer, "bwo_viewer"),
            ]
            .into_iter()
            .collect(),
        );
        gateway.replace_people(plan.people);
        let gateway = Arc::new(gateway.with_proofs(Arc::new(plan.proofs)));
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let (drain, draining) = tokio::sync::watch::channel(false);
        let served = router(Arc::clone(&gateway));
        runtime.spawn(async move {
            let _drain = drain;
            serve(
                Listening {
                    listener,
                    tls: None,
                },
                served,
                draining,
            )
            .await;
        });
        Self {
            runtime,
            gateway,
            clock,
            address,
            folder,
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Asks as whoever shows this `Authorization`; nobody if it is empty.
    pub(crate) fn ask(&self, who: &str, verb: &str, path: &str, body: &Value) -> Answer {
        let mut headers = vec![("content-type", "application/json")];
        if !who.is_empty() {
            headers.push(("authorization", who));
        }
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.client().ask(verb, path, &headers, &body).unwrap()
    }

    pub(crate) fn ticket(&self, agent: &str) -> String {
        let answer = self.ask(OPERATOR, "POST", "/v1/tickets", &json!({ "agent": agent }));
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()["ticket"].as_str().unwrap().to_owned()
    }

    /// A grant of a task: its id, and the `Authorization` of its holder.
    pub(crate) fn grant(&self, agent: &str) -> (String, String) {
        let body = json!({ "agent": agent, "task": "post", "parameters": { "tenant": "acme" } });
        let answer = self.open(agent, &body);
        assert_eq!(answer.status, 201, "{}", answer.body);
        held(&answer)
    }

    pub(crate) fn open(&self, agent: &str, body: &Value) -> Answer {
        let ticket = format!("Bailiwick-Ticket {}", self.ticket(agent));
        self.ask(&ticket, "POST", "/v1/grants", body)
    }

    /// Asks for a call to a tool under a grant.
    pub(crate) fn call(&self, who: &str, agent: &str, tool: &str, args: &Value) -> Answer {
        self.ask(
            who,
            "POST",
            "/access/v1/evaluation",
            &evaluation(agent, tool, args),
        )
    }

    /// Whether a call that the charter allows is allowed.
    pub(crate) fn allows(&self, who: &str, agent: &str) -> bool {
        let answer = self.call(who, agent, "ledger/post", &json!({ "amount": 10 }));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["decision"].as_bool().unwrap()
    }

    pub(crate) fn records(&self) -> Vec<Value> {
        let answer = self.ask(
            VIEWER,
            "GET",
            "/v1/ledger/entries?limit=10000",
            &Value::Null,
        );
        let lines = answer.body.lines().map(|line| {
            let record = bailiwick_ledger::Record::from_line(line).unwrap();
            serde_json::from_str(record.text()).unwrap()
        });
        lines.collect()
    }
}

pub(crate) fn held(answer: &Answer) -> (String, String) {
    let body = answer.json();
    let id = body["grant"]["id"].as_str().unwrap().to_owned();
    (id, format!("Bearer {}", body["token"].as_str().unwrap()))
}

pub(crate) fn evaluation(agent: &str, tool: &str, args: &Value) -> Value {
    json!({
        "subject": { "type": "agent", "id": agent },
        "action": { "name": "call", "properties": args },
        "resource": { "type": "tool", "id": tool },
        "context": { "flow": { "session": "s-1", "turn": 3 } },
    })
}

async fn open(
    folder: &Path,
    settings: StoreSettings,
    clock: Hands,
) -> Broker<Sqlite, Folder, Hands> {
    let store = Sqlite::open(folder, settings).unwrap();
    let log = Folder::open(folder).unwrap();
    Broker::open(store, log, clock).await.unwrap()
}

pub(crate) fn rules(plan: &Plan) -> Rules {
    let named = |files: &[(String, String)]| -> Vec<(String, Vec<u8>)> {
        let files = files.iter();
        files
            .map(|(name, text)| (name.clone(), text.clone().into_bytes()))
            .collect()
    };
    let charters = named(&plan.charters);
    let charters = charters
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    let charters = Charters::parse(charters).unwrap();
    let authority = Authority::of(
        charters.iter().cloned(),
        AuthoritySettings {
            grant_seconds_max: None,
            argument_key: ArgumentKey::new([9; 32]),
            ..AuthoritySettings::default()
        },
    )
    .unwrap();
    let policies = named(&plan.policies);
    let policies = (!policies.is_empty()).then(|| {
        let files = policies
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        Policies::parse(files).unwrap()
    });
    Rules {
        charters,
        authority,
        policies,
        read_at_ms: BEGIN_MS,
    }
}

/// The ids, or the names of actions, that a search answered with.
pub(crate) fn found_names(answer: &Value) -> Vec<String> {
    let results = answer["results"].as_array().unwrap().iter();
    results
        .map(|found| {
            let name = found.get("id").or(found.get("name"));
            name.unwrap().as_str().unwrap().to_owned()
        })
        .collect()
}
