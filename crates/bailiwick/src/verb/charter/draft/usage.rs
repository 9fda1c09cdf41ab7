//! What was observed of an agent, as `usage.ndjson` says it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use bailiwick_iam::json::Span;
use serde::Deserialize;

use crate::{fault::Fault, input};

/// Calls that succeeded, by agent and by role.
#[derive(Debug, Default)]
pub(super) struct Usage {
    /// `2026-08-23T00:00:00Z to …`, where the file says it.
    pub(super) coverage: Option<String>,
    calls: Vec<Call>,
}

/// One line that is a call.
#[derive(Debug, Deserialize)]
pub(super) struct Call {
    role: String,
    agent: Option<String>,
    pub(super) action: String,
    pub(super) resource: Option<String>,
    pub(super) count: u64,
    #[serde(default)]
    errors: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
struct First {
    coverage: Coverage,
}

#[derive(Debug, Deserialize)]
struct Coverage {
    from: String,
    to: String,
}

impl Usage {
    /// What an agent did: its own lines, and those of its role where no agent could be told. Calls
    /// that were all refused are no need of it.
    pub(super) fn of<'u>(
        &'u self,
        agent: &'u str,
        role: &'u str,
    ) -> impl Iterator<Item = &'u Call> {
        self.calls.iter().filter(move |call| {
            let its_own = match &call.agent {
                Some(named) => named == agent,
                None => call.role == role,
            };
            its_own && call.errors.values().sum::<u64>() < call.count
        })
    }
}

/// The file that is named, or the one beside the estate.
pub(super) fn read(named: Option<&Path>, estate: &[PathBuf]) -> Result<Option<Usage>, Fault> {
    let beside = || {
        let of = |path: &PathBuf| [path.join("usage.ndjson"), path.join("../usage.ndjson")];
        estate
            .iter()
            .filter(|path| path.is_dir())
            .flat_map(of)
            .find(|file| file.is_file())
    };
    let Some(file) = named.map(Path::to_owned).or_else(beside) else {
        return Ok(None);
    };
    let document = input::document(&file)?;
    let mut usage = Usage::default();
    for (index, line) in document.text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        if index == 0
            && let Ok(First { coverage }) = serde_json::from_str(line)
        {
            usage.coverage = Some(format!("{} to {}", coverage.from, coverage.to));
            continue;
        }
        let call = serde_json::from_str(line).map_err(|error| {
            let at = error.column().saturating_sub(1);
            let span = Span { start: at, end: at };
            Fault::new(format!("this is no line of usage: {error}"))
                .at_line(&document.name, index + 1, line, span)
                .mend(
                    "each line has account, role, session, action, resource, count, first and last",
                )
        })?;
        usage.calls.push(call);
    }
    Ok(Some(usage))
}
