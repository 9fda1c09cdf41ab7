//! The sentences that several formats share.

use bailiwick_iam::{evaluate::Because, layers::LayerKind, request::Request};
use bailiwick_review::{
    finding::{Evidence, Finding, Hop, Severity, Status, Witness},
    report::Summary,
};

/// `3 findings`, `1 finding`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

/// `18 agents`, `18 agents and 3 components`: what acts, and what only serves it.
pub(crate) fn agents(estate: &Summary) -> String {
    let agents = count(estate.agents, "agent");
    if estate.components == 0 {
        return agents;
    }
    format!("{agents} and {}", count(estate.components, "component"))
}

/// The last word of an ARN: what people call the thing.
pub(crate) fn short(arn: &str) -> &str {
    if !arn.starts_with("arn:") {
        return arn;
    }
    arn.rsplit(['/', ':'])
        .find(|part| !part.is_empty())
        .unwrap_or(arn)
}

/// An ARN without its partition, region and account: `role/agents/support-bot`.
pub(crate) fn local(arn: &str) -> &str {
    if !arn.starts_with("arn:") {
        return arn;
    }
    arn.splitn(6, ':').nth(5).unwrap_or(arn)
}

/// A text with its ARNs shortened: `role/x` in the home account, `444455556666:role/x` elsewhere.
pub(crate) fn at_home(text: &str, home: Option<&str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("arn:") {
        let (before, arn) = rest.split_at(start);
        let begins_a_word = !before.ends_with(|letter: char| letter.is_alphanumeric());
        let end = arn
            .find([' ', ',', ';', ')', '"', '`'])
            .unwrap_or(arn.len());
        let (arn, after) = arn.split_at(end);
        out.push_str(before);
        let resource = local(arn);
        match account(arn) {
            _ if !begins_a_word || resource == arn => out.push_str(arn),
            Some(account) if Some(account) != home => {
                out.push_str(account);
                out.push(':');
                out.push_str(resource);
            }
            Some(_) | None => out.push_str(resource),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The account that an ARN names.
pub(crate) fn account(arn: &str) -> Option<&str> {
    let account = arn.split(':').nth(4)?;
    (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())).then_some(account)
}

/// The request or the facts that show a finding, as one sentence.
pub(crate) fn witness(witness: &Witness) -> String {
    match witness {
        Witness::Request { request, because } => {
            let asked = asked(request);
            match telling(because) {
                None => asked,
                Some(because) => format!("{asked}: {}", reason(because)),
            }
        }
        Witness::Facts { facts } => facts.join("; "),
    }
}

/// Of the statements that decided, the one that tells most: a grant, not a ceiling that lets it pass.
pub(crate) fn telling(because: &[Because]) -> Option<&Because> {
    let is_ceiling = |because: &&Because| match because.layer {
        LayerKind::Rcp | LayerKind::Scp | LayerKind::Endpoint | LayerKind::Boundary => true,
        LayerKind::Resource | LayerKind::Trust | LayerKind::Identity | LayerKind::Session => false,
    };
    because
        .iter()
        .find(|because| !is_ceiling(because))
        .or_else(|| because.first())
}

/// `role/support-bot calls s3:GetObject on arn:aws:s3:::ledger/1 (aws:SourceVpc = vpc-1)`.
pub(crate) fn asked(request: &Request) -> String {
    let mut text = called(request);
    let pairs = circumstances(request);
    if !pairs.is_empty() {
        text.push_str(&format!(" ({})", pairs.join(", ")));
    }
    text
}

/// `role/support-bot calls s3:GetObject on arn:aws:s3:::ledger/1`.
pub(crate) fn called(request: &Request) -> String {
    format!(
        "{} calls {} on {}",
        local(&request.principal.to_string()),
        request.action,
        request.resource
    )
}

/// `aws:SourceVpc = vpc-1`, for each key that is known.
pub(crate) fn circumstances(request: &Request) -> Vec<String> {
    request
        .context
        .iter()
        .map(|(key, values)| {
            format!(
                "{key} = {}",
                values.iter().collect::<Vec<_>>().join(" and ")
            )
        })
        .collect()
}

/// `Allow by identity policy Tools, statement 1 (WriteLedger)`.
pub(crate) fn reason(because: &Because) -> String {
    let sid = because
        .sid
        .as_ref()
        .map_or_else(String::new, |sid| format!(" ({sid})"));
    format!(
        "{} by {} policy {}, statement {}{sid}",
        because.effect,
        because.layer,
        because.policy,
        because.statement + 1
    )
}

/// `role/a → role/b (sts:AssumeRole) → role/c (iam:PassRole)`.
pub(crate) fn path(hops: &[Hop]) -> String {
    let Some(first) = hops.first() else {
        return String::new();
    };
    let mut text = local(&first.from).to_owned();
    for hop in hops {
        text.push_str(&format!(" → {} ({})", local(&hop.to), hop.by));
    }
    text
}

/// `iam.json:214:9` where the place is a line and a column, else the file and the pointer.
pub(crate) fn place(evidence: &Evidence) -> String {
    match (
        evidence.pointer.as_str(),
        line_and_column(&evidence.pointer),
    ) {
        ("", _) => evidence.source.clone(),
        (pointer, Some(_)) => format!("{}:{pointer}", evidence.source),
        (pointer, None) => format!("{} at {pointer}", evidence.source),
    }
}

/// The line and column of a pointer that is one of these.
pub(crate) fn line_and_column(pointer: &str) -> Option<(u32, u32)> {
    let (line, column) = pointer.split_once(':')?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// How many findings of a severity count: those that fail and those that could not be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub failed: usize,
    pub unknown: usize,
    pub waived: usize,
}

impl Tally {
    pub(crate) fn of<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        let mut tally = Self::default();
        for finding in findings {
            match finding.status {
                Status::Fail => tally.failed += 1,
                Status::Unknown => tally.unknown += 1,
                Status::Waived => tally.waived += 1,
            }
        }
        tally
    }

    pub(crate) fn of_severity(findings: &[Finding], severity: Severity) -> Self {
        Self::of(
            findings
                .iter()
                .filter(|finding| finding.severity == severity),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_short_at_home_and_keeps_its_account_elsewhere() {
        let text = "a arn:aws:iam::111122223333:role/x, and arn:aws:iam::444455556666:role/y.";
        assert_eq!(
            at_home(text, Some("111122223333")),
            "a role/x, and 444455556666:role/y."
        );
        assert_eq!(at_home("arn:aws:s3:::b/k", None), "b/k");
        assert_eq!(at_home("learn: arn:", None), "learn: arn:");
    }
}
