//! `*` and `?`, for choosing what to ask. What is allowed the evaluator alone decides.

/// Whether a pattern matches a text, without regard to case.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    matches_by(pattern, text, |a, b| a.eq_ignore_ascii_case(b))
}

/// Whether a pattern matches a text letter by letter.
pub(crate) fn matches_exactly(pattern: &str, text: &str) -> bool {
    matches_by(pattern, text, |a, b| a == b)
}

fn matches_by(pattern: &str, text: &str, same: impl Fn(&u8, &u8) -> bool) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at_pattern, mut at_text) = (0, 0);
    // Where the last star stood, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(at_text) {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                star = Some((at_pattern, at_text));
                at_pattern += 1;
            }
            Some(wanted) if *wanted == b'?' || same(wanted, byte) => {
                at_pattern += 1;
                at_text += 1;
            }
            Some(_) | None => {
                let Some((stood, taken)) = star else {
                    return false;
                };
                star = Some((stood, taken + 1));
                at_pattern = stood + 1;
                at_text = taken + 1;
            }
        }
    }
    pattern
        .get(at_pattern..)
        .is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

/// A text that the pattern matches: every `*` and `?` becomes `filling`.
pub(crate) fn fill(pattern: &str, filling: &str) -> String {
    pattern.replace('*', filling).replace('?', "x")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_takes_as_much_as_it_must_and_no_more() {
        assert!(matches("iam:*Policy", "iam:putuserpolicy"));
        assert!(!matches("iam:*Policy", "iam:PutUserPolicies"));
        assert!(matches("*a*b", "xaabab"));
        assert!(!matches("a?", "a"));
        assert!(matches("*", ""));
    }
}
