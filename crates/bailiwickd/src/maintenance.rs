//! Looking after the data while the daemon does not run, or beside it.

use std::{path::Path, process::ExitCode, time::Instant};

use anyhow::Context as _;
use bailiwick_broker::port::{Log as _, Store as _};
use bailiwick_ledger::{argument::ArgumentKey, checkpoint::Checkpoint, note, verify::Verifier};
use bailiwick_store::{BackupError, OpenError, Postgres, Sqlite};
use serde_json::json;

use crate::{
    args::{Backup, Doctor, Migrate, Restore, Shared},
    data::{Folder, Secret},
    fault::Fault,
    folders::Folders,
    identity, log, people,
    watch::now_ms,
    world,
};

/// Entries that are read at once.
const ENTRIES_AT_ONCE: usize = 4_096;

pub(crate) fn backup(asked: &Backup) -> anyhow::Result<ExitCode> {
    if asked.data.folder.is_dir() {
        Folder::open(&asked.data.folder)?.refuse_of_replica("backup")?;
    }
    bailiwick_store::backup(&asked.data.folder, &asked.to).map_err(named)?;
    log::say(&format!(
        "The database is in `{}`. The keys and the operators are not: copy `{}/keys` and `operator*` to a place for secrets.",
        asked.to.display(),
        asked.data.folder.display(),
    ));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn restore(asked: &Restore) -> anyhow::Result<ExitCode> {
    let data = Folder::open(&asked.data.folder)?;
    data.refuse_of_replica("restore")?;
    let now_ms = now_ms();
    let restored = runtime()?.block_on(bailiwick_store::restore(
        &asked.from,
        data.path(),
        world::settings(),
        now_ms,
    ));
    let replaced = restored.map_err(named)?;
    let beside = bailiwick_store::Folder::open(data.path())?;
    let aside = beside.set_checkpoints_aside(now_ms)?;
    log::say(&format!(
        "Restored. What happened since the backup is not known, so everything is stopped:\n\
         - every grant in the backup ends, and grants of after it are unknown and denied;\n\
         - nothing opens until an operator has set again the kills that were set since, and clears this one\n  (`bailiwick kill --clear all --reason …`).\n\
         The database of before is `{}`, its checkpoints are in `{}`: show both to an auditor.",
        replaced.display(),
        aside.display(),
    ));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn migrate(asked: &Migrate) -> anyhow::Result<ExitCode> {
    let data = Folder::open(&asked.data.folder)?;
    data.refuse_of_replica("migrate")?;
    let store = Sqlite::open(data.path(), world::settings()).map_err(unopened)?;
    let generation = store.generation()?;
    log::say(&format!(
        "`{}` has the schema of this release (generation {generation}).",
        data.path().display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    /// What is wrong, or what was seen.
    result: Result<String, String>,
}

pub(crate) fn doctor(asked: &Doctor) -> anyhow::Result<ExitCode> {
    let mut findings = Vec::new();
    let mut found = |what, result| findings.push(Finding { what, result });
    found("data folder", look_at_folder(&asked.data.folder));
    if asked.shared.database.is_some() {
        found("database", look_at_database(&asked.shared));
    } else {
        found("ledger", look_at_ledger(&asked.data.folder));
    }
    found("disk", look_at_disk(&asked.data.folder));
    if let Some(charters) = &asked.charters {
        let folders = Folders {
            charters: charters.clone(),
            policies: asked.policies.clone(),
            tools: asked.tools.clone(),
            estate: asked.estate.clone(),
            grant_seconds_max: None,
            argument_key: ArgumentKey::new([0; 32]),
        };
        let read = folders.read(now_ms());
        let read = read.map(|rules| {
            let policies = rules.policies.as_ref().map_or(0, |policies| policies.len());
            format!("{} charters, {policies} policies", rules.charters.len())
        });
        found("charters", read.map_err(|problems| problems.join("; ")));
    }
    if let Some(file) = &asked.identity {
        let read = identity::proofs(Some(file)).map(|(proofs, notes)| {
            let mut said = vec![proofs.schemes().join(", ")];
            said.extend(notes);
            said.join("; ")
        });
        let what = "proofs of identity";
        findings.push(Finding {
            what,
            result: read.map_err(|error| error.to_string()),
        });
    }
    if let Some(file) = &asked.operators {
        // What is wrong with the other file was said above.
        let proofs = identity::proofs(asked.identity.as_deref()).unwrap_or_default();
        let read = people::Source::new(Some(file), &proofs.0).changed();
        let said =
            read.map(|people| people.map_or_else(String::new, |people| people::told(&people)));
        findings.push(Finding {
            what: "operators of an issuer",
            result: said.map_err(|error| error.to_string()),
        });
    }
    let is_well = findings.iter().all(|finding| finding.result.is_ok());
    if asked.json {
        let findings: Vec<_> = findings
            .iter()
            .map(|finding| {
                let (is_well, said) = match &finding.result {
                    Ok(said) => (true, said),
                    Err(said) => (false, said),
                };
                json!({ "what": finding.what, "ok": is_well, "said": said })
            })
            .collect();
        log::answer(&json!({ "ok": is_well, "findings": findings }).to_string());
    } else {
        for finding in &findings {
            let (mark, said) = match &finding.result {
                Ok(said) => ("ok  ", said),
                Err(said) => ("BAD ", said),
            };
            log::answer(&format!("{mark} {}: {said}", finding.what));
        }
    }
    Ok(ExitCode::from(u8::from(!is_well)))
}

fn look_at_folder(path: &Path) -> Result<String, String> {
    if !path.is_dir() {
        return Err(format!(
            "`{}` is no folder; the first start makes it",
            path.display()
        ));
    }
    let data = Folder::open(path).map_err(|error| error.to_string())?;
    let operators = data.operators().map_err(|error| error.to_string())?;
    for secret in Secret::ALL {
        data.secret(secret).map_err(|error| error.to_string())?;
    }
    Ok(format!(
        "for its owner alone; {} operators",
        operators.len()
    ))
}

/// Looks at the database that replicas share, without being one.
fn look_at_database(asked: &Shared) -> Result<String, String> {
    let database = world::database(asked).map_err(|error| error.to_string())?;
    let runtime = runtime().map_err(|error| error.to_string())?;
    let seen = runtime
        .block_on(Postgres::look(&database))
        .map_err(|error| world::unopened(&error).to_string())?;
    let within = seen.apart.at_most(world::CLOCKS_APART_MAX);
    within.map_err(|error| error.to_string())?;
    let entries = match seen.entries {
        Some(entries) => format!("{entries} entries"),
        None => "no daemon has opened it yet".to_owned(),
    };
    let alive = match seen.alive.as_slice() {
        [] => "no replica runs".to_owned(),
        names => format!("replicas that run: {}", names.join(", ")),
    };
    let apart = seen.apart;
    Ok(format!("{entries}; {alive}; {apart}"))
}

/// Reads the whole ledger, as an auditor would. The daemon must not be running: it owns the store.
fn look_at_ledger(path: &Path) -> Result<String, String> {
    let data = Folder::open(path).map_err(|error| error.to_string())?;
    data.refuse_of_replica("doctor")
        .map_err(|error| error.to_string())?;
    let store = match Sqlite::open(path, world::settings()) {
        Ok(store) => store,
        Err(OpenError::InUse(_)) => {
            return Ok(
                "not looked at: the daemon runs; ask it with `bailiwick ledger verify`".into(),
            );
        }
        Err(error) => return Err(error.to_string()),
    };
    let key = data
        .secret(Secret::Checkpoints)
        .map_err(|error| error.to_string())?;
    let beside = bailiwick_store::Folder::open(path).map_err(|error| error.to_string())?;
    let checkpoints = published(&beside.checkpoints(), &key)?;
    let runtime = runtime().map_err(|error| error.to_string())?;
    let mut verifier = Verifier::new(&checkpoints);
    let mut from = 0;
    loop {
        let records = runtime.block_on(store.records(from, ENTRIES_AT_ONCE));
        let records = records.map_err(|error| error.to_string())?;
        if records.is_empty() {
            break;
        }
        for record in &records {
            verifier.record(record).map_err(|flaw| flaw.to_string())?;
            from = record.seq() + 1;
        }
    }
    let verified = verifier.finish().map_err(|flaw| flaw.to_string())?;
    let last = beside.published().map_err(|error| error.to_string())?;
    Ok(format!(
        "{} entries hold, {last} of them signed for in {} checkpoints",
        verified.entries,
        checkpoints.len()
    ))
}

/// Checkpoints are signed by this key under the name that stands in them.
fn published(folder: &Path, key: &[u8; 32]) -> Result<Vec<Checkpoint>, String> {
    let mut checkpoints = Vec::new();
    let listed = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    for file in listed {
        let path = file.map_err(|error| error.to_string())?.path();
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let origin = text.lines().next().unwrap_or_default();
        let signer = note::Signer::new(origin, key).map_err(|error| error.to_string())?;
        let checkpoint = Checkpoint::open(&text, &[signer.verifier()])
            .map_err(|error| format!("{}: {error}", path.display()))?;
        checkpoints.push(checkpoint);
    }
    Ok(checkpoints)
}

/// How long the disk takes to keep something.
fn look_at_disk(path: &Path) -> Result<String, String> {
    use std::io::Write as _;
    const FLUSHES: u32 = 20;
    let probe = path.join("doctor.part");
    let flushed = (|| {
        let mut file = std::fs::File::create(&probe)?;
        let begun = Instant::now();
        for _ in 0..FLUSHES {
            file.write_all(&[0; 512])?;
            file.sync_data()?;
        }
        Ok::<_, std::io::Error>(begun.elapsed() / FLUSHES)
    })();
    let _ = std::fs::remove_file(&probe);
    let flush = flushed.map_err(|error| error.to_string())?;
    Ok(format!(
        "a flush takes {} µs; a decision waits for one",
        flush.as_micros()
    ))
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("nothing to run on")
}

fn named(error: BackupError) -> anyhow::Error {
    match error {
        BackupError::Io { ref source, .. } => Fault::new(format!("{error}: {source}")).into(),
        BackupError::Exists(_) | BackupError::Damaged { .. } => {
            Fault::new(error.to_string()).into()
        }
        BackupError::Open(error) => unopened(error),
        other => other.into(),
    }
}

fn unopened(error: OpenError) -> anyhow::Error {
    match &error {
        OpenError::InUse(_) => Fault::new(error.to_string())
            .mend("stop the daemon first")
            .into(),
        OpenError::Newer { .. } | OpenError::Foreign(_) | OpenError::Io { .. } => {
            Fault::new(error.to_string()).into()
        }
        _ => error.into(),
    }
}
