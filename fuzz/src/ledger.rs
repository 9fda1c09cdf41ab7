use bailiwick_ledger::{
    Hash, Record, checkpoint::Checkpoint, note::Verifier as Key, shown::shown, verify::Verifier,
};

use crate::text;

/// A line is the one spelling of an entry or refused; a note and a key likewise; a verifier that is
/// given anything answers.
pub fn ledger(input: &[u8]) {
    let text = text(input);
    if let Ok(record) = Record::from_line(text) {
        assert_eq!(record.to_line(), text);
    }
    if let Ok(record) = Record::from_text(Hash::ZERO, text) {
        let line = record.to_line();
        assert_eq!(Record::from_line(&line).as_ref(), Ok(&record));
        let obeyed = |letter: char| letter.is_control();
        assert!(!shown(record.text()).contains(obeyed));
    }
    if let Ok(key) = text.parse::<Key>() {
        assert_eq!(key.to_string().parse(), Ok(key.clone()));
        assert!(Checkpoint::open(text, &[key]).is_err());
    }
    let mut verifier = Verifier::new(&[]);
    let held = text
        .lines()
        .take_while(|line| verifier.line(line).is_ok())
        .count();
    let verified = verifier.finish().map(|verified| verified.entries);
    assert_eq!(verified, Ok(held as u64));
}
