//! The report as it is: the contract that scripts read.

use bailiwick_review::report::Report;
use serde::Serialize;

/// One finding a line: half as long as indented, and `grep` finds a whole finding.
pub(crate) fn json(report: &Report) -> anyhow::Result<String> {
    let Report {
        version,
        estate,
        findings,
        passed,
    } = report;
    Ok(format!(
        "{{\"version\":{version},\n\"estate\":{},\n\"findings\":{},\n\"passed\":{}}}\n",
        serde_json::to_string(estate)?,
        lines(findings)?,
        lines(passed)?,
    ))
}

/// A list, one element a line.
fn lines<T: Serialize>(elements: &[T]) -> serde_json::Result<String> {
    let elements: Vec<_> = elements
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<_, _>>()?;
    Ok(match elements.as_slice() {
        [] => "[]".to_owned(),
        elements => format!("[\n{}\n]", elements.join(",\n")),
    })
}
