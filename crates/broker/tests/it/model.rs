//! Every order in which grants are made, used, stopped, expire, crash and are restored, within
//! bounds: the invariants I1 to I10 hold in each of them, and do not in a broker that is broken.
//!
//! What is explored is the code itself: the changes are those of [`bailiwick_broker::protocol`],
//! and what becomes of them is decided by the store in memory, which the contract suite holds
//! against every other. The model adds what neither sees: a world in which credentials exist, and
//! a process that ends between any two steps.
//!
//! Of I8, who may approve is not the broker's to know; here it is that what waits for an approval
//! makes no credential.

use std::{
    hash::{Hash, Hasher},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bailiwick_broker::{
    SKEW_MS, Scope, State, Stop,
    port::{
        Attempt, Change, Ended, Grant, MintError, Minted, Op, Outcome, Refused, Session, Step,
        Store as _, Which,
    },
    protocol,
};
use bailiwick_ledger::{Credential, Entry};
use bailiwick_store::Memory;
use stateright::{Checker as _, Model, Property};

mod scenes;

/// Time passes in steps of this length.
const TICK: u64 = SKEW_MS;
const BEGIN: u64 = 10 * TICK;
const DEADLINE: u64 = BEGIN + 2 * TICK;
const DEADLINE_MAX: u64 = BEGIN + 3 * TICK;

const NAMES: [&str; 2] = ["parent", "child"];

/// A broker that does one thing wrongly. Each must be caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Nothing,
    MintsBeforeTheIntentIsDurable,
    ForgetsAStopInACrash,
    EndsBeforeTheCredentialDoes,
    RestoresWithoutAStop,
    AnswersWithoutARecord,
    TakesAStepWithoutAnEntry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Open(usize),
    Approve(usize),
    Begin(usize),
    Mint(usize, Answer),
    /// A credential that the process makes by itself, recorded in one change.
    Make(usize),
    Settle(usize),
    Deliver(usize),
    Call(usize),
    Reply(usize),
    Renew(usize),
    Suspend(usize),
    Resume(usize),
    End(usize),
    /// Of the parent's agent; the child is another's.
    Kill,
    /// Of the owner, while the store cannot be reached.
    RevokeBesideTheStore,
    Clear,
    Drain,
    Sweep,
    Tick,
    Crash,
    Start,
    Backup,
    Restore,
}

/// What a mint answers, and what is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Made,
    Refused,
    LostAndMade,
    LostAndNotMade,
}

/// A process of the broker: what is gone when it is.
#[derive(Debug, Clone, Default)]
struct Process {
    stops: Vec<Stop>,
    remembered: [Option<Grant>; 2],
    minting: [Option<Minting>; 2],
    /// Calls that are not answered yet, with the grant as it is by their record.
    recorded: [Option<Grant>; 2],
}

#[derive(Debug, Clone)]
enum Minting {
    Begun(Grant),
    Answered(Grant, Result<u64, MintError>),
    Recorded,
}

/// What left the process in the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Said {
    Nothing,
    Allowed(usize),
    Delivered(usize),
    /// A child was opened.
    Delegated,
    Restored,
    Withheld,
}

#[derive(Debug, Clone)]
struct World {
    store: Memory,
    backup: Option<Memory>,
    spool: Vec<Stop>,
    process: Option<Process>,
    now_ms: u64,
    /// When the last credential that exists of each grant ends by its own clock.
    credential_until_ms: [u64; 2],
    /// The same of those that no session on AWS belongs to.
    token_until_ms: [u64; 2],
    opened: [bool; 2],
    approved: [bool; 2],
    /// Denied once, and so for ever.
    dead: [bool; 2],
    /// How often things may still happen, by kind.
    left: Left,
    said: Said,
    /// The invariant that the last step broke.
    flaw: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Left {
    calls: u8,
    attempts: u8,
    crashes: u8,
    stops: u8,
    changes: u8,
}

/// Everything here answers at once: the store in memory waits for nothing.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the store in memory waited"),
    }
}

