use bailiwick_review::waiver;

use crate::text;

/// A file of waivers is read, or refused with its reason.
pub fn waivers(input: &[u8]) {
    if let Err(error) = waiver::parse(text(input)) {
        assert!(!error.to_string().is_empty());
    }
}
