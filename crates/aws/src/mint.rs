//! Makes the credentials of one grant: a session of the task role that can do what the task needs
//! and ends when it does.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::bucket::{Bucket, Busy, Rate, orphan_until};
use crate::call::CallError;
use crate::key::AccessKey;
use crate::limits::{self, DURATION_SECS};
use crate::sts::{AssumeRole, ScopeDown, Session, Sts};
use crate::time::Timestamp;

/// What to make. It is made for one grant, and named after it wherever AWS takes a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Session name, source identity and tag.
    pub grant: String,
    pub agent: String,
    pub task: String,
    pub owner: String,
    pub role_arn: String,
    /// What the task may do, with the denial of everything from the deadline on in it.
    pub session_policy: String,
    /// When the task ends.
    pub deadline: Timestamp,
}

/// Credentials, and when they end.
#[derive(Debug, Clone)]
pub struct Minted {
    pub session: Session,
    /// From when on the session policy denies everything.
    pub enforced_deadline: Timestamp,
    /// From when on AWS knows the session no more. Not before the deadline, and often later: the
    /// shortest session lasts a quarter of an hour.
    pub sts_expiry: Timestamp,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    #[error("the task has ended")]
    TooLate,
    #[error(transparent)]
    Busy(#[from] Busy),
    /// There is no session.
    #[error("no session of `{role_arn}` was made")]
    Failed {
        role_arn: String,
        #[source]
        source: CallError,
    },
    /// There may be a session, which nobody was given. It is taken to live until then.
    #[error("there may be a session of `{role_arn}` until {until}, and nobody was given it")]
    Orphaned {
        role_arn: String,
        until: Timestamp,
        #[source]
        source: CallError,
    },
    /// The session is not the one that was ordered: it was not handed out.
    #[error("STS made a session of `{arn}` with the source identity {source_identity:?}")]
    Another {
        arn: String,
        source_identity: Option<String>,
        until: Timestamp,
    },
    /// The session lives for another time than was ordered: it was not handed out.
    #[error("STS made a session of `{role_arn}` until {until}, and {asked_secs} s were asked for")]
    Lifetime {
        role_arn: String,
        asked_secs: u32,
        until: Timestamp,
    },
}

/// Leave to ask STS once.
#[derive(Debug)]
#[must_use]
pub struct Turn(());

/// How far the clock of STS may be from ours.
const SKEW_SECS: u32 = 300;

/// Whether sessions shorter than a quarter of an hour are to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShortSessions {
    /// The deadline is enforced by the session policy alone.
    ByPolicy,
    /// `GetScopedCredentials` also ends the session itself. The task role must allow it, and one that
    /// a charter compiles to does not: no session of an agent may make its successor.
    Scoped,
}

/// Makes sessions at one endpoint, no faster than STS takes it.
#[derive(Debug, Clone)]
pub struct Minter {
    sts: Sts,
    short: ShortSessions,
    /// Whether the key it signs with is a session's: sessions of sessions last an hour at most.
    chained: bool,
    bucket: Arc<Mutex<Bucket>>,
    started: Instant,
}

impl Minter {
    #[must_use]
    pub fn new(sts: Sts, rate: Rate, short: ShortSessions, chained: bool) -> Self {
        Self {
            sts,
            short,
            chained,
            bucket: Arc::new(Mutex::new(Bucket::new(rate))),
            started: Instant::now(),
        }
    }

    /// Waits until STS may be asked once more. Before the intent is recorded: who waits has asked
    /// for nothing yet.
    ///
    /// # Errors
    /// If too many wait already.
    pub async fn turn(&self) -> Result<Turn, Busy> {
        let now = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let wait = {
            let mut bucket = self.bucket.lock().unwrap_or_else(|it| it.into_inner());
            bucket.take(now)?
        };
        if wait > 0 {
            tokio::time::sleep(std::time::Duration::from_micros(wait)).await;
        }
        Ok(Turn(()))
    }

    /// How long a session would be asked for that is to end at this deadline.
    #[must_use]
    pub fn duration_secs(&self, deadline: Timestamp, now: Timestamp) -> u32 {
        let left = deadline.secs_since(now);
        left.clamp(*DURATION_SECS.start(), self.duration_secs_max())
    }