impl World {
    fn grant(&self, at: usize) -> Option<Arc<Grant>> {
        now(self.store.grant(NAMES[at])).unwrap().value
    }

    fn commit(&self, change: Change) -> Outcome {
        now(self.store.commit(vec![change], self.now_ms))
            .unwrap()
            .remove(0)
    }

    fn step(&self, grant: &Grant, step: Step) -> Outcome {
        let entries = vec![protocol::transition(Entry::default(), grant, &step)];
        let ops = vec![Op::Step(step)];
        self.commit(Change { ops, entries })
    }

    fn stopped_here(&self, grant: &Grant) -> bool {
        let stops = self.process.iter().flat_map(|process| &process.stops);
        stops.into_iter().any(|stop| stop.covers(grant))
    }

    fn dies(&mut self, at: usize) {
        // With it, what was delegated from it.
        self.dead[at] = true;
        self.dead[1] = self.dead[0] || self.dead[1];
    }

    /// Whether the grant and all above it may be used, said once more in other words than the
    /// store's.
    fn is_upheld(&self, at: usize) -> bool {
        let stops = now(self.store.stops()).unwrap().value;
        (0..=at).all(|at| {
            self.grant(at).is_some_and(|grant| {
                grant.state == State::Active
                    && self.now_ms < grant.deadline_ms
                    && stops.iter().all(|stop| !stop.covers(&grant))
            })
        })
    }

    /// The state of each grant, as the invariants speak of it.
    fn states(&self) -> [Option<(State, u64)>; 2] {
        [0, 1].map(|at| self.grant(at).map(|grant| (grant.state, grant.ver)))
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let of_store = |store: &Memory, hasher: &mut H| {
            for name in NAMES {
                if let Some(grant) = now(store.grant(name)).unwrap().value {
                    (grant.state, grant.ver, grant.uses, grant.ending).hash(hasher);
                    (grant.deadline_ms, grant.credential_until_ms).hash(hasher);
                }
            }
            for stop in now(store.stops()).unwrap().value {
                (stop.scope, stop.kill, stop.at_ms).hash(hasher);
            }
            for intent in now(store.intents(9)).unwrap() {
                intent.request.hash(hasher);
            }
        };
        of_store(&self.store, hasher);
        if let Some(backup) = &self.backup {
            of_store(backup, hasher);
        }
        for stop in &self.spool {
            (&stop.scope, stop.kill, stop.at_ms).hash(hasher);
        }
        // What a process holds is small, and what it prints says all of it.
        format!("{:?}", self.process).hash(hasher);
        (
            self.now_ms,
            self.credential_until_ms,
            self.token_until_ms,
            self.opened,
            self.approved,
        )
            .hash(hasher);
        (self.dead, self.left, self.said, self.flaw).hash(hasher);
    }
}

/// Two worlds are one if everything that is hashed of them is.
impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        let hash = |world: &Self| {
            let mut hasher = std::hash::DefaultHasher::new();
            world.hash(&mut hasher);
            hasher.finish()
        };
        hash(self) == hash(other)
    }
}

type Reached = fn(&Scene, &World) -> bool;

/// What may happen, and in what state it begins.
#[derive(Debug, Clone)]
struct Scene {
    acts: Vec<Act>,
    begin: World,
    broken: Broken,
    until_ms: u64,
    /// What must be reached, or the scene shows nothing.
    reaches: &'static [(&'static str, Reached)],
}

