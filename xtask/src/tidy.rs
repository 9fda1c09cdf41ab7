//! What a reviewer should not have to say.
//!
//! Each check answers with its complaints; `cargo xtask tidy` prints them all, and each is a test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};

use crate::codegen;
use crate::process::{cargo, output, program, repository};

/// Past this length, ask which second idea moved in.
const LONG_LINES: usize = 600;

pub(crate) fn run() -> Result<()> {
    let mut complaints = Vec::new();
    for (name, check) in CHECKS {
        for complaint in check()? {
            complaints.push(format!("{name}: {complaint}"));
        }
    }
    for file in long_files()? {
        println!("worth a look: {file}");
    }
    println!("{}", complaints.join("\n"));
    ensure!(complaints.is_empty(), "{} complaints", complaints.len());
    Ok(())
}

type Check = fn() -> Result<Vec<String>>;

const CHECKS: &[(&str, Check)] = &[
    ("unfinished work", unfinished_work),
    ("dead link", dead_links),
    ("no such test", dead_tests),
    ("stale", stale_files),
    ("dependency of the binary", heavy_dependencies),
    ("impure", impurities),
];

fn unfinished_work() -> Result<Vec<String>> {
    let words = [
        "TO\u{44}O",
        "FIX\u{4d}E",
        "not yet imp\u{6c}emented",
        "todo\u{21}(",
    ];
    let mut found = Vec::new();
    for (path, text) in texts(&["*.rs", "*.md", "*.toml", "*.sh", "*.py", "*.mjs", "*.html"])? {
        for (line, text) in (1..).zip(text.lines()) {
            if words.iter().any(|word| text.contains(word)) {
                found.push(format!("{path}:{line}: {}", text.trim()));
            }
        }
    }
    Ok(found)
}

/// Links from one file of this repository to another.
fn dead_links() -> Result<Vec<String>> {
    let mut dead = Vec::new();
    for (path, text) in texts(&["*.md"])? {
        let folder = repository().join(&path);
        let folder = folder.parent().unwrap_or(Path::new("."));
        for link in text.split("](").skip(1) {
            let link = link.split([')', ' ', '#']).next().unwrap_or_default();
            let elsewhere = link.is_empty() || link.contains(':') || link.contains('$');
            if !elsewhere && !folder.join(link).exists() {
                dead.push(format!("{path}: {link}"));
            }
        }
    }
    Ok(dead)
}

/// Tests that a page names and that are not there: a promise that nobody keeps.
fn dead_tests() -> Result<Vec<String>> {
    const PAGE: &str = "docs/design/threats.md";
    let page = fs::read_to_string(repository().join(PAGE))?;
    let code = texts(&["*.rs"])?;
    let is_test = |name: &str| {
        let named = format!("fn {name}(");
        code.iter().any(|(_, text)| text.contains(&named))
    };
    let names = page.split('`').skip(1).step_by(2);
    let names = names.filter(|name| name.contains('_') && !name.contains([' ', '/', '.']));
    let dead = names.filter(|name| !is_test(name));
    Ok(dead.map(|name| format!("{PAGE}: {name}")).collect())
}

/// Needs the peers, because the catalog is made from one; `cargo xtask test` installs them.
fn stale_files() -> Result<Vec<String>> {
    if bailiwick_testkit::peers::python().is_none() {
        return Ok(Vec::new());
    }
    Ok(codegen::stale()?.into_iter().map(str::to_owned).collect())
}

/// The command line builds in minutes, because no server, database, TLS or async runtime is in its
/// tree, and nothing is there twice.
fn heavy_dependencies() -> Result<Vec<String>> {
    const HEAVY: &[&str] = &[
        "tokio",
        "hyper",
        "axum",
        "rustls",
        "openssl-sys",
        "aws-lc-sys",
        "ring",
        "libsqlite3-sys",
        "rusqlite",
        "tokio-postgres",
        "libfuzzer-sys",
    ];
    // miette asks for one and its text wrapper for the other.
    const TWICE: &[&str] = &["unicode-width"];
    let tree = [
        "tree",
        "--locked",
        "-p",
        "bailiwick",
        "-e",
        "normal,no-proc-macro",
        "--prefix",
        "none",
        "-f",
        "{p}",
    ];
    let tree = output(&mut cargo(&tree))?;
    let packages: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| line.trim_end_matches(" (*)").split_once(' '))
        .collect();
    let heavy = packages.iter().filter(|(name, _)| HEAVY.contains(name));
    let mut complaints: Vec<_> = heavy.map(|(name, _)| format!("{name} is heavy")).collect();
    let twice = packages.iter().zip(packages.iter().skip(1));
    let twice = twice.filter(|((left, _), (right, _))| left == right && !TWICE.contains(left));
    complaints.extend(twice.map(|((name, _), _)| format!("{name} is there in two versions")));
    Ok(complaints)
}

/// The pure crates have no clock, network, disk, environment or randomness.
fn impurities() -> Result<Vec<String>> {
    const IMPURE: &[&str] = &[
        "std::fs",
        "std::env::",
        "std::process::",
        "std::thread",
        "std::time::",
        "SystemTime::now",
        "Instant::now",
        "TcpStream",
        "UdpSocket",
        "File::open",
    ];
    let pure = [
        "crates/iam/src/*.rs",
        "crates/charter/src/*.rs",
        "crates/estate/src/*.rs",
        "crates/ledger/src/*.rs",
        "crates/review/src/*.rs",
    ];
    let mut found = Vec::new();
    for (path, text) in texts(&pure)? {
        let is_test = path.ends_with("tests.rs") || path.contains("/tests/");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in IMPURE
            .iter()
            .filter(|word| !is_test && code.contains(**word))
        {
            found.push(format!("{path} uses {word}"));
        }
    }
    Ok(found)
}

/// A habit, not a gate.
fn long_files() -> Result<Vec<String>> {
    let mut long = Vec::new();
    for (path, text) in texts(&["crates/*/src/*.rs", "xtask/*.rs"])? {
        let lines = text.lines().count();
        if lines > LONG_LINES && !path.ends_with("tests.rs") {
            long.push(format!("{path} has {lines} lines"));
        }
    }
    Ok(long)
}

/// The files in Git that match, with their text; `*` also takes slashes.
fn texts(patterns: &[&str]) -> Result<Vec<(String, String)>> {
    let listed = output(program("git", &["ls-files", "-z", "--"]).args(patterns))?;
    let mut texts = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        // A file may be deleted and not yet committed, and a fixture may be no text.
        if let Ok(text) = fs::read_to_string(repository().join(path)) {
            texts.push((path.to_owned(), text));
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_complaint(check: Check) {
        let complaints = check().unwrap();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }

    #[test]
    fn no_file_speaks_of_unfinished_work() {
        no_complaint(unfinished_work);
    }

    #[test]
    fn every_link_between_our_pages_has_its_target() {
        no_complaint(dead_links);
    }

    #[test]
    fn every_test_that_a_page_promises_is_there() {
        no_complaint(dead_tests);
    }

    #[test]
    fn generated_files_are_as_generated() {
        no_complaint(stale_files);
    }

    #[test]
    fn the_command_line_brings_no_server_and_nothing_twice() {
        no_complaint(heavy_dependencies);
    }

    #[test]
    fn the_pure_crates_are_pure() {
        no_complaint(impurities);
    }
}
