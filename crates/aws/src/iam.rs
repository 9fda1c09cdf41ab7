//! The calls of IAM that revocation makes: an inline policy of a role, put, read and taken away.

use crate::answer::{Answer, AnswerError};
use crate::call::{CallError, ask, unknown};
use crate::endpoint::Endpoint;
use crate::key::AccessKey;
use crate::query::Query;
use crate::time::Timestamp;
use crate::transport::Transport;

const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

/// IAM at one endpoint.
#[derive(Debug, Clone)]
pub struct Iam {
    pub endpoint: Endpoint,
    pub transport: Transport,
}

impl Iam {
    /// Puts an inline policy, in place of one of that name.
    ///
    /// Putting the same again changes nothing, so a call whose outcome is unknown is made again.
    ///
    /// # Errors
    /// If IAM refuses, or its answer is not known.
    pub async fn put_role_policy(
        &self,
        role: &str,
        policy: &str,
        document: &str,
        key: &AccessKey,
        now: Timestamp,
    ) -> Result<(), CallError> {
        let mut query = self.query("PutRolePolicy", role, policy);
        query.set("PolicyDocument", document);
        self.done(&query, key, now).await
    }

    /// The document of an inline policy; `None` if the role has none of that name.
    ///
    /// # Errors
    /// If IAM refuses, or its answer is not known.
    pub async fn role_policy(
        &self,
        role: &str,
        policy: &str,
        key: &AccessKey,
        now: Timestamp,
    ) -> Result<Option<String>, CallError> {
        let query = self.query("GetRolePolicy", role, policy);
        let body = match ask(&self.endpoint, &self.transport, &query, key, now).await {
            Ok(body) => body,
            Err(CallError::Refused { error, .. }) if error.code == "NoSuchEntity" => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let document = || -> Result<String, AnswerError> {
            let answer = Answer::parse(query.action, NAMESPACE, &body)?;
            let text = answer.text(&["PolicyDocument"])?;
            // IAM writes documents percent-encoded.
            let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
            let decoded = decoded.map_err(|_| answer.unreadable("PolicyDocument"))?;
            Ok(decoded.into_owned())
        };
        document()
            .map(Some)
            .map_err(|error| unknown(query.action, error))
    }

    /// Takes an inline policy away. One that is gone already is no error.
    ///
    /// # Errors
    /// If IAM refuses, or its answer is not known.
    pub async fn delete_role_policy(
        &self,
        role: &str,
        policy: &str,
        key: &AccessKey,
        now: Timestamp,
    ) -> Result<(), CallError> {
        let query = self.query("DeleteRolePolicy", role, policy);
        match self.done(&query, key, now).await {
            Err(CallError::Refused { error, .. }) if error.code == "NoSuchEntity" => Ok(()),
            other => other,
        }
    }

    fn query(&self, action: &'static str, role: &str, policy: &str) -> Query {
        let mut query = Query::new(self.endpoint.service(), action);
        query.set("RoleName", role);
        query.set("PolicyName", policy);
        query
    }

    /// A call that answers with nothing but that it was done.
    async fn done(&self, query: &Query, key: &AccessKey, now: Timestamp) -> Result<(), CallError> {
        ask(&self.endpoint, &self.transport, query, key, now)
            .await
            .map(drop)
    }
}
