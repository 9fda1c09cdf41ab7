//! `diff`: charter, access and trail, and how they differ.

use std::fmt::Write as _;

use bailiwick_review::difference::{Difference, difference};

use crate::{
    args::{Diff, Sources},
    ink,
    outcome::Outcome,
    output::Output,
    plans::Given,
};

pub(crate) fn run(asked: &Diff, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    let given = Given::read(&Sources {
        estate: vec![asked.estate.clone()],
        charters: vec![asked.charters.clone()],
        usage: asked.usage.clone(),
    })?;
    let found = difference(given.sources());
    let text = if json {
        format!("{}\n", serde_json::to_string_pretty(&found)?)
    } else {
        table(&found)
    };
    output.write(&text)?;
    Ok(match found.is_equal() {
        Some(true) => Outcome::Clear,
        Some(false) => Outcome::Found,
        None => Outcome::Untold,
    })
}

fn table(found: &Difference) -> String {
    let mut text = String::new();
    let mut line = |told: String| {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{}", ink::safe(&told));
    };
    for books in &found.agents {
        line(format!("{}  {}", books.agent, books.roles.join(", ")));
        for excess in &books.excess {
            let (actions, resources) = (excess.actions.join(", "), excess.resources.join(", "));
            line(format!("  may, and need not      {actions} on {resources}"));
        }
        for broken in &books.broken {
            let layer = broken.layer.map_or("no layer", |layer| layer.name());
            let actions = broken.line.actions.join(", ");
            let resources = broken.line.resources.join(", ");
            line(format!(
                "  needs, and may not     {actions} on {resources} ({layer})"
            ));
        }
        for drift in &books.drift {
            line(format!(
                "  did, undeclared        {} on {}, {} times, last {}",
                drift.action, drift.resource, drift.count, drift.last
            ));
        }
        for unknown in &books.unknown {
            line(format!("  not known              {unknown}"));
        }
    }
    if !found.undeclared.is_empty() {
        line("agents without a charter".to_owned());
    }
    for agent in &found.undeclared {
        line(format!("  {agent}"));
    }
    match &found.coverage {
        Some(seen) => line(format!(
            "trail: {} to {}, {} days, selectors: {}",
            seen.from,
            seen.to,
            seen.days(),
            seen.selectors.join(", ")
        )),
        None => {
            line("trail: no coverage is stated, so what it does not show is not known".to_owned())
        }
    }
    text
}
