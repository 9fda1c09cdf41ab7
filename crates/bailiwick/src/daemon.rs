//! Speaking to a daemon: where it is, who asks, and what its answer means for the exit code.
//!
//! The daemon's folder on this machine says where it listens and holds the operator's token. A token
//! leaves this process only to this machine or through TLS, follows no redirection and passes no
//! proxy that an environment variable may name.

use std::{env, fs, io::Read as _, path::Path, time::Duration};

use serde_json::Value;
use ureq::{
    Agent, Body,
    http::{Response, Uri},
};

use crate::{args::DaemonReach, fault::Fault, input, outcome::Outcome};

/// Ending all grants of a large estate takes seconds; nothing takes longer.
const WITHIN: Duration = Duration::from_secs(60);

const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// No answer to these verbs is longer.
const ANSWER_LENGTH_MAX: u64 = 16 << 20;

/// Longer than any token or ticket.
const SECRET_LENGTH_MAX: u64 = 16 << 10;

/// A daemon, and how it is asked.
pub(crate) struct Daemon {
    base: String,
    agent: Agent,
}

/// What the daemon answered.
pub(crate) enum Told {
    /// It is done, and this is said of it.
    Done(Value),
    /// It is not, and how that ends the run. What is wrong was reported.
    Not(Outcome),
}

/// What a secret is called in messages, and where it comes from.
pub(crate) struct Secret<'a> {
    pub(crate) what: &'a str,
    pub(crate) file: Option<&'a Path>,
    pub(crate) variable: &'a str,
}

impl Daemon {
    pub(crate) fn at(reach: &DaemonReach) -> Result<Self, Fault> {
        let base = base(reach)?;
        let uri: Uri = base.parse().map_err(|_| no_address(&base))?;
        let host = uri.host().ok_or_else(|| no_address(&base))?;
        match uri.scheme_str() {
            Some("http") if is_loopback(host) => {}
            Some("http") => {
                return Err(Fault::new(format!(
                    "`{base}` is another machine, and the token would travel in the clear"
                ))
                .mend("name it with https://, or run this where the daemon is"));
            }
            Some("https") if cfg!(feature = "https") => {}
            Some("https") => {
                return Err(Fault::new(format!(
                    "`{base}` speaks TLS, which this build of bailiwick does not"
                ))
                .mend("run this where the daemon is, or build with `cargo build -p bailiwick --features https`"));
            }
            _ => return Err(no_address(&base)),
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("bailiwick/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT_WITHIN))
            .timeout_global(Some(WITHIN));
        #[cfg(feature = "https")]
        let config = config.tls_config(tls(reach.ca.as_deref())?);
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            agent: config.build().into(),
        })
    }

    /// Asks, as whoever shows this. No body is a GET or a DELETE.
    pub(crate) fn ask(
        &self,
        verb: &str,
        path: &str,
        authorization: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Told> {
        let url = format!("{}{path}", self.base);
        let sent = match body {
            Some(body) => self
                .agent
                .post(&url)
                .header("authorization", authorization)
                .content_type("application/json")
                .send(body.to_string()),
            None if verb == "DELETE" => self
                .agent
                .delete(&url)
                .header("authorization", authorization)
                .call(),
            None => self
                .agent
                .get(&url)
                .header("authorization", authorization)
                .call(),
        };
        match sent {
            Ok(answer) => self.told(answer),
            Err(error) => Ok(self.unreached(&error)),
        }
    }

    fn told(&self, mut answer: Response<Body>) -> anyhow::Result<Told> {
        let status = answer.status().as_u16();
        let text = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_LENGTH_MAX)
            .read_to_string();
        let said = text
            .ok()
            .and_then(|text| serde_json::from_str::<Value>(&text).ok());
        if let (200..=299, Some(said)) = (status, &said) {
            return Ok(Told::Done(said.clone()));
        }
        let said = said.unwrap_or_default();
        let detail = said.get("detail").and_then(Value::as_str);
        let Some(detail) = detail else {
            let fault = Fault::new(format!(
                "{} answered {status}, and not as a daemon of ours does",
                self.base
            ));
            return Err(fault.mend("is this the address of bailiwickd?").into());
        };
        let reason = said.get("reason").and_then(Value::as_str);
        let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
        let pointer = said.get("pointer").and_then(Value::as_str);
        let place = pointer.map_or_else(String::new, |pointer| format!(" at {pointer}"));
        let fault = Fault::new(format!("{detail}{place}{reason}"));
        let instance = said.get("instance").and_then(Value::as_str);
        let fault = match instance.and_then(|instance| instance.rsplit(':').next()) {
            Some(request) => {
                fault.note(format!("the daemon answered {status} to request {request}"))
            }
            None => fault,
        };
        Ok(match status {
            401 => {
                return Err(fault
                    .mend("show an operator's token: --data, --token-file or BAILIWICK_TOKEN")
                    .into());
            }
            400 | 413 => return Err(fault.into()),
            500.. => not(
                fault.mend("look at the daemon's log; ask again when /readyz is green"),
                Outcome::Untold,
            ),
            _ => not(fault, Outcome::Found),
        })
    }

