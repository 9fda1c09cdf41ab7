use std::sync::Arc;

use bailiwick_broker::{
    NotIssued, State,
    port::{MintError, Step},
};
use bailiwick_credentials::NoCredentials;
use bailiwick_ledger::Entry;
use bailiwick_testkit::aws::Mishap;
use secrecy::ExposeSecret as _;

use crate::house::{House, refused};

#[tokio::test]
async fn a_grants_credentials_do_what_its_task_needs_and_no_more_until_its_deadline() {
    let house = House::of(&["reader"]).await;
    let made = house.armed("g1", "reader", 120).await;
    assert!(house.reads(&made));
    // The role may, the task may not.
    assert!(!house.may(&made, "s3:PutObject"));
    // Both clocks are told: two minutes of use, a quarter of an hour that AWS knows it.
    let now = house.broker.now_ms() / 1_000;
    let lasts = |at: bailiwick_aws::time::Timestamp| u64::try_from(at.0).unwrap() - now;
    assert!(lasts(made.enforced_deadline) <= 120);
    assert!((899..=900).contains(&lasts(made.sts_expiry)));
    house.advance(118);
    assert!(house.reads(&made));
    house.advance(3);
    assert!(!house.reads(&made));
}

#[tokio::test]
async fn a_session_is_made_once_and_each_handing_out_is_on_record_without_its_secret() {
    let house = House::of(&["reader"]).await;
    let grant = house.grant("g1", "reader", 1_200).await;
    let first = house.ask(&grant).await.unwrap();
    let again = house.ask(&grant).await.unwrap();
    assert_eq!(first.session.key.id, again.session.key.id);
    assert_eq!(house.calls("sts:AssumeRole"), 1);
    let told = house.told().await;
    assert_eq!(told.matches("\"credential.shown\"").count(), 1);
    assert!(told.contains(&first.session.key.id));
    let key = &first.session.key;
    let token = key.session_token.as_ref().unwrap();
    let printed = format!("{:?} {first:?} {told}", house.sessions);
    for secret in [key.secret.expose_secret(), token.expose_secret()] {
        assert!(!printed.contains(secret));
    }
}

