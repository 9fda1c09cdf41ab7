//! What a person reads in a terminal: worst first, one line of proof and one of mending for each.

use std::collections::BTreeMap;

use bailiwick_review::{
    finding::{Finding, Severity, Status},
    report::{Report, Summary},
};

use super::{
    Shown,
    words::{self, Tally, count},
};
use crate::ink::{self, Ink, safe, wrap};

/// What to try after having read this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NextSteps {
    /// A sentence before the steps, where there is something to say.
    pub note: Option<String>,
    /// A command and what it is good for.
    pub steps: Vec<(String, String)>,
}

/// How many findings of one rule and severity are shown.
const SHOWN_OF_A_RULE: usize = 5;

/// How many agents the closing list names.
const SHOWN_AGENTS: usize = 12;

pub(crate) fn table(shown: &Shown<'_>, next: &NextSteps, ink: Ink) -> String {
    let mut page = Page {
        ink,
        text: String::new(),
    };
    page.heading(&shown.report.estate);
    page.tally(shown.report);
    for severity in Severity::ALL {
        page.severity(shown, severity);
    }
    page.by_agent(shown);
    page.incomplete(&shown.report.estate);
    page.passed(shown.report);
    page.next(next);
    page.text
}

struct Page {
    ink: Ink,
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn heading(&mut self, estate: &Summary) {
        let numbers = format!(
            "{} · {} · {}",
            words::agents(estate),
            count(estate.roles, "role"),
            count(estate.accounts, "account")
        );
        let from = count(estate.sources.len(), "file");
        let line = format!(
            "{}  {}",
            self.ink.bold(&numbers),
            self.ink.dim(&format!("from {from}"))
        );
        self.line(&line);
    }

    fn tally(&mut self, report: &Report) {
        let mut parts = Vec::new();
        for severity in Severity::ALL {
            let failed = Tally::of_severity(&report.findings, severity).failed;
            if failed > 0 {
                let text = format!("{failed} {severity}");
                parts.push(self.ink.paint(colour(severity), &text));
            }
        }
        let all = Tally::of(&report.findings);
        if all.failed == 0 {
            parts.push(self.ink.paint(ink::GREEN, "no findings"));
        }
        if all.unknown > 0 {
            parts.push(
                self.ink
                    .paint(ink::CYAN, &format!("{} could not be told", all.unknown)),
            );
        }
        if all.waived > 0 {
            parts.push(self.ink.dim(&format!("{} waived", all.waived)));
        }
        self.line(&parts.join(" · "));
    }

    fn severity(&mut self, shown: &Shown<'_>, severity: Severity) {
        let of_it: Vec<_> = shown
            .report
            .findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .collect();
        if of_it.is_empty() {
            return;
        }
        let name = severity.as_str().to_uppercase();
        let rule = "─".repeat(self.ink.width.saturating_sub(name.len() + 4));
        self.line("");
        let line = format!(
            "{} {} {}",
            self.ink.dim("──"),
            self.ink.paint(colour(severity), &name),
            self.ink.dim(&rule)
        );
        self.line(&line);
        for of_rule in of_it.chunk_by(|a, b| a.rule == b.rule) {
            for finding in of_rule.iter().take(SHOWN_OF_A_RULE) {
                self.finding(finding, shown);
            }
            if let (Some(first), Some(hidden @ 1..)) =
                (of_rule.first(), of_rule.len().checked_sub(SHOWN_OF_A_RULE))
            {
                let more = format!(
                    "  … and {hidden} more of {} at this level; --format json lists them all",
                    first.rule
                );
                let more = self.ink.dim(&more);
                self.line(&more);
            }
        }
    }

