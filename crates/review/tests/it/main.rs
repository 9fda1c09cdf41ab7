//! The made-up company of `examples/acme`: what is found there, and that every claim holds.
#![expect(clippy::unwrap_used, reason = "test code")]

mod acme;
mod plans;
