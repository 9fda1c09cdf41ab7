//! ID-01: several agents, one identity.

use std::collections::BTreeSet;

use bailiwick_charter::Charter;
use bailiwick_estate::{Agent, Id};
use serde_json::json;

use crate::{
    class,
    finding::{Finding, Fix, Severity, Witness},
    rule::{Checked, Claim, arns, counted, listed, patch, rule},
    view::{Seat, View},
};

rule! {
    /// Several agents run as one role.
    ///
    /// **Sees.** Two or more agents that act by themselves and run as one role in any of their
    /// versions: Bedrock agents, runtimes, harnesses, flows, gateways, browsers, interpreters. Also
    /// agents on different roles of which it is proved that they may do exactly the same, however
    /// their policies are worded: sharing by copy.
    ///
    /// **Matters.** Nobody can say afterwards which agent did what. Each agent may do what all of
    /// them need together, and a change for one widens the others. One of them tricked is all of
    /// them tricked.
    ///
    /// **Example.** A support copilot and a refund assistant, both on `agents-shared`.
    ///
    /// Agents that their charters put into one `class` may share a role if it is proved that the
    /// charters ask for the same; then nothing is said. Two workloads that one charter names are one
    /// agent.
    ///
    /// **Severity.** High. Critical if the agents differ in owner, environment, class of data, or in
    /// whether they are declared read-only. Medium for copies.
    ///
    /// **Remedy.** One role an agent, each with what that agent needs and a trust policy that names
    /// it; then move the agents one by one, and take the shared role away last.
    ///
    /// **References.** OWASP NHI9 (NHI reuse), OWASP ASI03; AWS Agentic AI Lens AGENTSEC03-BP01.
    "ID-01", "Several agents run as one role", High, check
}

fn check(view: &View<'_>) -> Checked {
    let seats: Vec<_> = view
        .seats()
        .iter()
        .filter(|seat| !seat.agents.is_empty())
        .collect();
    let mut checked = Checked::each(seats.iter().copied(), |seat| shared(view, seat));
    checked.findings.extend(copies(view, &seats));
    checked
}

/// Roles of unlike agents that may do exactly the same.
fn copies(view: &View<'_>, seats: &[&Seat]) -> Vec<Finding> {
    let roles: Vec<_> = seats.iter().map(|seat| seat.role).collect();
    let groups = view.copies(&roles).into_iter().filter_map(|group| {
        let group: Vec<&Seat> = group
            .iter()
            .filter_map(|at| seats.get(*at).copied())
            .collect();
        let (first, others) = group.split_first()?;
        Some(copied(view, first, others))
    });
    groups.collect()
}

fn copied(view: &View<'_>, first: &Seat, same: &[&Seat]) -> Finding {
    let seats: Vec<_> = [first].into_iter().chain(same.iter().copied()).collect();
    let roles: Vec<_> = seats
        .iter()
        .map(|it| view.estate.roles.at(it.role))
        .collect();
    let names: Vec<_> = roles.iter().map(|it| it.name.clone()).collect();
    let agents: Vec<_> = seats
        .iter()
        .flat_map(|it| it.agents.iter().copied())
        .collect();
    RULE.fails(Claim {
        severity: Severity::Medium,
        subject: roles.first().map_or_else(String::new, |it| it.arn.to_string()),
        agents: arns(view, &agents),
        title: format!("{} are copies of one another", listed(&names)),
        why: format!(
            "It is proved that these roles may do exactly the same, however their policies are worded. {} have the union of their needs, as if they shared one role.",
            listed(&named(view, &agents))
        ),
        witness: Witness::facts(
            same.iter()
                .map(|it| view.estate.roles.at(it.role))
                .map(|role| {
                    format!("{} and {} contain each other", roles.first().map_or("", |it| it.arn.as_str()), role.arn)
                }),
        ),
        evidence: roles.iter().map(|it| view.evidence(&it.place, it.arn.as_str())).collect(),
        path: Vec::new(),
        fix: Fix {
            summary: "Give each role only what its own agent needs".to_owned(),
            patch: roles
                .iter()
                .map(|it| format!("{}: the actions and resources of its own agent", it.name))
                .collect::<Vec<_>>()
                .join("\n"),
        },
        cause: roles.iter().map(|it| it.arn.to_string()).chain(["copy".to_owned()]).collect(),
    })
}

fn shared(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let agents = arns(view, &seat.agents);
    if agents.len() < 2 {
        return None;
    }
    let class = match class(view, &seat.agents) {
        Class::Equal => return None,
        Class::Unlike(why) => format!(" One class does not cover it: {why}."),
        Class::None => String::new(),
    };
    let role = view.estate.roles.at(seat.role);
    let differences = differences(view, &seat.agents);
    let severity = if differences.is_empty() {
        Severity::High
    } else {
        Severity::Critical
    };
    let unlike = if differences.is_empty() {
        String::new()
    } else {
        format!(" They differ in {}.", listed(&differences))
    };
    let names: Vec<_> = named(view, &seat.agents);
    Some(RULE.fails(Claim {
        severity,
        subject: role.arn.to_string(),
        title: format!("{} run as {}", counted(agents.len(), "agent"), role.name),
        why: format!(
            "{} have one identity: no log tells them apart, and each may do what all of them may.{unlike}{class}",
            listed(&names)
        ),
        witness: Witness::facts(seat.agents.iter().map(|&id| runs_as(view, id, &role.name))),
        evidence: seat
            .agents
            .iter()
            .map(|&id| {
                let agent = view.estate.agents.at(id);
                view.evidence(&agent.place, &format!("{} runs as {}", agent.name, role.name))
            })
            .collect(),
        path: Vec::new(),
        fix: split(view, seat),
        cause: agents.clone(),
        agents,
    }))
}

