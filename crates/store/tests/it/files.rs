//! What lies in the folder, and who may read it.

use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use bailiwick_broker::{
    Scope,
    port::{Log as _, Spooled, Store as _},
};
use bailiwick_ledger::Entry;
use bailiwick_store::{Folder, Settings, Sqlite};

use crate::made::{NOW, active, grant, stop};

/// Set in the process that this test starts, where the umask is 000.
const FOLDER: &str = "BAILIWICK_TEST_FILES_IN";

#[tokio::test]
async fn every_file_is_for_its_owner_alone_whatever_the_umask() {
    if let Ok(folder) = std::env::var(FOLDER) {
        make_every_file(Path::new(&folder)).await;
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let itself = std::env::current_exe().unwrap();
    let name = "files::every_file_is_for_its_owner_alone_whatever_the_umask";
    let command = format!("umask 000 && exec '{}' --exact {name}", itself.display());
    let made = Command::new("sh")
        .args(["-c", &command])
        .env(FOLDER, &data)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stdout)
    );
    let mut seen = Vec::new();
    let mut folders = vec![data];
    while let Some(folder) = folders.pop() {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            seen.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    for expected in [
        "bailiwick.db",
        "bailiwick.db-wal",
        "bailiwick.lock",
        "spool.ndjson",
        "copy.db",
    ] {
        assert!(
            seen.iter().any(|name| name == expected),
            "{expected} in {seen:?}"
        );
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn make_every_file(folder: &Path) {
    let store = Sqlite::open(folder, Settings::of_replica("a")).unwrap();
    active(&store, &grant("g1")).await;
    store.backup(&folder.join("copy.db")).unwrap();
    let log = Folder::open(folder).unwrap();
    log.spool(&spooled("a")).unwrap();
    log.publish(3, "note").unwrap();
    // Killed with the log of the database still there, as a crash leaves it.
    std::mem::forget(store);
}

fn spooled(reason: &str) -> Spooled {
    Spooled {
        id: reason.into(),
        at_ms: NOW,
        entry: Box::new(Entry::of(reason)),
        stop: None,
    }
}

#[test]
fn what_is_spooled_survives_and_is_forgotten_from_the_front() {
    let folder = tempfile::tempdir().unwrap();
    let log = Folder::open(folder.path()).unwrap();
    let stopped = Spooled {
        stop: Some(stop(Scope::All, true)),
        ..spooled("stop.set")
    };
    log.spool(&spooled("a")).unwrap();
    log.spool(&stopped).unwrap();
    drop(log);
    let log = Folder::open(folder.path()).unwrap();
    assert_eq!(log.spooled().unwrap(), [spooled("a"), stopped.clone()]);
    log.forget(1).unwrap();
    log.spool(&spooled("b")).unwrap();
    assert_eq!(log.spooled().unwrap(), [stopped, spooled("b")]);
}

#[test]
fn a_line_that_was_being_written_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    Folder::open(folder.path())
        .unwrap()
        .spool(&spooled("a"))
        .unwrap();
    let path = folder.path().join("spool.ndjson");
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str(r#"{"id":"1.2","at"#);
    fs::write(&path, text).unwrap();
    let log = Folder::open(folder.path()).unwrap();
    assert_eq!(log.spooled().unwrap(), [spooled("a")]);
    // And what comes after it is not lost in its line.
    log.spool(&spooled("b")).unwrap();
    assert_eq!(log.spooled().unwrap(), [spooled("a"), spooled("b")]);
}

#[test]
fn what_a_full_disk_left_of_a_line_is_cut_off_before_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let log = Folder::open(folder.path()).unwrap();
    log.spool(&spooled("a")).unwrap();
    // A write that ran out of room in its middle: the process goes on.
    let path = folder.path().join("spool.ndjson");
    let mut half = fs::OpenOptions::new().append(true).open(&path).unwrap();
    half.write_all(br#"{"id":"1.2","at"#).unwrap();
    assert_eq!(log.spooled().unwrap(), [spooled("a")]);
    log.spool(&spooled("b")).unwrap();
    assert_eq!(log.spooled().unwrap(), [spooled("a"), spooled("b")]);
    drop(log);
    let log = Folder::open(folder.path()).unwrap();
    assert_eq!(log.spooled().unwrap(), [spooled("a"), spooled("b")]);
}

#[test]
fn the_last_checkpoint_is_known_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let log = Folder::open(folder.path()).unwrap();
    assert_eq!(log.published().unwrap(), 0);
    for size in [5, 1_000, 20] {
        log.publish(size, "note").unwrap();
    }
    assert_eq!(log.published().unwrap(), 1_000);
}

#[tokio::test]
async fn a_database_that_was_damaged_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("bailiwick.db"),
        b"no database at all, but long enough",
    )
    .unwrap();
    assert!(Sqlite::open(folder.path(), Settings::of_replica("a")).is_err());
    let text = fs::read(folder.path().join("bailiwick.db")).unwrap();
    assert!(text.starts_with(b"no database"), "it was written over");
}

#[tokio::test]
async fn an_edited_entry_is_not_given_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(folder.path(), Settings::of_replica("a")).unwrap();
    active(&store, &grant("g1")).await;
    drop(store);
    let database = rusqlite::Connection::open(folder.path().join("bailiwick.db")).unwrap();
    let edit = "UPDATE ledger SET text = replace(text, 'test', 'tset') WHERE seq = 1";
    assert!(database.execute(edit, []).is_err(), "the trigger is gone");
    database
        .execute_batch("DROP TRIGGER ledger_is_not_edited")
        .unwrap();
    assert_eq!(database.execute(edit, []).unwrap(), 1);
    drop(database);
    let store = Sqlite::open(folder.path(), Settings::of_replica("a")).unwrap();
    let error = store.records(0, 10).await.unwrap_err();
    assert!(error.to_string().contains("entry 1"), "{error}");
}
