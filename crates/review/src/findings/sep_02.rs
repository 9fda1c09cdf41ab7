//! SEP-02: said to read, able to change.

use crate::{
    finding::{Finding, Fix, Hop, Severity},
    rule::{About, Checked, Claim, counted, rule},
    view::{Change, Missing, Proof, View},
};
use bailiwick_estate::{Agent, Id, Role, ToolKind};

rule! {
    /// An agent that is declared read-only can change something, by itself or through a tool.
    ///
    /// **Sees.** An agent whose charter has tasks that only read, or that is tagged
    /// `access=read-only` and has no charter; and an action that changes something in the
    /// effective permissions of its own role or of a role that one of its tools runs as: function,
    /// knowledge base, collaborator. Telemetry and its own memory and identity are left out.
    ///
    /// **Matters.** Reviews and approvals were given to a reader. What it can do through a tool, it
    /// can do.
    ///
    /// **Example.** A question-answering agent whose function may delete feedback.
    ///
    /// **Severity.** High. Critical if what it can do includes deleting.
    ///
    /// **Remedy.** Take the change away from the tool's role, or stop calling the agent read-only.
    ///
    /// **References.** MITRE ATLAS AML.T0101; OWASP AISVS 9.2.3.
    "SEP-02", "A read-only agent can change things", High, check
}

fn check(view: &View<'_>) -> Checked {
    let readers = view
        .estate
        .agents
        .values()
        .filter(|agent| agent.kind.acts() && view.is_read_only(agent));
    Checked::each(readers, |agent| look(view, agent))
}

/// A way for the agent to change something.
struct Way {
    role: Id<Role>,
    /// The tool it goes through, if not by itself.
    tool: Option<String>,
    proof: Proof,
    deletes: bool,
}

fn look(view: &View<'_>, agent: &Agent) -> Option<Finding> {
    let own = agent
        .roles
        .iter()
        .filter_map(|it| Some((it.role.id?, None)));
    let tools = agent
        .tools
        .iter()
        .filter(|tool| tool.enabled)
        .flat_map(|tool| {
            let name = match &tool.kind {
                ToolKind::Lambda { function } => function.to_string(),
                _ => tool.name.clone(),
            };
            let roles = tool.roles.iter().filter_map(|it| it.id);
            roles
                .map(move |role| (role, Some(name.clone())))
                .collect::<Vec<_>>()
        });
    let mut missing = Missing::default();
    let mut ways: Vec<_> = own
        .chain(tools)
        .filter_map(|(role, tool)| {
            let Change { proof, deletes } = view.change_by(role, &mut missing)?;
            Some(Way {
                role,
                tool,
                proof,
                deletes,
            })
        })
        .collect();
    ways.sort_by_key(|way| !way.deletes);
    let Some(worst) = ways.first() else {
        let question = format!("{}, declared read-only, can change things", agent.name);
        return RULE.hangs(About::agent(view, agent), &question, &missing);
    };
    let (severity, what) = if worst.deletes {
        (Severity::Critical, "delete")
    } else {
        (RULE.base, "change things")
    };
    let through = match &worst.tool {
        Some(tool) => format!("through {}", tool.rsplit([':', '/']).next().unwrap_or(tool)),
        None => "by itself".to_owned(),
    };
    let request = &worst.proof.request;
    Some(
        RULE.fails(Claim {
            severity,
            subject: agent.arn.to_string(),
            agents: vec![agent.arn.to_string()],
            title: format!(
                "{} is declared read-only and can {what} {through}",
                agent.name
            ),
            why: format!(
                "{} on {} is allowed {through}, as {}; {} in all.{}",
                request.action,
                request.resource,
                view.estate.roles.at(worst.role).name,
                counted(ways.len(), "way"),
                missing.aside()
            ),
            witness: worst.proof.witness(),
            evidence: worst.proof.evidence(view),
            path: hops(view, agent, worst),
            fix: Fix {
                summary: "Take the change away from that role, or stop calling the agent read-only"
                    .to_owned(),
                patch: format!(
                    "{{\n  \"Effect\": \"Deny\",\n  \"Action\": \"{}\",\n  \"Resource\": \"*\"\n}}",
                    request.action
                ),
            },
            cause: ways
                .iter()
                .map(|way| view.estate.roles.at(way.role).arn.to_string())
                .collect(),
        }),
    )
}

fn hops(view: &View<'_>, agent: &Agent, way: &Way) -> Vec<Hop> {
    let role = view.estate.roles.at(way.role).arn.to_string();
    let hop = |from: &str, to: &str, by: &str, because| Hop {
        from: from.to_owned(),
        to: to.to_owned(),
        by: by.to_owned(),
        because,
    };
    let act = hop(
        &role,
        &way.proof.request.resource,
        &way.proof.request.action,
        way.proof.because.clone(),
    );
    match &way.tool {
        Some(tool) => vec![
            hop(agent.arn.as_str(), tool, "tool", Vec::new()),
            hop(tool, &role, "runs as", Vec::new()),
            act,
        ],
        None => vec![hop(agent.arn.as_str(), &role, "runs as", Vec::new()), act],
    }
}
