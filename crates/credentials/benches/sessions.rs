//! Grants with AWS credentials a second, and what taking thousands of them away costs at IAM.
//!
//! `cargo bench -p bailiwick-credentials --bench sessions [-- FOLDER] [PART…]`; the parts are `grants`
//! and `revocations`, the folder says which disk.
//! STS and IAM are the fake of the tests, in the same process: it verifies signatures and decides by
//! policies, so what is measured includes AWS's side.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a benchmark"
)]

#[path = "../tests/it/token.rs"]
mod token;

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use bailiwick_aws::{
    bucket::Rate,
    endpoint::{Endpoint, Region, Service},
    iam::Iam,
    key::AccessKey,
    mint::{Minter, ShortSessions},
    revoke::POLICY_NAME,
    sts::Sts,
    transport::Transport,
};
use bailiwick_broker::{
    Broker, State,
    port::{Clock, Grant, Store as _},
};
use bailiwick_credentials::{Keys, Revoker, Sessions, Standing, Wanted};
use bailiwick_ledger::Entry;
use bailiwick_store::{Folder, Settings, Sqlite};
use bailiwick_testkit::aws::{FakeAws, Role, World};

use token::Token;

const BROKER: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity",
     "iam:PutRolePolicy","iam:GetRolePolicy","iam:DeleteRolePolicy"],
     "Resource":"arn:aws:iam::111122223333:role/agents/*"}]}"#;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/broker"},
     "Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"]}]}"#;
