use super::*;

fn parts(read: fn(&str) -> Parts, text: &str) -> Vec<(&'static str, String)> {
    let parts = read(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
    let told = |part| match part {
        Part::Text(text) => text,
        Part::Long(number) => number.to_string(),
    };
    parts
        .into_iter()
        .map(|(name, part)| (name, told(part)))
        .collect()
}

fn part(read: fn(&str) -> Parts, text: &str, name: &str) -> String {
    let parts = parts(read, text);
    parts.into_iter().find(|(part, _)| *part == name).unwrap().1
}

#[test]
fn a_url_has_the_host_that_every_client_would_ask() {
    assert_eq!(
        parts(url, "HTTPS://API.Example.com:8443/v1/items/?q=1#top"),
        [
            (
                "url",
                "https://api.example.com:8443/v1/items/?q=1".to_owned()
            ),
            ("scheme", "https".to_owned()),
            ("host", "api.example.com".to_owned()),
            ("port", "8443".to_owned()),
            ("path", "/v1/items/".to_owned()),
            ("query", "q=1".to_owned()),
        ]
    );
    assert_eq!(part(url, "http://10.0.0.1", "port"), "80");
    assert_eq!(part(url, "http://10.0.0.1", "path"), "/");
    assert_eq!(
        part(url, "https://a.example:443/x", "url"),
        "https://a.example/x"
    );
}

#[test]
fn a_url_that_two_clients_read_differently_is_refused() {
    for text in [
        "https://good.example@evil.example/",
        "https://good.example\\@evil.example/",
        "https://good.example%2eevil.example/",
        "https://good.example./",
        "https://evil.example\u{2215}good.example/",
        "https://ex\u{430}mple.com/",
        "https://good.example/a/../b",
        "https://good.example/./b",
        "https://good.example//b",
        "https://good.example/%2e%2e/b",
        "https://good.example/%252e%252e/b",
        "https://good.example/a%2fb",
        "https://good.example/%41dmin",
        "https://good.example/a%00",
        "https://good.example/x?next=%2F%2Fevil.example",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://good.example\u{200b}/",
        "https://good.example:08443/",
        "https://good.example:/",
        "https://good.example:99999/",
        "https://[::1]/",
        "//good.example/",
        "javascript:alert(1)",
        "https:/good.example",
        "https://good_host.example",
        "https://-good.example",
        "https:///path",
        "https://good.example/a b",
        " https://good.example/",
        "good.example",
        "",
    ] {
        assert!(url(text).is_err(), "{text}");
    }
}

#[test]
fn an_escape_that_stands_for_itself_alone_is_taken() {
    assert_eq!(
        part(url, "https://a.example/r%C3%A9sum%C3%A9%20x", "path"),
        "/r%C3%A9sum%C3%A9%20x"
    );
}

#[test]
fn an_address_has_one_domain() {
    assert_eq!(
        parts(email, "Bob.Smith+x@Example.COM"),
        [
            ("address", "Bob.Smith+x@example.com".to_owned()),
            ("local", "Bob.Smith+x".to_owned()),
            ("domain", "example.com".to_owned()),
        ]
    );
    for text in [
        "bob@example.com,eve@evil.example",
        "bob@example.com eve@evil.example",
        "bob@evil.example@example.com",
        "bob%evil.example@example.com",
        "evil.example!bob@example.com",
        "Bob <bob@example.com>",
        "\"a b\"@example.com",
        "bob@example.com.",
        "bob@[127.0.0.1]",
        "bob@localhost",
        "bob@ex\u{430}mple.com",
        "b\u{200b}ob@example.com",
        "bob@example..com",
        ".bob@example.com",
        "bob@",
        "@example.com",
        "bob",
        "bob@example.com\nBcc: eve@evil.example",
    ] {
        assert!(email(text).is_err(), "{text}");
    }
}

#[test]
fn test_58_a_path_that_leads_elsewhere_is_refused() {
    assert_eq!(
        parts(path, "/reports/2026/May.PDF"),
        [
            ("path", "/reports/2026/May.PDF".to_owned()),
            ("folder", "/reports/2026".to_owned()),
            ("name", "May.PDF".to_owned()),
            ("extension", "pdf".to_owned()),
        ]
    );
    assert_eq!(part(path, ".profile", "extension"), "");
    assert_eq!(part(path, "/a", "folder"), "/");
    for text in [
        "a/../b",
        "../b",
        "a/..",
        "a/./b",
        "a//b",
        "//server/share",
        "a/%2e%2e/b",
        "a/%252e%252e/b",
        "a\\..\\b",
        "a/b.",
        "a/b../c",
        "~root/x",
        "$HOME/x",
        "C:/x",
        "file.txt:stream",
        "a/*",
        "a/{b,c}",
        "a/\u{202e}b",
        "a/\u{ff0e}\u{ff0e}/b",
        "a\0b",
        "a\nb",
        "",
    ] {
        assert!(path(text).is_err(), "{text:?}");
    }
}

#[test]
fn an_arn_names_one_resource() {
    assert_eq!(
        parts(arn, "arn:aws:dynamodb:us-east-1:111122223333:table/ledger"),
        [
            (
                "arn",
                "arn:aws:dynamodb:us-east-1:111122223333:table/ledger".to_owned()
            ),
            ("partition", "aws".to_owned()),
            ("service", "dynamodb".to_owned()),
            ("region", "us-east-1".to_owned()),
            ("account", "111122223333".to_owned()),
            ("resource", "table/ledger".to_owned()),
        ]
    );
    for text in [
        "arn:aws:s3:::b/*",
        "arn:aws:s3:::b/k?",
        "arn:aws:s3:::b/${aws:username}",
        "arn:aws:s3:::b/../c",
        "arn:aws:s3:::b/%2e%2e/c",
        "arn:aws:s3",
        "b/k",
        "arn:aws:s3:::b\u{430}",
    ] {
        assert!(arn(text).is_err(), "{text}");
    }
}
