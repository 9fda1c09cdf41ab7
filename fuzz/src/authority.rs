use std::sync::LazyLock;

use bailiwick_authority::{
    Authority, Call, Settings, Standing, Target,
    json::{self, Bounds, Value},
    token::{Expected, GRANT_ALGORITHM, GRANT_TYPE, Jws, Keyring, SigningSecret, dpop},
};
use bailiwick_charter::Charter;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ed25519_dalek::{Signer as _, SigningKey};

use crate::text;

const SECRET: [u8; 32] = [7; 32];
const NOW_SECS: u64 = 1_800_000_000;

const EXPECTED: Expected<'_> = Expected {
    iss: "fuzz",
    aud: "fuzz",
    now_secs: NOW_SECS,
    lifetime_secs_max: 3_600,
};

/// A token has one spelling or is refused before its signature is looked at; and of claims that are
/// rightly signed, those are taken that were made for us and are valid now.
pub fn token(input: &[u8]) {
    let shown = text(input);
    let keys = Keyring::new(SigningSecret::new(&SECRET));
    if let Ok(token) = Jws::read(shown) {
        assert!(token.header.record().is_some() && token.claims.record().is_some());
        let signature = BASE64.encode(&token.signature);
        assert_eq!(format!("{}.{signature}", token.signed), shown);
    }
    if let Ok(token) = keys.verify(shown, &EXPECTED) {
        assert_eq!(keys.sign(&token), shown);
    }
    let proof = dpop::Expected {
        method: "POST",
        url: "http://localhost/v1/token",
        access_token: None,
        jkt: None,
        nonce: None,
        now_secs: NOW_SECS,
    };
    if let Ok(proof) = dpop::verify(shown, &proof) {
        assert_eq!(proof.jkt.len(), 43);
    }
    claims(input, &keys);
}

fn claims(claims: &[u8], keys: &Keyring) {
    let header = format!(
        r#"{{"alg":"{GRANT_ALGORITHM}","kid":"{}","typ":"{GRANT_TYPE}"}}"#,
        keys.kid()
    );
    let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    let signature = SigningKey::from_bytes(&SECRET).sign(signed.as_bytes());
    let shown = format!("{signed}.{}", BASE64.encode(signature.to_bytes()));
    let Ok(token) = keys.verify(&shown, &EXPECTED) else {
        return;
    };
    assert_eq!((token.iss.as_str(), token.aud.as_str()), ("fuzz", "fuzz"));
    assert!(token.exp.saturating_sub(token.iat) <= EXPECTED.lifetime_secs_max);
    // Within the skew that clocks may have.
    assert!(token.exp + 600 > NOW_SECS && token.iat < NOW_SECS + 600);
    assert_eq!(
        keys.verify(&keys.sign(&token), &EXPECTED).as_ref(),
        Ok(&token)
    );
}

/// One tool whose conditions ask for every type that an argument may have.
pub(crate) const CHARTER: &str = r#"
agent: fuzzed
owner: { team: t, contact: t@example.com }
purpose: Everything a condition may ask.
environment: prod
mode: brokered
tasks:
  post:
    for: 5m
    tools:
      - { tool: a/number, when: "args.amount <= 1000 && args.amount > 0" }
      - { tool: a/decimal, when: 'args.price.lessThan(decimal("10.5"))' }
      - { tool: a/email, when: 'args.to.domain == "example.com"' }
      - { tool: a/url, when: 'args.url.scheme == "https" && args.url.host == "example.com"' }
      - { tool: a/path, when: 'args.file.folder == "/srv/in" && args.file.extension == "csv"' }
      - { tool: a/arn, when: 'args.role.partition == "aws" && args.role.account == "111122223333"' }
      - { tool: a/set, when: '["a", "b"].containsAll(args.words)' }
      - { tool: a/optional, when: 'args.dry == true || (args has limit && args.limit < 5)' }
      - { tool: a/record, when: 'args.of.name == "x" && args.of.deep.count == 3' }
"#;

const TOOLS: [&str; 9] = [
    "a/number",
    "a/decimal",
    "a/email",
    "a/url",
    "a/path",
    "a/arn",
    "a/set",
    "a/optional",
    "a/record",
];

static AUTHORITY: LazyLock<(Authority, Standing)> = LazyLock::new(|| {
    let charter = Charter::parse("fuzzed.yaml", CHARTER);
    let authority = charter.map(|charter| Authority::of([charter], Settings::default()));
    #[expect(clippy::panic, reason = "the charter above is a constant")]
    let Ok(Ok(authority)) = authority else {
        panic!("{authority:?}")
    };
    let standing = authority.task("fuzzed", "post").map(|task| Standing {
        agent: "fuzzed".into(),
        task: "post".into(),
        charter: task.charter().to_owned(),
        body: task
            .bind([])
            .map(|bound| bound.to_bytes())
            .unwrap_or_default(),
        history: Vec::new(),
    });
    (authority, standing.unwrap_or_default())
});

/// Arguments are read in the one way in which whoever acts on them reads them too; the same are
/// judged alike; and what is allowed meets the condition as a plain reader understands it.
pub fn arguments(input: &[u8]) {
    let (authority, standing) = &*AUTHORITY;
    for tool in TOOLS {
        let Ok(call) = Call::tool(tool, input) else {
            // Whatever the one reader refuses, no tool ever sees.
            return;
        };
        let Target::Tool { args, .. } = &call.target else {
            return;
        };
        let canonical = args.canonical();
        assert_eq!(
            json::read(canonical.as_bytes(), Bounds::REQUEST).as_ref(),
            Ok(args)
        );
        let plain: serde_json::Value = serde_json::from_slice(input).unwrap_or_default();
        assert!(plain.is_object(), "another reader refuses it");
        let now_ms = NOW_SECS * 1_000;
        let judged = authority.judge(standing, &call, now_ms);
        assert_eq!(judged, authority.judge(standing, &call, now_ms));
        if judged.is_allowed() {
            assert!(met(tool, &plain, args), "{tool} {plain}");
        }
    }
}

/// The conditions of the charter above, over JSON as a tool would read it.
fn met(tool: &str, args: &serde_json::Value, strict: &Value) -> bool {
    let of = |pointer: &str| args.pointer(pointer);
    let words = |pointer: &str| {
        of(pointer)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
    };
    let number = |pointer: &str| of(pointer).and_then(serde_json::Value::as_f64);
    match tool {
        "a/number" => number("/amount").is_some_and(|amount| amount > 0.0 && amount <= 1_000.0),
        "a/decimal" => number("/price").is_some_and(|price| price < 10.5),
        "a/email" => {
            let to = words("/to").to_lowercase();
            to.ends_with("@example.com") && to.matches('@').count() == 1
        }
        "a/url" => {
            let url = words("/url").to_lowercase();
            let behind = url.strip_prefix("https://example.com");
            // Whatever stands there, the name ends before it.
            behind.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#', ':']))
        }
        "a/path" => {
            // An extension is one in any letters.
            let file = words("/file");
            file.starts_with("/srv/in/") && file.to_lowercase().ends_with(".csv")
        }
        "a/arn" => words("/role").contains(":111122223333:"),
        "a/set" => of("/words")
            .and_then(serde_json::Value::as_array)
            .is_some_and(|words| words.iter().all(|word| word == "a" || word == "b")),
        "a/optional" => {
            of("/dry") == Some(&true.into()) || number("/limit").is_some_and(|limit| limit < 5.0)
        }
        "a/record" => words("/of/name") == "x" && number("/of/deep/count") == Some(3.0),
        _ => strict.record().is_none(),
    }
}
