//! Drafts become agents: their roles by version, their tools, and the roles behind those.

use std::collections::BTreeMap;

use bailiwick_iam::{
    arn::{AccountId, Arn},
    policy::{Effect, PrincipalPattern, Selection},
};

use super::{
    super::{
        Loader,
        calls::{Draft, DraftTool, Key, partition, unqualified},
        details::is_aws_managed,
        learn,
    },
    AGENT_SERVICES,
};
use crate::{
    agent::{
        Agent, AgentKind, AgentRole, AgentVersion, Alias, Invocation, Network, RoleRef, Tool,
        ToolKind,
    },
    estate::{Estate, Named},
    principal::Role,
    resource::{Resource, ResourcePolicy},
};

impl Loader {
    pub(super) fn add_agents(&mut self) {
        for (key, draft) in std::mem::take(&mut self.drafts) {
            if let Some(agent) = self.agent(key, draft) {
                self.push_agent(agent);
            }
        }
    }

    fn push_agent(&mut self, agent: Agent) {
        let arn = agent.arn.clone();
        let id = self.estate.agents.push(agent);
        // An agent of unknown kind goes by the name of its role, and no agent takes a name of IAM's
        // away; one that stands among the resources too is first of all an agent.
        let is_taken = match self.estate.named(&arn) {
            Some(Named::Role(_) | Named::User(_) | Named::Group(_) | Named::Policy(_)) => true,
            Some(Named::Agent(_) | Named::Resource(_)) | None => false,
        };
        if !is_taken {
            self.estate.by_arn.insert(arn, Named::Agent(id));
        }
    }

    fn agent(&mut self, key: Key, draft: Draft) -> Option<Agent> {
        let Key {
            account,
            region,
            kind,
            id,
        } = key;
        let arn = match draft.arn.clone() {
            Some(arn) => arn,
            None => made_arn(kind, account, &region, &id)?,
        };
        let name = draft.name.clone().unwrap_or(id);
        let place = self.estate.locate(&draft.place);
        if !draft.is_described {
            self.tell(
                format!("{kind} `{name}` ({arn})"),
                format!("{place} lists it and nothing describes it: its role is unknown"),
            );
        }
        let roles = self.agent_roles(kind, &arn, &draft, &place);
        let tools = self.agent_tools(&arn, draft.tools);
        let aliases = draft.aliases.unwrap_or_default().into_values();
        let resource_policy = match self.resource_policies.get(&arn) {
            Some(Some(policy)) => ResourcePolicy::Attached(*policy),
            Some(None) => ResourcePolicy::None,
            None => match self.estate.resource(&arn) {
                Some(listed) => self.estate.resources.at(listed).policy,
                None => ResourcePolicy::Unknown,
            },
        };
        Some(Agent {
            kind,
            name,
            account,
            region: Some(region),
            environment: None,
            owner: None,
            tags: self.tags.remove(&arn).unwrap_or_default(),
            roles,
            tools,
            invocation: draft.invocation,
            network: draft.network,
            aliases: aliases
                .map(|alias| Alias {
                    name: alias.name,
                    arn: alias.arn,
                    routes_to: alias.routes_to,
                    accepts_invocations: alias.accepts_invocations,
                    place: alias.place,
                })
                .collect(),
            policy_engine: draft.policy_engine,
            model: draft.model,
            guardrail: draft.guardrail,
            workload_identity: draft.workload_identity,
            resource_policy,
            uses: draft.uses.into_iter().collect(),
            place: draft.place,
            arn,
        })
    }

    /// The role of each version, versions of one role together.
    fn agent_roles(
        &mut self,
        kind: AgentKind,
        arn: &Arn,
        draft: &Draft,
        place: &str,
    ) -> Vec<AgentRole> {
        let routed = self.routes(kind, arn, draft, place);
        for version in routed.keys() {
            let is_known = draft.roles.contains_key(&Some(version.clone()));
            if !is_known && draft.is_described {
                self.tell(
                    format!("version {version} of {kind} {arn}"),
                    "requests are routed to it and nothing describes it: its role is unknown",
                );
            }
        }
        let mut found: Vec<AgentRole> = Vec::new();
        for (number, role) in &draft.roles {
            let routed_by = number.as_ref().and_then(|number| routed.get(number));
            let version = AgentVersion {
                number: number.clone(),
                routed_by: routed_by.cloned().unwrap_or_default(),
            };
            match found.iter_mut().find(|it| it.role.arn == *role) {
                Some(same) => same.versions.push(version),
                None => {
                    let role = self.role_ref(role.clone(), &format!("role of {kind} {arn}"), place);
                    found.push(AgentRole {
                        role,
                        versions: vec![version],
                    });
                }
            }
        }
        found
    }

