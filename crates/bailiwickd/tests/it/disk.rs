//! Failures below SQLite: the kernel refuses to write or to flush, as a full or a broken disk does.
//!
//! `strace` makes the system calls of the real daemon fail, on the files that it names and on no
//! others. `cargo xtask test` installs it; without it these tests say that they were skipped.

use std::{
    ffi::OsString,
    path::Path,
    time::{Duration, Instant},
};

use bailiwick_testkit::{
    daemon::{Daemon, Home},
    peers,
};

use crate::story::{Account, Asker, Holder, home, plainly};

/// Writes and flushes, as SQLite's Unix layer and our own files do them.
const WRITES: &str = "write,pwrite64,writev,pwritev";
const FLUSHES: &str = "fsync,fdatasync";

/// Which system calls fail, how, and from when on.
struct Fault<'f> {
    calls: &'f str,
    error: &'f str,
    /// As `strace` counts them: `20+` is the twentieth and all after it, `20..40` those.
    when: &'f str,
    file: &'f str,
}

/// Starts a daemon whose system calls fail so, if there is a program to make them.
fn starts(home: &Home, fault: &Fault<'_>) -> Option<Daemon> {
    let strace = peers::system("strace", "--version")?;
    let file = home.data().join(fault.file);
    let inject = format!(
        "inject={}:error={}:when={}",
        fault.calls, fault.error, fault.when
    );
    let trace = format!("trace={}", fault.calls);
    // The tracer is the grandchild, so that what is killed is the daemon.
    let mut wrapper: Vec<OsString> = vec![strace.into()];
    wrapper.extend(["-D", "-f", "-qq", "-o", "/dev/null", "-P"].map(Into::into));
    wrapper.push(file.into());
    wrapper.extend(["-e", &trace, "-e", &inject].map(Into::into));
    let under = home.under(wrapper);
    Some(under.start(plainly).unwrap())
}

fn prepared(folder: &Path) -> (Home, Vec<Holder>) {
    let home = home(folder, &["worker", "victim"]);
    let daemon = home.start(plainly).unwrap();
    let mut asker = Asker::new(&home, &daemon);
    let held = (0..64).map(|_| asker.open("worker", "share").unwrap());
    (home, held.collect())
}

/// Asks until a call is not allowed.
fn until_denied(asker: &mut Asker, held: &Holder) {
    let begun = Instant::now();
    while asker.call(held).unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(30), "nothing fails");
    }
}

/// What a broken disk took from the record is released to nobody, and what was released is there
/// when the daemon starts on a sound one.
fn a_broken_disk(fault: &Fault<'_>) {
    let folder = tempfile::tempdir().unwrap();
    let (home, held) = prepared(folder.path());
    let Some(mut daemon) = starts(&home, fault) else {
        return;
    };
    let mut asker = Asker::new(&home, &daemon);
    until_denied(&mut asker, &held[0]);
    // For good: a disk that lost a flush once is not believed again.
    for held in &held {
        assert!(!asker.call(held).unwrap(), "allowed after {}", fault.error);
    }
    assert!(!asker.ready().unwrap(), "ready after {}", fault.error);
    let refused = asker.asked_for("worker", "post").unwrap();
    assert_eq!(refused.status, 503, "{}", refused.body);
    // A kill acts all the same; its record waits beside the database.
    let killed = asker.kill("victim").unwrap().json();
    assert_eq!(killed["recorded"], false, "{killed}");
    assert!(
        home.said().contains("writes nothing more"),
        "{}",
        home.said()
    );
    daemon.kill().unwrap();
    recovers(&home, &asker, &held[0]);
}

fn recovers(home: &Home, before: &Asker, held: &Holder) {
    let daemon = home.start(plainly).unwrap();
    let mut asker = Asker::new(home, &daemon);
    assert!(asker.ready().unwrap());
    let mut account = Account::new();
    account.read_on(&mut asker);
    account.verify(home);
    account.holds(&before.released);
    assert_eq!(asker.asked_for("victim", "post").unwrap().status, 403);
    assert!(asker.call(held).unwrap());
}

#[test]
fn a_flush_that_failed_once_stops_every_release_until_the_next_start() {
    a_broken_disk(&Fault {
        calls: FLUSHES,
        error: "EIO",
        when: "20",
        file: "bailiwick.db-wal",
    });
}

#[test]
fn a_disk_that_cannot_be_written_stops_every_release_until_the_next_start() {
    a_broken_disk(&Fault {
        calls: WRITES,
        error: "EIO",
        when: "60+",
        file: "bailiwick.db-wal",
    });
}

#[test]
fn a_full_disk_denies_and_turns_red_and_room_heals_it_without_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let (home, held) = prepared(folder.path());
    let full = Fault {
        calls: WRITES,
        error: "ENOSPC",
        when: "60..120",
        file: "bailiwick.db-wal",
    };
    let Some(mut daemon) = starts(&home, &full) else {
        return;
    };
    let mut asker = Asker::new(&home, &daemon);
    until_denied(&mut asker, &held[0]);
    assert!(!asker.ready().unwrap(), "ready on a full disk");
    // Each attempt fails at its first write: some sixty of them make room.
    let begun = Instant::now();
    while !asker.ready().unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(30), "never healed");
    }
    for held in &held {
        assert!(asker.call(held).unwrap(), "denied with room on the disk");
    }
    asker.kill("victim").unwrap();
    daemon.kill().unwrap();
    recovers(&home, &asker, &held[0]);
}
