//! Agents and the roles they act through, and what the findings show those roles reach: named for
//! the formats that name them, drawn for the one that draws.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use bailiwick_review::finding::{Severity, Status, Witness};

use super::{
    Shown,
    html::{escape, worst_by_agent},
    words,
};

/// Every agent and the roles it acts through, found or not found wanting.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    /// Sorted by name, then by ARN.
    pub workers: Vec<Worker>,
    /// By ARN.
    pub roles: BTreeMap<String, Role>,
    /// What people call the agents and the components that serve them, by ARN.
    pub names: BTreeMap<String, String>,
}

/// An agent.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    pub arn: String,
    pub name: String,
    pub kind: String,
    /// The ARNs of the roles it acts through.
    pub roles: Vec<String>,
}

/// A role that at least one agent acts through.
#[derive(Debug, Clone, Default)]
pub(crate) struct Role {
    pub agents: usize,
}

impl Picture {
    pub(crate) fn of(mut workers: Vec<Worker>, names: BTreeMap<String, String>) -> Self {
        workers.sort_by(|a, b| (&a.name, &a.arn).cmp(&(&b.name, &b.arn)));
        let mut roles: BTreeMap<String, Role> = BTreeMap::new();
        for role in workers.iter().flat_map(|worker| &worker.roles) {
            roles.entry(role.clone()).or_default().agents += 1;
        }
        Self {
            workers,
            roles,
            names,
        }
    }

    /// What people call this agent.
    pub(crate) fn name<'a>(&'a self, arn: &'a str) -> &'a str {
        self.names
            .get(arn)
            .map_or_else(|| words::short(arn), String::as_str)
    }
}

/// How many rows a column of the drawing has: beyond it, lines cross and nothing can be read.
const ROWS_MAX: usize = 40;

const ROW: usize = 30;
const TOP: usize = 34;
const BOX: usize = 260;
const GAP: usize = 120;
/// How many letters a box has room for.
const LETTERS: usize = 38;

/// The agents with the worst findings, their roles, and what these are shown to reach.
pub(crate) fn svg(shown: &Shown<'_>) -> String {
    let drawing = Drawing::of(shown);
    if drawing.agents.is_empty() {
        return String::new();
    }
    let rows = drawing
        .agents
        .len()
        .max(drawing.roles.len())
        .max(drawing.resources.len());
    let (width, height) = (3 * BOX + 2 * GAP, TOP + rows * ROW + 6);
    let mut svg = format!(
        "<figure>\n<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"picture-title picture-text\">\n\
         <title id=\"picture-title\">Agents, their roles and what these reach</title>\n\
         <desc id=\"picture-text\">{}</desc>\n",
        escape(&drawing.in_words())
    );
    for (index, head) in ["agent", "acts through", "is shown to reach"]
        .iter()
        .enumerate()
    {
        let x = index * (BOX + GAP);
        let _ = writeln!(svg, "<text class=\"head\" x=\"{x}\" y=\"16\">{head}</text>");
    }
    drawing.edges(&mut svg);
    drawing.boxes(&mut svg);
    let _ = write!(
        svg,
        "</svg>\n<figcaption>{}</figcaption>\n</figure>\n",
        escape(&drawing.caption(shown.picture.workers.len()))
    );
    svg
}

