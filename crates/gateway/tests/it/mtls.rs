//! Grants for the certificate of a connection (X.509-SVID).

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use bailiwick_gateway::{Listening, router, serve};
use bailiwick_identity::{settings, tls::client_verifier};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use serde_json::{Value, json};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned, crypto,
        pki_types::{CertificateDer, PrivateKeyDer},
        server::NoServerSessionStorage,
    },
};

use crate::house::{House, Plan, charter};

type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// An authority: of a trust domain, or of the server's own certificate.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        lasting(&mut params);
        let der = params.self_signed(&key).unwrap().der().clone();
        let issuer = Issuer::new(params, key);
        Self { issuer, der }
    }

    fn sign(&self, name: SanType) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![name];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        lasting(&mut params);
        let der = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        (der, PrivateKeyDer::Pkcs8(key.serialize_der().into()))
    }

    fn workload(&self, id: &str) -> Identity {
        self.sign(SanType::URI(id.try_into().unwrap()))
    }

    fn entry(&self) -> Value {
        json!({ "use": "x509-svid", "kty": "EC", "x5c": [BASE64.encode(&self.der)] })
    }
}

/// Valid by the clock of this machine and by that of the house.
fn lasting(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2036, 1, 1);
}

/// A house that speaks TLS, and the trust domain that it believes.
struct Scene {
    house: House,
    folder: tempfile::TempDir,
    domain: Authority,
    server: Authority,
    address: SocketAddr,
}

const ID: &str = "spiffe://example.org/ns/prod/sa/invoice";

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (domain, server) = (Authority::new(), Authority::new());
        publish(&folder, &domain);
        let text = "audience = 'bailiwick.test'\n[[spiffe]]\ntrust-domain = 'example.org'\nbundle = 'bundle.json'\n";
        let read = settings::read(&folder.path().join("identity.toml"), text);
        let (proofs, _) = read.unwrap();
        let invoice = format!(
            "{}identity: [ {{ spiffe: \"{ID}\" }} ]\n",
            charter("invoice", "payments")
        );
        let house = House::of(Plan {
            charters: vec![
                ("invoice.yaml".into(), invoice),
                ("refund.yaml".into(), charter("refund", "payments")),
            ],
            proofs,
            ..Plan::default()
        });
        let name = SanType::DnsName("localhost".try_into().unwrap());
        let address = listen(&house, server.sign(name));
        Self {
            house,
            folder,
            domain,
            server,
            address,
        }
    }

    /// A connection as this workload, or as nobody.
    fn connect(&self, identity: Option<Identity>) -> Connection {
        let mut roots = RootCertStore::empty();
        roots.add(self.server.der.clone()).unwrap();
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some((der, key)) => config.with_client_auth_cert(vec![der], key).unwrap(),
        };
        let name = "localhost".try_into().unwrap();
        let tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Connection(StreamOwned::new(tls, stream))
    }
}

fn publish(folder: &tempfile::TempDir, domain: &Authority) {
    let bundle = json!({ "keys": [domain.entry()], "spiffe_sequence": 1 });
    fs::write(folder.path().join("bundle.json"), bundle.to_string()).unwrap();
}

fn listen(house: &House, (der, key): Identity) -> SocketAddr {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let verifier = client_verifier(Arc::clone(house.gateway.proofs()));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![der], key)
        .unwrap();
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    let listener = house
        .runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    let served = router(Arc::clone(&house.gateway));
    let (drain, draining) = tokio::sync::watch::channel(false);
    house.runtime.spawn(async move {
        let _drain = drain;
        let tls = Some(TlsAcceptor::from(Arc::new(config)));
        serve(Listening { listener, tls }, served, draining).await;
    });
    address
}

struct Connection(StreamOwned<ClientConnection, TcpStream>);

