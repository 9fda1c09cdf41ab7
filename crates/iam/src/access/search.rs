//! Is there a request in a cell that no obstacle covers? Unit propagation and branching, over
//! boxes instead of literals.

use smallvec::SmallVec;

use super::budget::{Budget, Exhausted};
use super::scene::Scene;
use super::state::{Dimension, Obstacle, State};

/// Why a cell holds no request outside all obstacles: what the certificate keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The cell is empty, or its equalities contradict one another.
    Contradiction,
    /// Every way out of this obstacle is closed; a side that is not listed has none. No ways at
    /// all: the cell lies inside it.
    Closed {
        obstacle: usize,
        ways: Vec<(Dimension, Vec<Self>)>,
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

/// Branches below one another. Real policies need a dozen; each costs some stack.
const DEPTH_MAX: usize = 192;

type Ways = SmallVec<[Dimension; 6]>;
type Active = SmallVec<[usize; 16]>;

/// What a look at all obstacles of a cell says.
enum Look {
    /// This one covers the cell.
    Covered(usize),
    /// None is left.
    Free,
    /// The obstacle with the fewest cells around it, by the sides where they are.
    Hurdle {
        obstacle: usize,
        ways: Ways,
        cells: usize,
    },
}

impl Search<'_, '_> {
    /// Searches the cell. `active` are the obstacles that may still cover some of it.
    pub(crate) fn cell(&mut self, state: State, active: &[usize]) -> Found {
        self.below(state, active, 0)
    }

    fn below(&mut self, mut state: State, active: &[usize], depth: usize) -> Found {
        let mut active = Active::from_slice(active);
        // Where only one way is open it is taken at once; the proof is wrapped around afterwards.
        let mut forced: Vec<(usize, Dimension)> = Vec::new();
        let found = loop {
            if !self.budget.search_step() {
                return Found::GaveUp;
            }
            if !state.is_consistent(self.scene, self.budget) {
                break Found::Exhausted(Proof::Contradiction);
            }
            match self.look(&state, &mut active) {
                Look::Covered(obstacle) => {
                    let ways = Vec::new();
                    break Found::Exhausted(Proof::Closed { obstacle, ways });
                }
                Look::Free => break self.offer(&state),
                Look::Hurdle {
                    obstacle,
                    ways,
                    cells,
                } => {
                    active.retain(|at| *at != obstacle);
                    if let ([by], 1) = (ways.as_slice(), cells) {
                        let Some(next) = self.leave(&state, obstacle, *by).pop() else {
                            let ways = Vec::new();
                            break Found::Exhausted(Proof::Closed { obstacle, ways });
                        };
                        forced.push((obstacle, *by));
                        state = next;
                        continue;
                    }
                    break self.branch(&state, obstacle, &ways, &active, depth);
                }
            }
        };
        wrapped(found, forced)
    }

    fn look(&self, state: &State, active: &mut Active) -> Look {
        let mut easiest: Option<(usize, Ways, usize)> = None;
        let mut covered = None;
        let mut remaining = Active::new();
        for at in active.iter().copied() {
            let Some(obstacle) = self.obstacles.get(at) else {
                continue;
            };
            if !state.may_enter(obstacle, self.scene) {
                continue;
            }
            remaining.push(at);
            if easiest.as_ref().is_some_and(|(_, _, cells)| *cells <= 1) {
                continue;
            }
            let (ways, cells) = self.ways(state, obstacle);
            if cells == 0 {
                covered = Some(at);
                break;
            }
            if easiest
                .as_ref()
                .is_none_or(|(_, _, fewest)| cells < *fewest)
            {
                easiest = Some((at, ways, cells));
            }
        }
        *active = remaining;
        match (covered, easiest) {
            (Some(at), _) => Look::Covered(at),
            (None, None) => Look::Free,
            (None, Some((obstacle, ways, cells))) => Look::Hurdle {
                obstacle,
                ways,
                cells,
            },
        }
    }

    /// The sides by which the obstacle may be left. Text first: leaving a list splits nothing.
    fn ways(&self, state: &State, obstacle: &Obstacle<'_>) -> (Ways, usize) {
        let text = [Dimension::Resource, Dimension::Action, Dimension::Principal];
        let requirements = (0..obstacle.requirements.len()).map(Dimension::Requirement);
        let mut ways = Ways::new();
        let mut cells = 0;
        for by in text.into_iter().chain(requirements) {
            let exits = state.exits(obstacle, by, self.scene);
            if exits > 0 {
                ways.push(by);
                cells += exits;
            }
        }
        (ways, cells)
    }

    fn leave(&mut self, state: &State, at: usize, by: Dimension) -> Vec<State> {
        let Some(obstacle) = self.obstacles.get(at) else {
            return Vec::new();
        };
        state
            .outside(obstacle, by, self.scene, self.budget)
            .into_vec()
    }

    fn offer(&mut self, state: &State) -> Found {
        if (self.take)(state, self.budget) {
            return Found::Taken;
        }
        self.refused = true;
        Found::Exhausted(Proof::Contradiction)
    }

    /// Leaves the obstacle by each of its ways in turn. Once a requirement was tried, the rest
    /// is searched inside it: the branches are disjoint.
    fn branch(
        &mut self,
        state: &State,
        at: usize,
        ways: &Ways,
        active: &Active,
        depth: usize,
    ) -> Found {
        if depth >= DEPTH_MAX {
            self.budget.give_up(Exhausted::Depth);
            return Found::GaveUp;
        }
        let mut rest = Box::new(state.clone());
        let mut proofs = Vec::with_capacity(ways.len());
        for by in ways.iter().copied() {
            let mut closed = Vec::new();
            for cell in self.leave(&rest, at, by) {
                match self.below(cell, active, depth + 1) {
                    Found::Exhausted(proof) => closed.push(proof),
                    stop @ (Found::Taken | Found::GaveUp) => return stop,
                }
            }
            proofs.push((by, closed));
            if let Dimension::Requirement(requirement) = by {
                let requirement = self
                    .obstacles
                    .get(at)
                    .and_then(|obstacle| obstacle.requirements.get(requirement));
                match requirement
                    .and_then(|requirement| rest.clone().require(requirement, self.scene))
                {
                    Some(inside) => *rest = inside,
                    None => break,
                }
            }
        }
        Found::Exhausted(Proof::Closed {
            obstacle: at,
            ways: proofs,
        })
    }
}

fn wrapped(found: Found, forced: Vec<(usize, Dimension)>) -> Found {
    let Found::Exhausted(mut proof) = found else {
        return found;
    };
    for (obstacle, by) in forced.into_iter().rev() {
        proof = Proof::Closed {
            obstacle,
            ways: vec![(by, vec![proof])],
        };
    }
    Found::Exhausted(proof)
}
