//! Three daemons on one PostgreSQL: what they decide together, and how long a revocation by one of
//! them takes to be obeyed by all.

use std::{
    path::Path,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use bailiwick_testkit::{
    daemon::{Daemon, Home},
    postgres::Server,
};
use serde_json::Value;

use crate::{
    Held, call_of,
    load::{Measured, Script, drive},
    open, request,
};

const NAMES: [&str; 3] = ["a", "b", "c"];
const REVOKED: usize = 300;
const REVOKED_UNDER_LOAD: usize = 150;

/// Long enough for all revocations.
const LOADED_FOR: Duration = Duration::from_secs(40);

pub(crate) fn replicas(folder: &Path) {
    let Some(server) = Server::start().unwrap() else {
        println!("replicas: PostgreSQL is not installed; `cargo xtask peers` does that");
        return;
    };
    let address = server.database().unwrap();
    let first = start(folder, NAMES[0], &address, None);
    let others = NAMES[1..].iter();
    let others = others.map(|name| start(folder, name, &address, Some(&first.0)).1);
    let daemons: Vec<Daemon> = std::iter::once(first.1).chain(others).collect();
    for connections in [1, 8, 32] {
        let measured = load(&daemons[..1], connections, Duration::from_secs(5));
        let what = format!("authorize, 1 of 3, {connections} connections");
        println!("{what:<44} {measured}");
        let measured = load(&daemons, connections, Duration::from_secs(5));
        let what = format!("authorize, 3 replicas, {connections} connections each");
        println!("{what:<44} {measured}");
    }
    revoke("nothing else", &daemons, REVOKED);
    thread::scope(|scope| {
        let loaded = scope.spawn(|| load(&daemons, 8, LOADED_FOR));
        let begun = Instant::now();
        revoke("8 connections on each", &daemons, REVOKED_UNDER_LOAD);
        assert!(
            begun.elapsed() < LOADED_FOR,
            "some were revoked without load"
        );
        let what = "the load meanwhile";
        println!("{what:<44} {}", loaded.join().unwrap());
    });
}

fn start(folder: &Path, name: &str, address: &str, like: Option<&Home>) -> (Home, Daemon) {
    let home = crate::home(&folder.join(name), 64);
    if let Some(like) = like {
        home.same_keys(like).unwrap();
    }
    let daemon = home.start(|command| {
        command
            .args(["--trust-everybody", "--log-level", "error"])
            .args(["--database", address, "--replica", name]);
    });
    (home, daemon.unwrap())
}

/// Asks for the same call again and again. It may be denied where the database does not answer: that
/// is counted, and nothing else is taken.
struct Tries {
    request: Vec<u8>,
    denied: usize,
}

impl Script for Tries {
    fn next(&mut self) -> Option<&[u8]> {
        Some(&self.request)
    }

    fn answered(&mut self, status: &[u8], body: &[u8]) {
        assert_eq!(status, b"200");
        if !body.starts_with(br#"{"decision":true"#) {
            let body = String::from_utf8_lossy(body);
            assert!(body.contains("store_unavailable"), "{body}");
            self.denied += 1;
        }
    }
}

/// Calls of other grants at all of these at once.
fn load(daemons: &[Daemon], connections: usize, during: Duration) -> Measured {
    let scripts: Vec<Vec<Tries>> = (0..daemons.len())
        .map(|replica| {
            (0..connections)
                .map(|number| {
                    let agent = format!("agent-{}", (replica * connections + number) % 64);
                    Tries {
                        request: call_of(&agent, &open(&daemons[0], &agent).token),
                        denied: 0,
                    }
                })
                .collect()
        })
        .collect();
    let measured = thread::scope(|scope| {
        let driven: Vec<_> = daemons
            .iter()
            .zip(scripts)
            .map(|(daemon, scripts)| scope.spawn(move || drive(daemon.address(), scripts, during)))
            .collect();
        let driven = driven.into_iter().map(|one| one.join().unwrap());
        driven.collect::<Vec<_>>()
    });
    let (measured, scripts): (Vec<Measured>, Vec<Vec<Tries>>) = measured.into_iter().unzip();
    let denied: usize = scripts.iter().flatten().map(|tries| tries.denied).sum();
    if denied > 0 {
        println!("{denied} of these calls were denied: the database gave no answer within 2 s");
    }
    Measured::together(measured)
}

/// Ends grants while all three are asked for calls of each, without a pause.
fn revoke(beside: &str, daemons: &[Daemon], count: usize) {
    let (mut denied, mut answered) = (Vec::new(), Vec::new());
    let (mut late, mut contended) = (0, 0);
    let begun = Instant::now();
    for number in 0..count {
        let by = &daemons[number % daemons.len()];
        let held = open(&daemons[0], "agent-7");
        let of = &held;
        // Each has allowed it when it is revoked.
        let allowing = Barrier::new(daemons.len() + 1);
        let allowing = &allowing;
        let (end, told) = thread::scope(|scope| {
            let asked: Vec<_> = daemons
                .iter()
                .map(|daemon| scope.spawn(|| until_denied(daemon, of, allowing)))
                .collect();
            allowing.wait();
            let begun = Instant::now();
            let path = format!("/v1/grants/{}", of.id);
            let bearer = format!("Bearer {}", of.token);
            let end = request("DELETE", &path, &bearer, &Value::Null);
            let answer = by.client().raw(&end).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.body);
            let end = (begun, Instant::now());
            let told: Vec<Told> = asked.into_iter().map(|one| one.join().unwrap()).collect();
            (end, told)
        });
        let last = told.iter().map(|told| told.denied).max().unwrap();
        denied.push(last - end.0);
        answered.push(end.1 - end.0);
        let is_late = |told: &&Told| told.allowed > end.1;
        late += told.iter().filter(is_late).count();
        contended += told.iter().map(|told| told.contended).sum::<usize>();
    }
    let elapsed = begun.elapsed();
    let what = format!("revoke, answered; {beside}");
    println!("{what:<44} {}", Measured::of(answered, elapsed));
    let what = format!("revoke, denied by all three; {beside}");
    println!("{what:<44} {}", Measured::of(denied, elapsed));
    println!(
        "calls asked for after the answer and allowed: {late}; denied as contended: {contended}"
    );
}

/// What one replica said of a grant that was revoked meanwhile.
struct Told {
    /// When the last call that it allowed was asked for.
    allowed: Instant,
    /// Calls that were denied although the grant had not ended.
    contended: usize,
    /// When it had said no.
    denied: Instant,
}

fn until_denied(daemon: &Daemon, held: &Held, allowing: &Barrier) -> Told {
    let mut client = daemon.client();
    let (mut allowed, mut contended) = (None, 0);
    loop {
        let asked = Instant::now();
        let answer = client.raw(&call_of(&held.agent, &held.token)).unwrap();
        let body = answer.json();
        let reason = body["context"]["reason"]["code"].as_str().unwrap();
        match reason {
            "allowed" => {
                if allowed.replace(asked).is_none() {
                    allowing.wait();
                }
            }
            // The others used the same grant each time a moment sooner: that says nothing of its end.
            "contended" => contended += 1,
            _ => {
                return Told {
                    allowed: allowed.unwrap(),
                    contended,
                    denied: Instant::now(),
                };
            }
        }
    }
}
