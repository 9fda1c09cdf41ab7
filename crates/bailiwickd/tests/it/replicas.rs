//! Two daemons on one PostgreSQL: what one does the other obeys, and whoever is cut off denies.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bailiwick_aws::revoke::POLICY_NAME;
use bailiwick_broker::port::Lease;
use bailiwick_charter::{
    Charter,
    compile::{Site, broker, compile},
};
use bailiwick_iam::arn::Arn;
use bailiwick_testkit::{
    aws::{FakeAws, Key, World},
    daemon::{Daemon, Home},
    postgres::Server,
    way::Way,
};

use serde_json::json;

use crate::{
    aws,
    story::{Account, Asker, CALLS, Holder, Released, home, plainly},
};

/// What one replica does acts on the others within so long, as the design promises.
const SEEN_WITHIN: Duration = Duration::from_secs(2);

/// A daemon on a shared database, in a folder of its own.
pub(crate) struct Replica {
    pub(crate) home: Home,
    pub(crate) daemon: Daemon,
    // Its folder lasts as long as it does.
    _folder: tempfile::TempDir,
}

impl Replica {
    /// The first makes the keys, and the others have the same.
    pub(crate) fn start(name: &str, address: &str, like: Option<&Home>) -> Self {
        Self::start_with(name, address, like, |_| {})
    }

    pub(crate) fn start_with(
        name: &str,
        address: &str,
        like: Option<&Home>,
        configure: impl FnOnce(&mut std::process::Command),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path(), &["worker", "victim"]);
        if let Some(like) = like {
            home.same_keys(like).unwrap();
        }
        let daemon = home.start(|command| {
            plainly(command);
            configure(command);
            command.args(["--database", address, "--replica", name]);
        });
        Self {
            home,
            daemon: daemon.unwrap(),
            _folder: folder,
        }
    }

    pub(crate) fn asker(&self) -> Asker {
        Asker::new(&self.home, &self.daemon)
    }
}

#[test]
fn what_one_replica_does_the_other_obeys() {
    let Some(server) = Server::start().unwrap() else {
        return;
    };
    let address = server.database().unwrap();
    let first = Replica::start("a", &address, None);
    let second = Replica::start("b", &address, Some(&first.home));
    let (mut one, mut other) = (first.asker(), second.asker());
    // One budget for all: calls alternate between the two.
    let held = one.open("worker", "post").unwrap();
    for call in 0..CALLS {
        let asker = if call % 2 == 0 { &mut one } else { &mut other };
        assert!(asker.call(&held).unwrap());
    }
    assert!(!one.call(&held).unwrap() && !other.call(&held).unwrap());
    // Revoked by one, denied by the other before anybody can have told it.
    let held = one.open("worker", "post").unwrap();
    assert!(other.call(&held).unwrap());
    assert_eq!(one.end(&held).unwrap().status, 200);
    assert!(!other.call(&held).unwrap());
    // Killed by one, denied by the other, and no grant opens there.
    let held = other.open("victim", "post").unwrap();
    assert!(other.call(&held).unwrap());
    one.kill("victim").unwrap();
    assert!(!other.call(&held).unwrap());
    assert_eq!(other.asked_for("victim", "post").unwrap().status, 403);
    // Cleared by one: the other lets new ones open soon, and the old one stays ended.
    thread::sleep(SEEN_WITHIN);
    one.clear("victim").unwrap();
    let begun = Instant::now();
    while other.asked_for("victim", "post").unwrap().status != 201 {
        assert!(begun.elapsed() < SEEN_WITHIN, "a cleared kill still acts");
    }
    assert!(!other.call(&held).unwrap());
    let mut account = Account::new();
    account.read_on(&mut other);
    for replica in [&first, &second] {
        account.verify(&replica.home);
    }
    account.holds(&one.released);
    account.holds(&other.released);
}

