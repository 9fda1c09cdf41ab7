//! What the broker asks of the world: a store, a log beside it, a mint and a clock.
//!
//! The contract is the same for every database; `bailiwick-store` runs one suite against each.

use std::{future::Future, sync::Arc, time::Duration};

use bailiwick_ledger::{Chain, Entry, Hash, Record};
use serde::{Deserialize, Serialize};

use crate::{Recorded, State, Stop};

/// What time it is.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970, by the wall.
    fn now_ms(&self) -> u64;
}

/// Where grants, stops and the ledger are kept, durably.
///
/// **Durable or not at all.** A change whose outcome was returned survives `kill -9` and the loss
/// of power. After an error nobody knows whether the changes were written; nothing may be released
/// on them. After [`StoreError::Broken`] the store accepts nothing any more until the process is
/// started again: a flush that failed once may have dropped pages it will later call clean.
///
/// **One change, all of it.** The ops and the entries of one [`Change`] are written together or
/// refused together. Changes of one batch see those before them, and one that is refused does not
/// hold up the others.
///
/// **Fenced.** Opening a store raises its epoch. A writer whose epoch is no longer the store's gets
/// [`StoreError::Fenced`] for every commit.
///
/// **Dated.** What is read says how old it may be ([`Dated`]); whoever decides on it looks.
pub trait Store: Send + Sync + 'static {
    /// Writes the changes in their order, durably. The outcomes are in the same order.
    ///
    /// # Errors
    /// If it is not known that all of it is durable.
    fn commit(
        &self,
        changes: Vec<Change>,
        now_ms: u64,
    ) -> impl Future<Output = Result<Vec<Outcome>, StoreError>> + Send;

    /// The grant of this id.
    ///
    /// # Errors
    /// If it cannot be told.
    fn grant(
        &self,
        id: &str,
    ) -> impl Future<Output = Result<Dated<Option<Arc<Grant>>>, StoreError>> + Send;

    /// Grants after the cursor, in the order of their ids; those that are due or spent in the order
    /// in which they became so.
    ///
    /// # Errors
    /// If it cannot be told.
    fn grants(
        &self,
        which: Which,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Arc<Grant>>, StoreError>> + Send;

    /// All stops that are set.
    ///
    /// # Errors
    /// If it cannot be told.
    fn stops(&self) -> impl Future<Output = Result<Dated<Vec<Stop>>, StoreError>> + Send;

    /// The ticket of this hash, if it was not redeemed.
    ///
    /// # Errors
    /// If it cannot be told.
    fn ticket(&self, hash: Hash)
    -> impl Future<Output = Result<Option<Ticket>, StoreError>> + Send;

    /// The answer that was given under this idempotency key.
    ///
    /// # Errors
    /// If it cannot be told.
    fn answer(&self, key: &str) -> impl Future<Output = Result<Option<Answer>, StoreError>> + Send;

    /// Intents whose outcome is not recorded, the oldest first.
    ///
    /// # Errors
    /// If it cannot be told.
    fn intents(&self, limit: usize)
    -> impl Future<Output = Result<Vec<Intent>, StoreError>> + Send;

    /// Those of them whose writer is gone, so that nobody else will settle them. For a store with one
    /// writer these are all that there are when it is opened.
    ///
    /// # Errors
    /// If it cannot be told.
    fn abandoned(
        &self,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Intent>, StoreError>> + Send {
        self.intents(limit)
    }

    /// What other writers did since this was last asked; `None` where there can be no others.
    ///
    /// # Errors
    /// If it cannot be told.
    fn news(&self) -> impl Future<Output = Result<Option<News>, StoreError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Returns when other writers may have done something that [`Store::news`] tells: a hint, which
    /// may come for nothing, late or never.
    fn stirred(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Takes, or keeps, a lease: of all writers one has it, as long as it goes on asking. `None`:
    /// another has it. Where there is one writer, that one has it.
    ///
    /// # Errors
    /// If it cannot be told: then nobody has it.
    fn lease(
        &self,
        what: &'static str,
    ) -> impl Future<Output = Result<Option<Lease>, StoreError>> + Send {
        let term = self.epoch();
        std::future::ready(Ok(Some(Lease { what, term })))
    }

    /// Gives a lease back, so that the next need not wait until it has run out.
    ///
    /// # Errors
    /// If it cannot be told; then it runs out.
    fn give_back(&self, _lease: Lease) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// What is still to be done outside, the oldest first.
    ///
    /// # Errors
    /// If it cannot be told.
    fn posts(&self, limit: usize) -> impl Future<Output = Result<Vec<Post>, StoreError>> + Send;

    /// Up to so many entries of the ledger, from this number on.
    ///
    /// # Errors
    /// If it cannot be told.
    fn records(
        &self,
        from: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Record>, StoreError>> + Send;

    /// The end of the ledger.
    ///
    /// # Errors
    /// If it cannot be told.
    fn chain(&self) -> impl Future<Output = Result<Chain, StoreError>> + Send;

    /// The proof that entry `seq` is among the first `size`.
    ///
    /// # Errors
    /// If it cannot be told, or there are not so many.
    fn inclusion(
        &self,
        seq: u64,
        size: u64,
    ) -> impl Future<Output = Result<Vec<Hash>, StoreError>> + Send;

    /// The proof that the first `old` entries are the beginning of the first `new`.
    ///
    /// # Errors
    /// If it cannot be told, or there are not so many.
    fn consistency(
        &self,
        old: u64,
        new: u64,
    ) -> impl Future<Output = Result<Vec<Hash>, StoreError>> + Send;

    /// The epoch of this writer.
    fn epoch(&self) -> u64;
}

/// Why a store gives no answer. Every one of them is a denial to whoever waits for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot be reached, is full, or reports an error; it may recover.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// It failed in a way after which nothing that it says can be trusted.
    #[error("the store is stopped for good: {0}")]
    Broken(String),
    /// Another writer has taken over.
    #[error("epoch {ours} was replaced by epoch {current}")]
    Fenced { ours: u64, current: u64 },
    /// The clocks are too far apart for deadlines to mean the same.
    #[error("the clock here is {apart_ms} ms {} the database's, and {most_ms} ms are the most", if *.ahead { "ahead of" } else { "behind" })]
    ClocksApart {
        apart_ms: u64,
        ahead: bool,
        most_ms: u64,
    },
    /// What it holds is not what it wrote.
    #[error("the store holds something it cannot have written: {0}")]
    Corrupt(String),
    /// There are not so many entries.
    #[error("the ledger has {size} entries")]
    OutOfRange { size: u64 },
}

/// Something that was read, and how old it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated<T> {
    pub value: T,
    /// It was so at this time, by the clock that was handed to the store.
    pub as_of_ms: u64,
}

/// What other writers of the same store did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// Grants that began to end, or were suspended.
    pub ended: Vec<String>,
    /// All stops that are set now, if any was set or cleared.
    pub stops: Option<Vec<Stop>>,
}

