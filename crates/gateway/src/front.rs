//! From a request on the wire to an operation and back: every request takes this way.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
    routing::{MethodFilter, on},
};
use bailiwick_authority::json::{self, Bounds, JsonFault, Value};
use bailiwick_ledger::{Actor, Entry, Net};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tracing::Instrument as _;

use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::{
    authzen,
    caller::{self, Caller},
    credentials, delegation,
    door::one,
    gateway::{Gateway, World},
    grants, kill, ledger, openapi,
    problem::{Kind, Problem},
    route::{Operation, ROUTES, Route, Takes, Verb},
    token, traces,
};

/// A body that is not whole by then is not waited for.
const BODY_WITHIN: Duration = Duration::from_secs(10);

const REQUEST_ID_LENGTH_MAX: usize = 128;

const USER_AGENT_LENGTH_MAX: usize = 256;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(crate) const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// Where a request came from; set by whoever accepts connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The certificates that the client of a connection showed, its own first. It proved to have the key
/// of that one.
#[derive(Debug, Clone)]
pub(crate) struct Certificates(pub(crate) Arc<[CertificateDer<'static>]>);

/// A request that was read: what it asks, and what is known of who asks.
pub(crate) struct Asked {
    pub(crate) route: &'static Route,
    pub(crate) caller: Caller,
    pub(crate) request_id: String,
    pub(crate) headers: HeaderMap,
    pub(crate) host: String,
    /// The part of the path that names a grant.
    pub(crate) id: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Value,
    /// The bytes that `body` was read from.
    pub(crate) raw: Vec<u8>,
    pub(crate) certificates: Option<Certificates>,
    peer: Option<SocketAddr>,
    trace: Option<String>,
    net: Net,
}

/// An answer. Its body may hold a secret, and is not printed.
pub(crate) struct Reply {
    status: StatusCode,
    kind: &'static str,
    body: String,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            status,
            kind,
            body: _,
        } = self;
        write!(f, "Reply({status}, {kind})")
    }
}

impl Reply {
    pub(crate) fn json(body: &serde_json::Value) -> Self {
        Self {
            status: StatusCode::OK,
            kind: "application/json",
            body: body.to_string(),
        }
    }

    pub(crate) fn made(body: &serde_json::Value) -> Self {
        Self {
            status: StatusCode::CREATED,
            ..Self::json(body)
        }
    }

    pub(crate) fn text(kind: &'static str, body: String) -> Self {
        Self {
            status: StatusCode::OK,
            kind,
            body,
        }
    }

    pub(crate) fn unavailable(body: &serde_json::Value) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            ..Self::json(body)
        }
    }
}

impl Asked {
    /// What is told of every request: who asked, from where, and on which trace.
    pub(crate) fn entry(&self, event: &str) -> Entry {
        let actor = match &self.caller {
            Caller::Nobody => None,
            Caller::Operator(operator) => Some(Actor {
                kind: "operator".into(),
                id: operator.name.clone(),
                amr: vec![operator.amr.into()],
                ..Actor::default()
            }),
            Caller::Grant(held) => Some(Actor {
                kind: "agent".into(),
                id: held.agent.clone(),
                session: Some(held.grant.clone()),
                ..Actor::default()
            }),
        };
        Entry {
            request_id: Some(self.request_id.clone()),
            trace: self.trace.clone(),
            actor,
            net: Some(self.net.clone()),
            ..Entry::of(event)
        }
    }

    /// Whether it came from this machine.
    pub(crate) fn is_near(&self) -> bool {
        self.peer.is_some_and(|peer| peer.ip().is_loopback())
    }

    /// A member of the body that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::text)
    }

    /// A member of the body that is a whole number.
    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        match self.body.get(name) {
            Some(Value::Long(number)) => u64::try_from(*number).ok(),
            Some(
                Value::Null
                | Value::Bool(_)
                | Value::Decimal(_)
                | Value::Text(_)
                | Value::List(_)
                | Value::Record(_),
            )
            | None => None,
        }
    }

    /// A query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut named = self.query.iter().filter(|(known, _)| known == name);
        named.next().map(|(_, value)| value.as_str())
    }

    /// A query parameter that is a number.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let Some(text) = self.parameter(name) else {
            return Ok(None);
        };
        let number = text.parse();
        number.map(Some).map_err(|_| {
            let detail = format!("the parameter `{name}` is to be a whole number");
            Problem::new(Kind::Malformed, detail)
        })
    }
}

