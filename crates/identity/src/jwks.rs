//! The keys that an issuer publishes, and which of them a token names.
//!
//! Our own tokens and proofs of a key have two kinds of key, which `authority` reads without a library
//! in C. Other issuers sign with RSA above all, and with what TLS verifies anyway.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    UnparsedPublicKey, VerificationAlgorithm,
};
use bailiwick_authority::json::{self, Bounds, JsonFault, Value};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};

/// The longest set that is read. Sets with certificates in them have some 20,000 bytes.
pub const SET_LENGTH_MAX: usize = 128 << 10;

const SET_BOUNDS: Bounds = Bounds {
    bytes: SET_LENGTH_MAX,
    depth: 8,
    values: 4_096,
};

/// Issuers publish two or three keys.
const KEYS_MAX: usize = 64;

/// The longest name of a key.
pub const KID_LENGTH_MAX: usize = 256;

/// How a token is signed. There is none for `none`, and none with a secret that the verifier shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    EdDSA,
}

impl Algorithm {
    pub const ALL: [Self; 10] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
    ];

    /// Those that a SPIFFE token may be signed with.
    // https://github.com/spiffe/spiffe/blob/main/standards/JWT-SVID.md, section 2.1
    pub const SPIFFE: [Self; 9] = {
        let [rest @ .., _eddsa] = Self::ALL;
        rest
    };

    /// As RFC 7518 and RFC 8037 spell it: `none`, `None` and `hs256` are nothing.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
        }
    }

    fn with(self) -> With {
        match self {
            Self::RS256 => With::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            Self::RS384 => With::Rsa(&RSA_PKCS1_2048_8192_SHA384),
            Self::RS512 => With::Rsa(&RSA_PKCS1_2048_8192_SHA512),
            Self::PS256 => With::Rsa(&RSA_PSS_2048_8192_SHA256),
            Self::PS384 => With::Rsa(&RSA_PSS_2048_8192_SHA384),
            Self::PS512 => With::Rsa(&RSA_PSS_2048_8192_SHA512),
            Self::ES256 => With::Point("P-256", &ECDSA_P256_SHA256_FIXED),
            Self::ES384 => With::Point("P-384", &ECDSA_P384_SHA384_FIXED),
            Self::ES512 => With::Point("P-521", &ECDSA_P521_SHA512_FIXED),
            Self::EdDSA => With::Point("Ed25519", &ED25519),
        }
    }
}

/// What verifies an algorithm.
enum With {
    Rsa(&'static RsaParameters),
    /// On this curve.
    Point(&'static str, &'static dyn VerificationAlgorithm),
}

/// A public key of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    kid: String,
    /// The only algorithm it is for, where the set says so.
    only: Option<Algorithm>,
    material: Material,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Point { curve: &'static str, point: Vec<u8> },
}

/// The curves that are known, with the length of a coordinate.
const CURVES: [(&str, usize); 3] = [("P-256", 32), ("P-384", 48), ("P-521", 66)];

/// The keys of an issuer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// Why a text is no set of keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    #[error("{0}")]
    Json(#[from] JsonFault),
    #[error("no object with a list of `keys`")]
    NotASet,
    #[error("more than {KEYS_MAX} keys")]
    TooMany,
}

/// Why no key of a set is asked about a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoKey {
    Unknown,
    /// Two keys answer to the name, so the name says nothing.
    Ambiguous,
}

impl KeySet {
    /// Reads a set (RFC 7517). Keys of other kinds, for other uses or without a name are passed
    /// over, and so is whatever shows a private or shared secret.
    ///
    /// # Errors
    /// If it is no set.
    pub fn read(text: &[u8]) -> Result<Self, SetError> {
        let value = json::read(text, SET_BOUNDS)?;
        let Some(Value::List(listed)) = value.get("keys") else {
            return Err(SetError::NotASet);
        };
        if listed.len() > KEYS_MAX {
            return Err(SetError::TooMany);
        }
        Ok(Self {
            keys: listed.iter().filter_map(|key| read(key, &[])).collect(),
        })
    }

