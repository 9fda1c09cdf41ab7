//! The smallest change that turns an answer, found by trying.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    evaluate::{Because, Decision, Hearing, Outcome, decide, evaluate},
    json::{Span, Spanned},
    layers::{Compiled, LayerKind, Layers, Level, NamedPolicy, Policies},
    policy::{
        ActionPattern, Condition, Effect, Operator, Policy, PrincipalPattern, ResourcePattern,
        Selection, Statement, Test, Version,
    },
    request::{Principal, Request, Values},
    vocabulary::Vocabulary,
};

use super::{is_turned, sample::samples};

/// Steps that together turn an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub steps: Vec<Step>,
    /// The answer after it.
    pub outcome: Outcome,
}

/// One step of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// Add a statement to a policy; `policy: null` is a new one.
    AddStatement {
        layer: LayerKind,
        #[serde(skip_serializing_if = "Option::is_none")]
        target: Option<Arc<str>>,
        policy: Option<Arc<str>>,
        statement: Statement,
    },
    /// Take a statement out of its policy.
    RemoveStatement {
        layer: LayerKind,
        #[serde(skip_serializing_if = "Option::is_none")]
        target: Option<Arc<str>>,
        policy: Arc<str>,
        statement: usize,
        sid: Option<Arc<str>>,
    },
    /// Let a statement that many are under spare this principal, by a condition more.
    SparePrincipal {
        layer: LayerKind,
        #[serde(skip_serializing_if = "Option::is_none")]
        target: Option<Arc<str>>,
        policy: Arc<str>,
        statement: usize,
        sid: Option<Arc<str>>,
        /// Goes under `ArnNotEquals`, `aws:PrincipalArn`.
        arn: String,
    },
    /// Make the request in other circumstances; `values: null` is without the key.
    SetContext { key: String, values: Option<Values> },
}

/// The most steps a change may take. What needs more is not one change.
const STEPS_MAX: usize = 8;

/// What is being changed: the layers and the request, as the steps so far have left them.
#[derive(Debug, Clone)]
struct Draft {
    layers: Layers,
    request: Request,
    steps: Vec<Step>,
}

/// The ways that were found, the one with the fewest steps first.
pub(super) fn find(
    layers: &Layers,
    request: &Request,
    vocabulary: &dyn Vocabulary,
    decision: &Decision,
) -> Vec<Change> {
    if decision.fixed.is_some() {
        return Vec::new();
    }
    let start = Draft {
        layers: layers.clone(),
        request: request.clone(),
        steps: Vec::new(),
    };
    let by_context = walk(&start, decision, vocabulary, true);
    let by_policies = walk(&start, decision, vocabulary, false);
    let mut changes: Vec<Change> = by_context.into_iter().chain(by_policies).collect();
    changes.dedup();
    changes.sort_by_key(|change| change.steps.len());
    changes
}

/// Goes from one answer to the next, each time doing away with what stands in the way, until the
/// answer has turned.
fn walk(
    start: &Draft,
    decision: &Decision,
    vocabulary: &dyn Vocabulary,
    may_change_context: bool,
) -> Option<Change> {
    let from = decision.outcome;
    let mut draft = start.clone();
    let mut now = decision.clone();
    while draft.steps.len() < STEPS_MAX {
        let next = if from == Outcome::Allow {
            without_the_allow(&draft, &now)
        } else {
            toward_allow(&draft, &now, vocabulary, may_change_context)
        };
        draft = next?;
        now = evaluate(&draft.layers, &draft.request, vocabulary);
        if is_turned(from, now.outcome) {
            return Some(Change {
                steps: draft.steps,
                outcome: now.outcome,
            });
        }
    }
    None
}

/// Takes out an allow that the answer rests on: what the principal's or the resource's policies
/// grant, before the ceilings that many are under.
fn without_the_allow(draft: &Draft, now: &Decision) -> Option<Draft> {
    let grants = |because: &&Because| match because.layer {
        LayerKind::Identity | LayerKind::Resource | LayerKind::Trust => true,
        LayerKind::Boundary
        | LayerKind::Session
        | LayerKind::Scp
        | LayerKind::Rcp
        | LayerKind::Endpoint => false,
    };
    let because = now.because.iter().find(grants)?;
    let (layer, target) = (because.layer, None);
    draft.remove(because, layer, target)
}

fn toward_allow(
    draft: &Draft,
    now: &Decision,
    vocabulary: &dyn Vocabulary,
    may_change_context: bool,
) -> Option<Draft> {
    if may_change_context && let Some(next) = draft.in_other_circumstances(now, vocabulary) {
        return Some(next);
    }
    let deny = now
        .because
        .iter()
        .find(|because| because.effect == Effect::Deny);
    match (deny, now.layer) {
        (Some(because), _) => draft.without_deny(because, vocabulary),
        (None, Some(layer)) => draft.with_allow(layer, vocabulary),
        (None, None) => None,
    }
}

