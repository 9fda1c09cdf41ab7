//! Credentials made by a server that decides as AWS does, tried there, and denied there.

#![expect(clippy::unwrap_used, reason = "test code")]

mod account;
mod boto;
mod chain;
mod compiled;
mod limits;
mod lost;
mod mint;
mod moto;
mod revoke;
