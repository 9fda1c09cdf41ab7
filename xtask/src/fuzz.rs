//! Fuzzing on the stable toolchain: libFuzzer, guided by LLVM's coverage counters.
//!
//! cargo-fuzz wants a nightly compiler for its sanitizers. No crate of ours has unsafe code, so the
//! sanitizers would find nothing; the coverage counters are in stable LLVM, and a fresh machine has
//! all it needs to really fuzz. A panic, a hang of 10 seconds or a gigabyte of memory is a crash.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::process::{
    answers, cargo, debian, output, program, repository, run as run_command, work,
};

const SECONDS: u32 = 600;
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions=on \
    -Coverflow-checks=on";

pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let (seconds, targets) = match arguments {
        ["--seconds", seconds, targets @ ..] => (seconds.parse()?, targets),
        targets => (SECONDS, targets),
    };
    let all = targets_of_crate()?;
    if let Some(unknown) = targets
        .iter()
        .find(|target| !all.iter().any(|name| name == *target))
    {
        bail!("no fuzz target `{unknown}`; there are: {}", all.join(", "));
    }
    let chosen = |name: &String| targets.is_empty() || targets.contains(&name.as_str());
    let chosen: Vec<String> = all.into_iter().filter(chosen).collect();
    fuzz(&chosen, seconds, Seed::Random)
}

/// The names of all targets, from the folder that holds them.
pub(crate) fn targets_of_crate() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(repository().join("fuzz/targets"))? {
        let path = entry?.path();
        names.extend(
            path.file_stem()
                .map(|name| name.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    Ok(names)
}

/// Where the mutations begin.
#[derive(Clone, Copy)]
pub(crate) enum Seed {
    /// Elsewhere every time: the hunt.
    Random,
    /// At the same place every time: from an empty corpus the same inputs come again, so that a
    /// change is judged by what it broke and not by what a lucky run found.
    Fixed,
}

/// Fuzzes each target for that long, two at a time.
pub(crate) fn fuzz(targets: &[String], seconds: u32, seed: Seed) -> Result<()> {
    let programs = build()?;
    let mut crashed = Vec::new();
    for pair in targets.chunks(2) {
        let running: Result<Vec<(&String, Child)>> = pair
            .iter()
            .map(|target| {
                Ok((
                    target,
                    start(target, &programs.join(target), seconds, seed)?,
                ))
            })
            .collect();
        for (target, mut child) in running? {
            let succeeded = child.wait()?.success();
            let log = fs::read_to_string(log_path(target))?;
            if succeeded {
                let last = log.lines().rfind(|line| line.contains("DONE"));
                println!("{target}: {}", last.unwrap_or_default().trim());
            } else {
                println!("{target} CRASHED; its input is in .work/fuzz/{target}/\n{log}");
                crashed.push(target.as_str());
            }
        }
    }
    ensure!(crashed.is_empty(), "crashed: {}", crashed.join(", "));
    Ok(())
}

fn build() -> Result<PathBuf> {
    if !answers("c++", &["--version"]) {
        debian(&["g++"])?;
    }
    let version = output(&mut program("rustc", &["-vV"]))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not say what machine this is")?;
    let folder = work().join("fuzz/build");
    // With `--target`, the flags reach our code and not the build scripts and macros.
    let arguments = [
        "build",
        "--release",
        "-p",
        "bailiwick-fuzz",
        "--bins",
        "--target",
        host,
    ];
    run_command(
        cargo(&arguments)
            .args(["--features", "bailiwick-fuzz/libfuzzer", "--target-dir"])
            .arg(&folder)
            .env("RUSTFLAGS", COVERAGE),
    )?;
    Ok(folder.join(host).join("release"))
}

fn start(target: &str, executable: &PathBuf, seconds: u32, seed: Seed) -> Result<Child> {
    let folder = work().join("fuzz").join(target);
    let corpus = folder.join("corpus");
    fs::create_dir_all(&corpus)?;
    let seeds = repository().join("fuzz/seeds").join(target);
    let log = fs::File::create(log_path(target))?;
    let child = Command::new(executable)
        .arg(&corpus)
        .args(seeds.is_dir().then_some(&seeds))
        .arg(format!("-max_total_time={seconds}"))
        .arg(match seed {
            Seed::Random => "-seed=0",
            Seed::Fixed => "-seed=1",
        })
        .arg("-dict=fuzz/words.dict")
        .arg(format!("-artifact_prefix={}/", folder.display()))
        .args([
            "-timeout=10",
            "-rss_limit_mb=1024",
            "-max_len=65536",
            "-print_final_stats=1",
        ])
        .current_dir(repository())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    child.with_context(|| format!("cannot start {}", executable.display()))
}

fn log_path(target: &str) -> PathBuf {
    work().join("fuzz").join(target).join("log")
}
