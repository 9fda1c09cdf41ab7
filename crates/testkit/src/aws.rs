//! A server that answers as AWS does where credentials are made, used and denied.
//!
//! STS and the part of IAM that revocation needs, and S3 and DynamoDB as far as trying a credential
//! goes. It verifies Signature Version 4 with the secrets it handed out, by code of its own; keeps
//! AWS's limits; and decides every call with the policies of the role, the session and what was laid
//! on since. Its clock is set by the test. It can also answer as nobody should.
//!
//! It is not a server to run anything on: nothing is stored.

mod call;
mod decide;
mod iam;
mod refusal;
mod sts;
mod time;
mod tried;
mod verify;
mod world;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use refusal::Refusal;
use verify::Received;
pub use world::{Key, Role, Session, World};

/// Something that goes wrong with one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// The call is carried out, and the connection closed without an answer.
    DoneAndLost,
    /// The call is not carried out, and the connection closed without an answer.
    Lost,
    /// The call is carried out, and the answer takes this long.
    Slow(Duration),
    Throttled,
    /// 500, with an error as AWS words it.
    InternalFailure,
    /// 503 and a page of a proxy.
    Proxy,
    /// 302 to another host.
    Redirect,
    /// 200 in JSON.
    Json,
    /// The right document in another namespace.
    Namespace,
    /// The result, twice.
    Twice,
    /// Bytes after the document.
    Trailing,
    /// A document type with an entity.
    Entity,
    /// Far too long.
    Long,
    /// `PackedPolicyTooLarge`.
    Packed,
    /// The answer tells of another source identity than the one that was asked for.
    Renamed,
    /// The answer tells of a session in another account.
    AnotherAccount,
    /// The answer tells of a session that lives for years.
    LongLived,
    /// The answer ends in the middle.
    CutOff,
}

/// The running server. It stops when this is dropped.
#[derive(Debug)]
pub struct FakeAws {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    mishaps: Mutex<VecDeque<Mishap>>,
}

impl FakeAws {
    /// Starts on a free port of the own machine.
    ///
    /// # Errors
    /// If there is no port, or no thread.
    pub fn start(world: World) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            mishaps: Mutex::default(),
        });
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let serving = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("fake-aws".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = stopped => {}
                        _ = serve(listener, serving) => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            shared,
            stop: Some(stop),
        })
    }

    /// `http://127.0.0.1:PORT`, for every service.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What exists and what was asked, to look at or to change. The server waits meanwhile.
    pub fn world(&self) -> MutexGuard<'_, World> {
        locked(&self.shared.world)
    }

    /// Lets this go wrong with the next call that has nothing before it in the queue.
    pub fn mishap(&self, mishap: Mishap) {
        locked(&self.shared.mishaps).push_back(mishap);
    }
}

impl Drop for FakeAws {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

/// A test that panicked while it held the lock has failed already.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(&shared, request));
            let connection = hyper::server::conn::http1::Builder::new();
            // A connection that breaks concerns the one who broke it.
            let _ = connection
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// The connection is to be closed without an answer.
#[derive(Debug)]
struct HangUp;

impl std::fmt::Display for HangUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("hung up")
    }
}

impl std::error::Error for HangUp {}

/// Status, content type, body.
type Reply = (u16, &'static str, String);

async fn answer(
    shared: &Shared,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, HangUp> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| HangUp)?.to_bytes();
    let received = Received::new(&head, &body);
    let mishap = locked(&shared.mishaps).pop_front();
    if mishap == Some(Mishap::Lost) {
        return Err(HangUp);
    }
    let reply = match mishap.and_then(instead) {
        Some(reply) => reply,
        None => carried_out(&mut locked(&shared.world), &received),
    };
    match mishap {
        Some(Mishap::DoneAndLost) => return Err(HangUp),
        Some(Mishap::Slow(pause)) => tokio::time::sleep(pause).await,
        Some(_) | None => {}
    }
    let (status, content_type, body) = spoilt(reply, mishap);
    let mut response = Response::builder()
        .status(status)
        .header("content-type", content_type);
    if status == 302 {
        response = response.header("location", "https://sts.evil.test/");
    }
    response
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| HangUp)
}

