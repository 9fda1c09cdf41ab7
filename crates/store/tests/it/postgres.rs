//! What one PostgreSQL must do for many replicas, against a real server.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bailiwick_broker::{
    Scope, State,
    port::{Change, Intent, Op, Refused, Store, StoreError, Ticket},
};
use bailiwick_ledger::{Entry, Hash, verify::Verifier};
use bailiwick_store::{Database, DatabaseError, Postgres};
use bailiwick_testkit::postgres::Server;

use crate::made::{NOW, active, change, commit, commit_at, grant, kept, open, step, stop, use_of};

/// A store in a new database.
pub(crate) async fn store(server: &Server, replica: &str) -> Postgres {
    replica_of(&server.database().unwrap(), replica).await
}

async fn replica_of(address: &str, replica: &str) -> Postgres {
    let database = Database::new(address, None, None).unwrap();
    Postgres::open(&database, replica).await.unwrap()
}

/// Each test, where there is a server.
fn run(test: impl AsyncFnOnce(Server)) {
    let Some(server) = Server::start().unwrap() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.unwrap().block_on(test(server));
}

async fn chain_holds<S: Store>(store: &S) -> u64 {
    let (mut verifier, mut from) = (Verifier::new(&[]), 0);
    loop {
        let records = store.records(from, 10_000).await.unwrap();
        let Some(last) = records.last() else { break };
        from = last.seq() + 1;
        for record in &records {
            verifier.record(record).unwrap();
        }
    }
    let verified = verifier.finish().unwrap();
    let chain = store.chain().await.unwrap();
    assert_eq!(
        (chain.len(), chain.head()),
        (verified.entries, verified.head)
    );
    verified.entries
}

#[test]
fn three_replicas_write_one_chain_and_overrun_no_budget() {
    run(async |server| {
        let address = server.database().unwrap();
        let mut replicas = Vec::new();
        for name in ["a", "b", "c"] {
            replicas.push(Arc::new(replica_of(&address, name).await));
        }
        active(&*replicas[0], &grant("g1")).await;
        // Each asks for the next use as it last saw it: of those that ask for the same, one has it.
        let most = 300;
        let workers: Vec<_> = replicas
            .iter()
            .cycle()
            .take(12)
            .cloned()
            .map(|store| {
                tokio::spawn(async move {
                    let (mut had, mut uses) = (BTreeSet::new(), 0);
                    while uses < most {
                        match commit(&*store, use_of("g1", uses)).await {
                            Ok(_) => {
                                assert!(had.insert(uses));
                                uses += 1;
                            }
                            Err(Refused::Uses { is }) => uses = is,
                            Err(other) => panic!("{other}"),
                        }
                    }
                    had
                })
            })
            .collect();
        let mut all = BTreeSet::new();
        for worker in workers {
            for had in worker.await.unwrap() {
                assert!(all.insert(had), "use {had} was had twice");
            }
        }
        assert_eq!(all.len() as u64, most);
        assert_eq!(kept(&*replicas[2], "g1").await.unwrap().uses, most);
        assert_eq!(chain_holds(&*replicas[1]).await, 3 + most);
    });
}

#[test]
fn what_three_replicas_race_for_happens_once() {
    run(async |server| {
        let address = server.database().unwrap();
        let mut replicas = Vec::new();
        for name in ["a", "b", "c"] {
            replicas.push(replica_of(&address, name).await);
        }
        for round in 0..100 {
            let id = format!("g{round}");
            active(&replicas[0], &grant(&id)).await;
            let active = kept(&replicas[0], &id).await.unwrap();
            let end = |ending| {
                change(Op::Step(bailiwick_broker::port::Step {
                    ending: Some(ending),
                    ..bailiwick_broker::port::Step::to(State::Revoking, &active)
                }))
            };
            let (one, other, third) = tokio::join!(
                commit(&replicas[0], end(State::Completed)),
                commit(&replicas[1], end(State::Revoked)),
                commit(&replicas[2], end(State::Expired)),
            );
            let won = [&one, &other, &third].map(|outcome| u8::from(outcome.is_ok()));
            assert_eq!(won.iter().sum::<u8>(), 1, "{one:?} {other:?} {third:?}");
            for lost in [one, other, third].into_iter().filter_map(Result::err) {
                assert_eq!(lost, Refused::Version { is: 4 });
            }
        }
    });
}

