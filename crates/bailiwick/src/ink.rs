//! What a terminal shows: colour, width, and text that cannot play tricks on it.

use std::{
    borrow::Cow,
    io::{IsTerminal, Write as _},
};

pub(crate) use anstyle::Style;
use anstyle::{AnsiColor, Effects};

/// The width of a table that goes to a file or a pipe, where the same input gives the same bytes.
pub(crate) const WIDTH_WITHOUT_TERMINAL: usize = 100;

const WIDTH_MAX: usize = 120;
const WIDTH_MIN: usize = 60;

/// How wide to draw and whether to colour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ink {
    pub width: usize,
    coloured: bool,
}

impl Ink {
    pub(crate) const PLAIN: Self = Self {
        width: WIDTH_WITHOUT_TERMINAL,
        coloured: false,
    };

    /// Fits the terminal behind the standard output stream, if there is one.
    pub(crate) fn of_stdout() -> Self {
        let columns = match terminal_size::terminal_size() {
            Some((width, _)) if std::io::stdout().is_terminal() => usize::from(width.0),
            Some(_) | None => WIDTH_WITHOUT_TERMINAL,
        };
        Self {
            width: columns.clamp(WIDTH_MIN, WIDTH_MAX),
            coloured: wants_colour(std::io::stdout().is_terminal()),
        }
    }

    pub(crate) fn of_stderr() -> Self {
        Self {
            width: WIDTH_WITHOUT_TERMINAL,
            coloured: wants_colour(std::io::stderr().is_terminal()),
        }
    }

    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        if self.coloured && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint(BOLD, text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint(DIM, text)
    }
}

pub(crate) const BOLD: Style = Style::new().effects(Effects::BOLD);
pub(crate) const DIM: Style = Style::new().effects(Effects::DIMMED);
pub(crate) const RED: Style = AnsiColor::Red.on_default();
pub(crate) const ALARM: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(crate) const BLUE: Style = AnsiColor::Blue.on_default();
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();

/// <https://no-color.org>: any value but the empty one turns colour off.
fn wants_colour(is_terminal: bool) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    is_terminal && !refused && !dumb
}

/// Words in lines of at most so many letters; a longer word has a line of its own.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut room = 0;
    for word in text.split_whitespace() {
        let letters = word.chars().count();
        match lines.last_mut() {
            Some(line) if letters < room => {
                line.push(' ');
                line.push_str(word);
                room -= letters + 1;
            }
            _ => {
                lines.push(word.to_owned());
                room = width.saturating_sub(letters);
            }
        }
    }
    lines
}

/// Says something to the person who started us, beside the data.
pub(crate) fn tell(text: &str) {
    // If the standard error stream is gone there is nobody to tell.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Text from outside, made harmless: a role may be named so as to move the cursor, recolour the
/// screen or reverse the direction of writing.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    if !text.contains(is_a_trick) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_a_trick(letter) {
            out.extend(letter.escape_unicode());
        } else {
            out.push(letter);
        }
    }
    Cow::Owned(out)
}

pub(crate) fn is_a_trick(letter: char) -> bool {
    let is_control = letter.is_control() && letter != '\n';
    let turns_text_around = matches!(
        letter,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    let is_invisible = matches!(letter, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}');
    is_control || turns_text_around || is_invisible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_at_the_width_and_none_is_cut() {
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap("aa bbbbbbbb c", 5), ["aa", "bbbbbbbb", "c"]);
        assert!(wrap(" \n ", 5).is_empty());
    }

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        assert_eq!(safe("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(safe("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(safe("plain é 角"), "plain é 角");
    }

    #[test]
    fn plain_ink_leaves_text_as_it_is() {
        assert_eq!(Ink::PLAIN.paint(ALARM, "x"), "x");
    }
}