impl Scene {
    fn next(&self, world: &mut World, act: Act) -> Option<()> {
        match act {
            Act::Tick => {
                world.now_ms = Some(world.now_ms + TICK).filter(|now| *now <= self.until_ms)?;
                for at in [0, 1] {
                    if world
                        .grant(at)
                        .is_some_and(|grant| grant.deadline_ms <= world.now_ms)
                    {
                        world.dies(at);
                    }
                }
            }
            Act::Crash => {
                world.process.take()?;
                world.left.crashes = world.left.crashes.checked_sub(1)?;
            }
            Act::Start => self.start(world)?,
            Act::Backup => {
                if world.backup.is_some() {
                    return None;
                }
                world.backup = Some(world.store.fork());
            }
            Act::Restore => {
                if world.process.is_some() {
                    return None;
                }
                world.store = world.backup.take()?.reopen("restorer");
                if self.broken != Broken::RestoresWithoutAStop {
                    let ops = vec![Op::SetStop(stop(Scope::All, true, world.now_ms))];
                    let entries = vec![Entry::of("store.restored")];
                    world.commit(Change { ops, entries }).unwrap();
                }
                world.dead = [true; 2];
                world.said = Said::Restored;
            }
            Act::RevokeBesideTheStore => {
                world.left.stops = world.left.stops.checked_sub(1)?;
                let stop = stop(Scope::Owner("payments".into()), false, world.now_ms);
                world.process.as_mut()?.stops.push(stop.clone());
                world.spool.push(stop);
                world.dead = world.opened;
            }
            Act::Kill => {
                world.left.stops = world.left.stops.checked_sub(1)?;
                let stop = stop(Scope::Agent("agent-0".into()), true, world.now_ms);
                world.process.as_mut()?.stops.push(stop.clone());
                set(world, stop);
                if world.opened[0] {
                    world.dies(0);
                }
            }
            Act::Clear => {
                world.process.as_ref()?;
                drain(world)?;
                let (scope, at_ms) = (Scope::Agent("agent-0".into()), world.now_ms);
                let clear = Op::ClearKill {
                    scope: scope.clone(),
                    at_ms,
                };
                world.commit(of(clear)).unwrap();
                let process = world.process.as_mut()?;
                for stop in &mut process.stops {
                    if stop.scope == scope {
                        *stop = stop.clone().cleared(at_ms);
                    }
                }
            }
            Act::Drain => {
                world.process.as_ref()?;
                drain(world)?;
            }
            Act::Sweep => {
                world.process.as_ref()?;
                self.sweep(world);
            }
            Act::Open(at) => self.open(world, at)?,
            Act::Approve(at) => {
                world.process.as_ref()?;
                let grant = world.grant(at)?;
                world.step(&grant, Step::to(State::Approved, &grant)).ok()?;
                world.approved[at] = true;
            }
            Act::Begin(at) | Act::Mint(at, _) | Act::Settle(at) | Act::Deliver(at) => {
                self.issue(world, at, act)?
            }
            Act::Make(at) => self.make(world, at)?,
            Act::Call(at) | Act::Reply(at) => self.call(world, at, act)?,
            Act::Renew(at) | Act::Suspend(at) | Act::Resume(at) | Act::End(at) => {
                self.change(world, at, act)?;
            }
        }
        Some(())
    }

    /// As `Broker::open` does.
    fn start(&self, world: &mut World) -> Option<()> {
        if world.process.is_some() {
            return None;
        }
        world.store = world.store.fork().reopen("again");
        let stops = now(world.store.stops()).unwrap().value;
        world.process = Some(Process {
            stops,
            ..Process::default()
        });
        if self.broken == Broken::ForgetsAStopInACrash {
            world.spool.clear();
        }
        let _ = drain(world);
        for intent in now(world.store.intents(9)).unwrap() {
            let grant = intent
                .grant
                .as_ref()
                .and_then(|id| now(world.store.grant(id)).unwrap().value);
            world
                .commit(protocol::abandoned(&intent, grant.as_deref()))
                .unwrap();
        }
        self.sweep(world);
        Some(())
    }

