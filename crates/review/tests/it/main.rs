//! The made-up company of `examples/acme`, and made-up estates: what is found there, and that every
//! claim holds.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod acme;
mod cutover;
mod made;
mod plans;
mod random;
