//! Public keys as JSON: the two kinds that are taken, and their thumbprints.

use ed25519_dalek::{Signature, VerifyingKey};
use p256::ecdsa::signature::Verifier as _;
use sha2::{Digest as _, Sha256};

use crate::json::Value;
use crate::token::{jws, record};

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Jwk {
    /// `OKP`, `Ed25519`.
    Ed25519(VerifyingKey),
    /// `EC`, `P-256`.
    P256(Box<p256::ecdsa::VerifyingKey>),
}

/// Why a value is no key that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwkFault {
    #[error("not a public key on Ed25519 or P-256")]
    Kind,
    #[error("the key has a field that is not taken, a private or secret part among them")]
    Field,
    #[error("the key is no point on its curve")]
    Point,
}

impl Jwk {
    /// Reads a public key.
    ///
    /// # Errors
    /// If it is of another kind, or holds more than a public key has: above all a private one.
    pub fn read(value: &Value) -> Result<Self, JwkFault> {
        let members = value.record().ok_or(JwkFault::Kind)?;
        let field = |name: &str| value.get(name).and_then(Value::text);
        let (kind, curve) = (field("kty"), field("crv"));
        let coordinates: &[&str] = match (kind, curve) {
            (Some("OKP"), Some("Ed25519")) => &["x"],
            (Some("EC"), Some("P-256")) => &["x", "y"],
            _ => return Err(JwkFault::Kind),
        };
        let told = ["kty", "crv", "kid", "alg", "use"];
        let is_taken = |name: &str| told.contains(&name) || coordinates.contains(&name);
        if !members.keys().all(|name| is_taken(name)) {
            return Err(JwkFault::Field);
        }
        let coordinate = |name: &str| -> Result<[u8; 32], JwkFault> {
            let bytes = jws::decode(field(name).ok_or(JwkFault::Point)?);
            let bytes = bytes.map_err(|_| JwkFault::Point)?;
            bytes.try_into().map_err(|_| JwkFault::Point)
        };
        let x = coordinate("x")?;
        if coordinates.len() == 1 {
            let key = VerifyingKey::from_bytes(&x).map_err(|_| JwkFault::Point)?;
            // A key of small order verifies signatures that nobody made.
            return if key.is_weak() {
                Err(JwkFault::Point)
            } else {
                Ok(Self::Ed25519(key))
            };
        }
        let mut point = vec![4];
        point.extend(x);
        point.extend(coordinate("y")?);
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point);
        Ok(Self::P256(Box::new(key.map_err(|_| JwkFault::Point)?)))
    }

    /// The name of the algorithm that the key signs with.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::P256(_) => "ES256",
        }
    }

    /// The members of RFC 7638, and no others.
    #[must_use]
    pub fn value(&self) -> Value {
        let text = |text: &str| Value::Text(text.to_owned());
        match self {
            Self::Ed25519(key) => record([
                ("kty", text("OKP")),
                ("crv", text("Ed25519")),
                ("x", Value::Text(jws::encode(key.as_bytes()))),
            ]),
            Self::P256(key) => {
                let point = key.to_sec1_point(false);
                let part = |bytes: Option<&p256::FieldBytes>| {
                    Value::Text(jws::encode(bytes.map_or(&[][..], |bytes| &bytes[..])))
                };
                record([
                    ("kty", text("EC")),
                    ("crv", text("P-256")),
                    ("x", part(point.x())),
                    ("y", part(point.y())),
                ])
            }
        }
    }

    /// The key's thumbprint (RFC 7638, SHA-256, base64url): a token's `jkt`, a key's `kid`.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        jws::encode(&Sha256::digest(self.value().canonical()))
    }

    /// Whether the key signed these bytes.
    #[must_use]
    pub fn has_signed(&self, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(key) => Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(signed, &signature).is_ok()),
            Self::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(signed, &signature).is_ok()),
        }
    }
}
