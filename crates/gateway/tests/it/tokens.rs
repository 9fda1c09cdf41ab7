//! What is shown for a token, over HTTP. The same is tested claim by claim in `authority`.

use bailiwick_authority::token::Jwk;
use bailiwick_ledger::Hash;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

use crate::house::{BEGIN_MS, House, OPERATOR, VIEWER, evaluation};

/// The key that the house signs tokens with.
const TOKENS: [u8; 32] = [7; 32];

fn signed(secret: &[u8; 32], header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    let signature = SigningKey::from_bytes(secret).sign(signed.as_bytes());
    format!("{signed}.{}", BASE64.encode(signature.to_bytes()))
}

/// The header and the claims of a token.
fn parts(token: &str) -> (Value, Value) {
    let part = |at: usize| {
        let bytes = BASE64.decode(token.split('.').nth(at).unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    (part(0), part(1))
}

// Tests 18 to 23 of the list of required ones: claims that are absent, of another type, too lasting,
// for others, by others (401); spelled otherwise, too large (400). One that the charter would allow is
// denied for each of them, and the same token as it was made is taken.
#[test]
fn a_token_that_differs_in_anything_is_shown_in_vain() {
    let house = House::new();
    let (_, token) = house.grant("invoice");
    let good = token.strip_prefix("Bearer ").unwrap();
    let (header, claims) = parts(good);
    let header = header.to_string();
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        signed(&TOKENS, &header, &claims.to_string())
    };
    let without = |name: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        signed(&TOKENS, &header, &claims.to_string())
    };
    assert!(house.allows(&token, "invoice"));
    let again = signed(&TOKENS, &header, &claims.to_string());
    assert!(
        house.allows(&format!("Bearer {again}"), "invoice"),
        "the forger signs as we do"
    );
    let now = BEGIN_MS / 1_000;
    let twice = claims.to_string().replacen('{', "{\"jti\":\"x\",", 1);
    let huge = with_text(&claims, "exp", "1e308");
    let (head, rest) = good.split_once('.').unwrap();
    for (what, token) in [
        ("18 no end", without("exp")),
        (
            "18 an end of another type",
            with("exp", json!((now + 60).to_string())),
        ),
        ("18 an end before time", with("exp", json!(-1))),
        ("18 an end beyond numbers", signed(&TOKENS, &header, &huge)),
        ("18 nbf", with("nbf", json!("0"))),
        ("18 from the future", with("iat", json!(now + 3_600))),
        ("19 for a year", with("exp", json!(now + 31_536_000))),
        ("20 for nobody", without("aud")),
        ("20 for another", with("aud", json!("bailiwick.test.evil"))),
        (
            "20 for one that is spelled alike",
            with("aud", json!("Bailiwick.test")),
        ),
        ("20 for many", with("aud", json!(["bailiwick.test", "x"]))),
        ("21 by another", with("iss", json!("bailiwick.test/"))),
        ("22 a claim twice", signed(&TOKENS, &header, &twice)),
        ("22 padding", format!("{good}=")),
        ("22 a space", format!("{head} .{rest}")),
        ("22 JWE", format!("{good}.e30.e30")),
        ("22 a part more", format!("{good}.x")),
        (
            "22 a part less",
            head.to_owned() + "." + rest.split_once('.').unwrap().0,
        ),
        (
            "22 JSON",
            "{\"payload\":\"e30\",\"signatures\":[]}".to_owned(),
        ),
        ("23 16 KiB", "a".repeat(16 << 10)),
        ("23 10 KiB", format!("{good}{}", "a".repeat(10 << 10))),
        (
            "23 deep",
            with(
                "rctx",
                serde_json::from_str(&("[".repeat(64) + &"]".repeat(64))).unwrap(),
            ),
        ),
        (
            "23 thousands of claims",
            with("tctx", json!(vec![0; 2_000])),
        ),
        (
            "another key",
            signed(&[9; 32], &header, &claims.to_string()),
        ),
    ] {
        let shown = format!("Bearer {token}");
        let answer = house.call(&shown, "invoice", "ledger/post", &json!({ "amount": 1 }));
        let is_none = what.starts_with("22") || what.starts_with("23");
        let status = if is_none { 400 } else { 401 };
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
        assert!(!answer.body.contains("decision"), "{what}");
    }
    let decisions = house.records();
    let decisions = decisions.iter().filter(|one| one["event"] == "decision");
    assert_eq!(decisions.count(), 2, "nothing was decided for any of them");
    // The opaque token of somebody else is no malformed one of ours.
    assert_eq!(
        house
            .call(
                "Bearer 2YotnFZFEjr1zCsicMWpAA",
                "invoice",
                "ledger/post",
                &json!({})
            )
            .status,
        401
    );
}

