use bailiwick_aws::mint::ShortSessions;
use bailiwick_aws::revoke::{CHARS_MAX, Denial, Ended, POLICY_NAME, denial};
use bailiwick_aws::time::Timestamp;

use crate::account::{Account, ROLE, mint};

const ROLE_NAME: &str = "ledger-task";

/// Writes what is to be denied.
async fn put(account: &Account, denial: &Denial) {
    let (iam, key, now) = (account.iam(), &account.broker, account.now());
    let put = match denial {
        Denial::Nothing => {
            iam.delete_role_policy(ROLE_NAME, POLICY_NAME, key, now)
                .await
        }
        Denial::Grants { document, .. } | Denial::IssuedBefore { document, .. } => {
            iam.put_role_policy(ROLE_NAME, POLICY_NAME, document, key, now)
                .await
        }
    };
    put.unwrap();
}

fn ended(grant: &str, sessions_expire: Timestamp) -> Ended {
    Ended {
        grant: grant.to_owned(),
        sessions_expire,
        made_by: None,
    }
}

#[tokio::test]
async fn the_sessions_of_an_ended_grant_are_denied_and_no_others() {
    let account = Account::new();
    let minter = account.minter(ShortSessions::ByPolicy);
    let mut minted = Vec::new();
    for grant in ["g-01", "g-02"] {
        let order = account.order(grant, 3_000);
        minted.push(
            mint(&minter, &order, &account.broker, account.now())
                .await
                .unwrap(),
        );
    }
    let ended = [ended("g-01", minted[0].sts_expiry)];
    let written = denial(&ended, None, CHARS_MAX, account.now());
    put(&account, &written).await;
    assert_eq!(account.reads(&minted[0].session.key).await, 403);
    assert_eq!(account.item("GetItem", &minted[0].session.key).await, 400);
    assert_eq!(account.reads(&minted[1].session.key).await, 200);

    let iam = account.iam();
    let read = || iam.role_policy(ROLE_NAME, POLICY_NAME, &account.broker, account.now());
    let Denial::Grants { document, .. } = written else {
        panic!("expected grants");
    };
    assert_eq!(read().await.unwrap(), Some(document));

    // When its last session has surely expired, the entry is taken away. Twice does no harm.
    account.advance(3_310);
    let nothing = denial(&ended, None, CHARS_MAX, account.now());
    assert_eq!(nothing, Denial::Nothing);
    put(&account, &nothing).await;
    put(&account, &nothing).await;
    assert_eq!(read().await.unwrap(), None);
}

#[tokio::test]
async fn a_session_made_of_an_ended_ones_is_denied_by_the_next_role_too() {
    let account = Account::new();
    let sts = account.sts();
    let first = sts
        .assume_role(&account.assume_role(), &account.broker, account.now())
        .await;
    let first = first.unwrap();
    let written = denial(
        &[ended("by-hand", first.expires)],
        None,
        CHARS_MAX,
        account.now(),
    );
    put(&account, &written).await;
    let mut next = account.assume_role();
    next.role_arn = crate::account::NEXT_ROLE.to_owned();
    next.tags = Vec::new();
    let refused = sts.assume_role(&next, &first.key, account.now()).await;
    assert!(refused.unwrap_err().to_string().contains("AccessDenied"));
}

#[tokio::test]
async fn when_the_ended_no_longer_fit_all_sessions_from_before_are_denied_and_new_ones_live() {
    let account = Account::new();
    let minter = account.minter(ShortSessions::ByPolicy);
    let order = account.order("g-old", 3_000);
    let old = mint(&minter, &order, &account.broker, account.now())
        .await
        .unwrap();
    assert_eq!(account.reads(&old.session.key).await, 200);

    let many: Vec<Ended> = (0..400)
        .map(|at| ended(&format!("g-{at:026}"), old.sts_expiry))
        .collect();
    let written = denial(&many, None, CHARS_MAX, account.now());
    let Denial::IssuedBefore { cut_off, .. } = written else {
        panic!("expected the instant");
    };
    put(&account, &written).await;
    assert_eq!(account.reads(&old.session.key).await, 403);

    account.advance(5);
    let order = account.order("g-new", 3_000);
    let new = mint(&minter, &order, &account.broker, account.now())
        .await
        .unwrap();
    assert_eq!(account.reads(&new.session.key).await, 200);

    // The cut-off stays beside entries that come after it.
    let both = denial(
        &[ended("g-new", new.sts_expiry)],
        Some(cut_off),
        CHARS_MAX,
        account.now(),
    );
    put(&account, &both).await;
    assert_eq!(account.reads(&old.session.key).await, 403);
    assert_eq!(account.reads(&new.session.key).await, 403);
}

#[tokio::test]
async fn what_is_denied_leaves_the_roles_own_policies_alone_and_within_iams_limit() {
    let account = Account::new();
    let iam = account.iam();
    let role = ROLE.parse().unwrap();
    let own = account
        .fake
        .world()
        .inline_policy(&role, "task")
        .map(str::to_owned);
    let statement = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Action":"s3:{}","Resource":"*"}}]}}"#,
        "x".repeat(10_000)
    );
    let put = iam.put_role_policy(ROLE_NAME, "big", &statement, &account.broker, account.now());
    assert!(put.await.unwrap_err().to_string().contains("LimitExceeded"));
    let written = denial(
        &[ended("g-01", account.now().plus_secs(900))],
        None,
        CHARS_MAX,
        account.now(),
    );
    self::put(&account, &written).await;
    let world = account.fake.world();
    assert_eq!(world.inline_policy(&role, "task").map(str::to_owned), own);
    assert_eq!(world.inline_policy(&role, "big"), None);
    assert!(world.inline_policy(&role, POLICY_NAME).is_some());
}
