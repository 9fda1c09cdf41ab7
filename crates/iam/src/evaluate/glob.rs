//! Patterns with `*` and `?`, matched letter by letter.

use smallvec::SmallVec;

use crate::policy::{Piece, Template};

/// One step of a pattern: a byte that stands for itself, or a wildcard above all bytes.
type Step = u16;

const STAR: Step = 256;
const QUESTION: Step = 257;

/// A pattern without variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Glob {
    /// Nothing but stars.
    Any,
    Text(Box<str>),
    /// Text and one star at its end.
    Prefix(Box<str>),
    Steps(Box<[Step]>),
}

impl Glob {
    /// The pattern of a template, unless it has variables.
    pub(crate) fn new(template: &Template) -> Option<Self> {
        let pieces = template.0.as_slice();
        let has_variables = template.variables().next().is_some();
        if has_variables {
            return None;
        }
        let only_stars = pieces.iter().all(|piece| matches!(piece, Piece::Star));
        Some(match pieces {
            [] => Self::Text("".into()),
            [Piece::Text(text)] => Self::Text(text.as_str().into()),
            [Piece::Text(text), Piece::Star] => Self::Prefix(text.as_str().into()),
            _ if only_stars => Self::Any,
            _ => Self::Steps(steps_of(pieces).into_boxed_slice()),
        })
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Text(own) => **own == *text,
            Self::Prefix(own) => text.starts_with(&**own),
            Self::Steps(steps) => run(steps, text.as_bytes()),
        }
    }

    /// As [`Glob::matches`], for patterns that were made from lower-case text.
    pub(crate) fn matches_in_any_case(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Text(own) => own.eq_ignore_ascii_case(text),
            Self::Prefix(own) => text
                .as_bytes()
                .get(..own.len())
                .is_some_and(|start| own.as_bytes().eq_ignore_ascii_case(start)),
            Self::Steps(steps) => {
                let lowered: SmallVec<[u8; 64]> =
                    text.bytes().map(|byte| byte.to_ascii_lowercase()).collect();
                run(steps, &lowered)
            }
        }
    }
}

fn steps_of(pieces: &[Piece]) -> Vec<Step> {
    let mut steps = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => steps.extend(text.bytes().map(Step::from)),
            Piece::Star => steps.push(STAR),
            Piece::Question => steps.push(QUESTION),
            Piece::Variable { .. } => {}
        }
    }
    steps
}

/// A pattern whose variables have been replaced, ready to match once.
#[derive(Debug, Default)]
pub(crate) struct Filled(SmallVec<[Step; 96]>);

impl Filled {
    pub(crate) fn push_text(&mut self, text: &str) {
        self.0.extend(text.bytes().map(Step::from));
    }

    pub(crate) fn push_star(&mut self) {
        self.0.push(STAR);
    }

    pub(crate) fn push_question(&mut self) {
        self.0.push(QUESTION);
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        run(&self.0, text.as_bytes())
    }

    /// As [`Filled::matches`], without regard to case, for a text in lower case.
    pub(crate) fn matches_lowered(&self, text: &str) -> bool {
        let is_ascii = self.0.iter().all(|step| !(128..STAR).contains(step));
        if is_ascii {
            let lowered: SmallVec<[Step; 96]> = self
                .0
                .iter()
                .map(|&step| match u8::try_from(step) {
                    Ok(byte) => Step::from(byte.to_ascii_lowercase()),
                    Err(_) => step,
                })
                .collect();
            return run(&lowered, text.as_bytes());
        }
        let bytes: Option<Vec<u8>> = self.0.iter().map(|&step| u8::try_from(step).ok()).collect();
        bytes
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .is_some_and(|own| own.to_lowercase() == text)
    }

    /// Whether the pattern, cut at its first five colons, matches these six parts one by one.
    pub(crate) fn matches_parts(&self, parts: &[&str; 6]) -> bool {
        let mut rest = self.0.as_slice();
        let [first @ .., last] = parts;
        for part in first {
            let Some(colon) = rest.iter().position(|&step| step == Step::from(b':')) else {
                return false;
            };
            let (own, after) = rest.split_at(colon);
            if !run(own, part.as_bytes()) {
                return false;
            }
            rest = after.get(1..).unwrap_or_default();
        }
        run(rest, last.as_bytes())
    }
}

/// Matches from the left; where it fails, it goes back to the last star and lets that one take one
/// letter more. Earlier stars need no second try, because the last one can take what they could.
fn run(steps: &[Step], text: &[u8]) -> bool {
    let (mut step, mut at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match (steps.get(step), text.get(at)) {
            (Some(&STAR), _) => {
                step += 1;
                if step == steps.len() {
                    return true;
                }
                retry = Some((step, at));
                continue;
            }
            (Some(&QUESTION), Some(_)) => {
                step += 1;
                at = after_letter(text, at);
                continue;
            }
            (Some(&own), Some(&byte)) if own == Step::from(byte) => {
                step += 1;
                at += 1;
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        match retry {
            Some((from, taken)) if taken < text.len() => {
                let taken = after_letter(text, taken);
                retry = Some((from, taken));
                (step, at) = (from, taken);
            }
            _ => return false,
        }
    }
}

/// The place after the letter at `at`, which may be several bytes long.
fn after_letter(text: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while text.get(next).is_some_and(|byte| byte & 0xC0 == 0x80) {
        next += 1;
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Version;

    fn glob(pattern: &str) -> Glob {
        Glob::new(&Template::parse(pattern, Version::V2012)).unwrap()
    }

    #[test]
    fn a_star_takes_anything_and_a_question_mark_one_letter() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*", "a", true),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("?", "é", true),
            ("??", "é", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "aab", false),
            ("", "", true),
            ("", "a", false),
            ("a**b", "ab", true),
            ("b??*b*", "b123b", true),
        ] {
            assert_eq!(glob(pattern).matches(text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn an_escaped_star_is_only_a_star() {
        assert!(glob("a${*}").matches("a*"));
        assert!(!glob("a${*}").matches("ab"));
    }

    #[test]
    fn a_pattern_of_many_stars_takes_no_more_than_a_product_of_the_lengths() {
        let pattern = "a*".repeat(200) + "b";
        assert!(!glob(&pattern).matches(&"a".repeat(4_000)));
    }
}