#[test]
fn a_replica_that_is_cut_off_denies_and_turns_red_and_the_others_go_on() {
    let Some(server) = Server::start().unwrap() else {
        return;
    };
    let address = server.database().unwrap();
    let way = Way::to(server.port()).unwrap();
    let cut = address.replace(&server.port().to_string(), &way.port().to_string());
    let first = Replica::start("a", &address, None);
    let second = Replica::start("b", &cut, Some(&first.home));
    let (mut one, mut other) = (first.asker(), second.asker());
    let held = one.open("worker", "share").unwrap();
    assert!(one.call(&held).unwrap() && other.call(&held).unwrap());
    way.cut();
    let begun = Instant::now();
    assert!(!other.call(&held).unwrap(), "allowed while cut off");
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    assert!(!other.ready().unwrap(), "ready while cut off");
    assert!(one.call(&held).unwrap() && one.ready().unwrap());
    // A kill there acts there, and is kept until the others can be told.
    let killed = other.kill("victim").unwrap().json();
    assert_eq!(
        (&killed["recorded"], &killed["kept"]),
        (&false.into(), &true.into())
    );
    way.mend();
    let begun = Instant::now();
    while !other.ready().unwrap() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "never ready again"
        );
    }
    assert!(other.call(&held).unwrap());
    let begun = Instant::now();
    while one.asked_for("victim", "post").unwrap().status != 403 {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "the others were never told"
        );
    }
    let mut account = Account::new();
    account.read_on(&mut one);
    account.verify(&first.home);
    account.holds(&one.released);
    account.holds(&other.released);
}

// Test 84, with the daemons as they are.
#[test]
fn two_of_three_replicas_that_are_killed_under_load_leave_one_chain_with_all_that_was_released() {
    let Some(server) = Server::start().unwrap() else {
        return;
    };
    let address = server.database().unwrap();
    let first = Replica::start("a", &address, None);
    let is_over = Arc::new(AtomicBool::new(false));
    let staying: Vec<_> = (0..2)
        .map(|_| {
            let (mut asker, is_over) = (first.asker(), Arc::clone(&is_over));
            thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    one_life(&mut asker).unwrap();
                }
                asker.released
            })
        })
        .collect();
    let mut released = Vec::new();
    // Each had at the most one call under way when it was killed.
    let mut unanswered = 0;
    for round in 0..3 {
        let mut killed = ["b", "c"].map(|name| Replica::start(name, &address, Some(&first.home)));
        let askers: Vec<_> = killed
            .iter()
            .cycle()
            .take(6)
            .map(|replica| {
                let mut asker = replica.asker();
                thread::spawn(move || {
                    while one_life(&mut asker).is_ok() {}
                    asker.released
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(700 + 130 * round));
        for replica in &mut killed {
            replica.daemon.kill().unwrap();
            thread::sleep(Duration::from_millis(90 * round));
        }
        unanswered += askers.len();
        for asker in askers {
            released.extend(asker.join().unwrap());
        }
    }
    is_over.store(true, Ordering::Relaxed);
    for asker in staying {
        released.extend(asker.join().unwrap());
    }
    // What they had begun is settled by their successors.
    let successors = ["b", "c"].map(|name| Replica::start(name, &address, Some(&first.home)));
    let mut account = Account::new();
    account.read_on(&mut successors[1].asker());
    account.verify(&first.home);
    account.holds(&released);
    let attempts = account.attempts();
    assert!(attempts.values().all(|over| *over == 1), "{attempts:?}");
    let is_allow = |one: &&Released| matches!(one, Released::Allow { .. });
    let told = released.iter().filter(is_allow).count();
    let recorded: usize = account.grants().map(|grant| account.allowed(grant)).sum();
    assert!(
        (told..=told + unanswered).contains(&recorded),
        "{told}, {recorded}"
    );
    let most = account.grants().map(|grant| account.allowed(grant)).max();
    assert!(told > 50 && most == Some(CALLS), "{told}, {most:?}");
}

fn one_life(asker: &mut Asker) -> Result<(), crate::story::Gone> {
    let held = asker.open("worker", "post")?;
    for _ in 0..CALLS {
        assert!(asker.call(&held)?);
    }
    assert!(!asker.call(&held)?);
    asker.end(&held).map(drop)
}

/// What a daemon, or a verb of it, says as it refuses to go on with the folder of a home.
pub(crate) fn refusal(home: &Home, words: &[&str]) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_bailiwickd"))
        .args(words)
        .arg("--data")
        .arg(home.data())
        .env_remove("PGPASSWORD")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let answered = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success(), "{words:?}: {answered}{said}");
    said + &answered
}

