//! The broker on a store that fails, under a clock that jumps, with a process that restarts: seeded,
//! so that whatever goes wrong goes wrong again.
//!
//! `BAILIWICK_SEED=7 cargo nextest run -p bailiwick-store simulation` runs one seed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use bailiwick_broker::{
    Broker, Recorded, Ruling, Scope, State, Stop, Verdict,
    port::{
        Answer, Change, Clock, Dated, Grant, Intent, Log, LogError, Mint, MintError, Minted,
        Outcome, Post, Spooled, Store, StoreError, Ticket, Which,
    },
};
use bailiwick_ledger::{Chain, Credential, Entry, Hash, Record, verify::Verifier};
use bailiwick_store::Memory;

use crate::made::{NOW, grant};

const SEEDS: u64 = 200;
const STEPS: u64 = 80;
/// Calls that a grant allows.
const BUDGET: u64 = 6;

/// xorshift64*: enough to simulate with, and the same everywhere.
#[derive(Clone, Debug)]
struct Dice(Arc<Mutex<u64>>);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(
            seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        )))
    }

    fn roll(&self, sides: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }
}

/// A store that fails now and then: before a commit, or after it was written.
#[derive(Clone)]
struct Flaky {
    store: Memory,
    dice: Dice,
    /// One in so many commits fails; 0 for none.
    one_in: Arc<AtomicU64>,
}

impl Flaky {
    fn fails(&self) -> bool {
        let one_in = self.one_in.load(Ordering::SeqCst);
        one_in > 0 && self.dice.roll(one_in) == 0
    }
}

fn unavailable<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("simulated".into()))
}

impl Store for Flaky {
    async fn commit(&self, changes: Vec<Change>, now_ms: u64) -> Result<Vec<Outcome>, StoreError> {
        // Whoever else has work gets a turn, so that batches form and calls overlap.
        for _ in 0..self.dice.roll(4) {
            tokio::task::yield_now().await;
        }
        if self.fails() {
            return unavailable();
        }
        let outcomes = self.store.commit(changes, now_ms).await?;
        if self.fails() {
            return unavailable();
        }
        Ok(outcomes)
    }

    async fn grant(&self, id: &str) -> Result<Dated<Option<Arc<Grant>>>, StoreError> {
        if self.fails() {
            return unavailable();
        }
        self.store.grant(id).await
    }

    async fn grants(
        &self,
        which: Which,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Arc<Grant>>, StoreError> {
        if self.fails() {
            return unavailable();
        }
        self.store.grants(which, after, limit).await
    }

    async fn stops(&self) -> Result<Dated<Vec<Stop>>, StoreError> {
        self.store.stops().await
    }

    async fn ticket(&self, hash: Hash) -> Result<Option<Ticket>, StoreError> {
        self.store.ticket(hash).await
    }

    async fn answer(&self, key: &str) -> Result<Option<Answer>, StoreError> {
        self.store.answer(key).await
    }

    async fn intents(&self, limit: usize) -> Result<Vec<Intent>, StoreError> {
        self.store.intents(limit).await
    }

    async fn posts(&self, limit: usize) -> Result<Vec<Post>, StoreError> {
        self.store.posts(limit).await
    }

    async fn records(&self, from: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.store.records(from, limit).await
    }

    async fn chain(&self) -> Result<Chain, StoreError> {
        self.store.chain().await
    }

    async fn inclusion(&self, seq: u64, size: u64) -> Result<Vec<Hash>, StoreError> {
        self.store.inclusion(seq, size).await
    }

    async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, StoreError> {
        self.store.consistency(old, new).await
    }

    fn epoch(&self) -> u64 {
        self.store.epoch()
    }
}

/// The files beside the store, as a list that outlives the broker.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<Spooled>>>);

impl Log for Kept {
    fn spool(&self, spooled: &Spooled) -> Result<(), LogError> {
        self.0.lock().unwrap().push(spooled.clone());
        Ok(())
    }

    fn spooled(&self) -> Result<Vec<Spooled>, LogError> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn forget(&self, taken: usize) -> Result<(), LogError> {
        self.0.lock().unwrap().drain(..taken);
        Ok(())
    }

    fn publish(&self, _: u64, _: &str) -> Result<(), LogError> {
        Ok(())
    }

    fn published(&self) -> Result<u64, LogError> {
        Ok(0)
    }
}

/// A clock that is set by hand, also back.
#[derive(Clone)]
pub(crate) struct Hand(pub(crate) Arc<AtomicU64>);

impl Clock for Hand {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A mint that makes a credential, refuses, or leaves one in the dark.
struct Unsure(Dice);

impl Mint for Unsure {
    type Credential = String;

    fn until_ms_max(&self, grant: &Grant, _: u64) -> u64 {
        grant.deadline_ms
    }