    /// Makes the credentials of a grant. What was intended must be on record before.
    ///
    /// # Errors
    /// If there are none; [`MintError::Orphaned`], [`MintError::Another`] and
    /// [`MintError::Lifetime`] say that a session may live all the same.
    pub async fn mint(
        &self,
        order: &Order,
        turn: Turn,
        key: &AccessKey,
        now: Timestamp,
    ) -> Result<Minted, MintError> {
        let Turn(()) = turn;
        let left = order.deadline.secs_since(now);
        if left == 0 {
            return Err(MintError::TooLate);
        }
        let duration_secs = self.duration_secs(order.deadline, now);
        let scoped = self.short == ShortSessions::Scoped && left < duration_secs;
        let call = self.assume_role(order, duration_secs, scoped);
        let lost = |source: CallError| lost(order, now, duration_secs, source);
        let session = self.sts.assume_role(&call, key, now).await.map_err(lost)?;
        let until = session.expires;
        let session = as_ordered(order, session, until)?;
        let session = within(order, session, duration_secs, now)?;
        if !scoped {
            return Ok(minted(order, session));
        }
        let Turn(()) = self.turn().await?;
        // The first session stays here; it can do no more than narrow itself.
        let narrow = ScopeDown {
            policy: Some(order.session_policy.clone()),
            duration_secs: Some(left),
            description: Some(format!("grant {}", order.grant)),
        };
        let scoped = self.sts.scope_down(&narrow, &session.key, now).await;
        let session = as_ordered(order, scoped.map_err(lost)?, until)?;
        let session = within(order, session, left, now)?;
        Ok(minted(order, session))
    }

    fn duration_secs_max(&self) -> u32 {
        if self.chained {
            limits::CHAINED_DURATION_SECS_MAX
        } else {
            *DURATION_SECS.end()
        }
    }

    /// A session that is to be scoped down is made without a policy: the one that goes out denies
    /// the narrowing itself, and is laid on in the next call.
    fn assume_role(&self, order: &Order, duration_secs: u32, scoped: bool) -> AssumeRole {
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        AssumeRole {
            role_arn: order.role_arn.clone(),
            session_name: order.grant.clone(),
            source_identity: order.grant.clone(),
            session_policy: (!scoped).then(|| order.session_policy.clone()),
            duration_secs,
            tags: vec![
                tag("agent", &order.agent),
                tag("task", &order.task),
                tag("grant", &order.grant),
                tag("owner", &order.owner),
            ],
        }
    }
}

fn lost(order: &Order, now: Timestamp, duration_secs: u32, source: CallError) -> MintError {
    let role_arn = order.role_arn.clone();
    if source.may_have_happened() {
        let until = orphan_until(now, duration_secs);
        return MintError::Orphaned {
            role_arn,
            until,
            source,
        };
    }
    MintError::Failed { role_arn, source }
}

/// Checks that the session bears the grant's name, so that each of its calls can be told apart.
fn as_ordered(order: &Order, session: Session, until: Timestamp) -> Result<Session, MintError> {
    let named = session_arn(&order.role_arn, &order.grant).as_deref() == Some(&*session.arn);
    let sourced = session.source_identity.as_deref() == Some(&order.grant);
    if named && sourced {
        return Ok(session);
    }
    Err(MintError::Another {
        arn: session.arn,
        source_identity: session.source_identity,
        until,
    })
}

/// The ARN of a role's session of this name: in the same account, and without the role's path.
fn session_arn(role_arn: &str, name: &str) -> Option<String> {
    let (front, role) = role_arn.split_once(":role/")?;
    let front = front.replacen(":iam:", ":sts:", 1);
    let role = role.rsplit('/').next()?;
    Some(format!("{front}:assumed-role/{role}/{name}"))
}

/// Checks that the session lives as long as was asked for, as far as two clocks can tell.
fn within(
    order: &Order,
    session: Session,
    asked_secs: u32,
    now: Timestamp,
) -> Result<Session, MintError> {
    let latest = now.plus_secs(asked_secs.saturating_add(SKEW_SECS));
    if now < session.expires && session.expires <= latest {
        return Ok(session);
    }
    Err(MintError::Lifetime {
        role_arn: order.role_arn.clone(),
        asked_secs,
        until: session.expires,
    })
}

fn minted(order: &Order, session: Session) -> Minted {
    Minted {
        enforced_deadline: order.deadline.min(session.expires),
        sts_expiry: session.expires,
        session,
    }
}
