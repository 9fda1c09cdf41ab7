//! Reading what the command line names.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use crate::fault::Fault;

/// The largest single document read whole: a policy, a case or a file of waivers.
pub(crate) const DOCUMENT_LENGTH_MAX: u64 = 64 << 20;

/// A text and the name by which messages call it.
#[derive(Debug)]
pub(crate) struct Document {
    pub name: String,
    pub text: String,
}

/// Reads one document, or the standard input where the path is `-`.
pub(crate) fn document(path: &Path) -> Result<Document, Fault> {
    let name = name_of(path);
    let mut bytes = Vec::new();
    let read = open(path)?
        .take(DOCUMENT_LENGTH_MAX + 1)
        .read_to_end(&mut bytes);
    read.map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > DOCUMENT_LENGTH_MAX {
        return Err(Fault::new(format!(
            "`{name}` is longer than {} MiB",
            DOCUMENT_LENGTH_MAX >> 20
        ))
        .mend("is this the right file? no policy or case is this long"));
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| not_utf8(&name, error.utf8_error().valid_up_to()))?;
    Ok(Document { name, text })
}

/// The bytes of a file, or of the standard input where the path is `-`.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read>, Fault> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let is_folder = file.metadata().is_ok_and(|file| file.is_dir());
    if is_folder {
        return Err(
            Fault::new(format!("`{}` is a folder", path.display())).mend("name a file in it")
        );
    }
    Ok(Box::new(file))
}

pub(crate) fn name_of(path: &Path) -> String {
    if path == Path::new("-") {
        return "standard input".to_owned();
    }
    path.display().to_string()
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Fault {
    let name = name_of(path);
    match error.kind() {
        io::ErrorKind::NotFound => Fault::new(format!("there is no `{name}`"))
            .mend("check the spelling, or the folder this runs in"),
        io::ErrorKind::PermissionDenied => Fault::new(format!("`{name}` may not be read"))
            .mend("give this user the right to read it"),
        _ => Fault::new(format!("`{name}` cannot be read: {error}")),
    }
}

pub(crate) fn not_utf8(name: &str, at: usize) -> Fault {
    Fault::new(format!(
        "`{name}` is no UTF-8 text: byte {at} cannot be read"
    ))
    .mend("save the file as UTF-8; AWS answers in UTF-8")
}
