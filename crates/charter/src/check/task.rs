//! A task as a whole: its time, its tools, its limits, and what meets in it.

use std::collections::BTreeMap;

use super::{Ceilings, Remarks, Weight};
use crate::charter::{Label, Mode, Task, ToolUse};
use crate::compile::{SESSION_POLICY_LENGTH_MAX, check_when, session_length};
use crate::name::ToolName;
use crate::span::Lasts;

pub(super) fn check(remarks: &mut Remarks<'_>, path: &str, task: &Task, ceilings: Ceilings) {
    time(remarks, path, task, ceilings);
    tools(remarks, path, task);
    limits(remarks, path, task);
    rule_of_two(remarks, path, task);
    size(remarks, path, task);
}

/// What STS gives to a session that was begun from a session, as the broker's are.
const CHAINED_SECONDS_MAX: u32 = 3_600;

fn time(remarks: &mut Remarks<'_>, path: &str, task: &Task, ceilings: Ceilings) {
    let path = format!("{path}.for");
    if task.lasts.seconds() > ceilings.task_seconds {
        let most = Lasts::of_seconds(ceilings.task_seconds)
            .map_or_else(String::new, |most| most.to_string());
        let what = format!("a grant lasts {}, and {most} is the ceiling", task.lasts);
        remarks.add(
            "ttl",
            Weight::High,
            path,
            what,
            "shorten it, or split the task",
        );
    } else if remarks.charter.mode == Mode::Brokered && task.lasts.seconds() > CHAINED_SECONDS_MAX {
        let what = format!(
            "a grant lasts {}, and one session of it at most an hour",
            task.lasts
        );
        remarks.add(
            "ttl",
            Weight::Low,
            path,
            what,
            "nothing to do: credentials are renewed within the grant",
        );
    }
}

fn tools(remarks: &mut Remarks<'_>, path: &str, task: &Task) {
    let mut ways: BTreeMap<&ToolName, Vec<(usize, &ToolUse)>> = BTreeMap::new();
    for (index, used) in task.tools.iter().enumerate() {
        ways.entry(&used.tool).or_default().push((index, used));
        let path = format!("{path}.tools.{index}");
        if let Some(Err(why)) = used.when.as_deref().map(check_when) {
            let what = format!("the condition on `{}` is none: {why}", used.tool);
            let mend = "write one expression over `args`, such as args.amount <= 1000";
            remarks.add("when", Weight::High, format!("{path}.when"), what, mend);
        }
        if used.calls == Some(0) {
            let what = format!("`{}` may be called no times", used.tool);
            remarks.add(
                "no-calls",
                Weight::Low,
                format!("{path}.calls"),
                what,
                "drop the line",
            );
        }
        let outward = used.labels.contains(&Label::OutwardEffect);
        if outward && used.approve.is_none() && used.when.is_none() {
            let what = format!(
                "`{}` reaches outside, with any arguments and nobody's approval",
                used.tool
            );
            let mend = "bound its arguments with `when`, or add `approve: human`";
            remarks.add("outward", Weight::Medium, &path, what, mend);
        }
    }
    for (tool, ways) in ways {
        let free = ways
            .iter()
            .find(|(_, used)| used.when.is_none() && used.approve.is_none());
        if let (true, Some((index, _))) = (ways.len() > 1, free) {
            let what = format!(
                "`{tool}` stands here without a condition, and elsewhere with one: the other asks for nothing"
            );
            remarks.add(
                "moot-condition",
                Weight::Medium,
                format!("{path}.tools.{index}"),
                what,
                "keep one of them, or give each a `when`",
            );
        }
    }
}

fn limits(remarks: &mut Remarks<'_>, path: &str, task: &Task) {
    let limits = &task.limits;
    let acts = !task.tools.is_empty();
    let mut missing = Vec::new();
    if acts && limits.calls.is_none() {
        missing.push("calls");
    }
    if (acts || !task.write.is_empty()) && limits.writes.is_none() {
        missing.push("writes");
    }
    if acts && limits.per_minute.is_none() {
        missing.push("per-minute");
    }
    if !missing.is_empty() {
        let what = format!("no limit on {}", missing.join(", "));
        remarks.add(
            "limits",
            Weight::Low,
            path,
            what,
            "add `limits`: a loop that calls tools stops by itself only there",
        );
    }
    let wanted = task.tools.iter().filter_map(|used| used.calls).max();
    if let (Some(most), Some(wanted)) = (limits.calls, wanted)
        && wanted > most
    {
        let what = format!("a tool has {wanted} calls, and the task {most} in all");
        remarks.add(
            "limits",
            Weight::Low,
            format!("{path}.limits.calls"),
            what,
            "make them agree",
        );
    }
}

/// Classes of data that anybody in the house may see. All others are taken to be sensitive.
const OPEN_CLASSES: [&str; 2] = ["internal", "public"];

/// Of these three a task may have two: instructions from strangers, data that is not for everybody,
/// and a way out. With all three a stranger can have the data sent.
fn rule_of_two(remarks: &mut Remarks<'_>, path: &str, task: &Task) {
    let labelled = |label: Label| {
        task.tools
            .iter()
            .filter(move |used| used.labels.contains(&label))
    };
    let Some(stranger) = labelled(Label::UntrustedSource).next() else {
        return;
    };
    let classes = &remarks.charter.data;
    let sensitive = classes
        .iter()
        .find(|class| !OPEN_CLASSES.contains(&class.as_str()));
    let private = labelled(Label::PrivateData)
        .next()
        .map(|used| format!("`{}`", used.tool))
        .or_else(|| sensitive.map(|class| format!("data of class `{class}`")));
    let ways_out = labelled(Label::OutwardEffect).find(|used| used.approve.is_none());
    let out = ways_out
        .map(|used| format!("`{}`", used.tool))
        .or_else(|| (!task.write.is_empty()).then(|| "its writes".to_owned()));
    if let (Some(private), Some(out)) = (private, out) {
        let what = format!(
            "`{}` brings in what strangers wrote, {private} is not for everybody, and {out} can carry it away: all three in one task",
            stranger.tool
        );
        let mend = "split the task so that none has all three, or let a human approve the way out";
        remarks.add("rule-of-two", Weight::Medium, path, what, mend);
    }
}

/// How long a parameter's value is taken to be.
const TYPICAL_VALUE: usize = 36;

fn size(remarks: &mut Remarks<'_>, path: &str, task: &Task) {
    if remarks.charter.mode == Mode::Standing {
        return;
    }
    let home = remarks.charter.account();
    let least = session_length(task, home, 1);
    if least > SESSION_POLICY_LENGTH_MAX {
        let what = format!(
            "its session policy has {least} characters at least, and STS takes {SESSION_POLICY_LENGTH_MAX}: it can never be granted"
        );
        remarks.add(
            "size",
            Weight::High,
            path,
            what,
            "split the task, or shorten its list of resources",
        );
        return;
    }
    let typical = session_length(task, home, TYPICAL_VALUE);
    if typical > SESSION_POLICY_LENGTH_MAX {
        let what = format!(
            "with values of {TYPICAL_VALUE} characters its session policy has {typical}, and STS takes {SESSION_POLICY_LENGTH_MAX}"
        );
        remarks.add(
            "size",
            Weight::Medium,
            path,
            what,
            "split the task, or shorten its list of resources",
        );
    }
}
