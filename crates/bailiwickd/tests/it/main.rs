//! The daemon as a process: started, asked, stopped, killed, restored; and the command line that
//! speaks to it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod aws;
mod cli;
mod crash;
mod daemon;
mod disk;
mod faults;
mod killed;
mod life;
mod linear;
mod operators;
mod race;
mod replicas;
mod secrets;
mod story;
mod traces;
