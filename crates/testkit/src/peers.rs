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

/// A program of the system, if it answers to this argument.
pub fn system<'n>(name: &'n str, asked: &str) -> Option<&'n str> {
    let answered = Command::new(name).arg(asked).output();
    let answers = answered.is_ok_and(|output| output.status.success());
    found(answers, name).then_some(name)
}

/// The folder with PostgreSQL's server and its tools: the newest that Debian installed.
pub fn postgres() -> Option<PathBuf> {
    let listed = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = listed
        .filter_map(|folder| folder.ok().map(|folder| folder.path()))
        .max_by_key(version);
    let programs = newest.map(|folder| folder.join("bin"));
    let programs = programs.filter(|programs| programs.join("postgres").exists());
    found(programs.is_some(), "PostgreSQL").then_some(programs)?
}

/// The library that gives a program another clock.
pub fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten();
    let mut libraries = folders
        .filter_map(|folder| Some(folder.ok()?.path().join("faketime/libfaketime.so.1")))
        .filter(|library| library.exists());
    let library = libraries.next();
    found(library.is_some(), "faketime").then_some(library)?
}

/// AWS's managed policies: `{"NAME": {"arn", "version", "document"}}`.
pub fn managed_policies() -> Option<PathBuf> {
    present(repository().join(".work/managed-policies.json"))
}

fn present(path: PathBuf) -> Option<PathBuf> {
    found(path.exists(), &path.display().to_string()).then_some(path)
}

#[expect(
    clippy::print_stderr,
    reason = "a test says that it was skipped, or fails for want of what it compares with"
)]
fn found(is_there: bool, name: &str) -> bool {
    if !is_there {
        let missing = format!("{name} is missing; `cargo xtask peers` installs it");
        assert!(std::env::var_os("BAILIWICK_PEERS").is_none(), "{missing}");
        eprintln!("skipped: {missing}");
    }
    is_there
}
