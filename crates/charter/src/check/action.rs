//! Actions: do they exist, do they do what their list says, how many are they?

use super::{Actions, KnownAction, Level, Remarks, Weight};
use crate::charter::{Reach, Task};

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
        if anywhere && known.iter().any(|action| action.takes_resource) {
            let what = format!("`{pattern}` on every resource");
            remarks.add(
                "any-resource",
                Weight::Medium,
                &path,
                what,
                "name the resources",
            );
        }
    }
}

fn levels(remarks: &mut Remarks<'_>, path: &str, side: Side, pattern: &str, known: &[KnownAction]) {
    let of = |level: Level| known.iter().find(|action| action.level == level);
    if let Some(action) = of(Level::PermissionsManagement) {
        let what = format!("`{}` changes who may do what", action.name);
        let mend = "leave permissions to people: a task that can widen itself has no bounds";
        remarks.add("permissions", Weight::High, path, what, mend);
    }
    let changes = of(Level::Write).or_else(|| of(Level::Tagging));
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

fn actions_in_words(count: usize) -> String {
    if count == 1 {
        "one action".to_owned()
    } else {
        format!("{count} actions")
    }
}
