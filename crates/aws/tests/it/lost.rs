//! What goes wrong on the way to STS and back. Whatever it is, nobody is handed a credential.

use std::time::Duration;

use bailiwick_aws::bucket::Rate;
use bailiwick_aws::endpoint::{Endpoint, Service};
use bailiwick_aws::mint::{MintError, Minter, ShortSessions};
use bailiwick_aws::sts::Sts;
use bailiwick_aws::transport::Transport;
use bailiwick_testkit::aws::Mishap;

use crate::account::{Account, mint};

/// Mints with one thing going wrong, and tells how many sessions there are then.
async fn mint_with(account: &Account, mishap: Mishap) -> (MintError, usize) {
    let before = account.fake.world().sessions().count();
    account.fake.mishap(mishap);
    let minter = account.minter(ShortSessions::ByPolicy);
    let order = account.order("g-01", 300);
    let error = mint(&minter, &order, &account.broker, account.now())
        .await
        .unwrap_err();
    (error, account.fake.world().sessions().count() - before)
}

#[tokio::test]
async fn an_answer_that_is_not_known_makes_an_orphan_that_outlives_any_session() {
    let account = Account::new();
    for (mishap, made) in [
        (Mishap::DoneAndLost, 1),
        (Mishap::Lost, 0),
        (Mishap::Slow(Duration::from_secs(1)), 1),
        (Mishap::InternalFailure, 0),
        (Mishap::Proxy, 0),
        (Mishap::Redirect, 0),
        (Mishap::Json, 1),
        (Mishap::Namespace, 1),
        (Mishap::Twice, 1),
        (Mishap::Trailing, 1),
        (Mishap::Entity, 1),
        (Mishap::Long, 1),
        (Mishap::CutOff, 1),
    ] {
        let (error, sessions) = mint_with(&account, mishap).await;
        assert_eq!(sessions, made, "{mishap:?}");
        let MintError::Orphaned { until, .. } = error else {
            panic!("{mishap:?}: {error:?}");
        };
        let lives = account.fake.world().sessions().map(|it| it.expires).max();
        assert!(lives.is_none_or(|lives| lives <= until.0), "{mishap:?}");
    }
}

#[tokio::test]
async fn a_refusal_leaves_nothing_behind() {
    let account = Account::new();
    for (mishap, code) in [
        (Mishap::Throttled, "too often"),
        (Mishap::Packed, "PackedPolicyTooLarge"),
    ] {
        let (error, sessions) = mint_with(&account, mishap).await;
        assert_eq!(sessions, 0);
        let MintError::Failed { source, .. } = error else {
            panic!("{mishap:?}: {error:?}");
        };
        assert!(source.to_string().contains(code), "{source}");
    }
    // Throttled once is not throttled for good.
    let minter = account.minter(ShortSessions::ByPolicy);
    let order = account.order("g-01", 300);
    assert!(
        mint(&minter, &order, &account.broker, account.now())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_session_that_bears_another_name_is_not_handed_out() {
    let account = Account::new();
    let (error, sessions) = mint_with(&account, Mishap::Renamed).await;
    assert_eq!(sessions, 1);
    let MintError::Another { until, .. } = error else {
        panic!("{error:?}");
    };
    let lives = account.fake.world().sessions().map(|it| it.expires).max();
    assert_eq!(lives, Some(until.0));
}

#[tokio::test]
async fn a_session_in_another_account_is_not_handed_out() {
    let account = Account::new();
    let (error, sessions) = mint_with(&account, Mishap::AnotherAccount).await;
    assert_eq!(sessions, 1);
    let MintError::Another { arn, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        arn,
        "arn:aws:sts::999999999999:assumed-role/ledger-task/g-01"
    );
}

#[tokio::test]
async fn a_session_that_lives_longer_than_was_asked_for_is_not_handed_out() {
    let account = Account::new();
    let (error, sessions) = mint_with(&account, Mishap::LongLived).await;
    assert_eq!(sessions, 1);
    let MintError::Lifetime {
        until, asked_secs, ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(
        (until.to_string().as_str(), asked_secs),
        ("2099-01-01T00:00:00Z", 900)
    );
}

#[tokio::test]
async fn when_the_narrowing_is_lost_the_session_below_it_is_an_orphan_too() {
    let account = Account::new();
    let minter = account.minter(ShortSessions::Scoped);
    let order = account.order("g-01", 60);
    let world_before = account.fake.world().sessions().count();
    account.fake.mishap(Mishap::Slow(Duration::ZERO));
    account.fake.mishap(Mishap::DoneAndLost);
    let error = mint(&minter, &order, &account.broker, account.now())
        .await
        .unwrap_err();
    assert_eq!(account.fake.world().sessions().count() - world_before, 2);
    let MintError::Orphaned { until, .. } = error else {
        panic!("{error:?}");
    };
    let lives = account.fake.world().sessions().map(|it| it.expires).max();
    assert!(lives.is_some_and(|lives| lives <= until.0));
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_made() {
    let account = Account::new();
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let sts = Sts {
        endpoint: Endpoint::at(Service::Sts, &account.region, &format!("http://{gone}")).unwrap(),
        transport: Transport::default(),
    };
    let minter = Minter::new(sts, Rate::STS, ShortSessions::ByPolicy, false);
    let order = account.order("g-01", 300);
    let error = mint(&minter, &order, &account.broker, account.now())
        .await
        .unwrap_err();
    assert!(matches!(error, MintError::Failed { .. }), "{error:?}");
}
