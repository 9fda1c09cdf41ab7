//! Whether a kill took hold, layer by layer, shown on a canary: a grant of the same agent, with a
//! session of the same role and the same tags, that the kill covers with all the others.
//!
//! What is told is what was seen, on what, and for how long. That nothing succeeded is no proof that
//! nothing can; so each layer says what it covers.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use bailiwick_aws::{
    endpoint::Endpoint,
    iam::Iam,
    mint::Minted,
    probe::{self, Object, Tried},
    revoke::POLICY_NAME,
    time::Timestamp,
    transport::Transport,
};
use bailiwick_broker::{
    Broker, Cause, Recorded, Ruling, State, Verdict,
    port::{Clock, Grant, Log, Store},
};
use bailiwick_ledger::Entry;

use crate::{
    sessions::{NoCredentials, Sessions, Wanted, seconds},
    standing::Standing,
};

/// A canary's life: longer than any verification.
const LIFE_MS: u64 = 300_000;

/// Between two tries.
const TRY_EVERY: Duration = Duration::from_millis(200);

/// IAM is asked at one of so many tries what another replica wrote there.
const ASKS_OF: u32 = 5;

/// So many denials one after the other, and none between them that was let through, are taken for an
/// end. IAM's servers do not learn of a policy at the same instant.
const DENIALS: u32 = 5;

/// What a canary needs.
#[derive(Debug, Clone)]
pub struct Canaries {
    pub sessions: Arc<Sessions>,
    pub standing: Arc<Standing>,
    pub iam: Iam,
    /// Where the object is read that shows whether a session is of use.
    pub s3: Endpoint,
    pub transport: Transport,
}

/// What a canary is made like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Like {
    pub id: String,
    pub agent: String,
    pub owner: String,
    pub task: String,
    pub charter: String,
    /// The grant that is killed, where it is one, and those above it.
    pub lineage: Vec<String>,
    pub role_arn: String,
    /// What it reads; without one, no session is tried.
    pub object: Option<(String, Object)>,
}

/// A canary that lives.
#[derive(Debug)]
pub struct Canary {
    like: Like,
    grant: Arc<Grant>,
    made: Arc<Minted>,
    /// Whether its session was of use before the kill.
    before: Option<Tried>,
}

/// One layer, and what was seen of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    pub name: &'static str,
    /// `None`: it was not, or could not be, looked at.
    pub holds: Option<bool>,
    /// How long after the kill it was first seen to hold.
    pub after_ms: Option<u64>,
    pub coverage: String,
}

/// What was seen of all layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub layers: Vec<Layer>,
    /// Tries of the canary's session after the kill, and how many of them were let through.
    pub tries: u32,
    pub successes: u32,
    /// When the last of them was, after the kill.
    pub last_success_after_ms: Option<u64>,
    pub watched_ms: u64,
}

impl Canaries {
    /// Opens a canary and tries it.
    ///
    /// # Errors
    /// If it cannot be opened, or gets no session.
    pub async fn open<S: Store, L: Log, C: Clock>(
        &self,
        broker: &Arc<Broker<S, L, C>>,
        like: Like,
        entry: &Entry,
    ) -> Result<Canary, NoCredentials> {
        let now_ms = broker.now_ms();
        let grant = Grant {
            id: like.id.clone(),
            lineage: like.lineage.clone(),
            agent: like.agent.clone(),
            owner: like.owner.clone(),
            task: like.task.clone(),
            charter: like.charter.clone(),
            state: State::Approved,
            ver: 1,
            issued_ms: now_ms,
            deadline_ms: now_ms + LIFE_MS,
            deadline_ms_max: now_ms + LIFE_MS,
            credential_until_ms: 0,
            ending: None,
            sessions: Vec::new(),
            uses: 0,
            body: b"{}".to_vec(),
            history: Vec::new(),
        };
        let opening = Entry {
            reason_code: Some("canary".into()),
            ..Entry::of("grant.approved")
        };
        let opened = broker.open_grant(grant, Vec::new(), vec![opening]).await?;
        let grant = opened.into_value();
        let wanted = Wanted {
            role_arn: like.role_arn.clone(),
            session_policy: session_policy(&like, grant.deadline_ms),
            deadline_ms: grant.deadline_ms,
        };
        let made = self
            .sessions
            .make(broker, Arc::clone(&grant), wanted, entry)
            .await
            .map(Recorded::into_value)?;
        let before = match &like.object {
            Some((_, object)) => Some(self.tries(object, &made, broker.now_ms()).await),
            None => None,
        };
        Ok(Canary {
            like,
            grant,
            made,
            before,
        })
    }

