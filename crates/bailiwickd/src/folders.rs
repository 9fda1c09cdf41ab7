//! The folders of charters and policies, read into what is in force.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use bailiwick_authority::{Authority, Settings, Tools, policies::Policies};
use bailiwick_charter::Charters;
use bailiwick_gateway::Rules;
use bailiwick_ledger::argument::ArgumentKey;

use crate::{estate, tools};

/// A file that is longer is no charter and no policy.
const FILE_LENGTH_MAX: u64 = 4 << 20;

/// A file of a snapshot may hold all roles of a large account.
const SNAPSHOT_LENGTH_MAX: u64 = 512 << 20;

/// Files in one folder, with those below it.
const FILES_MAX: usize = 20_000;

const DEPTH_MAX: usize = 8;

/// Where the rules come from.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    pub(crate) charters: PathBuf,
    pub(crate) policies: Option<PathBuf>,
    /// What tool servers say of their tools.
    pub(crate) tools: Option<PathBuf>,
    /// The snapshot that tells which roles agents have: a folder, or one file.
    pub(crate) estate: Option<PathBuf>,
    pub(crate) grant_seconds_max: Option<u32>,
    pub(crate) argument_key: ArgumentKey,
}

/// What a folder looks like from outside: enough to see that something changed.
pub(crate) type Look = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

impl Folders {
    /// Reads all of it.
    ///
    /// # Errors
    /// Everything that is wrong, a line each.
    pub(crate) fn read(&self, read_at_ms: u64) -> Result<Rules, Vec<String>> {
        let charters = files(&self.charters, Path::new(""), Self::is_charter)?;
        let named = charters
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        let charters = Charters::parse(named).map_err(|errors| {
            let lines = errors.iter().map(ToString::to_string);
            lines.collect::<Vec<_>>()
        })?;
        let charters = match &self.estate {
            None => charters,
            Some(path) => estate::bound(charters, path, &snapshot(path)?)?,
        };
        let tools = match &self.tools {
            None => Tools::default(),
            Some(folder) => tools::read(&files(folder, folder, Self::is_json)?, folder)?,
        };
        let settings = Settings {
            grant_seconds_max: self.grant_seconds_max,
            argument_key: self.argument_key.clone(),
            tools,
        };
        let authority = Authority::of(charters.iter().cloned(), settings).map_err(|faults| {
            let lines = faults.0.iter().map(|fault| {
                let named = charters.of_agent(&fault.agent);
                let file = named.and_then(|charter| charters.file_of(&charter.agent));
                format!("{}: {fault}", file.unwrap_or("the charters"))
            });
            lines.collect::<Vec<_>>()
        })?;
        let policies = match &self.policies {
            None => None,
            Some(folder) => {
                let files = files(folder, folder, |_| true)?;
                let named = files
                    .iter()
                    .map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
                let policies = Policies::parse(named).map_err(|error| {
                    let lines = error.0.iter();
                    let shown = folder.display();
                    let lines =
                        lines.map(|problem| format!("{shown}/{}: {}", problem.file, problem.what));
                    lines.collect::<Vec<_>>()
                })?;
                Some(policies)
            }
        };
        Ok(Rules {
            charters,
            authority,
            policies,
            read_at_ms,
        })
    }

    /// How the folders look now. What cannot be looked at looks like nothing; reading says why.
    pub(crate) fn look(&self) -> Look {
        let mut look = Look::new();
        let others = [&self.policies, &self.tools, &self.estate];
        for folder in [&self.charters]
            .into_iter()
            .chain(others.into_iter().flatten())
        {
            let mut paths = Vec::new();
            if folder.is_file() {
                paths.push(folder.clone());
            } else if walk(folder, 0, &mut paths).is_err() {
                continue;
            }
            for path in paths {
                if let Ok(about) = fs::metadata(&path) {
                    look.insert(path, (about.len(), about.modified().ok()));
                }
            }
        }
        look
    }

    fn is_json(path: &Path) -> bool {
        path.extension().is_some_and(|ending| ending == "json")
    }

    fn is_charter(path: &Path) -> bool {
        let ending = path.extension().and_then(|ending| ending.to_str());
        matches!(ending, Some("yaml" | "yml"))
    }
}

/// The files of a snapshot, named by their paths below it; a file alone has no name below itself.
fn snapshot(path: &Path) -> Result<BTreeMap<String, Vec<u8>>, Vec<String>> {
    if path.is_dir() {
        return read_files(path, path, Folders::is_json, SNAPSHOT_LENGTH_MAX);
    }
    let bytes = fs::read(path).map_err(|error| vec![format!("{}: {error}", path.display())])?;
    Ok(BTreeMap::from([(String::new(), bytes)]))
}

/// The wanted files, named by their paths below `below`.
fn files(
    folder: &Path,
    below: &Path,
    is_wanted: impl Fn(&Path) -> bool,
) -> Result<BTreeMap<String, Vec<u8>>, Vec<String>> {
    read_files(folder, below, is_wanted, FILE_LENGTH_MAX)
}

fn read_files(
    folder: &Path,
    below: &Path,
    is_wanted: impl Fn(&Path) -> bool,
    length_max: u64,
) -> Result<BTreeMap<String, Vec<u8>>, Vec<String>> {
    let said =
        |path: &Path, what: &dyn std::fmt::Display| vec![format!("{}: {what}", path.display())];
    let mut paths = Vec::new();
    walk(folder, 0, &mut paths).map_err(|(path, error)| said(&path, &error))?;
    let mut files = BTreeMap::new();
    for path in paths.into_iter().filter(|path| is_wanted(path)) {
        let about = fs::metadata(&path).map_err(|error| said(&path, &error))?;
        if about.len() > length_max {
            return Err(said(&path, &format!("longer than {length_max} bytes")));
        }
        let bytes = fs::read(&path).map_err(|error| said(&path, &error))?;
        let name = path.strip_prefix(below).unwrap_or(&path);
        files.insert(name.display().to_string(), bytes);
    }
    Ok(files)
}

/// Every file in a folder and below it. Links to folders are not followed: they may lead in a ring.
fn walk(
    folder: &Path,
    depth: usize,
    into: &mut Vec<PathBuf>,
) -> Result<(), (PathBuf, std::io::Error)> {
    let said = |error| (folder.to_owned(), error);
    for entry in fs::read_dir(folder).map_err(said)? {
        let entry = entry.map_err(said)?;
        let path = entry.path();
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        if is_hidden {
            continue;
        }
        let kind = entry.file_type().map_err(said)?;
        if kind.is_dir() {
            if depth < DEPTH_MAX {
                walk(&path, depth + 1, into)?;
            }
        } else {
            if into.len() >= FILES_MAX {
                let error = std::io::Error::other(format!("more than {FILES_MAX} files"));
                return Err(said(error));
            }
            into.push(path);
        }
    }
    Ok(())
}