impl Draft {
    fn because_still_denies(&self, because: &Because, vocabulary: &dyn Vocabulary) -> bool {
        let decision = evaluate(&self.layers, &self.request, vocabulary);
        decision.because.iter().any(|other| {
            other.layer == because.layer
                && other.policy == because.policy
                && other.statement == because.statement
                && other.effect == Effect::Deny
        })
    }

    /// Spares the principal where many are under the statement; else takes the statement out.
    fn without_deny(&self, because: &Because, vocabulary: &dyn Vocabulary) -> Option<Self> {
        let target = self.target_of(because);
        let is_shared = match because.layer {
            LayerKind::Scp
            | LayerKind::Rcp
            | LayerKind::Endpoint
            | LayerKind::Resource
            | LayerKind::Trust => true,
            LayerKind::Identity | LayerKind::Boundary | LayerKind::Session => false,
        };
        let arn = self.principal_arn().filter(|_| is_shared);
        let spared = arn.and_then(|arn| self.spare(because, target.clone(), arn));
        spared
            .filter(|draft| !draft.because_still_denies(because, vocabulary))
            .or_else(|| self.remove(because, because.layer, target))
    }

    fn principal_arn(&self) -> Option<String> {
        let principal = &self.request.principal;
        let arn = principal.role().or_else(|| principal.arn())?;
        Some(arn.to_string())
    }

    fn target_of(&self, because: &Because) -> Option<Arc<str>> {
        let levels = match because.layer {
            LayerKind::Scp => self.layers.scp.as_deref()?,
            LayerKind::Rcp => self.layers.rcp.as_deref()?,
            LayerKind::Endpoint
            | LayerKind::Resource
            | LayerKind::Trust
            | LayerKind::Identity
            | LayerKind::Boundary
            | LayerKind::Session => return None,
        };
        let holds = |level: &&Level| {
            level
                .policies
                .iter()
                .any(|compiled| is_meant(compiled, because))
        };
        levels.iter().find(holds).map(|level| level.target.clone())
    }

    fn remove(
        &self,
        because: &Because,
        layer: LayerKind,
        target: Option<Arc<str>>,
    ) -> Option<Self> {
        let mut next = self.edit(layer, target.as_deref(), |compiled| {
            if !is_meant(compiled, because) {
                return None;
            }
            let mut policy = (**compiled.policy()?).clone();
            policy.statements.remove(because.statement);
            Some(policy)
        })?;
        next.steps.push(Step::RemoveStatement {
            layer,
            target,
            policy: because.policy.clone(),
            statement: because.statement,
            sid: because.sid.clone(),
        });
        Some(next)
    }

    fn spare(&self, because: &Because, target: Option<Arc<str>>, arn: String) -> Option<Self> {
        let mut next = self.edit(because.layer, target.as_deref(), |compiled| {
            if !is_meant(compiled, because) {
                return None;
            }
            let mut policy = (**compiled.policy()?).clone();
            let statement = policy.statements.get_mut(because.statement)?;
            spare(statement, &arn);
            Some(policy)
        })?;
        next.steps.push(Step::SparePrincipal {
            layer: because.layer,
            target,
            policy: because.policy.clone(),
            statement: because.statement,
            sid: because.sid.clone(),
            arn,
        });
        Some(next)
    }

    /// Adds an allow of exactly this request where the answer needs one.
    fn with_allow(&self, layer: LayerKind, vocabulary: &dyn Vocabulary) -> Option<Self> {
        let statement = self.allow_of(layer)?;
        let target = match layer {
            LayerKind::Scp => Some(self.silent_level(vocabulary)?),
            LayerKind::Rcp
            | LayerKind::Endpoint
            | LayerKind::Resource
            | LayerKind::Trust
            | LayerKind::Identity
            | LayerKind::Boundary
            | LayerKind::Session => None,
        };
        let mut added_to = None;
        let extended = self.edit(layer, target.as_deref(), |compiled| {
            let mut policy = (**compiled.policy()?).clone();
            policy.statements.push(statement.clone());
            added_to = Some(compiled.name().clone());
            Some(policy)
        });
        let mut next = match extended {
            Some(next) => next,
            None => self.with_new_policy(layer, target.as_deref(), &statement)?,
        };
        next.steps.push(Step::AddStatement {
            layer,
            target,
            policy: added_to,
            statement,
        });
        Some(next)
    }

    fn silent_level(&self, vocabulary: &dyn Vocabulary) -> Option<Arc<str>> {
        let hearing = Hearing::new(&self.layers, &self.request, vocabulary);
        let levels = self.layers.scp.as_deref()?;
        let mut silent = levels
            .iter()
            .zip(&hearing.scp)
            .filter(|(_, said)| said.allowed_by.is_none());
        silent.next().map(|(level, _)| level.target.clone())
    }

