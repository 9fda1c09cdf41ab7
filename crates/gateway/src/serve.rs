//! Connections: accepted, bounded, read by hyper, and drained at the end.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tower_service::Service as _;

use crate::front::{Certificates, Peer};

/// Connections at once. More wait to be accepted.
const CONNECTIONS_MAX: usize = 4_096;

/// The head of a request: more is refused before it is read.
const HEAD_LENGTH_MAX: usize = 64 << 10;

const HEADERS_MAX: usize = 100;

/// A head that is not whole by then, and a connection that asks nothing for so long, are closed.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Requests under way get so long to be answered when the process is to end.
const DRAIN_WITHIN: Duration = Duration::from_secs(20);

/// Where to listen.
pub struct Listening {
    pub listener: TcpListener,
    /// With TLS, if it is given.
    pub tls: Option<TlsAcceptor>,
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listening")
            .field("listener", &self.listener)
            .field("tls", &self.tls.is_some())
            .finish()
    }
}

/// Says when to stop; the other end is [`serve`]'s.
pub type Draining = watch::Receiver<bool>;

/// Serves until `draining` says to stop, then answers what is under way and returns.
pub async fn serve(listening: Listening, router: Router, mut draining: Draining) {
    let Listening { listener, tls } = listening;
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = draining.wait_for(|drains| *drains) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                after_failed_accept(&error).await;
                continue;
            }
        };
        // Answers are short and whole: waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        let watcher = graceful.watcher();
        let tls = tls.clone();
        tokio::spawn(async move {
            let _slot = slot;
            match tls {
                None => connection(stream, peer, None, router, watcher).await,
                Some(tls) => {
                    let handshake = tokio::time::timeout(HANDSHAKE_WITHIN, tls.accept(stream));
                    match handshake.await {
                        Ok(Ok(stream)) => {
                            let shown = certificates(&stream);
                            connection(stream, peer, shown, router, watcher).await;
                        }
                        Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
                        Err(_) => tracing::debug!("no TLS in time"),
                    }
                }
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_WITHIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests were not answered in time and are dropped");
    }
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: SocketAddr,
    certificates: Option<Certificates>,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        if let Some(certificates) = &certificates {
            request.extensions_mut().insert(certificates.clone());
        }
        router.clone().call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_LENGTH_MAX)
        .max_headers(HEADERS_MAX)
        .half_close(false);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended badly");
    }
}

/// What the client showed in the handshake. What a header says of it is never looked at.
fn certificates<S>(stream: &TlsStream<S>) -> Option<Certificates> {
    let (_, connection) = stream.get_ref();
    let chain = connection.peer_certificates()?;
    let owned = chain.iter().map(|der| der.clone().into_owned());
    Some(Certificates(owned.collect()))
}

/// Too many open files are waited for; a connection that went away before it was accepted is no
/// reason to wait.
async fn after_failed_accept(error: &io::Error) {
    let is_theirs = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    );
    if !is_theirs {
        tracing::error!(%error, "no connection can be accepted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
