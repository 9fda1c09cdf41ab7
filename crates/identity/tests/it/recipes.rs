//! The recipes of `docs/operate/identity.md`, from the file of settings to the agent that is bound,
//! against servers that answer as the real ones do.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bailiwick_charter::Charter;
use bailiwick_identity::{Method, Proofs, Proved, Shown, Unproved, Verdict, bind, settings};
use bailiwick_ledger::Hash;
use serde_json::{Value, json};

use crate::issuer::Issuer;
use crate::server::{Said, Server};
use crate::sign::Signer;

const AUDIENCE: &str = "https://bailiwick.example.com";
const NOW: u64 = 1_800_000_000;

fn charter(agent: &str, identity: &str) -> Charter {
    let text = format!(
        r#"
agent: {agent}
owner: {{ team: payments, contact: payments@example.com }}
purpose: Post invoices.
environment: prod
mode: brokered
{identity}
tasks: {{ post: {{ for: 5m, tools: [ {{ tool: ledger/post }} ] }} }}
"#
    );
    Charter::parse("c.yaml", &text).unwrap()
}

fn read(folder: &Path, text: &str) -> (Proofs, Vec<String>) {
    settings::read(&folder.join("identity.toml"), text).unwrap_or_else(|error| panic!("{error}"))
}

fn proofs(text: &str) -> Proofs {
    read(Path::new("."), text).0
}

async fn verify(proofs: &Proofs, token: &str) -> Result<Proved, Unproved> {
    let shown = Shown {
        scheme: "bearer",
        proof: token,
        request: Hash::ZERO,
        now_ms: NOW * 1_000,
    };
    proofs.verify(&shown).await
}

/// The agent that a token stands for, or why it stands for none.
async fn bound(proofs: &Proofs, token: &str, charters: &[Charter]) -> Result<String, String> {
    let proved = verify(proofs, token).await;
    let proved = proved.map_err(|error| error.code().to_owned())?;
    let charter = bind(charters, &proved, "invoice");
    let charter = charter.map_err(|error| error.code().to_owned())?;
    Ok(charter.agent.to_string())
}

fn ok(agent: &str) -> Result<String, String> {
    Ok(agent.to_owned())
}

fn no(code: &str) -> Result<String, String> {
    Err(code.to_owned())
}

const GITHUB: &str = "https://token.actions.githubusercontent.com";

fn github(repository: &str, id: &str, environment: &str) -> Value {
    json!({
        "iss": GITHUB, "aud": AUDIENCE,
        "sub": format!("repo:{repository}:environment:{environment}"),
        "repository": repository, "repository_id": id, "repository_owner": "acme",
        "environment": environment, "ref": "refs/heads/main", "run_id": "1", "run_attempt": "1",
        "job_workflow_ref": format!("{repository}/.github/workflows/agent.yml@refs/heads/main"),
        "jti": "j-1", "nbf": NOW - 60, "iat": NOW - 5, "exp": NOW + 295,
    })
}

#[tokio::test]
async fn a_github_workflow_is_the_agent_of_its_repository_and_environment() {
    let issuer = Issuer::new();
    let proofs = proofs(&issuer.settings(AUDIENCE, "kind = \"github\""));
    let charters = [charter(
        "invoice",
        &format!(
            "identity: [ {{ issuer: \"{GITHUB}\", subject: \"repo:acme/pay:environment:prod\", claims: {{ repository_id: \"74\" }} }} ]"
        ),
    )];
    let told = async |claims: Value| bound(&proofs, &issuer.token("JWT", &claims), &charters).await;
    assert_eq!(told(github("acme/pay", "74", "prod")).await, ok("invoice"));
    // A repository that was made again under the name.
    assert_eq!(
        told(github("acme/pay", "75", "prod")).await,
        no("identity_unknown")
    );
    assert_eq!(
        told(github("acme/pay", "74", "staging")).await,
        no("identity_unknown")
    );
    assert_eq!(
        told(github("acme/pay-evil", "74", "prod")).await,
        no("identity_unknown")
    );
    let mut lasting = github("acme/pay", "74", "prod");
    lasting["exp"] = json!(NOW + 3_000);
    assert_eq!(told(lasting).await, no("token_lifetime"));
    // A charter that says the name alone would take the other repository too.
    let loose = [charter(
        "invoice",
        &format!(
            "identity: [ {{ issuer: \"{GITHUB}\", subject: \"repo:acme/pay:environment:prod\" }} ]"
        ),
    )];
    let token = issuer.token("JWT", &github("acme/pay", "74", "prod"));
    assert_eq!(
        bound(&proofs, &token, &loose).await,
        no("identity_not_pinned")
    );
}

