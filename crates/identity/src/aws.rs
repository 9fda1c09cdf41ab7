//! Proof by signature: the agent signs a `GetCallerIdentity`, we send it, STS says whose it is.
//!
//! The agent hands over six texts and nothing that is sent as it stands: where the call goes, its
//! method, its body and the names of its headers are ours. The signature covers the name of this
//! authority, a nonce, and the SHA-256 of the request for a grant that the proof comes with.

mod shown;

use std::sync::Arc;

use bailiwick_aws::call::{CallError, UnknownCause};
use bailiwick_aws::endpoint::{Endpoint, EndpointError, Region, Service};
use bailiwick_aws::proof::BoundTo;
use bailiwick_aws::sts::{CallerIdentity, Sts};
use bailiwick_aws::time::Timestamp;
use bailiwick_aws::transport::{Transport, TransportError};
use bailiwick_ledger::Hash;
use tokio::sync::Semaphore;

use crate::proof::{Binding, Method, Once, Proved, ProvedRole, Subject, Verdict};

pub use shown::{ShownSignature, SignatureFault};

/// How old a signature may be. STS takes a quarter of an hour.
pub const AGE_SECS_MAX: u32 = 300;

/// How far ahead the agent's clock may be.
pub const AHEAD_SECS_MAX: u32 = 60;

/// For how long STS takes a signature, and some more: a nonce is remembered until then.
const STS_AGE_SECS_MAX: u32 = 16 * 60;

/// How many questions may be under way at once. Anybody may show a proof, so anybody can make us
/// ask.
const QUESTIONS_MAX: usize = 64;

/// Who takes proofs by signature.
#[derive(Debug, Clone)]
pub struct Signatures {
    audience: String,
    sts_at: Option<String>,
    transport: Transport,
    slots: Arc<Semaphore>,
}

/// Why a proof by signature does not hold.
#[derive(Debug, thiserror::Error)]
pub enum AwsFault {
    #[error("the proof: {0}")]
    Shown(#[from] SignatureFault),
    #[error("the proof is for STS in a region that is not known here")]
    Region,
    #[error(
        "the proof was signed more than {AGE_SECS_MAX} seconds ago, or more than {AHEAD_SECS_MAX} seconds from now; look at the clock, and sign anew"
    )]
    Stale,
    #[error(
        "STS does not take the signature ({code}): it has expired, or does not cover the name of this authority, the nonce and this very request"
    )]
    Signature { code: String },
    #[error("STS answered what STS does not answer")]
    Answer,
    #[error("the signature is of no session of a role, so it names no agent")]
    NoRole,
    #[error("STS cannot be reached, or is asked too often")]
    Unreachable,
    #[error("as many proofs are looked at as can be at once")]
    Busy,
}

impl AwsFault {
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Shown(_) | Self::Region => Verdict::Malformed,
            Self::Stale | Self::Signature { .. } | Self::Answer | Self::NoRole => Verdict::Refused,
            Self::Unreachable | Self::Busy => Verdict::Unavailable,
        }
    }

    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Shown(_) => "proof_malformed",
            Self::Region => "region_unknown",
            Self::Stale => "proof_stale",
            Self::Signature { .. } => "signature_refused",
            Self::Answer => "attest_malformed",
            Self::NoRole => "no_role",
            Self::Unreachable => "sts_unreachable",
            Self::Busy => "proofs_busy",
        }
    }
}

impl Signatures {
    /// Takes proofs that name this audience: the name of one deployment and of no other.
    #[must_use]
    pub fn new(audience: &str, transport: Transport) -> Self {
        Self {
            audience: audience.to_owned(),
            sts_at: None,
            transport,
            slots: Arc::new(Semaphore::new(QUESTIONS_MAX)),
        }
    }

