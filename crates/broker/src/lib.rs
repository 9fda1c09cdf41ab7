//! Decide, record, act: in this order and nowhere else.
//!
//! This crate knows the order in which things happen and what must be durable before the next of
//! them. It refuses to know what a charter allows (that is the authority's), what SQL is (the
//! store's) and what HTTP is (the gateway's): those are behind the [`port`]s.

pub mod port;
mod state;
mod stop;

pub use state::{ParseStateError, State, TRANSITIONS};
pub use stop::{Scope, Stop};
