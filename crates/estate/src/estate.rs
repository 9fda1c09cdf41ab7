//! A snapshot of what exists, and the ways to look into it.

use std::collections::BTreeMap;

use bailiwick_iam::arn::{AccountId, Arn};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    agent::Agent,
    arena::{Arena, Id},
    document::{Content, PolicyDocument, Text},
    layers::CompiledOnce,
    load::unqualified,
    organization::{Levels, Organization},
    principal::{Account, Group, PrincipalId, Role, User},
    resource::{Resource, ResourcePolicy},
    source::{Incomplete, MORE_PRINCIPALS, Place, Source},
};

/// What exists: organisation, accounts, principals, policies, agents, tools, resources.
///
/// Everything is in the order it was read, and files are read in the order of their names, so the
/// same input gives the same estate.
#[derive(Debug, Default)]
pub struct Estate {
    pub organization: Option<Organization>,
    pub accounts: BTreeMap<AccountId, Account>,
    pub roles: Arena<Role>,
    pub users: Arena<User>,
    pub groups: Arena<Group>,
    pub policies: Arena<PolicyDocument>,
    pub texts: Arena<Text>,
    pub agents: Arena<Agent>,
    pub resources: Arena<Resource>,
    pub sources: Arena<Source>,
    /// What cannot be told, sorted.
    pub incomplete: Vec<Incomplete>,
    pub(crate) by_arn: FxHashMap<Arn, Named>,
    /// By account and lower-case name.
    pub(crate) role_by_name: FxHashMap<(AccountId, String), Id<Role>>,
    pub(crate) agents_by_role: FxHashMap<Id<Role>, Vec<Id<Agent>>>,
    pub(crate) compute_by_role: FxHashMap<Id<Role>, Vec<Id<Resource>>>,
    pub(crate) compiled: CompiledOnce,
}

/// What an ARN names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    Role(Id<Role>),
    User(Id<User>),
    Group(Id<Group>),
    Policy(Id<PolicyDocument>),
    Agent(Id<Agent>),
    Resource(Id<Resource>),
}

impl Estate {
    /// What this ARN names, if the estate holds it.
    #[must_use]
    pub fn named(&self, arn: &Arn) -> Option<Named> {
        self.by_arn.get(arn).copied()
    }

    /// The role with this ARN, or whose session this ARN is.
    #[must_use]
    pub fn role(&self, arn: &Arn) -> Option<Id<Role>> {
        match self.principal(arn)? {
            PrincipalId::Role(role) => Some(role),
            PrincipalId::User(_) => None,
        }
    }

    /// The role or user with this ARN. A session's ARN (`sts::…:assumed-role/NAME/SESSION`) finds
    /// its role.
    #[must_use]
    pub fn principal(&self, arn: &Arn) -> Option<PrincipalId> {
        match self.named(arn) {
            Some(Named::Role(role)) => Some(PrincipalId::Role(role)),
            Some(Named::User(user)) => Some(PrincipalId::User(user)),
            Some(Named::Group(_) | Named::Policy(_) | Named::Agent(_) | Named::Resource(_)) => None,
            None => self.role_of_session(arn).map(PrincipalId::Role),
        }
    }

    /// Roles and users, roles first.
    pub fn principals(&self) -> impl Iterator<Item = PrincipalId> + use<> {
        let roles = self.roles.ids().map(PrincipalId::Role);
        roles.chain(self.users.ids().map(PrincipalId::User))
    }

    #[must_use]
    pub fn arn(&self, principal: PrincipalId) -> &Arn {
        match principal {
            PrincipalId::Role(role) => &self.roles.at(role).arn,
            PrincipalId::User(user) => &self.users.at(user).arn,
        }
    }

    #[must_use]
    pub fn account_of(&self, principal: PrincipalId) -> AccountId {
        match principal {
            PrincipalId::Role(role) => self.roles.at(role).account,
            PrincipalId::User(user) => self.users.at(user).account,
        }
    }

    /// Every policy that can grant something to a principal: inline, attached, and those of a
    /// user's groups.
    #[must_use]
    pub fn identity_policies(&self, principal: PrincipalId) -> Vec<Id<PolicyDocument>> {
        match principal {
            PrincipalId::Role(role) => {
                let role = self.roles.at(role);
                role.inline.iter().chain(&role.attached).copied().collect()
            }
            PrincipalId::User(user) => {
                let user = self.users.at(user);
                let own = user.inline.iter().chain(&user.attached).copied();
                let groups = user.groups.iter().map(|&group| self.groups.at(group));
                own.chain(
                    groups.flat_map(|group| group.inline.iter().chain(&group.attached).copied()),
                )
                .collect()
            }
        }
    }

    #[must_use]
    pub fn boundary(&self, principal: PrincipalId) -> Option<Id<PolicyDocument>> {
        match principal {
            PrincipalId::Role(role) => self.roles.at(role).boundary,
            PrincipalId::User(user) => self.users.at(user).boundary,
        }
    }

    /// What a document says; `None` if it is missing or cannot be read, and so unknown.
    #[must_use]
    pub fn policy(&self, document: Id<PolicyDocument>) -> Option<&bailiwick_iam::policy::Policy> {
        match self.policies.at(document).content {
            Content::Read(text) => Some(&self.texts.at(text).policy),
            Content::Unreadable { .. } | Content::Missing => None,
        }
    }

    /// Where a statement of a document stands.
    #[must_use]
    pub fn statement_place(&self, document: Id<PolicyDocument>, statement: usize) -> Place {
        let document = self.policies.at(document);
        document.statement_place(&self.texts, statement)
    }

