//! Markdown for a comment on a pull request.

use std::fmt::Write as _;

use bailiwick_review::finding::{Finding, Severity, Status};

use super::{
    Shown, html,
    words::{self, Tally, count},
};
use crate::ink::safe;

/// GitHub refuses a comment of more than 65,536 characters.
const LENGTH_MAX: usize = 60_000;

pub(crate) fn markdown(shown: &Shown<'_>) -> String {
    let report = shown.report;
    let mut text = String::new();
    let all = Tally::of(&report.findings);
    let _ = writeln!(text, "## Bailiwick: {}\n", headline(all));
    let _ = writeln!(
        text,
        "{} · {} · {}\n",
        words::agents(&report.estate),
        count(report.estate.roles, "role"),
        count(report.estate.accounts, "account")
    );
    counts(&mut text, &report.findings);
    for (index, finding) in report.findings.iter().enumerate() {
        let entry = entry(finding, shown);
        if text.len() + entry.len() > LENGTH_MAX {
            let left = report.findings.len() - index;
            let _ = writeln!(text, "\n… and {left} more; `--format json` lists them all.");
            break;
        }
        text.push_str(&entry);
    }
    incomplete(&mut text, shown);
    text
}

fn headline(all: Tally) -> String {
    match (all.failed, all.unknown) {
        (0, 0) => "nothing found".to_owned(),
        (0, unknown) => format!("{unknown} could not be told"),
        (failed, 0) => count(failed, "finding"),
        (failed, unknown) => format!("{}, {unknown} could not be told", count(failed, "finding")),
    }
}

fn counts(text: &mut String, findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    text.push_str("| severity | found | could not be told | waived |\n|---|---:|---:|---:|\n");
    for severity in Severity::ALL {
        let tally = Tally::of_severity(findings, severity);
        if tally != Tally::default() {
            let _ = writeln!(
                text,
                "| {severity} | {} | {} | {} |",
                tally.failed, tally.unknown, tally.waived
            );
        }
    }
    text.push('\n');
}

fn entry(finding: &Finding, shown: &Shown<'_>) -> String {
    let mut text = String::new();
    let mark = match finding.status {
        Status::Fail => "",
        Status::Unknown => " (could not be told)",
        Status::Waived => " (waived)",
    };
    let _ = writeln!(
        text,
        "<details><summary><b>{}</b> {} {}{mark}: <code>{}</code></summary>\n",
        finding.severity,
        in_html(&finding.rule),
        in_html(&finding.title),
        in_html(words::local(&finding.subject)),
    );
    let mut line = |label: &str, body: &str| {
        if !body.is_empty() {
            let _ = writeln!(text, "- **{label}**: {}", escape(body));
        }
    };
    line("subject", &finding.subject);
    let agents: Vec<_> = finding
        .agents
        .iter()
        .map(|agent| shown.picture.name(agent))
        .collect();
    line("agents", &agents.join(", "));
    line("why", &finding.why);
    line(
        "shown by",
        &finding
            .witness
            .as_ref()
            .map_or_else(String::new, words::witness),
    );
    line("path", &words::path(&finding.path));
    line(
        "at",
        &finding
            .evidence
            .first()
            .map_or_else(String::new, words::place),
    );
    line("fix", &finding.fix.summary);
    if !finding.fix.patch.is_empty() {
        let fence = fence(&finding.fix.patch);
        let _ = writeln!(
            text,
            "\n{fence}\n{}\n{fence}",
            safe(finding.fix.patch.trim_end())
        );
    }
    text.push_str("\n</details>\n\n");
    text
}

fn incomplete(text: &mut String, shown: &Shown<'_>) {
    let gaps = &shown.report.estate.incomplete;
    if gaps.is_empty() {
        return;
    }
    text.push_str("\n**What the snapshot does not tell**\n\n");
    for gap in gaps.iter().take(20) {
        let _ = writeln!(text, "- {}: {}", escape(&gap.what), escape(&gap.why));
    }
    if let Some(more @ 1..) = gaps.len().checked_sub(20) {
        let _ = writeln!(text, "- … and {more} more");
    }
}

/// Text from outside as text: no markup, no mention of a person, no reference to an issue.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for letter in safe(text).chars() {
        match letter {
            '\n' => out.push(' '),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // As an entity it names nobody, and GitHub tells nobody that they were named.
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(letter);
            }
            other => out.push(other),
        }
    }
    out
}

/// Text as text inside an HTML element, where Markdown does not reach.
fn in_html(text: &str) -> String {
    html::escape(text).replace('@', "&#64;").replace('\n', " ")
}

/// A fence longer than any in the text.
fn fence(text: &str) -> String {
    let longest = text
        .split(|letter| letter != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}
