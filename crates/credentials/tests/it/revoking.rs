use std::sync::{Arc, atomic::Ordering};

use bailiwick_aws::{mint::Minted, revoke::POLICY_NAME};
use bailiwick_broker::{
    Scope, State, Stop,
    port::{Ended, Op, Session, Store as _},
};
use bailiwick_ledger::Entry;
use bailiwick_testkit::aws::Mishap;

use crate::house::{House, role_of};

async fn until_done(
    house: &House,
    revoker: &mut bailiwick_credentials::Revoker<
        bailiwick_store::Memory,
        crate::house::NoLog,
        crate::house::AccountClock,
    >,
) -> u32 {
    for turn in 1..2_000 {
        if revoker.turn().await.unwrap() {
            return turn;
        }
        house.advance(1);
    }
    panic!("not done after 2,000 turns");
}

#[tokio::test]
async fn the_sessions_of_an_ended_grant_are_denied_and_no_others() {
    let house = House::of(&["reader", "writer"]).await;
    let first = house.armed("g1", "reader", 3_000).await;
    let second = house.armed("g2", "reader", 3_000).await;
    let other = house.armed("g3", "writer", 3_000).await;
    let mut revoker = house.revoker();
    assert!(revoker.turn().await.unwrap());
    assert_eq!(house.calls("iam:PutRolePolicy"), 0);
    house.end("g1").await;
    assert!(house.reads(&first));
    assert!(revoker.turn().await.unwrap());
    assert!(!house.reads(&first));
    assert!(house.reads(&second) && house.reads(&other));
    assert!(house.standing.written_ms("g1").is_some());
    assert_eq!(house.standing.written_ms("g2"), None);
    // Nothing changed, so nothing is written.
    assert!(revoker.turn().await.unwrap());
    assert_eq!(house.calls("iam:PutRolePolicy"), 1);
    let told = house.told().await;
    assert_eq!(told.matches("\"session.denied\"").count(), 1);

    // When the session has surely expired, the policy goes, and then the post.
    house.advance(3_000 + 301 + 600);
    until_done(&house, &mut revoker).await;
    assert_eq!(house.policy("reader"), None);
    assert_eq!(house.posts().await, 0);
}

#[tokio::test]
async fn all_grants_that_a_kill_ends_are_denied_with_one_write_a_role() {
    let house = House::of(&["reader", "writer"]).await;
    let mut made: Vec<(String, Arc<Minted>)> = Vec::new();
    for at in 0..30 {
        let agent = if at % 3 == 0 { "writer" } else { "reader" };
        made.push((
            agent.to_owned(),
            house.armed(&format!("g{at:02}"), agent, 3_000).await,
        ));
    }
    let stop = Stop {
        scope: Scope::Agent("reader".into()),
        kill: true,
        at_ms: house.broker.now_ms(),
        by: "olga".into(),
        reason: "drill".into(),
    };
    let stopped = house.broker.stop(stop, Entry::of("stop.set")).await;
    assert_eq!(stopped.ended, 20);
    let mut revoker = house.revoker();
    assert!(revoker.turn().await.unwrap());
    for (agent, made) in &made {
        assert_eq!(house.reads(made), agent == "writer");
    }
    assert_eq!(house.calls("iam:PutRolePolicy"), 1);
}

// Test 50.
#[tokio::test]
async fn more_than_fit_are_denied_by_issue_time_and_those_that_go_on_get_new_sessions() {
    let house = House::of(&["reader"]).await;
    let live = house.grant("live", "reader", 3_000).await;
    let before = house.ask(&live).await.unwrap();
    let mut ended = Vec::new();
    for at in 0..300 {
        let id = format!("g{at:032}");
        ended.push(house.armed(&id, "reader", 3_000).await);
        house.end(&id).await;
    }
    let mut revoker = house.revoker();
    assert!(revoker.turn().await.unwrap());
    assert!(ended.iter().all(|made| !house.reads(made)));
    assert!(
        house
            .policy("reader")
            .unwrap()
            .contains("aws:TokenIssueTime")
    );
    // One post stands for all.
    assert_eq!(house.posts().await, 1);
    assert!(!house.reads(&before));
    house.advance(2);
    let after = house.ask(&live).await.unwrap();
    assert_ne!(after.session.key.id, before.session.key.id);
    assert!(house.reads(&after));
    // The instant stays where it is, and whoever ends later is named beside it.
    house.end("live").await;
    assert!(revoker.turn().await.unwrap());
    assert!(!house.reads(&after));
    let policy = house.policy("reader").unwrap();
    assert!(policy.contains("\"live\"") && policy.contains("aws:TokenIssueTime"));
    // A new process works out the same.
    let mut restarted = house.revoker();
    assert!(restarted.turn().await.unwrap());
    assert_eq!(house.policy("reader").unwrap(), policy);
    house.advance(3_000 + 301 + 601);
    until_done(&house, &mut restarted).await;
    assert_eq!((house.policy("reader"), house.posts().await), (None, 0));
}

