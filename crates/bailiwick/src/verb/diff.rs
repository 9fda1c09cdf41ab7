//! `diff`: charter, access and trail, and how they differ.

use std::fmt::Write as _;

use bailiwick_review::{
    difference::{Books, Difference, difference},
    plan::Drift,
};

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
    for books in &found.agents {
        agent(&mut text, books);
    }
    if !found.unattributed.is_empty() {
        line(&mut text, "no agent can be named for");
    }
    for drift in &found.unattributed {
        let role = short(&drift.role);
        line(&mut text, &format!("  {} (as {role})", did(drift)));
    }
    if !found.undeclared.is_empty() {
        line(&mut text, "agents without a charter");
    }
    for agent in &found.undeclared {
        line(&mut text, &format!("  {agent}"));
    }
    match &found.coverage {
        Some(seen) => line(
            &mut text,
            &format!(
                "trail: {} to {}, {} days, selectors: {}",
                seen.from,
                seen.to,
                seen.days(),
                seen.selectors.join(", ")
            ),
        ),
        None => line(
            &mut text,
            "trail: no coverage is stated, so what it does not show is not known",
        ),
    }
    text
}

fn agent(text: &mut String, books: &Books) {
    line(
        text,
        &format!("{}  {}", books.agent, books.roles.join(", ")),
    );
    // With several roles, each line says as which.
    let role_of = |role: &str| {
        let names_it = books.roles.len() > 1;
        names_it.then(|| format!(" (as {})", short(role)))
    };
    for excess in &books.excess {
        let (actions, resources) = (
            excess.line.actions.join(", "),
            excess.line.resources.join(", "),
        );
        let role = role_of(&excess.role).unwrap_or_default();
        line(
            text,
            &format!("  may, and need not      {actions} on {resources}{role}"),
        );
    }
    for unused in &books.unused {
        let role = role_of(&unused.role).unwrap_or_default();
        let seen = if unused.unseen.is_empty() {
            String::new()
        } else {
            format!("; some goes unseen without {}", unused.unseen.join(", "))
        };
        line(
            text,
            &format!(
                "  may, and never did     {}{role}{seen}",
                few(&unused.actions)
            ),
        );
    }
    for broken in &books.broken {
        let layer = broken.layer.map_or("no layer", |layer| layer.name());
        let (actions, resources) = (
            broken.line.actions.join(", "),
            broken.line.resources.join(", "),
        );
        let role = role_of(&broken.role).unwrap_or_default();
        line(
            text,
            &format!("  needs, and may not     {actions} on {resources} ({layer}){role}"),
        );
    }
    for drift in &books.drift {
        line(text, &format!("  did, undeclared        {}", did(drift)));
    }
    for unknown in &books.unknown {
        line(text, &format!("  not known              {unknown}"));
    }
}

/// Actions that a table shows of those never taken.
const ACTIONS_MAX: usize = 8;

fn few(actions: &[String]) -> String {
    let shown: Vec<&str> = actions
        .iter()
        .take(ACTIONS_MAX)
        .map(String::as_str)
        .collect();
    let more = actions.len().saturating_sub(ACTIONS_MAX);
    if more == 0 {
        return shown.join(", ");
    }
    format!("{} and {more} more (--json lists them)", shown.join(", "))
}

fn did(drift: &Drift) -> String {
    format!(
        "{} on {}, {} times, last {}",
        drift.action, drift.resource, drift.count, drift.last
    )
}

fn short(role: &str) -> &str {
    role.rsplit('/').next().unwrap_or(role)
}

fn line(text: &mut String, told: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "{}", ink::safe(told));
}
