//! A charter as its owner would write it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::bind::readable;
use crate::charter::{Charter, Limits, Reach, Sequence, Task, ToolUse};
use crate::identity::DeclaredIdentity;

/// Notes on what a charter says, by path; each is printed above its line.
pub type Notes = BTreeMap<String, Vec<String>>;

impl Charter {
    /// The charter as YAML. Parsing it gives the same charter.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        self.to_yaml_with(&Notes::new())
    }

    /// The same, with notes as comments.
    #[must_use]
    pub fn to_yaml_with(&self, notes: &Notes) -> String {
        let mut page = Page {
            text: String::new(),
            notes,
        };
        page.charter(self);
        page.text
    }
}

struct Page<'n> {
    text: String,
    notes: &'n Notes,
}

impl Page<'_> {
    /// One line, under the notes on what it says.
    fn line(&mut self, depth: usize, path: &str, line: &str) {
        let indent = "  ".repeat(depth);
        for note in self.notes.get(path).into_iter().flatten() {
            let _ = writeln!(self.text, "{indent}# {}", readable(note));
        }
        let _ = writeln!(self.text, "{indent}{line}");
    }

    fn charter(&mut self, charter: &Charter) {
        let Charter {
            agent,
            owner,
            purpose,
            environment,
            data,
            runs_as,
            role,
            identity,
            mode,
            models,
            invokers,
            review,
            class,
            tasks,
            places: _,
        } = charter;
        for note in self.notes.get("").into_iter().flatten() {
            let _ = writeln!(self.text, "# {}", readable(note));
        }
        self.line(0, "agent", &format!("agent: {}", scalar(agent.as_str())));
        let (team, contact) = (scalar(&owner.team), scalar(&owner.contact));
        self.line(
            0,
            "owner",
            &format!("owner: {{ team: {team}, contact: {contact} }}"),
        );
        self.line(0, "purpose", &format!("purpose: {}", scalar(purpose)));
        self.line(
            0,
            "environment",
            &format!("environment: {}", scalar(environment.as_str())),
        );
        if !data.is_empty() {
            self.line(0, "data", &format!("data: {}", list(data)));
        }
        self.long_list(0, "runs-as", runs_as);
        if let Some(role) = role {
            let id = role.id.as_ref().map(|id| format!(", id: {}", scalar(id)));
            let arn = scalar(role.arn.as_str());
            self.line(
                0,
                "role",
                &format!("role: {{ arn: {arn}{} }}", id.unwrap_or_default()),
            );
        }
        self.identities(identity);
        self.line(0, "mode", &format!("mode: {mode}"));
        self.long_list(0, "models", models);
        match invokers {
            Some(invokers) if invokers.is_empty() => self.line(0, "invokers", "invokers: []"),
            Some(invokers) => self.long_list(0, "invokers", invokers),
            None => {}
        }
        if let Some(review) = review {
            self.line(
                0,
                "review",
                &format!("review: {{ every: {} }}", review.every),
            );
        }
        if let Some(class) = class {
            self.line(0, "class", &format!("class: {}", scalar(class.as_str())));
        }
        self.line(0, "tasks", "tasks:");
        for (name, task) in tasks {
            let path = format!("tasks.{name}");
            self.line(1, &path, &format!("{}:", scalar(name.as_str())));
            self.task(&path, task);
        }
    }

    fn identities(&mut self, identities: &[DeclaredIdentity]) {
        if identities.is_empty() {
            return;
        }
        self.line(0, "identity", "identity:");
        for (at, identity) in identities.iter().enumerate() {
            let path = format!("identity.{at}");
            let line = match identity {
                DeclaredIdentity::Spiffe { spiffe } => {
                    format!("- {{ spiffe: {} }}", scalar(spiffe.as_str()))
                }
                DeclaredIdentity::Token {
                    issuer,
                    subject,
                    claims,
                } => {
                    let (issuer, subject) = (scalar(issuer), scalar(subject));
                    let claims: Vec<_> = claims
                        .iter()
                        .map(|(name, value)| format!("{}: {}", scalar(name), scalar(value)))
                        .collect();
                    let claims = if claims.is_empty() {
                        String::new()
                    } else {
                        format!(", claims: {{ {} }}", claims.join(", "))
                    };
                    format!("- {{ issuer: {issuer}, subject: {subject}{claims} }}")
                }
            };
            self.line(1, &path, &line);
        }
    }

    /// A list with an item a line; nothing where it is empty.
    fn long_list<T: AsRef<str>>(&mut self, depth: usize, name: &str, items: &[T]) {
        if items.is_empty() {
            return;
        }
        self.line(depth, name, &format!("{name}:"));
        for (index, item) in items.iter().enumerate() {
            let item = scalar(item.as_ref());
            self.line(depth + 1, &format!("{name}.{index}"), &format!("- {item}"));
        }
    }

    fn task(&mut self, path: &str, task: &Task) {
        let Task {
            lasts,
            parameters,
            record_parameters,
            read,
            write,
            tools,
            sequence,
            limits,
        } = task;
        self.line(2, &format!("{path}.for"), &format!("for: {lasts}"));
        if !parameters.is_empty() {
            self.line(2, &format!("{path}.parameters"), "parameters:");
            for (name, parameter) in parameters {
                let line = format!("{}: {}", scalar(name.as_str()), quoted(parameter.as_str()));
                self.line(3, &format!("{path}.parameters.{name}"), &line);
            }
        }
        if *record_parameters {
            let path = format!("{path}.record-parameters");
            self.line(2, &path, "record-parameters: true");
        }
        self.records(path, "read", read, reach);
        self.records(path, "write", write, reach);
        self.records(path, "tools", tools, tool);
        self.records(path, "sequence", sequence, condition);
        if *limits != Limits::default() {
            self.line(
                2,
                &format!("{path}.limits"),
                &format!("limits: {{ {} }}", limits_in_words(limits)),
            );
        }
    }

    fn records<T>(&mut self, path: &str, name: &str, records: &[T], written: fn(&T) -> String) {
        if records.is_empty() {
            return;
        }
        let path = format!("{path}.{name}");
        self.line(2, &path, &format!("{name}:"));
        for (index, record) in records.iter().enumerate() {
            let line = format!("- {{ {} }}", written(record));
            self.line(3, &format!("{path}.{index}"), &line);
        }
    }
}

