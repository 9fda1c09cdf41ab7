//! The bound on one question, in steps and never in time.

use std::fmt;

/// Why a question was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Exhausted {
    /// The search branched more often than [`Limits::search_nodes`].
    SearchNodes,
    /// The automaton product grew beyond [`Limits::product_nodes`].
    ProductNodes,
    /// The search went deeper than any real policy needs.
    Depth,
    /// A condition key was split into more than [`Limits::atoms`] classes of values.
    Atoms,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SearchNodes => "search nodes",
            Self::ProductNodes => "automaton states",
            Self::Depth => "branches below one another",
            Self::Atoms => "classes of values of one key",
        })
    }
}

/// How far one question may go. The defaults are far above what any real policy needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Nodes of the search.
    pub search_nodes: u32,
    /// States of all automaton products together.
    pub product_nodes: u32,
    /// Classes of values of one condition key.
    pub atoms: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            search_nodes: 200_000,
            product_nodes: 300_000,
            atoms: 2_000,
        }
    }
}

/// What is left of the limits while one question is answered.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    limits: Limits,
    pub(crate) search_nodes: u32,
    pub(crate) product_nodes: u32,
    pub(crate) exhausted: Option<Exhausted>,
}

impl Budget {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self {
            limits,
            search_nodes: 0,
            product_nodes: 0,
            exhausted: None,
        }
    }

    pub(crate) const fn atoms_max(&self) -> u32 {
        self.limits.atoms
    }

    /// Counts a node of the search; false when there are none left.
    pub(crate) fn search_step(&mut self) -> bool {
        self.search_nodes += 1;
        if self.search_nodes > self.limits.search_nodes {
            self.exhausted.get_or_insert(Exhausted::SearchNodes);
        }
        self.exhausted.is_none()
    }

    /// Counts a state of an automaton product; false when there are none left.
    pub(crate) fn product_step(&mut self) -> bool {
        self.product_nodes += 1;
        if self.product_nodes > self.limits.product_nodes {
            self.exhausted.get_or_insert(Exhausted::ProductNodes);
        }
        self.exhausted.is_none()
    }

    pub(crate) fn give_up(&mut self, why: Exhausted) {
        self.exhausted.get_or_insert(why);
    }
}
