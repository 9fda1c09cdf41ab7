//! Grants: opened for a proof, read, renewed, ended.

use std::sync::Arc;

use bailiwick_authority::{Bound, Task, json::Value};
use bailiwick_broker::{
    NotRecorded, State,
    port::{Answer, Change, Grant, Op, Refused, Step, Store as _, Ticket, Which},
};
use bailiwick_ledger::{Entry, Hash, Task as LedgerTask};
use http::HeaderName;
use serde_json::json;

use crate::{
    authzen,
    caller::no_such_grant,
    door::one,
    front::{Asked, Reply, grant_id, put},
    gateway::{Gateway, World},
    kill::not_recorded,
    operator::fingerprint,
    problem::{Kind, Problem},
    proof::{self, TICKET},
    token::{self, Wanted, token_type},
};

/// A join ticket is for now.
const TICKET_SECS_MAX: u64 = 600;

/// Grants on one page.
const PAGE_MAX: u64 = 1_000;

/// How long an idempotency key is remembered.
const KEY_MS: u64 = 24 * 3_600 * 1_000;

const KEY_LENGTH_MAX: usize = 128;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How often an ending is tried anew because the grant took a step meanwhile.
const ATTEMPTS_MAX: usize = 8;

pub(crate) async fn mint_ticket<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let agent = asked.text("agent").unwrap_or_default();
    if gateway.rules().charters.of_agent(agent).is_none() {
        let detail = "no charter names this agent";
        return Err(Problem::new(Kind::NotFound, detail).at("/agent"));
    }
    let seconds = asked.count("seconds").unwrap_or(TICKET_SECS_MAX);
    if seconds == 0 || seconds > TICKET_SECS_MAX {
        let detail = format!("a ticket is good for 1 to {TICKET_SECS_MAX} seconds");
        return Err(Problem::new(Kind::Malformed, detail).at("/seconds"));
    }
    let secret = format!("{TICKET}{}", secret()?);
    let hash = fingerprint(&secret);
    let until_ms = gateway.broker.now_ms() + seconds * 1_000;
    let mut entry = asked.entry("ticket.minted");
    let about = entry.agent.get_or_insert_default();
    agent.clone_into(&mut about.id);
    about.attestation_id = Some(hash.to_string());
    let ticket = Ticket {
        hash,
        agent: agent.to_owned(),
        until_ms,
    };
    let change = Change {
        ops: vec![Op::PutTicket(ticket)],
        entries: vec![entry],
    };
    let recorded = gateway.broker.record(change, secret).await;
    let secret = recorded.map_err(|error| not_recorded(&error))?.into_value();
    Ok(Reply::made(&json!({
        "ticket": secret,
        "agent": agent,
        "expires_at_ms": until_ms,
    })))
}

/// 256 random bits, as text.
///
/// # Errors
/// If there is no randomness: then there is no secret.
pub(crate) fn secret() -> Result<String, Problem> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Problem::new(Kind::Internal, format!("no randomness: {error}")))?;
    Ok(BASE64.encode(bytes))
}

pub(crate) async fn open<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let agent = asked.text("agent").unwrap_or_default();
    let key = idempotency_key(asked)?;
    let rules = gateway.rules();
    if let Some(key) = &key
        && let Some(grant) = answered(gateway, key).await?
    {
        // The proof was spent on it: whoever shows it again gets the same grant, for as long as the
        // proof holds.
        if !proof::is_ticket(asked)? {
            proof::prove(gateway, &rules, asked, agent).await?;
        }
        return released(gateway, asked, grant, false).await;
    }
    let proved = proof::prove(gateway, &rules, asked, agent).await?;
    let name = asked.text("task").unwrap_or_default();
    let task = rules.authority.task(agent, name).ok_or_else(|| {
        let detail = "the agent's charter has no such task";
        Problem::new(Kind::Refused, detail)
            .at("/task")
            .because("no_task")
    })?;
    let (grant, bound, is_clamped) = grant(gateway, asked, task)?;
    let mut costs = proved.costs;
    if let Some(key) = &key {
        costs.push(key.kept(&grant.id, gateway.broker.now_ms()));
    }
    let told = asked.entry("grant.approved");
    let entry = Entry {
        agent: Some(proved.agent),
        actor: proved.actor.or_else(|| told.actor.clone()),
        on_behalf_of: asked.text("on_behalf_of").map(str::to_owned),
        flow: asked.body.get("flow").and_then(authzen::flow),
        task: Some(LedgerTask {
            purpose_hash: asked
                .text("purpose")
                .map(|purpose| Hash::of(&[purpose.as_bytes()]).to_string()),
            ..task.recorded(&bound)
        }),
        grant: Some(bailiwick_ledger::Grant {
            state_to: Some(State::Approved.name().into()),
            deadline_ms: Some(grant.deadline_ms),
            ..bailiwick_ledger::Grant::default()
        }),
        ..told
    };
    let opening = Change {
        ops: costs,
        entries: vec![entry],
    };
    opened(gateway, asked, grant, opening, is_clamped).await
}

