//! LIFE-06: agents that nobody wrote a charter for.

use bailiwick_charter::Charter;
use bailiwick_estate::{Agent, AgentKind, Id};

use crate::{
    finding::{Finding, Fix, Witness},
    rule::{About, Checked, Claim, rule},
    view::{Scope, View, declared_scope},
};

rule! {
    /// An agent runs and no charter says what it is for, or it does more by itself than its charter
    /// says.
    ///
    /// **Sees.** Where charters are given: each agent of the estate that none of them names in
    /// `runs-as`. A role that trusts an agent service, and of which no inventory tells the agent, is
    /// named by `role`. Without any charter this rule has nothing to compare with and no subject.
    ///
    /// The finding says of which scope the agent is, from 1 to 4: 1, it changes nothing; 2, a person
    /// approves each change; 3, somebody sets it going and it changes things by itself; 4, nobody's
    /// call sets it going. The scope is computed from what its role and its tools' roles may do, and
    /// from who may invoke it; no permission asks a person, so 2 is never computed. A charter declares
    /// one too: 1 where its tasks only read, 2 where every tool is approved and nothing is written, 3
    /// where `invokers` are named, else 4. An agent of a higher scope than its charter declares is
    /// found; of those declared to read only, SEP-02 speaks.
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
    /// **References.** NIST AI RMF GOVERN 1.6; NIST AI 600-1 GV-1.6-001; OWASP ASI10; AWS Agentic AI
    /// Security Scoping Matrix.
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
    if let Some(charter) = view.charter_of(agent) {
        return beyond(view, agent, charter);
    }
    let scope = view.scope_of(agent);
    let told = scope.as_ref().map_or_else(
        || " How much it does by itself cannot be told.".to_owned(),
        |(scope, change)| {
            let by = change.as_ref().map_or_else(String::new, |it| {
                format!(", for example by {}", it.proof.request.action)
            });
            format!(" It is of scope {}: {}{by}.", scope.number(), scope.says())
        },
    );
    let charters = view.intent.charters.map_or(0, |it| it.len());
    let about = About::agent(view, agent);
    Some(RULE.fails(Claim {
        severity: RULE.base,
        subject: about.subject,
        agents: about.agents,
        title: format!("The {} {} has no charter", agent.kind, agent.name),
        why: format!(
            "It runs, and nobody wrote down what for: who answers for it, and what it may touch.{told}"
        ),
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

/// More agency than the charter declares.
fn beyond(view: &View<'_>, agent: &Agent, charter: &Charter) -> Option<Finding> {
    let declared = declared_scope(charter);
    if declared == Scope::NoAgency {
        return None;
    }
    // What cannot be told here is told where it hangs: SEP-02 and PERM-09 ask the same roles.
    let (scope, change) = view.scope_of(agent)?;
    let change = change.filter(|_| scope > declared)?;
    let mut evidence = change.proof.evidence(view);
    evidence.push(view.declaration(charter, "tasks", declared.says()));
    Some(RULE.fails(Claim {
        severity: RULE.base,
        subject: agent.arn.to_string(),
        agents: vec![agent.arn.to_string()],
        title: format!(
            "{} is declared of scope {} and is of scope {}",
            agent.name,
            declared.number(),
            scope.number()
        ),
        why: format!(
            "By its charter, {}; by its permissions, {}, for example by {} on {}.",
            declared.says(),
            scope.says(),
            change.proof.request.action,
            change.proof.request.resource
        ),
        witness: change.proof.witness(),
        evidence,
        path: Vec::new(),
        fix: Fix {
            summary: "Take the change away, or declare it and have the charter reviewed".to_owned(),
            patch: format!(
                "{} on {}",
                change.proof.request.action, change.proof.request.resource
            ),
        },
        cause: vec![format!(
            "scope {} above {}",
            scope.number(),
            declared.number()
        )],
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
