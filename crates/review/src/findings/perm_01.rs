//! PERM-01: actions that nobody named.

use std::collections::BTreeMap;

use bailiwick_estate::{Id, PolicyDocument, PrincipalId};
use bailiwick_iam::policy::{Effect, Policy, Selection, Statement};
use serde_json::json;

use crate::{
    finding::{Evidence, Finding, Fix, Severity},
    rule::{Checked, Claim, Stakes, arns, patch, rule, some_of},
    view::{Answer, Known, Missing, Proof, Seat, View, is_wild},
};

rule! {
    /// Actions are granted by a wildcard, and the wildcard survives the layers above it.
    ///
    /// **Sees.** `*`, `service:*`, `service:Prefix*` or `NotAction` in what an agent's role, or the
    /// role of a component or tool, may *effectively* do. Bailiwick asks for an action that does not
    /// exist yet: if identity policies, boundary and SCPs together would allow it, the wildcard is
    /// real. A boundary that names its actions one by one answers no, and so does this rule.
    ///
    /// **Matters.** A wildcard grants what AWS adds next week. The model is not the boundary: what
    /// the role may do, an injected prompt may do.
    ///
    /// **Example.** `dynamodb:*` on a runtime that reads one table.
    ///
    /// **Severity.** Critical for `*` and `iam:*`. High where actions that change something are
    /// meant, one step up in production or with sensitive data. Medium where all are reads.
    ///
    /// **Remedy.** Name the actions that the agent uses.
    ///
    /// **References.** AWS Security Pillar SEC03-BP02; CIS AWS 2.14; Security Hub IAM.1, IAM.21.
    "PERM-01", "Actions are granted by a wildcard", High, check
}

/// No action of AWS is called so, and none will be.
const FRESH: &str = "BailiwickAsksForAnActionToCome";
/// A wildcard's known actions are tried until one is allowed, at most so many.
const TRIED_MAX: usize = 40;

/// So many reading actions are proposed in place of a wildcard.
const READS_MAX: usize = 30;

fn check(view: &View<'_>) -> Checked {
    Checked::access(view, view.seats(), |seat| look(view, seat))
}

