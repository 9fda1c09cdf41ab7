//! `bailiwick` against a real daemon.

use std::process::Command;

use serde_json::Value;

use crate::daemon::{Place, bailiwick, charter, told};

fn ran(place: &Place, args: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::new(bailiwick());
    for name in ["BAILIWICK_AT", "BAILIWICK_TOKEN", "BAILIWICK_TICKET"] {
        command.env_remove(name);
    }
    command.args(args).envs(variables.iter().copied());
    told(&command.current_dir(place.path()).output().unwrap())
}

#[test]
fn a_grant_is_opened_revoked_killed_and_cleared_by_hand() {
    let place = Place::new();
    let daemon = place.start();
    let grant = [
        "grant",
        "invoice",
        "post",
        "-p",
        "supplier=acme",
        "--data",
        "data",
    ];
    let (code, token, said) = ran(&place, &grant, &[]);
    assert_eq!(code, 0, "{said}");
    let bearer = format!("Bearer {}", token.trim());
    assert!(daemon.allows(&bearer));
    let id = said.split_whitespace().nth(1).unwrap();
    let (code, out, err) = ran(&place, &["revoke", id, "--data", "data"], &[]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("has ended"), "{out}");
    assert!(!daemon.allows(&bearer));
    let (code, out, _) = ran(&place, &["revoke", id, "--data", "data"], &[]);
    assert_eq!(code, 0);
    assert!(out.contains("had ended before"), "{out}");
    assert_eq!(
        ran(&place, &["revoke", "g0", "--data", "data"], &[]).0,
        1,
        "there is none"
    );

    let kill = [
        "kill", "agent", "invoice", "--reason", "drill", "--data", "data", "--json",
    ];
    let (code, out, err) = ran(&place, &kill, &[]);
    assert_eq!(code, 0, "{err}");
    let killed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&killed["recorded"], &killed["known"]),
        (&true.into(), &true.into())
    );
    let (code, _, err) = ran(&place, &grant, &[]);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("until an operator clears it"), "{err}");
    let (_, listed, _) = ran(&place, &["kill", "--list", "--data", "data"], &[]);
    assert!(
        listed.contains("the agent invoice") && listed.contains("drill"),
        "{listed}"
    );
    let misspelled = [
        "kill", "agent", "Invoice", "--reason", "drill", "--data", "data",
    ];
    let (_, out, _) = ran(&place, &misspelled, &[]);
    assert!(out.contains("spelling"), "{out}");
    let clear = [
        "kill", "--clear", "agent", "invoice", "--reason", "over", "--data", "data",
    ];
    assert_eq!(ran(&place, &clear, &[]).0, 0);
    assert_eq!(ran(&place, &clear, &[]).0, 1, "nothing is killed any more");
    let (code, ticket, err) = ran(
        &place,
        &["grant", "invoice", "--ticket", "--data", "data"],
        &[],
    );
    assert_eq!(code, 0, "{err}");
    let at = daemon.url();
    let shown = [
        ("BAILIWICK_TICKET", ticket.trim()),
        ("BAILIWICK_AT", at.as_str()),
    ];
    let (code, token, err) = ran(
        &place,
        &["grant", "invoice", "look", "--data", "nowhere"],
        &shown,
    );
    assert_eq!(code, 0, "an agent needs no operator's token: {err}");
    // The holder of a grant may end it.
    let id = err.split_whitespace().nth(1).unwrap();
    let shown = [("BAILIWICK_TOKEN", token.trim())];
    assert_eq!(ran(&place, &["revoke", id, "--data", "data"], &shown).0, 0);
    let (code, _, err) = ran(
        &place,
        &["kill", "all", "--reason", "x", "--data", "data"],
        &shown,
    );
    assert_ne!(code, 0, "and nothing else: {err}");
}

