//! PERM-06: a pattern that takes the neighbours in.

use std::collections::BTreeMap;

use bailiwick_estate::{Agent, AgentKind};
use bailiwick_iam::policy::Selection;

use crate::{
    escalation::glob,
    finding::{Finding, Fix, Severity},
    rule::{Checked, Claim, Stakes, arns, patch, rule, some_of},
    view::{Missing, Proof, Seat, View, is_wild},
};

rule! {
    /// An ARN pattern of one agent reaches other agents: their memory, identity, runtime, sandbox.
    ///
    /// **Sees.** A role whose policies reach, through a wildcard in a resource, a memory, workload
    /// identity, runtime, harness, gateway, browser, interpreter, knowledge base or agent that
    /// belongs to another role and that its own agent is not configured to use.
    ///
    /// **Matters.** A neighbour's memory is a neighbour's customers; writing to it steers the
    /// neighbour. A token for its workload identity is its name.
    ///
    /// **Example.** `bedrock-agentcore:RetrieveMemoryRecords` on `memory/*`, as default roles have it.
    ///
    /// **Severity.** High; one step up if the neighbour can be changed, or in production.
    ///
    /// **Remedy.** Put the agent's own ARNs in place of the pattern.
    ///
    /// **References.** AWS Agentic AI Lens AGENTSEC01-BP01; MITRE ATLAS AML.M0031, AML.M0032.
    "PERM-06", "A pattern reaches other agents", High, check
}

/// Reaching more neighbours than these adds nothing to the finding.
const SHOWN_MAX: usize = 12;

/// What one may do to a neighbour of a kind: reading and using first, changing last.
fn reaches(kind: AgentKind) -> &'static [&'static str] {
    match kind {
        AgentKind::Memory => &[
            "bedrock-agentcore:RetrieveMemoryRecords",
            "bedrock-agentcore:ListEvents",
            "bedrock-agentcore:CreateEvent",
            "bedrock-agentcore:DeleteEvent",
        ],
        AgentKind::Runtime => &[
            "bedrock-agentcore:StopRuntimeSession",
            "bedrock-agentcore:InvokeAgentRuntime",
            "bedrock-agentcore:UpdateAgentRuntime",
        ],
        AgentKind::Harness => &[
            "bedrock-agentcore:InvokeHarness",
            "bedrock-agentcore:UpdateHarness",
        ],
        AgentKind::Gateway => &[
            "bedrock-agentcore:InvokeGateway",
            "bedrock-agentcore:UpdateGateway",
        ],
        AgentKind::Browser => &["bedrock-agentcore:StartBrowserSession"],
        AgentKind::CodeInterpreter => &["bedrock-agentcore:InvokeCodeInterpreter"],
        AgentKind::KnowledgeBase => &["bedrock:Retrieve"],
        AgentKind::BedrockAgent => &["bedrock:UpdateAgent"],
        _ => &[],
    }
}

const IDENTITY: &[&str] = &[
    "bedrock-agentcore:GetWorkloadAccessToken",
    "bedrock-agentcore:GetWorkloadAccessTokenForJWT",
];

fn check(view: &View<'_>) -> Checked {
    let seats = view.seats().iter().filter(|seat| !seat.agents.is_empty());
    Checked::access(view, seats, |seat| look(view, seat))
}

fn look(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let patterns = wild_resources(view, seat);
    if patterns.is_empty() {
        return None;
    }
    let mut found: BTreeMap<String, Proof> = BTreeMap::new();
    let mut missing = Missing::default();
    for (target, actions, neighbour) in targets(view, seat) {
        if found.len() >= SHOWN_MAX {
            break;
        }
        let through = patterns.iter().any(|it| glob::matches(it, &target));
        if !through || is_named(view, seat, &target) {
            continue;
        }
        let proof = actions
            .iter()
            .rev()
            .find_map(|action| missing.proof(view.role_can(seat.role, action, &target)));
        if let Some(proof) = proof {
            found.insert(neighbour, proof);
        }
    }
    finding(view, seat, &found, &missing)
}

/// The resource patterns of the role's statements on agent services that hold a wildcard.
fn wild_resources(view: &View<'_>, seat: &Seat) -> Vec<String> {
    let mut patterns: Vec<_> = view
        .grants(seat.role)
        .filter(|(_, _, statement)| match &statement.actions {
            Selection::Only(actions) => actions.iter().any(|it| {
                let action = it.value.0.to_ascii_lowercase();
                action.starts_with("bedrock") || action.starts_with('*')
            }),
            Selection::AllBut(_) => true,
        })
        .flat_map(|(_, _, statement)| match &statement.resources {
            Some(Selection::Only(patterns)) => patterns
                .iter()
                .map(|it| it.value.0.clone())
                .filter(|it| is_wild(it))
                .collect(),
            Some(Selection::AllBut(_)) => vec!["*".to_owned()],
            None => Vec::new(),
        })
        .collect();
    patterns.sort();
    patterns.dedup();
    patterns
}

