//! Workloads of SPIFFE: by a token (JWT-SVID), or by the certificate of the connection (X.509-SVID).
//!
//! Whose word is taken is a matter of the trust domain alone: a name in one domain is believed when
//! an authority of that very domain signed it, and never when another's did.

use std::path::{Path, PathBuf};

use bailiwick_authority::json::{self, Bounds, Value};
use bailiwick_authority::token::{Jws, TokenFault};
use bailiwick_charter::SpiffeId;
use bailiwick_ledger::Hash;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use rustls::pki_types::CertificateDer;

use crate::jwks::{Algorithm, KeySet, NoKey, SET_LENGTH_MAX};
use crate::jwt::{self, Expected, JwtFault};
use crate::proof::{Binding, Method, Once, Proved, Subject, Verdict};
use crate::x509::{self, CertificateFault};

const BUNDLE_BOUNDS: Bounds = Bounds {
    bytes: SET_LENGTH_MAX,
    depth: 8,
    values: 4_096,
};

/// Authorities of one domain that are looked at.
const AUTHORITIES_MAX: usize = 32;

/// A trust domain, and the file with its bundle.
///
/// The file is read for each proof, so that an authority that left the bundle is not believed any
/// more from the moment the file says so.
#[derive(Debug, Clone)]
pub struct TrustDomain {
    name: String,
    bundle: PathBuf,
    /// Whom tokens must be for.
    audience: String,
    /// No token that lives longer is taken.
    lifetime_secs_max: u64,
}

/// Why an identity of SPIFFE is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SpiffeFault {
    #[error(transparent)]
    Jwt(#[from] JwtFault),
    #[error(transparent)]
    Certificate(#[from] CertificateFault),
    #[error("the subject is no SPIFFE ID of a workload")]
    Subject,
    #[error("nobody here takes the word of this trust domain")]
    Domain,
    #[error("the bundle of the trust domain cannot be read now")]
    Bundle,
}

impl SpiffeFault {
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Jwt(fault) if fault.is_malformed() => Verdict::Malformed,
            Self::Jwt(_) | Self::Certificate(_) | Self::Subject | Self::Domain => Verdict::Refused,
            Self::Bundle => Verdict::Unavailable,
        }
    }

    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Jwt(fault) => fault.code(),
            Self::Certificate(fault) => fault.code(),
            Self::Subject => "spiffe_id",
            Self::Domain => "unknown_issuer",
            Self::Bundle => "bundle_unreadable",
        }
    }
}

/// What a bundle holds: authorities that sign certificates, and keys that sign tokens.
#[derive(Debug)]
struct Bundle {
    authorities: Vec<CertificateDer<'static>>,
    keys: KeySet,
}

