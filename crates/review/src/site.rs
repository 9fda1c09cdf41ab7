//! What an estate knows of an agent that its charter does not say: the models it was given, the
//! image it runs from, its guardrail and policy engine, what stands behind its tools.

use bailiwick_charter::{
    Charter,
    compile::{CalledBy, Site, ToolTarget},
};
use bailiwick_estate::{
    Agent, AgentKind, Estate, Id, Named, PrincipalId, Role, ToolKind,
    agent::{ActsAs, AgentVersion},
};
use bailiwick_iam::{
    arn::Arn,
    policy::{Effect, Selection, Statement},
};

/// The site of one agent: what the caller knows, and what the estate adds.
///
/// Only what is named to the letter is taken: a role that may invoke every model says nothing of the
/// one its agent thinks with.
#[must_use]
pub fn site(charter: &Charter, estate: &Estate, known: &Site) -> Site {
    let mut site = known.clone();
    let of_estate = estate.organization.as_ref();
    site.organization = site.organization.or_else(|| of_estate?.id.clone());
    let agents: Vec<&Agent> = charter
        .runs_as
        .iter()
        .filter_map(|arn| agent(estate, arn))
        .collect();
    let declared = charter
        .role
        .as_ref()
        .and_then(|role| estate.role(&role.arn));
    let live = || agents.iter().copied().find_map(live_role);
    if let Some(role) = declared.or_else(live) {
        site.account = site.account.or(Some(estate.roles.at(role).account));
        let models = named_by(
            estate,
            role,
            &[
                "bedrock:invokemodel",
                "bedrock:invokemodelwithresponsestream",
            ],
        );
        site.models
            .extend(models.filter(|arn| arn.service() == "bedrock"));
        let images = named_by(estate, role, &["ecr:batchgetimage"]);
        site.images
            .extend(images.filter(|arn| arn.resource_kind() == "repository"));
    }
    // The model that a knowledge base embeds with is named nowhere else; it takes an ARN.
    let bases = agents
        .iter()
        .filter(|agent| agent.kind == AgentKind::KnowledgeBase);
    let embeds = bases.filter_map(|base| base.model.as_deref()?.parse().ok());
    site.models.extend(embeds);
    let guardrails = agents.iter().filter_map(|agent| guardrail(agent));
    site.guardrails.extend(guardrails);
    site.guardrails.sort();
    site.guardrails.dedup();
    let engines = agents
        .iter()
        .filter_map(|agent| agent.policy_engine.as_ref());
    site.engines
        .extend(engines.filter_map(|engine| engine.arn.parse().ok()));
    site.engines.sort();
    site.engines.dedup();
    site.models.sort();
    site.models.dedup();
    site.images.sort();
    site.images.dedup();
    for tool in agents.iter().flat_map(|agent| &agent.tools) {
        let ToolKind::Lambda { function } = &tool.kind else {
            continue;
        };
        let called_by = match &tool.acts_as {
            ActsAs::Agent => CalledBy::Role,
            ActsAs::Service => CalledBy::Platform,
            ActsAs::OAuth { .. }
            | ActsAs::ApiKey { .. }
            | ActsAs::Caller
            | ActsAs::Nobody
            | ActsAs::Unknown => continue,
        };
        let targets = site.tools.entry(tool.name.clone()).or_default();
        targets.push(ToolTarget {
            action: "lambda:InvokeFunction".to_owned(),
            resource: function.to_string(),
            called_by,
        });
        targets.sort();
        targets.dedup();
    }
    site
}

/// The guardrail of an agent's configuration, which names it by ARN or by id.
pub(crate) fn guardrail(agent: &Agent) -> Option<Arn> {
    let named = agent.guardrail.as_ref()?;
    if named.starts_with("arn:") {
        return named.parse().ok();
    }
    let region = agent.arn.region();
    format!(
        "arn:aws:bedrock:{region}:{}:guardrail/{named}",
        agent.account
    )
    .parse()
    .ok()
}

fn agent<'e>(estate: &'e Estate, arn: &Arn) -> Option<&'e Agent> {
    match estate.named(arn)? {
        Named::Agent(agent) => Some(estate.agents.at(agent)),
        Named::Role(_)
        | Named::User(_)
        | Named::Group(_)
        | Named::Policy(_)
        | Named::Resource(_) => None,
    }
}

/// The role of a version that requests reach, or else the first.
fn live_role(agent: &Agent) -> Option<Id<Role>> {
    let mut roles = agent.roles.iter();
    let live = roles.find(|held| held.versions.iter().any(AgentVersion::is_live));
    live.or(agent.roles.first())?.role.id
}

/// The ARNs, without a wildcard in them, on which a role's policies allow one of these actions.
fn named_by<'e>(
    estate: &'e Estate,
    role: Id<Role>,
    actions: &'e [&str],
) -> impl Iterator<Item = Arn> + 'e {
    let policies = estate
        .identity_policies(PrincipalId::Role(role))
        .into_iter();
    let statements = policies
        .filter_map(|policy| estate.policy(policy))
        .flat_map(|policy| &policy.statements);
    let allowing = statements.filter(|statement| allows(statement, actions));
    let resources = allowing.filter_map(|statement| match &statement.resources {
        Some(Selection::Only(resources)) => Some(resources),
        Some(Selection::AllBut(_)) | None => None,
    });
    let arns = resources
        .flatten()
        .filter_map(|resource| resource.value.0.parse::<Arn>().ok());
    arns.filter(|arn| !arn.as_str().contains(['*', '?', '$']))
}

fn allows(statement: &Statement, actions: &[&str]) -> bool {
    let named = match &statement.actions {
        Selection::Only(patterns) => patterns,
        Selection::AllBut(_) => return false,
    };
    let wanted = |pattern: &str| {
        actions
            .iter()
            .any(|action| pattern.eq_ignore_ascii_case(action))
    };
    statement.effect == Effect::Allow && named.iter().any(|pattern| wanted(&pattern.value.0))
}
