//! The daemon: files in, an authority out.
//!
//! This crate wires: it reads the folders, holds the secrets, opens the store and hands both to the
//! broker and the gateway. What may be done is decided elsewhere.

mod args;
mod aws;
mod data;
mod estate;
mod fault;
mod folders;
mod hardening;
mod identity;
mod log;
mod maintenance;
mod operators;
mod own_key;
mod people;
mod prepared;
mod replay;
mod run;
mod tls;
mod tools;
mod traces;
mod watch;
mod world;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    args::{Args, Command},
    fault::Fault,
};

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Nobody reads: there is nowhere left to say so.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(2)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match act(args) {
        Ok(code) => code,
        Err(error) => {
            log::say(&format!("error: {}", fault::in_words(&error)));
            let is_ours = error.downcast_ref::<Fault>().is_some();
            ExitCode::from(if is_ours { 2 } else { 1 })
        }
    }
}

fn act(args: Args) -> anyhow::Result<ExitCode> {
    hardening::harden()?;
    match args.command {
        None => run::run(&args.run),
        Some(Command::Doctor(doctor)) => maintenance::doctor(&doctor),
        Some(Command::Backup(backup)) => maintenance::backup(&backup),
        Some(Command::Restore(restore)) => maintenance::restore(&restore),
        Some(Command::Migrate(migrate)) => maintenance::migrate(&migrate),
        Some(Command::Replay(replay)) => replay::run(&replay),
        Some(Command::Operator(operator)) => operators::run(&operator),
    }
}
