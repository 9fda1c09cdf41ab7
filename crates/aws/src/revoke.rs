//! What AWS is told of ended grants: an inline policy on the task role that denies their sessions.
//!
//! A credential cannot be called back, but every request is decided anew. The policy names the grants
//! that ended before their credentials did. It is written whole each time, so writing it twice
//! changes nothing, and an entry goes when its session has expired. When they no longer fit, one
//! instant takes their place: every session made before it is denied. Nobody is dropped.

use std::fmt::Write as _;

use crate::limits::ROLE_INLINE_CHARS_MAX;
use crate::time::Timestamp;

/// The name of the inline policy.
pub const POLICY_NAME: &str = "bailiwick-ended-grants";

/// What of a role's inline policies is used for this one where there is room. The rest is the role's
/// own.
pub const CHARS_MAX: usize = ROLE_INLINE_CHARS_MAX * 6 / 10;

/// What is used where the role's own policies leave no more: what `compile` keeps free.
pub const CHARS_LEAST: usize = 2_048;

/// How much longer than its session an entry stays: clocks differ.
pub const SKEW_SECS: u32 = 300;

/// A grant that ended while its credentials live.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ended {
    /// The source identity of its sessions.
    pub grant: String,
    /// When AWS knows the last of them no more.
    pub sessions_expire: Timestamp,
    /// Until when one of them may still be made: a call whose outcome is unknown may be carried out
    /// late. `None`: all that will ever be are made.
    pub made_by: Option<Timestamp>,
}

/// How the sessions of ended grants are denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// There is nothing to deny: the policy is taken away.
    Nothing,
    /// The sessions of these grants, and no others.
    Grants { document: String, grants: usize },
    /// Every session issued before an instant: also those of grants that have not ended. They are
    /// made again. Beside it stand the grants of which a session may be made after it.
    IssuedBefore { document: String, cut_off: CutOff },
}

/// Works out the policy of a role.
///
/// `cut_off` is the last instant that was ever used for this role: a cut-off never moves back, and
/// stays until sessions from before it have expired. No policy is longer than `chars_max`, which is
/// [`CHARS_LEAST`] at least.
#[must_use]
pub fn denial(
    ended: &[Ended],
    cut_off: Option<CutOff>,
    chars_max: usize,
    now: Timestamp,
) -> Denial {
    let fits = |document: &str| document.chars().count() <= chars_max.max(CHARS_LEAST);
    let cut_off = cut_off.filter(|it| it.sessions_expire.plus_secs(SKEW_SECS) > now);
    let mut live: Vec<&Ended> = ended
        .iter()
        .filter(|it| it.sessions_expire.plus_secs(SKEW_SECS) > now)
        .collect();
    live.sort_unstable();
    let grants = names(&live);
    if grants.is_empty() && cut_off.is_none() {
        return Denial::Nothing;
    }
    let document = self::document(&grants, cut_off.map(|it| it.instant));
    if fits(&document) {
        return match (grants.len(), cut_off) {
            (0, Some(cut_off)) => Denial::IssuedBefore { document, cut_off },
            (grants, _) => Denial::Grants { document, grants },
        };
    }
    // Issue times have no fraction: what was issued within this second is before the next one.
    let mut instant = now.plus_secs(1);
    let mut kept: Vec<&Ended> = live.clone();
    kept.retain(|it| it.made_by.is_some_and(|by| by >= instant));
    let before = cut_off.map_or(instant, |it| it.instant.max(instant));
    if fits(&self::document(&names(&kept), Some(before))) {
        instant = before;
    } else {
        // So many are unknown that they do not fit either: nothing is made until they are settled.
        let last = kept.iter().filter_map(|it| it.made_by).max();
        instant = last.map_or(before, |last| before.max(last.plus_secs(1)));
        kept.clear();
    }
    let collapsed = live.iter().filter(|it| !kept.contains(it));
    let sessions_expire = collapsed
        .map(|it| it.sessions_expire)
        .chain(cut_off.map(|it| it.sessions_expire))
        .max()
        .unwrap_or(now);
    Denial::IssuedBefore {
        document: self::document(&names(&kept), Some(instant)),
        cut_off: CutOff {
            instant,
            sessions_expire,
        },
    }
}

fn names<'e>(ended: &[&'e Ended]) -> Vec<&'e str> {
    let mut names: Vec<&str> = ended.iter().map(|it| it.grant.as_str()).collect();
    names.dedup();
    names
}

/// An instant before which every session is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutOff {
    pub instant: Timestamp,
    /// When the last session from before it expires.
    pub sessions_expire: Timestamp,
}

