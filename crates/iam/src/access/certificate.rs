//! Why one access holds another, written down so that somebody else can check it.
//!
//! A certificate lists, for each box of the contained side, each group of its actions and each of
//! its resource patterns, how every way out of the holding side's boxes is closed. [`Certificate::check`]
//! goes through all boxes anew, without the search, its grouping, its index or its order. What it
//! still trusts is how statements are read into boxes and the operations on one dimension; these
//! are held against brute force and the evaluator.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::evaluate::ResourceSemantics;
use crate::layers::LayerKind;

use super::ask::{BoxId, Closed, Ear, Layer, Side, Start};
use super::budget::{Budget, Exhausted};
use super::scene::Scene;
use super::search::Proof;
use super::state::State;
use super::{Access, Contained, ELSEWHERE, READINGS, Unknown, check, elsewhere};

/// A proof of containment.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// Whether it is about the requests of the domain alone.
    in_domain: bool,
    /// For each reading, for each question in order.
    pub(super) parts: Vec<(ResourceSemantics, Vec<Vec<Closed>>)>,
}

/// Why a certificate does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("it was made for another pair, or a part is missing")]
    Shape,
    #[error("nothing is said about `{actions}` of statement {statement} of `{policy}`")]
    Silent {
        policy: Arc<str>,
        statement: u32,
        actions: String,
    },
    #[error("the proof for `{actions}` of statement {statement} of `{policy}` leaves a way open")]
    Open {
        policy: Arc<str>,
        statement: u32,
        actions: String,
    },
    #[error("checking went beyond its limits")]
    Exhausted,
}

/// One line of a certificate, for people: these actions on this resource are held by those.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub policy: Arc<str>,
    pub statement: u32,
    pub actions: Vec<String>,
    /// Layer, policy and statement of the boxes that the proof goes through.
    pub held_by: Vec<(LayerKind, Arc<str>, u32)>,
}

impl Certificate {
    /// Goes through every box of `inner` and finds that the certificate closes it in `outer`.
    ///
    /// # Errors
    /// The first part that does not hold.
    pub fn check(&self, outer: &Access<'_>, inner: &Access<'_>) -> Result<(), Flaw> {
        if self.parts.len() != READINGS.len() {
            return Err(Flaw::Shape);
        }
        let (layers, exempt) = sides(outer, inner, self.in_domain);
        let layers: Vec<&[Side]> = layers.iter().map(Vec::as_slice).collect();
        for (reading, (own, closed)) in READINGS.into_iter().zip(&self.parts) {
            let questions = outer.outside(&layers, &exempt, reading);
            if reading != *own || questions.len() != closed.len() {
                return Err(Flaw::Shape);
            }
            let mut budget = Budget::new(outer.algebra.limits);
            for (question, closed) in questions.iter().zip(closed) {
                check::question(question, closed, &mut budget)
                    .map_err(|failed| failed.named(outer, inner))?;
            }
        }
        Ok(())
    }

    /// The certificate by the documented reading, in the words of the policies.
    #[must_use]
    pub fn lines(&self, outer: &Access<'_>, inner: &Access<'_>) -> Vec<Line> {
        let documented = self
            .parts
            .iter()
            .take(1)
            .flat_map(|(_, questions)| questions);
        let mut lines: Vec<Line> = documented
            .flatten()
            .filter_map(|closed| line(closed, outer, inner))
            .collect();
        lines.sort();
        lines.dedup();
        lines
    }
}

fn line(closed: &Closed, outer: &Access<'_>, inner: &Access<'_>) -> Option<Line> {
    let (_, policy, statement) = place(closed.start.first, outer, inner)?;
    let mut used = BTreeSet::new();
    for proof in &closed.proofs {
        obstacles(proof, &mut used);
    }
    let held_by = used
        .into_iter()
        .filter_map(|at| place(*closed.obstacles.get(at)?, outer, inner));
    Some(Line {
        policy,
        statement,
        actions: closed
            .start
            .actions
            .iter()
            .map(ToString::to_string)
            .collect(),
        held_by: held_by.collect::<BTreeSet<_>>().into_iter().collect(),
    })
}

