//! Tries a session where it shows whether it still is of use: one byte of one object.
//!
//! A denial in a policy cannot be seen from outside; a call that was let through a moment ago and is
//! not any more can.

use std::time::SystemTime;

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use roxmltree::Document;

use crate::answer::LENGTH_MAX;
use crate::endpoint::Endpoint;
use crate::key::AccessKey;
use crate::time::Timestamp;
use crate::transport::Transport;

/// An object that is read to try a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    bucket: String,
    key: String,
}

/// A text that names no object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no object: write arn:aws:s3:::BUCKET/KEY, with letters, digits and /_.- alone"
)]
pub struct ParseObjectError {
    text: String,
}

impl std::str::FromStr for Object {
    type Err = ParseObjectError;

    /// Takes what needs no encoding: where a canary lies is the operator's choice.
    fn from_str(text: &str) -> Result<Self, ParseObjectError> {
        let parts = || {
            let (partition, rest) = text.strip_prefix("arn:")?.split_once(":s3:::")?;
            let (bucket, key) = rest.split_once('/')?;
            let is_partition = !partition.is_empty()
                && partition
                    .bytes()
                    .all(|it| it.is_ascii_lowercase() || it == b'-');
            let is_bucket = bucket.len() >= 3
                && !bucket.contains("..")
                && bucket.bytes().all(|it| {
                    it.is_ascii_lowercase() || it.is_ascii_digit() || b".-".contains(&it)
                });
            let is_key = !key.is_empty()
                && key.len() <= 900
                && key
                    .bytes()
                    .all(|it| it.is_ascii_alphanumeric() || b"/_.-".contains(&it));
            let has_step = key.split('/').any(|part| matches!(part, "" | "." | ".."));
            (is_partition && is_bucket && is_key && !has_step).then(|| Self {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            })
        };
        parts().ok_or_else(|| ParseObjectError {
            text: text.chars().take(200).collect(),
        })
    }
}

/// What a try came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// The session was let through. That there is no such object is told only to whoever may know.
    Through,
    /// A policy denies it.
    Denied,
    /// Neither can be said.
    Unknown(String),
}

/// Reads the first byte of an object, with the key of a session.
pub async fn read(
    endpoint: &Endpoint,
    transport: &Transport,
    object: &Object,
    key: &AccessKey,
    now: Timestamp,
) -> Tried {
    let Some(request) = signed(endpoint, object, key, now) else {
        return Tried::Unknown("the call could not be signed".to_owned());
    };
    let reply = match transport.send(request).await {
        Ok(reply) => reply,
        Err(error) => return Tried::Unknown(error.to_string()),
    };
    let code = code(&reply.body);
    match (reply.status, code.as_deref()) {
        (200 | 206, _) | (404, Some("NoSuchKey")) => Tried::Through,
        (403, Some("AccessDenied")) => Tried::Denied,
        (status, code) => Tried::Unknown(format!("{status} {}", code.unwrap_or("without a code"))),
    }
}

fn signed(
    endpoint: &Endpoint,
    object: &Object,
    key: &AccessKey,
    now: Timestamp,
) -> Option<http::Request<String>> {
    let base = endpoint.uri().to_string();
    let uri = format!(
        "{}/{}/{}",
        base.trim_end_matches('/'),
        object.bucket,
        object.key
    );
    let mut request = http::Request::get(&uri)
        .header("host", endpoint.authority())
        .header("range", "bytes=0-0")
        .body(String::new())
        .ok()?;
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let identity = key.credentials().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(endpoint.signing_region().as_str())
        .name(endpoint.service().name())
        .time(SystemTime::from(now))
        .settings(settings)
        .build()
        .ok()?
        .into();
    let host = [("host", endpoint.authority())];
    let body = SignableBody::Bytes(b"");
    let signable = SignableRequest::new("GET", &uri, host.into_iter(), body).ok()?;
    let (instructions, _) = sign(signable, &parameters).ok()?.into_parts();
    instructions.apply_to_request_http1x(&mut request);
    Some(request)
}

/// The code of an error, as S3 words it.
fn code(body: &str) -> Option<String> {
    if body.len() > LENGTH_MAX {
        return None;
    }
    let document = Document::parse(body).ok()?;
    let root = document.root_element();
    let mut codes = root.children().filter(|it| it.has_tag_name("Code"));
    let code = codes.next()?.text()?.to_owned();
    (root.has_tag_name("Error") && codes.next().is_none()).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_named_in_one_way() {
        assert!("arn:aws:s3:::ledger/2026/canary".parse::<Object>().is_ok());
        for text in [
            "arn:a/b:s3:::ledger/canary",
            "arn:aws:s3:::led..ger/canary",
            "arn:aws:s3:::ledger",
            "arn:aws:s3:::ledger/",
            "arn:aws:s3:::ledger/*",
            "arn:aws:s3:::ledger/a/../b",
            "arn:aws:s3:::ledger/a//b",
            "arn:aws:s3:::ledger/a?versionId=1",
            "arn:aws:s3:::LEDGER/a",
            "arn:aws:dynamodb:eu-central-1:111122223333:table/ledger",
            "s3://ledger/a",
        ] {
            assert!(text.parse::<Object>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_s3s_own_words_say_that_it_was_denied() {
        let denied = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
        assert_eq!(code(denied).as_deref(), Some("AccessDenied"));
        for body in [
            "",
            "<html><Code>AccessDenied</Code></html>",
            "<Error><Code>AccessDenied</Code><Code>Other</Code></Error>",
        ] {
            assert_eq!(code(body), None, "{body}");
        }
    }
}
