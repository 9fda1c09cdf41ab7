//! The contract: one suite, run against each store.

use std::{future::Future, path::Path};

use bailiwick_broker::{
    Scope, State, Stop, TRANSITIONS,
    port::{
        Answer, Change, Grant, Intent, Op, Post, Refused, Step, Store, StoreError, Ticket, Which,
    },
};
use bailiwick_ledger::{Entry, Hash, RECORD_LENGTH_MAX, tree, verify::Verifier};
use bailiwick_store::{Memory, Settings, Sqlite};

use crate::made::{
    NOW, active, change, child, commit, commit_at, grant, kept, open, step, stop, use_of,
};

fn run<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(test);
}

fn sqlite(folder: &Path) -> Sqlite {
    Sqlite::open(folder, Settings::of_replica("a")).unwrap()
}

/// Each test, against each store.
macro_rules! contract {
    ($($name:ident)*) => {
        mod memory {
            $(#[test] fn $name() { super::run(super::$name(super::Memory::new("a"))); })*
        }
        mod sqlite {
            $(#[test] fn $name() {
                let folder = tempfile::tempdir().unwrap();
                super::run(super::$name(super::sqlite(folder.path())));
            })*
        }
        /// One server serves them all, each in a database of its own.
        #[cfg(feature = "postgres")]
        #[test]
        fn postgres_keeps_the_contract() {
            let Some(server) = bailiwick_testkit::postgres::Server::start().unwrap() else {
                return;
            };
            run(async {
                $(
                    println!(stringify!($name));
                    $name(crate::postgres::store(&server, "a").await).await;
                )*
            });
        }
    };
}

contract! {
    a_change_is_all_or_nothing
    a_refused_change_does_not_hold_up_the_others
    a_grant_is_kept_as_it_was_opened
    a_grant_begins_only_where_one_may
    a_grant_takes_the_steps_of_the_table_and_no_other
    a_step_is_taken_once
    a_deadline_is_never_beyond_the_grants_last
    only_an_active_grant_in_time_is_used_and_each_use_once
    a_killed_agent_gets_no_grant_until_it_is_cleared_and_none_lives_again
    a_revocation_ends_what_was_issued_and_lets_new_ones_open
    stops_of_one_scope_join
    a_child_is_inside_its_active_parent
    a_family_is_found
    a_child_is_used_only_while_all_above_it_are
    what_outlives_its_parent_is_found
    a_ticket_is_redeemed_once_and_in_time
    a_value_is_seen_once
    an_answer_is_kept
    an_effect_is_begun_and_settled_once
    what_is_posted_stays_until_it_is_done
    a_lease_is_held_by_whoever_took_it
    grants_are_listed_by_what_is_asked
    lists_are_read_page_by_page
    the_ledger_is_one_chain_and_its_proofs_hold
    an_entry_that_cannot_be_written_refuses_its_change_alone
    names_are_only_names
}

async fn a_lease_is_held_by_whoever_took_it<S: Store>(store: S) {
    let lease = store.lease("t").await.unwrap().unwrap();
    assert_eq!(store.lease("t").await, Ok(Some(lease)));
    assert!(commit(&store, change(Op::Hold(lease))).await.is_ok());
    let later = bailiwick_broker::port::Lease {
        term: lease.term + 1,
        ..lease
    };
    let refused = commit(&store, change(Op::Hold(later))).await;
    assert_eq!(refused, Err(Refused::NotHeld));
}

async fn a_change_is_all_or_nothing<S: Store>(store: S) {
    commit(&store, open(&grant("g1"))).await.unwrap();
    let refused = Change {
        ops: vec![
            Op::Open(Box::new(grant("g2"))),
            Op::Once {
                space: "t",
                value: Hash::ZERO,
                until_ms: NOW + 1_000,
            },
            Op::Open(Box::new(grant("g1"))),
        ],
        entries: vec![Entry::of("never")],
    };
    assert_eq!(commit(&store, refused.clone()).await, Err(Refused::Exists));
    assert_eq!(kept(&store, "g2").await, None);
    assert_eq!(store.chain().await.unwrap().len(), 1);
    // Nor was the value seen.
    let whole = Change {
        ops: refused.ops[..2].to_vec(),
        ..refused
    };
    assert!(commit(&store, whole).await.is_ok());
    assert!(kept(&store, "g2").await.is_some());
}

