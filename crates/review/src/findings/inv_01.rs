//! INV-01: who may set the agent to work.

use bailiwick_charter::Charter;
use bailiwick_estate::{Agent, AgentKind, Id, PrincipalId};
use bailiwick_iam::policy::Selection;

use crate::{
    finding::{Finding, Fix, Severity, Witness},
    invokers::{self, Invoker, Invokers, LeadsTo, Who},
    rule::{About, Checked, Claim, counted, rule, some_of},
    view::{Missing, View},
};

rule! {
    /// Who may invoke an agent, each with a request that is allowed.
    ///
    /// **Sees.** Every user and role whose effective permissions, or the agent's resource policy,
    /// allow `InvokeAgent`, `InvokeFlow`, `InvokeAgentRuntime`, `InvokeHarness` or `InvokeGateway` on
    /// it. Who *should* is the charter's to say: those whom its `invokers` name are in order, and so
    /// are administrators. Without a charter, or where it is silent, this is a report.
    ///
    /// **Matters.** Whoever may invoke an agent has, in words, what the agent has in permissions.
    ///
    /// **Example.** A role with `bedrock-agentcore:*` on `*`, given to read logs.
    ///
    /// **Severity.** Info as a report. Medium if another agent may that is not configured to, a
    /// principal of another account of ours, or somebody whom the charter does not name. High if
    /// somebody outside may, or whom the charter of an agent that changes things does not name.
    ///
    /// **Remedy.** Name the agent's ARN in the policies of those who need it.
    ///
    /// **References.** AWS Generative AI Lens GENSEC01-BP01; AWS Security Pillar SEC03-BP02.
    "INV-01", "Who may invoke the agent", Medium, check
}

/// Who reads a longer list?
const LISTED_MAX: usize = 40;

fn check(view: &View<'_>) -> Checked {
    let invoked = view.estate.agents.iter().filter(|(_, agent)| {
        invokers::entrances(agent)
            .iter()
            .any(|it| it.leads_to == LeadsTo::Work)
    });
    Checked::each(invoked, |(id, agent)| look(view, id, agent))
}

fn look(view: &View<'_>, id: Id<Agent>, agent: &Agent) -> Option<Finding> {
    let work = invokers::entrances(agent)
        .into_iter()
        .filter(|it| it.leads_to == LeadsTo::Work);
    let charter = view.charter_of(agent);
    let declared = charter.and_then(|it| it.invokers.as_deref());
    // An administrator may do anything; that is no word about this agent.
    let is_in_order = |who: &Who, name: &str| {
        declared.is_some_and(|declared| {
            let is_administrator = match *who {
                Who::Principal(principal) => view.is_unlimited(principal),
                Who::Outsider(_) | Who::Everyone => false,
            };
            is_administrator || declared.iter().any(|it| it.as_str() == name)
        })
    };
    let mut found: Vec<(String, Invoker)> = Vec::new();
    let mut missing = Missing::default();
    for entrance in work {
        let Invokers { may, doubts } = invokers::some_invokers(view, id, &entrance, LISTED_MAX);
        missing.add(doubts.into_iter().flat_map(|it| it.missing).collect());
        for invoker in may {
            let name = invoker.who.name(view);
            if !is_in_order(&invoker.who, &name) && found.iter().all(|(known, _)| *known != name) {
                found.push((name, invoker));
            }
        }
    }
    let ranked = |invoker: &Invoker| rank(view, id, agent, &invoker.who);
    let Some((_, worst)) = found.iter().max_by_key(|(_, it)| ranked(it).0) else {
        let question = format!("somebody may invoke {}", agent.name);
        return RULE.hangs(About::agent(view, agent), &question, &missing);
    };
    let (severity, note) = match (ranked(worst), charter.filter(|_| declared.is_some())) {
        (rank, None) => rank,
        ((severity, note), Some(charter)) => (severity.max(undeclared(charter)), note),
    };
    let (unnamed, whom) = match declared {
        Some(_) => (" whom its charter does not name", "undeclared"),
        None => ("", ""),
    };
    let names: Vec<_> = found
        .iter()
        .map(|(name, _)| name.rsplit('/').next().unwrap_or(name).to_owned())
        .collect();
    Some(
        RULE.fails(Claim {
            severity,
            subject: agent.arn.to_string(),
            agents: vec![agent.arn.to_string()],
            title: format!(
                "{}{unnamed} may invoke {}",
                counted(found.len(), "principal"),
                agent.name
            ),
            why: format!(
                "{} may invoke it{note}.{}",
                some_of(&names, 8),
                missing.aside()
            ),
            witness: Witness::Request {
                request: Box::new(worst.request.clone()),
                because: worst.because.clone(),
            },
            evidence: view.evidence_of(&worst.request, &worst.because),
            path: Vec::new(),
            fix: Fix {
                summary:
                    "Compare the list with who needs it; name the agent's ARN in their policies"
                        .to_owned(),
                patch: found
                    .iter()
                    .map(|(name, it)| format!("{name} by {}", it.request.action))
                    .collect::<Vec<_>>()
                    .join("\n"),
            },
            cause: [note, whom]
                .into_iter()
                .filter(|it| !it.is_empty() || declared.is_none())
                .map(str::to_owned)
                .collect(),
        }),
    )
}