#[test]
fn the_folder_of_a_replica_is_for_that_replica_alone() {
    let Some(server) = Server::start().unwrap() else {
        return;
    };
    let address = server.database().unwrap();
    let mut first = Replica::start("a", &address, None);
    let home = first.home.clone();
    let charters = home.charters();
    let charters = charters.to_str().unwrap();
    let serve = ["--charters", charters, "--listen", "127.0.0.1:0"];
    let of = |name| [&serve[..], &["--database", &address, "--replica", name]].concat();
    assert!(refusal(&home, &of("a")).contains("another daemon serves with"));
    first.daemon.kill().unwrap();
    let said = refusal(&home, &of("b"));
    assert!(said.contains("is the folder of replica `a`"), "{said}");
    let file = home.data().join("backup.db");
    let file = file.to_str().unwrap();
    for verb in [
        &serve[..],
        &["backup", "--to", file],
        &["restore", "--from", file],
        &["migrate"],
        &["doctor"],
    ] {
        let said = refusal(&home, verb);
        assert!(
            said.contains("docs/operate/replicas.md"),
            "{verb:?}: {said}"
        );
    }
    assert!(!home.data().join("bailiwick.db").exists());
    // It goes on where it was.
    let again = home.start(|command| {
        plainly(command);
        command.args(["--database", &address, "--replica", "a"]);
    });
    assert!(Asker::new(&home, &again.unwrap()).ready().unwrap());
}

#[test]
fn a_replica_starts_with_nothing_that_it_would_betray_or_leave_behind() {
    let Some(server) = Server::start().unwrap() else {
        return;
    };
    let address = server.database().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path(), &["worker"]);
    let charters = home.charters();
    let serve = ["--charters", charters.to_str().unwrap(), "--database"];
    let with = |more: &[&str]| refusal(&home, &[&serve[..], more].concat());
    let said = with(&[&address]);
    assert!(said.contains("--replica NAME"), "{said}");
    let secret = address.replace("bailiwick@", "bailiwick:s3cret@");
    let said = with(&[&secret, "--replica", "a"]);
    assert!(
        said.contains("PGPASSWORD") && !said.contains("s3cret"),
        "{said}"
    );
    let said = with(&["postgres://bailiwick@db.example.com/x", "--replica", "a"]);
    assert!(said.contains("--database-ca"), "{said}");
    let said = with(&["postgres://bailiwick@127.0.0.1:1/x", "--replica", "a"]);
    assert!(said.contains("docs/operate/replicas.md"), "{said}");
    // A daemon that was alone has a record here.
    let alone = tempfile::tempdir().unwrap();
    let alone = crate::story::home(alone.path(), &["worker"]);
    drop(alone.start(plainly).unwrap());
    let said = refusal(
        &alone,
        &[&serve[..], &[&address, "--replica", "a"]].concat(),
    );
    assert!(said.contains("would be left behind"), "{said}");
}

/// Two daemons with AWS, each with a session of the broker's role that bears its name.
struct Armed {
    fake: FakeAws,
    address: String,
    task_role: Arn,
    keys: Vec<(String, Key, String)>,
}

impl Armed {
    fn new(address: String) -> Self {
        let charter = Charter::parse("year-reader.yaml", aws::CHARTER).unwrap();
        let account = charter.account().unwrap();
        let mut world = World::default();
        let compiled = compile(&charter, &Site::default()).unwrap();
        let task_role = aws::make(&mut world, compiled.tasks.get(&account).unwrap());
        let workload = "arn:aws:ecs:eu-central-1:111122223333:service/tools/broker";
        let workload = workload.parse().unwrap();
        let role = aws::make(&mut world, &broker(&workload, account, &[]).unwrap());
        let keys = ["a", "b"].map(|name| {
            let (key, token) = world.begin(&role, name, 3_600);
            (name.to_owned(), key, token)
        });
        Self {
            fake: FakeAws::start(world).unwrap(),
            address,
            task_role,
            keys: keys.to_vec(),
        }
    }

