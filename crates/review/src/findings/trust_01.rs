//! TRUST-01: a service may be sent to a role by anyone who can create an agent anywhere.

use bailiwick_estate::{Agent, AgentKind};
use bailiwick_iam::{
    arn::{AccountId, Arn},
    policy::{Effect, PrincipalPattern, Selection, Statement},
    request::{Context, Principal, Request},
};

use crate::{
    finding::{Evidence, Finding, Fix, Severity},
    rule::{Checked, Claim, Stakes, arns, rule},
    view::{Missing, Proof, Seat, View},
};

rule! {
    /// The trust policy of a role lets an agent service assume it on behalf of an account, or of an
    /// agent, that it was not made for.
    ///
    /// **Sees.** Bailiwick asks the trust policy itself: may `bedrock.amazonaws.com` or
    /// `bedrock-agentcore.amazonaws.com` assume this role while it works for an agent of a foreign
    /// account? And, once the agent's id is known, for another agent of the same account?
    ///
    /// **Matters.** The service assumes roles for every customer. Without `aws:SourceAccount` or
    /// `aws:SourceArn` it is a confused deputy: whoever can hand it the role's ARN acts as the role.
    ///
    /// **Example.** `{"Effect": "Allow", "Principal": {"Service": "bedrock-agentcore.amazonaws.com"},
    /// "Action": "sts:AssumeRole"}` without a condition, as starter kits write it.
    ///
    /// **Severity.** High. Medium where the account is pinned and only the agent is a pattern
    /// although its id is known.
    ///
    /// **Remedy.** Name the account and the exact ARN of the agent. The id exists only after the
    /// agent does: create it with a pattern, then narrow the trust.
    ///
    /// **References.** [The confused deputy](https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html),
    /// [service roles of Bedrock agents](https://docs.aws.amazon.com/bedrock/latest/userguide/agents-permission.html).
    "TRUST-01", "A service can be sent to the role for somebody else", High, check
}

/// Where an account that is not ours belongs: to no organisation of ours.
const FOREIGN_ORGANIZATION: &str = "o-somebodyelses";
const FOREIGN_PATH: &str = "o-somebodyelses/r-else/";

const SERVICES: [&str; 2] = ["bedrock.amazonaws.com", "bedrock-agentcore.amazonaws.com"];

fn check(view: &View<'_>) -> Checked {
    let trusting = view.seats().iter().filter_map(|seat| {
        let services = trusted_services(view, seat);
        (!services.is_empty()).then_some((seat, services))
    });
    Checked::each(trusting, |(seat, services)| {
        let mut missing = Missing::default();
        let found = services
            .iter()
            .find_map(|service| foreign(view, seat, service, &mut missing));
        let mut sibling = || {
            services
                .iter()
                .find_map(|service| sibling(view, seat, service, &mut missing))
        };
        found.or_else(&mut sibling).or_else(|| {
            let role = &view.estate.roles.at(seat.role).name;
            let question = format!("a service may assume {role} for somebody else");
            RULE.cannot_tell(view, seat, &question, &missing)
        })
    })
}