/// The right to do something outside alone, of all writers of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub what: &'static str,
    /// Another holder has a later one.
    pub term: u64,
}

impl Lease {
    /// Whoever had [`Op::Hold`] taken may act on it for so long: nobody else has the lease until
    /// well after that, even if what was begun then takes its time.
    pub const ACTS_FOR: Duration = Duration::from_secs(5);

    /// It runs out so long after it was taken or held last.
    pub const LASTS_FOR: Duration = Duration::from_secs(20);
}

/// Things that are written together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// In this order. The first that is refused refuses the change.
    pub ops: Vec<Op>,
    /// What is told of it, in this order.
    pub entries: Vec<Entry>,
}

/// Where the entries of a change got their place, or why the change was refused.
pub type Outcome = Result<Vec<Place>, Refused>;

/// The place of an entry in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub seq: u64,
    pub hash: Hash,
}

/// One thing that a change does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// A new grant, in a state in which one may begin and with a version. Its parent, if it has one, must be active and not end before it; no stop that
    /// is kept may cover it.
    Open(Box<Grant>),
    /// A step in a grant's life, only from this version, and only one of [`crate::TRANSITIONS`]. A
    /// step to issuing or active is refused after the deadline, where a stop covers the grant, and
    /// where that is so of a grant it was delegated from.
    Step(Step),
    /// One more use of an active grant, only if there were `uses` before it, its deadline is ahead,
    /// no stop covers it, and all it was delegated from are as well off. `history` replaces what the grant remembers of its uses.
    Use {
        grant: String,
        uses: u64,
        history: Vec<u8>,
    },
    /// Sets a stop, joined with that of the same scope. A stop of one grant is not kept: the grant
    /// and those under it take a step.
    SetStop(Stop),
    /// Lets new grants open again. Those that were stopped stay so.
    ClearKill { scope: crate::Scope, at_ms: u64 },
    /// A one-time ticket.
    PutTicket(Ticket),
    /// Redeems a ticket: exactly once, and not after it lapsed.
    TakeTicket(Hash),
    /// Sees a value for the first time in its space, or refuses. Forgotten after `until_ms`.
    Once {
        space: &'static str,
        value: Hash,
        until_ms: u64,
    },
    /// Keeps the answer that was given under an idempotency key.
    PutAnswer(Answer),
    /// An outward effect is about to be tried.
    Begin(Intent),
    /// It ended, or nobody will ever know; refused if that was said before.
    Settle { request: String },
    /// Something to be done outside, at least once, until it is said to be done.
    Post(Post),
    /// It is done.
    Posted { key: String },
    /// Goes on holding a lease, or refuses: what is done next outside, within
    /// [`Lease::ACTS_FOR`], nobody else does.
    Hold(Lease),
}