const TASK: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::ledger/*"}]}"#;

/// As fast as the fake answers; the real quota is another.
const UNLIMITED: Rate = Rate {
    per_sec: 1_000_000,
    burst: 1_000_000,
    waiting_max: 1_000_000,
};

#[derive(Clone)]
struct AccountClock(Arc<FakeAws>);

impl Clock for AccountClock {
    fn now_ms(&self) -> u64 {
        self.0.world().now() as u64 * 1_000
    }
}

type TheBroker = Broker<Sqlite, Folder, AccountClock>;

struct House {
    fake: Arc<FakeAws>,
    broker: Arc<TheBroker>,
    sessions: Arc<Sessions>,
    region: Region,
}

fn role(agent: usize) -> String {
    format!("arn:aws:iam::111122223333:role/agents/prod/agent-{agent}-task")
}

impl House {
    async fn new(folder: &Path, agents: usize) -> Self {
        let mut world = World::default();
        for agent in 0..agents {
            let role = Role {
                arn: role(agent).parse().unwrap(),
                trust: TRUST.to_owned(),
                inline: vec![("task".to_owned(), TASK.to_owned())],
                boundary: None,
                max_session_secs: 43_200,
            };
            world.add_role(role).unwrap();
        }
        let user = "arn:aws:iam::111122223333:user/broker";
        let key = world.add_user(user.parse().unwrap(), BROKER).unwrap();
        let fake = Arc::new(FakeAws::start(world).unwrap());
        let region: Region = "eu-central-1".parse().unwrap();
        let store = Sqlite::open(folder, Settings::of_replica("bench")).unwrap();
        let log = Folder::open(folder).unwrap();
        let clock = AccountClock(Arc::clone(&fake));
        let broker = Broker::open(store, log, clock).await.unwrap();
        let sts = sts(&fake, &region);
        let minter = Minter::new(sts, UNLIMITED, ShortSessions::ByPolicy, false);
        let key = AccessKey::new(&key.id, &key.secret, None);
        Self {
            broker: Arc::new(broker),
            sessions: Arc::new(Sessions::new(minter, Keys::fixed(&key))),
            fake,
            region,
        }
    }

    fn revoker(&self, standing: &Arc<Standing>) -> Revoker<Sqlite, Folder, AccountClock> {
        let iam = Iam {
            endpoint: Endpoint::at(Service::Iam, &self.region, &self.fake.url()).unwrap(),
            transport: Transport::default(),
        };
        let (broker, sessions) = (Arc::clone(&self.broker), Arc::clone(&self.sessions));
        let sts = sts(&self.fake, &self.region);
        Revoker::new(broker, sessions, sts, iam, Arc::clone(standing))
    }

    /// A grant with a token and with credentials.
    async fn armed(&self, at: usize, agent: usize, seconds: u64) {
        let now_ms = self.broker.now_ms();
        let deadline_ms = now_ms + seconds * 1_000;
        let grant = Grant {
            id: format!("g{at:032}"),
            lineage: Vec::new(),
            agent: format!("agent-{agent}"),
            owner: "payments".into(),
            task: "reconcile".into(),
            charter: "c1".into(),
            state: State::Approved,
            ver: 1,
            issued_ms: now_ms,
            deadline_ms,
            deadline_ms_max: deadline_ms,
            credential_until_ms: 0,
            ending: None,
            sessions: Vec::new(),
            uses: 0,
            body: Vec::new(),
            history: Vec::new(),
        };
        let opened = self.broker.open_grant(grant, Vec::new(), Vec::new()).await;
        let opened = opened.unwrap().into_value();
        let entry = Entry::of("credential.issued");
        let request = format!("token-{at}");
        let token = self
            .broker
            .issue(Arc::clone(&opened), &request, &entry, &Token);
        token.await.unwrap().into_value();
        let deadline = bailiwick_aws::time::Timestamp((deadline_ms / 1_000) as i64);
        let wanted = Wanted {
            role_arn: role(agent),
            session_policy: format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::ledger/2026/*"}},{{"Effect":"Deny","Action":"*","Resource":"*","Condition":{{"DateGreaterThanEquals":{{"aws:CurrentTime":"{deadline}"}}}}}}]}}"#
            ),
            deadline_ms,
        };
        let made = self
            .sessions
            .of_grant(&self.broker, opened, wanted, entry)
            .await;
        made.unwrap().into_value();
    }

    async fn end(&self, at: usize) {
        let id = format!("g{at:032}");
        let grant = self.broker.store().grant(&id).await.unwrap().value.unwrap();
        let entry = Entry::default();
        let ended = self.broker.end(&grant, State::Completed, &entry);
        ended.await.unwrap().into_value();
    }
}

fn sts(fake: &FakeAws, region: &Region) -> Sts {
    Sts {
        endpoint: Endpoint::at(Service::Sts, region, &fake.url()).unwrap(),
        transport: Transport::default(),
    }
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let parts = ["grants", "revocations"];
    let is_part = |it: &&String| parts.contains(&it.as_str());
    let runs =
        |part: &str| !asked.iter().any(|it| is_part(&it)) || asked.iter().any(|it| it == part);
    let asked_for = asked
        .iter()
        .find(|it| !it.starts_with("--") && !is_part(it));
    let temporary = tempfile::tempdir().unwrap();
    let folder = asked_for.map_or(temporary.path().to_owned(), Into::into);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    for clients in [1, 16, 64].into_iter().filter(|_| runs("grants")) {
        let folder = folder.join(format!("grants-{clients}"));
        runtime.block_on(grants(&folder, clients));
    }
    if runs("revocations") {
        runtime.block_on(revocations(&folder.join("revocations")));
    }
}

/// Each grant is opened, gets a token, and has a session made: five durable records.
async fn grants(folder: &Path, clients: usize) {
    let house = Arc::new(House::new(folder, 10).await);
    let each = 4_000 / clients;
    let begun = Instant::now();
    let asking: Vec<_> = (0..clients)
        .map(|client| {
            let house = Arc::clone(&house);
            tokio::spawn(async move {
                let mut took = Vec::with_capacity(each);
                for at in 0..each {
                    let begun = Instant::now();
                    house.armed(client * each + at, at % 10, 900).await;
                    took.push(begun.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for asked in asking {
        took.extend(asked.await.unwrap());
    }
    let elapsed = begun.elapsed();
    took.sort_unstable();
    let at = |part: usize| {
        took.get(took.len() * part / 100)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "grant with credentials, {clients:>2} clients: {:>5.0}/s, p50 {:.1} ms, p99 {:.1} ms",
        took.len() as f64 / elapsed.as_secs_f64(),
        millis(at(50)),
        millis(at(99)),
    );
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}

/// 10,000 live sessions of 100 agents, 200 of them ended each minute for half an hour.
async fn revocations(folder: &Path) {
    const AGENTS: usize = 100;
    const LIVE: usize = 10_000;
    const MINUTES: usize = 30;
    const A_MINUTE: usize = 200;
    let house = Arc::new(House::new(folder, AGENTS).await);
    let making: Vec<_> = (0..64)
        .map(|part| {
            let house = Arc::clone(&house);
            tokio::spawn(async move {
                for at in (part..LIVE).step_by(64) {
                    house.armed(at, at % AGENTS, 3_600).await;
                }
            })
        })
        .collect();
    for made in making {
        made.await.unwrap();
    }
    let standing: Arc<Standing> = Arc::default();
    let mut revoker = house.revoker(&standing);
    let mut ended: Vec<(usize, i64)> = Vec::new();
    let (mut delay_max, mut delays, mut told) = (0, 0, 0);
    let (mut chars_max, mut writes_max) = (0, 0);
    let mut worked = Duration::ZERO;
    for minute in 0..MINUTES {
        let before = standing.writes.load(Ordering::Relaxed);
        for second in 0..60 {
            let due = (minute * 60 + second + 1) * A_MINUTE / 60;
            while told + ended.len() < due {
                let at = told + ended.len();
                house.end(at).await;
                ended.push((at, house.fake.world().now()));
            }
            house.fake.world().advance(1);
            let begun = Instant::now();
            revoker.turn().await.unwrap();
            worked += begun.elapsed();
            let now = house.fake.world().now();
            ended.retain(|(at, since)| {
                let is_told = standing.written_ms(&format!("g{at:032}")).is_some();
                if is_told {
                    told += 1;
                    delays += now - since;
                    delay_max = delay_max.max(now - since);
                }
                !is_told
            });
        }
        let writes = standing.writes.load(Ordering::Relaxed) - before;
        writes_max = writes_max.max(writes);
        for agent in 0..AGENTS {
            let world = house.fake.world();
            let policy = world.inline_policy(&role(agent).parse().unwrap(), POLICY_NAME);
            chars_max = chars_max.max(policy.map_or(0, str::len));
        }
    }
    println!(
        "{LIVE} live sessions of {AGENTS} agents, {A_MINUTE} ended a minute, {MINUTES} simulated minutes:"
    );
    println!(
        "  {told} denied by IAM, {} s after their end on average, {delay_max} s at most",
        delays as f64 / told as f64
    );
    println!(
        "  {} writes to IAM, {writes_max} in the busiest minute, {} refused; the longest policy {chars_max} of 10,240 characters",
        standing.writes.load(Ordering::Relaxed),
        standing.failures.load(Ordering::Relaxed),
    );
    println!(
        "  a turn of the writer takes {:.1} ms",
        millis(worked / (MINUTES * 60) as u32)
    );
}
