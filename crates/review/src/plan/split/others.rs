//! Who else needs the old role, and what a plan leaves to people.

use std::collections::BTreeSet;

use bailiwick_estate::{AgentKind, Named};
use bailiwick_iam::{
    arn::Arn,
    policy::{Effect, PrincipalPattern, Selection},
};

use super::{
    Moving, Split,
    cutover::latest_version,
    units::{Stuck, Workload},
};
use crate::plan::{Obligation, Proven};

impl Split<'_> {
    /// Whether the agents that move are all that needs the old role.
    pub(super) fn freedom(&self, moving: &[Moving<'_>], stuck: &[Stuck]) -> Proven {
        let Some(trust) = self.sources.estate.policy(self.old.trust) else {
            return Proven::unknown("the trust policy of the old role cannot be read");
        };
        let services: BTreeSet<&str> = moving
            .iter()
            .flat_map(|one| &one.unit.workloads)
            .filter_map(|workload| service_of(&workload.arn))
            .collect();
        let mut others = Vec::new();
        for statement in trust
            .statements
            .iter()
            .filter(|it| it.effect == Effect::Allow)
        {
            let patterns = match &statement.principals {
                Some(Selection::Only(patterns)) => patterns.as_slice(),
                Some(Selection::AllBut(_)) => {
                    others.push("its trust lets in all principals but some".to_owned());
                    continue;
                }
                None => continue,
            };
            for pattern in patterns {
                others.extend(other(&pattern.value, &services));
            }
        }
        others.extend(
            stuck
                .iter()
                .map(|it| format!("{} runs as it and does not move: {}", it.arn, it.why)),
        );
        if !self.old.instance_profiles.is_empty() {
            others.push("it is in an instance profile".to_owned());
        }
        if self.sources.snapshot.role_detail(&self.old.arn).is_none() {
            return Proven::unknown("the snapshot's answer about the old role was not found");
        }
        if others.is_empty() {
            let agents = moving.iter().flat_map(|one| &one.unit.workloads).count();
            return Proven::by_facts([format!(
                "its trust names the services of the {agents} workloads that move, and nobody else"
            )]);
        }
        Proven::refuted_by_facts(
            others,
            "the old role stays as it is until these have roles of their own",
        )
    }

    /// What the cut-over of a unit leaves to people.
    pub(super) fn obligations_of(&self, one: &Moving<'_>) -> Vec<Obligation> {
        let name = &one.unit.name;
        let mut asked = Vec::new();
        if !one.compiled.tasks.is_empty() {
            asked.push(Obligation {
                subject: name.clone(),
                what: "let it take its credentials from the authority before its role changes".to_owned(),
                why: "its charter is brokered: its own role holds no task data, and a grant mints what a task needs".to_owned(),
            });
            let broker = one.compiled.tasks.values().next().map(|role| role.account);
            let broker = broker.map_or_else(String::new, |account| {
                format!(
                    "arn:aws:iam::{account}:role/{}",
                    bailiwick_charter::compile::BROKER_ROLE
                )
            });
            let known = broker
                .parse::<Arn>()
                .ok()
                .and_then(|arn| self.sources.estate.named(&arn));
            if !matches!(known, Some(Named::Role(_))) {
                asked.push(Obligation {
                    subject: broker,
                    what: "make the broker's role before the task roles that trust it".to_owned(),
                    why: "AWS refuses a trust policy that names a role that is not there"
                        .to_owned(),
                });
            }
        }
        for role in one.compiled.roles().filter(|role| !role.trust_is_exact) {
            asked.push(Obligation {
                subject: role.arn(),
                what: "name the agent exactly in its trust, once AWS has given its id".to_owned(),
                why: "the trust names it by a pattern".to_owned(),
            });
        }
        for workload in &one.unit.workloads {
            if workload.agent.is_none() {
                asked.push(Obligation {
                    subject: workload.arn.to_string(),
                    what: "deploy it with its new role".to_owned(),
                    why: "its definition lives with whoever deploys it".to_owned(),
                });
            }
            asked.extend(self.what_goes_live_with_it(workload));
        }
        asked
    }
}

impl Split<'_> {
    /// A version is made of the draft, or of the latest one: where what answers today is another, more
    /// than the role changes.
    fn what_goes_live_with_it(&self, workload: &Workload<'_>) -> Option<Obligation> {
        let agent = workload.agent?;
        let made_of = match agent.kind {
            AgentKind::BedrockAgent | AgentKind::Flow => "the draft".to_owned(),
            AgentKind::Runtime => format!("version {}", latest_version(agent)?),
            _ => return None,
        };
        let others: Vec<String> = self
            .routes(agent)
            .into_iter()
            .filter(|(_, from)| made_of != format!("version {from}"))
            .map(|(alias, from)| format!("version {from} behind {}", alias.name))
            .collect();
        (!others.is_empty()).then(|| Obligation {
            subject: agent.arn.to_string(),
            what: format!("compare {made_of} with {}", others.join(", ")),
            why: format!(
                "its new version is made of {made_of}: whatever else differs goes live with the role"
            ),
        })
    }
}

/// Somebody in a trust policy who is not one of these services.
fn other(pattern: &PrincipalPattern, services: &BTreeSet<&str>) -> Option<String> {
    match pattern {
        PrincipalPattern::Service(service) if services.contains(service.as_str()) => None,
        PrincipalPattern::Service(service) => Some(format!("{service} may assume it")),
        PrincipalPattern::Everyone => Some("anybody may assume it".to_owned()),
        PrincipalPattern::Account(account) => Some(format!("the account {account} may assume it")),
        PrincipalPattern::Aws(arn) => Some(format!("{arn} may assume it")),
        PrincipalPattern::Federated(provider) => {
            Some(format!("people and programs of {provider} may assume it"))
        }
        PrincipalPattern::CanonicalUser(user) => Some(format!("{user} may assume it")),
    }
}

/// The service that assumes the role of a workload.
pub(super) fn service_of(workload: &Arn) -> Option<&'static str> {
    match workload.service() {
        "bedrock" => Some("bedrock.amazonaws.com"),
        "bedrock-agentcore" => Some("bedrock-agentcore.amazonaws.com"),
        "ecs" => Some("ecs-tasks.amazonaws.com"),
        "lambda" => Some("lambda.amazonaws.com"),
        _ => None,
    }
}