/// Claims with this text, which no reader may make another of, as the value of one.
fn with_text(claims: &Value, name: &str, text: &str) -> String {
    let mut claims = claims.clone();
    claims[name] = "HERE".into();
    claims.to_string().replace("\"HERE\"", text)
}

// Test 26. A grant token proves no identity; a token of another kind, and an operator's, hold no grant.
#[test]
fn a_token_of_one_kind_is_no_token_of_another() {
    let house = House::new();
    let (id, token) = house.grant("invoice");
    let (header, claims) = parts(token.strip_prefix("Bearer ").unwrap());
    let body = json!({ "agent": "invoice", "task": "look" });
    assert_eq!(house.ask(&token, "POST", "/v1/grants", &body).status, 401);
    for kind in ["JWT", "at+jwt", "dpop+jwt", "id_token"] {
        let header = header.to_string().replace("txntoken+jwt", kind);
        let other = format!("Bearer {}", signed(&TOKENS, &header, &claims.to_string()));
        let answer = house.call(&other, "invoice", "ledger/post", &json!({ "amount": 1 }));
        assert_eq!(answer.status, 401, "{kind}: {}", answer.body);
    }
    let complete = format!("/v1/grants/{id}/complete");
    assert_eq!(
        house.ask(OPERATOR, "POST", &complete, &Value::Null).status,
        403
    );
    assert!(house.allows(&token, "invoice"));
}

struct Holder(SigningKey);

impl Holder {
    fn thumbprint(&self) -> String {
        Jwk::Ed25519(self.0.verifying_key()).thumbprint()
    }

    fn jwk(&self) -> Value {
        let key = Jwk::Ed25519(self.0.verifying_key()).value().canonical();
        serde_json::from_str(&key).unwrap()
    }

    fn proof(&self, header: &Value, claims: &Value) -> String {
        signed(self.0.as_bytes(), &header.to_string(), &claims.to_string())
    }
}

fn header(holder: &Holder) -> Value {
    json!({ "alg": "EdDSA", "jwk": holder.jwk(), "typ": "dpop+jwt" })
}

/// Asks for a call as the holder of a token that is bound to a key, with these proofs.
fn proved(house: &House, token: &str, proofs: &[&str]) -> (u16, Value) {
    let shown = format!("DPoP {token}");
    let mut headers = vec![
        ("content-type", "application/json"),
        ("authorization", shown.as_str()),
    ];
    headers.extend(proofs.iter().map(|proof| ("dpop", *proof)));
    let body = evaluation("invoice", "ledger/post", &json!({ "amount": 1 })).to_string();
    let answer = house
        .client()
        .ask("POST", "/access/v1/evaluation", &headers, &body)
        .unwrap();
    (answer.status, answer.json())
}

