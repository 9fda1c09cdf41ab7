//! What can be settled only when every file has been read: names become ids, drafts become agents,
//! and what is still missing is told.

mod agents;
mod missing;

use std::collections::BTreeMap;

use bailiwick_iam::arn::{AccountId, Arn};

use super::{
    Loader,
    details::{Attachment, Owner},
    learn,
    resources::Found,
};
use crate::{
    agent::RoleRef,
    arena::Id,
    document::{Content, PolicyDocument},
    estate::{Estate, Named},
    organization::Unit,
    principal::{Group, Role, Tags},
    resource::ResourcePolicy,
};

/// The services that run agents, and the call that lists them, where a snapshot may hold its answer.
const AGENT_SERVICES: [(&str, Option<&str>); 4] = [
    ("bedrock.amazonaws.com", Some("ListAgents")),
    ("bedrock-agentcore.amazonaws.com", Some("ListAgentRuntimes")),
    ("aidevops.amazonaws.com", None),
    ("securityagent.amazonaws.com", None),
];

impl Loader {
    pub(super) fn finish(mut self) -> Estate {
        self.attach();
        self.join_groups();
        self.add_extras();
        self.add_members();
        self.add_resources();
        self.add_agents();
        self.add_listed_agents();
        self.add_agents_of_unknown_kind();
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
        fn collect(unit: &Unit, into: &mut Vec<(AccountId, Option<String>, Tags)>) {
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
            members.push((organization.management_account, None, Tags::new()));
        }
        for (id, name, tags) in members {
            let account = self.account(id);
            account.name = account.name.take().or(name);
            account.tags.extend(tags);
        }
    }

    fn add_resources(&mut self) {
        let profiles = self.roles_by_profile();
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
                let role = profiles.get(&role).cloned().unwrap_or(role);
                self.role_ref(role, &format!("role of {arn}"), &self.estate.locate(&place))
            });
            let id = self.estate.resources.push(resource);
            self.estate.by_arn.entry(arn).or_insert(Named::Resource(id));
        }
    }

    /// An instance names its profile; the profile holds the role.
    fn roles_by_profile(&self) -> BTreeMap<Arn, Arn> {
        let roles = self.estate.roles.values();
        let of = |role: &Role| {
            let arn = role.arn.clone();
            let profiles = role.instance_profiles.clone().into_iter();
            profiles.map(move |profile| (profile, arn.clone()))
        };
        roles.flat_map(of).collect()
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
}
