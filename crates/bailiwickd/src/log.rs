//! The log: to stderr, as text or one JSON object a line.

use std::io::Write as _;

use tracing_subscriber::EnvFilter;

use crate::{
    args::{LogForm, Run},
    fault::Fault,
};

/// Starts the log.
///
/// # Errors
/// If the filter cannot be read.
pub(crate) fn start(asked: &Run) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&asked.log_level).map_err(|error| {
        Fault::new(format!("--log-level `{}`: {error}", asked.log_level))
            .mend("write `info`, or for example `warn,bailiwick_gateway=debug`")
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    match asked.log {
        LogForm::Text => log.init(),
        LogForm::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

/// A line to whoever started us.
pub(crate) fn say(line: &str) {
    // Nobody reads: there is nowhere left to say so.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// A line of answer.
pub(crate) fn answer(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