fn document(grants: &[&str], cut_off: Option<Timestamp>) -> String {
    let mut statements = Vec::new();
    if !grants.is_empty() {
        let mut list = String::new();
        for (at, grant) in grants.iter().enumerate() {
            // A grant's id is a name that AWS takes, so it holds nothing to escape.
            let comma = if at == 0 { "" } else { "," };
            let _ = write!(list, "{comma}\"{grant}\"");
        }
        statements.push(format!(
            "{{\"Sid\":\"EndedGrants\",\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\
             \"Condition\":{{\"StringEquals\":{{\"aws:SourceIdentity\":[{list}]}}}}}}"
        ));
    }
    if let Some(instant) = cut_off {
        statements.push(format!(
            "{{\"Sid\":\"IssuedBefore\",\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\
             \"Condition\":{{\"DateLessThan\":{{\"aws:TokenIssueTime\":\"{instant}\"}}}}}}"
        ));
    }
    format!(
        "{{\"Version\":\"2012-10-17\",\"Statement\":[{}]}}",
        statements.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_725_671);

    fn ended(grant: &str, expires_in_secs: i64) -> Ended {
        Ended {
            grant: grant.to_owned(),
            sessions_expire: Timestamp(NOW.0 + expires_in_secs),
            made_by: None,
        }
    }

    fn unknown(grant: &str, made_in_secs: i64) -> Ended {
        Ended {
            made_by: Some(Timestamp(NOW.0 + made_in_secs)),
            ..ended(grant, made_in_secs + 900)
        }
    }

    #[test]
    fn an_entry_stays_until_its_session_has_surely_expired() {
        let given = [
            ended("g-live", 60),
            ended("g-just", -299),
            ended("g-gone", -300),
        ];
        let Denial::Grants { document, grants } = denial(&given, None, CHARS_MAX, NOW) else {
            panic!("expected grants");
        };
        assert_eq!(grants, 2);
        assert!(document.contains("[\"g-just\",\"g-live\"]"), "{document}");
        assert_eq!(
            denial(&[ended("g-gone", -300)], None, CHARS_MAX, NOW),
            Denial::Nothing
        );
    }

    #[test]
    fn the_same_grants_make_the_same_bytes() {
        let one = [ended("b", 60), ended("a", 60), ended("a", 90)];
        let other = [ended("a", 90), ended("b", 60)];
        assert_eq!(
            denial(&one, None, CHARS_MAX, NOW),
            denial(&other, None, CHARS_MAX, NOW)
        );
    }

    #[test]
    fn more_than_fit_are_denied_by_the_instant_and_none_is_dropped() {
        let fits: Vec<Ended> = (0..180)
            .map(|at| ended(&format!("g-{at:026}"), 60))
            .collect();
        assert!(matches!(
            denial(&fits, None, CHARS_MAX, NOW),
            Denial::Grants { grants: 180, .. }
        ));
        let too_many: Vec<Ended> = (0..400)
            .map(|at| ended(&format!("g-{at:026}"), 60))
            .collect();
        let Denial::IssuedBefore { document, cut_off } = denial(&too_many, None, CHARS_MAX, NOW)
        else {
            panic!("expected the instant");
        };
        assert_eq!(cut_off.instant, NOW.plus_secs(1));
        assert_eq!(cut_off.sessions_expire, NOW.plus_secs(60));
        assert!(document.contains("2026-11-26T20:41:12Z"), "{document}");
    }

    #[test]
    fn a_cut_off_never_moves_back_when_the_clock_does() {
        let many: Vec<Ended> = (0..400)
            .map(|at| ended(&format!("g-{at:026}"), 60))
            .collect();
        let cut_off = CutOff {
            instant: Timestamp(NOW.0 + 30),
            sessions_expire: Timestamp(NOW.0 + 100),
        };
        let Denial::IssuedBefore { cut_off: next, .. } =
            denial(&many, Some(cut_off), CHARS_MAX, NOW)
        else {
            panic!("expected the instant");
        };
        assert_eq!(next, cut_off);
    }

    #[test]
    fn a_session_that_may_be_made_after_the_instant_is_denied_by_name_beside_it() {
        let mut many: Vec<Ended> = (0..400)
            .map(|at| ended(&format!("g-{at:026}"), 60))
            .collect();
        many.push(unknown("g-unknown", 600));
        many.push(unknown("g-surely-made-or-not", -1));
        let Denial::IssuedBefore { document, cut_off } = denial(&many, None, CHARS_MAX, NOW) else {
            panic!("expected the instant");
        };
        assert_eq!(cut_off.instant, NOW.plus_secs(1));
        assert!(document.contains("[\"g-unknown\"]"), "{document}");
    }

    #[test]
    fn more_unknown_than_fit_deny_whatever_is_made_until_they_are_settled() {
        let many: Vec<Ended> = (0..400)
            .map(|at| unknown(&format!("g-{at:026}"), at))
            .collect();
        let Denial::IssuedBefore { document, cut_off } = denial(&many, None, CHARS_MAX, NOW) else {
            panic!("expected the instant");
        };
        assert_eq!(cut_off.instant, NOW.plus_secs(400));
        assert_eq!(cut_off.sessions_expire, NOW.plus_secs(399 + 900));
        assert!(!document.contains("SourceIdentity"), "{document}");
    }

    #[test]
    fn a_cut_off_stays_beside_new_entries_until_nobody_is_left_to_deny() {
        let cut_off = CutOff {
            instant: Timestamp(NOW.0 - 100),
            sessions_expire: Timestamp(NOW.0 + 100),
        };
        let Denial::Grants { document, .. } =
            denial(&[ended("g-1", 60)], Some(cut_off), CHARS_MAX, NOW)
        else {
            panic!("expected grants");
        };
        assert!(document.contains("aws:TokenIssueTime"), "{document}");
        let later = Timestamp(NOW.0 + 401);
        assert_eq!(
            denial(&[], Some(cut_off), CHARS_MAX, later),
            Denial::Nothing
        );
    }
}