#[tokio::test]
async fn a_subject_that_two_charters_claim_proves_neither() {
    let issuer = Issuer::new();
    let proofs = proofs(&issuer.settings(
        AUDIENCE,
        "kind = \"oidc\"\nissuer = \"https://idp.example.com\"",
    ));
    let identity = "identity: [ { issuer: \"https://idp.example.com\", subject: a } ]";
    let claims = json!({ "iss": "https://idp.example.com", "sub": "a", "aud": AUDIENCE, "iat": NOW, "exp": NOW + 9, "n": 7, "t": true });
    let token = issuer.token("JWT", &claims);
    let one = [charter("invoice", identity), charter("refund", "")];
    assert_eq!(bound(&proofs, &token, &one).await, ok("invoice"));
    let two = [charter("invoice", identity), charter("refund", identity)];
    assert_eq!(bound(&proofs, &token, &two).await, no("identity_shared"));
    // A claim that both have shares it; one that tells them apart does not.
    let with =
        |claim: &str| identity.replace("subject: a", &format!("subject: a, claims: {{ {claim} }}"));
    let same = [
        charter("invoice", &with("n: 7")),
        charter("refund", &with("t: \"true\"")),
    ];
    assert_eq!(bound(&proofs, &token, &same).await, no("identity_shared"));
    let apart = [
        charter("invoice", &with("n: 7")),
        charter("refund", &with("n: 8")),
    ];
    assert_eq!(bound(&proofs, &token, &apart).await, ok("invoice"));
}

const AWS: &str = "https://11111111-2222-3333-4444-555555555555.tokens.sts.global.api.aws";
const ACCOUNT: &str = "111122223333";

fn aws(role: &str, account: &str) -> Value {
    json!({
        "iss": AWS, "aud": AUDIENCE, "sub": role, "jti": "j-1", "iat": NOW - 5, "exp": NOW + 295,
        "https://sts.amazonaws.com/": {
            "aws_account": account, "source_region": "eu-central-1", "org_id": "o-abc1234567",
            "ou_path": ["o-abc1234567/r-ab12/ou-ab12-11111111/"],
            "principal_tags": { "team": "payments" },
            "lambda_source_function_arn": "arn:aws:lambda:eu-central-1:111122223333:function:invoice",
        },
    })
}

// Test 13 of the list of required ones.
#[tokio::test]
async fn a_role_says_who_it_is_by_a_token_of_aws_in_the_account_that_is_registered() {
    let issuer = Issuer::new();
    let part = format!("kind = \"aws\"\nissuer = \"{AWS}\"\naccount = \"{ACCOUNT}\"");
    let charters = [charter(
        "invoice",
        "role: { arn: \"arn:aws:iam::111122223333:role/agents/prod/invoice\", id: AROAEXAMPLEINVOICE }",
    )];
    let role = format!("arn:aws:iam::{ACCOUNT}:role/agents/prod/invoice");
    // AWS says no id in these tokens: whether a name is enough is the operator's to say.
    let by_id = proofs(&issuer.settings(AUDIENCE, &part));
    let token = issuer.token("JWT", &aws(&role, ACCOUNT));
    assert_eq!(
        bound(&by_id, &token, &charters).await,
        no("role_id_not_shown")
    );
    let text = issuer.settings(AUDIENCE, &format!("{part}\nrole-by-name = true"));
    let (by_name, notes) = read(Path::new("."), &text);
    assert!(notes[0].contains("by name"), "{notes:?}");
    assert_eq!(bound(&by_name, &token, &charters).await, ok("invoice"));
    let proved = verify(&by_name, &token).await.unwrap();
    assert_eq!(proved.method, Method::AwsToken);
    assert!(proved.instance.unwrap().ends_with("function:invoice"));
    for (claims, code) in [
        (
            aws(&role.replace("prod/invoice", "prod/invoice-evil"), ACCOUNT),
            "identity_unknown",
        ),
        (
            aws(&role.replace("agents/prod/", ""), ACCOUNT),
            "identity_unknown",
        ),
        (
            aws(&role.replace("aws:iam", "aws-cn:iam"), ACCOUNT),
            "identity_unknown",
        ),
        (aws(&role, "444455556666"), "account_unregistered"),
        (
            aws(&role.replace(ACCOUNT, "444455556666"), ACCOUNT),
            "account_unregistered",
        ),
        (
            aws(&role.replace(ACCOUNT, "444455556666"), "444455556666"),
            "account_unregistered",
        ),
        (
            aws("arn:aws:iam::111122223333:user/ann", ACCOUNT),
            "no_role",
        ),
        (
            aws("arn:aws:sts::111122223333:assumed-role/invoice/s", ACCOUNT),
            "no_role",
        ),
        (aws("invoice", ACCOUNT), "no_role"),
    ] {
        let told = bound(&by_name, &issuer.token("JWT", &claims), &charters).await;
        assert_eq!(told, no(code), "{claims}");
    }
    let mut several = aws(&role, ACCOUNT);
    several["aud"] = json!([AUDIENCE, "https://other.example.com"]);
    let told = bound(&by_name, &issuer.token("JWT", &several), &charters).await;
    assert_eq!(told, no("token_audience"));
    let mut unregistered = aws(&role, ACCOUNT);
    unregistered["iss"] = json!(AWS.replace("1111", "9999"));
    let told = bound(&by_name, &issuer.token("JWT", &unregistered), &charters).await;
    assert_eq!(told, no("unknown_issuer"));
}

