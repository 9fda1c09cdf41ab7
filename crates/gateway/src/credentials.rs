//! `GET /v1/credentials`: what any AWS SDK asks a container's credentials provider.
//!
//! The SDK is told `AWS_CONTAINER_CREDENTIALS_FULL_URI` and `AWS_CONTAINER_AUTHORIZATION_TOKEN`, sends
//! the second as it is, and needs no other change.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>

use std::sync::Arc;

use bailiwick_authority::{AccountId, Bound, NoSession, Task};
use bailiwick_aws::mint::Minted;
use bailiwick_broker::{
    NotIssued,
    port::{Grant, MintError},
};
use bailiwick_credentials::{NoCredentials, Sessions, Wanted};
use bailiwick_ledger::Entry;
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::{
    caller::Caller,
    front::{Asked, Reply},
    gateway::{Gateway, World},
    kill::not_recorded,
    problem::{Kind, Problem},
    token,
};

pub(crate) async fn read<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let Caller::Grant(held) = &asked.caller else {
        return Err(Problem::new(
            Kind::Forbidden,
            "only a grant has credentials",
        ));
    };
    let Some(aws) = &gateway.aws else {
        let detail = "this daemon makes no AWS credentials: start it with `--aws-region`";
        return Err(Problem::new(Kind::NotFound, detail).because("no_mint"));
    };
    let grant = token::still_good(gateway, held).await?;
    let rules = gateway.rules();
    let (task, bound) = rules.of_grant(&grant).ok_or_else(|| {
        let detail = "the charter is not the one this grant was made from: ask for a new grant";
        Problem::new(Kind::Conflict, detail).because("charter_changed")
    })?;
    let charter = rules.charters.of_agent(&grant.agent);
    let account = match asked.parameter("account") {
        Some(account) => account.parse().map_err(|_| {
            let detail = "`account` is to be the twelve digits of an AWS account";
            Problem::new(Kind::Malformed, detail)
        })?,
        None => task
            .account()
            .ok_or_else(|| no_session(&NoSession::AccountUnknown))?,
    };
    let role_arn = charter.map(|charter| charter.task_role_arn(account));
    let wanted = Wanted {
        role_arn: role_arn.unwrap_or_default(),
        session_policy: session_policy(task, &bound, &grant, account)?,
        deadline_ms: grant.deadline_ms,
    };
    let entry = asked.entry("credential.issued");
    let made = made(&aws.sessions, gateway, grant, wanted, entry).await?;
    Ok(Reply::json(&told(&made, account)))
}

fn session_policy(
    task: &Task,
    bound: &Bound,
    grant: &Grant,
    account: AccountId,
) -> Result<String, Problem> {
    let deadline_secs = grant.deadline_ms / 1_000;
    task.session(bound, account, deadline_secs)
        .map_err(|error| no_session(&error))
}

async fn made<W: World>(
    sessions: &Arc<Sessions>,
    gateway: &Gateway<W>,
    grant: Arc<Grant>,
    wanted: Wanted,
    entry: Entry,
) -> Result<Arc<Minted>, Problem> {
    let made = sessions
        .of_grant(&gateway.broker, grant, wanted, entry)
        .await;
    made.map(bailiwick_broker::Recorded::into_value)
        .map_err(|error| none(&error))
}

/// As the SDKs read it. `Expiration` is when the credentials stop being of use; AWS knows them until
/// `StsExpiration`, which is often later: its shortest session lasts a quarter of an hour.
fn told(made: &Minted, account: AccountId) -> serde_json::Value {
    let session = &made.session;
    let token = session.key.session_token.as_ref();
    json!({
        "AccessKeyId": session.key.id,
        "SecretAccessKey": session.key.secret.expose_secret(),
        "Token": token.map(|token| token.expose_secret()).unwrap_or_default(),
        "Expiration": made.enforced_deadline.to_string(),
        "AccountId": account.to_string(),
        "RoleArn": session.arn,
        "EnforcedDeadline": made.enforced_deadline.to_string(),
        "StsExpiration": made.sts_expiry.to_string(),
    })
}

fn no_session(error: &NoSession) -> Problem {
    let reason = match error {
        NoSession::Standing => "standing",
        NoSession::AccountUnknown => "account_unknown",
        NoSession::Nothing { .. } => "no_rights",
        NoSession::TooLong { .. } => "session_policy_too_long",
        NoSession::Unbound | NoSession::Deadline => "grant_unreadable",
    };
    Problem::new(Kind::Refused, error.to_string()).because(reason)
}

/// Why there are no credentials. What AWS says of the broker's own key is for the log and the ledger.
fn none(error: &NoCredentials) -> Problem {
    match error {
        NoCredentials::Busy(busy) => {
            Problem::new(Kind::Busy, busy.to_string()).because("sts_queue_full")
        }
        NoCredentials::NoKey(_) => {
            tracing::error!(error = %chain(error), "the broker cannot sign");
            let detail = "the broker has no key for AWS; its operator is told why";
            Problem::new(Kind::Unavailable, detail).because("no_key")
        }
        NoCredentials::NotRecorded(error)
        | NoCredentials::NotIssued(NotIssued::NotRecorded(error)) => not_recorded(error),
        NoCredentials::NotIssued(NotIssued::State(state)) => {
            let detail = format!("the grant is {state}, and has no credentials");
            Problem::new(Kind::Conflict, detail).because("grant_not_active")
        }
        NoCredentials::NotIssued(NotIssued::Mint(MintError::Refused(why))) => {
            tracing::error!(why, "no session was made");
            let detail = "AWS made no session for this grant; the reason is in the ledger";
            Problem::new(Kind::Unavailable, detail).because("sts_refused")
        }
        NoCredentials::NotIssued(NotIssued::Mint(MintError::Unknown(why))) => {
            tracing::error!(
                why,
                "nobody knows whether a session was made: the grant is ended"
            );
            let detail = "nobody knows whether AWS made a session, so this grant is ended and its name denied: ask for a new grant";
            Problem::new(Kind::Unavailable, detail).because("orphaned")
        }
        NoCredentials::Broken => Problem::new(Kind::Internal, error.to_string()),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
