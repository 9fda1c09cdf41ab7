//! A real process, killed at any time: whatever it had released is in the record.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bailiwick_broker::{
    Broker, Recorded, Ruling, Scope, State, Stop, Verdict,
    port::{Clock, Grant, Mint, MintError, Minted, Store as _, Which},
};
use bailiwick_ledger::{Credential, Entry, Phase, verify::Verifier};
use bailiwick_store::{Faults, Folder, Moment, Settings, Sqlite};

use crate::made::grant;

const FOLDER: &str = "BAILIWICK_TEST_CRASH_IN";
/// At which passage of which moment the process ends itself; absent if it is killed from outside.
const ABORT: &str = "BAILIWICK_TEST_ABORT_AT";

struct Wall;

impl Clock for Wall {
    fn now_ms(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::try_from(now.as_millis()).unwrap()
    }
}

struct Token;

impl Mint for Token {
    type Credential = String;

    fn until_ms_max(&self, grant: &Grant, _: u64) -> u64 {
        grant.deadline_ms
    }

    async fn mint(
        &self,
        grant: &Recorded<Arc<Grant>>,
        request: &str,
    ) -> Result<Minted<String>, MintError> {
        Ok(Minted {
            credential: format!("{}/{request}", grant.value().id),
            about: Credential {
                kind: "token".into(),
                expires_ms: Some(grant.value().deadline_ms),
                ..Credential::default()
            },
        })
    }
}

/// What the process does until it is killed. Each line it prints is something it released.
async fn work(folder: &Path) {
    let mut settings = Settings::of_replica("a");
    if let Ok(abort) = std::env::var(ABORT) {
        let (moment, passage) = abort.split_once(' ').unwrap();
        let at = Moment::ALL
            .into_iter()
            .find(|at| format!("{at:?}") == moment)
            .unwrap();
        let left = AtomicU64::new(passage.parse().unwrap());
        settings.faults = Faults::new(move |moment| {
            if moment == at && left.fetch_sub(1, Ordering::SeqCst) == 1 {
                std::process::abort();
            }
            None
        });
    }
    let store = Sqlite::open(folder, settings).unwrap();
    let log = Folder::open(folder).unwrap();
    let broker = Arc::new(Broker::open(store, log, Wall).await.unwrap());
    let start = broker.now_ms();
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let broker = Arc::clone(&broker);
            tokio::spawn(async move {
                for round in 0.. {
                    one_life(&broker, &format!("g-{start}-{worker}-{round}")).await;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
}

async fn one_life(broker: &Broker<Sqlite, Folder, Wall>, id: &str) {
    let now_ms = broker.now_ms();
    let opened = Grant {
        issued_ms: now_ms,
        deadline_ms: now_ms + 60_000,
        deadline_ms_max: now_ms + 60_000,
        agent: format!("agent-of-{id}"),
        ..grant(id)
    };
    let entries = vec![Entry::of("grant.approved")];
    let grant = broker
        .open_grant(opened, Vec::new(), entries)
        .await
        .unwrap();
    say(&format!("open {id}"));
    let request = format!("r-{id}");
    let asked = Entry::of("credential");
    let minted = broker
        .issue(grant.into_value(), &request, &asked, &Token)
        .await;
    say(&format!("credential {}", minted.unwrap().into_value()));
    for call in 0..5 {
        let entry = Entry {
            request_id: Some(format!("{id}#{call}")),
            ..Entry::of("decision")
        };
        let judge = |_: &Grant, _: u64| Verdict::Allow {
            history: Vec::new(),
            entry: entry.clone(),
            value: (),
        };
        match broker.decide(id, &entry, judge).await {
            Ruling::Allowed(_) => say(&format!("allow {id}#{call}")),
            Ruling::Denied(denied) => panic!("{denied:?}"),
        }
    }
    let stop = Stop {
        scope: Scope::Agent(format!("agent-of-{id}")),
        kill: true,
        at_ms: broker.now_ms(),
        by: "test".into(),
        reason: "test".into(),
    };
    let stopped = broker.stop(stop, Entry::of("stop.set")).await;
    if stopped.place.is_some() {
        say(&format!("stopped {id}"));
    }
}

/// One whole line at a time, handed over before anything else is done.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "@{line}").unwrap();
    out.flush().unwrap();
}

/// Starts the process, kills it, and gives what it had released.
fn run_and_kill(folder: &Path, abort: Option<&str>, after: Duration) -> Vec<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "crash::whatever_was_released_before_a_kill_is_in_the_record",
        ])
        .arg("--nocapture")
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(abort) = abort {
        command.env(ABORT, abort);
    }
    let mut child = command.spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reading = std::thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        lines
            .filter_map(|line| line.split_once('@').map(|(_, said)| said.to_owned()))
            .collect::<Vec<_>>()
    });
    if abort.is_none() {
        std::thread::sleep(after);
        child.kill().unwrap();
    }
    child.wait().unwrap();
    reading.join().unwrap()
}

