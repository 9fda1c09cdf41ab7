//! The example does what its cast list promises.

use serde_json::Value;

use crate::program::run;

/// Every rule that Acme has trouble for.
const TROUBLE: [&str; 31] = [
    "CEIL-01", "CEIL-03", "CEIL-04", "ENV-02", "ID-01", "ID-02", "ID-03", "ID-05", "INV-01",
    "INV-02", "INV-03", "INV-05", "INV-07", "LIFE-04", "OBS-02", "PERM-01", "PERM-02", "PERM-03",
    "PERM-04", "PERM-05", "PERM-06", "PERM-07", "PERM-08", "SECR-01", "SECR-03", "SEP-01",
    "SEP-02", "TRUST-01", "TRUST-02", "TRUST-03", "TRUST-05",
];

/// The roles that are as they should be.
const GOOD: [&str; 3] = [
    "arn:aws:iam::111122223333:role/agents/prod/invoice-reader",
    "arn:aws:iam::111122223333:role/agents/prod/ledger-gateway",
    "arn:aws:iam::111122223333:role/agents/prod/nightly-forecast",
];

fn findings(args: &[&str]) -> Vec<Value> {
    let ran = run(&[&["scan", "examples/acme", "--json"], args].concat());
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    report["findings"].as_array().unwrap().clone()
}

#[test]
fn acme_has_trouble_for_every_rule() {
    let found = findings(&[]);
    for rule in TROUBLE {
        let fails = |it: &Value| it["rule"] == rule && it["status"] == "fail";
        assert!(found.iter().any(fails), "{rule}");
    }
}

#[test]
fn nothing_is_said_of_roles_that_are_as_they_should_be() {
    for finding in findings(&[]) {
        let subject = finding["subject"].as_str().unwrap();
        // What invoice-reader's charter forgot to declare is said of the role all the same.
        let beyond_charter = finding["rule"] == "PERM-09" && finding["severity"] == "medium";
        assert!(beyond_charter || !GOOD.contains(&subject), "{finding:#}");
    }
}

#[test]
fn what_staging_left_out_could_not_be_told() {
    let found = findings(&[]);
    for rule in ["SECR-01", "TRUST-05"] {
        let unknown: Vec<_> = found
            .iter()
            .filter(|it| it["rule"] == rule && it["status"] == "unknown")
            .collect();
        assert!(!unknown.is_empty(), "{rule}");
        for finding in unknown {
            let subject = finding["subject"].as_str().unwrap();
            assert!(subject.contains("444455556666"), "{finding:#}");
        }
    }
}

#[test]
fn the_waiver_of_acme_waives_one_finding() {
    let waivers = [
        "--waivers",
        "examples/acme/waivers.json",
        "--today",
        "2026-11-22",
    ];
    let found = findings(&waivers);
    let waived: Vec<_> = found.iter().filter(|it| it["status"] == "waived").collect();
    assert_eq!(waived.len(), 1);
    assert_eq!(waived[0]["rule"], "TRUST-03");
}
