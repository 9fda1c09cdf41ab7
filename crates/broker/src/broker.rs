//! The broker itself: opening it, recording, and what it remembers of grants in use.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};

use bailiwick_ledger as ledger;
use bailiwick_ledger::Entry;

use crate::{
    NotRecorded, Recorded, Scope, Stop,
    port::{
        Change, Clock, Dated, Grant, Log, Op, Place, Refused, Spooled, Step, Store, StoreError,
    },
    protocol::{abandoned, opened, transition},
    recorder::Recorder,
    remembered::{Known, Memory, Remembered},
    stop::Stops,
};

/// Later than every clock, and still a number that every reader of JSON holds exactly.
pub(crate) const FOREVER_MS: u64 = 1 << 52;

/// How often what others had begun is looked at again because somebody else settled some of it.
const SETTLED_AGAIN_MAX: usize = 1_000;

/// Grants of one kind that one sweep handles.
pub(crate) const SWEEP_MAX: usize = 10_000;

/// The one place where things are decided, recorded and done, in this order.
pub struct Broker<S, L, C> {
    pub(crate) store: Arc<S>,
    pub(crate) log: Arc<L>,
    pub(crate) clock: Arc<Forward<C>>,
    pub(crate) recorder: Recorder,
    stops: RwLock<Stops>,
    spooled: AtomicU64,
    probed: AtomicU64,
    /// Stops that act, and that neither the store nor the log beside it took.
    unkept: Mutex<Vec<Spooled>>,
    /// Stops of which the store has nothing left to end.
    pub(crate) swept: Mutex<Vec<Stop>>,
    memory: Memory,
}

impl<S, L, C> std::fmt::Debug for Broker<S, L, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker")
            .field("waiting", &self.recorder.waiting())
            .finish_non_exhaustive()
    }
}

/// A clock that never goes back, not even past the last entry that an earlier process wrote: an
/// expired grant never lives again.
#[derive(Debug)]
pub(crate) struct Forward<C> {
    clock: C,
    latest_ms: AtomicU64,
}

impl<C: Clock> Clock for Forward<C> {
    fn now_ms(&self) -> u64 {
        let now = self.clock.now_ms();
        now.max(self.latest_ms.fetch_max(now, Ordering::AcqRel))
    }
}

impl<S: Store, L: Log, C: Clock> Broker<S, L, C> {
    /// Takes up the work where the last process left it.
    ///
    /// Stops that it could not tell the store act again, before anything is decided. An effect that
    /// was begun and not settled is settled as `timeout`: a credential that may have been made is
    /// treated as if it was, and denied. All grants whose time is up are ended.
    ///
    /// # Errors
    /// If the store cannot be read or written. There is then no broker: nothing is allowed.
    pub async fn open(store: S, log: L, clock: C) -> Result<Self, NotRecorded> {
        let (store, log) = (Arc::new(store), Arc::new(log));
        let last = store.chain().await?.len().checked_sub(1);
        let last = match last {
            Some(last) => store.records(last, 1).await?.pop(),
            None => None,
        };
        let latest_ms = last.and_then(|record| record.time_ms()).unwrap_or(0);
        let clock = Arc::new(Forward {
            clock,
            latest_ms: AtomicU64::new(latest_ms),
        });
        let recorder = Recorder::start(Arc::clone(&store), Arc::clone(&clock));
        let mut stops = Stops::default();
        for stop in store.stops().await?.value {
            stops.add(stop);
        }
        let broker = Self {
            store,
            log,
            clock,
            recorder,
            stops: RwLock::new(stops),
            spooled: AtomicU64::new(0),
            probed: AtomicU64::new(0),
            unkept: Mutex::default(),
            swept: Mutex::default(),
            memory: Memory::default(),
        };
        broker.drain_spool().await?;
        broker.settle_what_was_begun().await?;
        while broker.sweep().await? > 0 {}
        Ok(broker)
    }

    /// The store, to read from.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The log beside it.
    pub fn log(&self) -> &L {
        &self.log
    }

    /// Takes nothing more, and returns when everything that waits is recorded or refused.
    pub async fn close(&self) {
        self.recorder.close().await;
    }

    /// Why nothing is recorded, and so nothing allowed, until the process is started again.
    pub fn stopped_for_good(&self) -> Option<&StoreError> {
        self.recorder.stopped()
    }

    /// How many changes wait to be recorded.
    pub fn waiting(&self) -> usize {
        self.recorder.waiting()
    }

    /// Whether something can be recorded now: the store wrote a moment ago, or writes when it is
    /// asked to. A store that can still be read is of no use to whoever waits for a decision.
    ///
    /// # Errors
    /// Why nothing can be recorded, and so nothing be allowed.
    pub async fn ready(&self) -> Result<(), NotRecorded> {
        let now_ms = self.now_ms();
        let number = self.probed.fetch_add(1, Ordering::Relaxed);
        let value = format!("{}.{number}.{now_ms}", self.store.epoch());
        // A row that was not there: to write what is there already costs a store nothing, and shows
        // nothing. It has lapsed at once.
        let probe = Change {
            ops: vec![Op::Once {
                space: "ready",
                value: ledger::Hash::of(&[value.as_bytes()]),
                until_ms: now_ms,
            }],
            entries: Vec::new(),
        };
        self.recorder.ready(probe).await
    }