    /// Which aliases or endpoints send requests to which version.
    fn routes(
        &mut self,
        kind: AgentKind,
        arn: &Arn,
        draft: &Draft,
        place: &str,
    ) -> BTreeMap<String, Vec<String>> {
        let mut routed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let has_versions = matches!(
            kind,
            AgentKind::BedrockAgent | AgentKind::Flow | AgentKind::Runtime
        );
        match &draft.aliases {
            Some(aliases) => {
                for alias in aliases.values() {
                    for version in &alias.routes_to {
                        routed
                            .entry(version.clone())
                            .or_default()
                            .push(alias.name.clone());
                    }
                }
            }
            None if has_versions && draft.is_described => {
                self.tell(
                    format!("versions of {kind} {arn} in use"),
                    format!(
                        "{place} describes it, and no answer lists its aliases or endpoints: an \
                         older version with another role may be live"
                    ),
                );
                // Every runtime has this endpoint, and it follows the newest version.
                if let (AgentKind::Runtime, Some(latest)) = (kind, &draft.latest) {
                    routed.insert(latest.clone(), vec!["DEFAULT".into()]);
                }
            }
            None => {}
        }
        routed
    }

    /// The same tool in several versions is one tool.
    fn agent_tools(
        &mut self,
        agent: &Arn,
        drafts: BTreeMap<(Option<String>, String), DraftTool>,
    ) -> Vec<Tool> {
        let mut found: Vec<Tool> = Vec::new();
        for ((version, _), draft) in drafts {
            let kind = draft.kind.unwrap_or_else(|| {
                let what = format!("tool `{}` of {agent}", draft.name);
                let place = self.estate.locate(&draft.place);
                let why = format!("{place} lists it and nothing describes it");
                self.tell(what, why);
                ToolKind::Other {
                    what: "not described".into(),
                }
            });
            let same = found.iter_mut().find(|tool| {
                tool.name == draft.name && tool.kind == kind && tool.enabled == draft.is_enabled
            });
            match same {
                Some(tool) => tool.versions.extend(version),
                None => found.push(Tool {
                    name: draft.name,
                    kind,
                    versions: version.into_iter().collect(),
                    enabled: draft.is_enabled,
                    acts_as: draft.acts_as,
                    roles: Vec::new(),
                    place: draft.place,
                }),
            }
        }
        found
    }

    /// Roles that trust an agent service, in accounts where nobody listed that service's agents.
    pub(super) fn add_agents_of_unknown_kind(&mut self) {
        let used = self.estate.roles_of_agents();
        let mut unlisted = Vec::new();
        for (id, role) in self.estate.roles.iter() {
            let trusting = AGENT_SERVICES.iter().find(|(service, listing)| {
                self.trusts(role, service)
                    && !listing.is_some_and(|listing| self.estate.answered(role.account, listing))
            });
            if trusting.is_some() && !used.contains(&id) && !role.is_service_linked() {
                unlisted.push(id);
            }
        }
        for id in unlisted {
            let role = self.estate.roles.at(id);
            let agent = Agent {
                kind: AgentKind::Unknown,
                roles: vec![AgentRole {
                    role: RoleRef {
                        arn: role.arn.clone(),
                        id: Some(id),
                    },
                    versions: vec![AgentVersion {
                        number: None,
                        routed_by: Vec::new(),
                    }],
                }],
                tags: role.tags.clone(),
                ..bare_agent(role)
            };
            self.push_agent(agent);
        }
    }

    fn trusts(&self, role: &Role, service: &str) -> bool {
        let Some(trust) = self.estate.policy(role.trust) else {
            return false;
        };
        trust.statements.iter().any(|statement| {
            let Some(Selection::Only(principals)) = &statement.principals else {
                return false;
            };
            statement.effect == Effect::Allow
                && principals.iter().any(|principal| match &principal.value {
                    PrincipalPattern::Service(name) => name == service,
                    PrincipalPattern::Everyone
                    | PrincipalPattern::Account(_)
                    | PrincipalPattern::Aws(_)
                    | PrincipalPattern::Federated(_)
                    | PrincipalPattern::CanonicalUser(_) => false,
                })
        })
    }

