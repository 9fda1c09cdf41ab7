//! What the process shows of itself.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::daemon::Place;

fn modes(folder: &Path, into: &mut Vec<(String, u32)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let about = fs::symlink_metadata(&path).unwrap();
        into.push((path.display().to_string(), about.mode() & 0o777));
        if about.is_dir() {
            modes(&path, into);
        }
    }
}

// Test 88 of the list of required ones.
#[test]
fn files_are_for_their_owner_alone_and_no_secret_is_in_what_the_system_shows() {
    let place = Place::new();
    // Under a umask that takes nothing away.
    let script = format!(
        "umask 000; exec '{}' --charters charters --data data --listen 127.0.0.1:0",
        env!("CARGO_BIN_EXE_bailiwickd")
    );
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .current_dir(place.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = place.data().join("address");
    while !address.exists() {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let mut found = Vec::new();
    modes(&place.data(), &mut found);
    let secrets = ["keys", "operator.token", ".db"];
    for name in secrets {
        assert!(
            found.iter().any(|(path, _)| path.contains(name)),
            "{name}: {found:?}"
        );
    }
    for (path, mode) in &found {
        assert_eq!(mode & 0o077, 0, "{path} is {mode:o}");
    }
    assert_eq!(fs::metadata(place.data()).unwrap().mode() & 0o777, 0o700);
    let token = fs::read_to_string(place.data().join("operator.token")).unwrap();
    let process = Path::new("/proc").join(child.id().to_string());
    if process.exists() {
        let arguments = fs::read(process.join("cmdline")).unwrap();
        assert!(!String::from_utf8_lossy(&arguments).contains(token.trim()));
        let limits = fs::read_to_string(process.join("limits")).unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"))
            .unwrap();
        let numbers: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
        assert_eq!(numbers, ["0", "0"], "{core}");
        // Not dumpable: what the system shows of it belongs to root.
        let owner = fs::metadata(process.join("environ")).unwrap().uid();
        assert_eq!(owner, 0, "{owner}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // A secret that others may read is not taken.
    let shared = place.data().join("operator.token");
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o644)).unwrap();
    let err = place.refused(&[]);
    assert!(
        err.contains("chmod 600") && !err.contains(token.trim()),
        "{err}"
    );
}

// Test 81: the log.
#[test]
fn the_log_holds_no_secret_and_one_event_a_line_whatever_is_sent() {
    for form in ["text", "json"] {
        let place = Place::new();
        let daemon = place.start_with(&["--log", form, "--log-level", "trace"], &[]);
        let (_, token) = daemon.grant();
        let ticket = daemon.ask(
            &daemon.operator,
            "POST",
            "/v1/tickets",
            &json!({ "agent": "invoice" }),
        );
        let ticket = ticket.json()["ticket"].as_str().unwrap().to_owned();
        let tricks = "a\r\nERROR forged\u{1b}[2J\u{0}";
        for body in [
            json!({ "scope": "agent", "name": tricks, "reason": tricks }),
            json!({ "scope": "owner", "name": "canary-1b2c", "reason": "canary-1b2c" }),
        ] {
            assert_eq!(
                daemon
                    .ask(&daemon.operator, "POST", "/v1/kill", &body)
                    .status,
                200
            );
        }
        daemon.ask(
            &format!("Bearer {ticket}"),
            "GET",
            "/v1/grants",
            &Value::Null,
        );
        daemon.call(&token, 7_654_321).unwrap();
        let operator = daemon.operator.clone();
        let (_, log) = daemon.stop();
        let operator = operator.strip_prefix("Bearer ").unwrap();
        let token = token.strip_prefix("Bearer ").unwrap();
        for secret in [
            operator,
            token,
            token.rsplit('.').next().unwrap(),
            &ticket,
            "7654321",
        ] {
            assert!(!log.contains(secret), "{form}: a secret is in the log");
        }
        assert!(log.contains("a kill acts"), "{log}");
        for line in log.lines() {
            assert!(!line.starts_with("ERROR forged"), "{line:?}");
            assert!(
                !line
                    .chars()
                    .any(|letter| letter.is_control() && letter != '\t'),
                "{line:?}"
            );
            if form == "json" {
                assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
            }
        }
    }
}
