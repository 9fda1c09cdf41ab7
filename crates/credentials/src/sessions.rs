//! Sessions of task roles: made once for a grant and an account, and handed out as long as they are
//! good for something.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use bailiwick_aws::{
    bucket::{Busy, orphan_until},
    key::AccessKey,
    mint::{MintError, Minted, Minter, Order, Turn},
    time::Timestamp,
};
use bailiwick_broker::{
    Broker, NotIssued, NotRecorded, Recorded, State,
    port::{self, Attempt, Change, Clock, Grant, Log, Mint, Refused, Session, Store},
    protocol,
};
use bailiwick_ledger::{Credential, Entry, Hash};

use crate::keys::{Keys, NoKey};

/// A call whose signature is older is not carried out any more.
const SIGNATURE_SECS: u32 = 900;

/// A session is made anew when the one there is ends this much before its grant does, or sooner.
const RENEW_BEFORE_SECS: u32 = 300;

/// Sessions that are remembered. What is forgotten is made anew.
const REMEMBERED_MAX: usize = 100_000;

/// What is wanted for a grant: a session of one role, with what the task may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub role_arn: String,
    /// With the denial of everything from the deadline on in it.
    pub session_policy: String,
    /// The deadline in the policy.
    pub deadline_ms: u64,
}

/// Why there are no credentials. Nobody was handed any.
#[derive(Debug, thiserror::Error)]
pub enum NoCredentials {
    #[error(transparent)]
    NoKey(#[from] NoKey),
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    NotIssued(#[from] NotIssued),
    #[error(transparent)]
    NotRecorded(#[from] NotRecorded),
    /// The task that asked STS ended badly. The next start settles what it began.
    #[error("the attempt ended badly")]
    Broken,
}

/// The sessions that are handed out, and what makes them.
pub struct Sessions {
    minter: Minter,
    keys: Keys,
    /// By grant, by role. Whoever asks while one is being made waits for it.
    made: Mutex<BTreeMap<String, BTreeMap<String, Slot>>>,
}

type Slot = Arc<tokio::sync::Mutex<Option<Arc<Minted>>>>;

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("minter", &self.minter)
            .finish_non_exhaustive()
    }
}

impl Sessions {
    pub fn new(minter: Minter, keys: Keys) -> Self {
        Self {
            minter,
            keys,
            made: Mutex::default(),
        }
    }

    /// What the broker signs with.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The credentials of a grant: those there are, or new ones where they end too soon. Their record
    /// is durable, each time they are handed out.
    ///
    /// Whoever asks may go away: what was begun is brought to its end.
    ///
    /// # Errors
    /// If there are none.
    pub async fn of_grant<S: Store, L: Log, C: Clock>(
        self: &Arc<Self>,
        broker: &Arc<Broker<S, L, C>>,
        grant: Arc<Grant>,
        wanted: Wanted,
        entry: Entry,
    ) -> Result<Recorded<Arc<Minted>>, NoCredentials> {
        let (sessions, broker) = (Arc::clone(self), Arc::clone(broker));
        let asking = tokio::spawn(async move {
            let slot = sessions.slot(&grant.id, &wanted.role_arn);
            let mut made = slot.lock().await;
            // Whoever waited for the slot may have waited for longer than the grant lived.
            let grant = live(&broker, &grant.id).await?;
            let now = seconds(broker.now_ms());
            if let Some(session) = made.as_ref().filter(|it| is_enough(it, &wanted, now)) {
                let shown = Arc::clone(session);
                return show(&broker, &grant, shown, entry).await;
            }
            let session = sessions.make(&broker, grant, wanted, &entry).await?;
            *made = Some(Arc::clone(session.value()));
            Ok(session)
        });
        asking.await.map_err(|_| NoCredentials::Broken)?
    }

    /// Forgets, and wipes, what was made for a grant: it has ended.
    pub fn forget(&self, grant: &str) {
        self.made().remove(grant);
    }

    /// Forgets what was made of one role: it is denied, and made anew for whoever asks.
    pub fn forget_role(&self, role: &str) {
        for by_role in self.made().values_mut() {
            by_role.remove(role);
        }
    }

    /// How many grants have sessions that are remembered.
    pub fn len(&self) -> usize {
        self.made().len()
    }

    pub fn is_empty(&self) -> bool {
        self.made().is_empty()
    }

    /// Forgets what is worth nothing any more.
    pub fn forget_expired(&self, now_ms: u64) {
        let now = seconds(now_ms);
        let is_of_use = |slot: &Slot| match slot.try_lock() {
            Ok(made) => made.as_ref().is_some_and(|it| it.enforced_deadline > now),
            // Somebody makes it just now.
            Err(_) => true,
        };
        self.made().retain(|_, by_role| {
            by_role.retain(|_, slot| is_of_use(slot));
            !by_role.is_empty()
        });
    }

    pub(crate) async fn make<S: Store, L: Log, C: Clock>(
        &self,
        broker: &Broker<S, L, C>,
        grant: Arc<Grant>,
        wanted: Wanted,
        entry: &Entry,
    ) -> Result<Recorded<Arc<Minted>>, NoCredentials> {
        let key = self.keys.key().await?;
        let turn = self.minter.turn().await?;
        let now = seconds(broker.now_ms());
        let order = Order {
            grant: grant.id.clone(),
            agent: grant.agent.clone(),
            task: grant.task.clone(),
            owner: grant.owner.clone(),
            role_arn: wanted.role_arn,
            session_policy: wanted.session_policy,
            deadline: seconds(wanted.deadline_ms),
        };
        let mint = SessionMint {
            minter: &self.minter,
            until: orphan_until(now, self.minter.duration_secs(order.deadline, now)),
            order,
            key,
            turn: Mutex::new(Some(turn)),
            now,
        };
        let request = format!(
            "{}.{}",
            entry.request_id.as_deref().unwrap_or("sts"),
            attempt_id(&grant)
        );
        Ok(broker.issue(grant, &request, entry, &mint).await?)
    }

