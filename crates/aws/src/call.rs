//! One call to AWS, from its parameters to an answer of the right form.

use crate::answer::{AnswerError, ServiceError, service_error};
use crate::endpoint::{Endpoint, Service};
use crate::key::AccessKey;
use crate::limits::LimitError;
use crate::query::Query;
use crate::sign::{SignError, signed_post};
use crate::time::Timestamp;
use crate::transport::{Reply, Transport, TransportError};

/// Why a call did not do what it should, and whether it may have done it all the same.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the call was not made")]
    Limit(#[from] LimitError),
    #[error("the call was not made")]
    Sign(#[from] SignError),
    #[error("the call was not made")]
    NotSent(#[source] TransportError),
    /// AWS said no.
    #[error("{} refused {action}: {} ({})", .service.name(), .error.code, .error.message)]
    Refused {
        service: Service,
        action: &'static str,
        error: ServiceError,
    },
    /// Too many calls; the same call may be made later.
    #[error("{} is asked too often for {action}", .service.name())]
    Throttled {
        service: Service,
        action: &'static str,
    },
    /// There was no answer, AWS failed, or somebody answered in its place: it may have been done.
    #[error("what became of {action} is not known")]
    Unknown {
        action: &'static str,
        #[source]
        why: UnknownCause,
    },
}

/// What is known of a call whose outcome is not.
#[derive(Debug, thiserror::Error)]
pub enum UnknownCause {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Answer(#[from] AnswerError),
    #[error("the status was {status}")]
    Status { status: u16 },
    #[error("the answer is `{content_type}`, and AWS answers this in XML")]
    ContentType { content_type: String },
}

impl CallError {
    /// Whether AWS may have done what was asked although it did not say so.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Unknown { .. } => true,
            Self::Limit(_)
            | Self::Sign(_)
            | Self::NotSent(_)
            | Self::Refused { .. }
            | Self::Throttled { .. } => false,
        }
    }
}

/// Signs a call, sends it once, and judges the answer by its status and form.
pub(crate) async fn ask(
    endpoint: &Endpoint,
    transport: &Transport,
    query: &Query,
    key: &AccessKey,
    now: Timestamp,
) -> Result<String, CallError> {
    let request = signed_post(endpoint, query.body(), key, now)?;
    send(endpoint.service(), query.action, transport, request).await
}

/// Sends a call that is signed, once, and judges the answer by its status and form.
pub(crate) async fn send(
    service: Service,
    action: &'static str,
    transport: &Transport,
    request: http::Request<String>,
) -> Result<String, CallError> {
    match transport.send(request).await {
        Ok(reply) => judged(service, action, reply),
        Err(error @ TransportError::NotSent) => Err(CallError::NotSent(error)),
        Err(error @ (TransportError::Unknown | TransportError::Unreadable)) => {
            Err(unknown(action, error))
        }
    }
}

fn judged(service: Service, action: &'static str, reply: Reply) -> Result<String, CallError> {
    let Reply {
        status,
        content_type,
        body,
    } = reply;
    let is_xml = content_type.starts_with("text/xml");
    if status == 200 {
        return if is_xml {
            Ok(body)
        } else {
            Err(unknown(action, UnknownCause::ContentType { content_type }))
        };
    }
    let Some(error) = service_error(&body).filter(|_| is_xml) else {
        return Err(unknown(action, UnknownCause::Status { status }));
    };
    let throttles = ["Throttling", "ThrottlingException", "RequestLimitExceeded"];
    if throttles.contains(&error.code.as_str()) {
        return Err(CallError::Throttled { service, action });
    }
    if (400..500).contains(&status) {
        return Err(CallError::Refused {
            service,
            action,
            error,
        });
    }
    Err(unknown(action, UnknownCause::Status { status }))
}

pub(crate) fn unknown(action: &'static str, why: impl Into<UnknownCause>) -> CallError {
    CallError::Unknown {
        action,
        why: why.into(),
    }
}
