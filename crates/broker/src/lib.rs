//! Decide, record, act: in this order and nowhere else.
//!
//! This crate knows the order in which things happen and what must be durable before the next of
//! them. It refuses to know what a charter allows (that is the authority's), what SQL is (the
//! store's) and what HTTP is (the gateway's): those are behind the [`port`]s.
//!
//! What may be acted on is a [`Recorded`] something, and only this crate makes one.

mod broker;
mod checkpointing;
mod clock;
mod decide;
mod delegate;
mod issue;
pub mod port;
pub mod protocol;
mod recorded;
mod recorder;
mod remembered;
mod state;
mod stop;
mod stopping;

pub use broker::Broker;
pub use clock::SystemClock;
pub use decide::{Cause, Denied, Ruling, Verdict};
pub use delegate::{NotDelegated, Split};
pub use issue::{MINT_TIMEOUT, NotIssued};
pub use recorded::Recorded;
pub use recorder::NotRecorded;
pub use remembered::STALE_AFTER_MS;
pub use state::{ParseStateError, State, TRANSITIONS};
pub use stop::{Scope, Stop};
pub use stopping::{SKEW_MS, Stopped};
