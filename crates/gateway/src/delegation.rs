//! A grant made out of a grant, for a sub-agent: the same task with less, never with more.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick_authority::{Delegation, DelegationFault, json::Value};
use bailiwick_broker::{
    Cause, NotDelegated, Split, State,
    port::{Grant, Op},
};
use bailiwick_ledger::{Entry, Hash, Task as LedgerTask};

use crate::{
    authzen,
    front::{Asked, Reply, grant_id},
    gateway::{Gateway, World},
    grants::{answered, idempotency_key, not_opened, released, thumbprint},
    problem::{Kind, Problem},
    rules::Rules,
};

/// Why the authority makes no grant out of this one.
enum Fault {
    CharterChanged,
    Unreadable,
    Delegation(DelegationFault),
}

pub(crate) async fn delegate<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let key = idempotency_key(asked)?;
    if let Some(key) = &key
        && let Some(grant) = answered(gateway, key).await?
    {
        return released(gateway, asked, grant, false).await;
    }
    let holder_key = thumbprint(asked)?;
    let wanted = wanted(asked)?;
    let seconds = asked.count("seconds");
    let rules = gateway.rules();
    let id = grant_id(gateway.broker.now_ms());
    let costs: Vec<Op> = key
        .iter()
        .map(|key| key.kept(&id, gateway.broker.now_ms()))
        .collect();
    let entry = entry(asked);
    let mut is_clamped = false;
    let delegated = gateway
        .broker
        .delegate(&asked.id, costs, &entry, |parent, now_ms| {
            let mut delegation = wanted.clone();
            delegation.deadline_ms =
                seconds.map(|seconds| now_ms.saturating_add(seconds.saturating_mul(1_000)));
            let (split, clamped) = split(&rules, parent, &id, &delegation, holder_key, now_ms)?;
            is_clamped = clamped;
            Ok(split)
        })
        .await;
    let child = delegated.map_err(|why| refused(&why))?.into_value();
    released(gateway, asked, child, is_clamped).await
}

/// The new grant, and what the first one then remembers; and whether more time was asked for than
/// the first one has.
fn split(
    rules: &Rules,
    parent: &Grant,
    id: &str,
    delegation: &Delegation,
    holder_key: Option<&str>,
    now_ms: u64,
) -> Result<(Split, bool), Fault> {
    let task = rules.authority.task(&parent.agent, &parent.task);
    let task = task.filter(|task| task.charter() == parent.charter);
    let task = task.ok_or(Fault::CharterChanged)?;
    let bound = task.read(&parent.body).map_err(|_| Fault::Unreadable)?;
    let history = bailiwick_authority::History::read(&parent.history);
    let history = history.map_err(|_| Fault::Unreadable)?;
    let delegated = task
        .delegate(&bound, &history, delegation, parent.deadline_ms, now_ms)
        .map_err(Fault::Delegation)?;
    let mut bound = delegated.bound;
    if let Some(key) = holder_key {
        bound = bound.held_by(key);
    }
    let mut lineage = parent.lineage.clone();
    lineage.push(parent.id.clone());
    let child = Grant {
        id: id.to_owned(),
        lineage,
        agent: parent.agent.clone(),
        owner: parent.owner.clone(),
        task: parent.task.clone(),
        charter: parent.charter.clone(),
        state: State::Approved,
        ver: 1,
        issued_ms: now_ms,
        deadline_ms: delegated.deadline_ms,
        deadline_ms_max: delegated.deadline_ms,
        credential_until_ms: 0,
        ending: None,
        sessions: Vec::new(),
        uses: 0,
        body: bound.to_bytes(),
        history: delegated.history.to_bytes(),
    };
    let history = delegated.parent_history.to_bytes();
    Ok((Split { history, child }, delegated.is_clamped))
}

fn refused(why: &NotDelegated<Fault>) -> Problem {
    let ended = |detail: &str, reason: &str| {
        Problem::new(Kind::Conflict, detail).because(reason.to_owned())
    };
    match why {
        NotDelegated::Authority(Fault::CharterChanged) => ended(
            "the charter is not the one this grant was made from: ask for a new grant",
            "charter_changed",
        ),
        NotDelegated::Authority(Fault::Unreadable) => {
            Problem::new(Kind::Internal, "the grant cannot be read")
        }
        NotDelegated::Authority(Fault::Delegation(fault)) => {
            let kind = match fault {
                DelegationFault::TooDeep
                | DelegationFault::NotHeld(_)
                | DelegationFault::TooMany(_) => Kind::Refused,
                DelegationFault::Deadline => Kind::Conflict,
                DelegationFault::Share
                | DelegationFault::Argument
                | DelegationFault::TooManyNamed => Kind::Malformed,
            };
            Problem::new(kind, fault.to_string()).because("not_delegated")
        }
        NotDelegated::Cause(cause) => match cause {
            Cause::NotRecorded(error) => not_opened(error),
            Cause::Authority(())
            | Cause::NoGrant
            | Cause::State(_)
            | Cause::Deadline
            | Cause::Stopped(_) => ended(
                "the grant has ended, and nothing is made of it",
                cause.code(),
            ),
        },
    }
}

fn entry(asked: &Asked) -> Entry {
    Entry {
        flow: asked.body.get("flow").and_then(authzen::flow),
        task: asked.text("purpose").map(|purpose| LedgerTask {
            purpose_hash: Some(Hash::of(&[purpose.as_bytes()]).to_string()),
            ..LedgerTask::default()
        }),
        reason_code: Some("delegated".into()),
        ..asked.entry("")
    }
}

fn wanted(asked: &Asked) -> Result<Delegation, Problem> {
    let share = asked.count("share_percent").unwrap_or(100);
    let share_percent = u8::try_from(share).map_err(|_| {
        Problem::new(Kind::Malformed, "a share is 1 to 100 hundredths").at("/share_percent")
    })?;
    if asked.count("seconds") == Some(0) {
        let detail = "a grant lasts a second at least";
        return Err(Problem::new(Kind::Malformed, detail).at("/seconds"));
    }
    Ok(Delegation {
        tools: names(asked, "tools"),
        actions: names(asked, "actions"),
        resources: names(asked, "resources"),
        arguments: arguments(asked)?,
        share_percent,
        calls: asked.count("calls"),
        writes: asked.count("writes"),
        per_minute: asked.count("per_minute"),
        deadline_ms: None,
    })
}

fn names(asked: &Asked, member: &str) -> Option<BTreeSet<String>> {
    let Some(Value::List(names)) = asked.body.get(member) else {
        return None;
    };
    let texts = names.iter().filter_map(Value::text);
    Some(texts.map(str::to_owned).collect())
}

/// By tool and argument, the values it may have.
fn arguments(asked: &Asked) -> Result<BTreeMap<String, BTreeMap<String, Vec<Value>>>, Problem> {
    let wrong = |tool: &str| {
        let detail = "by tool: an object with, by argument, a list of the values that it may have";
        let tool = tool.replace('~', "~0").replace('/', "~1");
        Problem::new(Kind::Malformed, detail).at(format!("/arguments/{tool}"))
    };
    let mut by_tool = BTreeMap::new();
    let given = asked.body.get("arguments").and_then(Value::record);
    for (tool, by_name) in given.into_iter().flatten() {
        let mut held = BTreeMap::new();
        for (name, values) in by_name.record().ok_or_else(|| wrong(tool))? {
            let Value::List(values) = values else {
                return Err(wrong(tool));
            };
            held.insert(name.clone(), values.clone());
        }
        by_tool.insert(tool.clone(), held);
    }
    Ok(by_tool)
}
