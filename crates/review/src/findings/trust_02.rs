//! TRUST-02: who else may become the agent.

use bailiwick_estate::Role;
use bailiwick_iam::{
    arn::{AccountId, Arn},
    policy::{Effect, PrincipalPattern, Selection},
    request::{Principal, Request},
};
use serde_json::json;

use crate::{
    finding::{Finding, Fix, Severity},
    rule::{Checked, Claim, arns, listed, patch, rule},
    view::{Answer, Missing, Proof, Seat, View},
};

rule! {
    /// Principals beside the agent's own service may assume its role.
    ///
    /// **Sees.** Everyone, other accounts, or further principals of the own account in the trust
    /// policy of a role behind an agent, each shown by a request that the trust policy allows. What
    /// a foreign account grants its own principals nobody here can know; it is taken to be enough.
    /// People and pipelines are ID-03's matter.
    ///
    /// **Matters.** Whoever assumes the role is the agent, in every log and for every policy.
    ///
    /// **Example.** A vendor's role in another organisation, without `sts:ExternalId`.
    ///
    /// **Severity.** High. Critical if everyone may, or an account that is not ours may without an
    /// external id.
    ///
    /// **Remedy.** Trust the agent's service alone. A vendor gets a role of its own, with an external
    /// id.
    ///
    /// **References.** CIS AWS 2.18 and 2.21; AWS Security Pillar SEC03-BP07.
    "TRUST-02", "Others than the agent may assume its role", High, check
}

const AGENT_SERVICES: [&str; 2] = ["bedrock.amazonaws.com", "bedrock-agentcore.amazonaws.com"];

fn check(view: &View<'_>) -> Checked {
    Checked::each(view.seats(), |seat| look(view, seat))
}

/// Somebody who may assume the role and should not.
struct Guest {
    name: String,
    said: String,
    severity: Severity,
    proof: Proof,
}

fn look(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let role = view.estate.roles.at(seat.role);
    let trusts_agents = patterns(view, role).any(is_agent_service);
    let mut missing = Missing::default();
    let mut guests: Vec<_> = patterns(view, role)
        .filter_map(|pattern| guest(view, role, trusts_agents, pattern, &mut missing))
        .collect();
    guests.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| a.name.cmp(&b.name))
    });
    let Some(worst) = guests.first() else {
        let question = format!("others than its agent may assume {}", role.name);
        return RULE.cannot_tell(view, seat, &question, &missing);
    };
    let said: Vec<_> = guests.iter().map(|it| it.said.as_str()).collect();
    Some(RULE.fails(Claim {
        severity: worst.severity,
        subject: role.arn.to_string(),
        agents: arns(view, &seat.concerned()),
        title: format!("{} may be assumed by {}", role.name, worst.name),
        why: format!(
            "{}. Whoever assumes the role is the agent.{}",
            capital(&listed(&said)),
            missing.aside()
        ),
        witness: worst.proof.witness(),
        evidence: worst.proof.evidence(view),
        path: Vec::new(),
        fix: fix(view, seat),
        cause: guests.iter().map(|it| it.name.clone()).collect(),
    }))
}

/// The text as a sentence begins. An ARN is written as AWS writes it, wherever it stands.
fn capital(text: &str) -> String {
    if text.starts_with("arn:") {
        return text.into();
    }
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn patterns<'e>(view: &View<'e>, role: &Role) -> impl Iterator<Item = &'e PrincipalPattern> {
    let statements = view
        .estate
        .policy(role.trust)
        .map(|it| it.statements.iter());
    statements
        .into_iter()
        .flatten()
        .filter(|statement| statement.effect == Effect::Allow)
        .flat_map(|statement| match &statement.principals {
            Some(Selection::Only(patterns)) => patterns.as_slice(),
            Some(Selection::AllBut(_)) | None => &[],
        })
        .map(|it| &it.value)
}

fn is_agent_service(pattern: &PrincipalPattern) -> bool {
    match pattern {
        PrincipalPattern::Service(name) => AGENT_SERVICES.contains(&name.as_str()),
        PrincipalPattern::Everyone
        | PrincipalPattern::Account(_)
        | PrincipalPattern::Aws(_)
        | PrincipalPattern::Federated(_)
        | PrincipalPattern::CanonicalUser(_) => false,
    }
}

