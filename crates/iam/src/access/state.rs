//! A cell of the search: a text state for action, resource and principal, a three-part state for
//! each condition key, and the facts decided so far.

use smallvec::SmallVec;

use super::bits::Bits;
use super::budget::Budget;
use super::clause::Clause;
use super::scene::{Fact, Requirements, Resolved, Scene, join};
use super::text::{TextSet, TextState};
use super::values::Atom;

/// What is known of one key: it may be absent, or it is present with all its values in `all` and
/// with some value in each of `some`. Exact for any number of set operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyState {
    pub(crate) may_be_absent: bool,
    pub(crate) all: Bits,
    pub(crate) some: SmallVec<[Bits; 1]>,
}

impl KeyState {
    fn is_possible(&self) -> bool {
        self.may_be_absent || self.may_be_present()
    }

    pub(crate) fn may_be_present(&self) -> bool {
        !self.all.is_empty() && self.some.iter().all(|some| some.meets(&self.all))
    }

    fn at_least_one(&mut self, set: &Bits, single: bool) {
        if single {
            self.all = self.all.and(set);
        } else if !self.some.contains(set) {
            self.some.push(set.clone());
        }
    }
}

/// A cell of the search.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) action: TextState,
    pub(crate) resource: TextState,
    pub(crate) principal: TextState,
    pub(crate) keys: SmallVec<[KeyState; 4]>,
    pub(crate) facts: SmallVec<[Option<bool>; 4]>,
}

/// A clause in terms of a scene.
#[derive(Debug)]
pub(crate) struct Obstacle<'a> {
    pub(crate) clause: &'a Clause,
    pub(crate) requirements: Requirements,
}

/// A side of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Dimension {
    Action,
    Resource,
    Principal,
    /// By its place in the requirements.
    Requirement(usize),
}

/// The cells that a step leaves, seldom more than one.
pub(crate) type States = SmallVec<[State; 1]>;

impl State {
    /// Every request of the scene.
    pub(crate) fn all(scene: &Scene) -> Self {
        let key = |key: &super::scene::Key| KeyState {
            may_be_absent: key.may_be_absent,
            all: Bits::all(key.domain.len()),
            some: SmallVec::new(),
        };
        Self {
            action: TextState::default(),
            resource: TextState::default(),
            principal: TextState::default(),
            keys: scene.keys.iter().map(key).collect(),
            facts: scene.facts.iter().map(|_| None).collect(),
        }
    }

    /// The part inside one requirement.
    pub(crate) fn require(mut self, requirement: &Resolved, scene: &Scene) -> Option<Self> {
        match requirement {
            Resolved::Key {
                key,
                all,
                set,
                when_absent,
            } => {
                let single = scene.keys.get(*key).is_some_and(|key| key.single);
                let state = self.keys.get_mut(*key)?;
                state.may_be_absent &= *when_absent;
                if *all {
                    state.all = state.all.and(set);
                } else {
                    state.at_least_one(set, single);
                }
                state.is_possible().then_some(self)
            }
            Resolved::Fact { fact, holds } => self.decide(*fact, *holds, scene),
        }
    }

    /// The part outside one requirement.
    pub(crate) fn refuse(mut self, requirement: &Resolved, scene: &Scene) -> Option<Self> {
        match requirement {
            Resolved::Key {
                key,
                all,
                set,
                when_absent,
            } => {
                let info = scene.keys.get(*key)?;
                let state = self.keys.get_mut(*key)?;
                let others = Bits::all(info.domain.len()).and_not(set);
                state.may_be_absent &= !*when_absent;
                if *all {
                    state.at_least_one(&others, info.single);
                } else {
                    state.all = state.all.and(&others);
                }
                state.is_possible().then_some(self)
            }
            Resolved::Fact { fact, holds } => self.decide(*fact, !*holds, scene),
        }
    }

