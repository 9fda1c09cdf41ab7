//! Comparison with the peers at full length; `cargo xtask test` runs a sample of each.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};

use crate::peers;
use crate::process::{cargo, repository, watch};

/// Runs the tests that are named `differential…` and ignored for their length.
pub(crate) fn run() -> Result<()> {
    peers::install()?;
    let (name, value) = peers::REQUIRED;
    let mut test = cargo(&["test", "--release", "--tests"]);
    for package in packages()? {
        test.args(["-p", &package]);
    }
    // One after another: some measure their memory.
    let only = ["--", "--ignored", "--test-threads=1", "--nocapture"];
    let succeeded = watch(test.args(only).arg("differential").env(name, value), |_| {})?;
    ensure!(succeeded, "a comparison failed");
    Ok(())
}

/// The packages that have such tests: a release build of the others is long and tells nothing.
fn packages() -> Result<Vec<String>> {
    let mut packages = Vec::new();
    for entry in fs::read_dir(repository().join("crates"))? {
        let folder = entry?.path();
        if has_comparisons(&folder.join("tests"))? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            packages.push(format!("bailiwick-{name}"));
        }
    }
    packages.sort();
    ensure!(!packages.is_empty(), "no crate has a comparison");
    Ok(packages)
}

fn has_comparisons(folder: &Path) -> Result<bool> {
    if !folder.is_dir() {
        return Ok(false);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_rust = path.extension().is_some_and(|it| it == "rs");
        let found = if path.is_dir() {
            has_comparisons(&path)?
        } else {
            is_rust && fs::read_to_string(&path)?.contains("\nfn differential")
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}
