//! `grant`: a ticket, or a grant opened with one, by hand.

use std::{fs, io::Write as _, path::Path};

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::{
    args::Grant,
    daemon::{Daemon, Secret, Told, bearer},
    fault::Fault,
    ink::{safe, tell},
    outcome::Outcome,
    output::Output,
    today::utc,
};

pub(crate) fn run(asked: &Grant, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    let wanted = wanted(asked)?;
    let daemon = Daemon::at(&asked.reach)?;
    let given = Secret {
        what: "ticket",
        file: asked.ticket_file.as_deref(),
        variable: "BAILIWICK_TICKET",
    };
    let given = if asked.ticket { None } else { given.read()? };
    let ticket = match given {
        Some(ticket) => ticket,
        None => {
            let minted = match mint(&daemon, asked)? {
                Told::Done(minted) => minted,
                Told::Not(outcome) => return Ok(outcome),
            };
            if asked.ticket {
                deliver(asked, &minted, "ticket", json, output)?;
                let until = until(&minted, "/expires_at_ms");
                tell(&format!(
                    "A join ticket for {}, good once until {until}.\n",
                    safe(&asked.agent)
                ));
                return Ok(Outcome::Clear);
            }
            text(&minted, "/ticket").to_owned()
        }
    };
    let shown = format!("Bailiwick-Ticket {ticket}");
    let granted = match daemon.ask("POST", "/v1/grants", &shown, Some(&wanted))? {
        Told::Done(granted) => granted,
        Told::Not(outcome) => return Ok(outcome),
    };
    deliver(asked, &granted, "token", json, output)?;
    let clamped = granted.get("clamped").and_then(Value::as_bool);
    tell(&format!(
        "Grant {} of {}/{} until {}{}.\n",
        safe(text(&granted, "/grant/id")),
        safe(text(&granted, "/grant/agent")),
        safe(text(&granted, "/grant/task")),
        until(&granted, "/grant/deadline_ms"),
        if clamped == Some(true) {
            ", which is less than was asked for and all that the charter gives it"
        } else {
            ""
        }
    ));
    Ok(Outcome::Clear)
}

fn mint(daemon: &Daemon, asked: &Grant) -> anyhow::Result<Told> {
    let mut wanted = json!({ "agent": asked.agent });
    if let (true, Some(seconds), Some(wanted)) =
        (asked.ticket, asked.seconds, wanted.as_object_mut())
    {
        wanted.insert("seconds".into(), seconds.into());
    }
    let shown = bearer(&asked.reach)?;
    daemon.ask("POST", "/v1/tickets", &shown, Some(&wanted))
}

fn wanted(asked: &Grant) -> Result<Value, Fault> {
    let mut parameters = Map::new();
    for parameter in &asked.parameters {
        let Some((name, value)) = parameter.split_once('=') else {
            return Err(
                Fault::new(format!("--parameter `{parameter}` has no value"))
                    .mend("write it as NAME=VALUE, for example supplier=acme-co"),
            );
        };
        if parameters.insert(name.to_owned(), value.into()).is_some() {
            return Err(Fault::new(format!("the parameter `{name}` is given twice"))
                .mend("give each one once"));
        }
    }
    let mut wanted = Map::from_iter([
        ("agent".to_owned(), asked.agent.as_str().into()),
        ("task".to_owned(), asked.task.clone().into()),
    ]);
    if !parameters.is_empty() {
        wanted.insert("parameters".into(), parameters.into());
    }
    for (name, value) in [
        ("seconds", asked.seconds.map(Value::from)),
        ("purpose", asked.purpose.clone().map(Value::from)),
        ("on_behalf_of", asked.on_behalf_of.clone().map(Value::from)),
    ] {
        if let Some(value) = value {
            wanted.insert(name.into(), value);
        }
    }
    Ok(wanted.into())
}

/// The whole answer as JSON, or the secret alone, where it was wanted.
fn deliver(
    asked: &Grant,
    answer: &Value,
    secret: &str,
    json: bool,
    output: &mut Output,
) -> anyhow::Result<()> {
    if json {
        return output.write(&(serde_json::to_string(answer)? + "\n"));
    }
    let secret = answer.get(secret).and_then(Value::as_str);
    let secret = secret.context("the daemon's answer has no secret in it")?;
    match &asked.out {
        Some(file) => keep(file, secret),
        None => output.write(&format!("{secret}\n")),
    }
}

/// Writes a new file that only its owner may read.
fn keep(file: &Path, secret: &str) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut kept = options.open(file).map_err(|error| {
        Fault::new(format!("`{}` cannot be made: {error}", file.display()))
            .mend("name a file that is not there yet")
    })?;
    let written = kept
        .write_all(format!("{secret}\n").as_bytes())
        .and_then(|()| kept.sync_all());
    written.with_context(|| format!("cannot write `{}`", file.display()))
}

fn text<'v>(of: &'v Value, pointer: &str) -> &'v str {
    of.pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn until(of: &Value, pointer: &str) -> String {
    utc(of
        .pointer(pointer)
        .and_then(Value::as_u64)
        .unwrap_or_default())
}
