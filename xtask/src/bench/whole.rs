//! `bailiwick scan` as its users run it: the whole process, from files to JSON, by the clock.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::estate;
use crate::peers;
use crate::process::{cargo, output, program, repository, run, work};

/// How many roles, and how often: the median counts.
const SIZES: [(usize, usize); 3] = [(100, 5), (1_000, 5), (10_000, 1)];

/// Runs a program once and says what it took: the standard library of Rust tells no child's memory.
const MEASURE: &str = "\
import resource, subprocess, sys, time
began = time.monotonic()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
wall = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(code, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
";

#[derive(Debug, Clone, Copy)]
struct Took {
    wall_secs: f64,
    cpu_secs: f64,
    peak_mb: f64,
}

/// A row for each size of estate.
pub(super) fn scan() -> Result<String> {
    let binary = binary()?;
    let mut rows = String::new();
    for (roles, times) in SIZES {
        let folder = estate_of(roles)?;
        let mut took = Vec::new();
        for _ in 0..times {
            took.push(measure(&binary, &folder)?);
        }
        took.sort_by(|a, b| a.wall_secs.total_cmp(&b.wall_secs));
        let median = took.get(times / 2).context("nothing was measured")?;
        let Took {
            wall_secs,
            cpu_secs,
            peak_mb,
        } = median;
        writeln!(
            rows,
            "{roles:>6} roles  {wall_secs:>6.2} s wall, {cpu_secs:>6.2} s of processor, {peak_mb:>4.0} MB  (median of {times})"
        )?;
    }
    Ok(rows)
}

/// The instructions of one scan of the smallest estate.
pub(super) fn instructions() -> Result<String> {
    let binary = binary()?;
    let [(roles, _), ..] = SIZES;
    let folder = estate_of(roles)?;
    let count = super::counted(
        program(
            "valgrind",
            &["--tool=callgrind", "--callgrind-out-file=/dev/null"],
        )
        .arg(&binary)
        .args(["scan", "--format", "json"])
        .arg(&folder),
    )?;
    Ok(format!("{roles} roles: {count} instructions"))
}

fn binary() -> Result<PathBuf> {
    run(&mut cargo(&["build", "-q", "--release", "-p", "bailiwick"]))?;
    let metadata = output(&mut cargo(&[
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
    ]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let target = metadata.get("target_directory").and_then(|it| it.as_str());
    let target = target.context("cargo names no target directory")?;
    Ok(Path::new(target).join("release/bailiwick"))
}

fn estate_of(roles: usize) -> Result<PathBuf> {
    let folder = work().join("estates").join(roles.to_string());
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    estate::write(roles, &folder)?;
    Ok(folder)
}

fn measure(binary: &Path, folder: &Path) -> Result<Took> {
    let told = output(
        program(peers::python(), &["-c", MEASURE])
            .arg(binary)
            .args(["scan", "--format", "json"])
            .arg(folder)
            .current_dir(repository()),
    )?;
    let numbers: Vec<f64> = told
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let &[code, wall_secs, cpu_secs, peak_mb] = numbers.as_slice() else {
        anyhow::bail!("the measurement said `{told}`");
    };
    ensure!(
        code == 0.0 || code == 1.0,
        "the scan of {} ended with {code}",
        folder.display()
    );
    Ok(Took {
        wall_secs,
        cpu_secs,
        peak_mb,
    })
}
