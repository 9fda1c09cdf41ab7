//! What several rules look at: the layers over each principal, who runs as which role, and requests
//! asked and answered.
//!
//! Each policy is compiled once and each account's ceilings are put together once, whatever the
//! number of roles under them.

mod actions;
mod agents;
mod ask;
mod ceilings;
mod changes;
mod chartered;
mod compare;
mod evidence;
mod holders;
mod missing;
mod onward;
mod sample;
mod seat;
mod uses;

use std::{
    cell::{OnceCell, RefCell},
    rc::Rc,
    sync::Arc,
};

use bailiwick_charter::Charter;
use bailiwick_estate::{
    Account, Estate, Id, Levels, Named, PolicyDocument, PrincipalId, ResourcePolicy, Role, Tags,
};
use bailiwick_iam::{
    access::Algebra,
    arn::{AccountId, Arn},
    evaluate::Decision,
    layers::{Compiled, Layers, NamedPolicy, Policies},
    policy::{Effect, Policy, PrincipalPattern, Selection, Statement},
    request::{Principal, Request},
};
use bailiwick_iam_catalog::Catalog;
use rustc_hash::FxHashMap;

use crate::{
    compiled::CompiledEstate,
    escalation::{self, Graph, glob},
    intent::Intent,
};

pub(crate) use actions::Known;
pub(crate) use agents::is_telemetry;
pub(crate) use ask::{Answer, Proof};
pub(crate) use changes::{Change, Scope, declared_scope, is_deletion};
pub(crate) use chartered::declared;
pub(crate) use compare::{More, allows_everything};
pub(crate) use missing::{Allowed, Missing};
pub(crate) use sample::{could_work_on, instance, is_wild};
pub(crate) use seat::{Part, Seat};

/// The name of the policy that stands for what another account grants its own principals.
pub const STRANGER: &str = "assumed: the caller's own account allows it";

/// An estate as the rules look at it.
pub struct View<'e> {
    pub estate: &'e Estate,
    pub catalog: &'e Catalog<'static>,
    pub intent: Intent<'e>,
    compiled: CompiledEstate<'e>,
    graph: OnceCell<Graph<'e>>,
    seats: Vec<Seat>,
    layers: RefCell<FxHashMap<PrincipalId, Layers>>,
    stranger: OnceCell<Policies>,
    people: OnceCell<Vec<PrincipalId>>,
    /// Roles by the principal that their trust policies name in full.
    trusting: OnceCell<FxHashMap<String, Vec<Id<Role>>>>,
    admitting_many: OnceCell<Vec<Id<Role>>>,
    speakers: RefCell<FxHashMap<&'static str, Rc<[PrincipalId]>>>,
    surprising: RefCell<Surprising>,
    algebra: Algebra<'e>,
    /// The charters of agents, by the agents' ARNs.
    chartered: OnceCell<FxHashMap<&'e str, &'e Charter>>,
    expanded: RefCell<FxHashMap<String, Rc<[Known]>>>,
}

/// Principals that speak of an action, or all, as they surprise in an account.
type Surprising = FxHashMap<(Option<&'static str>, AccountId), Rc<[PrincipalId]>>;

impl std::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "View of {} agents", self.estate.agents.len())
    }
}

impl<'e> View<'e> {
    /// An estate of which nobody said what its agents are for.
    #[must_use]
    pub fn new(estate: &'e Estate, catalog: &'e Catalog<'static>) -> Self {
        Self::with_intent(estate, catalog, Intent::default())
    }

    #[must_use]
    pub fn with_intent(
        estate: &'e Estate,
        catalog: &'e Catalog<'static>,
        intent: Intent<'e>,
    ) -> Self {
        Self {
            estate,
            catalog,
            intent,
            chartered: OnceCell::new(),
            compiled: CompiledEstate::new(estate, catalog),
            graph: OnceCell::new(),
            seats: seat::seats(estate),
            layers: RefCell::default(),
            stranger: OnceCell::new(),
            people: OnceCell::new(),
            trusting: OnceCell::new(),
            admitting_many: OnceCell::new(),
            speakers: RefCell::default(),
            surprising: RefCell::default(),
            algebra: Algebra::new(catalog),
            expanded: RefCell::default(),
        }
    }

