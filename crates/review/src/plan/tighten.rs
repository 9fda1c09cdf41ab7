//! `tighten`: what an agent neither declares nor uses is taken away, and nothing is added.
//!
//! What stays is what the old role allowed of the charter, of the platform's baseline and of the
//! calls that went through. That the rest is unused is claimed only so far as the trail could have
//! shown it.

use std::{collections::BTreeSet, sync::Arc};

use bailiwick_charter::compile::{Closure, closure};
use bailiwick_estate::{Agent, Id, Role};
use bailiwick_iam::{
    access::{Access, Contained, resources_meet},
    layers::{Layers, Policies},
    policy::{Condition, Effect, Policy, Selection, Statement, Version},
    synthesis::{Compacted, Sizes, compact},
};

use super::{
    Act, AgentAt, BaselineRight, Change, Claim, Document, Inverse, Kind, Phase, Plan, Proof,
    Proven, VERSION, seen,
    split::{
        Sources, Split,
        proofs::{compiled, holds, observed},
        units::Unit,
    },
};

/// Lines of what is taken away that a plan shows.
const LINES_MAX: usize = 200;

/// Why there is no plan at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TightenError {
    #[error("no role of `{agent}` is in the estate")]
    NoRole { agent: String },
    #[error("`{role}` is the role of {sharers} workloads: what one does not use, another may")]
    Shared { role: String, sharers: usize },
    #[error("no charter could be drafted for `{agent}`, and it has none")]
    NoCharter { agent: String },
    #[error("the charter of `{agent}` cannot be compiled: {why}")]
    Charter { agent: String, why: String },
}

/// Plans to take from an agent's role what it neither declares nor uses.
///
/// # Errors
/// If its role is unknown, or is not its own.
pub fn tighten(sources: Sources<'_>, agent: &Agent) -> Result<Plan, TightenError> {
    let role = live_role(agent).ok_or_else(|| TightenError::NoRole {
        agent: agent.arn.to_string(),
    })?;
    let split = Split::of(sources, role);
    let mut workloads = split.workloads();
    if workloads.len() != 1 {
        return Err(TightenError::Shared {
            role: split.old.arn.to_string(),
            sharers: workloads.len(),
        });
    }
    let no_charter = || TightenError::NoCharter {
        agent: agent.arn.to_string(),
    };
    let workload = workloads.pop().ok_or_else(no_charter)?;
    let unit = split.unit_of(workload).ok_or_else(no_charter)?;
    let closure = closure(&unit.charter, &unit.site).map_err(|error| TightenError::Charter {
        agent: unit.name.clone(),
        why: error.to_string(),
    })?;
    let tightening = Tightening {
        split,
        unit,
        closure,
    };
    Ok(tightening.plan(agent))
}

fn live_role(agent: &Agent) -> Option<Id<Role>> {
    let live = |held: &&bailiwick_estate::AgentRole| held.versions.iter().any(|it| it.is_live());
    let held = agent.roles.iter().find(live).or(agent.roles.first())?;
    held.role.id
}

struct Tightening<'a> {
    split: Split<'a>,
    unit: Unit<'a>,
    closure: Closure,
}

