//! What every store must do, and what each does besides.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod alike;
mod broker;
mod contract;
mod crash;
mod faults;
mod files;
mod made;
#[cfg(feature = "postgres")]
mod postgres;
mod restored;
mod sessions;
mod simulation;
