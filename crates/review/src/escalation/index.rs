//! Who could be gained, found by what a path knows of them: the service they trust, what they run,
//! whom they name.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use bailiwick_estate::{AgentKind, Estate, Id, PrincipalId, Role, Tags, User, agent::Invocation};
use bailiwick_iam::{
    arn::{AccountId, Arn},
    policy::{Effect, PrincipalPattern, Selection},
};
use rustc_hash::FxHashMap;

/// The principals of an estate, or some of them, by what leads to them.
#[derive(Debug, Default)]
pub(crate) struct Index<'e> {
    /// By account and service, the roles whose trust policy names the service.
    pub(crate) by_service: FxHashMap<(AccountId, &'e str), Vec<Id<Role>>>,
    /// By ARN as a trust policy writes it, the roles that name it.
    pub(crate) by_name: FxHashMap<&'e str, Vec<Id<Role>>>,
    /// By account, the roles that trust it as a whole.
    pub(crate) by_account: FxHashMap<AccountId, Vec<Id<Role>>>,
    /// Roles that trust everyone, or all but some.
    pub(crate) open: Vec<Id<Role>>,
    pub(crate) roles: FxHashMap<AccountId, Vec<Id<Role>>>,
    pub(crate) users: FxHashMap<AccountId, Vec<Id<User>>>,
    /// By account and services, the roles whose trust policy names one of them: filled when asked.
    by_services: RefCell<ByServices>,
    /// The same roles in parts of those that are alike, by the address of the classes, which are
    /// kept as long as the world is.
    pub(crate) parts: RefCell<Parts>,
}

