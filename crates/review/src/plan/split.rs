//! `split`: one role for each agent that shares one today.
//!
//! What an agent gets is what its charter says, compiled; an agent without a charter gets one made
//! of its configuration and of what it was seen to do, and the plan says that nobody declared it.
//! The agents move one after another, each with its way back, and the old role goes when nothing
//! needs it. Whatever is not certain keeps its proof open, and a role with an open proof about who
//! else needs it is not touched.

mod ceilings;
mod configured;
mod cutover;
mod draft;
mod named;
mod others;
pub(crate) mod proofs;
mod retire;
mod site;
pub(crate) mod units;

use bailiwick_charter::{
    Charters,
    compile::{Closure, CompiledCharter, closure, compile},
};
use bailiwick_estate::{Estate, Id, PrincipalId, Role, usage::Usage};
use bailiwick_iam::{
    access::Algebra,
    arn::Arn,
    evaluate::Decision,
    layers::Layers,
    request::{Principal, Request},
};
use bailiwick_iam_catalog::Catalog;

use super::{
    BaselineRight, Change, Claim, Kind, Obligation, Plan, Proof, Proven, Snapshot, VERSION,
};
use crate::compiled::CompiledEstate;
use units::Unit;

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    pub estate: &'a Estate,
    pub catalog: &'a Catalog<'static>,
    pub snapshot: &'a Snapshot,
    pub charters: &'a Charters,
    pub usage: Option<&'a Usage>,
}

/// Why there is no plan at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    #[error("the estate has no role `{role}`")]
    NoRole { role: String },
    #[error("no agent runs as `{role}`")]
    NoAgents { role: String },
}

/// A unit with its roles.
struct Moving<'a> {
    unit: Unit<'a>,
    compiled: CompiledCharter,
    closure: Closure,
}

/// What is asked of the split, and everything that answers look at.
pub(crate) struct Split<'a> {
    pub(crate) sources: Sources<'a>,
    role: Id<Role>,
    pub(crate) old: &'a Role,
    compiled: CompiledEstate<'a>,
    pub(crate) algebra: Algebra<'a>,
}

/// Plans a role of its own for each agent that runs as this one.
///
/// # Errors
/// If there is no such role, or no agent runs as it.
pub fn split(sources: Sources<'_>, role: &Arn) -> Result<Plan, SplitError> {
    let named = || SplitError::NoRole {
        role: role.to_string(),
    };
    let id = sources.estate.role(role).ok_or_else(named)?;
    let split = Split::of(sources, id);
    let (units, stuck) = split.units();
    // A function that serves agents is none.
    let is_agent = |workload: &units::Workload<'_>| {
        let mut charters = sources.charters.iter();
        workload.agent.is_some() || charters.any(|it| it.runs_as.contains(&workload.arn))
    };
    if !split.workloads().iter().any(is_agent) {
        return Err(SplitError::NoAgents {
            role: role.to_string(),
        });
    }
    Ok(split.plan(units, stuck))
}

impl<'a> Split<'a> {
    pub(crate) fn of(sources: Sources<'a>, role: Id<Role>) -> Self {
        let compiled = CompiledEstate::new(sources.estate, sources.catalog);
        Self::with(sources, role, compiled)
    }

    /// With an estate that was compiled before.
    pub(crate) fn with(sources: Sources<'a>, role: Id<Role>, compiled: CompiledEstate<'a>) -> Self {
        Self {
            sources,
            role,
            old: sources.estate.roles.at(role),
            compiled,
            algebra: Algebra::new(sources.catalog),
        }
    }

    /// The layers of the old role, SCPs among them.
    pub(crate) fn all_layers(&self) -> Layers {
        self.compiled.layers(self.principal())
    }

    /// These layers, with what the resource asked for adds. One whose ARN names no account, and of
    /// which the estate knows none, belongs to who asks.
    // IAM-045
    pub(crate) fn at_resource(&self, layers: Layers, resource: &Arn) -> Layers {
        let mut layers = self.compiled.at_resource(layers, resource);
        let is_nobodys =
            resource.account_id().is_none() && self.sources.estate.resource(resource).is_none();
        if is_nobodys {
            layers.rcp = self.compiled.rcps(self.old.account);
        }
        layers
    }

    /// A session of the old role.
    pub(crate) fn signer(&self) -> Principal {
        self.compiled.signer(self.principal())
    }

    pub(crate) fn decide(&self, layers: &Layers, request: &Request) -> Decision {
        self.compiled.decide(layers, request)
    }

