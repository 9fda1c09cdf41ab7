//! Who runs as the role, and who of them stays together.

use std::{borrow::Cow, collections::BTreeMap};

use bailiwick_charter::{AgentName, Charter, compile::closure};
use bailiwick_estate::{Agent, AgentKind, Resource};
use bailiwick_iam::arn::Arn;

use super::{Split, draft, site::site};
use crate::{
    class,
    plan::{Claim, Proof, Proven},
};

/// What gets one identity: one agent by its charter, or by itself if it has none.
pub(crate) struct Unit<'a> {
    /// The charter's name for it.
    pub(crate) name: String,
    pub(crate) charter: Cow<'a, Charter>,
    /// Whether somebody wrote the charter.
    pub(crate) is_declared: bool,
    pub(crate) workloads: Vec<Workload<'a>>,
    pub(crate) site: bailiwick_charter::compile::Site,
    /// What was proved, or not, about agents that ask to share.
    pub(super) shared: Vec<Proof>,
}

/// Something that runs as the old role.
#[derive(Clone)]
pub(crate) struct Workload<'a> {
    pub(crate) arn: Arn,
    pub(crate) agent: Option<&'a Agent>,
    /// Where it runs on compute of the owner's.
    pub(crate) resource: Option<&'a Resource>,
}

/// What stays with the old role, and why.
#[derive(Debug, Clone)]
pub(super) struct Stuck {
    pub(super) arn: String,
    pub(super) why: String,
}

impl<'a> Split<'a> {
    pub(super) fn units(&self) -> (Vec<Unit<'a>>, Vec<Stuck>) {
        let mut stuck = Vec::new();
        let mut declared: BTreeMap<AgentName, (&'a Charter, Vec<Workload<'a>>)> = BTreeMap::new();
        let mut undeclared = Vec::new();
        for workload in self.workloads() {
            if let Some(why) = cannot_move(&workload) {
                stuck.push(Stuck {
                    arn: workload.arn.to_string(),
                    why: why.to_owned(),
                });
                continue;
            }
            let charters: Vec<&'a Charter> = self
                .sources
                .charters
                .iter()
                .filter(|charter| charter.runs_as.contains(&workload.arn))
                .collect();
            match charters.as_slice() {
                [] => undeclared.push(workload),
                [charter] => {
                    let entry = declared.entry(charter.agent.clone());
                    entry.or_insert((charter, Vec::new())).1.push(workload);
                }
                [first, second, ..] => stuck.push(Stuck {
                    arn: workload.arn.to_string(),
                    why: format!(
                        "two charters contradict each other: `{}` and `{}` both claim it",
                        first.agent, second.agent
                    ),
                }),
            }
        }
        let mut units: Vec<Unit<'a>> = declared
            .into_values()
            .map(|(charter, workloads)| self.declared(charter, workloads))
            .collect();
        let mut taken: Vec<String> = units.iter().map(|unit| unit.name.clone()).collect();
        for workload in undeclared {
            match draft::charter(self, &workload, &taken) {
                Some(charter) => {
                    taken.push(charter.agent.to_string());
                    units.push(self.unit(Cow::Owned(charter), false, vec![workload]));
                }
                None => stuck.push(Stuck {
                    arn: workload.arn.to_string(),
                    why: "it has no charter, and none could be drafted for it".to_owned(),
                }),
            }
        }
        (self.in_classes(units), stuck)
    }

    /// The unit that one workload is, with the one charter that claims it or a drafted one.
    pub(crate) fn unit_of(&self, workload: Workload<'a>) -> Option<Unit<'a>> {
        let mut claim = self
            .sources
            .charters
            .iter()
            .filter(|charter| charter.runs_as.contains(&workload.arn));
        match (claim.next(), claim.next()) {
            (Some(charter), None) => Some(self.declared(charter, vec![workload])),
            (Some(_), Some(_)) => None,
            (None, _) => {
                let charter = draft::charter(self, &workload, &[])?;
                Some(self.unit(Cow::Owned(charter), false, vec![workload]))
            }
        }
    }

    /// The unit that a charter makes of these workloads.
    pub(crate) fn unit_by(&self, charter: &'a Charter, workloads: Vec<Workload<'a>>) -> Unit<'a> {
        if workloads.is_empty() {
            return self.unit(Cow::Borrowed(charter), true, workloads);
        }
        self.declared(charter, workloads)
    }

