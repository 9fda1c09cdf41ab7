//! One call: decided, recorded, and only then allowed.

use std::sync::Arc;

use bailiwick_ledger::{Decision, Effect, Entry};

use crate::{
    Broker, NotRecorded, Recorded, State, Stop,
    broker::lock,
    port::{Clock, Grant, Log, Place, Refused, Store, StoreError},
    protocol::{about, used},
    recorder::Receipt,
    remembered::{Ahead, Remembered, UnderWay},
};

/// How often a decision is made anew because another replica was faster. Where three replicas use one
/// grant without a pause, about one attempt in four is lost.
const ATTEMPTS_MAX: usize = 12;

/// What the authority says about one call on one grant, as it is with every call under way counted.
#[derive(Debug)]
pub enum Verdict<T> {
    /// It may happen; `history` is what the grant then remembers.
    Allow {
        history: Vec<u8>,
        entry: Entry,
        value: T,
    },
    /// It may not, or not yet.
    Deny { entry: Entry, value: T },
}

/// The answer to a call.
#[derive(Debug)]
#[must_use]
pub enum Ruling<T> {
    /// It may happen: its record is durable.
    Allowed(Recorded<T>),
    /// It may not.
    Denied(Denied<T>),
}

/// A call that may not happen.
#[derive(Debug)]
pub struct Denied<T> {
    pub cause: Cause<T>,
    /// Where the denial stands in the ledger, if the store could take it.
    pub place: Option<Place>,
}

/// Why a call may not happen.
#[derive(Debug)]
pub enum Cause<T> {
    /// The authority says so.
    Authority(T),
    /// There is no such grant: it never was, or was lost when a backup was put back.
    NoGrant,
    /// The grant is not active.
    State(State),
    /// Its time is up.
    Deadline,
    /// An operator stopped it.
    Stopped(Stop),
    /// It could not be recorded, so it may not happen.
    NotRecorded(NotRecorded),
}

impl<T> Cause<T> {
    /// The stable code of the reason in the ledger. The authority writes its own.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Authority(_) => "authority",
            Self::NoGrant => "grant_unknown",
            Self::State(_) => "grant_not_active",
            Self::Deadline => "deadline_passed",
            Self::Stopped(_) => "stopped",
            Self::NotRecorded(NotRecorded::QueueFull) => "queue_full",
            Self::NotRecorded(NotRecorded::Closed) => "closing",
            Self::NotRecorded(NotRecorded::Refused(Refused::Parent)) => "parent_not_active",
            Self::NotRecorded(NotRecorded::Refused(_)) => "contended",
            Self::NotRecorded(NotRecorded::Store(_)) => "store_unavailable",
        }
    }
}

/// What one attempt at a decision came to.
enum Attempt<T> {
    Ruled(Ruling<T>),
    /// Somebody else changed the grant meanwhile.
    Again(Refused),
}

impl<S: Store, L: Log, C: Clock> Broker<S, L, C> {
    /// Decides one call. `judge` is asked with the grant and the time, and again if another replica
    /// changed the grant meanwhile.
    ///
    /// `asked` says what was asked for; it is the record of a denial that comes before the
    /// authority is asked. An allowing answer is released only when its record is durable and the
    /// store confirmed, in the same transaction, that the grant was active, in time, not stopped
    /// and used exactly as often as was decided on.
    pub async fn decide<T>(
        &self,
        grant: &str,
        asked: &Entry,
        mut judge: impl FnMut(&Grant, u64) -> Verdict<T>,
    ) -> Ruling<T> {
        let mut refused = Refused::NoGrant;
        for _ in 0..ATTEMPTS_MAX {
            match self.attempt(grant, asked, &mut judge).await {
                Attempt::Ruled(ruling) => return ruling,
                Attempt::Again(why) => refused = why,
            }
        }
        let cause = Cause::NotRecorded(NotRecorded::Refused(refused));
        self.deny(asked.clone(), cause).await
    }