/// Opens the grant and hands it out with a token of it, in one change: the first token of a grant
/// costs no further flush.
async fn opened<W: World>(
    gateway: &Gateway<W>,
    asked: &Asked,
    grant: Grant,
    opening: Change,
    is_clamped: bool,
) -> Result<Reply, Problem> {
    let wanted = wanted(gateway, asked, &grant)?;
    let key = wanted.jkt.is_some();
    let (minted, until_ms) = token::made(gateway, &grant, wanted);
    let entry = asked.entry("");
    let issued = gateway
        .broker
        .open_made(grant, opening, &token::attempt(&entry), &entry, minted)
        .await;
    let (grant, token) = issued
        .map_err(|error| token::not_issued(error, not_opened))?
        .into_value();
    Ok(handed(asked, &grant, &token, until_ms, key, is_clamped))
}

/// A grant of the task, as it is asked for, what it is bound to, and whether more time was asked for
/// than there is.
fn grant<W: World>(
    gateway: &Gateway<W>,
    asked: &Asked,
    task: &Task,
) -> Result<(Grant, Bound, bool), Problem> {
    let parameters = asked.body.get("parameters").and_then(Value::record);
    let values = parameters.into_iter().flatten();
    let values = values.filter_map(|(name, value)| Some((name.as_str(), value.text()?)));
    let mut bound = task.bind(values).map_err(|error| {
        Problem::new(Kind::Malformed, error.to_string())
            .at("/parameters")
            .because("parameters")
    })?;
    if let Some(thumbprint) = thumbprint(asked)? {
        bound = bound.held_by(thumbprint);
    }
    let beat = asked.count("heartbeat_seconds");
    if beat.is_some() && asked.count("seconds").is_some() {
        let detail = "a grant ends at an instant (`seconds`) or when it is not heard of: give one of the two";
        return Err(Problem::new(Kind::Malformed, detail).at("/heartbeat_seconds"));
    }
    let seconds = asked.count("seconds").or(beat);
    if seconds == Some(0) {
        return Err(
            Problem::new(Kind::Malformed, "a grant lasts a second at least").at("/seconds"),
        );
    }
    let now_ms = gateway.broker.now_ms();
    let deadline_ms_max = task.deadline_ms(now_ms, None);
    let deadline_ms = match seconds {
        Some(seconds) => deadline_ms_max.min(now_ms.saturating_add(seconds.saturating_mul(1_000))),
        None => deadline_ms_max,
    };
    let is_clamped = seconds.is_some_and(|seconds| {
        seconds.saturating_mul(1_000) > deadline_ms_max.saturating_sub(now_ms)
    });
    let grant = Grant {
        id: grant_id(now_ms),
        lineage: Vec::new(),
        agent: task.agent().to_owned(),
        owner: task.owner().to_owned(),
        task: task.name().to_owned(),
        charter: task.charter().to_owned(),
        state: State::Approved,
        ver: 1,
        issued_ms: now_ms,
        deadline_ms,
        deadline_ms_max,
        credential_until_ms: 0,
        ending: None,
        sessions: Vec::new(),
        uses: 0,
        body: bound.to_bytes(),
        history: Vec::new(),
    };
    Ok((grant, bound, is_clamped))
}

