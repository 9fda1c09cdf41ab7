//! What would have been decided: a record, asked again under other rules.
//!
//! The same log is shadow mode for rules that are to come and a regression test for those that
//! were. What cannot be decided again, because the record does not hold what the rules ask about,
//! is unknown, and counted as such.

use serde::Serialize;

use crate::{DecodeError, Effect, Entry, Record};

/// What the other rules say of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It would be decided so, for this reason.
    Decided(Effect, String),
    /// The record does not hold what it would be decided on; this is what is missing.
    Unknown(String),
}

/// A decision that the other rules would make otherwise, or cannot make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which entry.
    pub seq: u64,
    /// What was decided.
    pub was: Effect,
    /// What would be; `None` if it cannot be told.
    pub would: Option<Effect>,
    /// Why, or what is missing.
    pub why: String,
}

/// What a whole record came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// Decisions that would be as they were.
    pub same: u64,
    /// Those that would be otherwise.
    pub changed: u64,
    /// Those that cannot be told.
    pub unknown: u64,
}

impl Replay {
    /// Asks `judge` about an entry, if it is a decision, and answers with the difference it makes.
    /// Entries come in their order, so that a judge that counts counts right.
    ///
    /// # Errors
    /// If the entry cannot be read.
    pub fn record(
        &mut self,
        record: &Record,
        judge: impl FnOnce(&Entry) -> Answer,
    ) -> Result<Option<Difference>, DecodeError> {
        let entry = record.entry()?;
        let Some(was) = entry.decision.as_ref().map(|decision| decision.effect) else {
            return Ok(None);
        };
        let (would, why) = match judge(&entry) {
            Answer::Decided(would, _) if would == was => {
                self.same += 1;
                return Ok(None);
            }
            Answer::Decided(would, why) => {
                self.changed += 1;
                (Some(would), why)
            }
            Answer::Unknown(missing) => {
                self.unknown += 1;
                (None, missing)
            }
        };
        Ok(Some(Difference {
            seq: record.seq(),
            was,
            would,
            why,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chain, Decision, Stamp};

    #[test]
    fn what_would_be_otherwise_and_what_cannot_be_told_are_told_apart() {
        let stamp = Stamp {
            epoch: 1,
            time_ms: 1,
            replica: "a".into(),
        };
        let decision = |event: &str, effect| Entry {
            decision: Some(Decision {
                effect,
                policy_ids: Vec::new(),
                policy_version: None,
                errors: Vec::new(),
                obligations: Vec::new(),
            }),
            ..Entry::of(event)
        };
        let entries = [
            Entry::of("grant.active"),
            decision("read", Effect::Allow),
            decision("write", Effect::Allow),
            decision("mail", Effect::Deny),
        ];
        let judge = |entry: &Entry| match entry.event.as_str() {
            "read" => Answer::Decided(Effect::Allow, "as before".into()),
            "write" => Answer::Decided(Effect::Deny, "no task writes".into()),
            other => Answer::Unknown(format!("the arguments of {other}")),
        };
        let (mut chain, mut replay) = (Chain::default(), Replay::default());
        let differences: Vec<_> = entries
            .iter()
            .filter_map(|entry| {
                let record = chain.append(entry, &stamp).unwrap();
                replay.record(&record, judge).unwrap()
            })
            .map(|found| (found.seq, found.would, found.why))
            .collect();
        assert_eq!(
            differences,
            [
                (2, Some(Effect::Deny), "no task writes".to_owned()),
                (3, None, "the arguments of mail".to_owned()),
            ]
        );
        assert_eq!((replay.same, replay.changed, replay.unknown), (1, 1, 1));
    }
}