// Tests 9, 35 and 44 of the list of required ones, on several replicas at once.
#[test]
fn a_proof_and_a_ticket_are_taken_once_whichever_replicas_they_are_shown_to() {
    run(async |server| {
        let address = server.database().unwrap();
        let mut replicas = Vec::new();
        for name in ["a", "b", "c"] {
            replicas.push(replica_of(&address, name).await);
        }
        for round in 0..20_u8 {
            let value = Hash::of(&[&[round]]);
            let ticket = Ticket {
                hash: value,
                agent: "invoice".into(),
                until_ms: NOW + 1_000,
            };
            let minted = commit(&replicas[0], change(Op::PutTicket(ticket)));
            minted.await.unwrap();
            let proof = Op::Once {
                space: "dpop",
                value,
                until_ms: NOW + 1_000,
            };
            for shown in [change(proof), change(Op::TakeTicket(value))] {
                let (one, other, third) = tokio::join!(
                    commit(&replicas[0], shown.clone()),
                    commit(&replicas[1], shown.clone()),
                    commit(&replicas[2], shown.clone()),
                );
                let won = [&one, &other, &third].map(|outcome| u8::from(outcome.is_ok()));
                assert_eq!(won.iter().sum::<u8>(), 1, "{one:?} {other:?} {third:?}");
            }
        }
    });
}

#[test]
fn a_replica_is_fenced_off_by_its_successor_and_by_nobody_else() {
    run(async |server| {
        let address = server.database().unwrap();
        let first = replica_of(&address, "a").await;
        let other = replica_of(&address, "b").await;
        commit(&first, open(&grant("g1"))).await.unwrap();
        let successor = replica_of(&address, "a").await;
        assert_eq!(
            commit_at(&first, open(&grant("g2")), NOW).await,
            Err(StoreError::Fenced {
                ours: 1,
                current: 3
            })
        );
        commit(&other, open(&grant("g2"))).await.unwrap();
        commit(&successor, open(&grant("g3"))).await.unwrap();
        // Along the chain the epoch never falls.
        assert_eq!(chain_holds(&successor).await, 3);
    });
}

#[test]
fn news_of_the_others_is_heard_once_and_none_is_passed_over() {
    run(async |server| {
        let address = server.database().unwrap();
        let teller = replica_of(&address, "a").await;
        let hearer = replica_of(&address, "b").await;
        assert_eq!(hearer.news().await.unwrap().unwrap().ended, [""; 0]);
        for id in ["g1", "g2", "g3"] {
            active(&teller, &grant(id)).await;
        }
        step(&teller, "g2", State::Revoking).await.unwrap();
        // A transaction that began before and is still under way may yet write: nothing behind it
        // is taken for all that there is.
        let late = server.sql(
            &address,
            "BEGIN; INSERT INTO bailiwick.changes (grant_id) VALUES ('late'); COMMIT",
        );
        late.unwrap();
        let heard = hearer.news().await.unwrap().unwrap();
        let heard: BTreeSet<_> = heard.ended.iter().map(String::as_str).collect();
        assert_eq!(heard, BTreeSet::from(["g2", "late"]));
        assert_eq!(hearer.news().await.unwrap().unwrap().ended, [""; 0]);
        let kill = stop(Scope::Agent("invoice-reader".into()), true);
        commit(&teller, change(Op::SetStop(kill.clone())))
            .await
            .unwrap();
        let heard = hearer.news().await.unwrap().unwrap();
        assert_eq!(heard.stops, Some(vec![kill]));
        assert_eq!(hearer.news().await.unwrap().unwrap().stops, None);
    });
}

#[test]
fn what_a_live_replica_began_is_left_to_it() {
    run(async |server| {
        let address = server.database().unwrap();
        let first = replica_of(&address, "a").await;
        let other = replica_of(&address, "b").await;
        let begun = Intent {
            request: "r1".into(),
            grant: None,
            begun_ms: NOW,
        };
        commit(&first, change(Op::Begin(begun.clone())))
            .await
            .unwrap();
        assert_eq!(other.abandoned(9).await.unwrap(), []);
        // Its successor finds it at once; the others when it was not heard of for long.
        let successor = replica_of(&address, "a").await;
        let found = successor.abandoned(9).await.unwrap();
        assert_eq!(found, std::slice::from_ref(&begun));
        let again = Intent {
            request: "r2".into(),
            ..begun
        };
        commit(&successor, change(Op::Begin(again.clone())))
            .await
            .unwrap();
        let silent =
            "UPDATE bailiwick.replicas SET seen = seen - interval '1 minute' WHERE name = 'a'";
        server.sql(&address, silent).unwrap();
        assert_eq!(other.abandoned(9).await.unwrap().len(), 2);
    });
}

