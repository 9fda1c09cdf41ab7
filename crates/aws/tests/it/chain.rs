//! Sessions of sessions, and sessions narrowed again.

use bailiwick_aws::sts::ScopeDown;

use crate::account::{Account, NEXT_ROLE, session_policy};

#[tokio::test]
async fn who_somebody_is_stays_along_the_chain() {
    let account = Account::new();
    let sts = account.sts();
    let first = sts
        .assume_role(&account.assume_role(), &account.broker, account.now())
        .await;
    let first = first.unwrap();
    let mut next = account.assume_role();
    next.role_arn = NEXT_ROLE.to_owned();
    next.tags = Vec::new();

    next.source_identity = "somebody-else".to_owned();
    let renamed = sts.assume_role(&next, &first.key, account.now()).await;
    assert!(renamed.unwrap_err().to_string().contains("AccessDenied"));
    next.source_identity = "by-hand".to_owned();

    next.tags = vec![("Agent".to_owned(), "another".to_owned())];
    assert!(
        sts.assume_role(&next, &first.key, account.now())
            .await
            .is_err()
    );
    next.tags = Vec::new();

    next.duration_secs = 3_601;
    assert!(
        sts.assume_role(&next, &first.key, account.now())
            .await
            .is_err()
    );
    next.duration_secs = 3_600;
    let second = sts
        .assume_role(&next, &first.key, account.now())
        .await
        .unwrap();
    assert_eq!(second.source_identity.as_deref(), Some("by-hand"));
    let world = account.fake.world();
    let of_next = world
        .sessions()
        .find(|it| it.role.as_str() == NEXT_ROLE)
        .unwrap();
    assert_eq!(of_next.tags, [("agent".to_owned(), "ledger".to_owned())]);
}

#[tokio::test]
async fn each_narrowing_must_allow_and_there_are_three() {
    let account = Account::new();
    let sts = account.sts();
    let whole = sts
        .assume_role(&account.assume_role(), &account.broker, account.now())
        .await;
    let mut session = whole.unwrap();
    assert_eq!(
        account.object("PUT", "/ledger/1999/01", &session.key).await,
        200
    );
    let allow = |what: &str| ScopeDown {
        policy: Some(format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["sts:GetScopedCredentials",{what}],"Resource":"*"}}]}}"#
        )),
        ..ScopeDown::default()
    };
    for what in [
        r#""s3:GetObject","s3:PutObject""#,
        r#""s3:PutObject","s3:DeleteObject""#,
        r#""s3:PutObject","s3:GetObject""#,
    ] {
        session = sts
            .scope_down(&allow(what), &session.key, account.now())
            .await
            .unwrap();
    }
    // The second left reading out: that the third names it again brings nothing back.
    assert_eq!(account.reads(&session.key).await, 403);
    assert_eq!(
        account.object("PUT", "/ledger/1999/01", &session.key).await,
        200
    );
    let fourth = sts
        .scope_down(&allow(r#""s3:PutObject""#), &session.key, account.now())
        .await;
    assert!(fourth.unwrap_err().to_string().contains("AccessDenied"));
    // One that only shortens lays nothing on.
    let shorter = ScopeDown {
        duration_secs: Some(10),
        ..ScopeDown::default()
    };
    assert!(
        sts.scope_down(&shorter, &session.key, account.now())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn narrowing_lengthens_nothing_and_needs_a_session() {
    let account = Account::new();
    let sts = account.sts();
    let session = sts
        .assume_role(&account.assume_role(), &account.broker, account.now())
        .await;
    let key = session.unwrap().key;
    let longer = ScopeDown {
        duration_secs: Some(1_000),
        ..ScopeDown::default()
    };
    let refused = sts
        .scope_down(&longer, &key, account.now())
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("InsufficientSessionLifetime"),
        "{refused}"
    );
    let nothing = sts
        .scope_down(&ScopeDown::default(), &key, account.now())
        .await;
    assert!(nothing.unwrap_err().to_string().contains("ValidationError"));
    let policy = ScopeDown {
        policy: Some(session_policy(account.now().plus_secs(60))),
        ..ScopeDown::default()
    };
    let refused = sts
        .scope_down(&policy, &account.broker, account.now())
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("InvalidSubjectCredentials"),
        "{refused}"
    );
}
