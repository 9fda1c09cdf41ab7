//! Has IAM deny the sessions of grants that ended: one writer, from what is on record.
//!
//! The broker posts a grant that ends, in the change that ends it. This reads the posts, works out
//! what each role's policy must say, and writes it where it says something else. Whatever is lost on
//! the way is found again at the next turn: nothing is done that is not worked out anew from the
//! posts, and a post stays until its last session has surely expired and the policy says so.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bailiwick_aws::{
    bucket::{Bucket, Rate},
    call::CallError,
    iam::Iam,
    key::AccessKey,
    revoke::{CHARS_LEAST, CHARS_MAX, Denial, POLICY_NAME},
    sts::Sts,
    time::Timestamp,
};
use bailiwick_broker::{
    Broker, NotRecorded,
    port::{Change, Clock, Ended, Intent, Lease, Log, Op, Refused, Store},
};
use bailiwick_ledger::{Actor, Credential, Entry, Phase};

use crate::{
    lead::Lead,
    plan::{Plan, RolePlan},
    sessions::{Sessions, seconds, told},
    standing::Standing,
};

/// Posts that are read at once: more sessions than STS makes of one account in a quarter of an hour.
const POSTS_MAX: usize = 1 << 20;

/// How often IAM is written to. Its limit is not published: this is on the careful side, and where
/// IAM throttles all the same, it is waited for.
const WRITES: Rate = Rate {
    per_sec: 5,
    burst: 10,
    waiting_max: 0,
};

/// An entry that has expired is taken out with the next write, or after so long.
const TIDY_AFTER_MS: u64 = 600_000;

/// A policy is read back so often, to see that nobody took it away.
const LOOK_AGAIN_MS: u64 = 60_000;

/// That a denial was written is remembered so long where an instant took the place of its name.
const REMEMBERED_MS: u64 = 3_600_000;

/// The longest pause after a failure.
const PAUSE_MAX_MS: u64 = 60_000;

