//! What the broker promises, one promise a test, on the store that is really used.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bailiwick_broker::{
    Broker, Cause, NotIssued, NotRecorded, Recorded, Ruling, SKEW_MS, Scope, State, Stop, Verdict,
    port::{
        Change, Grant, Log, LogError, Mint, MintError, Minted, Op, Refused, Spooled, Step,
        Store as _, Which,
    },
};
use bailiwick_ledger::{Credential, Entry, Phase, checkpoint::Checkpoint, note::Signer};
use bailiwick_store::{Failure, Faults, Folder, Moment, Settings, Sqlite};

use crate::{
    made::{NOW, child, grant, kept, stop},
    simulation::Hand,
};

pub(crate) type Real = Broker<Sqlite, Folder, Hand>;

/// A folder, a clock, and a disk that can be made to fail.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    pub(crate) clock: Hand,
    down: Arc<AtomicBool>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Hand(Arc::new(AtomicU64::new(NOW))),
            down: Arc::default(),
        }
    }

    pub(crate) async fn open(&self) -> Arc<Real> {
        let down = Arc::clone(&self.down);
        let settings = Settings {
            faults: Faults::new(move |moment| {
                let fails = moment == Moment::Begin && down.load(Ordering::SeqCst);
                fails.then_some(Failure::Passing)
            }),
            ..Settings::of_replica("a")
        };
        let path: &Path = self.folder.path();
        let store = Sqlite::open(path, settings).unwrap();
        let log = Folder::open(path).unwrap();
        Arc::new(Broker::open(store, log, self.clock.clone()).await.unwrap())
    }

    pub(crate) async fn close(&self, broker: Arc<Real>) {
        broker.close().await;
        drop(Arc::into_inner(broker).unwrap());
    }

    pub(crate) fn store_is_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }
}

/// A mint that answers as it is told.
struct Told(Mutex<Vec<Result<(), MintError>>>);

impl Mint for Told {
    type Credential = &'static str;

    fn until_ms_max(&self, grant: &Grant, _: u64) -> u64 {
        grant.deadline_ms + 900_000
    }

    async fn mint(
        &self,
        grant: &Recorded<Arc<Grant>>,
        _: &str,
    ) -> Result<Minted<&'static str>, MintError> {
        let answer = self.0.lock().unwrap().pop().unwrap_or(Ok(()));
        answer.map(|()| Minted {
            credential: "secret-canary",
            about: Credential {
                kind: "token".into(),
                expires_ms: Some(grant.value().deadline_ms),
                ..Credential::default()
            },
        })
    }
}

fn willing() -> Told {
    Told(Mutex::default())
}

pub(crate) async fn active(broker: &Real, opened: Grant) {
    let id = opened.id.clone();
    let entries = vec![Entry::of("grant.approved")];
    let opened = broker
        .open_grant(opened, Vec::new(), entries)
        .await
        .unwrap();
    let entry = Entry::of("credential");
    let issued = broker
        .issue(opened.into_value(), &format!("r-{id}"), &entry, &willing())
        .await;
    assert_eq!(issued.unwrap().into_value(), "secret-canary");
}

fn up_to(budget: u64) -> impl FnMut(&Grant, u64) -> Verdict<&'static str> {
    move |grant, _| {
        let entry = Entry::of("decision");
        if grant.uses >= budget {
            return Verdict::Deny {
                entry,
                value: "budget",
            };
        }
        Verdict::Allow {
            history: Vec::new(),
            entry,
            value: "ok",
        }
    }
}

async fn decide(broker: &Real, id: &str) -> Result<(), String> {
    match broker
        .decide(id, &Entry::of("decision"), up_to(1_000))
        .await
    {
        Ruling::Allowed(_) => Ok(()),
        Ruling::Denied(denied) => Err(match denied.cause {
            Cause::Authority(reason) => reason.into(),
            cause @ (Cause::NoGrant
            | Cause::State(_)
            | Cause::Deadline
            | Cause::Stopped(_)
            | Cause::NotRecorded(_)) => cause.code().into(),
        }),
    }
}

