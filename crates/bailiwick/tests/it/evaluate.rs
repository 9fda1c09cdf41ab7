//! `evaluate` as a filter.

use crate::program::{Folder, refuses, run, run_with};

const CASE: &str = r#"{"name":"c1","request":{"principal":"arn:aws:sts::111122223333:assumed-role/R/s","action":"s3:GetObject","resource":"arn:aws:s3:::b/k"},"identity":[{"name":"p1","document":{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}}]}"#;
const ANSWER: &str = r#"{"name":"c1","decision":"allow","layer":null,"because":[{"layer":"identity","policy":"p1","statement":0,"sid":"Read","effect":"Allow"}],"missing":[]}"#;

fn evaluate(input: impl AsRef<[u8]>) -> crate::program::Ran {
    run_with(&["evaluate", "--cases", "-"], input)
}

#[test]
fn each_case_has_its_answer_in_order_and_blank_lines_none() {
    let input = format!("{CASE}\n\n{}\n", CASE.replace("c1", "c2"));
    let ran = evaluate(input);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(
        ran.out,
        format!("{ANSWER}\n{}\n", ANSWER.replace("c1", "c2"))
    );
    assert_eq!(ran.err, "");
}

#[test]
fn a_file_of_cases_and_the_standard_input_are_answered_alike() {
    let folder = Folder::new();
    let file = folder.file("cases.ndjson", CASE);
    let ran = run(&["evaluate", "--cases", &file]);
    assert_eq!((ran.code, ran.out), (0, format!("{ANSWER}\n")));
}

#[test]
fn no_cases_are_no_answers() {
    let ran = evaluate("");
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
}

#[test]
fn a_bad_line_is_named_and_the_answers_before_it_stand_whole() {
    let bad = CASE.replace("\"Effect\":\"Allow\"", "\"Effect\":\"allow\"");
    let ran = evaluate(format!("{CASE}\n{bad}\n{CASE}\n"));
    assert_eq!(ran.code, 2);
    assert_eq!(ran.out, format!("{ANSWER}\n"));
    for words in [
        "line 2",
        "standard input:2:",
        "write \"Allow\" or \"Deny\"",
        "the 1 case before it",
    ] {
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
    }
}

#[test]
fn every_way_to_be_no_case_is_pointed_at() {
    let deep = "[".repeat(200_000);
    let table: [(&str, &str); 12] = [
        ("{\"name\":", "not valid JSON"),
        (&deep, "not valid JSON"),
        ("[]", "expected an object"),
        ("{\"request\":null}", "expected"),
        ("{}", "request"),
        (
            &CASE.replace("\"name\":\"c1\"", "\"name\":\"c1\",\"name\":\"c2\""),
            "stands twice",
        ),
        (
            &CASE.replace("\"Sid\"", "\"SID\""),
            "not an element of a statement",
        ),
        (&CASE.replace("\"Effect\":\"Allow\",", ""), "no `Effect`"),
        (
            &CASE.replace(
                "\"Resource\":\"*\"",
                "\"Resource\":\"*\",\"Condition\":{\"StringEqual\":{\"a\":\"b\"}}",
            ),
            "StringEqual",
        ),
        (
            &CASE.replace("\"identity\":", "\"identities\":"),
            "identities",
        ),
        (
            &CASE.replace("\"identity\":", "\"boundary\":[],\"identity\":"),
            "could mean two things",
        ),
        (
            &CASE.replace("s3:GetObject\",\"resource", "s3:Get*\",\"resource"),
            "s3:Get*",
        ),
    ];
    for (line, words) in table {
        let ran = evaluate(line);
        assert_eq!(ran.code, 2, "{words}: {}", ran.err);
        assert_eq!(ran.out, "", "{words}");
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
        assert!(ran.err.contains("mend:"), "{words}: {}", ran.err);
        assert!(ran.err.len() < 2_000, "{words}: {}", ran.err.len());
    }
}

#[test]
fn what_is_no_utf8_is_refused_at_its_line() {
    let ran = evaluate(b"\n{\"name\":\"\xff\"}");
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("standard input:2: no UTF-8"),
        "{}",
        ran.err
    );
}

#[test]
fn a_file_that_is_not_there_or_is_a_folder_is_named() {
    refuses(&["evaluate", "--cases", "no.ndjson"], &["no.ndjson"]);
    refuses(&["evaluate", "--cases", "docs"], &["is a folder"]);
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    use std::process::Stdio;
    let folder = Folder::new();
    let file = folder.file("cases.ndjson", format!("{CASE}\n").repeat(20_000));
    let mut child = crate::program::program(&["evaluate", "--cases", &file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ran = child.wait_with_output().unwrap();
    assert_eq!(ran.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ran.stderr), "");
}

#[test]
fn each_answer_comes_before_the_next_question() {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        process::Stdio,
    };
    let mut child = crate::program::program(&["evaluate", "--cases", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        writeln!(stdin, "{CASE}").unwrap();
        assert_eq!(answers.next().unwrap().unwrap(), ANSWER);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}