async fn a_refused_change_does_not_hold_up_the_others<S: Store>(store: S) {
    let changes = vec![open(&grant("g1")), open(&grant("g1")), open(&grant("g2"))];
    let outcomes = store.commit(changes, NOW).await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap()[0].seq, 0);
    assert_eq!(outcomes[1], Err(Refused::Exists));
    assert_eq!(outcomes[2].as_ref().unwrap()[0].seq, 1);
}

async fn a_grant_is_kept_as_it_was_opened<S: Store>(store: S) {
    let opened = grant("g1");
    commit(&store, open(&opened)).await.unwrap();
    assert_eq!(kept(&store, "g1").await.as_deref(), Some(&opened));
    assert_eq!(kept(&store, "g").await, None);
    assert_eq!(store.grant("g1").await.unwrap().as_of_ms, NOW);
}

async fn a_grant_begins_only_where_one_may<S: Store>(store: S) {
    for state in State::ALL {
        let mut begun = grant(state.name());
        begun.state = state;
        let outcome = commit(&store, open(&begun)).await;
        if state.may_begin() {
            assert!(outcome.is_ok(), "{state}");
        } else {
            assert_eq!(outcome, Err(Refused::State { is: state }));
        }
    }
    let mut unborn = grant("no-version");
    unborn.ver = 0;
    let outcome = commit(&store, open(&unborn)).await;
    assert_eq!(outcome, Err(Refused::NoVersion));
}

/// A way from where grants begin to a state.
fn way_to(state: State) -> Vec<State> {
    let mut ways = vec![vec![State::Requested]];
    while let Some(way) = ways.pop() {
        let at = *way.last().unwrap();
        if at == state {
            return way;
        }
        for (from, to) in TRANSITIONS {
            if *from == at && !way.contains(to) {
                let mut longer = way.clone();
                longer.push(*to);
                ways.insert(0, longer);
            }
        }
    }
    panic!("{state} is never reached");
}

async fn a_grant_takes_the_steps_of_the_table_and_no_other<S: Store>(store: S) {
    for from in State::ALL {
        for to in State::ALL {
            let id = format!("{from}-{to}");
            let mut opened = grant(&id);
            opened.state = State::Requested;
            commit(&store, open(&opened)).await.unwrap();
            for next in way_to(from).into_iter().skip(1) {
                step(&store, &id, next).await.unwrap();
            }
            let outcome = step(&store, &id, to).await;
            if TRANSITIONS.contains(&(from, to)) {
                assert!(outcome.is_ok(), "{id}");
                assert_eq!(kept(&store, &id).await.unwrap().state, to);
            } else {
                assert_eq!(outcome, Err(Refused::State { is: from }), "{id}");
                assert_eq!(kept(&store, &id).await.unwrap().state, from);
            }
        }
    }
}

async fn a_step_is_taken_once<S: Store>(store: S) {
    active(&store, &grant("g1")).await;
    let grant = kept(&store, "g1").await.unwrap();
    let revoke = change(Op::Step(Step::to(State::Revoking, &grant)));
    let complete = change(Op::Step(Step {
        ending: Some(State::Completed),
        ..Step::to(State::Revoking, &grant)
    }));
    let outcomes = store.commit(vec![revoke, complete], NOW).await.unwrap();
    assert!(outcomes[0].is_ok());
    assert_eq!(outcomes[1], Err(Refused::Version { is: grant.ver + 1 }));
    assert_eq!(kept(&store, "g1").await.unwrap().ending, None);
    let missing = Step {
        grant: "g2".into(),
        ..Step::to(State::Revoking, &grant)
    };
    assert_eq!(
        commit(&store, change(Op::Step(missing))).await,
        Err(Refused::NoGrant)
    );
}

