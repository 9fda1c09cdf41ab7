//! Asking an issuer for its keys, and nothing that an issuer, or whoever names its servers, could make
//! of it.
//!
//! An answer is bounded in size and time, comes over TLS, and is never found by following a
//! redirect. Where a name leads is looked at when the connection is made, so that a name that leads
//! elsewhere a moment later leads nowhere.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

const WITHIN: Duration = Duration::from_secs(5);
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// Where a server may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// At an address that everybody reaches.
    Public,
    /// Also on this machine and in private networks. Never at a link-local address, where clouds
    /// hand out credentials to whoever asks.
    Private,
}

/// The address of a server that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Uri);

/// A text that is no address of a server that is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("not a URL with a host, and without user, query and fragment")]
    Url,
    #[error("not https; clear text is for this machine alone")]
    Scheme,
    #[error(
        "at an address that is not asked; say `private = true` if the server is meant to be there"
    )]
    Host,
}

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    /// If it is none that is asked.
    pub fn read(text: &str, place: Where) -> Result<Self, AddressError> {
        let uri: Uri = text.parse().map_err(|_| AddressError::Url)?;
        let host = uri.host().ok_or(AddressError::Url)?;
        let is_plain = uri.query().is_none() && !text.contains(['@', '#', '\\']) && text.is_ascii();
        if !is_plain || host.is_empty() {
            return Err(AddressError::Url);
        }
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        let literal: Option<IpAddr> = literal.parse().ok();
        let is_near = literal.is_some_and(|address| address.is_loopback());
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_near && place == Where::Private => {}
            Some(_) | None => return Err(AddressError::Scheme),
        }
        if literal.is_some_and(|address| !may_ask(address, place)) {
            return Err(AddressError::Host);
        }
        Ok(Self(uri))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error("{url} cannot be reached")]
    Unreachable { url: String },
    #[error("{url} leads to an address that is not asked")]
    Forbidden { url: String },
    #[error("{url} answered {status}; no redirect is followed")]
    Status { url: String, status: u16 },
    #[error("{url} answered with more than {most} bytes")]
    TooLong { url: String, most: usize },
    #[error("{url} did not answer in {} seconds", WITHIN.as_secs())]
    Slow { url: String },
    #[error("{url} answered `{kind}`, which is no JSON")]
    Kind { url: String, kind: String },
}

/// Asks servers.
#[derive(Debug, Clone)]
pub struct Fetch {
    client: Client<HttpsConnector<HttpConnector<Guarded>>, Full<Bytes>>,
    place: Where,
}

impl Fetch {
    /// Trusts these certificate authorities; without any, those that Mozilla trusts.
    ///
    /// # Errors
    /// If one of them is no certificate of an authority.
    pub fn new(place: Where, authorities: &[CertificateDer<'_>]) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        if authorities.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        for authority in authorities {
            roots.add(authority.clone().into_owned())?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut connector = HttpConnector::new_with_resolver(Guarded { place });
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_WITHIN));
        connector.set_nodelay(true);
        // Whether clear text is allowed was decided where the address was read.
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(2)
            .build(connector);
        Ok(Self { client, place })
    }

    /// Where servers may be.
    #[must_use]
    pub fn place(&self) -> Where {
        self.place
    }

    /// The JSON at an address.
    ///
    /// # Errors
    /// If there is none, or too much.
    pub async fn get(&self, address: &Address, most: usize) -> Result<Vec<u8>, FetchError> {
        let request = Request::get(address.0.clone())
            .header(header::ACCEPT, "application/json")
            .body(Full::default());
        self.ask(address, request, &[200], most).await
    }

    /// What is answered to JSON that is shown with a bearer's token.
    ///
    /// # Errors
    /// If there is no answer, or too much.
    pub async fn post(
        &self,
        address: &Address,
        bearer: &str,
        body: String,
        most: usize,
    ) -> Result<Vec<u8>, FetchError> {
        let request = Request::post(address.0.clone())
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {bearer}"))
            .body(Full::new(Bytes::from(body)));
        self.ask(address, request, &[200, 201], most).await
    }

    async fn ask(
        &self,
        address: &Address,
        request: Result<Request<Full<Bytes>>, http::Error>,
        good: &[u16],
        most: usize,
    ) -> Result<Vec<u8>, FetchError> {
        let url = || address.to_string();
        // What cannot stand in a request was not sent; the cause could repeat a secret.
        let request = request.map_err(|_| FetchError::Unreachable { url: url() })?;
        let asking = async {
            let answer = self.client.request(request).await;
            let (head, body) = answer.map_err(|error| failed(&error, url()))?.into_parts();
            let status = head.status.as_u16();
            if !good.contains(&status) {
                return Err(FetchError::Status { url: url(), status });
            }
            let kind = head.headers.get(header::CONTENT_TYPE);
            let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            let essence = kind.split(';').next().unwrap_or_default().trim();
            if !(essence == "application/json" || essence.ends_with("+json")) {
                let kind = kind.chars().take(64).collect();
                return Err(FetchError::Kind { url: url(), kind });
            }
            let body = Limited::new(body, most).collect().await;
            let body = body.map_err(|error| {
                if error.is::<http_body_util::LengthLimitError>() {
                    FetchError::TooLong { url: url(), most }
                } else {
                    FetchError::Unreachable { url: url() }
                }
            })?;
            Ok(body.to_bytes().to_vec())
        };
        let answered = tokio::time::timeout(WITHIN, asking).await;
        answered.unwrap_or_else(|_| Err(FetchError::Slow { url: url() }))
    }
}

fn failed(error: &hyper_util::client::legacy::Error, url: String) -> FetchError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let is_ours = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .is_some_and(|inner| inner.is::<NotAsked>());
        if is_ours || error.is::<NotAsked>() {
            return FetchError::Forbidden { url };
        }
        cause = error.source();
    }
    FetchError::Unreachable { url }
}

