//! Signature Version 4, from the side of the one who checks it.
//!
//! Written from AWS's description and from nothing that signs, so that each tests the other.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

use hmac::{Hmac, KeyInit, Mac};
use hyper::http::request::Parts;
use sha2::{Digest, Sha256};

use super::refusal::Refusal;
use super::time;
use super::world::{Caller, World};

/// How far the time of a signature may be from ours.
const SIGNATURE_SECS: i64 = 900;

/// A request as it came in.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) method: String,
    pub(super) path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// The parts of an `Authorization` header.
struct Claim<'a> {
    key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl Received {
    pub(super) fn new(head: &Parts, body: &[u8]) -> Self {
        let headers = head.headers.iter();
        Self {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: headers
                .map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                    (name.as_str().to_owned(), value)
                })
                .collect(),
            body: body.to_vec(),
        }
    }

    /// The service that the signature names.
    pub(super) fn service(&self) -> Option<&str> {
        Some(self.claim()?.service)
    }

    pub(super) fn region(&self) -> Option<&str> {
        Some(self.claim()?.region)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(it, _)| it == name);
        values.next().map(|(_, value)| value.as_str())
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whose request this is, if the signature is right and the key still lives.
    pub(super) fn caller(&self, world: &World) -> Result<Caller, Refusal> {
        let no = |code, message: &str| Refusal::new(403, code, message.to_owned());
        let claim = self.claim().ok_or_else(|| {
            no(
                "MissingAuthenticationToken",
                "Request is missing its signature",
            )
        })?;
        let told = self.header("x-amz-date").unwrap_or_default();
        let signed_at = time::read(told).filter(|_| told.get(..8) == Some(claim.date));
        let fresh = signed_at.is_some_and(|it| (world.now() - it).abs() <= SIGNATURE_SECS);
        if !fresh {
            return Err(no(
                "SignatureDoesNotMatch",
                "Signature expired or not yet current",
            ));
        }
        let token = self.header("x-amz-security-token");
        let (secret, caller) = world.key(claim.key_id, token)?;
        if self.signature(&claim, told, &secret).as_deref() != Some(claim.signature) {
            return Err(no(
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided",
            ));
        }
        Ok(caller)
    }

    fn claim(&self) -> Option<Claim<'_>> {
        let value = self.header("authorization")?;
        let rest = value.strip_prefix("AWS4-HMAC-SHA256")?;
        let part = |name: &str| {
            let mut parts = rest.split(',').map(str::trim);
            parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        let mut scope = part("Credential")?.split('/');
        Some(Claim {
            key_id: scope.next()?,
            date: scope.next()?,
            region: scope.next()?,
            service: scope.next()?,
            signed_headers: part("SignedHeaders")?,
            signature: part("Signature")?,
        })
    }

    fn signature(&self, claim: &Claim<'_>, time: &str, secret: &str) -> Option<String> {
        let scope = format!(
            "{}/{}/{}/aws4_request",
            claim.date, claim.region, claim.service
        );
        let canonical = self.canonical(claim.signed_headers)?;
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
            hex(&Sha256::digest(canonical))
        );
        let mut key = format!("AWS4{secret}").into_bytes();
        for part in [claim.date, claim.region, claim.service, "aws4_request"] {
            key = hmac(&key, part.as_bytes())?;
        }
        Some(hex(&hmac(&key, to_sign.as_bytes())?))
    }

    fn canonical(&self, signed_headers: &str) -> Option<String> {
        let must_be_signed = ["host", "x-amz-date"];
        let named: Vec<&str> = signed_headers.split(';').collect();
        if must_be_signed.iter().any(|name| !named.contains(name)) {
            return None;
        }
        let mut headers = String::new();
        for name in named {
            let value = self.header(name)?.split_whitespace().collect::<Vec<_>>();
            headers += &format!("{name}:{}\n", value.join(" "));
        }
        let mut query: Vec<&str> = self.query.split('&').filter(|it| !it.is_empty()).collect();
        query.sort_unstable();
        let payload = match self.header("x-amz-content-sha256") {
            Some(told) if told != "UNSIGNED-PAYLOAD" => {
                let ours = hex(&Sha256::digest(&self.body));
                (told == ours).then_some(ours)?
            }
            Some(told) => told.to_owned(),
            None => hex(&Sha256::digest(&self.body)),
        };
        Some(format!(
            "{}\n{}\n{}\n{headers}\n{signed_headers}\n{payload}",
            self.method,
            self.path,
            query.join("&")
        ))
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac.finalize().into_bytes().to_vec())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
