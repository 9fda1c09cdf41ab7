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
    Ok(answer.get("verified").map_or(Outcome::Clear, outcome))
}

/// Stopped it is. Whether it was seen to hold is another question: no is no, and what could not be
/// looked at is not told.
fn outcome(verified: &Value) -> Outcome {
    if verified.get("held").and_then(Value::as_bool) == Some(true) {
        return Outcome::Clear;
    }
    match verified.get("why_not") {
        Some(_) => Outcome::Untold,
        None => Outcome::Found,
    }
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
    if asked.verify
        && let Some(body) = body.as_object_mut()
    {
        let mut wish = json!({ "seconds": asked.watch });
        let said = [("object", &asked.object), ("agent", &asked.canary)];
        if let Some(wish) = wish.as_object_mut() {
            for (name, value) in said {
                if let Some(value) = value {
                    wish.insert(name.into(), value.as_str().into());
                }
            }
        }
        body.insert("verify".into(), wish);
    }
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
    let is_lost = answer.get("kept").and_then(Value::as_bool) == Some(false);
    let recorded = if is_recorded {
        ""
    } else if is_lost {
        " Neither the ledger nor the disk beside it takes it now: it acts until the daemon is restarted. Mend the disk first, or kill again afterwards."
    } else {
        " The ledger cannot take it now; it is kept beside the database until it can."
    };
    let ended = match ended.unwrap_or_default() {
        0 => "no grant has ended so far".to_owned(),
        1 => "1 grant has ended so far".to_owned(),
        more => format!("{more} grants have ended so far"),
    };
    format!(
        "Stopped: {}. Every call is denied from now on; {ended}.{unknown}{recorded}\n",
        what(answer),
    ) + &answer.get("verified").map(verified).unwrap_or_default()
}

fn said<'v>(of: &'v Value, name: &str) -> Option<std::borrow::Cow<'v, str>> {
    of.get(name).and_then(Value::as_str).map(safe)
}

/// What was seen, layer by layer.
fn verified(verified: &Value) -> String {
    if let Some(why) = said(verified, "why_not") {
        return format!("Not verified: {why}.\n");
    }
    let layers = verified.get("layers").and_then(Value::as_array);
    let mut text = String::new();
    for layer in layers.into_iter().flatten() {
        let after = layer.get("after_ms").and_then(Value::as_u64);
        let seen = match (layer.get("holds").and_then(Value::as_bool), after) {
            (Some(true), Some(ms)) => format!("holds after {ms} ms"),
            (Some(true), None) => "holds".to_owned(),
            (Some(false), _) => "NOT SEEN TO HOLD".to_owned(),
            (None, _) => "not looked at".to_owned(),
        };
        let name = said(layer, "layer").unwrap_or_default();
        let coverage = said(layer, "coverage").unwrap_or_default();
        text.push_str(&format!("  {name:<11} {seen:<22} {coverage}\n"));
    }
    let count = |name: &str| verified.get(name).and_then(Value::as_u64);
    let watched = count("watched_ms").unwrap_or_default();
    let tries = match (
        count("tries"),
        count("successes"),
        count("last_success_after_ms"),
    ) {
        (Some(0) | None, _, _) => "no session was tried".to_owned(),
        (Some(tries), _, None) => format!("{tries} tries, none let through"),
        (Some(tries), successes, Some(last)) => format!(
            "{tries} tries, {} let through, the last of them {last} ms after the kill",
            successes.unwrap_or_default()
        ),
    };
    text + &format!("Watched for {watched} ms: {tries}.\n")
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
