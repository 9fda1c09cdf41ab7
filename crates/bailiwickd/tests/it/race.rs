//! Many who want the same at once, and one who sends too much.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use bailiwick_broker::State;
use bailiwick_ledger::{Entry, Record, verify::Verifier};
use serde_json::{Value, json};

use crate::daemon::{Daemon, Place};

/// Grants that end at the same time.
const AT_ONCE: usize = 50;
const ROUNDS: usize = 4;

fn entries(daemon: &Daemon) -> Vec<Entry> {
    let lines = daemon.records();
    let mut verifier = Verifier::new(&[]);
    let entries = lines
        .lines()
        .map(|line| {
            verifier.line(line).unwrap();
            Record::from_line(line).unwrap().entry().unwrap()
        })
        .collect();
    verifier.finish().unwrap();
    entries
}

/// The states that a grant entered, in the order of the record.
fn ways(daemon: &Daemon) -> BTreeMap<String, Vec<State>> {
    let mut ways: BTreeMap<String, Vec<State>> = BTreeMap::new();
    for entry in entries(daemon) {
        let Some(grant) = entry.grant else { continue };
        if let Some(state) = grant.state_to.and_then(|name| name.parse().ok()) {
            ways.entry(grant.id).or_default().push(state);
        }
    }
    ways
}

// Test 43 of the list of required ones, with the sweeper of the process itself among those who race.
#[test]
fn a_grant_that_is_completed_revoked_killed_and_over_at_once_ends_once() {
    let place = Place::new();
    let daemon = place.start_with(&["--trust-everybody"], &[]);
    for _ in 0..ROUNDS {
        let opened = Instant::now();
        let open = || {
            let body = json!({ "agent": "invoice", "task": "look", "seconds": 1 });
            let answer = daemon.ask("Bailiwick-Local invoice", "POST", "/v1/grants", &body);
            assert_eq!(answer.status, 201, "{}", answer.body);
            let body = answer.json();
            let id = body["grant"]["id"].as_str().unwrap().to_owned();
            (id, format!("Bearer {}", body["token"].as_str().unwrap()))
        };
        let grants: Vec<(String, String)> = (0..AT_ONCE).map(|_| open()).collect();
        // About when the first of them are over by themselves.
        std::thread::sleep(Duration::from_millis(980).saturating_sub(opened.elapsed()));
        std::thread::scope(|scope| {
            let complete = |(id, token): &(String, String)| {
                let path = format!("/v1/grants/{id}/complete");
                let status = daemon.ask(token, "POST", &path, &Value::Null).status;
                assert!(matches!(status, 200 | 401 | 409), "{status}");
            };
            let revoke = |(id, _): &(String, String)| {
                let path = format!("/v1/grants/{id}");
                let status = daemon.ask(&daemon.operator, "DELETE", &path, &Value::Null);
                assert!(matches!(status.status, 200 | 409), "{}", status.body);
            };
            let kill = |(id, _): &(String, String)| {
                let body = json!({ "scope": "grant", "name": id, "reason": "a race" });
                let answer = daemon.ask(&daemon.operator, "POST", "/v1/kill", &body);
                assert_eq!(answer.status, 200, "{}", answer.body);
            };
            let grants = &grants;
            scope.spawn(move || grants.iter().for_each(complete));
            scope.spawn(move || grants.iter().rev().for_each(revoke));
            scope.spawn(move || grants.iter().skip(20).chain(&grants[..20]).for_each(kill));
        });
    }
    let ways = ways(&daemon);
    assert_eq!(ways.len(), AT_ONCE * ROUNDS);
    for (id, states) in &ways {
        // The minute after which its token is surely worth nothing is not waited for.
        let ended = states.iter().position(|state| *state == State::Revoking);
        let behind = &states[ended.unwrap() + 1..];
        let is_once = matches!(behind, []) || matches!(behind, [last] if last.is_final());
        assert!(is_once, "{id}: {states:?}");
    }
    let reasons: BTreeSet<String> = entries(&daemon)
        .into_iter()
        .filter(|entry| {
            let grant = entry.grant.as_ref();
            grant.is_some_and(|grant| grant.state_to.as_deref() == Some(State::Revoking.name()))
        })
        .filter_map(|entry| entry.reason_code)
        .collect();
    assert!(
        reasons.len() > 1,
        "one way alone won every race: {reasons:?}"
    );
}

// Test 74 of the list of required ones: thirty megabytes of strings are refused, and were never held.
#[test]
fn a_body_of_ten_million_strings_takes_no_memory() {
    const STRINGS: usize = 10_000_000;
    let place = Place::new();
    let daemon = place.start();
    let (_, token) = daemon.grant();
    assert!(daemon.allows(&token));
    let (_, before) = daemon.process.resident().unwrap();
    let address = daemon.process.address();
    for head in [
        format!("Content-Length: {}", 2 + 3 * STRINGS),
        "Transfer-Encoding: chunked".to_owned(),
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "POST /access/v1/evaluation HTTP/1.1\r\nHost: {address}\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n{head}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let is_chunked = head.contains("chunked");
        let many = "\"\",".repeat(STRINGS / 100);
        let part = if is_chunked {
            format!("{:x}\r\n{many}\r\n", many.len())
        } else {
            many
        };
        // It need not take the rest to say no.
        for _ in 0..100 {
            if stream.write_all(part.as_bytes()).is_err() {
                break;
            }
        }
        let mut answer = String::new();
        // Whoever is still sending may find the line cut before the answer is read.
        if stream.read_to_string(&mut answer).is_ok() && !answer.is_empty() {
            assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        }
    }
    let (_, after) = daemon.process.resident().unwrap();
    assert!(after < before + (8 << 10), "{before} KiB, then {after} KiB");
    assert!(daemon.allows(&token), "it goes on");
    let asked = entries(&daemon);
    let decisions = asked.iter().filter(|entry| entry.event == "decision");
    assert_eq!(decisions.count(), 2, "nothing of it was recorded");
}
