//! HCL, laid out as `terraform fmt` leaves it.
//!
//! Neighbouring arguments that fit a line each have their equals signs in one column; one whose
//! value goes on below ends the group.

use std::fmt::Write as _;

use super::tree::Tree;

/// Elements of a list that stand on one line.
const LINE_MAX: usize = 72;

/// `kind "label" "label" { … }`.
pub(super) fn block(text: &mut String, head: &str, body: &[Argument]) {
    if !text.is_empty() {
        text.push('\n');
    }
    _ = writeln!(text, "{head} {{");
    arguments(text, body, 2);
    text.push_str("}\n");
}

/// One argument of a block, or a gap between two groups of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Argument {
    Is(String, Tree),
    /// `name = jsonencode({ … })`.
    Encoded(String, Tree),
    Block(String, Vec<Self>),
    Gap,
}

impl Argument {
    pub(super) fn is(name: &str, value: Tree) -> Self {
        Self::Is(name.to_owned(), value)
    }

    pub(super) fn text(name: &str, value: impl Into<String>) -> Self {
        Self::Is(name.to_owned(), Tree::text(value))
    }

    pub(super) fn spoken(name: &str, value: impl Into<String>) -> Self {
        Self::Is(name.to_owned(), Tree::Spoken(value.into()))
    }
}

fn arguments(text: &mut String, arguments: &[Argument], indent: usize) {
    let lines: Vec<Line> = arguments
        .iter()
        .map(|argument| match argument {
            Argument::Is(name, value) => Line::Named(name.clone(), laid_out(value, indent)),
            Argument::Encoded(name, value) => Line::Named(
                name.clone(),
                format!("jsonencode({})", laid_out(value, indent)),
            ),
            Argument::Block(head, inner) => {
                let mut block = format!("{:indent$}{head} {{\n", "");
                self::arguments(&mut block, inner, indent + 2);
                _ = write!(block, "{:indent$}}}", "");
                Line::Other(block)
            }
            Argument::Gap => Line::Other(String::new()),
        })
        .collect();
    aligned(text, &lines, indent);
}

/// What stands on a line, or begins there.
enum Line {
    Named(String, String),
    Other(String),
}

fn aligned(text: &mut String, lines: &[Line], indent: usize) {
    let fits = |line: &Line| match line {
        Line::Named(_, value) => !value.contains('\n'),
        Line::Other(_) => false,
    };
    for group in lines.chunk_by(|a, b| fits(a) && fits(b)) {
        let widest = group.iter().map(width).max().unwrap_or_default();
        for line in group {
            match line {
                Line::Named(name, value) => {
                    _ = writeln!(text, "{:indent$}{name:widest$} = {value}", "");
                }
                Line::Other(line) => _ = writeln!(text, "{line}"),
            }
        }
    }
}

fn width(line: &Line) -> usize {
    match line {
        Line::Named(name, _) => name.chars().count(),
        Line::Other(_) => 0,
    }
}

/// A value; lines after the first are indented by so many spaces and more.
fn laid_out(value: &Tree, indent: usize) -> String {
    match value {
        Tree::Text(text) => quoted(text),
        Tree::Number(number) => number.to_string(),
        Tree::Spoken(said) => said.clone(),
        Tree::List(items) => list(items, indent),
        Tree::Map(members) => map(members, indent),
    }
}

fn list(items: &[Tree], indent: usize) -> String {
    let inner = indent + 2;
    let laid: Vec<String> = items.iter().map(|item| laid_out(item, inner)).collect();
    let on_one_line = format!("[{}]", laid.join(", "));
    let is_short = laid.len() < 2 || indent + on_one_line.chars().count() <= LINE_MAX;
    if is_short && !on_one_line.contains('\n') {
        return on_one_line;
    }
    let mut text = "[\n".to_owned();
    for item in laid {
        _ = writeln!(text, "{:inner$}{item},", "");
    }
    _ = write!(text, "{:indent$}]", "");
    text
}

fn map(members: &[(String, Tree)], indent: usize) -> String {
    if members.is_empty() {
        return "{}".to_owned();
    }
    let inner = indent + 2;
    let lines: Vec<Line> = members
        .iter()
        .map(|(name, value)| Line::Named(key(name), laid_out(value, inner)))
        .collect();
    let mut text = "{\n".to_owned();
    aligned(&mut text, &lines, inner);
    _ = write!(text, "{:indent$}}}", "");
    text
}

fn key(name: &str) -> String {
    let is_identifier = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if is_identifier {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A text in quotation marks. `${` and `%{` begin templates in HCL, and are doubled to be read as
/// themselves.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '$' | '%' if letters.peek() == Some(&'{') => {
                quoted.push(letter);
                quoted.push(letter);
            }
            control if control.is_control() => {
                _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}
