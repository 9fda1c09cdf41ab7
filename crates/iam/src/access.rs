//! Access: what somebody may do, as a set of requests that can be compared with another.
//!
//! [`Access`] is the set of requests that a principal's policies allow, layer by layer. Two of
//! them can be compared ([`Access::contains`]), one can be searched ([`Access::find`]). A "yes, there
//! is" comes with a request that the evaluator has allowed; a "no" is a proof, which can be written
//! down and checked by [`certificate`]; and what is neither is [`Unknown`], with its reason.
//!
//! The algebra and the evaluator share no matching code: each tests the other.
//!
//! ```
//! use std::sync::Arc;
//! use bailiwick_iam::access::{Algebra, Find, Region};
//! use bailiwick_iam::layers::{Compiled, Layers, NamedPolicy};
//! use bailiwick_iam::policy::Policy;
//! use bailiwick_iam::vocabulary::NoVocabulary;
//!
//! let policy = Policy::parse(
//!     r#"{"Version":"2012-10-17","Statement":[
//!         {"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::ledger/*"}]}"#,
//! )?;
//! let compiled = Compiled::new(NamedPolicy { name: "reader".into(), policy: Arc::new(policy) });
//! let layers = Layers { identity: Some([Arc::new(compiled)].into()), ..Layers::default() };
//!
//! let algebra = Algebra::new(&NoVocabulary);
//! let role = algebra.access(&layers, None);
//! let writes = Region::new(["s3:PutObject"], ["*"]);
//! assert!(matches!(role.find(&writes), Find::Nothing));
//! # Ok::<(), bailiwick_iam::policy::ParsePolicyError>(())
//! ```

mod ask;
mod bits;
mod budget;
pub mod certificate;
mod check;
mod clause;
mod compare;
mod compile;
pub mod difference;
mod domain;
mod equal;
mod fixed;
mod glob;
mod number;
mod product;
mod region;
mod scene;
mod search;
mod shelf;
mod state;
mod text;
mod ties;
mod values;
mod witness;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::evaluate::{Outcome, ResourceSemantics};
use crate::layers::{Compiled, LayerKind, Layers};
use crate::policy::{Condition, Selection, Statement, Template, Version};
use crate::request::{Facts, Principal, Request};
use crate::vocabulary::Vocabulary;

pub use budget::{Exhausted, Limits};
pub use clause::resources_meet;
pub use region::Region;

pub(crate) use clause::{action_covers, resource_covers};

use ask::{Answer, Ear, Label, Layer, Question, Side, Start};
pub use compare::{Comparison, Relation, compare};
pub use difference::Difference;
pub use domain::{Domain, DomainAction};
pub use equal::{Grouping, group_equal};

use budget::Budget;
use clause::{Known, Short};
use domain::Catalogued;
use scene::{Scene, Setting};
use shelf::Shelf;
use state::State;

/// Both readings of resource patterns, the documented one first. A proof must hold under both.
const READINGS: [ResourceSemantics; 2] = [ResourceSemantics::Segmented, ResourceSemantics::Flat];

/// Keys that every signed request carries, in lower case.
const ALWAYS_PRESENT: [&str; 8] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principaltype",
    "aws:resourceaccount",
    "aws:userid",
    "kms:calleraccount",
    "s3:resourceaccount",
];

/// Of these, the keys that unsigned requests and those of services carry too.
const OF_EVERYONE: [&str; 2] = ["aws:resourceaccount", "s3:resourceaccount"];

/// Makes [`Access`] of policies, and reads each policy once.
#[derive(Debug)]
pub struct Algebra<'v> {
    vocabulary: &'v dyn Vocabulary,
    domain: Option<&'v dyn Domain>,
    known_actions: OnceLock<Catalogued>,
    limits: Limits,
    read: Mutex<compile::Shelved>,
    /// What nobody may do, and what everybody may, whatever the policies say.
    forbidden: Layer,
    free: Layer,
}