    /// As `Broker::sweep` does.
    fn sweep(&self, world: &mut World) {
        let now_ms = world.now_ms;
        let stops = world.process.as_ref().unwrap().stops.clone();
        let mut found = vec![(Which::Due { now_ms }, State::Expired)];
        found.extend(
            stops
                .into_iter()
                .map(|stop| (Which::Covered(stop), State::Revoked)),
        );
        found.push((Which::Outliving, State::Revoked));
        for (which, ending) in found {
            for grant in now(world.store.grants(which, None, 9)).unwrap() {
                world
                    .commit(protocol::swept(&grant, ending, "swept", now_ms))
                    .unwrap();
            }
        }
        let until = match self.broken {
            Broken::EndsBeforeTheCredentialDoes => now_ms,
            _ => now_ms - SKEW_MS,
        };
        for grant in now(world.store.grants(Which::Spent { now_ms: until }, None, 9)).unwrap() {
            world.commit(protocol::lapsed(&grant)).unwrap();
        }
    }

    fn open(&self, world: &mut World, at: usize) -> Option<()> {
        if world.opened[at] {
            return None;
        }
        let grant = grant(at, world.now_ms);
        if world.process.is_none() || world.stopped_here(&grant) {
            return None;
        }
        let entries = vec![protocol::about(Entry::of("grant.pending_approval"), &grant)];
        let ops = vec![Op::Open(Box::new(grant))];
        world.commit(Change { ops, entries }).ok()?;
        world.opened[at] = true;
        if at == 1 {
            world.said = Said::Delegated;
        }
        Some(())
    }

    /// As `Broker::issue` does, in as many steps as it can be cut into.
    fn issue(&self, world: &mut World, at: usize, act: Act) -> Option<()> {
        let minting = world.process.as_mut()?.minting[at].take();
        let next = match (act, minting) {
            (Act::Begin(_), None) => {
                world.left.attempts = world.left.attempts.checked_sub(1)?;
                let grant = world.grant(at)?;
                if world.stopped_here(&grant) || grant.deadline_ms <= world.now_ms {
                    return None;
                }
                let until_ms = grant.deadline_ms;
                let request = format!("{}-{}", NAMES[at], world.left.attempts);
                let session = Session {
                    role: "arn:aws:iam::111122223333:role/agents/prod/a-task".into(),
                    until_ms,
                    attempt: Some(Attempt {
                        request: request.clone(),
                        by_ms: until_ms,
                    }),
                };
                let (now_ms, session) = (world.now_ms, Some(session));
                let (change, issuing) = protocol::begun(
                    &grant,
                    &request,
                    Entry::default(),
                    now_ms,
                    until_ms,
                    session,
                )
                .ok()?;
                if self.broken != Broken::MintsBeforeTheIntentIsDurable {
                    world.commit(change).ok()?;
                }
                Some(Minting::Begun(Grant {
                    body: request.into(),
                    ..issuing
                }))
            }
            (Act::Mint(_, answer), Some(Minting::Begun(issuing))) => {
                if matches!(answer, Answer::Made | Answer::LostAndMade) {
                    let is_announced = world.grant(at).is_some_and(|grant| {
                        !matches!(
                            grant.state,
                            State::Requested | State::PendingApproval | State::Approved
                        )
                    });
                    if !is_announced {
                        world.flaw = Some("I1");
                    }
                    if !world.approved[at] {
                        world.flaw = Some("I8");
                    }
                    let until = &mut world.credential_until_ms[at];
                    *until = (*until).max(issuing.deadline_ms);
                }
                let until_ms = issuing.deadline_ms;
                let answer = match answer {
                    Answer::Made => Ok(until_ms),
                    Answer::Refused => Err(MintError::Refused("no".into())),
                    Answer::LostAndMade | Answer::LostAndNotMade => {
                        Err(MintError::Unknown("lost".into()))
                    }
                };
                Some(Minting::Answered(issuing, answer))
            }
            (Act::Settle(_), Some(Minting::Answered(issuing, answer))) => {
                let request = String::from_utf8(issuing.body.clone()).unwrap();
                let minted = answer.map(|until_ms| Minted {
                    credential: (),
                    about: Credential {
                        expires_ms: Some(until_ms),
                        ..Credential::default()
                    },
                });
                let change = protocol::settled(&issuing, &request, Entry::default(), &minted);
                match world.commit(change) {
                    Ok(_) => minted.is_ok().then_some(Minting::Recorded),
                    Err(refused) => {
                        let change = protocol::withheld(
                            &issuing,
                            &request,
                            Entry::of("withheld"),
                            &minted,
                            &refused,
                        );
                        world.commit(change).ok()?;
                        world.said = Said::Withheld;
                        None
                    }
                }
            }
            (Act::Deliver(_), Some(Minting::Recorded)) => {
                world.said = Said::Delivered(at);
                None
            }
            _ => return None,
        };
        world.process.as_mut()?.minting[at] = next;
        Some(())
    }

