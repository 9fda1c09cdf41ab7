//! Checking a ledger from end to end, one line at a time.
//!
//! What is found is the first place that cannot be right: a sequence number, or the checkpoint
//! whose entries or whose predecessor is missing. Memory does not grow with the ledger.

use std::collections::VecDeque;

use crate::{Hash, Record, chain::DecodeError, checkpoint::Checkpoint, tree::Frontier};

/// What a whole ledger turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many entries it has.
    pub entries: u64,
    /// How many of them a checkpoint covers. Those after it could still be cut off unseen.
    pub covered: u64,
    /// How many checkpoints were checked against it.
    pub checkpoints: usize,
    /// The hash of the last entry.
    pub head: Hash,
    /// The root of the tree.
    pub root: Hash,
}

/// Where a ledger is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// The entry was edited, or is none.
    #[error("entry {seq} is not what was written: {why}")]
    Entry {
        /// The number it should have.
        seq: u64,
        /// What is wrong with it.
        why: DecodeError,
    },
    /// Entries are missing, doubled or in another order.
    #[error("entry {expected} should stand here, and entry {found} does")]
    Sequence {
        /// The number that should follow.
        expected: u64,
        /// The number that does.
        found: u64,
    },
    /// The entry is of another history, or the one before it was replaced.
    #[error("entry {seq} does not follow the entry before it")]
    Link {
        /// Which entry.
        seq: u64,
    },
    /// The fencing epoch fell, so a writer that had been replaced still wrote.
    #[error("entry {seq} is of epoch {found}, after one of epoch {before}")]
    Epoch {
        /// Which entry.
        seq: u64,
        /// Its epoch.
        found: u64,
        /// That of the entry before.
        before: u64,
    },
    /// The entries up to a checkpoint are not those that were signed for.
    #[error(
        "the first {size} entries are not those of the checkpoint; one from {from} on was rewritten"
    )]
    Rewritten {
        /// The first entry that no checkpoint before this one vouches for.
        from: u64,
        /// How many entries the checkpoint covers.
        size: u64,
    },
    /// The ledger is shorter than a checkpoint says.
    #[error(
        "entry {first_missing} is missing: the ledger ends there, and a checkpoint signs for {size} entries"
    )]
    CutOff {
        /// The first entry that is missing.
        first_missing: u64,
        /// How many entries the checkpoint covers.
        size: u64,
    },
    /// A checkpoint names one before it that was not given.
    #[error(
        "the checkpoint over {missing} entries is missing: the one over {named_by} entries follows it"
    )]
    CheckpointMissing {
        /// The size of the missing one.
        missing: u64,
        /// The size of the one that names it.
        named_by: u64,
    },
    /// Two ledgers were signed for as one.
    #[error("two checkpoints over {size} entries differ: two histories were signed")]
    Fork {
        /// Their size.
        size: u64,
    },
}

impl Flaw {
    /// The first sequence number that cannot be right, where the flaw is one of entries.
    pub fn first_bad(&self) -> Option<u64> {
        match *self {
            Self::Entry { seq, .. } | Self::Link { seq } | Self::Epoch { seq, .. } => Some(seq),
            Self::Sequence { expected, .. } => Some(expected),
            Self::Rewritten { from, .. } => Some(from),
            Self::CutOff { first_missing, .. } => Some(first_missing),
            Self::CheckpointMissing { .. } | Self::Fork { .. } => None,
        }
    }
}

/// A check under way.
#[derive(Debug, Clone)]
pub struct Verifier {
    waiting: VecDeque<Checkpoint>,
    checked: usize,
    /// Entries that a checkpoint has vouched for.
    covered: u64,
    flaw: Option<Flaw>,
    head: Hash,
    epoch: u64,
    frontier: Frontier,
}

impl Verifier {
    /// Begins a check against these checkpoints, in any order. Each was opened with a key, so its
    /// signature is known to be right.
    pub fn new(checkpoints: &[Checkpoint]) -> Self {
        let mut sorted = checkpoints.to_vec();
        sorted.sort_by_key(|checkpoint| (checkpoint.size, checkpoint.previous, checkpoint.time_ms));
        Self {
            flaw: flaw_among(&sorted),
            waiting: sorted.into(),
            checked: 0,
            covered: 0,
            head: Hash::ZERO,
            epoch: 0,
            frontier: Frontier::default(),
        }
    }

    /// Takes the next line of an exported ledger.
    ///
    /// # Errors
    /// If the ledger is wrong here. What follows a flaw is not worth checking.
    pub fn line(&mut self, line: &str) -> Result<Record, Flaw> {
        let read = Record::from_line(line);
        let record = read.map_err(|why| Flaw::Entry {
            seq: self.frontier.size(),
            why,
        })?;
        self.record(&record)?;
        Ok(record)
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// If the ledger is wrong here.
    pub fn record(&mut self, record: &Record) -> Result<(), Flaw> {
        let seq = self.frontier.size();
        if record.seq() != seq {
            return Err(Flaw::Sequence {
                expected: seq,
                found: record.seq(),
            });
        }
        if record.prev() != self.head {
            return Err(Flaw::Link { seq });
        }
        if record.epoch() < self.epoch {
            return Err(Flaw::Epoch {
                seq,
                found: record.epoch(),
                before: self.epoch,
            });
        }
        self.epoch = record.epoch();
        self.head = record.hash();
        self.frontier.push(record.leaf());
        self.meet_checkpoints()
    }

    fn meet_checkpoints(&mut self) -> Result<(), Flaw> {
        let size = self.frontier.size();
        while let Some(checkpoint) = self.waiting.pop_front_if(|next| next.size == size) {
            let is_ours = checkpoint.root == self.frontier.root() && checkpoint.head == self.head;
            if !is_ours {
                return Err(Flaw::Rewritten {
                    from: self.covered,
                    size,
                });
            }
            self.covered = size;
            self.checked += 1;
        }
        Ok(())
    }

    /// Ends the check.
    ///
    /// # Errors
    /// If entries that a checkpoint signs for, or a checkpoint that another names, are missing.
    pub fn finish(mut self) -> Result<Verified, Flaw> {
        let entries = self.frontier.size();
        if entries == 0 {
            self.head = Hash::ZERO;
            self.meet_checkpoints()?;
        }
        if let Some(unmet) = self.waiting.back() {
            return Err(Flaw::CutOff {
                first_missing: entries,
                size: unmet.size,
            });
        }
        if let Some(flaw) = self.flaw {
            return Err(flaw);
        }
        Ok(Verified {
            entries,
            covered: self.covered,
            checkpoints: self.checked,
            head: self.head,
            root: self.frontier.root(),
        })
    }
}

/// A fork, or a checkpoint that another names and nobody gave. `sorted` is by size.
fn flaw_among(sorted: &[Checkpoint]) -> Option<Flaw> {
    let pairs = sorted.iter().zip(sorted.iter().skip(1));
    let fork = pairs.clone().find(|(left, right)| {
        left.size == right.size && (left.root, left.head) != (right.root, right.head)
    });
    if let Some((one, _)) = fork {
        return Some(Flaw::Fork { size: one.size });
    }
    let is_given = |size: u64| {
        sorted
            .binary_search_by_key(&size, |given| given.size)
            .is_ok()
    };
    let names_a_missing_one = sorted
        .iter()
        .find(|checkpoint| checkpoint.previous > 0 && !is_given(checkpoint.previous));
    names_a_missing_one.map(|checkpoint| Flaw::CheckpointMissing {
        missing: checkpoint.previous,
        named_by: checkpoint.size,
    })
}

#[cfg(test)]
mod tests;
