//! YAML, in the block style of CloudFormation templates.

use std::fmt::Write as _;

use super::tree::Tree;

/// The members of a map, each on a line of its own, indented by so many spaces.
pub(super) fn members(text: &mut String, members: &[(String, Tree)], indent: usize) {
    for (name, value) in members {
        _ = write!(text, "{:indent$}{}:", "", scalar(name));
        below(text, value, indent);
    }
}

/// The value of a member or an element, from behind its colon.
fn below(text: &mut String, value: &Tree, indent: usize) {
    match value {
        Tree::Map(inner) if !inner.is_empty() => {
            text.push('\n');
            members(text, inner, indent + 2);
        }
        Tree::List(items) if !items.is_empty() => {
            text.push('\n');
            elements(text, items, indent + 2);
        }
        plain => _ = writeln!(text, " {}", on_one_line(plain)),
    }
}

fn elements(text: &mut String, items: &[Tree], indent: usize) {
    for item in items {
        match item {
            Tree::Map(inner) if !inner.is_empty() => {
                // The dash takes the place of the first member's indentation.
                let mut block = String::new();
                members(&mut block, inner, indent + 2);
                let block = block.get(indent + 2..).unwrap_or_default();
                _ = write!(text, "{:indent$}- {block}", "");
            }
            Tree::List(inner) if !inner.is_empty() => {
                _ = write!(text, "{:indent$}-", "");
                below(text, item, indent);
            }
            plain => _ = writeln!(text, "{:indent$}- {}", "", on_one_line(plain)),
        }
    }
}

fn on_one_line(value: &Tree) -> String {
    match value {
        Tree::Text(text) => scalar(text),
        Tree::Number(number) => number.to_string(),
        Tree::Spoken(said) => said.clone(),
        Tree::List(_) => "[]".to_owned(),
        Tree::Map(_) => "{}".to_owned(),
    }
}

/// A text as YAML reads it back: plain where no reader of YAML 1.1 or 1.2 takes it for anything
/// else, in quotation marks otherwise.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 12] = [
        "true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf", "nil",
    ];
    let starts_plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/');
    let is_plain =
        |letter: char| letter.is_ascii_alphanumeric() || " _./:*${}+=@-,".contains(letter);
    let is_a_word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    let is_safe = starts_plain
        && text.chars().all(is_plain)
        && !is_a_word
        && !text.contains(": ")
        && !text.ends_with([':', ' ']);
    if is_safe {
        return text.to_owned();
    }
    quoted(text)
}

/// In double quotation marks; JSON's escapes are YAML's too.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
