//! A real process that decides, records and is killed, again and again on one database.

use anyhow::Result;

use crate::process::{cargo, run as run_command};

pub(crate) fn run(loops: u32) -> Result<()> {
    let test = "crash::whatever_was_released_before_a_kill_is_in_the_record";
    run_command(
        cargo(&[
            "test",
            "-p",
            "bailiwick-store",
            "--test",
            "it",
            "--",
            "--exact",
            test,
        ])
        .arg("--nocapture")
        .env("BAILIWICK_TORTURE_LOOPS", loops.to_string()),
    )
}
