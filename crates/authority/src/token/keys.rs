//! The keys that tokens are signed with, one after the other.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};

use crate::json::Value;
use crate::token::{
    EVENT_TYPE, Expected, GRANT_ALGORITHM, GRANT_TYPE, GrantToken, Jwk, Jws, SessionRevoked,
    TokenFault, jws, record,
};

/// A key that signs, made of 32 secret bytes. It does not show itself.
pub struct SigningSecret(SigningKey);

impl SigningSecret {
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    fn public(&self) -> Jwk {
        Jwk::Ed25519(self.0.verifying_key())
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningSecret({}, …)", self.public().thumbprint())
    }
}

/// The key that signs now, and those before it whose tokens may still be about.
#[derive(Debug)]
pub struct Keyring {
    signs: SigningSecret,
    kid: String,
    /// With their ids, and until when what they signed is taken.
    before: Vec<(String, Jwk, u64)>,
}

impl Keyring {
    #[must_use]
    pub fn new(signs: SigningSecret) -> Self {
        let kid = signs.public().thumbprint();
        Self {
            signs,
            kid,
            before: Vec::new(),
        }
    }

    /// Signs with another key from now on. What the one before signed is taken until then: let it
    /// be the longest that a token lives from now.
    #[must_use]
    pub fn rotated(self, signs: SigningSecret, until_secs: u64) -> Self {
        let mut before = self.before;
        before.push((self.kid, self.signs.public(), until_secs));
        let next = Self::new(signs);
        // A key that signs again is not also one of the past.
        before.retain(|(kid, ..)| *kid != next.kid);
        Self { before, ..next }
    }

    /// Takes the tokens of a key of before until then, as after a restart.
    #[must_use]
    pub fn also_takes(mut self, key: Jwk, until_secs: u64) -> Self {
        let kid = key.thumbprint();
        if kid != self.kid {
            self.before.push((kid, key, until_secs));
        }
        self
    }

    /// The id of the key that signs now.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The token in its compact form.
    #[must_use]
    pub fn sign(&self, token: &GrantToken) -> String {
        self.signed(GRANT_TYPE, &token.claims())
    }

    /// The event in its compact form.
    #[must_use]
    pub fn sign_event(&self, event: &SessionRevoked) -> String {
        self.signed(EVENT_TYPE, &event.claims())
    }

    fn signed(&self, kind: &str, claims: &Value) -> String {
        let text = |text: &str| Value::Text(text.to_owned());
        let header = record([
            ("alg", text(GRANT_ALGORITHM)),
            ("kid", text(&self.kid)),
            ("typ", text(kind)),
        ]);
        let part = |value: &Value| jws::encode(value.canonical().as_bytes());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self.signs.0.sign(signed.as_bytes()).to_bytes();
        format!("{signed}.{}", jws::encode(&signature))
    }

    /// What a token says, if it is one of ours, for whom it is asked and valid now.
    ///
    /// # Errors
    /// The first thing for which it is not taken. Its claims are looked at after its signature.
    pub fn verify(&self, token: &str, expected: &Expected<'_>) -> Result<GrantToken, TokenFault> {
        self.verify_until(token, expected).map(|(token, _)| token)
    }

    /// The same, and until when (in seconds since 1970) it is taken: until its own end, or until that
    /// of the key that signed it.
    ///
    /// # Errors
    /// As [`Keyring::verify`].
    pub fn verify_until(
        &self,
        token: &str,
        expected: &Expected<'_>,
    ) -> Result<(GrantToken, u64), TokenFault> {
        let token = Jws::read(token)?;
        token.expect_header(GRANT_TYPE, &[GRANT_ALGORITHM], &["kid"])?;
        let kid = token.header.get("kid").and_then(Value::text);
        let key = kid.and_then(|kid| self.key(kid, expected.now_secs));
        let (key, key_until) = key.ok_or(TokenFault::UnknownKey)?;
        if !key.has_signed(token.signed.as_bytes(), &token.signature) {
            return Err(TokenFault::Signature);
        }
        let token = GrantToken::read(&token.claims, expected)?;
        let until = token.exp.min(key_until);
        Ok((token, until))
    }

    /// The key of this id, and until when what it signed is taken.
    fn key(&self, kid: &str, now_secs: u64) -> Option<(Jwk, u64)> {
        if kid == self.kid {
            return Some((self.signs.public(), u64::MAX));
        }
        let before = self.before.iter();
        let mut valid = before.filter(|(id, _, until)| id == kid && now_secs < *until);
        valid.next().map(|(_, key, until)| (key.clone(), *until))
    }

    /// The public keys, as `/.well-known/jwks.json` publishes them (RFC 7517).
    #[must_use]
    pub fn jwks(&self, now_secs: u64) -> String {
        let published = |key: &Jwk| {
            let mut members = key.value().record().cloned().unwrap_or_default();
            for (name, value) in [
                ("kid", key.thumbprint()),
                ("alg", key.algorithm().to_owned()),
                ("use", "sig".to_owned()),
            ] {
                members.insert(name.to_owned(), Value::Text(value));
            }
            Value::Record(members)
        };
        let valid = self.before.iter().filter(|(_, _, until)| now_secs < *until);
        let before = valid.map(|(_, key, _)| published(key));
        let keys = std::iter::once(published(&self.signs.public())).chain(before);
        record([("keys", Value::List(keys.collect()))]).canonical()
    }
}
