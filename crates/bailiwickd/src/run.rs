//! Starting, serving, stopping.

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use bailiwick_authority::token::{Keyring, SigningSecret};
use bailiwick_broker::SystemClock;
use bailiwick_gateway::{Door, Gateway, Keys, Listening, Settings, router, serve};
use bailiwick_ledger::{argument::ArgumentKey, note};
use bailiwick_store::Sqlite;
use tokio::{net::TcpListener, signal::unix::SignalKind, sync::watch};

use crate::{
    args::Run,
    aws,
    data::{Folder, Secret},
    fault::Fault,
    folders::Folders,
    identity, log, tls,
    traces::{self, Traces},
    watch::{end_of_changed, now_ms, reload, revoke, sign, signal, signals, sweep, tell},
    world::{self, EmbeddedBroker},
};

pub(crate) fn run(asked: &Run) -> anyhow::Result<ExitCode> {
    check(asked)?;
    let traces = asked.otlp.as_deref().map(Traces::to).transpose()?;
    log::start(asked, traces.as_ref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no threads to run on")?;
    let served = runtime.block_on(start(asked));
    if let Some(traces) = &traces {
        traces.finish();
    }
    served?;
    Ok(ExitCode::SUCCESS)
}

/// What cannot be meant, before anything is made.
fn check(asked: &Run) -> anyhow::Result<()> {
    let later = |flag: &str, what: &str| {
        let fault = Fault::new(format!("{flag} is not built yet")).mend(what);
        Err(anyhow::Error::from(fault))
    };
    if asked.database.is_some() {
        return later(
            "--database",
            "leave it out: SQLite in --data serves one process",
        );
    }
    let is_near = asked.listen.ip().is_loopback();
    if !is_near && asked.tls_cert.is_none() {
        let fault = Fault::new(format!("--listen {} is reached from elsewhere, and tokens would travel in the clear", asked.listen))
            .mend("give --tls-cert and --tls-key, or listen on 127.0.0.1 behind something that speaks TLS");
        return Err(fault.into());
    }
    if !is_near && asked.trust_everybody {
        let fault = Fault::new("--trust-everybody is for development on one machine")
            .mend("listen on 127.0.0.1, or let agents prove who they are");
        return Err(fault.into());
    }
    Ok(())
}

async fn start(asked: &Run) -> anyhow::Result<()> {
    let data = Arc::new(Folder::open(&asked.data.folder)?);
    let operators = data.operators()?;
    let folders = Folders {
        charters: asked.charters.clone(),
        policies: asked.policies.clone(),
        tools: asked.tools.clone(),
        estate: asked.estate.clone(),
        grant_seconds_max: Some(asked.grant_max),
        argument_key: ArgumentKey::new(data.secret(Secret::Arguments)?),
    };
    let seen = folders.look();
    let rules = folders.read(now_ms()).map_err(|problems| {
        let lines: String = problems.iter().map(|line| format!("\n  {line}")).collect();
        Fault::new(format!("the folders cannot be put in force:{lines}"))
            .mend("mend them, or name other folders with --charters and --policies")
    })?;
    let door = Door::new(asked.hosts.iter().map(String::as_str))
        .map_err(|error| Fault::new(format!("--host: {error}")))?;
    let (proofs, notes) = identity::proofs(asked.identity.as_deref())?;
    let tls = match (&asked.tls_cert, &asked.tls_key) {
        (Some(certificate), Some(key)) => Some(tls::acceptor(certificate, key, &proofs)?),
        _ => None,
    };
    let checkpoints = note::Signer::new(&asked.origin, &data.secret(Secret::Checkpoints)?)
        .map_err(|error| Fault::new(format!("--origin `{}`: {error}", asked.origin)))?;
    data.publish_key(&checkpoints.verifier().to_string())?;
    let keys = Keys {
        tokens: Keyring::new(SigningSecret::new(&data.secret(Secret::Tokens)?)),
        checkpoints,
    };
    let authorization = match &asked.signal_authorization {
        Some(file) => Some(authorization(file)?),
        None => None,
    };
    let account = aws::account(&asked.aws).await?;
    // Before anything is accepted, all that fell due while nobody ran is ended.
    let store = Sqlite::open(data.path(), world::settings()).map_err(|error| {
        Fault::new(format!("the store in `{}`: {error}", data.path().display()))
    })?;
    let beside = bailiwick_store::Folder::open(data.path())?;
    let broker: EmbeddedBroker = EmbeddedBroker::open(store, beside, SystemClock::new()).await?;
    let listener = TcpListener::bind(asked.listen)
        .await
        .map_err(|error| Fault::new(format!("--listen {}: {error}", asked.listen)))?;
    let settings = Settings {
        origin: asked.origin.clone(),
        audiences: asked.audiences.clone(),
        door,
        is_near: asked.listen.ip().is_loopback(),
        is_tls: tls.is_some(),
        trusts_everybody: asked.trust_everybody,
    };
    let address = {
        let scheme = if tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", listener.local_addr()?)
    };
    let gateway = Gateway::new(Arc::new(broker), settings, keys, rules, operators);
    let mut gateway = gateway.with_proofs(proofs).with_traces(traces::continues);
    if let Some(account) = &account {
        gateway = gateway.with_aws(account.for_gateway());
    }
    let gateway = Arc::new(gateway);
    tell(
        &gateway,
        &format!("bailiwickd {} started", env!("CARGO_PKG_VERSION")),
    )
    .await;
    for note in notes {
        tracing::warn!("{note}");
        tell(&gateway, &note).await;
    }
    if let Some(account) = &account {
        tracing::info!(
            broker = account.caller,
            sts = account.sts.endpoint.authority(),
            iam = account.iam.endpoint.authority(),
            "AWS credentials are made for grants"
        );
    }
    for contradiction in gateway.rules().charters.contradictions() {
        tracing::warn!(%contradiction, "two charters cannot both be true");
    }
    if asked.trust_everybody {
        tracing::warn!(
            "--trust-everybody: every process on this machine is believed to be any agent; never use it with real credentials"
        );
    }
    data.publish_address(&address)?;
    tracing::info!(address, charters = gateway.rules().charters.len(), data = %data.path().display(), "listening");

    let (drain, draining) = watch::channel(false);
    let mut beside = tokio::task::JoinSet::new();
    beside.spawn(sweep(Arc::clone(&gateway), draining.clone()));
    let every = Duration::from_secs(asked.checkpoint_every);
    beside.spawn(sign(Arc::clone(&gateway), every, draining.clone()));
    beside.spawn(reload(
        Arc::clone(&gateway),
        folders,
        Arc::clone(&data),
        seen,
        draining.clone(),
    ));
    if let Some(account) = account {
        let revoker = account.revoker(Arc::clone(gateway.broker()));
        beside.spawn(revoke(revoker, draining.clone()));
    }
    for receiver in &asked.signal_to {
        let signals = signals(&gateway, receiver, authorization.clone());
        beside.spawn(signal(signals, draining.clone()));
    }
    let changed = Arc::clone(&gateway);
    beside.spawn(async move { end_of_changed(&changed).await });
    let serving = tokio::spawn(serve(
        Listening { listener, tls },
        router(Arc::clone(&gateway)),
        draining,
    ));
    until_told_to_stop().await?;
    tracing::info!("draining: nothing new is accepted");
    gateway.drain();
    let _ = drain.send(true);
    serving.await.context("serving ended badly")?;
    while beside.join_next().await.is_some() {}
    crate::watch::checkpoint(&gateway).await;
    gateway.broker().close().await;
    tracing::info!("stopped");
    Ok(())
}

fn authorization(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Fault::new(format!("{}: {error}", file.display())))?;
    let text = text.trim();
    let is_header = !text.is_empty() && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !is_header {
        let fault = Fault::new(format!("{} holds no one line of text", file.display()));
        return Err(fault.mend("write it as it is sent: `Bearer …`").into());
    }
    Ok(text.to_owned())
}

async fn until_told_to_stop() -> anyhow::Result<()> {
    let signal = |kind| tokio::signal::unix::signal(kind).context("signals cannot be heard");
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