    fn slot(&self, grant: &str, role: &str) -> Slot {
        let mut made = self.made();
        if made.len() >= REMEMBERED_MAX && !made.contains_key(grant) {
            made.clear();
        }
        let by_role = made.entry(grant.to_owned()).or_default();
        Arc::clone(by_role.entry(role.to_owned()).or_default())
    }

    fn made(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, BTreeMap<String, Slot>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The grant as it is kept, if it is still good for something.
async fn live<S: Store, L: Log, C: Clock>(
    broker: &Broker<S, L, C>,
    id: &str,
) -> Result<Arc<Grant>, NoCredentials> {
    let kept = broker.store().grant(id).await;
    let kept = kept.map_err(NotRecorded::from)?.value;
    let grant = kept.ok_or(NotRecorded::Refused(Refused::NoGrant))?;
    if grant.state != State::Active {
        return Err(NotIssued::State(grant.state).into());
    }
    if broker.stop_covering(&grant).is_some() {
        return Err(NotRecorded::from(Refused::Stopped).into());
    }
    if broker.now_ms() >= grant.deadline_ms {
        return Err(NotRecorded::from(Refused::Deadline).into());
    }
    Ok(grant)
}

/// Hands out again what was made before.
async fn show<S: Store, L: Log, C: Clock>(
    broker: &Broker<S, L, C>,
    grant: &Grant,
    session: Arc<Minted>,
    entry: Entry,
) -> Result<Recorded<Arc<Minted>>, NoCredentials> {
    let entry = Entry {
        event: "credential.shown".into(),
        credential: Some(about(&session)),
        ..protocol::about(entry, grant)
    };
    let change = Change {
        ops: Vec::new(),
        entries: vec![entry],
    };
    Ok(broker.record(change, session).await?)
}

/// Whether what was made lasts as long as what is wanted, or long enough.
fn is_enough(session: &Minted, wanted: &Wanted, now: Timestamp) -> bool {
    let ends = session.enforced_deadline;
    let lasts = ends >= seconds(wanted.deadline_ms) && ends > now;
    lasts || ends > now.plus_secs(RENEW_BEFORE_SECS)
}

/// Of two attempts for one grant, each is made from another version of it.
fn attempt_id(grant: &Grant) -> String {
    format!("{}.{}", grant.id, grant.ver)
}

pub(crate) fn seconds(ms: u64) -> Timestamp {
    Timestamp(i64::try_from(ms / 1_000).unwrap_or(i64::MAX))
}

fn milliseconds(at: Timestamp) -> u64 {
    u64::try_from(at.0).unwrap_or(0).saturating_mul(1_000)
}

/// What is told of a session: all but its secrets.
fn about(made: &Minted) -> Credential {
    Credential {
        kind: "sts".into(),
        id_hash: Some(Hash::of(&[made.session.key.id.as_bytes()]).to_string()),
        sts_session: Some(made.session.arn.clone()),
        access_key_id: Some(made.session.key.id.clone()),
        expires_ms: Some(milliseconds(made.sts_expiry)),
    }
}

/// Makes one session.
struct SessionMint<'a> {
    minter: &'a Minter,
    order: Order,
    key: AccessKey,
    turn: Mutex<Option<Turn>>,
    now: Timestamp,
    /// Until when what is made must be taken to live if nobody learns what came of it.
    until: Timestamp,
}

impl Mint for SessionMint<'_> {
    type Credential = Arc<Minted>;

    fn until_ms_max(&self, _grant: &Grant, _now_ms: u64) -> u64 {
        milliseconds(self.until)
    }

    fn session(&self, _grant: &Grant, request: &str, _now_ms: u64) -> Option<Session> {
        Some(Session {
            role: self.order.role_arn.clone(),
            until_ms: milliseconds(self.until),
            attempt: Some(Attempt {
                request: request.to_owned(),
                by_ms: milliseconds(self.now.plus_secs(SIGNATURE_SECS)),
            }),
        })
    }

    async fn mint(
        &self,
        _grant: &Recorded<Arc<Grant>>,
        _request: &str,
    ) -> Result<port::Minted<Arc<Minted>>, port::MintError> {
        let turn = self
            .turn
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(turn) = turn else {
            return Err(port::MintError::Refused("STS is asked once".into()));
        };
        match self
            .minter
            .mint(&self.order, turn, &self.key, self.now)
            .await
        {
            Ok(minted) => Ok(port::Minted {
                about: about(&minted),
                credential: Arc::new(minted),
            }),
            Err(error) => Err(outcome(&error)),
        }
    }
}

/// What the broker makes of an error: whether a session may live all the same.
fn outcome(error: &MintError) -> port::MintError {
    let told = told(error);
    match error {
        MintError::TooLate | MintError::Busy(_) | MintError::Failed { .. } => {
            port::MintError::Refused(told)
        }
        MintError::Orphaned { .. } | MintError::Another { .. } | MintError::Lifetime { .. } => {
            port::MintError::Unknown(told)
        }
    }
}

/// An error with all that caused it, on one line.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_told = cause.to_string();
        if !text.ends_with(&cause_told) {
            text.push_str(": ");
            text.push_str(&cause_told);
        }
        source = cause.source();
    }
    text
}
