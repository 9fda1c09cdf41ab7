//! `split`: one role for each agent that shares one.

use bailiwick_review::plan::split::{SplitError, split};

use crate::{
    args::Split,
    fault::Fault,
    named,
    outcome::Outcome,
    output::Output,
    plans::{self, Given},
};

pub(crate) fn run(asked: &Split, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    let given = Given::read(&asked.sources)?;
    let role = named::role(&given.estate, &asked.role)?;
    let plan = split(given.sources(), &role).map_err(|error| {
        let mend = match error {
            SplitError::NoAgents { .. } => "nothing of this role is to be split",
            _ => "`bailiwick agents PATH` lists agents with their roles",
        };
        Fault::new(error.to_string()).mend(mend)
    })?;
    plans::deliver(&plan, &asked.delivery, json, output)
}
