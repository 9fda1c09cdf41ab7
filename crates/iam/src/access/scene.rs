//! The condition keys of one question, cut into atoms, and what each requirement is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::evaluate::ResourceSemantics;
use crate::vocabulary::Vocabulary;

use super::bits::Bits;
use super::budget::Budget;
use super::clause::{Clause, Opaque, Plurality, Requirement, Values, kind_of};
use super::state::Obstacle;
use super::values::{Domain, Kind, Predicate};

/// What a scene is made from, besides clauses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) vocabulary: &'a dyn Vocabulary,
    /// Keys that every request in question carries.
    pub(crate) always_present: &'a [&'a str],
    pub(crate) semantics: ResourceSemantics,
}

/// The keys and facts of one question, in the order of their names.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) semantics: ResourceSemantics,
    pub(crate) keys: Vec<Key>,
    pub(crate) facts: Vec<Fact>,
    names: Vec<FactName>,
}

/// A condition key in a scene.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: Arc<str>,
    pub(crate) domain: Arc<Domain>,
    pub(crate) single: bool,
    /// Conditions on it cannot be told apart by one cut.
    blind: bool,
    pub(crate) may_be_absent: bool,
}

/// Something true or false of the request that is not a set of values.
#[derive(Debug)]
pub(crate) enum Fact {
    Equal {
        key: usize,
        variable: usize,
    },
    Opaque {
        when_true: Option<Resolved>,
        present_when_false: Option<usize>,
        source: Option<Arc<Opaque>>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum FactName {
    Equal(Arc<str>, Arc<str>),
    Opaque(Arc<Opaque>),
    Blind(Values),
}

/// A requirement in terms of a scene.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolved {
    Key {
        key: usize,
        all: bool,
        set: Bits,
        when_absent: bool,
    },
    Fact {
        fact: usize,
        holds: bool,
    },
}

/// The requirements of one clause.
pub(crate) type Requirements = SmallVec<[Resolved; 4]>;

#[derive(Debug, Default)]
struct Gathered {
    predicates: BTreeSet<Predicate>,
    set_operators: bool,
    plain_operators: bool,
}

#[derive(Debug, Default)]
struct Inventory {
    keys: BTreeMap<Arc<str>, Gathered>,
    names: BTreeSet<FactName>,
    blind_candidates: Vec<Values>,
}

impl Inventory {
    fn add(&mut self, requirement: &Requirement) {
        match requirement {
            Requirement::Values(values) => {
                self.add_values(values);
                self.blind_candidates.push(values.clone());
            }
            Requirement::Equal { key, variable, .. } => {
                for name in [key, variable] {
                    self.keys.entry(name.clone()).or_default().plain_operators = true;
                }
                self.names
                    .insert(FactName::Equal(key.clone(), variable.clone()));
            }
            Requirement::Opaque { fact, .. } => {
                self.keys.entry(fact.key.clone()).or_default();
                if let Some(values) = &fact.when_true {
                    self.add_values(values);
                }
                self.names.insert(FactName::Opaque(fact.clone()));
            }
        }
    }

    fn add_values(&mut self, values: &Values) {
        let gathered = self.keys.entry(values.key.clone()).or_default();
        for predicate in values.predicates.iter().chain(&values.within) {
            if !gathered.predicates.contains(predicate) {
                gathered.predicates.insert(predicate.clone());
            }
        }
        gathered.set_operators |= values.set_operator;
        gathered.plain_operators |= !values.set_operator && !values.predicates.is_empty();
    }
}

impl Scene {
    /// The scene in which the clauses can be told apart.
    pub(crate) fn new<'a>(
        clauses: impl Iterator<Item = &'a Clause>,
        setting: Setting<'_>,
        budget: &mut Budget,
    ) -> Self {
        let mut inventory = Inventory::default();
        for requirement in clauses.flat_map(|clause| &clause.requirements) {
            inventory.add(requirement);
        }
        let keys = cut(&inventory, setting, budget);
        let mut scene = Self {
            semantics: setting.semantics,
            keys,
            facts: Vec::new(),
            names: Vec::new(),
        };
        for values in &inventory.blind_candidates {
            if scene.is_blind(values) {
                inventory.names.insert(FactName::Blind(values.clone()));
            }
        }
        scene.names = inventory.names.into_iter().collect();
        let facts = scene.names.iter().map(|name| scene.fact(name)).collect();
        scene.facts = facts;
        scene
    }

