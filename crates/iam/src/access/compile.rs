//! From layers of policies to layers of boxes, and back: what the evaluator says of a request.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use rustc_hash::FxHashMap;

use crate::arn::AccountId;
use crate::evaluate::{Outcome, ResourceSemantics, evaluate};
use crate::layers::{Compiled, LayerKind, Layers, NamedPolicy};
use crate::policy::Policy;
use crate::request::{Principal, Request};

use super::ask::{Label, Layer, Side};
use super::clause::{self, Known, Mentioned, Reading, Short};
use super::shelf::Shelves;
use super::{Access, Algebra, Unknown};

/// Policies already read, by their address and how they are read. The policy is kept, so that its
/// address stays its own.
#[derive(Debug, Default)]
pub(super) struct Shelved {
    mentioned: FxHashMap<usize, (Arc<Compiled>, Mentioned)>,
    plain: FxHashMap<Place, (Arc<Compiled>, Arc<Shelves>)>,
    /// Those that speak of keys which are known, by what is known of these: the latest alone, because
    /// one principal is asked about again and again, and then another.
    settled: FxHashMap<(Place, Known), (Arc<Compiled>, Arc<Shelves>)>,
}

/// The address of a policy, and how it is read.
type Place = (usize, Short, bool);

/// So many are kept.
const SETTLED_MAX: usize = 64;