/// What belongs to other agents: an ARN, what one may do to it, and whose it is.
fn targets<'e>(
    view: &'e View<'_>,
    seat: &'e Seat,
) -> impl Iterator<Item = (String, &'static [&'static str], String)> + 'e {
    let used = used(view, seat);
    view.estate
        .agents
        .iter()
        .filter(move |(id, agent)| {
            let own = seat.agents.contains(id) || seat.components.contains(id);
            let ours = agent.roles.iter().any(|it| it.role.id == Some(seat.role));
            !own && !ours && agent.kind != AgentKind::Unknown
        })
        .flat_map(move |(_, agent): (_, &Agent)| {
            let name = format!("{} {}", agent.kind, agent.name);
            let thing = (agent.arn.to_string(), reaches(agent.kind), name.clone());
            let identity = agent
                .workload_identity
                .as_ref()
                .map(|it| (it.to_string(), IDENTITY, format!("the identity of {name}")));
            [Some(thing), identity].into_iter().flatten()
        })
        .filter(move |(arn, ..)| !used.contains(arn))
}

/// What the seat's agents are configured to use.
fn used(view: &View<'_>, seat: &Seat) -> Vec<String> {
    use bailiwick_estate::ToolKind;
    let agents = seat.agents.iter().map(|&id| view.estate.agents.at(id));
    agents
        .flat_map(|agent| {
            let tools = agent.tools.iter().filter_map(|tool| match &tool.kind {
                ToolKind::KnowledgeBase { arn, .. }
                | ToolKind::Browser { arn }
                | ToolKind::CodeInterpreter { arn } => arn.as_ref().map(ToString::to_string),
                ToolKind::Runtime { arn }
                | ToolKind::Gateway { arn }
                | ToolKind::Memory { arn } => Some(arn.to_string()),
                _ => None,
            });
            let uses = agent.uses.iter().map(ToString::to_string);
            tools.chain(uses).collect::<Vec<_>>()
        })
        .collect()
}

/// Whether a statement of the role names the ARN in full: then it is meant.
fn is_named(view: &View<'_>, seat: &Seat, arn: &str) -> bool {
    view.grants(seat.role).any(|(_, _, statement)| {
        let patterns = statement.resources.as_ref().map(Selection::patterns);
        patterns.into_iter().flatten().any(|it| it.value.0 == arn)
    })
}

fn finding(
    view: &View<'_>,
    seat: &Seat,
    found: &BTreeMap<String, Proof>,
    missing: &Missing,
) -> Option<Finding> {
    let role = view.estate.roles.at(seat.role);
    let changes = |proof: &Proof| {
        let action = &proof.request.action;
        action.contains(":Update") || action.contains(":Delete")
    };
    let Some(worst) = found.values().max_by_key(|proof| changes(proof)) else {
        let question = format!("a pattern of {} reaches other agents", role.name);
        return RULE.cannot_tell(view, seat, &question, missing);
    };
    let stakes = Stakes {
        production: view.is_production(seat),
        mutates: changes(worst),
        ..Stakes::default()
    };
    let (severity, raised) = stakes.raise(RULE.base, Severity::Critical);
    let names: Vec<_> = found.keys().cloned().collect();
    let mut actions: Vec<_> = found.values().map(|it| it.request.action.clone()).collect();
    actions.sort();
    actions.dedup();
    Some(RULE.fails(Claim {
        severity,
        subject: role.arn.to_string(),
        agents: arns(view, &seat.concerned()),
        title: format!("{} reaches {}", role.name, some_of(&names, 3)),
        why: format!(
            "A wildcard in its resources takes in what belongs to others: {}, by {}.{raised}{}",
            some_of(&names, 6),
            some_of(&actions, 4),
            missing.aside()
        ),
        witness: worst.witness(),
        evidence: worst.evidence(view),
        path: Vec::new(),
        fix: Fix {
            summary: "Put the agent's own ARNs in place of the pattern".to_owned(),
            patch: patch(&serde_json::json!({
                "Effect": "Allow",
                "Action": actions,
                "Resource": own(view, seat),
            })),
        },
        cause: actions,
    }))
}

/// The ARNs that belong to the seat's own agents.
fn own(view: &View<'_>, seat: &Seat) -> Vec<String> {
    let agents = seat.agents.iter().map(|&id| view.estate.agents.at(id));
    agents
        .flat_map(|agent| {
            let identity = agent.workload_identity.as_ref().map(ToString::to_string);
            [Some(agent.arn.to_string()), identity]
                .into_iter()
                .flatten()
        })
        .chain(used(view, seat))
        .collect()
}