async fn a_deadline_is_never_beyond_the_grants_last<S: Store>(store: S) {
    active(&store, &grant("g1")).await;
    let renew = |grant: &Grant, deadline_ms| {
        change(Op::Step(Step {
            deadline_ms: Some(deadline_ms),
            credential_until_ms: Some(deadline_ms),
            ..Step::to(State::Active, grant)
        }))
    };
    let before = kept(&store, "g1").await.unwrap();
    let last = before.deadline_ms_max;
    assert_eq!(
        commit(&store, renew(&before, last + 1)).await,
        Err(Refused::Deadline)
    );
    commit(&store, renew(&before, last)).await.unwrap();
    let renewed = kept(&store, "g1").await.unwrap();
    assert_eq!(
        (renewed.deadline_ms, renewed.credential_until_ms),
        (last, last)
    );
    // What was made earlier does not end earlier because something shorter was made later.
    commit(&store, renew(&renewed, last - 1)).await.unwrap();
    let renewed = kept(&store, "g1").await.unwrap();
    assert_eq!(
        (renewed.deadline_ms, renewed.credential_until_ms),
        (last - 1, last)
    );
    // Once its time is up it is not renewed, and still ends.
    let late = commit_at(&store, renew(&renewed, last), last)
        .await
        .unwrap();
    assert_eq!(late, Err(Refused::Deadline));
    let end = change(Op::Step(Step::to(State::Revoking, &renewed)));
    assert!(commit_at(&store, end, last).await.unwrap().is_ok());
}

async fn only_an_active_grant_in_time_is_used_and_each_use_once<S: Store>(store: S) {
    assert_eq!(commit(&store, use_of("g1", 0)).await, Err(Refused::NoGrant));
    commit(&store, open(&grant("g1"))).await.unwrap();
    let approved = Refused::State {
        is: State::Approved,
    };
    assert_eq!(commit(&store, use_of("g1", 0)).await, Err(approved));
    step(&store, "g1", State::Issuing).await.unwrap();
    step(&store, "g1", State::Active).await.unwrap();
    let uses = vec![use_of("g1", 0), use_of("g1", 0), use_of("g1", 1)];
    let outcomes = store.commit(uses, NOW).await.unwrap();
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
    assert_eq!(outcomes[1], Err(Refused::Uses { is: 1 }));
    let used = kept(&store, "g1").await.unwrap();
    assert_eq!(
        (used.uses, used.history.as_slice(), used.ver),
        (2, &[1][..], 3)
    );
    let deadline = used.deadline_ms;
    let in_time = commit_at(&store, use_of("g1", 2), deadline - 1)
        .await
        .unwrap();
    assert!(in_time.is_ok());
    let late = commit_at(&store, use_of("g1", 3), deadline).await.unwrap();
    assert_eq!(late, Err(Refused::Deadline));
    step(&store, "g1", State::Suspended).await.unwrap();
    let suspended = Refused::State {
        is: State::Suspended,
    };
    assert_eq!(commit(&store, use_of("g1", 3)).await, Err(suspended));
}

async fn a_killed_agent_gets_no_grant_until_it_is_cleared_and_none_lives_again<S: Store>(store: S) {
    let scopes = [
        Scope::Agent("invoice-reader".into()),
        Scope::Owner("payments".into()),
        Scope::All,
    ];
    for (scope, at) in scopes.into_iter().zip([10, 20, 30]) {
        // What an earlier kill left covers only what was issued before it.
        let issued = |place: &str, issued_ms| Grant {
            issued_ms,
            ..grant(&format!("{scope:?}-{place}"))
        };
        let before = issued("before", NOW + at);
        let later = issued("later", NOW + at + 5);
        active(&store, &before).await;
        step(&store, &before.id, State::Suspended).await.unwrap();
        let kill = Stop {
            at_ms: NOW + at,
            ..stop(scope.clone(), true)
        };
        commit(&store, change(Op::SetStop(kill))).await.unwrap();
        assert_eq!(commit(&store, open(&later)).await, Err(Refused::Stopped));
        assert_eq!(
            step(&store, &before.id, State::Active).await,
            Err(Refused::Stopped)
        );
        let other = Grant {
            agent: "somebody-else".into(),
            owner: "somebody-else".into(),
            ..later.clone()
        };
        if scope == Scope::All {
            assert_eq!(commit(&store, open(&other)).await, Err(Refused::Stopped));
        } else {
            let id = format!("{scope:?}-other");
            assert!(commit(&store, open(&Grant { id, ..other })).await.is_ok());
        }
        let clear = Op::ClearKill {
            scope: scope.clone(),
            at_ms: NOW + at + 1,
        };
        commit(&store, change(clear)).await.unwrap();
        assert!(commit(&store, open(&later)).await.is_ok());
        assert!(step(&store, &later.id, State::Issuing).await.is_ok());
        assert_eq!(
            step(&store, &before.id, State::Active).await,
            Err(Refused::Stopped)
        );
        assert!(step(&store, &before.id, State::Revoking).await.is_ok());
    }
}

