//! PERM-05: an agent that can rewrite itself.

use bailiwick_estate::{Agent, AgentKind, Role};

use crate::{
    finding::Finding,
    forbidden::{self, Denies, Words},
    rule::{Checked, rule, some_of},
    site::guardrail,
    view::{Seat, View},
};

rule! {
    /// An agent may change its own configuration, its alias, its guardrail, its policies or its
    /// policy engine.
    ///
    /// **Sees.** Effective permissions of an agent's role to update or delete the agent itself, the
    /// alias that routes to it, the guardrail or policy engine that checks it, the code of a function
    /// that it is, or the role it runs as: its policies, those attached to it, its boundary and its
    /// trust.
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
    let mut calls: Vec<_> = [
        "iam:PutRolePolicy",
        "iam:AttachRolePolicy",
        "iam:DeleteRolePermissionsBoundary",
        "iam:UpdateAssumeRolePolicy",
        // What denies it something may be among what it takes away.
        "iam:DeleteRolePolicy",
        "iam:DetachRolePolicy",
        "iam:PutRolePermissionsBoundary",
    ]
    .into_iter()
    .map(|action| (action, role.arn.to_string()))
    .collect();
    calls.extend(policies_of(view, role));
    for &id in &seat.agents {
        calls.extend(own(view.estate.agents.at(id)));
    }
    let words = Words {
        title: format!("{} can change the agent that runs as it", role.name),
        question: format!("{} can change the agent that runs as it", role.name),
        why: |allowed| {
            format!(
                "It may use {} on {}: what was reviewed holds until the agent changes it.",
                some_of(&allowed.actions(), 4),
                some_of(&allowed.resources(), 2)
            )
        },
        summary: "Deny it on the agent's own ARNs, best in the boundary",
        sid: "NotItself",
        denies: Denies::Found,
    };
    forbidden::look(&RULE, view, seat, &calls, words)
}

/// Changes to the managed policies that its role has, its boundary among them. AWS's own cannot be
/// changed.
fn policies_of(view: &View<'_>, role: &Role) -> Vec<(&'static str, String)> {
    let documents = role.attached.iter().chain(&role.boundary);
    let own = documents
        .filter_map(|document| view.estate.policies.at(*document).arn.as_ref())
        .filter(|arn| arn.account() != "aws");
    own.flat_map(|arn| {
        ["iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"]
            .map(|action| (action, arn.to_string()))
    })
    .collect()
}

/// Changes to the agent, and to what routes to it or checks it.
fn own(agent: &Agent) -> Vec<(&'static str, String)> {
    let verbs: &[&'static str] = match agent.kind {
        AgentKind::BedrockAgent => &[
            "bedrock:UpdateAgent",
            "bedrock:DeleteAgent",
            "bedrock:CreateAgentActionGroup",
            "bedrock:UpdateAgentActionGroup",
            "bedrock:AssociateAgentCollaborator",
            "bedrock:AssociateAgentKnowledgeBase",
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
            "bedrock-agentcore:UpdateGatewayTarget",
        ],
        AgentKind::SelfRun if agent.arn.service() == "lambda" => &[
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
        ],
        AgentKind::Browser => &["bedrock-agentcore:DeleteBrowser"],
        AgentKind::CodeInterpreter => &["bedrock-agentcore:DeleteCodeInterpreter"],
        _ => &[],
    };
    let itself = verbs.iter().map(|verb| (*verb, agent.arn.to_string()));
    let aliases = agent.aliases.iter().filter_map(|alias| {
        let verb = match agent.kind {
            AgentKind::BedrockAgent => "bedrock:UpdateAgentAlias",
            AgentKind::Flow => "bedrock:UpdateFlowAlias",
            AgentKind::Runtime => "bedrock-agentcore:UpdateAgentRuntimeEndpoint",
            _ => return None,
        };
        Some((verb, alias.arn.as_ref()?.to_string()))
    });
    let guardrail = guardrail(agent).into_iter().flat_map(|it| {
        ["bedrock:UpdateGuardrail", "bedrock:DeleteGuardrail"].map(|verb| (verb, it.to_string()))
    });
    let engine = agent.policy_engine.iter().flat_map(|it| {
        [
            "bedrock-agentcore:UpdatePolicyEngine",
            "bedrock-agentcore:DeletePolicyEngine",
        ]
        .map(|verb| (verb, it.arn.clone()))
    });
    itself
        .chain(aliases)
        .chain(guardrail)
        .chain(engine)
        .collect()
}
