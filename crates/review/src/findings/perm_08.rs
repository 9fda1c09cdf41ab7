//! PERM-08: what is granted and not used.

use std::collections::BTreeSet;

use bailiwick_estate::usage::{Coverage, Usage, Used};
use bailiwick_iam::{
    access::difference::{Difference, Line},
    layers::Layers,
    policy::{Policy, Selection, Statement, Version},
    request::Request,
};
use bailiwick_iam_catalog::AccessLevel;

use super::perm_09::{is_of_the_platform, is_thinking};
use crate::{
    escalation::glob,
    finding::{Finding, Fix, Severity},
    plan::{NOTHING, compiled, observed, unseen},
    rule::{Checked, Claim, arns, counted, listed, rule, some_of},
    view::{Missing, Proof, Seat, View, could_work_on},
};

rule! {
    /// A role may do, on resources that a statement names, what it did on none of them in the whole
    /// window that a trail covers.
    ///
    /// **Sees.** Where usage is given: the effective permissions of an agent's role, or the role of a
    /// component or tool, less what was used: an action with each resource pattern of its policies
    /// in which a call went through. An action that was used on one of two buckets is unused on the
    /// other; one that is granted on `*` counts as used once it was used anywhere, and PERM-02 speaks
    /// of the `*`. A call whose resource the trail does not tell counts for all of them. What every
    /// workload needs is left aside: telemetry, its image, its memory and identity, calling a model.
    /// It counts as unused only if the trail could have shown it: the usage states its coverage, the
    /// account and the regions of the agents are in it, and the selector of the action was on. Else
    /// it cannot be told. The finding says what the trail covers.
    ///
    /// **Matters.** What an agent never needed costs it nothing to lose, and is all gain to an
    /// injected prompt.
    ///
    /// **Example.** `dynamodb:DeleteTable` on a role that in 90 days read one table; `s3:GetObject` on
    /// `payroll/*` beside the `invoices/*` that it read.
    ///
    /// **Severity.** Low. Medium if what is unused changes permissions.
    ///
    /// **Remedy.** Take it away, and out of the charter if it is declared; `bailiwick tighten` plans
    /// what stays. Mind the task that runs once a year.
    ///
    /// **References.** AWS Security Pillar SEC03-BP04; OWASP NHI5.
    "PERM-08", "A role may use what it never used", Low, check
}

/// Lines of a difference that are gone through; a role has few statements, and a line joins many.
const LINES_MAX: usize = 100;

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
    let lines = beyond
        .lines
        .into_iter()
        .filter_map(|line| granted(view, line));
    let coverage = match sight(view, seat, usage.coverage.as_ref()) {
        Ok(coverage) => coverage,
        Err(blind) => {
            if lines.count() > 0 || beyond.incomplete {
                missing.add(std::iter::once(blind).collect());
            }
            return RULE.cannot_tell(view, seat, &question, &missing);
        }
    };
    let mut unused: Vec<_> = lines
        .filter_map(|line| unused(view, line, coverage, &mut missing))
        .collect();
    if (beyond.incomplete || beyond.more > 0) && unused.is_empty() {
        let limit = "the rest of a comparison that ran into its limit";
        missing.add(std::iter::once(limit).collect());
    }
    unused.sort_by_key(|it| !it.is_privileged);
    let Some(worst) = unused.first() else {
        return RULE.cannot_tell(view, seat, &question, &missing);
    };
    Some(finding(view, seat, coverage, worst, &unused, &missing))
}