    fn unreached(&self, error: &ureq::Error) -> Told {
        let base = &self.base;
        let is_refused = matches!(error, ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused)
            || matches!(
                error,
                ureq::Error::ConnectionFailed | ureq::Error::HostNotFound
            );
        let fault = if is_refused {
            Fault::new(format!("nobody listens at {base}; nothing was done"))
                .mend("start bailiwickd, or say where it is with --data or --at")
        } else {
            Fault::new(format!(
                "no answer from {base} ({error}); it is not known whether it was done"
            ))
            .mend("ask again: `bailiwick kill --list` and the ledger say what was done")
        };
        not(fault, Outcome::Untold)
    }
}

fn not(fault: Fault, outcome: Outcome) -> Told {
    crate::fault::report(&fault.into());
    Told::Not(outcome)
}

/// The `Authorization` of whoever asks: an operator, or the holder of a grant.
pub(crate) fn bearer(reach: &DaemonReach) -> Result<String, Fault> {
    let beside = reach.data.join("operator.token");
    let secret = Secret {
        what: "token",
        file: reach.token_file.as_deref(),
        variable: "BAILIWICK_TOKEN",
    };
    let token = match secret.read()? {
        Some(token) => token,
        None if beside.exists() => secret_in(&beside, "token")?,
        None => {
            return Err(Fault::new(format!(
                "there is no token: `{}` is not there",
                beside.display()
            ))
            .mend("name the daemon's folder with --data, a file with --token-file, or set BAILIWICK_TOKEN"));
        }
    };
    Ok(format!("Bearer {token}"))
}

impl Secret<'_> {
    /// What the file holds, or the variable; nothing where neither is there.
    pub(crate) fn read(&self) -> Result<Option<String>, Fault> {
        if let Some(file) = self.file {
            return secret_in(file, self.what).map(Some);
        }
        match env::var(self.variable) {
            Ok(text) if !text.trim().is_empty() => {
                let named = format!("the variable {}", self.variable);
                plain(text.trim(), &named, self.what).map(Some)
            }
            Ok(_) | Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => Err(no_secret(self.variable, self.what)),
        }
    }
}

fn secret_in(file: &Path, what: &str) -> Result<String, Fault> {
    let mut text = String::new();
    let read = input::open(file)?
        .take(SECRET_LENGTH_MAX)
        .read_to_string(&mut text);
    read.map_err(|error| input::unreadable(file, &error))?;
    plain(text.trim(), &format!("`{}`", input::name_of(file)), what)
}

/// The secret, if it may stand in a header. It is never quoted.
fn plain(text: &str, place: &str, what: &str) -> Result<String, Fault> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain {
        Ok(text.to_owned())
    } else {
        Err(no_secret(place, what))
    }
}

fn no_secret(place: &str, what: &str) -> Fault {
    Fault::new(format!("{place} holds no {what}"))
        .mend(format!("a {what} is one line of visible characters"))
}

fn base(reach: &DaemonReach) -> Result<String, Fault> {
    if let Some(at) = &reach.at {
        return Ok(at.clone());
    }
    if let Ok(at) = env::var("BAILIWICK_AT")
        && !at.is_empty()
    {
        return Ok(at);
    }
    let file = reach.data.join("address");
    match fs::read_to_string(&file) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(_) => Err(Fault::new(format!(
            "where the daemon listens is not known: there is no `{}`",
            file.display()
        ))
        .mend("start bailiwickd, name its folder with --data, or say --at http://127.0.0.1:8470")),
    }
}

fn no_address(text: &str) -> Fault {
    Fault::new(format!("`{text}` is no address of a daemon"))
        .mend("write it as http://127.0.0.1:8470 or https://authority.example.com:8470")
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<std::net::IpAddr>();
    // A name could be anybody's; this one is of the machine itself (RFC 6761).
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(feature = "https")]
fn tls(ca: Option<&Path>) -> Result<ureq::tls::TlsConfig, Fault> {
    use std::sync::Arc;
    use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = TlsConfig::builder().unversioned_rustls_crypto_provider(provider);
    let Some(file) = ca else {
        return Ok(config.build());
    };
    let pem = input::document(file)?;
    let certificates: Vec<Certificate<'static>> = parse_pem(pem.text.as_bytes())
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(Fault::new(format!("`{}` holds no certificate", pem.name))
            .mend("--ca takes PEM, as most certificate authorities give it"));
    }
    Ok(config
        .root_certs(RootCerts::Specific(Arc::new(certificates)))
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leaves_for_this_machine_alone_where_nothing_hides_it() {
        for host in ["127.0.0.1", "127.8.0.1", "[::1]", "localhost", "LOCALHOST"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "evil",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_secret_is_one_line_and_never_told() {
        assert_eq!(plain("bwo_x", "here", "token").unwrap(), "bwo_x");
        for bad in ["", "two words", "line\nbreak", "h\u{e9}"] {
            let fault = plain(bad, "here", "token").unwrap_err().to_string();
            assert_eq!(fault, "here holds no token");
        }
    }
}
