//! Credentials for SDKs as they are: boto3 and the `aws` command, against the daemon and a fake AWS.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bailiwick_charter::{
    Charter,
    compile::{CompiledRole, Site, broker, compile},
};
use bailiwick_iam::arn::Arn;
use bailiwick_testkit::{
    aws::{FakeAws, Mishap, Role, World},
    http::{Answer, Client},
    peers,
};
use serde_json::{Value, json};

pub(crate) const CHARTER: &str = r#"
agent: year-reader
owner: { team: finance, contact: finance@example.com }
purpose: Read the ledger.
environment: prod
mode: brokered
runs-as: [ "arn:aws:bedrock-agentcore:eu-central-1:111122223333:runtime/reader-AbCdEfGhIj" ]
tasks:
  read-year:
    for: 2h
    parameters: { year: "[0-9]{4}" }
    read:
      - { actions: [s3:GetObject], resources: ["arn:aws:s3:::ledger/${year}/*"] }
"#;

const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/year-reader-task";

/// An AWS account with the roles of the charter as `compile` writes them, and a daemon in it.
struct House {
    fake: FakeAws,
    address: SocketAddr,
    daemon: Child,
    folder: tempfile::TempDir,
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// Where the daemon's own key is.
#[derive(Clone, Copy)]
enum Own {
    Environment,
    Program,
    Container,
}

/// A container's provider that answers once, to whoever shows this.
fn serve_once(shown: &str, body: &str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/key", listener.local_addr().unwrap());
    let (shown, body) = (shown.to_lowercase(), body.to_owned());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = String::new();
        let mut part = [0; 1_024];
        while !asked.contains("\r\n\r\n") {
            let read = std::io::Read::read(&mut stream, &mut part).unwrap();
            asked.push_str(&String::from_utf8_lossy(part.get(..read).unwrap()).to_lowercase());
        }
        let knows = asked.contains(&format!("authorization: {shown}\r\n"));
        let status = if knows { "200 OK" } else { "401 No" };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        std::io::Write::write_all(&mut stream, answer.as_bytes()).unwrap();
    });
    uri
}

pub(crate) fn make(world: &mut World, role: &CompiledRole) -> Arn {
    let arn: Arn = role.arn().parse().unwrap();
    let inline = role.policies.iter();
    world
        .add_role(Role {
            arn: arn.clone(),
            trust: role.trust.to_json(),
            inline: inline
                .map(|it| (it.name.clone(), it.document.to_json()))
                .collect(),
            boundary: Some((
                role.boundary_arn().parse().unwrap(),
                role.boundary.document.to_json(),
            )),
            max_session_secs: role.max_session_seconds,
        })
        .unwrap();
    arn
}

impl House {
    fn new() -> Self {
        Self::with(&[])
    }

    /// With more arguments.
    fn with(arguments: &[&str]) -> Self {
        Self::of(arguments, Own::Environment)
    }