    /// Watches the layers take hold, up to so long. `stopped` is when the kill was given.
    pub async fn watch<S: Store, L: Log, C: Clock>(
        &self,
        broker: &Arc<Broker<S, L, C>>,
        canary: &Canary,
        stopped: Instant,
        within: Duration,
    ) -> Verified {
        let own = own_checks(broker, canary, stopped).await;
        let mut seen = Seen::default();
        let mut tries = 0_u32;
        while stopped.elapsed() < within && !seen.is_over(canary) {
            let now_ms = broker.now_ms();
            // What another replica wrote is only seen by asking IAM, which is not asked so often.
            let is_here = self.standing.is_here.load(Ordering::Relaxed);
            let asks = is_here || tries.is_multiple_of(ASKS_OF);
            tries += 1;
            if seen.policy.is_none() && asks && self.is_written(canary, now_ms).await {
                seen.policy = Some(since(stopped));
            }
            if let Some((_, object)) = canary.tried() {
                let tried = self.tries(object, &canary.made, now_ms).await;
                seen.tried(&tried, since(stopped));
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
        seen.told(canary, own, since(stopped))
    }

    async fn tries(&self, object: &Object, made: &Minted, now_ms: u64) -> Tried {
        let key = &made.session.key;
        probe::read(&self.s3, &self.transport, object, key, seconds(now_ms)).await
    }

    /// Whether IAM, asked for the policy, answers with one that denies the canary.
    async fn is_written(&self, canary: &Canary, now_ms: u64) -> bool {
        let is_here = self.standing.is_here.load(Ordering::Relaxed);
        if is_here && self.standing.written_ms(&canary.grant.id).is_none() {
            return false;
        }
        let Ok(key) = self.sessions.keys().key().await else {
            return false;
        };
        let role = canary.like.role_arn.rsplit('/').next().unwrap_or_default();
        let read = self
            .iam
            .role_policy(role, POLICY_NAME, &key, seconds(now_ms));
        let Ok(Some(document)) = read.await else {
            return false;
        };
        let by_name = document.contains(&format!("\"{}\"", canary.grant.id));
        by_name || document.contains("aws:TokenIssueTime")
    }
}

impl Canary {
    /// The id of its grant.
    pub fn id(&self) -> &str {
        &self.grant.id
    }

    /// What its session is tried on, if that shows anything: it must have been let through before.
    fn tried(&self) -> Option<&(String, Object)> {
        let was_of_use = self.before == Some(Tried::Through);
        self.like.object.as_ref().filter(|_| was_of_use)
    }
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Seen {
    policy: Option<u64>,
    tries: u32,
    successes: u32,
    last_success: Option<u64>,
    /// When the denials began that nothing interrupted since, and how many they are.
    denied_since: Option<u64>,
    denials: u32,
}

impl Seen {
    fn tried(&mut self, tried: &Tried, at_ms: u64) {
        self.tries += 1;
        match tried {
            Tried::Through => {
                self.successes += 1;
                self.last_success = Some(at_ms);
                self.denied_since = None;
                self.denials = 0;
            }
            Tried::Denied => {
                self.denied_since.get_or_insert(at_ms);
                self.denials += 1;
            }
            // It shows nothing, neither way.
            Tried::Unknown(_) => {}
        }
    }

    fn is_denied(&self) -> bool {
        self.denials >= DENIALS
    }

    fn is_over(&self, canary: &Canary) -> bool {
        self.policy.is_some() && (canary.tried().is_none() || self.is_denied())
    }

    fn told(&self, canary: &Canary, own: Layer, watched_ms: u64) -> Verified {
        let role = &canary.like.role_arn;
        let deadline = seconds(canary.grant.deadline_ms);
        let effect = match (canary.tried(), &canary.like.object) {
            (Some((arn, _)), _) => Layer {
                name: "iam_effect",
                holds: Some(self.is_denied()),
                after_ms: self.denied_since.filter(|_| self.is_denied()),
                coverage: format!(
                    "one session of {role} with the same tags: s3:GetObject on {arn}, {} tries, {} let through",
                    self.tries, self.successes
                ),
            },
            (None, Some((arn, _))) => Layer {
                name: "iam_effect",
                holds: None,
                after_ms: None,
                coverage: format!(
                    "not tried: reading {arn} was not let through before the kill either ({})",
                    shown(canary.before.as_ref())
                ),
            },
            (None, None) => Layer {
                name: "iam_effect",
                holds: None,
                after_ms: None,
                coverage: "not tried: no object was named that the agent's task may read".into(),
            },
        };
        let policy = Layer {
            name: "iam_policy",
            holds: Some(self.policy.is_some()),
            after_ms: self.policy,
            coverage: format!("the policy of {role}, read back from IAM"),
        };
        let by_deadline = Layer {
            name: "deadline",
            holds: None,
            after_ms: None,
            coverage: format!(
                "every session denies itself from its own deadline on; the canary's is {deadline}"
            ),
        };
        Verified {
            layers: vec![own, by_deadline, policy, effect],
            tries: self.tries,
            successes: self.successes,
            last_success_after_ms: self.last_success,
            watched_ms,
        }
    }
}

fn shown(tried: Option<&Tried>) -> String {
    match tried {
        None => "not tried".to_owned(),
        Some(Tried::Through) => "let through".to_owned(),
        Some(Tried::Denied) => "denied".to_owned(),
        Some(Tried::Unknown(why)) => why.clone(),
    }
}

/// Asks the broker for a decision on the canary's grant.
async fn own_checks<S: Store, L: Log, C: Clock>(
    broker: &Broker<S, L, C>,
    canary: &Canary,
    stopped: Instant,
) -> Layer {
    let entry = Entry {
        reason_code: Some("canary".into()),
        ..Entry::of("decision")
    };
    let allow = |_: &Grant, _: u64| Verdict::Allow {
        history: Vec::new(),
        entry: entry.clone(),
        value: (),
    };
    let ruling = broker.decide(&canary.grant.id, &entry, allow).await;
    let holds = match &ruling {
        Ruling::Allowed(_) => false,
        Ruling::Denied(denied) => match denied.cause {
            Cause::Stopped(_) | Cause::State(_) => true,
            Cause::Authority(()) | Cause::NoGrant | Cause::Deadline | Cause::NotRecorded(_) => {
                false
            }
        },
    };
    Layer {
        name: "own",
        holds: Some(holds),
        after_ms: holds.then(|| since(stopped)),
        coverage: "the decisions of this daemon, asked for the canary's grant".into(),
    }
}

/// What a canary's session may do: read its object, until its deadline.
fn session_policy(like: &Like, deadline_ms: u64) -> String {
    let deadline: Timestamp = seconds(deadline_ms);
    let mut statements = Vec::new();
    if let Some((arn, _)) = &like.object {
        statements.push(serde_json::json!({
            "Effect": "Allow", "Action": "s3:GetObject", "Resource": arn,
        }));
    }
    statements.push(serde_json::json!({
        "Effect": "Deny", "Action": "*", "Resource": "*",
        "Condition": { "DateGreaterThanEquals": { "aws:CurrentTime": deadline.to_string() } },
    }));
    serde_json::json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

fn since(stopped: Instant) -> u64 {
    u64::try_from(stopped.elapsed().as_millis()).unwrap_or(u64::MAX)
}
