//! Agents and the roles they act through, and what the findings show those roles reach: named for
//! the formats that name them, drawn for the one that draws.

use std::{collections::BTreeMap, fmt::Write as _};

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
/// With more requests to one service than this, they share a box.
const APART_MAX: usize = 2;

const ROW: usize = 30;
const TOP: usize = 34;
const GAP: usize = 90;
/// Where each column begins, and how wide its boxes are.
const COLUMNS: [(usize, usize); 3] = [(0, 210), (210 + GAP, 290), (500 + 2 * GAP, 370)];
/// A letter's width, in tenths of a pixel; wide fonts have wide letters.
const LETTER: usize = 72;

/// The agents with the worst findings, their roles, and what these are shown to reach.
pub(crate) fn svg(shown: &Shown<'_>) -> String {
    let drawing = Drawing::of(shown);
    if drawing.columns[0].is_empty() {
        return String::new();
    }
    let [.., (left, last)] = COLUMNS;
    let (width, height) = (left + last, TOP + drawing.rows() * ROW + 6);
    let mut svg = format!(
        "<figure>\n<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"picture-title picture-text\">\n\
         <title id=\"picture-title\">Agents, their roles and what these reach</title>\n\
         <desc id=\"picture-text\">{}</desc>\n",
        escape(&drawing.in_words())
    );
    for (head, (x, _)) in ["agent", "acts through", "is shown to reach"]
        .iter()
        .zip(COLUMNS)
    {
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

/// A box.
struct Entry {
    label: String,
    /// What tells it from the others; a reader sees it on pointing.
    full: String,
}

/// From a box of one column to a box of the next.
struct Line {
    from: usize,
    to: usize,
    class: &'static str,
}

/// The rows of the roles that reach something, and how bad each finding says that is.
type Reachers = Vec<(usize, Severity)>;

/// Three columns of boxes, and the lines between them.
#[derive(Default)]
struct Drawing {
    columns: [Vec<Entry>; 3],
    acts_through: Vec<Line>,
    reaches: Vec<Line>,
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
        let [agents, roles, _] = &mut drawing.columns;
        for worker in workers {
            let from = agents.len();
            agents.push(Entry {
                label: worker.name.clone(),
                full: format!("{} {}", worker.kind, worker.arn),
            });
            for arn in &worker.roles {
                let Some(to) = row(roles, words::local(arn), arn) else {
                    continue;
                };
                let sharers = shown.picture.roles.get(arn).map_or(0, |role| role.agents);
                let class = if sharers > 1 { "shared" } else { "" };
                drawing.acts_through.push(Line { from, to, class });
            }
        }
        drawing.reach(shown);
        drawing
    }

    /// Lines from roles to what a witness shows them to reach. Requests to one service share a box
    /// where they are many; a line has the colour of the worst finding behind it.
    fn reach(&mut self, shown: &Shown<'_>) {
        let mut reached: BTreeMap<&str, BTreeMap<String, Reachers>> = BTreeMap::new();
        for finding in &shown.report.findings {
            let (Status::Fail, Some(Witness::Request { request, .. })) =
                (finding.status, &finding.witness)
            else {
                continue;
            };
            let asks = request.principal.to_string();
            let roles = &self.columns[1];
            let Some(role) = roles.iter().position(|role| same_role(&role.full, &asks)) else {
                continue;
            };
            let action = request.action.as_str();
            let service = action
                .split_once(':')
                .map_or(action, |(service, _)| service);
            let request = format!("{action} {}", words::local(&request.resource));
            let requests = reached.entry(service).or_default();
            requests
                .entry(request)
                .or_default()
                .push((role, finding.severity));
        }
        let mut boxes = Vec::new();
        for (service, requests) in reached {
            if requests.len() <= APART_MAX {
                boxes.extend(requests.into_iter().map(|(request, from)| {
                    let full = request.clone();
                    (request, full, from)
                }));
                continue;
            }
            let label = format!("{service}: {} requests", requests.len());
            let full: Vec<_> = requests.keys().map(String::as_str).collect();
            let full = full.join("\n");
            boxes.push((label, full, requests.into_values().flatten().collect()));
        }
        // A box stands level with the roles that reach it, so that few lines cross.
        boxes.sort_by_cached_key(|(label, _, from)| {
            let rows: usize = from.iter().map(|(role, _)| role).sum();
            (rows * 1_000 / from.len().max(1), label.clone())
        });
        boxes.truncate(ROWS_MAX);
        for (to, (label, full, from)) in boxes.into_iter().enumerate() {
            self.columns[2].push(Entry { label, full });
            let mut worst: BTreeMap<usize, Severity> = BTreeMap::new();
            for (role, severity) in from {
                let known = worst.entry(role).or_insert(severity);
                *known = severity.max(*known);
            }
            let lines = worst.into_iter().map(|(from, severity)| Line {
                from,
                to,
                class: class(severity),
            });
            self.reaches.extend(lines);
        }
    }

    fn rows(&self) -> usize {
        self.columns.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Where a box begins, from above; a short column stands in the middle.
    fn top(&self, column: usize, row: usize) -> usize {
        let len = self.columns.get(column).map_or(0, Vec::len);
        TOP + (self.rows() - len) * ROW / 2 + row * ROW
    }

    fn edges(&self, svg: &mut String) {
        let lines = [&self.acts_through, &self.reaches];
        for (column, (lines, (left, width))) in lines.into_iter().zip(COLUMNS).enumerate() {
            let x = left + width;
            for Line { from, to, class } in lines {
                let (from, to) = (self.top(column, *from) + 12, self.top(column + 1, *to) + 12);
                let (bend, end) = (x + GAP / 2, x + GAP);
                let _ = writeln!(
                    svg,
                    "<path class=\"edge {class}\" d=\"M{x} {from} C{bend} {from} {bend} {to} {end} {to}\"/>"
                );
            }
        }
    }

    fn boxes(&self, svg: &mut String) {
        for (column, (entries, (x, width))) in self.columns.iter().zip(COLUMNS).enumerate() {
            for (row, entry) in entries.iter().enumerate() {
                let top = self.top(column, row);
                let shared = column == 1
                    && self
                        .acts_through
                        .iter()
                        .any(|line| line.to == row && !line.class.is_empty());
                let class = if shared { " class=\"shared\"" } else { "" };
                let letters = (width - 16) * 10 / LETTER;
                let _ = writeln!(
                    svg,
                    "<g><title>{}</title><rect{class} x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"24\" rx=\"5\"/>\
                     <text x=\"{}\" y=\"{}\">{}</text></g>",
                    escape(&entry.full),
                    x + 8,
                    top + 16,
                    escape(&shortened(&entry.label, letters)),
                );
            }
        }
    }

    /// The drawing for who cannot see it.
    fn in_words(&self) -> String {
        let [agents, roles, _] = &self.columns;
        let lines: Vec<_> = self
            .acts_through
            .iter()
            .filter_map(|line| {
                let (agent, role) = (agents.get(line.from)?, roles.get(line.to)?);
                let shared = if line.class.is_empty() {
                    ""
                } else {
                    ", which is shared"
                };
                Some(format!(
                    "{} acts through {}{shared}.",
                    agent.label, role.label
                ))
            })
            .collect();
        lines.join(" ")
    }

    fn caption(&self, all: usize) -> String {
        let drawn = self.columns[0].len();
        let which = if drawn < all {
            format!("The {drawn} agents with the worst findings, of {all}. ")
        } else {
            String::new()
        };
        format!(
            "{which}A heavier line to a role means that several agents share it; a line to the right means that a \
             finding shows the request; point at a box to read it in full. The tables below say the same in words."
        )
    }
}

/// The row of this entry, made if there is room.
fn row(entries: &mut Vec<Entry>, label: &str, full: &str) -> Option<usize> {
    if let Some(found) = entries.iter().position(|other| other.full == full) {
        return Some(found);
    }
    (entries.len() < ROWS_MAX).then(|| {
        entries.push(Entry {
            label: label.to_owned(),
            full: full.to_owned(),
        });
        entries.len() - 1
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

fn shortened(label: &str, room: usize) -> String {
    if label.chars().count() <= room {
        return label.to_owned();
    }
    // The end of an ARN tells more than its middle.
    let letters: Vec<char> = label.chars().collect();
    let (head, tail) = (room / 2, room - room / 2 - 1);
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