/// The thumbprint of a key, as RFC 7638 makes it of SHA-256: 43 letters of base64url.
pub(crate) fn thumbprint(asked: &Asked) -> Result<Option<&str>, Problem> {
    let Some(thumbprint) = asked.text("key_thumbprint") else {
        return Ok(None);
    };
    let is_one = thumbprint.len() == 43
        && thumbprint
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_one {
        return Ok(Some(thumbprint));
    }
    let detail = "the RFC 7638 thumbprint of a key has 43 letters of base64url";
    Err(Problem::new(Kind::Malformed, detail).at("/key_thumbprint"))
}

pub(crate) fn not_opened(error: &NotRecorded) -> Problem {
    match error {
        NotRecorded::Refused(Refused::Ticket) => Problem::new(
            Kind::Unauthenticated,
            "the ticket was redeemed meanwhile; ask an operator for another",
        )
        .because("ticket"),
        NotRecorded::Refused(Refused::Seen) => Problem::new(
            Kind::Unauthenticated,
            "the proof was shown before; make another for each grant",
        )
        .because("proof_replayed"),
        NotRecorded::Refused(Refused::Stopped) => Problem::new(
            Kind::Refused,
            "a kill covers this agent: no grant opens until an operator clears it",
        )
        .because("killed"),
        NotRecorded::Refused(Refused::Parent) => Problem::new(
            Kind::Conflict,
            "the grant it is delegated from has ended, or ends sooner",
        )
        .because("parent"),
        NotRecorded::Refused(_)
        | NotRecorded::QueueFull
        | NotRecorded::Closed
        | NotRecorded::Store(_) => not_recorded(error),
    }
}

/// Hands out a grant with a token of it.
pub(crate) async fn released<W: World>(
    gateway: &Gateway<W>,
    asked: &Asked,
    grant: Arc<Grant>,
    is_clamped: bool,
) -> Result<Reply, Problem> {
    let wanted = wanted(gateway, asked, &grant)?;
    let key = wanted.jkt.is_some();
    let entry = asked.entry("");
    let (grant, token, until_ms) = token::issue(gateway, grant, wanted, &entry).await?;
    Ok(handed(asked, &grant, &token, until_ms, key, is_clamped))
}

/// What the token of a grant is made for.
fn wanted<'g, W: World>(
    gateway: &'g Gateway<W>,
    asked: &Asked,
    grant: &Grant,
) -> Result<Wanted<'g>, Problem> {
    let rules = gateway.rules();
    let Some((_, bound)) = rules.of_grant(grant) else {
        let detail = "the charter is not the one this grant was made from: ask for a new grant";
        return Err(Problem::new(Kind::Conflict, detail).because("charter_changed"));
    };
    Ok(Wanted {
        audience: &gateway.settings.origin,
        jkt: bound.holder_key().map(str::to_owned),
        // Whoever is heard of now and then keeps the token: every use asks for the deadline anyway.
        until_ms: if asked.count("heartbeat_seconds").is_some() {
            grant.deadline_ms_max
        } else {
            grant.deadline_ms
        },
    })
}

fn handed(
    asked: &Asked,
    grant: &Grant,
    token: &str,
    until_ms: u64,
    is_bound: bool,
    is_clamped: bool,
) -> Reply {
    let mut body = json!({
        "grant": told(grant),
        "token": token,
        "token_type": token_type(is_bound),
        "expires_at_ms": until_ms,
    });
    if is_clamped {
        put(&mut body, "clamped", true);
    }
    match asked.route.gives {
        crate::Gives::Json(201, _) => Reply::made(&body),
        crate::Gives::Json(..) | crate::Gives::Text(_) | crate::Gives::Nothing => {
            Reply::json(&body)
        }
    }
}

/// A grant as it is told.
pub(crate) fn told(grant: &Grant) -> serde_json::Value {
    json!({
        "id": grant.id,
        "agent": grant.agent,
        "owner": grant.owner,
        "task": grant.task,
        "state": grant.state.name(),
        "version": grant.ver,
        "charter": grant.charter,
        "parents": grant.lineage,
        "issued_at_ms": grant.issued_ms,
        "deadline_ms": grant.deadline_ms,
        "deadline_max_ms": grant.deadline_ms_max,
        "uses": grant.uses,
    })
}

