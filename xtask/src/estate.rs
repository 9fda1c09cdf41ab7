//! A made snapshot folder, for measuring the command line as its users run it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::peers;

pub(crate) fn write(roles: usize, folder: &Path) -> Result<()> {
    peers::install()?;
    let files = bailiwick_testkit::estates::snapshot(roles).context("no managed policies")?;
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, text)?;
    }
    Ok(())
}
