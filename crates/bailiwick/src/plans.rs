//! What verbs that plan have in common: what a plan is made from, and where it goes.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use bailiwick_charter::Charters;
use bailiwick_estate::{Estate, usage::Usage};
use bailiwick_iam_catalog::builtin;
use bailiwick_review::{
    plan::{Plan, Snapshot, Verdict, split},
    print,
};

use crate::{
    args::{Delivery, Sources},
    charters,
    fault::Fault,
    folder, ink, input,
    outcome::Outcome,
    output::Output,
    snapshot, usage,
};

/// Everything a plan is made from.
pub(crate) struct Given {
    pub(crate) estate: Estate,
    pub(crate) snapshot: Snapshot,
    pub(crate) charters: Charters,
    pub(crate) usage: Option<Usage>,
}

impl Given {
    pub(crate) fn read(asked: &Sources) -> Result<Self, Fault> {
        let estate = snapshot::load(&asked.estate)?;
        Ok(Self {
            snapshot: snapshot::raw(&estate)?,
            estate,
            charters: charters::with(&asked.estate, &asked.charters)?,
            usage: usage::read(asked.usage.as_deref(), &asked.estate)?,
        })
    }

    pub(crate) fn sources(&self) -> split::Sources<'_> {
        split::Sources {
            estate: &self.estate,
            catalog: builtin(),
            snapshot: &self.snapshot,
            charters: &self.charters,
            usage: self.usage.as_ref(),
        }
    }
}

/// Shows a plan and writes it where it was asked for.
pub(crate) fn deliver(
    plan: &Plan,
    delivery: &Delivery,
    json: bool,
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    if let Some(out) = &delivery.out {
        let files = print::plan::files(plan, delivery.language.printed())?;
        folder::deliver(out, &files)?;
        ink::tell(&format!("wrote {}\n", out.display()));
    }
    let text = if json { plan.to_json()? } else { summary(plan) };
    output.write(&text)?;
    Ok(outcome(plan.verdict()))
}

pub(crate) fn outcome(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Proved => Outcome::Clear,
        Verdict::Unknown => Outcome::Untold,
        Verdict::Refuted => Outcome::Found,
    }
}

/// The plan in the folder or file of this name.
pub(crate) fn read(path: &Path) -> Result<Plan, Fault> {
    let file = if path.is_dir() {
        path.join("plan.json")
    } else {
        path.to_owned()
    };
    let document = input::document(&file)?;
    Plan::parse(&document.text).map_err(|error| {
        let (line, column, text) = (error.line(), error.column(), error.to_string());
        // The place is said once, and as the file's.
        let problem = text.rsplit_once(" at line ").map_or(&*text, |(it, _)| it);
        Fault::new(format!("{}:{line}:{column}: {problem}", document.name))
            .mend("`bailiwick split`, `tighten` and `ceiling` write plans; this is none of this release, or was changed")
    })
}

/// A plan in words a terminal has room for.
pub(crate) fn summary(plan: &Plan) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = writeln!(text, "{}\n", ink::safe(&plan.subject));
    let mut last = None;
    for change in &plan.changes {
        if last != Some(change.phase) {
            let _ = writeln!(text, "  {}", format!("{:?}", change.phase).to_lowercase());
            last = Some(change.phase);
        }
        let agent = change.agent.as_deref().unwrap_or("-");
        let _ = writeln!(
            text,
            "    {:<20}  {:<40}  {}",
            ink::safe(agent),
            change.act.call(),
            ink::safe(&change.act.subject())
        );
    }
    text.push_str("\n  proofs\n");
    for proof in &plan.proofs {
        let verdict = match proof.proven.verdict() {
            Verdict::Proved => "proved",
            Verdict::Unknown => "UNKNOWN",
            Verdict::Refuted => "REFUTED",
        };
        let _ = writeln!(
            text,
            "    {verdict:<8}  {:<30}  {}",
            proof.claim,
            ink::safe(&proof.subject)
        );
        if let Some(why) = proof.proven.why() {
            let _ = writeln!(text, "              {}", ink::safe(&why));
        }
    }
    list(
        &mut text,
        "to do by hand",
        plan.obligations
            .iter()
            .map(|it| format!("{}: {} ({})", it.subject, it.what, it.why)),
    );
    list(
        &mut text,
        "drift: used, and not declared",
        plan.drift.iter().map(|it| {
            let agent = it.agent.as_deref().unwrap_or("no agent can be named");
            format!(
                "{} on {}, {} times, last {} ({agent})",
                it.action, it.resource, it.count, it.last
            )
        }),
    );
    list(&mut text, "remarks", plan.remarks.iter().cloned());
    text
}

fn list(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        let _ = writeln!(text, "\n  {title}");
    }
    for line in lines {
        let _ = writeln!(text, "    {}", ink::safe(&line));
    }
}

/// The files of a snapshot as a plan leaves them, by their paths below the folder given.
pub(crate) fn files_after(
    estate: &Estate,
    given: &Path,
    after: &Snapshot,
    before: &Snapshot,
) -> Result<BTreeMap<String, String>, Fault> {
    let after: BTreeMap<&str, &serde_json::Value> = after.files().collect();
    let before: BTreeMap<&str, &serde_json::Value> = before.files().collect();
    let mut files = BTreeMap::new();
    for source in estate.sources.values() {
        let path = Path::new(&source.name);
        let below = path.strip_prefix(given).unwrap_or(path);
        let below = if below.as_os_str().is_empty() {
            path.file_name().map(PathBuf::from).unwrap_or_default()
        } else {
            below.to_owned()
        };
        let name = source.name.as_str();
        let text = match after.get(name) {
            Some(value) if before.get(name) != Some(value) => {
                format!("{value:#}\n")
            }
            Some(_) | None => {
                fs::read_to_string(path).map_err(|error| input::unreadable(path, &error))?
            }
        };
        let parts: Vec<_> = below
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
            .collect();
        files.insert(parts.join("/"), text);
    }
    Ok(files)
}
