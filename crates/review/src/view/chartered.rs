//! Which agent has which charter, and what the charter says of it.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_charter::{
    Charter, Charters, Reach,
    compile::{CalledBy, Closure, Site, ToolTarget, closure},
};
use bailiwick_estate::{
    Estate, Id, Named, Role, Tool, ToolKind,
    agent::{ActsAs, Agent, AgentKind},
};
use bailiwick_iam::{access::Access, arn::Arn, layers::Layers, request::Principal};

use rustc_hash::FxHashMap;

use super::{Seat, View};
use crate::{escalation::glob, finding::Evidence, site::site};

/// One line of a charter: what a task may do.
#[derive(Debug)]
pub(crate) struct Declared<'c> {
    pub reach: &'c Reach,
    /// Where it stands in the charter: `tasks.reconcile.read.0`.
    pub at: String,
}

impl<'e> View<'e> {
    /// Whether anybody wrote charters: then an agent without one is not governed.
    pub(crate) fn has_charters(&self) -> bool {
        self.intent.charters.is_some_and(|it| !it.is_empty())
    }

    /// The charter that names the agent, or the role of which nobody knows the agent.
    pub(crate) fn charter_of(&self, agent: &Agent) -> Option<&'e Charter> {
        let by_agent = self.chartered.get_or_init(|| match self.intent.charters {
            Some(charters) => by_agent(self.estate, charters),
            None => FxHashMap::default(),
        });
        by_agent.get(agent.arn.as_str()).copied()
    }

    /// Every agent that a charter names, with it, in the order of the estate.
    pub(crate) fn chartered(&self) -> impl Iterator<Item = (Id<Agent>, &'e Agent, &'e Charter)> {
        let agents = self.estate.agents.iter();
        agents.filter_map(|(id, agent)| Some((id, agent, self.charter_of(agent)?)))
    }

    /// The agent's environment: its charter's word, or else what the estate tells.
    pub(crate) fn environment_of(&self, id: Id<Agent>) -> Option<&'e str> {
        let agent = self.estate.agents.at(id);
        let declared = self.charter_of(agent).map(|it| it.environment.as_str());
        declared.or_else(|| agent.environment.as_ref().map(|it| it.name.as_str()))
    }

    /// Where a charter says something.
    pub(crate) fn declaration(&self, charter: &Charter, at: &str, text: &str) -> Evidence {
        let charters = self.intent.charters;
        let file = charters.and_then(|it| it.file_of(&charter.agent));
        let place = charter.places.find(at);
        Evidence {
            source: file.unwrap_or("a charter").to_owned(),
            pointer: place.map_or_else(|| "1:1".to_owned(), |it| it.to_string()),
            text: text.to_owned(),
        }
    }

    /// All that a charter's roles may ever hold, here: its tasks, the models and tools the agent is
    /// configured with, the platform's baseline. `None` where it names no account.
    pub(crate) fn closure_of(&self, agent: &Agent, charter: &Charter) -> Option<Closure> {
        let known = Site {
            account: Some(agent.account),
            region: agent.region.clone(),
            tools: self.tools(agent, charter),
            ..Site::default()
        };
        closure(charter, &site(charter, self.estate, &known)).ok()
    }

    /// The roles as which a tool server of a charter runs: what the agent itself holds by that name,
    /// or a target of a gateway of its account that is called so.
    pub(crate) fn roles_behind(&self, agent: &Agent, server: &str) -> Vec<Id<Role>> {
        let named = |holder: &'e Agent| holder.tools.iter().filter(|it| alike(&it.name, server));
        let own = self.estate.named(&agent.arn).into_iter();
        let own = own.filter_map(|it| match it {
            Named::Agent(id) => Some(self.estate.agents.at(id)),
            _ => None,
        });
        let gateways = self
            .estate
            .agents
            .values()
            .filter(|it| it.kind == AgentKind::Gateway && it.account == agent.account);
        let tools = own.chain(gateways).flat_map(named);
        let mut roles: Vec<_> = tools
            .flat_map(|tool| tool.roles.iter().filter_map(|it| it.id))
            .collect();
        roles.sort();
        roles.dedup();
        roles
    }

    /// What the role of a seat may do, as a set.
    pub(crate) fn access_of(&self, seat: &Seat) -> Access<'_> {
        let role = self.estate.roles.at(seat.role);
        let principal = Principal::Role(role.arn.clone());
        let layers = self.layers_of(&principal);
        self.algebra.access(&layers, Some(&principal))
    }

    /// What these layers allow the role of a seat, as a set.
    pub(crate) fn access_under(&self, layers: &Layers, seat: &Seat) -> Access<'_> {
        let role = self.estate.roles.at(seat.role);
        let principal = Principal::Role(role.arn.clone());
        self.algebra.access(layers, Some(&principal))
    }

    /// What stands behind the tools that the charter names: what the agent itself holds by that name,
    /// or a gateway of its account that is called so or has such a target.
    fn tools(&self, agent: &Agent, charter: &Charter) -> BTreeMap<String, Vec<ToolTarget>> {
        let used = charter.tasks.values().flat_map(|task| &task.tools);
        let servers: BTreeSet<&str> = used.map(|it| it.tool.server()).collect();
        let behind = |server: &str| {
            let held = agent.tools.iter().filter(|it| alike(&it.name, server));
            let held: Vec<_> = held.flat_map(targets).collect();
            let gateways = self.estate.agents.values().filter(|it| {
                it.kind == AgentKind::Gateway
                    && it.account == agent.account
                    && (alike(&it.name, server)
                        || it.tools.iter().any(|it| alike(&it.name, server)))
            });
            if held.is_empty() {
                gateways
                    .map(|it| target("bedrock-agentcore:InvokeGateway", &it.arn))
                    .collect()
            } else {
                held
            }
        };
        servers
            .into_iter()
            .map(|server| (server.to_owned(), behind(server)))
            .collect()
    }
}

