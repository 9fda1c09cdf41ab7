//! A unit moves: its roles are made, its configuration names them, traffic follows, somebody looks.

use bailiwick_estate::{Agent, AgentKind, agent::Alias};

use super::{Moving, Split, units::Workload};
use crate::plan::{Act, AgentAt, Change, Document, Inverse, Phase, VersionStep};

impl Split<'_> {
    pub(super) fn create(&self, one: &Moving<'_>) -> Vec<Change> {
        let mut changes = Vec::new();
        for role in one.compiled.roles() {
            let (arn, boundary) = (role.arn(), role.boundary_arn());
            let mut add = |why: String, act: Act, inverse: Act| {
                changes.push(Change {
                    phase: Phase::Create,
                    agent: Some(one.unit.name.clone()),
                    why,
                    act,
                    inverse: Inverse(inverse),
                });
            };
            add(
                format!("what {} may have at most", role.name),
                Act::CreatePolicy {
                    policy: boundary.clone(),
                    document: Document::of(&role.boundary.document),
                },
                Act::DeletePolicy {
                    policy: boundary.clone(),
                },
            );
            add(
                format!("a role of its own for {}", one.unit.name),
                Act::CreateRole {
                    role: arn.clone(),
                    trust: Document::of(&role.trust),
                    max_session_seconds: role.max_session_seconds,
                    tags: role.tags.clone(),
                    boundary: Some(boundary),
                },
                Act::DeleteRole { role: arn.clone() },
            );
            for policy in &role.policies {
                add(
                    format!("its rights to {}", policy.name),
                    Act::PutRolePolicy {
                        role: arn.clone(),
                        name: policy.name.clone(),
                        document: Document::of(&policy.document),
                    },
                    Act::DeleteRolePolicy {
                        role: arn.clone(),
                        name: policy.name.clone(),
                    },
                );
            }
        }
        changes
    }

    pub(super) fn cut_over(&self, one: &Moving<'_>) -> Vec<Change> {
        let to = one.compiled.runtime.arn();
        let workloads = one.unit.workloads.iter();
        workloads
            .flat_map(|workload| {
                let mover = Mover {
                    unit: &one.unit.name,
                    at: at(workload),
                    to: &to,
                };
                match workload.agent {
                    Some(agent) => self.agent(&mover, agent),
                    None => vec![mover.update(self.old.arn.as_str(), None), mover.verify()],
                }
            })
            .collect()
    }

    fn agent(&self, mover: &Mover<'_>, agent: &Agent) -> Vec<Change> {
        let old = self.old.arn.as_str();
        match agent.kind {
            AgentKind::BedrockAgent | AgentKind::Flow => self.versioned(mover, agent),
            AgentKind::Runtime => self.runtime(mover, agent),
            _ => vec![mover.update(old, None), mover.verify()],
        }
    }

    /// The draft changes, is prepared and becomes a version; the aliases that the old role answers
    /// move to it. The test alias stays on the draft, which has its new role already.
    fn versioned(&self, mover: &Mover<'_>, agent: &Agent) -> Vec<Change> {
        let old = self.old.arn.as_str();
        let draft = agent.roles.iter().find(|it| {
            let drafts = it.versions.iter();
            drafts
                .into_iter()
                .any(|version| version.number.is_none() || version.is_draft())
        });
        let from = draft.map_or(old, |it| it.role.arn.as_str());
        let mut changes = vec![mover.update(from, None), mover.prepare()];
        let version = next_version(agent);
        changes.push(mover.change(
            Phase::Update,
            format!("version {version} is the draft with its new role"),
            Act::CreateAgentVersion {
                agent: mover.at.clone(),
                version: version.clone(),
            },
            Act::DeleteAgentVersion {
                agent: mover.at.clone(),
                version: version.clone(),
            },
        ));
        for (alias, from) in self.routes(agent) {
            changes.push(mover.route(alias, &from, &version));
        }
        changes.push(mover.verify());
        changes
    }

    /// An update makes a version, and the endpoint DEFAULT follows it by itself.
    fn runtime(&self, mover: &Mover<'_>, agent: &Agent) -> Vec<Change> {
        let old = self.old.arn.as_str();
        let Some(latest) = latest_version(agent) else {
            return vec![mover.update(old, None), mover.verify()];
        };
        let to = (latest + 1).to_string();
        let step = VersionStep {
            from: latest.to_string(),
            to: to.clone(),
        };
        let current = agent.roles.iter().find(|it| {
            let mut versions = it.versions.iter();
            versions.any(|version| version.number.as_deref() == Some(step.from.as_str()))
        });
        let from = current.map_or(old, |it| it.role.arn.as_str());
        let mut changes = vec![mover.update(from, Some(step))];
        let others = self.routes(agent).into_iter();
        for (endpoint, from) in others.filter(|(endpoint, _)| endpoint.name != "DEFAULT") {
            changes.push(mover.route(endpoint, &from, &to));
        }
        changes.push(mover.verify());
        changes
    }

    /// The aliases and endpoints that lead to a version with the old role, and which version.
    pub(super) fn routes<'g>(&self, agent: &'g Agent) -> Vec<(&'g Alias, String)> {
        let with_old = agent.roles.iter().filter(|it| it.role.arn == self.old.arn);
        let versions: Vec<&str> = with_old
            .flat_map(|it| &it.versions)
            .filter_map(|version| version.number.as_deref())
            .filter(|number| *number != "DRAFT")
            .collect();
        let aliases = agent.aliases.iter();
        aliases
            .flat_map(|alias| {
                let own = alias.routes_to.iter();
                own.filter(|version| versions.contains(&version.as_str()))
                    .map(move |version| (alias, version.clone()))
            })
            .collect()
    }
}

