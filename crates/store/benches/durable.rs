//! Durable decisions a second by how many wait at once, and what a million grants cost.
//!
//! `cargo bench -p bailiwick-store --bench durable [-- FOLDER --million]`; the folder says which disk.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a benchmark"
)]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bailiwick_broker::{
    Broker, Ruling, Scope, State, Stop, Verdict,
    port::{Change, Clock, Grant, Op, Step, Store as _},
};
use bailiwick_ledger::{Action, Decision, Effect, Entry, Flow, VerbClass};
use bailiwick_store::{Folder, Settings, Sqlite};

struct Wall;

impl Clock for Wall {
    fn now_ms(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::try_from(now.as_millis()).unwrap()
    }
}

type Bench = Broker<Sqlite, Folder, Wall>;

fn main() {
    let asked = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    let temporary = tempfile::tempdir().unwrap();
    let folder = asked.map_or(temporary.path().to_owned(), Into::into);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(decisions(&folder.join("decisions")));
    runtime.block_on(grants(&folder.join("grants"), 100_000));
    if std::env::args().any(|argument| argument == "--million") {
        runtime.block_on(grants(&folder.join("million"), 1_000_000));
    }
}

async fn open(folder: &Path) -> Arc<Bench> {
    let store = Sqlite::open(folder, Settings::of_replica("bench")).unwrap();
    let log = Folder::open(folder).unwrap();
    Arc::new(Broker::open(store, log, Wall).await.unwrap())
}

fn grant(id: String, now_ms: u64) -> Grant {
    Grant {
        id,
        lineage: Vec::new(),
        agent: "invoice-reader".into(),
        owner: "payments".into(),
        task: "reconcile".into(),
        charter: "sha256:0123456789abcdef".into(),
        state: State::Approved,
        ver: 1,
        issued_ms: now_ms,
        deadline_ms: now_ms + 3_600_000,
        deadline_ms_max: now_ms + 3_600_000,
        credential_until_ms: 0,
        ending: None,
        sessions: Vec::new(),
        uses: 0,
        body: vec![b'x'; 200],
        history: Vec::new(),
    }
}

/// The ops that make a grant active, in one change, for benches alone: the broker never does.
fn active(grant: &Grant) -> Change {
    let step = |to, ver| {
        Op::Step(Step {
            ver,
            ..Step::to(to, grant)
        })
    };
    Change {
        ops: vec![
            Op::Open(Box::new(grant.clone())),
            step(State::Issuing, 1),
            step(State::Active, 2),
        ],
        entries: vec![Entry::of("grant.active")],
    }
}

/// A decision as the gateway writes it, some 600 bytes.
fn asked(call: u64) -> Entry {
    Entry {
        request_id: Some(format!("req-{call:032}")),
        trace: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        flow: Some(Flow {
            session: Some("session-0123456789".into()),
            turn: Some(3),
            prompt_hash: Some("0123456789abcdef0123456789abcdef".into()),
            ..Flow::default()
        }),
        action: Some(Action {
            server: Some("ledger".into()),
            tool: Some("post_entry".into()),
            verb_class: Some(VerbClass::Write),
            args_hash: Some("hmac-sha256:0123456789abcdef0123456789abcdef".into()),
            resource: Some("arn:aws:dynamodb:us-east-1:111122223333:table/ledger".into()),
            ..Action::default()
        }),
        decision: Some(Decision {
            effect: Effect::Allow,
            policy_ids: vec!["reconcile/ledger/post_entry".into()],
            policy_version: None,
            errors: Vec::new(),
            obligations: Vec::new(),
        }),
        ..Entry::of("decision")
    }
}

async fn decisions(folder: &Path) {
    let broker = open(folder).await;
    println!("durable decisions by callers at once:");
    for callers in [1_u64, 16, 64, 256] {
        let now_ms = broker.now_ms();
        for caller in 0..callers {
            let grant = grant(format!("g-{callers}-{caller}"), now_ms);
            broker
                .record(active(&grant), ())
                .await
                .unwrap()
                .into_value();
        }
        let end = Instant::now() + Duration::from_secs(3);
        let start = Instant::now();
        let at_work: Vec<_> = (0..callers)
            .map(|caller| {
                let broker = Arc::clone(&broker);
                tokio::spawn(async move {
                    one_caller(&broker, &format!("g-{callers}-{caller}"), end).await
                })
            })
            .collect();
        let mut took = Vec::new();
        for caller in at_work {
            took.extend(caller.await.unwrap());
        }
        let rate = took.len() as f64 / start.elapsed().as_secs_f64();
        took.sort_unstable();
        let at = |percent: usize| took[(took.len() - 1) * percent / 100];
        println!(
            "  {callers:>4}: {rate:>8.0}/s  p50 {:?}  p99 {:?}",
            at(50),
            at(99)
        );
    }
}

async fn one_caller(broker: &Bench, id: &str, end: Instant) -> Vec<Duration> {
    let mut took = Vec::new();
    while Instant::now() < end {
        let begun = Instant::now();
        let entry = asked(took.len() as u64);
        let judge = |_: &Grant, _: u64| Verdict::Allow {
            history: vec![0; 32],
            entry: entry.clone(),
            value: (),
        };
        let ruling = broker.decide(id, &entry, judge).await;
        assert!(matches!(ruling, Ruling::Allowed(_)));
        took.push(begun.elapsed());
    }
    took
}

async fn grants(folder: &Path, count: u64) {
    let broker = open(folder).await;
    let now_ms = broker.now_ms();
    let begun = Instant::now();
    for batch in 0..count / 1_000 {
        let changes = (0..1_000)
            .map(|at| active(&grant(format!("{:08}", batch * 1_000 + at), now_ms)))
            .collect();
        broker.store().commit(changes, now_ms).await.unwrap();
    }
    println!("{count} live grants, opened in {:?}", begun.elapsed());
    broker.close().await;
    drop(broker);
    let begun = Instant::now();
    let broker = open(folder).await;
    let last = format!("{:08}", count - 1);
    assert!(broker.store().grant(&last).await.unwrap().value.is_some());
    println!("  cold start to the first read: {:?}", begun.elapsed());
    println!("  resident: {}", resident());
    if count > 100_000 {
        return;
    }
    let begun = Instant::now();
    let stop = Stop {
        scope: Scope::Owner("payments".into()),
        kill: false,
        at_ms: now_ms,
        by: "bench".into(),
        reason: "bench".into(),
    };
    let stopped = broker.stop(stop, Entry::of("stop.set")).await;
    println!(
        "  all of one owner stopped: denied after {:?}",
        begun.elapsed()
    );
    let mut ended = stopped.ended;
    while ended < count as usize {
        ended += broker.sweep().await.unwrap();
    }
    println!("  each ended and recorded: {:?}", begun.elapsed());
    println!("  resident: {}", resident());
}

fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    line.unwrap_or("unknown here").to_owned()
}
