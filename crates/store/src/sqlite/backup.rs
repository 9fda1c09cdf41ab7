//! A copy of the database, and what is true after it was put back.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use bailiwick_broker::{
    Scope, Stop,
    port::{Change, Op, Store as _, StoreError},
};
use bailiwick_ledger::{Actor, Entry};
use rusqlite::{Connection, OpenFlags, backup::Backup};

use super::{DATABASE, OpenError, Settings, Sqlite, connect, fsync_folder, lock, private_file};

/// Pages that are copied before writers get a turn.
const PAGES_AT_ONCE: i32 = 1024;

/// Why there is no copy, or why it was not put back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    #[error("`{}` exists already; name a new file", .0.display())]
    Exists(PathBuf),
    #[error("`{}` is not whole: {what}", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("`{}` cannot be used", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("SQLite cannot copy the database")]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Copies the database of a folder, as it is at one instant, into a new file, also while another
/// process uses it.
///
/// # Errors
/// If there is none, or the file exists or cannot be written whole; nothing is then left of it.
pub fn backup(folder: &Path, to: &Path) -> Result<(), BackupError> {
    let database = folder.join(DATABASE);
    if let Err(source) = fs::metadata(&database) {
        let path = database;
        return Err(BackupError::Io { path, source });
    }
    copy(&database, to)
}

pub(super) fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let aside = beside(to);
    let copied = copy_aside(from, &aside).and_then(|()| rename(&aside, to));
    if copied.is_err() {
        // What was begun must not stay; that it cannot be removed is not the error to report.
        let _ = fs::remove_file(&aside);
    }
    copied
}

fn copy_aside(from: &Path, aside: &Path) -> Result<(), BackupError> {
    let file = private_file(aside)?;
    let source = connect(from, false)?;
    let mut target = Connection::open_with_flags(aside, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    Backup::new(&source, &mut target)?.run_to_completion(
        PAGES_AT_ONCE,
        Duration::from_millis(1),
        None,
    )?;
    // One file, without a log beside it.
    target.pragma_update(None, "journal_mode", "delete")?;
    check(&target, aside)?;
    drop(target);
    file.sync_all().map_err(|source| BackupError::Io {
        path: aside.to_owned(),
        source,
    })
}

/// Puts a backup in the place of the database in a folder, which no process may be using.
///
/// What happened since the backup is not known any more, so nothing of before is trusted: the
/// generation grows, every grant in the backup is stopped, and nothing opens until an operator has
/// set the kills again that were set since, and clears this one. Grants of after the backup are
/// unknown, and so denied. The replaced database is kept beside it; its path is the answer.
///
/// # Errors
/// If the backup is not whole, or the folder is in use. The folder is then as it was.
pub async fn restore(
    backup: &Path,
    folder: &Path,
    settings: Settings,
    now_ms: u64,
) -> Result<PathBuf, BackupError> {
    let database = folder.join(DATABASE);
    let replaced = folder.join(format!("{DATABASE}.before-{now_ms}"));
    {
        let _lock = lock(folder)?;
        let aside = beside(&database);
        copy_aside(backup, &aside)?;
        raise_generation(&aside)?;
        if database.exists() {
            // Everything of it is in one file then, and no log of it is taken for one of the new.
            let old = connect(&database, true)?;
            old.pragma_update(None, "journal_mode", "delete")?;
            drop(old);
            rename(&database, &replaced)?;
        }
        rename(&aside, &database)?;
    }
    let store = Sqlite::open(folder, settings)?;
    let generation = store.generation()?;
    let reason = format!("restored_generation_{generation}");
    let stop = Stop {
        scope: Scope::All,
        kill: true,
        at_ms: now_ms,
        by: "restore".into(),
        reason: reason.clone(),
    };
    let entry = Entry {
        reason_code: Some(reason),
        actor: Some(Actor {
            kind: "operator".into(),
            id: "restore".into(),
            ..Actor::default()
        }),
        ..Entry::of("store.restored")
    };
    let change = Change {
        ops: vec![Op::SetStop(stop)],
        entries: vec![entry],
    };
    store.commit(vec![change], now_ms).await?;
    Ok(replaced)
}

/// Before it gets its place: if we stop in between, the next start finds the old database, or the
/// new one with its kill.
fn raise_generation(path: &Path) -> Result<(), BackupError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch(
        "BEGIN IMMEDIATE;
         UPDATE meta SET generation = generation + 1;
         INSERT OR REPLACE INTO stops VALUES ('all', '', 1, 0, 'restore', 'restored');
         COMMIT;",
    )?;
    Ok(())
}

fn check(connection: &Connection, path: &Path) -> Result<(), BackupError> {
    let what: String = connection.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
    if what == "ok" {
        return Ok(());
    }
    Err(BackupError::Damaged {
        path: path.to_owned(),
        what,
    })
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn rename(from: &Path, to: &Path) -> Result<(), BackupError> {
    let folder = to.parent().unwrap_or(Path::new("."));
    let renamed = fs::rename(from, to).and_then(|()| fsync_folder(folder));
    renamed.map_err(|source| BackupError::Io {
        path: to.to_owned(),
        source,
    })
}
