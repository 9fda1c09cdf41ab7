//! SEP-01: one tool that reads and changes.

use std::collections::BTreeSet;

use bailiwick_estate::Agent;
use bailiwick_iam::policy::Selection;
use bailiwick_iam_catalog::AccessLevel;

use crate::{
    finding::{Finding, Fix, Severity},
    rule::{Checked, Claim, arns, counted, listed, rule, some_of},
    view::{Known, Missing, Proof, Seat, View, is_deletion, is_telemetry},
};

rule! {
    /// The role of a tool reads and changes, or serves agents that are unlike.
    ///
    /// **Sees.** The role of a function, knowledge base or other tool whose effective permissions
    /// hold reads and changes of data alike, told apart by AWS's access levels; telemetry and the
    /// invoking of models left out. Also a tool whose agents differ in environment or in whether
    /// they are declared read-only.
    ///
    /// **Matters.** Who may call the tool to look something up may call it to delete. A model
    /// chooses the arguments; the role decides what they can do.
    ///
    /// **Example.** One function that looks orders up, changes and deletes them.
    ///
    /// **Severity.** Medium. High if what it may change includes deleting.
    ///
    /// **Remedy.** Two tools with two roles, one that reads and one that changes.
    ///
    /// **References.** MITRE ATLAS AML.M0028; OWASP AISVS 9.3.1.
    "SEP-01", "A tool's role reads and changes", Medium, check
}

fn check(view: &View<'_>) -> Checked {
    let tools = view
        .seats()
        .iter()
        .filter(|seat| !seat.users.is_empty() && seat.agents.is_empty());
    Checked::access(view, tools, |seat| look(view, seat))
}

/// What a role may do on one side of the line, and what of it cannot be told.
#[derive(Default)]
struct Side {
    actions: BTreeSet<String>,
    missing: Missing,
}

impl Side {
    /// Whether it is certain that there is nothing.
    fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.missing.is_empty()
    }
}

#[derive(Default)]
struct Mix {
    reads: Side,
    changes: Side,
    /// The deepest-cutting change.
    proof: Option<Proof>,
}

fn look(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let Mix {
        reads,
        changes,
        proof,
    } = mix(view, seat);
    let unlike = unlike(view, seat);
    let mixed = !reads.actions.is_empty() && !changes.actions.is_empty();
    let role = view.estate.roles.at(seat.role);
    let Some(proof) = proof.filter(|_| mixed || unlike.is_some()) else {
        let may_be_mixed = !reads.is_empty() && !changes.is_empty();
        let may_change_for_unlike = unlike.is_some() && !changes.is_empty();
        let mut missing = reads.missing;
        missing.add(changes.missing);
        let question = format!("the tool role {} reads and changes", role.name);
        return (may_be_mixed || may_change_for_unlike)
            .then(|| RULE.cannot_tell(view, seat, &question, &missing))?;
    };
    let deletes = changes.actions.iter().any(|it| is_deletion(it));
    let (reads, changes): (Vec<_>, Vec<_>) = (
        reads.actions.into_iter().collect(),
        changes.actions.into_iter().collect(),
    );
    let mut said = Vec::new();
    if mixed {
        said.push(format!(
            "It may read by {} and change by {}",
            some_of(&reads, 3),
            some_of(&changes, 3)
        ));
    }
    said.extend(unlike.map(|it| format!("It serves {it}")));
    Some(RULE.fails(Claim {
        severity: if deletes { Severity::High } else { RULE.base },
        subject: role.arn.to_string(),
        agents: arns(view, &seat.concerned()),
        title: if mixed {
            format!("The tool role {} reads and changes", role.name)
        } else {
            format!("The tool role {} serves unlike agents", role.name)
        },
        why: format!("{}.", said.join(". ")),
        witness: proof.witness(),
        evidence: proof.evidence(view),
        path: Vec::new(),
        fix: Fix {
            summary: "Make two tools with two roles: one that reads, one that changes".to_owned(),
            patch: format!(
                "{}-read: {}\n{}-change: {}",
                role.name,
                reads.join(", "),
                role.name,
                changes.join(", ")
            ),
        },
        cause: changes,
    }))
}

fn mix(view: &View<'_>, seat: &Seat) -> Mix {
    let account = view.estate.roles.at(seat.role).account;
    let mut mix = Mix::default();
    for (_, _, statement) in view.grants(seat.role) {
        let Selection::Only(patterns) = &statement.actions else {
            continue;
        };
        for pattern in patterns {
            let known = view.expanded(&pattern.value.0);
            let matters = |it: &&Known| {
                it.level != AccessLevel::List && !is_telemetry(&it.name) && !is_platform(&it.name)
            };
            for action in known.iter().filter(matters).take(60) {
                let side = if action.mutates() {
                    &mut mix.changes
                } else {
                    &mut mix.reads
                };
                if side.actions.contains(&action.name) {
                    continue;
                }
                let resource =
                    view.some_resource(&action.name, statement.resources.as_ref(), account);
                let answer = view.role_can(seat.role, &action.name, &resource);
                let Some(proof) = side.missing.proof(answer) else {
                    continue;
                };
                side.actions.insert(action.name.clone());
                let worse = action.mutates() && (mix.proof.is_none() || is_deletion(&action.name));
                if worse {
                    mix.proof = Some(proof);
                }
            }
        }
    }
    mix
}

/// What every tool needs to run, whatever it does with data.
fn is_platform(action: &str) -> bool {
    ["bedrock:", "xray:", "cloudwatch:", "logs:", "kms:", "sts:"]
        .iter()
        .any(|service| action.starts_with(service))
        || matches!(
            action,
            "ec2:CreateNetworkInterface"
                | "ec2:DeleteNetworkInterface"
                | "ec2:DescribeNetworkInterfaces"
        )
}

/// In what the agents that the tool serves differ.
fn unlike(view: &View<'_>, seat: &Seat) -> Option<String> {
    let agents: Vec<&Agent> = seat
        .users
        .iter()
        .map(|&id| view.estate.agents.at(id))
        .collect();
    let environments: BTreeSet<_> = agents
        .iter()
        .filter_map(|it| it.environment.as_ref().map(|it| it.name.as_str()))
        .collect();
    let modes: BTreeSet<_> = agents.iter().map(|it| view.is_read_only(it)).collect();
    let mut differences = Vec::new();
    if environments.len() > 1 {
        differences.push("environment");
    }
    if modes.len() > 1 {
        differences.push("whether they may change things");
    }
    (!differences.is_empty()).then(|| {
        format!(
            "{} that differ in {}",
            counted(agents.len(), "agent"),
            listed(&differences)
        )
    })
}
