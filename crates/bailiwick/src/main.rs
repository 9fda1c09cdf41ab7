//! The command line: files in, findings and answers out.
//!
//! This crate reads files, knows the date and owns the terminal. What a policy means, what exists
//! and what is wrong with it are decided in the pure crates that it hands the files to.

mod args;
mod charters;
mod daemon;
mod fault;
mod folder;
mod format;
mod ink;
mod input;
mod later;
mod lines;
mod named;
mod outcome;
mod output;
mod plans;
mod snapshot;
mod today;
mod usage;
mod verb;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    args::{Args, Verb},
    outcome::Outcome,
    output::Output,
};

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return refuse_usage(&error),
    };
    let mut output = Output::of_the_process();
    match run(&args, &mut output).and_then(|outcome| output.finish().map(|()| outcome)) {
        Ok(outcome) => outcome.exit_code(),
        Err(error) => {
            fault::report(&error);
            Outcome::bad_input()
        }
    }
}

fn run(args: &Args, output: &mut Output) -> anyhow::Result<Outcome> {
    match &args.verb {
        Verb::Scan(scan) => verb::scan::run(scan, args.json, output),
        Verb::Explain(explain) => verb::explain::run(explain, args.json, output),
        Verb::Evaluate(evaluate) => verb::evaluate::run(evaluate, output),
        Verb::Compare(compare) => verb::compare::run(compare, args.json, output),
        Verb::Compact(compact) => verb::compact::run(compact, args.json, output),
        Verb::Reach(reach) => verb::reach::run(reach, args.json, output),
        Verb::Agents(agents) => verb::agents::run(agents, args.json, output),
        Verb::Charter(charter) => verb::charter::run(charter, args.json, output),
        Verb::Grant(grant) => verb::grant::run(grant, args.json, output),
        Verb::Revoke(revoke) => verb::revoke::run(revoke, args.json, output),
        Verb::Kill(kill) => verb::kill::run(kill, args.json, output),
        Verb::Ledger(ledger) => verb::ledger::run(ledger, args.json, output),
        Verb::Compile(compile) => verb::compile::run(compile, output),
        Verb::Split(split) => verb::split::run(split, args.json, output),
        Verb::Tighten(tighten) => verb::tighten::run(tighten, args.json, output),
        Verb::Ceiling(ceiling) => verb::ceiling::run(ceiling, args.json, output),
        Verb::Diff(diff) => verb::diff::run(diff, args.json, output),
        Verb::Plan(plan) => verb::plan::run(plan, args.json, output),
    }
}

/// Help and version are answers; everything else that clap stops for is bad usage.
fn refuse_usage(error: &clap::Error) -> ExitCode {
    if let Some(fault) = later::asked_for(error) {
        fault::report(&fault.into());
        return Outcome::bad_input();
    }
    // If the terminal is gone there is nobody to tell.
    let _ = error.print();
    if error.use_stderr() {
        return Outcome::bad_input();
    }
    ExitCode::SUCCESS
}
