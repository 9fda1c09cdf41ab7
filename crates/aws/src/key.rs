//! What a call is signed with.

use std::fmt;

use aws_credential_types::Credentials;
use secrecy::{ExposeSecret, SecretString};

/// An access key: of a user, or of a session if it has a token.
///
/// Neither secret is ever printed.
#[derive(Clone)]
pub struct AccessKey {
    pub id: String,
    pub secret: SecretString,
    pub session_token: Option<SecretString>,
}

impl AccessKey {
    #[must_use]
    pub fn new(id: &str, secret: &str, session_token: Option<&str>) -> Self {
        Self {
            id: id.to_owned(),
            secret: SecretString::from(secret),
            session_token: session_token.map(SecretString::from),
        }
    }

    /// Whether it is a session's: sessions of sessions last an hour at most.
    #[must_use]
    pub fn is_of_a_session(&self) -> bool {
        self.session_token.is_some()
    }

    /// The same, as AWS's own crates have it.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        let token = self.session_token.as_ref();
        Credentials::new(
            self.id.as_str(),
            self.secret.expose_secret(),
            token.map(|token| token.expose_secret().to_owned()),
            None,
            "bailiwick",
        )
    }
}

impl From<&Credentials> for AccessKey {
    fn from(given: &Credentials) -> Self {
        Self::new(
            given.access_key_id(),
            given.secret_access_key(),
            given.session_token(),
        )
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            secret: _,
            session_token,
        } = self;
        f.debug_struct("AccessKey")
            .field("id", id)
            .field("of_a_session", &session_token.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let key = AccessKey::new("AKIAEXAMPLE", "s3cr3t-canary", Some("t0ken-canary"));
        let printed = format!("{key:?} {key:#?}");
        assert!(printed.contains("AKIAEXAMPLE"));
        assert!(!printed.contains("canary"), "{printed}");
    }
}
