//! Ending grants: one, many, all; by an operator, by time, by the end of the task.

use std::sync::Arc;

use bailiwick_ledger::Entry;

use crate::{
    Broker, NotRecorded, Recorded, Scope, State, Stop,
    broker::{FOREVER_MS, SWEEP_MAX, lock},
    port::{Change, Clock, Grant, Log, Op, Place, Refused, Store, Which},
    protocol::{ends, lapsed, swept},
    recorder::Receipt,
};

/// Grants that a sweep hands over before it waits for those before them: about one flush, so that
/// the queue never fills with them.
const PORTION: usize = 500;

/// Grants that a sweep reads at once, where it can go on by their names.
const READ_AT_ONCE: usize = 2_500;

/// A credential may be good for so long after its end where its judge's clock is late.
pub const SKEW_MS: u64 = 60_000;

/// A stop that acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Where the stop stands in the ledger. `None`: the store could not take it, and it is kept
    /// beside it until the store can.
    pub place: Option<Place>,
    /// Whether it is durable: in the ledger, or beside it. Where not, it acts for as long as this
    /// process lives, and is told as soon as anything takes it.
    pub kept: bool,
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
                kept: true,
                ended: self.end_stopped(&stop).await.unwrap_or_default(),
            },
            Err(error) => {
                tracing::error!(%error, "a stop acts, and is kept beside the store");
                let kept = self.spool(entry, Some(stop.clone()));
                // Whatever other replicas said meanwhile, this one was not told yet.
                self.stop_here(stop);
                Stopped {
                    place: None,
                    kept,
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
        let mut family = vec![Arc::new(grant.clone())];
        family.extend(
            self.store
                .grants(Which::Under(grant.id.clone()), None, usize::MAX >> 1)
                .await?,
        );
        let change = ends(&family, ending, entry);
        let ended = change.entries.len();
        let recorded = self.record(change, ended).await?;
        // The store denies it from now on.
        self.with_stops(|stops| drop(stops.remove(&Scope::Grant(grant.id.clone()))));
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
        let due = Which::Due { now_ms };
        let due = self.take_each(due, |grant| {
            swept(grant, State::Expired, "deadline_passed", now_ms)
        });
        let mut taken = due.await?.taken;
        for stop in self.stops() {
            if !lock(&self.swept).contains(&stop) {
                taken += self.end_covered(&stop).await?;
            }
        }
        taken += self.end_outliving().await?;
        let spent = Which::Spent {
            now_ms: now_ms.saturating_sub(SKEW_MS),
        };
        let spent = self.take_each(spent, |grant| lapsed(grant));
        Ok(taken + spent.await?.taken)
    }

    async fn end_stopped(&self, stop: &Stop) -> Result<usize, NotRecorded> {
        Ok(self.end_covered(stop).await? + self.end_outliving().await?)
    }

    async fn end_covered(&self, stop: &Stop) -> Result<usize, NotRecorded> {
        let is_kept = self.is_kept(stop).await?;
        let now_ms = self.now_ms();
        let covered = Which::Covered(stop.clone());
        let ended = self
            .take_each(covered, |grant| {
                swept(grant, State::Revoked, &stop.reason, now_ms)
            })
            .await?;
        if ended.found == 0 {
            match stop.scope {
                Scope::Grant(_) => self.with_stops(|stops| drop(stops.remove(&stop.scope))),
                // The store lets nothing open any more that it covers: it need not be asked again.
                Scope::Agent(_) | Scope::Owner(_) | Scope::All if is_kept => {
                    lock(&self.swept).push(stop.clone());
                }
                Scope::Agent(_) | Scope::Owner(_) | Scope::All => {}
            }
        }
        Ok(ended.taken)
    }

    /// Ends what was delegated from grants that have ended: to another agent, it may be, or owner.
    /// It is denied already.
    async fn end_outliving(&self) -> Result<usize, NotRecorded> {
        let mut taken = 0;
        loop {
            let now_ms = self.now_ms();
            let ended = self
                .take_each(Which::Outliving, |grant| {
                    swept(grant, State::Revoked, "parent_ended", now_ms)
                })
                .await?;
            taken += ended.taken;
            // Those under them are next: a line of delegation is short.
            if ended.taken == 0 {
                return Ok(taken);
            }
        }
    }

    /// Whether the store knows of a stop, or of one that covers as much.
    async fn is_kept(&self, stop: &Stop) -> Result<bool, NotRecorded> {
        let kept = self.store.stops().await?.value;
        Ok(kept.iter().any(|kept| {
            kept.scope == stop.scope && kept.kill >= stop.kill && kept.at_ms >= stop.at_ms
        }))
    }

    /// Records a change for each grant that is found, each by itself, so that one that somebody
    /// else has just ended does not hold up the others. While some are recorded, the next are read.
    async fn take_each(
        &self,
        which: Which,
        change_of: impl Fn(&Arc<Grant>) -> Change,
    ) -> Result<Swept, NotRecorded> {
        let at_once = match which {
            // These come by their time, and not by their names, which is how one goes on.
            Which::Due { .. } | Which::Spent { .. } => SWEEP_MAX,
            Which::Live
            | Which::Covered(_)
            | Which::In(_)
            | Which::Under(_)
            | Which::Outliving
            | Which::PinnedElsewhere(_) => READ_AT_ONCE,
        };
        let mut swept = Swept { found: 0, taken: 0 };
        let mut page = self.store.grants(which.clone(), None, at_once).await?;
        while let Some(last) = page.last() {
            let last = Arc::clone(last);
            swept.found += page.len();
            let is_last = page.len() < at_once || swept.found >= SWEEP_MAX;
            let next = async {
                if is_last {
                    return Ok(Vec::new());
                }
                let which = which.clone();
                self.store.grants(which, Some(&last.id), at_once).await
            };
            let (next, taken) = tokio::join!(next, self.take(&page, &change_of));
            swept.taken += taken?;
            page = next?;
        }
        Ok(swept)
    }

    /// While one portion is flushed, the next is handed over.
    async fn take(
        &self,
        found: &[Arc<Grant>],
        change_of: &impl Fn(&Arc<Grant>) -> Change,
    ) -> Result<usize, NotRecorded> {
        let mut taken = 0;
        let mut before: Vec<(Arc<Grant>, Receipt)> = Vec::new();
        for portion in found.chunks(PORTION) {
            let mut under_way = Vec::with_capacity(portion.len());
            for grant in portion {
                let receipt = self.recorder.submit_in_turn(change_of(grant)).await?;
                under_way.push((Arc::clone(grant), receipt));
            }
            taken += self
                .count(std::mem::replace(&mut before, under_way))
                .await?;
        }
        taken += self.count(before).await?;
        Ok(taken)
    }

    async fn count(&self, under_way: Vec<(Arc<Grant>, Receipt)>) -> Result<usize, NotRecorded> {
        let mut taken = 0;
        for (grant, receipt) in under_way {
            let outcome = receipt.wait().await;
            self.forget(&grant.id);
            match outcome {
                Ok(_) => taken += 1,
                // Somebody else was faster.
                Err(NotRecorded::Refused(
                    Refused::Version { .. } | Refused::State { .. } | Refused::NoGrant,
                )) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }
}

struct Swept {
    found: usize,
    taken: usize,
}