/// Why the writer stops for good.
#[derive(Debug, thiserror::Error)]
#[error("another writer has taken over")]
pub struct Replaced(#[source] NotRecorded);

/// Why a policy was not written.
#[derive(Debug, thiserror::Error)]
enum Unwritten {
    #[error(transparent)]
    Call(CallError),
    #[error("it was held up between its record and IAM: another replica may write by now")]
    HeldUp,
}

/// The lease of the one writer.
const LEASE: &str = "revoker";

/// The one writer.
pub struct Revoker<S, L, C> {
    broker: Arc<Broker<S, L, C>>,
    sessions: Arc<Sessions>,
    sts: Sts,
    iam: Iam,
    /// The account whose roles it can write to, once STS told.
    account: Option<String>,
    roles: BTreeMap<String, Role>,
    bucket: Bucket,
    standing: Arc<Standing>,
    attempts: u64,
    /// The right to write. What is known of roles is known under it.
    lead: Lead,
}

impl<S, L, C> std::fmt::Debug for Revoker<S, L, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revoker")
            .field("iam", &self.iam)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// What is known of a role's policy.
#[derive(Debug, Default)]
struct Role {
    /// What was written last, and when it was last seen there; nothing is known after a start.
    said: Option<Said>,
    /// What there is room for.
    chars_max: Option<usize>,
    failures: u32,
    not_before_ms: u64,
}

#[derive(Debug)]
struct Said {
    document: Option<String>,
    grants: BTreeSet<String>,
    written_ms: u64,
    seen_ms: u64,
}

impl<S: Store, L: Log, C: Clock> Revoker<S, L, C> {
    pub fn new(
        broker: Arc<Broker<S, L, C>>,
        sessions: Arc<Sessions>,
        sts: Sts,
        iam: Iam,
        standing: Arc<Standing>,
    ) -> Self {
        Self {
            broker,
            sessions,
            sts,
            iam,
            account: None,
            roles: BTreeMap::new(),
            bucket: Bucket::new(WRITES),
            standing,
            attempts: 0,
            lead: Lead::of(LEASE),
        }
    }

    /// Brings IAM as far as it can now. Answers whether everything is as it must be.
    ///
    /// Nothing hangs on how often this runs but the time until IAM denies: the grants are denied
    /// here, and their sessions end at their deadline.
    ///
    /// # Errors
    /// If another writer has taken over: this one must not write again.
    pub async fn turn(&mut self) -> Result<bool, Replaced> {
        let now_ms = self.broker.now_ms();
        let now = seconds(now_ms);
        let posts = match self.broker.store().posts(POSTS_MAX).await {
            Ok(posts) => posts,
            Err(error) => return stopped(error.into()).map(|()| false),
        };
        let plan = Plan::read(&posts, now);
        for key in &plan.unreadable {
            tracing::error!(key, "a post about an ended grant cannot be read");
        }
        for ended in plan.grants() {
            self.sessions.forget(&ended.grant);
        }
        self.sessions.forget_expired(now_ms);
        if !self.leads().await {
            // Another replica writes.
            self.tell(&plan, now_ms);
            return Ok(true);
        }
        let mut behind = self.behind(&plan, now_ms);
        let left = behind.split_off(behind.len().min(self.writes_left(now_ms)));
        for role in &behind {
            self.write(&plan, role, now_ms).await?;
        }
        if behind.is_empty() {
            self.look_again(&plan, now_ms).await;
        }
        self.tidy(&plan, now).await?;
        self.roles.retain(|arn, _| plan.roles.contains_key(arn));
        self.tell(&plan, now_ms);
        Ok(left.is_empty() && self.behind(&plan, now_ms).is_empty())
    }

    /// Whether this replica is the one that writes. Of what another wrote meanwhile nothing is known.
    async fn leads(&mut self) -> bool {
        let is_another = match self.lead.ask(self.broker.store()).await {
            Ok(is_another) => is_another,
            Err(error) => {
                tracing::error!(%error, "nobody knows who writes to IAM");
                self.lead.lose()
            }
        };
        if is_another {
            self.roles.clear();
        }
        let leads = self.lead.is_held();
        self.standing.is_here.store(leads, Ordering::Relaxed);
        leads
    }

    /// Lets another replica write at once.
    pub async fn give_back(&mut self) {
        self.lead.give_back(self.broker.store()).await;
    }

    /// The roles whose policy must be written now: first those with somebody new to deny.
    fn behind(&self, plan: &Plan, now_ms: u64) -> Vec<String> {
        let now = seconds(now_ms);
        let mut urgent = Vec::new();
        let mut tidy = Vec::new();
        for (role, wanted) in &plan.roles {
            if !self.is_in_reach(role) {
                continue;
            }
            let known = self.roles.get(role);
            if known.is_some_and(|known| now_ms < known.not_before_ms) {
                continue;
            }
            let Some(said) = known.and_then(|known| known.said.as_ref()) else {
                urgent.push(role.clone());
                continue;
            };
            let chars_max = known.and_then(|known| known.chars_max);
            let denial = wanted.denial(chars_max.unwrap_or(CHARS_MAX), now);
            if document(&denial) == said.document.as_deref() {
                continue;
            }
            let is_new = wanted.grants().any(|grant| !said.grants.contains(grant));
            if is_new {
                urgent.push(role.clone());
            } else if now_ms.saturating_sub(said.written_ms) >= TIDY_AFTER_MS
                || denial == Denial::Nothing
            {
                tidy.push(role.clone());
            }
        }
        urgent.extend(tidy);
        urgent
    }

    /// Whether the broker's account is the role's. While nobody knows, it may be.
    fn is_in_reach(&self, role: &str) -> bool {
        let of_role = role.split(':').nth(4).unwrap_or_default();
        self.account.as_deref().is_none_or(|own| own == of_role)
    }

    fn writes_left(&self, now_ms: u64) -> usize {
        let mut ahead = self.bucket.clone();
        let turns = std::iter::from_fn(|| ahead.take(now_ms * 1_000).ok());
        turns.take(64).count()
    }

    async fn write(&mut self, plan: &Plan, arn: &str, now_ms: u64) -> Result<(), Replaced> {
        let Some(wanted) = plan.roles.get(arn) else {
            return Ok(());
        };
        let Ok(key) = self.sessions.keys().key().await else {
            tracing::error!("the broker has no key: IAM is not told what to deny");
            self.failed(arn, now_ms);
            return Ok(());
        };
        if !self.knows_its_account(&key, now_ms).await {
            self.failed(arn, now_ms);
            return Ok(());
        }
        if !self.is_in_reach(arn) {
            return Ok(());
        }
        // A turn that is not there any more comes with the next round.
        if self.bucket.take(now_ms * 1_000).is_err() {
            return Ok(());
        }
        let chars_max = self.roles.get(arn).and_then(|role| role.chars_max);
        let denial = wanted.denial(chars_max.unwrap_or(CHARS_MAX), seconds(now_ms));
        let begun_ms = self.broker.now_ms();
        let request = self.begin(plan, arn, &denial).await?;
        let Some(request) = request else {
            self.failed(arn, now_ms);
            return Ok(());
        };
        // Whoever was held up since may have been replaced, and what it meant to write be old. The
        // wall's clock also goes on while a machine is suspended.
        let held_ms = self.broker.now_ms().saturating_sub(begun_ms);
        let written = if Duration::from_millis(held_ms) < Lease::ACTS_FOR {
            self.put(arn, &denial, &key, now_ms)
                .await
                .map_err(Unwritten::Call)
        } else {
            Err(Unwritten::HeldUp)
        };
        let at_ms = self.broker.now_ms();
        let outcome = match &written {
            Ok(()) => Ok(()),
            Err(error) => Err(told(error)),
        };
        let is_news = |grant: &&str| self.standing.written_ms(grant).is_none();
        let news: Vec<&str> = wanted.grants().filter(is_news).collect();
        self.learn(arn, wanted, &denial, written, at_ms);
        let news = news.into_iter().filter_map(|grant| plan.ended(grant));
        self.settle(arn, news, request, outcome).await
    }

    /// Puts on record what is about to be written, and what must be posted for it. Whoever was
    /// replaced is refused here, before IAM is asked.
    async fn begin(
        &mut self,
        plan: &Plan,
        arn: &str,
        denial: &Denial,
    ) -> Result<Option<String>, Replaced> {
        self.attempts += 1;
        let epoch = self.broker.store().epoch();
        let request = format!("deny.{epoch}.{}.{}", self.broker.now_ms(), self.attempts);
        let Some(hold) = self.lead.hold() else {
            return Ok(None);
        };
        let mut ops = vec![hold];
        ops.extend(plan.settled_before(arn, denial));
        ops.push(Op::Begin(Intent {
            request: request.clone(),
            grant: None,
            begun_ms: self.broker.now_ms(),
        }));
        let entry = Entry {
            phase: Some(Phase::Intent),
            request_id: Some(request.clone()),
            reason_code: Some(how(denial).to_owned()),
            ..about_role(Entry::of("revocation.written"), arn)
        };
        let change = Change {
            ops,
            entries: vec![entry],
        };
        match self.broker.record(change, ()).await {
            Ok(_) => Ok(Some(request)),
            Err(NotRecorded::Refused(Refused::NotHeld)) => {
                tracing::warn!("another replica writes to IAM now");
                self.lead.lose();
                Ok(None)
            }
            Err(error) => stopped(error).map(|()| None),
        }
    }

    async fn put(
        &self,
        arn: &str,
        denial: &Denial,
        key: &AccessKey,
        now_ms: u64,
    ) -> Result<(), CallError> {
        let (name, now) = (role_name(arn), seconds(now_ms));
        let put = match document(denial) {
            Some(document) => {
                self.iam
                    .put_role_policy(name, POLICY_NAME, document, key, now)
                    .await
            }
            None => {
                self.iam
                    .delete_role_policy(name, POLICY_NAME, key, now)
                    .await
            }
        };
        match put {
            // A role that is gone took its sessions with it.
            Err(error) if is_refused(&error, "NoSuchEntity") => Ok(()),
            other => other,
        }
    }

    fn learn(
        &mut self,
        arn: &str,
        wanted: &RolePlan,
        denial: &Denial,
        written: Result<(), Unwritten>,
        at_ms: u64,
    ) {
        match written {
            Ok(()) => {
                self.standing.writes.fetch_add(1, Ordering::Relaxed);
                let role = self.roles.entry(arn.to_owned()).or_default();
                role.failures = 0;
                role.not_before_ms = 0;
                role.said = Some(Said {
                    document: document(denial).map(str::to_owned),
                    grants: wanted.grants().map(str::to_owned).collect(),
                    written_ms: at_ms,
                    seen_ms: at_ms,
                });
                if let Denial::IssuedBefore { .. } = denial {
                    // Also those of grants that go on: they are made again.
                    self.sessions.forget_role(arn);
                }
                let mut all = self.standing.all_written();
                for grant in wanted.grants() {
                    all.entry(grant.to_owned()).or_insert(at_ms);
                }
            }
            Err(error) => {
                tracing::error!(
                    role = arn,
                    why = told(&error),
                    "IAM is not told yet what to deny"
                );
                let has_no_room =
                    matches!(&error, Unwritten::Call(error) if is_refused(error, "LimitExceeded"));
                self.failed(arn, at_ms);
                let role = self.roles.entry(arn.to_owned()).or_default();
                if has_no_room && role.chars_max.is_none() {
                    role.chars_max = Some(CHARS_LEAST);
                    role.not_before_ms = 0;
                }
            }
        }
    }

    fn failed(&mut self, arn: &str, now_ms: u64) {
        self.standing.failures.fetch_add(1, Ordering::Relaxed);
        let role = self.roles.entry(arn.to_owned()).or_default();
        let pause_ms = PAUSE_MAX_MS.min(500 << role.failures.min(10));
        role.failures = role.failures.saturating_add(1);
        role.not_before_ms = now_ms + pause_ms;
        // What it says now is not known.
        role.said = None;
    }

    /// Puts on record what came of it: for each grant, that its sessions are denied by IAM too.
    async fn settle<'e>(
        &self,
        arn: &str,
        news: impl Iterator<Item = &'e Ended>,
        request: String,
        outcome: Result<(), String>,
    ) -> Result<(), Replaced> {
        let is_done = outcome.is_ok();
        let entry = Entry {
            phase: Some(Phase::Outcome),
            outcome: Some(if is_done { "ok" } else { "failed" }.to_owned()),
            reason_code: outcome.err(),
            request_id: Some(request.clone()),
            ..about_role(Entry::of("revocation.written"), arn)
        };
        let mut entries = vec![entry];
        if is_done {
            entries.extend(news.map(|ended| {
                let mut entry = about_role(Entry::of("session.denied"), arn);
                entry
                    .grant
                    .get_or_insert_default()
                    .id
                    .clone_from(&ended.grant);
                entry
                    .agent
                    .get_or_insert_default()
                    .id
                    .clone_from(&ended.agent);
                entry.request_id = Some(request.clone());
                entry
            }));
        }
        let change = Change {
            ops: vec![Op::Settle { request }],
            entries,
        };
        match self.broker.record(change, ()).await {
            Ok(_) => Ok(()),
            Err(error) => stopped(error),
        }
    }

    /// Reads one policy back, the one that was seen longest ago.
    async fn look_again(&mut self, plan: &Plan, now_ms: u64) {
        let due = self
            .roles
            .iter()
            .filter(|(arn, _)| plan.roles.contains_key(*arn));
        let due = due.filter_map(|(arn, role)| Some((arn, role.said.as_ref()?)));
        let due = due.filter(|(_, said)| now_ms.saturating_sub(said.seen_ms) >= LOOK_AGAIN_MS);
        let Some((arn, said)) = due.min_by_key(|(_, said)| said.seen_ms) else {
            return;
        };
        let (arn, expected) = (arn.clone(), said.document.clone());
        let Ok(key) = self.sessions.keys().key().await else {
            return;
        };
        if self.bucket.take(now_ms * 1_000).is_err() {
            return;
        }
        let read = self
            .iam
            .role_policy(role_name(&arn), POLICY_NAME, &key, seconds(now_ms));
        match read.await {
            Ok(found) => {
                let is_there = found == expected;
                if !is_there {
                    tracing::error!(
                        role = arn,
                        "somebody changed the policy that denies ended grants; it is written again"
                    );
                }
                if let Some(role) = self.roles.get_mut(&arn) {
                    match &mut role.said {
                        Some(said) if is_there => said.seen_ms = now_ms,
                        said => *said = None,
                    }
                }
            }
            Err(error) => {
                tracing::warn!(
                    role = arn,
                    why = told(&error),
                    "the policy cannot be read back"
                );
                if let Some(said) = self.roles.get_mut(&arn).and_then(|role| role.said.as_mut()) {
                    said.seen_ms = now_ms;
                }
            }
        }
    }

    /// Takes away the posts of sessions that have surely expired.
    async fn tidy(&mut self, plan: &Plan, now: Timestamp) -> Result<(), Replaced> {
        let is_in_sync = |arn: &str| {
            if !self.is_in_reach(arn) {
                return true;
            }
            let (Some(wanted), Some(role)) = (plan.roles.get(arn), self.roles.get(arn)) else {
                return false;
            };
            let denial = wanted.denial(role.chars_max.unwrap_or(CHARS_MAX), now);
            let said = role.said.as_ref();
            said.is_some_and(|said| said.document.as_deref() == document(&denial))
        };
        let ops = plan.done(is_in_sync, now);
        if ops.is_empty() {
            return Ok(());
        }
        let change = Change {
            ops: self.lead.hold().into_iter().chain(ops).collect(),
            entries: Vec::new(),
        };
        match self.broker.record(change, ()).await {
            // The one that writes now finds them too.
            Ok(_) | Err(NotRecorded::Refused(Refused::NotHeld)) => Ok(()),
            Err(error) => stopped(error),
        }
    }

    fn tell(&self, plan: &Plan, now_ms: u64) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let standing = &self.standing;
        let posted = plan.grants().count();
        standing.grants.store(number(posted), Ordering::Relaxed);
        let is_behind = |arn: &&String| {
            self.is_in_reach(arn) && self.roles.get(*arn).is_none_or(|role| role.said.is_none())
        };
        let behind = plan.roles.keys().filter(is_behind).count();
        let behind = behind.max(self.behind(plan, now_ms).len());
        // How far another replica is, that one tells.
        let behind = if self.lead.is_held() { behind } else { 0 };
        standing
            .roles_behind
            .store(number(behind), Ordering::Relaxed);
        let out = plan.grants().filter(|ended| {
            let mut sessions = ended.sessions.iter();
            sessions.any(|session| !self.is_in_reach(&session.role))
        });
        standing
            .out_of_reach
            .store(number(out.count()), Ordering::Relaxed);
        let mut written = standing.all_written();
        written.retain(|grant, at_ms| {
            plan.ended(grant).is_some() || now_ms.saturating_sub(*at_ms) < REMEMBERED_MS
        });
    }

    /// Asks STS, once, whose account this is. IAM takes the name of a role, and would take one in the
    /// wrong account.
    async fn knows_its_account(&mut self, key: &AccessKey, now_ms: u64) -> bool {
        if self.account.is_some() {
            return true;
        }
        match self.sts.caller_identity(key, seconds(now_ms)).await {
            Ok(caller) => {
                self.account = Some(caller.account);
                true
            }
            Err(error) => {
                tracing::error!(why = told(&error), "STS does not say which account this is");
                false
            }
        }
    }
}

