//! LIFE-04: what a deleted agent left behind.

use bailiwick_estate::{Agent, AgentKind, Id, Role};
use bailiwick_iam::{
    arn::Arn,
    policy::{Effect, PrincipalPattern, Selection, Statement},
    request::{Context, Principal, Request},
};

use crate::{
    finding::{Finding, Fix, Severity, Witness},
    rule::{Checked, Claim, rule},
    view::{Proof, View, is_wild},
};

rule! {
    /// A role made for an agent outlives it.
    ///
    /// **Sees.** A role that trusts an agent service, in an account whose agents were listed, that no
    /// agent, component or tool runs as.
    ///
    /// **Matters.** Nobody watches it and nobody owns it; whoever may pass it to a new agent has its
    /// rights.
    ///
    /// **Example.** `AmazonBedrockExecutionRoleForAgents_Returns`, whose agent was deleted in spring.
    ///
    /// **Severity.** Medium. High if its trust policy would still let the service assume it for a new
    /// agent.
    ///
    /// **Remedy.** Detach its policies, then delete it.
    ///
    /// **References.** OWASP NHI1; NIST AI RMF GOVERN 1.7.
    "LIFE-04", "A role outlives its agent", Medium, check
}

const SERVICES: [(&str, &[&str]); 2] = [
    ("bedrock.amazonaws.com", &["ListAgents", "GetAgent"]),
    (
        "bedrock-agentcore.amazonaws.com",
        &["ListAgentRuntimes", "GetAgentRuntime", "ListGateways"],
    ),
];

fn check(view: &View<'_>) -> Checked {
    let made_for_agents = view.estate.roles.iter().filter_map(|(id, role)| {
        if role.is_service_linked() {
            return None;
        }
        let (service, listings) = SERVICES
            .into_iter()
            .find(|(service, _)| names_service(view, role, service))?;
        let listed = listings
            .iter()
            .any(|operation| view.estate.answered(role.account, operation));
        listed.then_some((id, role, service))
    });
    Checked::each(made_for_agents, |(id, role, service)| {
        look(view, id, role, service)
    })
}

fn names_service(view: &View<'_>, role: &Role, service: &str) -> bool {
    let trust = view.estate.policy(role.trust);
    trust
        .into_iter()
        .flat_map(|it| &it.statements)
        .any(|it| is_for(it, service))
}

fn is_for(statement: &Statement, service: &str) -> bool {
    let Some(Selection::Only(patterns)) = &statement.principals else {
        return false;
    };
    statement.effect == Effect::Allow
        && patterns
            .iter()
            .any(|it| it.value == PrincipalPattern::Service(service.to_owned()))
}

fn look(view: &View<'_>, id: Id<Role>, role: &Role, service: &str) -> Option<Finding> {
    let known = |agent: &Agent| agent.kind != AgentKind::Unknown;
    let taken = view.seat_of(id).is_some_and(|seat| {
        let mut holders = seat.agents.iter().chain(&seat.components);
        !seat.users.is_empty()
            || !seat.compute.is_empty()
            || holders.any(|&it| known(view.estate.agents.at(it)))
    });
    if taken {
        return None;
    }
    let open = still_open(view, role, service);
    let severity = if open.is_some() {
        Severity::High
    } else {
        RULE.base
    };
    let said = if open.is_some() {
        " Its trust policy would let the service assume it for a new agent."
    } else {
        ""
    };
    Some(RULE.fails(Claim {
        severity,
        subject: role.arn.to_string(),
        agents: Vec::new(),
        title: format!("{} has no agent any more", role.name),
        why: format!(
            "It was made for an agent of {service}; none of those listed runs as it.{said}"
        ),
        witness: open.as_ref().map_or_else(
            || {
                Witness::facts([format!(
                    "{} trusts {service}, and no agent, component or tool of {} runs as it",
                    role.arn, role.account
                )])
            },
            Proof::witness,
        ),
        evidence: vec![view.statement(role.trust, 0)],
        path: Vec::new(),
        fix: Fix {
            summary: "Detach its policies, then delete it".to_owned(),
            patch: teardown(view, role),
        },
        cause: vec![service.to_owned()],
    }))
}

/// The service assuming the role for an agent that may yet be created.
fn still_open(view: &View<'_>, role: &Role, service: &str) -> Option<Proof> {
    let account = role.account;
    let sources = [
        named_source(view, role),
        Some(format!(
            "arn:aws:bedrock:us-east-1:{account}:agent/SOMEONES00"
        )),
        Some(format!(
            "arn:aws:bedrock-agentcore:us-east-1:{account}:runtime/someones-0000000000"
        )),
    ];
    sources.into_iter().flatten().find_map(|source| {
        let request = Request {
            context: Context::default()
                .with("aws:SourceAccount", account.as_str())
                .with("aws:SourceArn", source),
            ..Request::new(
                Principal::Service(service.to_owned()),
                "sts:AssumeRole",
                role.arn.as_str(),
            )
        };
        view.ask_exactly(request).proof()
    })
}

/// A source that the trust policy itself names by a pattern.
fn named_source(view: &View<'_>, role: &Role) -> Option<String> {
    let trust = view.estate.policy(role.trust)?;
    trust
        .statements
        .iter()
        .flat_map(|it| &it.conditions)
        .filter(|it| it.key.value.eq_ignore_ascii_case("aws:SourceArn"))
        .flat_map(|it| &it.values)
        .filter(|it| is_wild(&it.value))
        .find_map(|it| crate::view::instance(&it.value, role.account))
}

fn teardown(view: &View<'_>, role: &Role) -> String {
    let attached = role
        .attached
        .iter()
        .filter_map(|&it| view.estate.policies.at(it).arn.as_ref())
        .map(|arn: &Arn| {
            format!(
                "aws iam detach-role-policy --role-name {} --policy-arn {arn}",
                role.name
            )
        });
    let inline = role.inline.iter().map(|&it| {
        format!(
            "aws iam delete-role-policy --role-name {} --policy-name {}",
            role.name,
            view.estate.policies.at(it).name
        )
    });
    let last = format!("aws iam delete-role --role-name {}", role.name);
    attached
        .chain(inline)
        .chain([last])
        .collect::<Vec<_>>()
        .join("\n")
}
