//! Who runs as which role.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_estate::{
    Estate, Id, Resource, Role, Tool,
    agent::{Agent, AgentKind, RoleRef},
};
use bailiwick_iam::arn::Arn;

/// A role that an agent, a component of one or a tool of one runs as.
#[derive(Debug)]
pub(crate) struct Seat {
    pub role: Id<Role>,
    /// Agents that act as it, in any version, in the order of the estate.
    pub agents: Vec<Id<Agent>>,
    /// Components that do not act by themselves: knowledge bases, memories.
    pub components: Vec<Id<Agent>>,
    /// Agents whose tools run as it.
    pub users: Vec<Id<Agent>>,
    /// Compute that runs as it and is no agent itself.
    pub compute: Vec<Id<Resource>>,
}

/// What kind of thing runs as a role. Two agents are one kind; an agent and its tool are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    Agent,
    Gateway,
    Sandbox,
    KnowledgeBase,
    Memory,
    Function,
    Compute,
    Other,
}

impl Part {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Gateway => "gateway",
            Self::Sandbox => "browser or interpreter",
            Self::KnowledgeBase => "knowledge base",
            Self::Memory => "memory",
            Self::Function => "function",
            Self::Compute => "compute",
            Self::Other => "service component",
        }
    }

    pub(crate) fn of_agent(kind: AgentKind) -> Self {
        match kind {
            AgentKind::Gateway => Self::Gateway,
            AgentKind::Browser | AgentKind::CodeInterpreter => Self::Sandbox,
            AgentKind::KnowledgeBase => Self::KnowledgeBase,
            AgentKind::Memory => Self::Memory,
            AgentKind::OnlineEvaluation
            | AgentKind::CapacityProvider
            | AgentKind::ConsentPortal
            | AgentKind::PaymentManager
            | AgentKind::RegistryRecord => Self::Other,
            AgentKind::BedrockAgent
            | AgentKind::Flow
            | AgentKind::Runtime
            | AgentKind::Harness
            | AgentKind::SelfRun
            | AgentKind::Unknown => Self::Agent,
            // A kind that later versions of the estate know acts until somebody says otherwise.
            _ => Self::Agent,
        }
    }

    pub(crate) fn of_compute(kind: &str) -> Self {
        if kind == "AWS::Lambda::Function" {
            Self::Function
        } else {
            Self::Compute
        }
    }
}

impl Seat {
    /// The agents that a finding about the role concerns.
    pub(crate) fn concerned(&self) -> Vec<Id<Agent>> {
        let all = self
            .agents
            .iter()
            .chain(&self.components)
            .chain(&self.users);
        let mut all: Vec<_> = all.copied().collect();
        all.sort();
        all.dedup();
        all
    }
}

/// One seat a role, by the role's ARN.
pub(super) fn seats(estate: &Estate) -> Vec<Seat> {
    let mut seats: BTreeMap<&Arn, Seat> = BTreeMap::new();
    for (id, agent) in estate.agents.iter() {
        for role in agent.roles.iter().filter_map(|it| it.role.id) {
            let seat = seat(&mut seats, estate, role);
            let list = if agent.kind.acts() {
                &mut seat.agents
            } else {
                &mut seat.components
            };
            if !list.contains(&id) {
                list.push(id);
            }
        }
        for role in agent.tools.iter().flat_map(roles_behind) {
            let seat = seat(&mut seats, estate, role);
            if !seat.users.contains(&id) {
                seat.users.push(id);
            }
        }
    }
    let agents: BTreeSet<&Arn> = estate.agents.values().map(|agent| &agent.arn).collect();
    for (id, resource) in estate.resources.iter() {
        let role = resource.role.as_ref().and_then(|it| it.id);
        let is_agent = agents.contains(&resource.arn);
        let taken = role.and_then(|role| seats.get_mut(&estate.roles.at(role).arn));
        if let (Some(seat), false) = (taken, is_agent) {
            seat.compute.push(id);
        }
    }
    seats.into_values().collect()
}

fn roles_behind(tool: &Tool) -> impl Iterator<Item = Id<Role>> + '_ {
    let known = |role: &RoleRef| role.id;
    tool.roles.iter().filter_map(known)
}

fn seat<'m, 'e>(
    seats: &'m mut BTreeMap<&'e Arn, Seat>,
    estate: &'e Estate,
    role: Id<Role>,
) -> &'m mut Seat {
    seats
        .entry(&estate.roles.at(role).arn)
        .or_insert_with(|| Seat {
            role,
            agents: Vec::new(),
            components: Vec::new(),
            users: Vec::new(),
            compute: Vec::new(),
        })
}
