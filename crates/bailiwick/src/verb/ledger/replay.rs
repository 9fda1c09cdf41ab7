//! `ledger replay`: handed to the daemon's program, which has the decider in it.

use std::{
    env,
    path::PathBuf,
    process::{Command, ExitStatus},
};

use crate::{args::LedgerReplay, fault::Fault, outcome::Outcome};

const DAEMON: &str = "bailiwickd";

pub(super) fn run(asked: &LedgerReplay, json: bool) -> anyhow::Result<Outcome> {
    let mut command = Command::new(daemon());
    command
        .arg("replay")
        .arg(&asked.path)
        .arg("--charters")
        .arg(&asked.charters);
    if let Some(tools) = &asked.tools {
        command.arg("--tools").arg(tools);
    }
    if json {
        command.arg("--json");
    }
    let ended = command.status().map_err(|error| {
        Fault::new(format!(
            "`{DAEMON}`, which decides by charters, cannot be run: {error}"
        ))
        .mend("install it beside this program or on the PATH: `cargo build -p bailiwickd`")
    })?;
    outcome(ended)
}

fn outcome(ended: ExitStatus) -> anyhow::Result<Outcome> {
    match ended.code() {
        Some(0) => Ok(Outcome::Clear),
        Some(1) => Ok(Outcome::Found),
        Some(3) => Ok(Outcome::Untold),
        // It said why.
        _ => Err(Fault::new(format!("`{DAEMON} replay` did not come to an end")).into()),
    }
}

/// The program beside this one, or else the one that the PATH leads to.
fn daemon() -> PathBuf {
    let beside = env::current_exe()
        .ok()
        .map(|this| this.with_file_name(DAEMON));
    beside
        .filter(|path| path.is_file())
        .unwrap_or_else(|| PathBuf::from(DAEMON))
}
