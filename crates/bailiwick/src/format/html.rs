//! One HTML file that needs nothing else: no script, no font, no picture from elsewhere.
//!
//! Every text that came from the snapshot is escaped, no attribute holds an unescaped one, and the
//! page forbids all loading to itself: its one style sheet is allowed by its hash.

use std::{collections::BTreeMap, fmt::Write as _};

use bailiwick_review::finding::{Finding, Severity, Status, Witness};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use super::{
    Shown, picture,
    words::{self, Tally, count},
};
use crate::ink::safe;

/// A page longer than this is no page to read; what does not fit is counted and named.
const LENGTH_MAX: usize = 2_600_000;

/// How many agents the list names.
const AGENTS_MAX: usize = 2_000;

const STYLE: &str = include_str!("html/style.css");

pub(crate) fn html(shown: &Shown<'_>) -> String {
    let mut page = String::with_capacity(1 << 16);
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>Bailiwick: agents on AWS</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    );
    heading(&mut page, shown);
    page.push_str("<main>\n");
    page.push_str(&picture::svg(shown));
    agents(&mut page, shown);
    findings(&mut page, shown);
    incomplete(&mut page, shown);
    passed(&mut page, shown);
    let _ = write!(
        page,
        "</main>\n<footer>Bailiwick {} · judged on {} · the same input gives the same page</footer>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
        shown.today
    );
    page
}

fn heading(page: &mut String, shown: &Shown<'_>) {
    let estate = &shown.report.estate;
    let all = Tally::of(&shown.report.findings);
    let _ = write!(
        page,
        "<header>\n<h1>Agents on AWS: what they can do, and should not</h1>\n<p>{} · {} · {}, from {}</p>\n<ul class=\"tally\">\n",
        words::agents(estate),
        count(estate.roles, "role"),
        count(estate.accounts, "account"),
        count(estate.sources.len(), "file"),
    );
    for severity in Severity::ALL {
        let failed = Tally::of_severity(&shown.report.findings, severity).failed;
        let _ = writeln!(
            page,
            "<li class=\"{severity}\"><b>{failed}</b> {severity}</li>"
        );
    }
    let _ = write!(
        page,
        "<li class=\"unknown\"><b>{}</b> could not be told</li>\n<li class=\"waived\"><b>{}</b> waived</li>\n</ul>\n</header>\n",
        all.unknown, all.waived
    );
}

fn agents(page: &mut String, shown: &Shown<'_>) {
    let workers = &shown.picture.workers;
    if workers.is_empty() {
        return;
    }
    let worst = worst_by_agent(&shown.report.findings);
    page.push_str(
        "<section aria-labelledby=\"agents\">\n<h2 id=\"agents\">Agents</h2>\n<table>\n<thead><tr>\
         <th scope=\"col\">agent</th><th scope=\"col\">kind</th><th scope=\"col\">acts through</th>\
         <th scope=\"col\">worst finding</th></tr></thead>\n<tbody>\n",
    );
    for worker in workers.iter().take(AGENTS_MAX) {
        let roles: Vec<_> = worker
            .roles
            .iter()
            .map(|role| {
                let sharers = shown.picture.roles.get(role).map_or(0, |role| role.agents);
                let shared = if sharers > 1 {
                    format!(" <em>shared by {sharers}</em>")
                } else {
                    String::new()
                };
                format!("<code>{}</code>{shared}", escape(words::local(role)))
            })
            .collect();
        let worst = worst
            .get(worker.arn.as_str())
            .map_or("none", |severity| severity.as_str());
        let _ = writeln!(
            page,
            "<tr><td><span title=\"{}\">{}</span></td><td>{}</td><td>{}</td><td class=\"{worst}\">{worst}</td></tr>",
            escape(&worker.arn),
            escape(&worker.name),
            escape(&worker.kind),
            roles.join("<br>"),
        );
    }
    page.push_str("</tbody>\n</table>\n");
    if let Some(more @ 1..) = workers.len().checked_sub(AGENTS_MAX) {
        let _ = writeln!(page, "<p>… and {}.</p>", count(more, "more agent"));
    }
    page.push_str("</section>\n");
}

/// The worst severity at which each agent fails something.
pub(super) fn worst_by_agent(findings: &[Finding]) -> BTreeMap<&str, Severity> {
    let mut worst = BTreeMap::new();
    for finding in findings
        .iter()
        .filter(|finding| finding.status == Status::Fail)
    {
        for agent in &finding.agents {
            let entry = worst.entry(agent.as_str()).or_insert(finding.severity);
            *entry = finding.severity.max(*entry);
        }
    }
    worst
}

