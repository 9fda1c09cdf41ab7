//! Measurements, kept with machine and date in `docs/bench/`.

mod whole;

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{answers, cargo, debian, output, program, repository};

/// What is measured beside the benchmarks of the crates, by crate and name.
const WHOLE_SCAN: (&str, &str) = ("bailiwick", "whole-scan");

/// Runs the benchmarks of all crates, or those whose crate or name contains the filter. With
/// `--instructions`, counts what each program executes instead: slow, but the same on every run.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let count = arguments.contains(&"--instructions");
    let filter = arguments
        .iter()
        .find(|argument| !argument.starts_with("--"));
    if count && !answers("valgrind", &["--version"]) {
        debian(&["valgrind"])?;
    }
    let mut report = heading()?;
    let (package, bench) = WHOLE_SCAN;
    let whole_scan = (package.to_owned(), bench.to_owned());
    for (package, bench) in benches()?.into_iter().chain([whole_scan]) {
        if filter.is_some_and(|filter| !package.contains(filter) && !bench.contains(filter)) {
            continue;
        }
        writeln!(report, "### {package} {bench}\n\n```text")?;
        let is_whole = (package.as_str(), bench.as_str()) == WHOLE_SCAN;
        let measured = match (is_whole, count) {
            (true, false) => whole::scan()?,
            (true, true) => whole::instructions()?,
            (false, true) => instructions(&package, &bench)?,
            (false, false) => output(&mut cargo(&[
                "bench", "-q", "-p", &package, "--bench", &bench,
            ]))?,
        };
        println!("{measured}");
        report.push_str(measured.trim());
        report.push_str("\n```\n\n");
    }
    let folder = repository().join("docs/bench");
    fs::create_dir_all(&folder)?;
    let path = folder.join("results.md");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    file.write_all(report.as_bytes())?;
    eprintln!("kept in {}", path.display());
    Ok(())
}

/// Every benchmark of the workspace: package and name.
fn benches() -> Result<Vec<(String, String)>> {
    let metadata = output(&mut cargo(&[
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
    ]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let list = |value: &Value, key: &str| -> Vec<Value> {
        let list = value.get(key).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let mut benches = Vec::new();
    for package in list(&metadata, "packages") {
        for target in list(&package, "targets") {
            let is_bench = list(&target, "kind").iter().any(|kind| kind == "bench");
            if let (true, Some(package), Some(name)) =
                (is_bench, text(&package, "name"), text(&target, "name"))
            {
                benches.push((package, name));
            }
        }
    }
    benches.sort();
    Ok(benches)
}

fn instructions(package: &str, bench: &str) -> Result<String> {
    let build = [
        "bench",
        "-p",
        package,
        "--bench",
        bench,
        "--no-run",
        "--message-format=json",
    ];
    let messages = output(&mut cargo(&build))?;
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| message.get("executable")?.as_str().map(str::to_owned))
        .next_back()
        .context("cargo names no executable")?;
    let valgrind = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
    // One of each, and of those that grow the small one: valgrind is fifty times slower.
    let count = counted(program("valgrind", &valgrind).args([
        &executable,
        "--bench",
        "--sample-count",
        "1",
        "--sample-size",
        "1",
        "--skip",
        "1000",
    ]))?;
    Ok(format!(
        "{count} instructions, one run of each, start included"
    ))
}

/// What callgrind counted.
fn counted(valgrind: &mut Command) -> Result<String> {
    let told = valgrind.output()?;
    let text = String::from_utf8_lossy(&told.stderr);
    let collected = text
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.with_context(|| format!("valgrind counted nothing: {text}"))?;
    Ok(count.trim().to_owned())
}

fn heading() -> Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let cpu = cpu
        .unwrap_or("unknown processor")
        .trim_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism()?;
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    let date = output(&mut program("date", &["-u", "+%F %H:%M UTC"]))?;
    let commit = output(&mut program("git", &["rev-parse", "--short", "HEAD"]))?;
    let rustc = output(&mut program("rustc", &["--version"]))?;
    Ok(format!(
        "## {}, commit {}\n\n{cpu}, {cores} cores, load {load}; {}\n\n",
        date.trim(),
        commit.trim(),
        rustc.trim()
    ))
}