    async fn attempt<T>(
        &self,
        id: &str,
        asked: &Entry,
        judge: &mut impl FnMut(&Grant, u64) -> Verdict<T>,
    ) -> Attempt<T> {
        let remembered = match self.remembered(id).await {
            Ok(Some(remembered)) => remembered,
            Ok(None) => return self.denied(named(asked.clone(), id), Cause::NoGrant).await,
            Err(error) => {
                let cause = Cause::NotRecorded(NotRecorded::Store(error));
                return self.denied(named(asked.clone(), id), cause).await;
            }
        };
        // The lock is held from the judgement to the queue, so that two calls at once count as two.
        let judged = {
            let mut ahead = lock(&remembered.ahead);
            let now = self.now_ms();
            match self.cause_before_judgement(&ahead.grant, now) {
                Some(cause) => Err((about(asked.clone(), &ahead.grant), cause)),
                None => match judge(&ahead.grant, now) {
                    Verdict::Deny { entry, value } => {
                        Err((about(entry, &ahead.grant), Cause::Authority(value)))
                    }
                    Verdict::Allow {
                        history,
                        entry,
                        value,
                    } => match self.submit_use(&remembered, &mut ahead, history, entry) {
                        Ok((receipt, under_way)) => Ok((receipt, under_way, value)),
                        Err(error) => Err((
                            about(asked.clone(), &ahead.grant),
                            Cause::NotRecorded(error),
                        )),
                    },
                },
            }
        };
        let (receipt, under_way, value) = match judged {
            Ok(judged) => judged,
            Err((entry, cause)) => return self.denied(entry, cause).await,
        };
        let recorded = receipt.wait().await;
        match recorded {
            Ok(places) => {
                drop(under_way);
                // A kill that came while the record was flushed is obeyed.
                let stopped = self.stop_covering(&lock(&remembered.ahead).grant);
                match stopped {
                    None => Attempt::Ruled(Ruling::Allowed(Recorded::new(value, places))),
                    Some(stop) => self.denied(asked.clone(), Cause::Stopped(stop)).await,
                }
            }
            // What it was delegated from does not become active by asking again.
            Err(NotRecorded::Refused(refused)) if refused != Refused::Parent => {
                self.forget(id);
                Attempt::Again(refused)
            }
            Err(error) => {
                self.forget(id);
                drop(under_way);
                let cause = Cause::NotRecorded(error);
                self.denied(named(asked.clone(), id), cause).await
            }
        }
    }

    pub(crate) fn cause_before_judgement<T>(&self, grant: &Grant, now: u64) -> Option<Cause<T>> {
        if let Some(stop) = self.stop_covering(grant) {
            return Some(Cause::Stopped(stop));
        }
        if grant.state != State::Active {
            return Some(Cause::State(grant.state));
        }
        (now >= grant.deadline_ms).then_some(Cause::Deadline)
    }

    fn submit_use(
        &self,
        remembered: &Arc<Remembered>,
        ahead: &mut Ahead,
        history: Vec<u8>,
        entry: Entry,
    ) -> Result<(Receipt, UnderWay), NotRecorded> {
        let change = used(&ahead.grant, history.clone(), entry);
        let receipt = self.recorder.submit(change)?;
        Ok((receipt, remembered.used(ahead, history)))
    }

    async fn denied<T>(&self, entry: Entry, cause: Cause<T>) -> Attempt<T> {
        Attempt::Ruled(self.deny(entry, cause).await)
    }

    async fn deny<T>(&self, mut entry: Entry, cause: Cause<T>) -> Ruling<T> {
        entry.reason_code.get_or_insert_with(|| cause.code().into());
        let decision = entry.decision.get_or_insert_with(|| Decision {
            effect: Effect::Deny,
            policy_ids: Vec::new(),
            policy_version: None,
            errors: Vec::new(),
            obligations: Vec::new(),
        });
        if let Cause::NotRecorded(error) = &cause {
            decision.errors.push(error.to_string());
        }
        let place = match &cause {
            // It was just asked, and whoever waits is not to wait for it twice.
            Cause::NotRecorded(NotRecorded::Store(_)) => {
                self.spool(entry, None);
                None
            }
            Cause::Authority(_)
            | Cause::NoGrant
            | Cause::State(_)
            | Cause::Deadline
            | Cause::Stopped(_)
            | Cause::NotRecorded(_) => self.record_denial(entry).await,
        };
        Ruling::Denied(Denied { cause, place })
    }
}

/// A denial of a grant that could not be read still names it.
fn named(mut entry: Entry, id: &str) -> Entry {
    entry.grant.get_or_insert_default().id = id.to_owned();
    entry
}

impl<T> From<StoreError> for Cause<T> {
    fn from(error: StoreError) -> Self {
        Self::NotRecorded(error.into())
    }
}
