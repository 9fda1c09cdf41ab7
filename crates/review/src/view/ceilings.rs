//! What service control policies that are attached together leave.

use bailiwick_estate::{Id, PolicyDocument};
use bailiwick_iam::{
    access::{Contained, Find, Region},
    layers::{Layers, Level, Policies},
};

use super::View;

impl View<'_> {
    /// Whether it is proved that these policies of one level let everything pass.
    pub(crate) fn limits_nothing(&self, level: &[Id<PolicyDocument>]) -> bool {
        let policies = self.compiled.policies(level.iter().copied());
        self.passes_everything(policies)
    }

    /// Whether it is proved that a policy denies nothing, beside one that allows everything.
    pub(crate) fn denies_nothing(&self, document: Id<PolicyDocument>) -> bool {
        let own = self.compiled.policies([document]);
        let beside = self.stranger();
        self.passes_everything(own.iter().chain(beside.iter()).cloned().collect())
    }

    fn passes_everything(&self, policies: Policies) -> bool {
        let layers = self.under(policies);
        self.algebra.access(&layers, None).is_everything() == Contained::Proved
    }

    /// Whether it is proved that these policies of one level let nothing pass.
    pub(crate) fn allows_nothing(&self, level: &[Id<PolicyDocument>]) -> bool {
        let layers = self.under(self.compiled.policies(level.iter().copied()));
        let found = self
            .algebra
            .access(&layers, None)
            .find(&Region::everything());
        found == Find::Nothing
    }

    /// Somebody who is allowed everything, under one level of SCPs.
    fn under(&self, policies: Policies) -> Layers {
        let level = Level {
            target: "level".into(),
            policies,
        };
        Layers {
            identity: Some(self.stranger()),
            scp: Some([level].into()),
            ..Layers::default()
        }
    }
}
