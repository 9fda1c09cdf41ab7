//! ENV-01: what production shares.

use std::collections::BTreeMap;

use bailiwick_estate::{Agent, Id, ToolKind};
use bailiwick_iam::arn::Arn;

use crate::{
    finding::{Finding, Fix, Severity, Witness},
    rule::{About, Checked, Claim, arns, listed, rule, some_of},
    view::{Missing, View, is_production},
};

rule! {
    /// Agents of production and of another environment share a role, a knowledge base, a memory, a
    /// key or the like.
    ///
    /// **Sees.** A role that agents run as, and whatever they are configured with by ARN, where some
    /// of the agents that share it are production and some are not. The environment is the charter's
    /// word, or else that of tags, accounts and units. Where the environment of one that shares is
    /// not known, it cannot be told.
    ///
    /// **Matters.** What staging writes into a shared memory or index, production reads.
    ///
    /// **Example.** One knowledge base for the bot in production and the one that is tried out.
    ///
    /// **Severity.** High. Critical for a role.
    ///
    /// **Remedy.** One of each for each environment.
    ///
    /// **References.** OWASP NHI8; AWS Security Pillar SEC01-BP01; CIS AWS 2.1.4.
    "ENV-01", "Production shares something with another environment", High, check
}

/// Something that agents share.
struct Shared {
    arn: String,
    is_role: bool,
    agents: Vec<Id<Agent>>,
}

fn check(view: &View<'_>) -> Checked {
    Checked::each(shared(view), |shared| look(view, &shared))
}

/// All that two agents or more have in common, by ARN.
fn shared(view: &View<'_>) -> impl Iterator<Item = Shared> {
    let roles = view.seats().iter().map(|seat| Shared {
        arn: view.estate.roles.at(seat.role).arn.to_string(),
        is_role: true,
        agents: seat.agents.clone(),
    });
    let mut things: BTreeMap<&Arn, Vec<Id<Agent>>> = BTreeMap::new();
    for (id, agent) in view.estate.agents.iter().filter(|(_, it)| it.kind.acts()) {
        for thing in configured(agent) {
            let agents = things.entry(thing).or_default();
            if !agents.contains(&id) {
                agents.push(id);
            }
        }
    }
    let things = things.into_iter().map(|(arn, agents)| Shared {
        arn: arn.to_string(),
        is_role: false,
        agents,
    });
    roles.chain(things).filter(|it| it.agents.len() > 1)
}

/// What an agent is configured with and others could be too.
fn configured(agent: &Agent) -> impl Iterator<Item = &Arn> {
    let tools = agent.tools.iter().filter_map(|tool| match &tool.kind {
        ToolKind::Lambda { function } => Some(function),
        ToolKind::KnowledgeBase { arn, .. }
        | ToolKind::Browser { arn }
        | ToolKind::CodeInterpreter { arn } => arn.as_ref(),
        ToolKind::Runtime { arn } | ToolKind::Gateway { arn } | ToolKind::Memory { arn } => {
            Some(arn)
        }
        _ => None,
    });
    // AWS's own models and policies are everybody's.
    tools
        .chain(&agent.uses)
        .filter(|arn| arn.account_id().is_some() || arn.service() == "s3")
}

fn look(view: &View<'_>, shared: &Shared) -> Option<Finding> {
    let (mut production, mut others, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for &id in &shared.agents {
        let name = &view.estate.agents.at(id).name;
        match view.environment_of(id) {
            Some(it) if is_production(it) => production.push(format!("{name} ({it})")),
            Some(it) => others.push(format!("{name} ({it})")),
            None => missing.push(format!(
                "the environment of {}",
                view.estate.agents.at(id).arn
            )),
        }
    }
    let evidence = shared
        .agents
        .iter()
        .map(|&id| view.evidence(&view.estate.agents.at(id).place, &shared.arn))
        .collect();
    if production.is_empty() || others.is_empty() {
        let about = About {
            subject: shared.arn.clone(),
            agents: arns(view, &shared.agents),
            evidence,
        };
        let question = format!("production shares {} with another environment", shared.arn);
        let missing: Missing = missing.into_iter().collect();
        return RULE.hangs(about, &question, &missing);
    }
    let name = shared.arn.rsplit(['/', ':']).next().unwrap_or(&shared.arn);
    let all: Vec<_> = production.iter().chain(&others).cloned().collect();
    Some(RULE.fails(Claim {
        severity: if shared.is_role {
            Severity::Critical
        } else {
            RULE.base
        },
        subject: shared.arn.clone(),
        agents: arns(view, &shared.agents),
        title: format!(
            "{name} serves {} and {}",
            listed(production.get(..1)?),
            listed(others.get(..1)?)
        ),
        why: format!("It is shared by {}.", some_of(&all, 6)),
        witness: Witness::facts(all.iter().map(|it| format!("{it} uses {}", shared.arn))),
        evidence,
        path: Vec::new(),
        fix: Fix {
            summary: "Give each environment one of its own".to_owned(),
            patch: format!(
                "keep {} for {}; make another for {}",
                shared.arn,
                listed(&production),
                listed(&others)
            ),
        },
        cause: all,
    }))
}
