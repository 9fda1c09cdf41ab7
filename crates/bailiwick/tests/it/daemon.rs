//! `grant`, `revoke` and `kill` against a scripted daemon: what is sent to whom, and what an answer
//! means. That they do what they say is tested with the real one, in `bailiwickd`.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    thread::JoinHandle,
};

use crate::program::{Folder, Ran, program};

/// One request as it came: the first line, the headers in lower case, the body.
#[derive(Debug)]
struct Came {
    line: String,
    headers: String,
    body: String,
}

/// A server that gives these answers, one a connection, and then tells what it was asked.
fn scripted(answers: &[(u16, &str)]) -> (String, JoinHandle<Vec<Came>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let answers: Vec<_> = answers
        .iter()
        .map(|(status, body)| (*status, (*body).to_owned()))
        .collect();
    let served = std::thread::spawn(move || {
        let mut came = Vec::new();
        for (status, body) in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let mut headers = String::new();
            loop {
                let mut header = String::new();
                reader.read_line(&mut header).unwrap();
                if header.trim().is_empty() {
                    break;
                }
                headers.push_str(&header.to_ascii_lowercase());
            }
            let length = headers
                .lines()
                .find_map(|header| header.strip_prefix("content-length: "));
            let length = length.map_or(0, |length| length.trim().parse().unwrap());
            let mut sent = vec![0; length];
            reader.read_exact(&mut sent).unwrap();
            let answer = format!(
                "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
            came.push(Came {
                line: line.trim().to_owned(),
                headers,
                body: String::from_utf8(sent).unwrap(),
            });
        }
        came
    });
    (at, served)
}

/// A daemon's folder with this address and an operator's token.
fn data(at: &str) -> Folder {
    let folder = Folder::new();
    folder.file("address", format!("{at}\n"));
    folder.file("operator.token", "bwo_secret\n");
    folder
}

