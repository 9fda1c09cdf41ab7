//! What a policy document says about the actions of the paths, read once.
//!
//! A digest only chooses what to ask: it may say "perhaps" where the evaluator says no, and never
//! the other way round.

use std::collections::BTreeMap;

use bailiwick_iam::policy::{Effect, Policy, Selection, Statement};
use rustc_hash::FxHashMap;

use super::{glob, path::Book};

/// A set of the actions that the paths name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Actions([u64; 4]);

/// The most actions that the paths can name: the size of [`Actions`].
const ACTIONS_MAX: usize = 256;

impl Actions {
    pub(crate) const ALL: Self = Self([u64::MAX; 4]);

    pub(crate) fn insert(&mut self, action: usize) {
        if let Some(word) = self.0.get_mut(action / 64) {
            *word |= 1 << (action % 64);
        }
    }

    pub(crate) fn join(&mut self, other: Self) {
        for (word, more) in self.0.iter_mut().zip(other.0) {
            *word |= more;
        }
    }

    pub(crate) fn contains(self, action: usize) -> bool {
        self.0
            .get(action / 64)
            .is_some_and(|word| word & (1 << (action % 64)) != 0)
    }

    pub(crate) fn contains_all(self, other: Self) -> bool {
        let mut words = self.0.iter().zip(other.0);
        words.all(|(word, wanted)| word & wanted == wanted)
    }

    fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// The actions that the paths name, each with a number.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    numbers: FxHashMap<String, usize>,
    /// By service, in lower case.
    services: FxHashMap<String, Vec<(usize, String)>>,
    all: Vec<(usize, String)>,
    /// For each path, the actions it needs.
    needed: Vec<Actions>,
}

impl Vocabulary {
    pub(crate) fn of(book: &Book) -> Self {
        let mut vocabulary = Self {
            numbers: FxHashMap::default(),
            services: FxHashMap::default(),
            all: Vec::new(),
            needed: Vec::new(),
        };
        for path in &book.paths {
            let mut needed = Actions::default();
            for need in &path.needs {
                needed.insert(vocabulary.number(&need.action));
            }
            vocabulary.needed.push(needed);
        }
        debug_assert!(vocabulary.all.len() <= ACTIONS_MAX);
        vocabulary
    }

    fn number(&mut self, action: &str) -> usize {
        if let Some(number) = self.numbers.get(action) {
            return *number;
        }
        let number = self.all.len();
        let service = action.split(':').next().unwrap_or_default();
        let entry = (number, action.to_owned());
        self.numbers.insert(action.to_owned(), number);
        self.all.push(entry.clone());
        let service = self.services.entry(service.to_ascii_lowercase());
        service.or_default().push(entry);
        number
    }

    pub(crate) fn known(&self, action: &str) -> Option<usize> {
        self.numbers.get(action).copied()
    }

    /// The paths all of whose actions are among these, by their place in the book.
    pub(crate) fn paths_within(&self, actions: Actions) -> impl Iterator<Item = usize> + '_ {
        let within = self.needed.iter().enumerate();
        within
            .filter(move |(_, needed)| actions.contains_all(**needed))
            .map(|(path, _)| path)
    }

    /// Those that a selection may cover.
    fn selected(&self, actions: &Selection<bailiwick_iam::policy::ActionPattern>) -> Actions {
        let mut selected = Actions::default();
        match actions {
            Selection::Only(patterns) => {
                for pattern in patterns {
                    self.matched(&pattern.value.0, &mut selected);
                }
            }
            Selection::AllBut(patterns) => {
                let mut excluded = Actions::default();
                for pattern in patterns {
                    self.matched(&pattern.value.0, &mut excluded);
                }
                for (number, _) in &self.all {
                    if !excluded.contains(*number) {
                        selected.insert(*number);
                    }
                }
            }
        }
        selected
    }

    fn matched(&self, pattern: &str, into: &mut Actions) {
        let service = pattern.split(':').next().unwrap_or_default();
        let candidates = if service.contains(['*', '?']) {
            self.all.as_slice()
        } else {
            let service = self.services.get(&service.to_ascii_lowercase());
            service.map(Vec::as_slice).unwrap_or_default()
        };
        for (number, action) in candidates {
            if glob::matches(pattern, action) {
                into.insert(*number);
            }
        }
    }
}

