//! Whether a role may use a resource at all, and how.

use bailiwick_estate::{Id, Resource, Role};
use bailiwick_iam::policy::{ResourcePattern, Selection};

use super::{Known, Missing, Proof, View, sample::instance};
use crate::escalation::glob;

/// Of each pattern of actions, so many are tried, the deepest-cutting first.
const TRIED_MAX: usize = 30;

impl View<'_> {
    /// A use of the resource that the role is allowed, and whether it changes something: a change
    /// before a read. What keeps it from being told goes to `missing`.
    pub(crate) fn use_of(
        &self,
        role: Id<Role>,
        resource: &Resource,
        missing: &mut Missing,
    ) -> Option<(Proof, bool)> {
        let prefix = format!("{}:", resource.arn.service());
        let every = format!("{prefix}*");
        let mut best: Option<(Proof, bool)> = None;
        for (_, _, statement) in self.grants(role) {
            // What is not left out is granted; the evaluator says what that is.
            let actions: Vec<&str> = match &statement.actions {
                Selection::Only(actions) => actions.iter().map(|it| it.value.0.as_str()).collect(),
                Selection::AllBut(_) => vec![every.as_str()],
            };
            let Some(target) = target(statement.resources.as_ref(), resource) else {
                continue;
            };
            for pattern in actions {
                let known = self.expanded(pattern);
                let relevant = |it: &&Known| it.has_resources && it.name.starts_with(&prefix);
                for action in known.iter().filter(relevant).take(TRIED_MAX) {
                    let adds_nothing = best
                        .as_ref()
                        .is_some_and(|(_, mutates)| *mutates || !action.mutates());
                    if adds_nothing || !self.works_on(&action.name, &target) {
                        continue;
                    }
                    let answer = self.role_can(role, &action.name, &target);
                    if let Some(proof) = missing.proof(answer) {
                        best = Some((proof, action.mutates()));
                    }
                }
            }
        }
        best
    }
}

/// The part of the resource that a statement speaks of, if it speaks of it.
fn target(patterns: Option<&Selection<ResourcePattern>>, resource: &Resource) -> Option<String> {
    let arn = resource.arn.as_str();
    let object = format!("{arn}/any");
    match patterns {
        Some(Selection::Only(patterns)) => {
            patterns
                .iter()
                .map(|it| it.value.0.as_str())
                .find_map(|pattern| {
                    if pattern.starts_with(&format!("{arn}/")) {
                        instance(pattern, resource.account?)
                    } else if resource.arn.service() == "s3" && glob::matches(pattern, &object) {
                        Some(object.clone())
                    } else {
                        glob::matches(pattern, arn).then(|| arn.to_owned())
                    }
                })
        }
        Some(Selection::AllBut(_)) => Some(arn.to_owned()),
        None => None,
    }
}
