//! What is told to others of a grant that ended: a security event token.
//!
//! RFC 8417 for the envelope, CAEP 1.0 (`session-revoked`) for what it says.
// https://openid.net/specs/openid-caep-1_0-final.html#section-3.1

use crate::json::Value;
use crate::token::record;

/// The `typ` of such a token. Nobody takes it for one that stands for a grant.
pub const EVENT_TYPE: &str = "secevent+jwt";

/// The name of the event.
pub const SESSION_REVOKED: &str =
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// A grant ended, and with it all that was made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRevoked {
    /// The authority that tells it.
    pub iss: String,
    /// The one who is told.
    pub aud: String,
    /// The token's own id: the same each time the same event is told to the same one.
    pub jti: String,
    /// Seconds since 1970.
    pub iat: u64,
    pub grant: String,
    pub agent: String,
    /// When it ended, in seconds since 1970.
    pub ended: u64,
    pub by: Initiator,
    /// Why, for whoever administers the other side.
    pub reason: String,
}

/// Who set it going, in CAEP's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initiator {
    Admin,
    User,
    Policy,
    System,
}

impl Initiator {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Policy => "policy",
            Self::System => "system",
        }
    }
}

impl SessionRevoked {
    pub(super) fn claims(&self) -> Value {
        let text = |text: &str| Value::Text(text.to_owned());
        // No time of ours is beyond 63 bits.
        let time = |secs: u64| Value::Long(i64::try_from(secs).unwrap_or(i64::MAX));
        // RFC 9493: the grant is the session, the agent its user.
        let session = record([("format", text("opaque")), ("id", text(&self.grant))]);
        let user = record([
            ("format", text("iss_sub")),
            ("iss", text(&self.iss)),
            ("sub", text(&format!("agent/{}", self.agent))),
        ]);
        let subject = record([
            ("format", text("complex")),
            ("session", session),
            ("user", user),
        ]);
        let event = record([
            ("event_timestamp", time(self.ended)),
            ("initiating_entity", text(self.by.name())),
            ("reason_admin", record([("en", text(&self.reason))])),
        ]);
        record([
            ("iss", text(&self.iss)),
            ("aud", text(&self.aud)),
            ("jti", text(&self.jti)),
            ("iat", time(self.iat)),
            ("txn", text(&self.grant)),
            ("sub_id", subject),
            ("events", record([(SESSION_REVOKED, event)])),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{Expected, Jws, Keyring, SigningSecret, TokenFault};

    fn event() -> SessionRevoked {
        SessionRevoked {
            iss: "https://authority.example.com".into(),
            aud: "https://receiver.example.com".into(),
            jti: "7.0".into(),
            iat: 1_790_000_000,
            grant: "g1".into(),
            agent: "reader".into(),
            ended: 1_789_999_999,
            by: Initiator::Admin,
            reason: "drill".into(),
        }
    }

    #[test]
    fn an_event_says_in_caeps_words_which_session_ended_and_is_signed() {
        let keys = Keyring::new(SigningSecret::new(&[7; 32]));
        let token = keys.sign_event(&event());
        let read = Jws::read(&token).unwrap();
        read.expect_header(EVENT_TYPE, &["EdDSA"], &["kid"])
            .unwrap();
        let expected = r#"{"aud":"https://receiver.example.com","events":{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{"event_timestamp":1789999999,"initiating_entity":"admin","reason_admin":{"en":"drill"}}},"iat":1790000000,"iss":"https://authority.example.com","jti":"7.0","sub_id":{"format":"complex","session":{"format":"opaque","id":"g1"},"user":{"format":"iss_sub","iss":"https://authority.example.com","sub":"agent/reader"}},"txn":"g1"}"#;
        assert_eq!(read.claims.canonical(), expected);
        let jwks = keys.jwks(1_790_000_000);
        assert!(jwks.contains(keys.kid()), "{jwks}");
    }

    // Test 26: what is signed for one purpose is not taken for another.
    #[test]
    fn an_event_is_no_token_of_a_grant() {
        let keys = Keyring::new(SigningSecret::new(&[7; 32]));
        let token = keys.sign_event(&event());
        let expected = Expected {
            iss: "https://authority.example.com",
            aud: "https://receiver.example.com",
            now_secs: 1_790_000_000,
            lifetime_secs_max: 60,
        };
        assert_eq!(keys.verify(&token, &expected), Err(TokenFault::Type));
    }
}
