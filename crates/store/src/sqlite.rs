//! The embedded store: one SQLite database in one folder, one thread that writes, many that read.

mod apply;
pub(crate) mod backup;
mod faults;
mod read;
mod schema;
mod tree;
mod writer;

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use bailiwick_broker::{
    Stop,
    port::{Answer, Change, Dated, Grant, Intent, Outcome, Post, Store, StoreError, Ticket, Which},
};
use bailiwick_ledger::{Chain, Hash, Record};
use rusqlite::{Connection, OpenFlags};

pub use faults::{Failure, Faults, Moment};

use self::writer::Writer;

const DATABASE: &str = "bailiwick.db";
const LOCK: &str = "bailiwick.lock";

/// Connections that are kept open for reading. More readers open one more and close it again.
const READERS_KEPT: usize = 8;

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of this process in the ledger.
    pub replica: String,
    /// The most pages that the database may have; `None` for no limit but the disk's.
    pub pages_max: Option<u32>,
    /// Failures to be injected; none outside of tests.
    pub faults: Faults,
}

impl Settings {
    pub fn of_replica(replica: &str) -> Self {
        Self {
            replica: replica.to_owned(),
            pages_max: None,
            faults: Faults::none(),
        }
    }
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    #[error("another process uses `{}`; one process owns the folder", .0.display())]
    InUse(PathBuf),
    #[error("`{}` was written by a newer release (schema {found}, this one knows {known}); start that release, or restore a backup of this one", path.display())]
    Newer {
        path: PathBuf,
        found: u32,
        known: u32,
    },
    #[error("`{}` is the database of another program", .0.display())]
    Foreign(PathBuf),
    #[error(
        "SQLite keeps `{pragma}` at {is}, and {wanted} is needed for what is written to be durable"
    )]
    Pragma {
        pragma: &'static str,
        wanted: String,
        is: String,
    },
    #[error("`{}` cannot be used", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("the database cannot be opened")]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A store in a folder. Dropping it stops its writer and gives the folder free.
#[derive(Debug)]
pub struct Sqlite {
    writer: Writer,
    readers: Arc<Readers>,
    // Held for as long as the store is open.
    _lock: File,
}

impl Sqlite {
    /// Opens the store in a folder, made if it is not there. Whoever had opened it before is fenced
    /// off; the schema is brought up to date, whole or not at all.
    ///
    /// The files are for their owner alone, whatever the umask.
    ///
    /// # Errors
    /// If another process holds it, a newer release wrote it, or SQLite will not keep the promises
    /// that durability rests on.
    pub fn open(folder: &Path, settings: Settings) -> Result<Self, OpenError> {
        make_folder(folder)?;
        let lock = lock(folder)?;
        let path = folder.join(DATABASE);
        private_file(&path)?;
        fsync_folder(folder).map_err(|source| OpenError::Io {
            path: folder.to_owned(),
            source,
        })?;
        // Looked at before a connection that writes changes its journal.
        schema::found(&connect(&path, false)?, &path, schema::MIGRATIONS)?;
        let mut connection = connect(&path, true)?;
        if let Some(pages_max) = settings.pages_max {
            connection.pragma_update_and_check(None, "max_page_count", pages_max, |_| Ok(()))?;
        }
        schema::migrate(&mut connection, &path, schema::MIGRATIONS)?;
        let writer = Writer::start(connection, settings)?;
        let readers = Arc::new(Readers {
            path,
            kept: Mutex::default(),
            as_of_ms: writer.as_of_ms(),
        });
        readers.with(|_| Ok(()))?;
        Ok(Self {
            writer,
            readers,
            _lock: lock,
        })
    }

    /// Whether a folder holds such a store.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(DATABASE).exists()
    }

    /// The generation of the database: it grows each time a backup is put back.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn generation(&self) -> Result<u64, StoreError> {
        self.readers.with(read::generation)
    }

    /// Copies the whole database, as it is at one instant, into a new file.
    ///
    /// # Errors
    /// If the file exists or cannot be written whole; nothing is then left of it.
    pub fn backup(&self, to: &Path) -> Result<(), backup::BackupError> {
        backup::copy(&self.readers.path, to)
    }

    /// Reads that take long leave the threads that answer free.
    async fn aside<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        let reading = tokio::task::spawn_blocking(move || readers.with(read));
        let lost = |error: tokio::task::JoinError| StoreError::Unavailable(error.to_string());
        reading.await.map_err(lost)?
    }
}

impl Store for Sqlite {
    async fn commit(&self, changes: Vec<Change>, now_ms: u64) -> Result<Vec<Outcome>, StoreError> {
        self.writer.commit(changes, now_ms).await
    }

    async fn grant(&self, id: &str) -> Result<Dated<Option<Arc<Grant>>>, StoreError> {
        // A point read takes microseconds: less than to hand it to another thread.
        let as_of_ms = self.readers.as_of_ms();
        let value = self
            .readers
            .with(|connection| read::grant(connection, id))?;
        Ok(Dated {
            value: value.map(Arc::new),
            as_of_ms,
        })
    }

