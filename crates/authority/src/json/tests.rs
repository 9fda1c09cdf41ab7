use super::*;

fn strictly(text: &str) -> Result<Value, JsonFault> {
    read(text.as_bytes(), Bounds::REQUEST)
}

#[test]
fn a_name_that_stands_twice_is_refused_however_deep_and_however_spelled() {
    for text in [
        r#"{"a":1,"a":2}"#,
        r#"[[{"b":{"a":1,"\u0061":1}}]]"#,
        r#"{"x":{"k":null,"k":null}}"#,
    ] {
        assert!(
            matches!(strictly(text), Err(JsonFault::Twice { .. })),
            "{text}"
        );
    }
    assert!(strictly(r#"{"a":1,"A":2}"#).is_ok());
}

#[test]
fn a_number_is_whole_or_has_four_digits_behind_its_point_and_nothing_else() {
    assert_eq!(strictly("9223372036854775807"), Ok(Value::Long(i64::MAX)));
    assert_eq!(
        strictly("-10.5"),
        Ok(Value::Decimal(Decimal::of_ten_thousandths(-105_000)))
    );
    for text in [
        "9223372036854775808",
        "-9223372036854775809",
        "1e400",
        "1e2",
        "1E2",
        "0.00001",
        "0.1000000000000000000001",
        "-0",
        "-0.0",
        "99999999999999999999.5",
    ] {
        assert!(
            matches!(strictly(text), Err(JsonFault::Number { .. })),
            "{text}"
        );
    }
}

#[test]
fn a_text_that_is_deep_long_or_full_is_refused_before_it_is_built() {
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    assert_eq!(strictly(&deep), Err(JsonFault::TooDeep { most: 32 }));
    let full = format!("[{}1]", "1,".repeat(10_000));
    assert_eq!(strictly(&full), Err(JsonFault::TooMany { most: 10_000 }));
    let long = format!("\"{}\"", "x".repeat(256 << 10));
    assert_eq!(strictly(&long), Err(JsonFault::TooLong { most: 256 << 10 }));
    let just = "[".repeat(32) + &"]".repeat(32);
    assert!(strictly(&just).is_ok());
}

#[test]
fn brackets_in_a_text_are_no_depth() {
    let text = format!("\"{}\\\"{}\"", "[".repeat(100), "{".repeat(100));
    assert!(strictly(&text).is_ok());
}

#[test]
fn what_is_not_json_is_refused_whole() {
    for text in [
        "",
        " ",
        "{} {}",
        "{'a':1}",
        "[1,]",
        "nul",
        "01",
        "+1",
        "\u{feff}{}",
        "[1",
        "\"\u{1}\"",
    ] {
        assert!(strictly(text).is_err(), "{text:?}");
    }
    assert_eq!(read(b"\"\xff\"", Bounds::REQUEST), Err(JsonFault::NotText));
    assert!(strictly("\"\\ud800\"").is_err());
}

#[test]
fn the_canonical_spelling_reads_as_the_same_value() {
    for text in [
        r#"{"b":[1,-2.50,"x\"\n\u0001é"],"a":{"z":null,"y":true}}"#,
        "[]",
        "{}",
        "12.3400",
    ] {
        let value = strictly(text).unwrap();
        assert_eq!(strictly(&value.canonical()), Ok(value), "{text}");
    }
}
