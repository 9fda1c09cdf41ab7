//! Variables with a default: `${aws:PrincipalTag/team, 'none'}` is the key's value or, where the key
//! has none, the default. A statement is read for either, so that nothing is left open.

use std::collections::BTreeSet;

use crate::policy::{Selection, Statement, Template, Version};

use super::{Clause, Plurality, Reading, Requirement, absent, kind_of, lower, present};

/// A statement is read once for each choice of which of these variables have a value; with more of
/// them, conditions on them are read as facts.
const DEFAULTS_MAX: usize = 4;

impl Reading<'_> {
    pub(super) fn statement(
        &self,
        statement: &Statement,
        version: Version,
        at: u32,
    ) -> Vec<Clause> {
        let defaulted = self.defaulted(statement, version);
        if defaulted.is_empty() || defaulted.len() > DEFAULTS_MAX {
            return self.boxes(statement, version, at, &[]);
        }
        let mut cases = vec![Case::default()];
        for key in &defaulted {
            cases = cases.iter().flat_map(|case| case.with(key)).collect();
        }
        let boxes = cases.iter().flat_map(|case| {
            let mut known = self.known.clone();
            known.extend(case.absent.iter().map(|key| (key.clone(), None)));
            let reading = Reading {
                known: &known,
                present: &case.present,
                ..*self
            };
            reading.boxes(statement, version, at, &case.requirements())
        });
        boxes.collect()
    }

    /// The keys of variables with a default that may have one value or none.
    fn defaulted(&self, statement: &Statement, version: Version) -> BTreeSet<String> {
        if !version.has_variables() {
            return BTreeSet::new();
        }
        let resources = statement.resources.iter().flat_map(Selection::patterns);
        let values = statement
            .conditions
            .iter()
            .filter(|condition| condition.operator.test.has_variables())
            .flat_map(|condition| &condition.values);
        let texts = resources
            .map(|pattern| &pattern.value.0)
            .chain(values.map(|value| &value.value));
        let mut keys = BTreeSet::new();
        for text in texts.filter(|text| text.contains("${")) {
            let template = Template::parse(text, version);
            let defaulted = template.variables().filter(|(_, it)| it.is_some());
            keys.extend(defaulted.map(|(key, _)| key.to_lowercase()));
        }
        keys.retain(|key| {
            !self.known.contains_key(key) && kind_of(self.vocabulary, key).1 == Plurality::One
        });
        keys
    }
}

/// Which variables with a default have a value, and which have not.
#[derive(Debug, Clone, Default)]
struct Case {
    present: BTreeSet<String>,
    absent: BTreeSet<String>,
}

impl Case {
    fn with(&self, key: &str) -> [Self; 2] {
        let (mut with, mut without) = (self.clone(), self.clone());
        with.present.insert(key.to_owned());
        without.absent.insert(key.to_owned());
        [with, without]
    }

    fn requirements(&self) -> Vec<Requirement> {
        let present = self.present.iter().map(|key| present(&lower(key)));
        let absent = self.absent.iter().map(|key| absent(&lower(key)));
        present.chain(absent).collect()
    }
}