/// A step in a grant's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub grant: String,
    /// The version it is taken from; the next is one more.
    pub ver: u64,
    pub to: State,
    /// A new deadline, never beyond [`Grant::deadline_ms_max`].
    pub deadline_ms: Option<u64>,
    /// A credential that may be made ends then at the latest. It never gets earlier.
    pub credential_until_ms: Option<u64>,
    /// The final state that the grant is now on its way to.
    pub ending: Option<State>,
    /// What replaces [`Grant::sessions`].
    pub sessions: Option<Vec<Session>>,
}

impl Step {
    /// The step that changes the state alone.
    pub fn to(to: State, grant: &Grant) -> Self {
        Self {
            grant: grant.id.clone(),
            ver: grant.ver,
            to,
            deadline_ms: None,
            credential_until_ms: None,
            ending: None,
            sessions: None,
        }
    }
}

/// Why a change was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("there is no such grant")]
    NoGrant,
    #[error("the grant is at version {is}")]
    Version { is: u64 },
    #[error("a grant begins at version 1, and this one at 0")]
    NoVersion,
    #[error("the grant has been used {is} times")]
    Uses { is: u64 },
    #[error("the grant is {is}")]
    State { is: State },
    #[error("the grant's deadline has passed, or would")]
    Deadline,
    #[error("a stop covers the grant")]
    Stopped,
    #[error("the parent grant is not active, or ends sooner")]
    Parent,
    #[error("it exists already")]
    Exists,
    #[error("the ticket was redeemed, has lapsed, or never was")]
    Ticket,
    #[error("the value was seen before")]
    Seen,
    #[error("no such effect is under way")]
    NoIntent,
    #[error("another replica has taken the lease")]
    NotHeld,
    #[error("an entry of it cannot be written: {0}")]
    Entry(String),
}

/// A grant as it is kept. What the authority knows of it is in `body` and `history`, which the
/// store does not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub id: String,
    /// The grants it was delegated from, the first one first.
    pub lineage: Vec<String>,
    pub agent: String,
    pub owner: String,
    pub task: String,
    /// The charter it is pinned to.
    pub charter: String,
    pub state: State,
    pub ver: u64,
    pub issued_ms: u64,
    pub deadline_ms: u64,
    /// No renewal goes beyond this.
    pub deadline_ms_max: u64,
    /// When the last credential made from it is worth nothing by its own clock; 0 if none was made.
    pub credential_until_ms: u64,
    /// The final state that it is on its way to.
    pub ending: Option<State>,
    /// The sessions on AWS that may live under its name.
    pub sessions: Vec<Session>,
    /// How often it was used for a call.
    pub uses: u64,
    /// Everything else of it, as the authority writes it.
    pub body: Vec<u8>,
    /// What it remembers of its uses, as the authority writes it.
    pub history: Vec<u8>,
}

impl Grant {
    /// The grant it was delegated from, directly.
    pub fn parent(&self) -> Option<&str> {
        self.lineage.last().map(String::as_str)
    }
}

/// A session of a role on AWS that may live under a grant's name.
///
/// It is announced before AWS is asked, so it may be one that was never made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The ARN of the role.
    pub role: String,
    /// AWS knows it no more from then on.
    pub until_ms: u64,
    /// What asked for it, as long as nobody knows what came of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
}

/// An attempt at a session, whose outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub request: String,
    /// AWS carries it out by then or never.
    pub by_ms: u64,
}

/// What is posted of a grant that ended while sessions of it may live: they are to be denied until
/// the last has surely expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub grant: String,
    pub agent: String,
    pub sessions: Vec<Session>,
}

impl Ended {
    /// The keys of such posts begin so.
    pub const KEY: &'static str = "ended/";

    /// What is posted of a grant that ends; `None` if no session of it was ever asked for.
    pub fn of(grant: &Grant) -> Option<Self> {
        (!grant.sessions.is_empty()).then(|| Self {
            grant: grant.id.clone(),
            agent: grant.agent.clone(),
            sessions: grant.sessions.clone(),
        })
    }

