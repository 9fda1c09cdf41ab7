//! Tokens of Kubernetes service accounts: the API server is asked about each.
//!
//! A signature says that a token was made; only the API server knows whether the pod that it was made
//! for is still there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bailiwick_authority::json::{self, Bounds, Value};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::fetch::{Address, Fetch};
use crate::issuer::{SERVICE_ACCOUNT_UID, pointed};
use crate::proof::Verdict;

const ANSWER_LENGTH_MAX: usize = 64 << 10;

const ANSWER_BOUNDS: Bounds = Bounds {
    bytes: ANSWER_LENGTH_MAX,
    depth: 16,
    values: 2_048,
};

/// A token that the authority shows to the API server is not longer.
const OWN_TOKEN_LENGTH_MAX: usize = 16 << 10;

/// How many questions may be under way at once. Anybody may show a token, so anybody can make us
/// ask.
const QUESTIONS_MAX: usize = 64;

/// Asks an API server.
#[derive(Debug, Clone)]
pub struct Review {
    address: Address,
    fetch: Fetch,
    /// The authority's own token for the API server. Kubernetes writes a new one into the file
    /// before the old one expires, so it is read each time.
    token: PathBuf,
    slots: Arc<Semaphore>,
}

/// Why the API server's word is not had, or is no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReviewFault {
    #[error("the API server cannot be asked about the token")]
    Unreachable,
    #[error("as many tokens are asked about as can be at once")]
    Busy,
    #[error("the API server answered what it does not answer")]
    Answer,
    #[error(
        "the API server does not take the token: its pod, or its service account, is gone, or it is for somebody else"
    )]
    Refused,
    #[error("the API server tells of another service account than the token does")]
    Another,
}

impl ReviewFault {
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Self::Unreachable | Self::Busy => Verdict::Unavailable,
            Self::Answer | Self::Refused | Self::Another => Verdict::Refused,
        }
    }

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "api_server_unreachable",
            Self::Busy => "proofs_busy",
            Self::Answer => "attest_malformed",
            Self::Refused => "token_review",
            Self::Another => "token_review_subject",
        }
    }
}

impl Review {
    /// Asks the API server at this address, with the token in this file.
    #[must_use]
    pub fn new(address: Address, fetch: Fetch, token: &Path) -> Self {
        Self {
            address,
            fetch,
            token: token.to_owned(),
            slots: Arc::new(Semaphore::new(QUESTIONS_MAX)),
        }
    }

    /// Asks whether the token holds, now, for this audience and this subject.
    ///
    /// # Errors
    /// If it does not, or nobody can tell.
    // https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
    pub(crate) async fn ask(
        &self,
        token: &str,
        audience: &str,
        claims: &Value,
        subject: &str,
    ) -> Result<(), ReviewFault> {
        let own = std::fs::read_to_string(&self.token).map_err(|error| {
            let file = self.token.display();
            tracing::error!(%file, %error, "the token for the API server cannot be read");
            ReviewFault::Unreachable
        })?;
        let own = own.trim();
        if own.is_empty() || own.len() > OWN_TOKEN_LENGTH_MAX {
            return Err(ReviewFault::Unreachable);
        }
        let question = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": { "token": token, "audiences": [audience] },
        });
        let _slot = self.slots.try_acquire().map_err(|_| ReviewFault::Busy)?;
        let answered = self
            .fetch
            .post(&self.address, own, question.to_string(), ANSWER_LENGTH_MAX);
        let answered = answered.await.map_err(|error| {
            tracing::warn!(%error, "the API server cannot be asked about a token");
            ReviewFault::Unreachable
        })?;
        let answer = json::read(&answered, ANSWER_BOUNDS).map_err(|_| ReviewFault::Answer)?;
        judge(&answer, audience, claims, subject)
    }
}

fn judge(answer: &Value, audience: &str, claims: &Value, subject: &str) -> Result<(), ReviewFault> {
    let at = |pointer: &str| pointed(answer, pointer);
    if at("/kind").and_then(Value::text) != Some("TokenReview") {
        return Err(ReviewFault::Answer);
    }
    if at("/status/authenticated") != Some(&Value::Bool(true)) {
        return Err(ReviewFault::Refused);
    }
    // A server that does not look at audiences says none: then the token may be for the server.
    let is_for_us = match at("/status/audiences") {
        Some(Value::List(list)) => list.iter().any(|one| one.text() == Some(audience)),
        Some(_) | None => false,
    };
    if !is_for_us {
        return Err(ReviewFault::Refused);
    }
    let username = at("/status/user/username").and_then(Value::text);
    let uid = at("/status/user/uid").and_then(Value::text);
    let uid = uid.filter(|uid| !uid.is_empty());
    let is_the_one = username == Some(subject)
        && subject.starts_with("system:serviceaccount:")
        && uid.is_some()
        && uid == pointed(claims, SERVICE_ACCOUNT_UID).and_then(Value::text);
    if is_the_one {
        Ok(())
    } else {
        Err(ReviewFault::Another)
    }
}
