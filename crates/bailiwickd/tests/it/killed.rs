//! Stopped without a farewell, and put back from a backup.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::daemon::{Place, STOPS_WITHIN, charter};

// Tests 42 and 79 of the list of required ones, for the process as a whole: whatever was answered is
// on record, wherever it is killed. (The torture loops do this under load, hundreds of times.)
#[test]
fn whatever_was_answered_is_on_record_wherever_the_process_is_killed() {
    for moment in ["Begin", "Applied", "BeforeCommit", "Commit", "AfterCommit"] {
        let place = Place::new();
        let at = format!("{moment}:25");
        let mut daemon = place.start_with(&[], &[("BAILIWICKD_ABORT_AT", &at)]);
        let mut released = Vec::new();
        let granted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| daemon.grant()));
        if let Ok((_, token)) = granted {
            for amount in 0..100 {
                let Ok(answer) = daemon.call(&token, amount) else {
                    break;
                };
                let answer = answer.json();
                if answer["decision"] == true {
                    released.push(
                        answer["context"]["record"]["hash"]
                            .as_str()
                            .unwrap()
                            .to_owned(),
                    );
                }
            }
        }
        let ended = daemon.process.ended(STOPS_WITHIN).unwrap();
        assert!(
            ended.is_some_and(|ended| !ended.success()),
            "{moment}: it was killed"
        );
        let again = place.start();
        let records = again.records();
        for hash in &released {
            assert!(
                records.contains(hash),
                "{moment}: an answer without its record"
            );
        }
        let mut verifier = bailiwick_ledger::verify::Verifier::new(&[]);
        records
            .lines()
            .for_each(|line| drop(verifier.line(line).unwrap()));
        verifier.finish().unwrap();
        let (_, token) = again.grant();
        assert!(again.allows(&token), "{moment}: it goes on");
    }
}

// Test 49: across a kill -9, whatever was stopped, and nothing else with it.
#[test]
fn a_kill_survives_the_process() {
    for (scope, name) in [
        ("agent", Some("invoice")),
        ("owner", Some("payments")),
        ("all", None),
    ] {
        let place = Place::new();
        let other = charter("desk", 10).replace("team: payments", "team: sales");
        place.write("charters/desk.yaml", &other);
        let mut daemon = place.start();
        let (_, token) = daemon.grant();
        let mut kill = json!({ "scope": scope, "reason": "drill" });
        if let Some(name) = name {
            kill["name"] = name.into();
        }
        let answer = daemon.ask(&daemon.operator, "POST", "/v1/kill", &kill);
        assert_eq!(answer.status, 200, "{}", answer.body);
        daemon.process.kill().unwrap();
        let again = place.start();
        assert!(!again.allows(&token), "{scope}");
        let open = |agent: &str| {
            let body = json!({ "agent": agent });
            let ticket = again.ask(&again.operator, "POST", "/v1/tickets", &body);
            let ticket = ticket.json()["ticket"].as_str().unwrap().to_owned();
            let shown = format!("Bailiwick-Ticket {ticket}");
            let body = json!({ "agent": agent, "task": "look" });
            let answer = again.ask(&shown, "POST", "/v1/grants", &body);
            (answer.status, answer.json()["reason"].clone())
        };
        assert_eq!(open("invoice"), (403, json!("killed")), "{scope}");
        let is_free = open("desk").0 == 201;
        assert_eq!(is_free, scope != "all", "{scope}");
    }
}

// Test 87.
#[test]
fn after_a_restore_what_was_made_later_is_unknown_and_denied_and_somebody_has_to_look() {
    let place = Place::new();
    let daemon = place.start();
    let (_, before) = daemon.grant();
    let (code, _, err) = place.ran(&["backup", "--data", "data", "--to", "backup.db"]);
    assert_eq!(code, 0, "{err}");
    let (late_id, late) = daemon.grant();
    assert!(daemon.allows(&late));
    assert_eq!(
        place
            .ran(&["restore", "--data", "data", "--from", "backup.db"])
            .0,
        2,
        "while it runs"
    );
    assert_eq!(daemon.stop().0, 0);
    let (code, _, err) = place.ran(&["restore", "--data", "data", "--from", "backup.db"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("bailiwick kill --clear all"), "{err}");

    let daemon = place.start();
    let denied = daemon.call(&late, 1).unwrap().json();
    assert_eq!(denied["decision"], false);
    assert_eq!(
        denied["context"]["reason"]["code"], "grant_unknown",
        "{denied}"
    );
    assert!(!daemon.allows(&before));
    let records = daemon.records();
    assert!(
        records.contains("store.restored") && records.contains(&late_id),
        "both are on record"
    );
    let clear = json!({ "scope": "all", "reason": "looked" });
    let cleared = daemon.ask(&daemon.operator, "POST", "/v1/kill/clear", &clear);
    assert_eq!(cleared.status, 200, "{}", cleared.body);
    assert!(
        !daemon.allows(&late) && !daemon.allows(&before),
        "neither lives again"
    );
    let (_, new) = daemon.grant();
    assert!(daemon.allows(&new));
    let again = place.ran(&["backup", "--data", "data", "--to", "backup.db"]);
    assert_eq!(again.0, 2, "a backup is never written over");
}

// Test 86. (That a migration is whole or not at all is tested in `store`.)
#[test]
fn a_schema_is_brought_up_to_date_whole_and_a_newer_one_is_refused() {
    let place = Place::new();
    let daemon = place.start();
    let (_, token) = daemon.grant();
    assert_eq!(daemon.stop().0, 0);
    let (code, _, err) = place.ran(&["migrate", "--data", "data"]);
    assert_eq!(code, 0, "{err}");
    let again = place.start();
    assert!(
        again.allows(&token),
        "a migration that had nothing to do changed nothing"
    );
    assert_eq!(again.stop().0, 0);
    // A copy without a log beside it. The version of the schema is four bytes in its head.
    let copied = place.ran(&["backup", "--data", "data", "--to", "copy.db"]);
    assert_eq!(copied.0, 0, "{}", copied.2);
    let mut bytes = std::fs::read(place.path().join("copy.db")).unwrap();
    let version = u32::from_be_bytes(bytes[60..64].try_into().unwrap());
    bytes[60..64].copy_from_slice(&(version + 1).to_be_bytes());
    let newer = place.path().join("newer");
    std::fs::create_dir(&newer).unwrap();
    std::fs::set_permissions(&newer, std::fs::Permissions::from_mode(0o700)).unwrap();
    let database = newer.join("bailiwick.db");
    std::fs::write(&database, &bytes).unwrap();
    for args in [
        &["migrate", "--data", "newer"][..],
        &[
            "--charters",
            "charters",
            "--data",
            "newer",
            "--listen",
            "127.0.0.1:0",
        ],
    ] {
        let (code, _, err) = place.ran(args);
        assert_eq!(code, 2, "{args:?}: {err}");
        assert!(err.contains(&(version + 1).to_string()), "{err}");
    }
    assert!(std::fs::read(&database).unwrap() == bytes, "it was touched");
}