#[tokio::test]
async fn where_a_role_has_little_room_the_instant_comes_sooner_and_nobody_is_dropped() {
    let filler = "x".repeat(7_500);
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[
        {{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::ledger/*"}},
        {{"Effect":"Deny","Action":"s3:{filler}","Resource":"*"}}]}}"#
    );
    let house = House::with(&["reader"], &policy).await;
    let mut ended = Vec::new();
    for at in 0..100 {
        let id = format!("g{at:032}");
        ended.push(house.armed(&id, "reader", 3_000).await);
        house.end(&id).await;
    }
    let mut revoker = house.revoker();
    until_done(&house, &mut revoker).await;
    assert!(ended.iter().all(|made| !house.reads(made)));
    assert!(
        house
            .policy("reader")
            .unwrap()
            .contains("aws:TokenIssueTime")
    );
}

#[tokio::test]
async fn a_write_that_fails_is_made_again_and_the_grant_stays_on_record_until_then() {
    for mishap in [
        Mishap::Throttled,
        Mishap::InternalFailure,
        Mishap::Lost,
        Mishap::DoneAndLost,
        Mishap::Proxy,
    ] {
        let house = House::of(&["reader"]).await;
        let made = house.armed("g1", "reader", 3_000).await;
        house.end("g1").await;
        let mut revoker = house.revoker();
        // The first call tells whose account it is.
        house.fake.mishap(Mishap::Slow(std::time::Duration::ZERO));
        house.fake.mishap(mishap);
        assert!(revoker.turn().await.unwrap(), "it waits, {mishap:?}");
        assert_eq!(house.standing.roles_behind.load(Ordering::Relaxed), 1);
        assert_eq!(house.standing.failures.load(Ordering::Relaxed), 1);
        assert_eq!(house.posts().await, 1);
        house.advance(2);
        until_done(&house, &mut revoker).await;
        assert!(!house.reads(&made), "{mishap:?}");
        assert_eq!(house.standing.roles_behind.load(Ordering::Relaxed), 0);
        assert_eq!(house.told().await.matches("\"session.denied\"").count(), 1);
    }
}

// Test 52.
#[tokio::test]
async fn a_writer_that_was_replaced_writes_nothing_more() {
    let house = House::of(&["reader"]).await;
    let made = house.armed("g1", "reader", 3_000).await;
    house.end("g1").await;
    let mut stopped = house.revoker();
    let next = house.taken_over().await;
    assert!(stopped.turn().await.is_err());
    assert_eq!(house.calls("iam:PutRolePolicy"), 0);
    assert!(house.reads(&made));
    assert!(next.revoker().turn().await.unwrap());
    assert!(!house.reads(&made));
    assert!(stopped.turn().await.is_err());
    assert_eq!(house.calls("iam:PutRolePolicy"), 1);
}

// Test 52: stopped at the worst moment.
#[tokio::test]
async fn a_writer_that_is_held_up_between_its_record_and_iam_does_not_write() {
    let house = House::of(&["reader"]).await;
    let made = house.armed("g1", "reader", 3_000).await;
    house.end("g1").await;
    let mut revoker = house.revoker();
    house.held_up.store(true, Ordering::Relaxed);
    revoker.turn().await.unwrap();
    assert_eq!(house.calls("iam:PutRolePolicy"), 0);
    assert!(house.reads(&made));
    // What was announced is over, and says why.
    assert_eq!(house.memory.intents(9).await.unwrap(), []);
    assert!(house.told().await.contains("it was held up"));
    // Whoever goes on in time writes it.
    house.held_up.store(false, Ordering::Relaxed);
    house.advance(8);
    until_done(&house, &mut revoker).await;
    assert_eq!(house.calls("iam:PutRolePolicy"), 1);
    assert!(!house.reads(&made));
}

#[tokio::test]
async fn a_policy_that_somebody_took_away_is_written_again() {
    let house = House::of(&["reader"]).await;
    let made = house.armed("g1", "reader", 3_000).await;
    house.end("g1").await;
    let mut revoker = house.revoker();
    assert!(revoker.turn().await.unwrap());
    let role = role_of("reader").parse().unwrap();
    house.fake.world().take_inline_policy(&role, POLICY_NAME);
    assert!(house.reads(&made));
    house.advance(61);
    for _ in 0..3 {
        revoker.turn().await.unwrap();
    }
    assert!(!house.reads(&made));
}

#[tokio::test]
async fn a_role_in_another_account_is_not_written_to_by_its_name() {
    let house = House::of(&["reader"]).await;
    let made = house.armed("g1", "reader", 3_000).await;
    let elsewhere = Ended {
        grant: "g2".into(),
        agent: "reader".into(),
        sessions: vec![Session {
            role: role_of("reader").replace("111122223333", "999999999999"),
            until_ms: house.broker.now_ms() + 3_000_000,
            attempt: None,
        }],
    };
    let change = bailiwick_broker::port::Change {
        ops: vec![Op::Post(elsewhere.post())],
        entries: Vec::new(),
    };
    house.broker.record(change, ()).await.unwrap().into_value();
    let mut revoker = house.revoker();
    until_done(&house, &mut revoker).await;
    assert_eq!(house.calls("iam:PutRolePolicy"), 0);
    assert_eq!(house.standing.out_of_reach.load(Ordering::Relaxed), 1);
    assert!(house.reads(&made));
    // It stays on record until its sessions have expired by themselves.
    assert_eq!(house.posts().await, 1);
    house.advance(3_000 + 301);
    until_done(&house, &mut revoker).await;
    assert_eq!(house.posts().await, 0);
}

#[tokio::test]
async fn a_process_that_stopped_between_record_and_iam_is_made_good_by_the_next() {
    let house = House::of(&["reader"]).await;
    let made = house.armed("g1", "reader", 3_000).await;
    house.end("g1").await;
    house.fake.mishap(Mishap::Slow(std::time::Duration::ZERO));
    house
        .fake
        .mishap(Mishap::Slow(std::time::Duration::from_secs(60)));
    let mut stopped = house.revoker();
    let turn = tokio::time::timeout(std::time::Duration::from_millis(200), stopped.turn()).await;
    assert!(turn.is_err());
    drop(stopped);
    let next = house.taken_over().await;
    assert_eq!(next.kept("g1").await.state, State::Revoking);
    assert!(next.revoker().turn().await.unwrap());
    assert!(!house.reads(&made));
    assert_eq!(next.broker.store().intents(10).await.unwrap(), []);
}
