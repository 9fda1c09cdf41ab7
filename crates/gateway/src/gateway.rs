//! What all requests share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use bailiwick_authority::token::{Initiator, Keyring, SessionRevoked};
use bailiwick_broker::{
    Broker, NotRecorded,
    port::{Clock, Log, Store},
};
use bailiwick_credentials::{Canaries, End, Sessions, Standing};
use bailiwick_identity::{People, Proofs};
use bailiwick_ledger::{checkpoint::Checkpoint, note};

use crate::{
    believed::Believed,
    door::Door,
    front::{TRACE_PARENT, is_trace_parent},
    metrics::Metrics,
    operator::{Operators, Role},
    rules::{ChangeReport, Rules},
};

/// The kinds of store, log and clock that a gateway stands on.
pub trait World: Send + Sync + 'static {
    type Store: Store;
    type Log: Log;
    type Clock: Clock;
}

pub(crate) type BrokerOf<W> = Broker<<W as World>::Store, <W as World>::Log, <W as World>::Clock>;

/// What is decided when the process starts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of this authority in tokens and checkpoints.
    pub origin: String,
    /// Others for whom tokens may be made.
    pub audiences: Vec<String>,
    pub door: Door,
    /// Whether it is reached by loopback alone. Then the metrics are open.
    pub is_near: bool,
    /// Whether it speaks TLS, so that its addresses begin with `https`.
    pub is_tls: bool,
    /// Whether whoever reaches it may say which agent it is, without a proof. For development.
    pub trusts_everybody: bool,
}

/// The secrets of this authority.
pub struct Keys {
    /// Signs grant tokens.
    pub tokens: Keyring,
    /// Signs checkpoints of the ledger.
    pub checkpoints: note::Signer,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// What makes AWS credentials, and how far their denials are.
#[derive(Debug, Clone)]
pub struct Aws {
    pub sessions: Arc<Sessions>,
    pub standing: Arc<Standing>,
    pub canaries: Canaries,
}

/// The authority as it is reached from outside.
pub struct Gateway<W: World> {
    pub(crate) broker: Arc<BrokerOf<W>>,
    pub(crate) settings: Settings,
    pub(crate) keys: Keys,
    rules: ArcSwap<Rules>,
    problems: ArcSwap<Vec<String>>,
    operators: ArcSwap<Operators>,
    /// Operators whom an OpenID Connect issuer vouches for.
    people: ArcSwap<People<Role>>,
    pub(crate) proofs: Arc<Proofs>,
    /// What makes AWS credentials and takes them away, where it does.
    pub(crate) aws: Option<Aws>,
    pub(crate) metrics: Metrics,
    /// Makes a span a part of the trace that a caller began.
    continues: Option<fn(&tracing::Span, &str)>,
    pub(crate) believed: Believed,
    draining: AtomicBool,
}

impl<W: World> std::fmt::Debug for Gateway<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// A store that has not answered by then is not ready.
pub(crate) const READY_WITHIN: Duration = Duration::from_secs(2);

impl<W: World> Gateway<W> {
    pub fn new(
        broker: Arc<BrokerOf<W>>,
        settings: Settings,
        keys: Keys,
        rules: Rules,
        operators: Operators,
    ) -> Self {
        Self {
            broker,
            settings,
            keys,
            rules: ArcSwap::from_pointee(rules),
            problems: ArcSwap::default(),
            operators: ArcSwap::from_pointee(operators),
            people: ArcSwap::default(),
            proofs: Arc::default(),
            aws: None,
            metrics: Metrics::default(),
            continues: None,
            believed: Believed::default(),
            draining: AtomicBool::new(false),
        }
    }

    /// Takes these proofs of identity beside tickets.
    #[must_use]
    pub fn with_proofs(self, proofs: Arc<Proofs>) -> Self {
        Self { proofs, ..self }
    }

    /// The proofs that are taken.
    pub fn proofs(&self) -> &Arc<Proofs> {
        &self.proofs
    }

    /// The same, and its spans go on with the traces of callers (`traceparent`), by this.
    #[must_use]
    pub fn with_traces(mut self, continues: fn(&tracing::Span, &str)) -> Self {
        self.continues = Some(continues);
        self
    }

    pub(crate) fn continue_trace(&self, span: &tracing::Span, headers: &http::HeaderMap) {
        let Some(continues) = self.continues.filter(|_| !span.is_disabled()) else {
            return;
        };
        let parent = headers
            .get(&TRACE_PARENT)
            .and_then(|value| value.to_str().ok());
        if let Some(parent) = parent.filter(|parent| is_trace_parent(parent)) {
            continues(span, parent);
        }
    }

    /// The same, and it makes AWS credentials for grants.
    #[must_use]
    pub fn with_aws(mut self, aws: Aws) -> Self {
        self.aws = Some(aws);
        self
    }

    /// The broker, for what runs beside the requests: sweeping, signing, reloading.
    pub fn broker(&self) -> &Arc<BrokerOf<W>> {
        &self.broker
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is in force now. A request asks once, so that it is decided by one set of rules.
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    pub(crate) fn operators(&self) -> Arc<Operators> {
        self.operators.load_full()
    }

    /// Why the folders, as they are now, are not in force.
    pub(crate) fn problems(&self) -> Arc<Vec<String>> {
        self.problems.load_full()
    }

    /// Puts other rules in force. Grants of charters that are others now are denied from here on;
    /// the caller ends them.
    pub fn replace_rules(&self, rules: Rules) -> ChangeReport {
        let report = rules.changes_since(&self.rules.load());
        self.rules.store(Arc::new(rules));
        self.problems.store(Arc::default());
        report
    }

    /// Keeps the rules that are in force, and says why those in the folders are not.
    pub fn refuse_rules(&self, problems: Vec<String>) {
        self.problems.store(Arc::new(problems));
    }

    pub fn replace_operators(&self, operators: Operators) {
        self.operators.store(Arc::new(operators));
    }

    pub(crate) fn people(&self) -> Arc<People<Role>> {
        self.people.load_full()
    }

    /// Takes these for operators, beside those with tokens of the authority's own.
    pub fn replace_people(&self, people: People<Role>) {
        self.people.store(Arc::new(people));
    }

    /// From here on it says that it is not ready, so that nobody new is sent here.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Signs for the ledger as it is and publishes the checkpoint beside the store.
    ///
    /// # Errors
    /// If it cannot be read, or the checkpoint is not durable.
    pub async fn checkpoint(&self) -> Result<Option<Checkpoint>, NotRecorded> {
        let signer = &self.keys.checkpoints;
        self.broker.checkpoint(&self.settings.origin, signer).await
    }

    /// What is told to somebody else of a grant that ended, signed as grant tokens are.
    pub fn session_revoked(&self, end: &End, audience: &str) -> String {
        let event = SessionRevoked {
            iss: self.settings.origin.clone(),
            aud: audience.to_owned(),
            // The same each time it is told: its place in the ledger.
            jti: format!("{}.{}", self.settings.origin, end.seq),
            iat: self.broker.now_ms() / 1_000,
            grant: end.grant.clone(),
            agent: end.agent.clone(),
            ended: end.ended_ms / 1_000,
            by: match end.by.as_str() {
                "operator" => Initiator::Admin,
                "agent" => Initiator::User,
                "service" => Initiator::Policy,
                _ => Initiator::System,
            },
            reason: end.reason.clone(),
        };
        self.keys.tokens.sign_event(&event)
    }

    /// The beginning of its addresses, for whoever asked by this host.
    pub(crate) fn base(&self, host: &str) -> String {
        let scheme = if self.settings.is_tls {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{host}")
    }
}
