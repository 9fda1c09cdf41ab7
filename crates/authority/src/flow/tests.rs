use super::*;

fn found(json: &str) -> Vec<String> {
    let value = crate::json::read(json.as_bytes(), crate::json::Bounds::REQUEST).unwrap();
    let mut found = Vec::new();
    values(&value, "args", &mut |_, value| {
        found.push(value.to_owned());
        true
    });
    found
}

#[test]
fn an_address_a_link_and_a_number_in_prose_are_found() {
    let found = found(
        r#""Please pay to DE89370400440532013000 and tell Bob@Evil.example (https://evil.example/x?id=77ab), thanks.""#,
    );
    for value in [
        "de89370400440532013000",
        "bob@evil.example",
        "evil.example",
        "77ab",
    ] {
        assert!(found.iter().any(|one| one == value), "{value}: {found:?}");
    }
    for word in ["please", "thanks", "tell"] {
        assert!(!found.iter().any(|one| one == word), "{word}");
    }
}

#[test]
fn a_whole_text_is_a_value_and_a_small_number_is_none() {
    assert_eq!(
        found(r#"["Acme Limited", 12, 1200, true, null, "abc"]"#),
        ["acme limited", "1200"]
    );
}

#[test]
fn more_values_than_are_remembered_are_every_value() {
    let mut seen = Seen::default();
    for hash in 0..1_024 {
        seen.add(hash);
    }
    assert!(!seen.holds(5_000));
    seen.add(1_024);
    assert_eq!(seen, Seen::Everything);
    assert!(seen.holds(5_000));
}

#[test]
fn what_was_seen_survives_being_kept() {
    let mut seen = Seen::default();
    seen.add(u64::MAX);
    seen.add(7);
    for seen in [Seen::default(), seen, Seen::Everything] {
        let kept = serde_json::to_string(&seen).unwrap();
        assert_eq!(serde_json::from_str::<Seen>(&kept).unwrap(), seen);
    }
    assert!(serde_json::from_str::<Seen>("\"AAAA\"").is_err());
}