/// A name leads where nobody is asked.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not asked")]
struct NotAsked;

/// Resolves names, and drops the addresses that are not asked.
#[derive(Debug, Clone)]
struct Guarded {
    place: Where,
}

type Resolving = Pin<Box<dyn Future<Output = io::Result<std::vec::IntoIter<SocketAddr>>> + Send>>;

impl tower_service::Service<Name> for Guarded {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Resolving;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Resolving {
        let place = self.place;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let may: Vec<SocketAddr> = found.filter(|found| may_ask(found.ip(), place)).collect();
            if may.is_empty() {
                return Err(io::Error::other(NotAsked));
            }
            Ok(may.into_iter())
        })
    }
}

/// Whether a server may be asked there.
fn may_ask(address: IpAddr, place: Where) -> bool {
    match reached(address) {
        Reached::Nowhere => false,
        Reached::Near => place == Where::Private,
        Reached::Anywhere => true,
    }
}

/// From where an address is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// It is no address of one server, or of one that gives credentials to its neighbours.
    Nowhere,
    /// From this machine, or from a private network.
    Near,
    Anywhere,
}

fn reached(address: IpAddr) -> Reached {
    match address {
        IpAddr::V4(address) => reached_v4(address),
        IpAddr::V6(address) => reached_v6(address),
    }
}

// https://www.iana.org/assignments/iana-ipv4-special-registry
fn reached_v4(address: Ipv4Addr) -> Reached {
    let [first, second, third, _] = address.octets();
    let is_shared = first == 100 && (64..128).contains(&second);
    if address.is_loopback() || address.is_private() || is_shared {
        return Reached::Near;
    }
    let is_nothing = first == 0
        || first >= 224
        || address.is_link_local()
        || address.is_documentation()
        || (first == 192 && second == 0 && third == 0)
        || (first == 192 && second == 88 && third == 99)
        || (first == 198 && (18..20).contains(&second));
    if is_nothing {
        Reached::Nowhere
    } else {
        Reached::Anywhere
    }
}

// https://www.iana.org/assignments/iana-ipv6-special-registry
fn reached_v6(address: Ipv6Addr) -> Reached {
    if address.is_loopback() {
        return Reached::Near;
    }
    let parts = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        reached_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        // An address of version 4 in other clothes leads where that one leads.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        [first, ..] if first & 0xfe00 == 0xfc00 => Reached::Near,
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => Reached::Nowhere,
        // Only these are given out for servers that everybody reaches.
        [first, ..] if first & 0xe000 == 0x2000 => Reached::Anywhere,
        _ => Reached::Nowhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Tests 27 and 72 of the list of required ones.
    #[test]
    fn no_server_is_asked_where_credentials_or_neighbours_are() {
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "fd00::1",
            "2002:7f00:1::",
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert!(!may_ask(address, Where::Public), "{address}");
            assert!(may_ask(address, Where::Private), "{address}");
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.170.2",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.1",
            "198.18.0.1",
            "240.0.0.1",
            "::",
            "fe80::1",
            "ff02::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::",
            "2001:db8::1",
            "::127.0.0.1",
            "100::1",
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert!(!may_ask(address, Where::Public), "{address}");
            assert!(!may_ask(address, Where::Private), "{address}");
        }
        for address in ["1.1.1.1", "52.94.0.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            let address: IpAddr = address.parse().unwrap();
            assert!(may_ask(address, Where::Public), "{address}");
        }
    }

    #[test]
    fn an_address_is_a_url_over_tls_or_of_this_machine_where_that_is_meant() {
        let read = |text| Address::read(text, Where::Public);
        assert!(read("https://token.actions.githubusercontent.com/.well-known/jwks").is_ok());
        for (text, error) in [
            ("http://example.com/", AddressError::Scheme),
            ("http://127.0.0.1/", AddressError::Scheme),
            ("https://127.0.0.1/", AddressError::Host),
            ("https://[::1]/", AddressError::Host),
            ("https://[::ffff:127.0.0.1]/", AddressError::Host),
            ("https://169.254.169.254/", AddressError::Host),
            ("https://0.0.0.0/", AddressError::Host),
            ("https://user@example.com/", AddressError::Url),
            ("https://example.com/?a=b", AddressError::Url),
            ("https://example.com/#a", AddressError::Url),
            ("https://exämple.com/", AddressError::Url),
            ("ftp://example.com/", AddressError::Scheme),
            ("file:///etc/passwd", AddressError::Url),
            ("example.com", AddressError::Scheme),
            ("", AddressError::Url),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
        let near = |text| Address::read(text, Where::Private).is_ok();
        assert!(near("http://127.0.0.1:8080/") && near("https://10.0.0.1:6443/"));
        assert!(!near("http://10.0.0.1/") && !near("http://localhost.evil.test/"));
        assert!(!near("https://169.254.169.254/"));
    }

    // A decimal address is no literal to us, and one to the resolver: the connection is not made.
    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused_when_it_is_connected() {
        let fetch = Fetch::new(Where::Public, &[]).unwrap();
        for url in [
            "https://localhost:9/",
            "https://2130706433:9/",
            "https://0x7f.1:9/",
        ] {
            let Ok(address) = Address::read(url, Where::Public) else {
                continue;
            };
            let error = fetch.get(&address, 10).await.unwrap_err();
            let url = address.to_string();
            let is_refused = error == FetchError::Forbidden { url: url.clone() }
                // Where the resolver knows no such name, that is refusal enough.
                || (!url.contains("localhost") && error == FetchError::Unreachable { url });
            assert!(is_refused, "{error:?}");
        }
    }
}