/// A line without what every workload needs and without what no request could be: objects' actions on
/// a bucket, which statements often name together. `None` where nothing is left.
fn granted(view: &View<'_>, mut line: Line) -> Option<Line> {
    let could = |action: &str, pattern: &str| could_work_on(view.catalog, action, pattern);
    line.actions.retain(|action| {
        !is_of_the_platform(action)
            && !is_thinking(action)
            && !is_own_identity(action)
            && line.resources.iter().any(|it| could(action, it))
    });
    line.resources
        .retain(|it| line.actions.iter().any(|action| could(action, it)));
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

/// What the role may do beyond each action on each granted pattern in which it went through at least
/// once.
fn beyond(view: &View<'_>, seat: &Seat, usage: &Usage) -> Difference {
    let role = &view.estate.roles.at(seat.role).arn;
    let granted = granted_patterns(view, seat);
    let mut counted: BTreeSet<(&str, String)> = BTreeSet::new();
    let mut policy = Policy {
        version: Version::V2012,
        id: None,
        statements: Vec::new(),
    };
    for line in usage.of_role(role).filter(|line| line.succeeded()) {
        for pattern in patterns_around(&line.resource, &granted) {
            if counted.insert((&line.action, pattern.clone())) {
                let whole = Used {
                    resource: pattern,
                    ..line.clone()
                };
                policy.statements.extend(observed(&whole).statements);
            }
        }
    }
    let layers = Layers {
        identity: Some([compiled("used", policy)].into()),
        ..Layers::default()
    };
    let all = view.access_of(seat);
    all.beyond(&view.access_under(&layers, seat), LINES_MAX)
}

/// The resources that the role's policies grant something on, as they are written there; all of them
/// where a statement says only what it leaves out.
fn granted_patterns<'e>(view: &View<'e>, seat: &Seat) -> BTreeSet<&'e str> {
    let named = |statement: &'e Statement| match &statement.resources {
        Some(Selection::Only(patterns)) => patterns.iter().map(|it| it.value.0.as_str()).collect(),
        Some(Selection::AllBut(_)) | None => vec!["*"],
    };
    view.grants(seat.role)
        .flat_map(|(_, _, statement)| named(statement))
        .collect()
}

/// The granted patterns that a used resource lies in; what a variable stands for nobody knows here,
/// and it may be this one.
fn patterns_around(resource: &str, granted: &BTreeSet<&str>) -> Vec<String> {
    if resource == "*" {
        return vec!["*".to_owned()];
    }
    let holds = |pattern: &&&str| glob::matches_exactly(&without_variables(pattern), resource);
    let around = granted.iter().filter(holds).map(|it| (*it).to_owned());
    // Another account's policy may have allowed what no statement here speaks of.
    around.chain([resource.to_owned()]).collect()
}

/// The pattern with a star for each variable.
fn without_variables(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        text.push('*');
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    text + rest
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
    let lines: Vec<_> = unused
        .iter()
        .map(|it| format!("{} on {}", it.actions.join(", "), it.resources.join(", ")))
        .collect();
    let what = |it: &Unused, most: usize| {
        format!(
            "{} on {}",
            some_of(&it.actions, most),
            some_of(&it.resources, 2)
        )
    };
    let days = counted(usize::try_from(coverage.days()).unwrap_or_default(), "day");
    let more = match unused.len() - 1 {
        0 => String::new(),
        more => format!(" and {}", counted(more, "more right")),
    };
    let told: Vec<_> = unused.iter().map(|it| what(it, 8)).collect();
    RULE.fails(Claim {
        severity: if worst.is_privileged {
            Severity::Medium
        } else {
            RULE.base
        },
        subject: role.arn.to_string(),
        agents: arns(view, &seat.concerned()),
        title: format!("{} did not use {}{more} in {days}", role.name, what(worst, 3)),
        why: format!(
            "It may use {}, and no such call went through, though the trail would have shown it: it covers {} to {} ({days}) with {}.{}",
            some_of(&told, 6),
            coverage.from,
            coverage.to,
            listed(&coverage.selectors),
            missing.aside()
        ),
        witness: worst.proof.witness(),
        evidence: worst.proof.evidence(view),
        path: Vec::new(),
        fix: Fix {
            summary: "Take it away, and out of the charter if it is declared".to_owned(),
            patch: lines.join("\n"),
        },
        cause: lines,
    })
}
