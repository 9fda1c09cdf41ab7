//! PERM-09: more than the charter says.

use bailiwick_iam::layers::Layers;

use crate::{
    finding::{Finding, Fix, Severity},
    rule::{Checked, Claim, arns, counted, rule, some_of},
    view::{Known, Missing, Proof, Seat, View, is_telemetry},
};

rule! {
    /// A role may do what no charter of its agents declares.
    ///
    /// **Sees.** The effective permissions of an agent's role, less all that the charters of the
    /// agents on it declare: their tasks with parameters as wide as anything, their models and the
    /// tools they are configured with, telemetry, memory and their own identity; any model where no
    /// charter names one. What is left is shown with a request. Where one of the agents has no
    /// charter it cannot be told.
    ///
    /// **Matters.** The charter was reviewed, the difference was not. It is what an injected prompt
    /// has beyond the agent's purpose.
    ///
    /// **Example.** `dynamodb:*` on a role whose agents declare two tables.
    ///
    /// **Severity.** High if what is left changes something, else medium.
    ///
    /// **Remedy.** Take it away, or declare it and have the charter reviewed again.
    ///
    /// **References.** NIST AI RMF MAP 3.3, MANAGE 2.4; OWASP ASI10.
    "PERM-09", "A role may do more than its charters declare", High, check
}

/// A person reads so many lines of a difference.
const LINES_MAX: usize = 12;

fn check(view: &View<'_>) -> Checked {
    let chartered = view.seats().iter().filter(|seat| {
        let mut agents = seat.agents.iter().map(|&id| view.estate.agents.at(id));
        agents.any(|agent| view.charter_of(agent).is_some())
    });
    Checked::access(view, chartered, |seat| look(view, seat))
}

/// Part of what a role has and nobody declared.
struct Excess {
    actions: Vec<String>,
    /// Patterns.
    resources: Vec<String>,
    proof: Proof,
    changes: bool,
}

fn look(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let role = view.estate.roles.at(seat.role);
    let question = format!(
        "{} may do more than its agents' charters declare",
        role.name
    );
    let mut missing = Missing::default();
    let declared = declared(view, seat, &mut missing);
    if !missing.is_empty() {
        return RULE.cannot_tell(view, seat, &question, &missing);
    }
    let mut charters = seat
        .agents
        .iter()
        .map(|&id| view.charter_of(view.estate.agents.at(id)));
    let any_model = charters.all(|it| it.is_none_or(|it| it.models.is_empty()));
    let held = view.access_of(seat);
    let beyond = held.beyond(&view.access_under(&declared, seat), LINES_MAX);
    let excess: Vec<_> = beyond
        .lines
        .into_iter()
        .filter(|line| {
            let expected = |it: &String| is_of_the_platform(it) || (any_model && is_thinking(it));
            !line.actions.iter().all(expected)
        })
        .filter_map(|line| {
            let proof = missing.proof(view.ask_exactly(line.witness))?;
            let changes = line
                .actions
                .iter()
                .any(|it| view.expanded(it).iter().any(Known::mutates));
            Some(Excess {
                actions: line.actions,
                resources: line.resources,
                proof,
                changes,
            })
        })
        .collect();
    if beyond.incomplete && excess.is_empty() {
        let limit = "the rest of a comparison that ran into its limit";
        missing.add([limit].into_iter().collect());
    }
    let Some(worst) = excess.iter().max_by_key(|it| it.changes) else {
        return RULE.cannot_tell(view, seat, &question, &missing);
    };
    Some(finding(view, seat, worst, &excess, beyond.more, &missing))
}

/// The closures of all charters on the seat, as one identity.
fn declared(view: &View<'_>, seat: &Seat, missing: &mut Missing) -> Layers {
    let mut policies = Vec::new();
    for agent in seat.agents.iter().map(|&id| view.estate.agents.at(id)) {
        let closure = view
            .charter_of(agent)
            .and_then(|charter| view.closure_of(agent, charter));
        match closure {
            Some(closure) => policies.extend(
                closure
                    .layers()
                    .identity
                    .iter()
                    .flat_map(|it| it.iter().cloned()),
            ),
            None => missing.add(
                [format!("the charter of {}", agent.arn)]
                    .into_iter()
                    .collect(),
            ),
        }
    }
    Layers {
        identity: Some(policies.into()),
        ..Layers::default()
    }
}

/// What every workload does and no owner declares: logs, metrics, traces, its own container image,
/// its memory of a conversation. Reaching a neighbour's memory is PERM-06's matter.
pub(super) fn is_of_the_platform(action: &str) -> bool {
    is_telemetry(action)
        || matches!(
            action,
            "ecr:GetAuthorizationToken"
                | "ecr:BatchGetImage"
                | "ecr:GetDownloadUrlForLayer"
                | "bedrock-agentcore:CreateEvent"
                | "bedrock-agentcore:GetEvent"
                | "bedrock-agentcore:ListEvents"
                | "bedrock-agentcore:GetMemoryRecord"
                | "bedrock-agentcore:ListMemoryRecords"
                | "bedrock-agentcore:RetrieveMemoryRecords"
        )
}

/// Calling a model, which needs no word of a charter that names none.
pub(super) fn is_thinking(action: &str) -> bool {
    matches!(
        action,
        "bedrock:InvokeModel" | "bedrock:InvokeModelWithResponseStream"
    )
}

fn finding(
    view: &View<'_>,
    seat: &Seat,
    worst: &Excess,
    excess: &[Excess],
    more: usize,
    missing: &Missing,
) -> Finding {
    let role = view.estate.roles.at(seat.role);
    let mut actions: Vec<String> = excess.iter().flat_map(|it| it.actions.clone()).collect();
    actions.sort();
    actions.dedup();
    let lines: Vec<_> = excess
        .iter()
        .map(|it| format!("{} on {}", it.actions.join(", "), it.resources.join(", ")))
        .collect();
    let charters = counted(seat.agents.len(), "agent");
    RULE.fails(Claim {
        severity: if worst.changes {
            RULE.base
        } else {
            Severity::Medium
        },
        subject: role.arn.to_string(),
        agents: arns(view, &seat.concerned()),
        title: format!(
            "{} may use {} beyond its charter",
            role.name,
            some_of(&actions, 3)
        ),
        why: format!(
            "No charter of the {charters} on this role declares {}.{}",
            some_of(&actions, 8),
            missing.aside()
        ),
        witness: worst.proof.witness(),
        evidence: worst.proof.evidence(view),
        path: Vec::new(),
        fix: Fix {
            summary: "Take it away, or declare it and have the charter reviewed again".to_owned(),
            patch: match more {
                0 => lines.join("\n"),
                more => format!("{}\n… and {more} more", lines.join("\n")),
            },
        },
        cause: actions,
    })
}
