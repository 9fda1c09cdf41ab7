//! A snapshot of what exists, and the ways to look into it.

use std::collections::BTreeMap;

use bailiwick_iam::arn::{AccountId, Arn};
use rustc_hash::FxHashMap;

use crate::{
    agent::Agent,
    arena::{Arena, Id},
    document::{Content, PolicyDocument, Text},
    organization::{Levels, Organization},
    principal::{Account, Group, PrincipalId, Role, User},
    resource::{Resource, ResourcePolicy},
    source::{Incomplete, Place, Source},
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

    /// The policy of a resource or an agent, by its ARN.
    #[must_use]
    pub fn resource_policy(&self, arn: &Arn) -> ResourcePolicy {
        match self.named(arn) {
            Some(Named::Resource(resource)) => self.resources.at(resource).policy,
            Some(Named::Agent(agent)) => match self.agents.at(agent).resource_policy {
                Some(policy) => ResourcePolicy::Attached(policy),
                None => ResourcePolicy::Unknown,
            },
            Some(Named::Role(role)) => ResourcePolicy::Attached(self.roles.at(role).trust),
            Some(Named::User(_) | Named::Group(_) | Named::Policy(_)) => ResourcePolicy::None,
            None => ResourcePolicy::Unknown,
        }
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

    /// Agents that run as this role, in any version.
    pub fn agents_of(&self, role: Id<Role>) -> impl Iterator<Item = Id<Agent>> + '_ {
        let runs_as = move |agent: &Agent| agent.roles.iter().any(|it| it.role.id == Some(role));
        self.agents
            .iter()
            .filter(move |(_, agent)| runs_as(agent))
            .map(|(id, _)| id)
    }

    /// Compute that runs as this role: functions, tasks, instances.
    pub fn compute_of(&self, role: Id<Role>) -> impl Iterator<Item = Id<Resource>> + '_ {
        self.resources
            .iter()
            .filter(move |(_, it)| it.role.as_ref().is_some_and(|it| it.id == Some(role)))
            .map(|(id, _)| id)
    }

    /// `file:line:column` of a place.
    #[must_use]
    pub fn locate(&self, place: &Place) -> String {
        let name = &self.sources.at(place.source).name;
        format!("{name}:{}:{}", place.line, place.column)
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
