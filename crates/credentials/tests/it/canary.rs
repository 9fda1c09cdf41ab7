use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bailiwick_broker::{Scope, Stop, port::Store as _};
use bailiwick_credentials::{Layer, Like, Verified};
use bailiwick_ledger::Entry;

use crate::house::{House, OBJECT, role_of};

fn like(object: Option<&str>) -> Like {
    Like {
        id: "gcanary1".into(),
        agent: "reader".into(),
        owner: "payments".into(),
        task: "reconcile".into(),
        charter: "c1".into(),
        lineage: Vec::new(),
        role_arn: role_of("reader"),
        object: object.map(|arn| (arn.to_owned(), arn.parse().unwrap())),
    }
}

/// Kills the agent with a canary, while IAM is told after so long, if it is told at all.
async fn killed(object: Option<&str>, told_after: Option<Duration>, within: Duration) -> Verified {
    let house = House::of(&["reader"]).await;
    let canaries = house.canaries();
    let entry = Entry::of("credential.issued");
    let canary = canaries
        .open(&house.broker, like(object), &entry)
        .await
        .unwrap();
    let stop = Stop {
        scope: Scope::Agent("reader".into()),
        kill: true,
        at_ms: house.broker.now_ms(),
        by: "olga".into(),
        reason: "drill".into(),
    };
    let stopped = Instant::now();
    assert_eq!(
        house.broker.stop(stop, Entry::of("stop.set")).await.ended,
        1
    );
    if let Some(after) = told_after {
        let mut revoker = house.revoker();
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            revoker.turn().await.unwrap();
        });
    }
    let verified = canaries
        .watch(&house.broker, &canary, stopped, within)
        .await;
    // The canary is a grant like others, and ends like them.
    assert!(!house.kept("gcanary1").await.state.is_live());
    assert!(house.broker.store().posts(9).await.unwrap().len() == 1);
    verified
}

fn layer<'v>(verified: &'v Verified, name: &str) -> &'v Layer {
    let mut layers = verified.layers.iter();
    layers.find(|layer| layer.name == name).unwrap()
}

#[tokio::test]
async fn each_layer_of_a_kill_is_told_with_its_time_and_what_it_was_seen_on() {
    let after = Duration::from_millis(700);
    let verified = killed(Some(OBJECT), Some(after), Duration::from_secs(30)).await;
    assert_eq!(layer(&verified, "own").holds, Some(true));
    let policy = layer(&verified, "iam_policy");
    let effect = layer(&verified, "iam_effect");
    assert_eq!((policy.holds, effect.holds), (Some(true), Some(true)));
    assert!(policy.after_ms.unwrap() >= 700);
    assert!(effect.after_ms.unwrap() >= 700);
    // Before IAM was told, its session worked, and that is said.
    assert!(verified.successes >= 1 && verified.tries > verified.successes);
    assert!(verified.last_success_after_ms.unwrap() < effect.after_ms.unwrap());
    assert!(effect.coverage.contains("reader-task") && effect.coverage.contains(OBJECT));
}

#[tokio::test]
async fn a_kill_that_iam_is_not_told_of_is_not_said_to_hold_there() {
    let verified = killed(Some(OBJECT), None, Duration::from_secs(2)).await;
    assert_eq!(layer(&verified, "own").holds, Some(true));
    assert_eq!(layer(&verified, "iam_policy").holds, Some(false));
    assert_eq!(layer(&verified, "iam_effect").holds, Some(false));
    assert_eq!(verified.successes, verified.tries);
    assert!(verified.watched_ms >= 2_000);
}

#[tokio::test]
async fn what_shows_nothing_is_not_taken_for_a_denial() {
    let soon = Some(Duration::ZERO);
    for object in [None, Some("arn:aws:s3:::elsewhere/2026/11")] {
        let verified = killed(object, soon, Duration::from_secs(10)).await;
        let effect = layer(&verified, "iam_effect");
        assert_eq!((effect.holds, verified.tries), (None, 0), "{object:?}");
        assert!(effect.coverage.starts_with("not tried"), "{effect:?}");
        assert_eq!(layer(&verified, "iam_policy").holds, Some(true));
    }
}

#[tokio::test]
async fn a_canary_that_gets_no_session_is_told_and_leaves_no_live_grant() {
    let house = Arc::new(House::of(&[]).await);
    let entry = Entry::of("credential.issued");
    let opened = house
        .canaries()
        .open(&house.broker, like(None), &entry)
        .await;
    assert!(opened.is_err());
    assert!(!house.kept("gcanary1").await.state.is_live());
}