/// A wildcard that is real, and where it was granted.
struct Wildcard {
    pattern: String,
    proof: Proof,
    depth: Depth,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Depth {
    Reads,
    Changes,
    Everything,
}

fn look(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let mut missing = Missing::default();
    let mut found: BTreeMap<String, Wildcard> = BTreeMap::new();
    let mut evidence = Vec::new();
    for (document, index, statement) in view.grants(seat.role) {
        let before = found.len();
        for pattern in wild_actions(view, statement) {
            if found.contains_key(&pattern) {
                continue;
            }
            match effective(view, seat, &pattern, statement) {
                Effective::Whole(wildcard) | Effective::Part(wildcard) => {
                    found.insert(wildcard.pattern.clone(), wildcard);
                }
                Effective::Unknown(open) => missing.add(open),
                Effective::No => {}
            }
        }
        if found.len() > before {
            evidence.push(view.statement(document, index));
        }
    }
    let found: Vec<_> = found.into_values().collect();
    if found.is_empty() {
        let role = &view.estate.roles.at(seat.role).name;
        let question = format!("the wildcard actions of {role} take effect");
        return RULE.cannot_tell(view, seat, &question, &missing);
    }
    let worst = found.iter().max_by_key(|it| it.depth)?;
    Some(finding(view, seat, worst, &found, evidence))
}

/// The wildcards of a statement; `NotAction` is one over everything.
fn wild_actions(view: &View<'_>, statement: &Statement) -> Vec<String> {
    match &statement.actions {
        Selection::Only(patterns) => patterns
            .iter()
            .map(|it| it.value.0.clone())
            .filter(|pattern| is_wild(pattern) && is_several(view, pattern))
            .collect(),
        Selection::AllBut(_) => vec!["*".to_owned()],
    }
}

/// A pattern that stands for one known action is a manner of writing.
fn is_several(view: &View<'_>, pattern: &str) -> bool {
    pattern == "*" || view.expanded(pattern).len() != 1
}

enum Effective {
    /// All of the wildcard passes the layers.
    Whole(Wildcard),
    /// What passes is a narrower wildcard of a layer above.
    Part(Wildcard),
    Unknown(Missing),
    No,
}

fn effective(view: &View<'_>, seat: &Seat, pattern: &str, statement: &Statement) -> Effective {
    let account = view.estate.roles.at(seat.role).account;
    let resource_for =
        |action: &str| view.some_resource(action, statement.resources.as_ref(), account);
    let typical = view.some_action(pattern).unwrap_or_default();
    let survives =
        |pattern: &str| view.role_can(seat.role, &fresh(pattern), &resource_for(&typical));
    match survives(pattern) {
        Answer::Yes(_) => {
            return example(view, seat, pattern, &resource_for)
                .map_or(Effective::No, Effective::Whole);
        }
        Answer::Unknown(missing) => return Effective::Unknown(missing.into_iter().collect()),
        Answer::No => {}
    }
    // A layer above is narrower; it may itself say a wildcard.
    wild_ceilings(view, seat)
        .into_iter()
        .filter(|ceiling| matches!(survives(ceiling), Answer::Yes(_)))
        .find_map(|ceiling| example(view, seat, &ceiling, &resource_for))
        .map_or(Effective::No, Effective::Part)
}

/// The wildcards that the role's boundary and SCPs allow, but for the one that allows everything.
fn wild_ceilings(view: &View<'_>, seat: &Seat) -> Vec<String> {
    let boundary = view.estate.boundary(PrincipalId::Role(seat.role));
    let scps = view.scps(view.estate.roles.at(seat.role).account);
    let documents: Vec<Id<PolicyDocument>> = boundary.into_iter().chain(scps).collect();
    let mut patterns: Vec<_> = documents
        .into_iter()
        .filter_map(|document| view.estate.policy(document))
        .flat_map(|policy: &Policy| &policy.statements)
        .filter(|statement| statement.effect == Effect::Allow)
        .flat_map(|statement| match &statement.actions {
            Selection::Only(patterns) => patterns.as_slice(),
            Selection::AllBut(_) => &[],
        })
        .map(|it| it.value.0.clone())
        .filter(|pattern| pattern != "*" && is_wild(pattern))
        .collect();
    patterns.sort();
    patterns.dedup();
    patterns
}

/// The pattern as an action that AWS might add.
fn fresh(pattern: &str) -> String {
    match pattern.split_once(':') {
        None => format!("bailiwick:{FRESH}"),
        Some((service, name)) => {
            let service = service.replace('*', "bailiwick").replace('?', "x");
            let name = name.replace('*', FRESH).replace('?', "X");
            format!("{service}:{name}")
        }
    }
}

/// The deepest-cutting known action of the wildcard that is allowed.
fn example(
    view: &View<'_>,
    seat: &Seat,
    pattern: &str,
    resource_for: &dyn Fn(&str) -> String,
) -> Option<Wildcard> {
    let known = view.expanded(pattern);
    let proof = known.iter().take(TRIED_MAX).find_map(|action: &Known| {
        view.role_can(seat.role, &action.name, &resource_for(&action.name))
            .proof()
    })?;
    let depth = if pattern == "*" || pattern == "*:*" || pattern.eq_ignore_ascii_case("iam:*") {
        Depth::Everything
    } else if known.iter().any(Known::mutates) {
        Depth::Changes
    } else {
        Depth::Reads
    };
    Some(Wildcard {
        pattern: pattern.to_owned(),
        proof,
        depth,
    })
}

fn finding(
    view: &View<'_>,
    seat: &Seat,
    worst: &Wildcard,
    found: &[Wildcard],
    evidence: Vec<Evidence>,
) -> Finding {
    let role = view.estate.roles.at(seat.role);
    let stakes = Stakes {
        production: view.is_production(seat),
        sensitive: view.touches_sensitive(seat),
        ..Stakes::default()
    };
    let (severity, raised) = match worst.depth {
        Depth::Everything => (Severity::Critical, String::new()),
        Depth::Changes => stakes.raise(RULE.base, Severity::Critical),
        Depth::Reads => (Severity::Medium, String::new()),
    };
    let patterns: Vec<_> = found.iter().map(|it| format!("`{}`", it.pattern)).collect();
    let count: usize = found
        .iter()
        .map(|it| view.expanded(&it.pattern).len())
        .sum();
    RULE.fails(Claim {
        severity,
        subject: role.arn.to_string(),
        agents: arns(view, &seat.concerned()),
        title: format!("{} may use {}", role.name, some_of(&patterns, 4)),
        why: format!(
            "{} {} for {count} actions known today, and for every one that AWS adds; boundary and SCPs let {} pass.{raised}",
            some_of(&patterns, 8),
            if found.len() == 1 { "stands" } else { "stand" },
            if found.len() == 1 { "it" } else { "them" },
        ),
        witness: worst.proof.witness(),
        evidence,
        path: Vec::new(),
        fix: fix(view, found),
        cause: found.iter().map(|it| it.pattern.clone()).collect(),
    })
}

fn fix(view: &View<'_>, found: &[Wildcard]) -> Fix {
    let mut reads: Vec<String> = Vec::new();
    for wildcard in found {
        let known = view.expanded(&wildcard.pattern);
        let reading = known.iter().filter(|action| !action.mutates());
        let room = READS_MAX.saturating_sub(reads.len());
        reads.extend(reading.take(room).map(|action| action.name.clone()));
    }
    Fix {
        summary: "Name the actions that the agent uses".to_owned(),
        patch: patch(&json!({
            "Effect": "Allow",
            "Action": reads,
            "Resource": "the resources of the statement it replaces",
        })),
    }
}