    fn allow_of(&self, layer: LayerKind) -> Option<Statement> {
        let made = |resource: &str| {
            let pattern = ResourcePattern(literal(resource));
            Selection::Only(vec![Spanned::made(pattern)])
        };
        let principals = match layer {
            LayerKind::Resource | LayerKind::Trust => {
                let pattern = Spanned::made(principal_pattern(&self.request.principal)?);
                Some(Selection::Only(vec![pattern]))
            }
            LayerKind::Endpoint => Some(Selection::Only(vec![Spanned::made(
                PrincipalPattern::Everyone,
            )])),
            LayerKind::Rcp
            | LayerKind::Scp
            | LayerKind::Identity
            | LayerKind::Boundary
            | LayerKind::Session => None,
        };
        let action = ActionPattern(self.request.action.clone());
        Some(Statement {
            sid: None,
            effect: Effect::Allow,
            principals,
            actions: Selection::Only(vec![Spanned::made(action)]),
            resources: (layer != LayerKind::Trust).then(|| made(&self.request.resource)),
            conditions: Vec::new(),
            span: Span::default(),
        })
    }

    fn with_new_policy(
        &self,
        layer: LayerKind,
        target: Option<&str>,
        statement: &Statement,
    ) -> Option<Self> {
        let policy = Policy {
            version: Version::V2012,
            id: None,
            statements: vec![statement.clone()],
        };
        let compiled = Arc::new(Compiled::new(NamedPolicy {
            name: "new policy".into(),
            policy: Arc::new(policy),
        }));
        let mut next = self.clone();
        let also = |policies: &[Arc<Compiled>]| -> Policies {
            policies.iter().chain([&compiled]).cloned().collect()
        };
        let layers = &mut next.layers;
        match layer {
            LayerKind::Identity => {
                layers.identity = Some(also(layers.identity.as_deref().unwrap_or_default()));
            }
            LayerKind::Boundary => layers.boundary = Some(also(layers.boundary.as_deref()?)),
            LayerKind::Session => layers.session = Some(also(layers.session.as_deref()?)),
            LayerKind::Endpoint => layers.endpoint = Some(also(layers.endpoint.as_deref()?)),
            LayerKind::Resource | LayerKind::Trust => {
                if layers.resource.is_some() {
                    return None;
                }
                layers.resource = Some(compiled);
            }
            LayerKind::Scp => {
                let mut levels = layers.scp.as_deref()?.to_vec();
                let level = levels
                    .iter_mut()
                    .find(|level| Some(&*level.target) == target)?;
                level.policies = also(&level.policies);
                layers.scp = Some(levels.into());
            }
            LayerKind::Rcp => return None,
        }
        Some(next)
    }

    /// Sets keys so that one statement that stands in the way no longer does, or one that nearly
    /// allows does.
    fn in_other_circumstances(&self, now: &Decision, vocabulary: &dyn Vocabulary) -> Option<Self> {
        let hearing = Hearing::new(&self.layers, &self.request, vocabulary);
        let rank = |draft: &Self| {
            let decision = decide(&Hearing::new(&draft.layers, &draft.request, vocabulary));
            (decision.outcome, decision.layer)
        };
        let before = (now.outcome, now.layer);
        for (version, conditions) in hearing.near_conditions(now) {
            let mut draft = self.clone();
            for (condition, wanted) in conditions {
                let Some(next) = draft.set_key(&condition, version, wanted, vocabulary) else {
                    continue;
                };
                draft = next;
                if !wanted {
                    break;
                }
            }
            let has_moved = draft.steps.len() > self.steps.len() && rank(&draft) != before;
            if has_moved {
                return Some(draft);
            }
        }
        None
    }

    /// Finds a value of the condition's key under which it holds, or does not.
    fn set_key(
        &self,
        condition: &Condition,
        version: Version,
        wanted: bool,
        vocabulary: &dyn Vocabulary,
    ) -> Option<Self> {
        let key = &condition.key.value;
        let follows_from_the_principal = crate::evaluate::follows(key);
        let was_set = self
            .steps
            .iter()
            .any(|step| matches!(step, Step::SetContext { key: set, .. } if set == key));
        if follows_from_the_principal || was_set {
            return None;
        }
        samples(condition, version).into_iter().find_map(|values| {
            let mut next = self.clone();
            let context = &mut next.request.context;
            match &values {
                Some(values) => context.set(key.clone(), values.clone()),
                None => context.set(key.clone(), Values::Many(Vec::new())),
            }
            let holds =
                Hearing::new(&next.layers, &next.request, vocabulary).holds(condition, version);
            if holds != Some(wanted) {
                return None;
            }
            next.steps.push(Step::SetContext {
                key: key.clone(),
                values,
            });
            Some(next)
        })
    }

