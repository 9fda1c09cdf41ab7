//! The tasks of a charter.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Fields, nearest, text};
use super::{Reading, parsed};
use crate::charter::{
    Approver, Argument, Label, Limits, Parameter, Reach, Sequence, SumLimit, Task, ToolUse,
};
use crate::fields;
use crate::name::{ClassName, ParameterName, TaskName, ToolName, shown};
use crate::span::Lasts;
use crate::template::ResourceTemplate;

/// The longest a task may last: AWS's longest session.
const TASK_SECONDS_MAX: u32 = 43_200;

pub(super) fn tasks(
    reading: &mut Reading,
    fields: &Fields<'_>,
) -> Option<BTreeMap<TaskName, Task>> {
    let entries = fields.map(reading, "tasks")?;
    if entries.is_empty() {
        let mend = "name one: an agent without a task has nothing to do";
        reading.wrong(fields.place("tasks"), "no task", mend);
    }
    let mut tasks = BTreeMap::new();
    for (path, entry) in entries {
        let name = parsed(reading, entry.place, &entry.key, "The name of a task");
        let task = Fields::open(reading, &entry.value, &fields::TASK, &path)
            .and_then(|fields| task(reading, &fields));
        if let (Some(name), Some(task)) = (name, task) {
            tasks.insert(name, task);
        }
    }
    Some(tasks)
}

fn task(reading: &mut Reading, fields: &Fields<'_>) -> Option<Task> {
    let lasts = lasts(reading, fields);
    let parameters = parameters(reading, fields);
    let record_parameters = fields.flag(reading, "record-parameters");
    let read = reaches(reading, fields, "read", &parameters);
    let write = reaches(reading, fields, "write", &parameters);
    let tools = tools(reading, fields);
    let sequence = sequence(reading, fields, &tools);
    let limits = limits(reading, fields, &tools);
    let acts = ["read", "write", "tools"].map(|list| fields.says_something(list));
    if acts == [false; 3] {
        let mend = "say what it reads, writes or calls";
        reading.wrong(fields.place(""), "a task that does nothing", mend);
    }
    Some(Task {
        lasts: lasts?,
        parameters: parameters
            .into_iter()
            .filter_map(|(name, read)| Some((name, read?)))
            .collect(),
        record_parameters,
        read,
        write,
        tools,
        sequence,
        limits,
    })
}

fn lasts(reading: &mut Reading, fields: &Fields<'_>) -> Option<Lasts> {
    let lasts: Lasts = fields.parsed(reading, "for")?;
    if lasts.seconds() > TASK_SECONDS_MAX {
        let what = format!("a task of {lasts}");
        let mend = "no session on AWS lasts longer than 12h: split the task";
        reading.wrong(fields.place("for"), what, mend);
    }
    Some(lasts)
}

/// The parameters by name; `None` for one that is declared and cannot be read, so that its uses are
/// not called unknown as well.
type Declared = BTreeMap<ParameterName, Option<Parameter>>;

/// Each is compiled, which takes milliseconds where it is large.
const PARAMETERS_MAX: usize = 32;

fn parameters(reading: &mut Reading, fields: &Fields<'_>) -> Declared {
    let mut parameters = Declared::new();
    let entries = fields.map(reading, "parameters").unwrap_or_default();
    if entries.len() > PARAMETERS_MAX {
        let what = format!("{} parameters", entries.len());
        let mend = format!("a task has at most {PARAMETERS_MAX}: split it");
        reading.wrong(fields.place("parameters"), what, mend);
        return parameters;
    }
    for (_, entry) in entries {
        let name = parsed(reading, entry.place, &entry.key, "The name of a parameter");
        let says = "write the regular expression of its values";
        let written = text(reading, &entry.value, says);
        let parameter = written.and_then(|written| match Parameter::new(written) {
            Ok(parameter) => Some(parameter),
            Err(error) => {
                let what = format!(
                    "`{}` is no regular expression: {}",
                    shown(written),
                    last_line(&error)
                );
                reading.wrong(entry.value.place, what, "see https://docs.rs/regex/#syntax");
                None
            }
        });
        if let Some(name) = name {
            parameters.insert(name, parameter);
        }
    }
    parameters
}

