//! TRUST-05: sessions that outlive their task.

use bailiwick_estate::PrincipalId;

use crate::{
    escalation::Admin,
    finding::{Finding, Fix, Severity, Witness},
    rule::{Checked, Claim, arns, rule},
    view::{Seat, View},
};

rule! {
    /// A role lets sessions live longer than agents need.
    ///
    /// **Sees.** `MaxSessionDuration` above one hour on a role that an agent, its components or its
    /// tools run as. `get-account-authorization-details` leaves it out: without `iam-extra.json` the
    /// answer is unknown.
    ///
    /// **Matters.** A stolen session works until it ends, and AWS cannot call it back. Agent services
    /// renew sessions by themselves, so a short life costs nothing.
    ///
    /// **Example.** `"MaxSessionDuration": 43200` on a role that a runtime assumes.
    ///
    /// **Severity.** Low. Medium if the role is, or can become, an administrator.
    ///
    /// **Remedy.** `aws iam update-role --max-session-duration 3600`.
    ///
    /// **References.** OWASP NHI7; OWASP AISVS 5.1.2.
    "TRUST-05", "Sessions may live for longer than an hour", Low, check
}

/// What STS gives by default and role chaining gives at most.
const SESSION_SECS_MAX: u32 = 3_600;

fn check(view: &View<'_>) -> Checked {
    Checked::each(view.seats(), |seat| look(view, seat))
}

fn look(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let role = view.estate.roles.at(seat.role);
    let Some(secs) = role.session_secs_max else {
        let missing = ["MaxSessionDuration (iam-extra.json)"];
        return RULE.cannot_tell(
            view,
            seat,
            &format!("sessions of {} are short", role.name),
            &missing.into_iter().collect(),
        );
    };
    if secs <= SESSION_SECS_MAX {
        return None;
    }
    let privileged = matches!(
        view.graph().account_admin(PrincipalId::Role(seat.role)),
        Admin::Yes | Admin::Potential
    );
    Some(RULE.fails(Claim {
        severity: if privileged {
            Severity::Medium
        } else {
            RULE.base
        },
        subject: role.arn.to_string(),
        agents: arns(view, &seat.concerned()),
        title: format!(
            "Sessions of {} may live {} hours",
            role.name,
            secs.div_ceil(3_600)
        ),
        why: "A session cannot be called back; a stolen one works until it ends.".to_owned(),
        witness: Witness::facts([format!("{}: MaxSessionDuration {secs}", role.arn)]),
        evidence: vec![view.evidence(&role.place, &format!("MaxSessionDuration {secs}"))],
        path: Vec::new(),
        fix: Fix {
            summary: "Let sessions live for one hour at most".to_owned(),
            patch: format!(
                "aws iam update-role --role-name {} --max-session-duration {SESSION_SECS_MAX}",
                role.name
            ),
        },
        cause: vec!["session length".to_owned()],
    }))
}
