use super::*;

const NOW: u64 = 1_790_000_000;

fn ring() -> Keyring {
    Keyring::new(SigningSecret::new(&[7; 32]))
}

fn token() -> GrantToken {
    GrantToken {
        iss: "https://bailiwick.example".into(),
        aud: "https://bailiwick.example".into(),
        sub: "agent/reader".into(),
        txn: "g-1".into(),
        jti: "t-1".into(),
        iat: NOW,
        exp: NOW + 300,
        grant: "g-1".into(),
        agent: "reader".into(),
        task: "post".into(),
        jkt: Some("thumb".into()),
        requester: BTreeMap::from([("session".into(), "s-1".into())]),
    }
}

fn expected() -> Expected<'static> {
    Expected {
        iss: "https://bailiwick.example",
        aud: "https://bailiwick.example",
        now_secs: NOW,
        lifetime_secs_max: 3_600,
    }
}

/// A token of our own key with a header and claims of the caller's making.
fn forged(header: &str, claims: &str) -> String {
    use ed25519_dalek::Signer as _;
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let signed = format!(
        "{}.{}",
        jws::encode(header.as_bytes()),
        jws::encode(claims.as_bytes())
    );
    let signature = key.sign(signed.as_bytes()).to_bytes();
    format!("{signed}.{}", jws::encode(&signature))
}

fn header() -> String {
    format!(
        r#"{{"alg":"EdDSA","kid":"{}","typ":"txntoken+jwt"}}"#,
        ring().kid()
    )
}

fn claims_with(name: &str, json: &str) -> String {
    let mut claims: serde_json::Value =
        serde_json::from_str(&token().claims().canonical()).unwrap();
    let value = serde_json::from_str(json).unwrap_or(serde_json::Value::Null);
    claims[name] = value;
    serde_json::to_string(&claims).unwrap()
}

fn claims_without(name: &str) -> String {
    let mut claims: serde_json::Value =
        serde_json::from_str(&token().claims().canonical()).unwrap();
    claims.as_object_mut().unwrap().remove(name);
    serde_json::to_string(&claims).unwrap()
}

fn refused(token: &str) -> TokenFault {
    ring().verify(token, &expected()).unwrap_err()
}

#[test]
fn a_token_says_what_it_was_made_to_say() {
    let signed = ring().sign(&token());
    assert_eq!(ring().verify(&signed, &expected()), Ok(token()));
}

#[test]
fn test_14_an_algorithm_other_than_ours_is_refused_in_any_spelling() {
    for algorithm in [
        "none", "None", "nOnE", "HS256", "RS256", "ES256", "Ed25519", "eddsa", "",
    ] {
        let header = header().replace("EdDSA", algorithm);
        let token = forged(&header, &token().claims().canonical());
        assert_eq!(refused(&token), TokenFault::Algorithm, "{algorithm}");
    }
}

#[test]
fn test_15_a_header_that_brings_its_own_key_or_extension_is_refused() {
    for field in [
        r#""jwk":{}"#,
        r#""jku":"https://evil.example""#,
        r#""x5u":"https://evil.example""#,
        r#""x5c":[]"#,
        r#""crit":["b64"]"#,
        r#""b64":false"#,
        r#""zip":"DEF""#,
    ] {
        let header = header().replace('}', &format!(",{field}}}"));
        let token = forged(&header, &token().claims().canonical());
        assert_eq!(refused(&token), TokenFault::UnknownHeader, "{field}");
    }
}

#[test]
fn test_16_a_key_id_is_looked_up_and_never_followed() {
    for kid in [
        "../../etc/passwd",
        "' OR 1=1 --",
        "unknown",
        &"k".repeat(5_000),
        "",
    ] {
        let header = header().replace(ring().kid(), kid);
        let token = forged(&header, &token().claims().canonical());
        assert_eq!(refused(&token), TokenFault::UnknownKey, "{kid}");
    }
    let without = r#"{"alg":"EdDSA","typ":"txntoken+jwt"}"#;
    let token = forged(without, &token().claims().canonical());
    assert_eq!(refused(&token), TokenFault::UnknownKey);
}

