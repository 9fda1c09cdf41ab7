//! What a request must show before anybody reads it: that it is meant for this host, and that no
//! page of another origin sent it.

use std::{collections::BTreeSet, net::IpAddr};

use http::{HeaderMap, HeaderName, Uri, header};

use crate::problem::{Kind, Problem};

/// Names by which this host may be asked. An address is always one: a page of another origin can
/// make a browser ask a name that it controls, and no address.
#[derive(Debug, Clone, Default)]
pub struct Door {
    names: BTreeSet<String>,
}

/// A text that is no name of a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name of a host; write it without scheme, port and path")]
pub struct HostError(pub String);

impl Door {
    /// A door that knows `localhost` and these names.
    ///
    /// # Errors
    /// If one of them is no name of a host.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, HostError> {
        let mut known = BTreeSet::from(["localhost".to_owned()]);
        for name in names {
            let is_name = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
            if !is_name {
                return Err(HostError(name.to_owned()));
            }
            known.insert(name.to_ascii_lowercase());
        }
        Ok(Self { names: known })
    }

    /// Lets a request pass, with the host it asked for.
    ///
    /// # Errors
    /// If it may not.
    pub fn admit<'h>(&self, uri: &Uri, headers: &'h HeaderMap) -> Result<&'h str, Problem> {
        let wrong = |detail: &str| Problem::new(Kind::WrongHost, detail);
        let host = one(headers, &header::HOST)?
            .ok_or_else(|| wrong("the request names no host; send one `Host` header"))?;
        if !self.is_ours(host) {
            return Err(wrong(
                "this host is not asked by that name; start the daemon with `--host NAME` if it is to be",
            ));
        }
        if uri.authority().is_some_and(|other| other.as_str() != host) {
            return Err(wrong(
                "the request line and the `Host` header name different hosts",
            ));
        }
        let both_lengths = headers.contains_key(header::CONTENT_LENGTH)
            && headers.contains_key(header::TRANSFER_ENCODING);
        if both_lengths {
            return Err(Problem::new(
                Kind::Malformed,
                "a request has a `Content-Length` or a `Transfer-Encoding`, not both",
            ));
        }
        if let Some(origin) = one(headers, &header::ORIGIN)? {
            let ours = ["http://", "https://"]
                .iter()
                .any(|scheme| origin.strip_prefix(scheme) == Some(host));
            if !ours {
                return Err(wrong("a page of another origin may not ask here"));
            }
        }
        Ok(host)
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((name, "")) => name,
                Some((name, port)) if port.strip_prefix(':').is_some_and(is_port) => name,
                Some(_) | None => return false,
            },
            None => match host.split_once(':') {
                Some((name, port)) if is_port(port) => name,
                Some(_) => return false,
                None => host,
            },
        };
        name.parse::<IpAddr>().is_ok() || self.names.contains(&name.to_ascii_lowercase())
    }
}

fn is_port(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<u16>().is_ok()
}

/// The value of a header that stands there once, or not at all.
///
/// # Errors
/// If it stands there twice, or is no plain text.
pub(crate) fn one<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let kind = if *name == header::HOST || *name == header::ORIGIN {
        Kind::WrongHost
    } else {
        Kind::Malformed
    };
    if values.next().is_some() {
        return Err(Problem::new(
            kind,
            format!("the header `{name}` stands there twice"),
        ));
    }
    let text = value.to_str();
    text.map(Some)
        .map_err(|_| Problem::new(kind, format!("the header `{name}` is no plain text")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &[&str], origin: Option<&str>, admitted: bool) {
        let door = Door::new(["pdp.example.com"]).unwrap();
        let mut headers = HeaderMap::new();
        for host in host {
            headers.append(header::HOST, host.parse().unwrap());
        }
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        let answer = door.admit(&Uri::from_static("/healthz"), &headers);
        match answer {
            Ok(_) => assert!(admitted, "{host:?} {origin:?}"),
            Err(problem) => {
                assert!(!admitted, "{host:?} {origin:?} {problem:?}");
                assert_eq!(problem.kind, Kind::WrongHost);
            }
        }
    }

    #[test]
    fn a_host_is_asked_by_its_names_and_addresses_alone() {
        for host in [
            "localhost",
            "localhost:8470",
            "LOCALHOST:1",
            "127.0.0.1:8470",
            "[::1]:8470",
            "[::1]",
            "10.0.0.7",
            "pdp.example.com",
            "PDP.example.com:443",
        ] {
            check(&[host], None, true);
        }
        for host in [
            "evil",
            "",
            "pdp.example.com.evil",
            "evil.pdp.example.com",
            "pdp.example.com:",
            "pdp.example.com:443:1",
            "pdp.example.com:99999",
            "localhost:+1",
            "[::1]evil",
            "[::1",
            "a@localhost",
            "localhost/evil",
            "localhost.",
        ] {
            check(&[host], None, false);
        }
        check(&[], None, false);
        check(&["localhost", "localhost"], None, false);
    }

    #[test]
    fn a_page_of_another_origin_is_not_listened_to() {
        check(&["localhost:1"], Some("http://localhost:1"), true);
        check(&["localhost:1"], Some("null"), false);
        check(&["localhost:1"], Some("http://evil"), false);
        check(&["localhost:1"], Some("http://localhost:2"), false);
        check(&["localhost:1"], Some("http://localhost:1.evil"), false);
    }

    #[test]
    fn two_names_in_one_request_are_one_too_many() {
        let door = Door::new([]).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "localhost".parse().unwrap());
        let elsewhere = Uri::from_static("http://127.0.0.1/healthz");
        assert!(door.admit(&elsewhere, &headers).is_err());
        headers.insert(header::CONTENT_LENGTH, "1".parse().unwrap());
        headers.insert(header::TRANSFER_ENCODING, "chunked".parse().unwrap());
        let problem = door.admit(&Uri::from_static("/"), &headers).unwrap_err();
        assert_eq!(problem.kind, Kind::Malformed);
        assert!(Door::new(["https://x"]).is_err());
    }
}
