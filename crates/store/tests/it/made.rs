//! Grants, steps and entries, made for tests.

use std::sync::Arc;

use bailiwick_broker::{
    State, Stop,
    port::{Change, Grant, Op, Outcome, Step, Store, StoreError},
};
use bailiwick_ledger::Entry;

/// The time at which everything in these tests begins.
pub(crate) const NOW: u64 = 1_700_000_000_000;

pub(crate) fn grant(id: &str) -> Grant {
    Grant {
        id: id.into(),
        lineage: Vec::new(),
        agent: "invoice-reader".into(),
        owner: "payments".into(),
        task: "reconcile".into(),
        charter: "c1".into(),
        state: State::Approved,
        ver: 1,
        issued_ms: NOW,
        deadline_ms: NOW + 60_000,
        deadline_ms_max: NOW + 120_000,
        credential_until_ms: 0,
        ending: None,
        sessions: Vec::new(),
        uses: 0,
        body: b"body".to_vec(),
        history: Vec::new(),
    }
}

pub(crate) fn child(id: &str, parent: &Grant) -> Grant {
    let mut lineage = parent.lineage.clone();
    lineage.push(parent.id.clone());
    Grant {
        lineage,
        deadline_ms_max: parent.deadline_ms,
        ..grant(id)
    }
}

pub(crate) fn change(op: Op) -> Change {
    Change {
        ops: vec![op],
        entries: vec![Entry::of("test.change")],
    }
}

pub(crate) fn open(grant: &Grant) -> Change {
    change(Op::Open(Box::new(grant.clone())))
}

pub(crate) fn use_of(id: &str, uses: u64) -> Change {
    change(Op::Use {
        grant: id.into(),
        uses,
        history: vec![1],
    })
}

/// Commits one change at a time.
pub(crate) async fn commit_at<S: Store>(
    store: &S,
    change: Change,
    now_ms: u64,
) -> Result<Outcome, StoreError> {
    let mut outcomes = store.commit(vec![change], now_ms).await?;
    Ok(outcomes.remove(0))
}

pub(crate) async fn commit<S: Store>(store: &S, change: Change) -> Outcome {
    commit_at(store, change, NOW).await.unwrap()
}

/// The grant as it is kept.
pub(crate) async fn kept<S: Store>(store: &S, id: &str) -> Option<Arc<Grant>> {
    store.grant(id).await.unwrap().value
}

pub(crate) async fn step<S: Store>(store: &S, id: &str, to: State) -> Outcome {
    let grant = kept(store, id).await.unwrap();
    commit(store, change(Op::Step(Step::to(to, &grant)))).await
}

/// Opens a grant and makes it active.
pub(crate) async fn active<S: Store>(store: &S, grant: &Grant) {
    commit(store, open(grant)).await.unwrap();
    step(store, &grant.id, State::Issuing).await.unwrap();
    step(store, &grant.id, State::Active).await.unwrap();
}

pub(crate) fn stop(scope: bailiwick_broker::Scope, kill: bool) -> Stop {
    Stop {
        scope,
        kill,
        at_ms: NOW,
        by: "operator".into(),
        reason: "test".into(),
    }
}
