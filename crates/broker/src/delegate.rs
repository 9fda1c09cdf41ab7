//! A grant made out of a grant: what it takes from the first and its own beginning are one change.

use std::sync::Arc;

use bailiwick_ledger::Entry;

use crate::{
    Broker, Cause, NotRecorded, Recorded,
    broker::lock,
    port::{Change, Clock, Grant, Log, Op, Refused, Store},
    protocol::{about, used},
};

/// How often it is tried anew because the grant was used meanwhile.
const ATTEMPTS_MAX: usize = 8;

/// What a grant gives away, and to which.
#[derive(Debug)]
pub struct Split {
    /// What the first grant then remembers.
    pub history: Vec<u8>,
    pub child: Grant,
}

/// Why no grant was made out of another.
#[derive(Debug)]
pub enum NotDelegated<E> {
    /// The authority does not split it so.
    Authority(E),
    /// The first grant may not be used at all, or nothing is known to be durable.
    Cause(Cause<()>),
}

impl<S: Store, L: Log, C: Clock> Broker<S, L, C> {
    /// Makes a grant out of a live one. `split` is asked with the grant, every call under way
    /// counted, and the time; and again if the grant was used meanwhile.
    ///
    /// The first grant's budgets and the new grant are written together: there is no instant at
    /// which both could spend the same.
    ///
    /// # Errors
    /// If the first grant may not be used, the split is refused, or it is not known to be durable.
    pub async fn delegate<E>(
        &self,
        parent: &str,
        costs: Vec<Op>,
        entry: &Entry,
        mut split: impl FnMut(&Grant, u64) -> Result<Split, E>,
    ) -> Result<Recorded<Arc<Grant>>, NotDelegated<E>> {
        let mut refused = Refused::NoGrant;
        for _ in 0..ATTEMPTS_MAX {
            let remembered = match self.remembered(parent).await {
                Ok(Some(remembered)) => remembered,
                Ok(None) => return Err(NotDelegated::Cause(Cause::NoGrant)),
                Err(error) => return Err(NotDelegated::Cause(error.into())),
            };
            // The lock is held from the split to the queue, as in a decision.
            let submitted = {
                let mut ahead = lock(&remembered.ahead);
                let now = self.now_ms();
                if let Some(cause) = self.cause_before_judgement(&ahead.grant, now) {
                    return Err(NotDelegated::Cause(cause));
                }
                let Split { history, child } =
                    split(&ahead.grant, now).map_err(NotDelegated::Authority)?;
                let change = given(&ahead.grant, history.clone(), &child, costs.clone(), entry);
                let receipt = self.recorder.submit(change);
                receipt.map(|receipt| (receipt, remembered.used(&mut ahead, history), child))
            };
            let (receipt, _under_way, child) = submitted.map_err(not_recorded)?;
            match receipt.wait().await {
                Ok(places) => return Ok(Recorded::new(Arc::new(child), places)),
                Err(NotRecorded::Refused(why @ (Refused::Uses { .. } | Refused::State { .. }))) => {
                    self.forget(parent);
                    refused = why;
                }
                Err(error) => {
                    self.forget(parent);
                    return Err(not_recorded(error));
                }
            }
        }
        Err(not_recorded(NotRecorded::Refused(refused)))
    }
}

fn not_recorded<E>(error: NotRecorded) -> NotDelegated<E> {
    NotDelegated::Cause(Cause::NotRecorded(error))
}

/// What is taken from the first grant, and the beginning of the new one.
fn given(parent: &Grant, history: Vec<u8>, child: &Grant, costs: Vec<Op>, entry: &Entry) -> Change {
    let mut change = used(
        parent,
        history,
        Entry {
            event: "grant.delegated".into(),
            ..entry.clone()
        },
    );
    change.ops.splice(0..0, costs);
    change.ops.push(Op::Open(Box::new(child.clone())));
    let mut opened = about(entry.clone(), child);
    let told = opened.grant.get_or_insert_default();
    told.state_to = Some(child.state.name().into());
    told.deadline_ms = Some(child.deadline_ms);
    opened.event = "grant.approved".into();
    change.entries.push(opened);
    change
}
