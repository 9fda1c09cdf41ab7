//! LIFE-06: agents that nobody wrote a charter for.

use bailiwick_estate::{Agent, AgentKind, Id};

use crate::{
    finding::{Finding, Fix, Witness},
    rule::{About, Checked, Claim, rule},
    view::View,
};

rule! {
    /// An agent runs and no charter says what it is for.
    ///
    /// **Sees.** Where charters are given: each agent of the estate that none of them names in
    /// `runs-as`. A role that trusts an agent service, and of which no inventory tells the agent, is
    /// named by `role`. Without any charter this rule has nothing to compare with and no subject.
    ///
    /// **Matters.** Nobody said who answers for it, what it may touch and when somebody looks again;
    /// no plan can give it less than it has, and no grant can be made for it.
    ///
    /// **Example.** A runtime that was made to try something out, and stayed.
    ///
    /// **Severity.** High.
    ///
    /// **Remedy.** Write a charter, or take the agent out of service.
    ///
    /// **References.** NIST AI RMF GOVERN 1.6; NIST AI 600-1 GV-1.6-001; OWASP ASI10.
    "LIFE-06", "An agent has no charter", High, check
}

fn check(view: &View<'_>) -> Checked {
    let acting = view
        .estate
        .agents
        .iter()
        .filter(|(_, agent)| view.has_charters() && agent.kind.acts());
    Checked::each(acting, |(id, agent)| look(view, id, agent))
}

fn look(view: &View<'_>, id: Id<Agent>, agent: &Agent) -> Option<Finding> {
    if view.charter_of(agent).is_some() {
        return None;
    }
    let charters = view.intent.charters.map_or(0, |it| it.len());
    let about = About::agent(view, agent);
    Some(RULE.fails(Claim {
        severity: RULE.base,
        subject: about.subject,
        agents: about.agents,
        title: format!("The {} {} has no charter", agent.kind, agent.name),
        why: "It runs, and nobody wrote down what for: who answers for it, and what it may touch."
            .to_owned(),
        witness: Witness::facts([format!(
            "none of {charters} charters names {} in {}",
            agent.arn,
            if agent.kind == AgentKind::Unknown { "role" } else { "runs-as" }
        )]),
        evidence: about.evidence,
        path: Vec::new(),
        fix: Fix {
            summary: "Write a charter for it, or take it out of service".to_owned(),
            patch: stub(view, id, agent),
        },
        cause: vec!["no charter".to_owned()],
    }))
}

/// The beginning of a charter, with what the estate tells; its owner knows the rest.
fn stub(view: &View<'_>, id: Id<Agent>, agent: &Agent) -> String {
    let name: String = agent
        .name
        .chars()
        .map(|letter| match letter {
            letter if letter.is_ascii_alphanumeric() => letter.to_ascii_lowercase(),
            _ => '-',
        })
        .collect();
    let named_by = if agent.kind == AgentKind::Unknown {
        format!("role: {{ arn: \"{}\" }}", agent.arn)
    } else {
        format!("runs-as: [\"{}\"]", agent.arn)
    };
    let team = agent.owner.as_ref().map_or("…", |it| it.value.as_str());
    format!(
        "agent: {name}\nowner: {{ team: {team}, contact: … }}\npurpose: …\nenvironment: {}\n{named_by}\nmode: …\ntasks: …",
        view.environment_of(id).unwrap_or("…"),
    )
}
