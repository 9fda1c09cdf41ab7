//! `ceiling`: SCPs and RCPs over the units in which agents run.

use std::fmt::Write as _;

use bailiwick_charter::compile::Site;
use bailiwick_review::plan::ceiling::{Asked, CeilingError, Choice, LIMITS, Observed, propose};

use crate::{
    args::{Ceiling, Sources},
    fault::Fault,
    ink, named,
    outcome::Outcome,
    output::Output,
    plans::{self, Given},
};

pub(crate) fn run(asked: &Ceiling, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    if asked.list {
        output.write(&list())?;
        return Ok(Outcome::Clear);
    }
    let organization = named::organization(asked.organization.as_deref())?;
    for (flag, patterns) in [("--admin", &asked.admin), ("--pipeline", &asked.pipeline)] {
        for pattern in patterns {
            named::principals(flag, pattern)?;
        }
    }
    let given = Given::read(&Sources {
        estate: asked.estate.clone(),
        charters: asked.charters.clone(),
        usage: asked.usage.clone(),
    })?;
    let site = Site {
        organization,
        ..Site::default()
    };
    let observed = given.usage.as_ref().map(Observed::of).unwrap_or_default();
    let proposal = propose(&Asked {
        estate: &given.estate,
        charters: &given.charters,
        site: &site,
        observed: &observed,
        units: &asked.unit,
        choice: &choice(asked),
        admins: &asked.admin,
        pipelines: &asked.pipeline,
    })
    .map_err(|error| Fault::new(error.to_string()).mend(mend(&error)))?;
    let plan = proposal.plan(given.snapshot.hash());
    let outcome = plans::deliver(&plan, &asked.delivery, json, output)?;
    ink::tell(&format!("{}\n", proposal.summary()));
    Ok(outcome)
}

fn choice(asked: &Ceiling) -> Choice {
    match (asked.only.as_slice(), asked.without.as_slice()) {
        ([], []) => Choice::All,
        ([], without) => Choice::Without(without.to_vec()),
        (only, _) => Choice::Only(only.to_vec()),
    }
}

/// Every statement with its reason and its page.
fn list() -> String {
    let mut text = String::new();
    for limit in &LIMITS {
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "{} ({})\n    {}\n    {}",
            limit.sid,
            limit.kind.policy_type(),
            limit.reason,
            limit.source
        );
    }
    text
}

fn mend(error: &CeilingError) -> &'static str {
    match error {
        CeilingError::NoOrganization => {
            "add estate/organization.json (scripts/collect.sh writes it in the management account)"
        }
        CeilingError::NoUnit(_) => "name a unit of organization.json, by id or by name",
        CeilingError::NoLimit(_) => "`bailiwick ceiling --list` names them",
        CeilingError::NoRoom { .. } => {
            "detach or merge what is attached there, or choose fewer statements with --only"
        }
        CeilingError::TooLong { .. } => "leave it out with --without, or name units with --unit",
    }
}