impl Shelved {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What of the known a policy speaks of.
    fn told(&mut self, compiled: &Arc<Compiled>, policy: &Policy, known: &Known) -> Known {
        if known.is_empty() {
            return Known::new();
        }
        let address = Arc::as_ptr(compiled).addr();
        let (_, mentioned) = self
            .mentioned
            .entry(address)
            .or_insert_with(|| (compiled.clone(), Mentioned::by(policy)));
        known
            .iter()
            .filter(|(key, _)| mentioned.holds(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

impl<'a> Access<'a> {
    pub(super) fn of_principal<'t>(
        algebra: &'a Algebra<'a>,
        layers: &Layers,
        principal: Option<&Principal>,
        known: impl IntoIterator<Item = (&'t str, Option<&'t str>)>,
    ) -> Self {
        let mut layers = Layers {
            resource: None,
            rcp: None,
            ..layers.clone()
        };
        if layers.identity.is_none() {
            // A layer that does not exist restricts nothing: what is asked about is the others.
            layers.identity = Some(everything().into_iter().collect());
        }
        let mut access = Self::empty(algebra, layers, false);
        if let Some(principal) = principal {
            access.learn(principal);
            access.principal = Some(principal.clone());
        }
        access.note(known);
        access.read();
        access
    }

    pub(super) fn of_resource(algebra: &'a Algebra<'a>, policy: &Arc<Compiled>) -> Self {
        // Across accounts the caller's side must allow as well; here it allows everything.
        let layers = Layers {
            identity: Some(everything().into_iter().collect()),
            resource: Some(policy.clone()),
            ..Layers::default()
        };
        let mut access = Self::empty(algebra, layers, true);
        access.read();
        access
    }

    fn empty(algebra: &'a Algebra<'a>, layers: Layers, names_principals: bool) -> Self {
        Self {
            algebra,
            layers,
            principal: None,
            known: BTreeMap::new(),
            allows: Vec::new(),
            denies: Layer::new(),
            names_principals,
            labels: Vec::new(),
            unreadable: None,
        }
    }

    /// The same access where these keys have these values, or are known to be absent: the tags of
    /// the role, say. Questions are then asked about such requests alone.
    #[must_use]
    pub fn knowing<'t>(
        mut self,
        keys: impl IntoIterator<Item = (&'t str, Option<&'t str>)>,
    ) -> Self {
        self.note(keys);
        self.read();
        self
    }

    fn note<'t>(&mut self, keys: impl IntoIterator<Item = (&'t str, Option<&'t str>)>) {
        for (key, value) in keys {
            let value = value.map(str::to_owned);
            self.known.insert(key.to_lowercase(), value);
        }
    }

    fn learn(&mut self, principal: &Principal) {
        self.known.extend(consequences(principal));
    }

    fn read(&mut self) {
        self.allows.clear();
        self.denies.clear();
        self.labels.clear();
        let layers = self.layers.clone();
        if let Some(policy) = layers.resource.as_ref().filter(|_| self.names_principals) {
            self.add(LayerKind::Resource, std::slice::from_ref(policy));
            return;
        }
        let lists = [
            (LayerKind::Identity, &layers.identity),
            (LayerKind::Boundary, &layers.boundary),
            (LayerKind::Session, &layers.session),
            (LayerKind::Endpoint, &layers.endpoint),
        ];
        for (kind, policies) in lists {
            if let Some(policies) = policies {
                self.add(kind, policies);
            }
        }
        if !self.is_above_ceilings() {
            for level in layers.scp.iter().flat_map(|levels| levels.iter()) {
                self.add(LayerKind::Scp, &level.policies);
            }
        }
    }

    /// Whether no SCP limits this principal.
    // IAM-002
    fn is_above_ceilings(&self) -> bool {
        let Some(principal) = &self.principal else {
            return false;
        };
        let account = principal.account();
        principal.is_service_linked()
            || account.is_some() && account == self.layers.management_account
    }

    fn add(&mut self, kind: LayerKind, policies: &[Arc<Compiled>]) {
        let short = short_patterns_in(kind);
        let mut layer = Layer::new();
        for compiled in policies {
            let policy = match (compiled.policy(), compiled.why_unreadable()) {
                (Some(policy), _) => policy,
                (None, why) => {
                    let why = why.cloned().unwrap_or_else(|| Arc::from("it is not known"));
                    self.cannot_read(kind, compiled, why);
                    continue;
                }
            };
            if self.names_principals && !names_the_known(policy) {
                let why = "its Deny with NotPrincipal names a canonical user or a deleted principal, \
                           and whom it spares cannot be told";
                self.cannot_read(kind, compiled, Arc::from(why));
            }
            let shelves =
                self.algebra
                    .shelves(compiled, policy, &self.known, short, self.names_principals);
            let label = Label(u32::try_from(self.labels.len()).unwrap_or(u32::MAX));
            self.labels.push((kind, compiled.name().clone()));
            layer.push(Side {
                shelf: shelves.allows.clone(),
                label,
            });
            if !shelves.denies.clauses.is_empty() {
                self.denies.push(Side {
                    shelf: shelves.denies.clone(),
                    label,
                });
            }
        }
        self.allows.push(layer);
    }

    fn cannot_read(&mut self, layer: LayerKind, compiled: &Compiled, why: Arc<str>) {
        let policy = compiled.name().clone();
        self.unreadable = Some(Unknown::Unreadable { layer, policy, why });
    }

    /// Does the evaluator allow the request, under this reading?
    pub(super) fn permits(&self, request: &Request, reading: ResourceSemantics) -> Outcome {
        let mut layers = self.layers.clone();
        layers.switches.resource = reading;
        let mut request = request.clone();
        if let Some(principal) = &self.principal {
            request.principal = principal.clone();
        }
        for (key, value) in &self.known {
            if let Some(value) = value {
                request.context.set(key.as_str(), value.as_str());
            }
        }
        if self.names_principals {
            // Another account's resource: its policy must speak, and all it says counts.
            let own = request.principal.account();
            let others = OTHER_ACCOUNTS
                .iter()
                .filter_map(|account| account.parse().ok());
            request.resource_account = others.into_iter().find(|other| Some(*other) != own);
        } else if matches!(request.service(), "kms" | "sts") {
            // Roles and keys decide whether the account's policies count; here they do.
            // IAM-005
            layers.resource = request.principal.account().and_then(delegation);
        }
        evaluate(&layers, &request, self.algebra.vocabulary).outcome
    }
}

const OTHER_ACCOUNTS: [&str; 2] = ["999988887777", "666655554444"];

/// What follows from the principal, as the evaluator fills it in.
pub(super) fn consequences(principal: &Principal) -> Known {
    let mut known = Known::new();
    let mut know = |key: &str, value: Option<&str>| {
        known.insert(key.to_owned(), value.map(str::to_owned));
    };
    let kind = match principal {
        Principal::Role(_) | Principal::Session(_) => "AssumedRole",
        Principal::User(_) => "User",
        Principal::Root(_) => "Account",
        Principal::FederatedUser(_) => "FederatedUser",
        Principal::Service(name) => {
            know("aws:principalisawsservice", Some("true"));
            know("aws:principalservicename", Some(name));
            know("aws:username", None);
            return known;
        }
        Principal::Anonymous => {
            know("aws:principaltype", Some("Anonymous"));
            know("aws:principalaccount", Some("anonymous"));
            for absent in [
                "aws:principalarn",
                "aws:principalisawsservice",
                "aws:principalservicename",
                "aws:username",
            ] {
                know(absent, None);
            }
            return known;
        }
        Principal::Provider(_) => {
            know("aws:principalisawsservice", Some("false"));
            know("aws:principalservicename", None);
            know("aws:username", None);
            return known;
        }
    };
    know("aws:principaltype", Some(kind));
    know("aws:principalisawsservice", Some("false"));
    know("aws:principalservicename", None);
    let username = match principal {
        Principal::User(arn) => Some(arn.resource_name()),
        Principal::Role(_)
        | Principal::Session(_)
        | Principal::Root(_)
        | Principal::FederatedUser(_)
        | Principal::Provider(_)
        | Principal::Service(_)
        | Principal::Anonymous => None,
    };
    know("aws:username", username);
    if let Some(account) = principal.account() {
        know("aws:principalaccount", Some(account.as_str()));
        know("kms:calleraccount", Some(account.as_str()));
    }
    let path_is_known = match principal {
        Principal::Session(session) => session.has_known_path(),
        Principal::Role(_)
        | Principal::User(_)
        | Principal::Root(_)
        | Principal::FederatedUser(_)
        | Principal::Provider(_)
        | Principal::Service(_)
        | Principal::Anonymous => true,
    };
    let arn = principal.role().or_else(|| principal.arn());
    if let Some(arn) = arn.filter(|_| path_is_known) {
        know("aws:principalarn", Some(arn.as_str()));
    }
    known
}

/// Keys whose value follows from the principal.
pub(super) fn follows(key: &str) -> bool {
    matches!(
        key,
        "aws:principalarn"
            | "aws:principalaccount"
            | "aws:principaltype"
            | "aws:principalisawsservice"
            | "aws:username"
            | "kms:calleraccount"
    )
}

const fn short_patterns_in(layer: LayerKind) -> Short {
    match layer {
        LayerKind::Identity | LayerKind::Boundary | LayerKind::Session => Short::Padded,
        LayerKind::Resource | LayerKind::Trust | LayerKind::Endpoint => Short::WithStar,
        LayerKind::Scp => Short::EndingInStar,
        LayerKind::Rcp => Short::Nothing,
    }
}

/// Whether it is known whom each statement speaks of.
fn names_the_known(policy: &Policy) -> bool {
    policy.statements.iter().all(|statement| {
        let principals = statement.principals.as_ref();
        principals.is_none_or(|principals| clause::is_readable(principals, statement.effect))
    })
}

/// A principal's side that allows everything.
fn everything() -> Option<Arc<Compiled>> {
    named(
        "everything",
        r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    )
}

/// The policy of a resource that leaves everything to the account's own policies.
fn delegation(account: AccountId) -> Option<Arc<Compiled>> {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{account}"}},"Action":"*","Resource":"*"}}]}}"#
    );
    named("delegation", &text)
}

