//! Action patterns: `*` is any run of characters, `?` is one, and case does not count.

pub(crate) fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

/// What every match begins with.
pub(crate) fn literal_prefix(pattern: &str) -> &str {
    pattern.split(['*', '?']).next().unwrap_or_default()
}

/// Whether the whole of `text` matches. One star is remembered at a time, because a later star can
/// always take over what an earlier one would have to give back.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(read) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted.eq_ignore_ascii_case(byte) => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else {
                    return false;
                };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                read = taken + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_takes_any_run_and_a_question_mark_takes_one() {
        for (pattern, text, expected) in [
            ("Get*", "GetObject", true),
            ("get*", "GETOBJECT", true),
            ("Get*", "Get", true),
            ("Get?", "Get", false),
            ("Get?", "Geta", true),
            ("*Object*Acl", "PutObjectVersionAcl", true),
            ("*Object*Acl", "PutObjectVersionAcls", false),
            ("*ab", "aab", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "abcbc", true),
            ("a*b*c", "abcb", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
