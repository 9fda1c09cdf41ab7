//! `docs/scan.svg`: the beginning and the end of a scan of the example, as a terminal shows it.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

use crate::process::program;

const COMMAND: [&str; 5] = [
    "scan",
    "examples/acme",
    "--today",
    "2026-11-22",
    "--format=table",
];

/// How many lines of the beginning are shown; the last of them ends a finding.
const BEGINNING_MAX: usize = 44;

const MARGIN: usize = 16;
const TITLE: usize = 32;
const LINE: usize = 18;
/// A character of the font, in tenths of a unit.
const CHARACTER: usize = 84;

pub(crate) fn text() -> Result<String> {
    let mut scan = program("cargo", &["run", "--quiet", "--package", "bailiwick", "--"]);
    let scanned = scan.args(COMMAND).output()?;
    // It finds something: that is what the example is for.
    ensure!(scanned.status.code() == Some(1), "the scan of the example");
    let table = String::from_utf8(scanned.stdout)?;
    let lines: Vec<&str> = table.lines().collect();
    Ok(draw(&shown(&lines)))
}

/// The beginning, up to the end of a finding, and the end from the table of agents on.
fn shown<'t>(lines: &[&'t str]) -> Vec<&'t str> {
    let beginning = lines.iter().take(BEGINNING_MAX);
    let whole = beginning.clone().rposition(|line| line.is_empty());
    let end = lines.iter().skip_while(|line| !line.contains("BY AGENT"));
    let beginning = beginning.take(whole.unwrap_or(BEGINNING_MAX));
    let gap = ["", "  ⋮", ""];
    beginning.chain(&gap).chain(end).copied().collect()
}

fn draw(lines: &[&str]) -> String {
    let widest = lines.iter().map(|line| line.chars().count()).max();
    let width = 2 * MARGIN + widest.unwrap_or_default() * CHARACTER / 10;
    let height = TITLE + MARGIN + (lines.len() + 1) * LINE;
    let middle = width / 2;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="bailiwick scan examples/acme" font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14">
<rect width="100%" height="100%" rx="10" fill="#0d1117"/>
<rect width="100%" height="{TITLE}" rx="10" fill="#161b22"/>
<circle cx="18" cy="16" r="6" fill="#ff5f57"/><circle cx="38" cy="16" r="6" fill="#febc2e"/><circle cx="58" cy="16" r="6" fill="#28c840"/>
<text x="{middle}" y="21" text-anchor="middle" fill="#8b949e">bailiwick scan examples/acme</text>
"##
    );
    for (row, line) in lines.iter().enumerate() {
        let indent = line.chars().take_while(|it| *it == ' ').count();
        let said = line.trim();
        if said.is_empty() {
            continue;
        }
        let x = MARGIN + indent * CHARACTER / 10;
        let y = TITLE + MARGIN + 10 + row * LINE;
        let length = said.chars().count() * CHARACTER / 10;
        let color = color(row, indent, said);
        let said = escaped(said);
        _ = writeln!(
            svg,
            r#"<text x="{x}" y="{y}" xml:space="preserve" textLength="{length}" lengthAdjust="spacing" {color}>{said}</text>"#
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// Headings and the lines that name a finding stand out; what explains them steps back.
fn color(row: usize, indent: usize, said: &str) -> &'static str {
    let is_rule = said.starts_with(|it: char| it.is_ascii_uppercase())
        && said.split(' ').next().is_some_and(|it| it.contains('-'));
    if said.starts_with("── CRITICAL") || (indent == 2 && is_rule && said.contains("  ")) {
        r##"fill="#ff7b72" font-weight="700""##
    } else if row < 2 || said.starts_with("──") {
        r##"fill="#d0d7de" font-weight="700""##
    } else if said.starts_with("arn:") || said.starts_with("at  ") {
        r##"fill="#8b949e""##
    } else {
        r##"fill="#d0d7de""##
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