/// How bad it is that somebody may invoke an agent whom its charter does not name.
fn undeclared(charter: &Charter) -> Severity {
    let mut tasks = charter.tasks.values();
    if tasks.any(|it| !it.write.is_empty() || !it.tools.is_empty()) {
        Severity::High
    } else {
        RULE.base
    }
}

fn rank(view: &View<'_>, id: Id<Agent>, agent: &Agent, who: &Who) -> (Severity, &'static str) {
    let principal = match who {
        Who::Principal(principal) => *principal,
        Who::Outsider(name) => {
            let account = name.split(':').find_map(|part| part.parse().ok());
            return if account.is_some_and(|it| view.is_ours(it)) {
                (Severity::Medium, ", one of them from another account")
            } else {
                (Severity::High, ", one of them from outside")
            };
        }
        Who::Everyone => return (Severity::High, ", so may everyone"),
    };
    if view.estate.account_of(principal) != agent.account {
        return (Severity::Medium, ", one of them from another account");
    }
    let PrincipalId::Role(role) = principal else {
        return (Severity::Info, "");
    };
    let other_agents = view
        .seat_of(role)
        .map_or(&[][..], |seat| seat.agents.as_slice());
    let is_meant = |other: &Id<Agent>| *other == id || uses(view.estate.agents.at(*other), agent);
    let by_other = other_agents.iter().any(|other| !is_meant(other));
    let named = view.grants(role).any(|(_, _, statement)| {
        let patterns = statement.resources.as_ref().map(Selection::patterns);
        patterns
            .into_iter()
            .flatten()
            .any(|it| it.value.0.contains(agent.arn.resource_name()))
    });
    if by_other && !named {
        return (
            Severity::Medium,
            ", one of them an agent that nobody configured to",
        );
    }
    (Severity::Info, "")
}

/// Whether an agent has the other among its tools.
fn uses(agent: &Agent, other: &Agent) -> bool {
    use bailiwick_estate::ToolKind;
    agent.tools.iter().any(|tool| match &tool.kind {
        ToolKind::Collaborator { alias } => other
            .aliases
            .iter()
            .any(|it| it.arn.as_ref() == Some(alias)),
        ToolKind::Runtime { arn } | ToolKind::Gateway { arn } => *arn == other.arn,
        ToolKind::McpServer { endpoint } => {
            other.kind == AgentKind::Gateway && endpoint.contains(other.arn.resource_name())
        }
        _ => false,
    }) || agent.uses.contains(&other.arn)
}