    /// A resource that runs as a role is an agent if its type says so, or the tag `agent`.
    pub(super) fn add_listed_agents(&mut self) {
        let mut found = Vec::new();
        for resource in self.estate.resources.values() {
            let is_known = matches!(self.estate.named(&resource.arn), Some(Named::Agent(_)));
            let (Some(role), false) = (&resource.role, is_known) else {
                continue;
            };
            let name = resource.arn.resource_name().to_owned();
            let (kind, name) = match (kind_of(&resource.kind), learn::agent(&resource.tags)) {
                (Some(kind), tagged) => (kind, tagged.unwrap_or(name)),
                (None, Some(tagged)) => (AgentKind::SelfRun, tagged),
                (None, None) => continue,
            };
            let Some(account) = resource.account.or(role.arn.account_id()) else {
                continue;
            };
            found.push(listed_agent(resource, role, kind, name, account));
        }
        for agent in found {
            self.push_agent(agent);
        }
    }

    /// A function's role, a knowledge base's, and those of every version a collaborator's alias
    /// routes to.
    pub(super) fn add_roles_behind_tools(&mut self) {
        let mut agents = std::mem::take(&mut self.estate.agents);
        let behind = Behind::of(&self.estate, agents.values());
        let mut untold = Vec::new();
        for agent in agents.values_mut() {
            for tool in &mut agent.tools {
                match behind.roles(&tool.kind) {
                    Some(roles) => tool.roles = roles,
                    None => {
                        untold.push((tool.name.clone(), agent.arn.clone(), tool.kind.clone()));
                    }
                }
            }
        }
        self.estate.agents = agents;
        for (name, agent, kind) in untold {
            let why = match kind {
                ToolKind::Lambda { function } => {
                    format!("no file describes {function}: the role it runs as is unknown")
                }
                ToolKind::Collaborator { alias } => {
                    format!("no file describes {alias}: the role behind it is unknown")
                }
                _ => "no file describes what is behind it: its role is unknown".into(),
            };
            self.tell(format!("tool `{name}` of {agent}"), why);
        }
    }
}

/// What stands behind the tools of agents.
struct Behind {
    functions: BTreeMap<Arn, Vec<RoleRef>>,
    components: BTreeMap<Arn, Vec<RoleRef>>,
    aliases: BTreeMap<Arn, Vec<RoleRef>>,
}

impl Behind {
    fn of<'a>(estate: &Estate, agents: impl Iterator<Item = &'a Agent>) -> Self {
        let function = |resource: &Resource| {
            let is_function = resource.kind == "AWS::Lambda::Function";
            is_function.then(|| {
                (
                    resource.arn.clone(),
                    resource.role.iter().cloned().collect(),
                )
            })
        };
        let functions = estate.resources.values().filter_map(function).collect();
        let mut components = BTreeMap::new();
        let mut aliases = BTreeMap::new();
        for agent in agents {
            let all = agent.roles.iter().map(|it| it.role.clone()).collect();
            components.insert(agent.arn.clone(), all);
            for alias in &agent.aliases {
                let Some(arn) = &alias.arn else { continue };
                let routed = |version: &AgentVersion| {
                    let number = version.number.as_ref();
                    number.is_some_and(|number| alias.routes_to.contains(number))
                };
                let live = agent
                    .roles
                    .iter()
                    .filter(|it| it.versions.iter().any(routed));
                aliases.insert(arn.clone(), live.map(|it| it.role.clone()).collect());
            }
        }
        Self {
            functions,
            components,
            aliases,
        }
    }

    /// `None`: something with a role should be there and is not.
    fn roles(&self, kind: &ToolKind) -> Option<Vec<RoleRef>> {
        match kind {
            ToolKind::Lambda { function } => self.functions.get(&unqualified(function)).cloned(),
            ToolKind::Collaborator { alias } => self.aliases.get(alias).cloned(),
            ToolKind::KnowledgeBase { arn: Some(arn), .. }
            | ToolKind::Runtime { arn }
            | ToolKind::Gateway { arn }
            | ToolKind::Memory { arn }
            | ToolKind::Browser { arn: Some(arn) }
            | ToolKind::CodeInterpreter { arn: Some(arn) } => {
                let is_awss_own = is_aws_managed(arn);
                match self.components.get(arn) {
                    None if is_awss_own => Some(Vec::new()),
                    found => found.cloned(),
                }
            }
            ToolKind::KnowledgeBase { arn: None, .. } => None,
            ToolKind::ReturnControl
            | ToolKind::UserInput
            | ToolKind::BuiltIn { .. }
            | ToolKind::OpenApi
            | ToolKind::Smithy
            | ToolKind::ApiGateway { .. }
            | ToolKind::McpServer { .. }
            | ToolKind::Browser { arn: None }
            | ToolKind::CodeInterpreter { arn: None }
            | ToolKind::InlineFunction
            | ToolKind::Other { .. } => Some(Vec::new()),
        }
    }
}