/// The steps of one workload.
struct Mover<'m> {
    unit: &'m str,
    at: AgentAt,
    to: &'m str,
}

impl Mover<'_> {
    fn change(&self, phase: Phase, why: String, act: Act, inverse: Act) -> Change {
        Change {
            phase,
            agent: Some(self.unit.to_owned()),
            why,
            act,
            inverse: Inverse(inverse),
        }
    }

    fn update(&self, from: &str, version: Option<VersionStep>) -> Change {
        let back = version
            .clone()
            .map(|VersionStep { from, to }| VersionStep { from: to, to: from });
        self.change(
            Phase::Update,
            format!("its configuration names {}", self.to),
            Act::UpdateAgentRole {
                agent: self.at.clone(),
                from: from.to_owned(),
                to: self.to.to_owned(),
                version,
            },
            Act::RevertAgentRole {
                agent: self.at.clone(),
                from: self.to.to_owned(),
                to: from.to_owned(),
                version: back,
            },
        )
    }

    fn prepare(&self) -> Change {
        let act = Act::PrepareAgent {
            agent: self.at.clone(),
        };
        let why = "a draft that is not prepared cannot become a version".to_owned();
        self.change(Phase::Update, why, act.clone(), act)
    }

    fn route(&self, alias: &Alias, from: &str, to: &str) -> Change {
        let moved = |from: &str, to: &str| Act::MoveAlias {
            agent: self.at.clone(),
            alias: alias.name.clone(),
            alias_id: alias_id(alias),
            from: from.to_owned(),
            to: to.to_owned(),
        };
        self.change(
            Phase::Route,
            format!("{} leads to the version with the new role", alias.name),
            moved(from, to),
            moved(to, from),
        )
    }

    fn verify(&self) -> Change {
        let act = Act::Verify {
            agent: self.at.clone(),
            role: self.to.to_owned(),
        };
        let why = "its calls come from the new role, and none is refused".to_owned();
        self.change(Phase::Verify, why, act.clone(), act)
    }
}

/// The id that AWS gave the alias: what its ARN ends with, if that is not the name itself.
fn alias_id(alias: &Alias) -> Option<String> {
    let arn = alias.arn.as_ref()?;
    let id = arn.as_str().rsplit('/').next()?;
    (id != alias.name).then(|| id.to_owned())
}

fn at(workload: &Workload<'_>) -> AgentAt {
    let of_resource = workload
        .resource
        .map_or("", |resource| resource.kind.as_str());
    AgentAt {
        arn: workload.arn.to_string(),
        kind: workload.agent.map_or_else(
            || of_resource.to_owned(),
            |agent| agent.kind.name().to_owned(),
        ),
    }
}

pub(super) fn latest_version(agent: &Agent) -> Option<u64> {
    let versions = agent.roles.iter().flat_map(|it| &it.versions);
    let numbers = versions.filter_map(|version| version.number.as_deref());
    let routed = agent.aliases.iter().flat_map(|alias| &alias.routes_to);
    numbers
        .chain(routed.map(String::as_str))
        .filter_map(|number| number.parse().ok())
        .max()
}

fn next_version(agent: &Agent) -> String {
    (latest_version(agent).unwrap_or(0) + 1).to_string()
}