    /// Why the store did not take what it was last given, if it did not.
    pub fn failing(&self) -> Option<StoreError> {
        self.recorder.failing()
    }

    /// The time, as everything here is dated.
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Records a change; what was decided with it may then be acted on.
    ///
    /// Grants that the change touches are read again before the next decision.
    ///
    /// # Errors
    /// If it is refused, or not known to be durable.
    pub async fn record<T>(&self, change: Change, value: T) -> Result<Recorded<T>, NotRecorded> {
        let touched: Vec<String> = change.ops.iter().filter_map(touched).collect();
        let receipt = self.recorder.submit(change)?;
        let places = receipt.wait().await;
        for grant in &touched {
            self.forget(grant);
        }
        Ok(Recorded::new(value, places?))
    }

    /// Opens a grant, together with what it costs: a ticket, a nonce, an idempotency key.
    ///
    /// # Errors
    /// If a stop covers it, if anything of it is refused, or if it is not known to be durable.
    pub async fn open_grant(
        &self,
        grant: Grant,
        costs: Vec<Op>,
        entries: Vec<Entry>,
    ) -> Result<Recorded<Arc<Grant>>, NotRecorded> {
        if self.stop_covering(&grant).is_some() {
            return Err(Refused::Stopped.into());
        }
        let opening = Change {
            ops: costs,
            entries,
        };
        let change = opened(grant.clone(), opening);
        self.record(change, Arc::new(grant)).await
    }

    /// Takes one step in a grant's life.
    ///
    /// # Errors
    /// If the step is not one that the grant may take now, or if it is not known to be durable.
    pub async fn step(
        &self,
        grant: &Grant,
        step: Step,
        entry: Entry,
    ) -> Result<Recorded<Step>, NotRecorded> {
        let entry = transition(entry, grant, &step);
        let change = Change {
            ops: vec![Op::Step(step.clone())],
            entries: vec![entry],
        };
        self.record(change, step).await
    }

    /// Records a denial. It was one before this and is one after it: if the store cannot take the
    /// record, it is kept beside it.
    pub async fn record_denial(&self, entry: Entry) -> Option<Place> {
        let change = Change {
            ops: Vec::new(),
            entries: vec![entry.clone()],
        };
        let recorded = match self.recorder.submit(change) {
            Ok(receipt) => receipt.wait().await,
            Err(error) => Err(error),
        };
        match recorded {
            Ok(places) => places.first().copied(),
            Err(error) => {
                tracing::error!(%error, "a denial is kept beside the store");
                self.spool(entry, None);
                None
            }
        }
    }

    /// Keeps something beside the store. Answers whether it is durable there: a stop that is not is
    /// kept in memory, and told as soon as anything takes it.
    pub(crate) fn spool(&self, entry: Entry, stop: Option<Stop>) -> bool {
        let number = self.spooled.fetch_add(1, Ordering::Relaxed);
        let spooled = Spooled {
            id: format!("{}.{number}", self.store.epoch()),
            at_ms: self.now_ms(),
            entry: Box::new(entry),
            stop,
        };
        let Err(error) = self.log.spool(&spooled) else {
            return true;
        };
        tracing::error!(%error, "neither the store nor the log beside it takes a record");
        if spooled.stop.is_some() {
            lock(&self.unkept).push(spooled);
        }
        false
    }

    /// Tells the store what was kept beside it. Each is taken once, however often it is told.
    ///
    /// # Errors
    /// If the store cannot take it yet. It is then still kept.
    pub async fn drain_spool(&self) -> Result<usize, NotRecorded> {
        let unkept = lock(&self.unkept).clone();
        for kept in &unkept {
            match self.record(told_late(kept), ()).await {
                Ok(_) | Err(NotRecorded::Refused(Refused::Seen)) => {
                    lock(&self.unkept).retain(|one| one.id != kept.id);
                }
                Err(error) => return Err(error),
            }
        }
        let spooled = self.spooled()?;
        // First all that is stopped, so that nothing of it opens while the rest is written.
        for kept in &spooled {
            if let Some(stop) = &kept.stop {
                self.stop_here(stop.clone());
            }
        }
        let mut told = Ok(());
        let mut taken = 0;
        for kept in &spooled {
            match self.record(told_late(kept), ()).await {
                Ok(_) | Err(NotRecorded::Refused(Refused::Seen)) => taken += 1,
                Err(error) => {
                    told = Err(error);
                    break;
                }
            }
        }
        if taken > 0
            && let Err(error) = self.log.forget(taken)
        {
            tracing::warn!(%error, "what the store already has is still kept beside it");
        }
        told.map(|()| taken)
    }

    fn spooled(&self) -> Result<Vec<Spooled>, NotRecorded> {
        let spooled = self.log.spooled();
        spooled.map_err(|error| StoreError::Unavailable(error.0).into())
    }

