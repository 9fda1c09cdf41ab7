//! `scan` over estates: formats, exit codes, waivers, bad input.

use std::process::Stdio;

use serde_json::Value;

use crate::program::{Folder, Ran, program, refuses, run, run_with};

const ACME: &str = "examples/acme";
const TODAY: [&str; 2] = ["--today", "2026-11-22"];

/// One role that Bedrock may assume from anywhere, and that may do everything.
const IAM: &str = r#"{"RoleDetailList":[{"Path":"/","RoleName":"helper","RoleId":"AROAEXAMPLEHELPER",
"Arn":"arn:aws:iam::111122223333:role/helper",
"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"bedrock.amazonaws.com"},"Action":"sts:AssumeRole"}]},
"RolePolicyList":[{"PolicyName":"all","PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}}],
"AttachedManagedPolicies":[],"InstanceProfileList":[]}],"UserDetailList":[],"GroupDetailList":[],"Policies":[]}"#;

fn scan(path: &str, more: &[&str]) -> Ran {
    let args: Vec<_> = ["scan", path]
        .into_iter()
        .chain(TODAY)
        .chain(more.iter().copied())
        .collect();
    run(&args)
}

fn scan_iam(more: &[&str]) -> Ran {
    let folder = Folder::new();
    let file = folder.file("iam.json", IAM);
    scan(&file, more)
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn acme_as_a_table() {
    insta::assert_snapshot!(scan(ACME, &[]).out);
}

#[test]
fn acme_as_json_finding_by_finding() {
    let report = json(&scan(ACME, &["--json"]));
    let mut text = format!("{}\n", report["estate"]);
    for finding in report["findings"].as_array().unwrap() {
        let word = |field: &str| finding[field].as_str().unwrap().to_owned();
        let fields = ["severity", "status", "rule", "subject", "fingerprint"].map(word);
        text.push_str(&fields.join(" "));
        text.push('\n');
    }
    text.push_str(&report["passed"].to_string());
    insta::assert_snapshot!(text);
}

#[test]
fn the_example_ends_by_saying_that_its_findings_are_expected() {
    let ran = scan(ACME, &[]);
    let end = ran.out.rsplit_once("NEXT").unwrap().1;
    assert!(end.contains("these findings are expected"), "{end}");
    assert!(end.contains("bailiwick scan iam.json"), "{end}");
}

#[test]
fn charters_beside_the_estate_are_judged_with_it_and_others_in_their_place() {
    let rules = |more: &[&str]| {
        let mut args = vec!["--json"];
        args.extend(more);
        let report: serde_json::Value = serde_json::from_str(&scan(ACME, &args).out).unwrap();
        let findings = report["findings"].as_array().unwrap().clone();
        findings.iter().filter(|it| it["rule"] == "LIFE-06").count()
    };
    // Of 18 agents, five have charters beside the estate.
    assert_eq!(rules(&[]), 13);
    let one = "examples/acme/charters/order-desk.yaml";
    assert_eq!(rules(&["--charters", one]), 17);
}

#[test]
fn a_charter_that_is_none_is_bad_input_with_its_place() {
    let folder = Folder::new();
    folder.file("x.yaml", "agent: x\npurpose: 3\n");
    let ran = scan(ACME, &["--charters", folder.name()]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("x.yaml"), "{}", ran.err);
    assert!(ran.err.contains("mend:"), "{}", ran.err);
    assert!(ran.out.is_empty());
}

#[test]
fn the_same_input_gives_the_same_bytes_in_every_format() {
    for format in ["table", "json", "sarif", "html", "markdown", "ocsf"] {
        let once = scan(ACME, &["--format", format]);
        let again = scan(ACME, &["--format", format]);
        assert!(once.out == again.out, "{format}");
        assert!(!once.out.is_empty(), "{format}");
    }
}

#[test]
fn json_has_the_shape_that_scripts_rely_on() {
    let report = json(&scan_iam(&["--json"]));
    assert_eq!(report["version"], 1);
    assert_eq!(report["estate"]["roles"], 1);
    let findings = report["findings"].as_array().unwrap();
    assert!(!findings.is_empty());
    for finding in findings {
        for field in [
            "rule",
            "status",
            "severity",
            "subject",
            "agents",
            "title",
            "why",
            "witness",
            "evidence",
            "path",
            "fix",
            "maps",
            "fingerprint",
        ] {
            assert!(finding.get(field).is_some(), "{field} in {finding}");
        }
        if finding["status"] == "fail" {
            assert!(!finding["witness"].is_null(), "{finding}");
        }
    }
    let order = |finding: &Value| {
        let severities = ["critical", "high", "medium", "low", "info"];
        let severity = severities
            .iter()
            .position(|one| finding["severity"] == *one)
            .unwrap();
        (
            severity,
            finding["rule"].to_string(),
            finding["subject"].to_string(),
        )
    };
    assert!(findings.is_sorted_by_key(order));
}

#[test]
fn the_exit_code_follows_the_level() {
    let report = json(&scan_iam(&["--json"]));
    let failing = |severity: &str| {
        let findings = report["findings"].as_array().unwrap();
        findings
            .iter()
            .any(|it| it["status"] == "fail" && it["severity"] == severity)
    };
    assert!(failing("critical") || failing("high"));
    assert_eq!(scan_iam(&[]).code, 1);
    assert_eq!(scan_iam(&["--fail-on", "info"]).code, 1);
    assert_eq!(scan_iam(&["--json", "--fail-on", "info"]).code, 1);
}

#[test]
fn what_could_not_be_told_is_a_code_of_its_own() {
    let folder = Folder::new();
    let file = folder.file("iam.json", IAM);
    let report = json(&scan(&file, &["--json"]));
    let findings = report["findings"].as_array().unwrap();
    let of = |status: &str| findings.iter().filter(|it| it["status"] == status).count();
    assert!(
        of("unknown") > 0,
        "without iam-extra.json something is unknown"
    );
    // Waive all that fails: what is left could not be told.
    let waivers: Vec<_> = findings
        .iter()
        .filter(|it| it["status"] == "fail")
        .map(|it| {
            serde_json::json!({"fingerprint": it["fingerprint"], "owner": "me", "reason": "test", "expires": "2027-01-01"})
        })
        .collect();
    let waivers = folder.file(
        "waivers.json",
        serde_json::json!({"waivers": waivers}).to_string(),
    );
    let ran = scan(
        &file,
        &["--waivers", &waivers, "--fail-on", "info", "--json"],
    );
    assert_eq!(ran.code, 3, "{}", ran.out);
    let waived = json(&ran)["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["status"] == "waived")
        .count();
    assert_eq!(waived, of("fail"));
}

#[test]
fn a_waiver_that_ran_out_waives_nothing() {
    let folder = Folder::new();
    let file = folder.file("iam.json", IAM);
    let report = json(&scan(&file, &["--json"]));
    let findings = report["findings"].as_array().unwrap();
    let worst = findings.iter().find(|it| it["status"] == "fail").unwrap();
    let waiver = serde_json::json!({"waivers": [{"fingerprint": worst["fingerprint"], "owner": "me", "reason": "test", "expires": "2026-11-21"}]});
    let waivers = folder.file("waivers.json", waiver.to_string());
    let ran = scan(&file, &["--waivers", &waivers, "--json"]);
    assert_eq!(ran.code, 1);
    let report = json(&ran);
    let findings = report["findings"].as_array().unwrap();
    let same = findings
        .iter()
        .find(|it| it["fingerprint"] == worst["fingerprint"])
        .unwrap();
    assert_eq!(same["status"], "fail");
    assert!(
        findings
            .iter()
            .any(|it| it["title"].as_str().unwrap().contains("run out"))
    );
}

#[test]
fn a_file_of_waivers_that_is_none_is_pointed_at() {
    let folder = Folder::new();
    let file = folder.file("iam.json", IAM);
    let waivers = folder.file(
        "waivers.json",
        "{\"waivers\": [\n  {\"fingerprnt\": \"x\"}]}",
    );
    refuses(
        &["scan", &file, "--waivers", &waivers],
        &["fingerprnt", "waivers.json:2:", "mend:"],
    );
    refuses(&["scan", &file, "--waivers", "no.json"], &["no.json"]);
}

#[test]
fn a_report_in_a_file_is_there_whole_and_alone() {
    let folder = Folder::new();
    let file = folder.file("iam.json", IAM);
    let report = folder.path().join("out/report.html");
    let report = report.to_str().unwrap();
    let ran = scan(&file, &["--format", "html", "--out", report]);
    assert_eq!(ran.code, 2, "the folder is not there: {}", ran.err);
    std::fs::create_dir(folder.path().join("out")).unwrap();
    let ran = scan(&file, &["--format", "html", "--out", report]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(
        std::fs::read_to_string(report)
            .unwrap()
            .ends_with("</html>\n")
    );
    let left: Vec<_> = std::fs::read_dir(folder.path().join("out"))
        .unwrap()
        .collect();
    assert_eq!(left.len(), 1, "nothing else is left behind");
}

#[test]
fn an_estate_on_the_standard_input_is_scanned_like_a_file() {
    let args: Vec<_> = ["scan", "-", "--json"].into_iter().chain(TODAY).collect();
    let ran = run_with(&args, IAM);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(json(&ran)["estate"]["roles"], 1);
}

#[test]
fn no_colour_where_there_is_no_terminal() {
    assert!(!scan(ACME, &[]).out.contains('\u{1b}'));
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let mut child = program(&["scan", ACME, "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ran = child.wait_with_output().unwrap();
    assert_eq!(ran.status.code(), Some(1), "the verdict stands");
    let err = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(!err.contains("error"), "{err}");
}

#[test]
fn templates_alone_are_refused_and_beside_an_estate_they_are_incomplete() {
    let folder = Folder::new();
    let terraform = folder.file("main.tf", "resource \"aws_iam_role\" \"x\" {}\n");
    refuses(&["scan", &terraform], &["Terraform", "main.tf", "mend:"]);
    let formation = folder.file(
        "stack/template.json",
        r#"{"Resources":{"R":{"Type":"AWS::IAM::Role"}}}"#,
    );
    refuses(&["scan", &formation], &["CloudFormation", "template.json"]);
    let yaml = folder.file(
        "stack/sam.yaml",
        "Transform: AWS::Serverless-2016-10-31\nResources: {}\n",
    );
    refuses(&["scan", &yaml], &["CloudFormation", "sam.yaml"]);
    refuses(&["scan", folder.name()], &["template"]);

    folder.file("iam.json", IAM);
    let ran = scan(folder.name(), &["--json"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let incomplete = json(&ran)["estate"]["incomplete"].to_string();
    for name in ["main.tf", "template.json", "sam.yaml"] {
        assert!(incomplete.contains(name), "{name} in {incomplete}");
    }
}

#[test]
fn every_way_to_be_no_estate_is_pointed_at() {
    let deep = format!("{{\"RoleDetailList\":{}", "[".repeat(100_000));
    let table: [(&str, &[u8], &str); 9] = [
        ("an empty list", b"[]", "mend"),
        ("truncated", IAM.get(..400).unwrap().as_bytes(), "mend"),
        ("deep", deep.as_bytes(), "mend"),
        ("not UTF-8", b"{\"RoleDetailList\":[{\"RoleName\":\"\xff\xfe\"}]}", "mend"),
        ("a list", b"[1,2,3]", "mend"),
        ("a string", b"\"iam\"", "mend"),
        ("empty", b"", "mend"),
        ("of wrong types", br#"{"RoleDetailList":"none","UserDetailList":[],"GroupDetailList":[],"Policies":[]}"#, "mend"),
        ("a key twice", br#"{"RoleDetailList":[],"RoleDetailList":[],"UserDetailList":[],"GroupDetailList":[],"Policies":[]}"#, "mend"),
    ];
    for (what, bytes, words) in table {
        let folder = Folder::new();
        let file = folder.file("iam.json", bytes);
        let ran = scan(&file, &["--json"]);
        assert_eq!(ran.code, 2, "{what}: {} {}", ran.out, ran.err);
        assert_eq!(ran.out, "", "{what}");
        assert!(ran.err.contains("iam.json"), "{what}: {}", ran.err);
        assert!(ran.err.contains(words), "{what}: {}", ran.err);
        assert!(ran.err.len() < 2_000, "{what}: {}", ran.err.len());
    }
}

#[test]
fn a_policy_that_cannot_be_read_is_incomplete_and_never_a_pass() {
    for (good, bad) in [
        (
            "\"Effect\":\"Allow\",\"Action\":\"*\"",
            "\"Effect\":\"allow\",\"Action\":\"*\"",
        ),
        (
            "\"Action\":\"*\",\"Resource\"",
            "\"Action\":\"*\",\"Resourc\"",
        ),
        (
            "\"Resource\":\"*\"}",
            "\"Resource\":\"*\",\"Condition\":{\"StringEqual\":{\"a\":\"b\"}}}",
        ),
    ] {
        let text = IAM.replace(good, bad);
        assert_ne!(text, IAM);
        let folder = Folder::new();
        let file = folder.file("iam.json", &text);
        let ran = scan(&file, &["--json"]);
        let is_pointed_error = ran.code == 2 && ran.err.contains("iam.json");
        let is_told = ran.code != 2
            && !json(&ran)["estate"]["incomplete"]
                .as_array()
                .unwrap()
                .is_empty();
        assert!(
            is_pointed_error || is_told,
            "{bad}: {} {}",
            ran.out,
            ran.err
        );
        assert_ne!(ran.code, 0, "{bad}");
    }
}

#[test]
fn published_schemas_accept_the_reports() {
    for format in ["sarif", "ocsf"] {
        let Some(mut check) = bailiwick_testkit::peers::python_script("check_report.py") else {
            return;
        };
        let report = scan(ACME, &["--format", format]).out;
        assert_eq!(
            check_report(check.arg(format), &report),
            (true, "\n".to_owned()),
            "{format}"
        );
        let spoiled = report
            .replace("\"kind\":\"fail\"", "\"kind\":\"failed\"")
            .replace("\"severity_id\"", "\"severity_ID\"");
        assert_ne!(spoiled, report);
        let mut check = bailiwick_testkit::peers::python_script("check_report.py").unwrap();
        assert!(
            !check_report(check.arg(format), &spoiled).0,
            "{format}: the check can fail"
        );
    }
}

fn check_report(check: &mut std::process::Command, report: &str) -> (bool, String) {
    let folder = Folder::new();
    let file = folder.file("report.json", report);
    let output = check
        .stdin(std::fs::File::open(file).unwrap())
        .output()
        .unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

#[test]
fn usage_beside_an_estate_is_read_and_a_trail_is_not() {
    let folder = Folder::new();
    folder.file("estate/accounts/111122223333/iam.json", IAM);
    folder.file("usage.ndjson", "{\"coverage\":null}\n");
    folder.file("trail/one.json", r#"{"Records":[]}"#);
    let root = folder.name();
    let ran = scan(root, &["--json"]);
    let asked = |report: &Value| {
        let found = report["findings"].as_array().unwrap();
        found
            .iter()
            .any(|it| it["rule"] == "PERM-08" && it["status"] == "unknown")
    };
    assert!(asked(&json(&ran)), "{}", ran.out);
    assert!(ran.err.contains("does not read trails"), "{}", ran.err);
    assert!(!asked(&json(&scan_iam(&["--json"]))));

    folder.file("usage.ndjson", "{\"coverage\":null}\n{\"account\":1}\n");
    let ran = scan(root, &[]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("usage.ndjson:2:"), "{}", ran.err);
    assert!(ran.err.contains("a line has account"), "{}", ran.err);
}
