//! What an estate is taken to be, shown on small ones.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code"
)]

mod acme;
mod agents;
mod bad_input;
mod details;
mod folder;
mod given;
mod layers;
mod organization;
