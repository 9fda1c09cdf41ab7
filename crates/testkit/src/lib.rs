//! What tests and benchmarks share.
//!
//! It knows where the peers are that we compare ourselves with ([`peers`]), and makes estates of any
//! size ([`estates`]; `cargo xtask estate 1000 DIR` writes one), and runs the daemon
//! ([`daemon`]) and PostgreSQL ([`postgres`]) as processes, with a network between them that can be
//! cut ([`way`]). It is a dev-dependency only, and used from `tests/` and `benches/` only: a crate's
//! unit tests would see their own types twice.

#[cfg(feature = "aws")]
pub mod aws;
pub mod daemon;
pub mod estates;
pub mod http;
pub mod peers;
pub mod postgres;
pub mod way;

use std::path::{Path, PathBuf};

/// The root of this repository.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
