//! What a process with secrets in its memory does first.

use anyhow::Context as _;
use rustix::{
    fs::Mode,
    process::{Resource, Rlimit, setrlimit, umask},
};

/// No core dump, no debugger of the same user, no file that others may read.
///
/// # Errors
/// If the system refuses.
pub(crate) fn harden() -> anyhow::Result<()> {
    umask(Mode::RWXG | Mode::RWXO);
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).context("core dumps cannot be switched off")?;
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable)
            .context("the memory cannot be kept from being dumped")?;
    }
    Ok(())
}