    fn finding(&mut self, finding: &Finding, shown: &Shown<'_>) {
        let home = words::account(&finding.subject);
        self.title(finding, home);
        let is_worth_a_paragraph = finding.severity >= Severity::High;
        if !is_worth_a_paragraph {
            return self.in_brief(finding);
        }
        let subject = self.ink.dim(&safe(&finding.subject));
        self.line(&format!("            {subject}"));
        let agents: Vec<_> = finding
            .agents
            .iter()
            .map(|agent| shown.picture.name(agent))
            .collect();
        if !agents.is_empty() && finding.agents.as_slice() != [finding.subject.as_str()] {
            self.labelled("agents", &agents.join(", "), 2);
        }
        if finding.severity == Severity::Critical {
            self.labelled("why", &words::at_home(&finding.why, home), 3);
        }
        if let Some(witness) = &finding.witness {
            let witness = words::at_home(&words::witness(witness), home);
            self.labelled("shown by", &witness, 3);
        }
        if !finding.path.is_empty() {
            self.labelled("path", &words::path(&finding.path), 3);
        }
        if let Some(evidence) = finding.evidence.first() {
            let more = match finding.evidence.len() - 1 {
                0 => String::new(),
                others => format!(" and {others} more"),
            };
            self.labelled("at", &format!("{}{more}", words::place(evidence)), 2);
        }
        if finding.status == Status::Waived
            && let Some(waiver) = finding.evidence.last()
        {
            self.labelled("waiver", &waiver.text, 2);
        }
        self.labelled("fix", &words::at_home(&finding.fix.summary, home), 2);
    }

    fn title(&mut self, finding: &Finding, home: Option<&str>) {
        const INDENT: usize = 12;
        let mark = match finding.status {
            Status::Fail => "",
            Status::Unknown => "  [could not be told]",
            Status::Waived => "  [waived]",
        };
        if finding.severity >= Severity::High {
            self.line("");
        }
        let title = words::at_home(&finding.title, home);
        let lines = wrap(
            &safe(&title),
            self.ink.width.saturating_sub(INDENT + mark.len()),
        );
        for (index, line) in lines.iter().enumerate() {
            let rule = if index == 0 {
                finding.rule.as_str()
            } else {
                ""
            };
            let rule = self
                .ink
                .paint(colour(finding.severity), &format!("{:<9}", safe(rule)));
            let is_last = index + 1 == lines.len();
            let mark = self.ink.paint(ink::CYAN, if is_last { mark } else { "" });
            let line = self.ink.bold(line);
            self.line(&format!("  {rule} {line}{mark}"));
        }
    }

    /// Where it stands, in one line: what is not urgent must not push what is off the screen.
    fn in_brief(&mut self, finding: &Finding) {
        let place = finding.evidence.first().map(words::place);
        let place = place.unwrap_or_else(|| finding.subject.clone());
        let place = self.ink.dim(&safe(&place));
        self.line(&format!("            {place}"));
    }

    /// A label and its text, wrapped, cut after so many lines.
    fn labelled(&mut self, label: &str, text: &str, lines_max: usize) {
        const INDENT: usize = 22;
        let lines = wrap(&safe(text), self.ink.width.saturating_sub(INDENT));
        for (index, line) in lines.iter().take(lines_max).enumerate() {
            let label = if index == 0 { label } else { "" };
            let label = self.ink.dim(&format!("{label:<9}"));
            let is_cut = index + 1 == lines_max && lines.len() > lines_max;
            let end = if is_cut { " …" } else { "" };
            self.line(&format!("            {label} {line}{end}"));
        }
    }

    /// Text in lines, the first and the others indented by so much.
    fn paragraph(&mut self, text: &str, first: &str, others: &str) {
        let lines = wrap(&safe(text), self.ink.width.saturating_sub(others.len()));
        for (index, line) in lines.iter().enumerate() {
            let indent = if index == 0 { first } else { others };
            self.line(&format!("{indent}{line}"));
        }
    }

