//! Where AWS is asked, and with which key.

use std::{env, sync::Arc, time::SystemTime};

use bailiwick_aws::{
    bucket::Rate,
    endpoint::{Endpoint, Region, Service},
    iam::Iam,
    mint::{Minter, ShortSessions},
    sts::Sts,
    time::Timestamp,
    transport::Transport,
};
use bailiwick_credentials::{Canaries, Keys, Revoker, Sessions, Standing};
use bailiwick_gateway::World;

use crate::{
    args::Aws,
    fault::Fault,
    own_key::{Container, Environment, Program},
    world::{BrokerOf, RevokerOf},
};

/// What speaks to AWS for the daemon.
#[derive(Debug)]
pub(crate) struct Account {
    sessions: Arc<Sessions>,
    standing: Arc<Standing>,
    pub(crate) sts: Sts,
    pub(crate) iam: Iam,
    s3: Endpoint,
    /// Who the broker is there.
    pub(crate) caller: String,
}

impl Account {
    pub(crate) fn for_gateway(&self) -> bailiwick_gateway::Aws {
        bailiwick_gateway::Aws {
            sessions: Arc::clone(&self.sessions),
            standing: Arc::clone(&self.standing),
            canaries: Canaries {
                sessions: Arc::clone(&self.sessions),
                standing: Arc::clone(&self.standing),
                iam: self.iam.clone(),
                s3: self.s3.clone(),
                transport: Transport::default(),
            },
        }
    }

    /// The one writer of denials.
    pub(crate) fn revoker<W: World>(self, broker: Arc<BrokerOf<W>>) -> RevokerOf<W> {
        let Self {
            sessions,
            standing,
            sts,
            iam,
            s3: _,
            caller: _,
        } = self;
        Revoker::new(broker, sessions, sts, iam, standing)
    }
}

/// Finds the key and asks STS whose it is. `None` if no region was given: then no credentials are
/// made.
///
/// # Errors
/// If what was given cannot be meant, or there is no key. That STS cannot be reached now is none.
pub(crate) async fn account(asked: &Aws) -> anyhow::Result<Option<Account>> {
    let Some(region) = &asked.aws_region else {
        return Ok(None);
    };
    let region: Region = region
        .parse()
        .map_err(|error| Fault::new(format!("--aws-region: {error}")))?;
    let sts = endpoint(Service::Sts, &region, asked.sts_endpoint.as_deref())?;
    let iam = endpoint(Service::Iam, &region, asked.iam_endpoint.as_deref())?;
    let s3 = endpoint(Service::S3, &region, None)?;
    let keys = keys(asked)?;
    let key = keys.key().await.map_err(|error| {
        let why = crate::fault::in_words(&error.into());
        Fault::new(why).mend("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give --aws-credential-process \"aws configure export-credentials --format process\"")
    })?;
    let sts = Sts {
        endpoint: sts,
        transport: Transport::default(),
    };
    let now = Timestamp::from(SystemTime::now());
    let caller = match sts.caller_identity(&key, now).await {
        Ok(caller) => caller.arn,
        Err(error) => {
            let why = crate::fault::in_words(&error.into());
            tracing::error!(
                why,
                "STS does not say whose key this is; it is asked again with the first grant"
            );
            "unknown".to_owned()
        }
    };
    // A task role that a charter compiles to gives an hour, as AWS gives a session of a session,
    // whatever the broker's own key is.
    let minter = Minter::new(sts.clone(), Rate::STS, ShortSessions::ByPolicy, true);
    Ok(Some(Account {
        sessions: Arc::new(Sessions::new(minter, keys)),
        standing: Arc::default(),
        sts,
        iam: Iam {
            endpoint: iam,
            transport: Transport::default(),
        },
        s3,
        caller,
    }))
}

/// The regional endpoint, or the one that was given: by the flag, or by the variables of every SDK.
fn endpoint(service: Service, region: &Region, given: Option<&str>) -> anyhow::Result<Endpoint> {
    let variable = format!("AWS_ENDPOINT_URL_{}", service.name().to_uppercase());
    let from = |name: &str| env::var(name).ok().filter(|url| !url.is_empty());
    let is_ignored = from("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|it| it == "true");
    let url = match given {
        Some(given) => Some(given.to_owned()),
        None if is_ignored => None,
        None => from(&variable).or_else(|| from("AWS_ENDPOINT_URL")),
    };
    let Some(url) = url else {
        return Ok(Endpoint::regional(service, region));
    };
    let service_name = service.name();
    let endpoint = Endpoint::at(service, region, &url)
        .map_err(|error| Fault::new(format!("the endpoint of {service_name}: {error}")))?;
    tracing::warn!(
        url,
        "{service_name} is asked at another address than AWS's: whoever answers there is believed"
    );
    Ok(endpoint)
}

fn keys(asked: &Aws) -> anyhow::Result<Keys> {
    if let Some(command) = &asked.aws_credential_process {
        let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        if words.is_empty() {
            return Err(Fault::new("--aws-credential-process names no program").into());
        }
        return Ok(Keys::of(Program::of(words)));
    }
    if let Some(container) = Container::from_environment()? {
        return Ok(Keys::of(container));
    }
    Ok(Keys::of(Environment))
}
