//! What can be settled only when every file has been read: names become ids, drafts become agents,
//! and what is still missing is told.

use std::collections::BTreeMap;

use bailiwick_iam::{
    arn::{AccountId, Arn},
    policy::{Effect, PrincipalPattern, Selection},
};

use super::{
    Loader, Pages,
    calls::{Draft, DraftTool, Key, partition, unqualified},
    details::{Attachment, Owner, is_aws_managed},
    learn,
    resources::Found,
};
use crate::{
    agent::{
        Agent, AgentKind, AgentRole, AgentVersion, Alias, Invocation, Network, RoleRef, Tool,
        ToolKind,
    },
    arena::Id,
    document::{Content, PolicyDocument},
    estate::{Estate, Named},
    organization::Unit,
    principal::{Group, Role},
    resource::ResourcePolicy,
};

/// The services whose agents can be listed, and the call that lists them.
const AGENT_SERVICES: [(&str, &str); 2] = [
    ("bedrock.amazonaws.com", "ListAgents"),
    ("bedrock-agentcore.amazonaws.com", "ListAgentRuntimes"),
];

impl Loader {
    pub(super) fn finish(mut self) -> Estate {
        self.attach();
        self.join_groups();
        self.add_extras();
        self.add_members();
        self.add_resources();
        self.add_agents();
        self.add_agents_of_unknown_kind();
        self.add_self_run_agents();
        self.add_roles_behind_tools();
        self.add_resource_policies();
        self.learn_environments();
        self.estate.index();
        self.tell_what_is_missing();
        self.estate.incomplete = self.incomplete.into_iter().collect();
        self.estate
    }

    /// Finds the documents of the managed policies that principals name.
    fn attach(&mut self) {
        // One word for each missing document, however many principals name it.
        let mut missing: BTreeMap<(AccountId, Arn), (Id<PolicyDocument>, usize, String)> =
            BTreeMap::new();
        for attachment in std::mem::take(&mut self.attachments) {
            let Attachment {
                owner,
                arn,
                name,
                place,
                is_boundary,
            } = attachment;
            let account = self.account_of(owner);
            let document = match self.managed_document(account, &arn) {
                Some(document) => document,
                None => {
                    let locate = self.estate.locate(&place);
                    let policies = &mut self.estate.policies;
                    let entry = missing
                        .entry((account, arn))
                        .or_insert_with_key(|(_, arn)| {
                            let document = policies.push(PolicyDocument {
                                name: name.into(),
                                arn: Some(arn.clone()),
                                place,
                                content: Content::Missing,
                            });
                            (document, 0, locate)
                        });
                    entry.1 += 1;
                    entry.0
                }
            };
            self.give(owner, document, is_boundary);
        }
        for ((account, arn), (_, times, first)) in missing {
            let others = times - 1;
            let more = if others == 0 {
                String::new()
            } else {
                format!(" and {others} more")
            };
            self.tell(
                format!("policy {arn} in account {account}"),
                format!(
                    "no file has its document, so what those may do who have it is unknown: named \
                     at {first}{more}; collect without --filter"
                ),
            );
        }
    }

    fn managed_document(&self, account: AccountId, arn: &Arn) -> Option<Id<PolicyDocument>> {
        let of = |account| self.managed.get(&(account, arn.clone())).copied();
        of(Some(account))
            .or_else(|| of(None))
            .or_else(|| arn.account_id().and_then(|owner| of(Some(owner))))
    }

    fn account_of(&self, owner: Owner) -> AccountId {
        match owner {
            Owner::Role(role) => self.estate.roles.at(role).account,
            Owner::User(user) => self.estate.users.at(user).account,
            Owner::Group(group) => self.estate.groups.at(group).account,
        }
    }

    fn give(&mut self, owner: Owner, document: Id<PolicyDocument>, is_boundary: bool) {
        let estate = &mut self.estate;
        match owner {
            Owner::Role(role) => {
                if let Some(role) = estate.roles.get_mut(role) {
                    if is_boundary {
                        role.boundary = Some(document);
                    } else {
                        role.attached.push(document);
                    }
                }
            }
            Owner::User(user) => {
                if let Some(user) = estate.users.get_mut(user) {
                    if is_boundary {
                        user.boundary = Some(document);
                    } else {
                        user.attached.push(document);
                    }
                }
            }
            Owner::Group(group) => {
                if let Some(group) = estate.groups.get_mut(group) {
                    group.attached.push(document);
                }
            }
        }
    }

    /// A group that no file describes keeps its place: its policies are unknown, not none.
    fn join_groups(&mut self) {
        for (user, name, place) in std::mem::take(&mut self.memberships) {
            let account = self.estate.users.at(user).account;
            let key = (account, name.to_ascii_lowercase());
            let group = match self.group_by_name.get(&key) {
                Some(group) => *group,
                None => {
                    let text = format!("arn:aws:iam::{account}:group/{name}");
                    let Ok(arn) = text.parse::<Arn>() else {
                        continue;
                    };
                    let policies = self.missing("policies".into(), None, place.clone(), &arn);
                    let group = self.estate.groups.push(Group {
                        arn: arn.clone(),
                        account,
                        name,
                        path: "/".into(),
                        inline: vec![policies],
                        attached: Vec::new(),
                        place,
                    });
                    self.estate.by_arn.insert(arn, Named::Group(group));
                    self.group_by_name.insert(key, group);
                    group
                }
            };
            if let Some(user) = self.estate.users.get_mut(user) {
                user.groups.push(group);
            }
        }
    }

