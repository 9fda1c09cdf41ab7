//! Everything CI checks, in one run, on a machine that has Rust and Python.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::process::{answers, cargo, run as run_command, watch};
use crate::{fuzz, peers};

/// How long each target is fuzzed: in CI, and where somebody waits.
const FUZZ_SECONDS_CI: u32 = 60;
const FUZZ_SECONDS: u32 = 5;

/// What a step counted. A step that counts nothing of its own counts as one check.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: Option<String>,
}

type Step = fn() -> Result<Tally>;

const STEPS: &[(&str, Step)] = &[
    ("peers", || done(peers::install())),
    ("format", || {
        done(run_command(&mut cargo(&["fmt", "--all", "--check"])))
    }),
    ("clippy", || done(clippy())),
    ("tests", tests),
    ("doctests", doctests),
    ("docs", || done(docs())),
    ("licences", licences),
    ("fuzz", || done(fuzz())),
];

/// Runs every step, whatever the ones before it said, and ends with the total.
pub(crate) fn run() -> Result<()> {
    let mut total = Tally::default();
    let mut summary = String::new();
    for (name, step) in STEPS {
        eprintln!("\n== {name}");
        let start = Instant::now();
        let tally = step().unwrap_or_else(|error| {
            eprintln!("{error:#}");
            Tally {
                failed: 1,
                ..Tally::default()
            }
        });
        let seconds = start.elapsed().as_secs();
        summary += &line(name, &tally, seconds);
        total.passed += tally.passed;
        total.failed += tally.failed;
    }
    println!("\n{summary}");
    println!("{} passed, {} failed", total.passed, total.failed);
    ensure!(total.failed == 0, "not everything passed");
    Ok(())
}

fn line(name: &str, tally: &Tally, seconds: u64) -> String {
    let said = match tally {
        Tally {
            skipped: Some(why), ..
        } => format!("skipped: {why}"),
        Tally {
            passed, failed: 0, ..
        } => format!("{passed} ok"),
        Tally { passed, failed, .. } => format!("{passed} ok, {failed} FAILED"),
    };
    format!("{name:>10}  {seconds:>4} s  {said}\n")
}

fn done(result: Result<()>) -> Result<Tally> {
    result.map(|()| Tally {
        passed: 1,
        ..Tally::default()
    })
}

fn clippy() -> Result<()> {
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--keep-going",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    run_command(&mut cargo(&clippy))?;
    // What no default build has in it.
    let https = [
        "clippy",
        "--package",
        "bailiwick",
        "--features",
        "https",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    run_command(&mut cargo(&https))
}

fn tests() -> Result<Tally> {
    if answers("cargo", &["nextest", "--version"]) {
        let nextest = [
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
        ];
        return counted(&nextest, nextest_counts);
    }
    eprintln!("cargo-nextest is not installed: `cargo test` runs the same tests, more slowly");
    counted(
        &[
            "test",
            "--workspace",
            "--tests",
            "--locked",
            "--no-fail-fast",
        ],
        cargo_test_counts,
    )
}

fn doctests() -> Result<Tally> {
    counted(
        &["test", "--workspace", "--doc", "--locked", "--no-fail-fast"],
        cargo_test_counts,
    )
}

/// Runs a test runner and adds up what its lines say.
fn counted(arguments: &[&str], counts: fn(&str) -> Option<(u64, u64)>) -> Result<Tally> {
    let (name, value) = peers::REQUIRED;
    let mut tally = Tally::default();
    let succeeded = watch(cargo(arguments).env(name, value), |line| {
        if let Some((passed, failed)) = counts(line) {
            tally.passed += passed;
            tally.failed += failed;
        }
    })?;
    // It may also have failed to build.
    if !succeeded && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// `     Summary [   1.719s] 21 tests run: 20 passed (1 slow), 1 failed, 0 skipped`.
fn nextest_counts(line: &str) -> Option<(u64, u64)> {
    let counts = line.trim_start().strip_prefix("Summary [")?;
    let (_, counts) = counts.split_once("run: ")?;
    let failed = ["failed", "timed out", "exec failed"];
    let failed = failed.iter().filter_map(|word| count(counts, word)).sum();
    Some((count(counts, "passed").unwrap_or(0), failed))
}

/// `test result: ok. 4 passed; 0 failed; 0 ignored; …`.
fn cargo_test_counts(line: &str) -> Option<(u64, u64)> {
    let counts = line.strip_prefix("test result: ")?;
    let (_, counts) = counts.split_once(". ")?;
    Some((count(counts, "passed")?, count(counts, "failed")?))
}

fn count(counts: &str, word: &str) -> Option<u64> {
    counts.split([',', ';']).find_map(|part| {
        let (number, rest) = part.trim().split_once(' ')?;
        let is_it = rest == word
            || rest
                .strip_prefix(word)
                .is_some_and(|rest| rest.starts_with(" ("));
        is_it.then(|| number.parse().ok())?
    })
}

fn docs() -> Result<()> {
    let doc = [
        "doc",
        "--workspace",
        "--no-deps",
        "--locked",
        "--document-private-items",
    ];
    run_command(cargo(&doc).env("RUSTDOCFLAGS", "-D warnings"))
}

fn licences() -> Result<Tally> {
    if answers("cargo", &["deny", "--version"]) {
        let deny = ["deny", "--offline", "check", "bans", "licenses", "sources"];
        return done(run_command(&mut cargo(&deny)));
    }
    Ok(Tally {
        skipped: Some("cargo-deny is not installed; tidy looks for duplicates".to_owned()),
        ..Tally::default()
    })
}

fn fuzz() -> Result<()> {
    let ci = std::env::var_os("CI").is_some();
    let seconds = if ci { FUZZ_SECONDS_CI } else { FUZZ_SECONDS };
    fuzz::fuzz(&fuzz::targets_of_crate()?, seconds, fuzz::Seed::Fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_what_the_runners_counted() {
        let nextest = "     Summary [   1.719s] 23 tests run: 20 passed (1 slow, 2 leaky), 2 failed, 1 timed out, 3 skipped";
        assert_eq!(nextest_counts(nextest), Some((20, 3)));
        let short = "     Summary [   0.374s] 10/21 tests run: 9 passed, 1 failed, 0 skipped";
        assert_eq!(nextest_counts(short), Some((9, 1)));
        let cargo = "test result: FAILED. 4 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.02s";
        assert_eq!(cargo_test_counts(cargo), Some((4, 1)));
        assert_eq!(cargo_test_counts("12 passed, 1 failed"), None);
    }
}