/// Everything of [`ROUTES`], and a problem for everything else.
pub fn router<W: World>(gateway: Arc<Gateway<W>>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let gateway = Arc::clone(&gateway);
        let answer = move |request: Request<Body>| {
            let gateway = Arc::clone(&gateway);
            async move { answer(&gateway, route, request).await }
        };
        let verb = match route.verb {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
            Verb::Delete => MethodFilter::DELETE,
        };
        router = router.route(route.path, on(verb, answer));
    }
    let nothing = Arc::clone(&gateway);
    let nothing = move |request: Request<Body>| {
        let gateway = Arc::clone(&nothing);
        async move { elsewhere(&gateway, &request, Kind::NotFound) }
    };
    let otherwise = move |request: Request<Body>| {
        let gateway = Arc::clone(&gateway);
        async move { elsewhere(&gateway, &request, Kind::MethodNotAllowed) }
    };
    router
        .fallback(nothing)
        .method_not_allowed_fallback(otherwise)
}

/// Where no route is, the door is still the first thing.
fn elsewhere<W: World>(gateway: &Gateway<W>, request: &Request<Body>, kind: Kind) -> Response {
    gateway.metrics.refused_at_the_door();
    let id = request_id(request.headers()).unwrap_or_else(|_| new_id());
    let detail = "see `/openapi.json` for what may be asked";
    let admitted = gateway
        .settings
        .door
        .admit(request.uri(), request.headers());
    let problem = match admitted {
        Ok(_) => Problem::new(kind, detail),
        Err(problem) => problem,
    };
    stamped(problem.answer(&id), &id)
}

async fn answer<W: World>(
    gateway: &Arc<Gateway<W>>,
    route: &'static Route,
    request: Request<Body>,
) -> Response {
    let begun = Instant::now();
    let (parts, body) = request.into_parts();
    let (id, refused) = match request_id(&parts.headers) {
        Ok(id) => (id, None),
        Err(problem) => (new_id(), Some(problem)),
    };
    let span = traces::request(route, &id);
    gateway.continue_trace(&span, &parts.headers);
    let answering = async {
        if let Some(problem) = refused {
            return Err(problem);
        }
        let read = read(gateway, route, id.clone(), parts, body).await;
        match read {
            Ok(asked) => act(gateway, &asked).await,
            Err(problem) => {
                if problem.kind == Kind::WrongHost {
                    gateway.metrics.refused_at_the_door();
                }
                Err(problem)
            }
        }
    };
    let answered = answering.instrument(span.clone()).await;
    let response = match answered {
        Ok(reply) => {
            let kind = HeaderValue::from_static(reply.kind);
            (reply.status, [(header::CONTENT_TYPE, kind)], reply.body).into_response()
        }
        Err(problem) => {
            if problem.kind == Kind::Internal {
                tracing::error!(request = id, detail = problem.detail, "something is broken");
            }
            problem.answer(&id)
        }
    };
    let status = response.status().as_u16();
    traces::answered(&span, status);
    gateway
        .metrics
        .answered(route.operation, status, begun.elapsed());
    stamped(response, &id)
}

