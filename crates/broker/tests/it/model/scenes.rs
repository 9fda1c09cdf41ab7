//! What is explored: four scenes that each leave out what another has.

use super::*;

use Act::*;

pub(super) fn empty() -> World {
    World {
        store: Memory::new("a"),
        backup: None,
        spool: Vec::new(),
        process: Some(Process::default()),
        now_ms: BEGIN,
        credential_until_ms: [0; 2],
        token_until_ms: [0; 2],
        opened: [false; 2],
        approved: [false; 2],
        dead: [false; 2],
        left: Left {
            calls: 2,
            attempts: 2,
            crashes: 2,
            stops: 1,
            changes: 2,
        },
        said: Said::Nothing,
        flaw: None,
    }
}

/// With the first so many grants active, each with a credential that exists.
fn with_active(count: usize) -> World {
    let mut world = empty();
    let scene = Scene {
        acts: Vec::new(),
        begin: empty(),
        broken: Broken::Nothing,
        until_ms: BEGIN,
        reaches: &[],
    };
    world.left.attempts = 9;
    for at in 0..count {
        for act in [
            Open(at),
            Approve(at),
            Begin(at),
            Mint(at, Answer::Made),
            Settle(at),
            Deliver(at),
        ] {
            scene.next(&mut world, act).unwrap();
        }
    }
    world.left = empty().left;
    world.said = Said::Nothing;
    world
}

/// Credentials, cut at every place.
pub(super) fn credentials(broken: Broken) -> Scene {
    let mut acts = vec![
        Open(0),
        Approve(0),
        Begin(0),
        Settle(0),
        Make(0),
        Deliver(0),
        End(0),
        Kill,
        Sweep,
    ];
    acts.extend([Tick, Crash, Start]);
    acts.extend(
        [
            Answer::Made,
            Answer::Refused,
            Answer::LostAndMade,
            Answer::LostAndNotMade,
        ]
        .map(|answer| Mint(0, answer)),
    );
    Scene {
        acts,
        begin: empty(),
        broken,
        until_ms: DEADLINE + TICK,
        reaches: &[
            ("a credential is delivered", |_, world| {
                world.said == Said::Delivered(0)
            }),
            ("one is withheld", |_, world| world.said == Said::Withheld),
            ("one is lost", |_, world| {
                world
                    .grant(0)
                    .is_some_and(|grant| grant.state == State::Orphaned)
            }),
            ("one that was lost ends", |_, world| {
                world
                    .grant(0)
                    .is_some_and(|grant| grant.state == State::Revoked && grant.ending.is_none())
            }),
        ],
    }
}

/// A parent and what was delegated from it, stopped in every way.
pub(super) fn families(broken: Broken) -> Scene {
    let mut acts = vec![
        Open(1),
        Approve(1),
        Call(0),
        Reply(0),
        Call(1),
        Reply(1),
        Suspend(0),
        Resume(0),
    ];
    acts.extend([Begin(1), Mint(1, Answer::Made), Settle(1), End(0)]);
    acts.extend([
        Kill,
        RevokeBesideTheStore,
        Clear,
        Drain,
        Sweep,
        Crash,
        Start,
    ]);
    let mut begin = with_active(1);
    begin.left.crashes = 1;
    begin.left.attempts = 1;
    Scene {
        acts,
        begin,
        broken,
        until_ms: BEGIN,
        reaches: &[
            ("a child is opened", |_, world| {
                world.said == Said::Delegated
            }),
            ("a child is allowed", |_, world| {
                world.said == Said::Allowed(1)
            }),
            (
                "a child of another agent dies with its parent",
                |_, world| {
                    world
                        .grant(1)
                        .is_some_and(|grant| grant.state == State::Revoking)
                },
            ),
        ],
    }
}

/// Deadlines, renewals, and what is left of a credential.
pub(super) fn time(broken: Broken) -> Scene {
    let acts = vec![
        Tick,
        Renew(0),
        Renew(1),
        Call(0),
        Reply(0),
        Call(1),
        Reply(1),
        End(1),
        Sweep,
        Crash,
        Start,
    ];
    let mut begin = with_active(2);
    begin.left.crashes = 1;
    Scene {
        acts,
        begin,
        broken,
        until_ms: DEADLINE_MAX + 2 * TICK,
        reaches: &[
            ("a parent is allowed", |_, world| {
                world.said == Said::Allowed(0)
            }),
            ("a grant is renewed to its last", |_, world| {
                world
                    .grant(0)
                    .is_some_and(|grant| grant.deadline_ms == DEADLINE_MAX)
            }),
            ("a grant expires", |_, world| {
                world
                    .grant(0)
                    .is_some_and(|grant| grant.state == State::Expired)
            }),
        ],
    }
}

/// A backup, what happened since, and the backup again.
pub(super) fn restored(broken: Broken) -> Scene {
    let acts = vec![
        Call(0),
        Reply(0),
        End(0),
        Kill,
        Clear,
        RevokeBesideTheStore,
        Backup,
        Restore,
        Crash,
        Start,
        Sweep,
        Tick,
    ];
    let mut begin = with_active(1);
    begin.left.crashes = 1;
    Scene {
        acts,
        begin,
        broken,
        until_ms: BEGIN + TICK,
        reaches: &[
            ("a backup is put back", |_, world| {
                world.said == Said::Restored
            }),
            ("it is cleared", |_, world| {
                let stops = now(world.store.stops()).unwrap().value;
                !stops.is_empty() && stops.iter().all(|stop| !stop.kill)
            }),
        ],
    }
}

fn explore(scene: Scene) -> usize {
    let checker = scene.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    checker.unique_state_count()
}

#[test]
fn i1_to_i10_hold_wherever_the_making_of_a_credential_is_cut() {
    println!("{} states", explore(credentials(Broken::Nothing)));
}

#[test]
fn i1_to_i10_hold_however_a_family_is_stopped() {
    println!("{} states", explore(families(Broken::Nothing)));
}

#[test]
fn i1_to_i10_hold_whenever_time_is_up() {
    println!("{} states", explore(time(Broken::Nothing)));
}

#[test]
fn i1_to_i10_hold_after_a_backup_is_put_back() {
    println!("{} states", explore(restored(Broken::Nothing)));
}

#[test]
fn a_broker_that_is_broken_in_one_place_is_caught() {
    for (scene, caught) in [
        (credentials(Broken::MintsBeforeTheIntentIsDurable), "I1"),
        (families(Broken::ForgetsAStopInACrash), "I10"),
        (time(Broken::EndsBeforeTheCredentialDoes), "I6"),
        (restored(Broken::RestoresWithoutAStop), "I10"),
        (families(Broken::AnswersWithoutARecord), "I4"),
        (families(Broken::TakesAStepWithoutAnEntry), "I7"),
    ] {
        let broken = scene.broken;
        let checker = scene.checker().threads(2).spawn_bfs().join();
        let found = checker.discoveries();
        assert!(
            found.keys().any(|name| name.starts_with(caught)),
            "{broken:?} was not caught by {caught}, but by {:?}",
            found.keys()
        );
    }
}