    fn decide(mut self, fact: usize, holds: bool, scene: &Scene) -> Option<Self> {
        let decided = self.facts.get_mut(fact)?;
        if let Some(before) = *decided {
            return (before == holds).then_some(self);
        }
        *decided = Some(holds);
        match (scene.facts.get(fact)?, holds) {
            (Fact::Equal { key, variable }, true) => {
                self.present(*key)?;
                self.present(*variable)?;
                let shared = self.keys.get(*key)?.all.and(&self.keys.get(*variable)?.all);
                for member in [*key, *variable] {
                    self.keys.get_mut(member)?.all = shared.clone();
                }
                (!shared.is_empty()).then_some(self)
            }
            (Fact::Equal { .. }, false) => Some(self),
            (
                Fact::Opaque {
                    when_true: Some(then),
                    ..
                },
                true,
            ) => self.require(then, scene),
            (
                Fact::Opaque {
                    present_when_false: Some(key),
                    ..
                },
                false,
            ) => {
                self.present(*key)?;
                Some(self)
            }
            (Fact::Opaque { .. }, true | false) => Some(self),
        }
    }

    fn present(&mut self, key: usize) -> Option<()> {
        let state = self.keys.get_mut(key)?;
        state.may_be_absent = false;
        state.may_be_present().then_some(())
    }

    /// Could a request of this cell be in the clause? May say yes too often, never no.
    pub(crate) fn may_enter(&self, obstacle: &Obstacle<'_>, scene: &Scene) -> bool {
        let clause = obstacle.clause;
        self.action.may_enter(&clause.actions)
            && self.resource.may_enter(clause.resources(scene.semantics))
            && clause
                .principals
                .as_ref()
                .is_none_or(|principals| self.principal.may_enter(principals))
            && obstacle
                .requirements
                .iter()
                .all(|requirement| self.may_require(requirement, scene))
    }

    fn may_require(&self, requirement: &Resolved, scene: &Scene) -> bool {
        match requirement {
            Resolved::Key {
                key,
                all,
                set,
                when_absent,
            } => {
                let Some(state) = self.keys.get(*key) else {
                    return false;
                };
                let absent = state.may_be_absent && *when_absent;
                absent
                    || if *all {
                        let narrowed = state.all.and(set);
                        !narrowed.is_empty() && state.some.iter().all(|some| some.meets(&narrowed))
                    } else {
                        state.all.meets(set) && state.some.iter().all(|some| some.meets(&state.all))
                    }
            }
            Resolved::Fact { fact, holds } => self.may_decide(*fact, *holds, scene),
        }
    }

    /// The cell in a few words, for when no request of it can be spelled.
    pub(crate) fn outline(&self) -> String {
        let of = |text: &TextState| {
            let shape = text.positive.first();
            shape.map_or_else(|| "*".to_owned(), ToString::to_string)
        };
        let (action, resource) = (of(&self.action), of(&self.resource));
        format!("{action} on {resource}, with values that could not be spelled")
    }

    /// Is the whole cell in the clause? No where the cheap test fails.
    pub(crate) fn lies_inside(&self, obstacle: &Obstacle<'_>, scene: &Scene) -> bool {
        let clause = obstacle.clause;
        self.action.surely_inside(&clause.actions)
            && self
                .resource
                .surely_inside(clause.resources(scene.semantics))
            && clause
                .principals
                .as_ref()
                .is_none_or(|principals| self.principal.surely_inside(principals))
            && obstacle
                .requirements
                .iter()
                .all(|requirement| !self.may_refuse(requirement, scene))
    }

