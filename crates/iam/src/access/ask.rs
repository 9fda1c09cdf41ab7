//! One question to the algebra: is there a request in all of these layers, and in none of those
//! boxes? Everything else (containment, emptiness, disjointness, coverage) is asked in this form.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::budget::Budget;
use super::clause::Clause;
use super::glob::Glob;
use super::scene::{Scene, Setting};
use super::search::{Found, Proof, Search};
use super::shelf::Shelf;
use super::state::{Obstacle, State};
use super::text::{TextSet, TextState};

/// The boxes of one layer, of which a request must be in at least one; or of what to avoid.
pub(crate) type Layer = Vec<Side>;

/// The allows, or the denies, of one policy.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) label: Label,
}

/// What a side is called in a certificate: its layer and its place in the question's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Label(pub(crate) u32);

/// A box by its side and its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BoxId {
    pub(crate) label: Label,
    pub(crate) clause: u32,
}

/// Is there a request in one box of each layer and in no box of `avoid`?
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) layers: Vec<&'a [Side]>,
    pub(crate) avoid: Vec<&'a [Side]>,
    pub(crate) setting: Setting<'a>,
}

/// Everything that starts in one box with one group of actions and one resource pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Start {
    pub(crate) first: BoxId,
    /// The actions that are handled alike; empty for a `NotAction`.
    pub(crate) actions: Vec<Glob>,
    /// The place of the pattern in its set; `None` for a `NotResource`.
    pub(crate) resource: Option<usize>,
}

/// That a start holds nothing, and why.
#[derive(Debug, Clone)]
pub(crate) struct Closed {
    pub(crate) start: Start,
    /// What the obstacle numbers of the proofs stand for.
    pub(crate) obstacles: Vec<BoxId>,
    /// The boxes of the other layers that were tried, and the proof of each cell, in order.
    pub(crate) proofs: Vec<Proof>,
}

/// What became of a question.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The caller took a cell.
    Taken,
    /// There is no such request, if the caller refused no cell.
    Nothing {
        refused: bool,
    },
    GaveUp,
}

/// What the caller does with a cell outside all obstacles, and with what is closed.
pub(crate) trait Ear {
    /// Takes the cell, or asks for the next.
    fn cell(&mut self, state: &State, scene: &Scene, start: &Start, budget: &mut Budget) -> bool;

    /// Whether proofs are wanted.
    fn wants_proofs(&self) -> bool {
        false
    }

    fn closed(&mut self, _closed: Closed) {}
}

impl Question<'_> {
    pub(crate) fn ask(&self, ear: &mut dyn Ear, budget: &mut Budget) -> Answer {
        let mut refused = false;
        let Some((first, others)) = self.layers.split_first() else {
            return Answer::Nothing { refused };
        };
        for side in *first {
            for (clause, at) in side.shelf.clauses.iter().zip(0..) {
                let id = BoxId {
                    label: side.label,
                    clause: at,
                };
                for (actions, group) in self.groups(clause, others) {
                    let opening = Opening {
                        question: self,
                        others,
                        clause,
                        id,
                        actions,
                        group,
                    };
                    match opening.explore(ear, budget) {
                        Answer::Nothing { refused: some } => refused |= some,
                        stop @ (Answer::Taken | Answer::GaveUp) => return stop,
                    }
                }
            }
        }
        Answer::Nothing { refused }
    }

    /// The actions of a box by what else they may fall into: hundreds of literals become a
    /// handful of groups. Patterns stand alone.
    fn groups(&self, clause: &Clause, others: &[&[Side]]) -> Vec<(Vec<Glob>, Reach)> {
        if clause.actions.complement {
            return vec![(Vec::new(), self.reach(&Glob::everything(), others))];
        }
        let mut groups: BTreeMap<Reach, Vec<Glob>> = BTreeMap::new();
        for literal in clause.actions.list.literals() {
            groups
                .entry(self.reach(literal, others))
                .or_default()
                .push(literal.clone());
        }
        let patterns = clause.actions.list.patterns().iter();
        groups
            .into_iter()
            .map(|(reach, literals)| (literals, reach))
            .chain(patterns.map(|pattern| (vec![pattern.clone()], self.reach(pattern, others))))
            .collect()
    }

    fn reach(&self, action: &Glob, others: &[&[Side]]) -> Reach {
        Reach {
            layers: others
                .iter()
                .map(|layer| candidates(layer, action))
                .collect(),
            obstacles: self
                .avoid
                .iter()
                .flat_map(|side| candidates(side, action))
                .collect(),
        }
    }
}

