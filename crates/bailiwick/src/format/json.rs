//! The report as it is: the contract that scripts read.

use bailiwick_review::report::Report;

pub(crate) fn json(report: &Report) -> anyhow::Result<String> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    Ok(text)
}
