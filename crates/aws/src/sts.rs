//! The calls of AWS Security Token Service that are made at run time.

use secrecy::SecretString;

use crate::answer::{Answer, AnswerError};
use crate::call::{CallError, ask, unknown};
use crate::endpoint::Endpoint;
use crate::key::AccessKey;
use crate::limits;
use crate::query::Query;
use crate::time::Timestamp;
use crate::transport::Transport;

pub(crate) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Security Token Service at one endpoint.
#[derive(Debug, Clone)]
pub struct Sts {
    pub endpoint: Endpoint,
    pub transport: Transport,
}

/// What `AssumeRole` is asked for. Every tag is passed on to sessions of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumeRole {
    pub role_arn: String,
    pub session_name: String,
    pub source_identity: String,
    pub session_policy: Option<String>,
    pub duration_secs: u32,
    pub tags: Vec<(String, String)>,
}

/// What `GetScopedCredentials` is asked for: at least one of policy and duration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScopeDown {
    pub policy: Option<String>,
    pub duration_secs: Option<u32>,
    /// Written to CloudTrail.
    pub description: Option<String>,
}

/// A session, and what it is called by.
#[derive(Debug, Clone)]
pub struct Session {
    pub key: AccessKey,
    pub expires: Timestamp,
    /// `AROAEXAMPLE:session`. The first part is the role's unique id.
    pub id: String,
    pub arn: String,
    pub source_identity: Option<String>,
    /// How much of the space for policies and tags is used, in hundredths.
    pub packed_percent: Option<u32>,
}

/// Who a key belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    pub account: String,
    pub arn: String,
    /// `AIDA…`, or `AROA…:session`.
    pub user_id: String,
}

impl Session {
    /// Reads the answer to `AssumeRole`.
    ///
    /// # Errors
    /// If it is not exactly one.
    pub fn of_assume_role(body: &str) -> Result<Self, AnswerError> {
        let answer = &Answer::parse("AssumeRole", NAMESPACE, body)?;
        Ok(Self {
            key: credentials(answer)?,
            expires: expiration(answer)?,
            id: answer
                .text(&["AssumedRoleUser", "AssumedRoleId"])?
                .to_owned(),
            arn: answer.text(&["AssumedRoleUser", "Arn"])?.to_owned(),
            source_identity: answer.text_if_any("SourceIdentity")?.map(str::to_owned),
            packed_percent: number(answer, "PackedPolicySize")?
                .or(number(answer, "SessionTokenUtilization")?),
        })
    }

    /// Reads the answer to `GetScopedCredentials`.
    ///
    /// # Errors
    /// If it is not exactly one.
    pub fn of_scope_down(body: &str) -> Result<Self, AnswerError> {
        let answer = &Answer::parse("GetScopedCredentials", NAMESPACE, body)?;
        Ok(Self {
            key: credentials(answer)?,
            expires: expiration(answer)?,
            id: answer.text(&["SessionInfo", "ScopedSessionId"])?.to_owned(),
            arn: answer.text(&["SessionInfo", "Arn"])?.to_owned(),
            source_identity: answer.text_if_any("SourceIdentity")?.map(str::to_owned),
            packed_percent: number(answer, "SessionTokenUtilization")?,
        })
    }
}

impl CallerIdentity {
    /// Reads the answer to `GetCallerIdentity`.
    ///
    /// # Errors
    /// If it is not exactly one.
    pub fn of_answer(body: &str) -> Result<Self, AnswerError> {
        Self::read(&Answer::parse("GetCallerIdentity", NAMESPACE, body)?)
    }

    pub(crate) fn read(answer: &Answer<'_>) -> Result<Self, AnswerError> {
        Ok(Self {
            account: answer.text(&["Account"])?.to_owned(),
            arn: answer.text(&["Arn"])?.to_owned(),
            user_id: answer.text(&["UserId"])?.to_owned(),
        })
    }
}

