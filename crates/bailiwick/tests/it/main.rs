//! The real program, run as its users run it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod acme;
mod agents;
mod ceiling;
mod charter;
mod compact;
mod compare;
mod compile;
mod daemon;
mod diff;
mod evaluate;
mod explain;
mod ledger;
mod limits;
mod plan;
mod program;
mod scan;
mod split;
mod tighten;
mod usage;
