//! What is wrong, and what to change.
//!
//! This crate knows the rules, what each rests on, how severe a finding is and which controls it
//! touches. It refuses to know where files are and what day it is: both are arguments. It never
//! decides a request itself: `iam` does, and a finding that fails carries the request it decided.
#![warn(clippy::disallowed_methods)]

mod class;
mod findings;
mod forbidden;
mod rule;

pub mod compiled;
pub mod difference;
pub mod escalation;
pub mod finding;
pub mod frameworks;
pub mod intent;
pub mod invokers;

pub mod plan;
pub mod print;
pub mod report;
pub mod site;
pub mod view;
pub mod waiver;

pub use findings::RULES;
pub use intent::Intent;
pub use report::{scan, scan_with};
pub use rule::{Checked, Rule};
