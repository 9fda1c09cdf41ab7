use bailiwick_aws::bucket::Rate;
use bailiwick_aws::key::AccessKey;
use bailiwick_aws::mint::{MintError, Minter, ShortSessions};

use crate::account::{Account, mint};

#[tokio::test]
async fn a_credential_can_do_what_the_task_needs_and_no_more_until_its_deadline() {
    let account = Account::new();
    let minter = account.minter(ShortSessions::ByPolicy);
    let order = account.order("g-01", 300);
    let minted = mint(&minter, &order, &account.broker, account.now())
        .await
        .unwrap();
    let key = &minted.session.key;
    assert_eq!(account.reads(key).await, 200);
    assert_eq!(account.item("GetItem", key).await, 200);
    // The role may, the task may not.
    assert_eq!(account.object("PUT", "/ledger/2026/11", key).await, 403);
    assert_eq!(account.object("GET", "/ledger/1999/01", key).await, 403);
    // The task may not ask for it, and the role may not do it.
    assert_eq!(account.item("PutItem", key).await, 400);
    assert_eq!(account.object("GET", "/payroll/2026/11", key).await, 403);

    account.advance(290);
    assert_eq!(account.reads(key).await, 200);
    account.advance(11);
    assert_eq!(account.reads(key).await, 403);
    assert_eq!(account.item("GetItem", key).await, 400);
    // AWS knows the session still, and says so for another ten minutes.
    let sts = account.sts();
    assert!(sts.caller_identity(key, account.now()).await.is_ok());
    account.advance(600);
    assert!(sts.caller_identity(key, account.now()).await.is_err());
}

#[tokio::test]
async fn both_clocks_are_told() {
    let account = Account::new();
    let minter = account.minter(ShortSessions::ByPolicy);
    for (seconds, lasts) in [(60, 900), (900, 900), (5_000, 5_000)] {
        let order = account.order("g-01", seconds);
        let now = account.now();
        let minted = mint(&minter, &order, &account.broker, now).await.unwrap();
        assert_eq!(minted.enforced_deadline, order.deadline);
        // The server's clock may have gone on by a second meanwhile.
        let lasted = minted.sts_expiry.secs_since(now);
        assert!((lasts..=lasts + 2).contains(&lasted), "{lasted}");
    }
    let over = mint(
        &minter,
        &account.order("g-01", 0),
        &account.broker,
        account.now(),
    )
    .await;
    assert!(matches!(over, Err(MintError::TooLate)), "{over:?}");
    assert_eq!(account.fake.world().calls("sts:AssumeRole"), 3);
}

#[tokio::test]
async fn a_session_bears_the_names_of_its_grant() {
    let account = Account::new();
    let minter = account.minter(ShortSessions::ByPolicy);
    let order = account.order("g-01", 300);
    let minted = mint(&minter, &order, &account.broker, account.now())
        .await
        .unwrap();
    assert_eq!(minted.session.id, format!("{}:g-01", account.role_id));
    assert_eq!(
        minted.session.arn,
        "arn:aws:sts::111122223333:assumed-role/ledger-task/g-01"
    );
    let who = account
        .sts()
        .caller_identity(&minted.session.key, account.now())
        .await;
    let who = who.unwrap();
    assert_eq!(
        (who.arn, who.user_id),
        (minted.session.arn, minted.session.id)
    );

    let world = account.fake.world();
    let session = world.sessions().next().unwrap();
    assert_eq!(session.source_identity.as_deref(), Some("g-01"));
    let tags: Vec<_> = session
        .tags
        .iter()
        .map(|(key, value)| (&**key, &**value))
        .collect();
    assert_eq!(
        tags,
        [
            ("agent", "ledger"),
            ("task", "monthly-report"),
            ("grant", "g-01"),
            ("owner", "finance"),
        ]
    );
    assert_eq!(session.transitive, ["agent", "task", "grant", "owner"]);
}

#[tokio::test]
async fn where_sessions_can_be_short_a_short_task_ends_with_its_session() {
    let account = Account::new();
    let minter = account.minter(ShortSessions::Scoped);
    let order = account.order("g-01", 60);
    let minted = mint(&minter, &order, &account.broker, account.now())
        .await
        .unwrap();
    assert!(
        minted.sts_expiry.secs_since(order.deadline) <= 2,
        "{minted:?}"
    );
    let key = &minted.session.key;
    assert_eq!(account.reads(key).await, 200);
    assert_eq!(account.object("PUT", "/ledger/2026/11", key).await, 403);
    account.advance(63);
    let identity = account.sts().caller_identity(key, account.now()).await;
    assert!(identity.unwrap_err().to_string().contains("ExpiredToken"));

    // A long task needs no second call.
    let long = account.order("g-02", 1_800);
    mint(&minter, &long, &account.broker, account.now())
        .await
        .unwrap();
    assert_eq!(account.fake.world().calls("sts:GetScopedCredentials"), 1);
}

#[tokio::test]
async fn a_key_with_a_wrong_secret_or_token_makes_nothing() {
    let account = Account::new();
    let minter = account.minter(ShortSessions::ByPolicy);
    let order = account.order("g-01", 300);
    let minted = mint(&minter, &order, &account.broker, account.now())
        .await
        .unwrap();
    let id = &account.broker.id;
    let wrong = AccessKey::new(id, "0000000000000000000000000000000000000000", None);
    let refused = mint(&minter, &order, &wrong, account.now())
        .await
        .unwrap_err();
    assert!(
        why(&refused).contains("SignatureDoesNotMatch"),
        "{refused:?}"
    );

    let mut stolen = minted.session.key.clone();
    stolen.session_token = None;
    assert_eq!(account.reads(&stolen).await, 403);
    stolen.session_token = Some("another".into());
    assert_eq!(account.reads(&stolen).await, 403);
    assert_eq!(account.fake.world().sessions().count(), 1);
}

#[tokio::test]
async fn who_waits_too_long_is_turned_away_before_anything_is_asked() {
    let account = Account::new();
    let rate = Rate {
        per_sec: 5,
        burst: 1,
        waiting_max: 0,
    };
    let minter = Minter::new(account.sts(), rate, ShortSessions::ByPolicy, false);
    let (order, now) = (account.order("g-01", 300), account.now());
    let made = || mint(&minter, &order, &account.broker, now);
    let (first, second, third) = tokio::join!(made(), made(), made());
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert!(matches!(third, Err(MintError::Busy(_))), "{third:?}");
    assert_eq!(account.fake.world().calls("sts:AssumeRole"), 2);
}

fn why(error: &MintError) -> String {
    let source = std::error::Error::source(error);
    source.map(ToString::to_string).unwrap_or_default()
}