/// The agent services that the trust policy names.
fn trusted_services(view: &View<'_>, seat: &Seat) -> Vec<&'static str> {
    let trust = view.estate.roles.at(seat.role).trust;
    let statements = view.estate.policy(trust).map(|it| &it.statements);
    let names = |statement: &Statement, service: &str| {
        statement.effect == Effect::Allow
            && statement
                .principals
                .as_ref()
                .is_some_and(|it| names_service(it, service))
    };
    SERVICES
        .into_iter()
        .filter(|service| {
            statements
                .into_iter()
                .flatten()
                .any(|it| names(it, service))
        })
        .collect()
}

fn names_service(principals: &Selection<PrincipalPattern>, service: &str) -> bool {
    match principals {
        Selection::Only(patterns) => patterns.iter().any(|it| match &it.value {
            PrincipalPattern::Service(name) => name.eq_ignore_ascii_case(service),
            PrincipalPattern::Everyone => true,
            PrincipalPattern::Account(_)
            | PrincipalPattern::Aws(_)
            | PrincipalPattern::Federated(_)
            | PrincipalPattern::CanonicalUser(_) => false,
        }),
        Selection::AllBut(_) => true,
    }
}

/// The service at work for an agent of an account that is not ours.
fn foreign(view: &View<'_>, seat: &Seat, service: &str, missing: &mut Missing) -> Option<Finding> {
    let account = view.outsider();
    let mut request = assuming(view, seat, service, account, &someone(service, account));
    for (key, value) in [
        ("aws:SourceOrgID", FOREIGN_ORGANIZATION),
        ("aws:SourceOrgPaths", FOREIGN_PATH),
    ] {
        request.context.set(key, value);
    }
    let proof = missing.proof(view.ask_plainly(request))?;
    let role = &view.estate.roles.at(seat.role).arn;
    let stakes = Stakes {
        production: view.is_production(seat),
        ..Stakes::default()
    };
    let (severity, raised) = stakes.raise(Severity::High, Severity::High);
    Some(RULE.fails(Claim {
        severity,
        subject: role.to_string(),
        agents: arns(view, &seat.concerned()),
        title: format!("{service} may assume {} for any account", role.resource_name()),
        why: format!(
            "The trust policy does not say for whom {service} may act. Whoever can give the service this role's ARN, in any account, acts with its rights.{raised}"
        ),
        witness: proof.witness(),
        evidence: evidence(view, &proof),
        path: Vec::new(),
        fix: fix(view, seat, service),
        cause: vec![service.to_owned(), "any account".to_owned()],
    }))
}

/// The service at work for another agent of the role's own account.
fn sibling(view: &View<'_>, seat: &Seat, service: &str, missing: &mut Missing) -> Option<Finding> {
    let role = view.estate.roles.at(seat.role);
    let known = known_ids(view, seat);
    if known.is_empty() {
        return None;
    }
    let source = someone_like(&known, service, role.account);
    let request = assuming(view, seat, service, role.account, &source);
    let proof = missing.proof(view.ask_plainly(request))?;
    Some(RULE.fails(Claim {
        severity: Severity::Medium,
        subject: role.arn.to_string(),
        agents: arns(view, &seat.concerned()),
        title: format!("{service} may assume {} for any agent of the account", role.name),
        why: "The trust policy pins the account but names the agent by a pattern, although its id is known. Another agent of the account can be created that runs as this role.".to_owned(),
        witness: proof.witness(),
        evidence: evidence(view, &proof),
        path: Vec::new(),
        fix: fix(view, seat, service),
        cause: vec![service.to_owned(), "any agent".to_owned()],
    }))
}

/// The service assuming the role while it works for an agent.
fn assuming(
    view: &View<'_>,
    seat: &Seat,
    service: &str,
    account: AccountId,
    source: &str,
) -> Request {
    let role = &view.estate.roles.at(seat.role).arn;
    Request {
        context: Context::default()
            .with("aws:SourceAccount", account.as_str())
            .with("aws:SourceArn", source),
        ..Request::new(
            Principal::Service(service.to_owned()),
            "sts:AssumeRole",
            role.as_str(),
        )
    }
}

/// An agent of an account, by an id that nobody has.
fn someone(service: &str, account: AccountId) -> String {
    match service {
        "bedrock.amazonaws.com" => format!("arn:aws:bedrock:us-east-1:{account}:agent/SOMEONES00"),
        _ => format!("arn:aws:bedrock-agentcore:us-east-1:{account}:runtime/someones-0000000000"),
    }
}

/// An agent that differs from a known one in its id alone, as the next one of its name would.
fn someone_like(known: &[&Arn], service: &str, account: AccountId) -> String {
    let Some(like) = known.first() else {
        return someone(service, account);
    };
    let resource = like.resource();
    let start = like.as_str().len() - resource.len();
    let head = like.as_str().get(..start).unwrap_or_default();
    // AgentCore: kind/name-id; Bedrock: kind/id.
    let other = match (resource.rsplit_once('-'), resource.rsplit_once('/')) {
        (Some((name, _)), _) if like.service() == "bedrock-agentcore" => {
            format!("{name}-0000000000")
        }
        (_, Some((kind, _))) => format!("{kind}/SOMEONES00"),
        (_, None) => return someone(service, account),
    };
    format!("{head}{other}")
}

/// The ARNs of what runs as the role, where the inventory gave them.
fn known_ids<'e>(view: &View<'e>, seat: &Seat) -> Vec<&'e Arn> {
    seat.agents
        .iter()
        .chain(&seat.components)
        .map(|&id| view.estate.agents.at(id))
        .filter(|agent: &&Agent| {
            agent.kind != AgentKind::Unknown && agent.kind != AgentKind::SelfRun
        })
        .map(|agent| &agent.arn)
        .collect()
}

fn evidence(view: &View<'_>, proof: &Proof) -> Vec<Evidence> {
    proof.evidence(view)
}

fn fix(view: &View<'_>, seat: &Seat, service: &str) -> Fix {
    let account = view.estate.roles.at(seat.role).account;
    let known = known_ids(view, seat);
    let sources: Vec<_> = if known.is_empty() {
        vec![format!(
            "arn:aws:{}:*:{account}:*",
            service.trim_end_matches(".amazonaws.com")
        )]
    } else {
        known.iter().map(ToString::to_string).collect()
    };
    let statement = serde_json::json!({
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account.as_str()},
            "ArnLike": {"aws:SourceArn": sources},
        },
    });
    Fix {
        summary: "Say in the trust policy for which account and which agent the service may act"
            .to_owned(),
        patch: serde_json::to_string_pretty(&statement).unwrap_or_default(),
    }
}
