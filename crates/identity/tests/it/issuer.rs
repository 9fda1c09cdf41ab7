//! An issuer of OpenID Connect: its key, and a server that shows it.

use serde_json::{Value, json};

use crate::server::{Said, Server};
use crate::sign::Signer;

/// A server with the keys of an issuer at `/keys`.
pub(crate) struct Issuer {
    pub(crate) server: Server,
    key: Signer,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let key = Signer::rsa();
        let keys = json!({ "keys": [key.jwk("k")] });
        Self {
            server: Server::new(move |_| Said::json(&keys)),
            key,
        }
    }

    /// The settings of this issuer for an audience: what is said of its kind, and where its keys are
    /// here.
    pub(crate) fn settings(&self, audience: &str, part: &str) -> String {
        format!(
            "audience = \"{audience}\"\n[[issuer]]\n{part}\nkeys = \"{}/keys\"\nprivate = true\n",
            self.server.url()
        )
    }

    /// A token of this kind (`typ`).
    pub(crate) fn token(&self, kind: &str, claims: &Value) -> String {
        let header = json!({ "alg": "RS256", "kid": "k", "typ": kind });
        self.key.token(&header, claims)
    }
}
