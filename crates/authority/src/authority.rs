//! Every task of every charter, compiled.

use std::collections::BTreeMap;
use std::sync::Arc;

use bailiwick_charter::Charter;
use bailiwick_ledger::Entry;
use bailiwick_ledger::argument::ArgumentKey;

use crate::argument::Tools;
use crate::bound::Bound;
use crate::call::Call;
use crate::fault::{Fault, Faults};
use crate::history::History;
use crate::judge::{Judgement, Learned, asked};
use crate::reason::Reason;
use crate::task::Task;

/// What the authority is told beside the charters.
#[derive(Debug)]
pub struct Settings {
    /// No grant lasts longer, whatever its charter says.
    pub grant_seconds_max: Option<u32>,
    /// The key of the hashes by which arguments and values are recognised in records.
    pub argument_key: ArgumentKey,
    /// The tools whose schemas are known. Conditions are typed by them, and pins compared.
    pub tools: Tools,
}

impl Default for Settings {
    /// No ceiling, and a key that everybody knows: for examples and tests.
    fn default() -> Self {
        Self {
            grant_seconds_max: None,
            argument_key: ArgumentKey::new([0; 32]),
            tools: Tools::default(),
        }
    }
}

/// Every task of every charter, compiled. Another set of charters makes another authority.
#[derive(Debug)]
pub struct Authority {
    agents: BTreeMap<String, Agent>,
    settings: Arc<Settings>,
}

#[derive(Debug)]
struct Agent {
    charter: String,
    tasks: BTreeMap<String, Task>,
}

/// A grant, as far as a judgement needs it: the fields of those names in the store's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    pub agent: String,
    pub task: String,
    /// The hash of the charter it is pinned to.
    pub charter: String,
    pub body: Vec<u8>,
    pub history: Vec<u8>,
}

impl Authority {
    /// Compiles charters.
    ///
    /// # Errors
    /// Everything in them that cannot be judged by, each with its place and what mends it.
    pub fn of(
        charters: impl IntoIterator<Item = Charter>,
        settings: Settings,
    ) -> Result<Self, Faults> {
        let settings = Arc::new(settings);
        let mut agents: BTreeMap<String, Agent> = BTreeMap::new();
        let mut faults = Vec::new();
        for charter in charters {
            let hash = charter.hash().to_string();
            let mut tasks = BTreeMap::new();
            for (name, declared) in &charter.tasks {
                let task = Task::compile(&charter, &hash, name, declared, &settings, &mut faults);
                tasks.insert(name.to_string(), task);
            }
            let agent = Agent {
                charter: hash,
                tasks,
            };
            if agents.insert(charter.agent.to_string(), agent).is_some() {
                faults.push(Fault {
                    agent: charter.agent.to_string(),
                    place: charter.places.find("agent"),
                    what: "two charters name this agent".to_owned(),
                    mend: "rename one, or drop it".to_owned(),
                });
            }
        }
        if faults.is_empty() {
            Ok(Self { agents, settings })
        } else {
            Err(Faults(faults))
        }
    }

    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A task of an agent.
    #[must_use]
    pub fn task(&self, agent: &str, task: &str) -> Option<&Task> {
        self.agents.get(agent)?.tasks.get(task)
    }

    /// Every task, by agent and name.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.agents.values().flat_map(|agent| agent.tasks.values())
    }

    /// The hash of each agent's charter. Live grants that are pinned to none of them are to end.
    pub fn charters(&self) -> impl Iterator<Item = (&str, &str)> {
        let agents = self.agents.iter();
        agents.map(|(name, agent)| (name.as_str(), agent.charter.as_str()))
    }

    /// The agents whose charter is another one now, or gone: their grants end.
    #[must_use]
    pub fn changed_since(&self, before: &Self) -> Vec<String> {
        let is_other = |name: &str, was: &Agent| {
            let now = self.agents.get(name);
            now.is_none_or(|now| now.charter != was.charter)
        };
        let agents = before.agents.iter();
        let changed = agents.filter(|(name, agent)| is_other(name, agent));
        changed.map(|(name, _)| name.clone()).collect()
    }

    /// Judges one call of one grant.
    pub fn judge(&self, standing: &Standing, call: &Call, now_ms: u64) -> Judgement {
        match self.stands(standing) {
            Ok((task, bound, history)) => task.judge(&bound, &history, call, now_ms),
            Err(reason) => Judgement::before_any_rule(reason, self.asked(call)),
        }
    }

    /// What a grant remembers of a tool's answer; nothing where the charter gives the tool no label
    /// that its values carry. Record it before the agent sees the answer.
    ///
    /// # Errors
    /// If the grant cannot take an answer: its charter changed, or it does not hold the tool.
    pub fn learn(
        &self,
        standing: &Standing,
        tool: &str,
        answer: &[u8],
    ) -> Result<Option<Learned>, Reason> {
        let (task, _, history) = self.stands(standing)?;
        task.learn(&history, tool, answer)
    }

    /// What was asked for, as it is recorded where it is denied before the authority judges.
    #[must_use]
    pub fn asked(&self, call: &Call) -> Entry {
        asked(call, &self.settings.argument_key, None)
    }

    fn stands(&self, standing: &Standing) -> Result<(&Task, Bound, History), Reason> {
        let task = self.task(&standing.agent, &standing.task);
        let task = task.filter(|task| task.charter == standing.charter);
        let task = task.ok_or(Reason::CharterChanged)?;
        let bound = task.read(&standing.body);
        let history = History::read(&standing.history);
        match (bound, history) {
            (Ok(bound), Ok(history)) => Ok((task, bound, history)),
            (Err(_), _) | (_, Err(_)) => Err(Reason::GrantUnreadable),
        }
    }
}