#[test]
fn a_record_is_replayed_by_other_charters() {
    let place = Place::new();
    let recording =
        charter("invoice", 1000).replace("1000\" }", "1000\", record-arguments: true }");
    place.write("charters/invoice.yaml", &recording);
    let daemon = place.start();
    let (_, token) = daemon.grant();
    for (amount, allowed) in [(10, true), (900, true), (5000, false)] {
        assert_eq!(
            daemon.call(&token, amount).unwrap().json()["decision"],
            allowed
        );
    }
    place.write("ledger.ndjson", &daemon.records());
    place.write("new/invoice.yaml", &charter("invoice", 100));
    place.write("wide/invoice.yaml", &charter("invoice", 9000));
    let replay = |charters: &str| {
        let args = [
            "ledger",
            "replay",
            "ledger.ndjson",
            "--charters",
            charters,
            "--json",
        ];
        let (code, out, err) = ran(&place, &args, &[]);
        let lines: Vec<Value> = out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        (code, lines, err)
    };
    let (code, lines, err) = replay("charters");
    assert_eq!((code, lines.len()), (0, 1), "{err}");
    assert_eq!(lines[0]["summary"]["same"], 3, "{lines:?}");
    let (code, lines, _) = replay("new");
    assert_eq!(code, 1);
    assert_eq!(
        (&lines[0]["was"], &lines[0]["would"]),
        (&"allow".into(), &"deny".into()),
        "{lines:?}"
    );
    assert_eq!(lines[0]["why"], "condition_not_met");
    assert_eq!(lines[1]["summary"]["changed"], 1);
    let (code, lines, _) = replay("wide");
    assert_eq!(code, 1);
    assert_eq!(
        (&lines[0]["was"], &lines[0]["would"]),
        (&"deny".into(), &"allow".into())
    );
    // Without the arguments nobody can tell.
    let place = Place::new();
    let daemon = place.start();
    let (_, token) = daemon.grant();
    daemon.call(&token, 10).unwrap();
    let records = daemon.records();
    place.write("ledger.ndjson", &records);
    place.write("new/invoice.yaml", &charter("invoice", 100));
    let args = ["ledger", "replay", "ledger.ndjson", "--charters", "new"];
    let (code, out, err) = ran(&place, &args, &[]);
    assert_eq!(code, 3, "{out} {err}");
    assert!(out.contains("the arguments of the call"), "{out}");
    // A record that was changed is not replayed.
    place.write("ledger.ndjson", &records.replacen("invoice", "Invoice", 1));
    let (code, _, err) = ran(&place, &args, &[]);
    assert_eq!(code, 1);
    assert!(err.contains("does not hold"), "{err}");
    let nowhere = ["ledger", "replay", "nowhere", "--charters", "new"];
    assert_eq!(ran(&place, &nowhere, &[]).0, 2);
}

#[test]
fn what_the_daemon_wrote_holds_before_an_auditor() {
    let place = Place::new();
    let daemon = place.start();
    let (_, token) = daemon.grant();
    for amount in 0..20 {
        daemon.call(&token, amount).unwrap();
    }
    let records = daemon.records();
    assert_eq!(daemon.stop().0, 0);
    place.write("ledger.ndjson", &records);
    let key = std::fs::read_to_string(place.data().join("ledger.pub")).unwrap();
    let verify = [
        "ledger",
        "verify",
        "ledger.ndjson",
        "--key",
        key.trim(),
        "--checkpoints",
        "data/checkpoints",
        "--json",
    ];
    let checked = || {
        let (code, out, err) = ran(&place, &verify, &[]);
        let checked: Value = serde_json::from_str(&out).unwrap_or_default();
        (code, checked, err)
    };
    // The last checkpoint is signed as the daemon stops, over all there is.
    let (code, whole, err) = checked();
    assert_eq!((code, &whole["holds"]), (0, &"yes".into()), "{whole} {err}");
    assert_eq!(whole["covered"], whole["entries"]);
    let lines: Vec<&str> = records.lines().collect();
    let cut = lines.len() - 10;
    place.write("ledger.ndjson", &(lines[..cut].join("\n") + "\n"));
    let (code, flaw, _) = checked();
    assert_eq!(
        (code, &flaw["first_bad"]),
        (1, &cut.into()),
        "a cut tail: {flaw}"
    );
    let mut swapped = lines.clone();
    swapped.swap(3, 4);
    place.write("ledger.ndjson", &(swapped.join("\n") + "\n"));
    let (code, flaw, _) = checked();
    assert_eq!((code, &flaw["first_bad"]), (1, &3.into()), "{flaw}");
}