    /// The clause in terms of this scene.
    pub(crate) fn obstacle<'c>(&self, clause: &'c Clause) -> Obstacle<'c> {
        let requirements = clause
            .requirements
            .iter()
            .filter_map(|requirement| self.requirement(requirement));
        Obstacle {
            clause,
            requirements: requirements.collect(),
        }
    }

    pub(crate) fn key(&self, name: &str) -> Option<usize> {
        self.keys.binary_search_by(|key| (*key.name).cmp(name)).ok()
    }

    fn requirement(&self, requirement: &Requirement) -> Option<Resolved> {
        let fact = |name: FactName, holds| {
            Some(Resolved::Fact {
                fact: self.names.binary_search(&name).ok()?,
                holds,
            })
        };
        match requirement {
            Requirement::Values(values) if self.is_blind(values) => {
                fact(FactName::Blind(values.clone()), true)
            }
            Requirement::Values(values) => self.values(values),
            Requirement::Equal {
                key,
                variable,
                holds,
            } => fact(FactName::Equal(key.clone(), variable.clone()), *holds),
            Requirement::Opaque {
                fact: opaque,
                holds,
            } => fact(FactName::Opaque(opaque.clone()), *holds),
        }
    }

    fn is_blind(&self, values: &Values) -> bool {
        let blind = self
            .key(&values.key)
            .and_then(|at| self.keys.get(at))
            .is_some_and(|key| key.blind);
        blind && !values.predicates.is_empty()
    }

    fn values(&self, values: &Values) -> Option<Resolved> {
        let at = self.key(&values.key)?;
        let key = self.keys.get(at)?;
        let comparable = key.domain.comparable();
        let within = match &values.within {
            None => comparable,
            Some(within) => comparable.and(&key.domain.matched(std::slice::from_ref(within))),
        };
        let matched = key.domain.matched(&values.predicates).and(&within);
        let asks_presence = values.predicates.is_empty() && !values.when_absent;
        let set = match (values.complement, asks_presence) {
            (false, _) => matched,
            (true, true) => Bits::all(key.domain.len()),
            // Several values at a time match no plain operator, negated or not.
            (true, false) => within.and_not(&matched),
        };
        Some(Resolved::Key {
            key: at,
            all: values.all,
            set,
            when_absent: values.when_absent,
        })
    }

    fn fact(&self, name: &FactName) -> Fact {
        let presence = |key: &str| {
            let at = self.key(key)?;
            let set = Bits::all(self.keys.get(at)?.domain.len());
            Some(Resolved::Key {
                key: at,
                all: true,
                set,
                when_absent: false,
            })
        };
        match name {
            FactName::Equal(key, variable) => Fact::Equal {
                key: self.key(key).unwrap_or_default(),
                variable: self.key(variable).unwrap_or_default(),
            },
            FactName::Opaque(opaque) => Fact::Opaque {
                when_true: opaque.when_true.as_ref().and_then(|values| {
                    if self.is_blind(values) {
                        if values.when_absent {
                            None
                        } else {
                            presence(&values.key)
                        }
                    } else {
                        self.values(values)
                    }
                }),
                present_when_false: if opaque.present_when_false {
                    self.key(&opaque.key)
                } else {
                    None
                },
                source: Some(opaque.clone()),
            },
            FactName::Blind(values) => Fact::Opaque {
                when_true: if values.when_absent {
                    None
                } else {
                    presence(&values.key)
                },
                present_when_false: if values.when_absent {
                    self.key(&values.key)
                } else {
                    None
                },
                source: None,
            },
        }
    }
}

fn cut(inventory: &Inventory, setting: Setting<'_>, budget: &mut Budget) -> Vec<Key> {
    let names: Vec<Arc<str>> = inventory.keys.keys().cloned().collect();
    let classes = classes(&names, &inventory.names);
    let mut domains: BTreeMap<usize, Option<Arc<Domain>>> = BTreeMap::new();
    let mut keys = Vec::with_capacity(names.len());
    for ((name, gathered), class) in inventory.keys.iter().zip(&classes) {
        let (kind, plurality) = kind_of(setting.vocabulary, name);
        let single = plurality == Plurality::One
            || plurality == Plurality::Unknown && !gathered.set_operators;
        let domain = domains
            .entry(*class)
            .or_insert_with(|| {
                let members = || {
                    inventory
                        .keys
                        .values()
                        .zip(&classes)
                        .filter(|(_, of)| *of == class)
                        .map(|(one, _)| one)
                };
                let lone = members().count() == 1;
                let predicates: BTreeSet<&Predicate> =
                    members().flat_map(|one| &one.predicates).collect();
                let several = lone && single && plurality == Plurality::Unknown;
                let kind = if lone { kind } else { Kind::Unknown };
                Domain::new(&predicates, kind, several, budget).map(Arc::new)
            })
            .clone();
        let mixed =
            plurality == Plurality::Unknown && gathered.set_operators && gathered.plain_operators;
        let blind = mixed || domain.is_none();
        let domain = domain.unwrap_or_default();
        let may_be_absent = !setting.always_present.contains(&&**name);
        keys.push(Key {
            name: name.clone(),
            domain,
            single,
            blind,
            may_be_absent,
        });
    }
    keys
}

/// For each key the first key it may have to equal: these share their atoms.
fn classes(names: &[Arc<str>], facts: &BTreeSet<FactName>) -> Vec<usize> {
    let mut of: Vec<usize> = (0..names.len()).collect();
    for fact in facts {
        let FactName::Equal(key, variable) = fact else {
            continue;
        };
        let (Ok(one), Ok(two)) = (names.binary_search(key), names.binary_search(variable)) else {
            continue;
        };
        join(&mut of, one, two);
    }
    of
}

/// Gives two members one class.
pub(crate) fn join(of: &mut [usize], one: usize, two: usize) {
    let (Some(one), Some(two)) = (of.get(one).copied(), of.get(two).copied()) else {
        return;
    };
    for class in of.iter_mut() {
        if *class == one.max(two) {
            *class = one.min(two);
        }
    }
}
