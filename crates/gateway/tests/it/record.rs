//! What is on record, what is not, and what is released when there is none.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bailiwick_ledger::{Hash, checkpoint::Checkpoint, note, tree};
use bailiwick_store::{Failure, Faults, Moment};
use serde_json::{Value, json};

use crate::house::{House, OPERATOR, ORIGIN, Plan, VIEWER};

/// A house whose disk fails when it is told to.
fn failing(failure: Failure, moment: Moment) -> (House, Arc<AtomicBool>) {
    let fails = Arc::new(AtomicBool::new(false));
    let probe = Arc::clone(&fails);
    let house = House::of(Plan {
        faults: Faults::new(move |now| {
            (now == moment && probe.load(Ordering::SeqCst)).then_some(failure)
        }),
        ..Plan::default()
    });
    (house, fails)
}

// Test 78 of the list of required ones.
#[test]
fn what_cannot_be_recorded_is_not_released_and_a_failed_flush_stops_the_writer_for_good() {
    for (failure, moment) in [
        (Failure::Passing, Moment::Begin),
        (Failure::Passing, Moment::BeforeCommit),
        (Failure::Disk, Moment::Applied),
        (Failure::Disk, Moment::Commit),
    ] {
        let (house, fails) = failing(failure, moment);
        let (id, token) = house.grant("invoice");
        assert!(house.allows(&token, "invoice"));
        fails.store(true, Ordering::SeqCst);
        let denied = house.call(&token, "invoice", "ledger/post", &json!({ "amount": 1 }));
        assert_eq!(
            denied.json()["decision"],
            false,
            "{moment:?}: {}",
            denied.body
        );
        assert_eq!(
            denied.json()["context"]["reason"]["code"],
            "store_unavailable"
        );
        let renew = format!("/v1/grants/{id}/renew");
        assert_eq!(house.ask(&token, "POST", &renew, &json!({})).status, 503);
        let ticket = house.ask(
            OPERATOR,
            "POST",
            "/v1/tickets",
            &json!({ "agent": "invoice" }),
        );
        assert_eq!(ticket.status, 503, "{}", ticket.body);
        assert!(!ticket.body.contains("bwt_"));
        // A stop acts all the same.
        let kill = json!({ "scope": "agent", "name": "invoice", "reason": "the disk is full" });
        let killed = house.ask(OPERATOR, "POST", "/v1/kill", &kill);
        assert_eq!(
            (killed.status, &killed.json()["recorded"]),
            (200, &json!(false))
        );
        fails.store(false, Ordering::SeqCst);
        let mends = failure == Failure::Passing;
        let (_, other) = if mends {
            house.grant("desk")
        } else {
            (String::new(), VIEWER.into())
        };
        if mends {
            assert!(
                house.allows(&other, "desk"),
                "{moment:?}: it goes on when there is room again"
            );
        } else {
            let ready = house.ask("", "GET", "/readyz", &Value::Null);
            assert_eq!(ready.status, 503, "{moment:?}: {}", ready.body);
            let ticket = house.ask(OPERATOR, "POST", "/v1/tickets", &json!({ "agent": "desk" }));
            assert_eq!(
                ticket.status, 503,
                "{moment:?}: a disk that failed once is believed no more"
            );
        }
        assert!(!house.allows(&token, "invoice"));
    }
}

const CANARY: &str = "canary-7f3a90";

/// Everything there is to read of the house: its answers are looked at where they come.
fn everything(house: &House) -> String {
    let paths = [
        "/v1/grants",
        "/v1/kill",
        "/v1/charters",
        "/metrics",
        "/v1/ledger/checkpoint",
    ];
    let told = paths.map(|path| house.ask(OPERATOR, "GET", path, &Value::Null).body);
    let records: Vec<String> = house.records().iter().map(ToString::to_string).collect();
    let mut all = told.join("\n") + &records.join("\n");
    for file in std::fs::read_dir(house.folder.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            all += &String::from_utf8_lossy(&std::fs::read(path).unwrap());
        }
    }
    all
}