    fn add_extras(&mut self) {
        for extra in std::mem::take(&mut self.extras) {
            let account = extra.account;
            for (name, secs) in extra.session_secs_max {
                let Some(role) = self.estate.role_named(account, &name) else {
                    let why = "iam-extra.json speaks of it, and no iam.json has it";
                    self.tell(format!("role {name} of account {account}"), why);
                    continue;
                };
                if let Some(role) = self.estate.roles.get_mut(role) {
                    role.session_secs_max = secs.or(role.session_secs_max);
                }
            }
            for (list, is_key) in [
                (extra.access_keys, true),
                (extra.service_credentials, false),
            ] {
                let Some(list) = list else { continue };
                let mut by_user: BTreeMap<String, Vec<_>> = BTreeMap::new();
                for (user, credential) in list {
                    by_user.entry(user).or_default().push(credential);
                }
                for user in self.estate.users.values_mut() {
                    if user.account != account {
                        continue;
                    }
                    let credentials = Some(by_user.remove(&user.name).unwrap_or_default());
                    if is_key {
                        user.access_keys = credentials;
                    } else {
                        user.service_credentials = credentials;
                    }
                }
                for name in by_user.into_keys() {
                    let why = "iam-extra.json lists a credential of it, and no iam.json has it";
                    self.tell(format!("user {name} of account {account}"), why);
                }
            }
        }
    }

    /// Every account of the organisation is known by name, with or without its principals.
    fn add_members(&mut self) {
        fn collect(unit: &Unit, into: &mut Vec<(AccountId, Option<String>, crate::Tags)>) {
            for member in &unit.accounts {
                into.push((member.id, member.name.clone(), member.tags.clone()));
            }
            unit.units.iter().for_each(|unit| collect(unit, into));
        }
        let mut members = Vec::new();
        if let Some(organization) = &self.estate.organization {
            organization
                .roots
                .iter()
                .for_each(|root| collect(root, &mut members));
            members.push((organization.management_account, None, crate::Tags::new()));
        }
        for (id, name, tags) in members {
            let account = self.account(id);
            account.name = account.name.take().or(name);
            account.tags.extend(tags);
        }
    }

    fn add_resources(&mut self) {
        for Found { mut resource, role } in std::mem::take(&mut self.found) {
            if let Some(tags) = self.tags.remove(&resource.arn) {
                resource.tags.extend(tags);
            }
            resource.calls.sort();
            resource.calls.dedup();
            resource.data.sort();
            resource.data.dedup();
            let arn = resource.arn.clone();
            resource.role = role.map(|(role, place)| {
                let role = self.role_of_profile(role);
                self.role_ref(role, &format!("role of {arn}"), &self.estate.locate(&place))
            });
            let id = self.estate.resources.push(resource);
            self.estate.by_arn.entry(arn).or_insert(Named::Resource(id));
        }
    }

    /// An instance names its profile; the profile holds the role.
    fn role_of_profile(&self, arn: Arn) -> Arn {
        if arn.resource_kind() != "instance-profile" {
            return arn;
        }
        let holds = |role: &&Role| role.instance_profiles.contains(&arn);
        let role = self.estate.roles.values().find(holds);
        role.map_or(arn, |role| role.arn.clone())
    }

    /// A role by its ARN. One that no file describes is told, because what it may do is unknown.
    fn role_ref(&mut self, arn: Arn, of: &str, place: &str) -> RoleRef {
        let id = self.estate.role(&arn);
        if id.is_none() {
            self.tell(
                format!("{of}: {arn}"),
                format!("{place} names it, and no iam.json has it"),
            );
        }
        RoleRef { arn, id }
    }

    fn add_agents(&mut self) {
        for (key, draft) in std::mem::take(&mut self.drafts) {
            if let Some(agent) = self.agent(key, draft) {
                self.push_agent(agent);
            }
        }
    }

