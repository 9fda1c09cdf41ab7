//! What is refused before anybody looks at what it asks.

use crate::house::{House, VIEWER};

// Test 65 of the list of required ones.
#[test]
fn another_host_and_another_origin_are_refused() {
    let house = House::new();
    for headers in [
        vec![("host", "evil")],
        vec![("host", "localhost"), ("host", "localhost")],
        vec![("host", "localhost"), ("origin", "null")],
        vec![("host", "localhost"), ("origin", "http://evil")],
    ] {
        for path in ["/healthz", "/nowhere", "/v1/grants"] {
            let answer = house.client().ask("GET", path, &headers, "").unwrap();
            assert_eq!(answer.status, 403, "{headers:?} {path}");
        }
        // Nobody looks who asks, or at what: not even at a body that cannot be read.
        let mut headers = headers.clone();
        headers.extend([("authorization", "garbage"), ("content-type", "text/html")]);
        for path in ["/access/v1/evaluation", "/v1/kill", "/v1/grants"] {
            let answer = house.client().ask("POST", path, &headers, "{{{").unwrap();
            assert_eq!(answer.status, 403, "{headers:?} {path}");
        }
    }
    let none = house
        .client()
        .raw(b"GET /healthz HTTP/1.1\r\n\r\n")
        .unwrap();
    assert_eq!(none.status, 403);
}

// Test 73.
#[test]
fn a_request_that_can_be_read_in_two_ways_is_a_bad_one() {
    let house = House::new();
    let head = format!(
        "POST /access/v1/evaluation HTTP/1.1\r\nHost: localhost\r\nAuthorization: {VIEWER}\r\nContent-Type: application/json\r\n"
    );
    let both = format!("{head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    let lengths = format!("{head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}");
    let folded = format!("{head}X-A: a\r\n b\r\nContent-Length: 2\r\n\r\n{{}}");
    for request in [both, lengths, folded] {
        let answer = house.client().raw(request.as_bytes()).unwrap();
        assert_eq!(answer.status, 400, "{request}");
    }
    let long = |length: usize| {
        let mut head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: ".to_owned();
        head.push_str(&"a".repeat(length - head.len()));
        house.client().raw(head.as_bytes())
    };
    // No more than is read is sent, so that the answer is not lost with the rest. RFC 6585 has a
    // status of its own for it.
    assert_eq!(long(64 << 10).unwrap().status, 431);
    // The server answers and closes while the rest is still on its way.
    if let Ok(answer) = long(1 << 20) {
        assert_eq!(answer.status, 431);
    }
    assert_eq!(
        house
            .client()
            .ask("GET", "/healthz", &[], "")
            .unwrap()
            .status,
        200
    );
}

// Test 74.
#[test]
fn json_that_is_too_deep_too_long_or_ambiguous_is_refused() {
    let house = House::new();
    let ask = |body: &str| {
        let headers = [
            ("content-type", "application/json"),
            ("authorization", VIEWER),
        ];
        house
            .client()
            .ask("POST", "/access/v1/evaluation", &headers, body)
            .unwrap()
            .status
    };
    assert_eq!(ask(&"[".repeat(10_000)), 400);
    assert_eq!(ask(r#"{"a":1,"a":2}"#), 400);
    assert_eq!(ask(r#"{"a":1e400}"#), 400);
    assert_eq!(ask(&format!("[{}]", "\"a\",".repeat(20_000))), 400);
    assert_eq!(ask(&format!("\"{}\"", "a".repeat(300 << 10))), 413);
    assert!(house.records().is_empty());
}