/// Opens what the killed process left, and holds it against what it had released.
async fn check(folder: &Path, released: &[String]) {
    let store = Sqlite::open(folder, Settings::of_replica("checker")).unwrap();
    let (mut verifier, mut from) = (Verifier::new(&[]), 0);
    let mut said = std::collections::HashSet::new();
    loop {
        let records = store.records(from, 5_000).await.unwrap();
        let Some(last) = records.last() else { break };
        from = last.seq() + 1;
        for record in &records {
            verifier.record(record).unwrap();
            let entry = record.entry().unwrap();
            let grant = entry.grant.map(|grant| grant.id).unwrap_or_default();
            let request = entry.request_id.unwrap_or_default();
            match (entry.event.as_str(), entry.phase) {
                ("grant.approved", _) => said.insert(format!("open {grant}")),
                ("decision", _) => said.insert(format!("allow {request}")),
                ("credential", Some(Phase::Outcome)) => {
                    said.insert(format!("credential {grant}/{request}"))
                }
                ("stop.set", _) => said.insert("stopped".into()),
                _ => false,
            };
        }
    }
    verifier.finish().unwrap();
    for line in released {
        let line = if line.starts_with("stopped") {
            "stopped"
        } else {
            line
        };
        assert!(said.contains(line), "released and not recorded: {line}");
    }
    // A stop that was announced still stops.
    for line in released {
        if let Some(id) = line.strip_prefix("stopped ") {
            let agent = Scope::Agent(format!("agent-of-{id}"));
            let stops = store.stops().await.unwrap().value;
            assert!(
                stops.iter().any(|stop| stop.scope == agent && stop.kill),
                "{id}"
            );
        }
    }
    // The next start settles what was begun: nothing is half issued.
    let log = Folder::open(folder).unwrap();
    let broker = Broker::open(store, log, Wall).await.unwrap();
    assert_eq!(broker.store().intents(9).await.unwrap(), []);
    let issuing = Which::In(State::Issuing);
    assert_eq!(broker.store().grants(issuing, None, 9).await.unwrap(), []);
}

/// How often, unless `cargo xtask torture` asks for more.
const LOOPS: u64 = 20;

#[test]
fn whatever_was_released_before_a_kill_is_in_the_record() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Ok(folder) = std::env::var(FOLDER) {
        return runtime.block_on(work(Path::new(&folder)));
    }
    let loops =
        std::env::var("BAILIWICK_TORTURE_LOOPS").map_or(LOOPS, |loops| loops.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut seed = Wall.now_ms();
    let mut released = 0;
    for round in 0..loops {
        // Marsaglia's xorshift is random enough to kill by.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let after = Duration::from_millis(30 + seed % 120);
        println!("round {round}: killed after {after:?}");
        let lines = run_and_kill(folder.path(), None, after);
        released += lines.len();
        runtime.block_on(check(folder.path(), &lines));
    }
    assert!(
        released > 0,
        "nothing was ever released, so nothing was tested"
    );
    println!("{released} releases, each recorded");
}

#[test]
fn a_process_that_ends_at_any_moment_of_a_commit_leaves_no_release_without_its_record() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for moment in Moment::ALL {
        for passage in [1, 2, 9] {
            let folder = tempfile::tempdir().unwrap();
            let abort = format!("{moment:?} {passage}");
            let lines = run_and_kill(folder.path(), Some(&abort), Duration::ZERO);
            runtime.block_on(check(folder.path(), &lines));
        }
    }
}
