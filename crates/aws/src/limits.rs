//! What AWS takes as names, tags, durations and session policies.
//!
//! Checked before a call is made: a refusal of AWS after the intent was recorded is a grant that
//! failed, and one that could have been told at once.
//!
//! The figures are those of the STS API reference, `AssumeRole` and `GetScopedCredentials`.

use std::ops::RangeInclusive;

pub const DURATION_SECS: RangeInclusive<u32> = 900..=43_200;
/// A session of a session lasts an hour at most.
pub const CHAINED_DURATION_SECS_MAX: u32 = 3_600;
pub const SCOPED_DURATION_SECS: RangeInclusive<u32> = 1..=129_600;
/// Inline and managed session policies together, in characters.
pub const SESSION_POLICY_CHARS_MAX: usize = 2_048;
pub const TAGS_MAX: usize = 50;
pub const TAG_KEY_CHARS_MAX: usize = 128;
pub const TAG_VALUE_CHARS_MAX: usize = 256;
/// How often credentials can be scoped down again.
pub const SCOPE_DOWN_POLICIES_MAX: u32 = 3;
/// Of all inline policies of a role, white space not counted.
pub const ROLE_INLINE_CHARS_MAX: usize = 10_240;

/// Something AWS would not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    #[error("{what} `{text}` must have 2 to 64 of letters, digits and _+=,.@-")]
    Name { what: &'static str, text: String },
    #[error("{secs} seconds is not within {} to {} seconds", .range.start(), .range.end())]
    Duration {
        secs: u32,
        range: RangeInclusive<u32>,
    },
    #[error("the session policy has {chars} characters, and AWS takes {SESSION_POLICY_CHARS_MAX}")]
    SessionPolicy { chars: usize },
    #[error("the session policy holds a character outside U+0020 to U+00FF")]
    SessionPolicyCharacter,
    #[error("the tag `{key}` is too long, is given twice, or holds a character that tags may not")]
    Tag { key: String },
    #[error("{tags} session tags, and AWS takes {TAGS_MAX}")]
    Tags { tags: usize },
}

/// Checks a name of a session or a source identity.
///
/// # Errors
/// If AWS would not take it.
pub fn name(what: &'static str, text: &str) -> Result<(), LimitError> {
    let fits = (2..=64).contains(&text.len())
        && text
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || b"_+=,.@-".contains(&it));
    let refused = || LimitError::Name {
        what,
        text: text.chars().take(80).collect(),
    };
    fits.then_some(()).ok_or_else(refused)
}

/// Checks a duration.
///
/// # Errors
/// If it is out of the range.
pub fn duration(secs: u32, range: RangeInclusive<u32>) -> Result<(), LimitError> {
    if range.contains(&secs) {
        return Ok(());
    }
    Err(LimitError::Duration { secs, range })
}

/// Checks an inline session policy.
///
/// # Errors
/// If it is too long, or holds what AWS does not take.
pub fn session_policy(text: &str) -> Result<(), LimitError> {
    let chars = text.chars().count();
    if chars > SESSION_POLICY_CHARS_MAX {
        return Err(LimitError::SessionPolicy { chars });
    }
    let taken = |it| matches!(it, '\t' | '\n' | '\r' | ' '..='\u{ff}');
    if !text.chars().all(taken) {
        return Err(LimitError::SessionPolicyCharacter);
    }
    Ok(())
}

/// Checks session tags. Keys that differ in case alone are one key.
///
/// # Errors
/// If one is too long, there are too many, or two have one key.
pub fn tags(tags: &[(String, String)]) -> Result<(), LimitError> {
    if tags.len() > TAGS_MAX {
        return Err(LimitError::Tags { tags: tags.len() });
    }
    let mut keys: Vec<String> = Vec::with_capacity(tags.len());
    for (key, value) in tags {
        let folded = key.to_lowercase();
        let fits = (1..=TAG_KEY_CHARS_MAX).contains(&key.chars().count())
            && value.chars().count() <= TAG_VALUE_CHARS_MAX
            && key.chars().chain(value.chars()).all(may_be_in_a_tag)
            && !folded.starts_with("aws:")
            && !keys.contains(&folded);
        if !fits {
            return Err(LimitError::Tag { key: key.clone() });
        }
        keys.push(folded);
    }
    Ok(())
}

fn may_be_in_a_tag(it: char) -> bool {
    it.is_alphanumeric() || it == ' ' || "_.:/=+-@".contains(it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_checked_at_both_ends() {
        for text in ["ab", "g-01JD8Z", &"x".repeat(64), "a_+=,.@-"] {
            assert_eq!(name("the session", text), Ok(()));
        }
        for text in ["a", &"x".repeat(65), "a b", "a/b", "é9", "a\n"] {
            assert!(name("the session", text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_policy_of_one_character_too_many_is_refused_and_not_cut() {
        assert_eq!(session_policy(&"x".repeat(2_048)), Ok(()));
        assert_eq!(
            session_policy(&"x".repeat(2_049)),
            Err(LimitError::SessionPolicy { chars: 2_049 })
        );
        assert_eq!(
            session_policy("\u{200b}"),
            Err(LimitError::SessionPolicyCharacter)
        );
    }

    #[test]
    fn two_tags_whose_keys_differ_in_case_are_one_too_many() {
        let tag = |key: &str| (key.to_owned(), "v".to_owned());
        assert_eq!(tags(&[tag("agent"), tag("task")]), Ok(()));
        for given in [
            vec![tag("agent"), tag("Agent")],
            vec![tag("")],
            vec![tag("aws:agent")],
            vec![tag(&"k".repeat(129))],
            vec![("agent".to_owned(), "v".repeat(257))],
            vec![("agent".to_owned(), "a*".to_owned())],
            (0..51).map(|at| tag(&format!("k{at}"))).collect(),
        ] {
            assert!(tags(&given).is_err(), "{given:?}");
        }
    }
}
