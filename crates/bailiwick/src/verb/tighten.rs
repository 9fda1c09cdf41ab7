//! `tighten`: what an agent neither declares nor uses is taken away.

use bailiwick_review::plan::tighten::{TightenError, agent_named, tighten};

use crate::{
    args::Tighten,
    fault::Fault,
    outcome::Outcome,
    output::Output,
    plans::{self, Given},
};

pub(crate) fn run(asked: &Tighten, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    let given = Given::read(&asked.sources)?;
    let agent = agent_named(&given.estate, &asked.agent).map_err(|candidates| {
        if candidates.is_empty() {
            return Fault::new(format!("the estate has no agent `{}`", asked.agent))
                .mend("`bailiwick agents PATH` lists them");
        }
        let arns: Vec<String> = candidates.iter().map(ToString::to_string).collect();
        Fault::new(format!("`{}` is the name of several agents", asked.agent))
            .mend(format!("name one of {}", arns.join(", ")))
    })?;
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