    /// The same of a SPIFFE bundle: there a key says what it is for, and is passed over if it does
    /// not say tokens.
    ///
    /// # Errors
    /// If it is no set.
    pub fn read_bundle(text: &[u8]) -> Result<Self, SetError> {
        let value = json::read(text, SET_BOUNDS)?;
        let Some(Value::List(listed)) = value.get("keys") else {
            return Err(SetError::NotASet);
        };
        if listed.len() > KEYS_MAX {
            return Err(SetError::TooMany);
        }
        Ok(Self {
            keys: listed
                .iter()
                .filter(|key| key.get("use").and_then(Value::text) == Some("jwt-svid"))
                .filter_map(|key| read(key, &["jwt-svid"]))
                .collect(),
        })
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The one key of this name that signs so.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub fn key(&self, kid: &str, algorithm: Algorithm) -> Result<&Key, NoKey> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.kid == kid && key.signs_with(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(NoKey::Ambiguous),
            (None, _) => Err(NoKey::Unknown),
        }
    }
}

impl Key {
    fn signs_with(&self, algorithm: Algorithm) -> bool {
        let fits = match (&self.material, algorithm.with()) {
            (Material::Rsa { .. }, With::Rsa(_)) => true,
            (Material::Point { curve, .. }, With::Point(wanted, _)) => *curve == wanted,
            (Material::Rsa { .. }, With::Point(..)) | (Material::Point { .. }, With::Rsa(_)) => {
                false
            }
        };
        fits && self.only.is_none_or(|only| only == algorithm)
    }

    /// Whether the key signed these bytes in this way.
    #[must_use]
    pub fn has_signed(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        if !self.signs_with(algorithm) {
            return false;
        }
        match (&self.material, algorithm.with()) {
            (Material::Rsa { n, e }, With::Rsa(parameters)) => {
                let key = PublicKeyComponents { n, e };
                key.verify(parameters, signed, signature).is_ok()
            }
            (Material::Point { point, .. }, With::Point(_, verifies)) => {
                let key = UnparsedPublicKey::new(verifies, point);
                key.verify(signed, signature).is_ok()
            }
            (Material::Rsa { .. }, With::Point(..)) | (Material::Point { .. }, With::Rsa(_)) => {
                false
            }
        }
    }
}

/// A key that signs tokens, if it is one.
fn read(value: &Value, uses: &[&str]) -> Option<Key> {
    const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    let text = |name: &str| value.get(name).and_then(Value::text);
    if value
        .record()?
        .keys()
        .any(|name| PRIVATE.contains(&name.as_str()))
    {
        return None;
    }
    let is_for_signing = match value.get("use") {
        None => true,
        Some(told) => told
            .text()
            .is_some_and(|told| told == "sig" || uses.contains(&told)),
    };
    let kid = text("kid").filter(|kid| !kid.is_empty() && kid.len() <= KID_LENGTH_MAX)?;
    if !is_for_signing {
        return None;
    }
    let only = match value.get("alg") {
        None => None,
        Some(told) => Some(Algorithm::named(told.text()?)?),
    };
    let bytes = |name: &str| BASE64URL.decode(text(name)?).ok();
    let material = match text("kty")? {
        "RSA" => Material::Rsa {
            n: without_zeros(&bytes("n")?)?,
            e: without_zeros(&bytes("e")?)?,
        },
        "EC" => {
            let (curve, length) = *CURVES.iter().find(|(name, _)| Some(*name) == text("crv"))?;
            let (x, y) = (bytes("x")?, bytes("y")?);
            if x.len() != length || y.len() != length {
                return None;
            }
            Material::Point {
                curve,
                point: [&[4], x.as_slice(), y.as_slice()].concat(),
            }
        }
        "OKP" if text("crv") == Some("Ed25519") => Material::Point {
            curve: "Ed25519",
            point: bytes("x").filter(|x| x.len() == 32)?,
        },
        _ => return None,
    };
    Some(Key {
        kid: kid.to_owned(),
        only,
        material,
    })
}

/// Some issuers write a zero before a number whose first bit is set.
fn without_zeros(bytes: &[u8]) -> Option<Vec<u8>> {
    let start = bytes.iter().position(|byte| *byte != 0)?;
    bytes.get(start..).map(<[u8]>::to_vec)
}
