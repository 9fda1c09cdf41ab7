//! DATA-01: data of a class that was not declared.

use std::collections::BTreeMap;

use bailiwick_charter::{Charter, DataClass};
use bailiwick_estate::{Agent, AgentKind, Id, Resource, Role, ToolKind};

use crate::{
    finding::{Finding, Fix, Severity},
    rule::{About, Checked, Claim, Stakes, rule, some_of},
    view::{Missing, Proof, View, is_production},
};

rule! {
    /// An agent, or a knowledge base that serves it, reaches data of a class that its charter does
    /// not declare.
    ///
    /// **Sees.** A charter that declares `data`, a resource of the estate that names classes of data,
    /// none of them among those declared, and a use of it that the agent's role is allowed, or the role
    /// of a knowledge base that it draws from: one that it is configured with, or any other of the
    /// estate from which its role may retrieve. Resources that name no class, or `public` alone, are
    /// not judged.
    ///
    /// **Matters.** What an agent reads it can repeat, to whoever asks it.
    ///
    /// **Example.** A support agent for internal articles, whose knowledge base also reads the
    /// customers' contracts because another agent shares it.
    ///
    /// **Severity.** High; one step up in production.
    ///
    /// **Remedy.** Scope the role to the declared data; a knowledge base for each class.
    ///
    /// **References.** AWS Generative AI Lens GENSEC01-BP03; OWASP AISVS 5.2.2; MITRE ATLAS
    /// AML.T0085.000.
    "DATA-01", "An agent reaches data that its charter does not declare", High, check
}

fn check(view: &View<'_>) -> Checked {
    let declared = view
        .chartered()
        .filter(|(_, _, charter)| !charter.data.is_empty());
    Checked::each(declared, |(id, agent, charter)| {
        look(view, id, agent, charter)
    })
}

fn look(view: &View<'_>, id: Id<Agent>, agent: &Agent, charter: &Charter) -> Option<Finding> {
    let mut missing = Missing::default();
    let mut found: BTreeMap<String, (&Resource, Proof, Option<String>)> = BTreeMap::new();
    let roles = roles(view, agent, &mut missing);
    for resource in view.estate.resources.values() {
        let is_judged = resource
            .data
            .iter()
            .any(|it| !it.eq_ignore_ascii_case("public"));
        if !is_judged || shares_class(resource, charter) {
            continue;
        }
        let used = roles.iter().find_map(|(role, through)| {
            let (proof, _) = view.use_of(*role, resource, &mut missing)?;
            Some((resource, proof, through.clone()))
        });
        if let Some(used) = used {
            found.insert(resource.arn.to_string(), used);
        }
    }
    let Some((first, proof, _)) = found.values().next() else {
        let question = format!("{} reaches undeclared data", agent.name);
        return RULE.hangs(About::agent(view, agent), &question, &missing);
    };
    let names: Vec<_> = found
        .values()
        .map(|(it, _, through)| {
            let through = through
                .as_ref()
                .map_or_else(String::new, |it| format!(" through {it}"));
            format!("{} ({}){through}", it.arn.resource(), it.data.join(", "))
        })
        .collect();
    let stakes = Stakes {
        production: view.environment_of(id).is_some_and(is_production),
        ..Stakes::default()
    };
    let (severity, raised) = stakes.raise(RULE.base, Severity::Critical);
    let declared: Vec<_> = charter.data.iter().map(DataClass::as_str).collect();
    let mut evidence = proof.evidence(view);
    evidence.push(view.declaration(charter, "data", &declared.join(", ")));
    evidence.push(view.evidence(&first.place, &format!("data: {}", first.data.join(", "))));
    Some(
        RULE.fails(Claim {
            severity,
            subject: agent.arn.to_string(),
            agents: vec![agent.arn.to_string()],
            title: format!("{} reaches {}", agent.name, some_of(&names, 2)),
            why: format!(
                "Its charter declares {} data; it also reaches {}.{raised}{}",
                some_of(&declared, 4),
                some_of(&names, 6),
                missing.aside()
            ),
            witness: proof.witness(),
            evidence,
            path: Vec::new(),
            fix: Fix {
                summary:
                    "Scope the role to the declared data, or declare the class and have it reviewed"
                        .to_owned(),
                patch: found.keys().cloned().collect::<Vec<_>>().join("\n"),
            },
            cause: found.into_keys().collect(),
        }),
    )
}

fn shares_class(resource: &Resource, charter: &Charter) -> bool {
    resource.data.iter().any(|class| {
        let mut declared = charter.data.iter();
        declared.any(|it| it.as_str().eq_ignore_ascii_case(class))
    })
}

/// The agent's own roles, and those of the knowledge bases it draws from, with their names.
fn roles(view: &View<'_>, agent: &Agent, missing: &mut Missing) -> Vec<(Id<Role>, Option<String>)> {
    let own: Vec<Id<Role>> = agent.roles.iter().filter_map(|it| it.role.id).collect();
    let mut all: Vec<_> = own.iter().map(|&role| (role, None)).collect();
    let held = agent
        .tools
        .iter()
        .filter(|tool| tool.enabled && matches!(tool.kind, ToolKind::KnowledgeBase { .. }));
    for tool in held {
        let name = Some(format!("the knowledge base {}", tool.name));
        let roles = tool.roles.iter().filter_map(|it| it.id);
        all.extend(roles.map(|role| (role, name.clone())));
    }
    let bases = view.estate.agents.values();
    for base in bases.filter(|it| it.kind == AgentKind::KnowledgeBase) {
        let mut speaking = own.iter().filter(|&&role| view.speaks(role, RETRIEVE));
        let retrieves = speaking.any(|&role| {
            let answer = view.role_can(role, RETRIEVE, base.arn.as_str());
            missing.proof(answer).is_some()
        });
        if retrieves {
            let name = Some(format!("the knowledge base {}", base.name));
            let roles = base.roles.iter().filter_map(|it| it.role.id);
            all.extend(roles.map(|role| (role, name.clone())));
        }
    }
    all
}

const RETRIEVE: &str = "bedrock:Retrieve";