async fn events(broker: &Real, id: &str) -> Vec<String> {
    let records = broker.store().records(0, 10_000).await.unwrap();
    let entries = records.iter().map(|record| record.entry().unwrap());
    let of_grant = entries.filter(|entry| entry.grant.as_ref().is_some_and(|grant| grant.id == id));
    let states = of_grant.filter_map(|entry| entry.grant.unwrap().state_to);
    states.collect()
}

#[tokio::test]
async fn calls_under_way_count_against_the_budget() {
    let bench = Bench::new();
    let broker = bench.open().await;
    active(&broker, grant("g1")).await;
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let broker = Arc::clone(&broker);
            tokio::spawn(async move {
                let ruling = broker.decide("g1", &Entry::of("decision"), up_to(10)).await;
                matches!(ruling, Ruling::Allowed(_))
            })
        })
        .collect();
    let mut allowed = 0;
    for call in calls {
        allowed += u64::from(call.await.unwrap());
    }
    assert_eq!(allowed, 10);
    assert_eq!(kept(broker.store(), "g1").await.unwrap().uses, 10);
}

/// A renewal has the grant read again. Calls that are under way then are not in the store yet: whoever
/// is decided on what the store says before they are would be refused, and so would all after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_beside_renewals_are_all_taken() {
    let bench = Bench::new();
    let broker = bench.open().await;
    active(&broker, grant("g1")).await;
    let callers: Vec<_> = (0..32)
        .map(|_| {
            let broker = Arc::clone(&broker);
            tokio::spawn(async move {
                for _ in 0..20 {
                    assert_eq!(decide(&broker, "g1").await, Ok(()));
                }
            })
        })
        .collect();
    for _ in 0..30 {
        let grant = kept(broker.store(), "g1").await.unwrap();
        let step = Step {
            deadline_ms: Some(grant.deadline_ms),
            ..Step::to(State::Active, &grant)
        };
        let renewed = broker.step(&grant, step, Entry::of("grant.renewed")).await;
        renewed.unwrap().into_value();
    }
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(kept(broker.store(), "g1").await.unwrap().uses, 640);
}

/// Whoever asked may go away before the answer; what it asked for counts, and holds up nobody.
#[tokio::test]
async fn a_caller_that_goes_away_holds_up_nobody() {
    let bench = Bench::new();
    let broker = bench.open().await;
    active(&broker, grant("g1")).await;
    for _ in 0..5 {
        let asks = decide(&broker, "g1");
        // Polled once: handed over, and not waited for.
        let gone = tokio::time::timeout(std::time::Duration::ZERO, asks).await;
        drop(gone);
        let grant = kept(broker.store(), "g1").await.unwrap();
        let step = Step::to(State::Active, &grant);
        let renewed = broker.step(&grant, step, Entry::of("grant.renewed")).await;
        renewed.unwrap().into_value();
        assert_eq!(decide(&broker, "g1").await, Ok(()));
    }
}

#[tokio::test]
async fn with_the_store_down_nothing_is_allowed_and_the_denial_is_told_later() {
    let bench = Bench::new();
    let broker = bench.open().await;
    active(&broker, grant("g1")).await;
    assert_eq!(decide(&broker, "g1").await, Ok(()));
    bench.store_is_down(true);
    assert_eq!(decide(&broker, "g1").await, Err("store_unavailable".into()));
    let opened = broker.open_grant(grant("g2"), Vec::new(), Vec::new()).await;
    assert!(matches!(opened, Err(NotRecorded::Store(_))));
    bench.store_is_down(false);
    let before = broker.store().chain().await.unwrap().len();
    assert_eq!(broker.drain_spool().await.unwrap(), 1);
    let told = broker
        .store()
        .records(before, 9)
        .await
        .unwrap()
        .remove(0)
        .entry()
        .unwrap();
    assert_eq!(told.reason_code.as_deref(), Some("store_unavailable"));
    assert_eq!(told.happened_ms, Some(NOW));
    assert_eq!(broker.drain_spool().await.unwrap(), 0);
    assert_eq!(decide(&broker, "g1").await, Ok(()));
}

