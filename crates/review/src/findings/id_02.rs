//! ID-02: an agent and what it uses, under one identity.

use std::collections::BTreeSet;

use crate::{
    finding::{Finding, Fix, Severity, Witness},
    rule::{Checked, Claim, Stakes, arns, listed, rule},
    view::{Part, Seat, View},
};

rule! {
    /// An agent shares its role with a component of another kind: a knowledge base, a tool's
    /// function, a gateway, a memory.
    ///
    /// **Sees.** A role that more than one kind of component runs as.
    ///
    /// **Matters.** A tool exists to stand between the agent and what the tool may do. If both have
    /// one role, the agent may do directly what its tool would have checked.
    ///
    /// **Example.** A Bedrock agent and its knowledge base both run as `bedrock-faq`, so the agent
    /// reads the source documents past the knowledge base.
    ///
    /// **Severity.** High; one step up in production.
    ///
    /// **Remedy.** One role a component, each with its own part of the permissions.
    ///
    /// **References.** AWS Agentic AI Lens AGENTSEC03-BP03; MITRE ATLAS AML.M0028.
    "ID-02", "One role serves components of different kinds", High, check
}

fn check(view: &View<'_>) -> Checked {
    Checked::each(view.seats(), |seat| mixed(view, seat))
}

fn mixed(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let parts = parts(view, seat);
    let kinds: BTreeSet<_> = parts.iter().map(|(part, _)| *part).collect();
    if kinds.len() < 2 {
        return None;
    }
    let role = view.estate.roles.at(seat.role);
    let kinds: Vec<_> = kinds.into_iter().map(Part::name).collect();
    let stakes = Stakes {
        production: view.is_production(seat),
        ..Stakes::default()
    };
    let (severity, raised) = stakes.raise(RULE.base, Severity::Critical);
    Some(RULE.fails(Claim {
        severity,
        subject: role.arn.to_string(),
        agents: arns(view, &seat.concerned()),
        title: format!("{} is the role of {}", role.name, listed(&kinds)),
        why: format!(
            "What one of them needs, all of them may; a check in one is walked around through another.{raised}"
        ),
        witness: Witness::facts(
            parts
                .iter()
                .map(|(part, arn)| format!("{} {arn} runs as {}", part.name(), role.name)),
        ),
        evidence: vec![view.evidence(&role.place, role.arn.as_str())],
        path: Vec::new(),
        fix: Fix {
            summary: "Give each component a role of its own".to_owned(),
            patch: parts
                .iter()
                .map(|(part, arn)| format!("{}: a role for {arn} alone", part.name()))
                .collect::<Vec<_>>()
                .join("\n"),
        },
        cause: parts.into_iter().map(|(_, arn)| arn).collect(),
    }))
}

/// What runs as the role, by kind and ARN.
fn parts(view: &View<'_>, seat: &Seat) -> Vec<(Part, String)> {
    let agents = seat.agents.iter().chain(&seat.components).map(|&id| {
        let agent = view.estate.agents.at(id);
        (Part::of_agent(agent.kind), agent.arn.to_string())
    });
    let compute = seat.compute.iter().map(|&id| {
        let resource = view.estate.resources.at(id);
        (Part::of_compute(&resource.kind), resource.arn.to_string())
    });
    let mut parts: Vec<_> = agents.chain(compute).collect();
    parts.sort();
    parts.dedup();
    parts
}