impl Tightening<'_> {
    fn plan(&self, agent: &Agent) -> Plan {
        let split = &self.split;
        let old_layers = split.old_layers();
        let old = split.algebra.access(&old_layers, None);
        let kept = self.kept(&old);
        let named: Vec<(String, Policy)> = names().zip(kept.documents.iter().cloned()).collect();
        let policies: Policies = named
            .iter()
            .map(|(name, policy)| compiled(name, policy.clone()))
            .collect();
        let layers = Layers {
            identity: Some(policies),
            boundary: old_layers.boundary.clone(),
            ..Layers::default()
        };
        let new = split.algebra.access(&layers, None);
        let changes = self.changes(agent, &named);
        let mut proofs = self.proofs(&old, &new);
        proofs.push(self.limits(&kept));
        Plan {
            version: VERSION,
            kind: Kind::Tighten,
            subject: agent.arn.to_string(),
            snapshot: split.sources.snapshot.hash(),
            catalog: split.sources.catalog.version().to_owned(),
            changes,
            proofs,
            obligations: Vec::new(),
            drift: split.drift_of(&self.closure),
            baseline: self.baseline(),
            remarks: self.remarks(&old, &new),
        }
    }

    /// What is declared, needed by the platform, or was used.
    fn wanted(&self) -> Vec<Statement> {
        let used = self.split.own_lines(&self.unit);
        let used = used.into_iter().flat_map(|line| observed(line).statements);
        let declared = self.closure.declared.statements.iter().cloned();
        let baseline = self.closure.baseline.statements.iter().cloned();
        declared.chain(baseline).chain(used).collect()
    }

    /// What is both wanted and allowed: each part of the one that lies within the other. Denials
    /// stay, for without them something would be allowed that was not.
    fn kept(&self, old: &Access<'_>) -> Compacted {
        let wanted = self.wanted();
        let layers = Layers {
            identity: Some([compiled("wanted", policy(wanted.clone()))].into()),
            ..Layers::default()
        };
        let in_want = self.split.algebra.access(&layers, None);
        let mut kept: Vec<Statement> = wanted.iter().flat_map(|it| self.within(it, old)).collect();
        let old_layers = self.split.old_layers();
        let held = old_layers.identity.iter().flat_map(|it| it.iter());
        let held: Vec<&Statement> = held
            .filter_map(|it| it.policy())
            .flat_map(|it| &it.statements)
            .collect();
        for statement in &held {
            match statement.effect {
                Effect::Allow => kept.extend(self.within(statement, &in_want)),
                Effect::Deny => kept.push((*statement).clone()),
            }
        }
        let partly = wanted
            .iter()
            .filter(|it| !self.is_within(std::slice::from_ref(*it), old));
        for wanted in partly {
            for held in held.iter().filter(|it| it.effect == Effect::Allow) {
                let both = meet(wanted, held).into_iter();
                kept.extend(both.filter(|it| {
                    let it = std::slice::from_ref(it);
                    self.is_within(it, old) && self.is_within(it, &in_want)
                }));
            }
        }
        let kept = Arc::new(policy(kept));
        compact(&[kept], &self.split.algebra, Sizes::INLINE_OF_ROLE, None)
    }

    /// A statement's actions, each on those of its resources on which `outer` allows it.
    fn within(&self, statement: &Statement, outer: &Access<'_>) -> Vec<Statement> {
        let whole = std::slice::from_ref(statement);
        if self.is_within(whole, outer) {
            return vec![statement.clone()];
        }
        let (Selection::Only(actions), Some(Selection::Only(resources))) =
            (&statement.actions, &statement.resources)
        else {
            return Vec::new();
        };
        let mut kept: Vec<Statement> = Vec::new();
        for action in actions {
            let of = |resources| Statement {
                sid: None,
                actions: Selection::Only(vec![action.clone()]),
                resources: Some(Selection::Only(resources)),
                ..statement.clone()
            };
            let held: Vec<_> = resources
                .iter()
                .filter(|resource| self.is_within(&[of(vec![(*resource).clone()])], outer))
                .cloned()
                .collect();
            if held.is_empty() {
                continue;
            }
            let own = of(held);
            match kept.iter_mut().find(|it| it.resources == own.resources) {
                Some(Statement {
                    actions: Selection::Only(actions),
                    ..
                }) => actions.push(action.clone()),
                Some(_) | None => kept.push(own),
            }
        }
        kept
    }

    fn is_within(&self, statements: &[Statement], outer: &Access<'_>) -> bool {
        let layers = Layers {
            identity: Some([compiled("part", policy(statements.to_vec()))].into()),
            ..Layers::default()
        };
        let part = self.split.algebra.access(&layers, None);
        outer.contains(&part) == Contained::Proved
    }

    fn changes(&self, agent: &Agent, kept: &[(String, Policy)]) -> Vec<Change> {
        let split = &self.split;
        let role = split.old.arn.to_string();
        let held = split.held_inline();
        let mut changes = Vec::new();
        let mut add = |phase, why: &str, act, inverse| {
            changes.push(Change {
                phase,
                agent: Some(self.unit.name.clone()),
                why: why.to_owned(),
                act,
                inverse: Inverse(inverse),
            });
        };
        let named: BTreeSet<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
        for (name, policy) in kept {
            let act = Act::PutRolePolicy {
                role: role.clone(),
                name: name.clone(),
                document: Document::of(policy),
            };
            let was = held.iter().find(|(held, _)| held == name);
            let inverse = match was {
                Some((_, document)) => Act::PutRolePolicy {
                    role: role.clone(),
                    name: name.clone(),
                    document: document.clone(),
                },
                None => Act::DeleteRolePolicy {
                    role: role.clone(),
                    name: name.clone(),
                },
            };
            add(
                Phase::Update,
                "what it declares, needs or was seen to do",
                act,
                inverse,
            );
        }
        for (act, inverse) in split.policies_away(&named) {
            add(
                Phase::Retire,
                "the rest is neither declared nor used",
                act,
                inverse,
            );
        }
        let verify = Act::Verify {
            agent: AgentAt {
                arn: agent.arn.to_string(),
                kind: agent.kind.name().to_owned(),
            },
            role,
        };
        add(
            Phase::Retire,
            "none of its calls is refused",
            verify.clone(),
            verify,
        );
        changes
    }

    fn proofs(&self, old: &Access<'_>, new: &Access<'_>) -> Vec<Proof> {
        let of = |claim, proven| Proof {
            claim,
            subject: self.unit.name.clone(),
            proven,
        };
        let charter_in_new = if self.unit.is_declared {
            let layers = self.closure.declared_layers();
            let charter = self.split.algebra.access(&layers, None);
            let why = "the charter declares this, and the role never allowed it; tightening adds nothing (`split` makes the roles of a charter)";
            holds(new, &charter, &self.split.old.name, why)
        } else {
            Proven::unknown("it has no charter: nobody declared what it is for")
        };
        let in_old = "the old role never allowed this";
        vec![
            of(
                Claim::NewInOld,
                holds(old, new, &self.split.old.name, in_old),
            ),
            of(Claim::CharterInNew, charter_in_new),
            of(Claim::ObservedInNew, self.observed_in_new(new)),
            of(Claim::RemovedIsUnused, self.removed_is_unused(old, new)),
        ]
    }

    fn observed_in_new(&self, new: &Access<'_>) -> Proven {
        if self.split.sources.usage.is_none() {
            return Proven::unknown("no usage was given");
        }
        let old = self.split.old_layers();
        let mut certificate = Vec::new();
        for line in self.split.own_lines(&self.unit) {
            let layers = Layers {
                identity: Some([compiled("observed", observed(line))].into()),
                boundary: self.closure.layers().identity,
                // It went through, and so the old role allowed it.
                session: old.identity.clone(),
                endpoint: old.boundary.clone(),
                ..Layers::default()
            };
            let declared = self.split.algebra.access(&layers, None);
            let told = format!("{} on {}", line.action, line.resource);
            let why = format!("{told} was observed and is declared, and is lost");
            match holds(new, &declared, &self.split.old.name, &why) {
                Proven::Proved { certificate: lines } if lines.is_empty() => {
                    certificate.push(format!("{told}: none of it is declared"));
                }
                Proven::Proved { certificate: lines } => {
                    certificate.extend(lines.into_iter().map(|it| format!("{told}: {it}")));
                }
                open @ (Proven::Refuted { .. } | Proven::Unknown { .. }) => return open,
            }
        }
        Proven::Proved { certificate }
    }

    fn limits(&self, kept: &Compacted) -> Proof {
        let told = format!("{} characters of inline policies", kept.characters);
        let proven = if kept.fits {
            Proven::by_facts([told])
        } else {
            Proven::refuted_by_facts([told], "AWS allows a role 10,240")
        };
        Proof {
            claim: Claim::WithinLimits,
            subject: self.unit.name.clone(),
            proven,
        }
    }

    /// Only a trail that could have shown a call says that there was none.
    fn removed_is_unused(&self, old: &Access<'_>, new: &Access<'_>) -> Proven {
        let Some(usage) = self.split.sources.usage else {
            return Proven::unknown("no usage was given: nothing can be called unused");
        };
        let Some(coverage) = &usage.coverage else {
            return Proven::unknown("the usage states no coverage: nothing may be called unused");
        };
        let account = self.split.old.account;
        if !coverage.accounts.contains(&account) {
            return Proven::unknown(format!("the trail does not cover the account {account}"));
        }
        if let Some(seen) = self.removed_and_seen(new) {
            return seen;
        }
        let removed = old.beyond(new, LINES_MAX);
        let actions = removed.lines.iter().flat_map(|line| &line.actions);
        let unseen = seen::unseen(actions.map(String::as_str), coverage);
        let told = format!(
            "{} to {}, {} days, selectors: {}",
            coverage.from,
            coverage.to,
            coverage.days(),
            coverage.selectors.join(", ")
        );
        if removed.incomplete || removed.more > 0 {
            return Proven::unknown(format!(
                "more is taken away than can be gone through; the trail covers {told}"
            ));
        }
        if !unseen.is_empty() {
            return Proven::unknown(format!(
                "some of what is taken away could not have been seen: {} was not on; the trail covers {told}",
                unseen.join(", ")
            ));
        }
        Proven::by_facts([told])
    }

    /// A call that went through and that the role could not make any more: it is not unused.
    fn removed_and_seen(&self, new: &Access<'_>) -> Option<Proven> {
        let old = self.split.old_layers();
        for line in self.split.own_lines(&self.unit) {
            let layers = Layers {
                identity: Some([compiled("observed", observed(line))].into()),
                session: old.identity.clone(),
                endpoint: old.boundary.clone(),
                ..Layers::default()
            };
            let had = self.split.algebra.access(&layers, None);
            match new.contains(&had) {
                Contained::Proved => {}
                answer @ (Contained::Refuted(_) | Contained::Unknown(_)) => {
                    let why = "it was seen, and could not be kept in the words of the charter and of the old policies";
                    return Some(Proven::of(answer, Vec::new(), why));
                }
            }
        }
        None
    }

    fn baseline(&self) -> Vec<BaselineRight> {
        let rights = self.closure.reasons.iter();
        let told = rights.map(|right| BaselineRight {
            agent: self.unit.name.clone(),
            sid: right.sid.clone(),
            reason: right.reason.to_owned(),
            actions: right.actions.clone(),
            resources: right.resources.clone(),
        });
        told.collect()
    }

    fn remarks(&self, old: &Access<'_>, new: &Access<'_>) -> Vec<String> {
        let removed = old.beyond(new, LINES_MAX);
        let mut remarks: Vec<String> = removed
            .lines
            .iter()
            .map(|line| {
                format!(
                    "taken away: {} on {}",
                    line.actions.join(", "),
                    line.resources.join(", ")
                )
            })
            .collect();
        if removed.more > 0 {
            remarks.push(format!("and {} lines more", removed.more));
        }
        if !self.unit.is_declared {
            remarks.push(format!(
                "{} has no charter: what is kept is its configuration and what it was seen to do",
                self.unit.name
            ));
        }
        remarks
    }
}

