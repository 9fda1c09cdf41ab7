//! Tells others that a grant ended: `session-revoked` of CAEP, pushed over HTTP (RFC 8935).
//!
//! It follows the ledger, where every end of a grant stands, and remembers in the store how far it
//! has told each receiver. A receiver may be told twice, with the same `jti`, and is told nothing out
//! of order.

use std::{fmt, net::IpAddr, str::FromStr, sync::Arc};

use bailiwick_aws::transport::{Transport, TransportError};
use bailiwick_broker::{
    Broker, NotRecorded,
    port::{Change, Clock, Log, Op, Post, Refused, Store},
};
use bailiwick_ledger::{Entry, Record};

use crate::{lead::Lead, sessions::told};

/// Entries of the ledger that are looked at in one turn.
const RECORDS_MAX: usize = 1_000;

/// How far a receiver was told is kept after so many events at the latest.
const KEEP_AFTER: usize = 50;

/// The longest pause after a failure.
const PAUSE_MAX_MS: u64 = 60_000;

/// The lease of the one that tells. It tells all receivers: each is told in order.
const LEASE: &str = "signals";

/// The keys of posts that say how far a receiver was told begin so.
const TOLD: &str = "signal/";

/// Where events are pushed to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receiver {
    uri: http::Uri,
}

/// An address that events are not pushed to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{address}` is no receiver of events: {why}")]
pub struct ReceiverError {
    address: String,
    why: &'static str,
}

impl FromStr for Receiver {
    type Err = ReceiverError;

    fn from_str(address: &str) -> Result<Self, ReceiverError> {
        let refused = |why| ReceiverError {
            address: address.to_owned(),
            why,
        };
        let uri: http::Uri = address
            .parse()
            .map_err(|_| refused("write https://host/path"))?;
        let host = uri.host().ok_or_else(|| refused("it names no host"))?;
        if address.contains('@') {
            return Err(refused("it holds a name or a password"));
        }
        let own_machine = matches!(host, "127.0.0.1" | "localhost" | "[::1]");
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if own_machine => {}
            Some("http") => return Err(refused("events travel over https")),
            Some(_) | None => return Err(refused("write https://host/path")),
        }
        if !own_machine && !may_be_public(host) {
            return Err(refused("the host is an address of this machine or network"));
        }
        Ok(Self { uri })
    }
}

/// Whether a host may be somebody else's machine. A name may be; an address of this machine or of the
/// network's own services is not, in whatever way it is written.
fn may_be_public(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            !(address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
                || address.is_multicast())
        }
        Ok(IpAddr::V6(address)) => {
            let is_local = address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_unicast_link_local();
            !is_local && address.to_ipv4().is_none()
        }
        // 2130706433 and 0x7f.1 are ways to write 127.0.0.1: a name has a letter in its last part.
        Err(_) => {
            let last = bare.trim_end_matches('.').rsplit('.').next();
            last.is_some_and(|last| {
                let first = last.bytes().next();
                first.is_some_and(|byte| byte.is_ascii_alphabetic())
            })
        }
    }
}

impl fmt::Display for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

/// The end of a grant, as the ledger tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Its entry in the ledger.
    pub seq: u64,
    pub grant: String,
    pub agent: String,
    pub ended_ms: u64,
    /// The kind of actor: `operator`, `agent`, `service`.
    pub by: String,
    pub reason: String,
}

impl End {
    /// `None` if the entry tells of no end.
    fn of(record: &Record) -> Option<Self> {
        let Ok(entry) = record.entry() else {
            return None;
        };
        let Entry {
            grant,
            agent,
            actor,
            reason_code,
            happened_ms,
            ..
        } = entry;
        let grant = grant?;
        let ends = matches!(grant.state_to.as_deref(), Some("revoking" | "orphaned"));
        let ended_ms = happened_ms.or(record.time_ms()).unwrap_or_default();
        ends.then(|| Self {
            seq: record.seq(),
            grant: grant.id,
            agent: agent.map(|agent| agent.id).unwrap_or_default(),
            ended_ms,
            by: actor.map(|actor| actor.kind).unwrap_or_default(),
            reason: reason_code.unwrap_or_default(),
        })
    }
}

/// Makes the signed event for a receiver of this name.
pub type Sign = Arc<dyn Fn(&End, &Receiver) -> String + Send + Sync>;

/// Tells one receiver.
pub struct Signals<S, L, C> {
    broker: Arc<Broker<S, L, C>>,
    transport: Transport,
    receiver: Receiver,
    /// What is sent as `Authorization`.
    authorization: Option<String>,
    sign: Sign,
    /// The next entry to look at; nothing is known after a start.
    next: Option<u64>,
    kept: u64,
    failures: u32,
    not_before_ms: u64,
    /// The right to tell. How far the receiver was told is known under it.
    lead: Lead,
}

impl<S, L, C> fmt::Debug for Signals<S, L, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals")
            .field("receiver", &self.receiver)
            .finish_non_exhaustive()
    }
}

/// Why an event was not taken.
#[derive(Debug, thiserror::Error)]
enum NotTaken {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("the receiver answered {status}")]
    Status { status: u16 },
    #[error("the event makes no request")]
    Request,
}

impl<S: Store, L: Log, C: Clock> Signals<S, L, C> {
    pub fn new(
        broker: Arc<Broker<S, L, C>>,
        receiver: Receiver,
        authorization: Option<String>,
        sign: Sign,
    ) -> Self {
        Self {
            broker,
            transport: Transport::default(),
            receiver,
            authorization,
            sign,
            next: None,
            kept: 0,
            failures: 0,
            not_before_ms: 0,
            lead: Lead::of(LEASE),
        }
    }

