//! The gateway as those outside see it: over HTTP.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod authzen;
mod certification;
mod delegation;
mod door;
mod grants;
mod house;
mod identity;
mod life;
mod mtls;
mod policy;
mod record;
mod routes;
mod token;
mod tokens;