    fn by_agent(&mut self, shown: &Shown<'_>) {
        let mut rows: BTreeMap<&str, [usize; 5]> = BTreeMap::new();
        for finding in &shown.report.findings {
            if finding.status != Status::Fail {
                continue;
            }
            for agent in &finding.agents {
                let row = rows.entry(agent).or_default();
                let at = Severity::ALL
                    .iter()
                    .position(|&one| one == finding.severity);
                if let Some(cell) = at.and_then(|at| row.get_mut(at)) {
                    *cell += 1;
                }
            }
        }
        if rows.is_empty() {
            return;
        }
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        self.section("BY AGENT");
        let head = format!(
            "  {:<44}{:>9}{:>7}{:>8}{:>6}{:>6}",
            "", "critical", "high", "medium", "low", "info"
        );
        let head = self.ink.dim(&head);
        self.line(&head);
        for (agent, [critical, high, medium, low, info]) in rows.iter().take(SHOWN_AGENTS) {
            let name = cut(&safe(shown.picture.name(agent)), 43);
            let dot = |number: &usize| {
                if *number == 0 {
                    "·".to_owned()
                } else {
                    number.to_string()
                }
            };
            self.line(&format!(
                "  {name:<44}{:>9}{:>7}{:>8}{:>6}{:>6}",
                dot(critical),
                dot(high),
                dot(medium),
                dot(low),
                dot(info)
            ));
        }
        if let Some(more @ 1..) = rows.len().checked_sub(SHOWN_AGENTS) {
            let more = self.ink.dim(&format!("  … and {more} more agents"));
            self.line(&more);
        }
        let Summary {
            agents, components, ..
        } = shown.report.estate;
        let clean = (agents + components).saturating_sub(rows.len());
        if clean > 0 {
            let clean = format!("  {clean} more without a finding");
            let clean = self.ink.paint(ink::GREEN, &clean);
            self.line(&clean);
        }
    }

    fn incomplete(&mut self, estate: &Summary) {
        if estate.incomplete.is_empty() {
            return;
        }
        self.section("WHAT THE SNAPSHOT DOES NOT TELL");
        for gap in estate.incomplete.iter().take(SHOWN_AGENTS) {
            self.paragraph(&format!("{}: {}", gap.what, gap.why), "  ", "    ");
        }
        if let Some(more @ 1..) = estate.incomplete.len().checked_sub(SHOWN_AGENTS) {
            let more = self.ink.dim(&format!(
                "  … and {more} more; --format json lists them all"
            ));
            self.line(&more);
        }
    }

    fn passed(&mut self, report: &Report) {
        let subjects: usize = report.passed.iter().map(|passed| passed.subjects).sum();
        let rules = report
            .passed
            .iter()
            .filter(|passed| passed.subjects > 0)
            .count();
        if rules == 0 {
            return;
        }
        self.line("");
        let line = format!(
            "{} passed, of {}",
            count(subjects, "check"),
            count(rules, "rule")
        );
        let line = self.ink.paint(ink::GREEN, &line);
        self.line(&line);
    }

    fn next(&mut self, next: &NextSteps) {
        self.section("NEXT");
        if let Some(note) = &next.note {
            self.paragraph(note, "  ", "  ");
            self.line("");
        }
        for (command, purpose) in &next.steps {
            let command = self.ink.bold(&safe(command));
            let purpose = self.ink.dim(purpose);
            self.line(&format!("  {command}"));
            self.line(&format!("      {purpose}"));
        }
    }

    fn section(&mut self, name: &str) {
        self.line("");
        let rule = "─".repeat(self.ink.width.saturating_sub(name.len() + 4));
        let line = format!(
            "{} {} {}",
            self.ink.dim("──"),
            self.ink.bold(name),
            self.ink.dim(&rule)
        );
        self.line(&line);
    }
}

/// A text, shortened to so many letters.
fn cut(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let kept: String = text.chars().take(letters.saturating_sub(1)).collect();
    format!("{kept}…")
}

fn colour(severity: Severity) -> ink::Style {
    match severity {
        Severity::Critical => ink::ALARM,
        Severity::High => ink::RED,
        Severity::Medium => ink::YELLOW,
        Severity::Low => ink::BLUE,
        Severity::Info => ink::DIM,
    }
}
