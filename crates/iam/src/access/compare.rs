//! How two sets of requests relate, with a request for each side that has one of its own.

use serde::Serialize;

use crate::evaluate::ResourceSemantics;
use crate::request::Request;

use super::{Access, Contained, Find, READINGS, Unknown};

/// How `a` relates to `b`: the first of these that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    Equal,
    /// Everything that `a` allows, `b` allows too.
    Narrower,
    /// Everything that `b` allows, `a` allows too.
    Wider,
    /// No request is allowed by both.
    Disjoint,
    Overlapping,
    /// It could not be told; the reason says why.
    Unknown,
}

/// The answer to `compare`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Over all requests, and under both readings of resource patterns.
    pub relation: Relation,
    /// Over the requests that the domain knows; the same as `relation` without a domain.
    pub catalog_relation: Relation,
    /// A request that `a` allows and `b` does not; of the domain's, if there is one.
    pub only_a: Option<Request>,
    /// A request that `b` allows and `a` does not.
    pub only_b: Option<Request>,
    /// The one reading of resource patterns under which `only_a` shows a difference; none if it does
    /// under both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_a_reading: Option<ResourceSemantics>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_b_reading: Option<ResourceSemantics>,
    /// Why a relation is unknown, or that it hangs on how resource patterns are read.
    pub reason: Option<String>,
}

/// Compares the candidate `a` with the reference `b`. What is claimed to be contained is proved with
/// a certificate that the checker accepts; where it does not, the relation is unknown.
///
/// Both must come from the same [`Algebra`](super::Algebra); `catalog_relation` needs one made with
/// [`Algebra::over`](super::Algebra::over).
#[must_use]
pub fn compare(a: &Access<'_>, b: &Access<'_>) -> Comparison {
    let (a_in_b, _) = b.contains_with_certificate(a);
    let (b_in_a, _) = a.contains_with_certificate(b);
    let universal = Sides::of(a_in_b, b_in_a, || a.meets(b));
    let catalogued = a.algebra.catalogued().map(|domain| {
        let (a_in_b, _) = b.contains_in_domain_with_certificate(a);
        let (b_in_a, _) = a.contains_in_domain_with_certificate(b);
        Sides::of(a_in_b, b_in_a, || a.meets_within(b, Some(domain)))
    });
    let reason = universal
        .reason
        .clone()
        .or_else(|| catalogued.as_ref()?.reason.clone());
    let catalog_relation = catalogued
        .as_ref()
        .map_or(universal.relation, |sides| sides.relation);
    // A request that can be made today reads better than one that only might be.
    let (readable_a, readable_b) =
        catalogued.map_or((None, None), |sides| (sides.only_a, sides.only_b));
    let only_a = plainer(universal.only_a, readable_a, b, a);
    let only_b = plainer(universal.only_b, readable_b, a, b);
    Comparison {
        relation: universal.relation,
        catalog_relation,
        only_a_reading: only_a.as_ref().and_then(|(_, reading)| *reading),
        only_b_reading: only_b.as_ref().and_then(|(_, reading)| *reading),
        only_a: only_a.map(|(request, _)| request),
        only_b: only_b.map(|(request, _)| request),
        reason: reason.map(|reason| reason.to_string()),
    }
}

type Shown = (Request, Option<ResourceSemantics>);

/// Of two witnesses the one that can be made today, unless it alone hangs on one reading.
fn plainer(
    universal: Option<Box<Request>>,
    catalogued: Option<Box<Request>>,
    without: &Access<'_>,
    with: &Access<'_>,
) -> Option<Shown> {
    let shown = |request: Box<Request>| {
        let mut holding = READINGS
            .into_iter()
            .filter(|reading| without.lacks(with, &request, *reading));
        let reading = match (holding.next(), holding.next()) {
            (Some(only), None) => Some(only),
            (None, _) | (Some(_), Some(_)) => None,
        };
        (*request, reading)
    };
    let universal = shown(universal?);
    match catalogued.map(shown) {
        Some(today) if today.1.is_none() || universal.1.is_some() => Some(today),
        Some(_) | None => Some(universal),
    }
}

struct Sides {
    relation: Relation,
    only_a: Option<Box<Request>>,
    only_b: Option<Box<Request>>,
    reason: Option<Unknown>,
}

impl Sides {
    fn of(a_in_b: Contained, b_in_a: Contained, common: impl FnOnce() -> Find) -> Self {
        let (relation, reason) = match (holds(&a_in_b), holds(&b_in_a)) {
            (Some(true), Some(true)) => (Relation::Equal, None),
            (Some(true), Some(false)) => (Relation::Narrower, None),
            (Some(false), Some(true)) => (Relation::Wider, None),
            (Some(false), Some(false)) => match common() {
                Find::Found(_) | Find::Unknown(Unknown::Reading { .. }) => {
                    (Relation::Overlapping, None)
                }
                Find::Nothing => (Relation::Disjoint, None),
                Find::Unknown(why) => (Relation::Unknown, Some(why)),
            },
            (None, _) | (_, None) => (Relation::Unknown, None),
        };
        let reason = reason.or_else(|| why(&a_in_b)).or_else(|| why(&b_in_a));
        Self {
            relation,
            only_a: witness(a_in_b),
            only_b: witness(b_in_a),
            reason,
        }
    }
}

/// A request that only one reading of resource patterns lets through is one request too many.
const fn holds(contained: &Contained) -> Option<bool> {
    match contained {
        Contained::Proved => Some(true),
        Contained::Refuted(_) | Contained::Unknown(Unknown::Reading { .. }) => Some(false),
        Contained::Unknown(
            Unknown::Exhausted(_)
            | Unknown::Unconfirmed { .. }
            | Unknown::Uncertified(_)
            | Unknown::Unreadable { .. },
        ) => None,
    }
}

fn why(contained: &Contained) -> Option<Unknown> {
    match contained {
        Contained::Proved | Contained::Refuted(_) => None,
        Contained::Unknown(why) => Some(why.clone()),
    }
}

fn witness(contained: Contained) -> Option<Box<Request>> {
    match contained {
        Contained::Refuted(request) | Contained::Unknown(Unknown::Reading { witness: request }) => {
            Some(request)
        }
        Contained::Proved | Contained::Unknown(_) => None,
    }
}
