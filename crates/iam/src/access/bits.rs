//! A small set of atoms. Domains are short, so a few machine words do.

use smallvec::{SmallVec, smallvec};

/// A set of atom numbers below a length that its domain knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Bits(SmallVec<[u64; 2]>);

impl Bits {
    /// No atom.
    pub(crate) fn none(len: usize) -> Self {
        Self(smallvec![0; len.div_ceil(64).max(1)])
    }

    /// Every atom below `len`.
    pub(crate) fn all(len: usize) -> Self {
        let mut bits = Self::none(len);
        for atom in 0..len {
            bits.insert(atom);
        }
        bits
    }

    /// Makes room for atoms below `len`.
    pub(crate) fn grow(&mut self, len: usize) {
        self.0.resize(len.div_ceil(64).max(1), 0);
    }

    pub(crate) fn insert(&mut self, atom: usize) {
        if let Some(word) = self.0.get_mut(atom / 64) {
            *word |= 1 << (atom % 64);
        }
    }

    pub(crate) fn contains(&self, atom: usize) -> bool {
        self.0
            .get(atom / 64)
            .is_some_and(|word| word & (1 << (atom % 64)) != 0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(crate) fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    pub(crate) fn and_not(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & !b).collect())
    }

    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        let words = self.0.len();
        (0..words * 64).filter(|atom| self.contains(*atom))
    }

    /// The only atom, if there is exactly one.
    pub(crate) fn single(&self) -> Option<usize> {
        let mut atoms = self.iter();
        let first = atoms.next()?;
        atoms.next().is_none().then_some(first)
    }
}
