//! The circumstances of a request that a path makes: what is known of them, what its caller
//! chooses, and what nobody can tell from a snapshot.

use bailiwick_estate::{PrincipalId, Tags};
use bailiwick_iam::request::{Context, Values};

/// What is known of the resource a request asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked<'a> {
    /// The caller makes it, or any of its kind will do: its tags and settings are the caller's.
    Chosen,
    /// It exists with these tags.
    Tagged(&'a Tags),
    /// It exists; nothing more is known.
    Existing,
}

/// Who asks for what, where and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) principal: PrincipalId,
    /// The principal's own tags; `None` if it is asked what they might be.
    pub(crate) tags: Option<&'a Tags>,
    /// The service that is asked.
    pub(crate) service: &'a str,
    pub(crate) region: &'a str,
    pub(crate) moment: &'a Moment,
    pub(crate) asked: Asked<'a>,
}

/// The earliest moment at which a request can be made: the date of the catalog. A snapshot says
/// nothing of time, and no clock is asked.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub(crate) iso: String,
    pub(crate) epoch: String,
}

impl Moment {
    /// A time of which nothing is known but that it is after this language was.
    pub(crate) fn unknown() -> Self {
        Self {
            iso: "2012-10-17T00:00:00Z".to_owned(),
            epoch: "1350432000".to_owned(),
        }
    }

    /// The first second of a day written `2026-10-27`.
    pub(crate) fn of_day(day: &str) -> Option<Self> {
        let mut parts = day.splitn(3, '-').map(str::parse::<i64>);
        let (year, month, date) = (
            parts.next()?.ok()?,
            parts.next()?.ok()?,
            parts.next()?.ok()?,
        );
        // Days since 1970, counted in years that begin in March.
        let (year, month) = if month > 2 {
            (year, month - 3)
        } else {
            (year - 1, month + 9)
        };
        let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + date
            - 719_469;
        Some(Self {
            iso: format!("{day}T00:00:00Z"),
            epoch: (days * 86_400).to_string(),
        })
    }
}

/// What a condition key says in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Circumstance {
    Is(String),
    Absent,
    /// The evaluator knows it from principal and resource.
    Follows,
    /// The caller may say what it likes, or nothing.
    Chosen,
    Unknown,
}

/// A context for a request of a principal, so far as these keys go, and those of them that the
/// caller chooses. A key in `fixed` says what stands there, or is absent.
pub(crate) fn context<'k>(
    keys: impl IntoIterator<Item = &'k str>,
    fixed: &[(&str, Option<&str>)],
    scene: Scene<'_>,
) -> (Context, Vec<String>) {
    let mut context = Context::default();
    let mut chosen: Vec<String> = Vec::new();
    for key in keys {
        match circumstance(key, scene) {
            Circumstance::Is(value) => context.set(key, value),
            Circumstance::Absent => context.set(key, Values::Many(Vec::new())),
            Circumstance::Follows => {}
            Circumstance::Chosen => {
                context = context.unknown(key);
                if !chosen.iter().any(|it| it == key) {
                    chosen.push(key.to_owned());
                }
            }
            Circumstance::Unknown => context = context.unknown(key),
        }
    }
    for (key, value) in fixed {
        match value {
            Some(value) => context.set(*key, *value),
            None => context.set(*key, Values::Many(Vec::new())),
        }
        chosen.retain(|it| !it.eq_ignore_ascii_case(key));
    }
    (context, chosen)
}

fn circumstance(key: &str, scene: Scene<'_>) -> Circumstance {
    let is = |value: &str| Circumstance::Is(value.to_owned());
    let (prefix, name) = key.split_once(':').unwrap_or((key, ""));
    if let Some(tag) = name.strip_prefix("resourcetag/") {
        return resource_tag(tag, scene.asked);
    }
    match (prefix, name) {
        (
            "aws",
            "principalarn"
            | "principalaccount"
            | "principaltype"
            | "resourceaccount"
            | "userid"
            | "username"
            | "principalisawsservice",
        ) => Circumstance::Follows,
        ("aws", "requestedregion") => is(scene.region),
        ("aws", "securetransport") => is("true"),
        ("aws", "viaawsservice") => is("false"),
        // These are set only where a service asks for somebody.
        (
            "aws",
            "sourcearn"
            | "sourceaccount"
            | "sourceorgid"
            | "sourceorgpaths"
            | "calledvia"
            | "calledviafirst"
            | "calledvialast"
            | "principalservicename"
            | "principalservicenameslist",
        ) => Circumstance::Absent,
        ("aws", "currenttime") => is(&scene.moment.iso),
        ("aws", "epochtime") => is(&scene.moment.epoch),
        // A user's own keys have no session; credentials of a role are as young as one likes.
        ("aws", "tokenissuetime") => match scene.principal {
            PrincipalId::User(_) => Circumstance::Absent,
            PrincipalId::Role(_) => is(&scene.moment.iso),
        },
        ("aws", "useragent" | "referer" | "tagkeys") | ("sts", _) => Circumstance::Chosen,
        ("aws", name) if name.starts_with("requesttag/") => Circumstance::Chosen,
        ("aws", name) if name.starts_with("principaltag/") => {
            let tag = name.trim_start_matches("principaltag/");
            match scene.tags {
                Some(tags) => tagged(tags, tag).map_or(Circumstance::Absent, Circumstance::Is),
                None => Circumstance::Chosen,
            }
        }
        ("iam", "passedtoservice") => Circumstance::Absent,
        // It follows from what the role is passed for, which no path says in full.
        ("iam", "associatedresourcearn") => Circumstance::Unknown,
        ("iam", "policyarn") => Circumstance::Absent,
        (prefix, _) if prefix == scene.service => match scene.asked {
            Asked::Chosen => Circumstance::Chosen,
            Asked::Tagged(_) | Asked::Existing => Circumstance::Unknown,
        },
        // Another service's key is in no request of this one.
        (prefix, _) if prefix != "aws" && !prefix.contains('.') => Circumstance::Absent,
        _ => Circumstance::Unknown,
    }
}

fn resource_tag(tag: &str, asked: Asked<'_>) -> Circumstance {
    match asked {
        Asked::Chosen => Circumstance::Chosen,
        Asked::Tagged(tags) => tagged(tags, tag).map_or(Circumstance::Absent, Circumstance::Is),
        Asked::Existing => Circumstance::Unknown,
    }
}

// Tag keys in condition keys are compared without regard to case. IAM-022
pub(crate) fn tagged(tags: &Tags, key: &str) -> Option<String> {
    let mut tags = tags.iter();
    let found = tags.find(|(tag, _)| tag.eq_ignore_ascii_case(key));
    found.map(|(_, value)| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_its_epoch() {
        let epoch = |day| Moment::of_day(day).unwrap().epoch;
        assert_eq!(epoch("1970-01-01"), "0");
        assert_eq!(epoch("2000-02-29"), "951782400");
        assert_eq!(epoch("2026-10-27"), "1793059200");
        assert!(Moment::of_day("2026-10").is_none());
    }
}
