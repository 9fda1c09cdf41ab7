//! The folder with the database, the secrets and the checkpoints.
//!
//! `operator.token` holds the first operator's token, `operators.json` the others by their hashes,
//! `keys/` the three secrets, `address` where the daemon listens. `replica`, where it is there, says
//! that grants and record are in a database elsewhere. All of it is for its owner alone.

use std::{
    fs,
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anyhow::Context as _;
use bailiwick_gateway::operator::{Operator, Operators, Role};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize};

use crate::fault::Fault;

pub(crate) const OPERATOR_TOKEN: &str = "operator.token";
const OPERATORS: &str = "operators.json";
const KEYS: &str = "keys";
const ADDRESS: &str = "address";
const PUBLIC_KEY: &str = "ledger.pub";
const REPLICA: &str = "replica";

/// Others than the owner may not read: permissions with any of these bits are too wide.
const TOO_WIDE: u32 = 0o077;

/// The folder.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Locked for as long as a replica serves with this folder.
    replica: OnceLock<fs::File>,
}

/// Which secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secret {
    /// Signs grant tokens.
    Tokens,
    /// Signs checkpoints.
    Checkpoints,
    /// Makes the hashes of arguments.
    Arguments,
}

impl Secret {
    pub(crate) const ALL: [Self; 3] = [Self::Tokens, Self::Checkpoints, Self::Arguments];