    /// The cells of this one inside the clause.
    pub(crate) fn inside(
        &self,
        obstacle: &Obstacle<'_>,
        scene: &Scene,
        budget: &mut Budget,
    ) -> Vec<Self> {
        let clause = obstacle.clause;
        let mut state = self.clone();
        for requirement in &obstacle.requirements {
            match state.require(requirement, scene) {
                Some(narrowed) => state = narrowed,
                None => return Vec::new(),
            }
        }
        let actions = state.action.inside(&clause.actions, budget);
        let resources = if actions.is_empty() {
            SmallVec::new()
        } else {
            state
                .resource
                .inside(clause.resources(scene.semantics), budget)
        };
        let principals = match &clause.principals {
            None => SmallVec::from_iter([state.principal.clone()]),
            Some(set) => state.principal.inside(set, budget),
        };
        let mut cells = Vec::with_capacity(actions.len() * resources.len() * principals.len());
        for action in &actions {
            for resource in &resources {
                for principal in &principals {
                    let mut cell = state.clone();
                    cell.action.clone_from(action);
                    cell.resource.clone_from(resource);
                    cell.principal.clone_from(principal);
                    cells.push(cell);
                }
            }
        }
        cells
    }

    /// The cells of this one that leave the clause by one of its sides.
    pub(crate) fn outside(
        &self,
        obstacle: &Obstacle<'_>,
        by: Dimension,
        scene: &Scene,
        budget: &mut Budget,
    ) -> States {
        match by {
            Dimension::Action => {
                self.leave(&self.action, &obstacle.clause.actions, budget, |state| {
                    &mut state.action
                })
            }
            Dimension::Resource => self.leave(
                &self.resource,
                obstacle.clause.resources(scene.semantics),
                budget,
                |state| &mut state.resource,
            ),
            Dimension::Principal => match &obstacle.clause.principals {
                None => States::new(),
                Some(set) => self.leave(&self.principal, set, budget, |state| &mut state.principal),
            },
            Dimension::Requirement(at) => obstacle
                .requirements
                .get(at)
                .and_then(|requirement| self.clone().refuse(requirement, scene))
                .into_iter()
                .collect(),
        }
    }

    /// How many cells leave the clause by this side, at most; nought is certain.
    pub(crate) fn exits(&self, obstacle: &Obstacle<'_>, by: Dimension, scene: &Scene) -> usize {
        match by {
            Dimension::Action => self.action.exits(&obstacle.clause.actions),
            Dimension::Resource => self
                .resource
                .exits(obstacle.clause.resources(scene.semantics)),
            Dimension::Principal => obstacle
                .clause
                .principals
                .as_ref()
                .map_or(0, |set| self.principal.exits(set)),
            Dimension::Requirement(at) => obstacle.requirements.get(at).map_or(0, |requirement| {
                usize::from(self.may_refuse(requirement, scene))
            }),
        }
    }

    /// Could the requirement fail in this cell? May say yes too often, never no.
    fn may_refuse(&self, requirement: &Resolved, scene: &Scene) -> bool {
        match requirement {
            Resolved::Key {
                key,
                all,
                set,
                when_absent,
            } => {
                let (Some(state), Some(info)) = (self.keys.get(*key), scene.keys.get(*key)) else {
                    return false;
                };
                if state.may_be_absent && !*when_absent {
                    return true;
                }
                let escaping = state.all.and_not(set);
                let hit = |all: &Bits| state.some.iter().all(|some| some.meets(all));
                if *all && !info.single {
                    !escaping.is_empty() && hit(&state.all)
                } else {
                    !escaping.is_empty() && hit(&escaping)
                }
            }
            Resolved::Fact { fact, holds } => self.may_decide(*fact, !*holds, scene),
        }
    }

    fn may_decide(&self, fact: usize, holds: bool, scene: &Scene) -> bool {
        let present = |key: usize| self.keys.get(key).is_some_and(KeyState::may_be_present);
        if let Some(Some(decided)) = self.facts.get(fact) {
            return *decided == holds;
        }
        match (scene.facts.get(fact), holds) {
            (None, _) => false,
            (Some(Fact::Equal { key, variable }), true) => {
                let both = self.keys.get(*key).zip(self.keys.get(*variable));
                present(*key)
                    && present(*variable)
                    && both.is_some_and(|(key, variable)| key.all.meets(&variable.all))
            }
            (
                Some(Fact::Opaque {
                    when_true: Some(then),
                    ..
                }),
                true,
            ) => self.may_require(then, scene),
            (
                Some(Fact::Opaque {
                    present_when_false: Some(key),
                    ..
                }),
                false,
            ) => present(*key),
            (Some(Fact::Equal { .. } | Fact::Opaque { .. }), true | false) => true,
        }
    }

