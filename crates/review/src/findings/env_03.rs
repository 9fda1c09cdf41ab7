//! ENV-03: production on a draft.

use bailiwick_estate::{Agent, Id, agent::Alias};

use crate::{
    finding::{Finding, Fix, Witness},
    rule::{Checked, Claim, rule, some_of},
    view::{View, is_production},
};

rule! {
    /// An alias of an agent in production routes to its draft.
    ///
    /// **Sees.** A Bedrock agent or flow of production, and an alias of it, other than the one AWS
    /// makes for trying, that routes to `DRAFT` and accepts invocations.
    ///
    /// **Matters.** A draft changes with every edit. What was reviewed is not what answers.
    ///
    /// **Example.** An alias `live` that was made before there was a version.
    ///
    /// **Severity.** High.
    ///
    /// **Remedy.** Make a version, and route the alias to it.
    ///
    /// **References.** AWS Agentic AI Lens AGENTOPS02-BP03; SOC 2 CC8.1.
    "ENV-03", "Production routes to a draft", High, check
}

/// The alias by which every agent's draft is tried; nobody can delete it.
const TRYING: &str = "TSTALIASID";

fn check(view: &View<'_>) -> Checked {
    let live = view.estate.agents.iter().filter(|(id, agent)| {
        !agent.aliases.is_empty() && view.environment_of(*id).is_some_and(is_production)
    });
    Checked::each(live, |(id, agent)| look(view, id, agent))
}

fn look(view: &View<'_>, _: Id<Agent>, agent: &Agent) -> Option<Finding> {
    let to_draft: Vec<&Alias> = agent
        .aliases
        .iter()
        .filter(|alias| alias.accepts_invocations && !is_for_trying(alias))
        .filter(|alias| alias.routes_to.iter().any(|it| it == "DRAFT"))
        .collect();
    let first = to_draft.first()?;
    let names: Vec<_> = to_draft.iter().map(|it| it.name.clone()).collect();
    Some(RULE.fails(Claim {
        severity: RULE.base,
        subject: agent.arn.to_string(),
        agents: vec![agent.arn.to_string()],
        title: format!("{} of {} routes to the draft", some_of(&names, 2), agent.name),
        why: "Whoever edits the agent changes what production answers, with no version between."
            .to_owned(),
        witness: Witness::facts(
            names
                .iter()
                .map(|it| format!("the alias {it} of {} routes to DRAFT", agent.arn)),
        ),
        evidence: vec![view.evidence(&first.place, &format!("{} routes to DRAFT", first.name))],
        path: Vec::new(),
        fix: Fix {
            summary: "Make a version and route the alias to it".to_owned(),
            patch: format!(
                "aws bedrock-agent update-agent-alias --agent-id {} --agent-alias-name {} --routing-configuration agentVersion=VERSION",
                agent.arn.resource_name(),
                first.name
            ),
        },
        cause: names,
    }))
}

fn is_for_trying(alias: &Alias) -> bool {
    alias
        .arn
        .as_ref()
        .is_some_and(|it| it.resource().ends_with(TRYING))
}
