//! PERM-05: an agent that can rewrite itself.

use bailiwick_estate::{Agent, AgentKind};
use serde_json::json;

use crate::{
    finding::{Finding, Fix},
    rule::{Checked, Claim, arns, patch, rule, some_of},
    view::{Proof, Seat, View},
};

rule! {
    /// An agent may change its own configuration, its alias, its guardrail, its policies or its
    /// policy engine.
    ///
    /// **Sees.** Effective permissions of an agent's role to update or delete the agent itself, the
    /// alias that routes to it, the guardrail or policy engine that checks it, or the role it runs
    /// as.
    ///
    /// **Matters.** Whatever was reviewed holds until the agent changes it. An injected prompt can
    /// take the guardrail off first.
    ///
    /// **Example.** `bedrock-agentcore:UpdateHarness` on `harness/*`, given to restart things.
    ///
    /// **Severity.** Critical.
    ///
    /// **Remedy.** An explicit deny on its own ARNs, best in the boundary.
    ///
    /// **References.** MITRE ATLAS AML.T0081; OWASP AISVS 9.2.5; OWASP ASI10.
    "PERM-05", "An agent can change itself", Critical, check
}

fn check(view: &View<'_>) -> Checked {
    let seats = view.seats().iter().filter(|seat| !seat.agents.is_empty());
    Checked::access(view, seats, |seat| look(view, seat))
}

fn look(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let role = view.estate.roles.at(seat.role);
    let mut asked: Vec<(String, String)> = [
        "iam:PutRolePolicy",
        "iam:AttachRolePolicy",
        "iam:DeleteRolePermissionsBoundary",
        "iam:UpdateAssumeRolePolicy",
    ]
    .into_iter()
    .map(|action| (action.to_owned(), role.arn.to_string()))
    .collect();
    for &id in &seat.agents {
        asked.extend(own(view.estate.agents.at(id)));
    }
    let proofs: Vec<Proof> = asked
        .iter()
        .filter(|(action, _)| view.speaks(seat.role, action))
        .filter_map(|(action, resource)| view.role_can(seat.role, action, resource).proof())
        .collect();
    let first = proofs.first()?;
    let mut actions: Vec<_> = proofs.iter().map(|it| it.request.action.clone()).collect();
    actions.sort();
    actions.dedup();
    let mut resources: Vec<_> = proofs
        .iter()
        .map(|it| it.request.resource.clone())
        .collect();
    resources.sort();
    resources.dedup();
    Some(
        RULE.fails(Claim {
            severity: RULE.base,
            subject: role.arn.to_string(),
            agents: arns(view, &seat.agents),
            title: format!("{} can change the agent that runs as it", role.name),
            why: format!(
                "It may use {} on {}: what was reviewed holds until the agent changes it.",
                some_of(&actions, 4),
                some_of(&resources, 2)
            ),
            witness: first.witness(),
            evidence: proofs
                .iter()
                .flat_map(|it| it.evidence(view))
                .take(8)
                .collect(),
            path: Vec::new(),
            fix: Fix {
                summary: "Deny it on the agent's own ARNs, best in the boundary".to_owned(),
                patch: patch(&json!({
                    "Sid": "NotItself",
                    "Effect": "Deny",
                    "Action": actions,
                    "Resource": resources,
                })),
            },
            cause: actions,
        }),
    )
}

/// Changes to the agent, and to what routes to it or checks it.
fn own(agent: &Agent) -> Vec<(String, String)> {
    let verbs: &[&str] = match agent.kind {
        AgentKind::BedrockAgent => &[
            "bedrock:UpdateAgent",
            "bedrock:DeleteAgent",
            "bedrock:CreateAgentActionGroup",
        ],
        AgentKind::Flow => &["bedrock:UpdateFlow", "bedrock:DeleteFlow"],
        AgentKind::Runtime => &[
            "bedrock-agentcore:UpdateAgentRuntime",
            "bedrock-agentcore:DeleteAgentRuntime",
        ],
        AgentKind::Harness => &[
            "bedrock-agentcore:UpdateHarness",
            "bedrock-agentcore:DeleteHarness",
        ],
        AgentKind::Gateway => &[
            "bedrock-agentcore:UpdateGateway",
            "bedrock-agentcore:DeleteGateway",
            "bedrock-agentcore:CreateGatewayTarget",
        ],
        AgentKind::Browser => &["bedrock-agentcore:DeleteBrowser"],
        AgentKind::CodeInterpreter => &["bedrock-agentcore:DeleteCodeInterpreter"],
        _ => &[],
    };
    let itself = verbs
        .iter()
        .map(|verb| ((*verb).to_owned(), agent.arn.to_string()));
    let aliases = agent.aliases.iter().filter_map(|alias| {
        let verb = match agent.kind {
            AgentKind::BedrockAgent => "bedrock:UpdateAgentAlias",
            AgentKind::Flow => "bedrock:UpdateFlowAlias",
            AgentKind::Runtime => "bedrock-agentcore:UpdateAgentRuntimeEndpoint",
            _ => return None,
        };
        Some((verb.to_owned(), alias.arn.as_ref()?.to_string()))
    });
    let guardrail = agent
        .guardrail
        .iter()
        .filter(|it| it.starts_with("arn:"))
        .flat_map(|it| {
            ["bedrock:UpdateGuardrail", "bedrock:DeleteGuardrail"]
                .map(|verb| (verb.to_owned(), it.clone()))
        });
    let engine = agent.policy_engine.iter().flat_map(|it| {
        [
            "bedrock-agentcore:UpdatePolicyEngine",
            "bedrock-agentcore:DeletePolicyEngine",
        ]
        .map(|verb| (verb.to_owned(), it.arn.clone()))
    });
    itself
        .chain(aliases)
        .chain(guardrail)
        .chain(engine)
        .collect()
}
