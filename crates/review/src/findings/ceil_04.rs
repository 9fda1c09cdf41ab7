//! CEIL-04: a ceiling that only looks like one.

use bailiwick_charter::Charter;
use bailiwick_estate::{Account, Agent, Id, Level, Levels, PolicyDocument};
use bailiwick_iam::{
    policy::{Effect, Policy, Selection, Statement},
    request::{Principal, Request},
};

use crate::{
    finding::{Finding, Fix, Severity, Witness},
    rule::{Checked, Claim, counted, rule, some_of},
    view::{View, allows_everything, declared, instance, is_wild},
};

rule! {
    /// A service control policy over an account with agents forbids nothing, or forbids everything.
    ///
    /// **Sees.** An SCP that denies what a charter declares, whatever the circumstances. An SCP of
    /// `Allow` statements at a level whose policies together are proved to allow everything: they are
    /// ORed, so the list limits nothing. A `Deny` all of whose actions AWS does not have, or of which
    /// it is proved that no request meets it. A policy longer than AWS accepts. A level of which it is
    /// proved that nothing passes it. A policy that is attached nowhere is in no snapshot.
    ///
    /// **Matters.** It was written to be relied upon. A ceiling that is not there is worse than none,
    /// because nobody looks up.
    ///
    /// **Example.** An allow-list of models attached together with `FullAWSAccess`.
    ///
    /// **Severity.** High where it gives false assurance, medium where it stands in the way.
    ///
    /// **Remedy.** Turn the list into a `Deny` with `NotResource` or `NotAction`, or detach
    /// `FullAWSAccess` at that level.
    ///
    /// **References.** AWS Security Pillar SEC03-BP05;
    /// [SCP evaluation](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html).
    "CEIL-04", "A service control policy has no effect", Medium, check
}

/// Since May 2026; without white space.
const SCP_LENGTH_MAX: usize = 10_240;

fn check(view: &View<'_>) -> Checked {
    let mut checked = Checked::default();
    let mut seen: Vec<(String, Id<PolicyDocument>)> = Vec::new();
    for account in view.accounts_with_agents() {
        let Levels::Known(levels) = view.estate.scp_levels(account.id) else {
            continue;
        };
        for level in &levels {
            checked.findings.extend(impassable(view, account, level));
            for &document in &level.policies {
                let key = (level.target.clone(), document);
                if seen.contains(&key) {
                    continue;
                }
                seen.push(key);
                checked.subjects += 1;
                checked
                    .findings
                    .extend(look(view, account, level, document));
            }
        }
    }
    let broken = Checked::each(view.chartered(), |(_, agent, charter)| {
        broken(view, agent, charter)
    });
    checked.subjects += broken.subjects;
    checked.findings.extend(broken.findings);
    checked
}

/// What a charter declares and the SCPs over the agent's account deny whoever asks.
fn broken(view: &View<'_>, agent: &Agent, charter: &Charter) -> Option<Finding> {
    let role = agent.roles.iter().find_map(|it| it.role.id);
    let role = role.map(|it| &view.estate.roles.at(it).arn)?;
    let denied: Vec<_> = declared(charter)
        .flat_map(|line| {
            let actions = line.reach.actions.clone();
            actions
                .into_iter()
                .map(move |action| (action, line.at.clone(), line.reach))
        })
        .filter_map(|(action, at, reach)| {
            let pattern = reach.resources.first()?.widened();
            let resource = instance(&pattern, agent.account)?;
            let action = view.some_action(&action)?;
            let because = view.denied_by_scps(role, &action, &resource)?;
            Some((action, resource, because, at))
        })
        .collect();
    let (action, resource, because, at) = denied.first()?;
    let scp = because
        .first()
        .map_or("the SCPs over its account", |it| &*it.policy);
    let mut actions: Vec<_> = denied.iter().map(|it| it.0.clone()).collect();
    actions.sort();
    actions.dedup();
    let request = Request::new(
        Principal::Role(role.clone()),
        action.as_str(),
        resource.as_str(),
    );
    let mut evidence = view.evidence_of(&request, because);
    evidence.push(view.declaration(charter, at, action));
    Some(RULE.fails(Claim {
        severity: RULE.base,
        subject: agent.arn.to_string(),
        agents: vec![agent.arn.to_string()],
        title: format!("{scp} denies what {} is for", agent.name),
        why: format!(
            "Its charter declares {}, and no principal of {} may do so.",
            some_of(&actions, 4),
            agent.account
        ),
        witness:
            Witness::facts(
                denied.iter().map(|(action, resource, ..)| {
                    format!("SCPs deny {role} {action} on {resource}")
                }),
            ),
        evidence,
        path: Vec::new(),
        fix: Fix {
            summary: "Except these calls in the SCP, or take them out of the charter".to_owned(),
            patch: actions.join("\n"),
        },
        cause: actions,
    }))
}

