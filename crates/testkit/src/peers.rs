//! Programs by others that tests compare us with, run out of process.
//!
//! `cargo xtask test` installs what `tests/peers/requirements.txt` and `tests/peers/package.json` pin
//! and sets `BAILIWICK_PEERS=required`, so that a peer which is missing fails the test. Under a plain
//! `cargo test` it may be missing, and the test says that it was skipped:
//!
//! ```no_run
//! let Some(mut simulate) = bailiwick_testkit::peers::node("simulate.mjs") else {
//!     return;
//! };
//! let output = simulate.arg("cases.ndjson").output();
//! ```

use std::path::PathBuf;
use std::process::Command;

use crate::repository;

/// Python with the packages of `tests/peers/requirements.txt`.
pub fn python() -> Option<Command> {
    let python = repository().join(".work/venv/bin/python");
    present(python).map(Command::new)
}

/// A script of `tests/peers`, in Python.
pub fn python_script(name: &str) -> Option<Command> {
    let mut python = python()?;
    python.arg(repository().join("tests/peers").join(name));
    Some(python)
}

/// A script of `tests/peers`, in JavaScript, with the packages of `package.json` beside it.
pub fn node(script: &str) -> Option<Command> {
    let peers = repository().join("tests/peers");
    present(peers.join("node_modules/.package-lock.json"))?;
    let mut node = Command::new("node");
    node.arg(peers.join(script));
    Some(node)
}

/// Another program of the Python packages, such as `moto_server` or `aws`.
pub fn program(name: &str) -> Option<Command> {
    present(repository().join(".work/venv/bin").join(name)).map(Command::new)
}

/// AWS's managed policies: `{"NAME": {"arn", "version", "document"}}`.
pub fn managed_policies() -> Option<PathBuf> {
    present(repository().join(".work/managed-policies.json"))
}

#[expect(
    clippy::print_stderr,
    reason = "a test says that it was skipped, or fails for want of what it compares with"
)]
fn present(path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    let missing = format!(
        "{} is missing; `cargo xtask peers` installs it",
        path.display()
    );
    assert!(std::env::var_os("BAILIWICK_PEERS").is_none(), "{missing}");
    eprintln!("skipped: {missing}");
    None
}
