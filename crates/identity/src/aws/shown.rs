//! What an agent shows of the call that it signed.

use bailiwick_authority::json::{self, Bounds, JsonFault, Value};
use bailiwick_aws::proof::{SignedIdentity, basic, read_basic};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use secrecy::{ExposeSecret, SecretString};

/// The longest that is read, as it is shown. Session tokens have some 1,000 characters, more with tags.
const LENGTH_MAX: usize = 12 << 10;

const BOUNDS: Bounds = Bounds {
    bytes: LENGTH_MAX / 4 * 3,
    depth: 1,
    values: 16,
};

const PARTS: [&str; 6] = [
    "access_key_id",
    "date",
    "nonce",
    "region",
    "session_token",
    "signature",
];

/// The parts of a proof by signature.
#[derive(Debug, Clone)]
pub struct ShownSignature {
    pub region: String,
    /// 16 to 128 characters of base64url that were never used before.
    pub nonce: String,
    pub signed: SignedIdentity,
}

/// Why what is shown is no proof by signature. Messages repeat nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    #[error("longer than {LENGTH_MAX} characters")]
    TooLong,
    #[error("not base64url without padding, in its one spelling")]
    NotBase64,
    #[error("{0}")]
    Json(#[from] JsonFault),
    #[error("it has six members: {}; one is missing, or there is another", PARTS.join(", "))]
    Members,
    #[error("{0} does not have the form that it must have")]
    Part(&'static str),
}

impl ShownSignature {
    /// Reads what is shown: base64url of a JSON object with six texts.
    ///
    /// # Errors
    /// If there is anything else in it, or something less.
    pub fn read(shown: &str) -> Result<Self, SignatureFault> {
        if shown.len() > LENGTH_MAX {
            return Err(SignatureFault::TooLong);
        }
        let bytes = BASE64URL
            .decode(shown)
            .map_err(|_| SignatureFault::NotBase64)?;
        let value = json::read(&bytes, BOUNDS)?;
        let members = value.record().ok_or(SignatureFault::Members)?;
        let is_whole =
            members.len() == PARTS.len() && PARTS.iter().all(|part| members.contains_key(*part));
        if !is_whole {
            return Err(SignatureFault::Members);
        }
        let part = |name: &'static str, has_form: &dyn Fn(&str) -> bool| {
            let text = value.get(name).and_then(Value::text);
            let text = text.filter(|text| has_form(text));
            text.ok_or(SignatureFault::Part(name)).map(str::to_owned)
        };
        let at = value.get("date").and_then(Value::text).and_then(read_basic);
        Ok(Self {
            region: part("region", &|text| text.len() <= 32)?,
            nonce: part("nonce", &is_nonce)?,
            signed: SignedIdentity {
                key_id: part("access_key_id", &is_session_key)?,
                session_token: SecretString::from(part("session_token", &is_token)?),
                at: at.ok_or(SignatureFault::Part("date"))?,
                signature: part("signature", &is_signature)?,
            },
        })
    }

    /// As it is shown.
    #[must_use]
    pub fn show(&self) -> String {
        let text = |text: &str| Value::Text(text.to_owned());
        let members = [
            ("access_key_id", text(&self.signed.key_id)),
            ("date", Value::Text(basic(self.signed.at))),
            ("nonce", text(&self.nonce)),
            ("region", text(&self.region)),
            (
                "session_token",
                text(self.signed.session_token.expose_secret()),
            ),
            ("signature", text(&self.signed.signature)),
        ];
        let members = members.map(|(name, value)| (name.to_owned(), value));
        BASE64URL.encode(Value::Record(members.into()).canonical())
    }
}

/// Of a session: a user's key begins with `AKIA`, and names no agent.
fn is_session_key(text: &str) -> bool {
    text.starts_with("ASIA")
        && (16..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn is_token(text: &str) -> bool {
    let is_taken =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+' | b'=' | b'-' | b'_');
    !text.is_empty() && text.bytes().all(is_taken)
}

fn is_signature(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_nonce(text: &str) -> bool {
    (16..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