#[tokio::test]
async fn a_kill_acts_with_the_store_down_survives_a_restart_and_is_told_when_the_store_is_back() {
    let bench = Bench::new();
    let broker = bench.open().await;
    active(&broker, grant("g1")).await;
    bench.store_is_down(true);
    let kill = stop(Scope::Agent("invoice-reader".into()), true);
    let stopped = broker.stop(kill.clone(), Entry::of("stop.set")).await;
    assert_eq!(stopped.place, None);
    assert_eq!(decide(&broker, "g1").await, Err("stopped".into()));
    bench.close(broker).await;

    bench.store_is_down(false);
    let broker = bench.open().await;
    assert_eq!(broker.stops(), std::slice::from_ref(&kill));
    assert_eq!(broker.store().stops().await.unwrap().value, [kill]);
    assert_eq!(events(&broker, "g1").await.last().unwrap(), "revoking");
    assert!(decide(&broker, "g1").await.is_err());
    let refused = broker.open_grant(grant("g2"), Vec::new(), Vec::new()).await;
    assert_eq!(refused, Err(NotRecorded::Refused(Refused::Stopped)));
}

#[tokio::test]
async fn a_kill_that_comes_while_a_record_is_flushed_is_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let (reached, go_on) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(true)),
    );
    let settings = Settings {
        faults: Faults::new({
            let (reached, go_on) = (Arc::clone(&reached), Arc::clone(&go_on));
            move |moment| {
                if moment == Moment::AfterCommit && !go_on.load(Ordering::SeqCst) {
                    reached.store(true, Ordering::SeqCst);
                    while !go_on.load(Ordering::SeqCst) {
                        std::thread::yield_now();
                    }
                }
                None
            }
        }),
        ..Settings::of_replica("a")
    };
    let store = Sqlite::open(folder.path(), settings).unwrap();
    let log = Folder::open(folder.path()).unwrap();
    let clock = Hand(Arc::new(AtomicU64::new(NOW)));
    let broker = Arc::new(Broker::open(store, log, clock).await.unwrap());
    active(&broker, grant("g1")).await;
    go_on.store(false, Ordering::SeqCst);
    let call = tokio::spawn({
        let broker = Arc::clone(&broker);
        async move { decide(&broker, "g1").await }
    });
    while !reached.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    // The kill's own record waits for the flush as well; it acts before that.
    let kill = tokio::spawn({
        let broker = Arc::clone(&broker);
        async move {
            broker
                .stop(stop(Scope::All, true), Entry::of("stop.set"))
                .await
        }
    });
    while broker.stops().is_empty() {
        tokio::task::yield_now().await;
    }
    go_on.store(true, Ordering::SeqCst);
    assert_eq!(call.await.unwrap(), Err("stopped".into()));
    assert!(kill.await.unwrap().place.is_some());
}

#[tokio::test]
async fn who_waits_is_bounded_and_one_more_is_denied_at_once() {
    let bench = Bench::new();
    let broker = bench.open().await;
    active(&broker, grant("g1")).await;
    // On one thread nobody records while this fills the queue.
    let waiting: Vec<_> = (0..4_200)
        .map(|_| {
            let broker = Arc::clone(&broker);
            Box::pin(async move {
                let change = Change {
                    ops: Vec::new(),
                    entries: vec![Entry::of("noise")],
                };
                broker.record(change, ()).await.map(Recorded::into_value)
            })
        })
        .collect();
    let mut full = 0;
    let mut running = Vec::new();
    for mut one in waiting {
        let polled =
            std::future::poll_fn(|context| std::task::Poll::Ready(one.as_mut().poll(context)));
        match polled.await {
            std::task::Poll::Ready(Err(NotRecorded::QueueFull)) => full += 1,
            std::task::Poll::Ready(other) => panic!("{other:?}"),
            std::task::Poll::Pending => running.push(one),
        }
    }
    assert!(
        full > 0 && running.len() >= 4_096,
        "{full} {}",
        running.len()
    );
    for one in running {
        assert_eq!(one.await, Ok(()));
    }
    assert_eq!(decide(&broker, "g1").await, Ok(()));
}

