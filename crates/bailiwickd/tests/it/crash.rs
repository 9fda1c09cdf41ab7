//! The daemon, killed at any time under load and at every step of a commit: nothing that it had
//! released lacks its record, what was stopped stays so, and no budget is overrun.

use std::{
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bailiwick_testkit::daemon::{Daemon, Home};

use crate::story::{Account, Asker, CALLS, Gone, Holder, Released, home, plainly};

/// How often, unless `cargo xtask torture` asks for more.
const LOOPS: u64 = 20;

/// Who asks at once.
const ASKERS: usize = 8;

/// Tokens of ended grants that are tried at the next daemon: the last before the kill.
const ENDED_TRIED: usize = 50;

/// Calls of the grant that all share, whatever daemon answers them.
const SHARED: usize = 2_000;

#[test]
fn whatever_a_killed_daemon_had_released_is_in_its_record() {
    let loops =
        std::env::var("BAILIWICK_TORTURE_LOOPS").map_or(LOOPS, |loops| loops.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let victims: Vec<String> = (0..loops).map(|round| format!("victim-{round}")).collect();
    let mut agents: Vec<&str> = victims.iter().map(String::as_str).collect();
    agents.push("worker");
    let home = home(folder.path(), &agents);
    let mut account = Account::new();
    let (mut released, mut checked) = (Vec::new(), 0);
    let mut shared = None;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut seed = u64::from(since.subsec_nanos()) + 1;
    for victim in &victims {
        let daemon = home.start(plainly).unwrap();
        let shared = shared.get_or_insert_with(|| {
            let mut asker = Asker::new(&home, &daemon);
            asker.open("worker", "share").unwrap()
        });
        check(&home, &daemon, &mut account, &released[checked..], shared);
        checked = released.len();
        // Marsaglia's xorshift is random enough to kill by.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let after = Duration::from_millis(40 + seed % 160);
        println!("{victim}: killed after {after:?}");
        released.extend(worked_until_killed(&home, daemon, victim, shared, after));
    }
    let daemon = home.start(plainly).unwrap();
    check(&home, &daemon, &mut account, &released, &shared.unwrap());
    account.verify(&home);
    let count = |is: fn(&Released) -> bool| released.iter().filter(|one| is(one)).count();
    let allowed = count(|one| matches!(one, Released::Allow { .. }));
    let killed = count(|one| matches!(one, Released::Killed { .. }));
    assert!(allowed > 0 && killed > 0, "nothing was tested");
    println!(
        "{} releases ({allowed} calls, {killed} kills), {} entries, each release recorded",
        released.len(),
        account.len()
    );
}

/// Lets everybody work until the daemon is gone, and gives what it had released.
fn worked_until_killed(
    home: &Home,
    mut daemon: Daemon,
    victim: &str,
    shared: &Holder,
    after: Duration,
) -> Vec<Released> {
    let askers: Vec<_> = (0..ASKERS)
        .map(|number| {
            let mut asker = Asker::new(home, &daemon);
            let (victim, shared) = (victim.to_owned(), shared.clone());
            thread::spawn(move || {
                // Only that it is gone ends a life.
                let _: Gone = match number {
                    0 => killer(&mut asker, &victim),
                    1 | 2 => sharer(&mut asker, &shared),
                    _ => lives(&mut asker),
                };
                asker.released
            })
        })
        .collect();
    thread::sleep(after);
    daemon.kill().unwrap();
    let released = askers.into_iter().map(|asker| asker.join().unwrap());
    released.flatten().collect()
}

/// Opens, calls as often as it may and once more, and ends, again and again.
fn lives(asker: &mut Asker) -> Gone {
    loop {
        if let Err(gone) = one_life(asker) {
            return gone;
        }
    }
}

fn one_life(asker: &mut Asker) -> Result<(), Gone> {
    let held = asker.open("worker", "post")?;
    for _ in 0..CALLS {
        assert!(asker.call(&held)?);
    }
    assert!(!asker.call(&held)?, "one call more than the grant has");
    assert_eq!(asker.end(&held)?.status, 200);
    assert!(!asker.call(&held)?, "a call after the grant was ended");
    Ok(())
}

/// Calls with a grant that others use at the same time.
fn sharer(asker: &mut Asker, shared: &Holder) -> Gone {
    loop {
        if let Err(gone) = asker.call(shared) {
            return gone;
        }
    }
}

/// Kills an agent that has a grant, and then works like the others.
fn killer(asker: &mut Asker, victim: &str) -> Gone {
    let killed = asker.open(victim, "post").and_then(|held| {
        asker.kill(victim)?;
        assert!(!asker.call(&held)?, "a call after the agent was killed");
        Ok(())
    });
    match killed {
        Ok(()) => lives(asker),
        Err(gone) => gone,
    }
}

/// Holds what the next daemon says against what the ones before it had released.
fn check(
    home: &Home,
    daemon: &Daemon,
    account: &mut Account,
    released: &[Released],
    shared: &Holder,
) {
    let mut asker = Asker::new(home, daemon);
    assert!(asker.ready().unwrap());
    account.read_on(&mut asker);
    account.holds(released);
    for grant in account.grants() {
        let most = if grant == shared.grant { SHARED } else { CALLS };
        let allowed = account.allowed(grant);
        assert!(
            allowed <= most,
            "{grant} has {most} calls, and {allowed} were allowed"
        );
    }
    for (request, over) in account.attempts() {
        assert_eq!(over, 1, "the attempt {request} is over {over} times");
    }
    for one in released {
        if let Released::Killed { agent } = one {
            let refused = asker.asked_for(agent, "post").unwrap();
            assert_eq!(refused.status, 403, "{agent} was killed: {}", refused.body);
        }
    }
    let ended = released.iter().rev().filter_map(|one| match one {
        Released::Ended { grant, bearer } => Some((grant, bearer)),
        Released::Token { .. } | Released::Allow { .. } | Released::Killed { .. } => None,
    });
    for (grant, bearer) in ended.take(ENDED_TRIED) {
        let held = Holder {
            agent: "worker".into(),
            grant: grant.clone(),
            bearer: bearer.clone(),
        };
        assert!(!asker.call(&held).unwrap(), "{grant} was ended");
    }
}

/// The moments of a commit, as `BAILIWICKD_ABORT_AT` names them.
const MOMENTS: [&str; 5] = ["Begin", "Applied", "BeforeCommit", "Commit", "AfterCommit"];

/// At every commit of a whole life (open with its token, a call, the end, a kill) the process ends
/// itself at every moment of that commit. A token is recorded whole or was never made: no attempt at
/// one is left half done.
#[test]
fn a_daemon_that_ends_at_any_moment_of_any_commit_leaves_no_credential_without_its_record() {
    for moment in MOMENTS {
        let mut is_through = false;
        // The commits of one life; a sweep in between adds some.
        for passage in 1..40 {
            let folder = tempfile::tempdir().unwrap();
            let home = home(folder.path(), &["worker", "victim"]);
            let (ended, released) = ended_at(&home, moment, passage);
            settles(&home, &released);
            if !ended {
                is_through = true;
                break;
            }
        }
        assert!(is_through, "no life was ever finished at {moment}");
    }
}

/// One life with a daemon that ends itself there. Answers whether it did, and what it had released.
fn ended_at(home: &Home, moment: &str, passage: usize) -> (bool, Vec<Released>) {
    let started = home.start(|command| {
        plainly(command);
        command.env("BAILIWICKD_ABORT_AT", format!("{moment}:{passage}"));
    });
    // Its first commits are its own.
    let Ok(daemon) = started else {
        return (true, Vec::new());
    };
    let mut asker = Asker::new(home, &daemon);
    let lived = one_life(&mut asker).and_then(|()| {
        let held = asker.open("victim", "post")?;
        asker.kill("victim")?;
        assert!(!asker.call(&held)?, "a call after the agent was killed");
        Ok(())
    });
    (lived.is_err(), asker.released)
}

/// The next daemon holds what was released, and knows the outcome of every attempt.
fn settles(home: &Home, released: &[Released]) {
    let daemon = home.start(plainly).unwrap();
    let mut asker = Asker::new(home, &daemon);
    let mut account = Account::new();
    account.read_on(&mut asker);
    account.verify(home);
    account.holds(released);
    assert!(account.attempts().values().all(|over| *over == 1));
    let listed = |asker: &mut Asker, state: &str| {
        let answer = asker.operator_reads(&format!("/v1/grants?state={state}"));
        let grants = answer.unwrap().json()["grants"].clone();
        let ids = grants.as_array().unwrap().iter();
        ids.map(|grant| grant["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(&mut asker, "issuing"), [""; 0], "half issued");
    assert_eq!(listed(&mut asker, "orphaned"), [""; 0], "a token got lost");
}
