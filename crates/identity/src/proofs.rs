//! All kinds of proof that one authority takes.

use std::collections::HashMap;

use bailiwick_authority::json::Value;
use bailiwick_authority::token::{Jws, TokenFault};
use bailiwick_charter::SpiffeId;
use bailiwick_ledger::Hash;
use rustls::pki_types::CertificateDer;

use crate::aws::Signatures;
use crate::issuer::{Issuer, TokenRefused};
use crate::jwt::JwtFault;
use crate::proof::{Proved, Unproved};
use crate::spiffe::{SpiffeFault, TrustDomain, domain_of};
use crate::x509::Leaf;

/// The scheme of a proof by signature in an `Authorization` header.
pub const SIGNATURE_SCHEME: &str = "Bailiwick-AWS";

/// The scheme of a token of somebody else.
pub const TOKEN_SCHEME: &str = "Bearer";

/// What is shown with a request for a grant.
#[derive(Clone, Copy)]
pub struct Shown<'s> {
    /// What kind of proof it says to be.
    pub scheme: &'s str,
    pub proof: &'s str,
    /// The SHA-256 of the request.
    pub request: Hash,
    pub now_ms: u64,
}

impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown")
            .field("scheme", &self.scheme)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

/// The kinds that are taken. By default there are none.
#[derive(Debug, Default)]
pub struct Proofs {
    signatures: Option<Signatures>,
    issuers: HashMap<String, Issuer>,
    domains: Vec<TrustDomain>,
}

impl Proofs {
    /// Takes proofs by signature too.
    #[must_use]
    pub fn with_signatures(self, signatures: Signatures) -> Self {
        Self {
            signatures: Some(signatures),
            ..self
        }
    }

    /// Takes tokens of this issuer too.
    #[must_use]
    pub fn with_issuer(mut self, issuer: Issuer) -> Self {
        self.issuers.insert(issuer.name().to_owned(), issuer);
        self
    }

    /// Takes tokens and certificates of this trust domain too.
    #[must_use]
    pub fn with_trust_domain(mut self, domain: TrustDomain) -> Self {
        self.domains.push(domain);
        self
    }

    /// Whether a token of this issuer for this audience proves who an agent is.
    #[must_use]
    pub fn takes(&self, issuer: &str, audience: &str) -> bool {
        let known = self.issuers.get(issuer);
        known.is_some_and(|known| known.audience() == audience)
    }

    pub(crate) fn knows(&self, issuer: &str) -> bool {
        self.issuers.contains_key(issuer)
    }

    pub(crate) fn knows_domain(&self, name: &str) -> bool {
        self.domains.iter().any(|domain| domain.name() == name)
    }

    /// Whether certificates of connections are looked at.
    #[must_use]
    pub fn takes_certificates(&self) -> bool {
        !self.domains.is_empty()
    }

    /// The schemes that are taken in an `Authorization` header.
    #[must_use]
    pub fn schemes(&self) -> Vec<&'static str> {
        let signatures = self.signatures.as_ref().map(|_| SIGNATURE_SCHEME);
        let takes_tokens = !self.issuers.is_empty() || !self.domains.is_empty();
        let tokens = takes_tokens.then_some(TOKEN_SCHEME);
        signatures.into_iter().chain(tokens).collect()
    }

    /// Verifies a proof.
    ///
    /// # Errors
    /// If it does not hold, or nobody can tell whether it does.
    pub async fn verify(&self, shown: &Shown<'_>) -> Result<Proved, Unproved> {
        let is = |scheme: &str| shown.scheme.eq_ignore_ascii_case(scheme);
        match &self.signatures {
            Some(signatures) if is(SIGNATURE_SCHEME) => {
                let proved = signatures.verify(shown.proof, shown.request, shown.now_ms);
                Ok(proved.await?)
            }
            Some(_) | None if is(TOKEN_SCHEME) && self.schemes().contains(&TOKEN_SCHEME) => {
                self.token(shown.proof, shown.now_ms).await
            }
            Some(_) | None => Err(Unproved::NotTaken),
        }
    }

    async fn token(&self, text: &str, now_ms: u64) -> Result<Proved, Unproved> {
        let refused = |fault: TokenFault| TokenRefused::from(JwtFault::from(fault));
        let token = Jws::read(text).map_err(refused)?;
        // Nothing of it is believed yet: these say only whose keys decide.
        let said = |name: &str| token.claims.get(name).and_then(Value::text);
        let issuer = said("iss").and_then(|issuer| self.issuers.get(issuer));
        if let Some(issuer) = issuer {
            return Ok(issuer.verify(text, &token, now_ms).await?);
        }
        let subject = said("sub").filter(|subject| subject.starts_with("spiffe://"));
        let Some(subject) = subject.filter(|_| self.takes_certificates()) else {
            return Err(refused(TokenFault::Issuer).into());
        };
        let id: SpiffeId = subject.parse().map_err(|_| SpiffeFault::Subject)?;
        let domain = domain_of(&self.domains, &id)?;
        Ok(domain.verify_token(&token, id, now_ms)?)
    }

    /// Verifies the certificates that a client showed when it connected, and whose key it proved to
    /// have, as they stand now.
    ///
    /// # Errors
    /// If they do not hold.
    pub fn verify_certificates(
        &self,
        chain: &[CertificateDer<'_>],
        now_ms: u64,
    ) -> Result<Proved, Unproved> {
        let leaf = Leaf::read(chain).map_err(SpiffeFault::from)?;
        let domain = domain_of(&self.domains, &leaf.id)?;
        Ok(domain.verify_chain(chain, leaf, now_ms)?)
    }
}
