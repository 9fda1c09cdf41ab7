//! What is doubtful about a charter that reads well.
//!
//! A text that is no charter is an error of the parser. What stands here is for its owner to weigh:
//! each remark says what is wrong, where, how much it matters and what would mend it.

mod action;
mod parameter;
mod task;

#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::charter::{Charter, Mode};
use crate::compile::{CompileError, SESSION, Site, compile};
use crate::place::Place;

/// How much a remark matters. The words, and their order, are those of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    High,
    Medium,
    Low,
    Info,
}

/// One thing to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// A short name that stays: `split`, `rule-of-two`.
    pub about: &'static str,
    pub weight: Weight,
    /// Whether it could not be told: an action that the catalog does not know.
    pub is_unknown: bool,
    /// What in the charter: `tasks.reconcile.read.0.actions.1`.
    pub path: String,
    #[serde(skip)]
    pub place: Option<Place>,
    pub what: String,
    pub mend: String,
}

/// What AWS calls an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    List,
    Read,
    Write,
    PermissionsManagement,
    Tagging,
}

/// One action that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAction {
    /// `service:Name`, as AWS writes it.
    pub name: String,
    pub level: Level,
    pub takes_resource: bool,
}

/// The actions that exist. A catalog answers; a test writes its own.
pub trait Actions {
    /// Every action that a pattern matches; none where it names nothing that is known.
    fn matching(&self, pattern: &str) -> Vec<KnownAction>;
}

/// What the organisation allows at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceilings {
    pub task_seconds: u32,
}

impl Default for Ceilings {
    /// Four hours: long enough for a nightly job, short enough to be looked at next morning.
    fn default() -> Self {
        Self {
            task_seconds: 4 * 3_600,
        }
    }
}

/// Everything doubtful about a charter, gravest first.
#[must_use]
pub fn check(charter: &Charter, actions: &dyn Actions, ceilings: Ceilings) -> Vec<Remark> {
    let mut remarks = Remarks {
        charter,
        found: Vec::new(),
    };
    owner(&mut remarks);
    identity(&mut remarks);
    for (name, task) in &charter.tasks {
        let path = format!("tasks.{name}");
        action::check(&mut remarks, &path, task, actions);
        parameter::check(&mut remarks, &path, task);
        task::check(&mut remarks, &path, task, ceilings);
    }
    let mut found = remarks.found;
    found.sort_by(|one, other| {
        let key = |remark: &Remark| (remark.weight, remark.place, remark.about);
        key(one)
            .cmp(&key(other))
            .then_with(|| one.path.cmp(&other.path))
    });
    found
}

struct Remarks<'c> {
    charter: &'c Charter,
    found: Vec<Remark>,
}

impl Remarks<'_> {
    fn add(
        &mut self,
        about: &'static str,
        weight: Weight,
        path: impl Into<String>,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) {
        let path = path.into();
        self.found.push(Remark {
            about,
            weight,
            is_unknown: false,
            place: self.charter.places.find(&path),
            path,
            what: what.into(),
            mend: mend.into(),
        });
    }

    /// The last remark is of something that could not be told.
    fn unknown(&mut self) {
        if let Some(last) = self.found.last_mut() {
            last.is_unknown = true;
        }
    }
}

fn owner(remarks: &mut Remarks<'_>) {
    let contact = &remarks.charter.owner.contact;
    if !reaches_somebody(contact) {
        let what = format!("nobody is reached at `{contact}`");
        let mend = "write an address (team@example.com), a URL, or a channel (#team)";
        remarks.add("owner", Weight::High, "owner.contact", what, mend);
    }
    if remarks.charter.review.is_none() {
        let what = "nobody is asked to look at it again";
        remarks.add(
            "review",
            Weight::Low,
            "agent",
            what,
            "add `review: { every: 90d }`",
        );
    }
    if remarks.charter.data.is_empty() {
        let what = "it does not say what data it may meet";
        remarks.add(
            "data",
            Weight::Low,
            "agent",
            what,
            "add `data: [internal]`, or the classes you use",
        );
    }
}

/// An address with a name and a domain, a URL with a host, or a channel.
fn reaches_somebody(contact: &str) -> bool {
    if let Some(channel) = contact.strip_prefix('#') {
        return !channel.is_empty() && !channel.contains(char::is_whitespace);
    }
    if let Some(rest) = contact.strip_prefix("https://") {
        return is_domain(rest.split(['/', '?', '#']).next().unwrap_or_default());
    }
    contact.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty() && !name.contains(char::is_whitespace) && is_domain(domain)
    })
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.contains('.') && text.split('.').all(label)
}

fn identity(remarks: &mut Remarks<'_>) {
    let charter = remarks.charter;
    if charter.runs_as.is_empty() {
        let what = match charter.mode {
            Mode::Brokered => {
                "it does not say where the agent runs: its role waits for an AgentCore runtime of its name"
            }
            Mode::Standing => "it does not say where the agent runs, so no role can trust it",
        };
        let mend = "add `runs-as` with the ARN of the agent, function or task definition";
        remarks.add("runs-as", Weight::Medium, "agent", what, mend);
    }
    if charter.models.is_empty() {
        let what = "no model is named: its role is compiled without one unless an estate shows it";
        let mend = "add `models` with the ARNs of models and inference profiles";
        remarks.add("models", Weight::Info, "agent", what, mend);
    }
    if charter.invokers.is_none() {
        let what = "it does not say who may start the agent";
        let mend = "add `invokers`; an empty list is nobody";
        remarks.add("invokers", Weight::Low, "agent", what, mend);
    }
    let classic = charter
        .runs_as
        .iter()
        .find(|workload| workload.service() == "bedrock");
    if let (Mode::Brokered, Some(workload)) = (charter.mode, classic) {
        let what = format!("brokered, but {workload} acts with its own role and asks nobody");
        let mend = "write `mode: standing`, or let a tool of it ask for the grant";
        remarks.add("mode", Weight::Medium, "mode", what, mend);
    }
    if let Some(role) = &charter.role {
        let path = format!("role/agents/{}/", charter.environment);
        if !role.arn.resource().starts_with(&path) {
            let what = format!(
                "its role is not under /agents/{}/, where ceilings and the broker look",
                charter.environment
            );
            remarks.add(
                "role",
                Weight::Info,
                "role.arn",
                what,
                "`bailiwick split` moves it",
            );
        }
    }
    // Whether it compiles at all, limits of AWS included, with nothing known around it.
    let site = Site {
        account: charter.account().or_else(|| "000000000000".parse().ok()),
        ..Site::default()
    };
    match compile(charter, &site) {
        // Remarked already, at its task.
        Err(CompileError::TooLong { what: SESSION, .. }) => {}
        Err(error @ CompileError::TooLong { .. }) => {
            let mend = "split the agent, or its tasks";
            remarks.add("size", Weight::High, "tasks", error.to_string(), mend);
        }
        Err(error @ CompileError::Platform { .. }) => {
            let mend = "name the workload whose role AWS assumes";
            remarks.add("runs-as", Weight::High, "runs-as", error.to_string(), mend);
        }
        // Remarked already, each at its own place.
        Err(CompileError::NoWorkload { .. } | CompileError::When { .. }) => {}
        Err(CompileError::NoAccount { .. }) | Ok(_) => {}
    }
}
