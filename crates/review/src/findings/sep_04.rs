//! SEP-04: what cannot be undone, and nobody is asked.

use bailiwick_charter::{Charter, Label, ToolUse};
use bailiwick_estate::Agent;

use crate::{
    finding::{Finding, Fix, Witness},
    rule::{Checked, Claim, rule, some_of},
    view::{Missing, View},
};

rule! {
    /// A task may call a tool that cannot be undone, without limits on the arguments and without
    /// anybody's approval.
    ///
    /// **Sees.** In the charter of an agent of the estate: a tool that may be called with neither
    /// `approve` nor `when`, and is labelled `outward-effect`, or has a name that begins with a verb
    /// such as delete, cancel or terminate, or runs as a role that may delete something and has no name
    /// that begins with a verb such as get, list or find.
    ///
    /// **Matters.** A model that was talked into it does it once; once is enough.
    ///
    /// **Example.** `{ tool: orders/cancel_order, calls: 10 }`.
    ///
    /// **Severity.** High.
    ///
    /// **Remedy.** `approve: human`, or a `when` that bounds what may happen without.
    ///
    /// **References.** OWASP ASI09; OWASP AISVS 9.2.1, 9.2.8; MITRE ATLAS AML.M0029.
    "SEP-04", "Nobody is asked before what cannot be undone", High, check
}

/// Verbs of tools after which something is gone.
const FINAL: [&str; 8] = [
    "cancel",
    "delete",
    "destroy",
    "drop",
    "purge",
    "remove",
    "revoke",
    "terminate",
];

/// Verbs of tools that only look.
const LOOKING: [&str; 12] = [
    "check", "count", "describe", "fetch", "find", "get", "list", "look", "query", "read",
    "search", "show",
];

fn check(view: &View<'_>) -> Checked {
    Checked::each(view.chartered(), |(_, agent, charter)| {
        look(view, agent, charter)
    })
}

fn look(view: &View<'_>, agent: &Agent, charter: &Charter) -> Option<Finding> {
    let open: Vec<_> = charter
        .tasks
        .iter()
        .flat_map(|(name, task)| {
            let uses = task.tools.iter().enumerate();
            uses.map(move |(index, used)| (used, format!("tasks.{}.tools.{index}", name.as_str())))
        })
        .filter(|(used, _)| used.approve.is_none() && used.when.is_none())
        .filter_map(|(used, at)| Some((used, at, finality(view, agent, used)?)))
        .collect();
    if open.is_empty() {
        return None;
    }
    let mut names: Vec<_> = open.iter().map(|it| it.0.tool.to_string()).collect();
    names.sort();
    names.dedup();
    Some(RULE.fails(Claim {
        severity: RULE.base,
        subject: agent.arn.to_string(),
        agents: vec![agent.arn.to_string()],
        title: format!("{} may call {} unasked", agent.name, some_of(&names, 2)),
        why: format!(
            "What {} does cannot be undone, and its charter asks neither a person nor the arguments.",
            some_of(&names, 4)
        ),
        witness: Witness::facts(open.iter().map(|(used, at, why)| {
            format!("{at} allows {}, {why}, with any arguments, unapproved", used.tool)
        })),
        evidence: open
            .iter()
            .map(|(used, at, _)| view.declaration(charter, at, used.tool.as_str()))
            .collect(),
        path: Vec::new(),
        fix: Fix {
            summary: "Have a person approve it, or bound its arguments".to_owned(),
            patch: names
                .iter()
                .map(|name| format!("- {{ tool: {name}, approve: human }}"))
                .collect::<Vec<_>>()
                .join("\n"),
        },
        cause: names,
    }))
}

/// Why a call of the tool cannot be undone, if it cannot.
fn finality(view: &View<'_>, agent: &Agent, used: &ToolUse) -> Option<String> {
    let name = used.tool.tool().to_ascii_lowercase();
    let begins = |verbs: &[&str]| verbs.iter().any(|verb| name.starts_with(verb));
    if used.labels.contains(&Label::OutwardEffect) {
        return Some("which reaches outside".to_owned());
    }
    if begins(&FINAL) {
        return Some("which by its name undoes".to_owned());
    }
    if begins(&LOOKING) {
        return None;
    }
    let mut missing = Missing::default();
    let roles = view.roles_behind(agent, used.tool.server());
    let mut changes = roles
        .into_iter()
        .filter_map(|role| view.change_by(role, &mut missing));
    let deletion = changes.find(|it| it.deletes)?;
    let request = &deletion.proof.request;
    Some(format!(
        "which runs as a role that may use {} on {}",
        request.action, request.resource
    ))
}
