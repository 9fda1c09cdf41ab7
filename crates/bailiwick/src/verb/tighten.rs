//! `tighten`: what an agent neither declares nor uses is taken away.

use bailiwick_review::plan::tighten::{TightenError, tighten};

use crate::{
    args::Tighten,
    fault::Fault,
    named,
    outcome::Outcome,
    output::Output,
    plans::{self, Given},
};

pub(crate) fn run(asked: &Tighten, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    let given = Given::read(&asked.sources)?;
    let agent = named::agent(&given.estate, &given.charters, &asked.agent, |_| true)?;
    let agent = given.estate.agents.at(agent);
    let plan = tighten(given.sources(), agent).map_err(|error| {
        let mend = match &error {
            TightenError::Shared { role, .. } => format!("`bailiwick split {role}` first"),
            TightenError::Charter { .. } | TightenError::NoCharter { .. } => {
                "write its charter, and check it with `bailiwick charter check`".to_owned()
            }
            _ => "add the iam.json of its account to the snapshot".to_owned(),
        };
        Fault::new(error.to_string()).mend(mend)
    })?;
    plans::deliver(&plan, &asked.delivery, json, output)
}