#[tokio::test]
async fn ending_a_grant_ends_all_that_was_delegated_from_it_before_it_returns() {
    let bench = Bench::new();
    let broker = bench.open().await;
    let (parent, other) = (grant("p"), grant("other"));
    active(&broker, parent.clone()).await;
    active(&broker, other).await;
    let first = child("c", &parent);
    active(&broker, first.clone()).await;
    active(&broker, child("d", &first)).await;
    for id in ["p", "c", "d"] {
        assert_eq!(decide(&broker, id).await, Ok(()), "{id}");
    }
    let now = kept(broker.store(), "p").await.unwrap();
    let ended = broker
        .end(&now, State::Completed, &Entry::default())
        .await
        .unwrap();
    assert_eq!(ended.into_value(), 3);
    for id in ["p", "c", "d"] {
        assert_eq!(
            decide(&broker, id).await,
            Err("grant_not_active".into()),
            "{id}"
        );
        assert_eq!(
            events(&broker, id).await,
            ["issuing", "active", "revoking"],
            "{id}"
        );
    }
    assert_eq!(decide(&broker, "other").await, Ok(()));
}

#[tokio::test]
async fn a_grant_that_many_end_at_once_ends_once_and_is_told_once() {
    let bench = Bench::new();
    let broker = bench.open().await;
    active(&broker, grant("g1")).await;
    let now = kept(broker.store(), "g1").await.unwrap();
    let racers: Vec<_> = (0..1_000)
        .map(|racer| {
            let (broker, now) = (Arc::clone(&broker), Arc::clone(&now));
            tokio::spawn(async move {
                let ending = [State::Completed, State::Expired, State::Revoked][racer % 3];
                broker.end(&now, ending, &Entry::default()).await.is_ok()
            })
        })
        .collect();
    let mut won = 0;
    for racer in racers {
        won += usize::from(racer.await.unwrap());
    }
    assert_eq!(won, 1);
    // Its credential may live on by its own clock; only after that does it reach its last state.
    assert_eq!(broker.sweep().await.unwrap(), 0);
    bench
        .clock
        .0
        .fetch_add(60_000 + 900_000 + SKEW_MS, Ordering::SeqCst);
    assert_eq!(broker.sweep().await.unwrap(), 1);
    let ended = events(&broker, "g1").await;
    assert_eq!(ended[..3], ["issuing", "active", "revoking"]);
    assert_eq!(ended.len(), 4);
    assert!(["completed", "expired", "revoked"].contains(&ended[3].as_str()));
    assert_eq!(broker.sweep().await.unwrap(), 0);
}

#[tokio::test]
async fn what_expired_while_nobody_ran_is_ended_before_anything_is_decided() {
    let bench = Bench::new();
    let broker = bench.open().await;
    for at in 0..1_000 {
        let entries = vec![Entry::of("grant.approved")];
        let opened = broker
            .open_grant(grant(&format!("g{at}")), Vec::new(), entries)
            .await;
        opened.unwrap().into_value();
    }
    bench.close(broker).await;
    bench.clock.0.store(NOW + 3_600_000, Ordering::SeqCst);
    let broker = bench.open().await;
    assert_eq!(
        broker.store().grants(Which::Live, None, 9).await.unwrap(),
        []
    );
    bench.close(broker).await;
    // And a clock that is set back does not bring them back.
    bench.clock.0.store(NOW, Ordering::SeqCst);
    let broker = bench.open().await;
    assert!(broker.now_ms() >= NOW + 3_600_000);
}

