//! What the answers of a rule hang on, where they are neither yes nor no.

use std::collections::BTreeSet;

use super::{Answer, Proof, Seat, View};
use crate::rule::some_of;

/// What is missing for a yes or a no, gathered over the questions that a rule asks of one subject.
///
/// A rule that finds nothing says with it that it cannot tell; one that finds something adds it as an
/// aside. Either way one finding a subject, however many questions stayed open.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Missing(BTreeSet<String>);

/// Calls that a role may make, and what keeps the others from being told.
#[derive(Debug, Default)]
pub(crate) struct Allowed {
    pub proofs: Vec<Proof>,
    pub missing: Missing,
}

impl Missing {
    /// The proof of a yes. What an unknown hangs on is kept; a no leaves nothing.
    pub(crate) fn proof(&mut self, answer: Answer) -> Option<Proof> {
        match answer {
            Answer::Yes(proof) => Some(proof),
            Answer::No => None,
            Answer::Unknown(missing) => {
                self.0.extend(missing);
                None
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn list(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }

    /// A sentence for a finding that fails without what could not be told; empty where nothing is
    /// missing.
    pub(crate) fn aside(&self) -> String {
        if self.is_empty() {
            return String::new();
        }
        format!(" More of this hangs on {}.", some_of(&self.list(), 4))
    }
}

impl<T: Into<String>> FromIterator<T> for Missing {
    fn from_iter<I: IntoIterator<Item = T>>(missing: I) -> Self {
        Self(missing.into_iter().map(Into::into).collect())
    }
}

impl Allowed {
    /// The actions allowed, each once, in order.
    pub(crate) fn actions(&self) -> Vec<String> {
        let actions: BTreeSet<_> = self.proofs.iter().map(|it| &it.request.action).collect();
        actions.into_iter().cloned().collect()
    }

    /// The resources they are allowed on, each once, in order.
    pub(crate) fn resources(&self) -> Vec<String> {
        let resources: BTreeSet<_> = self.proofs.iter().map(|it| &it.request.resource).collect();
        resources.into_iter().cloned().collect()
    }
}

impl View<'_> {
    /// Which of the calls, an action and a resource each, the role of a seat may make.
    ///
    /// An action of which no policy that can be read speaks is not asked about: what an unreadable
    /// one may grant is EST-01's matter.
    pub(crate) fn allowed<'c>(
        &self,
        seat: &Seat,
        calls: impl IntoIterator<Item = (&'c str, &'c str)>,
    ) -> Allowed {
        let mut allowed = Allowed::default();
        for (action, resource) in calls {
            if self.speaks(seat.role, action) {
                let answer = self.role_can(seat.role, action, resource);
                allowed.proofs.extend(allowed.missing.proof(answer));
            }
        }
        allowed
    }
}
