//! Ending grants: one, many, all; by an operator, by time, by the end of the task.

use bailiwick_ledger::{Actor, Entry};

use crate::{
    Broker, NotRecorded, Recorded, Scope, State, Stop,
    broker::{FOREVER_MS, SWEEP_MAX, transition},
    port::{Change, Clock, Grant, Log, Op, Place, Refused, Step, Store, Which},
};

/// A credential may be good for so long after its end where its judge's clock is late.
pub const SKEW_MS: u64 = 60_000;

/// A stop that acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Where the stop stands in the ledger. `None`: the store could not take it, and it is kept
    /// beside it until the store can.
    pub place: Option<Place>,
    /// How many grants it ended, as far as the store could be told.
    pub ended: usize,
}

impl<S: Store, L: Log, C: Clock> Broker<S, L, C> {
    /// Stops grants, at once: from here on every decision here is a denial, whatever becomes of the
    /// record. It survives a restart, with or without the store.
    ///
    /// The grants it covers are ended by [`Broker::sweep`], in portions, so that a hundred thousand
    /// of them do not hold up everybody else; they are denied meanwhile.
    pub async fn stop(&self, stop: Stop, mut entry: Entry) -> Stopped {
        self.stop_here(stop.clone());
        entry.reason_code.get_or_insert_with(|| stop.reason.clone());
        let change = Change {
            ops: match stop.scope {
                // Its steps are enough: whatever is under it takes them too.
                Scope::Grant(_) => Vec::new(),
                Scope::Agent(_) | Scope::Owner(_) | Scope::All => vec![Op::SetStop(stop.clone())],
            },
            entries: vec![entry.clone()],
        };
        match self.record(change, ()).await {
            Ok(recorded) => Stopped {
                place: recorded.places().first().copied(),
                ended: self.end_covered(&stop).await.unwrap_or_default(),
            },
            Err(error) => {
                tracing::error!(%error, "a stop acts, and is kept beside the store");
                self.spool(entry, Some(stop));
                Stopped {
                    place: None,
                    ended: 0,
                }
            }
        }
    }

    /// Lets new grants open again. None that was stopped lives again.
    ///
    /// # Errors
    /// If it is not known to be durable: then nothing is cleared.
    pub async fn clear_kill(
        &self,
        scope: &Scope,
        entry: Entry,
    ) -> Result<Recorded<()>, NotRecorded> {
        // A kill that the store has not heard of yet must not come after its clearing.
        self.drain_spool().await?;
        let at_ms = self.now_ms();
        let change = Change {
            ops: vec![Op::ClearKill {
                scope: scope.clone(),
                at_ms,
            }],
            entries: vec![entry],
        };
        let recorded = self.record(change, ()).await?;
        self.with_stops(|stops| stops.clear_kill(scope, at_ms));
        Ok(recorded)
    }

    /// Ends one grant and all that was delegated from it, denied before this returns.
    ///
    /// `ending` is what it will be called: completed, expired or revoked.
    ///
    /// # Errors
    /// If it is not known to be durable. It is denied here all the same, until the next start.
    pub async fn end(
        &self,
        grant: &Grant,
        ending: State,
        entry: &Entry,
    ) -> Result<Recorded<usize>, NotRecorded> {
        self.stop_here(Stop {
            scope: Scope::Grant(grant.id.clone()),
            kill: false,
            at_ms: FOREVER_MS,
            by: "broker".into(),
            reason: ending.name().into(),
        });
        let mut family = vec![std::sync::Arc::new(grant.clone())];
        family.extend(
            self.store
                .grants(Which::Under(grant.id.clone()), None, usize::MAX >> 1)
                .await?,
        );
        let change = ends(&family, ending, entry);
        let ended = change.entries.len();
        let recorded = self.record(change, ended).await?;
        // The store denies it from now on.
        self.with_stops(|stops| stops.remove(&Scope::Grant(grant.id.clone())));
        Ok(recorded)
    }

