//! `docs/formats/ledger-vectors.json`: made here, and a failure when it is stale.
//!
//! `BAILIWICK_BLESS=1 cargo nextest run -p bailiwick-ledger vectors` writes it anew.

use std::{fs, path::PathBuf, process::Command};

use bailiwick_ledger::{
    Action, Agent, Chain, Decision, Effect, Entry, Grant, Hash, Phase, Record, Stamp, Task,
    VerbClass,
    argument::ArgumentKey,
    checkpoint::Checkpoint,
    note::Signer,
    tree,
    verify::{Flaw, Verified, Verifier},
};
use bailiwick_testkit::repository;
use serde_json::{Value, json};

const SECRET: [u8; 32] = [0x42; 32];
const NAME: &str = "ledger.example/acme";

fn entries() -> Vec<Entry> {
    let grant = |ver, from: &str, to: &str| {
        Some(Grant {
            id: "g-7".into(),
            ver: Some(ver),
            state_from: Some(from.into()),
            state_to: Some(to.into()),
            deadline_ms: Some(1_700_000_600_000),
            ..Grant::default()
        })
    };
    let about = |event: &str| Entry {
        agent: Some(Agent {
            id: "invoice-reader".into(),
            ..Agent::default()
        }),
        owner: Some("payments".into()),
        task: Some(Task {
            id: "reconcile".into(),
            ..Task::default()
        }),
        ..Entry::of(event)
    };
    let call = |effect, reason: Option<&str>| Entry {
        reason_code: reason.map(str::to_owned),
        action: Some(Action {
            server: Some("ledger".into()),
            tool: Some("post_entry".into()),
            verb_class: Some(VerbClass::Write),
            args_hash: Some(ArgumentKey::new(SECRET).hash(br#"{"amount":12}"#)),
            ..Action::default()
        }),
        decision: Some(Decision {
            effect,
            policy_ids: vec!["reconcile/0".into()],
            policy_version: None,
            errors: Vec::new(),
            obligations: Vec::new(),
        }),
        ..about("decision")
    };
    vec![
        Entry {
            grant: grant(1, "requested", "approved"),
            ..about("grant.approved")
        },
        Entry {
            phase: Some(Phase::Intent),
            request_id: Some("r-1".into()),
            grant: grant(2, "approved", "issuing"),
            ..about("credential")
        },
        Entry {
            phase: Some(Phase::Outcome),
            outcome: Some("ok".into()),
            request_id: Some("r-1".into()),
            grant: grant(3, "issuing", "active"),
            ..about("credential")
        },
        call(Effect::Allow, None),
        call(Effect::Deny, Some("budget_writes")),
        Entry {
            // Everything that two writers of JSON may spell differently.
            tenant: Some("\u{0}\u{8}\t\n\u{c}\r\u{1b}\"\\/\u{7f}é\u{2028}\u{1f600}".into()),
            ..about("grant.revoking")
        },
        about("grant.revoked"),
    ]
}

struct Made {
    records: Vec<Record>,
    checkpoints: Vec<Checkpoint>,
    signer: Signer,
}

fn made() -> Made {
    let signer = Signer::new(NAME, &SECRET).unwrap();
    let mut chain = Chain::default();
    let (mut records, mut checkpoints) = (Vec::new(), Vec::new());
    for (entry, at) in entries().iter().zip(0..) {
        let stamp = Stamp {
            epoch: 1 + at / 4,
            time_ms: 1_700_000_000_000 + at,
            replica: "a".into(),
        };
        records.push(chain.append(entry, &stamp).unwrap());
        if [3, 6].contains(&chain.len()) {
            let previous = if chain.len() == 6 { 3 } else { 0 };
            checkpoints.push(Checkpoint::of(&chain, NAME, 1, stamp.time_ms, previous));
        }
    }
    Made {
        records,
        checkpoints,
        signer,
    }
}

fn verify(lines: &[String], checkpoints: &[Checkpoint]) -> Result<Verified, Flaw> {
    let mut verifier = Verifier::new(checkpoints);
    for line in lines {
        verifier.line(line)?;
    }
    verifier.finish()
}

/// A ledger that somebody changed, what was done to it, and where it is wrong.
fn flawed(made: &Made) -> Vec<Value> {
    let lines: Vec<String> = made.records.iter().map(Record::to_line).collect();
    let mut cases = Vec::new();
    let mut case = |what: &str, change: &dyn Fn(&mut Vec<String>, &mut Vec<Checkpoint>)| {
        let (mut lines, mut checkpoints) = (lines.clone(), made.checkpoints.clone());
        change(&mut lines, &mut checkpoints);
        let flaw = verify(&lines, &checkpoints).unwrap_err();
        let notes: Vec<String> = checkpoints
            .iter()
            .map(|one| one.sign(&made.signer))
            .collect();
        cases.push(json!({
            "what": what, "lines": lines, "checkpoints": notes,
            "first_bad": flaw.first_bad(), "flaw": flaw.to_string(),
        }));
    };
    case("an entry was edited", &|lines, _| {
        lines[4] = lines[4].replace("\"deny\"", "\"allow\"");
    });
    case("an entry was deleted", &|lines, _| drop(lines.remove(2)));
    case("two entries changed places", &|lines, _| lines.swap(1, 2));
    case("an entry stands there twice", &|lines, _| {
        lines.insert(3, lines[2].clone())
    });
    case("the tail was cut off", &|lines, _| lines.truncate(5));
    case(
        "an entry and all hashes after it were made anew",
        &|lines, _| {
            lines[1] = lines[1].replace("r-1", "r-2");
            let mut prev = Hash::ZERO;
            for line in lines {
                let text = line.strip_prefix(r#"{"entry":"#).unwrap();
                let text = text.split(r#","hash":"#).next().unwrap();
                let record = Record::from_text(prev, text).unwrap();
                prev = record.hash();
                *line = record.to_line();
            }
        },
    );
    case("a checkpoint is missing", &|_, checkpoints| {
        drop(checkpoints.remove(0))
    });
    cases
}

fn vectors() -> Value {
    let made = made();
    let leaves: Vec<Hash> = made.records.iter().map(Record::leaf).collect();
    let sizes = 0..=leaves.len() as u64;
    let root = |size: u64| {
        let mut frontier = tree::Frontier::default();
        leaves
            .iter()
            .take(usize::try_from(size).unwrap())
            .for_each(|leaf| frontier.push(*leaf));
        frontier.root()
    };
    let inclusion: Vec<Value> = [(0, 1), (0, 7), (3, 7), (6, 7), (4, 6)]
        .map(|(index, size)| {
            let proof = tree::inclusion(index, size, &mut leaves.as_slice()).unwrap();
            json!({"index": index, "size": size, "proof": proof})
        })
        .to_vec();
    let consistency: Vec<Value> = [(1, 7), (3, 6), (4, 7), (6, 7), (7, 7)]
        .map(|(old, new)| {
            let proof = tree::consistency(old, new, &mut leaves.as_slice()).unwrap();
            json!({"old": old, "new": new, "proof": proof})
        })
        .to_vec();
    json!({
        "about": "Test vectors of docs/formats/ledger.md. All hashes are hexadecimal SHA-256.",
        "key": {
            "name": NAME,
            "secret": Hash::from(SECRET),
            "verifier": made.signer.verifier().to_string(),
        },
        "lines": made.records.iter().map(Record::to_line).collect::<Vec<_>>(),
        "leaves": leaves,
        "roots": sizes.map(root).collect::<Vec<_>>(),
        "checkpoints": made.checkpoints.iter().map(|one| one.sign(&made.signer)).collect::<Vec<_>>(),
        "inclusion": inclusion,
        "consistency": consistency,
        "arguments": [{
            "key": Hash::from(SECRET), "argument": "{\"amount\":12}",
            "hash": ArgumentKey::new(SECRET).hash(br#"{"amount":12}"#),
        }],
        "flawed": flawed(&made),
    })
}

fn published() -> PathBuf {
    repository().join("docs/formats/ledger-vectors.json")
}

#[test]
fn the_published_vectors_are_those_of_this_code() {
    let mut text = serde_json::to_string_pretty(&sorted(vectors())).unwrap();
    text.push('\n');
    if std::env::var_os("BAILIWICK_BLESS").is_some() {
        fs::write(published(), &text).unwrap();
    }
    let stale = fs::read_to_string(published()).unwrap() != text;
    assert!(
        !stale,
        "stale: see the head of this file for how to write them anew"
    );
}

#[test]
fn the_ledger_of_the_vectors_holds() {
    let made = made();
    let lines: Vec<String> = made.records.iter().map(Record::to_line).collect();
    let verified = verify(&lines, &made.checkpoints).unwrap();
    assert_eq!((verified.entries, verified.covered), (7, 6));
}

#[test]
fn a_verifier_in_another_language_agrees_on_every_vector() {
    let script = repository().join("scripts/ledger_verify.py");
    let peer = Command::new("python3")
        .arg(script)
        .arg("--vectors")
        .arg(published())
        .output();
    let Ok(peer) = peer else {
        eprintln!("no python3 here: the second verifier did not look");
        return;
    };
    let said = String::from_utf8_lossy(&peer.stdout);
    assert!(
        peer.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&peer.stderr)
    );
    assert!(said.contains("7 flawed ledgers"), "{said}");
}

/// Keys in their order, whether or not some other crate of the build keeps them as they came.
fn sorted(mut value: serde_json::Value) -> serde_json::Value {
    value.sort_all_objects();
    value
}