impl Connection {
    /// Asks for a grant of this agent; status and body, or why there is no answer.
    fn open(&mut self, agent: &str, headers: &str) -> std::io::Result<(u16, Value)> {
        let body = json!({ "agent": agent, "task": "look" }).to_string();
        let request = format!(
            "POST /v1/grants HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.write_all(request.as_bytes())?;
        let mut read = Vec::new();
        loop {
            let mut part = [0; 4_096];
            let length = self.0.read(&mut part)?;
            if length == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            read.extend(&part[..length]);
            let text = String::from_utf8_lossy(&read).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            if let Ok(body) = serde_json::from_str(body) {
                let status = head.split(' ').nth(1).unwrap();
                return Ok((status.parse().unwrap(), body));
            }
        }
    }
}

#[track_caller]
fn refused(answer: std::io::Result<(u16, Value)>, status: u16, reason: &str) {
    let (told, body) = answer.unwrap();
    assert_eq!(told, status, "{body}");
    assert_eq!(body["reason"], reason, "{body}");
}

#[test]
fn a_workload_that_connects_with_its_certificate_gets_its_agents_grant() {
    let scene = Scene::new();
    let mut connection = scene.connect(Some(scene.domain.workload(ID)));
    let (status, body) = connection.open("invoice", "").unwrap();
    assert_eq!(status, 201, "{body}");
    let records = scene.house.records();
    let opened = records
        .iter()
        .find(|it| it["event"] == "grant.approved")
        .unwrap();
    assert_eq!(opened["agent"]["method"], "spiffe_x509");
    assert_eq!(opened["agent"]["unique_id"], ID);
    refused(connection.open("refund", ""), 403, "identity_of_another");
    let other = scene
        .domain
        .workload("spiffe://example.org/ns/prod/sa/other");
    refused(
        scene.connect(Some(other)).open("invoice", ""),
        403,
        "identity_unknown",
    );
}

// Tests 29 and 33 of the list of required ones.
#[test]
fn without_a_certificate_that_is_vouched_for_nobody_is_proved_and_no_header_stands_for_one() {
    let scene = Scene::new();
    let forwarded = format!(
        "x-forwarded-client-cert: By=spiffe://example.org/proxy;Hash=00;URI={ID}\r\nx-ssl-client-verify: SUCCESS\r\n"
    );
    let (status, body) = scene.connect(None).open("invoice", &forwarded).unwrap();
    assert_eq!(status, 401, "{body}");
    // The certificate of another workload stays that, whatever stands beside it.
    let other = scene
        .domain
        .workload("spiffe://example.org/ns/prod/sa/other");
    let answer = scene.connect(Some(other)).open("invoice", &forwarded);
    refused(answer, 403, "identity_unknown");
    let stranger = Authority::new();
    for identity in [
        stranger.workload(ID),
        scene.server.workload(ID),
        scene
            .domain
            .workload("spiffe://other.org/ns/prod/sa/invoice"),
        scene
            .domain
            .workload("https://example.org/ns/prod/sa/invoice"),
        scene
            .domain
            .sign(SanType::DnsName("invoice.example.org".try_into().unwrap())),
    ] {
        assert!(scene.connect(Some(identity)).open("invoice", "").is_err());
    }
    // An `Authorization` is what counts where there is one.
    let ours = scene.domain.workload(ID);
    let answer = scene
        .connect(Some(ours))
        .open("invoice", "authorization: Bearer x\r\n");
    assert_eq!(answer.unwrap().0, 400);
}

// Test 31 of the list of required ones.
#[test]
fn an_authority_that_left_the_bundle_is_not_believed_on_connections_that_are_open_or_begun_again() {
    let scene = Scene::new();
    let (der, key) = scene.domain.workload(ID);
    let again = (der.clone(), key.clone_key());
    let mut open = scene.connect(Some((der, key)));
    assert_eq!(open.open("invoice", "").unwrap().0, 201);
    publish(&scene.folder, &Authority::new());
    refused(open.open("invoice", ""), 401, "certificate_chain");
    assert!(scene.connect(Some(again)).open("invoice", "").is_err());
}
