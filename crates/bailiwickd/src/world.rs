//! What the gateway stands on in this process: SQLite of its own, or PostgreSQL with other replicas.

use std::{fmt::Display, path::Path, sync::Arc, time::Duration};

use bailiwick_broker::{Broker, SystemClock, port::StoreError};
use bailiwick_credentials::{Revoker, Signals};
use bailiwick_gateway::World;
use bailiwick_store::{Database, DatabaseError, Faults, Folder, Postgres, Settings, Sqlite};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::{
    args::{Run, Shared},
    data,
    fault::Fault,
};

pub(crate) type BrokerOf<W> = Broker<<W as World>::Store, <W as World>::Log, <W as World>::Clock>;
pub(crate) type RevokerOf<W> = Revoker<<W as World>::Store, <W as World>::Log, <W as World>::Clock>;
pub(crate) type SignalsOf<W> = Signals<<W as World>::Store, <W as World>::Log, <W as World>::Clock>;

/// A world that this process can stand in: its store is opened, files lie beside it, and the clock
/// is the machine's.
pub(crate) trait Ground: World<Log = Folder, Clock = SystemClock> {
    /// Opens the store.
    ///
    /// # Errors
    /// If it cannot be opened, or the folder is not one for it.
    async fn open(asked: &Run, data: &data::Folder) -> anyhow::Result<Self::Store>;
}

/// SQLite in a folder, for one process.
#[derive(Debug)]
pub(crate) enum Alone {}

impl World for Alone {
    type Store = Sqlite;
    type Log = Folder;
    type Clock = SystemClock;
}

impl Ground for Alone {
    async fn open(_: &Run, data: &data::Folder) -> anyhow::Result<Sqlite> {
        data.refuse_of_replica("a daemon without --database")?;
        let opened = Sqlite::open(data.path(), settings());
        Ok(opened.map_err(|error| {
            Fault::new(format!("the store in `{}`: {error}", data.path().display()))
        })?)
    }
}

/// PostgreSQL, for many processes like this one.
#[derive(Debug)]
pub(crate) enum Replicated {}

impl World for Replicated {
    type Store = Postgres;
    type Log = Folder;
    type Clock = SystemClock;
}

impl Ground for Replicated {
    async fn open(asked: &Run, data: &data::Folder) -> anyhow::Result<Postgres> {
        let name = asked.replica.as_deref().unwrap_or_default();
        let is_name =
            (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_name {
            let fault = Fault::new("--database serves many replicas, and this one has no name of 1 to 64 visible ASCII characters")
                .mend("give --replica NAME, another for each of them and the same at each start");
            return Err(fault.into());
        }
        data.hold_for_replica(name)?;
        let database = database(&asked.shared)?;
        let seen = Postgres::look(&database)
            .await
            .map_err(|error| unopened(&error))?;
        seen.apart
            .at_most(CLOCKS_APART_MAX)
            .map_err(|error| unopened(&error.into()))?;
        let database = database.with_clocks_within(CLOCKS_APART_MAX);
        let opened = Postgres::open(&database, name).await;
        let opened = opened.map_err(|error| unopened(&error))?;
        data.remember_replica(name)?;
        Ok(opened)
    }
}

/// A deadline falls on each replica by its own clock: the clocks may be so far from the database's.
pub(crate) const CLOCKS_APART_MAX: Duration = Duration::from_secs(5);

/// The database that was named.
///
/// # Errors
/// If none was, or it cannot be reached as it is named.
pub(crate) fn database(asked: &Shared) -> anyhow::Result<Database> {
    let address = asked.database.as_deref().unwrap_or_default();
    let tls = asked.database_ca.as_deref().map(trusting).transpose()?;
    let password = std::env::var("PGPASSWORD").ok();
    Database::new(address, password.as_deref(), tls).map_err(|error| unopened(&error))
}

pub(crate) fn unopened(error: &DatabaseError) -> anyhow::Error {
    let mend = match error {
        DatabaseError::Address(_) => {
            "write postgres://USER@HOST/NAME; the password is read from PGPASSWORD"
        }
        DatabaseError::PasswordInAddress => "leave it out of the address and set PGPASSWORD",
        DatabaseError::InTheClear(_) => "name the certificate with --database-ca",
        DatabaseError::Newer { .. } => "start the release that made it, or a newer one",
        DatabaseError::NotDurable { .. } => "change the server's postgresql.conf",
        DatabaseError::Store(StoreError::ClocksApart { .. }) => "let both keep time by NTP",
        _ => {
            "is it there, does it accept USER, and is PGPASSWORD right? docs/operate/replicas.md says what it needs"
        }
    };
    Fault::new(format!("--database: {error}")).mend(mend).into()
}

/// TLS that trusts the authorities in a file and no others.
fn trusting(path: &Path) -> anyhow::Result<Arc<ClientConfig>> {
    let wrong = |what: &dyn Display| {
        Fault::new(format!("--database-ca `{}`: {what}", path.display()))
            .mend("it is to hold certificates as PEM")
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() {
        return Err(wrong(&"no certificate in it").into());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The name of a process that is alone, in the ledger.
const ALONE: &str = "embedded";

/// How SQLite is opened.
pub(crate) fn settings() -> Settings {
    Settings {
        faults: faults(),
        ..Settings::of_replica(ALONE)
    }
}

/// None in a release.
#[cfg(not(debug_assertions))]
fn faults() -> Faults {
    Faults::none()
}

/// In a build for tests, `BAILIWICKD_ABORT_AT=AfterCommit:17` ends the process, without a farewell,
/// the seventeenth time that the writer comes there.
#[cfg(debug_assertions)]
fn faults() -> Faults {
    use std::sync::atomic::{AtomicU64, Ordering};
    let Ok(wanted) = std::env::var("BAILIWICKD_ABORT_AT") else {
        return Faults::none();
    };
    let (moment, count) = wanted.split_once(':').unwrap_or((&wanted, "1"));
    let (moment, count) = (moment.to_owned(), count.parse().unwrap_or(1));
    let left = AtomicU64::new(count);
    Faults::new(move |now| {
        if format!("{now:?}") == moment && left.fetch_sub(1, Ordering::AcqRel) == 1 {
            std::process::abort();
        }
        None
    })
}
