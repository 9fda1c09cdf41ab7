//! `ledger verify`, `query` and `prove`, on the published vectors.

use serde_json::Value;

use crate::program::{Folder, refuses, run};

struct Record {
    folder: Folder,
    key: String,
}

fn vectors() -> Value {
    let path = bailiwick_testkit::repository().join("docs/formats/ledger-vectors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn lines_of(value: &Value) -> String {
    let lines = value.as_array().unwrap().iter();
    lines
        .map(|line| format!("{}\n", line.as_str().unwrap()))
        .collect()
}

/// A folder with these lines, and these checkpoints beside them.
fn record(lines: &Value, checkpoints: &Value) -> Record {
    let folder = Folder::new();
    folder.file("ledger.ndjson", lines_of(lines));
    for note in checkpoints.as_array().unwrap() {
        let note = note.as_str().unwrap();
        let size = note.lines().nth(1).unwrap();
        folder.file(&format!("checkpoints/{size:0>20}.note"), note);
    }
    let key = vectors()["key"]["verifier"].as_str().unwrap().to_owned();
    Record { folder, key }
}

fn good() -> Record {
    let vectors = vectors();
    record(&vectors["lines"], &vectors["checkpoints"])
}

#[test]
fn a_record_as_it_was_written_holds() {
    let record = good();
    let ran = run(&[
        "ledger",
        "verify",
        record.folder.name(),
        "--key",
        &record.key,
    ]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out
            .contains("holds: 7 entries; 2 checkpoints sign for the first 6"),
        "{}",
        ran.out
    );
    let ran = run(&[
        "ledger",
        "verify",
        record.folder.name(),
        "--key",
        &record.key,
        "--json",
    ]);
    let checked: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&checked["holds"], &checked["covered"]),
        (&"yes".into(), &6.into())
    );
}

#[test]
fn whatever_was_done_to_a_record_is_found_and_its_place_named() {
    for case in vectors()["flawed"].as_array().unwrap() {
        let record = record(&case["lines"], &case["checkpoints"]);
        let ran = run(&[
            "ledger",
            "verify",
            record.folder.name(),
            "--key",
            &record.key,
            "--json",
        ]);
        assert_eq!(ran.code, 1, "{}: {ran:?}", case["what"]);
        let checked: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(checked["first_bad"], case["first_bad"], "{}", case["what"]);
        assert_eq!(checked["flaw"], case["flaw"]);
    }
}

#[test]
fn without_a_checkpoint_nobody_can_tell_whether_entries_were_cut_off() {
    let vectors = vectors();
    let folder = Folder::new();
    let file = folder.file("exported.ndjson", lines_of(&vectors["lines"]));
    let ran = run(&["ledger", "verify", &file]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.out.contains("cut off"), "{}", ran.out);
}

#[test]
fn a_checkpoint_is_believed_only_with_its_key() {
    let record = good();
    let name = record.folder.name();
    refuses(
        &["ledger", "verify", name],
        &["no key to check them with", "--key"],
    );
    refuses(&["ledger", "verify", name, "--key", "x"], &["name+id+key"]);
    // The example key in the documentation of Go's package for notes.
    let other = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    refuses(
        &["ledger", "verify", name, "--key", other],
        &["signed by none of the keys"],
    );
}

#[test]
fn a_query_lists_what_is_about_it_and_a_terminal_obeys_none_of_it() {
    let record = good();
    let name = record.folder.name();
    let ran = run(&["ledger", "query", name, "--effect", "deny"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 1), "{ran:?}");
    assert!(ran.out.contains("because budget_writes"), "{}", ran.out);
    let ran = run(&["ledger", "query", name, "--grant", "g-7", "--json"]);
    assert_eq!(ran.out.lines().count(), 3);
    let ran = run(&["ledger", "query", name]);
    assert_eq!(ran.out.lines().count(), 7);
    assert!(!ran.out.contains('\u{1b}') && !ran.out.contains('\0'));
    let ran = run(&["ledger", "query", name, "--from", "2023-11-15"]);
    assert_eq!(ran.out, "");
    refuses(
        &["ledger", "query", name, "--from", "yesterday"],
        &["2026-12-31"],
    );
}

#[test]
fn a_proof_leads_to_the_first_checkpoint_that_covers_the_entry() {
    let record = good();
    let name = record.folder.name();
    let prove = |rest: &[&str]| {
        let mut args = vec!["ledger", "prove", name, "--key", &record.key];
        args.extend(rest);
        let ran = run(&args);
        assert_eq!(ran.code, 0, "{ran:?}");
        serde_json::from_str::<Value>(&ran.out).unwrap()
    };
    let vectors = vectors();
    let proof = prove(&["--seq", "4"]);
    assert_eq!(
        (&proof["size"], &proof["root"]),
        (&6.into(), &vectors["roots"][6])
    );
    assert_eq!(proof["proof"], vectors["inclusion"][4]["proof"]);
    assert_eq!(proof["checkpoint"]["size"], 6);
    let proof = prove(&["--since", "3"]);
    assert_eq!(proof["old_root"], vectors["roots"][3]);
    refuses(
        &["ledger", "prove", name, "--key", &record.key, "--seq", "7"],
        &["7 entries"],
    );
}
