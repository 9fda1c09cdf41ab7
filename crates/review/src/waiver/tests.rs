use super::*;

const ROLE: &str = "arn:aws:iam::111122223333:role/reader";

fn finding(cause: &str) -> Finding {
    Finding {
        rule: "TRUST-05".into(),
        status: Status::Fail,
        severity: Severity::High,
        subject: ROLE.into(),
        agents: vec![],
        title: "t".into(),
        why: "w".into(),
        witness: Some(Witness::facts(["f"])),
        evidence: vec![],
        path: vec![],
        fix: Fix {
            summary: "s".into(),
            patch: "p".into(),
        },
        maps: frameworks::maps("TRUST-05"),
        fingerprint: Fingerprint::new("TRUST-05", ROLE, [cause]),
    }
}

fn by_subject(expires: &str) -> Vec<Waiver> {
    parse(&format!(
        r#"{{"waivers":[{{"rule":"TRUST-05","subject":"{ROLE}","owner":"data","reason":"batch","expires":"{expires}"}}]}}"#
    ))
    .unwrap()
}

fn applied(waivers: &[Waiver], today: &str) -> Vec<(String, Status)> {
    let mut findings = vec![finding("a")];
    apply(
        waivers,
        "waivers.json",
        today.parse().unwrap(),
        &mut findings,
    );
    findings
        .into_iter()
        .map(|finding| (finding.rule, finding.status))
        .collect()
}

#[test]
fn a_waiver_holds_on_its_last_day_and_not_on_the_next() {
    let waivers = by_subject("2026-12-31");
    assert_eq!(
        applied(&waivers, "2026-12-31"),
        [("TRUST-05".into(), Status::Waived)]
    );
    assert_eq!(
        applied(&waivers, "2027-01-01"),
        [
            ("TRUST-05".into(), Status::Fail),
            (RULE.into(), Status::Fail)
        ]
    );
}

#[test]
fn a_waiver_by_fingerprint_does_not_cover_another_cause() {
    let text = |cause| {
        format!(
            r#"{{"waivers":[{{"fingerprint":"{}","owner":"data","reason":"batch","expires":"2026-12-31"}}]}}"#,
            finding(cause).fingerprint
        )
    };
    let same = parse(&text("a")).unwrap();
    assert_eq!(
        applied(&same, "2026-11-22"),
        [("TRUST-05".into(), Status::Waived)]
    );
    let other = parse(&text("b")).unwrap();
    assert_eq!(
        applied(&other, "2026-11-22"),
        [
            ("TRUST-05".into(), Status::Fail),
            (RULE.into(), Status::Fail)
        ]
    );
}

#[test]
fn a_waived_finding_says_who_answers_for_it() {
    let mut findings = vec![finding("a")];
    apply(
        &by_subject("2026-12-31"),
        "waivers.json",
        "2026-11-22".parse().unwrap(),
        &mut findings,
    );
    assert_eq!(
        findings[0].evidence[0].text,
        "waived by data until 2026-12-31: batch"
    );
    assert_eq!(findings[0].evidence[0].pointer, "1:13");
}

fn problem(text: &str) -> WaiverProblem {
    parse(text).unwrap_err().problem
}

#[test]
fn a_waiver_without_owner_reason_or_end_is_refused() {
    assert_eq!(
        problem(r#"{"waivers":[{"fingerprint":"f","reason":"r","expires":"2026-12-31"}]}"#),
        WaiverProblem::Missing("owner")
    );
    assert_eq!(
        problem(
            r#"{"waivers":[{"fingerprint":"f","owner":"o","reason":" ","expires":"2026-12-31"}]}"#
        ),
        WaiverProblem::Empty("reason")
    );
    assert_eq!(
        problem(r#"{"waivers":[{"fingerprint":"f","owner":"o","reason":"r"}]}"#),
        WaiverProblem::Missing("expires")
    );
}

#[test]
fn a_waiver_for_a_rule_without_a_subject_is_refused() {
    assert_eq!(
        problem(
            r#"{"waivers":[{"rule":"ID-01","owner":"o","reason":"r","expires":"2026-12-31"}]}"#
        ),
        WaiverProblem::Missing("subject")
    );
}

#[test]
fn a_misspelt_field_is_refused_at_its_place() {
    let text = "{\"waivers\":[\n {\"fingerprint\":\"f\",\"expiry\":\"2026-12-31\"}]}";
    let error = parse(text).unwrap_err();
    assert_eq!(
        error.problem,
        WaiverProblem::UnknownField("expiry".to_owned())
    );
    assert_eq!(error.span.line_and_column(text), (2, 22));
}

#[test]
fn only_days_that_exist_are_days() {
    for day in ["2026-02-28", "2024-02-29", "2000-02-29"] {
        assert_eq!(day.parse::<Day>().unwrap().to_string(), day);
    }
    for text in [
        "2026-02-29",
        "1900-02-29",
        "2026-13-01",
        "2026-1-1",
        "tomorrow",
        "2026-12-3é",
    ] {
        assert!(text.parse::<Day>().is_err(), "{text}");
    }
}

#[test]
fn a_misspelt_rule_is_told_from_one_that_matches_nothing() {
    let why = |rule: &str| {
        let text = format!(
            r#"{{"waivers":[{{"rule":"{rule}","subject":"s","owner":"o","reason":"r","expires":"2026-12-31"}}]}}"#
        );
        let mut findings = Vec::new();
        let waivers = parse(&text).unwrap();
        apply(
            &waivers,
            "waivers.json",
            "2026-11-26".parse().unwrap(),
            &mut findings,
        );
        findings.remove(0).why
    };
    for (asked, meant) in [
        ("PERM-1", "PERM-01"),
        ("perm-01", "PERM-01"),
        ("TURST-01", "TRUST-01"),
        ("ENV02", "ENV-02"),
    ] {
        let why = why(asked);
        assert!(
            why.ends_with(&format!("The nearest rule is {meant}.")),
            "{why}"
        );
    }
    assert!(why("S3-BUCKETS").contains("no rule is called anything like it"));
    assert!(why("PERM-01").contains("Nothing in this scan"));
}