    /// Puts another policy in the place of the first that `change` changes.
    fn edit(
        &self,
        layer: LayerKind,
        target: Option<&str>,
        mut change: impl FnMut(&Compiled) -> Option<Policy>,
    ) -> Option<Self> {
        let mut next = self.clone();
        let layers = &mut next.layers;
        match layer {
            LayerKind::Identity => edit_list(layers.identity.as_mut()?, &mut change)?,
            LayerKind::Boundary => edit_list(layers.boundary.as_mut()?, &mut change)?,
            LayerKind::Session => edit_list(layers.session.as_mut()?, &mut change)?,
            LayerKind::Endpoint => edit_list(layers.endpoint.as_mut()?, &mut change)?,
            LayerKind::Resource | LayerKind::Trust => {
                let compiled = layers.resource.as_mut()?;
                *compiled = edited(compiled, &mut change)?;
            }
            LayerKind::Scp => edit_level(&mut layers.scp, target, &mut change)?,
            LayerKind::Rcp => edit_level(&mut layers.rcp, target, &mut change)?,
        }
        Some(next)
    }
}

fn edit_level(
    levels: &mut Option<Arc<[Level]>>,
    target: Option<&str>,
    change: &mut impl FnMut(&Compiled) -> Option<Policy>,
) -> Option<()> {
    let mut edited = levels.as_deref()?.to_vec();
    let level = edited
        .iter_mut()
        .find(|level| Some(&*level.target) == target)?;
    edit_list(&mut level.policies, change)?;
    *levels = Some(edited.into());
    Some(())
}

fn edit_list(
    policies: &mut Policies,
    change: &mut impl FnMut(&Compiled) -> Option<Policy>,
) -> Option<()> {
    let mut list = policies.to_vec();
    let place = list
        .iter_mut()
        .find_map(|compiled| edited(compiled, change).map(|edited| (compiled, edited)));
    let (compiled, edited) = place?;
    *compiled = edited;
    *policies = list.into();
    Some(())
}

fn edited(
    compiled: &Compiled,
    change: &mut impl FnMut(&Compiled) -> Option<Policy>,
) -> Option<Arc<Compiled>> {
    let policy = Arc::new(change(compiled)?);
    let name = compiled.name().clone();
    Some(Arc::new(Compiled::new(NamedPolicy { name, policy })))
}

fn is_meant(compiled: &Compiled, because: &Because) -> bool {
    let statement = compiled
        .policy()
        .and_then(|policy| policy.statements.get(because.statement));
    let same_sid = |statement: &Statement| statement.sid.as_deref() == because.sid.as_deref();
    *compiled.name() == because.policy
        && statement
            .is_some_and(|statement| statement.effect == because.effect && same_sid(statement))
}

/// Adds `ArnNotEquals`, `aws:PrincipalArn`; to the values there, where it stands already.
fn spare(statement: &mut Statement, arn: &str) {
    let operator = Operator::plain(Test::ArnNotEquals);
    let value = Spanned::made(arn.to_owned());
    let same = statement.conditions.iter_mut().find(|condition| {
        condition.operator == operator
            && condition.key.value.eq_ignore_ascii_case("aws:PrincipalArn")
    });
    match same {
        Some(condition) => condition.values.push(value),
        None => statement.conditions.push(Condition {
            operator,
            written: operator.to_string(),
            key: Spanned::made("aws:PrincipalArn".into()),
            values: vec![value],
        }),
    }
}

fn principal_pattern(principal: &Principal) -> Option<PrincipalPattern> {
    match principal {
        Principal::Root(arn) => Some(PrincipalPattern::Account(arn.account().to_owned())),
        Principal::User(arn) | Principal::Role(arn) | Principal::FederatedUser(arn) => {
            Some(PrincipalPattern::Aws(arn.to_string()))
        }
        Principal::Session(session) => Some(PrincipalPattern::Aws(session.role().to_string())),
        Principal::Provider(name) => Some(PrincipalPattern::Federated(name.clone())),
        Principal::Service(name) => Some(PrincipalPattern::Service(name.clone())),
        Principal::Anonymous => Some(PrincipalPattern::Everyone),
    }
}

/// A resource as a pattern that matches it and nothing else.
fn literal(resource: &str) -> String {
    if resource == "*" {
        return resource.to_owned();
    }
    let mut pattern = String::with_capacity(resource.len());
    for letter in resource.chars() {
        match letter {
            '*' | '?' | '$' => {
                pattern.push_str("${");
                pattern.push(letter);
                pattern.push('}');
            }
            other => pattern.push(other),
        }
    }
    pattern
}
