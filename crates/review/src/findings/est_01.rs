//! EST-01: what the snapshot lacks about agents.

use std::collections::BTreeMap;

use bailiwick_estate::{Agent, AgentRole, Content, Id, Incomplete, MORE_PRINCIPALS, PrincipalId};

use crate::{
    finding::{Finding, Fix, Witness},
    rule::{Checked, Claim, arns, rule},
    view::{Seat, View},
};

rule! {
    /// The snapshot lacks a role that an agent runs as, a policy of one, or a page of principals.
    ///
    /// **Sees.** An agent, component or tool whose role is in none of the files, a role of one
    /// with a policy that is missing or cannot be read, and an account of which a page of
    /// principals is missing.
    ///
    /// A role that was deleted is no gap where only versions that nothing routes to name it.
    ///
    /// **Matters.** No other rule can speak of such a role. Silence about it is not a pass.
    ///
    /// **Example.** A runtime whose role lives in an account of which no `iam.json` was given.
    ///
    /// **Severity.** High, as unknown.
    ///
    /// **Remedy.** Add the account's `iam.json`, or the policy's text.
    ///
    /// **References.** NIST AI RMF GOVERN 1.6.
    "EST-01", "Something an agent rests on is not in the snapshot", High, check
}

fn check(view: &View<'_>) -> Checked {
    let mut checked = Checked::each(view.seats(), |seat| illegible(view, seat));
    let missing = missing_roles(view);
    checked.subjects += missing.len();
    checked.findings.extend(
        missing
            .iter()
            .map(|(role, agents)| absent(view, role, agents)),
    );
    let cut_off = view
        .estate
        .incomplete
        .iter()
        .filter(|it| it.what.starts_with(MORE_PRINCIPALS));
    for gap in cut_off {
        checked.subjects += 1;
        checked.findings.push(unlisted(gap));
    }
    checked
}

/// Roles that something runs as and no file holds.
fn missing_roles(view: &View<'_>) -> BTreeMap<String, Vec<Id<Agent>>> {
    let mut missing: BTreeMap<String, Vec<Id<Agent>>> = BTreeMap::new();
    for (id, agent) in view.estate.agents.iter() {
        let own = agent.roles.iter();
        let own = own.filter(|it| !is_gone(view, it)).map(|it| &it.role);
        let behind = agent.tools.iter().flat_map(|it| &it.roles);
        for role in own.chain(behind).filter(|it| it.id.is_none()) {
            let agents = missing.entry(role.arn.to_string()).or_default();
            if !agents.contains(&id) {
                agents.push(id);
            }
        }
    }
    missing
}

/// Whether a role was deleted, and no request reaches a version that names it: AWS lets old versions
/// keep the names of roles that are gone, and nothing can act through them.
fn is_gone(view: &View<'_>, held: &AgentRole) -> bool {
    let account = held.role.arn.account_id();
    let listed = account.is_some_and(|account| view.estate.has_all_principals(account));
    listed
        && held
            .versions
            .iter()
            .all(|it| !it.is_live() && !it.is_draft())
}

fn absent(view: &View<'_>, role: &str, agents: &[Id<Agent>]) -> Finding {
    let evidence = agents
        .iter()
        .map(|&id| view.evidence(&view.estate.agents.at(id).place, role))
        .collect();
    RULE.unknown(Claim {
        severity: RULE.base,
        subject: role.to_owned(),
        agents: arns(view, agents),
        title: "The role of an agent is not in the snapshot".to_owned(),
        why: "What it may do, who may assume it and what limits it cannot be told.".to_owned(),
        witness: Witness::facts([format!("not known: {role} is in none of the files")]),
        evidence,
        path: Vec::new(),
        fix: Fix {
            summary: "Add the iam.json of the role's account".to_owned(),
            patch: "aws iam get-account-authorization-details > iam.json".to_owned(),
        },
        cause: vec!["role".to_owned()],
    })
}

/// An account whose list of principals ends before its end: agents may stand in the rest.
fn unlisted(gap: &Incomplete) -> Finding {
    RULE.unknown(Claim {
        severity: RULE.base,
        subject: gap.what.clone(),
        agents: Vec::new(),
        title: "The list of an account's principals is cut off".to_owned(),
        why: "Whoever stands in the rest was not looked at.".to_owned(),
        witness: Witness::facts([format!("not known: {}: {}", gap.what, gap.why)]),
        evidence: Vec::new(),
        path: Vec::new(),
        fix: Fix {
            summary: "Collect all pages".to_owned(),
            patch: "aws iam get-account-authorization-details > iam.json".to_owned(),
        },
        cause: vec!["pages".to_owned()],
    })
}

fn illegible(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let role = view.estate.roles.at(seat.role);
    let principal = PrincipalId::Role(seat.role);
    let documents = view
        .estate
        .identity_policies(principal)
        .into_iter()
        .chain(view.estate.boundary(principal))
        .chain([role.trust]);
    let gaps: Vec<_> = documents
        .filter(|&document| view.is_unreadable(document))
        .map(|document| {
            let policy = view.estate.policies.at(document);
            let why = match &policy.content {
                Content::Unreadable { why } => why.to_string(),
                Content::Missing | Content::Read(_) => "no file holds it".to_owned(),
            };
            (policy, why)
        })
        .collect();
    if gaps.is_empty() {
        return None;
    }
    let said: Vec<_> = gaps
        .iter()
        .map(|(policy, why)| format!("not known: {}: {why}", policy.name))
        .collect();
    Some(RULE.unknown(Claim {
        severity: RULE.base,
        subject: role.arn.to_string(),
        agents: arns(view, &seat.concerned()),
        title: format!("A policy of {} cannot be read", role.name),
        why: "What it grants and denies is unknown, so no rule can say that the role is in order.".to_owned(),
        witness: Witness::facts(said.clone()),
        evidence: gaps
            .iter()
            .map(|(policy, why)| view.evidence(&policy.place, &format!("{}: {why}", policy.name)))
            .collect(),
        path: Vec::new(),
        fix: Fix {
            summary: "Complete the snapshot".to_owned(),
            patch: said.join("\n"),
        },
        cause: gaps.iter().map(|(policy, _)| policy.name.to_string()).collect(),
    }))
}