    /// With the daemon's own key from there.
    fn of(arguments: &[&str], own: Own) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let charters = folder.path().join("charters");
        fs::create_dir(&charters).unwrap();
        fs::write(charters.join("year-reader.yaml"), CHARTER).unwrap();
        let charter = Charter::parse("year-reader.yaml", CHARTER).unwrap();
        let home = charter.account().unwrap();
        let mut world = World::default();
        let compiled = compile(&charter, &Site::default()).unwrap();
        make(&mut world, compiled.tasks.get(&home).unwrap());
        let workload = "arn:aws:ecs:eu-central-1:111122223333:service/tools/broker";
        let role = make(
            &mut world,
            &broker(&workload.parse().unwrap(), home, &[]).unwrap(),
        );
        let (key, token) = world.begin(&role, "broker", 3_600);
        let fake = FakeAws::start(world).unwrap();
        let data = folder.path().join("data");
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut daemon = Command::new(env!("CARGO_BIN_EXE_bailiwickd"));
        daemon
            .args(["--listen", "127.0.0.1:0", "--trust-everybody"])
            .args(["--aws-region", "eu-central-1"])
            .args(arguments)
            .args(["--sts-endpoint", &fake.url(), "--charters"])
            .arg(&charters)
            .arg("--data")
            .arg(&data)
            .env("AWS_ENDPOINT_URL_IAM", fake.url())
            .env("AWS_ENDPOINT_URL_S3", fake.url())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let told = json!({
            "Version": 1, "AccessKeyId": key.id, "SecretAccessKey": key.secret,
            "SessionToken": token, "Token": token, "Expiration": "2099-01-01T00:00:00+00:00",
        });
        for name in [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
        ] {
            daemon.env_remove(name);
        }
        match own {
            Own::Environment => {
                daemon
                    .env("AWS_ACCESS_KEY_ID", &key.id)
                    .env("AWS_SECRET_ACCESS_KEY", &key.secret)
                    .env("AWS_SESSION_TOKEN", &token);
            }
            Own::Program => {
                let file = folder.path().join("key.json");
                let mut told = told;
                told.as_object_mut().unwrap().remove("Token");
                fs::write(&file, told.to_string()).unwrap();
                let command = format!("cat {}", file.display());
                daemon.args(["--aws-credential-process", &command]);
            }
            Own::Container => {
                let mut told = told;
                told.as_object_mut().unwrap().remove("SessionToken");
                let uri = serve_once("Bearer container", &told.to_string());
                daemon
                    .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
                    .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer container");
            }
        }
        let mut daemon = daemon.spawn().unwrap();
        let address = address(&mut daemon, &data, folder.path());
        Self {
            fake,
            address,
            daemon,
            folder,
        }
    }

    fn operator(&self) -> String {
        let file = self.folder.path().join("data/operator.token");
        format!("Bearer {}", fs::read_to_string(file).unwrap().trim())
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn ask(&self, who: &str, verb: &str, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("authorization", who)];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let mut client = Client::new(self.address);
        client.ask(verb, path, &headers, &body).unwrap()
    }

    /// A grant, and what its holder shows.
    fn grant(&self) -> (String, String) {
        let body = json!({
            "agent": "year-reader", "task": "read-year", "parameters": { "year": "2026" },
        });
        let answer = self.ask("Bailiwick-Local year-reader", "POST", "/v1/grants", &body);
        assert_eq!(answer.status, 201, "{}", answer.body);
        let told = answer.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let shown = format!("Bearer {}", text(&told["token"]));
        (text(&told["grant"]["id"]), shown)
    }

    fn credentials(&self, shown: &str) -> Answer {
        self.ask(shown, "GET", "/v1/credentials", &Value::Null)
    }

    /// A program that finds the credentials of a grant as it does in any container.
    fn armed(&self, mut program: Command, shown: &str) -> Command {
        let uri = format!("http://{}/v1/credentials", self.address);
        for name in [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_PROFILE",
        ] {
            program.env_remove(name);
        }
        program
            .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
            .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", shown)
            .env("AWS_CONFIG_FILE", "/nonexistent")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_DEFAULT_REGION", "eu-central-1");
        program
    }
}

