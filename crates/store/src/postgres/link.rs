//! Connections: made when they are needed, made anew when they broke.

use std::{fmt, future::poll_fn, ops::DerefMut, sync::Arc, time::Duration};

use bailiwick_broker::port::StoreError;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Mutex, MutexGuard, Notify},
    task::AbortHandle,
};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, config::Host};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{WITHIN, failed, within};

/// Ours is a schema of its own, so that the database may have others.
const SETUP: &str = "SET search_path = bailiwick, pg_catalog, pg_temp;
    SET synchronous_commit = on;
    SET default_transaction_isolation = 'read committed';
    SET statement_timeout = '10s';
    SET lock_timeout = '2s';
    SET idle_in_transaction_session_timeout = '5s'";

/// Nothing hangs on who listens: a connection that ended is made again after so long.
const LISTENS_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    #[error("the address of the database cannot be read: {0}")]
    Address(String),
    #[error("the address of the database holds a password, which every process here can read")]
    PasswordInAddress,
    #[error(
        "the database at `{0}` is reached over a network, and nothing would hide what is sent: give the certificate of its authority"
    )]
    InTheClear(String),
    #[error("the schema was made by a newer release ({found}, this one knows {known})")]
    Newer { found: i32, known: i32 },
    #[error(
        "the database does not keep what it says it kept: `{setting}` is `{is}`, and `{wanted}` is needed"
    )]
    NotDurable {
        setting: &'static str,
        wanted: &'static str,
        is: String,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where a database is, and how it is reached. It does not show the password.
#[derive(Clone)]
pub struct Database {
    config: Config,
    tls: Option<Arc<rustls::ClientConfig>>,
    apart_max: Option<Duration>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("hosts", &self.config.get_hosts())
            .field("name", &self.config.get_dbname())
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

impl Database {
    /// The database of an address, `postgres://USER@HOST/NAME`, and its password. With `tls` the
    /// server must show a certificate that it trusts; without, only a Unix socket and loopback are
    /// reached.
    ///
    /// # Errors
    /// If the address cannot be read, holds a password, or would be reached in the clear over a
    /// network.
    pub fn new(
        address: &str,
        password: Option<&str>,
        tls: Option<Arc<rustls::ClientConfig>>,
    ) -> Result<Self, DatabaseError> {
        // What the parser says repeats nothing of the address, which may hold a password.
        let mut config: Config = address
            .parse()
            .map_err(|error: tokio_postgres::Error| DatabaseError::Address(error.to_string()))?;
        if config.get_password().is_some() {
            return Err(DatabaseError::PasswordInAddress);
        }
        if let Some(password) = password {
            config.password(password);
        }
        for host in config.get_hosts() {
            if let (Host::Tcp(name), None) = (host, &tls)
                && !is_loopback(name)
            {
                return Err(DatabaseError::InTheClear(name.clone()));
            }
        }
        for address in config.get_hostaddrs() {
            if tls.is_none() && !address.is_loopback() {
                return Err(DatabaseError::InTheClear(address.to_string()));
            }
        }
        config
            .application_name("bailiwickd")
            .connect_timeout(WITHIN)
            .tcp_user_timeout(WITHIN)
            .keepalives_idle(WITHIN);
        if tls.is_some() {
            config.ssl_mode(tokio_postgres::config::SslMode::Require);
        }
        Ok(Self {
            config,
            tls,
            apart_max: None,
        })
    }

    /// The same, where nothing is written while its clock and the one here are further apart.
    #[must_use]
    pub fn with_clocks_within(self, most: Duration) -> Self {
        Self {
            apart_max: Some(most),
            ..self
        }
    }

    pub(super) fn apart_max(&self) -> Option<Duration> {
        self.apart_max
    }

    /// Somebody who listens for what stirs there.
    pub(super) fn listener(&self) -> Listener {
        let stirred = Arc::new(Notify::new());
        let listening = tokio::spawn(listen(self.clone(), Arc::clone(&stirred)));
        Listener {
            stirred,
            listening: listening.abort_handle(),
        }
    }

    pub(super) fn link(&self) -> Link {
        Link {
            database: self.clone(),
            client: Mutex::new(None),
        }
    }

    async fn connect(&self) -> Result<Client, StoreError> {
        self.connect_and(|| {}).await
    }

    /// Connects, and calls this when the server sends a notification.
    async fn connect_and(&self, stir: impl Fn() + Send + 'static) -> Result<Client, StoreError> {
        let client = match &self.tls {
            None => {
                let (client, connection) = connected(self.config.connect(NoTls).await)?;
                tokio::spawn(carried(connection, stir));
                client
            }
            Some(tls) => {
                let tls = MakeRustlsConnect::new(rustls::ClientConfig::clone(tls));
                let (client, connection) = connected(self.config.connect(tls).await)?;
                tokio::spawn(carried(connection, stir));
                client
            }
        };
        let setup = client.batch_execute(SETUP).await;
        setup.map_err(|error| failed(&error))?;
        Ok(client)
    }
}

fn is_loopback(name: &str) -> bool {
    let address = name.trim_matches(['[', ']']).parse();
    name == "localhost" || address.is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

fn connected<T>(connected: Result<T, tokio_postgres::Error>) -> Result<T, StoreError> {
    connected.map_err(|error| failed(&error))
}

/// Carries what is asked and answered on a connection, until it ends.
async fn carried<S, T>(mut connection: Connection<S, T>, stir: impl Fn())
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notification(_))) => stir(),
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::warn!(%error, "a connection to the database ended");
                return;
            }
            None => return,
        }
    }
}

