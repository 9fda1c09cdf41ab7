//! The log: to stderr, as text or one JSON object a line.

use std::io::Write as _;

use bailiwick_gateway::TRACES;
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::{
    args::{LogForm, Run},
    fault::Fault,
    traces::Traces,
};

/// Starts the log, and with it the export of spans.
///
/// # Errors
/// If the filter cannot be read.
pub(crate) fn start(asked: &Run, traces: Option<&Traces>) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&asked.log_level).map_err(|error| {
        Fault::new(format!("--log-level `{}`: {error}", asked.log_level))
            .mend("write `info`, or for example `warn,bailiwick_gateway=debug`")
    })?;
    let log = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false);
    let log = match asked.log {
        LogForm::Text => log.with_filter(filter).boxed(),
        LogForm::Json => log.json().flatten_event(true).with_filter(filter).boxed(),
    };
    let spans = traces.map(|traces| {
        tracing_opentelemetry::layer()
            .with_tracer(traces.tracer())
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target(TRACES, LevelFilter::TRACE))
    });
    tracing_subscriber::registry().with(spans).with(log).init();
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
