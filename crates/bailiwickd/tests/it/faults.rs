//! Replicas whose clocks step, whose connections to the database end, and who are all asked for what
//! may be had once.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bailiwick_testkit::{peers, postgres::Server, way::Way};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::{
    replicas::{Replica, refusal},
    story::{Account, plainly},
};

/// A wall clock of its own, that can be set.
struct Wall {
    library: PathBuf,
    file: PathBuf,
}

impl Wall {
    /// The clock of whoever is started with it, as the machine's. `None`: it cannot be had here.
    fn new(folder: &tempfile::TempDir) -> Option<Self> {
        let wall = Self {
            library: peers::faketime()?,
            file: folder.path().join("clock"),
        };
        wall.step(0);
        Some(wall)
    }

    fn step(&self, seconds: i32) {
        fs::write(&self.file, format!("{seconds:+}s")).unwrap();
    }

    fn of(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_CACHE_DURATION", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
}

fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "never {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

// Test 48.
#[test]
fn a_replica_whose_clock_steps_denies_and_no_grant_ends_or_lives_on_by_it() {
    let (Some(server), folder) = (Server::start().unwrap(), tempfile::tempdir().unwrap()) else {
        return;
    };
    let Some(wall) = Wall::new(&folder) else {
        return;
    };
    let address = server.database().unwrap();
    let first = Replica::start("a", &address, None);
    let mut second =
        Replica::start_with("b", &address, Some(&first.home), |command| wall.of(command));
    let (mut one, mut other) = (first.asker(), second.asker());
    let held = one.open("worker", "share").unwrap();
    assert!(one.call(&held).unwrap() && other.call(&held).unwrap());
    // Back: time here goes on at its pace, and nothing is different.
    wall.step(-600);
    thread::sleep(Duration::from_secs(2));
    assert!(other.ready().unwrap() && other.call(&held).unwrap());
    // Ahead, by less than the grant has left.
    wall.step(60);
    soon("red", || !other.ready().unwrap());
    assert!(!other.call(&held).unwrap());
    let said = other.operator_reads("/readyz").unwrap().body;
    assert!(said.contains("clock"), "{said}");
    assert!(one.call(&held).unwrap() && one.ready().unwrap());
    // Set right and started again, it allows what it denied: nothing was ended.
    wall.step(0);
    let home = second.home.clone();
    second.daemon.kill().unwrap();
    let as_before = |command: &mut Command| {
        plainly(command);
        wall.of(command);
        command.args(["--database", &address, "--replica", "b"]);
    };
    let again = home.start(as_before).unwrap();
    let mut other = crate::story::Asker::new(&home, &again);
    assert!(other.ready().unwrap() && other.call(&held).unwrap());
    drop(again);
    // With a clock that is wrong none starts.
    for (step, which) in [(9, "ahead of"), (-9, "behind")] {
        wall.step(step);
        let refused = home.start(as_before).unwrap_err().to_string();
        assert!(
            refused.contains(which) && refused.contains("NTP"),
            "{refused}"
        );
    }
    let mut account = Account::new();
    account.read_on(&mut one);
    account.verify(&first.home);
    account.holds(&one.released);
}

#[test]
fn a_replica_whose_connections_end_again_and_again_releases_nothing_that_is_not_recorded() {
    let Some(server) = Server::start().unwrap() else {
        return;
    };
    let address = server.database().unwrap();
    let way = Way::to(server.port()).unwrap();
    let port = server.port().to_string();
    let through = address.replace(&port, &way.port().to_string());
    let first = Replica::start("a", &address, None);
    let second = Replica::start("b", &through, Some(&first.home));
    let mut one = first.asker();
    let held = one.open("worker", "share").unwrap();
    let is_over = AtomicBool::new(false);
    let (mut released, mut denied) = (Vec::new(), 0);
    thread::scope(|scope| {
        let asking: Vec<_> = (0..4)
            .map(|_| {
                let (mut asker, held, is_over) = (second.asker(), &held, &is_over);
                scope.spawn(move || {
                    let mut denied = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        denied += u32::from(!asker.call(held).unwrap());
                    }
                    (asker.released, denied)
                })
            })
            .collect();
        for pause in 0..20 {
            thread::sleep(Duration::from_millis(60 + 17 * pause));
            way.hang_up();
        }
        is_over.store(true, Ordering::Relaxed);
        for asked in asking {
            let (had, lost) = asked.join().unwrap();
            released.extend(had);
            denied += lost;
        }
    });
    assert!(released.len() > 20 && denied > 0, "nothing was tested");
    let mut other = second.asker();
    soon("ready again", || other.ready().unwrap());
    let mut account = Account::new();
    account.read_on(&mut other);
    account.verify(&first.home);
    account.holds(&released);
    // A commit that was cut off may have been made: a use without an answer, and never two.
    let allowed = account.allowed(&held.grant);
    assert!((released.len()..=2_000).contains(&allowed), "{allowed}");
    println!(
        "{} released, {denied} denied, {allowed} recorded",
        released.len()
    );
}

