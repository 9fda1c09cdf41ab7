//! Comparison with the peers at full length; `cargo xtask test` runs a sample of each.

use anyhow::{Result, ensure};

use crate::peers;
use crate::process::{cargo, watch};

/// Runs the tests that are named `differential…` and ignored for their length.
pub(crate) fn run() -> Result<()> {
    peers::install()?;
    let (name, value) = peers::REQUIRED;
    let test = [
        "test",
        "--release",
        "--workspace",
        "--tests",
        "--",
        "--ignored",
    ];
    let succeeded = watch(
        cargo(&test)
            .args(["--nocapture", "differential"])
            .env(name, value),
        |_| {},
    )?;
    ensure!(succeeded, "a comparison failed");
    Ok(())
}
