//! Who else needs the old role, and where else it is named.

use std::collections::BTreeSet;

use bailiwick_estate::{Named, PrincipalId, ResourcePolicy};
use bailiwick_iam::{
    arn::Arn,
    policy::{Effect, PrincipalPattern, Selection},
};
use serde_json::{Value, json};

use super::{Moving, Split, units::Stuck};
use crate::plan::{Act, Change, Document, Inverse, Obligation, Phase, Proven};

/// What to do where the old role is named by others.
#[derive(Default)]
pub(super) struct NamedElsewhere {
    /// Before agents move: the new roles are named beside the old.
    pub(super) before: Vec<Change>,
    /// When nothing uses the old role: its name goes.
    pub(super) after: Vec<Change>,
    pub(super) obligations: Vec<Obligation>,
}

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

    /// Resource policies, trust policies and rights to pass it, in which the old role is named.
    pub(super) fn named_elsewhere(&self, moving: &[Moving<'_>]) -> NamedElsewhere {
        let mut found = NamedElsewhere::default();
        let estate = self.sources.estate;
        for resource in estate.resources.values() {
            self.in_policy(&resource.arn, resource.policy, moving, &mut found);
        }
        for agent in estate.agents.values() {
            self.in_policy(&agent.arn, agent.resource_policy, moving, &mut found);
        }
        for role in estate
            .roles
            .values()
            .filter(|role| role.arn != self.old.arn)
        {
            let names = estate
                .policy(role.trust)
                .is_some_and(|trust| names_principal(&trust.to_json(), &self.old.arn));
            if names {
                found.obligations.push(Obligation {
                    subject: role.arn.to_string(),
                    what: format!("take {} out of its trust policy", self.old.arn),
                    why: "it trusts the old role; an agent that is to assume it must declare sts:AssumeRole on it in its charter".to_owned(),
                });
            }
        }
        for principal in estate.principals().filter(|it| *it != self.principal()) {
            self.passes(principal, moving, &mut found.obligations);
        }
        found
    }

    fn in_policy(
        &self,
        arn: &Arn,
        policy: ResourcePolicy,
        moving: &[Moving<'_>],
        found: &mut NamedElsewhere,
    ) {
        let ResourcePolicy::Attached(document) = policy else {
            return;
        };
        let Some(policy) = self.sources.estate.policy(document) else {
            return;
        };
        let text = policy.to_json();
        if !names_principal(&text, &self.old.arn) {
            return;
        }
        let was = Document::of(policy);
        let heirs = self.heirs(arn, moving);
        let during = Document(with_principals(was.0.clone(), &self.old.arn, &heirs, true));
        let after = Document(with_principals(was.0.clone(), &self.old.arn, &heirs, false));
        found.obligations.push(Obligation {
            subject: arn.to_string(),
            what: format!("look at its policy, which names {}", self.old.arn),
            why: if heirs.is_empty() {
                "no agent that moves declares anything on it; the name goes with the role"
                    .to_owned()
            } else {
                format!("the plan names {} in its place", heirs.join(", "))
            },
        });
        let raw = self.sources.snapshot.resource_policy(arn);
        let put = |phase, document: &Document, was: Document, why: &str| Change {
            phase,
            agent: None,
            why: why.to_owned(),
            act: Act::PutResourcePolicy {
                resource: arn.to_string(),
                document: document.clone(),
            },
            inverse: Inverse(Act::PutResourcePolicy {
                resource: arn.to_string(),
                document: was,
            }),
        };
        let Some(raw) = raw else {
            return;
        };
        let before_after = if heirs.is_empty() {
            raw
        } else {
            let why =
                "its policy names the old role; the new ones stand beside it while agents move";
            found.before.push(put(Phase::Create, &during, raw, why));
            during
        };
        if let Some(Value::Array(statements)) = after.0.get("Statement")
            && !statements.is_empty()
        {
            let why = "nothing runs as the old role any more";
            found
                .after
                .push(put(Phase::Retire, &after, before_after, why));
        }
    }

    /// The new roles that may do something with a resource, so far as identity policies say.
    fn heirs(&self, resource: &Arn, moving: &[Moving<'_>]) -> Vec<String> {
        let whole = [resource.to_string(), format!("{resource}/*")];
        let region = bailiwick_iam::access::Region::new(["*"], whole);
        let mut heirs: Vec<String> = moving
            .iter()
            .flat_map(|one| one.compiled.roles())
            .filter(|role| {
                let declared = role
                    .policies
                    .iter()
                    .filter(|policy| policy.holds != bailiwick_charter::compile::Holds::Baseline);
                let policies = declared
                    .map(|policy| super::proofs::compiled(&policy.name, policy.document.clone()));
                let layers = bailiwick_iam::layers::Layers {
                    identity: Some(policies.collect()),
                    ..Default::default()
                };
                let access = self.algebra.access(&layers, None);
                access.find(&region).answer() != Some(false)
            })
            .map(bailiwick_charter::compile::CompiledRole::arn)
            .collect();
        heirs.sort();
        heirs
    }

    /// Principals whose policies name the old role, such as whoever deploys the agents.
    fn passes(&self, principal: PrincipalId, moving: &[Moving<'_>], asked: &mut Vec<Obligation>) {
        let estate = self.sources.estate;
        let names = estate
            .identity_policies(principal)
            .into_iter()
            .filter_map(|document| estate.policy(document))
            .flat_map(|policy| &policy.statements)
            .any(|statement| {
                let resources = statement.resources.as_ref().map(Selection::patterns);
                let resources = resources.unwrap_or_default();
                resources
                    .iter()
                    .any(|it| it.value.0 == self.old.arn.as_str())
            });
        if names && !moving.is_empty() {
            let roles: Vec<String> = moving
                .iter()
                .map(|one| one.compiled.runtime.arn())
                .collect();
            asked.push(Obligation {
                subject: estate.arn(principal).to_string(),
                what: format!("name {} in the place of {}", roles.join(", "), self.old.arn),
                why: "its policies name the old role: to pass it, to assume it or to change it"
                    .to_owned(),
            });
        }
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
        }
        asked
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

fn names_principal(policy: &str, role: &Arn) -> bool {
    policy.contains(&format!("\"{role}\""))
}

/// The policy with these roles where it names the old one as a principal, and the old one still
/// there or gone. A statement that is left without principals goes.
fn with_principals(mut policy: Value, old: &Arn, heirs: &[String], keep: bool) -> Value {
    let statements = match policy.get_mut("Statement") {
        Some(Value::Array(list)) => list,
        Some(single) => {
            *single = json!([single.take()]);
            match single.as_array_mut() {
                Some(list) => list,
                None => return policy,
            }
        }
        None => return policy,
    };
    statements.retain_mut(|statement| {
        let is_allow = statement.get("Effect").and_then(Value::as_str) == Some("Allow");
        let Some(named) = statement.pointer_mut("/Principal/AWS") else {
            return true;
        };
        let mut list: Vec<String> = match &*named {
            Value::String(one) => vec![one.clone()],
            Value::Array(many) => many
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return true,
        };
        if !list.iter().any(|it| it == old.as_str()) {
            return true;
        }
        // A denial of the old role was meant for whoever has its rights now.
        list.extend(heirs.iter().cloned());
        if !keep && (is_allow || !heirs.is_empty()) {
            list.retain(|it| it != old.as_str());
        }
        list.sort();
        list.dedup();
        *named = json!(list);
        !list.is_empty()
    });
    policy
}
