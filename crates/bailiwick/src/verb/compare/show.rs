//! A comparison for people: in a terminal, and as a comment on a pull request.

use std::fmt::Write as _;

use bailiwick_iam::{
    access::{Comparison, Difference, Relation, difference::Line},
    evaluate::ResourceSemantics,
    request::Request,
};

use super::Compared;
use crate::{
    format::{escape_markdown, words},
    ink::{self, Ink, Style, safe},
};

type Names = (String, String);

pub(super) fn table(
    compared: &Compared,
    own: &[Option<Difference>; 2],
    names: &Names,
    ink: Ink,
) -> String {
    let comparison = &compared.comparison;
    let (style, word) = name(comparison.relation);
    let mut text = String::new();
    let sentence = sentence(comparison.relation, names);
    let _ = writeln!(
        text,
        "{}  {}",
        ink.paint(style, &word.to_uppercase()),
        ink.bold(&safe(&sentence))
    );
    if comparison.catalog_relation != comparison.relation {
        let (_, word) = name(comparison.catalog_relation);
        let _ = writeln!(
            text,
            "  over the actions and resources that AWS has today: {word}"
        );
    }
    if let Some(reason) = &comparison.reason {
        let _ = writeln!(text, "  {}", ink.paint(ink::CYAN, &safe(reason)));
    }
    let [left, right] = own;
    let sides = [
        (
            &names.0,
            &comparison.only_a,
            comparison.only_a_reading,
            left,
        ),
        (
            &names.1,
            &comparison.only_b,
            comparison.only_b_reading,
            right,
        ),
    ];
    for (name, request, reading, difference) in sides {
        let Some(request) = request else {
            continue;
        };
        let _ = writeln!(
            text,
            "\n{}",
            ink.bold(&format!("Only {} allows", safe(name)))
        );
        if let Some(reading) = reading {
            let _ = writeln!(text, "  {}", ink.paint(ink::CYAN, hanging_on(reading)));
        }
        let difference = difference.as_ref().filter(|it| !it.lines.is_empty());
        let Some(difference) = difference else {
            let _ = writeln!(text, "  {}", safe(&spoken(request)));
            continue;
        };
        for line in &difference.lines {
            let _ = writeln!(text, "  {}", safe(&said(line)));
            let _ = writeln!(text, "    for example {}", safe(&spoken(&line.witness)));
        }
        if let Some(rest) = rest(difference) {
            let _ = writeln!(text, "  {rest}");
        }
    }
    if let Some(checked) = compared.checked.filter(|checked| !checked.is_empty()) {
        let _ = writeln!(text, "\nproofs checked: {}", checked.join(", "));
    }
    text
}

pub(super) fn markdown(
    comparison: &Comparison,
    own: &[Option<Difference>; 2],
    names: &Names,
) -> String {
    let (_, word) = name(comparison.relation);
    let mut text = String::new();
    let _ = writeln!(text, "### Access: {word}\n");
    let _ = writeln!(
        text,
        "{}",
        escape_markdown(&sentence(comparison.relation, names))
    );
    if let Some(reason) = &comparison.reason {
        let _ = writeln!(text, "\n{}", escape_markdown(reason));
    }
    let [left, right] = own;
    let sides = [
        ("Added", &comparison.only_a, comparison.only_a_reading, left),
        (
            "Removed",
            &comparison.only_b,
            comparison.only_b_reading,
            right,
        ),
    ];
    if comparison.only_a.is_some() || comparison.only_b.is_some() {
        text.push_str("\n| | access | for example |\n|---|---|---|\n");
    }
    for (what, request, reading, difference) in sides {
        let lines = difference.iter().flat_map(|it| &it.lines);
        let mut shown = false;
        for line in lines {
            shown = true;
            let (access, example) = (said(line), spoken(&line.witness));
            let (access, example) = (escape_markdown(&access), escape_markdown(&example));
            let _ = writeln!(text, "| {what} | {access} | {example} |");
        }
        if let (false, Some(request)) = (shown, request) {
            let _ = writeln!(text, "| {what} | | {} |", escape_markdown(&spoken(request)));
        }
        if let Some(rest) = difference.as_ref().and_then(rest) {
            let _ = writeln!(text, "| {what} | {rest} | |");
        }
        if let Some(reading) = reading {
            let _ = writeln!(text, "| {what} | {} | |", hanging_on(reading));
        }
    }
    text
}

/// `s3:PutObject, s3:DeleteObject on arn:aws:s3:::ledger/*`.
fn said(line: &Line) -> String {
    const NAMES_MAX: usize = 8;
    let listed = |names: &[String]| {
        let mut text = names
            .iter()
            .take(NAMES_MAX)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        if let Some(more) = names.len().checked_sub(NAMES_MAX).filter(|more| *more > 0) {
            let _ = write!(text, " and {more} more");
        }
        text
    };
    let but = |names: &[String]| match names {
        [] => String::new(),
        names => format!(" except {}", listed(names)),
    };
    let mut text = format!(
        "{}{} on {}{}",
        listed(&line.actions),
        but(&line.actions_except),
        listed(&line.resources),
        but(&line.resources_except)
    );
    if !line.keys.is_empty() {
        let _ = write!(text, ", with {}", listed(&line.keys));
    }
    text
}

/// AWS does not say which reading is its own.
const fn hanging_on(reading: ResourceSemantics) -> &'static str {
    match reading {
        ResourceSemantics::Segmented => "only if a wildcard in a resource stops at a colon",
        ResourceSemantics::Flat => "only if a wildcard in a resource runs past a colon",
    }
}

/// What is not shown.
fn rest(difference: &Difference) -> Option<String> {
    match (difference.more, difference.incomplete) {
        (0, false) => None,
        (0, true) => Some("and perhaps more".to_owned()),
        (more, false) => Some(format!("and {more} more")),
        (more, true) => Some(format!("and {more} more, perhaps others")),
    }
}

/// `s3:PutObject on arn:aws:s3:::ledger/1 (aws:SourceVpc = vpc-1)`.
fn spoken(request: &Request) -> String {
    let mut text = format!("{} on {}", request.action, request.resource);
    let pairs = words::circumstances(request);
    if !pairs.is_empty() {
        let _ = write!(text, " ({})", pairs.join(", "));
    }
    text
}

fn name(relation: Relation) -> (Style, &'static str) {
    match relation {
        Relation::Equal => (ink::GREEN, "equal"),
        Relation::Narrower => (ink::GREEN, "narrower"),
        Relation::Wider => (ink::ALARM, "wider"),
        Relation::Disjoint => (ink::ALARM, "disjoint"),
        Relation::Overlapping => (ink::ALARM, "overlapping"),
        Relation::Unknown => (ink::CYAN, "unknown"),
    }
}

fn sentence(relation: Relation, (a, b): &Names) -> String {
    match relation {
        Relation::Equal => format!("{a} and {b} allow the same"),
        Relation::Narrower => format!("all that {a} allows, {b} allows too, and more"),
        Relation::Wider => format!("{a} allows all that {b} allows, and more"),
        Relation::Disjoint => format!("{a} and {b} have nothing in common"),
        Relation::Overlapping => {
            format!("{a} and {b} each allow something that the other does not")
        }
        Relation::Unknown => format!("how {a} relates to {b} could not be told"),
    }
}
