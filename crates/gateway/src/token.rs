//! Tokens that stand for grants: looked at, made, exchanged.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_authority::token::{Expected, GrantToken, TokenFault, dpop};
use bailiwick_broker::{
    NotIssued, NotRecorded, State,
    port::{Change, Grant, Minted, Op, Refused, Store as _},
};
use bailiwick_ledger::{Credential, Entry, Hash};
use http::{HeaderName, Method, Uri, request::Parts};
use serde_json::json;

use crate::{
    door::one,
    front::{Asked, Reply, new_id},
    gateway::{Gateway, World},
    kill::not_recorded,
    problem::{Kind, Problem},
};

/// No token lives longer, as no task does.
const LIFETIME_SECS_MAX: u64 = 24 * 3_600;

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The token types of RFC 8693 that a grant token goes by.
const TOKEN_TYPES: [&str; 2] = [
    "urn:ietf:params:oauth:token-type:jwt",
    "urn:ietf:params:oauth:token-type:access_token",
];

/// A grant, as the token of whoever asks says it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) grant: String,
    pub(crate) agent: String,
    pub(crate) task: String,
}

/// Where a request was sent, for the proof of a key.
pub(crate) struct Sent<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a http::HeaderMap,
}

impl<'a> From<&'a Parts> for Sent<'a> {
    fn from(parts: &'a Parts) -> Self {
        Self {
            method: &parts.method,
            uri: &parts.uri,
            headers: &parts.headers,
        }
    }
}

/// What a shown grant token says, if it is ours and its holder has the key it is bound to.
///
/// # Errors
/// If it is not believed.
pub(crate) async fn held<W: World>(
    gateway: &Gateway<W>,
    scheme: &str,
    shown: &str,
    sent: &Sent<'_>,
) -> Result<Held, Problem> {
    let is_proved = scheme.eq_ignore_ascii_case("dpop");
    if !is_proved && !scheme.eq_ignore_ascii_case("bearer") {
        return Err(untrusted(
            "nobody here knows this scheme of `Authorization`",
        ));
    }
    let token = believed(gateway, shown)?;
    match (&token.jkt, is_proved) {
        (None, false) => {}
        (None, true) => {
            return Err(untrusted(
                "the token is bound to no key: show it as `Bearer`",
            ));
        }
        (Some(_), false) => {
            let detail = "the token is bound to a key: show it as `DPoP`, with a proof";
            return Err(untrusted(detail).because("dpop"));
        }
        (Some(jkt), true) => {
            prove_key(gateway, sent, Some(shown), Some(jkt)).await?;
        }
    }
    Ok(Held {
        grant: token.grant.clone(),
        agent: token.agent.clone(),
        task: token.task.clone(),
    })
}

/// What a token says, with its signature checked the first time that it is shown.
fn believed<W: World>(gateway: &Gateway<W>, shown: &str) -> Result<Arc<GrantToken>, Problem> {
    let now_secs = gateway.broker.now_ms() / 1_000;
    if let Some(said) = gateway.believed.find(shown, now_secs) {
        return Ok(said);
    }
    let (said, until_secs) = verified(gateway, shown, now_secs)?;
    Ok(gateway.believed.keep(shown, said, until_secs, now_secs))
}

fn verified<W: World>(
    gateway: &Gateway<W>,
    shown: &str,
    now_secs: u64,
) -> Result<(GrantToken, u64), Problem> {
    let expected = Expected {
        iss: &gateway.settings.origin,
        aud: &gateway.settings.origin,
        now_secs,
        lifetime_secs_max: LIFETIME_SECS_MAX,
    };
    let token = gateway.keys.tokens.verify_until(shown, &expected);
    token.map_err(|fault| not_taken(shown, &fault))
}

/// Why a token is not taken. It is malformed where it sets out to be a JWT and is none in its one
/// spelling; a text without a dot is the opaque token of somebody (RFC 6750), whom nobody here knows.
fn not_taken(shown: &str, fault: &TokenFault) -> Problem {
    let detail = format!("the token: {fault}");
    if !fault.is_malformed() || (*fault == TokenFault::NotCompact && is_opaque(shown)) {
        return untrusted(detail);
    }
    Problem::new(Kind::Malformed, detail).because("token_malformed")
}

/// RFC 6750's `b64token`, without the dot that the parts of a JWT stand between.
fn is_opaque(shown: &str) -> bool {
    let body = shown.trim_end_matches('=');
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~' | b'+' | b'/');
    !body.is_empty() && body.bytes().all(is_plain)
}

