//! ID-05: the draft was mended, the version that answers was not.

use bailiwick_estate::{Agent, AgentRole};

use crate::{
    finding::{Finding, Fix, Severity, Witness},
    rule::{Checked, Claim, rule},
    view::{More, View},
};

rule! {
    /// A version that requests reach keeps a role that the draft no longer has.
    ///
    /// **Sees.** A Bedrock agent or a flow with an alias that routes to a numbered version whose role
    /// is not the draft's. Each version keeps the role it was made with.
    ///
    /// **Matters.** Whoever changed the draft's role believes the agent changed. The alias still
    /// serves the old identity with the old rights.
    ///
    /// **Example.** The draft of `OrderDesk` got a narrow role; the alias `live` routes to version 3,
    /// which runs as `…OrderDeskLegacy`.
    ///
    /// **Severity.** Medium. High if the version's role may do something that the draft's may not:
    /// proved or refuted on what their policies, boundaries and SCPs leave of both.
    ///
    /// **Remedy.** Prepare the draft, make a version of it, move the alias.
    ///
    /// **References.** AWS Agentic AI Lens AGENTOPS02-BP03; OWASP NHI1.
    "ID-05", "A live version keeps a role the draft no longer has", Medium, check
}

fn check(view: &View<'_>) -> Checked {
    let versioned = view
        .estate
        .agents
        .values()
        .filter(|agent| draft_role(agent).is_some());
    Checked::each(versioned, |agent| {
        let draft = draft_role(agent)?;
        let stale = agent
            .roles
            .iter()
            .find(|it| it.role.arn != draft.role.arn && is_live(it))?;
        Some(stale_version(view, agent, draft, stale))
    })
}

fn draft_role(agent: &Agent) -> Option<&AgentRole> {
    let is_draft = |it: &&AgentRole| it.versions.iter().any(|version| version.is_draft());
    agent.roles.iter().find(is_draft)
}

fn is_live(role: &AgentRole) -> bool {
    role.versions
        .iter()
        .any(|version| !version.is_draft() && !version.routed_by.is_empty())
}

fn stale_version(view: &View<'_>, agent: &Agent, draft: &AgentRole, stale: &AgentRole) -> Finding {
    let (old, new) = (&stale.role.arn, &draft.role.arn);
    let live: Vec<_> = stale
        .versions
        .iter()
        .filter(|version| !version.routed_by.is_empty())
        .map(|version| {
            format!(
                "version {}, routed to by {}, runs as {old}",
                version.number.as_deref().unwrap_or("?"),
                version.routed_by.join(", ")
            )
        })
        .collect();
    let wider = match (stale.role.id, draft.role.id) {
        (Some(old), Some(new)) => view.more_than(old, new),
        (None, _) => More::Unknown(format!("no file holds {old}")),
        (_, None) => More::Unknown(format!("no file holds {new}")),
    };
    let (severity, said) = match &wider {
        More::Yes(proof) => (
            Severity::High,
            format!(
                " It may still use {} on {}, which the draft's role may not.",
                proof.request.action, proof.request.resource
            ),
        ),
        More::No => (
            RULE.base,
            " It may do nothing that the draft's role may not.".to_owned(),
        ),
        More::Unknown(why) => (
            RULE.base,
            format!(" Whether it may do more than the draft's role could not be told: {why}."),
        ),
    };
    let (witness, mut evidence) = match &wider {
        More::Yes(proof) => (proof.witness(), proof.evidence(view)),
        More::No | More::Unknown(_) => (
            Witness::facts(
                live.iter()
                    .cloned()
                    .chain([format!("the draft runs as {new}")]),
            ),
            Vec::new(),
        ),
    };
    evidence.push(view.evidence(&agent.place, &live.join("; ")));
    RULE.fails(Claim {
        severity,
        subject: agent.arn.to_string(),
        agents: vec![agent.arn.to_string()],
        title: format!(
            "{} answers as {}, not as its draft's role",
            agent.name,
            old.resource_name()
        ),
        why: format!(
            "The draft runs as {}, but {}.{said}",
            new.resource_name(),
            live.join("; ")
        ),
        witness,
        evidence,
        path: Vec::new(),
        fix: Fix {
            summary: "Make a version of the draft and move the alias to it".to_owned(),
            patch: format!(
                "aws bedrock-agent prepare-agent --agent-id {id}\naws bedrock-agent create-agent-alias --agent-id {id} --agent-alias-name next\naws bedrock-agent update-agent-alias  (route the live alias to the new version)",
                id = agent.arn.resource_name()
            ),
        },
        cause: vec![old.to_string(), new.to_string()],
    })
}
