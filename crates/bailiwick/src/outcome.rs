//! How a run ended, as the caller's script sees it.

use std::process::ExitCode;

/// What a run that could read its input found. Where several apply, the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// Nothing at or above the level asked for.
    Clear,
    /// Something at that level could not be told.
    Untold,
    /// Something at or above that level was found, or a gate stays shut.
    Found,
}

impl Outcome {
    /// Bad usage, bad input, or a part of the command line that this release lacks.
    pub(crate) fn bad_input() -> ExitCode {
        ExitCode::from(2)
    }

    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Clear => 0,
            Self::Found => 1,
            Self::Untold => 3,
        })
    }
}