async fn a_revocation_ends_what_was_issued_and_lets_new_ones_open<S: Store>(store: S) {
    active(&store, &grant("before")).await;
    let scope = Scope::Owner("payments".into());
    commit(&store, change(Op::SetStop(stop(scope, false))))
        .await
        .unwrap();
    assert_eq!(
        commit(&store, use_of("before", 0)).await,
        Err(Refused::Stopped)
    );
    let later = Grant {
        issued_ms: NOW + 1,
        ..grant("later")
    };
    active(&store, &later).await;
    assert!(commit(&store, use_of("later", 0)).await.is_ok());
}

async fn stops_of_one_scope_join<S: Store>(store: S) {
    let kill = stop(Scope::All, true);
    let revoke = Stop {
        kill: false,
        at_ms: NOW + 9,
        ..kill.clone()
    };
    for stop in [kill, revoke.clone()] {
        commit(&store, change(Op::SetStop(stop))).await.unwrap();
    }
    let joined = Stop {
        kill: true,
        ..revoke
    };
    assert_eq!(store.stops().await.unwrap().value, [joined]);
}

async fn a_child_is_inside_its_active_parent<S: Store>(store: S) {
    let parent = grant("p");
    commit(&store, open(&parent)).await.unwrap();
    let inside = child("c", &parent);
    assert_eq!(
        commit(&store, open(&inside)).await,
        Err(Refused::Parent),
        "not active yet"
    );
    step(&store, "p", State::Issuing).await.unwrap();
    step(&store, "p", State::Active).await.unwrap();
    let longer = Grant {
        deadline_ms_max: parent.deadline_ms + 1,
        ..inside.clone()
    };
    assert_eq!(
        commit(&store, open(&longer)).await,
        Err(Refused::Parent),
        "outlives it"
    );
    let elsewhere = Grant {
        lineage: vec!["q".into(), "p".into()],
        ..inside.clone()
    };
    assert_eq!(
        commit(&store, open(&elsewhere)).await,
        Err(Refused::Parent),
        "another line"
    );
    commit(&store, open(&inside)).await.unwrap();
    step(&store, "p", State::Revoking).await.unwrap();
    assert_eq!(
        commit(&store, open(&child("d", &parent))).await,
        Err(Refused::Parent),
        "ended"
    );
}

async fn a_family_is_found<S: Store>(store: S) {
    let parent = grant("p");
    active(&store, &parent).await;
    let first = child("c", &parent);
    active(&store, &first).await;
    active(&store, &child("d", &first)).await;
    active(&store, &grant("other")).await;
    let ids = |found: Vec<std::sync::Arc<Grant>>| {
        found
            .iter()
            .map(|grant| grant.id.clone())
            .collect::<Vec<_>>()
    };
    let under = store
        .grants(Which::Under("p".into()), None, 10)
        .await
        .unwrap();
    assert_eq!(ids(under), ["c", "d"]);
    let covered = Which::Covered(stop(Scope::Grant("c".into()), false));
    let covered = store.grants(covered, None, 10).await.unwrap();
    assert_eq!(ids(covered), ["c", "d"]);
}

