//! The one entrance to everything that is not the product: `cargo xtask VERB`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program owns the terminal"
)]

mod bench;
mod codegen;
mod differential;
mod estate;
mod fuzz;
mod peers;
mod process;
mod test;
mod tidy;
mod torture;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
cargo xtask test                       everything CI checks; installs what it needs into .work/
cargo xtask tidy                       what a reviewer should not have to say; a part of test
cargo xtask codegen [--check]          regenerate what is generated and committed
cargo xtask fuzz [--seconds N] [TARGET…]   fuzz the parsers, 10 minutes each
cargo xtask torture [LOOPS]            kill the store's process and the daemon at random, 200 times
cargo xtask differential               compare with the peers, at full length
cargo xtask bench [FILTER] [--instructions]   measure, and keep the result in docs/bench/
cargo xtask estate ROLES DIR           write a made snapshot folder, to measure with
cargo xtask peers                      install the programs that tests compare us with";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["test"] => test::run(),
        ["tidy"] => tidy::run(),
        ["codegen"] => codegen::write(),
        ["codegen", "--check"] => codegen::check(),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        ["torture"] => torture::run(200),
        ["torture", loops] => torture::run(loops.parse()?),
        ["differential"] => differential::run(),
        ["bench", rest @ ..] => bench::run(rest),
        ["estate", roles, folder] => estate::write(roles.parse()?, folder.as_ref()),
        ["peers"] => peers::install(),
        _ => bail!("usage:\n{USAGE}"),
    }
}