#[tokio::test]
async fn a_credential_is_handed_out_only_when_its_outcome_is_recorded() {
    let bench = Bench::new();
    let broker = bench.open().await;
    let (unknown, refused) = (
        MintError::Unknown("cut off".into()),
        MintError::Refused("no".into()),
    );
    for (id, answer, state) in [
        ("unknown", unknown.clone(), State::Orphaned),
        ("refused", refused, State::IssueFailed),
    ] {
        let opened = broker
            .open_grant(grant(id), Vec::new(), Vec::new())
            .await
            .unwrap();
        let mint = Told(Mutex::new(vec![Err(answer)]));
        let entry = Entry::of("credential");
        let issued = broker.issue(opened.into_value(), id, &entry, &mint).await;
        assert!(matches!(issued, Err(NotIssued::Mint(_))), "{id}");
        assert_eq!(kept(broker.store(), id).await.unwrap().state, state);
        assert_eq!(decide(&broker, id).await, Err("grant_not_active".into()));
    }
    // An orphan is kept until even the longest credential that may have been made is worth nothing.
    let until_ms = kept(broker.store(), "unknown")
        .await
        .unwrap()
        .credential_until_ms;
    assert_eq!(until_ms, NOW + 60_000 + 900_000);
    bench
        .clock
        .0
        .store(until_ms + SKEW_MS - 1, Ordering::SeqCst);
    broker.sweep().await.unwrap();
    assert_eq!(
        kept(broker.store(), "unknown").await.unwrap().state,
        State::Orphaned
    );
    bench.clock.0.store(until_ms + SKEW_MS, Ordering::SeqCst);
    broker.sweep().await.unwrap();
    assert_eq!(
        kept(broker.store(), "unknown").await.unwrap().state,
        State::Revoked
    );
}

#[tokio::test]
async fn no_secret_is_in_the_record() {
    let bench = Bench::new();
    let broker = bench.open().await;
    active(&broker, grant("g1")).await;
    let mut phases = BTreeMap::new();
    for record in broker.store().records(0, 100).await.unwrap() {
        assert!(!record.text().contains("canary"), "{}", record.text());
        if let Some(phase) = record.entry().unwrap().phase {
            *phases.entry(format!("{phase:?}")).or_insert(0) += 1;
        }
    }
    let both = [Phase::Intent, Phase::Outcome].map(|phase| (format!("{phase:?}"), 1));
    assert_eq!(phases, BTreeMap::from(both));
}

#[tokio::test]
async fn a_checkpoint_is_published_when_something_was_written_and_names_the_one_before() {
    let bench = Bench::new();
    let broker = bench.open().await;
    let signer = Signer::new("ledger.example", &[7; 32]).unwrap();
    assert_eq!(
        broker.checkpoint("o", &signer).await.unwrap(),
        None,
        "nothing to sign for"
    );
    active(&broker, grant("g1")).await;
    let first = broker.checkpoint("o", &signer).await.unwrap().unwrap();
    assert_eq!(broker.checkpoint("o", &signer).await.unwrap(), None);
    assert_eq!(decide(&broker, "g1").await, Ok(()));
    let second = broker.checkpoint("o", &signer).await.unwrap().unwrap();
    assert_eq!((first.previous, second.previous), (0, first.size));
    let path = broker
        .log()
        .checkpoints()
        .join(format!("{:020}.note", second.size));
    let note = std::fs::read_to_string(path).unwrap();
    assert_eq!(Checkpoint::open(&note, &[signer.verifier()]), Ok(second));
}