    /// What sets of requests are compared with.
    pub(crate) fn algebra(&self) -> &Algebra<'e> {
        &self.algebra
    }

    /// What every principal can become.
    pub(crate) fn graph(&self) -> &Graph<'e> {
        self.graph
            .get_or_init(|| escalation::graph_of(self.compiled.clone(), self.catalog))
    }

    /// The roles that agents, their components and their tools run as, by ARN.
    #[must_use]
    pub(crate) fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// What runs as a role, if anything of an agent's does.
    pub(crate) fn seat_of(&self, role: Id<Role>) -> Option<&Seat> {
        let arn = &self.estate.roles.at(role).arn;
        let at = self
            .seats
            .binary_search_by(|seat| self.estate.roles.at(seat.role).arn.cmp(arn));
        self.seats.get(at.ok()?)
    }

    /// Decides a request under every layer the estate knows of.
    pub fn decide(&self, request: &Request) -> Decision {
        self.compiled.decide(&self.layers_for(request), request)
    }

    /// Every layer over a request: those of its principal, its resource and both accounts.
    ///
    /// A principal that the estate does not hold is taken to be allowed everything by its own
    /// account, because nothing here can stop that account from doing so.
    #[must_use]
    pub fn layers_for(&self, request: &Request) -> Layers {
        let mut layers = self.layers_of(&request.principal);
        let Ok(arn) = request.resource.parse::<Arn>() else {
            return layers;
        };
        let is_role = arn.service() == "iam" && arn.resource_kind() == "role";
        if is_role && request.service() != "sts" {
            // A trust policy speaks of assuming the role, not of passing or changing it.
            return layers;
        }
        let holder = holder_of_policy(&arn).unwrap_or(arn);
        layers = self.compiled.at_resource(layers, &holder);
        let owner = request.account_of_resource();
        layers.rcp = owner.and_then(|owner| self.compiled.rcps(owner));
        layers
    }

    /// Says whose the resource is where its ARN does not, as in S3, and the estate knows.
    pub(crate) fn tell_owner(&self, request: &mut Request) {
        let Ok(arn) = request.resource.parse::<Arn>() else {
            return;
        };
        if request.resource_account.is_some() || arn.account_id().is_some() {
            return;
        }
        let holder = holder_of_policy(&arn).unwrap_or(arn);
        if let Some(Named::Resource(resource)) = self.estate.named(&holder) {
            request.resource_account = self.estate.resources.at(resource).account;
        }
    }

    fn layers_of(&self, principal: &Principal) -> Layers {
        let arn = match principal {
            Principal::Role(arn) | Principal::User(arn) => arn,
            Principal::Session(session) => session.role(),
            Principal::Root(_)
            | Principal::FederatedUser(_)
            | Principal::Provider(_)
            | Principal::Service(_)
            | Principal::Anonymous => return Layers::default(),
        };
        match self.estate.principal(arn) {
            Some(known) => self
                .layers
                .borrow_mut()
                .entry(known)
                .or_insert_with(|| self.compiled.layers(known))
                .clone(),
            None => Layers {
                identity: Some(self.stranger()),
                scp: arn.account_id().and_then(|it| self.compiled.scps(it)),
                ..Layers::default()
            },
        }
    }

    fn stranger(&self) -> Policies {
        let policies = self.stranger.get_or_init(|| {
            let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
            Policy::parse(text).map_or_else(
                |_| Policies::default(),
                |policy| {
                    let named = NamedPolicy {
                        name: STRANGER.into(),
                        policy: Arc::new(policy),
                    };
                    [Arc::new(Compiled::new(named))].into()
                },
            )
        });
        Policies::clone(policies)
    }

    /// The SCPs that bind the principals of an account, all levels together.
    pub(crate) fn scps(&self, account: AccountId) -> Vec<Id<PolicyDocument>> {
        match self.estate.scp_levels(account) {
            Levels::Known(levels) => levels.into_iter().flat_map(|it| it.policies).collect(),
            Levels::Exempt | Levels::Unknown => Vec::new(),
        }
    }

    /// The statements that grant a role something, and where they stand.
    pub(crate) fn grants(
        &self,
        role: Id<Role>,
    ) -> impl Iterator<Item = (Id<PolicyDocument>, usize, &'e Statement)> + use<'e> {
        let estate = self.estate;
        estate
            .identity_policies(PrincipalId::Role(role))
            .into_iter()
            .filter_map(move |document| Some((document, estate.policy(document)?)))
            .flat_map(|(document, policy)| {
                policy
                    .statements
                    .iter()
                    .enumerate()
                    .map(move |(index, statement)| (document, index, statement))
            })
            .filter(|(_, _, statement)| statement.effect == Effect::Allow)
    }

    /// Whether an agent of this seat, or else its account, is said to be production.
    pub(crate) fn is_production(&self, seat: &Seat) -> bool {
        let concerned = seat.concerned();
        let told: Vec<_> = concerned
            .iter()
            .filter_map(|&id| self.environment_of(id))
            .collect();
        if !told.is_empty() {
            return told.into_iter().any(is_production);
        }
        let account = self.estate.roles.at(seat.role).account;
        self.estate
            .accounts
            .get(&account)
            .and_then(|it| it.environment.as_ref())
            .is_some_and(|it| is_production(&it.name))
    }

    /// The roles whose trust policies name this principal in full.
    pub(crate) fn trusting(&self, principal: &str) -> &[Id<Role>] {
        let index = self.trusting.get_or_init(|| {
            let mut index: FxHashMap<String, Vec<Id<Role>>> = FxHashMap::default();
            for (id, role) in self.estate.roles.iter() {
                let statements = self.estate.policy(role.trust).map(|it| &it.statements);
                let patterns = statements
                    .into_iter()
                    .flatten()
                    .filter_map(|it| it.principals.as_ref())
                    .flat_map(Selection::patterns);
                for pattern in patterns {
                    if let PrincipalPattern::Aws(arn) = &pattern.value {
                        index.entry(arn.clone()).or_default().push(id);
                    }
                }
            }
            index
        });
        index.get(principal).map_or(&[], Vec::as_slice)
    }

    /// The roles whose trust policies may let in principals that they do not name one by one: whole
    /// accounts, everyone, whoever a policy that cannot be read means.
    pub(crate) fn admitting_many(&self) -> &[Id<Role>] {
        self.admitting_many.get_or_init(|| {
            let roles = self.estate.roles.iter();
            let many = roles.filter(|(_, role)| {
                let trust = self.estate.policy(role.trust);
                trust.is_none_or(|trust| trust.statements.iter().any(admits_many))
            });
            many.map(|(id, _)| id).collect()
        })
    }

    /// The policy of a resource, or of what carries it: a version's function, an object's bucket.
    pub(crate) fn resource_policy(&self, arn: &Arn) -> ResourcePolicy {
        match holder_of_policy(arn) {
            Some(holder) => self.estate.resource_policy(&holder),
            None => self.estate.resource_policy(arn),
        }
    }

    /// Whether it is unknown what a document says, even to those who know AWS's own policies.
    pub(crate) fn is_unreadable(&self, document: Id<PolicyDocument>) -> bool {
        self.compiled
            .document(document)
            .is_none_or(|it| it.policy().is_none())
    }

    /// Whether every policy that grants to the role or bounds it can be read.
    pub(crate) fn is_legible(&self, role: Id<Role>) -> bool {
        let principal = PrincipalId::Role(role);
        let granting = self.estate.identity_policies(principal).into_iter();
        !granting
            .chain(self.estate.boundary(principal))
            .any(|document| self.is_unreadable(document))
    }

    /// The accounts that agents run in, by id.
    pub(crate) fn accounts_with_agents(&self) -> Vec<&'e Account> {
        self.estate
            .accounts
            .values()
            .filter(|account| {
                let agents = self.estate.agents.values();
                agents.into_iter().any(|agent| agent.account == account.id)
            })
            .collect()
    }

    /// The ARNs of an account's agents.
    pub(crate) fn agents_in(&self, account: AccountId) -> Vec<String> {
        let agents = self.estate.agents.values();
        agents
            .filter(|agent| agent.account == account)
            .map(|agent| agent.arn.to_string())
            .collect()
    }

    /// Whether some statement of the role, in a policy that can be read, speaks of the action.
    pub(crate) fn speaks(&self, role: Id<Role>, action: &str) -> bool {
        self.grants(role)
            .any(|(_, _, statement)| match &statement.actions {
                Selection::Only(patterns) => {
                    patterns.iter().any(|it| glob::matches(&it.value.0, action))
                }
                Selection::AllBut(_) => true,
            })
    }

    /// A resource of each statement of a principal that speaks of the action.
    pub(crate) fn spoken_resources(
        &self,
        principal: PrincipalId,
        action: &str,
        account: AccountId,
    ) -> Vec<String> {
        let documents = self.estate.identity_policies(principal);
        documents
            .into_iter()
            .filter_map(|document| self.estate.policy(document))
            .flat_map(|policy| &policy.statements)
            .filter(|it| it.effect == Effect::Allow)
            .filter(|it| match &it.actions {
                Selection::Only(patterns) => {
                    patterns.iter().any(|it| glob::matches(&it.value.0, action))
                }
                Selection::AllBut(_) => true,
            })
            .map(|it| self.some_resource(action, it.resources.as_ref(), account))
            .take(8)
            .collect()
    }

    /// The tags of what an ARN names, where the estate holds it.
    pub(crate) fn tags_of(&self, arn: &Arn) -> Option<&'e Tags> {
        match self.estate.named(arn)? {
            Named::Role(role) => Some(&self.estate.roles.at(role).tags),
            Named::User(user) => Some(&self.estate.users.at(user).tags),
            Named::Agent(agent) => Some(&self.estate.agents.at(agent).tags),
            Named::Resource(resource) => Some(&self.estate.resources.at(resource).tags),
            Named::Group(_) | Named::Policy(_) => None,
        }
    }

    /// Whether an account is ours, as far as can be told: in the estate or in its organisation.
    #[must_use]
    pub(crate) fn is_ours(&self, account: AccountId) -> bool {
        let listed =
            self.estate.organization.as_ref().is_some_and(|it| {
                it.management_account == account || it.path_to(account).is_some()
            });
        listed || self.estate.accounts.contains_key(&account)
    }

    /// An account that is certainly not ours, for requests by outsiders.
    #[must_use]
    pub(crate) fn outsider(&self) -> AccountId {
        // AWS's documentation uses these; one that the estate holds is somebody's.
        [
            "999999999999",
            "123456789012",
            "210987654321",
            "000000000001",
        ]
        .iter()
        .filter_map(|id| id.parse().ok())
        .find(|&account| !self.is_ours(account))
        .unwrap_or_else(|| self.first_free_account())
    }

    #[expect(
        clippy::expect_used,
        reason = "twelve digits are an account id, and an estate holds fewer than 10^12 accounts"
    )]
    fn first_free_account(&self) -> AccountId {
        (2_u64..)
            .filter_map(|number| format!("{number:012}").parse().ok())
            .find(|&account| !self.is_ours(account))
            .expect("some account id is not in the estate")
    }
}

