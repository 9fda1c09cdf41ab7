//! The daemon's own key for AWS: from the environment, from a program, from its container.

use std::{env, process::Stdio, time::SystemTime};

use anyhow::Context as _;
use aws_credential_types::{
    Credentials,
    provider::{self, ProvideCredentials, error::CredentialsError, future},
};
use bailiwick_aws::{time::Timestamp, transport::Transport};
use serde::Deserialize;

use crate::fault::Fault;

/// The variables that every SDK reads.
#[derive(Debug)]
pub(crate) struct Environment;

impl ProvideCredentials for Environment {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(from_environment())
    }
}

fn from_environment() -> provider::Result {
    Ok(Credentials::new(
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
        variable("AWS_SESSION_TOKEN").ok(),
        None,
        "environment",
    ))
}

/// A program that prints a key, as the SDKs' `credential_process` does.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>
#[derive(Debug)]
pub(crate) struct Program {
    words: Vec<String>,
}

impl ProvideCredentials for Program {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let printed = self.printed().await.map_err(|error| {
                // What it printed may hold a secret; what the system said of it does not.
                CredentialsError::provider_error(error.to_string())
            })?;
            Ok(printed)
        })
    }
}

/// What such a program prints, and what a container's provider answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    version: Option<u32>,
    access_key_id: String,
    secret_access_key: String,
    #[serde(alias = "Token")]
    session_token: Option<String>,
    expiration: Option<String>,
}

impl Told {
    fn credentials(self, source: &'static str) -> anyhow::Result<Credentials> {
        let expires = self.expiration.map(|text| instant(&text)).transpose();
        Ok(Credentials::new(
            self.access_key_id,
            self.secret_access_key,
            self.session_token,
            expires.context("the expiration is no instant in UTC")?,
            source,
        ))
    }
}

impl Program {
    pub(crate) fn of(words: Vec<String>) -> Self {
        Self { words }
    }

    async fn printed(&self) -> anyhow::Result<Credentials> {
        let (program, arguments) = self.words.split_first().context("no program")?;
        let output = tokio::process::Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("`{program}` cannot be run"))?;
        if !output.status.success() {
            anyhow::bail!("`{program}` ended with {}", output.status);
        }
        let printed: Option<Told> = serde_json::from_slice(&output.stdout).ok();
        let Some(printed) = printed.filter(|printed| printed.version == Some(1)) else {
            anyhow::bail!("`{program}` printed no credentials of version 1");
        };
        printed.credentials("process")
    }
}

/// The provider of the container that the daemon runs in: ECS, or EKS with Pod Identity.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
#[derive(Debug)]
pub(crate) struct Container {
    uri: http::Uri,
    transport: Transport,
}

impl Container {
    /// `None` where no container says that it has one.
    ///
    /// # Errors
    /// If what it says is no address that a key is fetched from.
    pub(crate) fn from_environment() -> anyhow::Result<Option<Self>> {
        let relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").ok();
        let relative = relative.map(|path| format!("http://169.254.170.2{path}"));
        let full = || variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").ok();
        let Some(address) = relative.or_else(full) else {
            return Ok(None);
        };
        // A key that is set beside it comes first, as in the SDKs.
        if from_environment().is_ok() {
            return Ok(None);
        }
        let unmeant = || Fault::new(format!("a key is not fetched from `{address}`"));
        let uri: http::Uri = address.parse().map_err(|_| unmeant())?;
        let host = uri.host().ok_or_else(unmeant)?;
        let is_near = NEAR.contains(&host);
        let is_safe = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => is_near,
            Some(_) | None => false,
        };
        if !is_safe {
            return Err(unmeant()
                .mend("https, or an address that AWS gives containers")
                .into());
        }
        Ok(Some(Self {
            uri,
            transport: Transport::default(),
        }))
    }

    async fn told(&self) -> anyhow::Result<Credentials> {
        let authority = self.uri.authority().map_or("", |it| it.as_str());
        let mut request = http::Request::get(&self.uri)
            .header("host", authority)
            .header("accept", "application/json");
        // The file is written anew now and then.
        let token = match variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Ok(file) => Some(std::fs::read_to_string(file).context("the token's file")?),
            Err(_) => variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").ok(),
        };
        if let Some(token) = token {
            request = request.header("authorization", token.trim());
        }
        let request = request.body(String::new()).context("no such request")?;
        let reply = self.transport.send(request).await?;
        if reply.status != 200 {
            anyhow::bail!("the container's provider answered {}", reply.status);
        }
        let told: Option<Told> = serde_json::from_str(&reply.body).ok();
        let told = told.context("the container's provider answered with no credentials")?;
        told.credentials("container")
    }
}

/// Where AWS puts the providers of containers, and this machine.
const NEAR: [&str; 6] = [
    "169.254.170.2",
    "169.254.170.23",
    "[fd00:ec2::23]",
    "127.0.0.1",
    "localhost",
    "[::1]",
];

impl ProvideCredentials for Container {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let told = self.told().await;
            told.map_err(|error| CredentialsError::provider_error(error.to_string()))
        })
    }
}

fn variable(name: &str) -> Result<String, CredentialsError> {
    let value = env::var(name).ok().filter(|value| !value.is_empty());
    value.ok_or_else(|| CredentialsError::not_loaded(format!("{name} is not set")))
}

/// An instant in UTC, as `…Z` or `…+00:00`.
fn instant(text: &str) -> anyhow::Result<SystemTime> {
    let in_utc = text.replace("+00:00", "Z");
    let at: Timestamp = in_utc.parse().context("not in UTC")?;
    Ok(at.into())
}
