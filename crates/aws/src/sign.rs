//! Signature Version 4, by AWS's own crate.

use std::time::SystemTime;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;

use crate::endpoint::Endpoint;
use crate::key::AccessKey;
use crate::time::Timestamp;

pub(crate) const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// A call could not be signed; it was not sent.
#[derive(Debug, thiserror::Error)]
#[error("the call could not be signed: {why}")]
pub struct SignError {
    pub why: String,
}

/// Signs a POST of a form, and answers with the whole request.
///
/// # Errors
/// If the parts make no request that can be signed.
pub fn signed_post(
    endpoint: &Endpoint,
    body: String,
    key: &AccessKey,
    at: Timestamp,
) -> Result<http::Request<String>, SignError> {
    signed_post_with(endpoint, body, &[], key, at)
}

/// The same, with headers beside the usual ones; they are signed too.
pub(crate) fn signed_post_with(
    endpoint: &Endpoint,
    body: String,
    headers: &[(&'static str, &str)],
    key: &AccessKey,
    at: Timestamp,
) -> Result<http::Request<String>, SignError> {
    let broken = |why: &dyn std::fmt::Display| SignError {
        why: why.to_string(),
    };
    let mut request = http::Request::post(endpoint.uri().clone())
        .header("host", endpoint.authority())
        .header("content-type", FORM);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(body).map_err(|error| broken(&error))?;
    let identity = key.credentials().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(endpoint.signing_region().as_str())
        .name(endpoint.service().name())
        .time(SystemTime::from(at))
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| broken(&error))?
        .into();
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()));
    let uri = endpoint.uri().to_string();
    let body = SignableBody::Bytes(request.body().as_bytes());
    let signable = SignableRequest::new("POST", &uri, headers, body).map_err(|it| broken(&it))?;
    let (instructions, _) = sign(signable, &parameters)
        .map_err(|error| broken(&error))?
        .into_parts();
    instructions.apply_to_request_http1x(&mut request);
    Ok(request)
}
