//! Charters as they are met: Acme's, and the published schema.
#![expect(clippy::unwrap_used, clippy::string_slice, reason = "test code")]

mod acme;
mod catalog;
mod mutated;
mod published;