impl<'v> Algebra<'v> {
    /// With the default limits.
    #[must_use]
    pub fn new(vocabulary: &'v dyn Vocabulary) -> Self {
        Self {
            vocabulary,
            domain: None,
            known_actions: OnceLock::new(),
            limits: Limits::default(),
            read: Mutex::default(),
            forbidden: fixed::layer(fixed::forbidden(), FORBIDDEN),
            free: fixed::layer(fixed::free(), FREE),
        }
    }

    /// With the actions that exist, so that questions can be asked of those alone.
    #[must_use]
    pub fn over(self, domain: &'v dyn Domain) -> Self {
        Self {
            domain: Some(domain),
            ..self
        }
    }

    /// Lets go of the policies read so far, which are otherwise kept as long as the algebra.
    pub fn forget(&self) {
        self.read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// With limits of the caller's.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// What the identity policies of these layers allow within boundary, session, endpoint policy
    /// and SCPs, less what any of these denies. What belongs to the resource asked for, its own
    /// policy and the RCPs over it, is another side of the same request and is left out.
    ///
    /// With a principal, what follows from it (`aws:PrincipalArn`, `aws:PrincipalAccount`, its tags
    /// if given by [`Access::knowing`]) is taken as known.
    #[must_use]
    pub fn access(&self, layers: &Layers, principal: Option<&Principal>) -> Access<'_> {
        Access::of_principal(self, layers, principal, [])
    }

    /// The same where keys have these values, or are known to be absent: what [`Access::knowing`]
    /// says of it, with the policies read once.
    #[must_use]
    pub fn access_knowing<'t>(
        &self,
        layers: &Layers,
        principal: Option<&Principal>,
        known: impl IntoIterator<Item = (&'t str, Option<&'t str>)>,
    ) -> Access<'_> {
        Access::of_principal(self, layers, principal, known)
    }

    /// What a resource's policy grants, and to whom: its own side of the request, whatever the
    /// caller's policies say. A `Deny` with `NotPrincipal` that names a canonical user or a principal
    /// that was deleted leaves answers unknown.
    #[must_use]
    pub fn granted_by(&self, policy: &Arc<Compiled>) -> Access<'_> {
        Access::of_resource(self, policy)
    }
}

/// A set of requests: what one principal may do.
#[derive(Debug, Clone)]
pub struct Access<'a> {
    algebra: &'a Algebra<'a>,
    layers: Layers,
    principal: Option<Principal>,
    known: Known,
    /// A request must be in one box of each.
    allows: Vec<Layer>,
    denies: Layer,
    /// Whether the policies are a resource's and name who may.
    names_principals: bool,
    /// Which policy each label stands for.
    labels: Vec<(LayerKind, Arc<str>)>,
    unreadable: Option<Unknown>,
}

/// A request in the region, nothing, or that it could not be told.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Find {
    /// The evaluator allows this request.
    Found(Box<Request>),
    /// Proved, under both readings of resource patterns.
    Nothing,
    Unknown(Unknown),
}

impl Find {
    /// Whether there is such a request, if that is known.
    #[must_use]
    pub const fn answer(&self) -> Option<bool> {
        match self {
            Self::Found(_) => Some(true),
            Self::Nothing => Some(false),
            Self::Unknown(_) => None,
        }
    }
}

/// Whether all of one set is in another.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contained {
    /// Under both readings of resource patterns.
    Proved,
    /// The evaluator allows this request by the one and not by the other.
    Refuted(Box<Request>),
    Unknown(Unknown),
}

/// Why a question was not answered. Never rounded to yes or no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    #[error("the question is beyond the limit of {0}")]
    Exhausted(Exhausted),
    /// The algebra leaves room for a request, and none that it could spell was confirmed.
    #[error("no request was found and none was ruled out: {sketch}")]
    Unconfirmed { sketch: String },
    /// The answer is not the same under both readings of resource patterns.
    #[error("only where `*` in a resource runs past colons: {} on {}", witness.action, witness.resource)]
    Reading { witness: Box<Request> },
    /// There is a proof, and the checker of certificates does not accept it.
    #[error("a proof was found, and the check of its certificate failed: {0}")]
    Uncertified(certificate::Flaw),
    #[error("the {layer} policy `{policy}` could not be read: {why}")]
    Unreadable {
        layer: LayerKind,
        policy: Arc<str>,
        why: Arc<str>,
    },
}