impl TrustDomain {
    /// # Errors
    /// If it is no name of a trust domain, or the bundle cannot be read now.
    pub fn new(
        name: &str,
        bundle: &Path,
        audience: &str,
        lifetime_secs_max: u64,
    ) -> Result<Self, SpiffeFault> {
        if !SpiffeId::is_trust_domain(name) {
            return Err(SpiffeFault::Domain);
        }
        let domain = Self {
            name: name.to_owned(),
            bundle: bundle.to_owned(),
            audience: audience.to_owned(),
            lifetime_secs_max,
        };
        let _ = domain.bundle()?;
        Ok(domain)
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn bundle(&self) -> Result<Bundle, SpiffeFault> {
        let unread = |why: &dyn std::fmt::Display| {
            let file = self.bundle.display();
            tracing::error!(domain = self.name, %file, %why, "the bundle of a trust domain cannot be read");
            SpiffeFault::Bundle
        };
        let text = std::fs::read(&self.bundle).map_err(|error| unread(&error))?;
        let keys = KeySet::read_bundle(&text).map_err(|error| unread(&error))?;
        let value = json::read(&text, BUNDLE_BOUNDS).map_err(|error| unread(&error))?;
        let authorities = authorities(&value)
            .ok_or_else(|| unread(&"an entry for certificates is not one certificate"))?;
        if authorities.is_empty() && keys.is_empty() {
            return Err(unread(
                &"neither a key for `jwt-svid` nor one for `x509-svid`",
            ));
        }
        Ok(Bundle { authorities, keys })
    }

    /// Verifies a token whose subject says to be of this domain.
    ///
    /// # Errors
    /// If it does not hold.
    // https://github.com/spiffe/spiffe/blob/main/standards/JWT-SVID.md
    pub(crate) fn verify_token(
        &self,
        token: &Jws<'_>,
        id: SpiffeId,
        now_ms: u64,
    ) -> Result<Proved, SpiffeFault> {
        // A token of another type, above all a WIT-SVID, which is worth nothing without proof of
        // its key, is not one of these.
        let types = [String::new(), "JWT".to_owned(), "JOSE".to_owned()];
        let expected = Expected {
            algorithms: &Algorithm::SPIFFE,
            types: &types,
            lifetime_secs_max: self.lifetime_secs_max,
            now_secs: now_ms / 1_000,
        };
        let (kid, algorithm) = jwt::header(token, &expected)?;
        let expires = jwt::expiry(&token.claims, &expected, true)?;
        jwt::audience(&token.claims, &self.audience)?;
        let bundle = self.bundle()?;
        let key = bundle.keys.key(kid, algorithm).map_err(|no| match no {
            NoKey::Unknown => JwtFault::from(TokenFault::UnknownKey),
            NoKey::Ambiguous => JwtFault::AmbiguousKey,
        })?;
        if !key.has_signed(algorithm, token.signed.as_bytes(), &token.signature) {
            return Err(JwtFault::from(TokenFault::Signature).into());
        }
        let proof = Hash::of(&[token.signed.as_bytes()]);
        Ok(Proved {
            method: Method::SpiffeToken,
            subject: Subject::Spiffe(id),
            instance: None,
            binding: Binding::Bearer,
            expires_ms: expires.saturating_mul(1_000),
            id: proof,
            // The agent of a node hands the same token to its workloads until it expires.
            once: None::<Once>,
        })
    }

    /// Verifies the certificates of a connection whose first says to be of this domain.
    ///
    /// # Errors
    /// If they do not hold now.
    pub(crate) fn verify_chain(
        &self,
        chain: &[CertificateDer<'_>],
        leaf: x509::Leaf,
        now_ms: u64,
    ) -> Result<Proved, SpiffeFault> {
        let bundle = self.bundle()?;
        x509::verify(chain, &bundle.authorities, now_ms)?;
        Ok(Proved {
            method: Method::SpiffeCertificate,
            subject: Subject::Spiffe(leaf.id),
            instance: None,
            binding: Binding::Key(leaf.hash),
            expires_ms: leaf.expires_ms,
            id: leaf.hash,
            once: None,
        })
    }
}

/// The domain that a certificate says to be of.
pub(crate) fn domain_of<'d>(
    domains: &'d [TrustDomain],
    id: &SpiffeId,
) -> Result<&'d TrustDomain, SpiffeFault> {
    let mut named = domains
        .iter()
        .filter(|domain| domain.name == id.trust_domain());
    named.next().ok_or(SpiffeFault::Domain)
}

/// The certificates of a bundle's authorities.
// https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md, section 6
fn authorities(bundle: &Value) -> Option<Vec<CertificateDer<'static>>> {
    let Some(Value::List(keys)) = bundle.get("keys") else {
        return None;
    };
    let is_authority = |key: &&Value| key.get("use").and_then(Value::text) == Some("x509-svid");
    let certificate = |key: &Value| match key.get("x5c") {
        Some(Value::List(list)) => match list.as_slice() {
            [Value::Text(text)] => BASE64.decode(text).ok().map(CertificateDer::from),
            _ => None,
        },
        Some(_) | None => None,
    };
    let found: Option<Vec<_>> = keys.iter().filter(is_authority).map(certificate).collect();
    found.filter(|found| found.len() <= AUTHORITIES_MAX)
}
