//! `kill`: stopped at once, and listed, and cleared.

use serde_json::{Value, json};

use crate::{
    args::{Kill, ScopeName},
    daemon::{Daemon, Told, bearer},
    fault::Fault,
    ink::{Ink, safe},
    outcome::Outcome,
    output::Output,
    today::utc,
};

pub(crate) fn run(asked: &Kill, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    let body = body(asked)?;
    let daemon = Daemon::at(&asked.reach)?;
    let shown = bearer(&asked.reach)?;
    let told = match &body {
        None => daemon.ask("GET", "/v1/kill", &shown, None),
        Some(body) if asked.clear => daemon.ask("POST", "/v1/kill/clear", &shown, Some(body)),
        Some(body) => daemon.ask("POST", "/v1/kill", &shown, Some(body)),
    };
    let answer = match told? {
        Told::Done(answer) => answer,
        Told::Not(outcome) => return Ok(outcome),
    };
    let text = if json {
        serde_json::to_string(&answer)? + "\n"
    } else if asked.list {
        listed(&answer, Ink::of_stdout())
    } else if asked.clear {
        format!(
            "New grants of {} may open again. None that was stopped lives again.\n",
            what(&answer)
        )
    } else {
        killed(&answer)
    };
    output.write(&text)?;
    Ok(Outcome::Clear)
}

fn body(asked: &Kill) -> Result<Option<Value>, Fault> {
    let Some(scope) = asked.scope else {
        return Ok(None);
    };
    if scope == ScopeName::Grant && asked.clear {
        return Err(Fault::new("a grant that was killed has ended")
            .mend("open a new one: `bailiwick grant`"));
    }
    let mut body = json!({ "scope": scope.name(), "reason": asked.reason });
    match (scope, &asked.name) {
        (ScopeName::All, None) => {}
        (ScopeName::All, Some(name)) => {
            return Err(
                Fault::new(format!("`all` has no name, and `{name}` is given"))
                    .mend(format!("to stop one agent: bailiwick kill agent {name}")),
            );
        }
        (ScopeName::Grant | ScopeName::Agent | ScopeName::Owner, None) => {
            let what = scope.name();
            return Err(Fault::new(format!("which {what}?"))
                .mend(format!("name it: bailiwick kill {what} NAME --reason …")));
        }
        (ScopeName::Grant | ScopeName::Agent | ScopeName::Owner, Some(name)) => {
            if let Some(body) = body.as_object_mut() {
                body.insert("name".into(), name.as_str().into());
            }
        }
    }
    Ok(Some(body))
}

/// `the agent invoice-reader`, `everything`.
fn what(of: &Value) -> String {
    let said = |name: &str| of.get(name).and_then(Value::as_str);
    match (said("scope"), said("name")) {
        (Some(scope), Some(name)) => format!("the {} {}", safe(scope), safe(name)),
        _ => "everything".to_owned(),
    }
}

fn killed(answer: &Value) -> String {
    let ended = answer.get("ended").and_then(Value::as_u64);
    let is_recorded = answer.get("recorded").and_then(Value::as_bool) == Some(true);
    let unknown = if answer.get("known").and_then(Value::as_bool) == Some(false) {
        " Nothing of this name is known: look at the spelling."
    } else {
        ""
    };
    let recorded = if is_recorded {
        ""
    } else {
        " The ledger cannot take it now; it is kept beside the database until it can."
    };
    format!(
        "Stopped: {}. Every call is denied from now on; {} grants have ended, the rest follows.{unknown}{recorded}\n",
        what(answer),
        ended.unwrap_or_default(),
    )
}

fn listed(answer: &Value, ink: Ink) -> String {
    let stops = answer.get("stops").and_then(Value::as_array);
    let stops: Vec<&Value> = stops.into_iter().flatten().collect();
    if stops.is_empty() {
        return "Nothing is stopped.\n".to_owned();
    }
    let row = |stop: &&Value| {
        let said = |name: &str| stop.get(name).and_then(Value::as_str).unwrap_or_default();
        let at = stop.get("at_ms").and_then(Value::as_u64);
        let opens = if stop.get("kill").and_then(Value::as_bool) == Some(true) {
            "no grant opens"
        } else {
            "cleared, new grants open"
        };
        format!(
            "{}  {}  {opens}  by {}: {}\n",
            ink.dim(&utc(at.unwrap_or_default())),
            ink.bold(&what(stop)),
            safe(said("by")),
            safe(said("reason")),
        )
    };
    stops.iter().map(row).collect()
}