    /// As `Broker::issue_made` does: there is a credential if there is a record of it.
    fn make(&self, world: &mut World, at: usize) -> Option<()> {
        if world.process.as_ref()?.minting[at].is_some() {
            return None;
        }
        world.left.attempts = world.left.attempts.checked_sub(1)?;
        let grant = world.grant(at)?;
        if world.stopped_here(&grant) || grant.deadline_ms <= world.now_ms {
            return None;
        }
        let about = Credential {
            expires_ms: Some(grant.deadline_ms),
            ..Credential::default()
        };
        let request = format!("{}-{}", NAMES[at], world.left.attempts);
        let (change, active) =
            protocol::made(&grant, &request, &Entry::default(), world.now_ms, about).ok()?;
        world.commit(change).ok()?;
        if !world.approved[at] {
            world.flaw = Some("I8");
        }
        let kept = world.grant(at)?;
        if (kept.state, kept.ver, kept.credential_until_ms)
            != (active.state, active.ver, active.credential_until_ms)
        {
            world.flaw = Some("told");
        }
        let until = &mut world.token_until_ms[at];
        *until = (*until).max(grant.deadline_ms);
        world.process.as_mut()?.minting[at] = Some(Minting::Recorded);
        Some(())
    }

    /// As `Broker::decide` does: on what is remembered, which may be old.
    fn call(&self, world: &mut World, at: usize, act: Act) -> Option<()> {
        if act == Act::Reply(at) {
            let grant = world.process.as_mut()?.recorded[at].take()?;
            if !world.stopped_here(&grant) {
                let kept = world.grant(at);
                if kept.is_none_or(|kept| kept.uses < grant.uses) {
                    world.flaw = Some("I4");
                }
                world.said = Said::Allowed(at);
            }
            return Some(());
        }
        world.left.calls = world.left.calls.checked_sub(1)?;
        let process = world.process.as_ref()?;
        let mut grant = match process.remembered[at].clone() {
            Some(grant) => grant,
            None => Grant::clone(&*world.grant(at)?),
        };
        let is_denied = world.stopped_here(&grant)
            || grant.state != State::Active
            || grant.deadline_ms <= world.now_ms
            || process.recorded[at].is_some();
        if is_denied {
            return None;
        }
        let change = protocol::used(&grant, Vec::new(), Entry::of("decision"));
        let is_written =
            self.broken == Broken::AnswersWithoutARecord || world.commit(change).is_ok();
        if !is_written {
            world.process.as_mut()?.remembered[at] = None;
            return Some(());
        }
        if !world.is_upheld(at) {
            world.flaw = Some("I3");
        }
        if world.dead[at] {
            world.flaw = Some("I10");
        }
        grant.uses += 1;
        let process = world.process.as_mut()?;
        process.remembered[at] = Some(grant.clone());
        process.recorded[at] = Some(grant);
        Some(())
    }