fn findings(page: &mut String, shown: &Shown<'_>) {
    page.push_str("<section aria-labelledby=\"findings\">\n<h2 id=\"findings\">Findings</h2>\n");
    let all = &shown.report.findings;
    if all.is_empty() {
        page.push_str("<p>Nothing found.</p>\n");
    }
    for (index, finding) in all.iter().enumerate() {
        let entry = entry(finding, shown);
        if page.len() + entry.len() > LENGTH_MAX {
            let left = all.len() - index;
            let _ = writeln!(
                page,
                "<p>… and {}: too many for one page. <code>--format json</code> lists them all.</p>",
                count(left, "more finding")
            );
            break;
        }
        page.push_str(&entry);
    }
    page.push_str("</section>\n");
}

fn entry(finding: &Finding, shown: &Shown<'_>) -> String {
    let mut text = String::new();
    let mark = match finding.status {
        Status::Fail => "",
        Status::Unknown => " <span class=\"mark\">could not be told</span>",
        Status::Waived => " <span class=\"mark\">waived</span>",
    };
    let _ = write!(
        text,
        "<details class=\"finding {severity}\">\n<summary><span class=\"severity\">{severity}</span> \
         <span class=\"rule\">{}</span> {}{mark}<br><code>{}</code></summary>\n<dl>\n",
        escape(&finding.rule),
        escape(&finding.title),
        escape(&finding.subject),
        severity = finding.severity,
    );
    let agents: Vec<_> = finding
        .agents
        .iter()
        .map(|agent| shown.picture.name(agent))
        .collect();
    row(&mut text, "agents", &agents.join(", "));
    row(&mut text, "why", &finding.why);
    if let Some(witness) = &finding.witness {
        shown_by(&mut text, witness);
    }
    row(&mut text, "path", &words::path(&finding.path));
    for evidence in &finding.evidence {
        row(
            &mut text,
            "at",
            &format!("{}  {}", words::place(evidence), evidence.text),
        );
    }
    row(&mut text, "fix", &finding.fix.summary);
    text.push_str("</dl>\n");
    if !finding.fix.patch.is_empty() {
        let _ = writeln!(text, "<pre>{}</pre>", escape(&finding.fix.patch));
    }
    let maps: Vec<_> = finding
        .maps
        .iter()
        .map(|(catalogue, ids)| format!("{catalogue}: {}", ids.join(" ")))
        .collect();
    if !maps.is_empty() {
        let _ = writeln!(text, "<p class=\"maps\">{}</p>", escape(&maps.join(" · ")));
    }
    text.push_str("</details>\n");
    text
}

fn shown_by(text: &mut String, witness: &Witness) {
    match witness {
        Witness::Request { request, because } => {
            row(text, "shown by", &words::asked(request));
            for because in because {
                row(text, "", &words::reason(because));
            }
        }
        Witness::Facts { facts } => {
            for (index, fact) in facts.iter().enumerate() {
                row(text, if index == 0 { "shown by" } else { "" }, fact);
            }
        }
    }
}

fn row(text: &mut String, label: &str, body: &str) {
    if body.is_empty() {
        return;
    }
    if !label.is_empty() {
        let _ = write!(text, "<dt>{label}</dt>");
    }
    let _ = writeln!(text, "<dd>{}</dd>", escape(body));
}

fn incomplete(page: &mut String, shown: &Shown<'_>) {
    let gaps = &shown.report.estate.incomplete;
    if gaps.is_empty() {
        return;
    }
    page.push_str("<section aria-labelledby=\"gaps\">\n<h2 id=\"gaps\">What the snapshot does not tell</h2>\n<ul>\n");
    for gap in gaps.iter().take(500) {
        let _ = writeln!(
            page,
            "<li><b>{}</b>: {}</li>",
            escape(&gap.what),
            escape(&gap.why)
        );
    }
    page.push_str("</ul>\n");
    if let Some(more @ 1..) = gaps.len().checked_sub(500) {
        let _ = writeln!(page, "<p>… and {more} more.</p>");
    }
    page.push_str("</section>\n");
}

fn passed(page: &mut String, shown: &Shown<'_>) {
    let passed = &shown.report.passed;
    if passed.is_empty() {
        return;
    }
    page.push_str(
        "<section aria-labelledby=\"passed\">\n<h2 id=\"passed\">What was checked and is well</h2>\n<table>\n\
         <thead><tr><th scope=\"col\">rule</th><th scope=\"col\">subjects</th></tr></thead>\n<tbody>\n",
    );
    for rule in passed {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td></tr>",
            escape(&rule.rule),
            rule.subjects
        );
    }
    page.push_str("</tbody>\n</table>\n</section>\n");
}

/// Text as text, in an element or in a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for letter in safe(text).chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
