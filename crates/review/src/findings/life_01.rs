//! LIFE-01: agents for which nobody answers.

use bailiwick_estate::{Agent, Id};

use crate::{
    finding::{Finding, Fix, Severity, Witness},
    rule::{About, Checked, Claim, rule},
    view::{View, is_production},
};

rule! {
    /// Nobody is named who answers for an agent.
    ///
    /// **Sees.** An agent that has no charter, and neither a tag of its own nor one of its role that
    /// names an owner. Whether a named owner is still there, no snapshot tells.
    ///
    /// **Matters.** When it misbehaves, somebody must be woken; when it is reviewed, somebody must
    /// say what it still needs.
    ///
    /// **Example.** A runtime of a team that was dissolved.
    ///
    /// **Severity.** Medium. High in production.
    ///
    /// **Remedy.** A charter with `owner`, or the tag `owner`.
    ///
    /// **References.** NIST AI RMF GOVERN 2.1; AWS Agentic AI Lens AGENTOPS03-BP01; ISO/IEC 42001 A.3.2.
    "LIFE-01", "Nobody answers for an agent", Medium, check
}

fn check(view: &View<'_>) -> Checked {
    let acting = view
        .estate
        .agents
        .iter()
        .filter(|(_, agent)| agent.kind.acts());
    Checked::each(acting, |(id, agent)| look(view, id, agent))
}

fn look(view: &View<'_>, id: Id<Agent>, agent: &Agent) -> Option<Finding> {
    if agent.owner.is_some() || view.charter_of(agent).is_some() {
        return None;
    }
    let production = view.environment_of(id).is_some_and(is_production);
    let about = About::agent(view, agent);
    Some(RULE.fails(Claim {
        severity: if production {
            Severity::High
        } else {
            RULE.base
        },
        subject: about.subject,
        agents: about.agents,
        title: format!("Nobody answers for the {} {}", agent.kind, agent.name),
        why: "No charter, no tag of the agent and none of its role names an owner.".to_owned(),
        witness: Witness::facts([format!("{} has no owner", agent.arn)]),
        evidence: about.evidence,
        path: Vec::new(),
        fix: Fix {
            summary: "Name an owner in its charter, or tag it".to_owned(),
            patch: "owner: { team: …, contact: … }".to_owned(),
        },
        cause: vec!["no owner".to_owned()],
    }))
}