fn ran(args: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = program(args);
    for name in ["BAILIWICK_AT", "BAILIWICK_TOKEN", "BAILIWICK_TICKET"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

const TICKET: &str = r#"{"ticket":"bwt_t","agent":"a","expires_at_ms":1800000000000}"#;
const GRANTED: &str = r#"{"grant":{"id":"g1","agent":"a","task":"t","deadline_ms":1800000000000},"token":"ey.tok.en","token_type":"Bearer","expires_at_ms":1800000000000,"clamped":true}"#;

#[test]
fn a_grant_is_opened_with_a_ticket_that_the_operators_token_mints() {
    let (at, served) = scripted(&[(201, TICKET), (201, GRANTED)]);
    let data = data(&at);
    let asked = [
        "grant",
        "a",
        "t",
        "-p",
        "supplier=acme-co",
        "--seconds",
        "90",
        "--data",
        data.name(),
    ];
    let ran = ran(&asked, &[]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "ey.tok.en\n"), "{ran:?}");
    assert!(
        ran.err.contains("g1") && ran.err.contains("less than was asked for"),
        "{}",
        ran.err
    );
    let came = served.join().unwrap();
    assert_eq!(came[0].line, "POST /v1/tickets HTTP/1.1");
    assert!(came[0].headers.contains("authorization: bearer bwo_secret"));
    assert!(
        came[1]
            .headers
            .contains("authorization: bailiwick-ticket bwt_t")
    );
    let body: serde_json::Value = serde_json::from_str(&came[1].body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({ "agent": "a", "task": "t", "parameters": { "supplier": "acme-co" }, "seconds": 90 })
    );
}

#[test]
fn a_secret_comes_from_a_file_or_the_environment_and_goes_to_a_file_of_its_owner() {
    let (at, served) = scripted(&[(201, GRANTED)]);
    let folder = Folder::new();
    let ticket = folder.file("ticket", "bwt_mine\n");
    let token = folder.path().join("token");
    let token = token.to_str().unwrap();
    let asked = [
        "grant",
        "a",
        "t",
        "--ticket-file",
        &ticket,
        "--at",
        &at,
        "--out",
        token,
    ];
    let first = ran(&asked, &[]);
    assert_eq!((first.code, first.out.as_str()), (0, ""), "{first:?}");
    assert_eq!(std::fs::read_to_string(token).unwrap(), "ey.tok.en\n");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(token).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        served.join().unwrap()[0]
            .headers
            .contains("bailiwick-ticket bwt_mine")
    );

    let (at, served) = scripted(&[(200, r#"{"id":"g1","ended":3}"#)]);
    let asked = ["revoke", "g1", "--data", "nowhere"];
    let ran = ran(
        &asked,
        &[("BAILIWICK_AT", &at), ("BAILIWICK_TOKEN", "ey.to.ken")],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("and 2 that were delegated"), "{}", ran.out);
    let came = served.join().unwrap();
    assert_eq!(came[0].line, "DELETE /v1/grants/g1 HTTP/1.1");
    assert!(came[0].headers.contains("authorization: bearer ey.to.ken"));
}

#[test]
fn a_refusal_exits_1_a_bad_request_2_and_what_nobody_knows_3() {
    let problem = |status: u16| {
        format!(
            r#"{{"type":"urn:bailiwick:problem:x","title":"x","status":{status},"detail":"in words","instance":"urn:bailiwick:request:r1","reason":"killed"}}"#
        )
    };
    for (status, code) in [
        (403, 1),
        (404, 1),
        (409, 1),
        (400, 2),
        (401, 2),
        (503, 3),
        (500, 3),
    ] {
        let (at, served) = scripted(&[(status, &problem(status))]);
        let data = data(&at);
        let asked = ["kill", "all", "--reason", "drill", "--data", data.name()];
        let ran = ran(&asked, &[]);
        assert_eq!(ran.code, code, "{status}: {ran:?}");
        assert!(
            ran.err.contains("in words") && ran.err.contains("(killed)"),
            "{}",
            ran.err
        );
        assert_eq!(ran.out, "");
        served.join().unwrap();
    }
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let data = data(&format!("http://{nobody}"));
    let ran = ran(&["kill", "--list", "--data", data.name()], &[]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.err.contains("nobody listens") && ran.err.contains("bailiwickd"),
        "{}",
        ran.err
    );
}

#[test]
fn a_token_is_sent_to_no_other_machine_in_the_clear_and_follows_no_redirection() {
    for at in [
        "http://10.0.0.1:8470",
        "http://authority.example.com",
        "http://localhost.evil",
    ] {
        let data = data(at);
        let ran = ran(&["kill", "--list", "--data", data.name()], &[]);
        assert_eq!(ran.code, 2, "{at}: {ran:?}");
        assert!(ran.err.contains("in the clear"), "{}", ran.err);
    }
    for at in ["ftp://127.0.0.1", "127.0.0.1:8470", "", "http://"] {
        let ran = ran(&["kill", "--list", "--at", at], &[("BAILIWICK_TOKEN", "x")]);
        assert_eq!(ran.code, 2, "{at}: {ran:?}");
    }
    let (at, served) = scripted(&[(302, "{}")]);
    let data = data(&at);
    let proxied = [
        ("http_proxy", "http://127.0.0.1:1"),
        ("ALL_PROXY", "http://127.0.0.1:1"),
    ];
    let ran = ran(&["kill", "--list", "--data", data.name()], &proxied);
    assert_ne!(ran.code, 0, "{ran:?}");
    assert_eq!(served.join().unwrap().len(), 1);
}

#[test]
fn no_secret_is_told_whatever_goes_wrong() {
    let data = data("http://127.0.0.1:1");
    data.file("operator.token", "bwo_secret with a second word\n");
    for json in [&[][..], &["--json"]] {
        let asked = [
            &["kill", "all", "--reason", "x", "--data", data.name()],
            json,
        ]
        .concat();
        let ran = ran(&asked, &[]);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(!format!("{ran:?}").contains("bwo_secret"), "{ran:?}");
    }
}

#[test]
fn what_a_daemon_says_cannot_move_the_cursor() {
    let stops = r#"{"stops":[{"scope":"agent","name":"a\u001b[2J","kill":true,"at_ms":0,"by":"b\u202e","reason":"r"}]}"#;
    let (at, served) = scripted(&[(200, stops)]);
    let data = data(&at);
    let ran = ran(&["kill", "--list", "--data", data.name()], &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!ran.out.contains(['\u{1b}', '\u{202e}']), "{:?}", ran.out);
    served.join().unwrap();
}

#[test]
fn what_was_seen_of_a_kill_is_told_and_ends_the_run_accordingly() {
    let layer = |holds: &str| {
        format!(
            r#"{{"layer":"iam_effect","holds":{holds},"after_ms":812,"coverage":"one session\u001b[2J"}}"#
        )
    };
    let answer = |held: bool, rest: &str| {
        format!(
            r#"{{"scope":"agent","name":"a","ended":2,"recorded":true,"verified":{{"held":{held},{rest}}}}}"#
        )
    };
    let seen = |holds| {
        format!(
            r#""layers":[{}],"tries":9,"successes":2,"last_success_after_ms":402,"watched_ms":1900"#,
            layer(holds)
        )
    };
    for (answer, code, says) in [
        (answer(true, &seen("true")), 0, "holds after 812 ms"),
        (answer(false, &seen("false")), 1, "NOT SEEN TO HOLD"),
        (
            answer(false, r#""layers":[],"why_not":"no canary was made""#),
            3,
            "Not verified: no canary was made",
        ),
    ] {
        let (at, asked) = scripted(&[(200, &answer)]);
        let object = "arn:aws:s3:::ledger/canary";
        let arguments = [
            "kill", "agent", "a", "--reason", "drill", "--verify", "--object", object, "--watch",
            "30", "--at", &at,
        ];
        let ran = ran(&arguments, &[("BAILIWICK_TOKEN", "x")]);
        assert_eq!(ran.code, code, "{} {}", ran.out, ran.err);
        assert!(ran.out.contains(says), "{}", ran.out);
        assert!(!ran.out.contains('\u{1b}'), "{}", ran.out);
        let came = asked.join().unwrap();
        let sent: serde_json::Value = serde_json::from_str(&came[0].body).unwrap();
        let wish = serde_json::json!({ "seconds": 30, "object": object });
        assert_eq!(sent["verify"], wish);
    }
    let without = ran(
        &["kill", "agent", "a", "--reason", "x", "--object", "arn"],
        &[],
    );
    assert_eq!(without.code, 2, "{}", without.err);
}

#[test]
fn what_is_to_be_killed_is_said_in_full() {
    for (asked, word) in [
        (&["kill", "agent", "--reason", "x"][..], "which agent?"),
        (
            &["kill", "all", "invoice", "--reason", "x"],
            "kill agent invoice",
        ),
        (
            &["kill", "--clear", "grant", "g1", "--reason", "x"],
            "has ended",
        ),
        (&["kill", "agent", "a"], "--reason"),
        (&["grant", "a"], "TASK"),
        (&["grant", "a", "t", "-p", "x"], "NAME=VALUE"),
        (&["grant", "a", "t", "-p", "x=1", "-p", "x=2"], "twice"),
        (&["revoke", "../kill"], "no id of a grant"),
    ] {
        let ran = ran(
            asked,
            &[
                ("BAILIWICK_AT", "http://127.0.0.1:1"),
                ("BAILIWICK_TOKEN", "x"),
            ],
        );
        assert_eq!(ran.code, 2, "{asked:?}: {ran:?}");
        assert!(ran.err.contains(word), "{asked:?}: {}", ran.err);
    }
}
