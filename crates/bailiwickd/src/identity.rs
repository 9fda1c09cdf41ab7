//! The file that says which proofs of identity are taken.

use std::{fs, path::Path, sync::Arc};

use bailiwick_identity::{Proofs, settings};

use crate::fault::Fault;

/// The proofs that are taken, and what of them an operator should see at each start.
///
/// # Errors
/// If the file, or one that it names, cannot be read or meant.
pub(crate) fn proofs(file: Option<&Path>) -> anyhow::Result<(Arc<Proofs>, Vec<String>)> {
    let Some(file) = file else {
        return Ok((Arc::default(), Vec::new()));
    };
    let text = fs::read_to_string(file).map_err(|error| {
        Fault::new(format!("--identity `{}`: {error}", file.display()))
            .mend("docs/operate/identity.md has a recipe for each kind of proof")
    })?;
    let (proofs, notes) =
        settings::read(file, &text).map_err(|error| Fault::new(error.to_string()))?;
    Ok((Arc::new(proofs), notes))
}