/// The proof of a key that stands in the request; it is taken once. Answers with its thumbprint.
async fn prove_key<W: World>(
    gateway: &Gateway<W>,
    sent: &Sent<'_>,
    token: Option<&str>,
    jkt: Option<&str>,
) -> Result<String, Problem> {
    let wrong = |detail: String| untrusted(detail).because("dpop");
    let proof = one(sent.headers, &DPOP)?;
    let proof = proof.ok_or_else(|| wrong("the `DPoP` header with the proof is missing".into()))?;
    let host = one(sent.headers, &http::header::HOST)?.unwrap_or_default();
    let url = format!("{}{}", gateway.base(host), sent.uri.path());
    let expected = dpop::Expected {
        method: sent.method.as_str(),
        url: &url,
        access_token: token,
        jkt,
        nonce: None,
        now_secs: gateway.broker.now_ms() / 1_000,
    };
    let proof = dpop::verify(proof, &expected).map_err(|fault| wrong(fault.to_string()))?;
    let once = Change {
        ops: vec![Op::Once {
            space: "dpop",
            value: proof.replay,
            until_ms: proof.until_ms,
        }],
        entries: Vec::new(),
    };
    match gateway.broker.record(once, ()).await {
        Ok(_) => Ok(proof.jkt),
        Err(NotRecorded::Refused(Refused::Seen)) => Err(wrong(
            "the proof was shown before; make one for each request".into(),
        )),
        Err(error) => Err(not_recorded(&error)),
    }
}

fn untrusted(detail: impl Into<String>) -> Problem {
    Problem::new(Kind::Unauthenticated, detail)
}

/// Looks whether the grant still is what its token says: decisions look themselves.
///
/// # Errors
/// If it has ended.
pub(crate) async fn still_good<W: World>(
    gateway: &Gateway<W>,
    held: &Held,
) -> Result<Arc<Grant>, Problem> {
    let ended = || untrusted("the grant of this token has ended").because("grant_ended");
    good(gateway, held).await?.ok_or_else(ended)
}

/// The same for a step that only the grant itself takes. Who asks is known then, and it is the grant
/// that is in no state for it.
///
/// # Errors
/// If it has ended.
pub(crate) async fn still_active<W: World>(
    gateway: &Gateway<W>,
    held: &Held,
) -> Result<Arc<Grant>, Problem> {
    let ended = || {
        let detail = "the grant has ended, and takes no further step";
        Problem::new(Kind::Conflict, detail).because("grant_not_active")
    };
    good(gateway, held).await?.ok_or_else(ended)
}

async fn good<W: World>(gateway: &Gateway<W>, held: &Held) -> Result<Option<Arc<Grant>>, Problem> {
    let grant = gateway.broker.store().grant(&held.grant).await;
    let grant = grant.map_err(|error| not_recorded(&error.into()))?.value;
    let is_good = |grant: &Arc<Grant>| {
        grant.state == State::Active
            && gateway.broker.now_ms() < grant.deadline_ms
            && gateway.broker.stop_covering(grant).is_none()
    };
    Ok(grant.filter(is_good))
}

/// What a token is made for.
pub(crate) struct Wanted<'a> {
    pub(crate) audience: &'a str,
    pub(crate) jkt: Option<String>,
    /// It is worth nothing from then on; never later than the grant may last.
    pub(crate) until_ms: u64,
}

/// A token for a grant, signed; nobody may see it before the broker has recorded it. With when it is
/// worth nothing.
pub(crate) fn made<W: World>(
    gateway: &Gateway<W>,
    grant: &Grant,
    wanted: Wanted<'_>,
) -> (Minted<String>, u64) {
    let iat = gateway.broker.now_ms() / 1_000;
    let exp = wanted.until_ms.min(grant.deadline_ms_max) / 1_000;
    let exp = exp.min(iat + LIFETIME_SECS_MAX);
    let first = grant.lineage.first().unwrap_or(&grant.id);
    let token = GrantToken {
        iss: gateway.settings.origin.clone(),
        aud: wanted.audience.to_owned(),
        sub: format!("agent/{}", grant.agent),
        txn: first.clone(),
        jti: new_id(),
        iat,
        exp,
        grant: grant.id.clone(),
        agent: grant.agent.clone(),
        task: grant.task.clone(),
        jkt: wanted.jkt,
        requester: BTreeMap::new(),
    };
    let until_ms = exp.saturating_mul(1_000);
    let about = Credential {
        kind: "token".into(),
        id_hash: Some(Hash::of(&[token.jti.as_bytes()]).to_string()),
        expires_ms: Some(until_ms),
        ..Credential::default()
    };
    let credential = gateway.keys.tokens.sign(&token);
    (Minted { credential, about }, until_ms)
}

/// The name of an attempt. The caller may name two requests alike; no two attempts are.
pub(crate) fn attempt(entry: &Entry) -> String {
    let request = entry.request_id.as_deref().unwrap_or_default();
    format!("{request}.{}", new_id())
}

