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
mod collected;
mod damaged;
mod details;
mod disk;
mod folder;
mod given;
mod layers;
mod organization;
