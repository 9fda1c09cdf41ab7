//! What an unknown answer hangs on, and no more.
//!
//! The parts of an answer that are themselves unknown are few. Each is tried both ways beside every
//! way the others can turn out; a part that never changes the answer is not missing anything.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    layers::{Compiled, LayerKind, Level},
    policy::{Condition, Effect},
};

use super::{
    Because, Outcome, Unreadable, combine::Slots, hearing::Hearing,
    principal::speaks_of_principals, program::Rule, question::Question, truth::Truth,
};

/// What an unknown answer hangs on.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    pub(crate) keys: Vec<String>,
    pub(crate) statements: Vec<Because>,
    pub(crate) unreadable: Vec<Unreadable>,
}

/// An undecided statement, or a policy that could not be read.
struct Doubt<'h> {
    layer: LayerKind,
    compiled: &'h Compiled,
    rule: Option<(usize, &'h Rule)>,
}

impl Missing {
    pub(crate) fn of(hearing: &Hearing<'_>) -> Self {
        let matters = slots_that_matter(hearing);
        let mut found = Self::default();
        for (layer, policies) in lists(hearing) {
            let mut doubts = Vec::new();
            for compiled in policies {
                doubts.extend(doubts_in(compiled, layer, hearing));
            }
            doubts.retain(|doubt| matters_in(doubt, &matters));
            drop_the_absorbed(&mut doubts, &hearing.question);
            for doubt in doubts {
                found.note(&doubt, hearing);
            }
        }
        found.keys = once_each(std::mem::take(&mut found.keys));
        found.unreadable.sort();
        found.unreadable.dedup();
        found
    }

    /// Keeps only these of the keys.
    pub(crate) fn keep(&mut self, keys: &[String]) {
        self.keys.retain(|key| keys.contains(key));
        for because in &mut self.statements {
            because.depends_on.retain(|key| keys.contains(key));
        }
    }

    fn note(&mut self, doubt: &Doubt<'_>, hearing: &Hearing<'_>) {
        let policy = doubt.compiled.name();
        let why_unreadable = doubt.compiled.why_unreadable().cloned();
        let mut unreadable = |why| {
            self.unreadable.push(Unreadable {
                layer: doubt.layer,
                policy: policy.clone(),
                why,
            });
        };
        if let Some(why) = why_unreadable {
            unreadable(why);
        }
        let Some((statement, rule)) = doubt.rule else {
            return;
        };
        let question = &hearing.question;
        let keys = once_each(rule.unknown_keys(question, doubt.layer));
        // IAM-047
        let hangs_on_whom =
            rule.names_a_canonical_user() && !rule.hangs_on_conditions_alone(question, doubt.layer);
        if hangs_on_whom {
            unreadable("it is not known whose canonical user id it names".into());
        }
        if doubt.layer == LayerKind::Rcp && hearing.rcp_applies == Truth::Maybe {
            unreadable("it is not known whether RCPs apply to this service".into());
        }
        self.keys.extend(keys.iter().cloned());
        self.statements.push(Because {
            layer: doubt.layer,
            policy: policy.clone(),
            statement,
            sid: rule.sid.clone(),
            effect: rule.effect,
            depends_on: keys,
        });
    }
}

/// The slots, in the order of [`Slots::each`], that can change the answer.
// IAM-044
fn slots_that_matter(hearing: &Hearing<'_>) -> [bool; Slots::COUNT] {
    let each = hearing.slots().each();
    let open: Vec<usize> = (0..Slots::COUNT)
        .filter(|&slot| each.get(slot) == Some(&Truth::Maybe))
        .collect();
    let answer = |choice: u32| {
        let mut tried = each;
        for (bit, &slot) in open.iter().enumerate() {
            if let Some(truth) = tried.get_mut(slot) {
                *truth = (choice >> bit & 1 == 1).into();
            }
        }
        Slots::from_each(tried).outcome(hearing.sides) == Outcome::Allow
    };
    let mut matters = [false; Slots::COUNT];
    for (bit, &slot) in open.iter().enumerate() {
        let pivotal =
            (0..1_u32 << open.len()).any(|choice| answer(choice) != answer(choice ^ 1 << bit));
        if let Some(slot) = matters.get_mut(slot) {
            *slot = pivotal;
        }
    }
    matters
}

fn matters_in(doubt: &Doubt<'_>, matters: &[bool; Slots::COUNT]) -> bool {
    let [
        deny,
        scp,
        endpoint,
        account,
        role,
        direct,
        identity,
        boundary,
        session,
    ] = *matters;
    let allow = match doubt.layer {
        LayerKind::Rcp => false,
        LayerKind::Scp => scp,
        LayerKind::Endpoint => endpoint,
        LayerKind::Resource | LayerKind::Trust => account || role || direct,
        LayerKind::Identity => identity,
        LayerKind::Boundary => boundary,
        LayerKind::Session => session,
    };
    match doubt.rule.map(|(_, rule)| rule.effect) {
        Some(Effect::Deny) => deny,
        Some(Effect::Allow) => allow,
        None => deny || allow,
    }
}

