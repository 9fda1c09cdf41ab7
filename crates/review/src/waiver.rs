//! Findings that somebody answers for until a day.
//!
//! ```json
//! {"waivers": [{"fingerprint": "0f3c…", "owner": "payments", "reason": "split planned, PAY-311", "expires": "2026-12-31"},
//!              {"rule": "TRUST-05", "subject": "arn:aws:iam::111122223333:role/batch", "owner": "data", "reason": "…", "expires": "2027-01-31"}]}
//! ```
//!
//! A waiver that has run out waives nothing, and is itself reported, as is one that matches nothing
//! or names a rule that there is not: a list of exceptions that nobody tends becomes the rule.

mod day;

#[cfg(test)]
mod tests;

use bailiwick_iam::json::{JsonError, Node, Span};

pub use day::{Day, ParseDayError};

use crate::{
    finding::{Evidence, Finding, Fingerprint, Fix, Severity, Status, Witness},
    findings::RULES,
    frameworks,
};

/// The rule under which waivers themselves are reported.
pub const RULE: &str = "WAIVER-01";

/// A file of waivers holds at most this many: beyond it, nobody reads them.
pub const WAIVERS_MAX: usize = 10_000;

/// One waiver, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    pub covers: Covers,
    pub owner: String,
    pub reason: String,
    /// The last day on which it holds.
    pub expires: Day,
    /// Where it stands: `line:column`.
    pub place: String,
}

/// Which findings a waiver covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Covers {
    Fingerprint(String),
    /// Whatever this rule says of this subject.
    Subject {
        rule: String,
        subject: String,
    },
}

