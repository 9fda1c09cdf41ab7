//! What is true after a backup was put back.

use bailiwick_broker::{
    Broker, Cause, Ruling, Scope, State, Verdict,
    port::{Clock, Grant, Log as _, Refused, Store as _, Which},
};
use bailiwick_ledger::Entry;
use bailiwick_store::{Folder, Settings, Sqlite, restore};

use crate::made::{NOW, active, change, commit, grant, kept, open, step, use_of};

struct Still;

impl Clock for Still {
    fn now_ms(&self) -> u64 {
        NOW + 10
    }
}

fn allow(_: &Grant, _: u64) -> Verdict<()> {
    Verdict::Allow {
        history: Vec::new(),
        entry: Entry::of("decision"),
        value: (),
    }
}

#[tokio::test]
async fn after_a_restore_nothing_of_before_is_allowed_and_nothing_opens_until_it_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup.db");
    let data = folder.path().join("data");
    let store = Sqlite::open(&data, Settings::of_replica("a")).unwrap();
    active(&store, &grant("before")).await;
    active(&store, &grant("revoked-later")).await;
    store.backup(&backup).unwrap();
    step(&store, "revoked-later", State::Revoking)
        .await
        .unwrap();
    active(&store, &grant("after")).await;
    assert_eq!(store.generation().unwrap(), 1);
    drop(store);

    let replaced = restore(&backup, &data, Settings::of_replica("a"), NOW + 5)
        .await
        .unwrap();
    assert!(replaced.exists());
    let store = Sqlite::open(&data, Settings::of_replica("a")).unwrap();
    assert_eq!(store.generation().unwrap(), 2);
    let last = store
        .records(6, 1)
        .await
        .unwrap()
        .remove(0)
        .entry()
        .unwrap();
    assert_eq!(last.event, "store.restored");
    // In the store itself, before any broker looks.
    for id in ["before", "revoked-later"] {
        assert_eq!(
            commit(&store, use_of(id, 0)).await,
            Err(Refused::Stopped),
            "{id}"
        );
    }
    assert_eq!(kept(&store, "after").await, None);
    assert_eq!(
        commit(&store, open(&grant("new"))).await,
        Err(Refused::Stopped)
    );

    let log = Folder::open(&data).unwrap();
    let broker = Broker::open(store, log, Still).await.unwrap();
    let ruling = broker.decide("after", &Entry::of("decision"), allow).await;
    let Ruling::Denied(denied) = ruling else {
        panic!("allowed")
    };
    assert!(matches!(denied.cause, Cause::NoGrant));
    assert!(denied.place.is_some(), "the denial is recorded");
    let live = broker.store().grants(Which::Live, None, 9).await.unwrap();
    assert_eq!(live, [], "the sweep at the start ended them");
    let clear = Entry::of("stop.cleared");
    broker
        .clear_kill(&Scope::All, clear)
        .await
        .unwrap()
        .into_value();
    let new = Grant {
        issued_ms: NOW + 11,
        ..grant("new")
    };
    let opened = broker
        .open_grant(new, Vec::new(), vec![Entry::of("grant.approved")])
        .await;
    assert!(opened.is_ok());
}

#[tokio::test]
async fn a_backup_is_whole_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&folder.path().join("data"), Settings::of_replica("a")).unwrap();
    active(&store, &grant("g1")).await;
    let backup = folder.path().join("backup.db");
    store.backup(&backup).unwrap();
    let again = store.backup(&backup).unwrap_err();
    assert!(again.to_string().contains("exists already"), "{again}");
    let nowhere = folder.path().join("nowhere/backup.db");
    assert!(store.backup(&nowhere).is_err() && !nowhere.exists());

    let damaged = folder.path().join("damaged.db");
    let mut bytes = std::fs::read(&backup).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xff);
    std::fs::write(&damaged, bytes).unwrap();
    drop(store);
    let data = folder.path().join("data");
    let refused = restore(&damaged, &data, Settings::of_replica("a"), NOW).await;
    assert!(refused.is_err());
    let store = Sqlite::open(&data, Settings::of_replica("a")).unwrap();
    assert!(
        kept(&store, "g1").await.is_some(),
        "the folder is as it was"
    );
}

#[tokio::test]
async fn checkpoints_of_before_a_restore_are_kept_aside() {
    let folder = tempfile::tempdir().unwrap();
    let log = Folder::open(folder.path()).unwrap();
    log.publish(9, "note").unwrap();
    let aside = log.set_checkpoints_aside(NOW).unwrap();
    assert_eq!(log.published().unwrap(), 0);
    assert!(aside.join(format!("{:020}.note", 9)).exists());
    let store = Sqlite::open(folder.path(), Settings::of_replica("a")).unwrap();
    commit(
        &store,
        change(bailiwick_broker::port::Op::Posted { key: "k".into() }),
    )
    .await
    .unwrap();
}
