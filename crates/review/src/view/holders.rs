//! Which principals are worth asking about an action.

use std::rc::Rc;

use bailiwick_estate::{Content, PrincipalId};
use bailiwick_iam::{
    arn::AccountId,
    policy::{Effect, Policy, Selection},
};
use rustc_hash::FxHashMap;

use super::View;
use crate::escalation::glob;

impl View<'_> {
    /// Principals of which some statement allows the action on the resource, as far as its words go:
    /// only they are worth asking the evaluator about.
    pub(crate) fn holders(&self, action: &'static str, resource: &str) -> Vec<PrincipalId> {
        let speakers = self.speakers_of(action);
        speakers
            .iter()
            .copied()
            .filter(|&principal| self.names(principal, resource))
            .collect()
    }

    /// Whether a statement of the principal may be about the resource, as far as its words go.
    pub(crate) fn names(&self, principal: PrincipalId, resource: &str) -> bool {
        self.estate
            .identity_policies(principal)
            .into_iter()
            .any(|document| match self.estate.policy(document) {
                // What cannot be read may allow anything; the evaluator says so.
                None => true,
                Some(policy) => policy.statements.iter().any(|it| {
                    it.effect == Effect::Allow
                        && match &it.resources {
                            Some(Selection::Only(patterns)) => patterns.iter().any(|it| {
                                it.value.0.contains("${") || glob::matches(&it.value.0, resource)
                            }),
                            Some(Selection::AllBut(_)) | None => true,
                        }
                }),
            })
    }

    /// Principals with a statement that speaks of the action, or all: those of other accounts than
    /// this first, roles of agents first in each account.
    pub(crate) fn by_surprise(
        &self,
        action: Option<&'static str>,
        home: AccountId,
    ) -> Rc<[PrincipalId]> {
        if let Some(known) = self.surprising.borrow().get(&(action, home)) {
            return Rc::clone(known);
        }
        let mut principals: Vec<_> = match action {
            Some(action) => self.speakers_of(action).to_vec(),
            None => self.estate.principals().collect(),
        };
        let acts = |principal| match principal {
            PrincipalId::Role(role) => self
                .seat_of(role)
                .is_some_and(|seat| !seat.agents.is_empty()),
            PrincipalId::User(_) => false,
        };
        principals.sort_by_cached_key(|&it| (self.estate.account_of(it) == home, !acts(it)));
        let principals: Rc<[PrincipalId]> = principals.into();
        let mut surprising = self.surprising.borrow_mut();
        surprising.insert((action, home), Rc::clone(&principals));
        principals
    }

    /// Principals with a statement that speaks of the action, in the order of the estate.
    pub(crate) fn speakers_of(&self, action: &'static str) -> Rc<[PrincipalId]> {
        if let Some(known) = self.speakers.borrow().get(action) {
            return Rc::clone(known);
        }
        let mut by_text: FxHashMap<usize, bool> = FxHashMap::default();
        let speakers: Rc<[PrincipalId]> = self
            .estate
            .principals()
            .filter(|&principal| {
                let documents = self.estate.identity_policies(principal);
                documents.into_iter().any(|document| {
                    let text = match self.estate.policies.at(document).content {
                        Content::Read(text) => text,
                        Content::Unreadable { .. } | Content::Missing => return true,
                    };
                    *by_text
                        .entry(text.index())
                        .or_insert_with(|| speaks(&self.estate.texts.at(text).policy, action))
                })
            })
            .collect();
        self.speakers
            .borrow_mut()
            .insert(action, Rc::clone(&speakers));
        speakers
    }
}

/// Whether a policy allows the action on something.
fn speaks(policy: &Policy, action: &str) -> bool {
    policy.statements.iter().any(|it| {
        it.effect == Effect::Allow
            && match &it.actions {
                Selection::Only(patterns) => {
                    patterns.iter().any(|it| glob::matches(&it.value.0, action))
                }
                Selection::AllBut(patterns) => {
                    !patterns.iter().any(|it| glob::matches(&it.value.0, action))
                }
            }
    })
}