    async fn mint(
        &self,
        grant: &Recorded<Arc<Grant>>,
        _: &str,
    ) -> Result<Minted<String>, MintError> {
        tokio::task::yield_now().await;
        match self.0.roll(8) {
            0 => Err(MintError::Refused("simulated".into())),
            1 => Err(MintError::Unknown("simulated".into())),
            _ => Ok(Minted {
                credential: grant.value().id.clone(),
                about: Credential::default(),
            }),
        }
    }
}

/// What the outside saw, and what must therefore be so.
#[derive(Default)]
struct Seen {
    opened: Vec<String>,
    allowed: BTreeMap<String, u64>,
    requests: Vec<String>,
    credentials: Vec<String>,
    /// Grants that a stop or an end covered when it returned.
    dead: BTreeSet<String>,
    killed: bool,
}

type Sim = Broker<Flaky, Kept, Hand>;

struct World {
    dice: Dice,
    memory: Memory,
    one_in: Arc<AtomicU64>,
    log: Kept,
    clock: Hand,
    seen: Seen,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            memory: Memory::new("a"),
            one_in: Arc::default(),
            log: Kept::default(),
            clock: Hand(Arc::new(AtomicU64::new(NOW))),
            seen: Seen::default(),
        }
    }

    async fn start(&mut self) -> Arc<Sim> {
        // A start that fails is tried again: until then there is nobody to allow anything.
        loop {
            self.memory = self.memory.reopen("a");
            let store = Flaky {
                store: self.memory.clone(),
                dice: self.dice.clone(),
                one_in: Arc::clone(&self.one_in),
            };
            match Broker::open(store, self.log.clone(), self.clock.clone()).await {
                Ok(broker) => return Arc::new(broker),
                Err(error) => assert!(error.to_string().contains("simulated"), "{error}"),
            }
        }
    }

    fn some_grant(&self) -> Option<String> {
        let opened = &self.seen.opened;
        let at = self.dice.roll(opened.len().max(1) as u64);
        opened.get(usize::try_from(at).unwrap()).cloned()
    }

    async fn act(&mut self, broker: &mut Arc<Sim>, step: u64) {
        match self.dice.roll(16) {
            0..=3 => self.open(broker, step).await,
            4..=8 => self.call(broker, step).await,
            9 => self.end(broker).await,
            10 => self.stop(broker).await,
            11 => drop(broker.sweep().await),
            12 => drop(broker.drain_spool().await),
            13 => {
                // Forward by up to ten seconds, or back by up to a minute.
                let now = self.clock.now_ms();
                let next = match self.dice.roll(3) {
                    0 => now - self.dice.roll(60_000),
                    _ => now + self.dice.roll(10_000),
                };
                self.clock.0.store(next, Ordering::SeqCst);
            }
            14 => *broker = self.start().await,
            _ => self.one_in.store(
                [0, 0, 3, 9][usize::try_from(self.dice.roll(4)).unwrap()],
                Ordering::SeqCst,
            ),
        }
    }

    async fn open(&mut self, broker: &Arc<Sim>, step: u64) {
        let id = format!("g{step}");
        let now_ms = broker.now_ms();
        let opened = Grant {
            agent: format!("agent-{}", step % 3),
            issued_ms: now_ms,
            deadline_ms: now_ms + 20_000,
            deadline_ms_max: now_ms + 20_000,
            ..grant(&id)
        };
        let entries = vec![Entry::of("grant.approved")];
        let Ok(opened) = broker.open_grant(opened, Vec::new(), entries).await else {
            return;
        };
        assert!(
            !self.seen.killed,
            "opened under a kill: {:?}, and the store has {:?}",
            broker.stops(),
            self.memory.stops().await
        );
        self.seen.opened.push(id.clone());
        let mint = Unsure(self.dice.clone());
        let entry = Entry::of("credential");
        if let Ok(credential) = broker
            .issue(opened.into_value(), &format!("r{step}"), &entry, &mint)
            .await
        {
            self.seen.credentials.push(credential.into_value());
        }
    }

    /// Several calls at once, on one grant.
    async fn call(&mut self, broker: &Arc<Sim>, step: u64) {
        let Some(id) = self.some_grant() else { return };
        let calls: Vec<_> = (0..=self.dice.roll(5))
            .map(|call| {
                let (broker, id, request) =
                    (Arc::clone(broker), id.clone(), format!("{step}.{call}"));
                tokio::spawn(async move {
                    let entry = Entry {
                        request_id: Some(request.clone()),
                        ..Entry::of("decision")
                    };
                    let judge = |grant: &Grant, now: u64| {
                        assert!(now < grant.deadline_ms);
                        let entry = entry.clone();
                        if grant.uses >= BUDGET {
                            return Verdict::Deny { entry, value: () };
                        }
                        Verdict::Allow {
                            history: Vec::new(),
                            entry,
                            value: (),
                        }
                    };
                    let ruling = broker.decide(&id, &entry, judge).await;
                    matches!(ruling, Ruling::Allowed(_)).then_some(request)
                })
            })
            .collect();
        for call in calls {
            if let Some(request) = call.await.unwrap() {
                assert!(
                    !self.seen.dead.contains(&id),
                    "{id} was allowed after its end"
                );
                *self.seen.allowed.entry(id.clone()).or_default() += 1;
                self.seen.requests.push(request);
            }
        }
    }