    async fn grants(
        &self,
        which: Which,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Arc<Grant>>, StoreError> {
        let after = after.unwrap_or_default().to_owned();
        self.aside(move |connection| read::grants(connection, &which, &after, limit))
            .await
    }

    async fn stops(&self) -> Result<Dated<Vec<Stop>>, StoreError> {
        let as_of_ms = self.readers.as_of_ms();
        let value = self.readers.with(read::stops)?;
        Ok(Dated { value, as_of_ms })
    }

    async fn ticket(&self, hash: Hash) -> Result<Option<Ticket>, StoreError> {
        self.readers
            .with(|connection| read::ticket(connection, hash))
    }

    async fn answer(&self, key: &str) -> Result<Option<Answer>, StoreError> {
        self.readers
            .with(|connection| read::answer(connection, key))
    }

    async fn intents(&self, limit: usize) -> Result<Vec<Intent>, StoreError> {
        self.aside(move |connection| read::intents(connection, limit))
            .await
    }

    async fn posts(&self, limit: usize) -> Result<Vec<Post>, StoreError> {
        self.aside(move |connection| read::posts(connection, limit))
            .await
    }

    async fn records(&self, from: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.aside(move |connection| read::records(connection, from, limit))
            .await
    }

    async fn chain(&self) -> Result<Chain, StoreError> {
        self.readers.with(read::chain)
    }

    async fn inclusion(&self, seq: u64, size: u64) -> Result<Vec<Hash>, StoreError> {
        self.aside(move |connection| tree::inclusion(connection, seq, size))
            .await
    }

    async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, StoreError> {
        self.aside(move |connection| tree::consistency(connection, old, new))
            .await
    }

    fn epoch(&self) -> u64 {
        self.writer.epoch()
    }
}

/// Connections that only read.
#[derive(Debug)]
struct Readers {
    path: PathBuf,
    kept: Mutex<Vec<Connection>>,
    as_of_ms: Arc<std::sync::atomic::AtomicU64>,
}

impl Readers {
    fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.kept().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path, false)
                .map_err(|error| StoreError::Unavailable(error.to_string()))?,
        };
        let value = read(&connection)?;
        let mut kept = self.kept();
        if kept.len() < READERS_KEPT {
            kept.push(connection);
        }
        Ok(value)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn as_of_ms(&self) -> u64 {
        self.as_of_ms.load(std::sync::atomic::Ordering::Acquire)
    }
}

/// Opens a connection and makes sure that SQLite took every setting.
fn connect(path: &Path, writes: bool) -> Result<Connection, OpenError> {
    let access = if writes {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    } else {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    };
    let connection = Connection::open_with_flags(
        path,
        access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE,
    )?;
    if writes {
        set(&connection, "journal_mode", "wal")?;
        set(&connection, "wal_autocheckpoint", "4000")?;
        set(&connection, "foreign_keys", "1")?;
        // 16 MiB, in KiB: the indexes of some hundred thousand live grants.
        set(&connection, "cache_size", "-16384")?;
    }
    // FULL: a commit is on the disk before it returns. fullfsync: also on macOS.
    set(&connection, "synchronous", "2")?;
    set(&connection, "fullfsync", "1")?;
    set(&connection, "busy_timeout", "5000")?;
    set(&connection, "trusted_schema", "0")?;
    set(&connection, "cell_size_check", "1")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Sets a pragma and reads it back: SQLite passes over what it does not know, and may refuse.
fn set(connection: &Connection, pragma: &'static str, wanted: &str) -> Result<(), OpenError> {
    connection
        .pragma_update_and_check(None, pragma, wanted, |_| Ok(()))
        .or_else(|error| match error {
            // Most pragmas answer nothing when they are set.
            rusqlite::Error::QueryReturnedNoRows => Ok(()),
            other => Err(other),
        })?;
    let is: rusqlite::types::Value =
        connection.pragma_query_value(None, pragma, |row| row.get(0))?;
    let is = match is {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => format!("{other:?}"),
    };
    if is == wanted {
        return Ok(());
    }
    Err(OpenError::Pragma {
        pragma,
        wanted: wanted.to_owned(),
        is,
    })
}

fn make_folder(folder: &Path) -> Result<(), OpenError> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    made.map_err(|source| OpenError::Io {
        path: folder.to_owned(),
        source,
    })
}

/// Makes a file that only its owner may read. SQLite gives its other files the same mode.
fn private_file(path: &Path) -> Result<File, OpenError> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path);
    opened.map_err(|source| OpenError::Io {
        path: path.to_owned(),
        source,
    })
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join(LOCK);
    let file = private_file(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { path, source }),
    }
}

/// A file that was made or renamed is only there after power loss if its folder is flushed too.
///
/// # Errors
/// If the folder cannot be flushed.
pub fn fsync_folder(folder: &Path) -> io::Result<()> {
    // The parent of a bare file name is the empty path, which cannot be opened.
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    File::open(folder)?.sync_all()
}

/// What an error of SQLite means to whoever waits for a write.
fn failed(error: &rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        // After a failed read, write or flush nobody knows what the kernel kept.
        Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Broken(error.to_string())
        }
        Some(_) | None => StoreError::Unavailable(error.to_string()),
    }
}