// Test 82.
#[test]
fn a_secret_in_any_argument_form_or_header_is_in_no_record() {
    let house = House::new();
    let (_, token) = house.grant("invoice");
    let number: i64 = 7_390_412_855_001;
    for args in [
        json!({ "amount": 1, "note": CANARY }),
        json!({ "amount": number }),
        json!({ "amount": 1, "deep": [[{ "a": [CANARY, number] }]] }),
        json!({ "amount": 1, CANARY: true }),
        json!({ "amount": CANARY }),
    ] {
        let answer = house.call(&token, "invoice", "ledger/post", &args);
        assert_eq!(answer.status, 200);
        assert!(!answer.body.contains(CANARY), "{}", answer.body);
    }
    let headers = [
        ("content-type", "application/json"),
        ("authorization", token.as_str()),
        ("x-secret", CANARY),
        ("cookie", CANARY),
    ];
    for body in [
        CANARY.to_owned(),
        format!("{{\"{CANARY}"),
        format!("{{\"subject\":\"{CANARY}\"}}"),
        format!("{{\"{CANARY}\":1,\"{CANARY}\":2}}"),
    ] {
        let answer = house
            .client()
            .ask("POST", "/access/v1/evaluation", &headers, &body)
            .unwrap();
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(!answer.body.contains(CANARY), "{}", answer.body);
    }
    for shown in [
        format!("Bearer {CANARY}"),
        format!("Bailiwick-Ticket {CANARY}"),
    ] {
        let body = json!({ "agent": "invoice", "task": "look", "purpose": CANARY });
        let answer = house.ask(&shown, "POST", "/v1/grants", &body);
        assert_eq!(answer.status, 401);
        assert!(!answer.body.contains(CANARY), "{}", answer.body);
    }
    let all = everything(&house);
    assert!(!all.contains(CANARY) && !all.contains(&number.to_string()));
    // The record holds what tells two calls apart, and nothing to guess them by without the key.
    let records = house.records();
    let hashes: Vec<&Value> = records
        .iter()
        .filter(|one| one["event"] == "decision" && one["action"]["tool"] == "post")
        .map(|one| &one["action"]["args_hash"])
        .collect();
    assert_eq!(hashes.len(), 5);
    let plain = Hash::of(&[format!("{{\"amount\":{number}}}").as_bytes()]).to_string();
    assert!(
        hashes
            .iter()
            .all(|hash| hash.as_str().is_some_and(|hash| !hash.contains(&plain)))
    );
}

// Test 81. The secrets of the house itself: tokens, tickets, keys.
#[test]
fn no_token_ticket_or_control_letter_is_written_where_others_read() {
    let house = House::new();
    let ticket = house.ticket("invoice");
    let (_, token) = house.grant("invoice");
    let tricks = "a\r\nb\u{1b}[2J\u{0}\u{202e}";
    let kill = json!({ "scope": "agent", "name": tricks, "reason": tricks });
    assert_eq!(house.ask(OPERATOR, "POST", "/v1/kill", &kill).status, 200);
    let flow = json!({
        "subject": { "type": "agent", "id": tricks },
        "action": { "name": "call", "properties": { "amount": 1 } },
        "resource": { "type": "tool", "id": "ledger/post" },
        "context": { "flow": { "session": tricks } },
    });
    house.ask(&token, "POST", "/access/v1/evaluation", &flow);
    let answer = house.ask(VIEWER, "GET", "/v1/ledger/entries", &Value::Null);
    for line in answer.body.lines() {
        assert!(
            line.starts_with('{') && line.ends_with('}'),
            "one entry a line: {line:?}"
        );
        assert!(!line.chars().any(char::is_control), "{line:?}");
        bailiwick_ledger::Record::from_line(line).unwrap();
    }
    let all = everything(&house);
    let token = token.strip_prefix("Bearer ").unwrap();
    let signature = token.rsplit('.').next().unwrap();
    for secret in [ticket.as_str(), token, signature, "bwo_operator"] {
        assert!(!all.contains(secret), "a secret is written down");
    }
    assert!(!format!("{:?}", house.gateway).contains("bwo_"));
}

// Test 83, as far as there are sinks: none is named in a request.
#[test]
fn no_request_says_where_the_record_goes() {
    let house = House::new();
    for path in [
        "/v1/audit",
        "/v1/ledger",
        "/v1/ledger/sinks",
        "/sys/audit/file",
        "/v1/ledger/../grants",
    ] {
        for verb in ["GET", "POST"] {
            let answer = house.ask(OPERATOR, verb, path, &Value::Null);
            assert!(
                matches!(answer.status, 404 | 405),
                "{verb} {path}: {}",
                answer.status
            );
        }
    }
    let kill = json!({ "scope": "all", "reason": "x", "path": "/etc/passwd" });
    assert_eq!(house.ask(OPERATOR, "POST", "/v1/kill", &kill).status, 400);
}