/// What is wrong with a ceiling.
struct Fault {
    severity: Severity,
    title: String,
    why: String,
    fact: String,
    cause: &'static str,
    statement: usize,
}

fn look(
    view: &View<'_>,
    account: &Account,
    level: &Level,
    document: Id<PolicyDocument>,
) -> Option<Finding> {
    let policy = view.estate.policy(document)?;
    let named = view.estate.policies.at(document);
    let place = level.name.as_deref().unwrap_or(&level.target);
    let fault = beside_everything(view, level, document, policy, &named.name, place)
        .or_else(|| unknown_actions(view, policy, &named.name))
        .or_else(|| denies_nothing(view, document, policy, &named.name))
        .or_else(|| too_long(policy, &named.name))?;
    Some(RULE.fails(Claim {
        severity: fault.severity,
        subject: format!("{}/{}", level.target, named.name),
        agents: view.agents_in(account.id),
        title: fault.title,
        why: fault.why,
        witness: Witness::facts([fault.fact]),
        evidence: vec![view.statement(document, fault.statement)],
        path: Vec::new(),
        fix: Fix {
            summary: "Write it as a Deny of what is not on the list".to_owned(),
            patch: inverted(policy),
        },
        cause: vec![fault.cause.to_owned()],
    }))
}

/// An allow-list that stands beside a policy that allows everything.
fn beside_everything(
    view: &View<'_>,
    level: &Level,
    document: Id<PolicyDocument>,
    policy: &Policy,
    name: &str,
    place: &str,
) -> Option<Fault> {
    let only_allows = policy
        .statements
        .iter()
        .all(|it| it.effect == Effect::Allow);
    if !only_allows || allows_everything(policy) || view.limits_nothing(&[document]) {
        return None;
    }
    let neighbour = level
        .policies
        .iter()
        .filter(|&&other| other != document)
        .find(|&&other| view.estate.policy(other).is_some_and(allows_everything));
    let others = match neighbour {
        Some(neighbour) => &view.estate.policies.at(*neighbour).name,
        None if view.limits_nothing(&level.policies) => "what stands beside it",
        None => return None,
    };
    Some(Fault {
        severity: Severity::High,
        title: format!("The SCP {name} at {place} limits nothing"),
        why: format!(
            "It lists what is allowed, but {others} at the same level allows everything, and policies of one level are ORed."
        ),
        fact: format!(
            "at {}: {name} only allows, and {others} allows everything",
            level.target
        ),
        cause: "beside a policy that allows everything",
        statement: 0,
    })
}

/// A deny of actions that AWS does not have.
fn unknown_actions(view: &View<'_>, policy: &Policy, name: &str) -> Option<Fault> {
    let (index, statement) = policy
        .statements
        .iter()
        .enumerate()
        .find(|(_, statement)| {
            statement.effect == Effect::Deny && names_only_unknown(view, statement)
        })?;
    let actions: Vec<_> = statement
        .actions
        .patterns()
        .iter()
        .map(|it| it.value.0.clone())
        .collect();
    Some(Fault {
        severity: Severity::High,
        title: format!("The SCP {name} denies actions that do not exist"),
        why: format!(
            "AWS has no action {}, so the statement stops nothing. (As of the catalog of {}.)",
            some_of(&actions, 4),
            view.catalog.date()
        ),
        fact: format!(
            "{} of {name} match no known action",
            counted(actions.len(), "pattern")
        ),
        cause: "unknown actions",
        statement: index,
    })
}

