//! INV-02: who may run what they like inside the agent.

use bailiwick_estate::{Agent, Id, PrincipalId};
use serde_json::json;

use crate::{
    escalation::Admin,
    finding::{Finding, Fix, Severity, Witness},
    invokers::{self, Invoker, Invokers, LeadsTo, Who},
    rule::{About, Checked, Claim, counted, patch, rule, some_of},
    view::{Missing, View},
};

rule! {
    /// Somebody may open a shell, run code or drive a browser inside an agent that has a role.
    ///
    /// **Sees.** Users and roles, administrators and the agent's own role left out, that may use
    /// `InvokeAgentRuntimeCommand`, `InvokeCodeInterpreter` or `ConnectBrowserAutomationStream` on
    /// it. Those whom the charter's `invokers` name are left out too.
    ///
    /// **Matters.** The role's credentials lie at the metadata address of the microVM. Whoever runs a
    /// command there takes them along, and the trail shows the agent.
    ///
    /// **Example.** Developers with `bedrock-agentcore:*` on an interpreter that reads the data lake.
    ///
    /// **Severity.** High. Critical if the role is, or can become, an administrator.
    ///
    /// **Remedy.** Deny these actions to everyone but those who operate the agent.
    ///
    /// **References.** MITRE ATT&CK T1552.005; MITRE ATLAS AML.T0105; OWASP ASI05.
    "INV-02", "Somebody may run commands inside the agent", High, check
}

/// Who reads a longer list?
const LISTED_MAX: usize = 40;

fn check(view: &View<'_>) -> Checked {
    let entered = view.estate.agents.iter().filter(|(_, agent)| {
        let has_role = agent.roles.iter().any(|it| it.role.id.is_some());
        has_role && controls(agent).next().is_some()
    });
    Checked::each(entered, |(id, agent)| look(view, id, agent))
}

fn controls(agent: &Agent) -> impl Iterator<Item = invokers::Entrance> {
    invokers::entrances(agent)
        .into_iter()
        .filter(|it| it.leads_to == LeadsTo::Controls)
}

fn look(view: &View<'_>, id: Id<Agent>, agent: &Agent) -> Option<Finding> {
    let own: Vec<_> = agent.roles.iter().filter_map(|it| it.role.id).collect();
    let is_stranger = |who: &Who| match *who {
        Who::Principal(PrincipalId::Role(role)) if own.contains(&role) => false,
        Who::Principal(principal) => !view.graph().is_account_admin(principal),
        Who::Outsider(_) | Who::Everyone => true,
    };
    let declared = view.charter_of(agent).and_then(|it| it.invokers.as_deref());
    let is_declared = |name: &str| {
        let mut declared = declared.into_iter().flatten();
        declared.any(|it| it.as_str() == name)
    };
    let mut strangers: Vec<(String, Invoker)> = Vec::new();
    let mut missing = Missing::default();
    for entrance in controls(agent) {
        let Invokers { may, doubts } = invokers::some_invokers(view, id, &entrance, LISTED_MAX);
        let doubts = doubts.into_iter().filter(|it| is_stranger(&it.who));
        missing.add(doubts.flat_map(|it| it.missing).collect());
        for invoker in may {
            let name = invoker.who.name(view);
            let known = strangers.iter().any(|(it, _)| *it == name);
            if is_stranger(&invoker.who) && !is_declared(&name) && !known {
                strangers.push((name, invoker));
            }
        }
    }
    let Some((_, first)) = strangers.first() else {
        let question = format!("somebody may run commands inside {}", agent.name);
        return RULE.hangs(About::agent(view, agent), &question, &missing);
    };
    let privileged = own.iter().any(|&role| {
        let admin = view.graph().account_admin(PrincipalId::Role(role));
        matches!(admin, Admin::Yes | Admin::Potential)
    });
    let names: Vec<_> = strangers
        .iter()
        .map(|(name, _)| name.rsplit('/').next().unwrap_or(name).to_owned())
        .collect();
    let actions: Vec<_> = controls(agent).map(|it| it.action).collect();
    Some(RULE.fails(Claim {
        severity: if privileged { Severity::Critical } else { RULE.base },
        subject: agent.arn.to_string(),
        agents: vec![agent.arn.to_string()],
        title: format!(
            "{}{} may run commands inside {}",
            if strangers.len() < LISTED_MAX { "" } else { "At least " },
            counted(strangers.len(), "principal"),
            agent.name
        ),
        why: format!(
            "{} may act inside the agent and take its credentials along.{}",
            some_of(&names, 6),
            missing.aside()
        ),
        witness: Witness::Request {
            request: Box::new(first.request.clone()),
            because: first.because.clone(),
        },
        evidence: view.evidence_of(&first.request, &first.because),
        path: Vec::new(),
        fix: Fix {
            summary: "Deny these actions to everyone but those who operate the agent".to_owned(),
            patch: patch(&json!({
                "Effect": "Deny",
                "Action": actions,
                "Resource": agent.arn.as_str(),
                "Condition": {"ArnNotLike": {"aws:PrincipalArn": "the role that operates the agent"}},
            })),
        },
        cause: strangers.into_iter().map(|(name, _)| name).collect(),
    }))
}