/// Listens as long as it is not told to stop, on a connection of its own.
async fn listen(database: Database, stirred: Arc<Notify>) {
    loop {
        let stir = Arc::clone(&stirred);
        let connected = tokio::time::timeout(WITHIN, async {
            let client = database.connect_and(move || stir.notify_one()).await?;
            let listen = client.batch_execute("LISTEN bailiwick").await;
            listen.map_err(|error| failed(&error)).map(|()| client)
        });
        if let Ok(Ok(client)) = connected.await {
            // Something may have stirred before anybody listened.
            stirred.notify_one();
            while !client.is_closed() {
                tokio::time::sleep(LISTENS_AGAIN_AFTER).await;
            }
        }
        tokio::time::sleep(LISTENS_AGAIN_AFTER).await;
    }
}

/// Hears that something was changed, sooner than by asking.
#[derive(Debug)]
pub(super) struct Listener {
    stirred: Arc<Notify>,
    listening: AbortHandle,
}

impl Listener {
    /// Returns when something may have changed since this returned last.
    pub(super) async fn stirred(&self) {
        self.stirred.notified().await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// One connection, made anew when it broke: shared, or for one at a time, and never both.
#[derive(Debug)]
pub(super) struct Link {
    database: Database,
    client: Mutex<Option<Arc<Client>>>,
}

impl Link {
    /// The connection, to share.
    async fn shared(&self) -> Result<Arc<Client>, StoreError> {
        let mut kept = self.client.lock().await;
        if let Some(client) = kept.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(self.database.connect().await?);
        *kept = Some(Arc::clone(&client));
        Ok(client)
    }

    /// Asks on the shared connection, within the time that there is. One that gave no answer is not
    /// asked again: whatever is behind it would wait as well.
    pub(super) async fn ask<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        ask: impl FnOnce(Arc<Client>) -> F,
    ) -> Result<T, StoreError> {
        let answer = within(async { ask(self.shared().await?).await }).await;
        if let Err(StoreError::Unavailable(_)) = &answer {
            self.drop_client().await;
        }
        answer
    }

    /// The connection, for one who asks alone: the others wait.
    pub(super) async fn client(&self) -> Result<impl DerefMut<Target = Client> + '_, StoreError> {
        let mut kept = self.client.lock().await;
        if kept.as_ref().is_none_or(|client| client.is_closed()) {
            *kept = Some(Arc::new(self.database.connect().await?));
        }
        let alone = MutexGuard::try_map(kept, |kept| kept.as_mut().and_then(Arc::get_mut));
        alone.map_err(|_| StoreError::Unavailable("the connection is shared".into()))
    }

    /// Forgets the connection: the server rolls back what was not committed.
    pub(super) async fn drop_client(&self) {
        self.client.lock().await.take();
    }
}
