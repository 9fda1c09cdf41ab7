//! `scan`: findings over an estate.

use std::path::Path;

use bailiwick_charter::Charters;
use bailiwick_estate::{Estate, source::Beside, usage::Usage};
use bailiwick_review::{
    Intent,
    finding::Severity,
    report::{self, Part, Report, Verdict},
    waiver::{self, Day},
};

use crate::{
    args::{Level, Scan, ScanFormat},
    charters,
    fault::Fault,
    format::{self, NextSteps, Picture, Shown, Worker},
    ink::{self, Ink},
    input,
    outcome::Outcome,
    output::{self, Output},
    snapshot, today, usage,
};

pub(crate) fn run(scan: &Scan, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    let today = today::today(scan.today.as_deref())?;
    let waivers = scan.waivers.as_deref().map(read_waivers).transpose()?;
    let estate = snapshot::load(&scan.paths)?;
    let charters = charters(scan, &estate)?;
    let usage = usage(scan, &estate)?;
    let intent = Intent {
        charters: charters.as_ref(),
        usage: usage.as_ref(),
    };
    tell_unread(&estate);
    let mut report = scan_in_two_threads(&estate, intent);
    if let Some((source, waivers)) = &waivers {
        waiver::apply(waivers, source, today, &mut report.findings);
    }
    let text = show(scan, json, &estate, &report, today)?;
    output::deliver(&text, scan.out.as_deref(), output)?;
    Ok(match report.verdict(severity(scan.fail_on)) {
        Verdict::Clear => Outcome::Clear,
        Verdict::Unknown => Outcome::Untold,
        Verdict::Failed => Outcome::Found,
    })
}

/// The charters that were given, or else those beside the estate.
fn charters(scan: &Scan, estate: &Estate) -> Result<Option<Charters>, Fault> {
    if !scan.charters.is_empty() {
        return charters::load(&scan.charters).map(Some);
    }
    let beside = snapshot::beside(estate, Beside::Charter);
    let beside: Vec<_> = beside
        .into_iter()
        .filter(|path| {
            let end = path.extension();
            end.is_some_and(|end| end == "yaml" || end == "yml")
        })
        .collect();
    if beside.is_empty() {
        return Ok(None);
    }
    charters::load(&beside).map(Some)
}

/// The usage that was given, or else the one beside the estate.
fn usage(scan: &Scan, estate: &Estate) -> Result<Option<Usage>, Fault> {
    if let Some(file) = &scan.usage {
        return usage::load(file).map(Some);
    }
    match snapshot::beside(estate, Beside::Usage).as_slice() {
        [] => Ok(None),
        [file] => usage::load(file).map(Some),
        [one, other, ..] => Err(Fault::new(format!(
            "`{}` and `{}` are both usage, and each has a coverage of its own",
            one.display(),
            other.display()
        ))
        .mend("name the one that is meant: --usage FILE")),
    }
}

/// Says that a trail lies there and nothing was made of it.
fn tell_unread(estate: &Estate) {
    let trail = snapshot::beside(estate, Beside::Trail);
    if let Some(first) = trail.first() {
        ink::tell(&format!(
            "note: a scan does not read trails, such as `{}` ({} in all); it reads the calls folded \
             into `usage.ndjson`\n",
            ink::safe(&first.display().to_string()),
            trail.len()
        ));
    }
}

fn scan_in_two_threads(estate: &Estate, intent: Intent<'_>) -> Report {
    let half = |part| report::check(part, estate, bailiwick_iam_catalog::builtin(), intent);
    let parts = std::thread::scope(|scope| {
        let first = scope.spawn(|| half(Part::WhoBecomesWhom));
        let others = half(Part::Others);
        match first.join() {
            Ok(first) => [first, others],
            Err(panic) => std::panic::resume_unwind(panic),
        }
    });
    report::report(estate, parts)
}

fn read_waivers(path: &Path) -> Result<(String, Vec<waiver::Waiver>), Fault> {
    let document = input::document(path)?;
    let waivers = waiver::parse(&document.text).map_err(|error| {
        Fault::new(error.to_string())
            .at(&document.name, &document.text, error.span)
            .mend("a waiver has fingerprint, or rule and subject; and owner, reason, expires")
    })?;
    Ok((document.name, waivers))
}

fn show(
    scan: &Scan,
    json: bool,
    estate: &Estate,
    report: &Report,
    today: Day,
) -> anyhow::Result<String> {
    let picture = picture(estate);
    let shown = Shown {
        report,
        picture: &picture,
        today,
    };
    let format = if json { ScanFormat::Json } else { scan.format };
    let text = match format {
        ScanFormat::Table => {
            let ink = match scan.out {
                None => Ink::of_stdout(),
                Some(_) => Ink::PLAIN,
            };
            format::table(&shown, &next_steps(scan, report), ink)
        }
        ScanFormat::Json => format::json(report)?,
        ScanFormat::Sarif => format::sarif(report)?,
        ScanFormat::Html => format::html(&shown),
        ScanFormat::Markdown => format::markdown(&shown),
        ScanFormat::Ocsf => format::ocsf(&shown)?,
    };
    Ok(text)
}

fn picture(estate: &Estate) -> Picture {
    let workers = estate
        .agents
        .values()
        .filter(|agent| agent.kind.acts())
        .map(|agent| Worker {
            arn: agent.arn.to_string(),
            name: agent.name.clone(),
            kind: agent.kind.name().to_owned(),
            roles: agent
                .roles
                .iter()
                .map(|held| held.role.arn.to_string())
                .collect(),
        })
        .collect();
    let names = estate
        .agents
        .values()
        .map(|agent| (agent.arn.to_string(), agent.name.clone()))
        .collect();
    Picture::of(workers, names)
}

/// What to try next, for what was scanned.
fn next_steps(scan: &Scan, report: &Report) -> NextSteps {
    let paths: Vec<_> = scan
        .paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let paths = paths.join(" ");
    let is_the_example = scan
        .paths
        .iter()
        .any(|path| path.ends_with("examples/acme"));
    let step = |command: String, purpose: &str| (command, purpose.to_owned());
    let mut steps = vec![
        step(
            format!("bailiwick agents {paths} --invokers"),
            "every agent, its role, and who may invoke it",
        ),
        step(
            format!("bailiwick reach {paths}"),
            "what each principal can become, hop by hop",
        ),
        step(
            format!("bailiwick scan {paths} --format html --out report.html"),
            "every finding in full on one page, with the picture",
        ),
    ];
    let mut note = None;
    if is_the_example {
        note = Some(
            "Acme is an example, made to have every kind of trouble in it: these findings are expected. \
             Read on, or look at an account of your own; nothing leaves this machine."
                .to_owned(),
        );
        steps.push(step(
            "aws iam get-account-authorization-details > iam.json && bailiwick scan iam.json"
                .to_owned(),
            "the first scan of an account of yours",
        ));
    } else if report.findings.is_empty() {
        note = Some("Nothing was found in what this snapshot tells.".to_owned());
    }
    NextSteps { note, steps }
}

fn severity(level: Level) -> Severity {
    match level {
        Level::Critical => Severity::Critical,
        Level::High => Severity::High,
        Level::Medium => Severity::Medium,
        Level::Low => Severity::Low,
        Level::Info => Severity::Info,
    }
}
