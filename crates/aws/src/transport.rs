//! Sends a request and tells what is known of it when there is no answer.

use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

use crate::answer::LENGTH_MAX;

/// How long a call may take. STS answers in some tens of milliseconds.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Connections to AWS, kept open between calls. Redirects are not followed.
#[derive(Debug, Clone)]
pub struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    call_timeout: Duration,
}

/// An answer, whatever it says.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub content_type: String,
    pub body: String,
}

/// No answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// There was no connection: the call was surely not carried out.
    #[error("AWS could not be reached")]
    NotSent,
    /// The call went out and its answer did not come: whether it was carried out is not known.
    #[error("the call was sent and its answer is not known")]
    Unknown,
    /// Something answered, and not as AWS does: too long, or no text. Whether the call was carried
    /// out is not known.
    #[error("the call was answered with more than {LENGTH_MAX} bytes, or with no text")]
    Unreadable,
}

impl Default for Transport {
    fn default() -> Self {
        Self::new(CALL_TIMEOUT)
    }
}

impl Transport {
    #[must_use]
    pub fn new(call_timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        // Whether clear text is allowed was decided where the endpoint was made.
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        Self {
            client: Client::builder(TokioExecutor::new())
                .retry_canceled_requests(false)
                .build(connector),
            call_timeout,
        }
    }

    /// Sends a request once.
    ///
    /// # Errors
    /// If no answer came, with what is known of the call.
    pub async fn send(&self, request: http::Request<String>) -> Result<Reply, TransportError> {
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let call = async {
            let answer = self.client.request(request).await.map_err(|error| {
                if error.is_connect() {
                    TransportError::NotSent
                } else {
                    TransportError::Unknown
                }
            })?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, LENGTH_MAX + 1).collect().await;
            let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
                Some(_) => TransportError::Unreadable,
                None => TransportError::Unknown,
            })?;
            let body = body.to_bytes();
            let content_type = head.headers.get("content-type");
            Ok(Reply {
                status: head.status.as_u16(),
                content_type: content_type
                    .and_then(|it| it.to_str().ok())
                    .unwrap_or_default()
                    .to_owned(),
                body: String::from_utf8(body.to_vec()).map_err(|_| TransportError::Unreadable)?,
            })
        };
        tokio::time::timeout(self.call_timeout, call)
            .await
            .unwrap_or(Err(TransportError::Unknown))
    }
}