#[test]
fn test_18_times_are_whole_seconds_that_are_there() {
    for (name, json) in [
        ("exp", "null"),
        ("exp", r#""1790000300""#),
        ("exp", "-1"),
        ("exp", "[1790000300]"),
        ("nbf", r#""1790000000""#),
        ("iat", "true"),
    ] {
        let refused = refused(&forged(&header(), &claims_with(name, json)));
        // `nbf` is none of our claims at all.
        let asked = matches!(refused, TokenFault::Claims | TokenFault::UnknownClaim(_));
        assert!(asked, "{name} {json}: {refused}");
    }
    for name in ["exp", "iat"] {
        let refused = refused(&forged(&header(), &claims_without(name)));
        assert_eq!(
            refused,
            TokenFault::Missing(if name == "exp" { "exp" } else { "iat" })
        );
    }
    let huge = claims_with("exp", "0").replace(r#""exp":0"#, r#""exp":1e308"#);
    assert!(!refused(&forged(&header(), &huge)).is_malformed());
    let future = forged(&header(), &claims_with("iat", &(NOW + 31).to_string()));
    assert_eq!(refused(&future), TokenFault::TooEarly);
}

#[test]
fn test_19_a_token_that_lives_longer_than_it_may_is_refused() {
    let year = forged(
        &header(),
        &claims_with("exp", &(NOW + 31_536_000).to_string()),
    );
    assert_eq!(refused(&year), TokenFault::TooLasting);
}

#[test]
fn test_20_a_token_is_for_one_audience_and_that_is_ours() {
    let fifty: Vec<String> = (0..49).map(|n| format!("https://{n}.example")).collect();
    let fifty = [fifty, vec!["https://bailiwick.example".into()]].concat();
    let fifty = serde_json::to_string(&fifty).unwrap();
    for audience in [
        r#""https://bailiwick.example/""#,
        r#""https://bailiwick.example.evil""#,
        r#""https://bailiwick""#,
        r#""https://Bailiwick.example""#,
        r#"["https://bailiwick.example","x"]"#,
        "[]",
        &fifty,
    ] {
        let token = forged(&header(), &claims_with("aud", audience));
        assert_eq!(refused(&token), TokenFault::Audience, "{audience}");
    }
    let token = forged(&header(), &claims_without("aud"));
    assert_eq!(refused(&token), TokenFault::Missing("aud"));
    let one = forged(
        &header(),
        &claims_with("aud", r#"["https://bailiwick.example"]"#),
    );
    assert!(ring().verify(&one, &expected()).is_ok());
}

#[test]
fn test_21_an_issuer_is_ours_to_the_letter() {
    for issuer in [
        r#""https://bailiwick.example/""#,
        r#""https://BAILIWICK.example""#,
        r#""https://other.example""#,
    ] {
        let token = forged(&header(), &claims_with("iss", issuer));
        assert_eq!(refused(&token), TokenFault::Issuer, "{issuer}");
    }
}

#[test]
fn test_22_a_token_has_one_spelling() {
    let good = ring().sign(&token());
    let parts: Vec<&str> = good.split('.').collect();
    let [head, claims, signature] = parts[..] else {
        panic!("three parts")
    };
    let twice = format!(
        r#"{{"alg":"EdDSA","alg":"EdDSA","kid":"{}","typ":"txntoken+jwt"}}"#,
        ring().kid()
    );
    let twice_in_claims = token()
        .claims()
        .canonical()
        .replace(r#""jti":"t-1""#, r#""jti":"t-1","jti":"t-2""#);
    // The last letter of 64 bytes has four spare bits.
    let last = signature.chars().last().unwrap();
    let next = char::from_u32(u32::from(last) + 1).unwrap().to_string();
    let other = if last == 'A' { "B" } else { next.as_str() };
    let spare = signature.trim_end_matches(last).to_owned() + other;
    for token in [
        format!(" {good}"),
        format!("{good}\n"),
        format!("{good}="),
        format!("{good}."),
        format!("{good}.x.y"),
        format!("{head}.{claims}"),
        format!("{head}..{signature}"),
        format!("{head}.{claims}."),
        format!("{head}.{claims}.{signature}{signature}").replace('_', "/"),
        format!("{head}\r\n.{claims}.{signature}"),
        format!("{head}.{claims}.{spare}"),
        forged(&twice, &self::token().claims().canonical()),
        forged(&header(), &twice_in_claims),
        forged("[]", "{}"),
        forged(&header(), "\"claims\""),
        r#"{"payload":"e30","signatures":[]}"#.to_owned(),
        String::new(),
    ] {
        let fault = ring().verify(&token, &expected()).unwrap_err();
        let signed_elsewhere = fault == TokenFault::Signature;
        assert!(fault.is_malformed() || signed_elsewhere, "{token}: {fault}");
    }
}

#[test]
fn test_23_a_token_that_is_large_deep_or_full_is_refused_for_its_size() {
    assert_eq!(refused(&"a".repeat(16 << 10)), TokenFault::TooLong);
    let deep = forged(
        &header(),
        &claims_with("rctx", "0").replace(
            r#""rctx":0"#,
            &format!(r#""rctx":{}1{}"#, "[".repeat(64), "]".repeat(64)),
        ),
    );
    assert!(matches!(refused(&deep), TokenFault::Json { .. }) && refused(&deep).is_malformed());
    let many: Vec<String> = (0..500).map(|n| format!("\"c{n}\":0")).collect();
    let many = forged(&header(), &format!("{{{}}}", many.join(",")));
    assert!(matches!(refused(&many), TokenFault::Json { .. }) && refused(&many).is_malformed());
}

#[test]
fn test_26_a_token_of_another_kind_is_refused_however_well_it_is_signed() {
    for kind in [
        "JWT",
        "at+jwt",
        "dpop+jwt",
        "txntoken",
        "application/txntoken+jwt",
        "",
    ] {
        let header = header().replace("txntoken+jwt", kind);
        let token = forged(&header, &token().claims().canonical());
        assert_eq!(refused(&token), TokenFault::Type, "{kind}");
    }
    let without = format!(r#"{{"alg":"EdDSA","kid":"{}"}}"#, ring().kid());
    let token = forged(&without, &token().claims().canonical());
    assert_eq!(refused(&token), TokenFault::Type);
}

#[test]
fn a_claim_that_nobody_asked_for_is_refused() {
    let token = forged(&header(), &claims_with("admin", "true"));
    assert_eq!(refused(&token), TokenFault::UnknownClaim("admin".into()));
}

#[test]
fn a_token_ends_at_its_second_and_lives_no_longer_for_any_skew() {
    let token = ring().sign(&token());
    let at = |now_secs| Expected {
        now_secs,
        ..expected()
    };
    assert!(ring().verify(&token, &at(NOW + 299)).is_ok());
    assert_eq!(
        ring().verify(&token, &at(NOW + 300)),
        Err(TokenFault::Expired)
    );
    assert!(ring().verify(&token, &at(NOW - 30)).is_ok());
    assert_eq!(
        ring().verify(&token, &at(NOW - 31)),
        Err(TokenFault::TooEarly)
    );
}

#[test]
fn a_changed_byte_breaks_the_signature() {
    let good = ring().sign(&token());
    let claims = claims_with("jti", r#""t-2""#);
    let parts: Vec<&str> = good.split('.').collect();
    let swapped = format!(
        "{}.{}.{}",
        parts[0],
        jws::encode(claims.as_bytes()),
        parts[2]
    );
    assert_eq!(refused(&swapped), TokenFault::Signature);
    let stranger = Keyring::new(SigningSecret::new(&[8; 32])).sign(&token());
    assert_eq!(refused(&stranger), TokenFault::UnknownKey);
}

#[test]
fn after_a_rotation_the_tokens_of_before_are_taken_until_they_would_have_ended() {
    let before = ring().sign(&token());
    let ring = ring().rotated(SigningSecret::new(&[9; 32]), NOW + 100);
    let at = |now_secs| Expected {
        now_secs,
        ..expected()
    };
    assert!(ring.verify(&before, &at(NOW + 99)).is_ok());
    assert_eq!(
        ring.verify(&before, &at(NOW + 100)),
        Err(TokenFault::UnknownKey)
    );
    let after = ring.sign(&token());
    assert!(ring.verify(&after, &at(NOW + 200)).is_ok());
    let published =
        crate::json::read(ring.jwks(NOW).as_bytes(), crate::json::Bounds::TOKEN).unwrap();
    let Some(Value::List(keys)) = published.get("keys") else {
        panic!("keys")
    };
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0].get("kid").and_then(Value::text), Some(ring.kid()));
    assert!(keys.iter().all(|key| key.get("d").is_none()));
    assert!(
        !ring
            .jwks(NOW + 100)
            .contains(&super::tests::ring().kid().to_owned())
    );
}

#[test]
fn a_key_ring_does_not_show_its_secret() {
    let shown = format!("{:?}", ring());
    assert!(
        !shown.contains("7, 7") && !shown.contains("070707"),
        "{shown}"
    );
}

// RFC 8037, appendix A.3.
#[test]
fn the_thumbprint_is_that_of_the_standard() {
    let key = crate::json::read(
        br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        crate::json::Bounds::TOKEN,
    )
    .unwrap();
    assert_eq!(
        Jwk::read(&key).unwrap().thumbprint(),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
}
