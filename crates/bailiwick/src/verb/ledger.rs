//! `ledger`: the record of what happened, held against its own hashes and what was signed for it.

mod input;
mod replay;

use bailiwick_ledger::{
    Hash, Record,
    checkpoint::Checkpoint,
    query::Query,
    shown::shown,
    tree::{self, Frontier},
    verify::{Flaw, Verified, Verifier},
};
use serde::Serialize;

use self::input::{Entries, checkpoints};
use crate::{
    args::{Ledger, LedgerProve, LedgerQuery, LedgerVerb, LedgerVerify},
    fault::Fault,
    ink::{Ink, tell},
    outcome::Outcome,
    output::Output,
    today::{instant, utc},
};

pub(crate) fn run(asked: &Ledger, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    match &asked.verb {
        LedgerVerb::Verify(verify) => run_verify(verify, json, output),
        LedgerVerb::Query(query) => run_query(query, json, output),
        LedgerVerb::Prove(prove) => run_prove(prove, output),
        LedgerVerb::Replay(replay) => replay::run(replay, json),
    }
}

/// What a check came to.
#[derive(Debug, Serialize)]
struct Checked {
    holds: Holds,
    entries: Option<u64>,
    covered: Option<u64>,
    checkpoints: usize,
    head: Option<Hash>,
    root: Option<Hash>,
    first_bad: Option<u64>,
    flaw: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Holds {
    Yes,
    No,
    /// Whether entries were cut off cannot be told.
    Unknown,
}

fn run_verify(asked: &LedgerVerify, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    let given = checkpoints(&asked.record)?;
    let verified = verified(&asked.record.path, &given, |_| Ok(()))?;
    let checked = match verified {
        Ok(verified) => Checked {
            holds: if given.is_empty() {
                Holds::Unknown
            } else {
                Holds::Yes
            },
            entries: Some(verified.entries),
            covered: Some(verified.covered),
            checkpoints: verified.checkpoints,
            head: Some(verified.head),
            root: Some(verified.root),
            first_bad: None,
            flaw: None,
        },
        Err(flaw) => Checked {
            holds: Holds::No,
            entries: None,
            covered: None,
            checkpoints: given.len(),
            head: None,
            root: None,
            first_bad: flaw.first_bad(),
            flaw: Some(flaw.to_string()),
        },
    };
    let text = if json {
        serde_json::to_string(&checked)? + "\n"
    } else {
        in_words(&checked, Ink::of_stdout())
    };
    output.write(&text)?;
    Ok(match checked.holds {
        Holds::Yes => Outcome::Clear,
        Holds::No => Outcome::Found,
        Holds::Unknown => Outcome::Untold,
    })
}

/// Reads the whole record, and looks at each entry once it is known to stand where it should.
fn verified(
    path: &std::path::Path,
    given: &[Checkpoint],
    mut look: impl FnMut(&Record) -> anyhow::Result<()>,
) -> anyhow::Result<Result<Verified, Flaw>> {
    let mut verifier = Verifier::new(given);
    let mut entries = Entries::open(path)?;
    while let Some(line) = entries.next_line()? {
        match verifier.line(line) {
            Ok(record) => look(&record)?,
            Err(flaw) => return Ok(Err(flaw)),
        }
    }
    Ok(verifier.finish())
}

fn in_words(checked: &Checked, ink: Ink) -> String {
    if let Some(flaw) = &checked.flaw {
        return format!("{}: {}\n", ink.bold("does not hold"), shown(flaw));
    }
    let entries = checked.entries.unwrap_or_default();
    let covered = checked.covered.unwrap_or_default();
    let root = checked.root.unwrap_or_default();
    let head = match checked.holds {
        Holds::Yes => "holds",
        Holds::No => "does not hold",
        Holds::Unknown => "holds as far as it goes",
    };
    let signed = match checked.checkpoints {
        0 => "no checkpoint was given, so nobody can tell whether entries were cut off".to_owned(),
        1 => format!("1 checkpoint signs for the first {covered}"),
        more => format!("{more} checkpoints sign for the first {covered}"),
    };
    format!(
        "{}: {entries} entries; {signed}\nroot {root}\n",
        ink.bold(head)
    )
}

fn run_query(asked: &LedgerQuery, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    let query = Query {
        grant: asked.grant.clone(),
        agent: asked.agent.clone(),
        event: asked.event.clone(),
        effect: asked.effect.clone(),
        request: asked.request.clone(),
        flow: asked.flow.clone(),
        from_ms: asked.from.as_deref().map(instant).transpose()?,
        until_ms: asked.until.as_deref().map(instant).transpose()?,
    };
    let ink = Ink::of_stdout();
    let verified = verified(&asked.path, &[], |record| {
        if !query.matches(record) {
            return Ok(());
        }
        let line = if json {
            record.to_line()
        } else {
            row(record, ink)
        };
        output.write(&(line + "\n"))
    })?;
    match verified {
        Ok(_) => Ok(Outcome::Clear),
        Err(flaw) => {
            tell(&format!(
                "the record does not hold, and was read no further: {flaw}\n"
            ));
            Ok(Outcome::Found)
        }
    }
}

/// An entry in one line. Whatever a terminal might obey is escaped.
fn row(record: &Record, ink: Ink) -> String {
    let seq = ink.dim(&format!("{:>8}", record.seq()));
    let time = utc(record.time_ms().unwrap_or_default());
    let Ok(entry) = record.entry() else {
        return format!("{seq}  {time}  {}", shown(record.text()));
    };
    let mut words = vec![entry.event];
    words.extend(entry.phase.map(|phase| format!("{phase:?}").to_lowercase()));
    words.extend(
        entry
            .decision
            .map(|decision| format!("{:?}", decision.effect).to_lowercase()),
    );
    words.extend(entry.outcome);
    words.extend(entry.agent.map(|agent| format!("agent {}", agent.id)));
    words.extend(entry.grant.map(|grant| format!("grant {}", grant.id)));
    words.extend(entry.action.and_then(|action| {
        let tool = [action.server, action.tool].into_iter().flatten();
        let tool = tool.collect::<Vec<_>>().join("/");
        (!tool.is_empty()).then_some(tool)
    }));
    words.extend(entry.reason_code.map(|reason| format!("because {reason}")));
    let words: Vec<String> = words.iter().map(|word| shown(word)).collect();
    format!("{seq}  {time}  {}", words.join("  "))
}

/// A proof for others to check.
#[derive(Debug, Serialize)]
struct Proof {
    #[serde(flatten)]
    of: Of,
    size: u64,
    root: Hash,
    proof: Vec<Hash>,
    /// The signed note that the proof leads to.
    checkpoint: Option<Checkpointed>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Of {
    Entry { seq: u64, line: String, leaf: Hash },
    Beginning { old: u64, old_root: Hash },
}

#[derive(Debug, Serialize)]
struct Checkpointed {
    origin: String,
    size: u64,
    root: Hash,
    time: String,
}

fn run_prove(asked: &LedgerProve, output: &mut Output) -> anyhow::Result<Outcome> {
    let given = checkpoints(&asked.record)?;
    let (mut leaves, mut line) = (Vec::new(), None);
    let verified = verified(&asked.record.path, &given, |record| {
        leaves.push(record.leaf());
        if asked.seq == Some(record.seq()) {
            line = Some(record.to_line());
        }
        Ok(())
    })?;
    let entries = match verified {
        Ok(verified) => verified.entries,
        Err(flaw) => {
            tell(&format!(
                "the record does not hold, so nothing is proved: {flaw}\n"
            ));
            return Ok(Outcome::Found);
        }
    };
    // The first size that has to be covered.
    let least = asked
        .seq
        .map_or(asked.since.unwrap_or_default(), |seq| seq + 1);
    if least > entries || least == 0 {
        return Err(
            Fault::new(format!("the record has {entries} entries, numbered from 0"))
                .mend("name one of them with --seq, or a size that it had with --since")
                .into(),
        );
    }
    let covering = given
        .iter()
        .filter(|one| one.size >= least)
        .min_by_key(|one| one.size);
    let size = covering.map_or(entries, |one| one.size);
    let of = match (asked.seq, line) {
        (Some(seq), Some(line)) => Of::Entry {
            seq,
            line,
            leaf: root_of(&leaves, seq..seq + 1),
        },
        _ => Of::Beginning {
            old: least,
            old_root: root_of(&leaves, 0..least),
        },
    };
    let proof = match &of {
        Of::Entry { seq, .. } => tree::inclusion(*seq, size, &mut leaves.as_slice()),
        Of::Beginning { old, .. } => tree::consistency(*old, size, &mut leaves.as_slice()),
    }?;
    let proof = Proof {
        of,
        size,
        root: root_of(&leaves, 0..size),
        proof,
        checkpoint: covering.map(|one| Checkpointed {
            origin: one.origin.clone(),
            size: one.size,
            root: one.root,
            time: utc(one.time_ms),
        }),
    };
    output.write(&(serde_json::to_string_pretty(&proof)? + "\n"))?;
    Ok(Outcome::Clear)
}

fn root_of(leaves: &[Hash], range: std::ops::Range<u64>) -> Hash {
    let length = range.end.saturating_sub(range.start);
    let from = usize::try_from(range.start).unwrap_or(usize::MAX);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let mut frontier = Frontier::default();
    for leaf in leaves.iter().skip(from).take(length) {
        frontier.push(*leaf);
    }
    // The root over one leaf is the leaf.
    frontier.root()
}
