//! From the PATHs of a command line to an estate.
//!
//! The rules of a snapshot folder are the estate's own. Here files are found and opened, what this
//! release cannot read is named, and errors are pointed into their files.

use std::{
    cell::Cell,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use bailiwick_estate::{
    Estate, File, Incomplete, LoadError,
    source::{Beside, Holds},
};
use bailiwick_iam::json::Span;
use bailiwick_review::plan::Snapshot;

use crate::{fault::Fault, ink, input};

/// A snapshot of more files than this is none: somebody named the wrong folder.
const FILES_MAX: usize = 1_000_000;

/// Folders deeper than this are not a snapshot's.
const DEPTH_MAX: usize = 64;

/// Reads the estate that the PATHs hold. What of it could not be read stands in `incomplete`.
pub(crate) fn load(paths: &[PathBuf]) -> Result<Estate, Fault> {
    let mut found = Found::default();
    for path in paths {
        found.look_into(path)?;
    }
    if let (Some(first), true) = (found.templates.first(), found.files.is_empty()) {
        return Err(no_templates(first));
    }
    let mut estate = Estate::load(found.files).map_err(|error| pointed(&error))?;
    let holds_nothing = !estate
        .sources
        .iter()
        .any(|(_, source)| is_estate(&source.holds));
    // A list of no resources is a file of a snapshot, but no estate.
    let is_empty = estate.accounts.is_empty() && estate.organization.is_none();
    if holds_nothing || is_empty {
        return Err(match found.templates.first() {
            Some(first) => no_templates(first),
            None => holds_no_estate(paths, &estate),
        });
    }
    let templates = found.templates.iter().map(Template::as_incomplete);
    estate.incomplete.extend(templates);
    estate.incomplete.sort();
    Ok(estate)
}

/// The same files as JSON, for plans: what AWS answered, nothing read into it.
pub(crate) fn raw(estate: &Estate) -> Result<Snapshot, Fault> {
    let mut files = Vec::new();
    for source in estate
        .sources
        .values()
        .filter(|source| is_estate(&source.holds))
    {
        let path = Path::new(&source.name);
        let bytes = fs::read(path).map_err(|error| input::unreadable(path, &error))?;
        let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
        let value = serde_json::from_slice(text)
            .map_err(|error| Fault::new(format!("{}: {error}", source.name)))?;
        files.push((source.name.clone(), value));
    }
    Ok(Snapshot::new(files))
}

#[derive(Default)]
struct Found {
    files: Vec<File<'static>>,
    templates: Vec<Template>,
}

impl Found {
    fn look_into(&mut self, path: &Path) -> Result<(), Fault> {
        if path == Path::new("-") {
            return self.standard_input();
        }
        let kind = fs::metadata(path).map_err(|error| input::unreadable(path, &error))?;
        if kind.is_dir() {
            return self.folder(path, path, 0);
        }
        self.file(path, path)
    }

    fn standard_input(&mut self) -> Result<(), Fault> {
        let mut bytes = Vec::new();
        let read = io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(|error| input::unreadable(Path::new("-"), &error))?;
        // A loader may open a file twice; the standard input can be read once.
        let bytes: std::rc::Rc<[u8]> = bytes.into();
        self.files.push(File {
            given: "standard input".to_owned(),
            below: String::new(),
            open: Box::new(move || Ok(Box::new(Shared::new(bytes.clone())))),
        });
        Ok(())
    }

    /// Every file below, in the order of their names. Hidden ones belong to other tools.
    fn folder(&mut self, given: &Path, folder: &Path, depth: usize) -> Result<(), Fault> {
        if depth > DEPTH_MAX {
            return Err(Fault::new(format!(
                "`{}` is nested deeper than {DEPTH_MAX} folders",
                folder.display()
            ))
            .mend("name the snapshot folder itself"));
        }
        let unreadable = |error| input::unreadable(folder, &error);
        let mut entries = fs::read_dir(folder)
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .map_err(unreadable)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            // A link to a folder may lead back up; a link to a file is a file.
            let own = entry.file_type().map_err(unreadable)?;
            let target = fs::metadata(&path).map_err(|error| input::unreadable(&path, &error))?;
            if own.is_dir() {
                self.folder(given, &path, depth + 1)?;
            } else if target.is_file() {
                self.file(given, &path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, given: &Path, path: &Path) -> Result<(), Fault> {
        if self.files.len() >= FILES_MAX {
            return Err(Fault::new(format!("more than {FILES_MAX} files"))
                .mend("name the snapshot folder itself"));
        }
        if let Some(template) = Template::recognised(path)? {
            self.templates.push(template);
            return Ok(());
        }
        let below = path.strip_prefix(given).unwrap_or(Path::new(""));
        let parts: Vec<_> = below
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
            .collect();
        let path = path.to_owned();
        self.files.push(File {
            given: given.display().to_string(),
            below: parts.join("/"),
            open: Box::new(move || Ok(Box::new(fs::File::open(&path)?))),
        });
        Ok(())
    }
}

/// Bytes that several readers read, each from the start.
struct Shared {
    bytes: std::rc::Rc<[u8]>,
    read: Cell<usize>,
}

impl Shared {
    fn new(bytes: std::rc::Rc<[u8]>) -> Self {
        Self {
            bytes,
            read: Cell::new(0),
        }
    }
}

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.bytes.get(self.read.get()..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.read.set(self.read.get() + read);
        Ok(read)
    }
}

/// A file that says what is to be made, not what exists. This release reads none.
#[derive(Debug)]
struct Template {
    name: String,
    language: &'static str,
}

impl Template {
    /// Known by how it begins; only files with the names of templates are opened for it.
    fn recognised(path: &Path) -> Result<Option<Self>, Fault> {
        let name = path.display().to_string();
        let lower = name.to_ascii_lowercase();
        let is = |language| {
            Ok(Some(Self {
                name: name.clone(),
                language,
            }))
        };
        if lower.ends_with(".tf") || lower.ends_with(".tf.json") {
            return is("Terraform");
        }
        let may_be = [".json", ".yaml", ".yml", ".template"]
            .iter()
            .any(|end| lower.ends_with(end));
        if !may_be {
            return Ok(None);
        }
        let start = start_of(path).map_err(|error| input::unreadable(path, &error))?;
        let has = |word: &str| start.contains(word);
        let is_json = start.trim_start().starts_with('{');
        if has("AWSTemplateFormatVersion") || has("AWS::Serverless-") {
            return is("CloudFormation");
        }
        if is_json && has("\"Resources\"") && has("\"Type\"") && has("\"AWS::") {
            return is("CloudFormation");
        }
        if !is_json && has("\nResources:") && has("Type: AWS::") {
            return is("CloudFormation");
        }
        if is_json && has("\"terraform_version\"") {
            return is("Terraform");
        }
        Ok(None)
    }

    fn as_incomplete(&self) -> Incomplete {
        Incomplete {
            what: self.name.clone(),
            why: format!(
                "a {} template, which this release does not read; what it would make is not in this answer",
                self.language
            ),
        }
    }
}

fn start_of(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(1 << 13)
        .read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn no_templates(template: &Template) -> Fault {
    Fault::new(format!(
        "`{}` is a {} template, and this release reads none",
        template.name, template.language
    ))
    .mend("scan what was deployed: a snapshot folder (scripts/collect.sh makes one), or the JSON of `aws iam get-account-authorization-details`")
}

fn holds_no_estate(paths: &[PathBuf], estate: &Estate) -> Fault {
    let names: Vec<_> = paths
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect();
    let ignored = estate
        .sources
        .iter()
        .find_map(|(_, source)| match &source.holds {
            Holds::Ignored(why) => Some(format!(" ({}: {why})", source.name)),
            _ => None,
        });
    Fault::new(format!(
        "{} holds nothing of an estate{}",
        names.join(", "),
        ignored.unwrap_or_default()
    ))
    .mend("name a snapshot folder (scripts/collect.sh makes one), or the JSON of `aws iam get-account-authorization-details`")
}

fn is_estate(holds: &Holds) -> bool {
    match holds {
        Holds::Organization
        | Holds::AuthorizationDetails
        | Holds::IamExtra
        | Holds::Resources
        | Holds::Calls => true,
        Holds::Beside(_) | Holds::Ignored(_) => false,
    }
}

/// The files beside the estate of this kind, by their names.
pub(crate) fn beside(estate: &Estate, kind: Beside) -> Vec<PathBuf> {
    let sources = estate.sources.iter();
    sources
        .filter(|(_, source)| source.holds == Holds::Beside(kind))
        .map(|(_, source)| PathBuf::from(&source.name))
        .collect()
}

/// The error with the lines of its file around the place.
fn pointed(error: &LoadError) -> Fault {
    let at = if error.pointer.is_empty() {
        String::new()
    } else {
        format!(" (at {})", error.pointer)
    };
    let place = if error.line == 0 {
        error.file.clone()
    } else {
        format!("{}:{}:{}", error.file, error.line, error.column)
    };
    let fault = Fault::new(format!("{place}: {}{at}", error.problem)).mend(error.mend.clone());
    let Ok(document) = input::document(Path::new(&error.file)) else {
        return fault;
    };
    match span_of(&document.text, error.line, error.column) {
        Some(span) => fault.at(&error.file, &document.text, span),
        None => fault,
    }
}

/// The bytes at a line and column, both from 1.
fn span_of(text: &str, line: u32, column: u32) -> Option<Span> {
    let (line, column) = (usize::try_from(line).ok()?, usize::try_from(column).ok()?);
    let before: usize = text
        .split_inclusive('\n')
        .take(line.checked_sub(1)?)
        .map(str::len)
        .sum();
    let within = text
        .get(before..)?
        .char_indices()
        .nth(column.checked_sub(1)?)
        .map_or(0, |(at, _)| at);
    let start = before + within;
    Some(Span {
        start,
        end: (start + 1).min(text.len()),
    })
}

/// Says beside the answer what the snapshot does not tell, where the answer itself has no room.
pub(crate) fn tell_incomplete(estate: &Estate) {
    const SHOWN: usize = 8;
    if estate.incomplete.is_empty() {
        return;
    }
    ink::tell("what the snapshot does not tell:\n");
    for gap in estate.incomplete.iter().take(SHOWN) {
        ink::tell(&format!(
            "  {}\n",
            ink::safe(&gap.to_string()).replace('\n', " ")
        ));
    }
    if let Some(more @ 1..) = estate.incomplete.len().checked_sub(SHOWN) {
        ink::tell(&format!("  … and {more} more\n"));
    }
}
