//! What other charters would have decided, from an exported record: shadow mode for charters that
//! are to come, and a regression test for those that were.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read},
    path::Path,
    process::ExitCode,
};

use bailiwick_authority::replay::Replayed;
use bailiwick_ledger::{
    Action, Entry, RECORD_LENGTH_MAX, Record,
    argument::ArgumentKey,
    replay::{Difference, Replay},
    shown::shown,
    verify::Verifier,
};
use serde_json::json;

use crate::{args, fault::Fault, folders::Folders, log, watch::now_ms};

/// The entry, its two hashes and what stands around them.
const LINE_LENGTH_MAX: u64 = RECORD_LENGTH_MAX as u64 + 256;

pub(crate) fn run(asked: &args::Replay) -> anyhow::Result<ExitCode> {
    let folders = Folders {
        charters: asked.charters.clone(),
        tools: asked.tools.clone(),
        estate: None,
        policies: None,
        grant_seconds_max: None,
        // Nothing is compared with the hashes in the record: they were made with a key of the daemon.
        argument_key: ArgumentKey::new([0; 32]),
    };
    let rules = folders.read(now_ms()).map_err(|problems| {
        let lines: String = problems.iter().map(|line| format!("\n  {line}")).collect();
        Fault::new(format!("the charters cannot be read:{lines}"))
            .mend("mend them; `bailiwick charter check` points at each place")
    })?;
    let mut replayed = Replayed::by(&rules.authority);
    let mut replay = Replay::default();
    let mut verifier = Verifier::new(&[]);
    let mut lines = Lines::open(&asked.path)?;
    while let Some(line) = lines.next()? {
        let record = match verifier.line(line) {
            Ok(record) => record,
            Err(flaw) => {
                log::say(&format!(
                    "the record does not hold, and was replayed no further: {}",
                    shown(&flaw.to_string())
                ));
                return Ok(ExitCode::from(1));
            }
        };
        let entry = record.entry()?;
        let time_ms = entry
            .happened_ms
            .or_else(|| record.time_ms())
            .unwrap_or_default();
        replayed.see(&entry, time_ms);
        if !Replayed::is_replayed(&entry) {
            continue;
        }
        let found = replay.record(&record, |entry| replayed.judge(entry, time_ms))?;
        if let Some(found) = found {
            log::answer(&told(&found, &record, &entry, asked.json)?);
        }
    }
    if asked.json {
        log::answer(&json!({ "summary": replay }).to_string());
    } else {
        log::answer(&format!(
            "{} decisions would be as they were, {} otherwise, {} cannot be told",
            replay.same, replay.changed, replay.unknown
        ));
    }
    Ok(ExitCode::from(match (replay.changed, replay.unknown) {
        (0, 0) => 0,
        (0, _) => 3,
        (_, _) => 1,
    }))
}

fn told(
    found: &Difference,
    record: &Record,
    entry: &Entry,
    as_json: bool,
) -> anyhow::Result<String> {
    let grant = entry.grant.as_ref().map(|grant| grant.id.as_str());
    let agent = entry.agent.as_ref().map(|agent| agent.id.as_str());
    let task = entry.task.as_ref().map(|task| task.id.as_str());
    let called = entry.action.as_ref().map(called);
    if as_json {
        let mut line = serde_json::to_value(found)?;
        if let Some(line) = line.as_object_mut() {
            line.insert("time_ms".into(), record.time_ms().into());
            line.insert("agent".into(), agent.into());
            line.insert("task".into(), task.into());
            line.insert("grant".into(), grant.into());
            line.insert("call".into(), called.into());
        }
        return Ok(line.to_string());
    }
    let word = |effect| {
        serde_json::to_value(effect)
            .ok()
            .and_then(|word| word.as_str().map(str::to_owned))
    };
    let was = word(Some(found.was)).unwrap_or_default();
    let would = word(found.would).unwrap_or_else(|| "unknown".to_owned());
    let why = match found.would {
        Some(_) => found.why.clone(),
        None => format!("not on record: {}", found.why),
    };
    Ok(format!(
        "{:>8}  {was} -> {would}  {}/{}  {}  {}",
        found.seq,
        shown(agent.unwrap_or("?")),
        shown(task.unwrap_or("?")),
        shown(&called.unwrap_or_default()),
        shown(&why),
    ))
}

/// `ledger/post`, or `s3:GetObject` and its resource.
fn called(action: &Action) -> String {
    let tool = action.tool.clone().unwrap_or_default();
    match (&action.resource, &action.server) {
        (Some(resource), _) => format!("{tool} on {resource}"),
        (None, Some(server)) => format!("{server}/{tool}"),
        (None, None) => tool,
    }
}

/// The lines of a record, one at a time.
struct Lines {
    name: String,
    reader: BufReader<Box<dyn Read>>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let path = if path.is_dir() {
            path.join("ledger.ndjson")
        } else {
            path.to_owned()
        };
        let reader: Box<dyn Read> = if path == Path::new("-") {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(&path).map_err(|error| {
                Fault::new(format!("`{}` cannot be read: {error}", path.display()))
                    .mend("name the file that `GET /v1/ledger/entries` was written to")
            })?)
        };
        Ok(Self {
            name: path.display().to_string(),
            reader: BufReader::with_capacity(1 << 16, reader),
            line: Vec::new(),
            number: 0,
        })
    }

    fn next(&mut self) -> anyhow::Result<Option<&str>> {
        self.line.clear();
        self.number += 1;
        let wrong = |what: &str| {
            Fault::new(format!("{}:{}: {what}", self.name, self.number))
                .mend("a record is one JSON object a line: export it again")
        };
        let mut limited = (&mut self.reader).take(LINE_LENGTH_MAX + 1);
        let read = limited.read_until(b'\n', &mut self.line);
        read.map_err(|error| wrong(&error.to_string()))?;
        if self.line.is_empty() {
            return Ok(None);
        }
        let Some(line) = self.line.strip_suffix(b"\n") else {
            return Err(wrong("the line has no end, or is too long").into());
        };
        match std::str::from_utf8(line) {
            Ok(line) => Ok(Some(line)),
            Err(_) => Err(wrong("no UTF-8 text").into()),
        }
    }
}
