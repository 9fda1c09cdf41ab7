//! Verbs and flags of the documented command line that this release lacks.
//!
//! A script written for a later release must stop with a clear word here, never run as if the flag
//! had not been given.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::fault::Fault;

const VERBS: [&str; 11] = [
    "trail", "trace", "collect", "apply", "rollback", "run", "certify", "offboard", "evidence",
    "replay", "doctor",
];

/// Of the plans and the run time, each where its verb does not take it yet.
const FLAGS: [&str; 9] = [
    "--agent",
    "--as",
    "--charters",
    "--estate",
    "--out",
    "--task",
    "--trail",
    "--usage",
    "--verify",
];

/// The fault to report if what clap did not know is documented, but not in this release.
pub(crate) fn asked_for(error: &clap::Error) -> Option<Fault> {
    let (kind, known, what): (_, &[_], _) = match error.kind() {
        ErrorKind::InvalidSubcommand => (ContextKind::InvalidSubcommand, &VERBS, "the verb"),
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, &FLAGS, "the flag"),
        _ => return None,
    };
    let Some(ContextValue::String(asked)) = error.get(kind) else {
        return None;
    };
    let name = asked.split(['=', ' ']).next().unwrap_or(asked);
    known.contains(&name).then(|| {
        Fault::new(format!("{what} `{name}` is not part of this release"))
            .mend("`bailiwick --help` lists what this release does")
    })
}
