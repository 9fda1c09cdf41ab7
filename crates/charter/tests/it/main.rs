//! Charters as they are met: Acme's, and the published schema.
#![expect(clippy::unwrap_used, reason = "test code")]

mod acme;
mod published;
