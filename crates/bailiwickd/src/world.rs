//! What the gateway stands on in this process.

use bailiwick_broker::{Broker, SystemClock};
use bailiwick_credentials::{Revoker, Signals};
use bailiwick_gateway::{Gateway, World};
use bailiwick_store::{Faults, Folder, Settings, Sqlite};

/// SQLite in a folder, files beside it, the clock of the machine.
#[derive(Debug)]
pub(crate) enum Embedded {}

impl World for Embedded {
    type Store = Sqlite;
    type Log = Folder;
    type Clock = SystemClock;
}

pub(crate) type EmbeddedBroker = Broker<Sqlite, Folder, SystemClock>;
pub(crate) type EmbeddedRevoker = Revoker<Sqlite, Folder, SystemClock>;
pub(crate) type EmbeddedSignals = Signals<Sqlite, Folder, SystemClock>;
pub(crate) type EmbeddedGateway = Gateway<Embedded>;

/// The name of this process in the ledger.
const REPLICA: &str = "embedded";

/// How the store is opened.
pub(crate) fn settings() -> Settings {
    Settings {
        faults: faults(),
        ..Settings::of_replica(REPLICA)
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
