//! Whatever is asked of them, in whatever order: the stores answer alike.

use bailiwick_broker::{
    Scope, State,
    port::{Change, Grant, Op, Outcome, Place, Refused, Session, Step, Store},
};
use bailiwick_ledger::Entry;
use bailiwick_store::{Memory, Settings, Sqlite};
use proptest::{prelude::*, sample::select};

use crate::made::{NOW, child, grant, stop};

/// One thing that is asked; grants are named by numbers.
#[derive(Debug, Clone)]
enum Ask {
    Open {
        id: u8,
        under: Option<u8>,
        state: State,
        late: u64,
    },
    Step {
        id: u8,
        to: State,
        behind: u64,
        deadline: Option<u64>,
        ending: Option<State>,
    },
    Use {
        id: u8,
        behind: u64,
    },
    Stop {
        scope: u8,
        kill: bool,
    },
    Clear {
        scope: u8,
    },
    Later {
        by: u64,
    },
}

fn ask() -> impl Strategy<Value = Ask> {
    let id = || 0_u8..4;
    let state = || select(State::ALL.to_vec());
    // Mostly what could be; a little of what could not.
    let behind = || prop_oneof![9 => Just(0_u64), 1 => Just(1_u64)];
    prop_oneof![
        4 => (id(), prop::option::weighted(0.5, id()),
              prop_oneof![4 => Just(State::Approved), 1 => state()], 0..3_u64)
            .prop_map(|(id, under, state, late)| Ask::Open { id, under, state, late }),
        4 => (id(), prop_oneof![1 => Just(State::Issuing), 2 => Just(State::Active)], behind())
            .prop_map(|(id, to, behind)| {
                Ask::Step { id, to, behind, deadline: None, ending: None }
            }),
        4 => (id(), state(), behind(), prop::option::weighted(0.2, 0..140_u64),
              prop::option::weighted(0.2, select(vec![State::Completed, State::Revoked])))
            .prop_map(|(id, to, behind, deadline, ending)| {
                Ask::Step { id, to, behind, deadline, ending }
            }),
        6 => (id(), behind()).prop_map(|(id, behind)| Ask::Use { id, behind }),
        1 => (0..3_u8, any::<bool>()).prop_map(|(scope, kill)| Ask::Stop { scope, kill }),
        1 => (0..3_u8).prop_map(|scope| Ask::Clear { scope }),
        1 => (1..20_000_u64).prop_map(|by| Ask::Later { by }),
    ]
}

fn scope(number: u8) -> Scope {
    match number {
        0 => Scope::Agent("agent-1".into()),
        1 => Scope::Owner("payments".into()),
        _ => Scope::All,
    }
}

/// What is asked, as a change to what this store has now.
async fn change<S: Store>(store: &S, ask: &Ask, now_ms: u64) -> Change {
    let name = |id: u8| format!("g{id}");
    let kept = |id: u8| async move { store.grant(&name(id)).await.unwrap().value };
    let op = match ask {
        Ask::Open {
            id,
            under,
            state,
            late,
        } => {
            let parent = match under {
                Some(parent) => kept(*parent).await,
                None => None,
            };
            let made = match parent {
                Some(parent) => child(&name(*id), &parent),
                None => grant(&name(*id)),
            };
            Op::Open(Box::new(Grant {
                agent: format!("agent-{}", id % 2),
                state: *state,
                issued_ms: now_ms + late,
                ..made
            }))
        }
        Ask::Step {
            id,
            to,
            behind,
            deadline,
            ending,
        } => {
            let ver = kept(*id).await.map_or(1, |grant| grant.ver);
            Op::Step(Step {
                grant: name(*id),
                ver: ver.saturating_sub(*behind),
                to: *to,
                deadline_ms: deadline.map(|deadline| NOW + deadline * 1_000),
                credential_until_ms: deadline.map(|deadline| NOW + deadline * 900),
                ending: *ending,
                sessions: deadline.map(|deadline| {
                    vec![Session {
                        role: "arn:aws:iam::111122223333:role/agents/prod/a-task".into(),
                        until_ms: NOW + deadline,
                        attempt: None,
                    }]
                }),
            })
        }
        Ask::Use { id, behind } => {
            let uses = kept(*id).await.map_or(0, |grant| grant.uses);
            Op::Use {
                grant: name(*id),
                uses: uses.saturating_sub(*behind),
                history: vec![*id],
            }
        }
        Ask::Stop {
            scope: number,
            kill,
        } => Op::SetStop(bailiwick_broker::Stop {
            at_ms: now_ms,
            ..stop(scope(*number), *kill)
        }),
        Ask::Clear { scope: number } => Op::ClearKill {
            scope: scope(*number),
            at_ms: now_ms,
        },
        Ask::Later { .. } => Op::Posted { key: "none".into() },
    };
    Change {
        ops: vec![op],
        entries: vec![Entry::of("asked")],
    }
}

/// What the store answered to each, and what it then has.
async fn answers<S: Store>(store: S, asks: &[Ask]) -> (Vec<Outcome>, Vec<Option<Grant>>) {
    let mut now_ms = NOW;
    let mut outcomes = Vec::new();
    for ask in asks {
        if let Ask::Later { by } = ask {
            now_ms += by;
        }
        let change = change(&store, ask, now_ms).await;
        outcomes.extend(store.commit(vec![change], now_ms).await.unwrap());
    }
    let mut grants = Vec::new();
    for id in 0..4 {
        let kept = store.grant(&format!("g{id}")).await.unwrap().value;
        grants.push(kept.map(|grant| Grant::clone(&grant)));
    }
    (outcomes, grants)
}

