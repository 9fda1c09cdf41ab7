//! Calls that no agent should be able to make, asked about and claimed in one way.

use serde_json::json;

use crate::{
    finding::{Finding, Fix},
    rule::{Claim, Rule, arns, patch},
    view::{Allowed, Seat, View},
};

/// Of more statements than these, the first are evidence enough.
const EVIDENCE_MAX: usize = 8;

/// What a rule says of a role that can make such calls.
pub(crate) struct Words {
    pub title: String,
    /// What cannot be told where the answer hangs on something: `… can change itself`.
    pub question: String,
    pub why: fn(&Allowed) -> String,
    pub summary: &'static str,
    /// The name of the statement that denies them.
    pub sid: &'static str,
    /// What that statement names: the resources found, or all.
    pub denies: Denies,
}

pub(crate) enum Denies {
    Found,
    Everywhere,
}

/// The calls among these that a seat's role may make, as one finding.
pub(crate) fn look(
    rule: &Rule,
    view: &View<'_>,
    seat: &Seat,
    calls: &[(&'static str, String)],
    words: Words,
) -> Option<Finding> {
    let calls = calls.iter().map(|(action, on)| (*action, on.as_str()));
    let allowed = view.allowed(seat, calls);
    let Some(first) = allowed.proofs.first() else {
        return rule.cannot_tell(view, seat, &words.question, &allowed.missing);
    };
    let role = view.estate.roles.at(seat.role);
    let actions = allowed.actions();
    let denied_on = match words.denies {
        Denies::Found => json!(allowed.resources()),
        Denies::Everywhere => json!("*"),
    };
    Some(
        rule.fails(Claim {
            severity: rule.base,
            subject: role.arn.to_string(),
            agents: arns(view, &seat.agents),
            title: words.title,
            why: format!("{}{}", (words.why)(&allowed), allowed.missing.aside()),
            witness: first.witness(),
            evidence: allowed
                .proofs
                .iter()
                .flat_map(|it| it.evidence(view))
                .take(EVIDENCE_MAX)
                .collect(),
            path: Vec::new(),
            fix: Fix {
                summary: words.summary.to_owned(),
                patch: patch(&json!({
                    "Sid": words.sid,
                    "Effect": "Deny",
                    "Action": actions,
                    "Resource": denied_on,
                })),
            },
            cause: actions,
        }),
    )
}