/// The charter of each agent that has one, by the agent's ARN. A workload that is named in full goes
/// before a pattern; a role counts where nobody knows the agent behind it.
fn by_agent<'e>(estate: &'e Estate, charters: &'e Charters) -> FxHashMap<&'e str, &'e Charter> {
    let mut named: FxHashMap<&str, &Charter> = FxHashMap::default();
    let mut patterns: Vec<(&str, &Charter)> = Vec::new();
    for charter in charters.iter() {
        for workload in charter.runs_as.iter().map(Arn::as_str) {
            if workload.ends_with('*') {
                patterns.push((workload, charter));
            } else {
                named.entry(workload).or_insert(charter);
            }
        }
        if let Some(role) = &charter.role {
            named.entry(role.arn.as_str()).or_insert(charter);
        }
    }
    let of = |agent: &'e Agent| {
        let arn = agent.arn.as_str();
        let by_pattern = || {
            let mut patterns = patterns.iter();
            patterns.find(|(pattern, _)| glob::matches(pattern, arn))
        };
        let charter = named.get(arn).copied();
        let charter = charter.or_else(|| Some(by_pattern()?.1))?;
        Some((arn, charter))
    };
    estate.agents.values().filter_map(of).collect()
}

/// What the tasks of a charter read and write, line by line.
pub(crate) fn declared(charter: &Charter) -> impl Iterator<Item = Declared<'_>> {
    charter.tasks.iter().flat_map(|(name, task)| {
        let lists = [("read", &task.read), ("write", &task.write)];
        lists.into_iter().flat_map(move |(list, reaches)| {
            let lines = reaches.iter().enumerate();
            lines.map(move |(index, reach)| Declared {
                reach,
                at: format!("tasks.{}.{list}.{index}", name.as_str()),
            })
        })
    })
}

/// `order_desk` and `order-desk` are one name.
fn alike(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.to_ascii_lowercase().replace('_', "-");
    plain(one) == plain(other)
}

fn target(action: &str, resource: &Arn) -> ToolTarget {
    ToolTarget {
        action: action.to_owned(),
        resource: resource.to_string(),
        called_by: CalledBy::Role,
    }
}

/// What the agent's own role needs to call a tool.
fn targets(tool: &Tool) -> Vec<ToolTarget> {
    if tool.acts_as == ActsAs::Service {
        return Vec::new();
    }
    match &tool.kind {
        ToolKind::Lambda { function } => vec![target("lambda:InvokeFunction", function)],
        ToolKind::Gateway { arn } => vec![target("bedrock-agentcore:InvokeGateway", arn)],
        ToolKind::Runtime { arn } => vec![target("bedrock-agentcore:InvokeAgentRuntime", arn)],
        ToolKind::KnowledgeBase { arn: Some(arn), .. } => vec![
            target("bedrock:Retrieve", arn),
            target("bedrock:RetrieveAndGenerate", arn),
        ],
        ToolKind::Collaborator { alias } => vec![
            target("bedrock:InvokeAgent", alias),
            target("bedrock:GetAgentAlias", alias),
        ],
        _ => Vec::new(),
    }
}
