//! What a collector of traces is told.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
};

use serde_json::json;

use crate::daemon::Place;

/// The paths and bodies of what came.
type Came = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A collector that takes everything, and keeps it.
fn collector() -> (String, Came) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let came = Came::default();
    let kept = Arc::clone(&came);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let mut length = 0;
            loop {
                let mut header = String::new();
                reader.read_line(&mut header).unwrap();
                let header = header.trim().to_ascii_lowercase();
                if header.is_empty() {
                    break;
                }
                if let Some(told) = header.strip_prefix("content-length: ") {
                    length = told.parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            kept.lock().unwrap().push((line, body));
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    (at, came)
}

fn holds(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_collector_is_told_of_each_decision_in_the_words_of_the_convention_and_of_no_argument() {
    let (at, came) = collector();
    let place = Place::new();
    let daemon = place.start_with(&["--otlp", &at], &[]);
    let (id, token) = daemon.grant();
    let body = json!({
        "subject": { "type": "agent", "id": "invoice" },
        "action": { "name": "call", "properties": { "amount": 7_654_321 } },
        "resource": { "type": "tool", "id": "ledger/post" },
        "context": { "flow": { "session": "session-9" } },
    });
    let headers = [
        ("content-type", "application/json"),
        ("authorization", token.as_str()),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
    ];
    let path = "/access/v1/evaluation";
    let answer = daemon
        .process
        .client()
        .ask("POST", path, &headers, &body.to_string())
        .unwrap();
    assert_eq!(answer.status, 200);
    let operator = daemon.operator.clone();
    let (code, log) = daemon.stop();
    assert_eq!(code, 0, "{log}");
    let came = came.lock().unwrap();
    assert!(
        !came.is_empty(),
        "what is left is exported when it stops: {log}"
    );
    assert!(
        came.iter()
            .all(|(line, _)| line.starts_with("POST /v1/traces "))
    );
    let all: Vec<u8> = came.iter().flat_map(|(_, body)| body.clone()).collect();
    for word in [
        "bailiwickd",
        "POST /access/v1/evaluation",
        "execute_tool ledger/post",
        "gen_ai.operation.name",
        "gen_ai.tool.name",
        "gen_ai.tool.type",
        "gen_ai.agent.name",
        "gen_ai.conversation.id",
        "session-9",
        "bailiwick.decision",
        "deny",
        "condition_not_met",
        "bailiwick.record.seq",
        id.as_str(),
    ] {
        assert!(holds(&all, word.as_bytes()), "{word}");
    }
    let trace = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
    assert!(holds(&all, &trace), "it goes on with the caller's trace");
    let token = token.strip_prefix("Bearer ").unwrap();
    let operator = operator.strip_prefix("Bearer ").unwrap();
    for secret in [token, operator, "7654321"] {
        assert!(
            !holds(&all, secret.as_bytes()),
            "a secret is told to the collector"
        );
    }
}

#[test]
fn a_collector_that_is_not_there_holds_up_nobody() {
    let place = Place::new();
    let daemon = place.start_with(&["--otlp", "http://127.0.0.1:1"], &[]);
    let (_, token) = daemon.grant();
    assert!(daemon.allows(&token));
    assert_eq!(daemon.stop().0, 0);
    for at in [
        "https://127.0.0.1:4318",
        "127.0.0.1:4318",
        "http://",
        "http://x/?a=b",
    ] {
        let (code, _, err) = place.ran(&["--charters", "charters", "--data", "data", "--otlp", at]);
        assert_eq!(code, 2, "{at}: {err}");
        assert!(err.contains("--otlp"), "{err}");
    }
}
