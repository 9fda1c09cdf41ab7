//! The contract without a disk: for models, simulations and tests.
//!
//! Nothing survives the process. Everything else is as it must be, said in the plainest way.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bailiwick_broker::{
    Scope, State, Stop,
    port::{
        Answer, Change, Dated, Grant, Intent, Op, Outcome, Place, Post, Refused, Step, Store,
        StoreError, Ticket, Which,
    },
};
use bailiwick_ledger::{Chain, Hash, Record, Stamp, tree};

/// A store in memory. Clones are the same store, as replicas of one database are.
#[derive(Debug, Clone)]
pub struct Memory {
    kept: Arc<Mutex<Kept>>,
    epoch: u64,
    replica: String,
}

#[derive(Debug, Clone, Default)]
struct Kept {
    epoch: u64,
    now_ms: u64,
    chain: Chain,
    records: Vec<Record>,
    grants: BTreeMap<String, Arc<Grant>>,
    stops: BTreeMap<Scope, Stop>,
    tickets: BTreeMap<Hash, Ticket>,
    seen: BTreeSet<(&'static str, Hash)>,
    answers: BTreeMap<String, Answer>,
    intents: Vec<Intent>,
    posts: Vec<Post>,
}

impl Memory {
    /// An empty store, opened by a replica of that name.
    pub fn new(replica: &str) -> Self {
        Self {
            kept: Arc::new(Mutex::new(Kept {
                epoch: 1,
                ..Kept::default()
            })),
            epoch: 1,
            replica: replica.to_owned(),
        }
    }

    /// The same store, opened again: whoever opened it before is fenced off.
    #[must_use]
    pub fn reopen(&self, replica: &str) -> Self {
        let mut kept = self.lock();
        kept.epoch += 1;
        Self {
            kept: Arc::clone(&self.kept),
            epoch: kept.epoch,
            replica: replica.to_owned(),
        }
    }

    /// A copy that goes its own way from here, as a backup does.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            kept: Arc::new(Mutex::new(self.lock().clone())),
            ..self.clone()
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // A change is made on a copy, so a panic leaves nothing half done.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    async fn commit(&self, changes: Vec<Change>, now_ms: u64) -> Result<Vec<Outcome>, StoreError> {
        let mut kept = self.lock();
        if kept.epoch != self.epoch {
            return Err(StoreError::Fenced {
                ours: self.epoch,
                current: kept.epoch,
            });
        }
        let stamp = Stamp {
            epoch: self.epoch,
            time_ms: now_ms,
            replica: self.replica.clone(),
        };
        kept.now_ms = kept.now_ms.max(now_ms);
        Ok(changes
            .into_iter()
            .map(|change| kept.apply(change, &stamp))
            .collect())
    }

    async fn grant(&self, id: &str) -> Result<Dated<Option<Arc<Grant>>>, StoreError> {
        let kept = self.lock();
        Ok(Dated {
            value: kept.grants.get(id).cloned(),
            as_of_ms: kept.now_ms,
        })
    }

    async fn grants(
        &self,
        which: Which,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Arc<Grant>>, StoreError> {
        let kept = self.lock();
        let after = after.unwrap_or_default();
        let found = kept.grants.values().filter(|grant| {
            (after.is_empty() || grant.id.as_str() > after) && kept.is_meant(&which, grant)
        });
        Ok(found.take(limit).cloned().collect())
    }

    async fn stops(&self) -> Result<Dated<Vec<Stop>>, StoreError> {
        let kept = self.lock();
        Ok(Dated {
            value: kept.stops.values().cloned().collect(),
            as_of_ms: kept.now_ms,
        })
    }

    async fn ticket(&self, hash: Hash) -> Result<Option<Ticket>, StoreError> {
        Ok(self.lock().tickets.get(&hash).cloned())
    }

    async fn answer(&self, key: &str) -> Result<Option<Answer>, StoreError> {
        Ok(self.lock().answers.get(key).cloned())
    }

    async fn intents(&self, limit: usize) -> Result<Vec<Intent>, StoreError> {
        Ok(self.lock().intents.iter().take(limit).cloned().collect())
    }

    async fn posts(&self, limit: usize) -> Result<Vec<Post>, StoreError> {
        Ok(self.lock().posts.iter().take(limit).cloned().collect())
    }

    async fn records(&self, from: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        let kept = self.lock();
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(kept
            .records
            .iter()
            .skip(from)
            .take(limit)
            .cloned()
            .collect())
    }

    async fn chain(&self) -> Result<Chain, StoreError> {
        Ok(self.lock().chain.clone())
    }

    async fn inclusion(&self, seq: u64, size: u64) -> Result<Vec<Hash>, StoreError> {
        let leaves = self.lock().leaves(size, seq < size)?;
        proof(tree::inclusion(seq, size, &mut leaves.as_slice()), size)
    }

    async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, StoreError> {
        let leaves = self.lock().leaves(new, old <= new)?;
        proof(tree::consistency(old, new, &mut leaves.as_slice()), new)
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }
}

fn proof(found: Result<Vec<Hash>, tree::OutOfRange>, size: u64) -> Result<Vec<Hash>, StoreError> {
    found.map_err(|_| StoreError::OutOfRange { size })
}

impl Kept {
    fn leaves(&self, size: u64, in_range: bool) -> Result<Vec<Hash>, StoreError> {
        let out_of_range = StoreError::OutOfRange {
            size: self.chain.len(),
        };
        if !in_range || size > self.chain.len() {
            return Err(out_of_range);
        }
        let size = usize::try_from(size).map_err(|_| out_of_range)?;
        Ok(self.records.iter().take(size).map(Record::leaf).collect())
    }