    /// Tells what is new. Answers whether all of it was told.
    ///
    /// # Errors
    /// If the ledger cannot be read, or how far it came cannot be kept.
    pub async fn turn(&mut self) -> Result<bool, NotRecorded> {
        if self.broker.now_ms() < self.not_before_ms {
            return Ok(false);
        }
        if self.lead.ask(self.broker.store()).await? {
            self.next = None;
        }
        if !self.lead.is_held() {
            // Another replica tells it.
            return Ok(true);
        }
        let from = match self.next {
            Some(next) => next,
            None => self.begin().await?,
        };
        let records = self.broker.store().records(from, RECORDS_MAX).await?;
        let all = records.len() < RECORDS_MAX;
        let mut sent = 0;
        for record in &records {
            if let Some(end) = End::of(record) {
                if let Err(error) = self.push(&end).await {
                    self.failed(&error);
                    self.keep().await?;
                    return Ok(false);
                }
                self.failures = 0;
                sent += 1;
            }
            self.next = Some(record.seq() + 1);
            if sent >= KEEP_AFTER {
                self.keep().await?;
                if !self.lead.is_held() {
                    return Ok(true);
                }
                sent = 0;
            }
        }
        if sent > 0 {
            self.keep().await?;
        }
        Ok(all)
    }

    /// Lets another replica tell at once.
    pub async fn give_back(&mut self) {
        self.lead.give_back(self.broker.store()).await;
    }

    /// Where it left off; a new receiver is told what happens from now on.
    async fn begin(&mut self) -> Result<u64, NotRecorded> {
        let key = self.key();
        let posts = self.broker.store().posts(usize::MAX >> 1).await?;
        let kept = posts.iter().find(|post| post.key == key);
        let kept = kept.and_then(|post| std::str::from_utf8(&post.body).ok()?.parse().ok());
        let next = match kept {
            Some(next) => next,
            None => self.broker.store().chain().await?.len(),
        };
        self.next = Some(next);
        if kept.is_none() {
            self.keep().await?;
        }
        Ok(next)
    }

    /// Keeps how far it came.
    async fn keep(&mut self) -> Result<(), NotRecorded> {
        let Some(next) = self.next.filter(|next| *next != self.kept) else {
            return Ok(());
        };
        let key = self.key();
        let post = Post {
            key: key.clone(),
            body: next.to_string().into_bytes(),
        };
        let kept = [Op::Posted { key }, Op::Post(post)];
        let change = Change {
            ops: self.lead.hold().into_iter().chain(kept).collect(),
            entries: Vec::new(),
        };
        match self.broker.record(change, ()).await {
            Ok(recorded) => {
                recorded.into_value();
                self.kept = next;
                Ok(())
            }
            // Whoever tells now begins where this one had last come.
            Err(NotRecorded::Refused(Refused::NotHeld)) => {
                self.lead.lose();
                self.next = None;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn key(&self) -> String {
        format!("{TOLD}{}", self.receiver)
    }

    // https://www.rfc-editor.org/rfc/rfc8935#section-2.1
    async fn push(&self, end: &End) -> Result<(), NotTaken> {
        let event = (self.sign)(end, &self.receiver);
        let host = self.receiver.uri.authority().map_or("", |it| it.as_str());
        let mut request = http::Request::post(&self.receiver.uri)
            .header("host", host)
            .header("content-type", "application/secevent+jwt")
            .header("accept", "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let request = request.body(event).map_err(|_| NotTaken::Request)?;
        let reply = self.transport.send(request).await?;
        match reply.status {
            200..=299 => Ok(()),
            // It was understood and is not wanted: telling it again would hold up the others.
            400 => {
                tracing::error!(
                    receiver = %self.receiver,
                    grant = end.grant,
                    "the receiver refuses this event; it is not told again"
                );
                Ok(())
            }
            status => Err(NotTaken::Status { status }),
        }
    }

    fn failed(&mut self, error: &NotTaken) {
        let pause_ms = PAUSE_MAX_MS.min(500 << self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        self.not_before_ms = self.broker.now_ms() + pause_ms;
        tracing::error!(
            receiver = %self.receiver,
            why = told(error),
            "the end of a grant is not told yet; it is tried again"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Test 72.
    #[test]
    fn events_go_to_other_machines_over_https_or_to_a_neighbour_on_this_one() {
        for address in [
            "https://events.example.com/ssf",
            "https://events.example.com:8443/",
            "https://203.0.113.7/ssf",
            "http://127.0.0.1:9000/ssf",
            "http://localhost:9000/ssf",
        ] {
            let receiver = address.parse::<Receiver>();
            assert!(receiver.is_ok(), "{address}: {receiver:?}");
        }
        for address in [
            "http://events.example.com/ssf",
            "ftp://events.example.com/",
            "events.example.com",
            "https://user:pass@events.example.com/",
            "https://169.254.169.254/latest/",
            "https://127.0.0.2/",
            "https://0.0.0.0/",
            "https://2130706433/",
            "https://0x7f.0.0.1/",
            "https://127.1/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:169.254.169.254]/",
            "https://[fe80::1]/",
            "https://[::]/",
            "https:///path",
            "",
        ] {
            assert!(address.parse::<Receiver>().is_err(), "{address}");
        }
    }
}