fn named(name: &str, text: &str) -> Option<Arc<Compiled>> {
    let policy = Arc::new(Policy::parse(text).ok()?);
    Some(Arc::new(Compiled::new(NamedPolicy {
        name: name.into(),
        policy,
    })))
}

impl Algebra<'_> {
    pub(super) fn reading<'a>(
        &'a self,
        known: &'a Known,
        short: Short,
        names_principals: bool,
    ) -> Reading<'a> {
        Reading {
            vocabulary: self.vocabulary,
            known,
            present: &clause::NO_KEYS,
            short,
            names_principals,
        }
    }

    /// The boxes of a policy, which what is known of other keys than its own does not change.
    fn shelves(
        &self,
        compiled: &Arc<Compiled>,
        policy: &Policy,
        known: &Known,
        short: Short,
        principals: bool,
    ) -> Arc<Shelves> {
        let place = (Arc::as_ptr(compiled).addr(), short, principals);
        let read = |known: &Known| {
            let shelves = Shelves::new(policy, self.reading(known, short, principals));
            (compiled.clone(), Arc::new(shelves))
        };
        let mut shelved = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let told = shelved.told(compiled, policy, known);
        let (_, shelves) = if told.is_empty() {
            shelved.plain.entry(place).or_insert_with(|| read(&told))
        } else {
            if shelved.settled.len() >= SETTLED_MAX {
                shelved.settled.clear();
            }
            let settled = shelved.settled.entry((place, told));
            settled.or_insert_with_key(|(_, told)| read(told))
        };
        shelves.clone()
    }
}
