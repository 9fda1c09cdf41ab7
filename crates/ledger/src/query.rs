//! Asking a ledger which entries concern something.

use serde_json::Value;

use crate::Record;

/// What an entry must be about. Every condition that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// The grant, or its parent.
    pub grant: Option<String>,
    /// The agent.
    pub agent: Option<String>,
    /// The event, whole (`grant.active`) or up to a dot (`grant`).
    pub event: Option<String>,
    /// The answer: `allow`, `deny`, `step_up`.
    pub effect: Option<String>,
    /// The request.
    pub request: Option<String>,
    /// The session or the trace of the prompt flow.
    pub flow: Option<String>,
    /// The earliest time, in milliseconds since 1970.
    pub from_ms: Option<u64>,
    /// The time before which it was, in milliseconds since 1970.
    pub until_ms: Option<u64>,
}

impl Query {
    /// Whether the entry is about all of it. A field the entry lacks matches nothing.
    pub fn matches(&self, record: &Record) -> bool {
        let Ok(entry) = serde_json::from_str::<Value>(record.text()) else {
            return false;
        };
        let says = |wanted: &Option<String>, places: &[&str]| {
            wanted.as_deref().is_none_or(|wanted| {
                let said = |place: &&str| entry.pointer(place).and_then(Value::as_str);
                places.iter().filter_map(said).any(|said| said == wanted)
            })
        };
        let event = entry.pointer("/event").and_then(Value::as_str);
        let time = entry.pointer("/time_ms").and_then(Value::as_u64);
        says(&self.grant, &["/grant/id", "/grant/parent"])
            && says(&self.agent, &["/agent/id"])
            && says(&self.effect, &["/decision/effect"])
            && says(&self.request, &["/request_id"])
            && says(&self.flow, &["/flow/session", "/flow/trace"])
            && self.event.as_deref().is_none_or(|wanted| {
                event.is_some_and(|event| {
                    let rest = event.strip_prefix(wanted);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                })
            })
            && self
                .from_ms
                .is_none_or(|from| time.is_some_and(|time| time >= from))
            && self
                .until_ms
                .is_none_or(|until| time.is_some_and(|time| time < until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chain, Entry, Grant, Stamp};

    #[test]
    fn every_condition_that_is_given_must_hold() {
        let entry = Entry {
            grant: Some(Grant {
                id: "g1".into(),
                parent: Some("g0".into()),
                ..Grant::default()
            }),
            ..Entry::of("grant.active")
        };
        let stamp = Stamp {
            epoch: 1,
            time_ms: 10,
            replica: "a".into(),
        };
        let record = Chain::default().append(&entry, &stamp).unwrap();
        let check = |query: Query, expected: bool| {
            assert_eq!(query.matches(&record), expected, "{query:?}");
        };
        let some = |text: &str| Some(text.to_owned());
        let any = Query::default;
        check(any(), true);
        check(
            Query {
                grant: some("g1"),
                ..any()
            },
            true,
        );
        check(
            Query {
                grant: some("g0"),
                ..any()
            },
            true,
        );
        check(
            Query {
                grant: some("g"),
                ..any()
            },
            false,
        );
        check(
            Query {
                event: some("grant"),
                ..any()
            },
            true,
        );
        check(
            Query {
                event: some("gran"),
                ..any()
            },
            false,
        );
        check(
            Query {
                event: some("grant.active"),
                from_ms: Some(10),
                until_ms: Some(11),
                ..any()
            },
            true,
        );
        check(
            Query {
                until_ms: Some(10),
                ..any()
            },
            false,
        );
        check(
            Query {
                from_ms: Some(11),
                ..any()
            },
            false,
        );
        check(
            Query {
                agent: some("a"),
                ..any()
            },
            false,
        );
        check(
            Query {
                grant: some("g1"),
                agent: some("a"),
                ..any()
            },
            false,
        );
    }
}
