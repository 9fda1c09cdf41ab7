//! The checker of certificates: each box, each of its actions, each of its resources, each
//! combination with the other layers; and for each the proof is followed step by step.

use super::Access;
use super::ask::{BoxId, Closed, Question, resource_states};
use super::budget::Budget;
use super::certificate::{Flaw, place};
use super::clause::Clause;
use super::glob::Glob;
use super::scene::Scene;
use super::search::Proof;
use super::state::{Dimension, Obstacle, State};
use super::text::TextState;

/// Where checking failed.
#[derive(Debug)]
pub(super) struct Failed {
    at: BoxId,
    action: Option<Glob>,
    why: Why,
}

#[derive(Debug, Clone, Copy)]
enum Why {
    Silent,
    Open,
    Exhausted,
}

impl Failed {
    pub(super) fn named(&self, outer: &Access<'_>, inner: &Access<'_>) -> Flaw {
        let Some((_, policy, statement)) = place(self.at, outer, inner) else {
            return Flaw::Shape;
        };
        let actions = self
            .action
            .as_ref()
            .map_or_else(|| "NotAction".to_owned(), Glob::to_string);
        match self.why {
            Why::Silent => Flaw::Silent {
                policy,
                statement,
                actions,
            },
            Why::Open => Flaw::Open {
                policy,
                statement,
                actions,
            },
            Why::Exhausted => Flaw::Exhausted,
        }
    }
}

/// Is every box of the first layer closed?
pub(super) fn question(
    question: &Question<'_>,
    closed: &[Closed],
    budget: &mut Budget,
) -> Result<(), Failed> {
    let Some((first, others)) = question.layers.split_first() else {
        return Ok(());
    };
    for side in *first {
        for (clause, at) in side.shelf.clauses.iter().zip(0..) {
            let id = BoxId {
                label: side.label,
                clause: at,
            };
            let actions = clause.actions.list.all().iter().cloned().map(Some);
            let actions: Vec<Option<Glob>> = if clause.actions.complement {
                vec![None]
            } else {
                actions.collect()
            };
            for action in actions {
                let case = Case {
                    question,
                    clause,
                    others,
                };
                let result = case.check(id, action.as_ref(), closed, budget);
                let exhausted = budget.exhausted.map(|_| Why::Exhausted);
                if let Some(why) = exhausted.or(result.err()) {
                    let at = id;
                    return Err(Failed { at, action, why });
                }
            }
        }
    }
    Ok(())
}

/// One box of the first layer.
struct Case<'a, 'q> {
    question: &'q Question<'a>,
    clause: &'q Clause,
    others: &'q [&'a [super::ask::Side]],
}

impl Case<'_, '_> {
    fn check(
        &self,
        id: BoxId,
        action: Option<&Glob>,
        closed: &[Closed],
        budget: &mut Budget,
    ) -> Result<(), Why> {
        let semantics = self.question.setting.semantics;
        let wanted = match action {
            Some(action) => Some(TextState::of(action.clone())),
            None => TextState::default().and_none_of(&self.clause.actions.list, budget),
        };
        let Some(wanted) = wanted else {
            return Ok(());
        };
        // The boxes of the other layers that this action can be in at all.
        let layers: Vec<Vec<&Clause>> = self
            .others
            .iter()
            .map(|layer| {
                let clauses = layer.iter().flat_map(|side| &side.shelf.clauses);
                clauses
                    .filter(|clause| wanted.may_enter(&clause.actions))
                    .collect()
            })
            .collect();
        if layers.iter().any(Vec::is_empty) {
            return Ok(());
        }
        for (place, resource) in resource_states(self.clause.resources(semantics), budget) {
            let said = closed.iter().find(|closed| {
                let same_action = action.map_or(closed.start.actions.is_empty(), |action| {
                    closed.start.actions.contains(action)
                });
                closed.start.first == id && closed.start.resource == place && same_action
            });
            let said = said.ok_or(Why::Silent)?;
            self.follow(said, &wanted, &resource, &layers, budget)?;
        }
        Ok(())
    }

    fn follow(
        &self,
        said: &Closed,
        action: &TextState,
        resource: &TextState,
        layers: &[Vec<&Clause>],
        budget: &mut Budget,
    ) -> Result<(), Why> {
        let named: Option<Vec<&Clause>> = said
            .obstacles
            .iter()
            .map(|id| self.question.avoided(*id))
            .collect();
        let named = named.ok_or(Why::Open)?;
        let all = [self.clause]
            .into_iter()
            .chain(layers.iter().flatten().copied())
            .chain(named.iter().copied());
        let scene = Scene::new(all, self.question.setting, budget);
        let obstacles: Vec<Obstacle<'_>> =
            named.iter().map(|clause| scene.obstacle(clause)).collect();
        let mut start = State::all(&scene);
        start.action = action.clone();
        start.resource = resource.clone();
        let mut cells = start.inside(&scene.obstacle(self.clause), &scene, budget);
        for layer in layers {
            let mut narrowed = Vec::new();
            for clause in layer.iter().map(|clause| scene.obstacle(clause)) {
                let inside = |cell: &State| cell.inside(&clause, &scene, budget);
                narrowed.extend(cells.iter().flat_map(inside));
            }
            cells = narrowed;
        }
        let follower = Follower {
            scene: &scene,
            obstacles: &obstacles,
        };
        // A proof for a cell is one for every part of it.
        let is_closed = |cell: &State| {
            said.proofs
                .iter()
                .any(|proof| follower.closes(proof, cell, budget))
        };
        if cells.iter().all(is_closed) {
            Ok(())
        } else {
            Err(Why::Open)
        }
    }
}

struct Follower<'a> {
    scene: &'a Scene,
    obstacles: &'a [Obstacle<'a>],
}

impl Follower<'_> {
    /// Does the proof show that the cell lies within the obstacles?
    fn closes(&self, proof: &Proof, cell: &State, budget: &mut Budget) -> bool {
        if !budget.search_step() {
            return false;
        }
        if !cell.is_consistent(self.scene, budget) {
            return true;
        }
        let Proof::Closed { obstacle, ways } = proof else {
            return false;
        };
        let Some(obstacle) = self.obstacles.get(*obstacle) else {
            return false;
        };
        let mut rest = cell.clone();
        let text = [Dimension::Resource, Dimension::Action, Dimension::Principal];
        let requirements = (0..obstacle.requirements.len()).map(Dimension::Requirement);
        for side in text.into_iter().chain(requirements) {
            let proofs = ways
                .iter()
                .find(|(by, _)| *by == side)
                .map(|(_, proofs)| proofs.as_slice());
            let proofs = proofs.unwrap_or_default();
            for outside in rest.outside(obstacle, side, self.scene, budget) {
                if !proofs
                    .iter()
                    .any(|proof| self.closes(proof, &outside, budget))
                {
                    return false;
                }
            }
            // What is outside by this side is closed: the rest lies inside it.
            if let Dimension::Requirement(at) = side {
                let inside = obstacle
                    .requirements
                    .get(at)
                    .and_then(|requirement| rest.require(requirement, self.scene));
                match inside {
                    Some(inside) => rest = inside,
                    None => return true,
                }
            }
        }
        true
    }
}