/// The regex crate draws the expression with a caret under it; the reason stands last.
fn last_line(error: &regex::Error) -> String {
    let told = error.to_string();
    let reason = told.lines().last().unwrap_or_default();
    reason.trim_start_matches("error: ").to_owned()
}

fn reaches(
    reading: &mut Reading,
    fields: &Fields<'_>,
    name: &str,
    parameters: &Declared,
) -> Vec<Reach> {
    let records = fields.records(reading, name, &fields::REACH);
    let reach = |fields: Fields<'_>| reach(reading, &fields, parameters);
    records.into_iter().filter_map(reach).collect()
}

fn reach(reading: &mut Reading, fields: &Fields<'_>, parameters: &Declared) -> Option<Reach> {
    let actions: Option<Vec<String>> = fields.parsed_list(reading, "actions");
    let resources: Option<Vec<ResourceTemplate>> = fields.parsed_list(reading, "resources");
    let account = fields.parsed(reading, "account");
    for (index, action) in actions.iter().flatten().enumerate() {
        if !is_action(action) {
            let what = format!("`{}` is no action", shown(action));
            let mend = "write service:Name, such as s3:GetObject";
            reading.wrong(fields.item_place("actions", index), what, mend);
        }
    }
    for (index, resource) in resources.iter().flatten().enumerate() {
        for parameter in resource.parameters() {
            if parameters.contains_key(parameter) {
                continue;
            }
            let what = format!("`${{{parameter}}}` is no parameter of this task");
            let known = parameters.keys().map(ParameterName::as_str);
            let mend = match nearest(parameter.as_str(), known) {
                Some(name) => format!("did you mean `${{{name}}}`?"),
                None => "declare it under `parameters`".to_owned(),
            };
            reading.wrong(fields.item_place("resources", index), what, mend);
        }
    }
    for (name, empty) in [
        ("actions", actions.as_ref().is_some_and(Vec::is_empty)),
        ("resources", resources.as_ref().is_some_and(Vec::is_empty)),
    ] {
        if empty {
            reading.wrong(
                fields.place(name),
                format!("`{name}` is empty"),
                "name one, or drop the line",
            );
        }
    }
    Some(Reach {
        actions: actions?,
        resources: resources?,
        account,
    })
}

/// `service:Name`, wildcards in the name alone.
fn is_action(text: &str) -> bool {
    let Some((service, name)) = text.split_once(':') else {
        return false;
    };
    let service_named = !service.is_empty()
        && service
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    let named = (1..=128).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'?'));
    service_named && named
}

fn tools(reading: &mut Reading, fields: &Fields<'_>) -> Vec<ToolUse> {
    let records = fields.records(reading, "tools", &fields::TOOL_USE);
    let tool = |fields: Fields<'_>| {
        let tool = fields.parsed(reading, "tool");
        let when = fields.text(reading, "when");
        let calls = fields.count(reading, "calls");
        let approve = approver(reading, &fields);
        let accepts = labels(reading, &fields, "accepts", &Label::SOURCES);
        let labels = labels(reading, &fields, "labels", &Label::ALL);
        let record_arguments = fields.flag(reading, "record-arguments");
        let schema = fields.parsed(reading, "schema");
        Some(ToolUse {
            tool: tool?,
            when,
            calls,
            approve,
            labels,
            accepts,
            record_arguments,
            schema,
        })
    };
    records.into_iter().filter_map(tool).collect()
}

fn approver(reading: &mut Reading, fields: &Fields<'_>) -> Option<Approver> {
    let written = fields.text(reading, "approve")?;
    if written == "human" {
        return Some(Approver::Human);
    }
    let team = written.strip_prefix("team/").map(str::parse::<ClassName>);
    if let Some(Ok(team)) = team {
        return Some(Approver::Team(team.as_str().to_owned()));
    }
    let what = format!("`{}` can approve nothing", shown(&written));
    reading.wrong(fields.place("approve"), what, "write human, or team/NAME");
    None
}

