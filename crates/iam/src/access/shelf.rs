//! The boxes of a policy, found by action.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::policy::{Effect, Policy};

use super::clause::{Clause, Reading};
use super::glob::{COLON, Glob, Token};
use super::text::TextState;

/// A policy as boxes.
#[derive(Debug)]
pub(crate) struct Shelves {
    pub(crate) allows: Arc<Shelf>,
    pub(crate) denies: Arc<Shelf>,
}

impl Shelves {
    pub(crate) fn new(policy: &Policy, reading: Reading<'_>) -> Self {
        Self {
            allows: Arc::new(Shelf::new(reading.clauses(policy, Effect::Allow))),
            denies: Arc::new(Shelf::new(reading.clauses(policy, Effect::Deny))),
        }
    }
}

/// Boxes of one effect, and which of them an action may fall into.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) clauses: Vec<Clause>,
    literals: FxHashMap<Glob, Vec<u32>>,
    /// By service: boxes with patterns in it, and boxes with anything in it.
    patterns: FxHashMap<Box<[Token]>, Vec<(Glob, u32)>>,
    services: FxHashMap<Box<[Token]>, Vec<u32>>,
    /// Patterns whose service is open, and `NotAction`.
    anywhere: Vec<(Glob, u32)>,
    excluding: Vec<u32>,
}

impl Shelf {
    pub(crate) fn new(clauses: Vec<Clause>) -> Self {
        let mut shelf = Self {
            clauses,
            ..Self::default()
        };
        let clauses = std::mem::take(&mut shelf.clauses);
        for (clause, at) in clauses.iter().zip(0..) {
            shelf.place(clause, at);
        }
        shelf.clauses = clauses;
        shelf
    }

    fn place(&mut self, clause: &Clause, at: u32) {
        if clause.actions.complement {
            self.excluding.push(at);
            return;
        }
        for literal in clause.actions.list.literals() {
            self.literals.entry(literal.clone()).or_default().push(at);
            if let Some(service) = service(literal) {
                note(&mut self.services, service, at);
            }
        }
        for pattern in clause.actions.list.patterns() {
            match service(pattern) {
                None => self.anywhere.push((pattern.clone(), at)),
                Some(service) => {
                    note(&mut self.services, service, at);
                    match self.patterns.get_mut(service) {
                        Some(known) => known.push((pattern.clone(), at)),
                        None => {
                            _ = self
                                .patterns
                                .insert(service.into(), vec![(pattern.clone(), at)])
                        }
                    }
                }
            }
        }
    }

    fn admits(&self, at: u32, action: &Glob) -> bool {
        let clause = self.clauses.get(at as usize);
        clause.is_some_and(|clause| TextState::of(action.clone()).may_enter(&clause.actions))
    }

    /// The boxes that an action of this pattern may fall into, in order.
    ///
    /// Of a literal, those it does fall into, no more: literals with the same boxes are asked about
    /// as one.
    pub(crate) fn candidates(&self, action: &Glob) -> SmallVec<[u32; 8]> {
        let mut found = SmallVec::new();
        match service(action) {
            _ if self.clauses.is_empty() => return found,
            Some(service) if action.is_literal() => {
                found.extend(self.literals.get(action).into_iter().flatten().copied());
                let in_service = self.patterns.get(service).into_iter().flatten();
                let matching = in_service
                    .chain(&self.anywhere)
                    .filter(|(pattern, _)| pattern.covers_word(action));
                found.extend(matching.map(|(_, at)| *at));
                let admitting = self.excluding.iter().filter(|at| self.admits(**at, action));
                found.extend(admitting.copied());
            }
            Some(service) => {
                found.extend(self.services.get(service).into_iter().flatten().copied());
                found.extend(self.anywhere.iter().map(|(_, at)| *at));
                found.extend_from_slice(&self.excluding);
            }
            None if action.is_literal() => {
                let all = (0..).take(self.clauses.len());
                found.extend(all.filter(|at| self.admits(*at, action)));
            }
            None => found.extend((0..).take(self.clauses.len())),
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn note(services: &mut FxHashMap<Box<[Token]>, Vec<u32>>, service: &[Token], at: u32) {
    match services.get_mut(service) {
        Some(known) if known.last() == Some(&at) => {}
        Some(known) => known.push(at),
        None => _ = services.insert(service.into(), vec![at]),
    }
}

/// The letters before the colon, if the pattern leaves them no choice.
fn service(action: &Glob) -> Option<&[Token]> {
    let tokens = action.tokens();
    let end = tokens
        .iter()
        .position(|token| !token.is_letter() || *token == COLON)?;
    (tokens.get(end) == Some(&COLON))
        .then(|| tokens.get(..end))
        .flatten()
}
