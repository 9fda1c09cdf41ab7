//! OCSF 1.5 Compliance Findings (class 2003), for a security lake.
//!
//! Of the finding classes this one has our three answers: a check passes, fails, or "did not yield a
//! result due to missing information". The schema demands a time; the day the scan was judged on
//! serves, so that the same input and day give the same bytes.
//!
//! Source: <https://schema.ocsf.io/1.5.0/classes/compliance_finding>.

use bailiwick_review::{
    finding::{Finding, Severity, Status},
    waiver::Day,
};
use serde_json::{Value, json};

use super::{Shown, words};

const VERSION: &str = "1.5.0";
const CLASS: u32 = 2003;
const CREATE: u32 = 1;

/// One event a line, in one list.
pub(crate) fn ocsf(shown: &Shown<'_>) -> anyhow::Result<String> {
    let time = midnight(shown.today);
    let mut text = String::from("[");
    for (index, finding) in shown.report.findings.iter().enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.push_str(&serde_json::to_string(&event(finding, time))?);
    }
    text.push_str("\n]\n");
    Ok(text)
}

fn event(finding: &Finding, time: i64) -> Value {
    let (severity_id, severity) = severity(finding.severity);
    let (status_id, status) = match finding.status {
        Status::Fail | Status::Unknown => (1, "New"),
        Status::Waived => (3, "Suppressed"),
    };
    let (check_id, check) = match finding.status {
        Status::Fail | Status::Waived => (3, "Fail"),
        Status::Unknown => (2, "Warning"),
    };
    let mut resources =
        vec![json!({"uid": finding.subject, "name": words::short(&finding.subject)})];
    let others = finding
        .agents
        .iter()
        .filter(|agent| **agent != finding.subject);
    resources.extend(
        others.map(|agent| json!({"uid": agent, "name": words::short(agent), "type": "agent"})),
    );
    let shown_by = finding
        .witness
        .as_ref()
        .map_or_else(String::new, words::witness);
    let mut cloud = json!({"provider": "AWS"});
    if let (Some(account), Some(cloud)) = (words::account(&finding.subject), cloud.as_object_mut())
    {
        let account = json!({"uid": account, "type_id": 10, "type": "AWS Account"});
        cloud.insert("account".to_owned(), account);
    }
    json!({
        "class_uid": CLASS,
        "class_name": "Compliance Finding",
        "category_uid": 2,
        "category_name": "Findings",
        "activity_id": CREATE,
        "activity_name": "Create",
        "type_uid": CLASS * 100 + CREATE,
        "type_name": "Compliance Finding: Create",
        "time": time,
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "message": finding.title,
        "metadata": {
            "version": VERSION,
            "product": {"name": "Bailiwick", "vendor_name": "Bailiwick", "version": env!("CARGO_PKG_VERSION")},
            "profiles": ["cloud"],
        },
        "cloud": cloud,
        "finding_info": {
            "uid": finding.fingerprint.as_str(),
            "title": finding.title,
            "desc": format!("{} {shown_by}", finding.why),
            "analytic": {"uid": finding.rule, "name": finding.rule, "type_id": 1, "type": "Rule"},
        },
        "compliance": {
            "control": finding.rule,
            "standards": standards(finding),
            "requirements": requirements(finding),
            "status_id": check_id,
            "status": check,
            "status_detail": shown_by,
        },
        "resources": resources,
        "remediation": {"desc": finding.fix.summary},
        "unmapped": {
            "witness": finding.witness,
            "path": finding.path,
            "evidence": finding.evidence,
            "patch": finding.fix.patch,
        },
    })
}

/// The catalogues that a finding touches; our own where no other knows it.
fn standards(finding: &Finding) -> Vec<&str> {
    if finding.maps.is_empty() {
        return vec!["bailiwick"];
    }
    finding.maps.keys().map(String::as_str).collect()
}

fn requirements(finding: &Finding) -> Vec<String> {
    finding
        .maps
        .iter()
        .flat_map(|(catalogue, ids)| ids.iter().map(move |id| format!("{catalogue}:{id}")))
        .collect()
}

fn severity(severity: Severity) -> (u32, &'static str) {
    match severity {
        Severity::Info => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

/// The first millisecond of a day, UTC, since 1970.
fn midnight(day: Day) -> i64 {
    crate::today::days_since_1970(day) * 86_400_000
}
