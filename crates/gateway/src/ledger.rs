//! The record over HTTP, and how the process is.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bailiwick_broker::{
    NotRecorded, Scope,
    port::{Log as _, Store as _, StoreError},
};
use bailiwick_ledger::{Hash, checkpoint::Checkpoint};
use serde_json::json;

use crate::{
    front::{Asked, Reply},
    gateway::{Aws, Gateway, READY_WITHIN, World},
    kill::not_recorded,
    metrics::Gauge,
    problem::{Kind, Problem},
};

/// Entries in one answer.
const ENTRIES_MAX: u64 = 10_000;

pub(crate) async fn entries<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let from = asked.number("from")?.unwrap_or(0);
    let limit = asked
        .number("limit")?
        .unwrap_or(1_000)
        .clamp(1, ENTRIES_MAX);
    let limit = usize::try_from(limit).unwrap_or(1);
    let records = gateway.broker.store().records(from, limit).await;
    let records = records.map_err(|error| unread(&error))?;
    let mut body = String::new();
    for record in &records {
        body.push_str(&record.to_line());
        if !body.ends_with('\n') {
            body.push('\n');
        }
    }
    Ok(Reply::text("application/x-ndjson", body))
}

pub(crate) async fn inclusion<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let store = gateway.broker.store();
    let seq = needed(asked, "seq")?;
    let size = match asked.number("size")? {
        Some(size) => size,
        None => store.chain().await.map_err(|error| unread(&error))?.len(),
    };
    if seq >= size {
        return Err(Problem::new(
            Kind::NotFound,
            format!("there are {size} entries"),
        ));
    }
    let proof = store
        .inclusion(seq, size)
        .await
        .map_err(|error| unread(&error))?;
    let record = store
        .records(seq, 1)
        .await
        .map_err(|error| unread(&error))?
        .pop();
    let record = record.ok_or_else(|| Problem::new(Kind::NotFound, "there is no such entry"))?;
    Ok(Reply::json(&json!({
        "seq": seq,
        "size": size,
        "leaf": record.leaf().to_string(),
        "proof": texts(&proof),
    })))
}

pub(crate) async fn consistency<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let store = gateway.broker.store();
    let old = needed(asked, "old")?;
    let new = match asked.number("new")? {
        Some(new) => new,
        None => store.chain().await.map_err(|error| unread(&error))?.len(),
    };
    if old > new {
        let detail = "the shorter ledger is not shorter";
        return Err(Problem::new(Kind::Malformed, detail));
    }
    let proof = store
        .consistency(old, new)
        .await
        .map_err(|error| unread(&error))?;
    Ok(Reply::json(
        &json!({ "old": old, "new": new, "proof": texts(&proof) }),
    ))
}

/// Signs for the ledger as it is now. It is published beside the database by the daemon, at its own
/// pace; this one is for whoever asks.
pub(crate) async fn checkpoint<W: World>(gateway: &Arc<Gateway<W>>) -> Result<Reply, Problem> {
    let broker = &gateway.broker;
    let chain = broker
        .store()
        .chain()
        .await
        .map_err(|error| unread(&error))?;
    let previous = broker.log().published();
    let previous = previous.map_err(|error| Problem::new(Kind::Unavailable, error.to_string()))?;
    let signer = &gateway.keys.checkpoints;
    let epoch = broker.store().epoch();
    let checkpoint = Checkpoint::of(
        &chain,
        &gateway.settings.origin,
        epoch,
        broker.now_ms(),
        previous.min(chain.len()),
    );
    Ok(Reply::json(&json!({
        "size": chain.len(),
        "note": checkpoint.sign(signer),
        "key": signer.verifier().to_string(),
    })))
}

fn needed(asked: &Asked, name: &str) -> Result<u64, Problem> {
    asked.number(name)?.ok_or_else(|| {
        Problem::new(
            Kind::Malformed,
            format!("the query parameter `{name}` is missing"),
        )
    })
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}

fn unread(error: &StoreError) -> Problem {
    match error {
        StoreError::OutOfRange { size } => {
            Problem::new(Kind::NotFound, format!("there are {size} entries"))
        }
        other => not_recorded(&other.clone().into()),
    }
}

pub(crate) fn health() -> Reply {
    Reply::json(&json!({ "status": "ok" }))
}