/// What is drawn: rows of three columns, and lines between them by row.
#[derive(Default)]
struct Drawing {
    agents: Vec<(String, String)>,
    roles: Vec<(String, String)>,
    resources: Vec<(String, String)>,
    acts_through: Vec<(usize, usize, &'static str)>,
    reaches: Vec<(usize, usize, &'static str)>,
}

impl Drawing {
    fn of(shown: &Shown<'_>) -> Self {
        let worst = worst_by_agent(&shown.report.findings);
        let mut workers: Vec<_> = shown.picture.workers.iter().collect();
        // Stable, so equals keep the order of their names.
        workers.sort_by_key(|worker| std::cmp::Reverse(worst.get(worker.arn.as_str())));
        workers.truncate(ROWS_MAX);
        // Agents that share a role stand together.
        workers.sort_by(|a, b| (&a.roles, &a.name, &a.arn).cmp(&(&b.roles, &b.name, &b.arn)));

        let mut drawing = Self::default();
        for worker in workers {
            let agent = drawing.agents.len();
            drawing.agents.push((
                worker.name.clone(),
                format!("{} {}", worker.kind, worker.arn),
            ));
            for arn in &worker.roles {
                let label = words::local(arn).to_owned();
                let Some(role) = row(&mut drawing.roles, label, arn) else {
                    continue;
                };
                let sharers = shown.picture.roles.get(arn).map_or(0, |role| role.agents);
                let class = if sharers > 1 { "shared" } else { "" };
                drawing.acts_through.push((agent, role, class));
            }
        }
        drawing.reach(shown);
        drawing
    }

    /// Lines from roles to what a witness shows them to reach, the worst findings first.
    fn reach(&mut self, shown: &Shown<'_>) {
        let mut drawn = BTreeSet::new();
        for finding in &shown.report.findings {
            let (Status::Fail, Some(Witness::Request { request, .. })) =
                (finding.status, &finding.witness)
            else {
                continue;
            };
            let asks = request.principal.to_string();
            let Some(role) = self.roles.iter().position(|(_, arn)| same_role(arn, &asks)) else {
                continue;
            };
            let label = format!("{} {}", request.action, words::local(&request.resource));
            let full = format!("{} on {}", request.action, request.resource);
            let Some(resource) = row(&mut self.resources, label, &full) else {
                continue;
            };
            if drawn.insert((role, resource)) {
                self.reaches.push((role, resource, class(finding.severity)));
            }
        }
    }

    fn edges(&self, svg: &mut String) {
        let columns = [(BOX, &self.acts_through), (2 * BOX + GAP, &self.reaches)];
        for (x, lines) in columns {
            for (from, to, class) in lines {
                let (from, to) = (middle(*from), middle(*to));
                let (bend, end) = (x + GAP / 2, x + GAP);
                let _ = writeln!(
                    svg,
                    "<path class=\"edge {class}\" d=\"M{x} {from} C{bend} {from} {bend} {to} {end} {to}\"/>"
                );
            }
        }
    }

    fn boxes(&self, svg: &mut String) {
        let columns = [&self.agents, &self.roles, &self.resources];
        for (column, rows) in columns.iter().enumerate() {
            let x = column * (BOX + GAP);
            for (index, (label, full)) in rows.iter().enumerate() {
                let top = TOP + index * ROW;
                let shared = column == 1
                    && self
                        .acts_through
                        .iter()
                        .any(|(_, role, class)| *role == index && !class.is_empty());
                let class = if shared { " class=\"shared\"" } else { "" };
                let _ = writeln!(
                    svg,
                    "<g><title>{}</title><rect{class} x=\"{x}\" y=\"{top}\" width=\"{BOX}\" height=\"24\" rx=\"5\"/>\
                     <text x=\"{}\" y=\"{}\">{}</text></g>",
                    escape(full),
                    x + 8,
                    top + 16,
                    escape(&shortened(label)),
                );
            }
        }
    }

    /// The drawing for who cannot see it.
    fn in_words(&self) -> String {
        let lines: Vec<_> = self
            .acts_through
            .iter()
            .filter_map(|(agent, role, class)| {
                let (agent, role) = (self.agents.get(*agent)?, self.roles.get(*role)?);
                let shared = if class.is_empty() {
                    ""
                } else {
                    ", which is shared"
                };
                Some(format!("{} acts through {}{shared}.", agent.0, role.0))
            })
            .collect();
        lines.join(" ")
    }

    fn caption(&self, all: usize) -> String {
        let which = if self.agents.len() < all {
            format!(
                "The {} agents with the worst findings, of {all}. ",
                self.agents.len()
            )
        } else {
            String::new()
        };
        format!(
            "{which}A heavier line to a role means that several agents share it; a line to the right means that a \
             finding shows the request. The tables below say the same in words."
        )
    }
}

/// The row of this entry, made if there is room.
fn row(rows: &mut Vec<(String, String)>, label: String, full: &str) -> Option<usize> {
    if let Some(found) = rows.iter().position(|(_, other)| other == full) {
        return Some(found);
    }
    (rows.len() < ROWS_MAX).then(|| {
        rows.push((label, full.to_owned()));
        rows.len() - 1
    })
}

/// Whether `asks` is the role, or a session of it.
fn same_role(role: &str, asks: &str) -> bool {
    if role == asks {
        return true;
    }
    let session = asks
        .split_once(":assumed-role/")
        .and_then(|(_, rest)| rest.split('/').next());
    session.is_some_and(|name| words::short(role) == name)
}

fn middle(row: usize) -> usize {
    TOP + row * ROW + 12
}

fn shortened(label: &str) -> String {
    if label.chars().count() <= LETTERS {
        return label.to_owned();
    }
    // The end of an ARN tells more than its middle.
    let letters: Vec<char> = label.chars().collect();
    let (head, tail) = (LETTERS / 2, LETTERS - LETTERS / 2 - 1);
    let start: String = letters.iter().take(head).collect();
    let end: String = letters.iter().skip(letters.len() - tail).collect();
    format!("{start}…{end}")
}

fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low | Severity::Info => "low",
    }
}
