//! `verify` of a kill: what each layer was seen to do, on a canary.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bailiwick_broker::{Scope, port::Store as _};
use bailiwick_charter::Mode;
use bailiwick_credentials::{Canary, Layer, Like, Verified};
use bailiwick_ledger::Entry;
use serde_json::{Value, json};

use crate::{
    front::{Asked, new_id},
    gateway::{Aws, Gateway, World},
    problem::{Kind, Problem},
};

/// A kill does not wait longer for its canary.
const PREPARED_WITHIN: Duration = Duration::from_secs(3);

/// IAM's own delay is minutes in the worst case that AWS names.
const SECONDS_MAX: u64 = 240;

const SECONDS: u64 = 60;

/// What is to be verified, as it is asked for.
#[derive(Debug)]
pub(crate) struct Wish {
    agent: Option<String>,
    object: Option<(String, bailiwick_aws::probe::Object)>,
    within: Duration,
}

impl Wish {
    /// `None` where nothing is to be verified.
    ///
    /// # Errors
    /// If it cannot be meant: nothing is stopped then.
    pub(crate) fn of(asked: &Asked) -> Result<Option<Self>, Problem> {
        let Some(wish) = asked.body.get("verify") else {
            return Ok(None);
        };
        let text = |name: &str| wish.get(name).and_then(|value| value.text());
        let object = text("object").map(|arn| {
            let object = arn.parse();
            object.map(|object| (arn.to_owned(), object))
        });
        let object =
            object
                .transpose()
                .map_err(|error: bailiwick_aws::probe::ParseObjectError| {
                    Problem::new(Kind::Malformed, error.to_string()).at("/verify/object")
                })?;
        let seconds = match wish.get("seconds") {
            Some(bailiwick_authority::json::Value::Long(seconds)) => {
                u64::try_from(*seconds).unwrap_or_default()
            }
            Some(_) | None => SECONDS,
        };
        if seconds == 0 || seconds > SECONDS_MAX {
            let detail = format!("a kill is watched for 1 to {SECONDS_MAX} seconds");
            return Err(Problem::new(Kind::Malformed, detail).at("/verify/seconds"));
        }
        Ok(Some(Self {
            agent: text("agent").map(str::to_owned),
            object,
            within: Duration::from_secs(seconds),
        }))
    }
}

/// A canary under the scope that is about to be killed, or why there is none. Either way the kill
/// goes on.
pub(crate) async fn canary<W: World>(
    gateway: &Arc<Gateway<W>>,
    wish: &Wish,
    scope: &Scope,
    entry: Entry,
) -> Result<Canary, String> {
    let aws = gateway.aws.clone().ok_or_else(|| {
        "this daemon makes no AWS credentials: start it with `--aws-region`".to_owned()
    })?;
    let like = like(gateway, wish, scope).await?;
    let broker = Arc::clone(&gateway.broker);
    // It goes on by itself if it takes too long, so that what was begun is settled.
    let opening = tokio::spawn(async move { aws.canaries.open(&broker, like, &entry).await });
    match tokio::time::timeout(PREPARED_WITHIN, opening).await {
        Ok(Ok(Ok(canary))) => Ok(canary),
        Ok(Ok(Err(error))) => {
            let error: &dyn std::error::Error = &error;
            Err(format!("no canary was made: {error}"))
        }
        Ok(Err(_)) => Err("the making of the canary ended badly".to_owned()),
        Err(_) => {
            let waited = PREPARED_WITHIN.as_secs();
            Err(format!(
                "no canary was made in {waited} s, and the kill does not wait for it"
            ))
        }
    }
}