/// The kind of agent that a CloudFormation type makes.
fn kind_of(cloudformation_type: &str) -> Option<AgentKind> {
    Some(match cloudformation_type {
        "AWS::Bedrock::Agent" => AgentKind::BedrockAgent,
        "AWS::Bedrock::Flow" => AgentKind::Flow,
        "AWS::Bedrock::KnowledgeBase" => AgentKind::KnowledgeBase,
        "AWS::BedrockAgentCore::Runtime" => AgentKind::Runtime,
        "AWS::BedrockAgentCore::Harness" => AgentKind::Harness,
        "AWS::BedrockAgentCore::Gateway" => AgentKind::Gateway,
        "AWS::BedrockAgentCore::BrowserCustom" => AgentKind::Browser,
        "AWS::BedrockAgentCore::CodeInterpreterCustom" => AgentKind::CodeInterpreter,
        "AWS::BedrockAgentCore::Memory" => AgentKind::Memory,
        "AWS::BedrockAgentCore::OnlineEvaluationConfig" => AgentKind::OnlineEvaluation,
        "AWS::BedrockAgentCore::CapacityProvider" => AgentKind::CapacityProvider,
        "AWS::BedrockAgentCore::ConsentPortal" => AgentKind::ConsentPortal,
        "AWS::BedrockAgentCore::PaymentManager" => AgentKind::PaymentManager,
        _ => return None,
    })
}

fn listed_agent(
    resource: &Resource,
    role: &RoleRef,
    kind: AgentKind,
    name: String,
    account: AccountId,
) -> Agent {
    let region = Some(resource.arn.region()).filter(|region| !region.is_empty());
    Agent {
        arn: resource.arn.clone(),
        kind,
        name,
        account,
        region: region.map(str::to_owned),
        environment: None,
        owner: None,
        tags: resource.tags.clone(),
        roles: vec![AgentRole {
            role: role.clone(),
            versions: vec![AgentVersion {
                number: None,
                routed_by: Vec::new(),
            }],
        }],
        tools: Vec::new(),
        invocation: Invocation::Unknown,
        network: Network::Unknown,
        aliases: Vec::new(),
        policy_engine: None,
        model: None,
        guardrail: None,
        workload_identity: None,
        resource_policy: resource.policy,
        uses: resource.calls.clone(),
        place: resource.place.clone(),
    }
}

fn bare_agent(role: &Role) -> Agent {
    Agent {
        arn: role.arn.clone(),
        kind: AgentKind::Unknown,
        name: role.name.clone(),
        account: role.account,
        region: None,
        environment: None,
        owner: None,
        tags: crate::Tags::new(),
        roles: Vec::new(),
        tools: Vec::new(),
        invocation: Invocation::Unknown,
        network: Network::Unknown,
        aliases: Vec::new(),
        policy_engine: None,
        model: None,
        guardrail: None,
        workload_identity: None,
        resource_policy: ResourcePolicy::Unknown,
        uses: Vec::new(),
        place: role.place.clone(),
    }
}

/// The ARN of a component that was listed without one.
fn made_arn(kind: AgentKind, account: AccountId, region: &str, id: &str) -> Option<Arn> {
    let (service, noun) = match kind {
        AgentKind::BedrockAgent => ("bedrock", "agent"),
        AgentKind::Flow => ("bedrock", "flow"),
        AgentKind::KnowledgeBase => ("bedrock", "knowledge-base"),
        AgentKind::Runtime => ("bedrock-agentcore", "runtime"),
        AgentKind::Harness => ("bedrock-agentcore", "harness"),
        AgentKind::Gateway => ("bedrock-agentcore", "gateway"),
        AgentKind::Browser => ("bedrock-agentcore", "browser-custom"),
        AgentKind::CodeInterpreter => ("bedrock-agentcore", "code-interpreter-custom"),
        AgentKind::Memory => ("bedrock-agentcore", "memory"),
        AgentKind::OnlineEvaluation => ("bedrock-agentcore", "online-evaluation-config"),
        AgentKind::CapacityProvider => ("bedrock-agentcore", "capacity-provider"),
        AgentKind::ConsentPortal => ("bedrock-agentcore", "consent-portal"),
        AgentKind::PaymentManager => ("bedrock-agentcore", "payment-manager"),
        AgentKind::RegistryRecord => ("bedrock-agentcore", "registry-record"),
        AgentKind::SelfRun | AgentKind::Unknown => return None,
    };
    let partition = partition(region);
    format!("arn:{partition}:{service}:{region}:{account}:{noun}/{id}")
        .parse()
        .ok()
}