/// Whether an error is the end of this writer. Others pass.
fn stopped(error: NotRecorded) -> Result<(), Replaced> {
    use bailiwick_broker::port::StoreError;
    if let NotRecorded::Store(StoreError::Fenced { .. }) = &error {
        return Err(Replaced(error));
    }
    tracing::error!(%error, "what is denied cannot be recorded; it is tried again");
    Ok(())
}

fn document(denial: &Denial) -> Option<&str> {
    match denial {
        Denial::Nothing => None,
        Denial::Grants { document, .. } | Denial::IssuedBefore { document, .. } => Some(document),
    }
}

fn how(denial: &Denial) -> &'static str {
    match denial {
        Denial::Nothing => "nothing_to_deny",
        Denial::Grants { .. } => "by_grant",
        Denial::IssuedBefore { .. } => "by_issue_time",
    }
}

fn is_refused(error: &CallError, code: &str) -> bool {
    matches!(error, CallError::Refused { error, .. } if error.code == code)
}

fn role_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn about_role(entry: Entry, arn: &str) -> Entry {
    Entry {
        actor: Some(Actor {
            kind: "service".into(),
            id: "revoker".into(),
            ..Actor::default()
        }),
        credential: Some(Credential {
            kind: "sts".into(),
            sts_session: Some(arn.to_owned()),
            ..Credential::default()
        }),
        ..entry
    }
}
