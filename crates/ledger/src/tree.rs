//! The Merkle tree of RFC 6962 over the entries, and its two proofs.
//!
//! A leaf holds the chain hash of an entry, so a proof that an entry is in the tree proves the
//! whole history before it as well.

use std::ops::Range;

use crate::Hash;

/// The hash of a leaf: `SHA-256(0x00 ‖ content)`.
pub fn leaf(content: &[u8]) -> Hash {
    Hash::of(&[&[0], content])
}

/// The hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)`.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    Hash::of(&[&[1], left.as_bytes(), right.as_bytes()])
}

/// The root of the tree without entries.
pub fn empty() -> Hash {
    Hash::of(&[])
}

/// The complete subtrees of a tree from left to right: enough to append and to know the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.push_seeing(leaf, |_, _, _| ());
    }

    /// Appends a leaf and tells `completed` of each inner node it completes: its level (leaves are
    /// level 0), its index in that level, its hash.
    pub fn push_seeing(&mut self, leaf: Hash, mut completed: impl FnMut(u8, u64, Hash)) {
        let (mut hash, mut level, mut index) = (leaf, 0_u8, self.size);
        while index % 2 == 1
            && let Some(left) = self.subtrees.pop()
        {
            hash = node(&left, &hash);
            level += 1;
            index /= 2;
            completed(level, index, hash);
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    /// The root over all leaves.
    pub fn root(&self) -> Hash {
        let from_the_right = self.subtrees.iter().rev().copied();
        let root = from_the_right.reduce(|right, left| node(&left, &right));
        root.unwrap_or_else(empty)
    }

    /// The root over all leaves and, to their right, a smaller tree with this root. The tree is
    /// smaller than the last of the subtrees here.
    pub fn root_before(&self, right: Hash) -> Hash {
        let from_the_right = self.subtrees.iter().rev();
        from_the_right.fold(right, |right, left| node(left, &right))
    }

    /// The subtrees as bytes, to be kept beside the size.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = self.subtrees.iter().flat_map(|hash| *hash.as_bytes());
        bytes.collect()
    }

    /// Reads what [`Frontier::to_bytes`] wrote for a tree of that size; `None` if it cannot be.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let (subtrees, []) = bytes.as_chunks::<32>() else {
            return None;
        };
        if subtrees.len() != size.count_ones() as usize {
            return None;
        }
        let subtrees = subtrees.iter().copied().map(Hash::from).collect();
        Some(Self { size, subtrees })
    }
}

/// Something that knows the root over any run of leaves.
pub trait Subtrees {
    /// What can go wrong in finding it out.
    type Error;

    /// The root over the leaves `range`, which is never empty.
    ///
    /// # Errors
    /// If the leaves cannot be had.
    fn root_over(&mut self, range: Range<u64>) -> Result<Hash, Self::Error>;
}

/// There are not so many leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are not so many entries")]
pub struct OutOfRange;

impl Subtrees for &[Hash] {
    type Error = OutOfRange;

    fn root_over(&mut self, range: Range<u64>) -> Result<Hash, OutOfRange> {
        let from = usize::try_from(range.start).map_err(|_| OutOfRange)?;
        let to = usize::try_from(range.end).map_err(|_| OutOfRange)?;
        let mut frontier = Frontier::default();
        for leaf in self.get(from..to).ok_or(OutOfRange)? {
            frontier.push(*leaf);
        }
        Ok(frontier.root())
    }
}

/// The proof that leaf `index` is in the tree of `size` leaves, from the leaf upwards.
///
/// # Errors
/// If the leaves cannot be had. With an index outside the tree the proof is empty and proves nothing.
pub fn inclusion<T: Subtrees>(index: u64, size: u64, tree: &mut T) -> Result<Vec<Hash>, T::Error> {
    let mut proof = Vec::new();
    let mut range = 0..size;
    while range.contains(&index) && range.end - range.start > 1 {
        let middle = range.start + split(range.end - range.start);
        let (inside, beside) = if index < middle {
            (range.start..middle, middle..range.end)
        } else {
            (middle..range.end, range.start..middle)
        };
        proof.push(tree.root_over(beside)?);
        range = inside;
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `old` leaves is the beginning of the tree of `new` leaves.
///
/// # Errors
/// If the leaves cannot be had. If `old` is zero or not smaller than `new`, the proof is empty.
pub fn consistency<T: Subtrees>(old: u64, new: u64, tree: &mut T) -> Result<Vec<Hash>, T::Error> {
    if old == 0 || old >= new {
        return Ok(Vec::new());
    }
    let mut proof = Vec::new();
    let mut range = 0..new;
    let mut is_old_root = true;
    while old < range.end {
        let middle = range.start + split(range.end - range.start);
        if old <= middle {
            proof.push(tree.root_over(middle..range.end)?);
            range.end = middle;
        } else {
            proof.push(tree.root_over(range.start..middle)?);
            range.start = middle;
            is_old_root = false;
        }
    }
    if !is_old_root {
        proof.push(tree.root_over(range)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The greatest power of two below `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

/// The root that a leaf has in a tree of `size` leaves if the proof holds (RFC 9162, 2.1.3.2);
/// `None` if the proof has another length than it must.
pub fn root_of_inclusion(leaf: Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut place, mut last, mut root) = (index, size - 1, leaf);
    for beside in proof {
        if last == 0 {
            return None;
        }
        if place % 2 == 1 || place == last {
            root = node(beside, &root);
            let at_the_edge = place.trailing_zeros();
            (place, last) = (place >> at_the_edge, last >> at_the_edge);
        } else {
            root = node(&root, beside);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    (last == 0).then_some(root)
}

/// Whether the tree `old` of that size and root is the beginning of the tree `new`
/// (RFC 9162, 2.1.4.2). The empty tree is the beginning of every tree.
pub fn is_consistent(old: (u64, Hash), new: (u64, Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return proof.is_empty() && old_root == empty();
    }
    let (mut place, mut last) = (old_size - 1, new_size - 1);
    let complete = place.trailing_ones();
    (place, last) = (place >> complete, last >> complete);
    let mut hashes = proof.iter();
    // A complete old tree is a node of the new one, and is not repeated in the proof.
    let first = if place == 0 {
        Some(&old_root)
    } else {
        hashes.next()
    };
    let Some(&first) = first else {
        return false;
    };
    let (mut old, mut new) = (first, first);
    for beside in hashes {
        if last == 0 {
            return false;
        }
        if place % 2 == 1 || place == last {
            old = node(beside, &old);
            new = node(beside, &new);
            let at_the_edge = place.trailing_zeros();
            (place, last) = (place >> at_the_edge, last >> at_the_edge);
        } else {
            new = node(&new, beside);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && old == old_root && new == new_root
}

#[cfg(test)]
mod tests;