/// What two statements may have in common, in their words: an action of the one that is wanted, on a
/// resource of either, under the conditions of both. Whether both allow it is for the algebra to say.
fn meet(wanted: &Statement, held: &Statement) -> Vec<Statement> {
    let (Selection::Only(actions), Some(Selection::Only(on))) =
        (&wanted.actions, &wanted.resources)
    else {
        return Vec::new();
    };
    let more = match &held.resources {
        Some(Selection::Only(more)) => more.as_slice(),
        Some(Selection::AllBut(_)) | None => &[],
    };
    let says_the_same = |one: &Condition, other: &Condition| {
        one.operator == other.operator && one.key.value.eq_ignore_ascii_case(&other.key.value)
    };
    // One operator holds one key once.
    let contradict = wanted.conditions.iter().any(|one| {
        held.conditions
            .iter()
            .any(|other| says_the_same(one, other))
    });
    if contradict {
        return Vec::new();
    }
    let resources: Vec<_> = on
        .iter()
        .chain(more.iter().filter(|it| {
            on.iter()
                .any(|own| resources_meet(&own.value.0, &it.value.0))
        }))
        .collect();
    let conditions: Vec<Condition> = wanted
        .conditions
        .iter()
        .chain(&held.conditions)
        .cloned()
        .collect();
    let mut both = Vec::new();
    for action in actions {
        for resource in &resources {
            both.push(Statement {
                sid: None,
                actions: Selection::Only(vec![action.clone()]),
                resources: Some(Selection::Only(vec![(*resource).clone()])),
                conditions: conditions.clone(),
                ..wanted.clone()
            });
        }
    }
    both
}

/// `tightened`, `tightened-2`, …
fn names() -> impl Iterator<Item = String> {
    let further = (2..).map(|number: u32| format!("tightened-{number}"));
    std::iter::once("tightened".to_owned()).chain(further)
}

fn policy(statements: Vec<Statement>) -> Policy {
    Policy {
        version: Version::V2012,
        id: None,
        statements,
    }
}