/// What else an action may fall into.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Reach {
    layers: SmallVec<[SmallVec<[BoxId; 4]>; 2]>,
    obstacles: SmallVec<[BoxId; 8]>,
}

fn candidates(sides: &[Side], action: &Glob) -> SmallVec<[BoxId; 4]> {
    let mut found = SmallVec::new();
    for side in sides {
        let label = side.label;
        found.extend(
            side.shelf
                .candidates(action)
                .into_iter()
                .map(|clause| BoxId { label, clause }),
        );
    }
    found
}

/// A box of the first layer and a group of its actions.
struct Opening<'a, 'q> {
    question: &'q Question<'a>,
    others: &'q [&'a [Side]],
    clause: &'q Clause,
    id: BoxId,
    actions: Vec<Glob>,
    group: Reach,
}

impl Opening<'_, '_> {
    fn explore(&self, ear: &mut dyn Ear, budget: &mut Budget) -> Answer {
        let semantics = self.question.setting.semantics;
        if self.group.layers.iter().any(SmallVec::is_empty) {
            return Answer::Nothing { refused: false };
        }
        let resources = self.clause.resources(semantics);
        let action = self.actions.first();
        let mut open: Vec<(Option<usize>, TextState)> = Vec::new();
        for (place, state) in resource_states(resources, budget) {
            match self.plain_cover(action, &state) {
                Some(obstacle) => self.report_covered(place, obstacle, ear),
                None => open.push((place, state)),
            }
        }
        if open.is_empty() {
            return Answer::Nothing { refused: false };
        }
        self.search(&open, ear, budget)
    }

    /// An obstacle without conditions that holds this action and this resource outright.
    fn plain_cover(&self, action: Option<&Glob>, resource: &TextState) -> Option<BoxId> {
        let action = TextState::of(action?.clone());
        let semantics = self.question.setting.semantics;
        self.group.obstacles.iter().copied().find(|id| {
            self.question.avoided(*id).is_some_and(|clause| {
                clause.requirements.is_empty()
                    && clause
                        .principals
                        .as_ref()
                        .is_none_or(TextSet::is_everything)
                    && action.surely_inside(&clause.actions)
                    && resource.surely_inside(clause.resources(semantics))
            })
        })
    }

    fn report_covered(&self, place: Option<usize>, obstacle: BoxId, ear: &mut dyn Ear) {
        if ear.wants_proofs() {
            ear.closed(Closed {
                start: self.start(place),
                obstacles: vec![obstacle],
                proofs: vec![Proof::Closed {
                    obstacle: 0,
                    ways: Vec::new(),
                }],
            });
        }
    }

    fn start(&self, resource: Option<usize>) -> Start {
        Start {
            first: self.id,
            actions: self.actions.clone(),
            resource,
        }
    }

    fn search(
        &self,
        open: &[(Option<usize>, TextState)],
        ear: &mut dyn Ear,
        budget: &mut Budget,
    ) -> Answer {
        let question = self.question;
        let layers: Vec<Vec<&Clause>> = self
            .group
            .layers
            .iter()
            .zip(self.others)
            .map(|(ids, layer)| ids.iter().filter_map(|id| clause_of(layer, *id)).collect())
            .collect();
        let obstacles: Vec<&Clause> = self
            .group
            .obstacles
            .iter()
            .filter_map(|id| question.avoided(*id))
            .collect();
        let all = [self.clause]
            .into_iter()
            .chain(layers.iter().flatten().copied())
            .chain(obstacles.iter().copied());
        let scene = Scene::new(all, question.setting, budget);
        let layers: Vec<Vec<Obstacle<'_>>> = layers
            .iter()
            .map(|layer| layer.iter().map(|clause| scene.obstacle(clause)).collect())
            .collect();
        let obstacles: Vec<Obstacle<'_>> = obstacles
            .iter()
            .map(|clause| scene.obstacle(clause))
            .collect();
        let field = Field {
            scene: &scene,
            layers: &layers,
            obstacles: &obstacles,
        };
        let own = scene.obstacle(self.clause);
        let mut refused = false;
        for (place, resource) in open {
            let start = self.start(*place);
            let mut visit = Visit {
                ear,
                start: &start,
                proofs: Vec::new(),
                refused: false,
            };
            for cell in self.cells(resource, &own, &scene, budget) {
                match field.descend(cell, 0, &mut visit, budget) {
                    Answer::Nothing { .. } => {}
                    stop @ (Answer::Taken | Answer::GaveUp) => return stop,
                }
            }
            refused |= visit.refused;
            let proofs = visit.proofs;
            if ear.wants_proofs() {
                ear.closed(Closed {
                    start,
                    obstacles: self.group.obstacles.to_vec(),
                    proofs,
                });
            }
        }
        Answer::Nothing { refused }
    }

