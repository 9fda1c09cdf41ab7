//! PERM-06: a pattern that takes the neighbours in.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_estate::{Agent, AgentKind, Id, ResourcePolicy};
use bailiwick_iam::{arn::Arn, policy::Selection};

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

/// Something that belongs to an agent.
struct Belonging<'e> {
    owner: Id<Agent>,
    arn: &'e Arn,
    /// What one may do to it.
    actions: &'static [&'static str],
    is_identity: bool,
    /// Whether it has a policy of its own, which may grant what the role's policies do not.
    speaks_for_itself: bool,
}

fn check(view: &View<'_>) -> Checked {
    let belongings = belongings(view);
    let seats = view.seats().iter().filter(|seat| !seat.agents.is_empty());
    Checked::access(view, seats, |seat| look(view, seat, &belongings))
}

/// What belongs to agents, once for all seats.
fn belongings<'e>(view: &View<'e>) -> Vec<Belonging<'e>> {
    let attached = |arn: &Arn| matches!(view.resource_policy(arn), ResourcePolicy::Attached(_));
    let belonging = |owner, arn, actions, is_identity| Belonging {
        owner,
        arn,
        actions,
        is_identity,
        speaks_for_itself: attached(arn),
    };
    let agents = view.estate.agents.iter();
    agents
        .filter(|(_, agent)| agent.kind != AgentKind::Unknown)
        .flat_map(|(id, agent)| {
            let thing = belonging(id, &agent.arn, reaches(agent.kind), false);
            let identity = agent.workload_identity.as_ref();
            let identity = identity.map(|arn| belonging(id, arn, IDENTITY, true));
            [Some(thing), identity].into_iter().flatten()
        })
        .collect()
}

fn look(view: &View<'_>, seat: &Seat, belongings: &[Belonging<'_>]) -> Option<Finding> {
    let patterns = wild_resources(view, seat);
    if patterns.is_empty() {
        return None;
    }
    let used: BTreeSet<_> = used(view, seat).into_iter().collect();
    let meant = named(view, seat);
    let asked = worth_asking(view, seat);
    let mut found: BTreeMap<String, Proof> = BTreeMap::new();
    let mut missing = Missing::default();
    for it in belongings {
        if found.len() >= SHOWN_MAX {
            break;
        }
        let arn = it.arn.as_str();
        let mut actions = it.actions.iter().rev().filter(|action| {
            it.speaks_for_itself || asked.as_ref().is_none_or(|asked| asked.contains(*action))
        });
        let idle = actions.clone().next().is_none();
        if idle || is_ours(view, seat, it.owner) || used.contains(arn) || meant.contains(arn) {
            continue;
        }
        if !patterns.iter().any(|it| glob::matches(it, arn)) {
            continue;
        }
        let proof = actions.find_map(|action| missing.proof(view.role_can(seat.role, action, arn)));
        if let Some(proof) = proof {
            found.insert(it.name(view), proof);
        }
    }
    finding(view, seat, &found, &missing)
}

impl Belonging<'_> {
    fn name(&self, view: &View<'_>) -> String {
        let agent = view.estate.agents.at(self.owner);
        let name = format!("{} {}", agent.kind, agent.name);
        if self.is_identity {
            format!("the identity of {name}")
        } else {
            name
        }
    }
}

/// Whether an agent acts as the seat's role, or is a part of it.
fn is_ours(view: &View<'_>, seat: &Seat, agent: Id<Agent>) -> bool {
    let roles = &view.estate.agents.at(agent).roles;
    seat.agents.contains(&agent)
        || seat.components.contains(&agent)
        || roles.iter().any(|it| it.role.id == Some(seat.role))
}

/// The actions that the role's policies speak of: no other can be allowed, unless by a policy of the
/// thing itself. `None` where a policy cannot be read, which may speak of any.
fn worth_asking(view: &View<'_>, seat: &Seat) -> Option<BTreeSet<&'static str>> {
    if !view.is_legible(seat.role) {
        return None;
    }
    let all = KINDS.iter().flat_map(|&kind| reaches(kind)).chain(IDENTITY);
    let spoken = all.copied().filter(|action| view.speaks(seat.role, action));
    Some(spoken.collect())
}

/// The kinds that [`reaches`] knows something of.
const KINDS: [AgentKind; 8] = [
    AgentKind::Memory,
    AgentKind::Runtime,
    AgentKind::Harness,
    AgentKind::Gateway,
    AgentKind::Browser,
    AgentKind::CodeInterpreter,
    AgentKind::KnowledgeBase,
    AgentKind::BedrockAgent,
];

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

/// What a statement of the role names: an ARN named in full is meant.
fn named<'e>(view: &View<'e>, seat: &Seat) -> BTreeSet<&'e str> {
    let resources = view
        .grants(seat.role)
        .filter_map(|(_, _, it)| it.resources.as_ref());
    let patterns = resources.flat_map(Selection::patterns);
    patterns.map(|it| it.value.0.as_str()).collect()
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
