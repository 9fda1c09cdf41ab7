//! Proofs of identity against servers that answer as the real ones do, and as nobody should.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "test code"
)]

mod issuer;
mod people;
mod recipes;
mod server;
mod sign;
mod signature;
mod spiffe;
mod token;