const POOL: &str = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI";

// Also what AgentCore Identity hands to a runtime that asks for a token of its own.
#[tokio::test]
async fn a_client_of_a_user_pool_is_an_agent_by_the_scope_that_stands_for_this_authority() {
    let issuer = Issuer::new();
    let part = format!("kind = \"cognito\"\nissuer = \"{POOL}\"\nscope = \"bailiwick/grant\"");
    let proofs = proofs(&issuer.settings(AUDIENCE, &part));
    let charters = [charter(
        "invoice",
        &format!("identity: [ {{ issuer: \"{POOL}\", subject: 4abcdefghijklmnopqrstuvwx }} ]"),
    )];
    let good = json!({
        "iss": POOL, "sub": "4abcdefghijklmnopqrstuvwx", "client_id": "4abcdefghijklmnopqrstuvwx",
        "token_use": "access", "scope": "bailiwick/grant other/read", "version": 2,
        "auth_time": NOW - 5, "iat": NOW - 5, "exp": NOW + 3_595, "jti": "j-1",
    });
    let told = async |claims: &Value| bound(&proofs, &issuer.token("JWT", claims), &charters).await;
    assert_eq!(told(&good).await, ok("invoice"));
    for (name, value, code) in [
        ("scope", json!("other/read"), "token_use"),
        ("scope", json!("bailiwick/grants"), "token_use"),
        ("scope", json!("xbailiwick/grant"), "token_use"),
        ("scope", json!(["bailiwick/grant"]), "token_claims"),
        ("token_use", json!("id"), "token_use"),
        // A person's token, made for the same client.
        (
            "sub",
            json!("0a0a0a0a-1111-2222-3333-444444444444"),
            "token_use",
        ),
        ("aud", json!("https://other.example.com"), "token_audience"),
        ("exp", json!(NOW + 86_400), "token_lifetime"),
    ] {
        let mut claims = good.clone();
        claims[name] = value;
        assert_eq!(told(&claims).await, no(code), "{name}");
    }
    // Cognito hands out the same token until it expires.
    let proved = verify(&proofs, &issuer.token("JWT", &good)).await.unwrap();
    assert_eq!(proved.once, None);
}

const CLUSTER: &str = "https://oidc.eks.eu-central-1.amazonaws.com/id/ABCDEF";
const ACCOUNT_NAME: &str = "system:serviceaccount:payments:invoice";
const ACCOUNT_UID: &str = "7a1b-uid";

/// A cluster: what its API server says of a token.
struct Cluster {
    key: Signer,
    server: Server,
    folder: tempfile::TempDir,
    status: Arc<Mutex<Value>>,
}

