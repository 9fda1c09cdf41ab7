//! Statements that nearly say otherwise: what the circumstances would have to be for them to.

use crate::{
    layers::{Compiled, LayerKind},
    policy::{Condition, Effect, Version},
};

use super::{
    Decision, Outcome, condition::ConditionTest, hearing::Hearing, program::Rule, truth::Truth,
};

/// Conditions of one statement, and whether each shall hold.
pub(crate) type Wanted = (Version, Vec<(Condition, bool)>);

impl Hearing<'_> {
    /// Whether a condition holds; `None` if it depends.
    pub(crate) fn holds(&self, condition: &Condition, version: Version) -> Option<bool> {
        match ConditionTest::new(condition, version).holds(&self.question) {
            Truth::Yes => Some(true),
            Truth::No => Some(false),
            Truth::Maybe => None,
        }
    }

    /// For each statement that could lead on to an allow if the circumstances were others: its
    /// conditions, and whether they should hold.
    pub(crate) fn near_conditions(&self, decision: &Decision) -> Vec<Wanted> {
        match (decision.outcome, decision.layer) {
            (Outcome::ExplicitDeny | Outcome::Unknown, _) => {
                let of = |because: &super::Because| {
                    let is_open = decision.outcome == Outcome::Unknown;
                    let wanted = is_open && because.effect == Effect::Allow;
                    let matters = because.effect == Effect::Deny || !because.depends_on.is_empty();
                    if !matters {
                        return None;
                    }
                    let compiled =
                        self.all_policies(because.layer)
                            .into_iter()
                            .find(|compiled| {
                                *compiled.name() == because.policy
                                    && compiled.program().is_some_and(|program| {
                                        program
                                            .rule(because.statement)
                                            .is_some_and(|rule| rule.effect == because.effect)
                                    })
                            })?;
                    self.wanted(compiled, because.statement, wanted)
                };
                decision.because.iter().filter_map(of).collect()
            }
            (Outcome::ImplicitDeny, Some(layer)) => {
                let policies = self.all_policies(layer).into_iter();
                policies
                    .flat_map(|compiled| self.near_allows(compiled, layer))
                    .collect()
            }
            (Outcome::ImplicitDeny, None) | (Outcome::Allow, _) => Vec::new(),
        }
    }

    fn near_allows(&self, compiled: &Compiled, layer: LayerKind) -> Vec<Wanted> {
        let Some(program) = compiled.program() else {
            return Vec::new();
        };
        let is_near =
            |rule: &Rule| rule.effect == Effect::Allow && rule.may_match(&self.question, layer);
        program
            .rules_on(&self.question)
            .filter(|(_, rule)| is_near(rule))
            .filter_map(|(place, _)| self.wanted(compiled, place, true))
            .collect()
    }

    /// To hold, a statement needs every condition that does not hold yet; to fail, any.
    fn wanted(&self, compiled: &Compiled, place: usize, wanted: bool) -> Option<Wanted> {
        let policy = compiled.policy()?;
        let said = policy.statements.get(place)?;
        let conditions: Vec<_> = if wanted {
            let failing = compiled.program()?.rule(place)?.failing(&self.question);
            let conditions = failing
                .into_iter()
                .filter_map(|place| said.conditions.get(place));
            conditions
                .map(|condition| (condition.clone(), true))
                .collect()
        } else {
            let conditions = said.conditions.iter();
            conditions
                .map(|condition| (condition.clone(), false))
                .collect()
        };
        Some((policy.version, conditions))
    }

    /// The policies of a layer, of all its levels.
    fn all_policies(&self, layer: LayerKind) -> Vec<&Compiled> {
        let levels = match layer {
            LayerKind::Scp => self.scp.len(),
            LayerKind::Rcp => self.rcp.len(),
            LayerKind::Endpoint
            | LayerKind::Resource
            | LayerKind::Trust
            | LayerKind::Identity
            | LayerKind::Boundary
            | LayerKind::Session => 1,
        };
        (0..levels)
            .flat_map(|level| self.policies(layer, level))
            .map(AsRef::as_ref)
            .collect()
    }
}