    /// Ends grants whose time is up, that a stop covers, or that only wait for their last credential
    /// to lapse. Answers how many it ended; 0 when there is nothing left to do now.
    ///
    /// Nothing hangs on when this runs: every decision looks at the clock and the stops itself.
    ///
    /// # Errors
    /// If it cannot be read or recorded.
    pub async fn sweep(&self) -> Result<usize, NotRecorded> {
        let now_ms = self.now_ms();
        let due = self
            .store
            .grants(Which::Due { now_ms }, None, SWEEP_MAX)
            .await?;
        let mut swept = self
            .end_each(&due, State::Expired, "deadline_passed")
            .await?;
        for stop in self.stops() {
            swept += self.end_covered(&stop).await?;
        }
        let revoking = self
            .store
            .grants(
                Which::Spent {
                    now_ms: now_ms.saturating_sub(SKEW_MS),
                },
                None,
                SWEEP_MAX,
            )
            .await?;
        for grant in revoking {
            let to = match (grant.state, grant.ending) {
                (State::Revoking, Some(ending)) => ending,
                _ => State::Revoked,
            };
            swept += self
                .try_step(&grant, Step::to(to, &grant), Entry::default())
                .await?;
        }
        Ok(swept)
    }

    async fn end_covered(&self, stop: &Stop) -> Result<usize, NotRecorded> {
        let covered = self
            .store
            .grants(Which::Covered(stop.clone()), None, SWEEP_MAX)
            .await?;
        let ended = self
            .end_each(&covered, State::Revoked, &stop.reason)
            .await?;
        if covered.is_empty() && matches!(stop.scope, Scope::Grant(_)) {
            self.with_stops(|stops| stops.remove(&stop.scope));
        }
        Ok(ended)
    }

    /// Each by itself, so that one that somebody else has just ended does not hold up the others;
    /// all in one flush.
    async fn end_each(
        &self,
        grants: &[std::sync::Arc<Grant>],
        ending: State,
        reason: &str,
    ) -> Result<usize, NotRecorded> {
        let mut receipts = Vec::with_capacity(grants.len());
        for grant in grants {
            let entry = Entry {
                reason_code: Some(reason.to_owned()),
                actor: Some(Actor {
                    kind: "service".into(),
                    id: "sweep".into(),
                    ..Actor::default()
                }),
                ..Entry::default()
            };
            let change = ends(std::slice::from_ref(grant), ending, &entry);
            match self.recorder.submit(change) {
                Ok(receipt) => receipts.push((grant, receipt)),
                // The rest is for the next sweep.
                Err(NotRecorded::QueueFull) => break,
                Err(error) => return Err(error),
            }
        }
        let mut ended = 0;
        for (grant, receipt) in receipts {
            let outcome = receipt.wait().await;
            self.forget(&grant.id);
            match outcome {
                Ok(_) => ended += 1,
                Err(NotRecorded::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(ended)
    }

    async fn try_step(
        &self,
        grant: &Grant,
        step: Step,
        entry: Entry,
    ) -> Result<usize, NotRecorded> {
        match self.step(grant, step, entry).await {
            Ok(_) => Ok(1),
            Err(NotRecorded::Refused(
                Refused::Version { .. } | Refused::State { .. } | Refused::NoGrant,
            )) => Ok(0),
            Err(error) => Err(error),
        }
    }
}

/// Each of the grants on its way to its end, in one change.
fn ends(grants: &[std::sync::Arc<Grant>], ending: State, entry: &Entry) -> Change {
    let mut change = Change::default();
    for grant in grants {
        let to = match grant.state {
            State::Requested | State::PendingApproval | State::Approved => State::Cancelled,
            State::Issuing | State::Active | State::Suspended => State::Revoking,
            State::Revoking
            | State::Completed
            | State::Expired
            | State::Revoked
            | State::Denied
            | State::Cancelled
            | State::Lapsed
            | State::IssueFailed
            | State::Orphaned => continue,
        };
        let step = Step {
            ending: Some(ending),
            ..Step::to(to, grant)
        };
        change.entries.push(transition(entry.clone(), grant, &step));
        change.ops.push(Op::Step(step));
    }
    change
}