impl Cluster {
    fn new() -> Self {
        let status = Arc::new(Mutex::new(Self::good()));
        let said = Arc::clone(&status);
        let server = Server::new(move |question| {
            assert_eq!(question.path, "/apis/authentication.k8s.io/v1/tokenreviews");
            if question.headers["authorization"] != "Bearer the-authoritys-own" {
                return Said::status(401);
            }
            let asked: Value = serde_json::from_str(&question.body).unwrap();
            assert_eq!(asked["spec"]["audiences"], json!([AUDIENCE]));
            assert!(asked["spec"]["token"].as_str().unwrap().starts_with("eyJ"));
            let answer = json!({
                "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
                "metadata": { "creationTimestamp": null }, "spec": asked["spec"],
                "status": *said.lock().unwrap(),
            });
            Said {
                status: 201,
                ..Said::json(answer)
            }
        });
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), "the-authoritys-own\n").unwrap();
        Self {
            key: Signer::rsa(),
            server,
            folder,
            status,
        }
    }

    fn good() -> Value {
        json!({
            "authenticated": true, "audiences": [AUDIENCE],
            "user": {
                "username": ACCOUNT_NAME, "uid": ACCOUNT_UID,
                "groups": ["system:serviceaccounts", "system:authenticated"],
                "extra": { "authentication.kubernetes.io/pod-uid": ["pod-1"] },
            },
        })
    }

    fn proofs(&self) -> Proofs {
        let text = format!(
            "audience = \"{AUDIENCE}\"\n[[issuer]]\nkind = \"kubernetes\"\nissuer = \"{CLUSTER}\"\n\
             api = \"{}\"\ntoken-file = \"token\"\nprivate = true\n",
            self.server.url()
        );
        read(self.folder.path(), &text).0
    }

    fn claims() -> Value {
        json!({
            "iss": CLUSTER, "sub": ACCOUNT_NAME, "aud": [AUDIENCE],
            "iat": NOW - 100, "nbf": NOW - 100, "exp": NOW + 3_500, "jti": "j-1",
            "kubernetes.io": {
                "namespace": "payments",
                "serviceaccount": { "name": "invoice", "uid": ACCOUNT_UID },
                "pod": { "name": "invoice-5d", "uid": "pod-1" },
            },
        })
    }

    fn token(&self, claims: &Value) -> String {
        self.key
            .token(&json!({ "alg": "RS256", "kid": "cluster" }), claims)
    }
}

fn service_account(uid: &str) -> Charter {
    charter(
        "invoice",
        &format!(
            "identity: [ {{ issuer: \"{CLUSTER}\", subject: \"{ACCOUNT_NAME}\", claims: {{ \"/kubernetes.io/serviceaccount/uid\": \"{uid}\" }} }} ]"
        ),
    )
}

#[tokio::test]
async fn a_pod_is_the_agent_of_its_service_account_as_long_as_the_api_server_says_so() {
    let cluster = Cluster::new();
    let proofs = cluster.proofs();
    let token = cluster.token(&Cluster::claims());
    let ours = [service_account(ACCOUNT_UID)];
    assert_eq!(bound(&proofs, &token, &ours).await, ok("invoice"));
    let proved = verify(&proofs, &token).await.unwrap();
    assert_eq!(proved.method, Method::Kubernetes);
    assert_eq!(proved.instance.as_deref(), Some("pod-1"));
    // Made again under its name.
    assert_eq!(
        bound(&proofs, &token, &[service_account("other")]).await,
        no("identity_unknown")
    );
    let unpinned = charter(
        "invoice",
        &format!("identity: [ {{ issuer: \"{CLUSTER}\", subject: \"{ACCOUNT_NAME}\" }} ]"),
    );
    assert_eq!(
        bound(&proofs, &token, &[unpinned]).await,
        no("identity_not_pinned")
    );
}

// Test 24 of the list of required ones.
#[tokio::test]
async fn a_token_for_the_api_server_or_of_a_pod_that_is_gone_is_refused() {
    let cluster = Cluster::new();
    let proofs = cluster.proofs();
    let path = "/apis/authentication.k8s.io/v1/tokenreviews";
    let mut claims = Cluster::claims();
    claims["aud"] = json!(["https://kubernetes.default.svc.cluster.local"]);
    let refused = verify(&proofs, &cluster.token(&claims)).await.unwrap_err();
    assert_eq!(refused.code(), "token_audience");
    let mut lasting = Cluster::claims();
    lasting["exp"] = json!(NOW + 31_536_000);
    let refused = verify(&proofs, &cluster.token(&lasting)).await.unwrap_err();
    assert_eq!(refused.code(), "token_lifetime");
    assert_eq!(cluster.server.asked(path), 0);

    let token = cluster.token(&Cluster::claims());
    let changed = |pointer: &str, value: Value| {
        let mut status = Cluster::good();
        *status.pointer_mut(pointer).unwrap() = value;
        status
    };
    for (status, code) in [
        (
            json!({ "authenticated": false, "error": "pod is gone" }),
            "token_review",
        ),
        (json!({}), "token_review"),
        (changed("/authenticated", json!("true")), "token_review"),
        // A server that does not look at audiences says nothing of them.
        (changed("/audiences", Value::Null), "token_review"),
        (changed("/audiences", json!([])), "token_review"),
        (
            changed("/audiences", json!(["https://kubernetes.default.svc"])),
            "token_review",
        ),
        (
            changed(
                "/user/username",
                json!("system:serviceaccount:payments:other"),
            ),
            "token_review_subject",
        ),
        (changed("/user/uid", json!("other")), "token_review_subject"),
        (changed("/user/uid", json!("")), "token_review_subject"),
    ] {
        *cluster.status.lock().unwrap() = status.clone();
        let refused = verify(&proofs, &token).await.unwrap_err();
        assert_eq!(refused.code(), code, "{status}");
        assert_eq!(refused.verdict(), Verdict::Refused, "{status}");
    }
    *cluster.status.lock().unwrap() = Cluster::good();
    assert!(verify(&proofs, &token).await.is_ok());
}

