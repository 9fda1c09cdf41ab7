//! The real program, run as its users run it.
#![expect(clippy::unwrap_used, reason = "test code")]

mod evaluate;
mod program;
mod usage;