impl Access<'_> {
    /// A request in the region that this access allows.
    ///
    /// Costs microseconds: only the boxes that the region's actions fall into are looked at.
    pub fn find(&self, region: &Region) -> Find {
        let first = self.region_layer(region);
        let looked = self.under_both(|reading, budget| {
            let layers = [first.as_slice()]
                .into_iter()
                .chain(self.allows.iter().map(Vec::as_slice))
                .collect();
            let question = Question {
                layers,
                avoid: vec![&self.denies, &self.algebra.forbidden],
                setting: self.setting(reading),
            };
            let accept =
                |request: &Request, reading| self.permits(request, reading) == Outcome::Allow;
            self.look(&question, &accept, budget)
        });
        self.findings(looked, None)
    }

    fn findings(&self, looked: Looked, unreadable: Option<&Unknown>) -> Find {
        match (looked, unreadable.or(self.unreadable.as_ref())) {
            (Looked::Found(request), _) => Find::Found(request),
            (Looked::Unknown(why), _) => Find::Unknown(why),
            (Looked::Nothing, Some(why)) => Find::Unknown(why.clone()),
            (Looked::Nothing, None) => Find::Nothing,
        }
    }

    /// Does this access hold every request of the region?
    pub fn covers(&self, region: &Region) -> Contained {
        let first = self.region_layer(region);
        let looked = self.under_both(|reading, budget| {
            let accept = |request: &Request, reading| denies(self.permits(request, reading));
            self.look_outside(&[&first], &[], reading, &accept, budget)
        });
        self.contained(looked, None)
    }

    /// Does this access hold every action on every resource, in all circumstances?
    pub fn is_everything(&self) -> Contained {
        self.covers(&Region::everything())
    }

    /// Does this access hold every request of the other?
    pub fn contains(&self, other: &Access<'_>) -> Contained {
        self.contains_within(other, None)
    }

    /// Does this access hold every request of the other that the domain knows? Without a domain,
    /// the same as [`Access::contains`].
    pub fn contains_in_domain(&self, other: &Access<'_>) -> Contained {
        self.contains_within(other, self.algebra.catalogued())
    }

    fn contains_within(&self, other: &Access<'_>, domain: Option<&Catalogued>) -> Contained {
        let layers: Vec<Layer> = other.allows.iter().map(|layer| elsewhere(layer)).collect();
        let domain = domain.map(|domain| domain.actions_of(&other.allows));
        let layers: Vec<&[Side]> = domain.iter().chain(&layers).map(Vec::as_slice).collect();
        let exempt = self.exempt(other, domain.is_some());
        let looked = self.under_both(|reading, budget| {
            let accept = |request: &Request, reading| self.lacks(other, request, reading);
            self.look_outside(&layers, &exempt, reading, &accept, budget)
        });
        match self.contained(looked, other.unreadable.as_ref()) {
            Contained::Refuted(request) => Contained::Refuted(Box::new(other.respelled(*request))),
            told @ (Contained::Proved | Contained::Unknown(_)) => told,
        }
    }

    /// What is no request of the other's: what it denies; and in the domain, what nobody can ask.
    fn exempt(&self, other: &Access<'_>, in_domain: bool) -> Layer {
        let mut exempt = elsewhere(&other.denies);
        if in_domain {
            exempt.extend(ties::ties(self, other, TIES));
        }
        exempt
    }

    /// Does the other allow this request and this access not, as the evaluator has it?
    fn lacks(&self, other: &Access<'_>, request: &Request, reading: ResourceSemantics) -> bool {
        other.permits(request, reading) == Outcome::Allow && denies(self.permits(request, reading))
    }

    /// A request that both allow.
    pub fn meets(&self, other: &Access<'_>) -> Find {
        self.meets_within(other, None)
    }

    fn meets_within(&self, other: &Access<'_>, domain: Option<&Catalogued>) -> Find {
        let others: Vec<Layer> = other.allows.iter().map(|layer| elsewhere(layer)).collect();
        let domain = domain.map(|domain| domain.actions_of(&other.allows));
        let exempt = self.exempt(other, domain.is_some());
        let looked = self.under_both(|reading, budget| {
            let layers = domain.iter().chain(&others).chain(&self.allows);
            let question = Question {
                layers: layers.map(Vec::as_slice).collect(),
                avoid: vec![&exempt, &self.denies, &self.algebra.forbidden],
                setting: self.setting(reading),
            };
            let accept = |request: &Request, reading| {
                other.permits(request, reading) == Outcome::Allow
                    && self.permits(request, reading) == Outcome::Allow
            };
            self.look(&question, &accept, budget)
        });
        self.findings(looked, other.unreadable.as_ref())
    }

    /// A request of the layers, less what they exempt, that this access does not hold.
    fn look_outside(
        &self,
        layers: &[&[Side]],
        exempt: &[Side],
        reading: ResourceSemantics,
        accept: Accept<'_>,
        budget: &mut Budget,
    ) -> Looked {
        for question in self.outside(layers, exempt, reading) {
            match self.look(&question, accept, budget) {
                Looked::Nothing => {}
                stop @ (Looked::Found(_) | Looked::Unknown(_)) => return stop,
            }
        }
        Looked::Nothing
    }

    /// All of the layers, less what they exempt, is in this access if none of these questions finds
    /// a request: for each of its layers one that no box of it holds, and one that it denies.
    fn outside<'q>(
        &'q self,
        layers: &[&'q [Side]],
        exempt: &'q [Side],
        reading: ResourceSemantics,
    ) -> Vec<Question<'q>> {
        let (forbidden, free) = (&self.algebra.forbidden, &self.algebra.free);
        let setting = self.setting(reading);
        let mut questions: Vec<Question<'q>> = self
            .allows
            .iter()
            .map(|own| Question {
                layers: layers.to_vec(),
                avoid: vec![exempt, own, forbidden, free],
                setting,
            })
            .collect();
        if !self.denies.is_empty() {
            let denied = [self.denies.as_slice()];
            questions.push(Question {
                layers: denied.into_iter().chain(layers.iter().copied()).collect(),
                avoid: vec![exempt, forbidden, free],
                setting,
            });
        }
        questions
    }

    fn contained(&self, looked: Looked, unreadable: Option<&Unknown>) -> Contained {
        match (looked, unreadable.or(self.unreadable.as_ref())) {
            (Looked::Found(request), _) => Contained::Refuted(request),
            (Looked::Unknown(why), _) => Contained::Unknown(why),
            (Looked::Nothing, Some(why)) => Contained::Unknown(why.clone()),
            (Looked::Nothing, None) => Contained::Proved,
        }
    }

    /// Asks under the documented reading, and if there is nothing, under the other.
    fn under_both(&self, mut look: impl FnMut(ResourceSemantics, &mut Budget) -> Looked) -> Looked {
        let [documented, other] = READINGS;
        let first = look(documented, &mut Budget::new(self.algebra.limits));
        if !matches!(first, Looked::Nothing) {
            return first;
        }
        match look(other, &mut Budget::new(self.algebra.limits)) {
            Looked::Found(witness) => Looked::Unknown(Unknown::Reading { witness }),
            same @ (Looked::Nothing | Looked::Unknown(_)) => same,
        }
    }

    fn look(&self, question: &Question<'_>, accept: Accept<'_>, budget: &mut Budget) -> Looked {
        let mut seeker = Seeker {
            principal: self.principal.as_ref(),
            reading: question.setting.semantics,
            accept,
            found: None,
            sketch: None,
            refused: 0,
            weighed: 0,
        };
        let answer = question.ask(&mut seeker, budget);
        let unconfirmed = |sketch: Option<String>| Unknown::Unconfirmed {
            sketch: sketch.unwrap_or_else(|| "nothing of what is left could be spelled".to_owned()),
        };
        match (seeker.found, answer, budget.exhausted) {
            (Some((_, request)), _, _) => Looked::Found(Box::new(self.respelled(request))),
            (None, _, Some(limit)) => Looked::Unknown(Unknown::Exhausted(limit)),
            (None, Answer::Nothing { refused: false }, None) => Looked::Nothing,
            (None, Answer::Nothing { refused: true } | Answer::Taken | Answer::GaveUp, None) => {
                Looked::Unknown(unconfirmed(seeker.sketch))
            }
        }
    }

    fn setting(&self, semantics: ResourceSemantics) -> Setting<'_> {
        Setting {
            vocabulary: self.algebra.vocabulary,
            always_present: if self.names_principals {
                &OF_EVERYONE
            } else {
                &ALWAYS_PRESENT
            },
            semantics,
        }
    }

    fn region_layer(&self, region: &Region) -> Layer {
        let requirements = self
            .algebra
            .reading(&self.known, Short::Padded, false)
            .settled(region.clause.requirements.clone());
        let clause = requirements.map(|requirements| clause::Clause {
            requirements,
            ..region.clause.clone()
        });
        vec![Side {
            shelf: Arc::new(Shelf::new(clause.into_iter().collect())),
            label: Label(REGION),
        }]
    }

    /// The request with its action and keys spelled as the policies spell them.
    fn respelled(&self, mut request: Request) -> Request {
        for (key, value) in &self.known {
            let follows =
                matches!(request.context.facts(key), Facts::Values(_)) || compile::follows(key);
            if let (Some(value), false) = (value, follows) {
                request.context.set(key.as_str(), value.as_str());
            }
        }
        let is_told = request.context.iter().next().is_some();
        let variables = if is_told {
            self.variables()
        } else {
            Vec::new()
        };
        let written = |key: &str| {
            let mut keys = self
                .statements()
                .flat_map(|statement| &statement.conditions);
            let same = |condition: &&Condition| condition.key.value.eq_ignore_ascii_case(key);
            let condition = keys.find(same).map(|condition| condition.key.value.clone());
            let variable = || variables.iter().find(|it| it.eq_ignore_ascii_case(key));
            condition.or_else(|| variable().cloned())
        };
        let named: Vec<_> = request
            .context
            .iter()
            .filter_map(|(key, values)| Some((written(key)?, values.clone())))
            .collect();
        for (key, values) in named {
            request.context.set(key, values);
        }
        request.action = self.spelling(&request.action).unwrap_or(request.action);
        request
    }

    /// The keys of policy variables, as the policies spell them.
    fn variables(&self) -> Vec<String> {
        let of_resources = self
            .statements()
            .flat_map(|statement| statement.resources.iter().flat_map(Selection::patterns))
            .map(|pattern| &pattern.value.0);
        let of_values = self
            .statements()
            .flat_map(|statement| &statement.conditions)
            .flat_map(|condition| &condition.values)
            .map(|value| &value.value);
        let texts = of_resources.chain(of_values);
        let open = texts.filter(|text| text.contains("${"));
        let templates = open.map(|text| Template::parse(text, Version::V2012));
        templates
            .flat_map(|template| {
                let keys = template.variables().map(|(key, _)| key.to_owned());
                keys.collect::<Vec<_>>()
            })
            .collect()
    }

    /// The action as AWS writes it, or a policy.
    fn spelling(&self, action: &str) -> Option<String> {
        let known = self.algebra.vocabulary.spelled(action);
        known.or_else(|| {
            let mut written = self
                .statements()
                .flat_map(|statement| statement.actions.patterns());
            let spelled = written.find(|known| known.value.0.eq_ignore_ascii_case(action));
            spelled.map(|known| known.value.0.clone())
        })
    }

    fn spelled_action(&self, action: &glob::Glob) -> String {
        let text = action.to_string();
        self.spelling(&text).unwrap_or(text)
    }

    fn statements(&self) -> impl Iterator<Item = &Statement> {
        let Layers {
            identity,
            boundary,
            session,
            endpoint,
            scp,
            ..
        } = &self.layers;
        let lists = [identity, boundary, session, endpoint]
            .into_iter()
            .flatten();
        let levels = scp
            .iter()
            .flat_map(|levels| levels.iter())
            .map(|level| &level.policies);
        lists
            .chain(levels)
            .flat_map(|policies| policies.iter())
            .chain(&self.layers.resource)
            .filter_map(|compiled| compiled.policy())
            .flat_map(|policy| &policy.statements)
    }
}