/// Makes a token for a grant. Its record is durable before anybody sees it.
///
/// # Errors
/// If the grant is in no state for it, or it cannot be recorded.
pub(crate) async fn issue<W: World>(
    gateway: &Gateway<W>,
    grant: Arc<Grant>,
    wanted: Wanted<'_>,
    entry: &Entry,
) -> Result<(Arc<Grant>, String, u64), Problem> {
    let (minted, until_ms) = made(gateway, &grant, wanted);
    let issued = gateway
        .broker
        .issue_made(grant, &attempt(entry), entry, minted)
        .await;
    let (grant, token) = issued
        .map_err(|error| not_issued(error, not_recorded))?
        .into_value();
    Ok((grant, token, until_ms))
}

pub(crate) fn not_issued(
    error: NotIssued,
    not_recorded: impl FnOnce(&NotRecorded) -> Problem,
) -> Problem {
    match error {
        NotIssued::NotRecorded(error) => not_recorded(&error),
        NotIssued::State(state) => {
            let detail = format!("the grant is {state}, and makes no token");
            Problem::new(Kind::Conflict, detail).because("grant_not_active")
        }
        NotIssued::Mint(error) => Problem::new(Kind::Internal, error.to_string()),
    }
}

/// RFC 8693: the same grant, for another audience, for a shorter time, or bound to a key.
pub(crate) async fn exchange<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let wrong = |pointer: &str, reason: &str, detail: &str| {
        Err(Problem::new(Kind::Malformed, detail)
            .at(pointer)
            .because(reason))
    };
    let said = |name: &str| asked.text(name).filter(|text| !text.is_empty());
    for name in ["subject_token_type", "requested_token_type"] {
        if said(name).is_some_and(|kind| !TOKEN_TYPES.contains(&kind)) {
            let detail = format!("the types here are: {}", TOKEN_TYPES.join(", "));
            return wrong(&format!("/{name}"), "unsupported_token_type", &detail);
        }
    }
    match (said("actor_token"), said("actor_token_type")) {
        (None, None) => {}
        (None, Some(_)) => {
            return wrong(
                "/actor_token",
                "invalid_request",
                "the actor's token is missing",
            );
        }
        (Some(_), _) => {
            let detail = "another actor gets a grant of its own: `POST /v1/grants/{id}/delegate`";
            return wrong("/actor_token", "invalid_request", detail);
        }
    }
    let shown = said("subject_token").unwrap_or_default();
    let subject = verified(gateway, shown, gateway.broker.now_ms() / 1_000);
    let (subject, _) = subject.map_err(|problem| {
        let is_malformed = problem.kind == Kind::Malformed;
        let reason = if is_malformed {
            "invalid_request"
        } else {
            "invalid_grant"
        };
        problem.at("/subject_token").because(reason)
    })?;
    let audience = said("audience").unwrap_or(&gateway.settings.origin);
    let is_known = audience == gateway.settings.origin
        || gateway
            .settings
            .audiences
            .iter()
            .any(|known| known == audience);
    if !is_known {
        let detail = "no such audience; start the daemon with `--audience` for each";
        return wrong("/audience", "invalid_target", detail);
    }
    if said("scope").is_some_and(|scope| scope != subject.task) {
        let detail = "the scope of a grant token is its task; for less, delegate";
        return wrong("/scope", "invalid_scope", detail);
    }
    let sent = Sent {
        method: &Method::POST,
        uri: &Uri::from_static("/v1/token"),
        headers: &asked.headers,
    };
    let jkt = match (&subject.jkt, asked.headers.contains_key(&DPOP)) {
        (None, false) => None,
        (bound, _) => Some(prove_key(gateway, &sent, None, bound.as_deref()).await?),
    };
    let held = Held {
        grant: subject.grant,
        agent: subject.agent,
        task: subject.task,
    };
    let grant = still_good(gateway, &held).await?;
    let entry = Entry {
        actor: Some(bailiwick_ledger::Actor {
            kind: "agent".into(),
            id: held.agent.clone(),
            session: Some(held.grant.clone()),
            ..bailiwick_ledger::Actor::default()
        }),
        ..asked.entry("credential.issued")
    };
    let wanted = Wanted {
        audience,
        jkt: jkt.clone(),
        // Never longer than what it is exchanged for.
        until_ms: subject.exp.saturating_mul(1_000),
    };
    let (_, token, until_ms) = issue(gateway, grant, wanted, &entry).await?;
    let left_ms = until_ms.saturating_sub(gateway.broker.now_ms());
    Ok(Reply::json(&json!({
        "access_token": token,
        "issued_token_type": TOKEN_TYPES[0],
        "token_type": token_type(jkt.is_some()),
        "expires_in": left_ms / 1_000,
        "scope": held.task,
    })))
}

pub(crate) fn token_type(is_bound: bool) -> &'static str {
    if is_bound { "DPoP" } else { "Bearer" }
}

/// The keys with which tokens are verified elsewhere.
pub(crate) fn keys<W: World>(gateway: &Gateway<W>) -> Reply {
    let now_secs = gateway.broker.now_ms() / 1_000;
    Reply::text("application/json", gateway.keys.tokens.jwks(now_secs))
}
