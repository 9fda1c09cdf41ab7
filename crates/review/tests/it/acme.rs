use std::{collections::BTreeSet, fs, path::Path, sync::OnceLock};

use bailiwick_estate::{Estate, File};
use bailiwick_iam::evaluate::Outcome;
use bailiwick_iam_catalog::builtin;
use bailiwick_review::{
    RULES,
    finding::{Status, Witness},
    report::{Report, Verdict},
    scan,
    view::View,
};
use bailiwick_testkit::repository;

fn estate() -> &'static Estate {
    static ESTATE: OnceLock<Estate> = OnceLock::new();
    ESTATE.get_or_init(|| {
        let root = repository().join("examples/acme/estate");
        let mut texts = Vec::new();
        read(&root, &root, &mut texts);
        let files = texts
            .iter()
            .map(|(below, bytes)| File::of_bytes("estate", below, bytes))
            .collect();
        Estate::load(files).unwrap()
    })
}

fn read(root: &Path, folder: &Path, texts: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(root, &path, texts);
        } else {
            let below = path.strip_prefix(root).unwrap().to_str().unwrap();
            texts.push((below.to_owned(), fs::read(&path).unwrap()));
        }
    }
}

fn report() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(|| scan(estate(), builtin()))
}

/// The trouble that the example's README promises, by rule and by the name of its subject.
const PROMISED: [(&str, &str); 46] = [
    ("ID-01", "agents-shared"),
    ("TRUST-01", "agents-shared"),
    ("PERM-01", "agents-shared"),
    ("PERM-02", "agents-shared"),
    ("PERM-03", "agents-shared"),
    ("SECR-03", "agents-shared"),
    ("PERM-06", "agents-shared"),
    ("PERM-07", "agents-shared"),
    ("TRUST-05", "agents-shared"),
    ("INV-05", "customer-tools-z8w3n6c1vt"),
    ("PERM-01", "AgentCoreGatewayExecutionRole"),
    ("PERM-02", "AgentCoreGatewayExecutionRole"),
    ("PERM-05", "AgentCoreGatewayExecutionRole"),
    ("PERM-06", "AgentCoreGatewayExecutionRole"),
    ("SECR-03", "AgentCoreGatewayExecutionRole"),
    ("TRUST-01", "AgentCoreGatewayExecutionRole"),
    ("PERM-04", "incident-helper"),
    ("PERM-05", "incident-helper"),
    ("PERM-06", "incident-helper"),
    ("OBS-02", "incident-helper"),
    ("ID-03", "analysis-sandbox"),
    ("TRUST-01", "analysis-sandbox"),
    ("INV-02", "analysis_sandbox-Xe7mC1zR5b"),
    ("TRUST-02", "portal-filler"),
    ("ID-05", "OD7Q2WXKTA"),
    ("SEP-01", "order-update"),
    ("INV-07", "order-update"),
    ("ID-02", "bedrock-faq"),
    ("SEP-02", "FQ3M8LPZRC"),
    ("SEP-01", "faq-lookup"),
    ("ID-03", "github-deployer"),
    ("INV-03", "root"),
    ("ID-01", "catalog-bot"),
    ("PERM-07", "catalog-bot"),
    ("PERM-07", "pricing-bot"),
    ("ENV-02", "invoice-reader"),
    ("PERM-01", "playground"),
    ("PERM-03", "playground"),
    ("PERM-04", "playground"),
    ("ID-03", "playground"),
    ("INV-05", "catalog-tools-p5h0j9d2ls"),
    ("CEIL-03", "root"),
    ("TRUST-03", "alert-triage"),
    ("LIFE-04", "AmazonBedrockExecutionRoleForAgents_Returns"),
    ("SECR-01", "BedrockAPIKey-x7f2"),
    ("SECR-01", "support-macros"),
];

#[test]
fn what_the_readme_promises_is_found() {
    let found: BTreeSet<_> = report()
        .findings
        .iter()
        .filter(|finding| finding.status == Status::Fail)
        .map(|finding| {
            let name = finding.subject.rsplit(['/', ':']).next().unwrap();
            (finding.rule.as_str(), name)
        })
        .collect();
    let missed: Vec<_> = PROMISED.iter().filter(|it| !found.contains(*it)).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn the_ceilings_of_production_are_seen_and_those_of_staging_are_seen_through() {
    let about = |rule: &str, account: &str| {
        report()
            .findings
            .iter()
            .any(|it| it.rule == rule && it.subject.contains(account))
    };
    assert!(!about("CEIL-01", "111122223333"));
    assert!(about("CEIL-01", "444455556666"));
    assert!(about("CEIL-04", "agents-allow-list"));
    assert!(!about("CEIL-04", "agents-ceiling"));
}

#[test]
fn the_roles_to_copy_have_nothing_against_them() {
    for role in ["agents/prod/invoice-reader", "agents/prod/ledger-gateway"] {
        let subject = format!("arn:aws:iam::111122223333:role/{role}");
        let against: Vec<_> = report()
            .findings
            .iter()
            .filter(|it| it.subject == subject)
            .map(|it| &it.title)
            .collect();
        assert!(against.is_empty(), "{role}: {against:?}");
    }
}

#[test]
fn a_boundary_that_bites_silences_the_wildcard_under_it() {
    let wildcard = report()
        .findings
        .iter()
        .any(|it| it.rule == "PERM-01" && it.subject.ends_with("/analysis-sandbox"));
    assert!(!wildcard);
}

#[test]
fn every_request_shown_is_allowed_when_asked_again() {
    let view = View::new(estate(), builtin());
    let mut requests = 0;
    for finding in &report().findings {
        match finding.witness.as_ref().unwrap() {
            Witness::Request { request, because } => {
                requests += 1;
                assert_eq!(view.decide(request).outcome, Outcome::Allow, "{finding:#?}");
                assert!(!because.is_empty(), "{finding:#?}");
            }
            Witness::Facts { facts } => assert!(!facts.is_empty(), "{finding:#?}"),
        }
    }
    assert!(requests > 40, "{requests}");
}

#[test]
fn what_the_snapshot_lacks_is_unknown_and_not_passed() {
    let unknown: Vec<_> = report()
        .findings
        .iter()
        .filter(|it| it.status == Status::Unknown)
        .collect();
    assert!(
        unknown
            .iter()
            .any(|it| it.rule == "TRUST-05" && it.subject.contains("444455556666"))
    );
    for finding in unknown {
        let Some(Witness::Facts { facts }) = &finding.witness else {
            panic!("{finding:#?}");
        };
        assert!(
            facts.iter().all(|it| it.starts_with("not known: ")),
            "{facts:?}"
        );
    }
}

#[test]
fn the_same_estate_gives_the_same_bytes() {
    let bytes = |report: &Report| serde_json::to_string(report).unwrap();
    assert_eq!(bytes(&scan(estate(), builtin())), bytes(report()));
}

#[test]
fn no_two_findings_have_one_fingerprint() {
    let fingerprints: BTreeSet<_> = report().findings.iter().map(|it| &it.fingerprint).collect();
    assert_eq!(fingerprints.len(), report().findings.len());
}

#[test]
fn a_report_counts_every_rule_and_fails_a_gate() {
    let counted: Vec<_> = report().passed.iter().map(|it| it.rule.as_str()).collect();
    let rules: Vec<_> = RULES.iter().map(|it| it.id).collect();
    assert_eq!(counted, rules);
    let level = "critical".parse().unwrap();
    assert_eq!(report().verdict(level), Verdict::Failed);
}
