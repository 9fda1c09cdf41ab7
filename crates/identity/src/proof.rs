//! What a verified proof yields, and what there is in its place when it does not hold.

use bailiwick_authority::json::Value;
use bailiwick_charter::SpiffeId;
use bailiwick_ledger::Hash;

use crate::aws::AwsFault;
use crate::issuer::TokenRefused;
use crate::spiffe::SpiffeFault;

/// How an identity was proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// A `GetCallerIdentity` that the agent signed and STS checked.
    AwsSignature,
    /// A token of `sts:GetWebIdentityToken`.
    AwsToken,
    /// A token of an OpenID Connect issuer.
    Token,
    /// A token of a Kubernetes service account, about which the API server was asked.
    Kubernetes,
    /// A JWT-SVID.
    SpiffeToken,
    /// An X.509-SVID.
    SpiffeCertificate,
}

impl Method {
    /// Its name in the ledger and in the metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AwsSignature => "aws_signature",
            Self::AwsToken => "aws_web_identity",
            Self::Token => "oidc",
            Self::Kubernetes => "kubernetes",
            Self::SpiffeToken => "spiffe_jwt",
            Self::SpiffeCertificate => "spiffe_x509",
        }
    }
}

/// An identity that was proved. There is no such value beside an error: a proof either holds or is
/// an [`Unproved`].
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    pub method: Method,
    pub subject: Subject,
    /// Which of the subject's instances it is, where the proof says so: a session, a pod.
    pub instance: Option<String>,
    pub binding: Binding,
    /// From when on the proof is worth nothing, in milliseconds since 1970.
    pub expires_ms: u64,
    /// A name of the proof for the record, of which nobody learns the proof.
    pub id: Hash,
    /// What must be seen for the first time when the grant opens; `None` where the proof may be
    /// shown again until it expires.
    pub once: Option<Once>,
}

/// Who.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A session of an IAM role.
    Role(ProvedRole),
    /// The subject of an issuer of tokens, with all that the issuer says of it.
    Token {
        issuer: String,
        subject: String,
        claims: Value,
        /// Claims, as names or JSON pointers, that a charter must say the value of.
        pins: Vec<String>,
    },
    /// A workload of a SPIFFE trust domain.
    Spiffe(SpiffeId),
}

/// An IAM role, as far as a proof shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedRole {
    pub partition: String,
    pub account: String,
    /// With a slash at both ends. STS tells a session without it.
    pub path: Option<String>,
    pub name: String,
    /// `AROA…`, which no other role will ever have.
    pub unique_id: Option<String>,
    /// Whether whoever runs the authority takes the role's name for it where the proof does not
    /// show its id.
    pub by_name: bool,
}

/// What a proof holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// This request to this authority, and no other.
    Request,
    /// Whoever has the key of the certificate with this SHA-256.
    Key(Hash),
    /// Whoever shows it to this authority.
    Bearer,
}

/// A value that may be seen once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Once {
    pub value: Hash,
    /// Until when it must be remembered, in milliseconds since 1970: later the proof is too old by
    /// itself, also for a replica whose clock is late.
    pub until_ms: u64,
}

/// Why nobody is proved. No message repeats anything secret of a proof.
#[derive(Debug, thiserror::Error)]
pub enum Unproved {
    #[error("this authority does not take this kind of proof")]
    NotTaken,
    #[error(transparent)]
    Aws(#[from] AwsFault),
    #[error(transparent)]
    Token(#[from] TokenRefused),
    #[error(transparent)]
    Spiffe(#[from] SpiffeFault),
}

/// What kind of no it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is no proof at all; nobody was asked about it. HTTP's 400.
    Malformed,
    /// It does not hold. HTTP's 401.
    Refused,
    /// Whoever could tell cannot be reached. HTTP's 503: the same proof may hold later.
    Unavailable,
}

impl Unproved {
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::NotTaken => Verdict::Refused,
            Self::Aws(fault) => fault.verdict(),
            Self::Token(fault) => fault.verdict(),
            Self::Spiffe(fault) => fault.verdict(),
        }
    }

    /// The reason as a stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotTaken => "proof_not_taken",
            Self::Aws(fault) => fault.code(),
            Self::Token(fault) => fault.code(),
            Self::Spiffe(fault) => fault.code(),
        }
    }
}
