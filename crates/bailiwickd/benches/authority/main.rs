//! The authority as a whole: the real daemon, a load client on the same cores, a disk.
//!
//! `cargo bench -p bailiwickd --bench authority [-- FOLDER] [PART…]`; the parts are `decide`,
//! `grants`, `start` and `replicas`, the folder says which disk. `cargo xtask bench authority` runs all of it
//! and keeps the result.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark"
)]

mod load;
mod replicas;

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::Path,
    time::{Duration, Instant},
};

use bailiwick_authority::{Authority, Call, Settings as AuthoritySettings, Standing};
use bailiwick_broker::{
    State,
    port::{Change, Grant, Op, Step, Store as _},
};
use bailiwick_charter::Charter;
use bailiwick_ledger::Entry;
use bailiwick_store::{Settings, Sqlite};
use bailiwick_testkit::daemon::{Daemon, Home};
use serde_json::{Value, json};

use crate::load::{Measured, Script, drive};

const CHARTERS: usize = 1_000;
const GRANTS: usize = 100_000;
const MILLION: usize = 1_000_000;
const OWNER: &str = "payments";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parts = ["decide", "grants", "start", "replicas"];
    let chosen: Vec<&str> = parts
        .into_iter()
        .filter(|part| arguments.iter().any(|argument| argument == part))
        .collect();
    let folder = arguments
        .iter()
        .find(|argument| !argument.starts_with("--") && !parts.contains(&argument.as_str()));
    let temporary = tempfile::tempdir().unwrap();
    let folder = folder.map_or(temporary.path(), Path::new);
    let runs = |part: &str| chosen.is_empty() || chosen.contains(&part);
    if runs("decide") {
        decide(&folder.join("decide"));
    }
    if runs("grants") {
        grants(&folder.join("grants"));
    }
    if runs("start") {
        start(&folder.join("start"));
    }
    if runs("replicas") {
        replicas::replicas(&folder.join("replicas"));
    }
}

