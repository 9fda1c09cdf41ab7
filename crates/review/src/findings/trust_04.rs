//! TRUST-04: sessions that do not say for whom.

use bailiwick_charter::Mode;
use bailiwick_estate::PrincipalId;
use bailiwick_iam::{
    policy::{Effect, PrincipalPattern, Selection},
    request::{Principal, Request},
};
use serde_json::json;

use crate::{
    finding::{Finding, Fix},
    rule::{Checked, Claim, arns, counted, patch, rule},
    view::{Missing, Seat, View},
};

rule! {
    /// A principal may assume the role of a brokered agent without saying which grant it acts under.
    ///
    /// **Sees.** The role of an agent whose charter has `mode: brokered`, and a user or role named in
    /// its trust policy that may assume it with neither a source identity nor session tags. Sessions
    /// that a service makes carry neither and are not meant here.
    ///
    /// **Matters.** The trail then shows the role and no agent, task or decision: what was done
    /// cannot be joined with what was allowed.
    ///
    /// **Example.** A trust policy that lets the broker in without asking for `sts:SourceIdentity`.
    ///
    /// **Severity.** Medium.
    ///
    /// **Remedy.** Allow `sts:TagSession` and `sts:SetSourceIdentity`, and require both by condition.
    ///
    /// **References.** AWS Agentic AI Lens AGENTSEC05-BP01; OWASP AISVS 9.4.2; OWASP T8.
    "TRUST-04", "Sessions of a brokered agent need not say for whom", Medium, check
}

fn check(view: &View<'_>) -> Checked {
    let brokered = view.seats().iter().filter(|seat| {
        let mut agents = seat.agents.iter().map(|&id| view.estate.agents.at(id));
        agents.any(|agent| {
            view.charter_of(agent)
                .is_some_and(|it| it.mode == Mode::Brokered)
        })
    });
    Checked::each(brokered, |seat| look(view, seat))
}

fn look(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let role = view.estate.roles.at(seat.role);
    let mut missing = Missing::default();
    let nameless: Vec<_> = assumers(view, seat)
        .into_iter()
        .filter_map(|who| {
            let request = Request::new(who, "sts:AssumeRole", role.arn.as_str());
            missing.proof(view.ask_exactly(request))
        })
        .collect();
    let Some(first) = nameless.first() else {
        let question = format!("sessions of {} must say for whom", role.name);
        return RULE.cannot_tell(view, seat, &question, &missing);
    };
    Some(RULE.fails(Claim {
        severity: RULE.base,
        subject: role.arn.to_string(),
        agents: arns(view, &seat.agents),
        title: format!("{} may be assumed without saying for whom", role.name),
        why: format!(
            "{} may make sessions of it that carry neither source identity nor tags: the trail cannot be joined with grants.{}",
            counted(nameless.len(), "principal"),
            missing.aside()
        ),
        witness: first.witness(),
        evidence: first.evidence(view),
        path: Vec::new(),
        fix: Fix {
            summary: "Require a source identity and the tags of the grant in the trust policy".to_owned(),
            patch: patch(&json!({
                "Effect": "Allow",
                "Principal": {"AWS": "the broker's role"},
                "Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
                "Condition": {
                    "StringLike": {"sts:SourceIdentity": "*", "aws:RequestTag/grant": "*"},
                },
            })),
        },
        cause: nameless.iter().map(|it| it.request.principal.to_string()).collect(),
    }))
}

/// The users and roles that the trust policy names in full.
fn assumers(view: &View<'_>, seat: &Seat) -> Vec<Principal> {
    let trust = view.estate.policy(view.estate.roles.at(seat.role).trust);
    let statements = trust.into_iter().flat_map(|it| &it.statements);
    let allowing = statements.filter(|it| it.effect == Effect::Allow);
    let named = allowing
        .filter_map(|it| it.principals.as_ref())
        .flat_map(Selection::patterns);
    let mut found: Vec<Principal> = Vec::new();
    for pattern in named {
        let PrincipalPattern::Aws(arn) = &pattern.value else {
            continue;
        };
        let known = arn.parse().ok().and_then(|arn| view.estate.principal(&arn));
        let principal = match known {
            Some(PrincipalId::Role(role)) => {
                Principal::Role(view.estate.roles.at(role).arn.clone())
            }
            Some(PrincipalId::User(user)) => {
                Principal::User(view.estate.users.at(user).arn.clone())
            }
            None => match arn.parse() {
                Ok(principal) => principal,
                Err(_) => continue,
            },
        };
        if !found.contains(&principal) {
            found.push(principal);
        }
    }
    found
}
