//! PERM-07: nothing above the role's own policies.

use bailiwick_estate::PrincipalId;
use serde_json::json;

use crate::{
    finding::{Evidence, Finding, Fix, Severity, Witness},
    rule::{Checked, Claim, arns, patch, rule},
    view::{Seat, View},
};

rule! {
    /// An agent's role has no permissions boundary, or one that takes nothing away.
    ///
    /// **Sees.** A role that an agent acts as without a boundary, or with a boundary of
    /// which it is proved that it allows every action on every resource, however it is worded.
    ///
    /// **Matters.** Whoever may edit the role's policies decides alone what the agent may do. A
    /// boundary is a second pair of hands: a policy attached by mistake grants nothing beyond it.
    ///
    /// **Example.** A boundary of `"Action": "*", "Resource": "*"`, attached because a check asked
    /// whether there was one.
    ///
    /// **Severity.** Medium. High in production.
    ///
    /// **Remedy.** A boundary that names what agents of this kind may ever need, kept by others than
    /// those who write the role's policies.
    ///
    /// **References.** AWS Generative AI Lens GENSEC05-BP01; AWS Agentic AI Lens AGENTSEC03-BP03.
    "PERM-07", "No boundary that limits the agent", Medium, check
}

fn check(view: &View<'_>) -> Checked {
    let seats = view.seats().iter().filter(|seat| {
        let role = view.estate.roles.at(seat.role);
        !seat.agents.is_empty() && !role.is_service_linked()
    });
    Checked::each(seats, |seat| {
        let role = view.estate.roles.at(seat.role);
        match role.boundary {
            None => Some(missing(view, seat)),
            Some(boundary) => view
                .removes_nothing(PrincipalId::Role(seat.role))
                .then(|| ineffective(view, seat, &view.statement(boundary, 0))),
        }
    })
}

fn missing(view: &View<'_>, seat: &Seat) -> Finding {
    let role = view.estate.roles.at(seat.role);
    finding(
        view,
        seat,
        format!("{} has no permissions boundary", role.name),
        "Whoever may edit this role's policies decides alone what the agent may do.",
        Witness::facts([format!("{} has no PermissionsBoundary", role.arn)]),
        view.evidence(&role.place, role.arn.as_str()),
        "missing",
    )
}

fn ineffective(view: &View<'_>, seat: &Seat, evidence: &Evidence) -> Finding {
    let role = view.estate.roles.at(seat.role);
    finding(
        view,
        seat,
        format!("The boundary of {} takes nothing away", role.name),
        "It is proved that the boundary allows every action on every resource; it only looks like a limit.",
        Witness::facts([format!("every request passes the boundary of {}", role.arn)]),
        evidence.clone(),
        "ineffective",
    )
}

fn finding(
    view: &View<'_>,
    seat: &Seat,
    title: String,
    why: &str,
    witness: Witness,
    evidence: Evidence,
    cause: &str,
) -> Finding {
    let role = view.estate.roles.at(seat.role);
    let severity = if view.is_production(seat) {
        Severity::High
    } else {
        RULE.base
    };
    RULE.fails(Claim {
        severity,
        subject: role.arn.to_string(),
        agents: arns(view, &seat.concerned()),
        title,
        why: why.to_owned(),
        witness,
        evidence: vec![evidence],
        path: Vec::new(),
        fix: Fix {
            summary: "Attach a boundary that names what agents of this kind may ever need"
                .to_owned(),
            patch: patch(&boundary(view, seat)),
        },
        cause: vec![cause.to_owned()],
    })
}

/// What the role's policies name today, and no permission to change who it is.
fn boundary(view: &View<'_>, seat: &Seat) -> serde_json::Value {
    let mut actions: Vec<_> = view
        .grants(seat.role)
        .flat_map(|(_, _, statement)| statement.actions.patterns())
        .map(|pattern| pattern.value.0.clone())
        .filter(|action| action.contains(':') && !action.ends_with(":*"))
        .collect();
    actions.sort();
    actions.dedup();
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "WhatAgentsOfThisKindNeed", "Effect": "Allow", "Action": actions, "Resource": "*"},
            {"Sid": "NeverItsOwnRights", "Effect": "Deny", "Action": ["iam:*", "organizations:*"], "Resource": "*"},
        ],
    })
}
