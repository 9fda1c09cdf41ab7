//! Proof that whoever shows a token has the key that it is bound to (RFC 9449).
//!
//! Whether a proof was seen before is not known here: [`Proof::replay`] is what a store must see
//! for the first time, or the proof is a copy.

use bailiwick_ledger::Hash;
use sha2::{Digest as _, Sha256};

use crate::json::Value;
use crate::token::{Jwk, Jws, SKEW_SECS, TokenFault, jws};

/// What is asked of a proof.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The method of the request, in capitals.
    pub method: &'a str,
    /// Where the request was sent, as its client knows it, without query and fragment.
    pub url: &'a str,
    /// The token that is shown with it; none where one is asked for.
    pub access_token: Option<&'a str>,
    /// The thumbprint in that token.
    pub jkt: Option<&'a str>,
    /// The nonce that the authority gave, where it asks for one.
    pub nonce: Option<&'a str>,
    pub now_secs: u64,
}

/// A proof that holds, unless it is a copy.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The thumbprint of the key that made it.
    pub jkt: String,
    /// What must be seen for the first time.
    pub replay: Hash,
    /// Until when it must be remembered, in milliseconds since 1970: after that the proof is too
    /// old by itself.
    pub until_ms: u64,
}

/// Why a proof is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DpopFault {
    #[error("the proof: {0}")]
    Token(#[from] TokenFault),
    #[error("the proof is of another request: `{0}` differs")]
    OtherRequest(&'static str),
    #[error("the proof is older than {AGE_SECS_MAX} seconds, or from the future")]
    Stale,
    #[error("the proof lacks the nonce that was given, or has another")]
    Nonce,
    #[error("the proof was made with another key than the token is bound to")]
    OtherKey,
    #[error("the proof holds no public key that is taken")]
    Key,
}

/// The `typ` of a proof.
const PROOF_TYPE: &str = "dpop+jwt";

/// How old a proof may be.
pub const AGE_SECS_MAX: u64 = 60;

/// The longest id of a proof.
const ID_LENGTH_MAX: usize = 256;

/// Verifies a proof.
///
/// # Errors
/// The first thing for which it is not taken.
pub fn verify(proof: &str, expected: &Expected<'_>) -> Result<Proof, DpopFault> {
    let token = Jws::read(proof)?;
    let algorithm = token.expect_header(PROOF_TYPE, &["EdDSA", "ES256"], &["jwk"])?;
    let key = token.header.get("jwk").ok_or(DpopFault::Key)?;
    let key = Jwk::read(key).map_err(|_| DpopFault::Key)?;
    if key.algorithm() != algorithm {
        return Err(TokenFault::Algorithm.into());
    }
    if !key.has_signed(token.signed.as_bytes(), &token.signature) {
        return Err(TokenFault::Signature.into());
    }
    let claims = &token.claims;
    if jws::text_claim(claims, "htm")? != expected.method {
        return Err(DpopFault::OtherRequest("htm"));
    }
    if jws::text_claim(claims, "htu")? != expected.url {
        return Err(DpopFault::OtherRequest("htu"));
    }
    let iat = jws::time_claim(claims, "iat")?;
    let now = expected.now_secs;
    let is_fresh = iat <= now.saturating_add(SKEW_SECS) && iat.saturating_add(AGE_SECS_MAX) >= now;
    if !is_fresh {
        return Err(DpopFault::Stale);
    }
    if claims.get("exp").is_some() && jws::time_claim(claims, "exp")? <= now {
        return Err(TokenFault::Expired.into());
    }
    if claims.get("nbf").is_some() && jws::time_claim(claims, "nbf")? > now {
        return Err(TokenFault::TooEarly.into());
    }
    let ath = expected
        .access_token
        .map(|token| jws::encode(&Sha256::digest(token)));
    let told = claims.get("ath").map(|told| told.text().unwrap_or(""));
    if ath.as_deref() != told {
        return Err(DpopFault::OtherRequest("ath"));
    }
    if let Some(nonce) = expected.nonce
        && claims.get("nonce").and_then(Value::text) != Some(nonce)
    {
        return Err(DpopFault::Nonce);
    }
    let jkt = key.thumbprint();
    if expected.jkt.is_some_and(|bound| bound != jkt) {
        return Err(DpopFault::OtherKey);
    }
    let id = jws::text_claim(claims, "jti")?;
    if id.len() > ID_LENGTH_MAX {
        return Err(TokenFault::Claims.into());
    }
    let until = iat.saturating_add(AGE_SECS_MAX + 1);
    Ok(Proof {
        replay: Hash::of(&[jkt.as_bytes(), b"\n", id.as_bytes()]),
        jkt,
        until_ms: until.saturating_mul(1_000),
    })
}

#[cfg(test)]
mod tests;
