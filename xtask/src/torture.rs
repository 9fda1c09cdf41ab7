//! Real processes that decide, record and are killed, again and again on one database: the store's,
//! and the whole daemon's over HTTP; and three daemons on one PostgreSQL, with five thousand calls for
//! each loop.

use anyhow::Result;

use crate::process::{cargo, run as run_command};

const TORTURED: [(&str, &str); 3] = [
    (
        "bailiwick-store",
        "crash::whatever_was_released_before_a_kill_is_in_the_record",
    ),
    (
        "bailiwickd",
        "crash::whatever_a_killed_daemon_had_released_is_in_its_record",
    ),
    (
        "bailiwickd",
        "linear::three_replicas_under_load_overrun_no_budget_and_tell_one_history",
    ),
];

pub(crate) fn run(loops: u32) -> Result<()> {
    for (package, test) in TORTURED {
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
