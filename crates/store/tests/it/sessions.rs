//! Sessions on AWS: announced before they are made, known when they are, posted to be denied when
//! their grant ends.

use std::sync::{Arc, Mutex, atomic::Ordering};

use bailiwick_broker::{
    NotIssued, Recorded, Scope, State,
    port::{Attempt, Ended, Grant, Mint, MintError, Minted, Session, Step, Store as _},
};
use bailiwick_ledger::{Credential, Entry};
use tokio::sync::Notify;

use crate::{
    broker::{Bench, Real, active},
    made::{NOW, grant, kept, stop},
};

const ROLE: &str = "arn:aws:iam::111122223333:role/agents/prod/invoice-reader-task";

/// STS, as far as the broker sees it: it announces a session, and answers as it is told.
struct Sts {
    answer: Mutex<Option<Result<(), MintError>>>,
    /// It answers when it is told to go on, if at all.
    goes_on: Option<Arc<Notify>>,
}

impl Sts {
    fn with(answer: Result<(), MintError>) -> Self {
        Self {
            answer: Mutex::new(Some(answer)),
            goes_on: None,
        }
    }
}

impl Mint for Sts {
    type Credential = &'static str;

    fn until_ms_max(&self, _: &Grant, now_ms: u64) -> u64 {
        now_ms + 1_800_000
    }

    fn session(&self, _: &Grant, request: &str, now_ms: u64) -> Option<Session> {
        Some(Session {
            role: ROLE.into(),
            until_ms: now_ms + 1_800_000,
            attempt: Some(Attempt {
                request: request.into(),
                by_ms: now_ms + 900_000,
            }),
        })
    }

    async fn mint(
        &self,
        _: &Recorded<Arc<Grant>>,
        _: &str,
    ) -> Result<Minted<&'static str>, MintError> {
        if let Some(goes_on) = &self.goes_on {
            goes_on.notified().await;
        }
        let answer = self.answer.lock().unwrap().take().unwrap();
        answer.map(|()| Minted {
            credential: "secret-canary",
            about: Credential {
                kind: "sts".into(),
                expires_ms: Some(NOW + 900_000),
                ..Credential::default()
            },
        })
    }
}

async fn ask(broker: &Real, id: &str, request: &str, sts: &Sts) -> Result<(), NotIssued> {
    let grant = kept(broker.store(), id).await.unwrap();
    let entry = Entry::of("credential.issued");
    let issued = broker.issue(grant, request, &entry, sts).await;
    issued.map(|made| assert_eq!(made.into_value(), "secret-canary"))
}

async fn sessions(broker: &Real, id: &str) -> Vec<Session> {
    kept(broker.store(), id).await.unwrap().sessions.clone()
}

/// What is posted of ended grants, in the order in which they ended.
async fn posted(broker: &Real) -> Vec<Ended> {
    let posts = broker.store().posts(1_000).await.unwrap();
    let read = posts.iter().map(|post| Ended::read(post).unwrap().unwrap());
    read.collect()
}

fn known() -> Session {
    Session {
        role: ROLE.into(),
        until_ms: NOW + 900_000,
        attempt: None,
    }
}

#[tokio::test]
async fn a_session_is_known_by_its_role_and_expiry_once_it_is_made() {
    let bench = Bench::new();
    let broker = bench.open().await;
    active(&broker, grant("g1")).await;
    ask(&broker, "g1", "r1", &Sts::with(Ok(()))).await.unwrap();
    assert_eq!(sessions(&broker, "g1").await, [known()]);
    // A second one of the same role adds no line: the last to expire stands for both.
    ask(&broker, "g1", "r2", &Sts::with(Ok(()))).await.unwrap();
    assert_eq!(sessions(&broker, "g1").await, [known()]);
    assert_eq!(posted(&broker).await, []);
}

// Test 51, where STS is behind it: nothing is asked that is not on record.
#[tokio::test]
async fn with_the_store_down_sts_is_not_asked() {
    let bench = Bench::new();
    let broker = bench.open().await;
    active(&broker, grant("g1")).await;
    let held = kept(broker.store(), "g1").await.unwrap();
    let sts = Sts::with(Ok(()));
    bench.store_is_down(true);
    let entry = Entry::of("credential.issued");
    let issued = broker.issue(held, "r1", &entry, &sts).await;
    assert!(matches!(issued, Err(NotIssued::NotRecorded(_))));
    assert!(sts.answer.lock().unwrap().is_some(), "nobody asked");
}

#[tokio::test]
async fn what_sts_surely_did_not_make_is_taken_back_and_the_grant_goes_on() {
    let bench = Bench::new();
    let broker = bench.open().await;
    active(&broker, grant("g1")).await;
    let refusing = Sts::with(Err(MintError::Refused("AccessDenied".into())));
    let refused = ask(&broker, "g1", "r1", &refusing).await;
    assert!(matches!(refused, Err(NotIssued::Mint(_))));
    assert_eq!(sessions(&broker, "g1").await, []);
    assert_eq!(
        kept(broker.store(), "g1").await.unwrap().state,
        State::Active
    );
    assert_eq!(posted(&broker).await, []);
}

