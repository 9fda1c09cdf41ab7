//! Starting, serving, stopping.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use bailiwick_broker::{Broker, SystemClock};
use bailiwick_gateway::{Draining, Gateway, Listening, Settings, World, router, serve};
use tokio::{net::TcpListener, signal::unix::SignalKind, sync::watch, task::JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::{
    args::Run,
    aws::Account,
    data::Folder,
    fault::Fault,
    folders::{Folders, Look},
    log, people,
    prepared::Prepared,
    traces::{self, Traces},
    watch::{end_of_changed, follow, reload, revoke, sign, signal, signals, sweep, tell, vouch},
    world::{Alone, Ground, Replicated},
};

pub(crate) fn run(asked: &Run) -> anyhow::Result<ExitCode> {
    check(asked)?;
    let traces = asked.otlp.as_deref().map(Traces::to).transpose()?;
    log::start(asked, traces.as_ref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no threads to run on")?;
    let served = if asked.shared.database.is_some() {
        runtime.block_on(start::<Replicated>(asked))
    } else {
        runtime.block_on(start::<Alone>(asked))
    };
    if let Some(traces) = &traces {
        traces.finish();
    }
    served?;
    Ok(ExitCode::SUCCESS)
}

/// What cannot be meant, before anything is made.
fn check(asked: &Run) -> anyhow::Result<()> {
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

async fn start<G: Ground>(asked: &Run) -> anyhow::Result<()> {
    let prepared = Prepared::read(asked).await?;
    // Before anything is accepted, all that fell due while nobody ran is ended.
    let store = G::open(asked, &prepared.data).await?;
    let beside = bailiwick_store::Folder::open(prepared.data.path())?;
    let broker = Broker::open(store, beside, SystemClock::new()).await?;
    let listener = TcpListener::bind(asked.listen)
        .await
        .map_err(|error| Fault::new(format!("--listen {}: {error}", asked.listen)))?;
    let is_tls = prepared.tls.is_some();
    let scheme = if is_tls { "https" } else { "http" };
    let address = format!("{scheme}://{}", listener.local_addr()?);
    let mut gateway: Gateway<G> = Gateway::new(
        Arc::new(broker),
        Settings {
            origin: asked.origin.clone(),
            audiences: asked.audiences.clone(),
            door: prepared.door,
            is_near: asked.listen.ip().is_loopback(),
            is_tls,
            trusts_everybody: asked.trust_everybody,
        },
        prepared.keys,
        prepared.rules,
        prepared.operators,
    )
    .with_proofs(prepared.proofs)
    .with_traces(traces::continues);
    if let Some(account) = &prepared.account {
        gateway = gateway.with_aws(account.for_gateway());
    }
    let gateway = Arc::new(gateway);
    announce(&gateway, asked, &prepared.notes, prepared.account.as_ref()).await;
    if let Some(people) = prepared.people {
        vouch(&gateway, people).await;
    }
    prepared.data.publish_address(&address)?;
    let charters = gateway.rules().charters.len();
    tracing::info!(address, charters, data = %prepared.data.path().display(), "listening");

    let (drain, draining) = watch::channel(false);
    let beside = Beside {
        data: prepared.data,
        folders: prepared.folders,
        vouched: prepared.vouched,
        seen: prepared.seen,
        account: prepared.account,
        authorization: prepared.authorization,
    };
    let mut running = beside.run(&gateway, asked, &draining);
    serve_until_told(&gateway, listener, prepared.tls, &drain).await?;
    while running.join_next().await.is_some() {}
    crate::watch::checkpoint(&gateway).await;
    gateway.broker().close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Says in the log, and in the ledger, what an operator should know of this start.
async fn announce<W: World>(
    gateway: &Gateway<W>,
    asked: &Run,
    notes: &[String],
    account: Option<&Account>,
) {
    let started = format!("bailiwickd {} started", env!("CARGO_PKG_VERSION"));
    tell(gateway, &started).await;
    for note in notes {
        tracing::warn!("{note}");
        tell(gateway, note).await;
    }
    if let Some(replica) = &asked.replica {
        tracing::info!(replica, "one of several on a database");
    }
    if let Some(account) = account {
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
}

/// What runs beside the requests works with this.
struct Beside {
    data: Arc<Folder>,
    folders: Folders,
    vouched: people::Source,
    seen: Look,
    account: Option<Account>,
    authorization: Option<String>,
}

impl Beside {
    fn run<W: World>(
        self,
        gateway: &Arc<Gateway<W>>,
        asked: &Run,
        draining: &Draining,
    ) -> JoinSet<()> {
        let mut running = JoinSet::new();
        running.spawn(sweep(Arc::clone(gateway), draining.clone()));
        running.spawn(follow(Arc::clone(gateway), draining.clone()));
        let every = Duration::from_secs(asked.checkpoint_every);
        running.spawn(sign(Arc::clone(gateway), every, draining.clone()));
        running.spawn(reload(
            Arc::clone(gateway),
            self.folders,
            self.data,
            self.vouched,
            self.seen,
            draining.clone(),
        ));
        if let Some(account) = self.account {
            let revoker = account.revoker::<W>(Arc::clone(gateway.broker()));
            running.spawn(revoke::<W>(revoker, draining.clone()));
        }
        for receiver in &asked.signal_to {
            let signals = signals(gateway, receiver, self.authorization.clone());
            running.spawn(signal::<W>(signals, draining.clone()));
        }
        let changed = Arc::clone(gateway);
        running.spawn(async move { end_of_changed(&changed).await });
        running
    }
}

/// Serves until a signal says that it is enough, and until what was accepted is answered.
async fn serve_until_told<W: World>(
    gateway: &Arc<Gateway<W>>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    drain: &watch::Sender<bool>,
) -> anyhow::Result<()> {
    let routes = router(Arc::clone(gateway));
    let serving = serve(Listening { listener, tls }, routes, drain.subscribe());
    let serving = tokio::spawn(serving);
    until_told_to_stop().await?;
    tracing::info!("draining: nothing new is accepted");
    gateway.drain();
    let _ = drain.send(true);
    serving.await.context("serving ended badly")
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
