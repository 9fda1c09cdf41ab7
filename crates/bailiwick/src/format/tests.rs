//! The formats over reports made by hand.

use std::collections::BTreeMap;

use bailiwick_estate::Incomplete;
use bailiwick_iam::request::{Context, Request};
use bailiwick_review::{
    finding::{Evidence, Finding, Fingerprint, Fix, Hop, Severity, Status, Witness},
    report::{self, Passed, Report, Summary},
};

use super::*;
use crate::ink::Ink;

const AGENT: &str = "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/support-AbC";
const ROLE: &str = "arn:aws:iam::111122223333:role/agents/support";

/// Names that break out of every language they could be pasted into.
const HOSTILE: &str = "\"'><script>alert(1)</script>&amp;\u{1b}[31m\u{202e}`*_|[x](javascript:1)@here #1 --> ]]>\n```";

fn finding(rule: &str, severity: Severity, status: Status, subject: &str) -> Finding {
    Finding {
        rule: rule.to_owned(),
        status,
        severity,
        subject: subject.to_owned(),
        agents: vec![AGENT.to_owned()],
        title: format!("Title of {rule}"),
        why: "Because it may.".to_owned(),
        witness: Some(Witness::Request {
            request: Box::new(Request {
                principal: ROLE.parse().unwrap(),
                action: "s3:DeleteObject".to_owned(),
                resource: "arn:aws:s3:::ledger/1".to_owned(),
                resource_account: None,
                context: Context::default().with("aws:SourceVpc", "vpc-1"),
            }),
            because: Vec::new(),
        }),
        evidence: vec![Evidence {
            source: "estate/accounts/111122223333/iam.json".to_owned(),
            pointer: "12:7".to_owned(),
            text: "\"Action\": \"s3:*\"".to_owned(),
        }],
        path: vec![Hop {
            from: ROLE.to_owned(),
            to: "arn:aws:iam::111122223333:role/admin".to_owned(),
            by: "sts:AssumeRole".to_owned(),
            because: Vec::new(),
        }],
        fix: Fix {
            summary: "Name the objects.".to_owned(),
            patch: "{\"Action\": \"s3:GetObject\"}".to_owned(),
        },
        maps: BTreeMap::from([("owasp-agentic-2026".to_owned(), vec!["ASI03".to_owned()])]),
        fingerprint: Fingerprint::new(rule, subject, ["cause"]),
    }
}

fn report(mut findings: Vec<Finding>) -> Report {
    Finding::sort(&mut findings);
    Report {
        version: report::VERSION,
        estate: Summary {
            accounts: 1,
            agents: 2,
            components: 0,
            roles: 3,
            sources: vec!["estate/accounts/111122223333/iam.json".to_owned()],
            incomplete: vec![Incomplete {
                what: "account 111122223333".to_owned(),
                why: "iam-extra.json was not given".to_owned(),
            }],
        },
        findings,
        passed: vec![Passed {
            rule: "TRUST-01".to_owned(),
            subjects: 3,
        }],
    }
}

fn of_every_status() -> Report {
    report(vec![
        finding("PERM-04", Severity::Critical, Status::Fail, ROLE),
        finding("PERM-01", Severity::High, Status::Waived, ROLE),
        finding("TRUST-05", Severity::Low, Status::Unknown, ROLE),
    ])
}

fn picture() -> Picture {
    let workers = vec![
        Worker {
            arn: AGENT.to_owned(),
            name: "support".to_owned(),
            kind: "runtime".to_owned(),
            roles: vec![ROLE.to_owned()],
        },
        Worker {
            arn: format!("{AGENT}2"),
            name: "refunds".to_owned(),
            kind: "runtime".to_owned(),
            roles: vec![ROLE.to_owned()],
        },
    ];
    let names = BTreeMap::from([(AGENT.to_owned(), "support".to_owned())]);
    Picture::of(workers, names)
}

