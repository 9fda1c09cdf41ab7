//! A signed token in its compact form, read strictly and not yet believed.
//!
//! There are many ways to write one token, and readers differ on them: so all but one are refused
//! before a signature is looked at. What is verified is what is used: the claims come from the
//! bytes that were signed and from nowhere else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use crate::json::{self, Bounds, JsonFault, Value};
use crate::token::SKEW_SECS;

/// The longest token that is read, in bytes.
pub const TOKEN_LENGTH_MAX: usize = 8 << 10;

/// A token whose signature nobody has looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jws<'t> {
    /// An object.
    pub header: Value,
    /// An object. Believe it only after the signature.
    pub claims: Value,
    /// What was signed.
    pub signed: &'t str,
    pub signature: Vec<u8>,
}

/// Why a token is not taken. Messages repeat nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    #[error("longer than {TOKEN_LENGTH_MAX} bytes")]
    TooLong,
    #[error("not three parts of a signed token in its compact form")]
    NotCompact,
    #[error("a part is not base64url in its one spelling")]
    NotBase64,
    #[error("{part}: {fault}")]
    Json {
        part: &'static str,
        fault: JsonFault,
    },
    #[error("a header or a claim set that is no object")]
    NotAnObject,
    #[error("the header has a field that is not taken")]
    UnknownHeader,
    #[error("another algorithm than is asked for")]
    Algorithm,
    #[error("another kind of token than is asked for")]
    Type,
    #[error("signed with a key that is not known, or not any more")]
    UnknownKey,
    #[error("the signature does not hold")]
    Signature,
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("the claims do not have the shape of such a token")]
    Claims,
    #[error("a claim that such a token does not have")]
    UnknownClaim(String),
    #[error("made by somebody else")]
    Issuer,
    #[error("made for somebody else")]
    Audience,
    #[error("expired")]
    Expired,
    #[error("not valid yet")]
    TooEarly,
    #[error("valid for longer than such a token may be")]
    TooLasting,
}

impl TokenFault {
    /// Whether it is no token at all (HTTP's 400) rather than one that is not taken (401).
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        match self {
            Self::TooLong | Self::NotCompact | Self::NotBase64 | Self::NotAnObject => true,
            Self::Json { fault, .. } => match fault {
                JsonFault::TooLong { .. }
                | JsonFault::TooDeep { .. }
                | JsonFault::TooMany { .. }
                | JsonFault::NotText
                | JsonFault::Malformed { .. }
                | JsonFault::Twice { .. } => true,
                // It is read in one way only: as a claim of another type than any of ours.
                JsonFault::Number { .. } => false,
            },
            Self::UnknownHeader
            | Self::Algorithm
            | Self::Type
            | Self::UnknownKey
            | Self::Signature
            | Self::Missing(_)
            | Self::Claims
            | Self::UnknownClaim(_)
            | Self::Issuer
            | Self::Audience
            | Self::Expired
            | Self::TooEarly
            | Self::TooLasting => false,
        }
    }
}

impl<'t> Jws<'t> {
    /// Reads a token without looking at its signature.
    ///
    /// # Errors
    /// If there is any doubt what it says.
    pub fn read(token: &'t str) -> Result<Self, TokenFault> {
        if token.len() > TOKEN_LENGTH_MAX {
            return Err(TokenFault::TooLong);
        }
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenFault::NotCompact);
        };
        if header.is_empty() || claims.is_empty() || signature.is_empty() {
            return Err(TokenFault::NotCompact);
        }
        let signed = header.len() + 1 + claims.len();
        Ok(Self {
            header: object("header", header)?,
            claims: object("claims", claims)?,
            signed: token.get(..signed).ok_or(TokenFault::NotCompact)?,
            signature: decode(signature)?,
        })
    }

    /// Whether the header has these fields with these values, and beside them only those of
    /// `also`.
    ///
    /// # Errors
    /// What in it is not taken: `jwk`, `jku`, `x5u`, `x5c`, `crit` and `b64` among others.
    pub fn expect_header(
        &self,
        kind: &str,
        algorithms: &[&str],
        also: &[&str],
    ) -> Result<&str, TokenFault> {
        let fields = self.header.record().ok_or(TokenFault::NotAnObject)?;
        let is_taken = |name: &&String| {
            matches!(name.as_str(), "alg" | "typ") || also.contains(&name.as_str())
        };
        if !fields.keys().all(|name| is_taken(&name)) {
            return Err(TokenFault::UnknownHeader);
        }
        let algorithm = self.header.get("alg").and_then(Value::text);
        let algorithm = algorithm.filter(|name| algorithms.contains(name));
        if self.header.get("typ").and_then(Value::text) != Some(kind) {
            return Err(TokenFault::Type);
        }
        algorithm.ok_or(TokenFault::Algorithm)
    }
}

