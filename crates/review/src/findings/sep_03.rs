//! SEP-03: around the tool.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_estate::{Agent, Id, Role, Tool};
use bailiwick_iam::{
    evaluate::{Outcome, evaluate},
    layers::Layers,
    policy::Selection,
};
use bailiwick_iam_catalog::AccessLevel;

use crate::{
    finding::{Finding, Fix, Hop},
    rule::{About, Checked, Claim, rule, some_of},
    view::{Known, Missing, Proof, View, is_telemetry},
};

rule! {
    /// An agent's own role may do what its tools are there to do for it.
    ///
    /// **Sees.** An agent that acts, a tool of it that runs as a role of its own (function, knowledge
    /// base, collaborator), and a call on data that both roles may make: the same action on the same
    /// resource. What the agent's charter declares that it reads and writes itself is left out, and so
    /// is what every workload needs: telemetry, keys, models, invoking.
    ///
    /// **Matters.** A tool checks its arguments, is logged, and can be asked to wait for a person. An
    /// agent that holds the tool's permissions itself can be talked past it.
    ///
    /// **Example.** A refund assistant whose tool checks the amount and writes to `refunds`, on a role
    /// that may write to `refunds` too.
    ///
    /// **Severity.** Medium.
    ///
    /// **Remedy.** Leave the permission with the tool, and take it from the agent; or declare it in the
    /// charter, if the agent is to work on the data itself.
    ///
    /// **References.** AWS Agentic AI Lens AGENTSEC03-BP03; OWASP T2.
    "SEP-03", "An agent can go around its tools", Medium, check
}

/// Of each pattern of actions, so many are tried, the deepest-cutting first.
const TRIED_MAX: usize = 40;

fn check(view: &View<'_>) -> Checked {
    let agents = view.estate.agents.values();
    let equipped = agents.filter(|agent| agent.kind.acts() && tools(agent).next().is_some());
    Checked::each(equipped, |agent| look(view, agent))
}

/// The roles of an agent's tools that are not its own.
fn tools(agent: &Agent) -> impl Iterator<Item = (&Tool, Id<Role>)> {
    let enabled = agent.tools.iter().filter(|tool| tool.enabled);
    enabled.flat_map(move |tool| {
        let roles = tool.roles.iter().filter_map(|it| it.id);
        let others = roles.filter(|&role| own(agent).all(|own| own != role));
        others.map(move |role| (tool, role))
    })
}

fn own(agent: &Agent) -> impl Iterator<Item = Id<Role>> + '_ {
    agent.roles.iter().filter_map(|it| it.role.id)
}

/// A call that the agent can make past its tool.
struct Bypass<'e> {
    tool: &'e Tool,
    behind: Id<Role>,
    proof: Proof,
}

fn look(view: &View<'_>, agent: &Agent) -> Option<Finding> {
    let declared = view.charter_of(agent).and_then(|charter| {
        let closure = view.closure_of(agent, charter)?;
        Some(closure.declared_layers())
    });
    let mut missing = Missing::default();
    let mut found: BTreeMap<String, Bypass<'_>> = BTreeMap::new();
    for (tool, behind) in tools(agent) {
        for proof in shared(view, agent, behind, declared.as_ref(), &mut missing) {
            let call = format!("{} on {}", proof.request.action, proof.request.resource);
            let bypass = Bypass {
                tool,
                behind,
                proof,
            };
            found.entry(call).or_insert(bypass);
        }
    }
    let calls: Vec<String> = found.keys().cloned().collect();
    let Some(worst) = found.into_values().next() else {
        let question = format!("{} can go around its tools", agent.name);
        return RULE.hangs(About::agent(view, agent), &question, &missing);
    };
    let own = &worst.proof.request.principal;
    let behind = view.estate.roles.at(worst.behind);
    Some(RULE.fails(Claim {
        severity: RULE.base,
        subject: agent.arn.to_string(),
        agents: vec![agent.arn.to_string()],
        title: format!("{} can go around its tool {}", agent.name, worst.tool.name),
        why: format!(
            "Its own role may use {}, and so may {}, as which the tool runs.{}",
            some_of(&calls, 4),
            behind.name,
            missing.aside()
        ),
        witness: worst.proof.witness(),
        evidence: worst.proof.evidence(view),
        path: vec![Hop {
            from: agent.arn.to_string(),
            to: worst.proof.request.resource.clone(),
            by: format!("{} as {own}", worst.proof.request.action),
            because: worst.proof.because.clone(),
        }],
        fix: Fix {
            summary: "Leave it with the tool and take it from the agent's role".to_owned(),
            patch: calls.join("\n"),
        },
        cause: calls,
    }))
}

/// Calls on data that the role behind a tool may make, and the agent's own may too, undeclared.
fn shared(
    view: &View<'_>,
    agent: &Agent,
    behind: Id<Role>,
    declared: Option<&Layers>,
    missing: &mut Missing,
) -> Vec<Proof> {
    let account = view.estate.roles.at(behind).account;
    let mut tried: BTreeSet<(String, String)> = BTreeSet::new();
    let mut found = Vec::new();
    for (_, _, statement) in view.grants(behind) {
        let Selection::Only(patterns) = &statement.actions else {
            continue;
        };
        for pattern in patterns {
            let known = view.expanded(&pattern.value.0);
            for action in known.iter().filter(|it| is_of_data(it)).take(TRIED_MAX) {
                let resource =
                    view.some_resource(&action.name, statement.resources.as_ref(), account);
                let speaking = own(agent).filter(|&role| view.speaks(role, &action.name));
                let speaking: Vec<_> = speaking.collect();
                if speaking.is_empty() || !tried.insert((action.name.clone(), resource.clone())) {
                    continue;
                }
                let by_tool = view.role_can(behind, &action.name, &resource);
                if missing.proof(by_tool).is_none() {
                    continue;
                }
                let by_agent = speaking
                    .into_iter()
                    .find_map(|role| missing.proof(view.role_can(role, &action.name, &resource)));
                let is_declared = |proof: &Proof| {
                    declared.is_some_and(|declared| {
                        let decision = evaluate(declared, &proof.request, view.catalog);
                        decision.outcome == Outcome::Allow
                    })
                };
                found.extend(by_agent.filter(|proof| !is_declared(proof)));
            }
        }
    }
    found
}

/// Whether it is a call on somebody's data: not what every workload needs to run, think and invoke.
fn is_of_data(action: &Known) -> bool {
    const NOT_DATA: [&str; 10] = [
        "bedrock:",
        "bedrock-agentcore:",
        "cloudwatch:",
        "ec2:",
        "ecr:",
        "iam:",
        "kms:",
        "lambda:Invoke",
        "sts:",
        "xray:",
    ];
    action.has_resources
        && action.level != AccessLevel::List
        && !is_telemetry(&action.name)
        && !NOT_DATA.iter().any(|it| action.name.starts_with(it))
}