// Test 35.
#[test]
fn a_token_bound_to_a_key_is_worth_nothing_without_a_new_proof_of_it_for_this_very_request() {
    let house = House::new();
    let holder = Holder(SigningKey::from_bytes(&[5; 32]));
    let stranger = Holder(SigningKey::from_bytes(&[6; 32]));
    let wanted = json!({
        "agent": "invoice", "task": "post", "parameters": { "tenant": "acme" },
        "key_thumbprint": holder.thumbprint(),
    });
    let opened = house.open("invoice", &wanted).json();
    assert_eq!(opened["token_type"], "DPoP");
    let token = opened["token"].as_str().unwrap();
    let ath = |token: &str| BASE64.encode(Hash::of(&[token.as_bytes()]).as_bytes());
    let claims = |id: &str| {
        json!({
            "htm": "POST",
            "htu": format!("http://{}/access/v1/evaluation", house.address),
            "iat": BEGIN_MS / 1_000,
            "jti": id,
            "ath": ath(token),
        })
    };
    let with = |id: &str, name: &str, value: Value| {
        let mut claims = claims(id);
        claims[name] = value;
        holder.proof(&header(&holder), &claims)
    };
    let good = holder.proof(&header(&holder), &claims("p-1"));
    let (status, answer) = proved(&house, token, &[&good]);
    assert_eq!(
        (status, &answer["decision"]),
        (200, &json!(true)),
        "{answer}"
    );
    let mut private = header(&holder);
    private["jwk"]["d"] = "AAAA".into();
    let mut symmetric = header(&holder);
    symmetric["jwk"] = json!({ "kty": "oct", "k": "AAAA" });
    let now = BEGIN_MS / 1_000;
    for (what, proof) in [
        ("the same again", good.clone()),
        ("another method", with("p-2", "htm", json!("GET"))),
        (
            "another path",
            with(
                "p-3",
                "htu",
                json!(format!("http://{}/v1/kill", house.address)),
            ),
        ),
        (
            "another host",
            with("p-4", "htu", json!("http://evil/access/v1/evaluation")),
        ),
        ("another token", with("p-5", "ath", json!(ath("x")))),
        ("old", with("p-6", "iat", json!(now - 61))),
        ("from the future", with("p-7", "iat", json!(now + 31))),
        (
            "another key",
            stranger.proof(&header(&stranger), &claims("p-8")),
        ),
        (
            "signed by another",
            stranger.proof(&header(&holder), &claims("p-9")),
        ),
        ("a private key", holder.proof(&private, &claims("p-10"))),
        ("a symmetric key", holder.proof(&symmetric, &claims("p-11"))),
        ("no proof", "x".to_owned()),
    ] {
        let (status, answer) = proved(&house, token, &[&proof]);
        assert_eq!(status, 401, "{what}: {answer}");
    }
    assert_eq!(proved(&house, token, &[]).0, 401, "none");
    let two = [
        with("p-12", "htm", json!("POST")),
        with("p-13", "htm", json!("POST")),
    ];
    assert_ne!(proved(&house, token, &[&two[0], &two[1]]).0, 200, "two");
    let bearer = format!("Bearer {token}");
    let shown = house.call(&bearer, "invoice", "ledger/post", &json!({ "amount": 1 }));
    assert_eq!(shown.status, 401, "as a bearer token");
    let (_, unbound) = house.grant("invoice");
    let unbound = unbound.strip_prefix("Bearer ").unwrap();
    let other = holder.proof(&header(&holder), &claims("p-14"));
    assert_eq!(
        proved(&house, unbound, &[&other]).0,
        401,
        "a token that is bound to no key"
    );
}

#[test]
fn the_published_keys_verify_a_token_and_hold_no_secret() {
    let house = House::new();
    let (_, token) = house.grant("invoice");
    let answer = house.ask("", "GET", "/.well-known/jwks.json", &Value::Null);
    let keys = answer.json()["keys"].clone();
    let token = token.strip_prefix("Bearer ").unwrap();
    let (header, _) = parts(token);
    let key = keys
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == header["kid"]);
    let key = key.unwrap();
    assert!(key.get("d").is_none(), "{key}");
    let point = BASE64.decode(key["x"].as_str().unwrap()).unwrap();
    let key = ed25519_dalek::VerifyingKey::from_bytes(&point.try_into().unwrap()).unwrap();
    let (said, signature) = token.rsplit_once('.').unwrap();
    let signature = BASE64.decode(signature).unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    assert!(key.verify_strict(said.as_bytes(), &signature).is_ok());
}

#[test]
fn believing_a_name_is_for_development_alone() {
    let body = json!({ "agent": "invoice", "task": "look" });
    let open = |house: &House, name: &str| {
        let shown = format!("Bailiwick-Local {name}");
        house.ask(&shown, "POST", "/v1/grants", &body).status
    };
    assert_eq!(open(&House::new(), "invoice"), 401);
    let trusting = House::of(crate::house::Plan {
        trusts_everybody: true,
        ..crate::house::Plan::default()
    });
    assert_eq!(open(&trusting, "invoice"), 201);
    assert_eq!(
        open(&trusting, "refund"),
        403,
        "it is believed to be who it says, and nobody else"
    );
    let opened = trusting.records();
    let opened = opened.iter().find(|one| one["event"] == "grant.approved");
    assert_eq!(
        opened.unwrap()["agent"]["method"],
        "local_development",
        "the record says so"
    );
    assert_eq!(
        trusting.ask(VIEWER, "POST", "/v1/grants", &body).status,
        401
    );
}
