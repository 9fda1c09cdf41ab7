//! ENV-02: from one environment into another.

use bailiwick_estate::{Resource, Role, principal::Tags};
use serde_json::json;

use crate::{
    finding::{Finding, Fix, Severity},
    rule::{Checked, Claim, arns, patch, rule, some_of},
    view::{Missing, Proof, Seat, View, is_production},
};

rule! {
    /// An agent that is not production reaches production, or the other way round.
    ///
    /// **Sees.** A role behind an agent of a known environment, and a resource or a role of another
    /// one that its effective permissions, and the resource's own policy, let it use; of a role, that
    /// both sides let it be assumed. Environments come from charters, or else from tags, accounts and
    /// units; where none is known, nothing is claimed.
    ///
    /// **Matters.** Staging is where prompts, tools and models are tried. What it can reach, tries
    /// reach.
    ///
    /// **Example.** A staging runtime that reads production's invoices through a bucket policy.
    ///
    /// **Severity.** High. Critical if it can change what it reaches.
    ///
    /// **Remedy.** Take the statement out on both sides; deny by account or organisation path.
    ///
    /// **References.** OWASP NHI8; AWS Security Pillar SEC01-BP01; CIS AWS 2.1.4.
    "ENV-02", "An agent reaches another environment", High, check
}

/// Reaching more things than these adds nothing to the finding.
const SHOWN_MAX: usize = 20;

fn check(view: &View<'_>) -> Checked {
    let placed = view.seats().iter().filter_map(|seat| {
        let environment = environment(view, seat)?;
        Some((seat, environment))
    });
    Checked::each(placed, |(seat, own)| look(view, seat, own))
}

fn environment<'v>(view: &'v View<'_>, seat: &Seat) -> Option<&'v str> {
    let agents = seat.concerned();
    let told = agents.iter().find_map(|&id| view.environment_of(id));
    let account = view.estate.roles.at(seat.role).account;
    let by_account = || {
        let account = view.estate.accounts.get(&account)?;
        Some(account.environment.as_ref()?.name.as_str())
    };
    told.or_else(by_account)
}

/// A resource's own tag, or else its account's environment.
fn environment_of<'v>(view: &'v View<'_>, resource: &'v Resource) -> Option<&'v str> {
    let account = resource
        .account
        .and_then(|it| view.estate.accounts.get(&it));
    tagged(&resource.tags).or_else(|| account?.environment.as_ref().map(|it| it.name.as_str()))
}

struct Crossing {
    to: String,
    environment: String,
    proof: Proof,
    mutates: bool,
}

fn look(view: &View<'_>, seat: &Seat, own: &str) -> Option<Finding> {
    let mut missing = Missing::default();
    let mut crossings: Vec<Crossing> = Vec::new();
    for resource in view.estate.resources.values() {
        // The list is long enough, and what is worst in it is known.
        let is_told = crossings.len() >= SHOWN_MAX && crossings.iter().any(|it| it.mutates);
        if is_told {
            break;
        }
        let Some(found) = crossing(view, seat, own, resource, &mut missing) else {
            continue;
        };
        if crossings.len() < SHOWN_MAX || found.mutates {
            crossings.push(found);
        }
    }
    crossings.extend(roles(view, seat, own, &mut missing));
    crossings.sort_by(|a, b| b.mutates.cmp(&a.mutates).then_with(|| a.to.cmp(&b.to)));
    let role = view.estate.roles.at(seat.role);
    let Some(worst) = crossings.first() else {
        let question = format!("{} ({own}) reaches another environment", role.name);
        return RULE.cannot_tell(view, seat, &question, &missing);
    };
    let names: Vec<_> = crossings.iter().map(|it| it.to.clone()).collect();
    Some(RULE.fails(Claim {
        severity: if worst.mutates { Severity::Critical } else { RULE.base },
        subject: role.arn.to_string(),
        agents: arns(view, &seat.concerned()),
        title: format!("{} ({own}) reaches {} ({})", role.name, worst.to, worst.environment),
        why: format!(
            "It may use {} on {}; in all it reaches {}.{}",
            worst.proof.request.action,
            worst.proof.request.resource,
            some_of(&names, 4),
            missing.aside()
        ),
        witness: worst.proof.witness(),
        evidence: worst.proof.evidence(view),
        path: Vec::new(),
        fix: Fix {
            summary: "Take the statements out on both sides, and deny the other environment".to_owned(),
            patch: patch(&json!({
                "Sid": "StayInYourEnvironment",
                "Effect": "Deny",
                "Action": "*",
                "Resource": "*",
                "Condition": {"StringNotEquals": {"aws:ResourceAccount": [role.account.as_str(), "aws"]}},
            })),
        },
        cause: names,
    }))
}

/// The roles of an unlike environment that the role may assume.
fn roles(view: &View<'_>, seat: &Seat, own: &str, missing: &mut Missing) -> Vec<Crossing> {
    let mut crossings = Vec::new();
    for id in view.onward(seat) {
        let role = view.estate.roles.at(id);
        let Some(environment) = environment_of_role(view, role) else {
            continue;
        };
        if is_production(environment) == is_production(own) {
            continue;
        }
        let answer = view.role_can(seat.role, "sts:AssumeRole", role.arn.as_str());
        if let Some(proof) = missing.proof(answer) {
            crossings.push(Crossing {
                to: role.arn.to_string(),
                environment: environment.to_owned(),
                proof,
                mutates: false,
            });
        }
        if crossings.len() >= SHOWN_MAX {
            break;
        }
    }
    crossings
}

/// A role's own tag, or else its account's environment.
fn environment_of_role<'v>(view: &'v View<'_>, role: &'v Role) -> Option<&'v str> {
    let account = view.estate.accounts.get(&role.account);
    tagged(&role.tags).or_else(|| account?.environment.as_ref().map(|it| it.name.as_str()))
}

fn tagged(tags: &Tags) -> Option<&str> {
    ["environment", "env", "stage"]
        .into_iter()
        .find_map(|key| tags.get(key).map(String::as_str))
}

/// A use of the resource that the role is allowed, if it lies in an unlike environment.
fn crossing(
    view: &View<'_>,
    seat: &Seat,
    own: &str,
    resource: &Resource,
    missing: &mut Missing,
) -> Option<Crossing> {
    let environment = environment_of(view, resource)?;
    let unlike = is_production(environment) != is_production(own);
    if !unlike {
        return None;
    }
    let (proof, mutates) = view.use_of(seat.role, resource, missing)?;
    Some(Crossing {
        to: resource.arn.resource().to_owned(),
        environment: environment.to_owned(),
        proof,
        mutates,
    })
}