    fn change(&self, world: &mut World, at: usize, act: Act) -> Option<()> {
        world.process.as_ref()?;
        world.left.changes = world.left.changes.checked_sub(1)?;
        let grant = world.grant(at)?;
        let step = match act {
            Act::Renew(_) => Step {
                deadline_ms: Some(grant.deadline_ms + TICK),
                credential_until_ms: Some(grant.deadline_ms + TICK),
                ..Step::to(State::Active, &grant)
            },
            Act::Suspend(_) => Step::to(State::Suspended, &grant),
            Act::Resume(_) if grant.state == State::Suspended => Step::to(State::Active, &grant),
            Act::End(_) => {
                let mut family = vec![Arc::clone(&grant)];
                let under = Which::Under(grant.id.clone());
                family.extend(now(world.store.grants(under, None, 9)).unwrap());
                let mut change = protocol::ends(&family, State::Completed, &Entry::default());
                if self.broken == Broken::TakesAStepWithoutAnEntry {
                    change.entries.clear();
                }
                if change.ops.is_empty() {
                    return None;
                }
                world.commit(change).ok()?;
                world.dies(at);
                return Some(());
            }
            _ => return None,
        };
        world.step(&grant, step).ok()?;
        // What is remembered is read again after a step here.
        world.process.as_mut()?.remembered[at] = None;
        Some(())
    }

    /// What one step may not do to any grant.
    fn judge(&self, before: &World, after: &mut World, act: Act) {
        let from = now(before.store.chain()).unwrap().len();
        if act == Act::Restore || after.flaw.is_some() {
            return;
        }
        let records = now(after.store.records(from, 100)).unwrap();
        let entries: Vec<Entry> = records
            .iter()
            .map(|record| record.entry().unwrap())
            .collect();
        let (was, is) = (before.states(), after.states());
        for at in [0, 1] {
            let told = entries.iter().filter_map(|entry| entry.grant.as_ref());
            let told = told.filter(|grant| grant.id == NAMES[at] && grant.state_to.is_some());
            let told = told.count() as u64;
            let flaw = match (was[at], is[at]) {
                (Some((state, ver)), Some((next, next_ver))) => {
                    let is_final_and_moved = state.is_final() && (state, ver) != (next, next_ver);
                    if is_final_and_moved || next_ver < ver || (state != next && next_ver == ver) {
                        Some("I2")
                    } else if next_ver - ver != told {
                        Some("I7")
                    } else {
                        None
                    }
                }
                (None, Some(_)) if entries.is_empty() => Some("I7"),
                (None, Some(_)) | (None, None) => None,
                (Some(_), None) => Some("I2"),
            };
            after.flaw = after.flaw.or(flaw);
        }
    }
}

impl Model for Scene {
    type State = World;
    type Action = Act;

    fn init_states(&self) -> Vec<World> {
        vec![self.begin.clone()]
    }

    fn actions(&self, world: &World, acts: &mut Vec<Act>) {
        if world.flaw.is_none() {
            acts.extend(&self.acts);
        }
    }