async fn a_child_is_used_only_while_all_above_it_are<S: Store>(store: S) {
    let ends: [(&str, Option<State>); 3] = [
        ("ended", Some(State::Revoking)),
        ("suspended", Some(State::Suspended)),
        // By a stop of another agent than the child's.
        ("stopped", None),
    ];
    for (how, to) in ends {
        let parent = Grant {
            agent: format!("agent-{how}"),
            ..grant(&format!("p-{how}"))
        };
        let first = Grant {
            agent: "helper".into(),
            ..child(&format!("c-{how}"), &parent)
        };
        let second = Grant {
            agent: "helper".into(),
            ..child(&format!("d-{how}"), &first)
        };
        for grant in [&parent, &first, &second] {
            active(&store, grant).await;
            assert!(commit(&store, use_of(&grant.id, 0)).await.is_ok());
        }
        match to {
            Some(to) => drop(step(&store, &parent.id, to).await.unwrap()),
            None => {
                let stop = stop(Scope::Agent(parent.agent.clone()), false);
                commit(&store, change(Op::SetStop(stop))).await.unwrap();
            }
        }
        for grant in [&first, &second] {
            let refused = commit(&store, use_of(&grant.id, 1)).await;
            assert_eq!(refused, Err(Refused::Parent), "{} {how}", grant.id);
            // Nor is it made active again, and it still ends.
            step(&store, &grant.id, State::Suspended).await.unwrap();
            let resumed = step(&store, &grant.id, State::Active).await;
            assert_eq!(resumed, Err(Refused::Parent), "{} {how}", grant.id);
        }
        let under = child(&format!("e-{how}"), &second);
        assert_eq!(commit(&store, open(&under)).await, Err(Refused::Parent));
        assert!(step(&store, &second.id, State::Revoking).await.is_ok());
    }
}