async fn like<W: World>(gateway: &Gateway<W>, wish: &Wish, scope: &Scope) -> Result<Like, String> {
    let mut lineage = Vec::new();
    let agent = match (scope, &wish.agent) {
        (Scope::Agent(agent), _) => agent.clone(),
        (Scope::Grant(id), _) => {
            let found = gateway.broker.store().grant(id).await;
            let found = found
                .map_err(|_| "the store does not answer".to_owned())?
                .value;
            let grant = found.ok_or("there is no such grant")?;
            lineage.clone_from(&grant.lineage);
            lineage.push(grant.id.clone());
            grant.agent.clone()
        }
        (Scope::Owner(_) | Scope::All, Some(agent)) => agent.clone(),
        (Scope::Owner(_) | Scope::All, None) => {
            return Err("say of which agent a canary is made: `verify.agent`".to_owned());
        }
    };
    let rules = gateway.rules();
    let charter = rules
        .charters
        .of_agent(&agent)
        .ok_or("no charter names this agent")?;
    if let Scope::Owner(owner) = scope
        && charter.owner.team != *owner
    {
        return Err("the agent has another owner: a canary of it would not be killed".to_owned());
    }
    let mut tasks = rules.authority.tasks();
    let task = tasks.find(|task| task.agent() == agent && task.mode() == Mode::Brokered);
    let task = task.ok_or("the agent has no task in mode `brokered`, so no sessions of its own")?;
    let account = task.account().ok_or("the charter names no account")?;
    Ok(Like {
        id: format!("gcanary{}", new_id()),
        agent,
        owner: task.owner().to_owned(),
        task: task.name().to_owned(),
        charter: task.charter().to_owned(),
        lineage,
        role_arn: charter.task_role_arn(account),
        object: wish.object.clone(),
    })
}

/// Watches the layers, records what was seen, and tells it.
pub(crate) async fn watched<W: World>(
    gateway: &Gateway<W>,
    wish: &Wish,
    canary: Result<Canary, String>,
    stopped: Instant,
    entry: Entry,
) -> Value {
    let (canary, aws): (Canary, &Aws) = match (canary, &gateway.aws) {
        (Ok(canary), Some(aws)) => (canary, aws),
        (Ok(_), None) => return not_verified("this daemon makes no AWS credentials"),
        (Err(why), _) => return not_verified(&why),
    };
    let watching = aws
        .canaries
        .watch(&gateway.broker, &canary, stopped, wish.within);
    let verified = watching.await;
    let is_held = |layer: &Layer| layer.holds;
    let outcome = match verified
        .layers
        .iter()
        .filter_map(is_held)
        .all(|holds| holds)
    {
        true => "held",
        false => "not_held",
    };
    let entry = Entry {
        outcome: Some(outcome.into()),
        reason_code: Some(summary(&verified)),
        ..entry
    };
    // What was seen is told even where it cannot be recorded: the kill is on record.
    let place = gateway.broker.record_denial(entry).await;
    let layers = verified.layers.iter().map(layer).collect::<Vec<_>>();
    json!({
        "held": outcome == "held",
        "canary": canary.id(),
        "layers": layers,
        "tries": verified.tries,
        "successes": verified.successes,
        "last_success_after_ms": verified.last_success_after_ms,
        "watched_ms": verified.watched_ms,
        "seq": place.map(|place| place.seq),
    })
}

fn not_verified(why: &str) -> Value {
    json!({ "held": false, "why_not": why, "layers": [] })
}

fn layer(layer: &Layer) -> Value {
    json!({
        "layer": layer.name,
        "holds": layer.holds,
        "after_ms": layer.after_ms,
        "coverage": layer.coverage,
    })
}

/// On one line, for the ledger.
fn summary(verified: &Verified) -> String {
    let layer = |layer: &Layer| {
        let holds = match layer.holds {
            Some(true) => "holds",
            Some(false) => "does not hold",
            None => "not looked at",
        };
        let after = layer.after_ms.map(|ms| format!(" after {ms} ms"));
        format!("{} {holds}{}", layer.name, after.unwrap_or_default())
    };
    let layers: Vec<String> = verified.layers.iter().map(layer).collect();
    let last = match verified.last_success_after_ms {
        Some(ms) => format!("; last success after {ms} ms"),
        None => "; no success seen".to_owned(),
    };
    format!(
        "{}; {} tries, {} let through{last}",
        layers.join(", "),
        verified.tries,
        verified.successes
    )
}
