use serde_json::json;

use super::*;

fn stamp(time_ms: u64) -> Stamp {
    Stamp {
        epoch: 1,
        time_ms,
        replica: "a".into(),
    }
}

fn two() -> [Record; 2] {
    let mut chain = Chain::default();
    ["grant.requested", "grant.approved"]
        .map(|event| chain.append(&Entry::of(event), &stamp(7)).unwrap())
}

#[test]
fn an_entry_follows_the_one_before() {
    let [first, second] = two();
    assert_eq!((first.seq(), first.prev()), (0, Hash::ZERO));
    assert_eq!((second.seq(), second.prev()), (1, first.hash()));
    assert_eq!(
        first.text(),
        r#"{"epoch":1,"event":"grant.requested","replica":"a","seq":0,"time_ms":7,"v":1}"#
    );
    assert_eq!(second.time_ms(), Some(7));
}

#[test]
fn a_line_is_read_as_it_was_written() {
    for record in two() {
        assert_eq!(Record::from_line(&record.to_line()), Ok(record.clone()));
        assert_eq!(
            record.entry().unwrap().event,
            if record.seq() == 0 {
                "grant.requested"
            } else {
                "grant.approved"
            }
        );
    }
}

#[test]
fn a_line_has_one_spelling() {
    let [line, _] = two().map(|record| record.to_line());
    for other in [
        line.replace(r#""seq":0"#, r#""seq":0,"seq":0"#),
        line.replace(r#""seq":0"#, r#""seq": 0"#),
        line.replace("grant.requested", r"grant\u002erequested"),
        line.replace(
            r#""epoch":1,"event":"grant.requested""#,
            r#""event":"grant.requested","epoch":1"#,
        ),
        line.replace(r#","hash""#, r#", "hash""#),
        line.replace(r#","hash""#, r#","more":1,"hash""#),
        format!("{line} "),
    ] {
        assert_ne!(other, line, "the test changed nothing");
        assert!(Record::from_line(&other).is_err(), "{other}");
    }
}

#[test]
fn a_changed_text_has_another_hash() {
    let [first, _] = two();
    let line = first.to_line().replace("requested", "approved");
    assert!(matches!(
        Record::from_line(&line),
        Err(DecodeError::Hash { seq: 0, .. })
    ));
}

#[test]
fn a_field_of_a_later_version_is_kept() {
    let text =
        r#"{"epoch":1,"event":"x","replica":"a","seq":0,"time_ms":7,"v":1,"weather":{"wind":[3]}}"#;
    let record = Record::from_text(Hash::ZERO, text).unwrap();
    assert_eq!(record.text(), text);
    assert!(record.to_line().contains(r#""weather":{"wind":[3]}"#));
    assert_eq!(record.entry().unwrap(), Entry::of("x"));
}

#[test]
fn another_format_is_refused() {
    let text = r#"{"epoch":1,"event":"x","replica":"a","seq":0,"time_ms":7,"v":2}"#;
    assert_eq!(
        Record::from_text(Hash::ZERO, text),
        Err(DecodeError::Version(2))
    );
}

#[test]
fn an_entry_that_cannot_be_placed_leaves_the_chain_as_it_was() {
    let mut chain = Chain::default();
    let mut entry = Entry::of("x".repeat(RECORD_LENGTH_MAX));
    let before = chain.clone();
    assert!(matches!(
        chain.append(&entry, &stamp(1)),
        Err(AppendError::TooLong(_))
    ));
    entry = Entry::of("x");
    assert!(matches!(
        chain.append(&entry, &stamp(u64::MAX)),
        Err(AppendError::Number(_))
    ));
    assert_eq!(chain, before);
}

#[test]
fn absent_fields_are_not_written() {
    let value = serde_json::to_value(Entry::of("x")).unwrap();
    assert_eq!(value, json!({"event": "x"}));
}

proptest::proptest! {
    #[test]
    fn whatever_a_damaged_line_is_read_as_is_written_as_that_line(
        at in proptest::prelude::any::<proptest::sample::Index>(),
        what in 0_u8..128,
        kind in 0..3,
    ) {
        let [first, _] = two();
        let mut line = first.to_line().into_bytes();
        let at = at.index(line.len());
        match kind {
            0 => drop(line.remove(at)),
            1 => line[at] = what,
            _ => line.insert(at, what),
        }
        let line = String::from_utf8(line).unwrap();
        if let Ok(read) = Record::from_line(&line) {
            proptest::prop_assert_eq!(read.to_line(), line.as_str());
        }
        if let Ok(read) = Record::from_text(Hash::ZERO, &line) {
            proptest::prop_assert_eq!(read.text(), line.as_str());
        }
    }
}
