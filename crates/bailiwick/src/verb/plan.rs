//! `plan`: one that was made is looked at, or tried on the snapshot it was made from.

use bailiwick_review::plan::{ApplyError, lint::lint};

use crate::{
    args::{Plan, PlanApply, PlanLint, PlanVerb},
    fault::Fault,
    folder, ink,
    outcome::Outcome,
    output::Output,
    plans, snapshot,
};

pub(crate) fn run(asked: &Plan, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    match &asked.verb {
        PlanVerb::Lint(asked) => look(asked, json, output),
        PlanVerb::ApplyToSnapshot(asked) => apply(asked),
    }
}

fn look(asked: &PlanLint, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    let plan = plans::read(&asked.plan)?;
    let remarks = lint(&plan);
    if json {
        let answer = serde_json::json!({
            "subject": plan.subject,
            "verdict": plan.verdict(),
            "remarks": remarks,
        });
        output.write(&format!("{answer:#}\n"))?;
    } else {
        for remark in &remarks {
            output.write(&format!("{}\n", ink::safe(&remark.to_string())))?;
        }
        ink::tell(&format!(
            "{} changes, {} proofs, {} remarks\n",
            plan.changes.len(),
            plan.proofs.len(),
            remarks.len()
        ));
    }
    let wrong = if remarks.is_empty() {
        Outcome::Clear
    } else {
        Outcome::Found
    };
    Ok(wrong.max(plans::outcome(plan.verdict())))
}

fn apply(asked: &PlanApply) -> anyhow::Result<Outcome> {
    let plan = plans::read(&asked.plan)?;
    let estate = snapshot::load(std::slice::from_ref(&asked.estate))?;
    let before = snapshot::raw(&estate)?;
    let plan = if asked.undo {
        plan.inverse(before.hash())
    } else {
        plan
    };
    let after = before.apply(&plan).map_err(|error| {
        let mend = match error {
            ApplyError::Stale { .. } => "make the plan again from the snapshot as it is now",
            _ => "is it the snapshot that the plan was made from?",
        };
        Fault::new(error.to_string()).mend(mend)
    })?;
    let files = plans::files_after(&estate, &asked.estate, &after, &before)?;
    folder::deliver(&asked.out, &files)?;
    ink::tell(&format!("wrote {}\n", asked.out.display()));
    Ok(Outcome::Clear)
}
