//! A region of requests, as others ask about it.

use std::sync::Arc;

use super::clause::{Clause, Requirement, Values, action_glob, lower, resource_globs};
use super::glob::Glob;
use super::text::TextSet;
use super::values::Predicate;

/// Some actions on some resources, in some circumstances.
///
/// Actions and resources may hold `*` and `?`; any of them will do. A resource pattern is read by
/// its segments, and one without colons such as `*` is everything. Keys that are not mentioned are
/// free: absent or of any value.
///
/// ```
/// use bailiwick_iam::access::Region;
///
/// let passes_to_lambda = Region::new(["iam:PassRole"], ["arn:aws:iam::111122223333:role/admin"])
///     .with("iam:PassedToService", "lambda.amazonaws.com");
/// ```
#[derive(Debug, Clone)]
pub struct Region {
    pub(crate) clause: Clause,
}

impl Region {
    /// Any of the actions on any of the resources.
    #[must_use]
    pub fn new<A: AsRef<str>, R: AsRef<str>>(
        actions: impl IntoIterator<Item = A>,
        resources: impl IntoIterator<Item = R>,
    ) -> Self {
        let (flat, segmented): (Vec<Glob>, Vec<Option<Glob>>) = resources
            .into_iter()
            .map(|pattern| resource_globs(pattern.as_ref()))
            .unzip();
        let flat = TextSet::new(false, flat);
        let segmented = TextSet::new(false, segmented.into_iter().flatten());
        let actions = TextSet::new(
            false,
            actions
                .into_iter()
                .map(|action| action_glob(action.as_ref())),
        );
        Self {
            clause: Clause {
                actions,
                segmented,
                flat,
                principals: None,
                requirements: Vec::new(),
                statement: 0,
            },
        }
    }

    /// Every action on every resource.
    #[must_use]
    pub fn everything() -> Self {
        Self::new(["*"], ["*"])
    }

    /// Where the key has this value; of a key with several values, among others.
    #[must_use]
    pub fn with(self, key: &str, value: &str) -> Self {
        self.among(key, [value])
    }

    /// Where the key has one of these values.
    #[must_use]
    pub fn among<'t>(self, key: &str, values: impl IntoIterator<Item = &'t str>) -> Self {
        let predicates = values
            .into_iter()
            .map(|value| Predicate::Text(Glob::literal(value)))
            .collect();
        self.require(key, false, predicates, false)
    }

    /// Where the key has a value that the pattern matches.
    #[must_use]
    pub fn like(self, key: &str, pattern: &str) -> Self {
        self.require(
            key,
            false,
            vec![Predicate::Text(Glob::parse(pattern))],
            false,
        )
    }

    /// Where the key is absent.
    #[must_use]
    pub fn without(self, key: &str) -> Self {
        self.require(key, false, Vec::new(), true)
    }

    fn require(
        mut self,
        key: &str,
        all: bool,
        mut predicates: Vec<Predicate>,
        when_absent: bool,
    ) -> Self {
        predicates.sort_unstable();
        predicates.dedup();
        self.clause.requirements.push(Requirement::Values(Values {
            key: lower(key),
            all,
            complement: false,
            predicates: Arc::from(predicates),
            within: None,
            when_absent,
            set_operator: false,
        }));
        self.clause.requirements.sort_unstable();
        self
    }
}
