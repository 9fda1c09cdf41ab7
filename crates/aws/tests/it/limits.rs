//! What is beyond AWS's limits is told before anything is sent; what only AWS knows, by AWS.

use bailiwick_aws::call::CallError;
use bailiwick_aws::sts::AssumeRole;

use crate::account::{Account, NEXT_ROLE};

type Change = fn(&mut AssumeRole);

#[tokio::test]
async fn what_aws_would_never_take_is_not_sent() {
    let account = Account::new();
    let sts = account.sts();
    let changes: [Change; 5] = [
        |order| order.session_name = "a/b".to_owned(),
        |order| order.source_identity = "x".to_owned(),
        |order| order.duration_secs = 899,
        |order| order.session_policy = Some("x".repeat(2_049)),
        |order| order.tags.push(("AGENT".to_owned(), "again".to_owned())),
    ];
    for change in changes {
        let mut order = account.assume_role();
        change(&mut order);
        let error = sts
            .assume_role(&order, &account.broker, account.now())
            .await
            .unwrap_err();
        assert!(matches!(error, CallError::Limit(_)), "{error:?}");
    }
    assert_eq!(account.fake.world().calls("sts:AssumeRole"), 0);
}

#[tokio::test]
async fn what_only_aws_can_know_is_refused_in_its_words() {
    let account = Account::new();
    let sts = account.sts();
    let changes: [(Change, &str); 4] = [
        (
            |order| order.role_arn = NEXT_ROLE.to_owned(),
            "AccessDenied",
        ),
        (|order| order.role_arn += "-gone", "AccessDenied"),
        // The trust policy lets no session in that does not say which agent it is.
        (
            |order| order.tags = vec![("owner".to_owned(), "finance".to_owned())],
            "sts:TagSession",
        ),
        (
            |order| order.session_policy = Some("{}{".to_owned()),
            "MalformedPolicyDocument",
        ),
    ];
    for (change, code) in changes {
        let mut order = account.assume_role();
        change(&mut order);
        let error = sts
            .assume_role(&order, &account.broker, account.now())
            .await
            .unwrap_err();
        assert!(matches!(error, CallError::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains(code), "{error}");
    }
    assert_eq!(account.fake.world().sessions().count(), 0);
}