/// The label of a region's only box, and of what AWS has fixed.
const REGION: u32 = u32::MAX;
const FORBIDDEN: u32 = u32::MAX - 1;
const FREE: u32 = u32::MAX - 2;
/// Of what nobody can ask.
const TIES: u32 = u32::MAX - 3;
/// Added to the labels of the other side of a comparison.
const ELSEWHERE: u32 = 1 << 30;

fn elsewhere(layer: &[Side]) -> Layer {
    layer
        .iter()
        .map(|side| Side {
            shelf: side.shelf.clone(),
            label: Label(side.label.0 | ELSEWHERE),
        })
        .collect()
}

fn denies(outcome: Outcome) -> bool {
    match outcome {
        Outcome::ImplicitDeny | Outcome::ExplicitDeny => true,
        Outcome::Allow | Outcome::Unknown => false,
    }
}

enum Looked {
    Found(Box<Request>),
    Nothing,
    Unknown(Unknown),
}

/// Cells that were refused before a question is given up.
const REFUSALS_MAX: u32 = 64;

/// Requests that are confirmed and could be better, before the best of them is taken.
const WEIGHED_MAX: u32 = 8;

/// What the evaluator says of a request, under a reading of resource patterns.
type Accept<'a> = &'a dyn Fn(&Request, ResourceSemantics) -> bool;