fn stamped(mut response: Response, id: &str) -> Response {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

async fn read<W: World>(
    gateway: &Gateway<W>,
    route: &'static Route,
    request_id: String,
    parts: Parts,
    body: Body,
) -> Result<Asked, Problem> {
    let host = gateway
        .settings
        .door
        .admit(&parts.uri, &parts.headers)?
        .to_owned();
    let id = named_by_path(route.path, parts.uri.path()).to_owned();
    let caller = caller::identify(gateway, route, &parts, &id).await?;
    let query = query(route, parts.uri.query())?;
    let (body, raw) = read_body(route, &parts.headers, body).await?;
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
    let agent = one(&parts.headers, &header::USER_AGENT)?.map(|agent| {
        let shown = agent.get(..USER_AGENT_LENGTH_MAX).unwrap_or(agent);
        shown.to_owned()
    });
    let net = Net {
        ip: peer.map(|peer| peer.ip().to_string()),
        ua: agent,
        host: Some(host.clone()),
    };
    let trace = one(&parts.headers, &TRACE_PARENT)?;
    Ok(Asked {
        route,
        caller,
        request_id,
        certificates: parts.extensions.get::<Certificates>().cloned(),
        peer,
        trace: trace
            .filter(|trace| is_trace_parent(trace))
            .map(str::to_owned),
        net,
        headers: parts.headers,
        host,
        id,
        query,
        body,
        raw,
    })
}

/// Every operation there is. One without an arm here does not build.
async fn act<W: World>(gateway: &Arc<Gateway<W>>, asked: &Asked) -> Result<Reply, Problem> {
    match asked.route.operation {
        Operation::Evaluate => authzen::evaluate(gateway, asked).await,
        Operation::EvaluateMany => authzen::evaluate_many(gateway, asked).await,
        Operation::SearchSubject => authzen::search_subject(gateway, asked).await,
        Operation::SearchResource => authzen::search_resource(gateway, asked).await,
        Operation::SearchAction => authzen::search_action(gateway, asked).await,
        Operation::Discovery => Ok(authzen::discovery(gateway, asked)),
        Operation::MintTicket => grants::mint_ticket(gateway, asked).await,
        Operation::OpenGrant => grants::open(gateway, asked).await,
        Operation::ListGrants => grants::list(gateway, asked).await,
        Operation::ReadGrant => grants::read(gateway, asked).await,
        Operation::EndGrant => grants::end(gateway, asked).await,
        Operation::Complete => grants::complete(gateway, asked).await,
        Operation::Renew => grants::renew(gateway, asked).await,
        Operation::Heartbeat => grants::heartbeat(gateway, asked).await,
        Operation::Delegate => delegation::delegate(gateway, asked).await,
        Operation::Credentials => credentials::read(gateway, asked).await,
        Operation::ExchangeToken => token::exchange(gateway, asked).await,
        Operation::Keys => Ok(token::keys(gateway)),
        Operation::Kill => kill::kill(gateway, asked).await,
        Operation::ClearKill => kill::clear(gateway, asked).await,
        Operation::ListKills => Ok(kill::list(gateway)),
        Operation::Charters => Ok(grants::charters(gateway)),
        Operation::LedgerEntries => ledger::entries(gateway, asked).await,
        Operation::LedgerInclusion => ledger::inclusion(gateway, asked).await,
        Operation::LedgerConsistency => ledger::consistency(gateway, asked).await,
        Operation::LedgerCheckpoint => ledger::checkpoint(gateway).await,
        Operation::Health => Ok(ledger::health()),
        Operation::Ready => ledger::ready(gateway).await,
        Operation::Metrics => ledger::metrics(gateway).await,
        Operation::OpenApi => Ok(openapi::reply()),
    }
}

/// The part of a path that stands where the route has `{id}`.
fn named_by_path<'p>(route: &str, path: &'p str) -> &'p str {
    let at = route.split('/').position(|part| part == "{id}");
    at.and_then(|at| path.split('/').nth(at))
        .unwrap_or_default()
}

fn query(route: &Route, query: Option<&str>) -> Result<Vec<(String, String)>, Problem> {
    let pairs: Vec<_> = pairs(query.unwrap_or_default())?;
    for (at, (name, _)) in pairs.iter().enumerate() {
        let wrong = |what: &str| {
            let known: Vec<_> = route.query.iter().map(|known| known.name).collect();
            let detail = format!("a query parameter {what}; there are: {}", known.join(", "));
            Err(Problem::new(Kind::Malformed, detail))
        };
        if !route.query.iter().any(|known| known.name == name) {
            return wrong("nobody knows");
        }
        if pairs.iter().take(at).any(|(before, _)| before == name) {
            return wrong("stands there twice");
        }
    }
    Ok(pairs)
}

/// The pairs of a query or of a form.
fn pairs(text: &str) -> Result<Vec<(String, String)>, Problem> {
    let parts = text.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}