fn on<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_store_answers_alike_and_no_step_is_outside_the_table(
        asks in prop::collection::vec(ask(), 1..40),
    ) {
        let (plain, in_memory) = on(answers(Memory::new("a"), &asks));
        let folder = tempfile::tempdir().unwrap();
        let sqlite = Sqlite::open(folder.path(), Settings::of_replica("a")).unwrap();
        let (other, in_sqlite) = on(answers(sqlite, &asks));
        for (at, ask) in asks.iter().enumerate() {
            prop_assert_eq!(&plain[at], &other[at], "{:?}, number {}", ask, at);
        }
        prop_assert_eq!(in_memory, in_sqlite);
    }

    #[test]
    fn a_walk_through_the_table_keeps_its_promises(
        steps in prop::collection::vec((select(State::ALL.to_vec()), any::<bool>()), 1..30),
    ) {
        on(async {
            let store = Memory::new("a");
            let mut opened = grant("g");
            opened.state = State::Requested;
            let open = Change { ops: vec![Op::Open(Box::new(opened))], entries: vec![] };
            store.commit(vec![open], NOW).await.unwrap()[0].as_ref().unwrap();
            for (to, renews) in steps {
                let before = store.grant("g").await.unwrap().value.unwrap();
                let step = Step {
                    deadline_ms: renews.then_some(before.deadline_ms_max + 1),
                    ..Step::to(to, &before)
                };
                let entries = vec![Entry::of("step")];
                let change = Change { ops: vec![Op::Step(step)], entries };
                let outcome = store.commit(vec![change], NOW).await.unwrap().remove(0);
                let after = store.grant("g").await.unwrap().value.unwrap();
                match outcome {
                    Ok(places) => {
                        // One entry each, one version each, inside the table, never longer.
                        assert_eq!(places.len(), 1);
                        assert_eq!(after.ver, before.ver + 1);
                        assert!(before.state.may_become(after.state));
                        assert!(!before.state.is_final());
                        assert!(after.deadline_ms <= after.deadline_ms_max);
                    }
                    Err(refused) => {
                        let deadline = matches!(refused, Refused::Deadline) && renews;
                        assert!(deadline || !before.state.may_become(to), "{refused}");
                        assert_eq!(after, before);
                    }
                }
            }
            let chain = store.chain().await.unwrap();
            let kept = store.grant("g").await.unwrap().value.unwrap();
            assert_eq!(chain.len(), kept.ver - 1);
        });
    }
}

/// One server for all cases, each in a database of its own.
#[cfg(feature = "postgres")]
#[test]
fn postgresql_answers_as_memory_does() {
    let Some(server) = bailiwick_testkit::postgres::Server::start().unwrap() else {
        return;
    };
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(40));
    let all = runner.run(&prop::collection::vec(ask(), 1..40), |asks| {
        let (plain, in_memory) = on(answers(Memory::new("a"), &asks));
        let (other, in_postgres) = on(async {
            let store = crate::postgres::store(&server, "a").await;
            answers(store, &asks).await
        });
        for (at, ask) in asks.iter().enumerate() {
            prop_assert_eq!(&plain[at], &other[at], "{:?}, number {}", ask, at);
        }
        prop_assert_eq!(in_memory, in_postgres);
        Ok(())
    });
    all.unwrap();
}

/// The database itself refuses what the code would never ask.
#[test]
fn the_database_refuses_every_step_that_is_not_in_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(folder.path(), Settings::of_replica("a")).unwrap();
    let opened = Change {
        ops: vec![Op::Open(Box::new(grant("g")))],
        entries: vec![Entry::of("test")],
    };
    let opened: Vec<Result<Vec<Place>, Refused>> = on(store.commit(vec![opened], NOW)).unwrap();
    assert!(opened[0].is_ok());
    drop(store);
    let path = folder.path().join("bailiwick.db");
    let database = rusqlite::Connection::open(path).unwrap();
    let put = |state: State| {
        database
            .execute_batch("DROP TRIGGER IF EXISTS grants_step")
            .unwrap();
        let sql = "UPDATE grants SET state = ?1";
        assert_eq!(database.execute(sql, [state.name()]).unwrap(), 1);
    };
    let trigger: String = database
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE name = 'grants_step'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    for from in State::ALL {
        for to in State::ALL {
            put(from);
            database.execute_batch(&trigger).unwrap();
            let step = |ver: &str| {
                let sql = format!("UPDATE grants SET state = ?1, ver = {ver}");
                database.execute(&sql, [to.name()]).is_ok()
            };
            assert!(!step("ver + 2"), "{from} {to}: a version was passed over");
            assert!(!step("ver"), "{from} {to}: no new version");
            assert_eq!(step("ver + 1"), from.may_become(to), "{from} to {to}");
        }
    }
    let insert = "INSERT INTO grants (id, parent, lineage, agent, owner, task, charter, state, ver,
            issued_ms, deadline_ms, deadline_ms_max, credential_until_ms, uses, body, history)
        SELECT ?1, parent, lineage, agent, owner, task, charter, ?1, 1, issued_ms, deadline_ms,
            ?2, credential_until_ms, 0, body, history FROM grants WHERE id = 'g'";
    for state in State::ALL {
        let begun = database.execute(insert, rusqlite::params![state.name(), NOW * 2]);
        assert_eq!(begun.is_ok(), state.may_begin(), "{state}: {begun:?}");
    }
    let beyond = database.execute(insert, rusqlite::params!["approved", NOW - 1]);
    assert!(beyond.is_err(), "a deadline beyond the last");
    let back = database.execute("UPDATE grants SET uses = uses - 1 WHERE id = 'g'", []);
    assert!(back.is_err(), "uses fell");
}
