//! The ways to show a report. Each reads the same [`Report`], so that they agree.
//!
//! [`Report`]: bailiwick_review::report::Report

mod html;
mod json;
mod markdown;
mod ocsf;
mod picture;
mod sarif;
mod table;
pub(crate) mod words;

#[cfg(test)]
mod tests;

use bailiwick_review::{report::Report, waiver::Day};

pub(crate) use picture::{Picture, Worker};
pub(crate) use table::NextSteps;

/// What is shown: the report, and beside it the names and the roles of the agents.
#[derive(Debug)]
pub(crate) struct Shown<'a> {
    pub report: &'a Report,
    pub picture: &'a Picture,
    pub today: Day,
}

pub(crate) use html::html;
pub(crate) use json::json;
pub(crate) use markdown::{escape as escape_markdown, markdown};
pub(crate) use ocsf::ocsf;
pub(crate) use sarif::sarif;
pub(crate) use table::table;