/// Bytes as a token holds them.
pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64URL.encode(bytes)
}

/// Bytes from their one spelling: no padding, no spare bits, no space.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, TokenFault> {
    BASE64URL.decode(text).map_err(|_| TokenFault::NotBase64)
}

fn object(part: &'static str, text: &str) -> Result<Value, TokenFault> {
    let bytes = decode(text)?;
    let value = json::read(&bytes, Bounds::TOKEN);
    let value = value.map_err(|fault| TokenFault::Json { part, fault })?;
    match value.record() {
        Some(_) => Ok(value),
        None => Err(TokenFault::NotAnObject),
    }
}

/// The longest text of one claim.
const CLAIM_LENGTH_MAX: usize = 1_024;

/// A claim that must be there and a text.
pub(crate) fn text_claim<'c>(claims: &'c Value, name: &'static str) -> Result<&'c str, TokenFault> {
    let value = claims.get(name).ok_or(TokenFault::Missing(name))?;
    let text = value.text().ok_or(TokenFault::Claims)?;
    let fits = !text.is_empty() && text.len() <= CLAIM_LENGTH_MAX;
    fits.then_some(text).ok_or(TokenFault::Claims)
}

/// The one audience. A token for several is for nobody in particular.
pub(crate) fn audience(claims: &Value) -> Result<&str, TokenFault> {
    match claims.get("aud") {
        None => Err(TokenFault::Missing("aud")),
        Some(Value::Text(one)) => Ok(one),
        Some(Value::List(list)) => match list.as_slice() {
            [Value::Text(one)] => Ok(one),
            _ => Err(TokenFault::Audience),
        },
        Some(
            Value::Null | Value::Bool(_) | Value::Long(_) | Value::Decimal(_) | Value::Record(_),
        ) => Err(TokenFault::Claims),
    }
}

/// A time in whole seconds since 1970.
pub(crate) fn time_claim(claims: &Value, name: &'static str) -> Result<u64, TokenFault> {
    let Some(Value::Long(secs)) = claims.get(name) else {
        let is_there = claims.get(name).is_some();
        return Err(if is_there {
            TokenFault::Claims
        } else {
            TokenFault::Missing(name)
        });
    };
    u64::try_from(*secs).map_err(|_| TokenFault::Claims)
}

/// When a token was made and when it expires, if it is valid now and not for longer than it may be.
/// Its own clock may be ahead by [`SKEW_SECS`]; that gives it no time.
pub(crate) fn lifetime(
    claims: &Value,
    now_secs: u64,
    lifetime_secs_max: u64,
) -> Result<(u64, u64), TokenFault> {
    let iat = time_claim(claims, "iat")?;
    let exp = time_claim(claims, "exp")?;
    if claims.get("nbf").is_some() && time_claim(claims, "nbf")? > now_secs {
        return Err(TokenFault::TooEarly);
    }
    if exp <= now_secs {
        return Err(TokenFault::Expired);
    }
    if iat > now_secs.saturating_add(SKEW_SECS) {
        return Err(TokenFault::TooEarly);
    }
    let lasts = exp.checked_sub(iat).ok_or(TokenFault::Claims)?;
    if lasts > lifetime_secs_max {
        return Err(TokenFault::TooLasting);
    }
    Ok((iat, exp))
}