fn carried_out(world: &mut World, received: &Received) -> Reply {
    let service = received.service().unwrap_or("sts").to_owned();
    let answered = match service.as_str() {
        "sts" => sts::answer(world, received),
        "iam" => iam::answer(world, received),
        _ => tried::answer(world, received),
    };
    answered.unwrap_or_else(|refusal| refusal.reply(&service))
}

/// What is answered although nothing was done.
fn instead(mishap: Mishap) -> Option<Reply> {
    let refused = |status, code, message: &str| {
        Some(Refusal::new(status, code, message.to_owned()).reply("sts"))
    };
    match mishap {
        Mishap::Throttled => refused(400, "Throttling", "Rate exceeded"),
        Mishap::InternalFailure => refused(500, "InternalFailure", "try again"),
        Mishap::Packed => refused(
            400,
            "PackedPolicyTooLarge",
            "Packed size of session tags and policies consumes 104% of allotted space.",
        ),
        Mishap::Proxy => Some((503, "text/html", "<html>no upstream</html>".to_owned())),
        Mishap::Redirect => Some((302, "text/html", String::new())),
        Mishap::DoneAndLost
        | Mishap::Lost
        | Mishap::Slow(_)
        | Mishap::Json
        | Mishap::Namespace
        | Mishap::Twice
        | Mishap::Trailing
        | Mishap::Entity
        | Mishap::Long
        | Mishap::Renamed
        | Mishap::AnotherAccount
        | Mishap::LongLived
        | Mishap::CutOff => None,
    }
}

fn spoilt((status, content_type, body): Reply, mishap: Option<Mishap>) -> Reply {
    let xml = |body| (status, "text/xml", body);
    match mishap {
        Some(Mishap::Json) => (200, "application/json", "{\"Credentials\":{}}".to_owned()),
        Some(Mishap::Namespace) => xml(body.replace("sts.amazonaws.com", "sts.evil.test")),
        Some(Mishap::Twice) => xml(twice(&body)),
        Some(Mishap::Trailing) => xml(body + "trailing"),
        Some(Mishap::Entity) => xml(format!("<!DOCTYPE r [<!ENTITY x \"y\">]>{body}")),
        Some(Mishap::Long) => xml(body + &" ".repeat(1 << 20)),
        Some(Mishap::Renamed) => {
            xml(body.replace("<SourceIdentity>", "<SourceIdentity>somebody-else-"))
        }
        Some(Mishap::AnotherAccount) => xml(another_account(&body)),
        Some(Mishap::LongLived) => xml(long_lived(&body)),
        Some(Mishap::CutOff) => {
            let half = body.chars().count() / 2;
            xml(body.chars().take(half).collect())
        }
        Some(_) | None => (status, content_type, body),
    }
}

/// The answer with every account in it replaced.
fn another_account(body: &str) -> String {
    let parts = body.split("<Arn>arn:aws:sts::");
    let mut parts = parts.map(str::to_owned);
    let first = parts.next().unwrap_or_default();
    parts.fold(first, |text, part| {
        let rest = part.get(12..).unwrap_or_default();
        format!("{text}<Arn>arn:aws:sts::999999999999{rest}")
    })
}

fn long_lived(body: &str) -> String {
    let Some((front, rest)) = body.split_once("<Expiration>") else {
        return body.to_owned();
    };
    let rest = rest.split_once('<').map_or("", |(_, rest)| rest);
    format!("{front}<Expiration>2099-01-01T00:00:00Z<{rest}")
}

/// The answer with its result element doubled.
fn twice(body: &str) -> String {
    let result = || {
        let named = body.find("Result>")? + "Result>".len();
        let start = body.get(..named)?.rfind('<')?;
        let name = body.get(start + 1..named - 1)?;
        let close = format!("</{name}>");
        let end = body.find(&close)? + close.len();
        body.get(start..end)
    };
    match result() {
        Some(result) => body.replacen(result, &format!("{result}{result}"), 1),
        None => body.to_owned(),
    }
}
