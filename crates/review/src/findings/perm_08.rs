//! PERM-08: what is granted and not used.

use std::collections::BTreeSet;

use bailiwick_estate::usage::{Coverage, Usage};
use bailiwick_iam::{
    access::difference::{Difference, Line},
    json::Spanned,
    layers::Layers,
    policy::{Policy, ResourcePattern, Selection, Statement, Version},
    request::Request,
};
use bailiwick_iam_catalog::AccessLevel;

use super::perm_09::{is_of_the_platform, is_thinking};
use crate::{
    finding::{Finding, Fix, Severity},
    plan::{NOTHING, compiled, observed, unseen},
    rule::{Checked, Claim, arns, counted, rule, some_of},
    view::{Missing, Proof, Seat, View},
};

rule! {
    /// A role may use actions that it did not use in the whole window that a trail covers.
    ///
    /// **Sees.** Where usage is given: the effective permissions of an agent's role, or the role of a
    /// component or tool, less every action that went through once, on whatever resource. What
    /// every workload needs is left aside: telemetry, its image, its memory and identity, calling a
    /// model. An action counts as unused only if the trail could have
    /// shown it: the usage states its coverage, the account and the regions of the agents are in it,
    /// and the selector of the action was on. Else it cannot be told.
    ///
    /// **Matters.** What an agent never needed costs it nothing to lose, and is all gain to an
    /// injected prompt.
    ///
    /// **Example.** `dynamodb:DeleteTable` on a role that in 90 days read one table.
    ///
    /// **Severity.** Low. Medium if what is unused changes permissions.
    ///
    /// **Remedy.** Take it away, and out of the charter if it is declared; `bailiwick tighten` plans
    /// what stays. Mind the task that runs once a year.
    ///
    /// **References.** AWS Security Pillar SEC03-BP04; OWASP NHI5.
    "PERM-08", "A role may use what it never used", Low, check
}

/// A person reads so many lines of a difference.
const LINES_MAX: usize = 12;

fn check(view: &View<'_>) -> Checked {
    let Some(usage) = view.intent.usage else {
        return Checked::default();
    };
    Checked::access(view, view.seats(), |seat| look(view, seat, usage))
}

/// Part of what a role has and did not use.
struct Unused {
    actions: Vec<String>,
    /// Patterns.
    resources: Vec<String>,
    proof: Proof,
    /// Whether it changes permissions.
    is_privileged: bool,
}

fn look(view: &View<'_>, seat: &Seat, usage: &Usage) -> Option<Finding> {
    let name = &view.estate.roles.at(seat.role).name;
    let question = format!("{name} uses all that it may");
    let beyond = beyond(view, seat, usage);
    let mut missing = Missing::default();
    let lines = beyond.lines.into_iter().filter_map(granted);
    let coverage = match sight(view, seat, usage.coverage.as_ref()) {
        Ok(coverage) => coverage,
        Err(blind) => {
            if lines.count() > 0 || beyond.incomplete {
                missing.add(std::iter::once(blind).collect());
            }
            return RULE.cannot_tell(view, seat, &question, &missing);
        }
    };
    let unused: Vec<_> = lines
        .filter_map(|line| unused(view, line, coverage, &mut missing))
        .collect();
    if beyond.incomplete && unused.is_empty() {
        let limit = "the rest of a comparison that ran into its limit";
        missing.add(std::iter::once(limit).collect());
    }
    let Some(worst) = unused.iter().max_by_key(|it| it.is_privileged) else {
        return RULE.cannot_tell(view, seat, &question, &missing);
    };
    Some(finding(view, seat, coverage, worst, &unused, &missing))
}

/// A line without what every workload needs, where anything is left.
fn granted(mut line: Line) -> Option<Line> {
    line.actions
        .retain(|it| !is_of_the_platform(it) && !is_thinking(it) && !is_own_identity(it));
    (!line.actions.is_empty()).then_some(line)
}

/// The token by which an agent says who it is.
fn is_own_identity(action: &str) -> bool {
    action.starts_with("bedrock-agentcore:GetWorkloadAccessToken")
}

