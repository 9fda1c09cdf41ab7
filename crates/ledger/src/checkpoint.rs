//! Checkpoints: how long a ledger was, and the root of its tree, signed.
//!
//! C2SP's tlog-checkpoint, with lines of ours after the root. A checkpoint kept outside the
//! database is what shows that entries were cut off or that an older database was put back.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::{
    Chain, Hash,
    note::{self, NoteError, Signer, Verifier},
};

/// How long a ledger was, and what was in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which ledger.
    pub origin: String,
    /// How many entries it had.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
    /// The hash of the last of them.
    pub head: Hash,
    /// The fencing epoch of the signer.
    pub epoch: u64,
    /// When it was signed, in milliseconds since 1970.
    pub time_ms: u64,
    /// The size of the checkpoint before this one, 0 for the first: so that none can be left out.
    pub previous: u64,
}

impl Checkpoint {
    /// A checkpoint of this end of a ledger.
    pub fn of(chain: &Chain, origin: &str, epoch: u64, time_ms: u64, previous: u64) -> Self {
        Self {
            origin: origin.to_owned(),
            size: chain.len(),
            root: chain.frontier().root(),
            head: chain.head(),
            epoch,
            time_ms,
            previous,
        }
    }

    /// The signed note.
    pub fn sign(&self, signer: &Signer) -> String {
        signer.sign(&self.text())
    }

    fn text(&self) -> String {
        format!(
            "{}\n{}\n{}\nhead {}\nepoch {}\ntime {}\nprevious {}\n",
            self.origin,
            self.size,
            BASE64.encode(self.root.as_bytes()),
            BASE64.encode(self.head.as_bytes()),
            self.epoch,
            self.time_ms,
            self.previous,
        )
    }

    /// Reads a checkpoint that one of the keys has signed.
    ///
    /// # Errors
    /// If it is no checkpoint, or none of the keys has signed it.
    pub fn open(note: &str, keys: &[Verifier]) -> Result<Self, CheckpointError> {
        Self::parse(note::open(note, keys)?).ok_or(CheckpointError::Form)
    }

    /// Reads the signed text. Lines after ours are passed over, as C2SP asks.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut next = |name: &str| lines.next()?.strip_prefix(name);
        let checkpoint = Self {
            origin: next("")?.to_owned(),
            size: number(next("")?)?,
            root: hash(next("")?)?,
            head: hash(next("head ")?)?,
            epoch: number(next("epoch ")?)?,
            time_ms: number(next("time ")?)?,
            previous: number(next("previous ")?)?,
        };
        let is_first_or_later = checkpoint.previous <= checkpoint.size;
        (!checkpoint.origin.is_empty() && is_first_or_later).then_some(checkpoint)
    }
}

/// Why a checkpoint is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is no signed note, or not signed by a key that was given.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// It is signed, but not in the form of a checkpoint.
    #[error("the note is signed, but is no checkpoint of a ledger")]
    Form,
}

/// A number as it is written, without a sign or a zero before it.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn hash(text: &str) -> Option<Hash> {
    let bytes = BASE64.decode(text).ok()?;
    Hash::try_from(bytes.as_slice()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, Stamp};

    fn checkpoint() -> Checkpoint {
        let mut chain = Chain::default();
        let stamp = Stamp {
            epoch: 3,
            time_ms: 5,
            replica: "a".into(),
        };
        chain.append(&Entry::of("x"), &stamp).unwrap();
        Checkpoint::of(&chain, "example.org/ledger", 3, 9, 0)
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_signed() {
        let signer = Signer::new("example.org/ledger", &[1; 32]).unwrap();
        let note = checkpoint().sign(&signer);
        let opened = Checkpoint::open(&note, &[signer.verifier()]);
        assert_eq!(opened, Ok(checkpoint()));
        let other = note.replace("\n1\n", "\n2\n");
        assert_eq!(
            Checkpoint::open(&other, &[signer.verifier()]),
            Err(CheckpointError::Note(NoteError::NotSigned))
        );
    }

    #[test]
    fn a_signed_text_in_another_form_is_no_checkpoint() {
        let signer = Signer::new("k", &[1; 32]).unwrap();
        let good = checkpoint().text();
        for text in [
            good.replace("\n1\n", "\n01\n"),
            good.replace("\n1\n", "\n+1\n"),
            good.replace("head ", "Head "),
            good.replace("previous 0", "previous 2"),
            good.replace("previous 0\n", ""),
            good.replace("example.org/ledger", ""),
        ] {
            assert_ne!(text, good, "the test changed nothing");
            let opened = Checkpoint::open(&signer.sign(&text), &[signer.verifier()]);
            assert_eq!(opened, Err(CheckpointError::Form), "{text}");
        }
        let longer = format!("{good}a line of a later version\n");
        assert!(Checkpoint::open(&signer.sign(&longer), &[signer.verifier()]).is_ok());
    }
}