    /// Asks STS there and nowhere else: a private endpoint, or a server of a test. Proofs are then
    /// signed for that host.
    ///
    /// # Errors
    /// If it is no address, or would be asked in clear text over a network.
    pub fn with_sts_at(self, address: &str) -> Result<Self, EndpointError> {
        let region: Region = "us-east-1".parse().map_err(|_| EndpointError {
            address: address.to_owned(),
        })?;
        Endpoint::at(Service::Sts, &region, address)?;
        Ok(Self {
            sts_at: Some(address.to_owned()),
            ..self
        })
    }

    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Verifies what was shown for the request of this hash.
    ///
    /// # Errors
    /// If it does not hold, or STS cannot be asked.
    pub async fn verify(
        &self,
        shown: &str,
        request: Hash,
        now_ms: u64,
    ) -> Result<Proved, AwsFault> {
        let shown = ShownSignature::read(shown)?;
        let endpoint = self.endpoint(&shown.region)?;
        let now = Timestamp(i64::try_from(now_ms / 1_000).unwrap_or(i64::MAX));
        let at = shown.signed.at;
        let is_fresh = now.secs_since(at) <= AGE_SECS_MAX && at.secs_since(now) <= AHEAD_SECS_MAX;
        if !is_fresh {
            return Err(AwsFault::Stale);
        }
        let bound = BoundTo {
            audience: self.audience.clone(),
            nonce: shown.nonce.clone(),
            request: request.to_string(),
        };
        let _slot = self.slots.try_acquire().map_err(|_| AwsFault::Busy)?;
        let sts = Sts {
            endpoint,
            transport: self.transport.clone(),
        };
        let told = sts.whose(&shown.signed, &bound).await;
        let (role, unique_session) = session(&told.map_err(|error| fault(&error))?)?;
        Ok(Proved {
            method: Method::AwsSignature,
            subject: Subject::Role(role),
            instance: Some(unique_session),
            binding: Binding::Request,
            expires_ms: after(at, AGE_SECS_MAX),
            id: Hash::of(&[shown.signed.signature.as_bytes()]),
            once: Some(Once {
                // The nonce is the caller's to choose, so that of one key is not another's.
                value: Hash::of(&[
                    shown.signed.key_id.as_bytes(),
                    b"\n",
                    shown.nonce.as_bytes(),
                ]),
                until_ms: after(at, STS_AGE_SECS_MAX),
            }),
        })
    }

    fn endpoint(&self, region: &str) -> Result<Endpoint, AwsFault> {
        let region: Region = region.parse().map_err(|_| AwsFault::Region)?;
        if !region.has_sts() {
            return Err(AwsFault::Region);
        }
        match &self.sts_at {
            None => Ok(Endpoint::regional(Service::Sts, &region)),
            Some(address) => {
                Endpoint::at(Service::Sts, &region, address).map_err(|_| AwsFault::Region)
            }
        }
    }
}

fn after(at: Timestamp, secs: u32) -> u64 {
    let secs = u64::try_from(at.plus_secs(secs).0).unwrap_or(0);
    secs.saturating_mul(1_000)
}

/// What a call without an answer means here: the call changes nothing, so it only matters whether
/// to ask again.
fn fault(error: &CallError) -> AwsFault {
    match error {
        CallError::Refused { error, .. } => AwsFault::Signature {
            code: error.code.chars().take(64).collect(),
        },
        CallError::Throttled { .. } | CallError::NotSent(_) => AwsFault::Unreachable,
        CallError::Unknown { why, .. } => match why {
            UnknownCause::Transport(TransportError::Unreadable)
            | UnknownCause::Answer(_)
            | UnknownCause::ContentType { .. } => AwsFault::Answer,
            UnknownCause::Transport(TransportError::NotSent | TransportError::Unknown) => {
                AwsFault::Unreachable
            }
            UnknownCause::Status { status } => {
                if *status == 429 || *status >= 500 {
                    AwsFault::Unreachable
                } else {
                    AwsFault::Answer
                }
            }
        },
        CallError::Sign(_) | CallError::Limit(_) => {
            AwsFault::Shown(SignatureFault::Part("a part of it"))
        }
    }
}

/// The role of a session, and the session by its unique name.
fn session(told: &CallerIdentity) -> Result<(ProvedRole, String), AwsFault> {
    let arn: bailiwick_iam::arn::Arn = told.arn.parse().map_err(|_| AwsFault::Answer)?;
    let assumed = arn.resource().strip_prefix("assumed-role/");
    let assumed = assumed.filter(|_| arn.service() == "sts");
    let assumed = assumed.ok_or(AwsFault::NoRole)?;
    let (name, session) = assumed.split_once('/').ok_or(AwsFault::Answer)?;
    let (unique_id, named) = told.user_id.split_once(':').ok_or(AwsFault::Answer)?;
    let is_consistent = arn.account() == told.account
        && arn.account_id().is_some()
        && named == session
        && !name.is_empty()
        && !session.is_empty()
        && !session.contains('/')
        && unique_id.starts_with("AROA")
        && (16..=32).contains(&unique_id.len())
        && unique_id
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if !is_consistent {
        return Err(AwsFault::Answer);
    }
    let role = ProvedRole {
        partition: arn.partition().to_owned(),
        account: told.account.clone(),
        path: None,
        name: name.to_owned(),
        unique_id: Some(unique_id.to_owned()),
        by_name: false,
    };
    Ok((role, told.user_id.clone()))
}
