//! `charter draft`: a first charter from what an agent has and did.
//!
//! A draft is a beginning for its owner, not a judgement: what a role happens to hold is not what
//! an agent is for. Whatever was inferred is marked above its line.

mod rights;

use std::collections::BTreeMap;

use bailiwick_charter::{
    AgentName, Charter, DeclaredRole, Lasts, Limits, Mode, Notes, Owner, Review, Task, ToolName,
    ToolUse, readable,
};
use bailiwick_estate::{
    Agent, AgentKind, Estate, Id, Role, ToolKind,
    agent::{ActsAs, AgentRole, AgentVersion},
    usage::Usage,
};
use bailiwick_iam::arn::Arn;
use bailiwick_iam_catalog::builtin;
use bailiwick_review::{
    invokers::{self, LeadsTo, Who},
    view::View,
};

use crate::{
    args::CharterDraft,
    charters, ink,
    named::{self, kebab},
    outcome::Outcome,
    output::{self, Output},
    snapshot, usage,
};

use rights::Rights;

pub(crate) fn run(asked: &CharterDraft, output: &mut Output) -> anyhow::Result<Outcome> {
    let estate = snapshot::load(&asked.estate)?;
    let charters = charters::with(&asked.estate, &[])?;
    let acts = |agent: &Agent| agent.kind.acts();
    let id = named::agent(&estate, &charters, &asked.agent, acts)?;
    let usage = usage::read(asked.usage.as_deref(), &asked.estate)?;
    let mut draft = Draft {
        estate: &estate,
        id,
        agent: estate.agents.at(id),
        notes: Notes::new(),
    };
    let charter = draft.charter(usage.as_ref())?;
    let text = charter.to_yaml_with(&draft.notes);
    let guesses = text.matches("# guess:").count();
    output::deliver(&text, asked.out.as_deref(), output)?;
    ink::tell(&format!(
        "{guesses} guesses, each marked `# guess:`; its owner settles them, then `bailiwick charter check` looks again\n"
    ));
    Ok(Outcome::Clear)
}

/// A charter that grows, and what is said above its lines.
struct Draft<'e> {
    estate: &'e Estate,
    id: Id<Agent>,
    agent: &'e Agent,
    notes: Notes,
}

impl<'e> Draft<'e> {
    fn note(&mut self, path: &str, note: impl Into<String>) {
        self.notes
            .entry(path.to_owned())
            .or_default()
            .push(note.into());
    }

    fn guess(&mut self, path: &str, guess: impl std::fmt::Display) {
        self.note(path, format!("guess: {guess}"));
    }

    fn charter(&mut self, usage: Option<&Usage>) -> anyhow::Result<Charter> {
        self.note(
            "",
            format!(
                "A first charter of {}, drafted from what it has and did.",
                self.agent.arn
            ),
        );
        let held = self.live_role();
        let role = held.and_then(|held| held.role.id);
        let rights = rights::of(self.agent, role, self.estate, usage);
        let models = rights.models.clone();
        let environment = self.environment();
        let owner = self.owner();
        let mode = self.mode();
        let invokers = self.invokers();
        self.guess("purpose", "say in a sentence what it is for");
        self.guess("review", "how often somebody looks again");
        let task = self.task(&rights)?;
        Ok(Charter {
            agent: self.name()?,
            owner,
            purpose: format!("State what {} is for.", readable(&self.agent.name)),
            environment: environment.parse()?,
            data: self.data(role),
            runs_as: self.runs_as(),
            role: held.map(|held| self.declared(held)),
            identity: Vec::new(),
            mode,
            models,
            invokers,
            review: Lasts::of_seconds(90 * 86_400).map(|every| Review { every }),
            class: None,
            tasks: BTreeMap::from([("work".parse()?, task)]),
            places: bailiwick_charter::Places::default(),
        })
    }

    fn name(&mut self) -> anyhow::Result<AgentName> {
        let name = kebab(&self.agent.name);
        if name != self.agent.name {
            self.guess(
                "agent",
                format!("the platform calls it {}", self.agent.name),
            );
        }
        Ok(name.parse()?)
    }

