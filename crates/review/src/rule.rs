//! What a rule is, and the words in which it answers.

use bailiwick_estate::{Id, agent::Agent};
use bailiwick_iam::policy::Policy;

use crate::{
    finding::{Evidence, Finding, Fingerprint, Fix, Hop, Severity, Status, Witness},
    frameworks,
    view::{Missing, Seat, View},
};

/// A question that is asked of every subject it concerns.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub id: &'static str,
    pub title: &'static str,
    /// Where the severity starts; the manual says what moves it.
    pub base: Severity,
    /// In Markdown: what it sees, why it matters, an example, the remedy.
    pub manual: &'static str,
    pub(crate) check: fn(&View<'_>) -> Checked,
}

/// What a rule says of an estate.
#[derive(Debug, Default)]
pub struct Checked {
    /// How many subjects it looked at.
    pub subjects: usize,
    pub findings: Vec<Finding>,
}

/// What a rule holds against a subject; the rule itself adds the rest.
#[derive(Debug)]
pub(crate) struct Claim {
    pub severity: Severity,
    pub subject: String,
    /// The ARNs of the agents concerned.
    pub agents: Vec<String>,
    pub title: String,
    pub why: String,
    pub witness: Witness,
    pub evidence: Vec<Evidence>,
    pub path: Vec<Hop>,
    pub fix: Fix,
    /// The identity of the cause: see [`Fingerprint`].
    pub cause: Vec<String>,
}

/// What a question is about: its subject, the agents concerned and where it stands.
#[derive(Debug)]
pub(crate) struct About {
    pub subject: String,
    pub agents: Vec<String>,
    pub evidence: Vec<Evidence>,
}

impl About {
    /// The role of a seat.
    pub(crate) fn seat(view: &View<'_>, seat: &Seat) -> Self {
        let role = view.estate.roles.at(seat.role);
        Self {
            subject: role.arn.to_string(),
            agents: arns(view, &seat.concerned()),
            evidence: vec![view.evidence(&role.place, role.arn.as_str())],
        }
    }

    pub(crate) fn agent(view: &View<'_>, agent: &Agent) -> Self {
        Self {
            subject: agent.arn.to_string(),
            agents: vec![agent.arn.to_string()],
            evidence: vec![view.evidence(&agent.place, agent.arn.as_str())],
        }
    }
}

impl Rule {
    /// The finding that the claim holds.
    pub(crate) fn fails(&self, claim: Claim) -> Finding {
        self.finding(Status::Fail, claim)
    }

    /// The finding that it cannot be told whether the claim holds; its witness says what is missing.
    pub(crate) fn unknown(&self, claim: Claim) -> Finding {
        self.finding(Status::Unknown, claim)
    }

    /// The finding that a question about a seat hangs on what is missing; none where nothing is.
    pub(crate) fn cannot_tell(
        &self,
        view: &View<'_>,
        seat: &Seat,
        question: &str,
        missing: &Missing,
    ) -> Option<Finding> {
        self.hangs(About::seat(view, seat), question, missing)
    }

    /// The finding that a question about any subject hangs on what is missing; none where nothing is.
    pub(crate) fn hangs(&self, about: About, question: &str, missing: &Missing) -> Option<Finding> {
        if missing.is_empty() {
            return None;
        }
        let missing = missing.list();
        Some(self.unknown(Claim {
            severity: self.base,
            subject: about.subject,
            agents: about.agents,
            title: format!("Cannot tell whether {question}"),
            why: format!("The answer hangs on {}.", some_of(&missing, 6)),
            witness: Witness::facts(missing.iter().map(|it| format!("not known: {it}"))),
            evidence: about.evidence,
            path: Vec::new(),
            fix: Fix {
                summary: "Complete the snapshot, or decide the question by hand".to_owned(),
                patch: missing.join("\n"),
            },
            cause: missing,
        }))
    }

    fn finding(&self, status: Status, claim: Claim) -> Finding {
        let Claim {
            severity,
            subject,
            mut agents,
            title,
            why,
            witness,
            mut evidence,
            path,
            fix,
            cause,
        } = claim;
        agents.sort();
        agents.dedup();
        let mut seen = std::collections::BTreeSet::new();
        evidence.retain(|it| seen.insert(it.clone()));
        let cause = cause.iter().map(String::as_str);
        let fingerprint = Fingerprint::new(self.id, &subject, cause.chain([status.as_str()]));
        Finding {
            rule: self.id.to_owned(),
            status,
            severity,
            agents,
            title,
            why,
            witness: Some(witness),
            evidence,
            path,
            fix,
            maps: frameworks::maps(self.id),
            fingerprint,
            subject,
        }
    }
}