    /// Under the same key it is posted once.
    pub fn post(&self) -> Post {
        Post {
            key: format!("{}{}", Self::KEY, self.grant),
            // Texts and numbers always serialise.
            body: serde_json::to_vec(self).unwrap_or_default(),
        }
    }

    /// Reads a post; `None` if it is one of another kind.
    ///
    /// # Errors
    /// If it has the key of one and is none.
    pub fn read(post: &Post) -> Option<Result<Self, serde_json::Error>> {
        let of_this_kind = post.key.starts_with(Self::KEY);
        of_this_kind.then(|| serde_json::from_slice(&post.body))
    }
}

/// Which grants are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Those that have not begun to end.
    Live,
    /// Those that are to end because their deadline has passed.
    Due { now_ms: u64 },
    /// Those that are revoking or orphaned, and whose last credential lapsed before then.
    Spent { now_ms: u64 },
    /// The live ones that a stop covers and that are not yet revoking.
    Covered(Stop),
    /// Those in one state.
    In(State),
    /// Those delegated from this grant, and from those, that are live.
    Under(String),
    /// The live ones whose parent has begun to end.
    Outliving,
    /// The live ones not pinned to one of these charters.
    PinnedElsewhere(Vec<String>),
}

/// A one-time ticket with which an agent instance first proves itself. Its secret is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    pub hash: Hash,
    pub agent: String,
    pub until_ms: u64,
}

/// What was answered under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub key: String,
    /// The hash of the request: the same key with another request is a mistake.
    pub request: Hash,
    pub body: Vec<u8>,
    pub until_ms: u64,
}

/// The files beside the database: what must be kept while it cannot be reached, and what must not
/// be lost together with it.
pub trait Log: Send + Sync + 'static {
    /// Keeps something for the store, durably, until the store can take it.
    ///
    /// # Errors
    /// If it is not durable.
    fn spool(&self, spooled: &Spooled) -> Result<(), LogError>;

    /// What is kept for the store, in its order.
    ///
    /// # Errors
    /// If it cannot be read.
    fn spooled(&self) -> Result<Vec<Spooled>, LogError>;

    /// Forgets the first so many of what is kept: the store has them.
    ///
    /// # Errors
    /// If they may come back. The store takes each only once, so that does no harm.
    fn forget(&self, taken: usize) -> Result<(), LogError>;

    /// Publishes a signed checkpoint over so many entries, durably.
    ///
    /// # Errors
    /// If it is not durable.
    fn publish(&self, size: u64, note: &str) -> Result<(), LogError>;

    /// How many entries the last published checkpoint is over; 0 if there is none.
    ///
    /// # Errors
    /// If it cannot be told.
    fn published(&self) -> Result<u64, LogError>;
}

/// What could not be kept beside the database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log beside the store: {0}")]
pub struct LogError(pub String);

/// What happened and could not be told to the store yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spooled {
    /// Its own, for the store to take it once: the same may happen twice in a millisecond.
    pub id: String,
    pub at_ms: u64,
    pub entry: Box<Entry>,
    /// The stop that already acts, if it is one; else it is a denial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
}

/// What makes a credential out of a grant.
pub trait Mint: Send + Sync {
    /// The credential, with its secret.
    type Credential: Send;

    /// When the longest credential that it may make of the grant now is worth nothing, in
    /// milliseconds since 1970.
    fn until_ms_max(&self, grant: &Grant, now_ms: u64) -> u64;

    /// The session on AWS that the attempt `request` may make; `None` where it makes none.
    fn session(&self, _grant: &Grant, _request: &str, _now_ms: u64) -> Option<Session> {
        None
    }

    /// Makes a credential. The intent to do so is durable.
    fn mint(
        &self,
        grant: &Recorded<Arc<Grant>>,
        request: &str,
    ) -> impl Future<Output = Result<Minted<Self::Credential>, MintError>> + Send;
}

/// A credential, and what may be told of it.
#[derive(Debug)]
pub struct Minted<C> {
    pub credential: C,
    pub about: bailiwick_ledger::Credential,
}

/// Why there is no credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// None was made.
    #[error("no credential was made: {0}")]
    Refused(String),
    /// One may have been made.
    #[error("nobody knows whether a credential was made: {0}")]
    Unknown(String),
}

/// An outward effect that was announced, and not yet settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    pub request: String,
    pub grant: Option<String>,
    pub begun_ms: u64,
}

/// Something to be done outside: whoever does it may do it twice, and must not mind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// What and for which grant: the same key is posted once.
    pub key: String,
    pub body: Vec<u8>,
}
