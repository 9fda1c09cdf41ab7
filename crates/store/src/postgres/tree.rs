//! Proofs over the ledger's tree without reading all of it.
//!
//! A proof is made twice: the first time it says which hashes it needs, which are then fetched, and
//! the second time it is made of them.

use std::{collections::BTreeMap, ops::Range};

use bailiwick_broker::port::StoreError;
use bailiwick_ledger::{
    Hash,
    tree::{self, Frontier, Subtrees},
};
use tokio_postgres::Client;

use super::{int, query, read};
use crate::LEVELS_APART;

pub(super) async fn inclusion(
    client: &Client,
    seq: u64,
    size: u64,
) -> Result<Vec<Hash>, StoreError> {
    in_range(client, size, seq < size).await?;
    let mut needed = Needed::default();
    tree::inclusion(seq, size, &mut needed)?;
    tree::inclusion(seq, size, &mut needed.fetched(client).await?)
}

pub(super) async fn consistency(
    client: &Client,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, StoreError> {
    in_range(client, new, old <= new).await?;
    let mut needed = Needed::default();
    tree::consistency(old, new, &mut needed)?;
    tree::consistency(old, new, &mut needed.fetched(client).await?)
}

async fn in_range(client: &Client, size: u64, holds: bool) -> Result<(), StoreError> {
    let is = read::chain(client).await?.len();
    if holds && size <= is {
        return Ok(());
    }
    Err(StoreError::OutOfRange { size: is })
}

/// A run of nodes of one kept level; the leaves are level 0.
type Run = (u8, u64, u64);

/// What a run is made of: nodes of one kept level, and what is left over of the levels below. Every
/// run that a proof asks for begins at a multiple of a power of two that is at least its length.
fn parts(range: &Range<u64>) -> (Run, Range<u64>) {
    let mut level = 0;
    while range.end - range.start >= 1 << (level + LEVELS_APART) {
        level += LEVELS_APART;
    }
    let (first, last) = (range.start >> level, range.end >> level);
    ((level, first, last), (last << level)..range.end)
}

/// The runs that a proof asks for.
#[derive(Debug, Default)]
struct Needed(Vec<Run>);

impl Subtrees for Needed {
    type Error = StoreError;

    fn root_over(&mut self, range: Range<u64>) -> Result<Hash, StoreError> {
        let mut left = range;
        while !left.is_empty() {
            let (run, rest) = parts(&left);
            self.0.push(run);
            left = rest;
        }
        Ok(Hash::ZERO)
    }
}

impl Needed {
    async fn fetched(self, client: &Client) -> Result<Fetched, StoreError> {
        let mut fetched = BTreeMap::new();
        for run in self.0 {
            fetched.insert(run, level(client, run).await?);
        }
        Ok(Fetched(fetched))
    }
}

async fn level(client: &Client, (level, first, last): Run) -> Result<Vec<Hash>, StoreError> {
    let rows = if level == 0 {
        let sql = "SELECT hash FROM ledger WHERE seq >= $1 AND seq < $2 ORDER BY seq";
        query(client, sql, &[&int(first), &int(last)]).await?
    } else {
        let sql = "SELECT hash FROM nodes WHERE level = $3 AND place >= $1 AND place < $2
            ORDER BY place";
        query(client, sql, &[&int(first), &int(last), &i16::from(level)]).await?
    };
    if rows.len() as u64 != last - first {
        return Err(StoreError::Corrupt(
            "nodes of the ledger's tree are missing".into(),
        ));
    }
    let hashes = rows.iter().map(|row| {
        let bytes: &[u8] = row.get(0);
        if level == 0 {
            Ok(tree::leaf(bytes))
        } else {
            read::hash(bytes)
        }
    });
    hashes.collect()
}

struct Fetched(BTreeMap<Run, Vec<Hash>>);

impl Subtrees for Fetched {
    type Error = StoreError;

    fn root_over(&mut self, range: Range<u64>) -> Result<Hash, StoreError> {
        let (run, rest) = parts(&range);
        let mut frontier = Frontier::default();
        let hashes = self.0.get(&run).map(Vec::as_slice).unwrap_or_default();
        for hash in hashes {
            frontier.push(*hash);
        }
        if rest.is_empty() {
            return Ok(frontier.root());
        }
        // The left-over is shorter than one node of this level, and stands to the right of all.
        let rest = self.root_over(rest)?;
        Ok(frontier.root_before(rest))
    }
}