    fn start(&self, number: usize, like: Option<&Home>) -> Replica {
        let (name, key, token) = &self.keys[number];
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path(), &["worker"]);
        home.charter("year-reader.yaml", aws::CHARTER).unwrap();
        if let Some(like) = like {
            home.same_keys(like).unwrap();
        }
        let daemon = home.start(|command| {
            plainly(command);
            command
                .args(["--database", &self.address, "--replica", name])
                .args(["--aws-region", "eu-central-1"])
                .args(["--sts-endpoint", &self.fake.url()])
                .env("AWS_ENDPOINT_URL_IAM", self.fake.url())
                .env("AWS_ACCESS_KEY_ID", &key.id)
                .env("AWS_SECRET_ACCESS_KEY", &key.secret)
                .env("AWS_SESSION_TOKEN", token);
        });
        Replica {
            home,
            daemon: daemon.unwrap(),
            _folder: folder,
        }
    }

    /// A grant with a session on AWS, ended. Answers its id.
    fn ended(asker: &mut Asker) -> String {
        let answer = asker.asked_with("year-reader", "read-year", &json!({ "year": "2026" }));
        let answer = answer.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.body);
        let body = answer.json();
        let held = Holder {
            agent: "year-reader".into(),
            grant: body["grant"]["id"].as_str().unwrap().into(),
            bearer: format!("Bearer {}", body["token"].as_str().unwrap()),
        };
        let armed = asker.credentials(&held).unwrap();
        assert_eq!(armed.status, 200, "{}", armed.body);
        assert_eq!(asker.end(&held).unwrap().status, 200);
        held.grant
    }

    /// Whether IAM's policy denies what has this name.
    fn denies(&self, grant: &str) -> bool {
        let world = self.fake.world();
        let policy = world.inline_policy(&self.task_role, POLICY_NAME);
        policy.is_some_and(|policy| policy.contains(grant))
    }

    fn until_denied(&self, grant: &str, within: Duration) {
        let begun = Instant::now();
        while !self.denies(grant) {
            assert!(begun.elapsed() < within, "{grant} is not denied by IAM");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Writes to IAM by this replica.
    fn writes(&self, name: &str) -> u64 {
        self.fake.world().calls_of(name, "iam:PutRolePolicy")
    }
}

fn signal(daemon: &Daemon, name: &str) {
    let id = daemon.id().to_string();
    let sent = std::process::Command::new("kill")
        .args([name, &id])
        .status();
    assert!(sent.unwrap().success());
}

// Test 52.
#[test]
fn a_writer_that_was_stopped_and_wakes_writes_nothing_where_another_took_over() {
    let Some(server) = Server::start().unwrap() else {
        return;
    };
    let armed = Armed::new(server.database().unwrap());
    let first = armed.start(0, None);
    let soon = Duration::from_secs(10);
    let mut one = first.asker();
    armed.until_denied(&Armed::ended(&mut one), soon);
    let second = armed.start(1, Some(&first.home));
    let mut other = second.asker();
    // One writes for both.
    armed.until_denied(&Armed::ended(&mut other), soon);
    assert_eq!(armed.writes("b"), 0);
    signal(&first.daemon, "-STOP");
    // What ends now is denied by the other as soon as it knows that the first is not there.
    let grant = Armed::ended(&mut other);
    assert!(!armed.denies(&grant));
    armed.until_denied(&grant, Lease::LASTS_FOR + soon);
    let written = armed.writes("a");
    signal(&first.daemon, "-CONT");
    for asker in [&mut one, &mut other] {
        armed.until_denied(&Armed::ended(asker), soon);
        thread::sleep(Duration::from_secs(1));
    }
    assert_eq!(armed.writes("a"), written, "{}", first.home.said());
    assert!(first.home.said().is_empty() || one.ready().unwrap());
    // It goes: the other need not wait, and once the other goes, this one writes again.
    signal(&second.daemon, "-TERM");
    let begun = Instant::now();
    armed.until_denied(&Armed::ended(&mut one), Lease::LASTS_FOR / 2);
    assert!(armed.writes("a") > written, "after {:?}", begun.elapsed());
    let mut account = Account::new();
    account.read_on(&mut one);
    account.verify(&first.home);
}