    fn next_state(&self, before: &World, act: Act) -> Option<World> {
        let mut after = World {
            store: before.store.fork(),
            said: Said::Nothing,
            ..before.clone()
        };
        self.next(&mut after, act)?;
        self.judge(before, &mut after, act);
        Some(after)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(
                "I1 a credential has a durable intent",
                |_, world: &World| world.flaw != Some("I1"),
            ),
            Property::always(
                "I2 what is final stays, versions grow",
                |_, world: &World| world.flaw != Some("I2"),
            ),
            Property::always("I3 who is allowed is upheld", |_, world: &World| {
                world.flaw != Some("I3")
            }),
            Property::always("I4 an answer has a durable record", |_, world: &World| {
                world.flaw != Some("I4")
            }),
            Property::always(
                "I5 a child is inside its parent",
                |_, world: &World| match (world.grant(0), world.grant(1)) {
                    (Some(parent), Some(child)) => {
                        child.deadline_ms <= child.deadline_ms_max
                            && child.deadline_ms_max <= parent.deadline_ms
                    }
                    _ => true,
                },
            ),
            Property::always("I6 an end waits for the credential", |_, world: &World| {
                [0, 1].into_iter().all(|at| {
                    let state = world.grant(at).map(|grant| grant.state);
                    let is_over = matches!(
                        state,
                        Some(State::Completed | State::Expired | State::Revoked)
                    );
                    let until_ms = world.credential_until_ms[at].max(world.token_until_ms[at]);
                    !is_over || until_ms + SKEW_MS <= world.now_ms || until_ms == 0
                })
            }),
            Property::always(
                "I6 the sessions of what ended are posted to be denied",
                |_, world: &World| {
                    let posts = now(world.store.posts(9)).unwrap();
                    [0, 1].into_iter().all(|at| {
                        let state = world.grant(at).map(|grant| grant.state);
                        let has_ended = matches!(state, Some(State::Revoking | State::Orphaned));
                        let key = format!("{}{}", Ended::KEY, NAMES[at]);
                        !has_ended
                            || world.credential_until_ms[at] == 0
                            || posts.iter().any(|post| post.key == key)
                    })
                },
            ),
            Property::always(
                "what is handed out is the grant as it is",
                |_, world: &World| world.flaw != Some("told"),
            ),
            Property::always("I7 one entry a step", |_, world: &World| {
                world.flaw != Some("I7")
            }),
            Property::always(
                "I8 what waits for an approval makes nothing",
                |_, world: &World| world.flaw != Some("I8"),
            ),
            Property::always("I9 no deadline beyond the last", |_, world: &World| {
                [0, 1].into_iter().all(|at| {
                    world
                        .grant(at)
                        .is_none_or(|grant| grant.deadline_ms <= grant.deadline_ms_max)
                })
            }),
            Property::always("I10 what was denied stays denied", |_, world: &World| {
                world.flaw != Some("I10")
            }),
        ];
        for (name, reached) in self.reaches {
            properties.push(Property::sometimes(name, *reached));
        }
        properties
    }
}

/// Tells the store what was kept beside it.
fn drain(world: &mut World) -> Option<()> {
    for stop in std::mem::take(&mut world.spool) {
        let process = world.process.as_mut()?;
        process.stops.push(stop.clone());
        set(world, stop);
    }
    Some(())
}

fn set(world: &World, stop: Stop) {
    world.commit(of(Op::SetStop(stop))).unwrap();
}

fn of(op: Op) -> Change {
    Change {
        ops: vec![op],
        entries: vec![Entry::of("stop")],
    }
}

fn stop(scope: Scope, kill: bool, at_ms: u64) -> Stop {
    Stop {
        scope,
        kill,
        at_ms,
        by: "operator".into(),
        reason: "model".into(),
    }
}

fn grant(at: usize, now_ms: u64) -> Grant {
    let lineage = NAMES[..at].iter().map(ToString::to_string).collect();
    Grant {
        id: NAMES[at].into(),
        lineage,
        agent: format!("agent-{at}"),
        owner: "payments".into(),
        task: "reconcile".into(),
        charter: "c1".into(),
        state: State::PendingApproval,
        ver: 1,
        issued_ms: now_ms,
        deadline_ms: DEADLINE,
        deadline_ms_max: if at == 0 { DEADLINE_MAX } else { DEADLINE },
        credential_until_ms: 0,
        ending: None,
        sessions: Vec::new(),
        uses: 0,
        body: Vec::new(),
        history: Vec::new(),
    }
}

/// An outcome that a later stop refused is a refusal like any other.
#[test]
fn a_refusal_of_the_store_is_seen_by_the_model() {
    let world = scenes::empty();
    let grant = grant(0, BEGIN);
    let refused = world.step(&grant, Step::to(State::Issuing, &grant));
    assert_eq!(refused, Err(Refused::NoGrant));
}