    fn file(self) -> &'static str {
        match self {
            Self::Tokens => "tokens.key",
            Self::Checkpoints => "checkpoints.key",
            Self::Arguments => "arguments.key",
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OperatorsFile {
    operators: Vec<Operator>,
}

impl Folder {
    /// The folder, made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made, or others may look into it.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        for folder in [path.to_owned(), path.join(KEYS)] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .with_context(|| format!("`{}` cannot be made", folder.display()))?;
        }
        let folder = Self {
            path: path.to_owned(),
            replica: OnceLock::new(),
        };
        folder.check_modes()?;
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether others may read what is for the owner alone.
    ///
    /// # Errors
    /// The first file with too wide permissions.
    pub(crate) fn check_modes(&self) -> anyhow::Result<()> {
        let secrets = Secret::ALL.map(|secret| self.path.join(KEYS).join(secret.file()));
        let others = [OPERATOR_TOKEN, OPERATORS].map(|name| self.path.join(name));
        for path in secrets.into_iter().chain(others) {
            let Ok(about) = fs::metadata(&path) else {
                continue;
            };
            if about.mode() & TOO_WIDE != 0 {
                let shown = path.display();
                let fault = Fault::new(format!("`{shown}` may be read by others than its owner"))
                    .mend(format!(
                        "chmod 600 '{shown}', and replace it if others may have read it"
                    ));
                return Err(fault.into());
            }
        }
        Ok(())
    }

    /// Holds this folder for a replica, and for no other process, as long as this process lives.
    ///
    /// # Errors
    /// If it is another's: what lies here (the spool, checkpoints) belongs to one name in one database.
    pub(crate) fn hold_for_replica(&self, name: &str) -> anyhow::Result<()> {
        let shown = self.path.display();
        if bailiwick_store::Sqlite::is_in(&self.path) {
            let fault = Fault::new(format!("`{shown}` holds the grants and the record of a daemon without --database, which would be left behind"))
                .mend("give this replica another folder; keep that one for its record");
            return Err(fault.into());
        }
        let path = self.path.join(REPLICA);
        let opened = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let mut file = opened.map_err(|error| unreadable(&path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let fault = Fault::new(format!("another daemon serves with `{shown}`"))
                    .mend("give each replica a folder of its own");
                return Err(fault.into());
            }
            Err(fs::TryLockError::Error(error)) => return Err(unreadable(&path, &error)),
        }
        let mut was = String::new();
        file.read_to_string(&mut was)
            .map_err(|error| unreadable(&path, &error))?;
        let was = was.trim();
        if !was.is_empty() && was != name {
            let fault = Fault::new(format!(
                "`{shown}` is the folder of replica `{was}`, and this is `{name}`"
            ))
            .mend("give each replica a folder of its own, and the same name at each start");
            return Err(fault.into());
        }
        // It is held already if this is done twice.
        let _ = self.replica.set(file);
        Ok(())
    }

    /// From now on the folder it holds is the replica's of this name.
    ///
    /// # Errors
    /// If that cannot be written.
    pub(crate) fn remember_replica(&self, name: &str) -> anyhow::Result<()> {
        let Some(mut file) = self.replica.get() else {
            return Ok(());
        };
        let written = file
            .rewind()
            .and_then(|()| writeln!(file, "{name}"))
            .and_then(|()| file.sync_all());
        let written = written.and_then(|()| bailiwick_store::fsync_folder(&self.path));
        let path = self.path.join(REPLICA);
        written.with_context(|| format!("`{}` cannot be written", path.display()))
    }

    /// Refuses what is for SQLite where this is a replica's folder.
    ///
    /// # Errors
    /// If it is one.
    pub(crate) fn refuse_of_replica(&self, what: &str) -> anyhow::Result<()> {
        let path = self.path.join(REPLICA);
        match fs::read_to_string(&path) {
            // Held by one that never came to its database.
            Ok(name) if name.trim().is_empty() => Ok(()),
            Ok(name) => {
                let shown = self.path.display();
                let fault = Fault::new(format!("{what} works on SQLite, and `{shown}` is the folder of replica `{}`: its grants and its record are in PostgreSQL", name.trim()))
                    .mend("docs/operate/replicas.md says what to do there instead");
                Err(fault.into())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }

    /// A secret, made on the first start.
    ///
    /// # Errors
    /// If it cannot be made or read.
    pub(crate) fn secret(&self, which: Secret) -> anyhow::Result<[u8; 32]> {
        let path = self.path.join(KEYS).join(which.file());
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = random()?;
                create(&path, &text)?;
                text
            }
            Err(error) => return Err(unreadable(&path, &error)),
        };
        let bytes = BASE64.decode(text.trim()).ok();
        let secret = bytes.and_then(|bytes| bytes.try_into().ok());
        secret.ok_or_else(|| {
            Fault::new(format!("`{}` is no key", path.display()))
                .mend("put it back from a backup; without it, tokens and checkpoints of before are not verified")
                .into()
        })
    }

    /// Writes the key that verifies checkpoints, for auditors.
    pub(crate) fn publish_key(&self, key: &str) -> anyhow::Result<()> {
        replace(&self.path.join(PUBLIC_KEY), &format!("{key}\n"))
    }

    /// Writes where the daemon listens, for the command line.
    pub(crate) fn publish_address(&self, address: &str) -> anyhow::Result<()> {
        replace(&self.path.join(ADDRESS), &format!("{address}\n"))
    }

    /// All operators; the first one is made with its token on the first start.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn operators(&self) -> anyhow::Result<Operators> {
        let path = self.path.join(OPERATOR_TOKEN);
        let token = match fs::read_to_string(&path) {
            Ok(token) => token,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let token = operator_token()?;
                create(&path, &token)?;
                token
            }
            Err(error) => return Err(unreadable(&path, &error)),
        };
        let token = token.trim();
        let is_ours = token.strip_prefix(bailiwick_gateway::OPERATOR_TOKEN);
        if is_ours.is_none_or(|rest| rest.len() < 40) {
            let fault = Fault::new(format!("`{}` holds no operator's token", path.display()))
                .mend("remove it: the next start makes another");
            return Err(fault.into());
        }
        let first = Operator::with_token("operator", Role::Operator, token);
        let others = self.listed()?;
        Ok(std::iter::once(first).chain(others).collect())
    }

    /// The operators beside the first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn listed(&self) -> anyhow::Result<Vec<Operator>> {
        let path = self.path.join(OPERATORS);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(&path, &error)),
        };
        let file: OperatorsFile = serde_json::from_str(&text)
            .map_err(|error| Fault::new(format!("{}: {error}", path.display())))?;
        Ok(file.operators)
    }

    /// Keeps the operators beside the first.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(crate) fn list(&self, operators: Vec<Operator>) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(&OperatorsFile { operators })?;
        text.push('\n');
        replace(&self.path.join(OPERATORS), &text)
    }
}

/// A new operator's token.
pub(crate) fn operator_token() -> anyhow::Result<String> {
    Ok(format!(
        "{}{}",
        bailiwick_gateway::OPERATOR_TOKEN,
        random()?
    ))
}

/// 256 random bits, as text.
fn random() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(BASE64.encode(bytes))
}

fn unreadable(path: &Path, error: &io::Error) -> anyhow::Error {
    Fault::new(format!("`{}` cannot be read: {error}", path.display())).into()
}

/// Makes a file that is not there, whole, for its owner alone.
fn create(path: &Path, text: &str) -> anyhow::Result<()> {
    replace(path, &format!("{text}\n"))
}

/// Writes beside the file and renames, so that a reader never sees half of it.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let aside = path.with_extension("part");
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&aside)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&aside, path))
        .and_then(|()| bailiwick_store::fsync_folder(path.parent().unwrap_or(Path::new("."))));
    written.with_context(|| format!("`{}` cannot be written", path.display()))
}