    async fn end(&mut self, broker: &Arc<Sim>) {
        let Some(id) = self.some_grant() else { return };
        let Ok(Dated {
            value: Some(grant), ..
        }) = self.memory.grant(&id).await
        else {
            return;
        };
        let ended = broker
            .end(&grant, State::Completed, &Entry::of("grant.completed"))
            .await;
        if ended.is_ok() {
            self.seen.dead.insert(id);
        }
    }

    async fn stop(&mut self, broker: &Arc<Sim>) {
        if self.seen.killed {
            // After a failure nobody knows whether it is cleared.
            let _ = broker
                .clear_kill(&Scope::All, Entry::of("stop.cleared"))
                .await;
            self.seen.killed = false;
            return;
        }
        let kill = self.dice.roll(2) == 0;
        let scope = if kill {
            Scope::All
        } else {
            Scope::Agent(format!("agent-{}", self.dice.roll(3)))
        };
        let stop = Stop {
            scope: scope.clone(),
            kill,
            at_ms: broker.now_ms(),
            by: "operator".into(),
            reason: "simulated".into(),
        };
        // It acts, whatever becomes of its record.
        let _ = broker.stop(stop.clone(), Entry::of("stop.set")).await;
        self.seen.killed |= kill;
        for id in &self.seen.opened {
            let Ok(Dated {
                value: Some(grant), ..
            }) = self.memory.grant(id).await
            else {
                continue;
            };
            if stop.covers(&grant) {
                self.seen.dead.insert(id.clone());
            }
        }
    }

    async fn check(&self) {
        let mut verifier = Verifier::new(&[]);
        let (mut recorded, mut steps) = (BTreeSet::new(), BTreeSet::new());
        let mut uses: BTreeMap<String, u64> = BTreeMap::new();
        for record in self.memory.records(0, usize::MAX).await.unwrap() {
            verifier.record(&record).unwrap();
            let entry = record.entry().unwrap();
            let grant = entry.grant.unwrap_or_default();
            if entry.event == "decision" && entry.decision.is_none() {
                *uses.entry(grant.id.clone()).or_default() += 1;
                recorded.insert(entry.request_id.unwrap_or_default());
            }
            if let (Some(_), Some(ver)) = (&grant.state_to, grant.ver) {
                let once = steps.insert((grant.id.clone(), ver));
                assert!(once, "two entries for step {ver} of {}", grant.id);
            }
        }
        verifier.finish().unwrap();
        for request in &self.seen.requests {
            assert!(
                recorded.contains(request),
                "{request} was allowed and not recorded"
            );
        }
        for (id, allowed) in &self.seen.allowed {
            assert!(*allowed <= BUDGET, "{id} was allowed {allowed} times");
        }
        for (id, uses) in &uses {
            let kept = self.memory.grant(id).await.unwrap().value.unwrap();
            assert_eq!(kept.uses, *uses, "{id}");
            assert!(*uses <= BUDGET, "{id} is recorded {uses} times");
        }
        for id in &self.seen.opened {
            let grant = self.memory.grant(id).await.unwrap().value.unwrap();
            // One entry for each step: a version is a step.
            for ver in 2..=grant.ver {
                assert!(
                    steps.contains(&(id.clone(), ver)),
                    "no entry for step {ver} of {id}"
                );
            }
        }
        for id in &self.seen.credentials {
            let grant = self.memory.grant(id).await.unwrap().value.unwrap();
            assert!(
                !matches!(
                    grant.state,
                    State::Approved | State::Issuing | State::IssueFailed
                ),
                "a credential of {id} was handed out, and it is {}",
                grant.state
            );
        }
    }
}

#[test]
fn whatever_fails_nothing_is_released_that_is_not_recorded_in_budget_and_alive() {
    let seeds = match std::env::var("BAILIWICK_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (1..=SEEDS).collect::<Vec<u64>>(),
    };
    let mut seen = [0; 3];
    for seed in seeds {
        println!("BAILIWICK_SEED={seed}");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut world = World::new(seed);
            let mut broker = world.start().await;
            for step in 0..STEPS {
                world.act(&mut broker, step).await;
            }
            world.one_in.store(0, Ordering::SeqCst);
            world.check().await;
            seen[0] += world.seen.requests.len();
            seen[1] += world.seen.credentials.len();
            seen[2] += world.seen.dead.len();
        });
    }
    assert!(
        seen.iter().all(|seen| *seen > 0),
        "nothing happened, so nothing was tested: {seen:?}"
    );
    println!(
        "{} calls allowed, {} credentials, {} grants ended",
        seen[0], seen[1], seen[2]
    );
}
