//! Proofs over the ledger's tree without reading all of it.

use std::ops::Range;

use bailiwick_broker::port::StoreError;
use bailiwick_ledger::{
    Hash,
    tree::{self, Frontier, Subtrees},
};
use rusqlite::{Connection, params};

use super::read;
use crate::LEVELS_APART;

pub(super) fn inclusion(
    connection: &Connection,
    seq: u64,
    size: u64,
) -> Result<Vec<Hash>, StoreError> {
    in_range(connection, size, seq < size)?;
    tree::inclusion(seq, size, &mut Nodes(connection))
}

pub(super) fn consistency(
    connection: &Connection,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, StoreError> {
    in_range(connection, new, old <= new)?;
    tree::consistency(old, new, &mut Nodes(connection))
}

fn in_range(connection: &Connection, size: u64, holds: bool) -> Result<(), StoreError> {
    let is = read::chain(connection)?.len();
    if holds && size <= is {
        return Ok(());
    }
    Err(StoreError::OutOfRange { size: is })
}

struct Nodes<'c>(&'c Connection);

impl Subtrees for Nodes<'_> {
    type Error = StoreError;

    /// Every run that a proof asks for begins at a multiple of a power of two that is at least its
    /// length. So it is some nodes of one kept level, and what is left over of the levels below.
    fn root_over(&mut self, range: Range<u64>) -> Result<Hash, StoreError> {
        let mut level = 0;
        while range.end - range.start >= 1 << (level + LEVELS_APART) {
            level += LEVELS_APART;
        }
        let mut frontier = Frontier::default();
        let (first, last) = (range.start >> level, range.end >> level);
        for hash in self.level(level, first..last)? {
            frontier.push(hash);
        }
        let whole = frontier.root();
        let rest = (last << level)..range.end;
        if rest.is_empty() {
            return Ok(whole);
        }
        // The left-over is shorter than one node of this level, and stands to the right of all.
        let rest = self.root_over(rest)?;
        Ok(frontier.root_before(rest))
    }
}

impl Nodes<'_> {
    fn level(&self, level: u8, places: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        let (sql, of_leaf): (_, fn(&[u8; 32]) -> Hash) = if level == 0 {
            let sql = "SELECT hash FROM ledger WHERE seq >= ?1 AND seq < ?2 ORDER BY seq";
            (sql, |hash| tree::leaf(hash))
        } else {
            let sql = "SELECT hash FROM nodes WHERE level = ?3 AND place >= ?1 AND place < ?2
                ORDER BY place";
            (sql, |hash| Hash::from(*hash))
        };
        let count = places.end - places.start;
        let failed = |error: rusqlite::Error| super::failed(&error);
        let mut statement = self.0.prepare_cached(sql).map_err(failed)?;
        let read = |row: &rusqlite::Row<'_>| Ok(of_leaf(&row.get::<_, [u8; 32]>(0)?));
        let hashes: rusqlite::Result<Vec<Hash>> = if level == 0 {
            let values = params![places.start, places.end];
            statement.query_map(values, read).map_err(failed)?.collect()
        } else {
            let values = params![places.start, places.end, level];
            statement.query_map(values, read).map_err(failed)?.collect()
        };
        let hashes = hashes.map_err(failed)?;
        if hashes.len() as u64 != count {
            return Err(StoreError::Corrupt(
                "nodes of the ledger's tree are missing".into(),
            ));
        }
        Ok(hashes)
    }
}