    /// The SCPs that bind the principals of an account.
    #[must_use]
    pub fn scp_levels(&self, account: AccountId) -> Levels {
        let organization = self.organization.as_ref();
        organization.map_or(Levels::Unknown, |it| {
            it.levels(account, |ceilings| &ceilings.scps)
        })
    }

    /// The RCPs that bind the resources of an account.
    #[must_use]
    pub fn rcp_levels(&self, account: AccountId) -> Levels {
        let organization = self.organization.as_ref();
        organization.map_or(Levels::Unknown, |it| {
            it.levels(account, |ceilings| &ceilings.rcps)
        })
    }

    /// The resource that an ARN is, or is a part of: the bucket of an object, the function of a
    /// version, the table of an index.
    #[must_use]
    pub fn resource(&self, arn: &Arn) -> Option<Id<Resource>> {
        match self.named_whole(arn)? {
            Named::Resource(resource) => Some(resource),
            Named::Role(_)
            | Named::User(_)
            | Named::Group(_)
            | Named::Policy(_)
            | Named::Agent(_) => None,
        }
    }

    /// The policy of a resource or an agent, by its ARN or that of a part of it. A role's is its
    /// trust policy.
    #[must_use]
    pub fn resource_policy(&self, arn: &Arn) -> ResourcePolicy {
        match self.named_whole(arn) {
            Some(Named::Resource(resource)) => self.resources.at(resource).policy,
            Some(Named::Agent(agent)) => self.agents.at(agent).resource_policy,
            Some(Named::Role(role)) => ResourcePolicy::Attached(self.roles.at(role).trust),
            Some(Named::User(_) | Named::Group(_) | Named::Policy(_)) => ResourcePolicy::None,
            None => ResourcePolicy::Unknown,
        }
    }

    /// Whether every user and role of an account is known: what is not here does not exist.
    #[must_use]
    pub fn has_all_principals(&self, account: AccountId) -> bool {
        let more = format!("{MORE_PRINCIPALS} {account}");
        let given = |account: &Account| account.principals_given;
        self.accounts.get(&account).is_some_and(given)
            && !self.incomplete.iter().any(|it| it.what.starts_with(&more))
    }

    /// Whether a service call of an account was answered in some region: `answered(id,
    /// "ListAgents")`. If not, what it would have listed is unknown.
    #[must_use]
    pub fn answered(&self, account: AccountId, operation: &str) -> bool {
        let matches = |call: &String| {
            call.split_once('/')
                .is_some_and(|(_, name)| name == operation)
        };
        self.accounts
            .get(&account)
            .is_some_and(|account| account.answered.iter().any(matches))
    }

    /// Whether a service call of an account was answered in this region. If it was, what the answer
    /// does not list does not exist there.
    #[must_use]
    pub fn answered_in(&self, account: AccountId, region: &str, operation: &str) -> bool {
        self.accounts
            .get(&account)
            .is_some_and(|account| account.answered.contains(&format!("{region}/{operation}")))
    }

    /// Agents and components that run as this role, in any version.
    pub fn agents_of(&self, role: Id<Role>) -> impl Iterator<Item = Id<Agent>> + '_ {
        self.agents_by_role
            .get(&role)
            .into_iter()
            .flatten()
            .copied()
    }

    /// Compute that runs as this role: functions, tasks, instances.
    pub fn compute_of(&self, role: Id<Role>) -> impl Iterator<Item = Id<Resource>> + '_ {
        self.compute_by_role
            .get(&role)
            .into_iter()
            .flatten()
            .copied()
    }

    pub(crate) fn roles_of_agents(&self) -> FxHashSet<Id<Role>> {
        let agents = self.agents.values();
        agents
            .flat_map(|agent| agent.roles.iter().filter_map(|it| it.role.id))
            .collect()
    }

    pub(crate) fn index(&mut self) {
        self.compiled = CompiledOnce::of(self.policies.len(), self.accounts.keys().copied());
        for (id, agent) in self.agents.iter() {
            for role in agent.roles.iter().filter_map(|it| it.role.id) {
                self.agents_by_role.entry(role).or_default().push(id);
            }
        }
        for (id, resource) in self.resources.iter() {
            if let Some(role) = resource.role.as_ref().and_then(|it| it.id) {
                self.compute_by_role.entry(role).or_default().push(id);
            }
        }
    }

    /// `file:line:column` of a place.
    #[must_use]
    pub fn locate(&self, place: &Place) -> String {
        let name = &self.sources.at(place.source).name;
        format!("{name}:{}:{}", place.line, place.column)
    }

    fn named_whole(&self, arn: &Arn) -> Option<Named> {
        self.named(arn).or_else(|| self.named(&whole(arn)?))
    }

    // A session's ARN drops the role's path, and role names are unique in an account without
    // regard to it (and to case).
    fn role_of_session(&self, arn: &Arn) -> Option<Id<Role>> {
        let session = arn.service() == "sts" && arn.resource_kind() == "assumed-role";
        if !session {
            return None;
        }
        let (account, name) = (arn.account_id()?, arn.resource().split('/').nth(1)?);
        self.role_named(account, name)
    }

    /// The role of this name, whatever its path.
    #[must_use]
    pub fn role_named(&self, account: AccountId, name: &str) -> Option<Id<Role>> {
        self.role_by_name
            .get(&(account, name.to_ascii_lowercase()))
            .copied()
    }
}

/// What an ARN is a part of, where policies sit on the whole.
fn whole(arn: &Arn) -> Option<Arn> {
    let separator = match arn.service() {
        "s3" | "sqs" => '/',
        "lambda" => return Some(unqualified(arn)),
        "dynamodb" => {
            let at = arn.as_str().match_indices('/').nth(1)?.0;
            return arn.as_str().get(..at)?.parse().ok();
        }
        _ => return None,
    };
    arn.as_str().split(separator).next()?.parse().ok()
}
