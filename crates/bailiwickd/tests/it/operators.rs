//! Operators whom an OpenID Connect issuer vouches for.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

use crate::daemon::{Daemon, Place};

const AUDIENCE: &str = "https://bailiwick.example.com/operators";

/// An issuer that publishes its key.
struct Issuer {
    url: String,
    key: SigningKey,
}

impl Issuer {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = SigningKey::from_bytes(&[3; 32]);
        let x = BASE64.encode(key.verifying_key().as_bytes());
        let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x }] });
        let found = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") });
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let body = if line.contains("/keys") {
                    &keys
                } else {
                    &found
                };
                let mut header = String::from("x");
                while !header.trim().is_empty() {
                    header.clear();
                    reader.read_line(&mut header).unwrap();
                }
                let body = body.to_string();
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                );
                reader
                    .get_mut()
                    .write_all((head + &body).as_bytes())
                    .unwrap();
            }
        });
        Self { url, key }
    }

    /// An access token of somebody in these groups.
    fn token(&self, subject: &str, groups: &[&str]) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = now.as_secs();
        let header = json!({ "alg": "EdDSA", "kid": "k", "typ": "at+jwt" });
        let claims = json!({
            "iss": self.url, "sub": subject, "aud": AUDIENCE, "iat": now, "exp": now + 300,
            "client_id": "console", "jti": subject, "groups": groups,
        });
        let parts = [header, claims].map(|part| BASE64.encode(part.to_string()));
        let signed = parts.join(".");
        let signature = self.key.sign(signed.as_bytes()).to_bytes();
        format!("Bearer {signed}.{}", BASE64.encode(signature))
    }

    /// The file that names its people.
    fn file(&self, rules: &str) -> String {
        let Self { url, .. } = self;
        format!(
            r#"
audience = "{AUDIENCE}"

[[issuer]]
kind = "oidc"
issuer = "{url}"
algorithms = ["EdDSA"]
private = true

{}"#,
            rules.replace("ISSUER", url)
        )
    }
}

const RULES: &str = r#"
[[operator]]
role = "viewer"
issuer = "ISSUER"
group = "security"

[[operator]]
role = "operator"
issuer = "ISSUER"
subject = "olga"
group = "security"
"#;

fn asks(daemon: &Daemon, who: &str) -> [u16; 2] {
    let ticket = json!({ "agent": "invoice" });
    [
        daemon.ask(who, "GET", "/v1/grants", &Value::Null).status,
        daemon.ask(who, "POST", "/v1/tickets", &ticket).status,
    ]
}

#[test]
fn whom_an_issuer_vouches_for_has_the_role_that_the_file_gives_and_is_named_in_the_record() {
    let issuer = Issuer::new();
    let place = Place::new();
    place.write("operators.toml", &issuer.file(RULES));
    let daemon = place.start_with(&["--operators", "operators.toml"], &[]);
    let vera = issuer.token("vera", &["everybody", "security"]);
    let olga = issuer.token("olga", &["security"]);
    // A subject of that name who left the group; and somebody nobody knows.
    let left = issuer.token("olga", &["everybody"]);
    assert_eq!(asks(&daemon, &vera), [200, 403]);
    assert_eq!(asks(&daemon, &olga), [200, 201]);
    assert_eq!(asks(&daemon, &left), [403, 403]);
    assert_eq!(asks(&daemon, &issuer.token("paul", &[])), [403, 403]);
    let operator = daemon.operator.clone();
    assert_eq!(asks(&daemon, &operator), [200, 201], "beside the others");
    let records = daemon.records();
    let minted: Vec<Value> = records
        .lines()
        .map(|line| {
            let record = bailiwick_ledger::Record::from_line(line).unwrap();
            serde_json::from_str(record.text()).unwrap()
        })
        .filter(|entry: &Value| entry["event"] == "ticket.minted")
        .map(|entry| entry["actor"].clone())
        .collect();
    assert_eq!(minted[0]["id"], format!("{} olga", issuer.url));
    assert_eq!(minted[0]["amr"], json!(["oidc"]));
    assert!(records.contains("operators: 2 rules, vouched for by"));

    // What is written there next is in force without a restart; what cannot be meant is not.
    place.write(
        "operators.toml",
        &issuer.file(&RULES.replace("\"operator\"", "\"admin\"")),
    );
    daemon.until("it is complained of", || {
        daemon.log().contains("unknown variant `admin`")
    });
    assert_eq!(asks(&daemon, &olga), [200, 201], "what was in force stays");
    place.write(
        "operators.toml",
        &issuer.file(&RULES.replace("\"olga\"", "\"oleg\"")),
    );
    daemon.until("olga is a viewer", || asks(&daemon, &olga) == [200, 403]);
}

#[test]
fn a_file_of_operators_that_cannot_be_meant_keeps_the_daemon_from_starting() {
    let issuer = Issuer::new();
    let place = Place::new();
    let identity = format!(
        "audience = \"{AUDIENCE}\"\n[[issuer]]\nkind = \"oidc\"\nissuer = \"{}\"\nprivate = true\n",
        issuer.url
    );
    place.write("identity.toml", &identity);
    place.write("other.toml", &identity.replace("/operators", ""));
    let good = issuer.file(RULES);
    for (identity, text, words) in [
        ("identity.toml", good.clone(), "prove operators too"),
        (
            "other.toml",
            good.replace("[[issuer]]", "[[isuer]]"),
            "isuer",
        ),
        (
            "other.toml",
            good.replace("\"oidc\"", "\"aws\""),
            "OpenID Connect",
        ),
        (
            "other.toml",
            good.replace("private = true", "once = false"),
            "agents' proofs alone",
        ),
        (
            "other.toml",
            good.replace("subject = \"olga\"", "subject = \"\""),
            "without a name",
        ),
        (
            "other.toml",
            good.replace(
                "role = \"viewer\"\nissuer = \"",
                "role = \"viewer\"\nissuer = \"x",
            ),
            "no issuer of this file",
        ),
        (
            "other.toml",
            good.replace(
                "group = \"security\"\n\n",
                "groups-claim = \"roles\"\nsubject = \"x\"\n\n",
            ),
            "without a `group`",
        ),
    ] {
        assert!(text != good || identity == "identity.toml", "{words}");
        place.write("operators.toml", &text);
        let err = place.refused(&["--identity", identity, "--operators", "operators.toml"]);
        assert!(
            err.contains(words) && err.contains("operators.toml"),
            "{words}: {err}"
        );
    }
    place.write("operators.toml", &good);
    let doctor = ["doctor", "--data", "data", "--operators", "operators.toml"];
    let (_, out, _) = place.ran(&doctor);
    assert!(out.contains("2 rules"), "{out}");
}