    /// Settles what a writer that is gone had begun.
    async fn settle_what_was_begun(&self) -> Result<(), NotRecorded> {
        for _ in 0..SETTLED_AGAIN_MAX {
            let begun = self.store.abandoned(SWEEP_MAX).await?;
            if begun.is_empty() {
                return Ok(());
            }
            for intent in begun {
                let grant = match &intent.grant {
                    Some(id) => self.store.grant(id).await?.value,
                    None => None,
                };
                let change = abandoned(&intent, grant.as_deref());
                match self.record(change, ()).await {
                    Ok(recorded) => recorded.into_value(),
                    // Another replica settled it, or ended the grant: the next look tells.
                    Err(NotRecorded::Refused(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let stuck = "effects of a writer that is gone cannot be settled";
        Err(StoreError::Corrupt(stuck.into()).into())
    }

    /// Hears what other replicas of the same store did: grants that they ended are read again, their
    /// stops act here too, and what one that died had begun is settled.
    ///
    /// No allowing decision rests on it: the store looks itself, in the transaction that records.
    ///
    /// # Errors
    /// If the store cannot be read or written.
    pub async fn follow(&self) -> Result<(), NotRecorded> {
        let Some(news) = self.store.news().await? else {
            return Ok(());
        };
        for grant in &news.ended {
            self.forget(grant);
        }
        if let Some(kept) = news.stops {
            // What the store has not heard of yet acts on.
            let mut told_later = self.spooled()?;
            told_later.extend(lock(&self.unkept).iter().cloned());
            let told_later = told_later.into_iter().filter_map(|spooled| spooled.stop);
            self.with_stops(|stops| {
                let grants = stops
                    .all()
                    .filter(|stop| matches!(stop.scope, Scope::Grant(_)));
                let grants: Vec<Stop> = grants.cloned().collect();
                *stops = Stops::default();
                for stop in kept.into_iter().chain(told_later).chain(grants) {
                    stops.add(stop);
                }
            });
        }
        self.settle_what_was_begun().await
    }

    pub(crate) fn stop_here(&self, stop: Stop) {
        self.stops
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .add(stop);
    }

    pub(crate) fn with_stops<T>(&self, act: impl FnOnce(&mut Stops) -> T) -> T {
        act(&mut self.stops.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// The stop that covers a grant here and now, whatever the store says.
    pub fn stop_covering(&self, grant: &Grant) -> Option<Stop> {
        let stops = self.stops.read().unwrap_or_else(PoisonError::into_inner);
        stops.covering(grant).cloned()
    }

    /// All stops that act here and now.
    pub fn stops(&self) -> Vec<Stop> {
        let stops = self.stops.read().unwrap_or_else(PoisonError::into_inner);
        stops.all().cloned().collect()
    }

    /// What is remembered of a grant, read from the store where it is not, or where it is only good
    /// enough to allow and not to deny.
    pub(crate) async fn remembered(&self, id: &str) -> Result<Option<Arc<Remembered>>, StoreError> {
        loop {
            match self.memory.known(id, self.now_ms()) {
                Known::Good(remembered) => return Ok(Some(remembered)),
                Known::Stale(remembered) => remembered.settled().await,
                Known::Nothing => break,
            }
        }
        let Dated { value, as_of_ms } = self.store.grant(id).await?;
        let grant = value.map(Arc::unwrap_or_clone);
        Ok(grant.map(|grant| self.memory.keep(id, grant, as_of_ms)))
    }

    pub(crate) fn forget(&self, id: &str) {
        self.memory.forget(id);
    }
}

/// A panic while it was held left nothing half done: what it guards is replaced, never edited in
/// two steps, and the store looks again.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn touched(op: &Op) -> Option<String> {
    match op {
        Op::Step(step) => Some(step.grant.clone()),
        Op::Use { grant, .. } => Some(grant.clone()),
        Op::Open(grant) => Some(grant.id.clone()),
        Op::SetStop(_)
        | Op::ClearKill { .. }
        | Op::PutTicket(_)
        | Op::TakeTicket(_)
        | Op::Once { .. }
        | Op::PutAnswer(_)
        | Op::Begin(_)
        | Op::Settle { .. }
        | Op::Post(_)
        | Op::Posted { .. }
        | Op::Hold(_) => None,
    }
}

/// What is kept beside the store is told with the time at which it happened.
fn told_late(kept: &Spooled) -> Change {
    let mut ops = vec![Op::Once {
        space: "spool",
        value: ledger::Hash::of(&[kept.id.as_bytes()]),
        until_ms: FOREVER_MS,
    }];
    if let Some(stop) = &kept.stop
        && !matches!(stop.scope, Scope::Grant(_))
    {
        ops.push(Op::SetStop(stop.clone()));
    }
    let entry = Entry {
        happened_ms: Some(kept.at_ms),
        ..kept.entry.as_ref().clone()
    };
    Change {
        ops,
        entries: vec![entry],
    }
}
