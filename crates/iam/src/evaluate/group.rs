//! What one list of policies says to a request: the first that denies, the first that allows.

use std::sync::Arc;

use crate::{
    layers::{Compiled, LayerKind},
    policy::Effect,
};

use super::{principal::Named, question::Question, truth::Truth};

/// A statement by its place: the policy in its list, the statement in its policy.
pub(crate) type Place = (usize, usize);

/// What a list of policies says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said {
    pub(crate) deny: Truth,
    pub(crate) denied_by: Option<Place>,
    /// How far it allows, for each way in which it may name the one who asks. Layers that name
    /// nobody speak directly.
    pub(crate) allow: Named,
    pub(crate) allowed_by: Option<Place>,
}

impl Said {
    pub(crate) const NOTHING: Self = Self {
        deny: Truth::No,
        denied_by: None,
        allow: Named::NOT,
        allowed_by: None,
    };

    /// Asks every policy of a list, until one denies for certain.
    pub(crate) fn by(
        policies: &[Arc<Compiled>],
        layer: LayerKind,
        question: &Question<'_>,
    ) -> Self {
        let mut said = Self::NOTHING;
        for (policy, compiled) in policies.iter().enumerate() {
            said.hear(policy, compiled, layer, question);
            if said.deny == Truth::Yes {
                break;
            }
        }
        said
    }

    pub(crate) fn hear(
        &mut self,
        policy: usize,
        compiled: &Compiled,
        layer: LayerKind,
        question: &Question<'_>,
    ) {
        let Some(program) = compiled.program() else {
            self.deny = self.deny.or(Truth::Maybe);
            self.allow = most(self.allow, ANYTHING);
            return;
        };
        for (place, rule) in program.rules_on(question) {
            let is_settled = rule.effect == Effect::Allow && self.allow.direct == Truth::Yes;
            if is_settled {
                continue;
            }
            let matched = rule.matches(question, layer);
            match (rule.effect, matched.at_all()) {
                (_, Truth::No) => {}
                (Effect::Deny, Truth::Yes) => {
                    self.deny = Truth::Yes;
                    self.denied_by = Some((policy, place));
                    return;
                }
                (Effect::Deny, Truth::Maybe) => self.deny = Truth::Maybe,
                (Effect::Allow, truth) => {
                    let is_better = truth == Truth::Yes && naming_of(matched) > self.best();
                    if is_better {
                        self.allowed_by = Some((policy, place));
                    }
                    self.allow = most(self.allow, matched);
                }
            }
        }
    }

    fn best(&self) -> u8 {
        naming_of(self.allow)
    }
}

/// What a policy that could not be read may say.
// IAM-046
const ANYTHING: Named = Named {
    account: Truth::Maybe,
    role: Truth::Maybe,
    direct: Truth::Maybe,
};

fn most(one: Named, other: Named) -> Named {
    Named {
        account: one.account.or(other.account),
        role: one.role.or(other.role),
        direct: one.direct.or(other.direct),
    }
}

/// The strongest way of naming that is certain; 0 for none.
fn naming_of(named: Named) -> u8 {
    if named.direct == Truth::Yes {
        3
    } else if named.role == Truth::Yes {
        2
    } else {
        u8::from(named.account == Truth::Yes)
    }
}