impl Checked {
    /// One answer a subject: nothing where it is in order.
    pub(crate) fn each<S>(
        subjects: impl IntoIterator<Item = S>,
        mut look: impl FnMut(S) -> Option<Finding>,
    ) -> Self {
        let mut checked = Self::default();
        for subject in subjects {
            checked.subjects += 1;
            checked.findings.extend(look(subject));
        }
        checked
    }

    /// One answer a role, to a question about what it may do.
    ///
    /// A role with a policy that cannot be read is not in order for want of a finding: unless the
    /// rule speaks of it all the same, it is no subject of this rule, and EST-01 says why.
    pub(crate) fn access<'s>(
        view: &View<'_>,
        seats: impl IntoIterator<Item = &'s Seat>,
        mut look: impl FnMut(&'s Seat) -> Option<Finding>,
    ) -> Self {
        let mut checked = Self::default();
        for seat in seats {
            let found = look(seat);
            let spoken_of = found.is_some() || view.is_legible(seat.role);
            checked.subjects += usize::from(spoken_of);
            checked.findings.extend(found);
        }
        checked
    }

    /// How many subjects are in order.
    #[must_use]
    pub fn passed(&self) -> usize {
        let mut subjects: Vec<&str> = self.findings.iter().map(|it| it.subject.as_str()).collect();
        subjects.sort_unstable();
        subjects.dedup();
        self.subjects.saturating_sub(subjects.len())
    }
}

/// What makes a finding worse than its rule's base, or does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stakes {
    pub production: bool,
    pub sensitive: bool,
    pub mutates: bool,
    pub cross_account: bool,
    /// Somebody outside the organisation can set it off.
    pub external: bool,
}

impl Stakes {
    /// One step worse if anything is at stake, but no worse than `cap`, which is what the witness
    /// proves; and the sentence that says so.
    pub(crate) fn raise(self, base: Severity, cap: Severity) -> (Severity, String) {
        let reasons: Vec<_> = [
            (self.production, "it is production"),
            (self.sensitive, "sensitive data is in reach"),
            (self.mutates, "it can change things"),
            (self.cross_account, "it crosses accounts"),
            (self.external, "outsiders can set it off"),
        ]
        .into_iter()
        .filter_map(|(holds, reason)| holds.then_some(reason))
        .collect();
        let raised = base.raised().min(cap).max(base);
        if reasons.is_empty() || raised == base {
            return (base, String::new());
        }
        let reasons = listed(&reasons);
        (raised, format!(" Raised to {raised} because {reasons}."))
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed<T: AsRef<str>>(parts: &[T]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.as_ref().to_owned(),
        [rest @ .., last] => {
            let rest: Vec<_> = rest.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", rest.join(", "), last.as_ref())
        }
    }
}

/// At most `most` parts, and how many more there are.
pub(crate) fn some_of<T: AsRef<str>>(parts: &[T], most: usize) -> String {
    let shown: Vec<_> = parts.iter().take(most).map(AsRef::as_ref).collect();
    match parts.len().saturating_sub(shown.len()) {
        0 => listed(&shown),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// `1 agent`, `2 agents`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

/// The ARNs of agents, as findings list them.
pub(crate) fn arns(view: &View<'_>, agents: &[Id<Agent>]) -> Vec<String> {
    let arn = |id: &Id<Agent>| view.estate.agents.at(*id).arn.to_string();
    let mut arns: Vec<_> = agents.iter().map(arn).collect();
    arns.sort();
    arns.dedup();
    arns
}

/// Declares a rule. Its doc comment is its manual: it is compiled in, and `docs/rules.md` is made of
/// it.
macro_rules! rule {
    ($(#[doc = $line:literal])+ $id:literal, $title:literal, $base:ident, $check:path) => {
        $(#[doc = $line])+
        pub(crate) const RULE: $crate::rule::Rule = $crate::rule::Rule {
            id: $id,
            title: $title,
            base: $crate::finding::Severity::$base,
            manual: concat!($($line, "\n"),+),
            check: $check,
        };
    };
}
pub(crate) use rule;

/// A policy, a statement or any other document as a patch shows it: policies with their elements in
/// AWS's order.
pub(crate) fn patch(document: &serde_json::Value) -> String {
    let is_policy = document.get("Statement").is_some();
    let is_statement = document.get("Effect").is_some();
    let policy = |document: &serde_json::Value| Policy::parse(&document.to_string()).ok();
    let ordered = if is_policy {
        policy(document).map(|it| it.to_json_pretty())
    } else if is_statement {
        policy(&serde_json::json!({"Version": "2012-10-17", "Statement": document}))
            .and_then(|it| serde_json::to_string_pretty(it.statements.first()?).ok())
    } else {
        None
    };
    ordered.unwrap_or_else(|| serde_json::to_string_pretty(document).unwrap_or_default())
}