fn decoded(text: &str) -> Result<String, Problem> {
    let wrong = || {
        Problem::new(
            Kind::Malformed,
            "a part of the request is badly percent-encoded",
        )
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || {
                    let digit = char::from(rest.next()?).to_digit(16)?;
                    u8::try_from(digit).ok()
                };
                let high = digit().ok_or_else(wrong)?;
                high << 4 | digit().ok_or_else(wrong)?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

async fn read_body(
    route: &Route,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Value, Vec<u8>), Problem> {
    let (kind, shape) = match &route.takes {
        Takes::Nothing => {
            let raw = whole(body, 0).await;
            let raw = raw.map_err(|_| Problem::new(Kind::Malformed, "this takes no body"))?;
            return Ok((Value::Null, raw));
        }
        Takes::Json(shape) => ("application/json", shape),
        Takes::Form(shape) => ("application/x-www-form-urlencoded", shape),
    };
    let said = one(headers, &header::CONTENT_TYPE)?.unwrap_or_default();
    let said = said.split(';').next().unwrap_or_default().trim();
    if !said.eq_ignore_ascii_case(kind) {
        return Err(Problem::new(
            Kind::Malformed,
            format!("the body is to be `{kind}`"),
        ));
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::new(
            Kind::Malformed,
            "the body is to be sent as it is, not encoded",
        ));
    }
    let bounds = Bounds::REQUEST;
    let raw = whole(body, bounds.bytes).await?;
    let value = match &route.takes {
        Takes::Nothing | Takes::Json(_) => {
            json::read(&raw, bounds).map_err(|fault| unread(&fault))?
        }
        Takes::Form(_) => form(&raw)?,
    };
    let Some(object) = value.record() else {
        return Err(Problem::new(Kind::Malformed, "the body is to be an object"));
    };
    shape.check(object, "")?;
    Ok((value, raw))
}

fn unread(fault: &JsonFault) -> Problem {
    let kind = if fault.is_size() {
        Kind::TooLarge
    } else {
        Kind::Malformed
    };
    Problem::new(kind, format!("the body: {fault}")).because(fault.code())
}

fn form(raw: &[u8]) -> Result<Value, Problem> {
    let text = std::str::from_utf8(raw);
    let text = text.map_err(|_| Problem::new(Kind::Malformed, "the body is not UTF-8"))?;
    let mut record = std::collections::BTreeMap::new();
    for (name, value) in pairs(text)? {
        if record.insert(name, Value::Text(value)).is_some() {
            return Err(Problem::new(
                Kind::Malformed,
                "a member of the form stands there twice",
            ));
        }
    }
    Ok(Value::Record(record))
}

async fn whole(body: Body, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let read = tokio::time::timeout(BODY_WITHIN, Limited::new(body, bytes_max).collect()).await;
    match read {
        Ok(Ok(collected)) => Ok(collected.to_bytes().into()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => {
            let detail = format!("the body is longer than {bytes_max} bytes");
            Err(Problem::new(Kind::TooLarge, detail))
        }
        Ok(Err(_)) => Err(Problem::new(Kind::Malformed, "the body cannot be read")),
        Err(_) => Err(Problem::new(
            Kind::Malformed,
            "the body did not come in time",
        )),
    }
}

/// The id that the caller gave, or a new one.
fn request_id(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(id) = one(headers, &REQUEST_ID)? else {
        return Ok(new_id());
    };
    let is_plain = !id.is_empty()
        && id.len() <= REQUEST_ID_LENGTH_MAX
        && id.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain {
        return Ok(id.to_owned());
    }
    let detail = format!(
        "`X-Request-ID` is to be 1 to {REQUEST_ID_LENGTH_MAX} visible characters without spaces"
    );
    Err(Problem::new(Kind::Malformed, detail))
}

/// Puts a member into a JSON object.
pub(crate) fn put(body: &mut serde_json::Value, name: &str, value: impl Into<serde_json::Value>) {
    if let Some(members) = body.as_object_mut() {
        members.insert(name.to_owned(), value.into());
    }
}

/// The name of a grant: the time in milliseconds, then 80 random bits, as a UUID of version 7 has
/// them.
///
/// Grants that are opened one after the other then lie beside each other in every index and page,
/// and those that end together are read and written together.
pub(crate) fn grant_id(now_ms: u64) -> String {
    let random = new_id();
    let random = random.get(..20).unwrap_or_default();
    format!("g{:012x}{random}", now_ms & 0xffff_ffff_ffff)
}

/// A name nobody had before: 128 random bits.
pub(crate) fn new_id() -> String {
    let mut bytes = [0; 16];
    // Without randomness an id is not unique, and so worth nothing to whoever joins on it; nothing
    // rests on it.
    let _ = getrandom::fill(&mut bytes);
    bytes
        .iter()
        .fold(String::with_capacity(32), |mut text, byte| {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
            }
            text
        })
}

/// W3C: version, trace, parent and flags. What is not in this form is passed over, as W3C asks.
pub(crate) fn is_trace_parent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, parent, flags] = parts.as_slice() else {
        return false;
    };
    let is_hex = |part: &str, length: usize| {
        part.len() == length
            && part
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let is_set = |part: &str| part.bytes().any(|byte| byte != b'0');
    is_hex(version, 2)
        && *version != "ff"
        && is_hex(trace, 32)
        && is_set(trace)
        && is_hex(parent, 16)
        && is_set(parent)
        && is_hex(flags, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_taken_in_the_form_of_w3c_alone() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(is_trace_parent(good));
        for bad in [
            good.to_uppercase(),
            good.replace("00-", "ff-"),
            good.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            good.replace("-01", ""),
            format!("{good}\r\nx"),
            String::new(),
        ] {
            assert!(!is_trace_parent(&bad), "{bad}");
        }
    }

    #[test]
    fn a_form_is_read_in_one_way_or_not_at_all() {
        assert!(form(b"a=1&b=%20x+y").is_ok());
        assert_eq!(decoded("%20x+y").unwrap(), " x y");
        for bad in ["a=1&a=2", "a=%2", "a=%zz", "a=%ff"] {
            assert!(form(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(
            named_by_path("/v1/grants/{id}/renew", "/v1/grants/g1/renew"),
            "g1"
        );
        assert_eq!(new_id().len(), 32);
        assert_ne!(new_id(), new_id());
        let (one, two) = (grant_id(1_790_000_000_000), grant_id(1_790_000_000_001));
        assert_eq!(one.len(), 33);
        assert!(
            one < two && one != grant_id(1_790_000_000_000),
            "{one} {two}"
        );
    }
}
