//! The files beside the database: the spool, and the checkpoints.
//!
//! `spool.ndjson` holds what the store could not take yet. `checkpoints/` holds one signed note a
//! file, named by how many entries it signs for; copy it elsewhere, and nobody who can write to
//! the database can rewrite what it covers.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bailiwick_broker::port::{Log, LogError, Spooled};

use crate::fsync_folder;

/// The spool takes no more than this: some hundred thousand denials. What comes on top of it is
/// counted by whoever is refused, and loud.
const SPOOL_LENGTH_MAX: u64 = 64 << 20;

const SPOOL: &str = "spool.ndjson";
const CHECKPOINTS: &str = "checkpoints";

/// A folder with the files beside the database.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    spool: Mutex<Spool>,
}

/// The open spool, and how much of it is whole lines.
#[derive(Debug)]
struct Spool {
    file: File,
    length: u64,
}

impl Spool {
    fn of(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file, length })
    }

    /// Appends a line, durably or not at all: what a full disk left of the last one is cut off
    /// before another is written behind it.
    fn append(&mut self, line: &str) -> io::Result<()> {
        let length = self.length + line.len() as u64;
        if length > SPOOL_LENGTH_MAX {
            return Err(io::Error::other("the spool is full"));
        }
        if self.file.metadata()?.len() != self.length {
            self.file.set_len(self.length)?;
        }
        self.file.write_all(line.as_bytes())?;
        self.file.sync_data()?;
        self.length = length;
        Ok(())
    }
}

impl Folder {
    /// Opens the files in a folder, made if they are not there, for their owner alone.
    ///
    /// # Errors
    /// If they cannot be made or read.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let said = |error: io::Error| LogError(format!("{}: {error}", path.display()));
        let checkpoints = path.join(CHECKPOINTS);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&checkpoints)
            .map_err(said)?;
        let spool = private().append(true).read(true).open(path.join(SPOOL));
        let spool = spool.and_then(Spool::of);
        fsync_folder(path).map_err(said)?;
        let folder = Self {
            path: path.to_owned(),
            spool: Mutex::new(spool.map_err(said)?),
        };
        // Drops what was being written when the last process stopped.
        folder.forget(0)?;
        Ok(folder)
    }

    /// The folder with the checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join(CHECKPOINTS)
    }

    /// Sets the checkpoints of before a restore aside: they sign for entries that the backup lacks.
    /// They are kept, so that an auditor sees what was lost.
    ///
    /// # Errors
    /// If they cannot be moved.
    pub fn set_checkpoints_aside(&self, now_ms: u64) -> Result<PathBuf, LogError> {
        let aside = self.path.join(format!("{CHECKPOINTS}.before-{now_ms}"));
        let moved = fs::rename(self.checkpoints(), &aside)
            .and_then(|()| fs::DirBuilder::new().mode(0o700).create(self.checkpoints()))
            .and_then(|()| fsync_folder(&self.path));
        moved.map_err(|error| self.said(&error))?;
        Ok(aside)
    }

    fn lock(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn said(&self, error: &io::Error) -> LogError {
        LogError(format!("{}: {error}", self.path.display()))
    }

    fn kept(&self) -> Result<Vec<Spooled>, LogError> {
        let text = fs::read_to_string(self.path.join(SPOOL)).map_err(|error| self.said(&error))?;
        // A line without its end was being written when the process stopped: nobody was told that
        // it is durable.
        let whole = text.rfind('\n').and_then(|end| text.get(..end));
        let lines = whole.unwrap_or_default().lines();
        lines
            .map(|line| {
                serde_json::from_str(line).map_err(|error| {
                    LogError(format!("{}: {error}", self.path.join(SPOOL).display()))
                })
            })
            .collect()
    }
}

impl Log for Folder {
    fn spool(&self, spooled: &Spooled) -> Result<(), LogError> {
        let mut line =
            serde_json::to_string(spooled).map_err(|error| LogError(error.to_string()))?;
        line.push('\n');
        self.lock().append(&line).map_err(|error| self.said(&error))
    }

    fn spooled(&self) -> Result<Vec<Spooled>, LogError> {
        let _spool = self.lock();
        self.kept()
    }

    fn forget(&self, taken: usize) -> Result<(), LogError> {
        let mut spool = self.lock();
        let mut text = String::new();
        for spooled in self.kept()?.iter().skip(taken) {
            let line = serde_json::to_string(spooled);
            text.push_str(&line.map_err(|error| LogError(error.to_string()))?);
            text.push('\n');
        }
        let path = self.path.join(SPOOL);
        write_whole(&path, text.as_bytes()).map_err(|error| self.said(&error))?;
        let opened = private().append(true).read(true).open(path);
        let opened = opened.and_then(Spool::of);
        *spool = opened.map_err(|error| self.said(&error))?;
        Ok(())
    }

    fn publish(&self, size: u64, note: &str) -> Result<(), LogError> {
        // Twenty digits, so that their names are in their order.
        let path = self.checkpoints().join(format!("{size:020}.note"));
        write_whole(&path, note.as_bytes()).map_err(|error| self.said(&error))
    }

    fn published(&self) -> Result<u64, LogError> {
        let listed = fs::read_dir(self.checkpoints()).map_err(|error| self.said(&error))?;
        let mut last = 0;
        for file in listed {
            let file = file.map_err(|error| self.said(&error))?;
            let name = file.file_name();
            let size = name.to_str().and_then(|name| name.strip_suffix(".note"));
            last = last.max(size.and_then(|size| size.parse().ok()).unwrap_or(0));
        }
        Ok(last)
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    options
}

/// Writes beside the file and renames, so that a reader never sees half of it.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = path.with_extension("part");
    let mut file = private().write(true).truncate(true).open(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    fsync_folder(path.parent().unwrap_or(Path::new(".")))
}
