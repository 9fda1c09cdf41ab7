//! The files of a record.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
};

use bailiwick_ledger::{
    RECORD_LENGTH_MAX,
    checkpoint::Checkpoint,
    note::{KeyError, NOTE_LENGTH_MAX, Verifier},
};

use crate::{args::Record, fault::Fault, input};

/// The entry, its two hashes and what stands around them.
const LINE_LENGTH_MAX: u64 = RECORD_LENGTH_MAX as u64 + 256;

/// The lines of a record, one at a time.
pub(super) struct Entries {
    path: PathBuf,
    reader: BufReader<Box<dyn Read>>,
    line: Vec<u8>,
    number: u64,
}

impl Entries {
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let path = if path.is_dir() {
            path.join("ledger.ndjson")
        } else {
            path.to_owned()
        };
        Ok(Self {
            reader: BufReader::with_capacity(1 << 16, input::open(&path)?),
            path,
            line: Vec::new(),
            number: 0,
        })
    }

    pub(super) fn next_line(&mut self) -> Result<Option<&str>, Fault> {
        self.line.clear();
        self.number += 1;
        let mut limited = (&mut self.reader).take(LINE_LENGTH_MAX + 1);
        let read = limited.read_until(b'\n', &mut self.line);
        read.map_err(|error| input::unreadable(&self.path, &error))?;
        if self.line.is_empty() {
            return Ok(None);
        }
        let place = format!("{}:{}", input::name_of(&self.path), self.number);
        let Some(line) = self.line.strip_suffix(b"\n") else {
            return Err(
                Fault::new(format!("{place}: the line has no end, or is too long"))
                    .mend("export the record again: it was cut off in the middle of an entry"),
            );
        };
        match std::str::from_utf8(line) {
            Ok(line) => Ok(Some(line)),
            Err(_) => Err(Fault::new(format!("{place}: no UTF-8 text"))
                .mend("a record is one JSON object a line, in UTF-8")),
        }
    }
}

/// The checkpoints that were given, or lie beside the record, each signed by one of the keys.
pub(super) fn checkpoints(asked: &Record) -> Result<Vec<Checkpoint>, Fault> {
    let mut paths = Vec::new();
    let beside = asked.path.join("checkpoints");
    let given = if asked.checkpoints.is_empty() && beside.is_dir() {
        std::slice::from_ref(&beside)
    } else {
        asked.checkpoints.as_slice()
    };
    for path in given {
        if path.is_dir() {
            paths.extend(notes_in(path)?);
        } else {
            paths.push(path.clone());
        }
    }
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Result<Vec<Verifier>, Fault> = asked.key.iter().map(|key| verifier(key)).collect();
    let keys = keys?;
    if keys.is_empty() {
        return Err(Fault::new(format!(
            "there are {} checkpoints, and no key to check them with",
            paths.len()
        ))
        .mend("give --key name+id+key, from where it was kept when the daemon first started"));
    }
    paths.iter().map(|path| checkpoint(path, &keys)).collect()
}

fn verifier(key: &str) -> Result<Verifier, Fault> {
    key.parse()
        .map_err(|error: KeyError| Fault::new(format!("--key: {error}")))
}

fn notes_in(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let unreadable = |error| input::unreadable(folder, &error);
    let mut notes = Vec::new();
    for file in fs::read_dir(folder).map_err(unreadable)? {
        let path = file.map_err(unreadable)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "note")
        {
            notes.push(path);
        }
    }
    notes.sort();
    Ok(notes)
}

fn checkpoint(path: &Path, keys: &[Verifier]) -> Result<Checkpoint, Fault> {
    let mut note = String::new();
    let limit = NOTE_LENGTH_MAX as u64 + 1;
    let read = input::open(path)?.take(limit).read_to_string(&mut note);
    read.map_err(|error| input::unreadable(path, &error))?;
    Checkpoint::open(&note, keys).map_err(|error| {
        Fault::new(format!("{}: {error}", input::name_of(path)))
            .mend("is this the key of that ledger? an old key can be given beside the new one")
    })
}