async fn what_outlives_its_parent_is_found<S: Store>(store: S) {
    let parent = grant("p");
    active(&store, &parent).await;
    let first = child("c", &parent);
    active(&store, &first).await;
    active(&store, &child("d", &first)).await;
    let found = || async {
        let found = store.grants(Which::Outliving, None, 9).await.unwrap();
        found
            .iter()
            .map(|grant| grant.id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(found().await, Vec::<String>::new());
    step(&store, "p", State::Suspended).await.unwrap();
    assert_eq!(found().await, Vec::<String>::new(), "it may be resumed");
    step(&store, "p", State::Revoking).await.unwrap();
    assert_eq!(found().await, ["c"]);
    step(&store, "c", State::Revoking).await.unwrap();
    assert_eq!(found().await, ["d"]);
}

async fn a_ticket_is_redeemed_once_and_in_time<S: Store>(store: S) {
    let ticket = |secret: &[u8]| Ticket {
        hash: Hash::of(&[secret]),
        agent: "a".into(),
        until_ms: NOW + 1_000,
    };
    for secret in [&b"one"[..], b"two"] {
        commit(&store, change(Op::PutTicket(ticket(secret))))
            .await
            .unwrap();
    }
    let one = ticket(b"one");
    assert_eq!(store.ticket(one.hash).await.unwrap(), Some(one.clone()));
    let again = commit(&store, change(Op::PutTicket(one.clone()))).await;
    assert_eq!(again, Err(Refused::Exists));
    let hundred = vec![change(Op::TakeTicket(one.hash)); 100];
    let outcomes = store.commit(hundred, NOW).await.unwrap();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let two = change(Op::TakeTicket(ticket(b"two").hash));
    let late = commit_at(&store, two, NOW + 1_000).await.unwrap();
    assert_eq!(late, Err(Refused::Ticket));
}

async fn a_value_is_seen_once<S: Store>(store: S) {
    let once = |space, value: &[u8]| {
        change(Op::Once {
            space,
            value: Hash::of(&[value]),
            until_ms: NOW + 60_000,
        })
    };
    assert!(commit(&store, once("dpop", b"1")).await.is_ok());
    assert_eq!(commit(&store, once("dpop", b"1")).await, Err(Refused::Seen));
    assert!(commit(&store, once("dpop", b"2")).await.is_ok());
    assert!(commit(&store, once("proof", b"1")).await.is_ok());
}

async fn an_answer_is_kept<S: Store>(store: S) {
    let answer = Answer {
        key: "k".into(),
        request: Hash::of(&[b"r"]),
        body: b"answer".to_vec(),
        until_ms: NOW + 1,
    };
    assert_eq!(store.answer("k").await.unwrap(), None);
    commit(&store, change(Op::PutAnswer(answer.clone())))
        .await
        .unwrap();
    assert_eq!(store.answer("k").await.unwrap(), Some(answer.clone()));
    let again = commit(&store, change(Op::PutAnswer(answer))).await;
    assert_eq!(again, Err(Refused::Exists));
}

async fn an_effect_is_begun_and_settled_once<S: Store>(store: S) {
    let intent = |request: &str| Intent {
        request: request.into(),
        grant: Some("g1".into()),
        begun_ms: NOW,
    };
    let settle = || {
        change(Op::Settle {
            request: "r2".into(),
        })
    };
    for request in ["r2", "r1"] {
        commit(&store, change(Op::Begin(intent(request))))
            .await
            .unwrap();
    }
    assert_eq!(
        commit(&store, change(Op::Begin(intent("r1")))).await,
        Err(Refused::Exists)
    );
    let both = [intent("r2"), intent("r1")];
    assert_eq!(store.intents(10).await.unwrap(), both, "the oldest first");
    assert!(commit(&store, settle()).await.is_ok());
    assert_eq!(commit(&store, settle()).await, Err(Refused::NoIntent));
    assert_eq!(store.intents(10).await.unwrap(), [intent("r1")]);
}

async fn what_is_posted_stays_until_it_is_done<S: Store>(store: S) {
    let post = |key: &str| Post {
        key: key.into(),
        body: b"b".to_vec(),
    };
    for key in ["k2", "k1", "k2"] {
        commit(&store, change(Op::Post(post(key)))).await.unwrap();
    }
    assert_eq!(store.posts(10).await.unwrap(), [post("k2"), post("k1")]);
    commit(&store, change(Op::Posted { key: "k2".into() }))
        .await
        .unwrap();
    assert_eq!(store.posts(10).await.unwrap(), [post("k1")]);
}

async fn grants_are_listed_by_what_is_asked<S: Store>(store: S) {
    for (id, deadline, charter, agent) in [
        ("g1", 10, "c1", "a"),
        ("g2", 20, "c2", "b"),
        ("g3", 30, "c1", "a"),
        ("g4", 40, "c1", "a"),
    ] {
        let grant = Grant {
            deadline_ms: NOW + deadline,
            charter: charter.into(),
            agent: agent.into(),
            ..grant(id)
        };
        active(&store, &grant).await;
    }
    step(&store, "g4", State::Revoking).await.unwrap();
    for (which, expected) in [
        (Which::Live, vec!["g1", "g2", "g3"]),
        (Which::Due { now_ms: NOW + 9 }, vec![]),
        (Which::Due { now_ms: NOW + 20 }, vec!["g1", "g2"]),
        (Which::In(State::Revoking), vec!["g4"]),
        (Which::Spent { now_ms: NOW }, vec!["g4"]),
        (Which::PinnedElsewhere(vec!["c1".into()]), vec!["g2"]),
        (Which::PinnedElsewhere(vec![]), vec!["g1", "g2", "g3"]),
        (
            Which::Covered(stop(Scope::Agent("a".into()), false)),
            vec!["g1", "g3"],
        ),
        (
            Which::Covered(stop(Scope::Owner("payments".into()), true)),
            vec!["g1", "g2", "g3"],
        ),
        (
            Which::Covered(stop(Scope::All, false)),
            vec!["g1", "g2", "g3"],
        ),
        (Which::Under("g1".into()), vec![]),
    ] {
        let found = store.grants(which.clone(), None, 10).await.unwrap();
        let found: Vec<&str> = found.iter().map(|grant| grant.id.as_str()).collect();
        assert_eq!(found, expected, "{which:?}");
    }
}

async fn lists_are_read_page_by_page<S: Store>(store: S) {
    for id in ["a", "b", "c", "d", "e"] {
        commit(&store, open(&grant(id))).await.unwrap();
    }
    let mut after: Option<String> = None;
    let mut seen = Vec::new();
    loop {
        let page = store
            .grants(Which::Live, after.as_deref(), 2)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        seen.extend(page.iter().map(|grant| grant.id.clone()));
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
}

async fn the_ledger_is_one_chain_and_its_proofs_hold<S: Store>(store: S) {
    // More than two nodes of the first level that is kept.
    const ENTRIES: u64 = 600;
    for batch in 0..6 {
        let changes = (0..100)
            .map(|at| Change {
                ops: Vec::new(),
                entries: vec![Entry::of(format!("e.{}", batch * 100 + at))],
            })
            .collect();
        store.commit(changes, NOW + batch).await.unwrap();
    }
    let records = store.records(0, 1_000).await.unwrap();
    let mut verifier = Verifier::new(&[]);
    records
        .iter()
        .for_each(|record| verifier.record(record).unwrap());
    let verified = verifier.finish().unwrap();
    assert_eq!(verified.entries, ENTRIES);
    let chain = store.chain().await.unwrap();
    assert_eq!(
        (chain.head(), chain.frontier().root()),
        (verified.head, verified.root)
    );
    assert_eq!(store.records(598, 10).await.unwrap(), records[598..]);
    assert_eq!(store.records(ENTRIES, 10).await.unwrap(), []);
    assert_eq!(store.records(ENTRIES + 9, 10).await.unwrap(), []);

    let leaves: Vec<Hash> = records.iter().map(bailiwick_ledger::Record::leaf).collect();
    for (seq, size) in [
        (0, 1),
        (0, 600),
        (255, 256),
        (256, 600),
        (511, 513),
        (599, 600),
        (3, 5),
    ] {
        let expected = tree::inclusion(seq, size, &mut leaves.as_slice()).unwrap();
        assert_eq!(
            store.inclusion(seq, size).await.unwrap(),
            expected,
            "{seq} of {size}"
        );
    }
    for (old, new) in [
        (1, 600),
        (256, 512),
        (300, 600),
        (599, 600),
        (5, 300),
        (600, 600),
    ] {
        let expected = tree::consistency(old, new, &mut leaves.as_slice()).unwrap();
        assert_eq!(
            store.consistency(old, new).await.unwrap(),
            expected,
            "{old} to {new}"
        );
    }
    let beyond = StoreError::OutOfRange { size: ENTRIES };
    assert_eq!(store.inclusion(600, 601).await, Err(beyond.clone()));
    assert_eq!(store.inclusion(5, 5).await, Err(beyond.clone()));
    assert_eq!(store.consistency(7, 6).await, Err(beyond));
}

async fn an_entry_that_cannot_be_written_refuses_its_change_alone<S: Store>(store: S) {
    let mut long = open(&grant("g1"));
    long.entries = vec![Entry::of("x".repeat(RECORD_LENGTH_MAX))];
    let outcomes = store
        .commit(vec![long, open(&grant("g2"))], NOW)
        .await
        .unwrap();
    assert!(matches!(outcomes[0], Err(Refused::Entry(_))));
    assert!(outcomes[1].is_ok());
    assert_eq!(kept(&store, "g1").await, None);
}

async fn names_are_only_names<S: Store>(store: S) {
    let name = "a\"; DROP TABLE grants; --'\u{0}\u{1f600}%_";
    let named = Grant {
        agent: name.into(),
        owner: name.into(),
        ..grant(name)
    };
    active(&store, &named).await;
    active(&store, &grant("other")).await;
    commit(
        &store,
        change(Op::SetStop(stop(Scope::Agent(name.into()), true))),
    )
    .await
    .unwrap();
    assert_eq!(commit(&store, use_of(name, 0)).await, Err(Refused::Stopped));
    assert!(commit(&store, use_of("other", 0)).await.is_ok());
    let found = store.grants(Which::Live, None, 10).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(
        store.stops().await.unwrap().value[0].scope,
        Scope::Agent(name.into())
    );
}

#[test]
fn who_opened_a_store_before_is_fenced_off() {
    run(async {
        let first = Memory::new("a");
        commit(&first, open(&grant("g1"))).await.unwrap();
        let second = first.reopen("b");
        let fenced = commit_at(&first, open(&grant("g2")), NOW).await;
        assert_eq!(
            fenced,
            Err(StoreError::Fenced {
                ours: 1,
                current: 2
            })
        );
        commit(&second, open(&grant("g2"))).await.unwrap();
        let records = second.records(0, 10).await.unwrap();
        assert_eq!(
            records
                .iter()
                .map(|record| record.epoch())
                .collect::<Vec<_>>(),
            [1, 2]
        );
    });
}

#[test]
fn a_folder_has_one_owner_and_each_a_later_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let first = sqlite(folder.path());
    assert_eq!(first.epoch(), 1);
    let second = Sqlite::open(folder.path(), Settings::of_replica("b"));
    assert!(matches!(second, Err(bailiwick_store::OpenError::InUse(_))));
    drop(first);
    assert_eq!(sqlite(folder.path()).epoch(), 2);
}
