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

/// What of a role's inline policies may be used for this one. The rest is the role's own.
const CHARS_MAX: usize = ROLE_INLINE_CHARS_MAX * 6 / 10;

/// How much longer than its session an entry stays: clocks differ.
const SKEW_SECS: u32 = 300;

/// A grant that ended while its credentials live.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ended {
    /// The source identity of its sessions.
    pub grant: String,
    /// When AWS knows the last of them no more.
    pub sessions_expire: Timestamp,
}

/// How the sessions of ended grants are denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// There is nothing to deny: the policy is taken away.
    Nothing,
    /// The sessions of these grants, and no others.
    Grants { document: String, grants: usize },
    /// Every session issued before an instant: also those of grants that have not ended. They are
    /// made again.
    IssuedBefore {
        document: String,
        instant: Timestamp,
    },
}

/// Works out the policy of a role.
///
/// `cut_off` is the last instant that was ever used for this role: a cut-off never moves back, and
/// stays until sessions from before it have expired.
#[must_use]
pub fn denial(ended: &[Ended], cut_off: Option<CutOff>, now: Timestamp) -> Denial {
    let cut_off = cut_off.filter(|it| it.sessions_expire.plus_secs(SKEW_SECS) > now);
    let mut grants: Vec<&str> = ended
        .iter()
        .filter(|it| it.sessions_expire.plus_secs(SKEW_SECS) > now)
        .map(|it| it.grant.as_str())
        .collect();
    grants.sort_unstable();
    grants.dedup();
    if grants.is_empty() && cut_off.is_none() {
        return Denial::Nothing;
    }
    let document = document(&grants, cut_off.map(|it| it.instant));
    if document.chars().count() <= CHARS_MAX {
        return match (grants.len(), cut_off) {
            (0, Some(cut_off)) => Denial::IssuedBefore {
                document,
                instant: cut_off.instant,
            },
            (grants, _) => Denial::Grants { document, grants },
        };
    }
    // Issue times have no fraction: what was issued within this second is before the next one.
    let next = now.plus_secs(1);
    let instant = cut_off.map_or(next, |it| it.instant.max(next));
    Denial::IssuedBefore {
        document: self::document(&[], Some(instant)),
        instant,
    }
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
        }
    }

    #[test]
    fn an_entry_stays_until_its_session_has_surely_expired() {
        let given = [
            ended("g-live", 60),
            ended("g-just", -299),
            ended("g-gone", -300),
        ];
        let Denial::Grants { document, grants } = denial(&given, None, NOW) else {
            panic!("expected grants");
        };
        assert_eq!(grants, 2);
        assert!(document.contains("[\"g-just\",\"g-live\"]"), "{document}");
        assert_eq!(denial(&[ended("g-gone", -300)], None, NOW), Denial::Nothing);
    }

    #[test]
    fn the_same_grants_make_the_same_bytes() {
        let one = [ended("b", 60), ended("a", 60), ended("a", 90)];
        let other = [ended("a", 90), ended("b", 60)];
        assert_eq!(denial(&one, None, NOW), denial(&other, None, NOW));
    }

    #[test]
    fn more_than_fit_are_denied_by_the_instant_and_none_is_dropped() {
        let fits: Vec<Ended> = (0..180)
            .map(|at| ended(&format!("g-{at:026}"), 60))
            .collect();
        assert!(matches!(
            denial(&fits, None, NOW),
            Denial::Grants { grants: 180, .. }
        ));
        let too_many: Vec<Ended> = (0..400)
            .map(|at| ended(&format!("g-{at:026}"), 60))
            .collect();
        let Denial::IssuedBefore { document, instant } = denial(&too_many, None, NOW) else {
            panic!("expected the instant");
        };
        assert_eq!(instant, NOW.plus_secs(1));
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
        let Denial::IssuedBefore { instant, .. } = denial(&many, Some(cut_off), NOW) else {
            panic!("expected the instant");
        };
        assert_eq!(instant, cut_off.instant);
    }

    #[test]
    fn a_cut_off_stays_beside_new_entries_until_nobody_is_left_to_deny() {
        let cut_off = CutOff {
            instant: Timestamp(NOW.0 - 100),
            sessions_expire: Timestamp(NOW.0 + 100),
        };
        let Denial::Grants { document, .. } = denial(&[ended("g-1", 60)], Some(cut_off), NOW)
        else {
            panic!("expected grants");
        };
        assert!(document.contains("aws:TokenIssueTime"), "{document}");
        let later = Timestamp(NOW.0 + 401);
        assert_eq!(denial(&[], Some(cut_off), later), Denial::Nothing);
    }
}