// Test 44, on three replicas.
#[test]
fn a_ticket_that_everybody_shows_everywhere_at_once_opens_one_grant() {
    let Some(server) = Server::start().unwrap() else {
        return;
    };
    let address = server.database().unwrap();
    let first = Replica::start("a", &address, None);
    let others = ["b", "c"].map(|name| Replica::start(name, &address, Some(&first.home)));
    let mut operator = first.asker();
    let all = 30;
    for _ in 0..5 {
        let ticket = operator.ticket("worker").unwrap();
        let begin = Barrier::new(all);
        let opened: usize = thread::scope(|scope| {
            let asking: Vec<_> = std::iter::once(&first)
                .chain(&others)
                .cycle()
                .take(all)
                .map(|replica| {
                    let (mut asker, ticket, begin) = (replica.asker(), &ticket, &begin);
                    scope.spawn(move || {
                        begin.wait();
                        asker.opens_by(ticket, "worker", "post").unwrap().status
                    })
                })
                .collect();
            let statuses = asking.into_iter().map(|asked| asked.join().unwrap());
            statuses
                .inspect(|status| assert!(matches!(status, 201 | 401), "{status}"))
                .filter(|status| *status == 201)
                .count()
        });
        assert_eq!(opened, 1);
    }
}

#[test]
fn doctor_looks_at_the_database_and_takes_no_part_in_it() {
    let Some(server) = Server::start().unwrap() else {
        return;
    };
    let address = server.database().unwrap();
    let first = Replica::start("a", &address, None);
    let mut one = first.asker();
    let held = one.open("worker", "post").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_bailiwickd"))
        .args(["doctor", "--database", &address, "--data"])
        .arg(first.home.data())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("replicas that run: a; the clock"), "{said}");
    assert!(one.call(&held).unwrap(), "it was fenced off");
    let elsewhere = "postgres://bailiwick@127.0.0.1:1/x";
    let said = refusal(&first.home, &["doctor", "--database", elsewhere]);
    assert!(said.contains("BAD  database"), "{said}");
}

/// A certificate for these names, its key, and the certificate of the authority that vouches for it.
fn certified(names: &[&str]) -> [String; 3] {
    let authority = KeyPair::generate().unwrap();
    let mut own = CertificateParams::default();
    own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let vouching = own.self_signed(&authority).unwrap().pem();
    let issuer = Issuer::new(own, authority);
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let server = CertificateParams::new(names).unwrap();
    let server = server.signed_by(&key, &issuer).unwrap().pem();
    [server, key.serialize_pem(), vouching]
}

#[test]
fn with_the_certificate_of_its_authority_the_database_is_only_reached_over_tls() {
    let Some(mut server) = Server::start().unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let [certificate, key, vouching] = certified(&["localhost"]);
    let [.., stranger] = certified(&["localhost"]);
    let (vouching, stranger) = (file("ca.pem", &vouching), file("stranger.pem", &stranger));
    let address = server.database().unwrap();
    let named = address.replace("127.0.0.1", "localhost");
    let doctor = |address: &str, authority: &str| {
        let words = ["doctor", "--database", address, "--database-ca", authority];
        let output = Command::new(env!("CARGO_BIN_EXE_bailiwickd"))
            .args(words)
            .arg("--data")
            .arg(folder.path().join("data"))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    // It speaks no TLS yet, and in the clear nothing is said.
    let said = doctor(&named, &vouching);
    assert!(said.contains("BAD  database"), "{said}");
    server.speak_tls(&certificate, &key).unwrap();
    let said = doctor(&named, &vouching);
    assert!(said.contains("ok   database"), "{said}");
    for (address, authority) in [(&named, &stranger), (&address, &vouching)] {
        let said = doctor(address, authority);
        assert!(said.contains("BAD  database"), "{address}: {said}");
    }
    let replica = Replica::start_with("a", &named, None, |command| {
        command.args(["--database-ca", &vouching]);
    });
    let mut asker = replica.asker();
    let held = asker.open("worker", "post").unwrap();
    assert!(asker.call(&held).unwrap());
    let connections = "SELECT bool_and(ssl), count(*) > 1 FROM pg_stat_ssl
        JOIN pg_stat_activity USING (pid) WHERE application_name = 'bailiwickd'";
    assert_eq!(server.sql(&address, connections).unwrap(), "t|t");
}
