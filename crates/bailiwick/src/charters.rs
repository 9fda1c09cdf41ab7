//! From the paths of a command line to charters, and what the catalog knows of their actions.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use bailiwick_charter::{
    Charters, FolderError, Place,
    check::{Actions, KnownAction, Level},
};
use bailiwick_iam::json::Span;
use bailiwick_iam_catalog::{AccessLevel, Action, builtin};

use crate::{fault::Fault, input};

/// An organisation has an agent or two for each of its people, not more charters than this.
const FILES_MAX: usize = 100_000;

/// Folders deeper than this are not of charters.
const DEPTH_MAX: usize = 16;

/// Reads every charter that the paths name: files, or folders with `.yaml` and `.yml` in them.
pub(crate) fn load(paths: &[PathBuf]) -> Result<Charters, Fault> {
    let mut texts = BTreeMap::new();
    for path in paths {
        let kind = fs::metadata(path).map_err(|error| input::unreadable(path, &error));
        if path != Path::new("-") && kind?.is_dir() {
            folder(path, 0, &mut texts)?;
        } else {
            read(path, &mut texts)?;
        }
    }
    if texts.is_empty() {
        let names: Vec<_> = paths.iter().map(|path| input::name_of(path)).collect();
        return Err(
            Fault::new(format!("there is no charter in {}", names.join(", "))).mend(
                "a charter is a .yaml or .yml file; `bailiwick charter draft` writes a first one",
            ),
        );
    }
    let files = texts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()));
    Charters::parse(files).map_err(|errors| fault(&errors, &texts))
}

/// The charters that are named, or else those in `charters/` beside the estate.
pub(crate) fn with(estate: &[PathBuf], named: &[PathBuf]) -> Result<Charters, Fault> {
    if !named.is_empty() {
        return load(named);
    }
    let of = |path: &PathBuf| [path.join("charters"), path.join("../charters")];
    match estate.iter().flat_map(of).find(|folder| folder.is_dir()) {
        Some(beside) => load(&[beside]),
        None => Ok(Charters::default()),
    }
}

fn folder(folder: &Path, depth: usize, texts: &mut BTreeMap<String, String>) -> Result<(), Fault> {
    if depth > DEPTH_MAX {
        let what = format!(
            "`{}` is nested deeper than {DEPTH_MAX} folders",
            folder.display()
        );
        return Err(Fault::new(what).mend("name the folder of charters itself"));
    }
    let unreadable = |error: io::Error| input::unreadable(folder, &error);
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        if entry.file_type().map_err(unreadable)?.is_dir() {
            self::folder(&path, depth + 1, texts)?;
        } else if path
            .extension()
            .is_some_and(|end| end == "yaml" || end == "yml")
        {
            read(&path, texts)?;
        }
    }
    Ok(())
}

fn read(path: &Path, texts: &mut BTreeMap<String, String>) -> Result<(), Fault> {
    if texts.len() >= FILES_MAX {
        let what = format!("more than {FILES_MAX} charters");
        return Err(Fault::new(what).mend("name the folder of charters itself"));
    }
    let document = input::document(path)?;
    texts.insert(document.name, document.text);
    Ok(())
}

/// The first thing that is wrong, pointed at, and the others under it.
fn fault(errors: &[FolderError], texts: &BTreeMap<String, String>) -> Fault {
    let mut wrong: Vec<(&str, Place, String, String)> = Vec::new();
    for error in errors {
        match error {
            FolderError::Charter(error) => {
                let problems = error.problems.iter();
                wrong.extend(problems.map(|problem| {
                    let (what, mend) = (problem.what.clone(), problem.mend.clone());
                    (error.file.as_str(), problem.place, what, mend)
                }));
            }
            FolderError::AgentTwice {
                agent,
                first,
                second,
                place,
            } => {
                let what = format!("the agent `{agent}` has a charter in {first} already");
                wrong.push((second, *place, what, "keep one of them".to_owned()));
            }
        }
    }
    let Some(((file, place, what, mend), others)) = wrong.split_first() else {
        return Fault::new("the charters cannot be read");
    };
    let text = texts.get(*file).map_or("", String::as_str);
    let fault = Fault::new(what)
        .at(file, text, span(text, *place))
        .mend(mend);
    if others.is_empty() {
        return fault;
    }
    // A screenful; who mends these and runs it again sees the rest.
    const TOLD: usize = 20;
    let told = others
        .iter()
        .take(TOLD)
        .map(|(file, place, what, mend)| format!("{file}:{place}: {what}; {mend}"));
    let mut note: Vec<String> = told.collect();
    if others.len() > TOLD {
        note.push(format!("and {} more", others.len() - TOLD));
    }
    fault.note(format!("also {}", note.join("\n        ")))
}

/// The word at a place.
fn span(text: &str, place: Place) -> Span {
    let line_start: usize = text
        .split_inclusive('\n')
        .take(place.line.saturating_sub(1))
        .map(str::len)
        .sum();
    let line = text.get(line_start..).unwrap_or_default();
    let before: usize = line
        .chars()
        .take(place.column.saturating_sub(1))
        .map(char::len_utf8)
        .sum();
    let start = line_start + before;
    let rest = text.get(start..).unwrap_or_default();
    let word = rest
        .split([' ', ',', '\n', ']', '}'])
        .next()
        .unwrap_or_default();
    Span {
        start,
        end: start + word.len(),
    }
}

/// The actions that the built-in catalog knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Catalog;

impl Actions for Catalog {
    fn matching(&self, pattern: &str) -> Vec<KnownAction> {
        let actions = builtin().expand(pattern).unwrap_or_default();
        actions.into_iter().map(known).collect()
    }
}

fn known(action: Action<'_>) -> KnownAction {
    KnownAction {
        name: format!("{}:{}", action.service().prefix(), action.name()),
        takes_resource: action.has_resources(),
        level: match action.level() {
            AccessLevel::List => Level::List,
            AccessLevel::Read => Level::Read,
            AccessLevel::Write => Level::Write,
            AccessLevel::PermissionsManagement => Level::PermissionsManagement,
            AccessLevel::Tagging => Level::Tagging,
        },
    }
}