    fn declared(&self, charter: &'a Charter, workloads: Vec<Workload<'a>>) -> Unit<'a> {
        let mut charter = Cow::Borrowed(charter);
        // The role trusts what runs as it here; a workload elsewhere has a role of its own.
        let here: Vec<Arn> = workloads.iter().map(|it| it.arn.clone()).collect();
        if charter.runs_as != here {
            charter.to_mut().runs_as = here;
        }
        self.unit(charter, true, workloads)
    }

    fn unit(
        &self,
        charter: Cow<'a, Charter>,
        is_declared: bool,
        workloads: Vec<Workload<'a>>,
    ) -> Unit<'a> {
        Unit {
            name: charter.agent.to_string(),
            site: site(self, &charter, &workloads),
            charter,
            is_declared,
            workloads,
            shared: Vec::new(),
        }
    }

    /// Agents, components and compute, by ARN.
    pub(crate) fn workloads(&self) -> Vec<Workload<'a>> {
        let estate = self.sources.estate;
        let agents = estate.agents_of(self.role).map(|id| {
            let agent = estate.agents.at(id);
            Workload {
                arn: agent.arn.clone(),
                agent: Some(agent),
                resource: None,
            }
        });
        let mut found: Vec<Workload<'a>> = agents.collect();
        for id in estate.compute_of(self.role) {
            let resource = estate.resources.at(id);
            match found.iter_mut().find(|it| it.arn == resource.arn) {
                Some(workload) => workload.resource = Some(resource),
                None => found.push(Workload {
                    arn: resource.arn.clone(),
                    agent: None,
                    resource: Some(resource),
                }),
            }
        }
        found.sort_by(|a, b| a.arn.cmp(&b.arn));
        found.dedup_by(|a, b| a.arn == b.arn);
        found
    }

    /// Agents of one class share a role where their charters say the same; otherwise each has its
    /// own, and the plan says why.
    fn in_classes(&self, units: Vec<Unit<'a>>) -> Vec<Unit<'a>> {
        let mut alone = Vec::new();
        let mut classes: BTreeMap<(String, String), Vec<Unit<'a>>> = BTreeMap::new();
        for unit in units {
            match &unit.charter.class {
                Some(class) if unit.is_declared => {
                    let key = (class.to_string(), unit.charter.environment.to_string());
                    classes.entry(key).or_default().push(unit);
                }
                Some(_) | None => alone.push(unit),
            }
        }
        for ((class, _), members) in classes {
            let mut members = members.into_iter();
            let Some(mut first) = members.next() else {
                continue;
            };
            let mut names = vec![first.name.clone()];
            for mut other in members {
                let proven = self.equal(&first, &other);
                let proof = Proof {
                    claim: Claim::ChartersEqual,
                    subject: format!("{} and {}, of class {class}", first.name, other.name),
                    proven,
                };
                if let Proven::Proved { .. } = proof.proven {
                    names.push(other.name.clone());
                    first.workloads.append(&mut other.workloads);
                    first.shared.push(proof);
                } else {
                    other.shared.push(proof);
                    alone.push(other);
                }
            }
            if names.len() > 1 {
                self.share(&mut first, &class);
            }
            alone.push(first);
        }
        alone.sort_by(|a, b| a.name.cmp(&b.name));
        alone
    }

    fn share(&self, unit: &mut Unit<'a>, class: &str) {
        let charter = unit.charter.to_mut();
        charter.runs_as = unit.workloads.iter().map(|it| it.arn.clone()).collect();
        // A class is named as an agent is, but may be longer.
        if let Ok(name) = class.parse::<AgentName>() {
            unit.name = name.to_string();
            charter.agent = name;
        }
        unit.site = site(self, &unit.charter, &unit.workloads);
    }

    fn equal(&self, one: &Unit<'_>, other: &Unit<'_>) -> Proven {
        let said = |unit: &Unit<'_>| closure(&unit.charter, &unit.site).ok();
        let (Some(a), Some(b)) = (said(one), said(other)) else {
            return Proven::unknown("one of the charters cannot be compiled");
        };
        class::equal(&self.algebra, (&one.charter, &a), (&other.charter, &b))
    }
}

/// Why a workload cannot be given another role by a plan.
fn cannot_move(workload: &Workload<'_>) -> Option<&'static str> {
    let Some(agent) = workload.agent else {
        let kind = workload.resource.map_or("", |it| it.kind.as_str());
        return match kind {
            "AWS::Lambda::Function" | "AWS::ECS::TaskDefinition" => None,
            _ => Some("it is no agent, and runs as the same role"),
        };
    };
    match agent.kind {
        AgentKind::BedrockAgent
        | AgentKind::Flow
        | AgentKind::Runtime
        | AgentKind::Harness
        | AgentKind::Gateway
        | AgentKind::KnowledgeBase
        | AgentKind::Memory
        | AgentKind::SelfRun => None,
        AgentKind::Browser | AgentKind::CodeInterpreter => Some(
            "AWS gives its kind a role once: make a new one with a role of its own, and delete this one",
        ),
        AgentKind::Unknown => Some("no inventory says which agent this role is for"),
        _ => Some("no plan is known for its kind"),
    }
}