#[tokio::test]
async fn a_ticket_that_a_hundred_redeem_opens_one_grant() {
    let bench = Bench::new();
    let broker = bench.open().await;
    let ticket = bailiwick_broker::port::Ticket {
        hash: bailiwick_ledger::Hash::of(&[b"ticket"]),
        agent: "invoice-reader".into(),
        until_ms: NOW + 1_000,
    };
    let put = Change {
        ops: vec![Op::PutTicket(ticket.clone())],
        entries: vec![Entry::of("ticket.made")],
    };
    broker.record(put, ()).await.unwrap().into_value();
    let racers: Vec<_> = (0..100)
        .map(|at| {
            let (broker, costs) = (Arc::clone(&broker), vec![Op::TakeTicket(ticket.hash)]);
            tokio::spawn(async move {
                let entries = vec![Entry::of("grant.approved")];
                broker
                    .open_grant(grant(&format!("g{at}")), costs, entries)
                    .await
                    .is_ok()
            })
        })
        .collect();
    let mut opened = 0;
    for racer in racers {
        opened += usize::from(racer.await.unwrap());
    }
    assert_eq!(opened, 1);
    assert_eq!(
        broker
            .store()
            .grants(Which::Live, None, 9)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn stopping_all_of_one_owner_denies_at_once_and_ends_each() {
    let bench = Bench::new();
    let broker = bench.open().await;
    for at in 0..50 {
        active(&broker, grant(&format!("g{at}"))).await;
    }
    let revoke: Stop = stop(Scope::Owner("payments".into()), false);
    let stopped = broker.stop(revoke, Entry::of("stop.set")).await;
    assert_eq!(stopped.ended, 50);
    assert_eq!(
        broker.store().grants(Which::Live, None, 9).await.unwrap(),
        []
    );
    bench.clock.0.fetch_add(1, Ordering::SeqCst);
    let later = Grant {
        issued_ms: NOW + 1,
        ..grant("later")
    };
    active(&broker, later).await;
    assert_eq!(decide(&broker, "later").await, Ok(()));
}

/// A log beside the store whose disk is full too.
struct Full;

impl Log for Full {
    fn spool(&self, _: &Spooled) -> Result<(), LogError> {
        Err(LogError("no room".into()))
    }

    fn spooled(&self) -> Result<Vec<Spooled>, LogError> {
        Ok(Vec::new())
    }

    fn forget(&self, _: usize) -> Result<(), LogError> {
        Ok(())
    }

    fn publish(&self, _: u64, _: &str) -> Result<(), LogError> {
        Ok(())
    }

    fn published(&self) -> Result<u64, LogError> {
        Ok(0)
    }
}

#[tokio::test]
async fn a_kill_that_nothing_takes_says_so_acts_and_is_told_when_it_can_be() {
    let bench = Bench::new();
    let down = Arc::clone(&bench.down);
    let settings = Settings {
        faults: Faults::new(move |moment| {
            let fails = moment == Moment::Begin && down.load(Ordering::SeqCst);
            fails.then_some(Failure::Passing)
        }),
        ..Settings::of_replica("a")
    };
    let store = Sqlite::open(bench.folder.path(), settings).unwrap();
    let opened = Broker::open(store, Full, bench.clock.clone()).await;
    let broker = opened.unwrap();
    let id = "g1";
    let opened = broker.open_grant(grant(id), Vec::new(), vec![Entry::of("grant.approved")]);
    drop(opened.await.unwrap());
    assert_eq!(broker.ready().await, Ok(()));
    bench.store_is_down(true);
    let kill = stop(Scope::Agent("invoice-reader".into()), true);
    let stopped = broker.stop(kill.clone(), Entry::of("stop.set")).await;
    assert_eq!((stopped.place, stopped.kept), (None, false));
    assert!(broker.stop_covering(&grant(id)).is_some());
    assert!(broker.ready().await.is_err(), "ready, and nothing is taken");
    assert!(broker.drain_spool().await.is_err());
    bench.store_is_down(false);
    assert_eq!(broker.ready().await, Ok(()));
    broker.drain_spool().await.unwrap();
    assert_eq!(broker.store().stops().await.unwrap().value, [kill]);
    let told = broker.store().chain().await.unwrap().len();
    // Once.
    broker.drain_spool().await.unwrap();
    assert_eq!(broker.store().chain().await.unwrap().len(), told);
}