#[tokio::test]
async fn a_grant_of_whose_session_nobody_knows_is_an_orphan_and_posted() {
    let bench = Bench::new();
    let broker = bench.open().await;
    active(&broker, grant("g1")).await;
    ask(&broker, "g1", "r1", &Sts::with(Ok(()))).await.unwrap();
    let lost = Sts::with(Err(MintError::Unknown("the connection broke".into())));
    let unknown = ask(&broker, "g1", "r2", &lost).await;
    assert!(matches!(
        unknown,
        Err(NotIssued::Mint(MintError::Unknown(_)))
    ));
    assert_eq!(
        kept(broker.store(), "g1").await.unwrap().state,
        State::Orphaned
    );
    let posted = posted(&broker).await;
    let [ended] = posted.as_slice() else {
        panic!("{posted:?}");
    };
    let [made, unknown] = ended.sessions.as_slice() else {
        panic!("{ended:?}");
    };
    assert_eq!(*made, known());
    assert_eq!(
        unknown.attempt.as_ref().map(|attempt| &*attempt.request),
        Some("r2")
    );
    assert_eq!(unknown.until_ms, NOW + 1_800_000);
}

// Test 42, with STS in the middle: the process stops while STS is asked.
#[tokio::test]
async fn a_session_under_way_when_the_process_stopped_is_an_orphan_at_the_next_start() {
    let bench = Bench::new();
    let broker = bench.open().await;
    active(&broker, grant("g1")).await;
    active(&broker, grant("g2")).await;
    let never = Sts {
        goes_on: Some(Arc::default()),
        ..Sts::with(Ok(()))
    };
    let asking = ask(&broker, "g1", "r1", &never);
    let stopped = tokio::time::timeout(std::time::Duration::from_millis(200), asking).await;
    assert!(stopped.is_err());
    bench.close(broker).await;
    let broker = bench.open().await;
    let state = |id: &'static str| {
        let broker = Arc::clone(&broker);
        async move { kept(broker.store(), id).await.unwrap().state }
    };
    assert_eq!(state("g1").await, State::Orphaned);
    assert_eq!(state("g2").await, State::Active);
    let posted: Vec<_> = posted(&broker)
        .await
        .into_iter()
        .map(|it| it.grant)
        .collect();
    assert_eq!(posted, ["g1"]);
}

/// An STS that answers when it is told to.
fn slow() -> (Sts, Arc<Notify>) {
    let goes_on = Arc::new(Notify::new());
    let slow = Sts {
        goes_on: Some(Arc::clone(&goes_on)),
        ..Sts::with(Ok(()))
    };
    (slow, goes_on)
}

/// The grant as it is once a session of it is asked for.
async fn while_asked(broker: &Real, id: &str) -> Arc<Grant> {
    while sessions(broker, id).await.is_empty() {
        tokio::task::yield_now().await;
    }
    kept(broker.store(), id).await.unwrap()
}

#[tokio::test]
async fn a_session_is_handed_out_although_its_grant_was_renewed_meanwhile() {
    let bench = Bench::new();
    let broker = bench.open().await;
    active(&broker, grant("g1")).await;
    let (slow, goes_on) = slow();
    let renewing = async {
        let now = while_asked(&broker, "g1").await;
        let step = Step {
            deadline_ms: Some(now.deadline_ms + 1_000),
            ..Step::to(State::Active, &now)
        };
        broker
            .step(&now, step, Entry::of("grant.renewed"))
            .await
            .unwrap()
            .into_value();
        goes_on.notify_one();
    };
    let (asked, ()) = tokio::join!(ask(&broker, "g1", "r1", &slow), renewing);
    asked.unwrap();
    assert_eq!(sessions(&broker, "g1").await, [known()]);
}

#[tokio::test]
async fn a_session_made_while_its_grant_was_ended_is_posted_and_not_handed_out() {
    let bench = Bench::new();
    let broker = bench.open().await;
    active(&broker, grant("g1")).await;
    let (slow, goes_on) = slow();
    let ending = async {
        let now = while_asked(&broker, "g1").await;
        let ended = broker
            .end(&now, State::Revoked, &Entry::of("grant.revoking"))
            .await;
        assert_eq!(ended.unwrap().into_value(), 1);
        goes_on.notify_one();
    };
    let (asked, ()) = tokio::join!(ask(&broker, "g1", "r1", &slow), ending);
    assert!(matches!(asked, Err(NotIssued::NotRecorded(_))));
    let posted = posted(&broker).await;
    assert_eq!(posted.len(), 1, "{posted:?}");
    assert!(posted[0].sessions[0].attempt.is_some());
}

#[tokio::test]
async fn whatever_ends_a_grant_posts_its_sessions_and_nothing_of_those_without() {
    let bench = Bench::new();
    let broker = bench.open().await;
    for id in ["done", "late", "killed", "killed-2", "bare"] {
        let opened = Grant {
            agent: if id.starts_with("killed") {
                "other".into()
            } else {
                "reader".into()
            },
            deadline_ms: if id == "late" {
                NOW + 1_000
            } else {
                NOW + 60_000
            },
            ..grant(id)
        };
        active(&broker, opened).await;
        if id != "bare" {
            ask(&broker, id, &format!("sts-{id}"), &Sts::with(Ok(())))
                .await
                .unwrap();
        }
    }
    let done = kept(broker.store(), "done").await.unwrap();
    let completed = broker.end(&done, State::Completed, &Entry::default()).await;
    completed.unwrap().into_value();
    let bare = kept(broker.store(), "bare").await.unwrap();
    broker
        .end(&bare, State::Completed, &Entry::default())
        .await
        .unwrap()
        .into_value();
    bench.clock.0.store(NOW + 1_001, Ordering::SeqCst);
    while broker.sweep().await.unwrap() > 0 {}
    let scope = Scope::Agent("other".into());
    let stopped = broker.stop(stop(scope, true), Entry::of("stop.set")).await;
    assert_eq!(stopped.ended, 2);
    let mut posted: Vec<_> = posted(&broker)
        .await
        .into_iter()
        .map(|it| it.grant)
        .collect();
    posted.sort_unstable();
    assert_eq!(posted, ["done", "killed", "killed-2", "late"]);
}