/// What of a line the trail would have shown.
fn unused(
    view: &View<'_>,
    line: Line,
    coverage: &Coverage,
    missing: &mut Missing,
) -> Option<Unused> {
    let is_seen = |action: &str| unseen([action], coverage).is_empty();
    let (actions, hidden): (Vec<_>, Vec<_>) = line.actions.into_iter().partition(|it| is_seen(it));
    let selectors = unseen(hidden.iter().map(String::as_str), coverage);
    missing.add(
        selectors
            .into_iter()
            .map(|it| match it {
                NOTHING => "calls of which CloudTrail keeps no event".to_owned(),
                selector => format!("calls that only {selector} would show"),
            })
            .collect(),
    );
    // The request that shows the line may be one of those that are not seen.
    let proof = actions.iter().find_map(|action| {
        let request = Request {
            action: view.some_action(action)?,
            ..line.witness.clone()
        };
        missing.proof(view.ask_exactly(request))
    })?;
    let is_privileged = actions.iter().any(|it| {
        let known = view.expanded(it);
        let mut levels = known.iter().map(|it| it.level);
        levels.any(|it| it == AccessLevel::PermissionsManagement)
    });
    Some(Unused {
        actions,
        resources: line.resources,
        proof,
        is_privileged,
    })
}

/// What the role may do beyond the actions that went through at least once, wherever they did.
fn beyond(view: &View<'_>, seat: &Seat, usage: &Usage) -> Difference {
    let role = &view.estate.roles.at(seat.role).arn;
    let mut counted: BTreeSet<&str> = BTreeSet::new();
    let lines = usage
        .of_role(role)
        .filter(|line| line.succeeded() && counted.insert(&line.action));
    let anywhere = || Selection::Only(vec![Spanned::made(ResourcePattern("*".to_owned()))]);
    let statements = lines.flat_map(|line| observed(line).statements);
    let statements = statements.map(|statement| Statement {
        resources: Some(anywhere()),
        ..statement
    });
    let policy = Policy {
        version: Version::V2012,
        id: None,
        statements: statements.collect(),
    };
    let layers = Layers {
        identity: Some([compiled("used", policy)].into()),
        ..Layers::default()
    };
    let all = view.access_of(seat);
    all.beyond(&view.access_under(&layers, seat), LINES_MAX)
}

/// The coverage, or why a trail of this coverage tells nothing of what a role did not do.
fn sight<'u>(
    view: &View<'_>,
    seat: &Seat,
    coverage: Option<&'u Coverage>,
) -> Result<&'u Coverage, String> {
    let Some(coverage) = coverage else {
        return Err("what the trail could see: the usage states no coverage".to_owned());
    };
    let account = view.estate.roles.at(seat.role).account;
    if !coverage.accounts.contains(&account) {
        return Err(format!(
            "calls in {account}, which the trail does not cover"
        ));
    }
    let concerned = seat.concerned();
    let mut regions = concerned
        .iter()
        .filter_map(|&id| view.estate.agents.at(id).region.as_ref());
    match regions.find(|it| !coverage.regions.contains(it)) {
        Some(region) => Err(format!("calls in {region}, which the trail does not cover")),
        None => Ok(coverage),
    }
}

fn finding(
    view: &View<'_>,
    seat: &Seat,
    coverage: &Coverage,
    worst: &Unused,
    unused: &[Unused],
    missing: &Missing,
) -> Finding {
    let role = view.estate.roles.at(seat.role);
    let mut actions: Vec<String> = unused.iter().flat_map(|it| it.actions.clone()).collect();
    actions.sort();
    actions.dedup();
    let days = usize::try_from(coverage.days()).unwrap_or_default();
    let lines: Vec<_> = unused
        .iter()
        .map(|it| format!("{} on {}", it.actions.join(", "), it.resources.join(", ")))
        .collect();
    RULE.fails(Claim {
        severity: if worst.is_privileged {
            Severity::Medium
        } else {
            RULE.base
        },
        subject: role.arn.to_string(),
        agents: arns(view, &seat.concerned()),
        title: format!(
            "{} did not use {} in {}",
            role.name,
            some_of(&actions, 3),
            counted(days, "day")
        ),
        why: format!(
            "It may use {}, and from {} to {} no such call went through, though the trail would have shown it.{}",
            some_of(&actions, 8),
            coverage.from,
            coverage.to,
            missing.aside()
        ),
        witness: worst.proof.witness(),
        evidence: worst.proof.evidence(view),
        path: Vec::new(),
        fix: Fix {
            summary: "Take it away, and out of the charter if it is declared".to_owned(),
            patch: lines.join("\n"),
        },
        cause: actions,
    })
}
