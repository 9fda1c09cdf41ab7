use std::{
    cell::RefCell,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, body::Body};
use bailiwick_authority::{
    Authority, Settings as AuthoritySettings,
    policies::Policies,
    token::{Keyring, SigningSecret},
};
use bailiwick_broker::{
    Broker,
    port::{Clock, Log, LogError, Spooled},
};
use bailiwick_charter::Charters;
use bailiwick_gateway::{
    Door, Gateway, Keys, Rules, Settings, World,
    operator::{Operator, Role},
    router,
};
use bailiwick_ledger::note;
use bailiwick_store::Memory;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::runtime::Runtime;
use tower_service::Service as _;

use crate::authority::CHARTER;

/// The record of a house is in memory: another is built before it fills that.
const REQUESTS_MAX: u32 = 5_000;

const NOW_MS: u64 = 1_800_000_000_000;

const POLICIES: &str = r#"
permit(principal in team::"staff", action == Action::"read", resource is record);
permit(principal is user, action == Action::"write", resource is record)
when { resource has status && resource.status == "open" && principal has level && principal.level > 3 }
unless { context has hold && context.hold };
permit(principal == user::"alice", action == Action::"delete", resource is record)
when { context.action has soft && context.action.soft };
"#;

const ENTITIES: &str = r#"[
  { "uid": { "type": "user", "id": "alice" }, "attrs": { "level": 5 }, "parents": [{ "type": "team", "id": "staff" }] },
  { "uid": { "type": "record", "id": "r1" }, "attrs": { "status": "open" }, "parents": [] }
]"#;

const PATHS: [&str; 5] = [
    "/access/v1/evaluation",
    "/access/v1/evaluations",
    "/access/v1/search/subject",
    "/access/v1/search/resource",
    "/access/v1/search/action",
];

/// Whatever the body of an AuthZEN request is, the answer is a decision, a list of them, or a problem
/// that is the asker's; a request that is decided twice is decided alike.
pub fn authzen(input: &[u8]) {
    let Some((first, body)) = input.split_first() else {
        return;
    };
    let first = usize::from(*first);
    let Some(path) = PATHS.get(first % PATHS.len()) else {
        return;
    };
    let with_grant = first / PATHS.len() % 2 == 1;
    HOUSE.with_borrow_mut(|house| {
        if house
            .as_ref()
            .is_none_or(|house| house.asked > REQUESTS_MAX)
        {
            *house = House::build();
        }
        let Some(house) = house else { return };
        let once = house.ask(path, with_grant, body);
        let twice = house.ask(path, with_grant, body);
        assert_eq!(once.0, twice.0, "{} {}", once.1, twice.1);
        assert_eq!(decisions(&once.1), decisions(&twice.1));
        match once.0 {
            200 => assert!(once.1.is_object(), "{}", once.1),
            status => {
                assert!((400..500).contains(&status), "{status} {}", once.1);
                assert!(
                    once.1.get("title").is_some_and(Value::is_string),
                    "{}",
                    once.1
                );
            }
        }
    });
}

/// What was decided, without where it stands in the record.
fn decisions(answer: &Value) -> Vec<Option<bool>> {
    let many = answer.get("evaluations").and_then(Value::as_array);
    let all = many.map_or(std::slice::from_ref(answer), Vec::as_slice);
    let decision = |one: &Value| one.get("decision").and_then(Value::as_bool);
    all.iter().map(decision).collect()
}

thread_local! {
    static HOUSE: RefCell<Option<House>> = const { RefCell::new(None) };
}

struct House {
    runtime: Runtime,
    router: Router,
    grant: String,
    asked: u32,
}

impl House {
    fn build() -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .ok()?;
        let charters = Charters::parse([("fuzzed.yaml", CHARTER.as_bytes())]).ok()?;
        let authority =
            Authority::of(charters.iter().cloned(), AuthoritySettings::default()).ok()?;
        let policies = [
            ("p.cedar", POLICIES.as_bytes()),
            ("entities.json", ENTITIES.as_bytes()),
        ];
        let rules = Rules {
            charters,
            authority,
            policies: Some(Policies::parse(policies).ok()?),
            read_at_ms: NOW_MS,
        };
        let broker = runtime
            .block_on(Broker::open(Memory::new("fuzz"), Beside::default(), Still))
            .ok()?;
        let gateway: Gateway<Fuzzed> = Gateway::new(
            Arc::new(broker),
            Settings {
                origin: "fuzz".into(),
                audiences: Vec::new(),
                door: Door::new([]).ok()?,
                is_near: true,
                is_tls: false,
                trusts_everybody: false,
            },
            Keys {
                tokens: Keyring::new(SigningSecret::new(&[7; 32])),
                checkpoints: note::Signer::new("fuzz", &[8; 32]).ok()?,
            },
            rules,
            [Operator::with_token("o", Role::Operator, "bwo_fuzz")]
                .into_iter()
                .collect(),
        );
        let mut house = Self {
            runtime,
            router: router(Arc::new(gateway)),
            grant: String::new(),
            asked: 0,
        };
        let (_, minted) = house.post("/v1/tickets", OPERATOR, br#"{"agent":"fuzzed"}"#);
        let ticket = format!("Bailiwick-Ticket {}", minted.get("ticket")?.as_str()?);
        let wanted = br#"{"agent":"fuzzed","task":"post"}"#;
        let (_, opened) = house.post("/v1/grants", &ticket, wanted);
        house.grant = format!("Bearer {}", opened.get("token")?.as_str()?);
        Some(house)
    }

    fn ask(&mut self, path: &str, with_grant: bool, body: &[u8]) -> (u16, Value) {
        self.asked += 1;
        let grant = self.grant.clone();
        let who = if with_grant { &grant } else { OPERATOR };
        self.post(path, who, body)
    }

    fn post(&mut self, path: &str, who: &str, body: &[u8]) -> (u16, Value) {
        let request = Request::post(path)
            .header("host", "localhost")
            .header("authorization", who)
            .header("content-type", "application/json")
            .body(Body::from(body.to_vec()))
            .unwrap_or_default();
        let answered = self.router.call(request);
        self.runtime.block_on(async {
            let response: Response<Body> = match answered.await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let status = response.status().as_u16();
            let body = response.into_body().collect().await;
            let body = body.map(|body| body.to_bytes()).unwrap_or_default();
            (status, serde_json::from_slice(&body).unwrap_or_default())
        })
    }
}

const OPERATOR: &str = "Bearer bwo_fuzz";

enum Fuzzed {}

impl World for Fuzzed {
    type Store = Memory;
    type Log = Beside;
    type Clock = Still;
}

struct Still;

impl Clock for Still {
    fn now_ms(&self) -> u64 {
        NOW_MS
    }
}

/// The files beside the store, in memory.
#[derive(Default)]
struct Beside(Mutex<Vec<Spooled>>);

impl Log for Beside {
    fn spool(&self, spooled: &Spooled) -> Result<(), LogError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(spooled.clone());
        Ok(())
    }

    fn spooled(&self) -> Result<Vec<Spooled>, LogError> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept.clone())
    }

    fn forget(&self, taken: usize) -> Result<(), LogError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = taken.min(kept.len());
        kept.drain(..taken);
        Ok(())
    }

    fn publish(&self, _: u64, _: &str) -> Result<(), LogError> {
        Ok(())
    }

    fn published(&self) -> Result<u64, LogError> {
        Ok(0)
    }
}