#[tokio::test]
async fn without_the_api_server_or_a_token_for_it_nobody_is_proved() {
    let cluster = Cluster::new();
    let proofs = cluster.proofs();
    let token = cluster.token(&Cluster::claims());
    let own = cluster.folder.path().join("token");
    for text in ["", "another"] {
        fs::write(&own, text).unwrap();
        let error = verify(&proofs, &token).await.unwrap_err();
        assert_eq!(error.verdict(), Verdict::Unavailable, "{error}");
    }
    fs::remove_file(&own).unwrap();
    let error = verify(&proofs, &token).await.unwrap_err();
    assert_eq!(error.code(), "api_server_unreachable");
    // Kubernetes wrote a new one: it is read again.
    fs::write(&own, "the-authoritys-own").unwrap();
    assert!(verify(&proofs, &token).await.is_ok());
    cluster.server.answers(|_| Said::json("[]"));
    assert_eq!(
        verify(&proofs, &token).await.unwrap_err().code(),
        "attest_malformed"
    );
    cluster.server.answers(|_| Said::status(500));
    assert_eq!(
        verify(&proofs, &token).await.unwrap_err().verdict(),
        Verdict::Unavailable
    );
}

#[test]
fn settings_that_cannot_be_meant_name_the_line_and_the_mend() {
    let wrong = |text: &str, line: &str, words: &str| {
        let error = settings::read("identity.toml".as_ref(), text).err();
        let error = error.unwrap_or_else(|| panic!("{text}")).to_string();
        assert!(
            error.contains(line) && error.contains(words),
            "{text}\n{error}"
        );
    };
    let issuer = |part: &str| format!("audience = \"a\"\n\n[[issuer]]\n{part}");
    wrong("", "identity.toml", "audience");
    wrong("audience = ''", "toml:1", "no name");
    wrong("audience = 'a b'", "toml:1", "no name");
    wrong("audience = 'a'\nissuers = []", "line 2", "issuers");
    wrong(
        "audience = 'a'\n[aws]\nsts = 'https://s.example.com'",
        "toml:1",
        "signatures = true",
    );
    wrong(
        "audience = 'a'\n[aws]\nsignatures = true\nsts = 'http://evil.test'",
        "toml:4",
        "no address",
    );
    wrong(&issuer("kind = \"saml\""), "line 4", "saml");
    wrong(&issuer("kind = \"oidc\""), "toml:3", "without its name");
    wrong(
        &issuer("kind = \"oidc\"\nissuer = \"http://idp.example.com\""),
        "toml:3",
        "https",
    );
    wrong(
        &issuer("kind = \"oidc\"\nissuer = \"https://10.0.0.1\""),
        "toml:3",
        "private = true",
    );
    wrong(
        &issuer("kind = \"oidc\"\nissuer = \"https://i.example\"\nscope = \"s\""),
        "toml:3",
        "`scope`",
    );
    wrong(
        &issuer("kind = \"oidc\"\nissuer = \"https://i.example\"\nalgorithms = [\"HS256\"]"),
        "toml:3",
        "HS256",
    );
    wrong(
        &issuer("kind = \"oidc\"\nissuer = \"https://i.example\"\nlifetime-seconds = 9999999"),
        "toml:3",
        "out of bounds",
    );
    wrong(
        &issuer("kind = \"oidc\"\nissuer = \"https://i.example\"\nca = \"nowhere.pem\""),
        "toml:3",
        "nowhere.pem",
    );
    wrong(
        &issuer("kind = \"aws\"\nissuer = \"https://i.example\"\naccount = \"1\""),
        "toml:3",
        "account",
    );
    wrong(
        &issuer("kind = \"cognito\"\nissuer = \"https://i.example\""),
        "toml:3",
        "scope",
    );
    wrong(
        &issuer("kind = \"kubernetes\"\nissuer = \"https://i.example\""),
        "toml:3",
        "api",
    );
    wrong(
        &issuer("kind = \"github\"\n[[issuer]]\nkind = \"github\""),
        "toml:5",
        "twice",
    );
    wrong(
        "audience = 'a'\n[[spiffe]]\ntrust-domain = \"a.b\"\nbundle = \"nowhere\"",
        "toml:2",
        "nowhere",
    );
}
