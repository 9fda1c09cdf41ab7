use bailiwick_iam::request::Request;

use super::*;
use crate::report::{Report, Summary, VERSION, Verdict};

fn finding(severity: Severity, status: Status, rule: &str, subject: &str) -> Finding {
    Finding {
        rule: rule.into(),
        status,
        severity,
        subject: subject.into(),
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
        maps: Maps::new(),
        fingerprint: Fingerprint::new(rule, subject, ["c"]),
    }
}

#[test]
fn findings_are_sorted_worst_first_then_by_rule_and_subject() {
    let mut findings = vec![
        finding(Severity::Low, Status::Fail, "A", "1"),
        finding(Severity::Critical, Status::Fail, "B", "2"),
        finding(Severity::Critical, Status::Fail, "B", "1"),
        finding(Severity::Critical, Status::Fail, "A", "9"),
    ];
    Finding::sort(&mut findings);
    let order: Vec<_> = findings
        .iter()
        .map(|finding| format!("{}{}", finding.rule, finding.subject))
        .collect();
    assert_eq!(order, ["A9", "B1", "B2", "A1"]);
}

#[test]
fn a_fingerprint_is_of_the_cause_and_not_of_its_order() {
    let of = |cause: &[&'static str]| Fingerprint::new("ID-01", "role", cause.iter().copied());
    assert_eq!(of(&["a", "b"]), of(&["b", "a", "a"]));
    assert_ne!(of(&["a", "b"]), of(&["ab"]));
    assert_ne!(of(&["a"]), of(&["b"]));
    assert_ne!(of(&["a"]), Fingerprint::new("ID-02", "role", ["a"]));
}

/// A change here breaks every waiver in the world.
#[test]
fn a_fingerprint_is_the_same_in_every_version() {
    assert_eq!(
        Fingerprint::new("ID-01", "arn:aws:iam::111122223333:role/r", ["agent/A"]).as_str(),
        "46c2894b566002cf9d0e9659d9acc5a1"
    );
}

#[test]
fn a_finding_is_printed_field_by_field_as_documented() {
    let text = serde_json::to_string(&Finding {
        witness: Some(Witness::Request {
            request: Box::new(Request::new(
                "arn:aws:iam::111122223333:role/r".parse().unwrap(),
                "s3:GetObject",
                "arn:aws:s3:::b/k",
            )),
            because: vec![],
        }),
        ..finding(Severity::High, Status::Fail, "PERM-01", "s")
    })
    .unwrap();
    assert!(
        text.starts_with(
            r#"{"rule":"PERM-01","status":"fail","severity":"high","subject":"s","agents":[],"title":"t","why":"w","witness":{"request":{"principal":"#
        ),
        "{text}"
    );
}

fn verdict(findings: Vec<Finding>, level: Severity) -> Verdict {
    Report {
        version: VERSION,
        estate: Summary::default(),
        findings,
        passed: vec![],
    }
    .verdict(level)
}

#[test]
fn a_gate_looks_at_its_level_and_above() {
    let medium = || vec![finding(Severity::Medium, Status::Fail, "A", "1")];
    assert_eq!(verdict(medium(), Severity::High), Verdict::Clear);
    assert_eq!(verdict(medium(), Severity::Medium), Verdict::Failed);
    assert_eq!(verdict(medium(), Severity::Low), Verdict::Failed);
}

#[test]
fn a_failure_outweighs_an_unknown_and_an_unknown_is_not_clear() {
    let unknown = || finding(Severity::High, Status::Unknown, "A", "1");
    let fail = || finding(Severity::High, Status::Fail, "B", "1");
    assert_eq!(verdict(vec![unknown()], Severity::High), Verdict::Unknown);
    assert_eq!(
        verdict(vec![unknown(), fail()], Severity::High),
        Verdict::Failed
    );
    assert_eq!(verdict(vec![unknown()], Severity::Critical), Verdict::Clear);
    let codes = [Verdict::Clear, Verdict::Failed, Verdict::Unknown].map(Verdict::exit_code);
    assert_eq!(codes, [0, 1, 3]);
}

#[test]
fn a_waived_failure_does_not_fail_a_gate() {
    let waived = finding(Severity::Critical, Status::Waived, "A", "1");
    assert_eq!(verdict(vec![waived], Severity::Low), Verdict::Clear);
}
