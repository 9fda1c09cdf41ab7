//! People whom an issuer vouches for, from the file of settings to the role that each has.

use std::path::Path;

use bailiwick_identity::{People, Person, Unproved, Verdict, settings};
use serde_json::{Value, json};

use crate::issuer::Issuer;
use crate::server::Said;
use crate::sign::Signer;

const AUDIENCE: &str = "https://bailiwick.example.com/operators";
const NOW: u64 = 1_800_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    Viewer,
    Operator,
}

struct Scene(Issuer);

impl Scene {
    fn new() -> Self {
        Self(Issuer::new())
    }

    fn people(&self, rules: &str) -> People<Role> {
        let issuer = self.0.server.url();
        let of_kind = format!("kind = \"oidc\"\nissuer = \"{issuer}\"");
        let text = self.0.settings(AUDIENCE, &of_kind) + &rules.replace("ISSUER", &issuer);
        settings::people("operators.toml".as_ref(), &text).unwrap()
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.0.server.url(), "sub": "olga", "aud": AUDIENCE, "iat": NOW, "exp": NOW + 300,
            "groups": ["staff", "oncall"],
            "realm_access": { "roles": ["auditor"] },
        })
    }

    fn token(&self, kind: &str, claims: &Value) -> String {
        self.0.token(kind, claims)
    }

    async fn role(&self, rules: &str, claims: &Value) -> Option<Role> {
        let token = self.token("at+jwt", claims);
        let person = self.people(rules).verify(&token, NOW * 1_000).await;
        let Person {
            subject,
            role,
            issuer,
        } = person.unwrap().unwrap();
        assert_eq!((issuer, subject.as_str()), (self.0.server.url(), "olga"));
        role
    }
}

fn rule(role: &str, who: &str) -> String {
    format!("[[operator]]\nrole = \"{role}\"\nissuer = \"ISSUER\"\n{who}\n")
}

#[tokio::test]
async fn a_role_is_given_by_subject_by_group_or_by_both_and_the_highest_counts() {
    let scene = Scene::new();
    let claims = scene.claims();
    for (who, is_named) in [
        ("subject = \"olga\"", true),
        ("subject = \"Olga\"", false),
        ("group = \"oncall\"", true),
        ("group = \"on\"", false),
        ("group = \"auditor\"", false),
        (
            "group = \"auditor\"\ngroups-claim = \"/realm_access/roles\"",
            true,
        ),
        ("group = \"oncall\"\nsubject = \"olga\"", true),
        ("group = \"oncall\"\nsubject = \"paul\"", false),
        ("group = \"admins\"\nsubject = \"olga\"", false),
    ] {
        let role = scene.role(&rule("viewer", who), &claims).await;
        assert_eq!(role, is_named.then_some(Role::Viewer), "{who}");
    }
    let both = rule("operator", "group = \"oncall\"") + &rule("viewer", "group = \"staff\"");
    assert_eq!(scene.role(&both, &claims).await, Some(Role::Operator));
    // One group as a text is one name; what is no list of names is none.
    for (groups, is_named) in [
        (json!("oncall"), true),
        (json!("staff oncall"), false),
        (json!({ "oncall": true }), false),
        (json!([["oncall"]]), false),
        (Value::Null, false),
    ] {
        let mut claims = claims.clone();
        claims["groups"] = groups.clone();
        let oncall = rule("viewer", "group = \"oncall\"");
        let role = scene.role(&oncall, &claims).await;
        assert_eq!(role.is_some(), is_named, "{groups}");
    }
}

#[tokio::test]
async fn what_is_no_access_token_for_this_authority_vouches_for_nobody() {
    let scene = Scene::new();
    let people = scene.people(&rule("operator", "subject = \"olga\""));
    let verify = async |token: &str| people.verify(token, NOW * 1_000).await;
    let refused = |result: Result<Option<Person<Role>>, Unproved>| {
        let error = result.unwrap_err();
        assert_eq!(error.verdict(), Verdict::Refused, "{error}");
        error.code()
    };
    let claims = scene.claims();
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    assert!(
        verify(&scene.token("at+jwt", &claims))
            .await
            .unwrap()
            .is_some()
    );
    // Test 26 of the list of required ones: an ID token where an access token is asked for.
    for kind in ["JWT", "", "id_token", "txntoken+jwt"] {
        assert_eq!(
            refused(verify(&scene.token(kind, &claims)).await),
            "token_type"
        );
    }
    for (name, value, code) in [
        (
            "aud",
            json!("https://bailiwick.example.com"),
            "token_audience",
        ),
        (
            "aud",
            json!([AUDIENCE, "https://other.example"]),
            "token_audience",
        ),
        ("exp", json!(NOW), "token_expired"),
        ("exp", json!(NOW + 90_000), "token_lifetime"),
        ("cnf", json!({ "jkt": "x" }), "token_claims"),
    ] {
        let token = scene.token("at+jwt", &with(name, value));
        assert_eq!(refused(verify(&token).await), code, "{name}");
    }
    let stranger = Signer::rsa();
    let header = json!({ "alg": "RS256", "kid": "k", "typ": "at+jwt" });
    assert_eq!(
        refused(verify(&stranger.token(&header, &claims)).await),
        "token_signature"
    );
    // Of nobody that is known here: it may be a token of another kind, and is not refused as one.
    let elsewhere = with("iss", json!("https://other.example"));
    for token in [
        scene.token("at+jwt", &elsewhere),
        "x".to_owned(),
        "a.b.c".to_owned(),
    ] {
        assert_eq!(verify(&token).await.unwrap(), None, "{token}");
    }
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_vouches_for_nobody_and_says_so() {
    let scene = Scene::new();
    let people = scene.people(&rule("operator", "subject = \"olga\""));
    scene.0.server.answers(|_| Said::status(500));
    let token = scene.token("at+jwt", &scene.claims());
    let error = people.verify(&token, NOW * 1_000).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Unavailable, "{error}");
}

#[test]
fn the_file_that_the_manual_shows_is_one() {
    let page = bailiwick_testkit::repository().join("docs/operate/operators.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, shown) = page.split_once("```toml\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let people = settings::people::<Role>(Path::new("operators.toml"), shown).unwrap();
    assert_eq!((people.rules(), people.audiences().count()), (3, 1));
}