#[tokio::test]
async fn whoever_asks_while_a_session_is_made_waits_for_it() {
    let house = Arc::new(House::of(&["reader"]).await);
    let grant = house.grant("g1", "reader", 1_200).await;
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let (house, grant) = (Arc::clone(&house), Arc::clone(&grant));
            tokio::spawn(async move { house.ask(&grant).await.unwrap().session.key.id.clone() })
        })
        .collect();
    let mut ids = Vec::new();
    for asked in asking {
        ids.push(asked.await.unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(house.calls("sts:AssumeRole"), 1);
}

#[tokio::test]
async fn a_renewed_grant_gets_a_session_that_lasts_as_long() {
    let house = House::of(&["reader"]).await;
    let mut grant =
        bailiwick_broker::port::Grant::clone(&*house.grant("g1", "reader", 1_200).await);
    grant.deadline_ms -= 1_000_000;
    // What is asked for now ends before the grant does.
    let short = house.ask(&Arc::new(grant)).await.unwrap();
    let whole = house.kept("g1").await;
    let long = house.ask(&whole).await.unwrap();
    assert_ne!(short.session.key.id, long.session.key.id);
    assert!(short.enforced_deadline < long.enforced_deadline);
    house.advance(600);
    assert!(!house.reads(&short));
    assert!(house.reads(&long));
}

#[tokio::test]
async fn what_sts_refuses_leaves_the_grant_as_it_is() {
    let house = House::of(&["reader"]).await;
    let grant = house.grant("g1", "reader", 1_200).await;
    for mishap in [Mishap::Throttled, Mishap::Packed] {
        house.fake.mishap(mishap);
        let error = house.ask(&grant).await.unwrap_err();
        let NoCredentials::NotIssued(NotIssued::Mint(MintError::Refused(why))) = error else {
            panic!("{mishap:?}: {error:?}");
        };
        assert!(!why.is_empty());
        let kept = house.kept("g1").await;
        assert_eq!((kept.state, kept.sessions.len()), (State::Active, 0));
    }
    assert!(house.reads(&house.ask(&grant).await.unwrap()));
}

// Test 42, and whatever else an answer can be.
#[tokio::test]
async fn an_answer_that_cannot_be_trusted_orphans_the_grant_and_nobody_is_handed_anything() {
    for mishap in [
        Mishap::DoneAndLost,
        Mishap::Lost,
        Mishap::InternalFailure,
        Mishap::Proxy,
        Mishap::Json,
        Mishap::CutOff,
        Mishap::Twice,
        Mishap::Renamed,
        Mishap::AnotherAccount,
        Mishap::LongLived,
        Mishap::Slow(std::time::Duration::from_secs(2)),
    ] {
        let house = House::of(&["reader"]).await;
        let grant = house.grant("g1", "reader", 1_200).await;
        house.fake.mishap(mishap);
        let error = house.ask(&grant).await.unwrap_err();
        assert!(
            matches!(
                error,
                NoCredentials::NotIssued(NotIssued::Mint(MintError::Unknown(_)))
            ),
            "{mishap:?}: {error:?}"
        );
        assert_eq!(house.kept("g1").await.state, State::Orphaned, "{mishap:?}");
        assert!(refused(&house.ask(&grant).await.unwrap_err()), "{mishap:?}");
        // Whoever overheard the answer has a session that works, until IAM is told.
        let overheard = house.fake.world().overheard("g1");
        let mut revoker = house.revoker();
        assert!(revoker.turn().await.unwrap(), "{mishap:?}");
        for (key, token) in overheard {
            let may = house.fake.world().allows(
                &key.id,
                Some(&token),
                "s3:GetObject",
                crate::house::OBJECT,
            );
            assert!(!may, "{mishap:?}");
        }
        assert!(house.policy("reader").unwrap().contains("\"g1\""));
    }
}

#[tokio::test]
async fn an_ended_grant_gets_nothing_not_even_what_was_made_before() {
    let house = House::of(&["reader"]).await;
    let grant = house.grant("g1", "reader", 1_200).await;
    house.ask(&grant).await.unwrap();
    house.end("g1").await;
    assert!(refused(&house.ask(&grant).await.unwrap_err()));
    assert_eq!(house.calls("sts:AssumeRole"), 1);
    // Its secrets are not kept for longer than it takes to notice.
    assert_eq!(house.sessions.len(), 1);
    house.revoker().turn().await.unwrap();
    assert_eq!(house.sessions.len(), 0);
}

#[tokio::test]
async fn whoever_asked_may_go_away_and_what_was_begun_is_brought_to_its_end() {
    let house = House::of(&["reader"]).await;
    let grant = house.grant("g1", "reader", 1_200).await;
    let pause = std::time::Duration::from_millis(300);
    house.fake.mishap(Mishap::Slow(pause));
    let asking = house.ask(&grant);
    let gone = tokio::time::timeout(std::time::Duration::from_millis(50), asking).await;
    assert!(gone.is_err());
    let made = house.ask(&grant).await.unwrap();
    assert_eq!(house.calls("sts:AssumeRole"), 1);
    assert!(house.reads(&made));
}

#[tokio::test]
async fn a_grant_that_was_renewed_while_sts_was_asked_has_its_credentials() {
    let house = House::of(&["reader"]).await;
    let grant = house.grant("g1", "reader", 1_200).await;
    let pause = std::time::Duration::from_millis(200);
    house.fake.mishap(Mishap::Slow(pause));
    let renew = async {
        tokio::time::sleep(pause / 2).await;
        let now = house.kept("g1").await;
        let step = Step::to(State::Active, &now);
        let renewed = house.broker.step(&now, step, Entry::of("grant.renewed"));
        renewed.await.unwrap().into_value();
    };
    let (made, ()) = tokio::join!(house.ask(&grant), renew);
    assert!(house.reads(&made.unwrap()));
}
