//! A comparison for people: in a terminal, and as a comment on a pull request.

use std::fmt::Write as _;

use bailiwick_iam::{
    access::{Comparison, Relation},
    request::Request,
};

use super::Compared;
use crate::{
    format::{escape_markdown, words},
    ink::{self, Ink, Style, safe},
};

type Names = (String, String);

pub(super) fn table(compared: &Compared, names: &Names, ink: Ink) -> String {
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
    let sides = [
        (&names.0, &comparison.only_a),
        (&names.1, &comparison.only_b),
    ];
    for (name, request) in sides {
        if let Some(request) = request {
            let _ = writeln!(
                text,
                "\n{}",
                ink.bold(&format!("Only {} allows, for example", safe(name)))
            );
            let _ = writeln!(text, "  {}", safe(&spoken(request)));
        }
    }
    text
}

pub(super) fn markdown(comparison: &Comparison, names: &Names) -> String {
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
    let sides = [
        ("Added", &comparison.only_a),
        ("Removed", &comparison.only_b),
    ];
    if comparison.only_a.is_some() || comparison.only_b.is_some() {
        text.push_str("\n| | for example |\n|---|---|\n");
    }
    for (what, request) in sides {
        if let Some(request) = request {
            let _ = writeln!(text, "| {what} | {} |", escape_markdown(&spoken(request)));
        }
    }
    text
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
