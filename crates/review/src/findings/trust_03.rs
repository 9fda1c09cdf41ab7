//! TRUST-03: roles behind the role.

use bailiwick_estate::{Id, PrincipalId, Role};
use serde_json::json;

use crate::{
    escalation::Admin,
    finding::{Finding, Fix, Hop, Severity},
    rule::{Checked, Claim, arns, listed, patch, rule, some_of},
    view::{Missing, Proof, Seat, View},
};

rule! {
    /// An agent's role can assume further roles, so that what it may do is not in its own policies.
    ///
    /// **Sees.** A role that an agent acts as, and other roles of the estate that its own policies
    /// *and* their trust policies, together with boundary and SCPs, let it assume.
    ///
    /// **Matters.** Whoever reviews the role sees a small policy; what counts is the union of all
    /// roles behind it, and a second account does not see where the session came from.
    ///
    /// **Example.** A triage agent that assumes an audit role in each account.
    ///
    /// **Severity.** High. Critical if an onward role is in another account, or is or can become an
    /// administrator.
    ///
    /// **Remedy.** Deny `sts:AssumeRole` except on the roles that are meant; where it is meant, waive
    /// it with an owner and an end.
    ///
    /// **References.** MITRE ATT&CK T1548.005, T1021.007.
    "TRUST-03", "An agent can assume further roles", High, check
}

fn check(view: &View<'_>) -> Checked {
    let seats = view.seats().iter().filter(|seat| !seat.agents.is_empty());
    Checked::access(view, seats, |seat| look(view, seat))
}

struct Onward {
    role: Id<Role>,
    proof: Proof,
}

fn look(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let own = view.estate.roles.at(seat.role);
    let mut missing = Missing::default();
    let onward: Vec<_> = view
        .onward(seat)
        .into_iter()
        .filter_map(|role| {
            let arn = &view.estate.roles.at(role).arn;
            let proof = missing.proof(view.role_can(seat.role, "sts:AssumeRole", arn.as_str()))?;
            Some(Onward { role, proof })
        })
        .collect();
    let Some(first) = onward.first() else {
        let question = format!("{} can assume a further role", own.name);
        return RULE.cannot_tell(view, seat, &question, &missing);
    };
    let roles: Vec<_> = onward
        .iter()
        .map(|it| view.estate.roles.at(it.role))
        .collect();
    let abroad = roles.iter().any(|role| role.account != own.account);
    let privileged: Vec<_> = onward
        .iter()
        .filter(|it| {
            let admin = view.graph().account_admin(PrincipalId::Role(it.role));
            matches!(admin, Admin::Yes | Admin::Potential)
        })
        .collect();
    let worst = privileged.first().copied().unwrap_or(first);
    let mut because = Vec::new();
    if abroad {
        because.push("it crosses accounts");
    }
    if !privileged.is_empty() {
        because.push("an onward role is, or can become, an administrator");
    }
    let severity = if because.is_empty() {
        RULE.base
    } else {
        Severity::Critical
    };
    let said = if because.is_empty() {
        String::new()
    } else {
        format!(" Critical because {}.", listed(&because))
    };
    let names: Vec<_> = roles.iter().map(|role| role.arn.to_string()).collect();
    Some(
        RULE.fails(Claim {
            severity,
            subject: own.arn.to_string(),
            agents: arns(view, &seat.concerned()),
            title: format!("{} can assume {}", own.name, some_of(&names, 2)),
            why: format!(
                "What the agent may do is also what {} may do.{said}{}",
                some_of(&names, 4),
                missing.aside()
            ),
            witness: worst.proof.witness(),
            evidence: worst.proof.evidence(view),
            path: onward
                .iter()
                .map(|it| Hop {
                    from: own.arn.to_string(),
                    to: view.estate.roles.at(it.role).arn.to_string(),
                    by: "sts:AssumeRole".to_owned(),
                    because: it.proof.because.clone(),
                })
                .collect(),
            fix: Fix {
                summary: "Let it assume no role, or only those that are meant".to_owned(),
                patch: patch(&json!({
                    "Effect": "Deny",
                    "Action": "sts:AssumeRole",
                    "NotResource": "the ARNs of the roles that are meant",
                })),
            },
            cause: names,
        }),
    )
}