    fn push_agent(&mut self, agent: Agent) {
        let arn = agent.arn.clone();
        let id = self.estate.agents.push(agent);
        self.estate.by_arn.entry(arn).or_insert(Named::Agent(id));
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
            None => ResourcePolicy::Unknown,
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
    fn add_agents_of_unknown_kind(&mut self) {
        let used = self.estate.roles_of_agents();
        let mut unlisted = Vec::new();
        for (id, role) in self.estate.roles.iter() {
            let trusting = AGENT_SERVICES.iter().find(|(service, listing)| {
                self.trusts(role, service) && !self.estate.answered(role.account, listing)
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

    /// A resource that runs as a role and is tagged `agent` is an agent of its owner's making.
    fn add_self_run_agents(&mut self) {
        let mut found = Vec::new();
        for resource in self.estate.resources.values() {
            let (Some(role), Some(name)) = (&resource.role, learn::agent(&resource.tags)) else {
                continue;
            };
            let Some(account) = resource.account.or(role.arn.account_id()) else {
                continue;
            };
            let region = Some(resource.arn.region()).filter(|region| !region.is_empty());
            found.push(Agent {
                arn: resource.arn.clone(),
                kind: AgentKind::SelfRun,
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
            });
        }
        for agent in found {
            self.push_agent(agent);
        }
    }

    /// A function's role, a knowledge base's, and those of every version a collaborator's alias
    /// routes to.
    fn add_roles_behind_tools(&mut self) {
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

    /// Policies of resources that no listing named make the resource known; the others find it.
    fn add_resource_policies(&mut self) {
        for (arn, policy) in std::mem::take(&mut self.resource_policies) {
            let policy = policy.map_or(ResourcePolicy::None, ResourcePolicy::Attached);
            match self.estate.named(&arn) {
                Some(Named::Resource(id)) => {
                    if let Some(resource) = self.estate.resources.get_mut(id) {
                        resource.policy = policy;
                    }
                }
                Some(Named::Agent(_)) => {}
                Some(Named::Role(_) | Named::User(_) | Named::Group(_) | Named::Policy(_))
                | None => {
                    let why = "its policy was answered, and no file describes it";
                    self.tell(format!("resource {arn}"), why);
                }
            }
        }
        for arn in std::mem::take(&mut self.tags).into_keys() {
            if self.estate.named(&arn).is_none() {
                let why = "its tags were answered, and no file describes it";
                self.tell(format!("resource {arn}"), why);
            }
        }
    }

    fn learn_environments(&mut self) {
        let organization = self.estate.organization.as_ref();
        for account in self.estate.accounts.values_mut() {
            let path = organization.and_then(|it| it.path_to(account.id));
            let units = path.map(|(units, _)| units).unwrap_or_default();
            account.environment = learn::environment_of_account(account, &units);
        }
        let mut agents = std::mem::take(&mut self.estate.agents);
        for agent in agents.values_mut() {
            let role = agent.roles.first().and_then(|it| it.role.id);
            let role = role.map(|role| &self.estate.roles.at(role).tags);
            let account = self.estate.accounts.get(&agent.account);
            agent.environment = learn::environment(&agent.tags, role, account);
            agent.owner = learn::owner(&agent.tags, role);
        }
        self.estate.agents = agents;
    }

    fn tell_what_is_missing(&mut self) {
        if self.estate.organization.is_none() && !self.estate.accounts.is_empty() {
            self.tell(
                "organisation",
                "no organization.json was given: which SCPs and RCPs bind these accounts is unknown",
            );
        }
        let pages = std::mem::take(&mut self.pages);
        for (account, pages) in &pages {
            self.tell_of_pages(*account, pages);
        }
        let has_organization = self.estate.organization.is_some();
        let mut told = Vec::new();
        for account in self.estate.accounts.values() {
            let id = account.id;
            let of = |what: &str| format!("{what} of account {id}");
            if !account.principals_given {
                told.push((of("principals"), "no iam.json of it was given"));
                continue;
            }
            if has_organization && !self.members.contains(&id) {
                let is_management = self
                    .estate
                    .organization
                    .as_ref()
                    .is_some_and(|it| it.management_account == id);
                if !is_management {
                    let why = "organization.json does not list it: which SCPs bind it is unknown";
                    told.push((of("ceilings"), why));
                }
            }
            if !account.extra_given {
                let why = "no iam-extra.json of it was given: they are unknown";
                told.push((of("session durations, access keys and API keys"), why));
            }
            for (service, listing) in AGENT_SERVICES {
                if !self.estate.answered(id, listing) {
                    told.push((
                        of(&format!("agents of {service}")),
                        "no answer lists them: roles that trust the service stand for them",
                    ));
                }
            }
        }
        for (what, why) in told {
            self.tell(what, why);
        }
        for (operation, place) in std::mem::take(&mut self.unknown_operations) {
            let place = self.estate.locate(&place);
            let why = format!("{place} has an answer of it, which this version does not read");
            self.tell(format!("operation {operation}"), why);
        }
        let unread: Vec<_> = self
            .pages_offered
            .difference(&self.pages_read)
            .cloned()
            .collect();
        for (account, region, operation, _) in unread {
            let why = "the answer ends with a token for more, and no call continues it";
            self.tell(
                format!("the rest of {operation} in {account}/{region}"),
                why,
            );
        }
    }

    fn tell_of_pages(&mut self, account: AccountId, pages: &Pages) {
        let file = pages.file.clone().unwrap_or_default();
        if !pages.has_last {
            self.tell(
                format!("more principals of account {account}"),
                format!("{file} says IsTruncated and no further page was given"),
            );
        }
        for (is_there, list, what) in [
            (pages.has_users, "UserDetailList", "users"),
            (pages.has_groups, "GroupDetailList", "groups"),
            (pages.has_roles, "RoleDetailList", "roles"),
        ] {
            if !is_there {
                self.tell(
                    format!("{what} of account {account}"),
                    format!("{file} has no {list}"),
                );
            }
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
        let function = |resource: &crate::Resource| {
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