fn labels(reading: &mut Reading, fields: &Fields<'_>, name: &str, among: &[Label]) -> Vec<Label> {
    let written: Vec<String> = fields.parsed_list(reading, name).unwrap_or_default();
    let mut labels = BTreeSet::new();
    for (index, word) in written.iter().enumerate() {
        let known = among.iter().find(|label| label.as_str() == word);
        match known {
            Some(&label) => {
                labels.insert(label);
            }
            None => {
                let what = format!("`{}` is no label of `{name}`", shown(word));
                let words: Vec<&str> = among.iter().map(|label| label.as_str()).collect();
                let mend = format!("write one of {}", words.join(", "));
                reading.wrong(fields.item_place(name, index), what, mend);
            }
        }
    }
    labels.into_iter().collect()
}

fn sequence(reading: &mut Reading, fields: &Fields<'_>, tools: &[ToolUse]) -> Vec<Sequence> {
    let records = fields.records(reading, "sequence", &fields::SEQUENCE);
    let condition = |fields: Fields<'_>| {
        let tool = declared(reading, &fields, "tool", tools);
        let after = declared(reading, &fields, "after", tools);
        let before = declared(reading, &fields, "before", tools);
        let never_after = declared(reading, &fields, "never-after", tools);
        let at_most = fields.count(reading, "at-most");
        let within = fields.parsed(reading, "within");
        let given = ["after", "before", "never-after", "at-most"];
        let one = given.iter().filter(|name| fields.has(name)).count() == 1;
        let paired = fields.has("at-most") == fields.has("within");
        if !(one && paired) {
            let what = "a sequence that says not exactly one thing";
            let mend = "write one of `after`, `before`, `never-after`, or `at-most` with `within`";
            reading.wrong(fields.place("tool"), what, mend);
        }
        let tool = tool?;
        match (after, before, never_after, at_most, within) {
            (Some(after), ..) => Some(Sequence::After { tool, after }),
            (None, Some(before), ..) => Some(Sequence::After {
                tool: before,
                after: tool,
            }),
            (None, None, Some(never_after), ..) => Some(Sequence::NeverAfter { tool, never_after }),
            (None, None, None, Some(at_most), Some(within)) => Some(Sequence::AtMost {
                tool,
                at_most,
                within,
            }),
            (None, None, None, _, _) => None,
        }
    };
    records.into_iter().filter_map(condition).collect()
}

fn limits(reading: &mut Reading, fields: &Fields<'_>, tools: &[ToolUse]) -> Limits {
    let Some(fields) = fields.record(reading, "limits", &fields::LIMITS) else {
        return Limits::default();
    };
    let calls = fields.count(reading, "calls");
    let writes = fields.count(reading, "writes");
    let per_minute = fields.count(reading, "per-minute");
    let records = fields.records(reading, "sums", &fields::SUM);
    let sum = |fields: Fields<'_>| {
        let tool = declared(reading, &fields, "tool", tools);
        let written = fields.text(reading, "argument");
        let argument = written.as_deref().and_then(Argument::new);
        if let (Some(written), None) = (&written, &argument) {
            let what = format!("`{}` is no argument", shown(written));
            reading.wrong(fields.place("argument"), what, "write args.NAME");
        }
        let at_most = fields.count(reading, "at-most");
        Some(SumLimit {
            tool: tool?,
            argument: argument?,
            at_most: at_most?,
        })
    };
    Limits {
        calls,
        writes,
        per_minute,
        sums: records.into_iter().filter_map(sum).collect(),
    }
}

/// A tool that the task calls: a condition on any other would never hold back anything.
fn declared(
    reading: &mut Reading,
    fields: &Fields<'_>,
    name: &str,
    tools: &[ToolUse],
) -> Option<ToolName> {
    let tool: ToolName = fields.parsed(reading, name)?;
    if tools.iter().any(|used| used.tool == tool) {
        return Some(tool);
    }
    let what = format!("`{tool}` is no tool of this task");
    let known = tools.iter().map(|used| used.tool.as_str());
    let mend = match nearest(tool.as_str(), known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => "list it under `tools`".to_owned(),
    };
    reading.wrong(fields.place(name), what, mend);
    None
}
