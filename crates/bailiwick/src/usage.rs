//! Reading what was observed.

use std::{
    io::BufReader,
    path::{Path, PathBuf},
};

use bailiwick_estate::usage::Usage;

use crate::{fault::Fault, input};

/// The usage in the file that is named, or else in `usage.ndjson` beside the estate.
pub(crate) fn read(named: Option<&Path>, estate: &[PathBuf]) -> Result<Option<Usage>, Fault> {
    let Some(file) = named.map(Path::to_owned).or_else(|| beside(estate)) else {
        return Ok(None);
    };
    load(&file).map(Some)
}

/// The usage in a file.
pub(crate) fn load(file: &Path) -> Result<Usage, Fault> {
    let name = input::name_of(file);
    let reader = BufReader::new(input::open(file)?);
    Usage::read(&name, reader).map_err(|error| {
        let (line, column) = (error.line, error.column);
        Fault::new(format!("{name}:{line}:{column}: {}", error.problem)).mend(error.mend)
    })
}

fn beside(estate: &[PathBuf]) -> Option<PathBuf> {
    let of = |path: &PathBuf| [path.join("usage.ndjson"), path.join("../usage.ndjson")];
    let folders = estate.iter().filter(|path| path.is_dir());
    folders.flat_map(of).find(|file| file.is_file())
}
