//! A token of another issuer: read strictly, verified, and only then believed.

use bailiwick_authority::json::{JsonFault, Value};
use bailiwick_authority::token::{Jws, TokenFault};

use crate::jwks::{Algorithm, KID_LENGTH_MAX};

/// How far ahead the clock of an issuer may be. A token never lives longer for it.
pub(crate) const SKEW_SECS: u64 = 30;

/// The longest text of a claim that is looked at.
const CLAIM_LENGTH_MAX: usize = 2_048;

/// Fields of a header that say nothing that is believed: the digests of a certificate that nobody
/// looks up.
const PASSED_OVER: [&str; 2] = ["x5t", "x5t#S256"];

/// Why a token is not taken. No message repeats anything of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwtFault {
    #[error("the token: {0}")]
    Token(#[from] TokenFault),
    #[error("the token names no key, or in no way that is read")]
    KeyName,
    #[error("two keys of the issuer have the name that the token gives")]
    AmbiguousKey,
    #[error("the token says `{0}` in a way that such a token does not")]
    Claim(&'static str),
}

/// What is asked of a token of one issuer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) algorithms: &'a [Algorithm],
    /// The values of `typ` that are taken; an empty one stands for none.
    pub(crate) types: &'a [String],
    /// No token that lives longer is taken, whatever it says.
    pub(crate) lifetime_secs_max: u64,
    pub(crate) now_secs: u64,
}

/// What the header says, if it says nothing that is not taken.
pub(crate) fn header<'t>(
    token: &'t Jws<'_>,
    expected: &Expected<'_>,
) -> Result<(&'t str, Algorithm), JwtFault> {
    let fields = token.header.record().ok_or(TokenFault::NotAnObject)?;
    let is_taken =
        |name: &str| matches!(name, "alg" | "typ" | "kid") || PASSED_OVER.contains(&name);
    if !fields.keys().all(|name| is_taken(name)) {
        return Err(TokenFault::UnknownHeader.into());
    }
    let text = |name: &str| token.header.get(name).and_then(Value::text);
    let kind = match token.header.get("typ") {
        None => "",
        Some(kind) => kind.text().ok_or(TokenFault::Type)?,
    };
    // RFC 7515 lets a media type be written in any case.
    let is_kind = |taken: &String| taken.eq_ignore_ascii_case(kind);
    if !expected.types.iter().any(is_kind) {
        return Err(TokenFault::Type.into());
    }
    let algorithm = text("alg").and_then(Algorithm::named);
    let algorithm = algorithm.filter(|algorithm| expected.algorithms.contains(algorithm));
    let algorithm = algorithm.ok_or(TokenFault::Algorithm)?;
    let kid = text("kid").filter(|kid| !kid.is_empty() && kid.len() <= KID_LENGTH_MAX);
    Ok((kid.ok_or(JwtFault::KeyName)?, algorithm))
}

/// A claim that must be there and a text.
pub(crate) fn text<'c>(claims: &'c Value, name: &'static str) -> Result<&'c str, JwtFault> {
    let value = claims.get(name).ok_or(TokenFault::Missing(name))?;
    let text = value.text().ok_or(JwtFault::Claim(name))?;
    let fits = !text.is_empty() && text.len() <= CLAIM_LENGTH_MAX;
    fits.then_some(text).ok_or(JwtFault::Claim(name))
}

/// Whether the token is for this one and for nobody else: one for several is for nobody in
/// particular, and each of them could show it here.
pub(crate) fn audience(claims: &Value, expected: &str) -> Result<(), JwtFault> {
    let one = match claims.get("aud") {
        None => return Err(TokenFault::Missing("aud").into()),
        Some(Value::Text(one)) => Some(one),
        Some(Value::List(list)) => match list.as_slice() {
            [Value::Text(one)] => Some(one),
            _ => None,
        },
        Some(
            Value::Null | Value::Bool(_) | Value::Long(_) | Value::Decimal(_) | Value::Record(_),
        ) => return Err(JwtFault::Claim("aud")),
    };
    if one.is_some_and(|one| one == expected) {
        return Ok(());
    }
    Err(TokenFault::Audience.into())
}

/// When it expires, if it is valid now and not for longer than it may be.
///
/// A token that does not say when it was made is taken only where `iat` may be missing; then it may
/// not be valid for longer than that from now on.
pub(crate) fn expiry(
    claims: &Value,
    expected: &Expected<'_>,
    iat_may_be_missing: bool,
) -> Result<u64, JwtFault> {
    let now = expected.now_secs;
    let exp = time(claims, "exp")?.ok_or(TokenFault::Missing("exp"))?;
    let iat = time(claims, "iat")?;
    let nbf = time(claims, "nbf")?;
    if exp <= now {
        return Err(TokenFault::Expired.into());
    }
    let latest = now.saturating_add(SKEW_SECS);
    if nbf.is_some_and(|nbf| nbf > latest) || iat.is_some_and(|iat| iat > latest) {
        return Err(TokenFault::TooEarly.into());
    }
    let from = match iat {
        Some(iat) => iat,
        None if iat_may_be_missing => now,
        None => return Err(TokenFault::Missing("iat").into()),
    };
    let lasts = exp.checked_sub(from).ok_or(JwtFault::Claim("exp"))?;
    if lasts > expected.lifetime_secs_max {
        return Err(TokenFault::TooLasting.into());
    }
    Ok(exp)
}

/// A time in whole seconds since 1970, if it is there.
fn time(claims: &Value, name: &'static str) -> Result<Option<u64>, JwtFault> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Long(secs)) => {
            let secs = u64::try_from(*secs).map_err(|_| JwtFault::Claim(name))?;
            Ok(Some(secs))
        }
        Some(
            Value::Null
            | Value::Bool(_)
            | Value::Decimal(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Record(_),
        ) => Err(JwtFault::Claim(name)),
    }
}

impl JwtFault {
    /// Whether it is no token at all rather than one that is not taken.
    pub(crate) fn is_malformed(&self) -> bool {
        match self {
            Self::Token(fault) => fault.is_malformed(),
            Self::KeyName | Self::AmbiguousKey | Self::Claim(_) => false,
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Token(fault) => match fault {
                TokenFault::Json {
                    fault: JsonFault::Number { .. },
                    ..
                } => "token_claims",
                TokenFault::TooLong
                | TokenFault::NotCompact
                | TokenFault::NotBase64
                | TokenFault::Json { .. }
                | TokenFault::NotAnObject => "token_malformed",
                TokenFault::UnknownHeader => "token_header",
                TokenFault::Algorithm => "token_algorithm",
                TokenFault::Type => "token_type",
                TokenFault::UnknownKey => "unknown_key",
                TokenFault::Signature => "token_signature",
                TokenFault::Missing(_) | TokenFault::Claims | TokenFault::UnknownClaim(_) => {
                    "token_claims"
                }
                TokenFault::Issuer => "unknown_issuer",
                TokenFault::Audience => "token_audience",
                TokenFault::Expired => "token_expired",
                TokenFault::TooEarly => "token_early",
                TokenFault::TooLasting => "token_lifetime",
            },
            Self::KeyName => "unknown_key",
            Self::AmbiguousKey => "ambiguous_key",
            Self::Claim(_) => "token_claims",
        }
    }
}