pub(crate) async fn found<W: World>(gateway: &Gateway<W>, id: &str) -> Result<Arc<Grant>, Problem> {
    let grant = gateway.broker.store().grant(id).await;
    let grant = grant.map_err(|error| not_recorded(&error.into()))?.value;
    grant.ok_or_else(no_such_grant)
}

pub(crate) async fn read<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    Ok(Reply::json(&told(&*found(gateway, &asked.id).await?)))
}

pub(crate) async fn list<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let which = match asked.parameter("state") {
        None => Which::Live,
        Some(state) => Which::In(state.parse().map_err(|_| {
            let known: Vec<_> = State::ALL.iter().map(|state| state.name()).collect();
            let detail = format!("no such state; there are: {}", known.join(", "));
            Problem::new(Kind::Malformed, detail)
        })?),
    };
    let limit = asked.number("limit")?.unwrap_or(100).clamp(1, PAGE_MAX);
    let limit = usize::try_from(limit).unwrap_or(1);
    let grants = gateway
        .broker
        .store()
        .grants(which, asked.parameter("after"), limit)
        .await;
    let grants = grants.map_err(|error| not_recorded(&error.into()))?;
    let told: Vec<_> = grants.iter().map(|grant| told(grant)).collect();
    let mut body = json!({ "grants": told });
    if let Some(next) = grants.last().filter(|_| grants.len() == limit) {
        put(&mut body, "next", next.id.as_str());
    }
    Ok(Reply::json(&body))
}

pub(crate) async fn end<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    ended(gateway, asked, State::Revoked, "revoked").await
}

pub(crate) async fn complete<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    ended(gateway, asked, State::Completed, "completed").await
}

async fn ended<W: World>(
    gateway: &Gateway<W>,
    asked: &Asked,
    ending: State,
    reason: &str,
) -> Result<Reply, Problem> {
    let entry = Entry {
        reason_code: Some(reason.to_owned()),
        ..asked.entry("")
    };
    let told = |ended: usize| Ok(Reply::json(&json!({ "id": asked.id, "ended": ended })));
    for _ in 0..ATTEMPTS_MAX {
        let grant = found(gateway, &asked.id).await?;
        if !grant.state.is_live() {
            return told(0);
        }
        match gateway.broker.end(&grant, ending, &entry).await {
            Ok(recorded) => return told(recorded.into_value()),
            Err(NotRecorded::Refused(Refused::Version { .. } | Refused::State { .. })) => {}
            Err(error) => return Err(not_recorded(&error)),
        }
    }
    // It is denied here already; the sweeper ends it.
    Err(Problem::new(
        Kind::Busy,
        "the grant is denied, and takes steps faster than it can be ended",
    ))
}

pub(crate) async fn renew<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let (grant, is_clamped) = prolonged(gateway, asked, "renewed").await?;
    released(gateway, asked, grant, is_clamped).await
}

pub(crate) async fn heartbeat<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let (grant, is_clamped) = prolonged(gateway, asked, "heartbeat").await?;
    let mut body = json!({ "grant": told(&grant) });
    if is_clamped {
        put(&mut body, "clamped", true);
    }
    Ok(Reply::json(&body))
}

