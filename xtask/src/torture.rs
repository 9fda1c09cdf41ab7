//! Real processes that decide, record and are killed, again and again on one database: the store's,
//! and the whole daemon's over HTTP.

use anyhow::Result;

use crate::process::{cargo, run as run_command};

const KILLED: [(&str, &str); 2] = [
    (
        "bailiwick-store",
        "crash::whatever_was_released_before_a_kill_is_in_the_record",
    ),
    (
        "bailiwickd",
        "crash::whatever_a_killed_daemon_had_released_is_in_its_record",
    ),
];

pub(crate) fn run(loops: u32) -> Result<()> {
    for (package, test) in KILLED {
        let exact = [
            "test",
            "-p",
            package,
            "--test",
            "it",
            "--",
            "--exact",
            test,
            "--nocapture",
        ];
        run_command(cargo(&exact).env("BAILIWICK_TORTURE_LOOPS", loops.to_string()))?;
    }
    Ok(())
}
