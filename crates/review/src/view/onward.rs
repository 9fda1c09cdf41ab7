//! The roles that a role may go on to.

use bailiwick_estate::{Id, Role};
use bailiwick_iam::policy::Selection;

use super::{Seat, View};
use crate::escalation::glob;

impl View<'_> {
    /// Roles that the seat's policies speak of assuming, or whose trust policy names the seat's role.
    /// Whether it may is another question.
    pub(crate) fn onward(&self, seat: &Seat) -> Vec<Id<Role>> {
        let own = &self.estate.roles.at(seat.role).arn;
        let patterns: Vec<_> = self
            .grants(seat.role)
            .filter(|(_, _, statement)| match &statement.actions {
                Selection::Only(actions) => actions
                    .iter()
                    .any(|it| glob::matches(&it.value.0, "sts:AssumeRole")),
                Selection::AllBut(_) => true,
            })
            .flat_map(|(_, _, statement)| match &statement.resources {
                Some(Selection::Only(patterns)) => {
                    patterns.iter().map(|it| it.value.0.as_str()).collect()
                }
                Some(Selection::AllBut(_)) => vec!["*"],
                None => Vec::new(),
            })
            .collect();
        let mut found: Vec<_> = self.trusting(own.as_str()).to_vec();
        let spoken_of = self.admitting_many().iter().copied().filter(|&role| {
            let arn = self.estate.roles.at(role).arn.as_str();
            patterns.iter().any(|pattern| glob::matches(pattern, arn))
        });
        found.extend(spoken_of);
        found.retain(|&role| role != seat.role);
        found.sort();
        found.dedup();
        found
    }
}