#[test]
fn a_database_out_of_reach_is_a_denial_within_the_time_and_comes_back() {
    run(async |mut server| {
        let address = server.database().unwrap();
        let store = replica_of(&address, "a").await;
        active(&store, &grant("g1")).await;
        // Somebody holds the row that every batch begins with, and does not let go.
        let holder = {
            let address = address.clone();
            let port = server.port();
            std::thread::spawn(move || {
                let mut held = std::process::Command::new("psql");
                held.args(["-d", &address, "-p", &port.to_string(), "-c"]);
                held.arg("BEGIN; SELECT * FROM bailiwick.meta FOR UPDATE; SELECT pg_sleep(6)");
                held.output()
            })
        };
        tokio::time::sleep(Duration::from_millis(700)).await;
        let begun = std::time::Instant::now();
        let refused = commit_at(&store, use_of("g1", 0), NOW).await;
        assert!(
            matches!(refused, Err(StoreError::Unavailable(_))),
            "{refused:?}"
        );
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "{:?}",
            begun.elapsed()
        );
        holder.join().unwrap().unwrap();
        let answered = commit(&store, use_of("g1", kept(&store, "g1").await.unwrap().uses)).await;
        assert!(answered.is_ok(), "{answered:?}");
        // And after a crash it goes on from what was committed.
        let before = chain_holds(&store).await;
        server.crash_and_start().unwrap();
        let uses = loop {
            match store.grant("g1").await {
                Ok(found) => break found.value.unwrap().uses,
                Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error}"),
            }
        };
        let outcome = loop {
            match commit_at(&store, use_of("g1", uses), NOW).await {
                Ok(outcome) => break outcome,
                Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error}"),
            }
        };
        assert_eq!(outcome.unwrap()[0].seq, before);
        assert_eq!(chain_holds(&store).await, before + 1);
    });
}

#[test]
fn the_ledger_is_not_edited_even_by_hand() {
    run(async |server| {
        let address = server.database().unwrap();
        let store = replica_of(&address, "a").await;
        let entries = vec![Entry::of("one"), Entry::of("two")];
        let told = Change {
            ops: Vec::new(),
            entries,
        };
        commit(&store, told).await.unwrap();
        for edit in [
            "UPDATE bailiwick.ledger SET text = 'x'",
            "DELETE FROM bailiwick.ledger",
            "TRUNCATE bailiwick.ledger",
            "UPDATE bailiwick.grants SET state = 'active'",
        ] {
            let edited = server.sql(&address, edit);
            assert_eq!(edited.is_ok(), edit.contains("grants"), "{edit}");
        }
        assert_eq!(chain_holds(&store).await, 2);
    });
}

#[test]
fn a_newer_schema_is_left_alone() {
    run(async |server| {
        let address = server.database().unwrap();
        drop(replica_of(&address, "a").await);
        let newer = "INSERT INTO bailiwick.version VALUES (99)";
        server.sql(&address, newer).unwrap();
        let database = Database::new(&address, None, None).unwrap();
        let refused = Postgres::open(&database, "a").await;
        assert!(
            matches!(refused, Err(DatabaseError::Newer { found: 99, .. })),
            "{refused:?}"
        );
    });
}

#[test]
fn nothing_travels_in_the_clear_over_a_network() {
    for (address, is_taken) in [
        ("postgres://u@127.0.0.1/d", true),
        ("postgres://u:secret@127.0.0.1/d", false),
        ("postgres://u@localhost/d", true),
        ("postgres://u@%2Frun%2Fpostgresql/d", true),
        ("postgres://u@db.example.com/d", false),
        ("postgres://u@10.0.0.1,127.0.0.1/d", false),
        ("postgres://u@localhost/d?hostaddr=10.0.0.1", false),
    ] {
        let opened = Database::new(address, Some("secret"), None);
        assert_eq!(opened.is_ok(), is_taken, "{address}");
        assert!(!format!("{opened:?}").contains("secret"), "{opened:?}");
    }
}