/// Why a file of waivers cannot be used. None of it is: half a list would waive half at random.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ParseWaiversError {
    pub problem: WaiverProblem,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WaiverProblem {
    #[error("{0}")]
    Json(String),
    #[error("expected an object with the list `waivers`")]
    NoList,
    #[error("more than {WAIVERS_MAX} waivers")]
    TooMany,
    #[error(
        "`{0}` is no field of a waiver: use fingerprint, or rule and subject; and owner, reason, expires"
    )]
    UnknownField(String),
    #[error("a waiver needs `{0}`")]
    Missing(&'static str),
    #[error("`{0}` is empty")]
    Empty(&'static str),
    #[error("name a fingerprint, or a rule and a subject, not both")]
    TwoWays,
    #[error("{0}")]
    Expires(ParseDayError),
}

/// Reads a file of waivers.
///
/// # Errors
/// At the first thing that is not as described above, with its place.
pub fn parse(text: &str) -> Result<Vec<Waiver>, ParseWaiversError> {
    let root = Node::parse(text).map_err(|error| json(&error))?;
    let no_list = || ParseWaiversError {
        problem: WaiverProblem::NoList,
        span: root.span(),
    };
    let members = root.members().map_err(|_| no_list())?;
    let [list] = members.as_slice() else {
        return Err(no_list());
    };
    if list.name != "waivers" {
        return Err(no_list());
    }
    let entries = list.value.elements().map_err(|error| json(&error))?;
    if entries.len() > WAIVERS_MAX {
        return Err(ParseWaiversError {
            problem: WaiverProblem::TooMany,
            span: list.span,
        });
    }
    entries.iter().map(|entry| waiver(*entry, text)).collect()
}

fn waiver(entry: Node<'_>, text: &str) -> Result<Waiver, ParseWaiversError> {
    let refused = |problem, span| ParseWaiversError { problem, span };
    let (mut fingerprint, mut rule, mut subject) = (None, None, None);
    let (mut owner, mut reason, mut expires) = (None, None, None);
    for member in entry.members().map_err(|error| json(&error))? {
        let (field, name) = match member.name.as_ref() {
            "fingerprint" => (&mut fingerprint, "fingerprint"),
            "rule" => (&mut rule, "rule"),
            "subject" => (&mut subject, "subject"),
            "owner" => (&mut owner, "owner"),
            "reason" => (&mut reason, "reason"),
            "expires" => (&mut expires, "expires"),
            other => {
                let problem = WaiverProblem::UnknownField(other.to_owned());
                return Err(refused(problem, member.span));
            }
        };
        let value = member.value.string().map_err(|error| json(&error))?;
        if value.trim().is_empty() {
            return Err(refused(WaiverProblem::Empty(name), member.value.span()));
        }
        *field = Some((value, member.value.span()));
    }
    let needed = |field: Option<(String, Span)>, name| {
        field.ok_or_else(|| refused(WaiverProblem::Missing(name), entry.span()))
    };
    let covers = match (fingerprint, rule, subject) {
        (Some((fingerprint, _)), None, None) => Covers::Fingerprint(fingerprint),
        (None, None, None) => {
            return Err(refused(WaiverProblem::Missing("fingerprint"), entry.span()));
        }
        (None, rule, subject) => Covers::Subject {
            rule: needed(rule, "rule")?.0,
            subject: needed(subject, "subject")?.0,
        },
        (Some(_), _, _) => return Err(refused(WaiverProblem::TwoWays, entry.span())),
    };
    let (owner, _) = needed(owner, "owner")?;
    let (reason, _) = needed(reason, "reason")?;
    let (expires, expires_span) = needed(expires, "expires")?;
    let expires = expires
        .parse()
        .map_err(|error| refused(WaiverProblem::Expires(error), expires_span))?;
    let (line, column) = entry.span().line_and_column(text);
    Ok(Waiver {
        covers,
        owner,
        reason,
        expires,
        place: format!("{line}:{column}"),
    })
}

fn json(error: &JsonError) -> ParseWaiversError {
    let span = error.span();
    ParseWaiversError {
        problem: WaiverProblem::Json(error.to_string()),
        span,
    }
}

/// Marks what is waived as of `today`, and reports the waivers that no longer do their work.
/// `source` is the name of the file they came from.
pub fn apply(waivers: &[Waiver], source: &str, today: Day, findings: &mut Vec<Finding>) {
    let mut idle = Vec::new();
    for waiver in waivers {
        let expired = waiver.expires < today;
        let mut matched = false;
        for finding in findings
            .iter_mut()
            .filter(|finding| waiver.is_about(finding))
        {
            matched = true;
            if !expired {
                finding.status = Status::Waived;
                finding.evidence.push(waiver.evidence(source));
            }
        }
        if expired || !matched {
            idle.push(waiver.report(source, expired));
        }
    }
    findings.append(&mut idle);
    Finding::sort(findings);
}

impl Waiver {
    fn is_about(&self, finding: &Finding) -> bool {
        match &self.covers {
            Covers::Fingerprint(fingerprint) => finding.fingerprint.as_str() == fingerprint,
            Covers::Subject { rule, subject } => {
                finding.rule == *rule && finding.subject == *subject
            }
        }
    }

    fn evidence(&self, source: &str) -> Evidence {
        Evidence {
            source: source.to_owned(),
            pointer: self.place.clone(),
            text: format!(
                "waived by {} until {}: {}",
                self.owner, self.expires, self.reason
            ),
        }
    }

    /// The rule it names, if there is no such rule.
    fn no_rule(&self) -> Option<&str> {
        match &self.covers {
            Covers::Fingerprint(_) => None,
            Covers::Subject { rule, .. } => rules().all(|known| known != rule).then_some(rule),
        }
    }

    fn report(&self, source: &str, expired: bool) -> Finding {
        let covers = match &self.covers {
            Covers::Fingerprint(fingerprint) => fingerprint.clone(),
            Covers::Subject { rule, subject } => format!("{rule} {subject}"),
        };
        let mut mend = format!("remove the waiver at {source}:{}", self.place);
        let (title, why, severity, cause) = if let Some(rule) = self.no_rule() {
            let nearest = nearest(rule);
            if let Some(nearest) = nearest {
                mend = format!("\"rule\": \"{nearest}\"");
            }
            (
                format!("A waiver names `{rule}`, and there is no such rule"),
                match nearest {
                    Some(nearest) => format!("It waives nothing. The nearest rule is {nearest}."),
                    None => "It waives nothing, and no rule is called anything like it.".to_owned(),
                },
                Severity::Low,
                "no such rule",
            )
        } else if expired {
            (
                "A waiver has run out".to_owned(),
                format!(
                    "It ended on {}. What it covered counts again.",
                    self.expires
                ),
                Severity::Low,
                "expired",
            )
        } else {
            (
                "A waiver matches nothing".to_owned(),
                "Nothing in this scan is what it covers: it was mended, or its cause changed."
                    .to_owned(),
                Severity::Info,
                "unmatched",
            )
        };
        Finding {
            rule: RULE.to_owned(),
            status: Status::Fail,
            severity,
            subject: format!("waiver {covers}"),
            agents: Vec::new(),
            title,
            why,
            witness: Some(Witness::facts([format!(
                "owner {}, expires {}, reason: {}",
                self.owner, self.expires, self.reason
            )])),
            evidence: vec![Evidence {
                source: source.to_owned(),
                pointer: self.place.clone(),
                text: covers.clone(),
            }],
            path: Vec::new(),
            fix: Fix {
                summary: format!(
                    "Ask {} to mend the cause, renew the waiver or remove it",
                    self.owner
                ),
                patch: mend,
            },
            maps: frameworks::maps(RULE),
            fingerprint: Fingerprint::new(RULE, &covers, [cause]),
        }
    }
}

/// Every rule that a waiver may name.
fn rules() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.id).chain([RULE])
}

/// The rule whose id takes the fewest changes to become, if so few that it was probably meant.
fn nearest(asked: &str) -> Option<&'static str> {
    let asked = asked.to_ascii_uppercase();
    rules()
        .map(|known| (changes(&asked, known), known))
        .filter(|(changes, _)| *changes <= CHANGES_MAX)
        .min()
        .map(|(_, known)| known)
}

/// An id that differs in more letters than these is another word.
const CHANGES_MAX: usize = 3;

/// How many letters to insert, remove or replace to make one word the other.
fn changes(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (above, letter) in from.chars().enumerate() {
        let mut next = vec![above + 1];
        let mut left = above + 1;
        for (pair, other) in row.windows(2).zip(to.chars()) {
            let &[diagonal, up] = pair else { continue };
            left = (diagonal + usize::from(letter != other))
                .min(up + 1)
                .min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