/// The grant with more time, as far as there is more, and whether more was asked for than that.
async fn prolonged<W: World>(
    gateway: &Gateway<W>,
    asked: &Asked,
    reason: &str,
) -> Result<(Arc<Grant>, bool), Problem> {
    let grant = found(gateway, &asked.id).await?;
    let now_ms = gateway.broker.now_ms();
    let ended = |detail: &str| Problem::new(Kind::Conflict, detail).because("grant_not_active");
    if grant.state != State::Active {
        return Err(ended("the grant has begun to end, and is not renewed"));
    }
    let wanted_ms = match asked.count("seconds") {
        Some(seconds) => now_ms.saturating_add(seconds.saturating_mul(1_000)),
        None => grant.deadline_ms_max,
    };
    // A renewal gives time and takes none: a shorter life is asked for when the grant is.
    let deadline_ms = wanted_ms.min(grant.deadline_ms_max).max(grant.deadline_ms);
    let step = Step {
        deadline_ms: Some(deadline_ms),
        ..Step::to(State::Active, &grant)
    };
    let entry = Entry {
        reason_code: Some(reason.to_owned()),
        ..asked.entry("")
    };
    let renewed = gateway.broker.step(&grant, step, entry).await;
    match renewed {
        Ok(_) => {}
        Err(NotRecorded::Refused(_)) => {
            return Err(ended(
                "the grant took another step meanwhile, and is not renewed",
            ));
        }
        Err(error) => return Err(not_recorded(&error)),
    }
    let grant = found(gateway, &asked.id).await?;
    Ok((grant, wanted_ms > deadline_ms))
}

/// What is in force.
pub(crate) fn charters<W: World>(gateway: &Gateway<W>) -> Reply {
    let rules = gateway.rules();
    let charters: Vec<_> = rules
        .charters
        .iter()
        .map(|charter| {
            let tasks: Vec<_> = charter.tasks.keys().map(ToString::to_string).collect();
            json!({
                "agent": charter.agent.to_string(),
                "owner": charter.owner.team,
                "file": rules.charters.file_of(&charter.agent),
                "hash": charter.hash().to_string(),
                "tasks": tasks,
            })
        })
        .collect();
    let mut body = json!({
        "charters": charters,
        "read_at_ms": rules.read_at_ms,
        "problems": *gateway.problems(),
    });
    if let Some(policies) = &rules.policies {
        put(&mut body, "policies", policies.version());
    }
    Reply::json(&body)
}

/// An idempotency key, and the request that it was given with.
pub(crate) struct Key {
    name: String,
    request: Hash,
}

impl Key {
    /// Keeps the grant as the answer.
    pub(crate) fn kept(&self, grant: &str, now_ms: u64) -> Op {
        Op::PutAnswer(Answer {
            key: self.name.clone(),
            request: self.request,
            body: grant.to_owned().into_bytes(),
            until_ms: now_ms + KEY_MS,
        })
    }
}

/// The key of a request. Two callers do not share keys: what they showed is a part of the name.
pub(crate) fn idempotency_key(asked: &Asked) -> Result<Option<Key>, Problem> {
    let Some(key) = one(&asked.headers, &IDEMPOTENCY_KEY)? else {
        return Ok(None);
    };
    let is_plain = !key.is_empty()
        && key.len() <= KEY_LENGTH_MAX
        && key.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain {
        let detail = format!("`Idempotency-Key` is to be 1 to {KEY_LENGTH_MAX} visible characters");
        return Err(Problem::new(Kind::Malformed, detail));
    }
    let shown = asked.headers.get(http::header::AUTHORIZATION);
    let shown = shown.map(http::HeaderValue::as_bytes).unwrap_or_default();
    let operation = asked.route.operation.name();
    let name = Hash::of(&[operation.as_bytes(), b"\n", shown, b"\n", key.as_bytes()]);
    Ok(Some(Key {
        name: name.to_string(),
        request: Hash::of(&[asked.id.as_bytes(), b"\n", &asked.raw]),
    }))
}

/// The grant that was answered under a key before.
pub(crate) async fn answered<W: World>(
    gateway: &Gateway<W>,
    key: &Key,
) -> Result<Option<Arc<Grant>>, Problem> {
    let answer = gateway.broker.store().answer(&key.name).await;
    let answer = answer.map_err(|error| not_recorded(&error.into()))?;
    let Some(answer) = answer.filter(|answer| gateway.broker.now_ms() < answer.until_ms) else {
        return Ok(None);
    };
    if answer.request != key.request {
        let detail = "this key was used for another request; use another for each request";
        return Err(Problem::new(Kind::KeyReused, detail));
    }
    let id = String::from_utf8_lossy(&answer.body).into_owned();
    found(gateway, &id).await.map(Some)
}
