//! Text from the ledger, fit for a terminal or a log line.

use std::fmt::Write as _;

/// The text with everything escaped that a terminal or a log reader might obey: line ends, escape
/// sequences, NUL, and the characters that reorder or hide others.
///
/// ```
/// use bailiwick_ledger::shown::shown;
/// assert_eq!(shown("a\r\n\u{1b}[31m\u{0}"), r"a\r\n\u{1b}[31m\u{0}");
/// assert_eq!(shown("naïve \\ \"quoted\""), "naïve \\ \"quoted\"");
/// ```
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            _ if misleads(character) => {
                // Writing to a string cannot fail.
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
            }
            _ => shown.push(character),
        }
    }
    shown
}

fn misleads(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_might_obey_is_escaped() {
        for character in [
            '\0', '\u{7}', '\u{1b}', '\u{7f}', '\u{9b}', '\u{202e}', '\u{200b}', '\u{2028}',
        ] {
            let text = shown(&character.to_string());
            assert!(text.starts_with("\\u{"), "{text}");
        }
        for character in ['a', 'é', '界', '🙂', '\\', '"'] {
            assert_eq!(shown(&character.to_string()), character.to_string());
        }
    }
}