fn reach(reach: &Reach) -> String {
    let Reach {
        actions,
        resources,
        account,
    } = reach;
    let resources: Vec<String> = resources.iter().map(ToString::to_string).collect();
    let account = account.map(|account| format!(", account: \"{account}\""));
    format!(
        "actions: {}, resources: {}{}",
        list(actions),
        list(&resources),
        account.unwrap_or_default()
    )
}

fn tool(used: &ToolUse) -> String {
    let ToolUse {
        tool,
        when,
        calls,
        approve,
        labels,
        accepts,
        record_arguments,
        schema,
    } = used;
    let mut parts = vec![format!("tool: {}", scalar(tool.as_str()))];
    parts.extend(when.as_ref().map(|when| format!("when: {}", quoted(when))));
    parts.extend(calls.map(|calls| format!("calls: {calls}")));
    parts.extend(
        approve
            .as_ref()
            .map(|approver| format!("approve: {approver}")),
    );
    if !labels.is_empty() {
        let labels: Vec<&str> = labels.iter().map(|label| label.as_str()).collect();
        parts.push(format!("labels: [{}]", labels.join(", ")));
    }
    if !accepts.is_empty() {
        let accepts: Vec<&str> = accepts.iter().map(|label| label.as_str()).collect();
        parts.push(format!("accepts: [{}]", accepts.join(", ")));
    }
    if *record_arguments {
        parts.push("record-arguments: true".to_owned());
    }
    parts.extend(
        schema
            .as_ref()
            .map(|pin| format!("schema: {}", quoted(pin.as_str()))),
    );
    parts.join(", ")
}

fn condition(condition: &Sequence) -> String {
    match condition {
        Sequence::After { tool, after } => format!("tool: {tool}, after: {after}"),
        Sequence::NeverAfter { tool, never_after } => {
            format!("tool: {tool}, never-after: {never_after}")
        }
        Sequence::AtMost {
            tool,
            at_most,
            within,
        } => format!("tool: {tool}, at-most: {at_most}, within: {within}"),
    }
}

fn limits_in_words(limits: &Limits) -> String {
    let Limits {
        calls,
        writes,
        per_minute,
        sums,
    } = limits;
    let counts = [
        ("calls", calls),
        ("writes", writes),
        ("per-minute", per_minute),
    ];
    let said = counts
        .into_iter()
        .filter_map(|(name, count)| Some(format!("{name}: {}", (*count)?)));
    let mut parts: Vec<String> = said.collect();
    if !sums.is_empty() {
        let sum = |sum: &crate::charter::SumLimit| {
            format!(
                "{{ tool: {}, argument: {}, at-most: {} }}",
                sum.tool, sum.argument, sum.at_most
            )
        };
        let sums: Vec<String> = sums.iter().map(sum).collect();
        parts.push(format!("sums: [ {} ]", sums.join(", ")));
    }
    parts.join(", ")
}

fn list<T: AsRef<str>>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(|item| scalar(item.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

/// A text as YAML: plain where every reader of YAML takes it as the same text, quoted elsewhere.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && !text.ends_with(':')
        && text.matches(':').count() <= 1
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/' | b':' | b'@')
        });
    // What some readers take for something else than text.
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let is_word = WORDS.contains(&text.to_ascii_lowercase().as_str());
    // A colon before a space, a bracket or a comma would begin a value; inside a word it does not.
    if plain && !is_word {
        text.to_owned()
    } else {
        quoted(text)
    }
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}