    fn apply(&mut self, change: Change, stamp: &Stamp) -> Outcome {
        let mut next = self.clone();
        for op in change.ops {
            next.apply_op(op, stamp.time_ms)?;
        }
        let mut places = Vec::with_capacity(change.entries.len());
        for entry in &change.entries {
            let record = next.chain.append(entry, stamp);
            let record = record.map_err(|error| Refused::Entry(error.to_string()))?;
            places.push(Place {
                seq: record.seq(),
                hash: record.hash(),
            });
            next.records.push(record);
        }
        *self = next;
        Ok(places)
    }

    fn apply_op(&mut self, op: Op, now_ms: u64) -> Result<(), Refused> {
        match op {
            Op::Open(grant) => self.open(*grant, now_ms),
            Op::Step(step) => self.step(&step, now_ms),
            Op::Use {
                grant,
                uses,
                history,
            } => {
                let grant = self.grants.get(&grant).ok_or(Refused::NoGrant)?;
                if grant.state != State::Active {
                    return Err(Refused::State { is: grant.state });
                }
                self.usable(grant, now_ms)?;
                if grant.uses != uses {
                    return Err(Refused::Uses { is: grant.uses });
                }
                let used = Grant {
                    uses: uses + 1,
                    history,
                    ..Grant::clone(grant)
                };
                self.grants.insert(used.id.clone(), Arc::new(used));
                Ok(())
            }
            Op::SetStop(stop) => {
                let joined = match self.stops.get(&stop.scope) {
                    Some(before) => stop.joined(before),
                    None => stop,
                };
                if !matches!(joined.scope, Scope::Grant(_)) {
                    self.stops.insert(joined.scope.clone(), joined);
                }
                Ok(())
            }
            Op::ClearKill { scope, at_ms } => {
                if let Some(stop) = self.stops.remove(&scope) {
                    self.stops.insert(scope, stop.cleared(at_ms));
                }
                Ok(())
            }
            Op::PutTicket(ticket) => absent(&self.tickets.insert(ticket.hash, ticket)),
            Op::TakeTicket(hash) => match self.tickets.remove(&hash) {
                Some(ticket) if now_ms < ticket.until_ms => Ok(()),
                Some(_) | None => Err(Refused::Ticket),
            },
            Op::Once { space, value, .. } => {
                let is_new = self.seen.insert((space, value));
                is_new.then_some(()).ok_or(Refused::Seen)
            }
            Op::PutAnswer(answer) => absent(&self.answers.insert(answer.key.clone(), answer)),
            Op::Begin(intent) => {
                if self
                    .intents
                    .iter()
                    .any(|begun| begun.request == intent.request)
                {
                    return Err(Refused::Exists);
                }
                self.intents.push(intent);
                Ok(())
            }
            Op::Settle { request } => {
                let before = self.intents.len();
                self.intents.retain(|begun| begun.request != request);
                (self.intents.len() < before)
                    .then_some(())
                    .ok_or(Refused::NoIntent)
            }
            Op::Post(post) => {
                if self.posts.iter().all(|posted| posted.key != post.key) {
                    self.posts.push(post);
                }
                Ok(())
            }
            Op::Posted { key } => {
                self.posts.retain(|posted| posted.key != key);
                Ok(())
            }
            Op::Hold(lease) => (lease.term == self.epoch)
                .then_some(())
                .ok_or(Refused::NotHeld),
        }
    }