/// Whether it can decide now.
pub(crate) async fn ready<W: World>(gateway: &Arc<Gateway<W>>) -> Result<Reply, Problem> {
    let why = if gateway.is_draining() {
        Some("it is draining")
    } else if gateway.broker.stopped_for_good().is_some() {
        Some("the store takes nothing any more: look at the log, and start the process again")
    } else {
        let ready = tokio::time::timeout(READY_WITHIN, gateway.broker.ready()).await;
        match ready {
            Ok(Ok(())) => None,
            Ok(Err(NotRecorded::Store(error @ StoreError::ClocksApart { .. }))) => {
                tracing::error!(%error, "not ready");
                Some("the clock here is too far from the database's")
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "not ready");
                Some("the store takes no record")
            }
            Err(_) => Some("the store takes no record in time"),
        }
    };
    Ok(match why {
        None => Reply::json(&json!({ "status": "ok" })),
        Some(why) => Reply::unavailable(&json!({ "status": "unavailable", "why": why })),
    })
}

pub(crate) async fn metrics<W: World>(gateway: &Arc<Gateway<W>>) -> Result<Reply, Problem> {
    let broker = &gateway.broker;
    let is_up = broker.store().chain().await;
    let stops = broker.stops();
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let spooled = broker.log().spooled().map_or(0, |spooled| spooled.len());
    let rules = gateway.rules();
    let mut gauges = vec![
        Gauge {
            name: "bailiwick_up",
            about: "Whether the store answers, and took what it was last given.",
            value: u64::from(is_up.is_ok() && broker.failing().is_none()),
        },
        Gauge {
            name: "bailiwick_ledger_entries",
            about: "Entries of the ledger.",
            value: is_up.map_or(0, |chain| chain.len()),
        },
        Gauge {
            name: "bailiwick_ledger_signed_entries",
            about: "Entries that the last published checkpoint signs for.",
            value: broker.log().published().unwrap_or(0),
        },
        Gauge {
            name: "bailiwick_waiting",
            about: "Changes that wait to be recorded.",
            value: number(broker.waiting()),
        },
        Gauge {
            name: "bailiwick_spooled",
            about: "Denials and stops that the store could not take yet.",
            value: number(spooled),
        },
        Gauge {
            name: "bailiwick_kills",
            about: "Kills in force.",
            value: number(
                stops
                    .iter()
                    .filter(|stop| stop.kill && !matches!(stop.scope, Scope::Grant(_)))
                    .count(),
            ),
        },
        Gauge {
            name: "bailiwick_charters",
            about: "Charters in force.",
            value: number(rules.charters.len()),
        },
        Gauge {
            name: "bailiwick_charters_refused",
            about: "Problems that keep the folders, as they are now, from being in force.",
            value: number(gateway.problems().len()),
        },
    ];
    if let Some(aws) = &gateway.aws {
        gauges.extend(of_aws(aws));
    }
    let text = gateway.metrics.text(&gauges);
    Ok(Reply::text("text/plain; version=0.0.4", text))
}

fn of_aws(aws: &Aws) -> [Gauge; 6] {
    let told = |number: &AtomicU64| number.load(Ordering::Relaxed);
    let standing = &aws.standing;
    let gauge = |name, about, value| Gauge { name, about, value };
    [
        gauge(
            "bailiwick_aws_sessions_held",
            "Grants with AWS credentials in memory.",
            u64::try_from(aws.sessions.len()).unwrap_or(u64::MAX),
        ),
        gauge(
            "bailiwick_aws_denied_grants",
            "Ended grants whose sessions IAM is to deny.",
            told(&standing.grants),
        ),
        gauge(
            "bailiwick_aws_roles_behind",
            "Roles whose policy does not deny yet what it must. More than 0 for minutes: look at the log.",
            told(&standing.roles_behind),
        ),
        gauge(
            "bailiwick_aws_out_of_reach",
            "Ended grants with a session in another account than the broker's: their deadline alone ends them.",
            told(&standing.out_of_reach),
        ),
        gauge(
            "bailiwick_aws_policy_writes",
            "Policies of denials that IAM took since the start.",
            told(&standing.writes),
        ),
        gauge(
            "bailiwick_aws_policy_failures",
            "Policies of denials that IAM did not take since the start; each is tried again.",
            told(&standing.failures),
        ),
    ]
}
