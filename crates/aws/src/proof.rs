//! A proof of who one is, which STS checks: a `GetCallerIdentity` that one signs and another sends.
//!
//! Only AWS and the caller hold the key of a signature, so nobody else can check it: the call has to
//! be made. What is sent is built here from a few parts; no URL, method, header or body of the
//! caller's is ever sent. The signature covers what the proof is bound to, so that it proves nothing
//! elsewhere, for another request, or a second time.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::answer::Answer;
use crate::call::{CallError, send, unknown};
use crate::endpoint::Endpoint;
use crate::key::AccessKey;
use crate::query::Query;
use crate::sign::{FORM, SignError, signed_post_with};
use crate::sts::{CallerIdentity, NAMESPACE, Sts};
use crate::time::Timestamp;

/// Names the one who is to believe the proof.
pub const AUDIENCE_HEADER: &str = "x-bailiwick-audience";
/// A text that was never used before.
pub const NONCE_HEADER: &str = "x-bailiwick-nonce";
/// The SHA-256 of the request that the proof is for, in hexadecimal digits.
pub const REQUEST_HEADER: &str = "x-bailiwick-request";

/// What is signed, in the order of the canonical request.
const SIGNED_HEADERS: &str = "content-type;host;x-amz-date;x-amz-security-token;\
                              x-bailiwick-audience;x-bailiwick-nonce;x-bailiwick-request";

const ACTION: &str = "GetCallerIdentity";

/// The longest answer to it that is read: STS says it in some 500 characters.
const LENGTH_MAX: usize = 8 << 10;

/// What a proof holds for, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundTo {
    pub audience: String,
    pub nonce: String,
    /// 64 hexadecimal digits.
    pub request: String,
}

/// What a caller hands over: enough to send the call it signed, and to send nothing else.
#[derive(Clone)]
pub struct SignedIdentity {
    pub key_id: String,
    pub session_token: SecretString,
    pub at: Timestamp,
    /// 64 hexadecimal digits.
    pub signature: String,
}

impl fmt::Debug for SignedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key_id,
            session_token: _,
            at,
            signature: _,
        } = self;
        f.debug_struct("SignedIdentity")
            .field("key_id", key_id)
            .field("at", at)
            .finish_non_exhaustive()
    }
}

impl SignedIdentity {
    /// Signs, as the caller does.
    ///
    /// # Errors
    /// If the key is not of a session, or the parts make no request that can be signed.
    pub fn sign(
        endpoint: &Endpoint,
        bound: &BoundTo,
        key: &AccessKey,
        at: Timestamp,
    ) -> Result<Self, SignError> {
        let broken = |why: &str| SignError {
            why: why.to_owned(),
        };
        let token = key.session_token.clone();
        let token = token.ok_or_else(|| broken("the key is a user's, and no session's"))?;
        let headers = bound.headers();
        let signed = signed_post_with(endpoint, body(endpoint), &headers, key, at)?;
        let shown = signed.headers().get(http::header::AUTHORIZATION);
        let shown = shown.and_then(|value| value.to_str().ok());
        let signature = shown.and_then(|value| value.split_once("Signature="));
        let (_, signature) = signature.ok_or_else(|| broken("there is no signature"))?;
        Ok(Self {
            key_id: key.id.clone(),
            session_token: token,
            at,
            signature: signature.to_owned(),
        })
    }

    /// The call that was signed, if it was signed for this.
    fn request(
        &self,
        endpoint: &Endpoint,
        bound: &BoundTo,
    ) -> Result<http::Request<String>, SignError> {
        let at = basic(self.at);
        let day = at.get(..8).unwrap_or_default();
        let region = endpoint.signing_region();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{day}/{region}/sts/aws4_request, \
             SignedHeaders={SIGNED_HEADERS}, Signature={}",
            self.key_id, self.signature
        );
        let mut request = http::Request::post(endpoint.uri().clone())
            .header("host", endpoint.authority())
            .header("content-type", FORM)
            .header("x-amz-date", &at)
            .header("x-amz-security-token", self.session_token.expose_secret())
            .header("authorization", authorization);
        for (name, value) in bound.headers() {
            request = request.header(name, value);
        }
        // The cause would repeat the header, and with it a secret.
        request.body(body(endpoint)).map_err(|_| SignError {
            why: "a part of the proof cannot stand in a header".to_owned(),
        })
    }
}

impl BoundTo {
    fn headers(&self) -> [(&'static str, &str); 3] {
        [
            (AUDIENCE_HEADER, &self.audience),
            (NONCE_HEADER, &self.nonce),
            (REQUEST_HEADER, &self.request),
        ]
    }
}

impl Sts {
    /// Asks whose signature it is.
    ///
    /// # Errors
    /// If STS does not take it for this binding, or does not say whose it is.
    pub async fn whose(
        &self,
        signed: &SignedIdentity,
        bound: &BoundTo,
    ) -> Result<CallerIdentity, CallError> {
        let request = signed.request(&self.endpoint, bound)?;
        let body = send(self.endpoint.service(), ACTION, &self.transport, request).await?;
        let answer = Answer::parse_within(LENGTH_MAX, ACTION, NAMESPACE, &body);
        let read = |answer: Answer<'_>| CallerIdentity::read(&answer);
        answer
            .and_then(read)
            .map_err(|error| unknown(ACTION, error))
    }
}

fn body(endpoint: &Endpoint) -> String {
    Query::new(endpoint.service(), ACTION).body()
}

/// An instant as a signature has it: `20261127T181500Z`.
#[must_use]
pub fn basic(at: Timestamp) -> String {
    at.to_string().replace(['-', ':'], "")
}

/// Reads an instant as a signature has it.
#[must_use]
pub fn read_basic(text: &str) -> Option<Timestamp> {
    let part = |from, to| text.get(from..to);
    if text.len() != 16 {
        return None;
    }
    let (date, clock) = text.split_once('T')?;
    if date.len() != 8 {
        return None;
    }
    let (hour, minute, rest) = (clock.get(..2)?, clock.get(2..4)?, clock.get(4..)?);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    format!("{year}-{month}-{day}T{hour}:{minute}:{rest}")
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_as_a_signature_has_it_and_in_no_other_form() {
        let at = Timestamp(1_795_725_671);
        assert_eq!(basic(at), "20261126T204111Z");
        assert_eq!(read_basic(&basic(at)), Some(at));
        for text in [
            "",
            "20261126T204111",
            "2026-11-26T20:41:11Z",
            "20261126 204111Z",
            "20261326T204111Z",
            "20261126T2041.1Z",
            "20261126T20411éZ",
            "+0261126T204111Z",
        ] {
            assert_eq!(read_basic(text), None, "{text}");
        }
    }
}