    /// The cells of the first box.
    fn cells(
        &self,
        resource: &TextState,
        own: &Obstacle<'_>,
        scene: &Scene,
        budget: &mut Budget,
    ) -> Vec<State> {
        let mut start = State::all(scene);
        match self.actions.first() {
            Some(action) => start.action = TextState::of(action.clone()),
            None => match start.action.and_none_of(&self.clause.actions.list, budget) {
                Some(action) => start.action = action,
                None => return Vec::new(),
            },
        }
        start.resource = resource.clone();
        start.inside(own, scene, budget)
    }
}

/// The other layers and the obstacles, in terms of one scene.
struct Field<'a> {
    scene: &'a Scene,
    layers: &'a [Vec<Obstacle<'a>>],
    obstacles: &'a [Obstacle<'a>],
}

/// What is carried through the cells of one start.
struct Visit<'e> {
    ear: &'e mut dyn Ear,
    start: &'e Start,
    proofs: Vec<Proof>,
    refused: bool,
}

impl Field<'_> {
    /// Narrows the cell to one box of each remaining layer, then searches it.
    fn descend(
        &self,
        cell: State,
        depth: usize,
        visit: &mut Visit<'_>,
        budget: &mut Budget,
    ) -> Answer {
        if !budget.search_step() {
            return Answer::GaveUp;
        }
        let Some(layer) = self.layers.get(depth) else {
            return self.search(cell, visit, budget);
        };
        // A box that holds the whole cell makes the others of its layer needless.
        if layer
            .iter()
            .any(|clause| cell.lies_inside(clause, self.scene))
        {
            return self.descend(cell, depth + 1, visit, budget);
        }
        for clause in layer {
            for narrowed in cell.inside(clause, self.scene, budget) {
                match self.descend(narrowed, depth + 1, visit, budget) {
                    Answer::Nothing { .. } => {}
                    stop @ (Answer::Taken | Answer::GaveUp) => return stop,
                }
            }
        }
        Answer::Nothing {
            refused: visit.refused,
        }
    }

    fn search(&self, cell: State, visit: &mut Visit<'_>, budget: &mut Budget) -> Answer {
        let active: Vec<usize> = (0..self.obstacles.len()).collect();
        let Visit { ear, start, .. } = visit;
        let mut take =
            |state: &State, budget: &mut Budget| ear.cell(state, self.scene, start, budget);
        let mut search = Search {
            scene: self.scene,
            obstacles: self.obstacles,
            budget,
            take: &mut take,
            refused: false,
        };
        let found = search.cell(cell, &active);
        visit.refused |= search.refused;
        match found {
            Found::Taken => Answer::Taken,
            Found::GaveUp => Answer::GaveUp,
            Found::Exhausted(proof) => {
                visit.proofs.push(proof);
                Answer::Nothing {
                    refused: visit.refused,
                }
            }
        }
    }
}

/// The resource states of a set: one a pattern, or one for all that a `NotResource` leaves.
pub(crate) fn resource_states(
    resources: &TextSet,
    budget: &mut Budget,
) -> Vec<(Option<usize>, TextState)> {
    if resources.complement {
        let rest = TextState::default().and_none_of(&resources.list, budget);
        return rest.map(|state| (None, state)).into_iter().collect();
    }
    let numbered = resources.list.all().iter().enumerate();
    numbered
        .map(|(at, glob)| (Some(at), TextState::of(glob.clone())))
        .collect()
}

impl Question<'_> {
    pub(crate) fn avoided(&self, id: BoxId) -> Option<&Clause> {
        self.avoid.iter().find_map(|layer| clause_of(layer, id))
    }
}

fn clause_of(layer: &[Side], id: BoxId) -> Option<&Clause> {
    let side = layer.iter().find(|side| side.label == id.label)?;
    side.shelf.clauses.get(id.clause as usize)
}
