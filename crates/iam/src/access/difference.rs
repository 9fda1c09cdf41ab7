//! What one access has that another lacks, for people: few lines, each with a request that shows it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::evaluate::{Outcome, ResourceSemantics};
use crate::request::Request;

use super::ask::{Ear, Layer, Side, Start};
use super::budget::{Budget, Limits};
use super::clause::{action_covers, resource_covers};
use super::domain::Catalogued;
use super::glob::Glob;
use super::scene::Scene;
use super::state::State;
use super::text::TextState;
use super::{Access, Looked, Region, denies, elsewhere, witness};
use crate::policy::Version;

/// What one side has and the other lacks, under the documented reading of resource patterns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub lines: Vec<Line>,
    /// Lines that were found and are not shown.
    pub more: usize,
    /// Whether there may be more than was found: a limit was reached, or a request could not be
    /// spelled.
    pub incomplete: bool,
}

/// Actions on resources that only one side allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    pub actions: Vec<String>,
    /// What a `NotAction` leaves out of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions_except: Vec<String>,
    /// Patterns; the other side may allow a part of what they match.
    pub resources: Vec<String>,
    /// What a `NotResource` leaves out of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources_except: Vec<String>,
    /// Requests with these keys are among them, as the witness shows.
    pub keys: Vec<String>,
    pub witness: Request,
}

/// Search nodes for a better request of one line.
const TODAY_NODES_MAX: u32 = 2_000;

/// Search nodes for a difference: each leaf is one more line, and nobody reads thousands.
const NODES_MAX: u32 = 20_000;

impl Access<'_> {
    /// What this access has that the other lacks, in at most so many lines.
    #[must_use]
    pub fn beyond(&self, other: &Access<'_>, lines_max: usize) -> Difference {
        let layers: Vec<Layer> = self.allows.iter().map(|layer| elsewhere(layer)).collect();
        let layers: Vec<&[Side]> = layers.iter().map(Vec::as_slice).collect();
        let exempt = elsewhere(&self.denies);
        let reading = ResourceSemantics::Segmented;
        let limits = other.algebra.limits;
        let mut budget = Budget::new(Limits {
            search_nodes: limits.search_nodes.min(NODES_MAX),
            ..limits
        });
        let mut collector = Collector {
            ours: self,
            theirs: other,
            found: BTreeMap::new(),
            refused: false,
        };
        for question in other.outside(&layers, &exempt, reading) {
            _ = question.ask(&mut collector, &mut budget);
        }
        let incomplete = collector.refused || budget.exhausted.is_some();
        let mut lines = merged(collector.found.into_values().collect());
        let more = lines.len().saturating_sub(lines_max);
        lines.truncate(lines_max);
        if let Some(domain) = self.algebra.catalogued() {
            for line in &mut lines {
                self.show_today(line, other, domain);
            }
        }
        Difference {
            lines,
            more,
            incomplete,
        }
    }
}

impl Access<'_> {
    /// Puts a request that can be made today in place of the line's, if there is one.
    fn show_today(&self, line: &mut Line, other: &Access<'_>, domain: &Catalogued) {
        if line.resources.iter().any(|text| text.contains("${")) {
            return;
        }
        let within = self.region_layer(&Region::new(&line.actions, &line.resources));
        let today = domain.actions_of(std::slice::from_ref(&within));
        let own: Vec<Layer> = self.allows.iter().map(|layer| elsewhere(layer)).collect();
        let layers = [&today, &within].into_iter().chain(&own);
        let layers: Vec<&[Side]> = layers.map(Vec::as_slice).collect();
        let exempt = other.exempt(self, true);
        let accept = |request: &Request, reading| other.lacks(self, request, reading);
        let mut budget = Budget::new(Limits {
            search_nodes: TODAY_NODES_MAX,
            ..self.algebra.limits
        });
        let reading = ResourceSemantics::Segmented;
        if let Looked::Found(found) =
            other.look_outside(&layers, &exempt, reading, &accept, &mut budget)
        {
            line.witness = self.respelled(*found);
        }
    }
}

/// Takes one request from each start.
struct Collector<'a> {
    ours: &'a Access<'a>,
    theirs: &'a Access<'a>,
    found: BTreeMap<Start, Line>,
    refused: bool,
}