fn obstacles(proof: &Proof, used: &mut BTreeSet<usize>) {
    if let Proof::Closed { obstacle, ways } = proof {
        used.insert(*obstacle);
        for proof in ways.iter().flat_map(|(_, proofs)| proofs) {
            obstacles(proof, used);
        }
    }
}

/// Layer, policy and statement of a box.
pub(super) fn place(
    id: BoxId,
    outer: &Access<'_>,
    inner: &Access<'_>,
) -> Option<(LayerKind, Arc<str>, u32)> {
    let access = if id.label.0 & ELSEWHERE == 0 {
        outer
    } else {
        inner
    };
    let label = id.label.0 & !ELSEWHERE;
    let (kind, policy) = access.labels.get(label as usize)?;
    let sides = access.allows.iter().flatten().chain(&access.denies);
    let clause = sides
        .filter(|side| side.label.0 == label)
        .find_map(|side| side.shelf.clauses.get(id.clause as usize))?;
    Some((*kind, policy.clone(), clause.statement))
}

/// The layers of the contained side, the domain's first, and what is no request of it.
fn sides(outer: &Access<'_>, inner: &Access<'_>, in_domain: bool) -> (Vec<Layer>, Layer) {
    let catalogued = inner.algebra.catalogued().filter(|_| in_domain);
    let domain = catalogued.map(|domain| domain.actions_of(&inner.allows));
    let own = inner.allows.iter().map(|layer| elsewhere(layer));
    (
        domain.into_iter().chain(own).collect(),
        outer.exempt(inner, in_domain),
    )
}

impl Access<'_> {
    /// As [`Access::contains`], with the proof if there is one. The proof has been checked: where
    /// the checker refuses it, the answer is unknown.
    pub fn contains_with_certificate(
        &self,
        inner: &Access<'_>,
    ) -> (Contained, Option<Certificate>) {
        self.certified(inner, false)
    }

    /// As [`Access::contains_in_domain`], with the proof if there is one, checked.
    pub fn contains_in_domain_with_certificate(
        &self,
        inner: &Access<'_>,
    ) -> (Contained, Option<Certificate>) {
        self.certified(inner, true)
    }

    fn certified(&self, inner: &Access<'_>, in_domain: bool) -> (Contained, Option<Certificate>) {
        let domain = self.algebra.catalogued().filter(|_| in_domain);
        let answer = self.contains_within(inner, domain);
        if answer != Contained::Proved {
            return (answer, None);
        }
        match self.certificate(inner, domain.is_some()) {
            Ok(certificate) => self.accepted(certificate, inner),
            Err(limit) => (Contained::Unknown(Unknown::Exhausted(limit)), None),
        }
    }

    /// Proved, if the checker says so too.
    fn accepted(
        &self,
        certificate: Certificate,
        inner: &Access<'_>,
    ) -> (Contained, Option<Certificate>) {
        match certificate.check(self, inner) {
            Ok(()) => (Contained::Proved, Some(certificate)),
            Err(flaw) => (Contained::Unknown(Unknown::Uncertified(flaw)), None),
        }
    }

    fn certificate(&self, inner: &Access<'_>, in_domain: bool) -> Result<Certificate, Exhausted> {
        let (layers, exempt) = sides(self, inner, in_domain);
        let layers: Vec<&[Side]> = layers.iter().map(Vec::as_slice).collect();
        let mut parts = Vec::new();
        for reading in READINGS {
            let mut questions = Vec::new();
            for question in self.outside(&layers, &exempt, reading) {
                let mut scribe = Scribe::default();
                let mut budget = Budget::new(self.algebra.limits);
                _ = question.ask(&mut scribe, &mut budget);
                if let Some(limit) = budget.exhausted {
                    return Err(limit);
                }
                questions.push(scribe.closed);
            }
            parts.push((reading, questions));
        }
        Ok(Certificate { in_domain, parts })
    }
}

/// Writes down what is closed.
#[derive(Debug, Default)]
struct Scribe {
    closed: Vec<Closed>,
}

impl Ear for Scribe {
    fn cell(&mut self, _: &State, _: &Scene, _: &Start, _: &mut Budget) -> bool {
        false
    }

    fn wants_proofs(&self) -> bool {
        true
    }

    fn closed(&mut self, closed: Closed) {
        self.closed.push(closed);
    }
}

#[cfg(test)]
mod tests;
