//! What happened, provably.
//!
//! This crate knows what an [`Entry`] says, how entries are written as canonical text, chained,
//! gathered in a Merkle tree and signed for in checkpoints, and how a stranger checks all of it
//! ([`verify`]). It refuses to know who wrote the entries and why: no other crate of ours is in its
//! tree, and it has no clock, disk, network or randomness, so that an auditor can read it alone.
//! The format is written down in `docs/formats/ledger.md`.
//!
//! ```
//! use bailiwick_ledger::{Chain, Entry, Stamp, verify::Verifier};
//!
//! let mut chain = Chain::default();
//! let stamp = Stamp { epoch: 1, time_ms: 1_700_000_000_000, replica: "a".into() };
//! let first = chain.append(&Entry::of("grant.requested"), &stamp)?;
//! let second = chain.append(&Entry::of("grant.approved"), &stamp)?;
//!
//! let mut verifier = Verifier::new(&[]);
//! verifier.line(&first.to_line())?;
//! verifier.line(&second.to_line())?;
//! assert_eq!(verifier.finish()?.entries, 2);
//!
//! // Cut the first entry out, and the verifier says where the ledger is wrong.
//! let flaw = Verifier::new(&[]).line(&second.to_line()).unwrap_err();
//! assert_eq!(flaw.first_bad(), Some(0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(missing_docs, clippy::disallowed_methods)]

pub mod argument;
pub mod canonical;
mod chain;
pub mod checkpoint;
mod entry;
mod hash;
pub mod note;
pub mod query;
pub mod replay;
pub mod shown;
pub mod tree;
pub mod verify;

pub use chain::{AppendError, Chain, DecodeError, RECORD_LENGTH_MAX, Record, Stamp, VERSION};
pub use entry::{
    Action, Actor, Agent, Approval, Credential, Decision, Effect, Entry, Flow, Grant, Net, Phase,
    Task, VerbClass,
};
pub use hash::{Hash, ParseHashError};