/// A deny that no request meets.
fn denies_nothing(
    view: &View<'_>,
    document: Id<PolicyDocument>,
    policy: &Policy,
    name: &str,
) -> Option<Fault> {
    let deny = policy
        .statements
        .iter()
        .position(|it| it.effect == Effect::Deny)?;
    view.denies_nothing(document).then(|| Fault {
        severity: Severity::High,
        title: format!("The SCP {name} denies nothing"),
        why: "It is proved that no request meets its Deny: its resources can match none, or its conditions contradict one another.".to_owned(),
        fact: format!("beside a policy that allows everything, {name} lets everything pass"),
        cause: "a deny that no request meets",
        statement: deny,
    })
}

/// A level at which nothing is allowed, so that nobody below it may do anything.
fn impassable(view: &View<'_>, account: &Account, level: &Level) -> Option<Finding> {
    let first = *level.policies.first()?;
    view.allows_nothing(&level.policies).then(|| {
        let place = level.name.as_deref().unwrap_or(&level.target);
        RULE.fails(Claim {
            severity: RULE.base,
            subject: level.target.clone(),
            agents: view.agents_in(account.id),
            title: format!("The SCPs at {place} let nothing pass"),
            why: "It is proved that no request passes them: nobody below may do anything."
                .to_owned(),
            witness: Witness::facts([format!("no request passes the SCPs at {}", level.target)]),
            evidence: vec![view.statement(first, 0)],
            path: Vec::new(),
            fix: Fix {
                summary: "Attach a policy that allows, such as FullAWSAccess, beside the denials"
                    .to_owned(),
                patch: crate::rule::patch(&serde_json::json!({
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
                })),
            },
            cause: vec!["nothing passes".to_owned()],
        })
    })
}

fn names_only_unknown(view: &View<'_>, statement: &Statement) -> bool {
    match &statement.actions {
        Selection::Only(patterns) => {
            !patterns.is_empty()
                && patterns.iter().all(|it| {
                    let service = it.value.0.split_once(':').map_or("", |it| it.0);
                    // A service that the catalog does not know may be newer than the catalog.
                    let known_service = !is_wild(service) && view.catalog.service(service).is_ok();
                    known_service && view.expanded(&it.value.0).is_empty()
                })
        }
        Selection::AllBut(_) => false,
    }
}

fn too_long(policy: &Policy, name: &str) -> Option<Fault> {
    let length = policy.to_json().len();
    (length > SCP_LENGTH_MAX).then(|| Fault {
        severity: RULE.base,
        title: format!("The SCP {name} is longer than AWS accepts"),
        why: format!("It has {length} characters; AWS takes {SCP_LENGTH_MAX}."),
        fact: format!("{name}: {length} characters"),
        cause: "length",
        statement: 0,
    })
}

/// The allow-list as a deny of the rest, statement by statement.
fn inverted(policy: &Policy) -> String {
    let statements: Vec<_> = policy
        .statements
        .iter()
        .filter(|it| it.effect == Effect::Allow)
        .map(|it| {
            let patterns = |selection: Option<&Selection<bailiwick_iam::policy::ResourcePattern>>| {
                selection
                    .map(|it| it.patterns().iter().map(|it| it.value.0.clone()).collect::<Vec<_>>())
                    .unwrap_or_default()
            };
            serde_json::json!({
                "Effect": "Deny",
                "Action": it.actions.patterns().iter().map(|it| it.value.0.clone()).collect::<Vec<_>>(),
                "NotResource": patterns(it.resources.as_ref()),
            })
        })
        .collect();
    crate::rule::patch(&serde_json::json!({"Version": "2012-10-17", "Statement": statements}))
}
