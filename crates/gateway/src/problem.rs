//! Why a request was not answered as asked: RFC 9457.
//!
//! A denial is no problem: `{"decision": false}` is an answer. A problem says that there is none.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// What kind of problem it is. Its name is stable; programs look at it and not at the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The request cannot be read, or says something it may not.
    Malformed,
    /// It claims to be for another host, or comes from a page of another origin.
    WrongHost,
    /// It says nothing of who asks, or what it says does not hold.
    Unauthenticated,
    /// Who asks may not do this.
    Forbidden,
    /// There is nothing here, or nothing that the one who asks may know of.
    NotFound,
    /// There is something here, and it cannot be asked like that.
    MethodNotAllowed,
    /// It cannot be done as things are now.
    Conflict,
    /// The body, or the batch in it, is longer than anybody needs.
    TooLarge,
    /// The idempotency key was used for another request.
    KeyReused,
    /// It can be understood, and what it asks for cannot be granted.
    Refused,
    /// More is asked for than is answered at once.
    Busy,
    /// What is needed to answer cannot be reached, so nothing is allowed.
    Unavailable,
    /// Something here is broken.
    Internal,
}

impl Kind {
    pub const ALL: [Self; 13] = [
        Self::Malformed,
        Self::WrongHost,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::TooLarge,
        Self::KeyReused,
        Self::Refused,
        Self::Busy,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The last part of its `type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::WrongHost => "wrong-host",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Conflict => "conflict",
            Self::TooLarge => "too-large",
            Self::KeyReused => "key-reused",
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    pub fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::WrongHost | Self::Forbidden | Self::Refused => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What it is called, in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Malformed => "The request cannot be read",
            Self::WrongHost => "The request is for another host",
            Self::Unauthenticated => "Who asks is not known",
            Self::Forbidden => "Who asks may not do this",
            Self::NotFound => "There is no such thing",
            Self::MethodNotAllowed => "It cannot be asked like that",
            Self::Conflict => "It cannot be done as things are",
            Self::TooLarge => "The request is too large",
            Self::KeyReused => "The idempotency key belongs to another request",
            Self::Refused => "It cannot be granted",
            Self::Busy => "Too much is asked for at once",
            Self::Unavailable => "What is needed to answer cannot be reached",
            Self::Internal => "Something here is broken",
        }
    }
}

/// A problem, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub kind: Kind,
    /// What is wrong with this request, and what to do. Never a secret, never what others own.
    pub detail: String,
    /// Where in the request, as a JSON pointer.
    pub pointer: Option<String>,
    /// The reason as a stable code, where the kind has several.
    pub reason: Option<String>,
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            pointer: None,
            reason: None,
        }
    }

    #[must_use]
    pub fn at(self, pointer: impl Into<String>) -> Self {
        Self {
            pointer: Some(pointer.into()),
            ..self
        }
    }

    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> Self {
        Self {
            reason: Some(reason.into()),
            ..self
        }
    }

    /// The body, as RFC 9457 has it.
    pub fn body(&self, request_id: &str) -> serde_json::Value {
        let mut body = json!({
            "type": format!("urn:bailiwick:problem:{}", self.kind.name()),
            "title": self.kind.title(),
            "status": self.kind.status().as_u16(),
            "detail": self.detail,
            "instance": format!("urn:bailiwick:request:{request_id}"),
        });
        if let Some(body) = body.as_object_mut() {
            if let Some(pointer) = &self.pointer {
                body.insert("pointer".into(), pointer.as_str().into());
            }
            if let Some(reason) = &self.reason {
                body.insert("reason".into(), reason.as_str().into());
            }
        }
        body
    }

    /// The answer to the request of this id.
    pub fn answer(&self, request_id: &str) -> Response {
        let body = self.body(request_id).to_string();
        let mut response = (
            self.kind.status(),
            [(header::CONTENT_TYPE, "application/problem+json")],
            body,
        )
            .into_response();
        let headers = response.headers_mut();
        match self.kind {
            Kind::Unauthenticated => {
                let scheme = HeaderValue::from_static("Bearer realm=\"bailiwick\"");
                headers.insert(header::WWW_AUTHENTICATE, scheme);
            }
            Kind::Busy | Kind::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Kind::Malformed
            | Kind::WrongHost
            | Kind::Forbidden
            | Kind::NotFound
            | Kind::MethodNotAllowed
            | Kind::Conflict
            | Kind::TooLarge
            | Kind::KeyReused
            | Kind::Refused
            | Kind::Internal => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_and_an_error_status() {
        let mut names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(kind.status().as_u16() >= 400, "{kind:?}");
        }
    }
}
