//! Recognising an argument without keeping it.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The secret without which the hash of an argument cannot be guessed from likely arguments.
#[derive(Clone)]
pub struct ArgumentKey([u8; 32]);

impl fmt::Debug for ArgumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ArgumentKey(…)")
    }
}

impl ArgumentKey {
    /// The key of these bytes.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// `hmac-sha256:` and the keyed hash of the bytes: equal for equal arguments, and telling
    /// nothing of them to a reader without the key.
    ///
    /// ```
    /// use bailiwick_ledger::argument::ArgumentKey;
    /// let key = ArgumentKey::new([7; 32]);
    /// let hash = key.hash(br#"{"amount":12}"#);
    /// assert!(hash.starts_with("hmac-sha256:"));
    /// assert_ne!(hash, ArgumentKey::new([8; 32]).hash(br#"{"amount":12}"#));
    /// ```
    pub fn hash(&self, argument: &[u8]) -> String {
        let mut text = String::from("hmac-sha256:");
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            // HMAC takes keys of every length.
            return text;
        };
        mac.update(argument);
        text.push_str(
            &crate::Hash::from(<[u8; 32]>::from(mac.finalize().into_bytes())).to_string(),
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 4231, test case 1, has a key of 20 bytes; HMAC pads keys with zeros, so this is the same.
    #[test]
    fn the_hash_is_hmac_sha_256() {
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        assert_eq!(
            ArgumentKey::new(key).hash(b"Hi There"),
            "hmac-sha256:b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
    }

    #[test]
    fn a_key_does_not_show_itself() {
        assert_eq!(
            format!("{:?}", ArgumentKey::new([65; 32])),
            "ArgumentKey(…)"
        );
    }
}