/// What the charters of agents on one role say about their sharing it.
enum Class {
    /// They may: one charter names all of them, or charters of one class that are proved equal.
    Equal,
    /// They are of one class, and why that is not enough.
    Unlike(String),
    /// Nobody said that they may.
    None,
}

fn class(view: &View<'_>, agents: &[Id<Agent>]) -> Class {
    let mut charters: Vec<(&Agent, &Charter)> = Vec::new();
    for agent in agents.iter().map(|&id| view.estate.agents.at(id)) {
        let Some(charter) = view.charter_of(agent) else {
            return Class::None;
        };
        // A pattern names agents that are yet to be made, and may name too many.
        if !charter.runs_as.contains(&agent.arn) {
            return Class::None;
        }
        if charters.iter().all(|(_, it)| it.agent != charter.agent) {
            charters.push((agent, charter));
        }
    }
    let Some(((agent, first), others)) = charters.split_first() else {
        return Class::None;
    };
    let one_class = |(_, it): &(&Agent, &Charter)| it.class.is_some() && it.class == first.class;
    if !others.iter().all(one_class) {
        return Class::None;
    }
    let uncompiled = || Class::Unlike("one of the charters cannot be compiled".to_owned());
    let Some(closure) = view.closure_of(agent, first) else {
        return uncompiled();
    };
    for (agent, other) in others {
        let Some(its) = view.closure_of(agent, other) else {
            return uncompiled();
        };
        let equal = class::equal(view.algebra(), (first, &closure), (other, &its));
        if let Some(why) = equal.why() {
            return Class::Unlike(why);
        }
    }
    Class::Equal
}

fn named(view: &View<'_>, agents: &[Id<Agent>]) -> Vec<String> {
    let name = |&id: &Id<Agent>| view.estate.agents.at(id).name.clone();
    agents.iter().map(name).collect()
}

fn runs_as(view: &View<'_>, id: Id<Agent>, role: &str) -> String {
    let agent = view.estate.agents.at(id);
    let versions: Vec<_> = agent
        .roles
        .iter()
        .filter(|it| it.role.arn.resource_name() == role)
        .flat_map(|it| &it.versions)
        .filter_map(|version| version.number.clone())
        .collect();
    let versions = match versions.as_slice() {
        [] => String::new(),
        some => format!(" in version {}", listed(some)),
    };
    format!("{} {} runs as {role}{versions}", agent.kind, agent.arn)
}

/// In what the agents are known to differ.
fn differences(view: &View<'_>, agents: &[Id<Agent>]) -> Vec<&'static str> {
    type Trait<'v> = (&'static str, Box<dyn Fn(&Agent) -> Option<String> + 'v>);
    let traits: [Trait<'_>; 4] = [
        (
            "owner",
            Box::new(|agent: &Agent| agent.owner.as_ref().map(|it| it.value.clone())),
        ),
        (
            "environment",
            Box::new(|agent: &Agent| agent.environment.as_ref().map(|it| it.name.clone())),
        ),
        (
            "class of data",
            Box::new(|agent: &Agent| view.data_class(agent).map(str::to_owned)),
        ),
        (
            "whether they may change things",
            Box::new(|agent: &Agent| Some(view.is_read_only(agent).to_string())),
        ),
    ];
    traits
        .iter()
        .filter(|(_, value)| {
            let values: BTreeSet<_> = agents
                .iter()
                .filter_map(|&id| value(view.estate.agents.at(id)))
                .collect();
            values.len() > 1
        })
        .map(|(name, _)| *name)
        .collect()
}

/// One role an agent, trusted for that agent alone.
fn split(view: &View<'_>, seat: &Seat) -> Fix {
    let role = view.estate.roles.at(seat.role);
    let roles: Vec<_> = seat
        .agents
        .iter()
        .map(|&id| {
            let agent = view.estate.agents.at(id);
            json!({
                "RoleName": agent.name.replace([' ', '_'], "-"),
                "For": agent.arn.as_str(),
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{
                        "Effect": "Allow",
                        "Principal": {"Service": view.service_of(agent)},
                        "Action": "sts:AssumeRole",
                        "Condition": {
                            "StringEquals": {"aws:SourceAccount": agent.account.as_str()},
                            "ArnEquals": {"aws:SourceArn": agent.arn.as_str()},
                        },
                    }],
                },
            })
        })
        .collect();
    Fix {
        summary: format!(
            "Give each agent a role of its own, move them one by one, then remove {}",
            role.name
        ),
        patch: patch(&json!(roles)),
    }
}
