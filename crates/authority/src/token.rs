//! The token that stands for a grant, and the proof that its holder has its key.
//!
//! A token is a JWT with the claims of a transaction token
//! (<https://datatracker.ietf.org/doc/draft-ietf-oauth-transaction-tokens/>), signed with Ed25519. It
//! says which grant it stands for and nothing of what the grant may do: that is looked up, so that
//! a grant that ended ends its tokens.
//!
//! What is read is read strictly ([`jws`]): one spelling, one algorithm, header fields and claims
//! from a list. A token of another kind, another authority or another audience is refused, however
//! well it is signed.

pub mod dpop;
mod event;
mod jwk;
pub mod jws;
mod keys;

use std::collections::BTreeMap;

use crate::json::Value;

pub use event::{EVENT_TYPE, Initiator, SESSION_REVOKED, SessionRevoked};
pub use jwk::{Jwk, JwkFault};
pub use jws::{Jws, TokenFault};
pub use keys::{Keyring, SigningSecret};

/// The `typ` of a token that stands for a grant.
pub const GRANT_TYPE: &str = "txntoken+jwt";

/// The only algorithm that such a token is signed with.
pub const GRANT_ALGORITHM: &str = "EdDSA";

/// What a token says of the grant that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantToken {
    /// The authority that made it.
    pub iss: String,
    /// The one who is to take it.
    pub aud: String,
    /// On whose behalf: the agent, as `agent/NAME`.
    pub sub: String,
    /// The transaction: the first grant of the line it was delegated in.
    pub txn: String,
    /// The token's own id.
    pub jti: String,
    /// Seconds since 1970.
    pub iat: u64,
    /// Seconds since 1970.
    pub exp: u64,
    /// The grant.
    pub grant: String,
    pub agent: String,
    pub task: String,
    /// The thumbprint of the key that its holder must prove to have.
    pub jkt: Option<String>,
    /// The circumstances in which it was asked for: texts by name (`rctx`).
    pub requester: BTreeMap<String, String>,
}

/// What is asked of a token.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    pub iss: &'a str,
    pub aud: &'a str,
    pub now_secs: u64,
    /// No token that lives longer is taken, whatever it says.
    pub lifetime_secs_max: u64,
}

/// How far ahead the clock of whoever made a token may be. A token never lives longer for it.
pub const SKEW_SECS: u64 = 30;

impl GrantToken {
    fn claims(&self) -> Value {
        let text = |text: &str| Value::Text(text.to_owned());
        // No time of ours is beyond 63 bits.
        let time = |secs: u64| Value::Long(i64::try_from(secs).unwrap_or(i64::MAX));
        let context = [
            ("agent", text(&self.agent)),
            ("grant", text(&self.grant)),
            ("task", text(&self.task)),
        ];
        let mut claims = vec![
            ("iss", text(&self.iss)),
            ("aud", text(&self.aud)),
            ("sub", text(&self.sub)),
            ("txn", text(&self.txn)),
            ("jti", text(&self.jti)),
            ("iat", time(self.iat)),
            ("exp", time(self.exp)),
            ("scope", text(&self.task)),
            ("tctx", record(context)),
        ];
        if !self.requester.is_empty() {
            let told = self.requester.iter();
            let told = told.map(|(name, value)| (name.as_str(), text(value)));
            claims.push(("rctx", record(told)));
        }
        if let Some(jkt) = &self.jkt {
            claims.push(("cnf", record([("jkt", text(jkt))])));
        }
        record(claims)
    }

    /// The claims of a token whose signature holds.
    fn read(claims: &Value, expected: &Expected<'_>) -> Result<Self, TokenFault> {
        const KNOWN: [&str; 11] = [
            "iss", "aud", "sub", "txn", "jti", "iat", "exp", "scope", "tctx", "rctx", "cnf",
        ];
        let all = claims.record().ok_or(TokenFault::Claims)?;
        if let Some(name) = all.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(TokenFault::UnknownClaim(name.clone()));
        }
        let iss = jws::text_claim(claims, "iss")?;
        if iss != expected.iss {
            return Err(TokenFault::Issuer);
        }
        let aud = jws::audience(claims)?;
        if aud != expected.aud {
            return Err(TokenFault::Audience);
        }
        let (iat, exp) = jws::lifetime(claims, expected.now_secs, expected.lifetime_secs_max)?;
        let context = claims.get("tctx").ok_or(TokenFault::Missing("tctx"))?;
        let task = jws::text_claim(context, "task")?.to_owned();
        if jws::text_claim(claims, "scope")? != task {
            return Err(TokenFault::Claims);
        }
        let requester = match claims.get("rctx") {
            None => BTreeMap::new(),
            Some(told) => texts(told)?,
        };
        let jkt = match claims.get("cnf") {
            None => None,
            Some(confirmed) => Some(jws::text_claim(confirmed, "jkt")?.to_owned()),
        };
        Ok(Self {
            iss: iss.to_owned(),
            aud: aud.to_owned(),
            sub: jws::text_claim(claims, "sub")?.to_owned(),
            txn: jws::text_claim(claims, "txn")?.to_owned(),
            jti: jws::text_claim(claims, "jti")?.to_owned(),
            iat,
            exp,
            grant: jws::text_claim(context, "grant")?.to_owned(),
            agent: jws::text_claim(context, "agent")?.to_owned(),
            task,
            jkt,
            requester,
        })
    }
}

fn texts(record: &Value) -> Result<BTreeMap<String, String>, TokenFault> {
    let members = record.record().ok_or(TokenFault::Claims)?;
    let text = |(name, value): (&String, &Value)| {
        let value = value.text().ok_or(TokenFault::Claims)?;
        Ok((name.clone(), value.to_owned()))
    };
    members.iter().map(text).collect()
}

pub(crate) fn record<'n>(members: impl IntoIterator<Item = (&'n str, Value)>) -> Value {
    let members = members.into_iter();
    Value::Record(
        members
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

#[cfg(test)]
mod tests;
