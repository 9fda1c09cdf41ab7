//! Signed notes: a text and the signatures under it, in C2SP's form.
//!
//! A note is what Go's checksum database and the transparency logs sign, so their tools can check
//! ours. See <https://c2sp.org/signed-note>. Ed25519 only.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::Hash;

/// The signature type of Ed25519 in C2SP's registry.
const ED25519: u8 = 1;

/// The longest note that is read: a checkpoint has some 400 bytes.
pub const NOTE_LENGTH_MAX: usize = 64 << 10;

/// A key that signs, under a name.
pub struct Signer {
    name: String,
    key: SigningKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("key", &self.verifier().to_string())
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// The key that belongs to 32 secret bytes.
    ///
    /// # Errors
    /// If the name is empty or holds a space or a plus.
    pub fn new(name: &str, secret: &[u8; 32]) -> Result<Self, KeyError> {
        Ok(Self {
            name: checked_name(name)?,
            key: SigningKey::from_bytes(secret),
        })
    }

    /// The key that others check with.
    pub fn verifier(&self) -> Verifier {
        Verifier::of(self.name.clone(), self.key.verifying_key())
    }

    /// Signs a text. A line end is added where it lacks one.
    pub fn sign(&self, text: &str) -> String {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = format!("{text}\n");
        let mut signature = self.verifier().id.to_vec();
        signature.extend(self.key.sign(text.as_bytes()).to_bytes());
        let signature = BASE64.encode(signature);
        format!("{text}\n\u{2014} {} {signature}\n", self.name)
    }
}

/// A key that checks, under a name. Written as `name+id+key`, C2SP's verifier key.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl Verifier {
    fn of(name: String, key: VerifyingKey) -> Self {
        let id = Hash::of(&[name.as_bytes(), b"\n", &[ED25519], key.as_bytes()]);
        let [a, b, c, d, ..] = *id.as_bytes();
        Self {
            name,
            id: [a, b, c, d],
            key,
        }
    }

    /// The name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn has_signed(&self, note: &Parts<'_>) -> bool {
        note.signatures().any(|(name, bytes)| {
            let Some((id, signature)) = bytes.split_first_chunk::<4>() else {
                return false;
            };
            let Ok(signature) = Signature::from_slice(signature) else {
                return false;
            };
            name == self.name
                && *id == self.id
                && self
                    .key
                    .verify_strict(note.text.as_bytes(), &signature)
                    .is_ok()
        })
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519];
        key.extend(self.key.as_bytes());
        let id = u32::from_be_bytes(self.id);
        write!(f, "{}+{id:08x}+{}", self.name, BASE64.encode(key))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Verifier {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Form);
        };
        let bytes = BASE64.decode(key).map_err(|_| KeyError::Form)?;
        let Some((&ED25519, key)) = bytes.split_first() else {
            return Err(KeyError::NotEd25519);
        };
        let key = key.try_into().map_err(|_| KeyError::Form)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| KeyError::Form)?;
        let verifier = Self::of(checked_name(name)?, key);
        if format!("{:08x}", u32::from_be_bytes(verifier.id)) != id {
            return Err(KeyError::Id);
        }
        Ok(verifier)
    }
}

/// Why a text is no verifier key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It has another form.
    #[error("a verifier key reads name+id+key, for example `log.example+c74f20a3+ARpc2Q…`")]
    Form,
    /// It is of another kind.
    #[error("the key is not of the kind Ed25519")]
    NotEd25519,
    /// The id in it is not that of the key.
    #[error("the id in the key is not that of the key; was a character lost?")]
    Id,
    /// The name would break the form of a note.
    #[error("a key's name is not empty and holds no space and no plus")]
    Name,
}

fn checked_name(name: &str) -> Result<String, KeyError> {
    let breaks = |character: char| character.is_whitespace() || character == '+';
    if name.is_empty() || name.contains(breaks) {
        return Err(KeyError::Name);
    }
    Ok(name.to_owned())
}

/// The text of a note that one of the keys has signed. Other signatures are passed over.
///
/// # Errors
/// If it is no note, or none of the keys has signed it.
pub fn open<'a>(note: &'a str, keys: &[Verifier]) -> Result<&'a str, NoteError> {
    let parts = Parts::of(note)?;
    if keys.iter().any(|key| key.has_signed(&parts)) {
        return Ok(parts.text);
    }
    Err(NoteError::NotSigned)
}

/// Why a note is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It has another form.
    #[error("no signed note: a text, an empty line, and lines that begin with an em dash")]
    Form,
    /// No key that was given has signed it.
    #[error("signed by none of the keys given")]
    NotSigned,
}

struct Parts<'a> {
    text: &'a str,
    lines: &'a str,
}

impl<'a> Parts<'a> {
    fn of(note: &'a str) -> Result<Self, NoteError> {
        let is_control = |character: char| character < ' ' && character != '\n';
        if note.len() > NOTE_LENGTH_MAX || note.contains(is_control) || !note.ends_with('\n') {
            return Err(NoteError::Form);
        }
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Form)?;
        let text = note.get(..=text.len()).ok_or(NoteError::Form)?;
        let parts = Self { text, lines };
        let well_formed = lines.lines().count() == parts.signatures().count();
        if lines.is_empty() || !well_formed {
            return Err(NoteError::Form);
        }
        Ok(parts)
    }

    fn signatures(&self) -> impl Iterator<Item = (&'a str, Vec<u8>)> {
        self.lines.lines().filter_map(|line| {
            let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
            Some((name, BASE64.decode(signature).ok()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example in the documentation of Go's golang.org/x/mod/sumdb/note.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn a_note_that_go_has_signed_is_believed() {
        let key: Verifier = KEY.parse().unwrap();
        assert_eq!(key.to_string(), KEY);
        let text = open(NOTE, std::slice::from_ref(&key)).unwrap();
        assert!(text.ends_with("what your problem is.\n"));
        let changed = NOTE.replace("your problem,", "my problem,");
        assert_eq!(open(&changed, &[key]), Err(NoteError::NotSigned));
    }

    #[test]
    fn only_a_key_that_was_given_is_believed() {
        let ours = Signer::new("log.example", &[7; 32]).unwrap();
        let theirs = Signer::new("log.example", &[8; 32]).unwrap();
        let note = ours.sign("text");
        assert_eq!(open(&note, &[ours.verifier()]), Ok("text\n"));
        assert_eq!(open(&note, &[theirs.verifier()]), Err(NoteError::NotSigned));
        assert_eq!(open(&note, &[]), Err(NoteError::NotSigned));
    }

    #[test]
    fn a_key_or_a_note_in_another_form_is_refused() {
        for key in [
            "",
            "name",
            "name+00000000+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+AhpC",
        ] {
            assert!(key.parse::<Verifier>().is_err(), "{key}");
        }
        for note in [
            "",
            "text\n",
            "text\n\n",
            "text\n\nname sig\n",
            "a\r\n\n\u{2014} n AAAA\n",
        ] {
            assert_eq!(open(note, &[]), Err(NoteError::Form), "{note:?}");
        }
    }

    #[test]
    fn a_signer_does_not_show_its_secret() {
        let signer = Signer::new("log.example", &[0x41; 32]).unwrap();
        let shown = format!("{signer:?}");
        assert!(
            shown.contains("log.example") && !shown.contains("65, 65"),
            "{shown}"
        );
    }
}