/// Whether a statement of a trust policy may let in principals that it does not name in full.
fn admits_many(statement: &Statement) -> bool {
    let names_one = |text: &str| {
        let arn: Option<Arn> = text.parse().ok();
        arn.is_some_and(|arn| {
            arn.service() == "iam" && matches!(arn.resource_kind(), "role" | "user")
        })
    };
    statement.effect == Effect::Allow
        && match &statement.principals {
            Some(Selection::Only(patterns)) => patterns.iter().any(|it| match &it.value {
                PrincipalPattern::Everyone | PrincipalPattern::Account(_) => true,
                PrincipalPattern::Aws(name) => !names_one(name),
                PrincipalPattern::Service(_)
                | PrincipalPattern::Federated(_)
                | PrincipalPattern::CanonicalUser(_) => false,
            }),
            Some(Selection::AllBut(_)) => true,
            None => false,
        }
}

/// What carries the policy that decides on `arn`, if it is not `arn` itself: an object's bucket, a
/// version's function.
fn holder_of_policy(arn: &Arn) -> Option<Arn> {
    let resource = arn.resource();
    let held = match (arn.service(), arn.resource_kind()) {
        ("s3", _) => resource.split_once('/')?.0,
        ("lambda", "function") => {
            let end = resource.match_indices(':').nth(1)?.0;
            resource.get(..end)?
        }
        _ => return None,
    };
    let start = arn.as_str().len() - resource.len();
    let head = arn.as_str().get(..start)?;
    format!("{head}{held}").parse().ok()
}

/// Whether an environment's name means production: `prod`, `production`, `prd`, `live`.
pub(crate) fn is_production(environment: &str) -> bool {
    let name = environment.to_ascii_lowercase();
    let means_it = |word: &str| matches!(word, "prod" | "production" | "prd" | "live");
    name.split(|letter: char| !letter.is_ascii_alphanumeric())
        .any(means_it)
}