fn with<T>(report: &Report, check: impl FnOnce(&Shown<'_>) -> T) -> T {
    check(&Shown {
        report,
        picture: &picture(),
        today: "2026-11-22".parse().unwrap(),
    })
}

fn next() -> NextSteps {
    NextSteps {
        note: Some("A note.".to_owned()),
        steps: vec![("bailiwick agents x".to_owned(), "the inventory".to_owned())],
    }
}

fn hostile() -> Report {
    let mut finding = finding("PERM-01", Severity::High, Status::Fail, HOSTILE);
    for text in [
        &mut finding.title,
        &mut finding.why,
        &mut finding.fix.summary,
        &mut finding.fix.patch,
    ] {
        text.push_str(HOSTILE);
    }
    finding.agents = vec![HOSTILE.to_owned()];
    finding.witness = Some(Witness::facts([HOSTILE]));
    finding.evidence[0].source = HOSTILE.to_owned();
    finding.evidence[0].text = HOSTILE.to_owned();
    let mut report = report(vec![finding]);
    report.estate.incomplete[0].what = HOSTILE.to_owned();
    report
}

fn shown_hostile<T>(check: impl FnOnce(&Shown<'_>) -> T) -> T {
    let worker = Worker {
        arn: HOSTILE.to_owned(),
        name: HOSTILE.to_owned(),
        kind: HOSTILE.to_owned(),
        roles: vec![HOSTILE.to_owned()],
    };
    let names = BTreeMap::from([(HOSTILE.to_owned(), HOSTILE.to_owned())]);
    let picture = Picture::of(vec![worker], names);
    check(&Shown {
        report: &hostile(),
        picture: &picture,
        today: "2026-11-22".parse().unwrap(),
    })
}

#[test]
fn the_table_shows_each_finding_with_its_proof_and_its_mend() {
    let text = with(&of_every_status(), |shown| {
        table(shown, &next(), Ink::PLAIN)
    });
    insta::assert_snapshot!(text);
}

#[test]
fn no_line_of_the_table_is_wider_than_the_page_unless_a_name_is() {
    let text = with(&of_every_status(), |shown| {
        table(shown, &next(), Ink::PLAIN)
    });
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest.unwrap() <= Ink::PLAIN.width);
}

#[test]
fn a_table_of_nothing_says_that_nothing_was_found() {
    let text = with(&report(Vec::new()), |shown| {
        table(shown, &next(), Ink::PLAIN)
    });
    assert!(text.contains("no findings"), "{text}");
    assert!(text.contains("3 checks passed"), "{text}");
}

#[test]
fn more_findings_of_a_rule_than_a_person_reads_are_counted() {
    let many = (0..40)
        .map(|n| {
            finding(
                "PERM-01",
                Severity::High,
                Status::Fail,
                &format!("{ROLE}{n}"),
            )
        })
        .collect();
    let text = with(&report(many), |shown| table(shown, &next(), Ink::PLAIN));
    assert!(text.contains("… and 35 more of PERM-01"), "{text}");
}

#[test]
fn a_hostile_name_cannot_steer_the_terminal() {
    let text = shown_hostile(|shown| table(shown, &next(), Ink::PLAIN));
    assert!(!text.contains(['\u{1b}', '\u{202e}']));
}

#[test]
fn the_page_holds_no_markup_that_a_name_brought() {
    let page = shown_hostile(html);
    assert!(!page.contains("<script"), "{page}");
    assert!(!page.contains('\u{202e}'));
    assert!(page.contains("&lt;script&gt;"));
    // Every quote that is not ours is escaped, so no attribute can be left early.
    assert!(!page.contains("\"'>"));
}

#[test]
fn the_page_loads_nothing_and_allows_its_style_by_hash() {
    let page = with(&of_every_status(), html);
    assert!(page.contains("default-src 'none'; style-src 'sha256-"));
    for forbidden in [
        "<script", "http://", "https://", " style=", "onclick", "@import", "url(",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn the_page_names_what_the_picture_draws_for_who_cannot_see_it() {
    let page = with(&of_every_status(), html);
    assert!(page.contains("role=\"img\""));
    assert!(page.contains("support acts through role/agents/support, which is shared."));
    assert!(page.contains("s3:DeleteObject ledger/1"), "{page}");
}

#[test]
fn a_page_of_ten_thousand_findings_stays_a_page() {
    let many = (0..10_000)
        .map(|n| {
            finding(
                "PERM-01",
                Severity::High,
                Status::Fail,
                &format!("{ROLE}{n}"),
            )
        })
        .collect();
    let page = with(&report(many), html);
    assert!(page.len() < 3_000_000, "{}", page.len());
    assert!(page.contains("more findings: too many for one page"));
}

#[test]
fn a_comment_fits_where_comments_go_and_calls_nobody() {
    let many = (0..1_000)
        .map(|n| {
            finding(
                "PERM-01",
                Severity::High,
                Status::Fail,
                &format!("{ROLE}{n}"),
            )
        })
        .collect();
    let text = with(&report(many), markdown);
    assert!(text.chars().count() < 65_536);
    assert!(text.contains("more; `--format json` lists them all"));

    let text = shown_hostile(markdown);
    let (before, fenced) = text.split_once("\n````\n").unwrap();
    let after = fenced.split_once("\n````\n").unwrap().1;
    for outside in [before, after] {
        assert!(!outside.contains("<script"), "{outside}");
        assert!(!outside.contains("@here"), "{outside}");
    }
}

#[test]
fn the_comment_says_how_many_and_folds_the_rest() {
    let text = with(&of_every_status(), markdown);
    insta::assert_snapshot!(text);
}

#[test]
fn sarif_calls_the_unknown_open_and_the_waived_suppressed() {
    let text = sarif(&of_every_status()).unwrap();
    let log: serde_json::Value = serde_json::from_str(&text).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let of = |rule: &str| {
        results
            .iter()
            .find(|result| result["ruleId"] == rule)
            .unwrap()
    };
    assert_eq!(of("PERM-04")["kind"], "fail");
    assert_eq!(of("PERM-04")["level"], "error");
    let place = &of("PERM-04")["locations"][0]["physicalLocation"];
    assert_eq!(place["region"]["startLine"], 12);
    assert_eq!(
        place["artifactLocation"]["uri"],
        "estate/accounts/111122223333/iam.json"
    );
    assert_eq!(of("TRUST-05")["kind"], "open");
    assert_eq!(of("TRUST-05")["level"], "none");
    assert_eq!(of("PERM-01")["suppressions"][0]["status"], "accepted");
}

#[test]
fn a_path_becomes_a_uri_that_can_be_read_back() {
    assert_eq!(super::sarif::uri("./a b/ü.json"), "a%20b/%C3%BC.json");
    assert_eq!(super::sarif::uri("/tmp/x.json"), "file:///tmp/x.json");
}

#[test]
fn ocsf_calls_the_unknown_a_warning_and_the_waived_suppressed() {
    let text = with(&of_every_status(), ocsf).unwrap();
    let events: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let of = |rule: &str| {
        events
            .iter()
            .find(|event| event["compliance"]["control"] == rule)
            .unwrap()
    };
    assert_eq!(of("PERM-04")["compliance"]["status"], "Fail");
    assert_eq!(of("PERM-04")["severity"], "Critical");
    assert_eq!(of("TRUST-05")["compliance"]["status"], "Warning");
    assert_eq!(of("PERM-01")["status"], "Suppressed");
    assert_eq!(of("PERM-04")["time"], 1_795_305_600_000_i64);
    assert_eq!(of("PERM-04")["cloud"]["account"]["uid"], "111122223333");
}

#[test]
fn every_format_agrees_on_what_was_found() {
    let report = of_every_status();
    let texts = with(&report, |shown| {
        [
            table(shown, &next(), Ink::PLAIN),
            json(shown.report).unwrap(),
            sarif(shown.report).unwrap(),
            html(shown),
            markdown(shown),
            ocsf(shown).unwrap(),
        ]
    });
    for text in texts {
        for rule in ["PERM-04", "PERM-01", "TRUST-05"] {
            assert!(text.contains(rule), "{rule} in {text}");
        }
    }
}

#[test]
fn json_is_the_report_itself_one_finding_a_line() {
    for report in [of_every_status(), report(Vec::new())] {
        let text = json(&report).unwrap();
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, serde_json::to_value(&report).unwrap());
        let lines = text
            .lines()
            .filter(|line| line.starts_with("{\"rule\":\"PERM"));
        assert_eq!(lines.count(), report.findings.len().saturating_sub(1));
    }
}