fn guest(
    view: &View<'_>,
    role: &Role,
    trusts_agents: bool,
    pattern: &PrincipalPattern,
    missing: &mut Missing,
) -> Option<Guest> {
    match pattern {
        PrincipalPattern::Everyone => {
            let caller = someone_in(view.outsider())?;
            let proof = missing.proof(view.ask(assuming(caller, role)))?;
            Some(Guest {
                name: "everyone".to_owned(),
                said: "everyone on AWS may assume it".to_owned(),
                severity: Severity::Critical,
                proof,
            })
        }
        PrincipalPattern::Account(account) => {
            let account = account_id(account)?;
            let caller = someone_in(account)?;
            let who = Caller {
                account,
                principal: caller,
                name: account.as_str(),
            };
            principal(view, role, trusts_agents, who, missing)
        }
        PrincipalPattern::Aws(arn) => {
            let arn: Arn = arn.parse().ok()?;
            let known = view.estate.principal(&arn);
            if known.is_some_and(|it| view.people().contains(&it)) {
                return None;
            }
            let account = view.account_in(&arn)?;
            let who = Caller {
                account,
                principal: arn.as_str().parse().ok()?,
                name: arn.as_str(),
            };
            principal(view, role, trusts_agents, who, missing)
        }
        PrincipalPattern::Service(name) => {
            let extra = trusts_agents && !AGENT_SERVICES.contains(&name.as_str());
            let caller = Principal::Service(name.clone());
            let proof = extra.then(|| missing.proof(view.ask(assuming(caller, role))))??;
            Some(Guest {
                name: name.clone(),
                said: format!("{name} may assume it, beside the agent's service"),
                severity: RULE.base,
                proof,
            })
        }
        PrincipalPattern::Federated(_) | PrincipalPattern::CanonicalUser(_) => None,
    }
}

fn account_id(text: &str) -> Option<AccountId> {
    text.parse().ok().or_else(|| {
        let arn: Arn = text.parse().ok()?;
        arn.account_id()
    })
}

/// Whom a trust policy names, and who asks in that name.
struct Caller<'n> {
    account: AccountId,
    principal: Principal,
    name: &'n str,
}

fn principal(
    view: &View<'_>,
    role: &Role,
    trusts_agents: bool,
    who: Caller<'_>,
    missing: &mut Missing,
) -> Option<Guest> {
    let Caller {
        account,
        principal: caller,
        name,
    } = who;
    let ours = view.is_ours(account);
    let own = account == role.account;
    // A role that trusts principals of its own account alone is meant to be assumed by them.
    if own && !trusts_agents {
        return None;
    }
    if ours {
        let proof = missing.proof(view.ask(assuming(caller, role)))?;
        let said = if own {
            format!("{name} of the same account may assume it")
        } else {
            format!("{name} of another account of ours may assume it")
        };
        return Some(Guest {
            name: name.to_owned(),
            said,
            severity: RULE.base,
            proof,
        });
    }
    let (severity, said, proof) = match view.ask_exactly(assuming(caller.clone(), role)) {
        Answer::Yes(proof) => (
            Severity::Critical,
            format!("{name}, which is not ours, may assume it without an external id"),
            proof,
        ),
        Answer::No | Answer::Unknown(_) => (
            RULE.base,
            format!("{name}, which is not ours, may assume it"),
            missing.proof(view.ask(assuming(caller, role)))?,
        ),
    };
    Some(Guest {
        name: name.to_owned(),
        said,
        severity,
        proof,
    })
}

fn assuming(caller: Principal, role: &Role) -> Request {
    Request::new(caller, "sts:AssumeRole", role.arn.as_str())
}

/// Some role of an account, of which nothing is known.
fn someone_in(account: AccountId) -> Option<Principal> {
    format!("arn:aws:iam::{account}:role/anyone").parse().ok()
}

fn fix(view: &View<'_>, seat: &Seat) -> Fix {
    let first = seat.agents.first().or(seat.components.first());
    let statement = first.map(|&id| {
        let agent = view.estate.agents.at(id);
        json!({
            "Effect": "Allow",
            "Principal": {"Service": view.service_of(agent)},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": agent.account.as_str()},
                "ArnEquals": {"aws:SourceArn": agent.arn.as_str()},
            },
        })
    });
    Fix {
        summary: "Trust the agent's service alone; give others roles of their own".to_owned(),
        patch: patch(&json!({"Version": "2012-10-17", "Statement": statement})),
    }
}
