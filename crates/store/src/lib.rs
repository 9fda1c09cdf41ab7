//! The only crate that speaks SQL.
//!
//! This crate knows how grants, stops, tickets and the ledger are kept so that what was said to be
//! durable is. It refuses to know why a change is made: it is handed
//! [`Change`](bailiwick_broker::port::Change)s, and writes all of one or nothing.
//!
//! [`Sqlite`] is the embedded default; `Postgres` (feature `postgres`) serves many replicas; [`Memory`] is the same contract without a disk, for models
//! and tests. [`Folder`] holds the files beside the database.
//!
//! ```
//! use bailiwick_broker::port::{Change, Store as _};
//! use bailiwick_ledger::Entry;
//! use bailiwick_store::{Settings, Sqlite};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! # runtime.block_on(async {
//! let store = Sqlite::open(folder, Settings::of_replica("a"))?;
//! let change = Change { ops: vec![], entries: vec![Entry::of("agent.registered")] };
//! let outcomes = store.commit(vec![change], 1_700_000_000_000).await?;
//! assert_eq!(outcomes[0].as_ref().unwrap()[0].seq, 0);
//! assert_eq!(store.records(0, 10).await?[0].entry()?.event, "agent.registered");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod folder;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

pub use folder::Folder;
pub use memory::Memory;
#[cfg(feature = "postgres")]
pub use postgres::{Apart, Database, DatabaseError, Postgres, Seen};
pub use sqlite::{
    Failure, Faults, Moment, OpenError, Settings, Sqlite, backup::BackupError, backup::backup,
    backup::restore, fsync_folder,
};

/// Of the inner nodes of the ledger's tree, only those of every eighth level are kept.
const LEVELS_APART: u8 = 8;