/// How much a confirmed request is worth to a reader: what comes first counts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Worth {
    /// What is said of the principal can be true of it.
    is_coherent: bool,
    /// It does not hang on how resource patterns are read.
    under_both: bool,
    /// The action is a service and a name.
    can_be_called: bool,
}

impl Worth {
    const BEST: Self = Self {
        is_coherent: true,
        under_both: true,
        can_be_called: true,
    };
}

/// Builds a request from each cell until one is accepted that could not be better.
struct Seeker<'a> {
    principal: Option<&'a Principal>,
    reading: ResourceSemantics,
    accept: Accept<'a>,
    found: Option<(Worth, Request)>,
    sketch: Option<String>,
    refused: u32,
    weighed: u32,
}

impl Seeker<'_> {
    fn worth(&self, request: &Request) -> Worth {
        let under_both = match self.reading {
            ResourceSemantics::Segmented => (self.accept)(request, ResourceSemantics::Flat),
            // Asked last: there is none under both.
            ResourceSemantics::Flat => true,
        };
        Worth {
            is_coherent: witness::is_coherent(request),
            under_both,
            can_be_called: request.action.split(':').count() == 2,
        }
    }

    /// Whether the search may end.
    fn weigh(&mut self, request: Request) -> bool {
        let worth = self.worth(&request);
        if self.found.as_ref().is_none_or(|(best, _)| *best < worth) {
            self.found = Some((worth, request));
        }
        self.weighed += 1;
        worth == Worth::BEST || self.weighed >= WEIGHED_MAX
    }
}

impl Ear for Seeker<'_> {
    fn cell(&mut self, state: &State, scene: &Scene, _start: &Start, budget: &mut Budget) -> bool {
        let mut confirmed = false;
        for attempt in 0..witness::ATTEMPTS {
            let Some(request) = witness::request(state, scene, self.principal, attempt, budget)
            else {
                continue;
            };
            if (self.accept)(&request, self.reading) {
                confirmed = true;
                if self.weigh(request) {
                    return true;
                }
                continue;
            }
            self.sketch
                .get_or_insert_with(|| format!("{} on {}", request.action, request.resource));
        }
        if confirmed {
            return false;
        }
        self.sketch.get_or_insert_with(|| state.outline());
        self.refused += 1;
        // Enough: the answer is unknown whatever comes.
        self.refused >= REFUSALS_MAX
    }
}

impl<'v> Algebra<'v> {
    pub(crate) fn domain(&self) -> Option<&'v dyn Domain> {
        self.domain
    }

    fn catalogued(&self) -> Option<&Catalogued> {
        let domain = self.domain?;
        Some(self.known_actions.get_or_init(|| Catalogued::new(domain)))
    }
}

#[cfg(test)]
mod tests;
