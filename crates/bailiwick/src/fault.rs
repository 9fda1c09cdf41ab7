//! Bad input: which file, which place in it, what is wrong, and what would mend it.

use std::fmt::{self, Write as _};

use bailiwick_iam::json::Span;

use crate::ink::{self, Ink};

/// Something wrong with what we were given.
#[derive(Debug)]
pub(crate) struct Fault {
    message: String,
    place: Option<Box<Excerpt>>,
    mend: Option<String>,
    note: Option<String>,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place: None,
            mend: None,
            note: None,
        }
    }

    pub(crate) fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }

    /// Adds what became of the rest.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Points into the text of a file.
    pub(crate) fn at(mut self, file: &str, text: &str, span: Span) -> Self {
        self.place = Some(Box::new(Excerpt::cut(file, text, span, 0)));
        self
    }

    /// Points into one line of a file of which only that line is at hand.
    pub(crate) fn at_line(mut self, file: &str, line: usize, text: &str, span: Span) -> Self {
        let before = line.saturating_sub(1);
        self.place = Some(Box::new(Excerpt::cut(file, text, span, before)));
        self
    }

    fn drawn(&self, ink: Ink) -> String {
        let mut text = format!("{}: {self}\n", ink.paint(ink::ALARM, "error"));
        if let Some(place) = &self.place {
            place.draw(&mut text, ink);
        }
        if let Some(mend) = &self.mend {
            let _ = writeln!(text, "{} {}", ink.bold("  mend:"), ink::safe(mend));
        }
        if let Some(note) = &self.note {
            let _ = writeln!(text, "{} {}", ink.bold("  note:"), ink::safe(note));
        }
        text
    }
}

/// Prints an error, and what caused it, on the standard error stream.
pub(crate) fn report(error: &anyhow::Error) {
    let text = match error.downcast_ref::<Fault>() {
        Some(fault) => fault.drawn(Ink::of_stderr()),
        None => format!("error: {}\n", ink::safe(&format!("{error:#}"))),
    };
    ink::tell(&text);
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&ink::safe(&self.message))
    }
}

impl std::error::Error for Fault {}

/// The line around a place: a file of a gigabyte in one line is shown as one short piece.
#[derive(Debug)]
struct Excerpt {
    file: String,
    /// From 1.
    line: usize,
    column: usize,
    /// What stands before, at and after the place, in its line.
    before: String,
    marked: String,
    after: String,
}

/// How much is shown on either side of a place, in bytes.
const REACH: usize = 70;

impl Excerpt {
    fn cut(file: &str, text: &str, span: Span, lines_before: usize) -> Self {
        let start = boundary(text, span.start);
        let end = boundary(text, span.end.max(start));
        let (line, column) = Span { start, end }.line_and_column(text);
        let from = boundary(text, start.saturating_sub(REACH));
        let to = boundary(text, start.saturating_add(REACH));
        let until = |end: usize| text.get(start..end).and_then(|piece| piece.lines().next());
        let before = text
            .get(from..start)
            .and_then(|piece| piece.rsplit('\n').next());
        let marked = until(end.min(to)).unwrap_or_default();
        let rest = until(to).unwrap_or_default();
        Self {
            file: file.to_owned(),
            line: lines_before + line,
            column,
            before: flat(before.unwrap_or_default()),
            marked: flat(marked),
            after: flat(rest.get(marked.len()..).unwrap_or_default()),
        }
    }

    fn draw(&self, text: &mut String, ink: Ink) {
        let Self {
            file,
            line,
            column,
            before,
            marked,
            after,
        } = self;
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let bar = ink.dim("|");
        let place = format!("{}:{line}:{column}", ink::safe(file));
        let _ = writeln!(text, "{margin} {} {place}", ink.dim("-->"));
        let _ = writeln!(text, "{margin} {bar}");
        let _ = writeln!(text, "{} {bar} {before}{marked}{after}", ink.dim(&number));
        let indent = " ".repeat(before.chars().count());
        let mark = "^".repeat(marked.chars().count().max(1));
        let mark = ink.paint(ink::ALARM, &mark);
        let _ = writeln!(text, "{margin} {bar} {indent}{mark}");
    }
}

/// Text in one line, each control character as one space, so that the mark stands under its word.
fn flat(text: &str) -> String {
    text.chars()
        .map(|letter| if ink::is_a_trick(letter) { ' ' } else { letter })
        .collect()
}

fn boundary(text: &str, place: usize) -> usize {
    let mut place = place.min(text.len());
    while !text.is_char_boundary(place) {
        place -= 1;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str, start: usize, end: usize) -> String {
        Fault::new("wrong")
            .at("f.json", text, Span { start, end })
            .mend("do this")
            .drawn(Ink::PLAIN)
    }

    #[test]
    fn a_place_is_shown_with_its_line_its_column_and_a_mark_under_it() {
        let text = "{\n  \"Efect\": \"Allow\"\n}";
        assert_eq!(
            drawn(text, 5, 10),
            "error: wrong\n  --> f.json:2:4\n  |\n2 |   \"Efect\": \"Allow\"\n  |    ^^^^^\n  mend: do this\n"
        );
    }

    #[test]
    fn a_line_of_a_megabyte_is_shown_as_a_short_piece() {
        let text = "x".repeat(1 << 20);
        assert!(drawn(&text, 500_000, 900_000).len() < 500);
    }

    #[test]
    fn a_place_past_the_end_or_inside_a_letter_is_still_a_place() {
        assert!(drawn("é", 1, 1).contains("f.json:1:1"));
        assert!(drawn("{", 7, 9).contains("f.json:1:2"));
        assert!(drawn("", 0, 0).contains("f.json:1:1"));
    }

    #[test]
    fn what_a_file_holds_cannot_move_the_cursor() {
        assert!(!drawn("\u{1b}[2J\u{202e}", 0, 3).contains(['\u{1b}', '\u{202e}']));
    }
}
