//! Actions: do they exist, do they do what their list says, how many are they?

use super::{Actions, KnownAction, Level, Remarks, Weight};
use crate::charter::{Reach, Task};
use crate::compile::{is_denied_to_agents, is_invocation};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Read,
    Write,
}

pub(super) fn check(remarks: &mut Remarks<'_>, path: &str, task: &Task, actions: &dyn Actions) {
    for (side, name, reaches) in [
        (Side::Read, "read", &task.read),
        (Side::Write, "write", &task.write),
    ] {
        for (index, reach) in reaches.iter().enumerate() {
            reached(
                remarks,
                &format!("{path}.{name}.{index}"),
                side,
                reach,
                actions,
            );
        }
    }
}

fn reached(
    remarks: &mut Remarks<'_>,
    path: &str,
    side: Side,
    reach: &Reach,
    actions: &dyn Actions,
) {
    let anywhere = reach
        .resources
        .iter()
        .any(|resource| resource.to_string() == "*");
    let mut on_anything = Vec::new();
    for (index, pattern) in reach.actions.iter().enumerate() {
        let path = format!("{path}.actions.{index}");
        let known = actions.matching(pattern);
        if known.is_empty() {
            let what = format!("`{pattern}` is no action that the catalog knows");
            let mend = "correct it; if AWS added it lately, update the catalog";
            remarks.add("unknown-action", Weight::High, &path, what, mend);
            remarks.unknown();
            continue;
        }
        if pattern.contains(['*', '?']) {
            let what = format!(
                "`{pattern}` is {} today, and more as AWS adds them",
                actions_in_words(known.len())
            );
            remarks.add(
                "wildcard-action",
                Weight::Medium,
                &path,
                what,
                "name the actions it needs",
            );
        }
        levels(remarks, &path, side, pattern, &known);
        beyond_a_grant(remarks, &path, &known);
        if anywhere {
            let takes = known.iter().filter(|action| action.takes_resource);
            on_anything.extend(takes.map(|action| action.name.clone()));
        }
    }
    if let Some(first) = on_anything.first() {
        let others = match on_anything.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let what = format!("`{first}`{others} on every resource");
        let path = format!("{path}.resources");
        remarks.add(
            "any-resource",
            Weight::Medium,
            path,
            what,
            "name the resources",
        );
    }
}

/// What every session and every boundary denies, whatever the charter says.
fn beyond_a_grant(remarks: &mut Remarks<'_>, path: &str, known: &[KnownAction]) {
    let denied = known
        .iter()
        .find(|action| is_denied_to_agents(&action.name));
    if let Some(action) = denied {
        let what = format!(
            "`{}` is denied to every agent: with it a grant could make its successor",
            action.name
        );
        let mend = "drop it; what is needed in another account is declared with `account`";
        remarks.add("successor", Weight::High, path, what, mend);
    }
}

fn levels(remarks: &mut Remarks<'_>, path: &str, side: Side, pattern: &str, known: &[KnownAction]) {
    // AWS counts some ways to start something, such as calling a gateway, as managing permissions.
    let manages = |action: &&KnownAction| {
        action.level == Level::PermissionsManagement && !is_invocation(&action.name)
    };
    if let Some(action) = known.iter().find(manages) {
        let what = format!("`{}` changes who may do what", action.name);
        let mend = "leave permissions to people: a task that can widen itself has no bounds";
        remarks.add("permissions", Weight::High, path, what, mend);
    }
    let changes = known.iter().find(|action| changes(action));
    let looks = known.iter().all(|action| match action.level {
        Level::List | Level::Read => true,
        Level::Write | Level::PermissionsManagement | Level::Tagging => false,
    });
    match (side, changes) {
        (Side::Read, Some(action)) => {
            let what = format!(
                "`{}` stands under `read`, and AWS lists it as a write",
                action.name
            );
            remarks.add("split", Weight::High, path, what, "move it to `write`");
        }
        (Side::Write, _) if looks => {
            let what = format!("`{pattern}` stands under `write` and only reads");
            remarks.add("split", Weight::Low, path, what, "move it to `read`");
        }
        (Side::Read, None) | (Side::Write, _) => {}
    }
}

/// Whether an action changes something. AWS lists opening an envelope as a write; who reads what is
/// encrypted needs it, and nothing is changed by it.
fn changes(action: &KnownAction) -> bool {
    match action.level {
        Level::Write | Level::Tagging => action.name != "kms:Decrypt",
        Level::List | Level::Read | Level::PermissionsManagement => false,
    }
}

fn actions_in_words(count: usize) -> String {
    if count == 1 {
        "one action".to_owned()
    } else {
        format!("{count} actions")
    }
}
