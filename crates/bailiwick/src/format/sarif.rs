//! SARIF 2.1.0, for code scanning.
//!
//! A finding that could not be told is of kind `open`, the standard's word for it; a waived one is
//! suppressed with its reason.
//!
//! Source: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.

use std::{collections::BTreeMap, fmt::Write as _};

use bailiwick_review::{
    finding::{Evidence, Finding, Severity, Status},
    report::Report,
};
use serde_json::{Value, json};

use super::words;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

pub(crate) fn sarif(report: &Report) -> anyhow::Result<String> {
    let rules = rules(report);
    let index: BTreeMap<&str, usize> = rules
        .iter()
        .enumerate()
        .map(|(at, rule)| (*rule, at))
        .collect();
    let results: Vec<_> = report
        .findings
        .iter()
        .map(|finding| result(finding, &index, report))
        .collect();
    let notifications: Vec<_> = report
        .estate
        .incomplete
        .iter()
        .map(|gap| json!({"level": "warning", "message": {"text": format!("{}: {}", gap.what, gap.why)}}))
        .collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "Bailiwick",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules.iter().map(|rule| descriptor(rule, report)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": notifications}],
            "results": results,
        }],
    });
    let mut text = serde_json::to_string(&log)?;
    text.push('\n');
    Ok(text)
}

/// The rules that found something, in the order of their ids.
fn rules(report: &Report) -> Vec<&str> {
    let mut rules: Vec<_> = report
        .findings
        .iter()
        .map(|finding| finding.rule.as_str())
        .collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

fn descriptor(rule: &str, report: &Report) -> Value {
    let of_it = || {
        report
            .findings
            .iter()
            .filter(|finding| finding.rule == rule)
    };
    let worst = of_it()
        .map(|finding| finding.severity)
        .max()
        .unwrap_or(Severity::Info);
    let maps = of_it().map(|finding| &finding.maps).next();
    let known = bailiwick_review::RULES
        .iter()
        .find(|known| known.id == rule);
    let title = known.map_or(rule, |known| known.title);
    let help = known.map_or(title, |known| known.manual);
    json!({
        "id": rule,
        "name": rule,
        "shortDescription": {"text": title},
        "fullDescription": {"text": title},
        "help": {"text": help, "markdown": help},
        "defaultConfiguration": {"level": level(worst)},
        "properties": {
            "tags": ["security", "aws", "ai-agents"],
            "security-severity": score(worst),
            "maps": maps,
        },
    })
}

fn result(finding: &Finding, index: &BTreeMap<&str, usize>, report: &Report) -> Value {
    let (kind, level) = match finding.status {
        Status::Fail | Status::Waived => ("fail", level(finding.severity)),
        Status::Unknown => ("open", "none"),
    };
    // The standard wants each place once; two requests may rest on one statement.
    let mut locations: Vec<Value> = Vec::new();
    for place in finding.evidence.iter().map(location) {
        if !locations.contains(&place) {
            locations.push(place);
        }
    }
    if locations.is_empty() {
        // Code scanning drops a result that stands nowhere.
        let first = report
            .estate
            .sources
            .first()
            .map_or("estate", String::as_str);
        locations.push(json!({"physicalLocation": {
            "artifactLocation": {"uri": uri(first)}, "region": {"startLine": 1}}}));
    }
    let (first, related) = locations.split_at(1);
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": index.get(finding.rule.as_str()),
        "kind": kind,
        "level": level,
        "message": {"text": message(finding)},
        "locations": first,
        "partialFingerprints": {"bailiwick/v1": finding.fingerprint.as_str()},
        "properties": {
            "severity": finding.severity,
            "security-severity": score(finding.severity),
            "subject": finding.subject,
            "agents": finding.agents,
            "witness": finding.witness,
            "path": finding.path,
            "fix": finding.fix,
            "maps": finding.maps,
        },
    });
    if let Some(fields) = result.as_object_mut() {
        if !related.is_empty() {
            fields.insert("relatedLocations".into(), json!(related));
        }
        if finding.status == Status::Waived {
            let reason = finding
                .evidence
                .last()
                .map(|evidence| evidence.text.as_str());
            fields.insert(
                "suppressions".into(),
                json!([{"kind": "external", "status": "accepted", "justification": reason.unwrap_or("waived")}]),
            );
        }
    }
    result
}

fn message(finding: &Finding) -> String {
    let mut text = format!("{}: {}\n{}", finding.title, finding.subject, finding.why);
    if let Some(witness) = &finding.witness {
        let _ = write!(text, "\nShown by: {}", words::witness(witness));
    }
    if !finding.path.is_empty() {
        let _ = write!(text, "\nPath: {}", words::path(&finding.path));
    }
    let _ = write!(text, "\nFix: {}", finding.fix.summary);
    text
}

fn location(evidence: &Evidence) -> Value {
    let place = words::line_and_column(&evidence.pointer);
    let (line, column) = place.unwrap_or((1, 1));
    let physical = json!({
        "artifactLocation": {"uri": uri(&evidence.source)},
        "region": {"startLine": line.max(1), "startColumn": column.max(1)},
    });
    let message = json!({"text": evidence.text});
    if place.is_some() || evidence.pointer.is_empty() {
        return json!({"physicalLocation": physical, "message": message});
    }
    let logical = json!([{"fullyQualifiedName": evidence.pointer, "kind": "member"}]);
    json!({"physicalLocation": physical, "logicalLocations": logical, "message": message})
}

/// A path as a relative URI reference, or as a `file:` URI if it is absolute.
pub(super) fn uri(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        let stays = byte.is_ascii_alphanumeric() || b"-._~/@+=".contains(&byte);
        if stays {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// GitHub's bands: above 9.0 critical, 7.0 high, 4.0 medium, else low.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "3.0",
        Severity::Info => "1.0",
    }
}