/// What one document says.
#[derive(Debug, Default)]
pub(crate) struct Digest {
    /// What some statement allows, on something.
    pub(crate) allows: Actions,
    /// For each such statement: what it allows, and on which resources. Empty: on all but some.
    pub(crate) grants: Vec<(Actions, Vec<Box<str>>)>,
    /// For each statement that has conditions or variables: the actions it is about, and its keys.
    conditions: Vec<(Actions, Keys)>,
    /// For each statement: the actions it is about, and its resources, excluded ones included.
    scopes: Vec<(Actions, Vec<Box<str>>)>,
    pub(crate) denies: bool,
}

/// The condition keys and variables that a statement mentions, in lower case, with the values it
/// compares them with.
type Keys = BTreeMap<String, Vec<Box<str>>>;

impl Digest {
    pub(crate) fn of(policy: &Policy, vocabulary: &Vocabulary) -> Self {
        let mut digest = Self::default();
        for statement in &policy.statements {
            digest.read(statement, vocabulary);
        }
        digest
    }

    /// A document of which nothing is known: it may allow anything.
    pub(crate) fn unreadable() -> Self {
        Self {
            allows: Actions::ALL,
            grants: vec![(Actions::ALL, Vec::new())],
            conditions: Vec::new(),
            scopes: Vec::new(),
            denies: true,
        }
    }

    fn read(&mut self, statement: &Statement, vocabulary: &Vocabulary) {
        let actions = vocabulary.selected(&statement.actions);
        let keys = keys_of(statement);
        if !actions.is_empty() {
            let patterns = statement.resources.as_ref();
            let patterns = patterns.map_or(&[][..], Selection::patterns).iter();
            let resources = patterns.map(|it| it.value.0.as_str().into()).collect();
            self.scopes.push((actions, resources));
        }
        if !keys.is_empty() {
            self.conditions.push((actions, keys));
        }
        match statement.effect {
            Effect::Deny => self.denies = true,
            Effect::Allow if actions.is_empty() => {}
            Effect::Allow => {
                self.allows.join(actions);
                let resources = match &statement.resources {
                    Some(Selection::Only(patterns)) => patterns
                        .iter()
                        .map(|it| it.value.0.as_str().into())
                        .collect(),
                    Some(Selection::AllBut(_)) | None => Vec::new(),
                };
                self.grants.push((actions, resources));
            }
        }
    }

    /// Every resource pattern of the statements about an action, whatever they do with it.
    pub(crate) fn scopes(&self, action: usize) -> impl Iterator<Item = &str> {
        let about = self.scopes.iter();
        about
            .filter(move |(actions, _)| actions.contains(action))
            .flat_map(|(_, resources)| resources.iter().map(AsRef::as_ref))
    }

    pub(crate) fn is_conditional(&self) -> bool {
        !self.conditions.is_empty()
    }

    /// The keys of the statements that are about an action, and what they compare them with; of all
    /// statements, if the action is none of the paths'.
    pub(crate) fn keys(&self, action: Option<usize>) -> impl Iterator<Item = (&str, &[Box<str>])> {
        let about = move |actions: &Actions| action.is_none_or(|it| actions.contains(it));
        let conditions = self.conditions.iter();
        conditions
            .filter(move |(actions, _)| about(actions))
            .flat_map(|(_, keys)| keys.iter())
            .map(|(key, values)| (key.as_str(), values.as_slice()))
    }

    /// The resources on which some statement allows the action; `None` if on all but some.
    pub(crate) fn resources_of(&self, action: usize) -> impl Iterator<Item = Option<&str>> {
        let grants = self
            .grants
            .iter()
            .filter(move |(actions, _)| actions.contains(action));
        grants.flat_map(|(_, resources)| {
            let open = resources.is_empty().then_some(None);
            open.into_iter()
                .chain(resources.iter().map(|resource| Some(resource.as_ref())))
        })
    }
}

fn keys_of(statement: &Statement) -> Keys {
    let mut keys = Keys::new();
    for condition in &statement.conditions {
        let key = condition.key.value.to_ascii_lowercase();
        let values = condition.values.iter().map(|it| it.value.as_str());
        let compared = keys.entry(key).or_default();
        compared.extend(values.clone().map(Into::into));
        for value in values {
            read_variables(value, &mut keys);
        }
    }
    let resources = statement.resources.as_ref();
    for pattern in resources.map_or(&[][..], Selection::patterns) {
        read_variables(&pattern.value.0, &mut keys);
    }
    keys
}

fn read_variables(text: &str, keys: &mut Keys) {
    for after in text.split("${").skip(1) {
        let name = after.split(['}', ',']).next().unwrap_or_default().trim();
        if !name.is_empty() {
            keys.entry(name.to_ascii_lowercase()).or_default();
        }
    }
}