/// The lease, as soon as it is asked for again.
async fn taken(store: &Postgres) -> bailiwick_broker::port::Lease {
    for _ in 0..60 {
        if let Some(lease) = store.lease("t").await.unwrap() {
            return lease;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the lease is not given");
}

#[test]
fn a_lease_is_one_replicas_until_it_is_given_back_or_runs_out() {
    run(async |server| {
        let address = server.database().unwrap();
        let (one, other) = (
            replica_of(&address, "a").await,
            replica_of(&address, "b").await,
        );
        let hold = |lease| change(Op::Hold(lease));
        let first = one.lease("t").await.unwrap().unwrap();
        assert_eq!(other.lease("t").await.unwrap(), None);
        assert!(other.lease("another").await.unwrap().is_some());
        assert!(commit(&one, hold(first)).await.is_ok());
        assert_eq!(commit(&other, hold(first)).await, Err(Refused::NotHeld));
        one.give_back(first).await.unwrap();
        assert_eq!(commit(&one, hold(first)).await, Err(Refused::NotHeld));
        let second = taken(&other).await;
        assert!(second.term > first.term);
        assert_eq!(one.lease("t").await.unwrap(), None);
        // It is not taken from a holder that is late, unless somebody asks.
        let ran_out = "UPDATE bailiwick.leases SET until = clock_timestamp() - interval '1 second'";
        server.sql(&address, ran_out).unwrap();
        assert_eq!(commit(&other, hold(second)).await, Err(Refused::NotHeld));
        let third = taken(&one).await;
        assert!(third.term > second.term);
        assert_eq!(commit(&other, hold(second)).await, Err(Refused::NotHeld));
        assert!(commit(&one, hold(third)).await.is_ok());
        // What a change does beside it is not done either.
        let entries = one.chain().await.unwrap().len();
        let both = Change {
            ops: vec![
                Op::Hold(second),
                Op::Post(bailiwick_broker::port::Post {
                    key: "k".into(),
                    body: Vec::new(),
                }),
            ],
            entries: vec![Entry::of("never")],
        };
        assert_eq!(commit(&other, both).await, Err(Refused::NotHeld));
        assert_eq!(one.posts(9).await.unwrap(), []);
        assert_eq!(one.chain().await.unwrap().len(), entries);
        // Whoever was replaced under its name takes none.
        drop(replica_of(&address, "a").await);
        server.sql(&address, ran_out).unwrap();
        assert_eq!(one.lease("t2").await.unwrap(), None);
    });
}

#[test]
fn what_one_does_stirs_the_others_once_for_each_batch() {
    run(async |server| {
        let address = server.database().unwrap();
        let teller = replica_of(&address, "a").await;
        let hearer = replica_of(&address, "b").await;
        let soon = Duration::from_secs(1);
        // It listens now.
        tokio::time::timeout(2 * soon, hearer.stirred())
            .await
            .unwrap();
        hearer.news().await.unwrap();
        for id in ["g1", "g2", "g3"] {
            active(&teller, &grant(id)).await;
        }
        let quiet = tokio::time::timeout(soon / 2, hearer.stirred()).await;
        assert!(quiet.is_err(), "nobody hears of what nobody must obey");
        let mut ends = Vec::new();
        for id in ["g1", "g2", "g3"] {
            let grant = kept(&teller, id).await.unwrap();
            let end = bailiwick_broker::port::Step::to(State::Revoking, &grant);
            ends.push(change(Op::Step(end)));
        }
        let begun = std::time::Instant::now();
        teller.commit(ends, NOW).await.unwrap();
        tokio::time::timeout(soon, hearer.stirred()).await.unwrap();
        println!("stirred after {:?}", begun.elapsed());
        assert!(
            tokio::time::timeout(soon / 2, hearer.stirred())
                .await
                .is_err()
        );
        let heard = hearer.news().await.unwrap().unwrap();
        assert_eq!(heard.ended.len(), 3);
    });
}

#[test]
fn nothing_is_written_while_the_clocks_are_apart() {
    run(async |server| {
        let address = server.database().unwrap();
        let database = Database::new(&address, None, None).unwrap();
        let seen = Postgres::look(&database).await.unwrap();
        assert_eq!((seen.entries, seen.alive.len()), (None, 0));
        assert_eq!(seen.apart.at_most(Duration::from_secs(1)), Ok(()));
        let watched = database.clone().with_clocks_within(Duration::from_secs(5));
        let store = Postgres::open(&watched, "a").await.unwrap();
        let now_ms = || {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            u64::try_from(since.unwrap().as_millis()).unwrap()
        };
        let told = |entry: &str| Change {
            ops: Vec::new(),
            entries: vec![Entry::of(entry)],
        };
        for (step, is_written) in [
            (0_i64, true),
            (3_000, true),
            (-3_000, true),
            (8_000, false),
            (-8_000, false),
            (-600_000, false),
            (0, true),
        ] {
            let stepped = now_ms().checked_add_signed(step).unwrap();
            let written = commit_at(&store, told("t"), stepped).await;
            assert_eq!(written.is_ok(), is_written, "{step}: {written:?}");
            if let Err(error) = written {
                let StoreError::ClocksApart { ahead, .. } = error else {
                    panic!("{error}");
                };
                assert_eq!(ahead, step > 0);
            }
        }
        let seen = Postgres::look(&database).await.unwrap();
        assert_eq!(seen.entries, Some(4));
        assert_eq!(seen.alive, ["a"]);
    });
}
