//! Things that point at each other without borrowing each other.

use std::{fmt, hash, marker::PhantomData};

/// The place of a `T` in the [`Arena`] that made it.
pub struct Id<T> {
    index: u32,
    of: PhantomData<fn() -> T>,
}

/// A list that only grows, and names each of its elements.
#[derive(Clone)]
pub struct Arena<T> {
    elements: Vec<T>,
}

impl<T> Arena<T> {
    #[must_use]
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Id<T>, &T)> + DoubleEndedIterator {
        self.elements
            .iter()
            .enumerate()
            .map(|(index, element)| (Id::numbered(index), element))
    }

    pub fn ids(&self) -> impl ExactSizeIterator<Item = Id<T>> + use<T> {
        (0..self.elements.len()).map(Id::numbered)
    }

    pub fn values(&self) -> std::slice::Iter<'_, T> {
        self.elements.iter()
    }

    /// The element that this arena named so. Panics on the id of another estate's arena.
    #[expect(
        clippy::indexing_slicing,
        reason = "an id comes only from the arena that holds it, and an arena never shrinks"
    )]
    #[must_use]
    pub fn at(&self, id: Id<T>) -> &T {
        &self.elements[id.index()]
    }

    pub(crate) fn get_mut(&mut self, id: Id<T>) -> Option<&mut T> {
        self.elements.get_mut(id.index())
    }

    pub(crate) fn values_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.elements.iter_mut()
    }

    pub(crate) fn push(&mut self, element: T) -> Id<T> {
        let id = Id::numbered(self.elements.len());
        self.elements.push(element);
        id
    }
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self {
            elements: Vec::new(),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Arena<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.elements).finish()
    }
}

impl<T> Id<T> {
    /// A dense number from 0, for tables beside the arena.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }

    fn numbered(index: usize) -> Self {
        Self {
            // Four thousand million elements do not fit into the memory of any machine that scans.
            index: u32::try_from(index).unwrap_or(u32::MAX),
            of: PhantomData,
        }
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.index.cmp(&other.index)
    }
}

impl<T> hash::Hash for Id<T> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.index.hash(state);
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.index)
    }
}
