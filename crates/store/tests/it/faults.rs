//! Every step of a commit, failed and not written, and failed and written all the same.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use bailiwick_broker::port::{Refused, Store, StoreError};
use bailiwick_ledger::verify::Verifier;
use bailiwick_store::{Failure, Faults, Moment, Settings, Sqlite};

use crate::made::{NOW, active, commit, grant, kept, open, use_of};

/// Faults that strike once, when they are armed.
#[derive(Clone, Default)]
struct Armed(Arc<Mutex<Option<(Moment, Failure)>>>);

impl Armed {
    fn arm(&self, moment: Moment, failure: Failure) {
        *self.0.lock().unwrap() = Some((moment, failure));
    }

    fn settings(&self) -> Settings {
        let armed = self.clone();
        Settings {
            faults: Faults::new(move |moment| {
                let mut armed = armed.0.lock().unwrap();
                let (_, failure) = armed.take_if(|(at, _)| *at == moment)?;
                Some(failure)
            }),
            ..Settings::of_replica("a")
        }
    }
}

/// Whether what failed at this moment is written all the same.
fn is_written(moment: Moment) -> bool {
    match moment {
        Moment::Begin | Moment::Applied | Moment::BeforeCommit => false,
        Moment::Commit | Moment::AfterCommit => true,
    }
}

async fn chain_holds(store: &Sqlite) -> u64 {
    let mut verifier = Verifier::new(&[]);
    for record in store.records(0, 10_000).await.unwrap() {
        verifier.record(&record).unwrap();
    }
    let verified = verifier.finish().unwrap();
    let chain = store.chain().await.unwrap();
    assert_eq!(
        (chain.len(), chain.head()),
        (verified.entries, verified.head)
    );
    verified.entries
}

#[tokio::test]
async fn after_a_passing_failure_the_store_goes_on_from_what_was_written() {
    for moment in Moment::ALL {
        let folder = tempfile::tempdir().unwrap();
        let armed = Armed::default();
        let store = Sqlite::open(folder.path(), armed.settings()).unwrap();
        active(&store, &grant("g1")).await;
        armed.arm(moment, Failure::Passing);
        let failed = store
            .commit(vec![use_of("g1", 0), open(&grant("g2"))], NOW)
            .await;
        assert!(
            matches!(failed, Err(StoreError::Unavailable(_))),
            "{moment:?}"
        );
        // Nobody was told that it happened; the next attempt finds out.
        let again = commit(&store, use_of("g1", 0)).await;
        if is_written(moment) {
            assert_eq!(again, Err(Refused::Uses { is: 1 }), "{moment:?}");
            assert!(kept(&store, "g2").await.is_some());
            assert_eq!(chain_holds(&store).await, 5);
        } else {
            assert_eq!(again.unwrap()[0].seq, 3, "{moment:?}");
            assert_eq!(kept(&store, "g2").await, None);
            assert_eq!(chain_holds(&store).await, 4);
        }
    }
}

#[tokio::test]
async fn after_a_failure_of_the_disk_the_writer_stops_until_it_is_started_again() {
    for moment in Moment::ALL {
        let folder = tempfile::tempdir().unwrap();
        let armed = Armed::default();
        let store = Sqlite::open(folder.path(), armed.settings()).unwrap();
        active(&store, &grant("g1")).await;
        armed.arm(moment, Failure::Disk);
        for attempt in 0..3 {
            let failed = store.commit(vec![use_of("g1", 0)], NOW).await;
            assert!(
                matches!(failed, Err(StoreError::Broken(_))),
                "{moment:?} {attempt}"
            );
        }
        drop(store);
        let store = Sqlite::open(folder.path(), Settings::of_replica("b")).unwrap();
        let uses = kept(&store, "g1").await.unwrap().uses;
        assert_eq!(uses, u64::from(is_written(moment)), "{moment:?}");
        assert_eq!(chain_holds(&store).await, 3 + uses);
        assert!(commit(&store, use_of("g1", uses)).await.is_ok());
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_room_heals_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(folder.path(), Settings::of_replica("a")).unwrap();
    active(&store, &grant("g1")).await;
    drop(store);
    // SQLite's own limit of pages gives its own error for a full disk.
    let limited = Settings {
        pages_max: Some(60),
        ..Settings::of_replica("b")
    };
    let store = Sqlite::open(folder.path(), limited).unwrap();
    let mut written = 0;
    let full = loop {
        let mut change = use_of("g1", written);
        change.entries[0].event = "x".repeat(10_000);
        match store.commit(vec![change], NOW).await {
            Ok(outcomes) => assert!(outcomes[0].is_ok()),
            Err(error) => break error,
        }
        written += 1;
        assert!(written < 100, "the limit never struck");
    };
    assert!(matches!(full, StoreError::Unavailable(_)), "{full}");
    assert_eq!(kept(&store, "g1").await.unwrap().uses, written);
    assert_eq!(chain_holds(&store).await, 3 + written);
    drop(store);
    let store = Sqlite::open(folder.path(), Settings::of_replica("c")).unwrap();
    assert!(commit(&store, use_of("g1", written)).await.is_ok());
}

#[tokio::test]
async fn a_batch_that_fails_in_the_middle_leaves_none_of_its_changes() {
    let folder = tempfile::tempdir().unwrap();
    let applied = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&applied);
    let settings = Settings {
        faults: Faults::new(move |moment| {
            let is_third = moment == Moment::Applied && count.fetch_add(1, Ordering::SeqCst) == 2;
            is_third.then_some(Failure::Passing)
        }),
        ..Settings::of_replica("a")
    };
    let store = Sqlite::open(folder.path(), settings).unwrap();
    let batch = ["g1", "g2", "g3", "g4"].map(|id| open(&grant(id)));
    assert!(store.commit(batch.to_vec(), NOW).await.is_err());
    assert_eq!(
        store
            .grants(bailiwick_broker::port::Which::Live, None, 9)
            .await
            .unwrap(),
        []
    );
    assert_eq!(chain_holds(&store).await, 0);
}