impl Ear for Collector<'_> {
    fn cell(&mut self, state: &State, scene: &Scene, start: &Start, budget: &mut Budget) -> bool {
        if self.found.contains_key(start) {
            return false;
        }
        let reading = ResourceSemantics::Segmented;
        for attempt in 0..witness::ATTEMPTS {
            let principal = self.ours.principal.as_ref();
            let Some(request) = witness::request(state, scene, principal, attempt, budget) else {
                continue;
            };
            let shows = self.ours.permits(&request, reading) == Outcome::Allow
                && denies(self.theirs.permits(&request, reading));
            if shows {
                let line = self.line(state, start, request);
                self.found.insert(start.clone(), line);
                return false;
            }
        }
        self.refused = true;
        false
    }
}

impl Collector<'_> {
    fn line(&self, state: &State, start: &Start, request: Request) -> Line {
        let witness = self.ours.respelled(request);
        let spelled = |action: &Glob| self.ours.spelled_action(action);
        let (actions, actions_except) = if start.actions.is_empty() {
            (
                patterns(&state.action, &spelled),
                named(&state.action, &spelled),
            )
        } else {
            (start.actions.iter().map(spelled).collect(), Vec::new())
        };
        let resources_except = match start.resource {
            Some(_) => Vec::new(),
            None => named(&state.resource, &Glob::to_string),
        };
        Line {
            actions,
            actions_except,
            resources: patterns(&state.resource, &Glob::to_string),
            resources_except,
            keys: witness
                .context
                .iter()
                .map(|(key, _)| key.to_owned())
                .collect(),
            witness,
        }
    }
}

fn patterns(state: &TextState, spelled: &dyn Fn(&Glob) -> String) -> Vec<String> {
    match state.positive.as_slice() {
        [] => vec!["*".to_owned()],
        several => several.iter().map(spelled).collect(),
    }
}

/// What a `NotAction` or a `NotResource` names, which is the first that was taken out, as far as it
/// takes something of what is left.
fn named(state: &TextState, spelled: &dyn Fn(&Glob) -> String) -> Vec<String> {
    let named = state.negative.iter().take(1).flat_map(|named| named.all());
    let near = named.filter(|out| state.positive.iter().all(|own| own.meets(out)));
    near.map(spelled).collect()
}

/// What lines are put together by.
type Part = (Vec<String>, Vec<String>, Vec<String>);

impl Line {
    fn place(&self) -> Part {
        let keys = self.keys.clone();
        (self.resources.clone(), self.resources_except.clone(), keys)
    }

    fn deed(&self) -> Part {
        let keys = self.keys.clone();
        (self.actions.clone(), self.actions_except.clone(), keys)
    }
}

/// Lines with the same resources, then those with the same actions, become one; what another line
/// says already is dropped.
fn merged(lines: Vec<Line>) -> Vec<Line> {
    let by_resources = fold(
        lines,
        |line| (line.place(), line.actions_except.clone()),
        |line| &mut line.actions,
    );
    let by_actions = fold(
        by_resources,
        |line| (line.deed(), line.resources_except.clone()),
        |line| &mut line.resources,
    );
    let said_by = |one: &Line, other: &Line| {
        let actions = one
            .actions
            .iter()
            .all(|own| other.actions.iter().any(|wide| action_covers(wide, own)));
        let resources = one.resources.iter().all(|own| {
            other
                .resources
                .iter()
                .any(|wide| resource_covers(wide, own, Version::V2012))
        });
        let is_whole = other.actions_except.is_empty() && other.resources_except.is_empty();
        actions && resources && other.keys.is_empty() && is_whole
    };
    let mut kept: Vec<Line> = Vec::new();
    for (at, line) in by_actions.iter().enumerate() {
        let others = by_actions
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != at);
        let is_said = |(place, other): (usize, &Line)| {
            said_by(line, other) && (place < at || !said_by(other, line))
        };
        if !others.into_iter().any(is_said) {
            kept.push(line.clone());
        }
    }
    kept.sort_by(|one, two| (&one.actions, &one.resources).cmp(&(&two.actions, &two.resources)));
    kept
}

fn fold<K: Ord>(
    lines: Vec<Line>,
    key: impl Fn(&Line) -> K,
    grown: impl Fn(&mut Line) -> &mut Vec<String>,
) -> Vec<Line> {
    let mut folded: BTreeMap<K, Line> = BTreeMap::new();
    for mut line in lines {
        let key = key(&line);
        let more = std::mem::take(grown(&mut line));
        let list = grown(folded.entry(key).or_insert(line));
        list.extend(more);
        list.sort();
        list.dedup();
    }
    folded.into_values().collect()
}
