//! A scan's answer: the estate in numbers, what was found, and what was looked at and is well.

use serde::Serialize;

use bailiwick_estate::{Estate, Incomplete};
use bailiwick_iam_catalog::Catalog;

use crate::{
    finding::{Finding, Severity, Status},
    findings::RULES,
    intent::Intent,
    rule::{Checked, Rule},
    view::View,
};

/// The rules that ask who can become whom, and two others, so that both halves cost about the same:
/// INV-01 asks for the same principals as INV-02. One that is missing here is slower, not wrong.
const FIRST_HALF: [&str; 8] = [
    "ID-03", "PERM-04", "TRUST-03", "TRUST-05", "INV-01", "INV-02", "INV-03", "PERM-07",
];

/// The version of the shape; it grows when a field changes its meaning.
pub const VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub version: u32,
    pub estate: Summary,
    /// Worst first.
    pub findings: Vec<Finding>,
    /// By rule; a rule that had nothing to look at is listed with no subjects.
    pub passed: Vec<Passed>,
}

/// The estate in numbers, and what of it is missing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    pub accounts: usize,
    /// Those that act of their own.
    pub agents: usize,
    /// Knowledge bases, memories and the like, which serve agents and have roles too.
    pub components: usize,
    pub roles: usize,
    pub sources: Vec<String>,
    pub incomplete: Vec<Incomplete>,
}

/// How many subjects a rule looked at and found in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Passed {
    pub rule: String,
    pub subjects: usize,
}

/// What a gate makes of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing at or above the level.
    Clear,
    /// Something fails at or above the level.
    Failed,
    /// Nothing fails there, and something at that level could not be told.
    Unknown,
}

impl Verdict {
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Clear => 0,
            Self::Failed => 1,
            Self::Unknown => 3,
        }
    }
}

/// Asks every rule about an estate.
#[must_use]
pub fn scan(estate: &Estate, catalog: &Catalog<'static>) -> Report {
    scan_with(estate, catalog, Intent::default())
}

/// Asks every rule about an estate of which it is known what its agents are for, or what they did.
#[must_use]
pub fn scan_with(estate: &Estate, catalog: &Catalog<'static>, intent: Intent<'_>) -> Report {
    let parts = [Part::WhoBecomesWhom, Part::Others];
    report(
        estate,
        parts.map(|part| check(part, estate, catalog, intent)),
    )
}

/// The two halves of a scan. They cost about the same and share nothing, so that a program may give
/// each a thread of its own; the report is the same either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The rules that ask who can become whom, and what makes up the half.
    WhoBecomesWhom,
    Others,
}

/// What one half of the rules say, each with its place among all.
#[derive(Debug)]
pub struct Answers(Vec<(usize, &'static Rule, Checked)>);

/// Asks one half of the rules about an estate.
#[must_use]
pub fn check(
    part: Part,
    estate: &Estate,
    catalog: &Catalog<'static>,
    intent: Intent<'_>,
) -> Answers {
    let view = View::with_intent(estate, catalog, intent);
    let in_part = |rule: &Rule| match part {
        Part::WhoBecomesWhom => FIRST_HALF.contains(&rule.id),
        Part::Others => !FIRST_HALF.contains(&rule.id),
    };
    let rules = RULES.iter().enumerate().filter(|(_, rule)| in_part(rule));
    Answers(
        rules
            .map(|(at, rule)| (at, rule, (rule.check)(&view)))
            .collect(),
    )
}

/// The report that both halves make.
#[must_use]
pub fn report(estate: &Estate, parts: [Answers; 2]) -> Report {
    let mut answers: Vec<_> = parts.into_iter().flat_map(|it| it.0).collect();
    answers.sort_by_key(|(at, ..)| *at);
    let mut findings = Vec::new();
    let mut passed = Vec::new();
    for (_, rule, mut checked) in answers {
        passed.push(Passed {
            rule: rule.id.to_owned(),
            subjects: checked.passed(),
        });
        findings.append(&mut checked.findings);
    }
    Finding::sort(&mut findings);
    Report {
        version: VERSION,
        estate: summary(estate),
        findings,
        passed,
    }
}

fn summary(estate: &Estate) -> Summary {
    let agents = estate.agents.values().filter(|it| it.kind.acts()).count();
    Summary {
        accounts: estate.accounts.len(),
        agents,
        components: estate.agents.len() - agents,
        roles: estate.roles.len(),
        sources: estate.sources.values().map(|it| it.name.clone()).collect(),
        incomplete: estate.incomplete.clone(),
    }
}

impl Report {
    /// What a gate that fails on `level` makes of this. A failure outweighs an unknown.
    #[must_use]
    pub fn verdict(&self, level: Severity) -> Verdict {
        let any = |status: Status| {
            self.findings
                .iter()
                .any(|finding| finding.status == status && finding.severity >= level)
        };
        if any(Status::Fail) {
            Verdict::Failed
        } else if any(Status::Unknown) {
            Verdict::Unknown
        } else {
            Verdict::Clear
        }
    }
}