fn address(daemon: &mut Child, data: &Path, folder: &Path) -> SocketAddr {
    let begun = Instant::now();
    loop {
        let told = fs::read_to_string(data.join("address")).unwrap_or_default();
        let address = told.trim().strip_prefix("http://").map(str::parse);
        if let Some(Ok(address)) = address {
            return address;
        }
        let ended = daemon.try_wait().unwrap();
        let said = fs::read_to_string(folder.join("log")).unwrap();
        assert!(ended.is_none(), "{ended:?}: {said}");
        assert!(begun.elapsed() < Duration::from_secs(60), "{said}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn output(mut program: Command) -> (String, String) {
    let output = program.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn boto3_finds_a_grants_credentials_by_itself_and_loses_them_when_the_task_is_done() {
    let house = House::new();
    let (id, shown) = house.grant();
    let script = || {
        let mut python = peers::python_script("container.py")?;
        python.args([&house.fake.url(), "ledger", "2026/11", "1999/01"]);
        Some(house.armed(python, &shown))
    };
    let Some(first) = script() else {
        return;
    };
    let (told, said) = output(first);
    let expected = format!(
        "provider container-role\nidentity {SESSION}/{id}\nread 2026/11 done\n\
         write 2026/11 AccessDenied\nread 1999/01 AccessDenied\nwrite 1999/01 AccessDenied\n"
    );
    assert_eq!(told, expected, "{said}{}", house.said());

    // What it has in its hands works until IAM is told, which takes a moment here.
    let answer = house.credentials(&shown);
    let key = answer.json()["AccessKeyId"].as_str().unwrap().to_owned();
    let token = answer.json()["Token"].as_str().unwrap().to_owned();
    let reads = || {
        let object = "arn:aws:s3:::ledger/2026/11";
        let world = house.fake.world();
        world.allows(&key, Some(&token), "s3:GetObject", object)
    };
    assert!(reads());
    let done = house.ask(
        &shown,
        "POST",
        &format!("/v1/grants/{id}/complete"),
        &Value::Null,
    );
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(house.credentials(&shown).status, 401);
    let begun = Instant::now();
    while reads() {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{}",
            house.said()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let (told, _) = output(script().unwrap());
    assert!(told.contains("CredentialRetrievalError"), "{told}");
}

#[test]
fn the_aws_command_works_with_the_token_in_a_file_and_for_an_account_that_is_named() {
    let house = House::new();
    let Some(program) = peers::program("aws") else {
        return;
    };
    let (id, shown) = house.grant();
    let file = house.folder.path().join("token");
    fs::write(&file, &shown).unwrap();
    let mut aws = house.armed(program, &shown);
    let uri = format!(
        "http://{}/v1/credentials?account=111122223333",
        house.address
    );
    aws.env_remove("AWS_CONTAINER_AUTHORIZATION_TOKEN")
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file)
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
        .args(["--endpoint-url", &house.fake.url(), "--output", "text"])
        .args(["sts", "get-caller-identity", "--query", "Arn"]);
    let (told, said) = output(aws);
    assert_eq!(told.trim(), format!("{SESSION}/{id}"), "{said}");
}

#[test]
fn the_daemons_own_key_may_be_a_programs_or_its_containers() {
    for own in [Own::Program, Own::Container] {
        let house = House::of(&[], own);
        let (_, shown) = house.grant();
        let answer = house.credentials(&shown);
        assert_eq!(answer.status, 200, "{}{}", answer.body, house.said());
    }
}

#[test]
fn both_clocks_are_told_and_no_secret_is_written_anywhere() {
    let house = House::new();
    let (_, shown) = house.grant();
    let answer = house.credentials(&shown);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told = answer.json();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    assert_eq!(text("Expiration"), text("EnforcedDeadline"));
    // An hour of the session, of two hours that the task has: told, and not stretched.
    assert_eq!(text("EnforcedDeadline"), text("StsExpiration"));
    assert_eq!(text("AccountId"), "111122223333");
    for secret in [text("SecretAccessKey"), text("Token")] {
        assert!(!house.said().contains(&secret));
        assert!(!is_in(house.folder.path(), secret.as_bytes()));
    }
    // Whoever asks for another account, or in the wrong words, is told which.
    let other = house.ask(
        &shown,
        "GET",
        "/v1/credentials?account=999999999999",
        &Value::Null,
    );
    assert_eq!(other.status, 403, "{}", other.body);
    assert!(other.body.contains("no_rights"), "{}", other.body);
    let wrong = house.ask(&shown, "GET", "/v1/credentials?account=home", &Value::Null);
    assert_eq!(wrong.status, 400, "{}", wrong.body);
}

#[test]
fn a_kill_that_is_verified_tells_each_layer_with_its_time_and_on_what_it_was_seen() {
    let house = House::new();
    let (_, shown) = house.grant();
    assert_eq!(house.credentials(&shown).status, 200);
    let operator = house.operator();
    let body = json!({
        "scope": "agent", "name": "year-reader", "reason": "drill",
        "verify": { "object": "arn:aws:s3:::ledger/2026/canary", "seconds": 30 },
    });
    let killed = house.ask(&operator, "POST", "/v1/kill", &body);
    assert_eq!(killed.status, 200, "{}", killed.body);
    let told = killed.json();
    let verified = &told["verified"];
    assert_eq!(verified["held"], true, "{told:#}\n{}", house.said());
    let layers = verified["layers"].as_array().unwrap();
    let named: Vec<_> = layers
        .iter()
        .map(|it| it["layer"].as_str().unwrap())
        .collect();
    assert_eq!(named, ["own", "deadline", "iam_policy", "iam_effect"]);
    // The grant of before and the canary.
    assert_eq!(told["ended"], 2);
    assert_eq!(house.credentials(&shown).status, 401);
    let record = house.ask(
        &operator,
        "GET",
        "/v1/ledger/entries?limit=1000",
        &Value::Null,
    );
    assert!(record.body.contains("stop.verified"), "{}", record.body);

    // What cannot be meant stops nothing, and what cannot be verified is stopped all the same.
    let wrong = json!({ "scope": "all", "reason": "drill", "verify": { "object": "ledger" } });
    assert_eq!(house.ask(&operator, "POST", "/v1/kill", &wrong).status, 400);
    let all = json!({ "scope": "all", "reason": "drill", "verify": {} });
    let killed = house.ask(&operator, "POST", "/v1/kill", &all);
    assert_eq!(killed.status, 200, "{}", killed.body);
    assert_eq!(killed.json()["verified"]["held"], false);
    assert!(killed.body.contains("verify.agent"), "{}", killed.body);
}

#[test]
fn the_end_of_a_grant_is_told_to_whoever_was_named_and_signed() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    let house = House::with(&["--signal-to", &url]);
    let (id, shown) = house.grant();
    let done = house.ask(
        &shown,
        "POST",
        &format!("/v1/grants/{id}/complete"),
        &Value::Null,
    );
    assert_eq!(done.status, 200, "{}", done.body);
    let (mut stream, _) = listener.accept().unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut told = String::new();
    let mut part = [0; 4_096];
    while told.matches('.').count() < 2 || !told.contains("\r\n\r\n") {
        let read = std::io::Read::read(&mut stream, &mut part).unwrap();
        told.push_str(&String::from_utf8_lossy(part.get(..read).unwrap()));
    }
    let (head, token) = told.split_once("\r\n\r\n").unwrap();
    assert!(
        head.to_lowercase()
            .contains("content-type: application/secevent+jwt")
    );
    let read = bailiwick_authority::token::Jws::read(token).unwrap();
    let claims = read.claims.canonical();
    for said in [
        &url,
        &id,
        "year-reader",
        "session-revoked",
        "\"reason_admin\":{\"en\":\"completed\"}",
    ] {
        assert!(claims.contains(said), "{said} in {claims}");
    }
    let keys = house.ask("", "GET", "/.well-known/jwks.json", &Value::Null);
    let kid = read.header.get("kid").unwrap().text().unwrap();
    assert!(keys.body.contains(kid), "{}", keys.body);
}

/// Whether some file below a folder holds these bytes.
fn is_in(folder: &Path, bytes: &[u8]) -> bool {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return is_in(&path, bytes);
        }
        let held = fs::read(path).unwrap();
        held.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[test]
fn when_sts_answers_as_nobody_should_the_sdk_gets_nothing_and_the_grant_is_ended() {
    let house = House::new();
    let (id, shown) = house.grant();
    house.fake.mishap(Mishap::AnotherAccount);
    let answer = house.credentials(&shown);
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.body.contains("orphaned"), "{}", answer.body);
    assert!(!answer.body.contains("999999999999"), "{}", answer.body);
    assert_eq!(house.credentials(&shown).status, 401);
    let role = format!(
        "arn:aws:iam::{}",
        "111122223333:role/agents/prod/year-reader-task"
    );
    let role: Arn = role.parse().unwrap();
    let begun = Instant::now();
    loop {
        let name = "bailiwick-ended-grants";
        let world = house.fake.world();
        if world
            .inline_policy(&role, name)
            .is_some_and(|it| it.contains(&id))
        {
            return;
        }
        drop(world);
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{}",
            house.said()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}
