//! Is there a request in a cell that no obstacle covers? Unit propagation and branching, over
//! boxes instead of literals.

use smallvec::SmallVec;

use super::budget::Budget;
use super::scene::Scene;
use super::state::{Dimension, Obstacle, State, States};

/// Why a cell holds no request outside all obstacles: what the certificate keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The equalities of the cell contradict one another.
    Contradiction,
    /// Every way out of this obstacle is closed. No ways: the cell lies inside it.
    Closed {
        obstacle: usize,
        ways: Vec<(Dimension, Vec<Proof>)>,
    },
}

/// What the search finds.
#[derive(Debug)]
pub(crate) enum Found {
    /// The caller took a cell and wants no more.
    Taken,
    /// All cells are covered, or were refused by the caller.
    Exhausted(Proof),
    GaveUp,
}

/// Goes through the cells outside all obstacles until `take` accepts one.
pub(crate) struct Search<'a, 'b> {
    pub(crate) scene: &'a Scene,
    pub(crate) obstacles: &'a [Obstacle<'a>],
    pub(crate) budget: &'b mut Budget,
    pub(crate) take: &'b mut dyn FnMut(&State, &mut Budget) -> bool,
    /// A cell was offered and refused: what follows is no proof.
    pub(crate) refused: bool,
}

/// One obstacle that stands in the way, with the sides by which it may be left.
struct Hurdle {
    obstacle: usize,
    ways: SmallVec<[(Dimension, States); 4]>,
}

impl Search<'_, '_> {
    /// Searches the cell. `active` are the obstacles that may still cover some of it.
    pub(crate) fn cell(&mut self, state: State, active: &[usize]) -> Found {
        if !self.budget.search_step() {
            return Found::GaveUp;
        }
        if !state.is_consistent(self.scene) {
            return Found::Exhausted(Proof::Contradiction);
        }
        let mut remaining: SmallVec<[usize; 16]> = SmallVec::new();
        let mut easiest: Option<Hurdle> = None;
        for at in active {
            let Some(obstacle) = self.obstacles.get(*at) else {
                continue;
            };
            if !state.may_enter(obstacle, self.scene) {
                continue;
            }
            remaining.push(*at);
            if easiest.as_ref().is_some_and(|hurdle| cells(hurdle) <= 1) {
                continue;
            }
            let hurdle = self.hurdle(&state, *at, obstacle);
            if hurdle.ways.is_empty() {
                return Found::Exhausted(Proof::Closed {
                    obstacle: *at,
                    ways: Vec::new(),
                });
            }
            if easiest
                .as_ref()
                .is_none_or(|known| cells(&hurdle) < cells(known))
            {
                easiest = Some(hurdle);
            }
        }
        let Some(hurdle) = easiest else {
            return self.offer(&state);
        };
        remaining.retain(|at| *at != hurdle.obstacle);
        self.branch(hurdle, &remaining)
    }

    fn offer(&mut self, state: &State) -> Found {
        if (self.take)(state, self.budget) {
            return Found::Taken;
        }
        self.refused = true;
        Found::Exhausted(Proof::Contradiction)
    }

    fn hurdle(&mut self, state: &State, at: usize, obstacle: &Obstacle<'_>) -> Hurdle {
        let text = [Dimension::Resource, Dimension::Action, Dimension::Principal];
        let requirements = (0..obstacle.requirements.len()).map(Dimension::Requirement);
        let mut ways = SmallVec::new();
        for by in text.into_iter().chain(requirements) {
            let cells = state.outside(obstacle, by, self.scene, self.budget);
            if !cells.is_empty() {
                ways.push((by, cells));
            }
        }
        Hurdle { obstacle: at, ways }
    }

    /// Leaves the obstacle by each of its ways in turn. Once a requirement was tried, the rest
    /// is searched inside it: the branches are disjoint.
    fn branch(&mut self, hurdle: Hurdle, active: &[usize]) -> Found {
        let Hurdle { obstacle: at, ways } = hurdle;
        let mut tried: SmallVec<[usize; 4]> = SmallVec::new();
        let mut proofs = Vec::with_capacity(ways.len());
        for (by, cells) in ways {
            let mut closed = Vec::with_capacity(cells.len());
            for cell in cells {
                let Some(cell) = self.inside_all(cell, at, &tried) else {
                    closed.push(Proof::Contradiction);
                    continue;
                };
                match self.cell(cell, active) {
                    Found::Exhausted(proof) => closed.push(proof),
                    stop @ (Found::Taken | Found::GaveUp) => return stop,
                }
            }
            proofs.push((by, closed));
            if let Dimension::Requirement(requirement) = by {
                tried.push(requirement);
            }
        }
        Found::Exhausted(Proof::Closed {
            obstacle: at,
            ways: proofs,
        })
    }

    fn inside_all(&self, mut cell: State, at: usize, tried: &[usize]) -> Option<State> {
        let obstacle = self.obstacles.get(at)?;
        for requirement in tried {
            cell = cell.require(obstacle.requirements.get(*requirement)?, self.scene)?;
        }
        Some(cell)
    }
}

fn cells(hurdle: &Hurdle) -> usize {
    hurdle.ways.iter().map(|(_, cells)| cells.len()).sum()
}