    fn open(&mut self, grant: Grant, now_ms: u64) -> Result<(), Refused> {
        if !grant.state.may_begin() {
            return Err(Refused::State { is: grant.state });
        }
        if grant.ver == 0 {
            return Err(Refused::NoVersion);
        }
        if grant.deadline_ms > grant.deadline_ms_max {
            return Err(Refused::Deadline);
        }
        self.usable_alone(&grant, now_ms)?;
        if let Some(parent) = grant.parent() {
            let parent = self.grants.get(parent).ok_or(Refused::Parent)?;
            let mut lineage = parent.lineage.clone();
            lineage.push(parent.id.clone());
            let fits = parent.state == State::Active
                && grant.deadline_ms_max <= parent.deadline_ms
                && grant.lineage == lineage
                && self.usable(parent, now_ms).is_ok();
            if !fits {
                return Err(Refused::Parent);
            }
        }
        if self.grants.contains_key(&grant.id) {
            return Err(Refused::Exists);
        }
        self.grants.insert(grant.id.clone(), Arc::new(grant));
        Ok(())
    }

    fn step(&mut self, step: &Step, now_ms: u64) -> Result<(), Refused> {
        let grant = self.grants.get(&step.grant).ok_or(Refused::NoGrant)?;
        if grant.ver != step.ver {
            return Err(Refused::Version { is: grant.ver });
        }
        if !grant.state.may_become(step.to) {
            return Err(Refused::State { is: grant.state });
        }
        if matches!(step.to, State::Issuing | State::Active) {
            self.usable(grant, now_ms)?;
        }
        let deadline_ms = step.deadline_ms.unwrap_or(grant.deadline_ms);
        if deadline_ms > grant.deadline_ms_max {
            return Err(Refused::Deadline);
        }
        let until_ms = step.credential_until_ms.unwrap_or_default();
        let next = Grant {
            state: step.to,
            ver: step.ver + 1,
            deadline_ms,
            credential_until_ms: grant.credential_until_ms.max(until_ms),
            ending: step.ending.or(grant.ending),
            sessions: step
                .sessions
                .clone()
                .unwrap_or_else(|| grant.sessions.clone()),
            ..Grant::clone(grant)
        };
        self.grants.insert(next.id.clone(), Arc::new(next));
        Ok(())
    }

    fn is_meant(&self, which: &Which, grant: &Grant) -> bool {
        let is_live = grant.state.is_live();
        match which {
            Which::Live => is_live,
            Which::Due { now_ms } => is_live && grant.deadline_ms <= *now_ms,
            Which::Spent { now_ms } => {
                matches!(grant.state, State::Revoking | State::Orphaned)
                    && grant.credential_until_ms <= *now_ms
            }
            Which::Covered(stop) => is_live && stop.covers(grant),
            Which::In(state) => grant.state == *state,
            Which::Under(ancestor) => is_live && grant.lineage.contains(ancestor),
            Which::Outliving => {
                let is_live_above = |id| self.grants.get(id).is_some_and(|one| one.state.is_live());
                is_live && grant.parent().is_some_and(|id| !is_live_above(id))
            }
            Which::PinnedElsewhere(charters) => is_live && !charters.contains(&grant.charter),
        }
    }

    /// Why a grant that is kept may not be used now, where it is not for its state.
    fn usable(&self, grant: &Grant, now_ms: u64) -> Result<(), Refused> {
        self.usable_alone(grant, now_ms)?;
        let is_upheld = grant.lineage.iter().all(|id| {
            self.grants.get(id).is_some_and(|above| {
                above.state == State::Active && self.usable_alone(above, now_ms).is_ok()
            })
        });
        is_upheld.then_some(()).ok_or(Refused::Parent)
    }

    fn usable_alone(&self, grant: &Grant, now_ms: u64) -> Result<(), Refused> {
        if self.stops.values().any(|stop| stop.covers(grant)) {
            return Err(Refused::Stopped);
        }
        if now_ms >= grant.deadline_ms {
            return Err(Refused::Deadline);
        }
        Ok(())
    }
}

fn absent<T>(before: &Option<T>) -> Result<(), Refused> {
    match before {
        None => Ok(()),
        // The change is made on a copy, which is dropped now.
        Some(_) => Err(Refused::Exists),
    }
}