    fn plan(&self, units: Vec<Unit<'a>>, mut stuck: Vec<units::Stuck>) -> Plan {
        let mut proofs: Vec<Proof> = units.iter().flat_map(|unit| unit.shared.clone()).collect();
        let mut moving = Vec::new();
        for unit in units {
            match self.moving(unit) {
                Ok(ready) => moving.push(ready),
                Err(refused) => {
                    let (why, facts) = *refused;
                    proofs.push(why);
                    stuck.extend(facts);
                }
            }
        }
        let free = self.freedom(&moving, &stuck);
        let is_free = matches!(free, Proven::Proved { .. });
        let free = self.proof(Claim::OldRoleIsFree, free);
        if let [own] = moving.as_slice()
            && is_free
            && own
                .compiled
                .runtime
                .name
                .eq_ignore_ascii_case(&self.old.name)
        {
            proofs.push(free);
            return self.nothing(own, proofs);
        }
        proofs.push(free);
        proofs.extend(self.limits(&moving));
        let mut drift = Vec::new();
        for one in &moving {
            proofs.extend(self.proofs_of(one));
        }
        self.observe(&moving, &mut proofs, &mut drift);
        let mut changes: Vec<Change> = moving.iter().flat_map(|it| self.create(it)).collect();
        let mut obligations = self.obligations(&moving, &stuck);
        let named = self.named_elsewhere(&moving);
        changes.extend(named.before);
        changes.extend(moving.iter().flat_map(|it| self.cut_over(it)));
        if is_free {
            changes.extend(named.after);
            changes.extend(self.retire());
            obligations.push(self.look_elsewhere());
        }
        obligations.extend(named.obligations);
        obligations.extend(self.ceilings_that_name_it(&moving));
        obligations.sort();
        obligations.dedup();
        drift.sort();
        drift.dedup();
        proofs.sort_by(|a, b| (&a.subject, a.claim).cmp(&(&b.subject, b.claim)));
        Plan {
            version: VERSION,
            kind: Kind::Split,
            subject: self.old.arn.to_string(),
            snapshot: self.sources.snapshot.hash(),
            catalog: self.sources.catalog.version().to_owned(),
            changes,
            proofs,
            obligations,
            drift,
            baseline: moving.iter().flat_map(baseline).collect(),
            remarks: self.remarks(&moving, is_free),
        }
    }

    /// The role bears its one agent's name and serves nobody else: what there is to do about it is
    /// not a split.
    fn nothing(&self, own: &Moving<'_>, proofs: Vec<Proof>) -> Plan {
        let name = &own.unit.name;
        Plan {
            version: VERSION,
            kind: Kind::Split,
            subject: self.old.arn.to_string(),
            snapshot: self.sources.snapshot.hash(),
            catalog: self.sources.catalog.version().to_owned(),
            changes: Vec::new(),
            proofs,
            obligations: Vec::new(),
            drift: Vec::new(),
            baseline: Vec::new(),
            remarks: vec![format!(
                "nothing to split: the role is {name}'s own; `bailiwick tighten {name}` takes from it what is not needed"
            )],
        }
    }

    /// A unit whose roles AWS would take. Otherwise the proof that says why not, and its workloads
    /// stay where they are.
    fn moving(&self, unit: Unit<'a>) -> Result<Moving<'a>, Box<(Proof, Vec<units::Stuck>)>> {
        let made = compile(&unit.charter, &unit.site)
            .and_then(|compiled| Ok((compiled, closure(&unit.charter, &unit.site)?)));
        match made {
            Ok((compiled, closure)) => Ok(Moving {
                unit,
                compiled,
                closure,
            }),
            Err(error) => {
                let why = error.to_string();
                let stay = unit.workloads.iter().map(|workload| units::Stuck {
                    arn: workload.arn.to_string(),
                    why: why.clone(),
                });
                let proven = Proven::refuted_by_facts([why.clone()], "no role can be made for it");
                let proof = Proof {
                    claim: Claim::WithinLimits,
                    subject: unit.name.clone(),
                    proven,
                };
                Err(Box::new((proof, stay.collect())))
            }
        }
    }

    fn proof(&self, claim: Claim, proven: Proven) -> Proof {
        Proof {
            claim,
            subject: self.old.arn.to_string(),
            proven,
        }
    }

    fn principal(&self) -> PrincipalId {
        PrincipalId::Role(self.role)
    }

    fn remarks(&self, moving: &[Moving<'_>], is_free: bool) -> Vec<String> {
        let mut remarks = vec![
            "SCPs and RCPs that look at no principal bind the old role and the new ones alike, so proofs leave them out; where an SCP tells them apart, it is part of the proof"
                .to_owned(),
        ];
        for one in moving {
            let name = &one.unit.name;
            if !one.unit.is_declared {
                remarks.push(format!(
                    "{name} has no charter: its role is made of its configuration and of what it was seen to do; write one (`bailiwick charter draft`), and split again"
                ));
            }
            let told = one.compiled.remarks.iter();
            remarks.extend(told.map(|remark| format!("{name}: {remark}")));
        }
        if !is_free {
            remarks.push(format!(
                "{} is left as it is: it has other users",
                self.old.name
            ));
        }
        match self.sources.usage {
            None => {
                remarks.push("no usage was given: what the agents do was not looked at".to_owned())
            }
            Some(Usage { coverage: None, .. }) => remarks.push(
                "the usage states no coverage: what it does not show may be used all the same"
                    .to_owned(),
            ),
            Some(Usage {
                coverage: Some(seen),
                ..
            }) => remarks.push(format!(
                "usage from {} to {} ({} days), selectors: {}",
                seen.from,
                seen.to,
                seen.days(),
                seen.selectors.join(", ")
            )),
        }
        remarks
    }

    fn obligations(&self, moving: &[Moving<'_>], stuck: &[units::Stuck]) -> Vec<Obligation> {
        let mut asked: Vec<Obligation> = stuck
            .iter()
            .map(|stuck| Obligation {
                subject: stuck.arn.clone(),
                what: format!("move it off {} by hand", self.old.name),
                why: stuck.why.clone(),
            })
            .collect();
        for one in moving {
            asked.extend(self.obligations_of(one));
        }
        asked
    }
}

fn baseline(moving: &Moving<'_>) -> Vec<BaselineRight> {
    let rights = moving.compiled.baseline.iter();
    let told = rights.map(|right| BaselineRight {
        agent: moving.unit.name.clone(),
        sid: right.sid.clone(),
        reason: right.reason.to_owned(),
        actions: right.actions.clone(),
        resources: right.resources.clone(),
    });
    told.collect()
}

impl std::fmt::Debug for Split<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Split of {}", self.old.arn)
    }
}
