//! A policy made ready to decide: its statements compiled, its actions indexed.

use std::sync::Arc;

use crate::{
    layers::LayerKind,
    policy::{Effect, Policy, Statement},
};

use super::{
    action::ActionIndex,
    condition::ConditionTest,
    principal::{Named, PrincipalTest, speaks_of_principals},
    question::Question,
    resource::ResourceTest,
    truth::{Truth, all},
};

#[derive(Debug, Clone)]
pub(crate) struct Program {
    index: ActionIndex,
    rules: Box<[Rule]>,
}

/// A statement, compiled but for its actions.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) effect: Effect,
    pub(crate) sid: Option<Arc<str>>,
    principals: Option<PrincipalTest>,
    resources: Option<ResourceTest>,
    conditions: Box<[ConditionTest]>,
}

impl Program {
    pub(crate) fn new(policy: &Policy) -> Self {
        let statements = policy.statements.iter();
        Self {
            index: ActionIndex::new(policy),
            rules: statements
                .map(|statement| Rule::new(statement, policy))
                .collect(),
        }
    }

    /// The statements that speak of the action asked for, with their places.
    pub(crate) fn rules_on<'p>(
        &'p self,
        question: &Question<'_>,
    ) -> impl Iterator<Item = (usize, &'p Rule)> {
        self.index
            .covering(&question.action)
            .filter_map(|place| self.rules.get(place).map(|rule| (place, rule)))
    }

    pub(crate) fn rule(&self, place: usize) -> Option<&Rule> {
        self.rules.get(place)
    }
}

impl Rule {
    fn new(statement: &Statement, policy: &Policy) -> Self {
        let conditions = statement.conditions.iter();
        Self {
            effect: statement.effect,
            sid: statement.sid.as_deref().map(Into::into),
            principals: statement.principals.as_ref().map(PrincipalTest::new),
            resources: statement
                .resources
                .as_ref()
                .map(|resources| ResourceTest::new(resources, policy)),
            conditions: conditions
                .map(|condition| ConditionTest::new(condition, policy.version))
                .collect(),
        }
    }

    /// Whether the statement matches, its action aside, and how it names the principal.
    pub(crate) fn matches(&self, question: &Question<'_>, layer: LayerKind) -> Named {
        let resource = self.covers_resource(question, layer);
        if resource == Truth::No {
            return Named::NOT;
        }
        let named = self.names(question, layer);
        if named.at_all() == Truth::No {
            return Named::NOT;
        }
        let conditions = self.conditions.iter();
        let rest = resource.and(all(conditions.map(|test| test.holds(question))));
        Named {
            account: named.account.and(rest),
            role: named.role.and(rest),
            direct: named.direct.and(rest),
        }
    }

    /// The unknown keys on which it depends whether this matches, as policies spell them.
    pub(crate) fn unknown_keys(&self, question: &Question<'_>, layer: LayerKind) -> Vec<String> {
        let mut keys: Vec<String> = self
            .undecided(question)
            .flat_map(|(_, test)| test.unknown_keys(question))
            .collect();
        if let Some(resources) = &self.resources {
            keys.extend(resources.unknown_keys(question, layer));
        }
        keys
    }

    /// The conditions of which it is not known whether they hold, with their places.
    pub(crate) fn undecided(
        &self,
        question: &Question<'_>,
    ) -> impl Iterator<Item = (usize, &ConditionTest)> {
        let conditions = self.conditions.iter().enumerate();
        conditions.filter(|(_, test)| test.holds(question) == Truth::Maybe)
    }

    /// Whether it hangs on conditions alone, or also on who or what is meant.
    pub(crate) fn hangs_on_conditions_alone(
        &self,
        question: &Question<'_>,
        layer: LayerKind,
    ) -> bool {
        self.covers_resource(question, layer) == Truth::Yes
            && self.names(question, layer).at_all() == Truth::Yes
    }

    /// Whether it covers the resource and names the principal, whatever the circumstances.
    pub(crate) fn may_match(&self, question: &Question<'_>, layer: LayerKind) -> bool {
        self.covers_resource(question, layer) != Truth::No
            && self.names(question, layer).at_all() != Truth::No
    }

    /// The places of the conditions that do not hold, or of which it is not known.
    pub(crate) fn failing(&self, question: &Question<'_>) -> Vec<usize> {
        let conditions = self.conditions.iter().enumerate();
        conditions
            .filter(|(_, test)| test.holds(question) != Truth::Yes)
            .map(|(place, _)| place)
            .collect()
    }

    pub(crate) fn names_a_canonical_user(&self) -> bool {
        self.principals
            .as_ref()
            .is_some_and(PrincipalTest::names_a_canonical_user)
    }

    fn covers_resource(&self, question: &Question<'_>, layer: LayerKind) -> Truth {
        match &self.resources {
            Some(test) => test.covers(question, layer),
            // A policy on a resource may leave the resource out: a role's trust policy must. IAM-020
            None => speaks_of_principals(layer).into(),
        }
    }

    // IAM-012
    fn names(&self, question: &Question<'_>, layer: LayerKind) -> Named {
        let everyone = Named {
            direct: Truth::Yes,
            ..Named::NOT
        };
        match (&self.principals, layer) {
            (Some(test), LayerKind::Resource | LayerKind::Trust | LayerKind::Endpoint) => {
                test.names(self.effect, question)
            }
            (None, LayerKind::Resource | LayerKind::Trust) => Named::NOT,
            (None, LayerKind::Endpoint) => everyone,
            (Some(_), LayerKind::Identity | LayerKind::Boundary | LayerKind::Session) => Named::NOT,
            (None, LayerKind::Identity | LayerKind::Boundary | LayerKind::Session) => everyone,
            // A ceiling is for everybody under it, and otherwise speaks the whole language. IAM-003
            (_, LayerKind::Scp | LayerKind::Rcp) => everyone,
        }
    }
}