    fn leave(
        &self,
        text: &TextState,
        set: &TextSet,
        budget: &mut Budget,
        side: impl Fn(&mut Self) -> &mut TextState,
    ) -> States {
        if text.surely_inside(set) {
            return States::new();
        }
        text.outside(set, budget)
            .into_iter()
            .map(|narrowed| {
                let mut state = self.clone();
                *side(&mut state) = narrowed;
                state
            })
            .collect()
    }

    /// Do the equalities decided so far agree with one another, and with the resource if its
    /// variables can only have one value?
    pub(crate) fn is_consistent(&self, scene: &Scene, budget: &mut Budget) -> bool {
        if !self.equalities_agree(scene) {
            return false;
        }
        if !self.resource.has_variables() {
            return true;
        }
        let value = |name: &str, _: Option<&str>| self.only_value(scene.key(name)?, scene);
        self.resource.is_inhabited_with(&value, budget)
    }

    /// The one value that a key must have here, if there is just one.
    fn only_value(&self, key: usize, scene: &Scene) -> Option<String> {
        let (state, info) = (self.keys.get(key)?, scene.keys.get(key)?);
        let only = state
            .all
            .single()
            .filter(|_| !state.may_be_absent && info.single)?;
        match info.domain.atoms.get(only)? {
            Atom::Value(value) => Some(value.clone()),
            Atom::Example(_) | Atom::Cell(_) | Atom::Foreign | Atom::Several => None,
        }
    }

    fn equalities_agree(&self, scene: &Scene) -> bool {
        let equalities = || {
            scene
                .facts
                .iter()
                .zip(&self.facts)
                .filter_map(|(fact, decided)| match (fact, decided) {
                    (Fact::Equal { key, variable }, Some(holds)) => Some((*key, *variable, *holds)),
                    (Fact::Equal { .. }, None) | (Fact::Opaque { .. }, _) => None,
                })
        };
        if equalities().next().is_none() {
            return true;
        }
        let classes = self.classes(scene);
        let shared = |class: usize| {
            self.keys
                .iter()
                .zip(&classes)
                .filter(|(_, of)| **of == class)
                .map(|(key, _)| key.all.clone())
                .reduce(|one, two| one.and(&two))
        };
        let value_of = |key: usize| {
            let class = *classes.get(key)?;
            let only = shared(class)?.single()?;
            let certain = self.keys.get(key).is_some_and(|state| !state.may_be_absent);
            let domain = &scene.keys.get(key)?.domain;
            (certain && matches!(domain.atoms.get(only), Some(Atom::Value(_)))).then_some(only)
        };
        equalities().all(|(key, variable, holds)| {
            let one_class = classes.get(key) == classes.get(variable);
            if holds {
                return classes
                    .get(key)
                    .and_then(|class| shared(*class))
                    .is_some_and(|all| !all.is_empty());
            }
            let forced = value_of(key).is_some_and(|value| value_of(variable) == Some(value));
            !one_class && !forced
        })
    }

    /// The class of each key under the equalities that hold.
    pub(crate) fn classes(&self, scene: &Scene) -> Vec<usize> {
        let mut of: Vec<usize> = (0..scene.keys.len()).collect();
        for (fact, decided) in scene.facts.iter().zip(&self.facts) {
            if let (Fact::Equal { key, variable }, Some(true)) = (fact, decided) {
                join(&mut of, *key, *variable);
            }
        }
        of
    }
}