type Parts = FxHashMap<(AccountId, &'static [String], usize), Rc<[Rc<[Id<Role>]>]>>;

type ByServices = FxHashMap<(AccountId, &'static [String]), Rc<[Id<Role>]>>;

impl<'e> Index<'e> {
    /// An index of the principals that `wanted` picks.
    pub(crate) fn of(estate: &'e Estate, wanted: impl Fn(PrincipalId) -> bool) -> Self {
        let mut index = Self::default();
        for (id, role) in estate.roles.iter() {
            if wanted(PrincipalId::Role(id)) {
                index.roles.entry(role.account).or_default().push(id);
                index.read_trust(estate, id, role);
            }
        }
        for (id, user) in estate.users.iter() {
            if wanted(PrincipalId::User(id)) {
                index.users.entry(user.account).or_default().push(id);
            }
        }
        index
    }

    fn read_trust(&mut self, estate: &'e Estate, id: Id<Role>, role: &'e Role) {
        let Some(trust) = estate.policy(role.trust) else {
            // What it says is unknown: anybody in its account may ask.
            push(self.by_account.entry(role.account).or_default(), id);
            return;
        };
        for statement in &trust.statements {
            if statement.effect == Effect::Deny {
                continue;
            }
            match &statement.principals {
                Some(Selection::Only(patterns)) => {
                    for pattern in patterns {
                        self.read_principal(role, id, &pattern.value);
                    }
                }
                Some(Selection::AllBut(_)) => push(&mut self.open, id),
                None => {}
            }
        }
    }

    fn read_principal(&mut self, role: &Role, id: Id<Role>, pattern: &'e PrincipalPattern) {
        match pattern {
            PrincipalPattern::Everyone => push(&mut self.open, id),
            PrincipalPattern::Account(account) => {
                let account = account.parse().ok().or_else(|| {
                    let arn: Arn = account.parse().ok()?;
                    arn.account_id()
                });
                if let Some(account) = account {
                    push(self.by_account.entry(account).or_default(), id);
                }
            }
            PrincipalPattern::Aws(name) => {
                push(self.by_name.entry(name).or_default(), id);
                // A session's ARN does not say the path of its role: any role of the account may be
                // meant.
                let session: Option<Arn> = name.parse().ok();
                let session = session.filter(|arn| arn.service() == "sts");
                if let Some(account) = session.and_then(|arn| arn.account_id()) {
                    push(self.by_account.entry(account).or_default(), id);
                }
            }
            PrincipalPattern::Service(service) => {
                let roles = self.by_service.entry((role.account, service.as_str()));
                push(roles.or_default(), id);
            }
            PrincipalPattern::Federated(_) | PrincipalPattern::CanonicalUser(_) => {}
        }
    }

    /// The roles of an account that name one of these services, each once.
    pub(crate) fn trusting(
        &self,
        account: AccountId,
        services: &'static [String],
    ) -> Rc<[Id<Role>]> {
        if let Some(found) = self.by_services.borrow().get(&(account, services)) {
            return Rc::clone(found);
        }
        let named = services
            .iter()
            .filter_map(|service| self.by_service.get(&(account, service.as_str())));
        let roles: Rc<[_]> = each_once(named.flatten().copied()).into();
        let mut by_services = self.by_services.borrow_mut();
        by_services.insert((account, services), Rc::clone(&roles));
        roles
    }

    /// The roles whose trust policy may admit a principal: by its name, or by its account.
    pub(crate) fn admitting(&self, arn: &str, account: AccountId) -> Vec<Id<Role>> {
        let by_name = self.by_name.get(arn).into_iter().flatten();
        let by_account = self.by_account.get(&account).into_iter().flatten();
        let all = by_name.chain(by_account).chain(&self.open);
        each_once(all.copied())
    }
}

fn each_once(roles: impl Iterator<Item = Id<Role>>) -> Vec<Id<Role>> {
    let mut roles: Vec<_> = roles.collect();
    roles.sort_unstable();
    roles.dedup();
    roles
}

fn push(roles: &mut Vec<Id<Role>>, role: Id<Role>) {
    // Roles are read one after another, so a repetition is beside its first.
    if roles.last() != Some(&role) {
        roles.push(role);
    }
}

/// Something that exists and may run as a role.
#[derive(Debug)]
pub(crate) struct Existing<'e> {
    pub(crate) arn: &'e Arn,
    pub(crate) role: Option<Id<Role>>,
    pub(crate) tags: &'e Tags,
    /// Whether it is called with IAM credentials; `None` is unknown.
    pub(crate) iam_inbound: Option<bool>,
}

/// What exists, by account and CloudFormation type.
#[derive(Debug, Default)]
pub(crate) struct Inventory<'e> {
    by_kind: BTreeMap<(AccountId, &'e str), Vec<Existing<'e>>>,
}

impl<'e> Inventory<'e> {
    pub(crate) fn of(estate: &'e Estate) -> Self {
        let mut inventory = Self::default();
        for resource in estate.resources.values() {
            let Some(account) = resource.account.or_else(|| resource.arn.account_id()) else {
                continue;
            };
            let existing = Existing {
                arn: &resource.arn,
                role: resource.role.as_ref().and_then(|role| role.id),
                tags: &resource.tags,
                iam_inbound: None,
            };
            let of_kind = inventory.by_kind.entry((account, resource.kind.as_str()));
            of_kind.or_default().push(existing);
        }
        for agent in estate.agents.values() {
            let Some(kind) = type_of(agent.kind) else {
                continue;
            };
            let of_kind = inventory.by_kind.entry((agent.account, kind)).or_default();
            of_kind.extend(agent.roles.iter().map(|role| Existing {
                arn: &agent.arn,
                role: role.role.id,
                tags: &agent.tags,
                iam_inbound: takes_iam(&agent.invocation),
            }));
        }
        inventory
    }

    /// What exists of these types in an account.
    pub(crate) fn of_kinds<'s>(
        &'s self,
        account: AccountId,
        kinds: &'s [String],
    ) -> impl Iterator<Item = &'s Existing<'e>> + 's {
        kinds
            .iter()
            .filter_map(move |kind| self.by_kind.get(&(account, kind.as_str())))
            .flatten()
    }
}

fn takes_iam(invocation: &Invocation) -> Option<bool> {
    match invocation {
        Invocation::Iam | Invocation::Open => Some(true),
        Invocation::Jwt { .. } | Invocation::AuthenticateOnly | Invocation::NotInvoked => {
            Some(false)
        }
        Invocation::Unknown => None,
    }
}

fn type_of(kind: AgentKind) -> Option<&'static str> {
    match kind {
        AgentKind::Runtime => Some("AWS::BedrockAgentCore::Runtime"),
        AgentKind::Harness => Some("AWS::BedrockAgentCore::Harness"),
        AgentKind::Browser => Some("AWS::BedrockAgentCore::BrowserCustom"),
        AgentKind::CodeInterpreter => Some("AWS::BedrockAgentCore::CodeInterpreterCustom"),
        _ => None,
    }
}