// Test 80, as an auditor does it over HTTP: every entry is proved to be in what was signed for, every
// shorter ledger to be the beginning of the longer, and neither proof holds for another entry.
#[test]
fn proofs_lead_from_every_entry_to_what_was_signed_for() {
    let house = House::new();
    let (_, token) = house.grant("invoice");
    for amount in 0..20 {
        house.call(
            &token,
            "invoice",
            "ledger/post",
            &json!({ "amount": amount }),
        );
    }
    let get = |path: &str| {
        let answer = house.ask(VIEWER, "GET", path, &Value::Null);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    };
    let signed = get("/v1/ledger/checkpoint");
    let key: note::Verifier = signed["key"].as_str().unwrap().parse().unwrap();
    let checkpoint = Checkpoint::open(signed["note"].as_str().unwrap(), &[key]).unwrap();
    assert_eq!(checkpoint.origin, ORIGIN);
    let size = checkpoint.size;
    assert!(size > 20, "{size}");
    let hashes = |proof: &Value| -> Vec<Hash> {
        let texts = proof["proof"].as_array().unwrap().iter();
        texts
            .map(|text| text.as_str().unwrap().parse().unwrap())
            .collect()
    };
    let lines = house
        .ask(VIEWER, "GET", "/v1/ledger/entries", &Value::Null)
        .body;
    let leaves: Vec<Hash> = lines
        .lines()
        .map(|line| bailiwick_ledger::Record::from_line(line).unwrap().leaf())
        .collect();
    for (seq, leaf) in (0..size).zip(&leaves) {
        let proof = get(&format!("/v1/ledger/inclusion?seq={seq}&size={size}"));
        assert_eq!(proof["leaf"], leaf.to_string());
        let way = hashes(&proof);
        let holds =
            |leaf: &Hash| tree::root_of_inclusion(*leaf, seq, size, &way) == Some(checkpoint.root);
        assert!(holds(leaf), "{seq}");
        let other = &leaves[usize::try_from((seq + 1) % size).unwrap()];
        assert!(!holds(other), "another entry, {seq}");
    }
    for old in 1..=size {
        let way = hashes(&get(&format!(
            "/v1/ledger/consistency?old={old}&new={size}"
        )));
        let mut before = tree::Frontier::default();
        leaves
            .iter()
            .take(usize::try_from(old).unwrap())
            .for_each(|leaf| before.push(*leaf));
        let holds = |root: Hash| tree::is_consistent((old, root), (size, checkpoint.root), &way);
        assert!(holds(before.root()), "{old}");
        assert!(!holds(Hash::of(&[b"another"])), "{old}");
    }
    for path in [
        "/v1/ledger/inclusion?seq=100000",
        "/v1/ledger/inclusion?seq=1&size=100000",
        "/v1/ledger/consistency?old=1&new=100000",
    ] {
        assert_eq!(
            house.ask(VIEWER, "GET", path, &Value::Null).status,
            404,
            "{path}"
        );
    }
    for path in [
        "/v1/ledger/inclusion",
        "/v1/ledger/inclusion?seq=-1",
        "/v1/ledger/consistency?old=9&new=3",
    ] {
        assert_eq!(
            house.ask(VIEWER, "GET", path, &Value::Null).status,
            400,
            "{path}"
        );
    }
}

#[test]
fn an_exchange_with_the_approver_is_owed_and_counted_as_a_denial() {
    let house = House::new();
    let (_, token) = house.grant("invoice");
    house.call(&token, "invoice", "mail/send", &json!({}));
    house.call(&token, "invoice", "ledger/post", &json!({ "amount": 1 }));
    let metrics = house.ask("", "GET", "/metrics", &Value::Null).body;
    for line in [
        "bailiwick_decisions_total{effect=\"step_up\"} 1",
        "bailiwick_decisions_total{effect=\"allow\"} 1",
    ] {
        assert!(
            metrics.lines().any(|written| written == line),
            "{line}\n{metrics}"
        );
    }
}