/// One call judged, without HTTP and without a record: what the authority itself costs.
fn in_process() {
    let charters = (0..CHARTERS).map(|number| Charter::parse("c.yaml", &charter(number)).unwrap());
    let authority = Authority::of(charters, AuthoritySettings::default()).unwrap();
    let task = authority.task("agent-500", "post").unwrap();
    let call = Call::tool("ledger/post", br#"{"amount":900,"to":"bob@example.com"}"#).unwrap();
    let mut standing = Standing {
        agent: "agent-500".into(),
        task: "post".into(),
        charter: task.charter().to_owned(),
        body: task.bind([]).unwrap().to_bytes(),
        history: Vec::new(),
    };
    let begun = Instant::now();
    let took = (0..100_000).map(|number| {
        let begun = Instant::now();
        let judged = authority.judge(&standing, &call, 1_790_000_000_000 + number);
        let took = begun.elapsed();
        standing.history = judged.history().unwrap().to_bytes();
        took
    });
    let took = took.collect();
    let title = format!("judge, in process, {CHARTERS} charters");
    println!("{title:<44} {}", Measured::of(took, begun.elapsed()));
}

fn home(folder: &Path, charters: usize) -> Home {
    std::fs::create_dir_all(folder).unwrap();
    let home = Home::new(folder, env!("CARGO_BIN_EXE_bailiwickd")).unwrap();
    for number in 0..charters {
        let file = format!("agent-{number}.yaml");
        home.charter(&file, &charter(number)).unwrap();
    }
    home
}

fn charter(number: usize) -> String {
    format!(
        r#"
agent: agent-{number}
owner: {{ team: {OWNER}, contact: {OWNER}@example.com }}
purpose: Post invoices.
environment: prod
mode: brokered
tasks:
  post:
    for: 12h
    tools:
      - {{ tool: ledger/get }}
      - {{ tool: ledger/post, when: 'args.amount <= 1000 && args.to.domain == "example.com"' }}
    limits: {{ calls: 1000000, per-minute: 1000000 }}
"#
    )
}

fn daemon(home: &Home) -> Daemon {
    let quiet = |command: &mut std::process::Command| {
        command.args(["--trust-everybody", "--log-level", "error"]);
    };
    home.start(quiet).unwrap()
}

/// A request as it goes over the wire.
fn request(verb: &str, path: &str, authorization: &str, body: &Value) -> Vec<u8> {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    format!(
        "{verb} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn grant_wanted(agent: &str) -> Vec<u8> {
    let body = json!({ "agent": agent, "task": "post" });
    request(
        "POST",
        "/v1/grants",
        &format!("Bailiwick-Local {agent}"),
        &body,
    )
}

fn call_of(agent: &str, token: &str) -> Vec<u8> {
    let body = json!({
        "subject": { "type": "agent", "id": agent },
        "action": { "name": "call", "properties": { "amount": 900, "to": "bob@example.com" } },
        "resource": { "type": "tool", "id": "ledger/post" },
        "context": { "flow": { "session": "session-0123456789", "turn": 3 } },
    });
    request(
        "POST",
        "/access/v1/evaluation",
        &format!("Bearer {token}"),
        &body,
    )
}

/// A grant: its id and its token.
struct Held {
    id: String,
    agent: String,
    token: String,
}

fn open(daemon: &Daemon, agent: &str) -> Held {
    let answer = daemon.client().raw(&grant_wanted(agent)).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    held(agent, answer.body.as_bytes())
}

fn held(agent: &str, body: &[u8]) -> Held {
    let body: Value = serde_json::from_slice(body).unwrap();
    Held {
        id: body["grant"]["id"].as_str().unwrap().to_owned(),
        agent: agent.to_owned(),
        token: body["token"].as_str().unwrap().to_owned(),
    }
}

/// Asks for the same call again and again, which must be allowed.
struct Calls(Vec<u8>);

impl Script for Calls {
    fn next(&mut self) -> Option<&[u8]> {
        Some(&self.0)
    }

    fn answered(&mut self, status: &[u8], body: &[u8]) {
        let is_allowed = status == b"200" && body.starts_with(br#"{"decision":true"#);
        assert!(is_allowed, "{}", String::from_utf8_lossy(body));
    }
}

/// Opens so many grants.
struct Opens {
    agent: String,
    request: Vec<u8>,
    left: usize,
    held: Vec<Held>,
}

impl Script for Opens {
    fn next(&mut self) -> Option<&[u8]> {
        self.left = self.left.checked_sub(1)?;
        Some(&self.request)
    }

    fn answered(&mut self, status: &[u8], body: &[u8]) {
        assert_eq!(status, b"201", "{}", String::from_utf8_lossy(body));
        self.held.push(held(&self.agent, body));
    }
}

/// Asks for one call of each of these grants.
struct Each(std::vec::IntoIter<Vec<u8>>, Vec<u8>);

impl Script for Each {
    fn next(&mut self) -> Option<&[u8]> {
        self.1 = self.0.next()?;
        Some(&self.1)
    }

    fn answered(&mut self, status: &[u8], body: &[u8]) {
        assert_eq!(status, b"200", "{}", String::from_utf8_lossy(body));
    }
}

const LONG: Duration = Duration::from_secs(600);

/// What the disk costs: a page appended to a file and flushed, as a commit does at the least.
fn flush(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join("flushed");
    let file = File::create(&path).unwrap();
    let begun = Instant::now();
    let took = (0..500)
        .map(|at| {
            file.write_all_at(&[b'x'; 4096], at * 4096).unwrap();
            let begun = Instant::now();
            file.sync_data().unwrap();
            begun.elapsed()
        })
        .collect();
    println!(
        "{:<44} {}",
        "one flush (4 KiB, fdatasync)",
        Measured::of(took, begun.elapsed())
    );
    std::fs::remove_file(path).unwrap();
}

fn decide(folder: &Path) {
    in_process();
    flush(folder);
    let home = home(folder, CHARTERS);
    let begun = Instant::now();
    let daemon = daemon(&home);
    println!(
        "{:<44} {:.3?}",
        format!("start with {CHARTERS} charters"),
        begun.elapsed()
    );
    for connections in [1, 8, 64, 256] {
        let scripts = (0..connections)
            .map(|number| {
                let agent = format!("agent-{number}");
                let held = open(&daemon, &agent);
                Calls(call_of(&agent, &held.token))
            })
            .collect();
        let (measured, _) = drive(daemon.address(), scripts, Duration::from_secs(5));
        println!(
            "{:<44} {measured}",
            format!("authorize, {connections} connections")
        );
    }
    let held = open(&daemon, "agent-7");
    let scripts = (0..64).map(|_| Calls(call_of("agent-7", &held.token)));
    let (measured, _) = drive(daemon.address(), scripts.collect(), Duration::from_secs(3));
    println!(
        "{:<44} {measured}",
        "authorize, 64 connections on one grant"
    );
    flush(folder);
}

fn grants(folder: &Path) {
    let home = home(folder, 10);
    let daemon = daemon(&home);
    let scripts = (0..64)
        .map(|number| {
            let agent = format!("agent-{}", number % 10);
            Opens {
                request: grant_wanted(&agent),
                left: GRANTS / 64,
                agent,
                held: Vec::new(),
            }
        })
        .collect();
    let (measured, scripts) = drive(daemon.address(), scripts, LONG);
    println!("{:<44} {measured}", "grant with token, 64 connections");
    let held: Vec<Held> = scripts.into_iter().flat_map(|script| script.held).collect();
    let live = format!("resident with {} live grants", held.len());
    println!("{live:<44} {}", resident(&daemon));
    let calls: Vec<Vec<u8>> = held
        .iter()
        .map(|held| call_of(&held.agent, &held.token))
        .collect();
    let scripts = calls.chunks(calls.len().div_ceil(64));
    let scripts = scripts.map(|calls| {
        let own: Vec<Vec<u8>> = calls.to_vec();
        Each(own.into_iter(), Vec::new())
    });
    let (measured, _) = drive(daemon.address(), scripts.collect(), LONG);
    println!("{:<44} {measured}", "authorize once on each of them");
    println!("{:<44} {}", "resident after that", resident(&daemon));
    revoke_some(&daemon, &held);
    kill_owner(&daemon, &home, &held);
}

fn resident(daemon: &Daemon) -> String {
    daemon.resident().map_or_else(
        || "unknown here".to_owned(),
        |(now, most)| format!("{} MB, at most {} MB", now / 1024, most / 1024),
    )
}

/// Revokes some, each from another connection than the one that asks next.
fn revoke_some(daemon: &Daemon, held: &[Held]) {
    let (mut revoker, mut asker) = (daemon.client(), daemon.client());
    let (mut revoked, mut denied) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    for held in held.iter().take(200) {
        let path = format!("/v1/grants/{}", held.id);
        let bearer = format!("Bearer {}", held.token);
        let end = request("DELETE", &path, &bearer, &Value::Null);
        assert!(asks(&mut asker, held));
        let begun = Instant::now();
        let answer = revoker.raw(&end).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        revoked.push(begun.elapsed());
        assert!(!asks(&mut asker, held));
        denied.push(begun.elapsed());
    }
    let elapsed = begun.elapsed();
    let revoked = Measured::of(revoked, elapsed);
    println!("{:<44} {revoked}", "revoke one, recorded");
    let denied = Measured::of(denied, elapsed);
    println!(
        "{:<44} {denied}",
        "the same, and the next call's denial recorded"
    );
}

fn asks(client: &mut bailiwick_testkit::http::Client, held: &Held) -> bool {
    let answer = client.raw(&call_of(&held.agent, &held.token)).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["decision"].as_bool().unwrap()
}

/// Kills everything of the one owner.
fn kill_owner(daemon: &Daemon, home: &Home, held: &[Held]) {
    let last = held.last().unwrap();
    let operator = home.operator();
    let mut killing = daemon.client();
    let mut asking = daemon.client();
    let body = json!({ "scope": "owner", "name": OWNER, "reason": "a benchmark" });
    let kill = request("POST", "/v1/kill", &operator, &body);
    assert!(asks(&mut asking, last));
    let begun = Instant::now();
    let killed = std::thread::spawn(move || {
        let answer = killing.raw(&kill).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        begun.elapsed()
    });
    while asks(&mut asking, last) {}
    let denied = begun.elapsed();
    let answered = killed.join().unwrap();
    let live = request("GET", "/v1/grants?limit=1", &operator, &Value::Null);
    loop {
        let answer = asking.raw(&live).unwrap();
        if answer.json()["grants"].as_array().unwrap().is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    println!(
        "{:<44} denied after {denied:.3?}, answered after {answered:.3?}, each ended and recorded after {:.3?}",
        format!("kill an owner of {} grants", held.len()),
        begun.elapsed()
    );
    println!("{:<44} {}", "resident after that", resident(daemon));
}

/// A start on a database with a million live grants.
fn start(folder: &Path) {
    let home = home(folder, 10);
    let mut first = daemon(&home);
    let charter = open(&first, "agent-1");
    first.kill().unwrap();
    drop(first);
    fill(&home, &charter.id);
    let begun = Instant::now();
    let daemon = daemon(&home);
    let up = begun.elapsed();
    let held = open(&daemon, "agent-1");
    assert!(asks(&mut daemon.client(), &held));
    println!(
        "{:<44} healthy after {up:.3?}, first grant and decision after {:.3?}",
        format!("start with {MILLION} live grants"),
        begun.elapsed()
    );
    println!("{:<44} {}", "resident after that", resident(&daemon));
}

/// A million grants like this one, written as the broker writes them.
fn fill(home: &Home, like: &str) {
    let store = Sqlite::open(&home.data(), Settings::of_replica("bench")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let like = store.grant(like).await.unwrap().value.unwrap();
        for batch in 0..MILLION / 1_000 {
            let changes = (0..1_000)
                .map(|at| active(&like, batch * 1_000 + at))
                .collect();
            let outcomes = store.commit(changes, like.issued_ms).await.unwrap();
            assert!(outcomes.iter().all(Result::is_ok));
        }
    });
}

fn active(like: &Grant, number: usize) -> Change {
    let grant = Grant {
        id: format!("g{number:032x}"),
        state: State::Approved,
        ver: 1,
        ..like.clone()
    };
    let step = |to, ver| {
        Op::Step(Step {
            ver,
            ..Step::to(to, &grant)
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
