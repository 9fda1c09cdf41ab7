//! The requests that can be made today: each known action on the resources it takes.
//!
//! A proof over the domain says "no effective new access as of this catalog"; a proof over all
//! requests outlives the next action that AWS adds. Both are reported, and gates use the latter.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::ask::{Label, Layer, Side};
use super::clause::{Clause, action_glob, resource_globs};
use super::glob::Glob;
use super::shelf::Shelf;
use super::text::TextSet;

/// What can be asked for. The catalog implements this.
pub trait Domain: fmt::Debug {
    /// Every known action.
    fn actions(&self) -> Vec<DomainAction>;
}

/// A known action and the resources it can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DomainAction {
    /// `service:Name`.
    pub name: String,
    /// ARN patterns with `*` where a name stands. `*` alone where no resource is named.
    pub resources: Vec<String>,
}

/// The domain as boxes: actions with the same resources share one.
#[derive(Debug)]
pub(crate) struct Catalogued {
    /// By service, in lower case.
    services: BTreeMap<String, Side>,
}

/// Above the labels of any access.
const FIRST_LABEL: u32 = 1 << 31;

impl Catalogued {
    pub(crate) fn new(domain: &dyn Domain) -> Self {
        let mut boxes: BTreeMap<String, BTreeMap<Vec<String>, Vec<Glob>>> = BTreeMap::new();
        for mut action in domain.actions() {
            let lowered = action.name.to_ascii_lowercase();
            let service = lowered.split(':').next().unwrap_or_default().to_owned();
            action.resources.sort_unstable();
            action.resources.dedup();
            let alike = boxes
                .entry(service)
                .or_default()
                .entry(action.resources)
                .or_default();
            alike.push(action_glob(&lowered));
        }
        let services = boxes
            .into_iter()
            .zip(FIRST_LABEL..)
            .map(|((service, boxes), label)| {
                let clauses = boxes
                    .into_iter()
                    .map(|(resources, actions)| clause(&resources, actions));
                let shelf = Arc::new(Shelf::new(clauses.collect()));
                (
                    service,
                    Side {
                        shelf,
                        label: Label(label),
                    },
                )
            })
            .collect();
        Self { services }
    }

    /// The boxes that the first of these layers can reach.
    pub(crate) fn actions_of(&self, layers: &[Layer]) -> Layer {
        let first = layers.first().map(Vec::as_slice).unwrap_or_default();
        self.services
            .iter()
            .filter(|(service, _)| {
                let all = Glob::parse(&format!("{service}:*"));
                first
                    .iter()
                    .any(|side| !side.shelf.candidates(&all).is_empty())
            })
            .map(|(_, side)| side.clone())
            .collect()
    }
}

fn clause(resources: &[String], actions: Vec<Glob>) -> Clause {
    let (flat, segmented): (Vec<Glob>, Vec<Option<Glob>>) = resources
        .iter()
        .map(|resource| resource_globs_or_none(resource))
        .unzip();
    Clause {
        actions: TextSet::new(false, actions),
        segmented: TextSet::new(false, segmented.into_iter().flatten()),
        flat: TextSet::new(false, flat),
        principals: None,
        requirements: Vec::new(),
        statement: 0,
    }
}

/// A request for no resource asks for the text `*`, which is not a pattern here.
fn resource_globs_or_none(resource: &str) -> (Glob, Option<Glob>) {
    if resource == "*" {
        let none = Glob::literal("*");
        return (none.clone(), Some(none));
    }
    // The realistic requests have ARNs in either reading.
    let (_, segmented) = resource_globs(resource);
    (
        segmented.clone().unwrap_or_else(|| Glob::parse(resource)),
        segmented,
    )
}