    /// The role of a version that requests reach, or else the first.
    fn live_role(&mut self) -> Option<&'e AgentRole> {
        let roles = &self.agent.roles;
        let live = roles
            .iter()
            .find(|held| held.versions.iter().any(AgentVersion::is_live));
        if roles.len() > 1 {
            let others: Vec<_> = roles.iter().map(|held| held.role.arn.to_string()).collect();
            self.guess(
                "role",
                format!("its versions run as several: {}", others.join(", ")),
            );
        }
        live.or(roles.first())
    }

    fn declared(&self, held: &AgentRole) -> DeclaredRole {
        let known = held.role.id.map(|role| self.estate.roles.at(role));
        DeclaredRole {
            arn: held.role.arn.clone(),
            id: known.and_then(|role| role.unique_id.clone()),
        }
    }

    fn runs_as(&mut self) -> Vec<Arn> {
        match self.agent.kind {
            AgentKind::Unknown => {
                self.guess(
                    "agent",
                    "known by its role alone; add `runs-as` with what runs as it",
                );
                Vec::new()
            }
            _ => vec![self.agent.arn.clone()],
        }
    }

    fn environment(&mut self) -> String {
        match &self.agent.environment {
            Some(environment) => kebab(&environment.name),
            None => {
                self.guess("environment", "neither tags nor the account say it");
                "prod".to_owned()
            }
        }
    }

    fn owner(&mut self) -> Owner {
        let team = match &self.agent.owner {
            Some(owner) if !readable(&owner.value).is_empty() => readable(&owner.value),
            Some(_) | None => {
                self.guess("owner", "nothing names an owner");
                "unknown".to_owned()
            }
        };
        self.guess(
            "owner",
            "a channel of the team's name; say where a person is reached",
        );
        let contact = format!("#{}", kebab(&team));
        Owner { team, contact }
    }

    fn data(&mut self, role: Option<Id<Role>>) -> Vec<bailiwick_charter::DataClass> {
        let of_role = role.and_then(|role| self.estate.roles.at(role).tags.get("data"));
        let tagged = self.agent.tags.get("data").or(of_role).cloned();
        let classes: Vec<_> = tagged
            .iter()
            .flat_map(|tag| tag.split([',', ' ', '/']))
            .filter_map(|class| kebab(class).parse().ok())
            .collect();
        if !classes.is_empty() {
            self.guess("data", "from the tag `data`");
        }
        classes
    }

    fn mode(&mut self) -> Mode {
        let (mode, why) = match self.agent.kind {
            AgentKind::Runtime | AgentKind::Harness | AgentKind::SelfRun => (
                Mode::Brokered,
                "its code can ask for a grant; `standing` until it does",
            ),
            _ => (
                Mode::Standing,
                "the platform acts with the role and asks nobody",
            ),
        };
        self.guess("mode", why);
        mode
    }

    /// Who may start it today, where IAM decides.
    fn invokers(&mut self) -> Option<Vec<Arn>> {
        let entrances = invokers::entrances(self.agent);
        let work: Vec<_> = entrances
            .iter()
            .filter(|way| way.leads_to == LeadsTo::Work)
            .collect();
        if work.is_empty() {
            return None;
        }
        let view = View::new(self.estate, builtin());
        let mut arns = Vec::new();
        for way in work {
            for invoker in invokers::invokers(&view, self.id, way).may {
                match invoker.who {
                    Who::Principal(principal) => arns.push(self.estate.arn(principal).clone()),
                    Who::Outsider(who) => {
                        self.guess("invokers", format!("{who} may start it today too"))
                    }
                    Who::Everyone => self.guess("invokers", "anyone may start it today"),
                }
            }
        }
        arns.sort();
        arns.dedup();
        self.guess(
            "invokers",
            "whoever may start it today; leave those who should",
        );
        Some(arns)
    }

    fn task(&mut self, rights: &Rights) -> anyhow::Result<Task> {
        let path = "tasks.work";
        self.guess(
            path,
            "one task; split it by job, each with its own time and parameters",
        );
        self.guess(&format!("{path}.for"), "how long one job takes");
        for (list, notes) in [("read", &rights.read_notes), ("write", &rights.write_notes)] {
            for (index, note) in notes.iter().enumerate() {
                self.guess(&format!("{path}.{list}.{index}"), note);
            }
        }
        for note in &rights.left_out {
            self.guess(path, note);
        }
        let tools = self.tools();
        self.guess(
            &format!("{path}.limits"),
            "room for a job; lower it to what yours take",
        );
        Ok(Task {
            lasts: Lasts::of_seconds(30 * 60)
                .ok_or_else(|| anyhow::anyhow!("half an hour is a span"))?,
            parameters: BTreeMap::new(),
            record_parameters: false,
            read: rights.read.clone(),
            write: rights.write.clone(),
            tools,
            sequence: Vec::new(),
            limits: Limits {
                calls: Some(200),
                writes: Some(50),
                per_minute: Some(60),
                sums: Vec::new(),
            },
        })
    }

    /// Each tool of its configuration. What functions a tool has, the snapshot does not say.
    fn tools(&mut self) -> Vec<ToolUse> {
        let mut tools = Vec::new();
        for tool in self.agent.tools.iter().filter(|tool| tool.enabled) {
            let asks_someone = matches!(tool.kind, ToolKind::UserInput | ToolKind::ReturnControl)
                || tool.acts_as == ActsAs::Nobody;
            let name: Result<ToolName, _> = format!("{}/call", kebab(&tool.name)).parse();
            let Ok(name) = name else {
                continue;
            };
            if asks_someone || tools.iter().any(|known: &ToolUse| known.tool == name) {
                continue;
            }
            let path = format!("tasks.work.tools.{}", tools.len());
            self.guess(
                &path,
                format!(
                    "`{}` of its configuration; name each function it may call",
                    tool.name
                ),
            );
            tools.push(ToolUse {
                tool: name,
                when: None,
                calls: Some(20),
                approve: None,
                labels: Vec::new(),
                accepts: Vec::new(),
                record_arguments: false,
                schema: None,
            });
        }
        tools
    }
}
