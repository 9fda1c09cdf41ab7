//! Credentials of grants, made at a fake AWS, tried there, and taken away.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod canary;
mod house;
mod revoking;
mod sessions;
mod signals;
mod token;