impl Sts {
    /// Asks for a session of a role.
    ///
    /// # Errors
    /// If what is asked for is beyond AWS's limits (nothing is sent then), STS refuses, or its
    /// answer is not known.
    pub async fn assume_role(
        &self,
        order: &AssumeRole,
        key: &AccessKey,
        now: Timestamp,
    ) -> Result<Session, CallError> {
        limits::name("the session", &order.session_name)?;
        limits::name("the source identity", &order.source_identity)?;
        limits::duration(order.duration_secs, limits::DURATION_SECS)?;
        limits::tags(&order.tags)?;
        if let Some(policy) = &order.session_policy {
            limits::session_policy(policy)?;
        }
        let mut query = Query::new(self.endpoint.service(), "AssumeRole");
        query.set("RoleArn", &*order.role_arn);
        query.set("RoleSessionName", &*order.session_name);
        query.set("SourceIdentity", &*order.source_identity);
        query.set("DurationSeconds", order.duration_secs.to_string());
        query.set_some("Policy", order.session_policy.as_deref());
        for (at, (name, value)) in (1..).zip(&order.tags) {
            query.set(&format!("Tags.member.{at}.Key"), &**name);
            query.set(&format!("Tags.member.{at}.Value"), &**value);
        }
        query.set_all(
            "TransitiveTagKeys",
            order.tags.iter().map(|(name, _)| &**name),
        );
        let body = self.ask(&query, key, now).await?;
        Session::of_assume_role(&body).map_err(|error| unknown("AssumeRole", error))
    }

    /// Asks for credentials of the same session with less access, or for less long.
    ///
    /// There is none of this at the global endpoint.
    ///
    /// # Errors
    /// As for [`Sts::assume_role`].
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
    pub async fn scope_down(
        &self,
        order: &ScopeDown,
        key: &AccessKey,
        now: Timestamp,
    ) -> Result<Session, CallError> {
        if let Some(policy) = &order.policy {
            limits::session_policy(policy)?;
        }
        if let Some(secs) = order.duration_secs {
            limits::duration(secs, limits::SCOPED_DURATION_SECS)?;
        }
        let mut query = Query::new(self.endpoint.service(), "GetScopedCredentials");
        query.set_some("Policy", order.policy.as_deref());
        let secs = order.duration_secs.map(|secs| secs.to_string());
        query.set_some("DurationSeconds", secs.as_deref());
        query.set_some("ScopedSessionDescription", order.description.as_deref());
        let body = self.ask(&query, key, now).await?;
        Session::of_scope_down(&body).map_err(|error| unknown("GetScopedCredentials", error))
    }

    /// Asks who a key belongs to. No policy can deny it.
    ///
    /// # Errors
    /// As for [`Sts::assume_role`].
    pub async fn caller_identity(
        &self,
        key: &AccessKey,
        now: Timestamp,
    ) -> Result<CallerIdentity, CallError> {
        let query = Query::new(self.endpoint.service(), "GetCallerIdentity");
        let body = self.ask(&query, key, now).await?;
        CallerIdentity::of_answer(&body).map_err(|error| unknown("GetCallerIdentity", error))
    }

    async fn ask(
        &self,
        query: &Query,
        key: &AccessKey,
        now: Timestamp,
    ) -> Result<String, CallError> {
        ask(&self.endpoint, &self.transport, query, key, now).await
    }
}

fn credentials(answer: &Answer<'_>) -> Result<AccessKey, AnswerError> {
    let text = |name| answer.text(&["Credentials", name]);
    Ok(AccessKey {
        id: text("AccessKeyId")?.to_owned(),
        secret: SecretString::from(text("SecretAccessKey")?),
        session_token: Some(SecretString::from(text("SessionToken")?)),
    })
}

fn expiration(answer: &Answer<'_>) -> Result<Timestamp, AnswerError> {
    let text = answer.text(&["Credentials", "Expiration"])?;
    text.parse().map_err(|_| answer.unreadable("Expiration"))
}

fn number(answer: &Answer<'_>, element: &'static str) -> Result<Option<u32>, AnswerError> {
    let text = answer.text_if_any(element)?;
    text.map(|text| text.parse().map_err(|_| answer.unreadable(element)))
        .transpose()
}
