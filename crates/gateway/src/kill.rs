//! Stopping, and letting open again.

use std::{sync::Arc, time::Instant};

use bailiwick_broker::{NotRecorded, Scope, Stop};
use bailiwick_ledger::Entry;
use serde_json::{Value, json};

use crate::{
    front::{Asked, Reply, put},
    gateway::{Gateway, World},
    problem::{Kind, Problem},
    verify::{self, Wish},
};

/// What stands in the ledger as a reason is short.
const REASON_LENGTH_MAX: usize = 1_000;

pub(crate) async fn kill<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let scope = scope(asked)?;
    let reason = reason(asked)?;
    let wish = Wish::of(asked)?;
    let canary = match &wish {
        Some(wish) => {
            let entry = about(asked.entry("credential.issued"), &scope);
            Some(verify::canary(gateway, wish, &scope, entry).await)
        }
        None => None,
    };
    let stopped_at = Instant::now();
    let stop = Stop {
        scope: scope.clone(),
        kill: true,
        at_ms: gateway.broker.now_ms(),
        by: by(asked),
        reason: reason.clone(),
    };
    let entry = Entry {
        reason_code: Some(reason),
        ..about(asked.entry("stop.set"), &scope)
    };
    tracing::warn!(scope = ?scope, by = stop.by, "a kill acts");
    let stopped = gateway.broker.stop(stop, entry).await;
    let mut body = told(&scope);
    put(
        &mut body,
        "known",
        stopped.ended > 0 || is_known(gateway, &scope),
    );
    put(&mut body, "ended", stopped.ended);
    put(&mut body, "recorded", stopped.place.is_some());
    put(&mut body, "kept", stopped.kept);
    if let Some(place) = stopped.place {
        put(&mut body, "seq", place.seq);
    }
    if let (Some(wish), Some(canary)) = (&wish, canary) {
        let entry = about(asked.entry("stop.verified"), &scope);
        let seen = verify::watched(gateway, wish, canary, stopped_at, entry).await;
        put(&mut body, "verified", seen);
    }
    Ok(Reply::json(&body))
}

pub(crate) async fn clear<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let scope = scope(asked)?;
    let is_killed = gateway
        .broker
        .stops()
        .iter()
        .any(|stop| stop.kill && stop.scope == scope);
    if !is_killed {
        return Err(Problem::new(
            Kind::NotFound,
            "nothing of this scope is killed",
        ));
    }
    let entry = Entry {
        reason_code: Some(reason(asked)?),
        ..about(asked.entry("stop.cleared"), &scope)
    };
    let recorded = gateway.broker.clear_kill(&scope, entry).await;
    let recorded = recorded.map_err(|error| not_recorded(&error))?;
    let mut body = told(&scope);
    let seq = recorded.places().first().map(|place| place.seq);
    put(&mut body, "seq", seq.unwrap_or_default());
    Ok(Reply::json(&body))
}

pub(crate) fn list<W: World>(gateway: &Gateway<W>) -> Reply {
    let stops = gateway.broker.stops().into_iter().map(|stop| {
        let mut body = told(&stop.scope);
        put(&mut body, "kill", stop.kill);
        put(&mut body, "at_ms", stop.at_ms);
        put(&mut body, "by", stop.by);
        put(&mut body, "reason", stop.reason);
        body
    });
    Reply::json(&json!({ "stops": stops.collect::<Vec<_>>() }))
}

/// Why something is not done that had to be recorded first.
pub(crate) fn not_recorded(error: &NotRecorded) -> Problem {
    match error {
        NotRecorded::Refused(refused) => {
            Problem::new(Kind::Conflict, refused.to_string()).because("refused")
        }
        NotRecorded::QueueFull => Problem::new(Kind::Busy, error.to_string()).because("queue_full"),
        NotRecorded::Closed => Problem::new(Kind::Unavailable, "the authority is stopping"),
        NotRecorded::Store(error) => {
            // What the store says of itself is for the log, not for whoever asks.
            tracing::error!(%error, "the store took nothing");
            Problem::new(
                Kind::Unavailable,
                "the store cannot take a record, so nothing is done",
            )
            .because("store_unavailable")
        }
    }
}

/// Whether a charter names what was stopped. A stop acts on whatever it names; a misspelled name
/// stops nobody, and whoever gave it should hear so.
fn is_known<W: World>(gateway: &Gateway<W>, scope: &Scope) -> bool {
    let rules = gateway.rules();
    match scope {
        Scope::All => true,
        Scope::Grant(_) => false,
        Scope::Agent(agent) => rules.charters.of_agent(agent).is_some(),
        Scope::Owner(owner) => rules
            .charters
            .iter()
            .any(|charter| charter.owner.team == *owner),
    }
}

fn by(asked: &Asked) -> String {
    let actor = asked.entry("").actor;
    actor.map_or_else(|| "nobody".to_owned(), |actor| actor.id)
}

fn scope(asked: &Asked) -> Result<Scope, Problem> {
    let kind = asked.text("scope").unwrap_or_default();
    let name = asked.text("name").unwrap_or_default();
    let wrong = |detail: &str| Err(Problem::new(Kind::Malformed, detail).at("/name"));
    match (kind, name) {
        ("all", "") => {}
        ("all", _) => return wrong("`all` has no name: to stop one agent, say `agent`"),
        (_, "") => return wrong("say which one is stopped"),
        _ => {}
    }
    Scope::of_parts(kind, name.to_owned())
        .ok_or_else(|| Problem::new(Kind::Malformed, "no such scope").at("/scope"))
}

fn reason(asked: &Asked) -> Result<String, Problem> {
    let reason = asked.text("reason").unwrap_or_default().trim();
    if reason.is_empty() || reason.len() > REASON_LENGTH_MAX {
        let detail = format!("say why, in 1 to {REASON_LENGTH_MAX} bytes: it stands in the ledger");
        return Err(Problem::new(Kind::Malformed, detail).at("/reason"));
    }
    Ok(reason.to_owned())
}

fn about(mut entry: Entry, scope: &Scope) -> Entry {
    match scope {
        Scope::Grant(id) => entry.grant.get_or_insert_default().id.clone_from(id),
        Scope::Agent(agent) => entry.agent.get_or_insert_default().id.clone_from(agent),
        Scope::Owner(owner) => entry.owner = Some(owner.clone()),
        Scope::All => entry.tenant = Some("all".into()),
    }
    entry
}

fn told(scope: &Scope) -> Value {
    let (kind, name) = scope.parts();
    let mut body = json!({ "scope": kind });
    if !name.is_empty() {
        put(&mut body, "name", name);
    }
    body
}
