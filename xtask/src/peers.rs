//! The programs that tests compare us with, at pinned versions, in `.work/` and `tests/peers/`.
//!
//! `bailiwick_testkit::peers` is how a test finds them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::{answers, debian, output, program, repository, run, work};

/// Tells the tests that a missing peer is a failure.
pub(crate) const REQUIRED: (&str, &str) = ("BAILIWICK_PEERS", "required");

pub(crate) fn install() -> Result<()> {
    fs::create_dir_all(work())?;
    // Makes system calls of the daemon fail, for the tests of broken and full disks.
    if !answers("strace", &["--version"]) {
        debian(&["strace"])?;
    }
    // Sets the clock of one daemon, for the tests of clocks that step.
    if !answers("faketime", &["--version"]) {
        debian(&["faketime"])?;
    }
    if !Path::new("/usr/lib/postgresql").is_dir() {
        debian(&["postgresql"])?;
    }
    once("tests/peers/requirements.txt", python_packages)?;
    once("tests/peers/managed_policies.py", managed_policies)?;
    once("tests/peers/package-lock.json", node_packages)
}

/// The Python that has the packages.
pub(crate) fn python() -> PathBuf {
    work().join("venv/bin/python")
}

/// Does the work again only when the file that pins it has changed.
fn once(pins: &str, work_on: fn(&Path) -> Result<()>) -> Result<()> {
    let pins = repository().join(pins);
    let wanted = fs::read(&pins).with_context(|| format!("{} is missing", pins.display()))?;
    let name = pins.file_name().unwrap_or_default();
    let mark = work().join("installed").join(name);
    if fs::read(&mark).is_ok_and(|installed| installed == wanted) && python().exists() {
        return Ok(());
    }
    work_on(&pins)?;
    fs::create_dir_all(work().join("installed"))?;
    Ok(fs::write(mark, wanted)?)
}

fn python_packages(requirements: &Path) -> Result<()> {
    if !answers("python3", &["-c", "import venv, ensurepip"]) {
        debian(&["python3", "python3-venv"])?;
    }
    let venv = work().join("venv");
    run(program("python3", &["-m", "venv", "--clear"]).arg(venv))?;
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ];
    run(program(python(), &install).arg(requirements))
}

fn managed_policies(script: &Path) -> Result<()> {
    let policies = output(program(python(), &[]).arg(script))?;
    Ok(fs::write(work().join("managed-policies.json"), policies)?)
}

fn node_packages(lock: &Path) -> Result<()> {
    if !answers("node", &["--version"]) || !answers("npm", &["--version"]) {
        debian(&["nodejs", "npm"])?;
    }
    let peers = lock.parent().unwrap_or(lock);
    run(program("npm", &["ci", "--no-audit", "--no-fund"]).current_dir(peers))
}