/// Every list of policies that was asked, in AWS's order.
pub(crate) fn lists<'h>(hearing: &'h Hearing<'_>) -> Vec<(LayerKind, Vec<&'h Compiled>)> {
    let layers = hearing.layers;
    let mut lists: Vec<(LayerKind, Vec<&Compiled>)> = Vec::new();
    let mut add = |layer, policies: &'h [Arc<Compiled>]| {
        lists.push((layer, policies.iter().map(AsRef::as_ref).collect()));
    };
    let levels = |levels: &'h Option<Arc<[Level]>>| levels.as_deref().unwrap_or_default();
    for (level, _) in levels(&layers.rcp).iter().zip(&hearing.rcp) {
        add(LayerKind::Rcp, &level.policies);
    }
    for (level, said) in levels(&layers.scp).iter().zip(&hearing.scp) {
        let is_open = said.allow.direct == Truth::Maybe || said.deny == Truth::Maybe;
        if is_open {
            add(LayerKind::Scp, &level.policies);
        }
    }
    for (layer, _) in hearing.asked_once() {
        match layer {
            LayerKind::Endpoint => add(layer, layers.endpoint.as_deref().unwrap_or_default()),
            LayerKind::Identity => add(layer, layers.identity.as_deref().unwrap_or_default()),
            LayerKind::Boundary => add(layer, layers.boundary.as_deref().unwrap_or_default()),
            LayerKind::Session => add(layer, layers.session.as_deref().unwrap_or_default()),
            LayerKind::Resource | LayerKind::Trust => {
                add(layer, layers.resource.as_slice());
            }
            LayerKind::Rcp | LayerKind::Scp => {}
        }
    }
    lists
}

fn doubts_in<'h>(
    compiled: &'h Compiled,
    layer: LayerKind,
    hearing: &Hearing<'_>,
) -> Vec<Doubt<'h>> {
    let Some(program) = compiled.program() else {
        return vec![Doubt {
            layer,
            compiled,
            rule: None,
        }];
    };
    let question = &hearing.question;
    let may_be_moot = layer == LayerKind::Rcp && hearing.rcp_applies == Truth::Maybe;
    program
        .rules_on(question)
        .filter(|(_, rule)| {
            let named = rule.matches(question, layer);
            let is_doubtful = [named.account, named.role, named.direct].contains(&Truth::Maybe);
            let denies = rule.effect == Effect::Deny && named.at_all() == Truth::Yes;
            is_doubtful && named.at_all() == Truth::Maybe || may_be_moot && denies
        })
        .map(|rule| Doubt {
            layer,
            compiled,
            rule: Some(rule),
        })
        .collect()
}

/// What a statement still needs in order to match.
struct Needs<'h> {
    effect: Effect,
    conditions: Vec<&'h Condition>,
}

/// A statement that needs all that another of the same effect needs, and more, adds nothing: where
/// it matches, the other does too.
fn drop_the_absorbed(doubts: &mut Vec<Doubt<'_>>, question: &Question<'_>) {
    let needs: Vec<_> = doubts
        .iter()
        .map(|doubt| needs_of(doubt, question))
        .collect();
    let mut index = 0;
    doubts.retain(|_| {
        let is_kept = !is_absorbed(index, &needs);
        index += 1;
        is_kept
    });
}

fn needs_of<'h>(doubt: &Doubt<'h>, question: &Question<'_>) -> Option<Needs<'h>> {
    let (place, rule) = doubt.rule?;
    // Two grants of a resource's policy may name the principal in ways of different worth.
    let by_conditions_alone = rule.hangs_on_conditions_alone(question, doubt.layer)
        && !(speaks_of_principals(doubt.layer) && rule.effect == Effect::Allow);
    if !by_conditions_alone {
        return None;
    }
    let said = doubt.compiled.policy()?.statements.get(place)?;
    let condition = |(index, _)| said.conditions.get(index);
    Some(Needs {
        effect: rule.effect,
        conditions: rule.undecided(question).filter_map(condition).collect(),
    })
}

fn is_absorbed(index: usize, needs: &[Option<Needs<'_>>]) -> bool {
    let Some(Some(own)) = needs.get(index) else {
        return false;
    };
    needs.iter().enumerate().any(|(place, other)| {
        let Some(other) = other.as_ref().filter(|_| place != index) else {
            return false;
        };
        let needs_no_more = other.effect == own.effect
            && other
                .conditions
                .iter()
                .all(|need| own.conditions.contains(need));
        let needs_the_same = needs_no_more && other.conditions.len() == own.conditions.len();
        needs_no_more && (!needs_the_same || place < index)
    })
}

/// The keys sorted, each in the spelling met first.
fn once_each(keys: Vec<String>) -> Vec<String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for key in keys {
        found.entry(key.to_ascii_lowercase()).or_insert(key);
    }
    found.into_values().collect()
}
