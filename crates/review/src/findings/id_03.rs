//! ID-03: agents, people and pipelines under one identity.

use bailiwick_estate::PrincipalId;
use bailiwick_iam::{
    policy::{Effect, PrincipalPattern, Selection, Statement},
    request::{Principal, Request},
};
use serde_json::json;

use crate::{
    finding::{Finding, Fix, Severity, Witness},
    rule::{Checked, Claim, arns, patch, rule},
    view::{Proof, Seat, View},
};

rule! {
    /// An agent runs as a role that people or pipelines use, or as an administrator.
    ///
    /// **Sees.** A role that an agent runs as and that a user, a role of people (IAM Identity Center,
    /// SAML) or an identity provider can assume as well, shown by a request that the trust policy
    /// and the caller's own policies allow; a role that a build service may use; a role that may do
    /// everything.
    ///
    /// **Matters.** A person with the agent's identity acts in its name, and an agent with a person's
    /// or a pipeline's identity has rights that were given for somebody who thinks before acting.
    ///
    /// **Example.** A flow that runs as the deployment role of the CI pipeline.
    ///
    /// **Severity.** High. Critical if the role is an administrator.
    ///
    /// **Remedy.** A role for the agent alone, whose trust policy names the agent's service and
    /// nobody else.
    ///
    /// **References.** OWASP NHI10 (human use of NHI); AWS Agentic AI Lens AGENTSEC03-BP02.
    "ID-03", "An agent runs as somebody else's role", High, check
}

/// Services that run pipelines.
const BUILDERS: [&str; 3] = [
    "codebuild.amazonaws.com",
    "codepipeline.amazonaws.com",
    "codedeploy.amazonaws.com",
];

fn check(view: &View<'_>) -> Checked {
    let seats = view.seats().iter().filter(|seat| !seat.agents.is_empty());
    Checked::each(seats, |seat| shared_with_people(view, seat))
}

/// Why a role is not the agent's alone.
struct Reason {
    said: String,
    who: String,
    proof: Option<Proof>,
}

fn shared_with_people(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let role = view.estate.roles.at(seat.role);
    let principal = PrincipalId::Role(seat.role);
    let is_admin = view.graph().is_account_admin(principal);
    let mut reasons = Vec::new();
    if is_admin {
        reasons.push(Reason {
            said: "it may do everything".to_owned(),
            who: "administrator".to_owned(),
            proof: view.role_can(seat.role, "iam:CreateUser", "*").proof(),
        });
    }
    reasons.extend(providers(view, seat));
    reasons.extend(people(view, seat));
    reasons.extend(builders(view, seat));
    let first = reasons.iter().find_map(|it| it.proof.clone());
    let said: Vec<_> = reasons.iter().map(|it| it.said.clone()).collect();
    if reasons.is_empty() {
        return None;
    }
    let (witness, evidence) = match &first {
        Some(proof) => (proof.witness(), proof.evidence(view)),
        None => (
            Witness::facts(said.clone()),
            vec![view.evidence(&role.place, role.arn.as_str())],
        ),
    };
    Some(RULE.fails(Claim {
        severity: if is_admin {
            Severity::Critical
        } else {
            RULE.base
        },
        subject: role.arn.to_string(),
        agents: arns(view, &seat.concerned()),
        title: format!("{} is not its agent's alone", role.name),
        why: format!("An agent runs as this role, and {}.", said.join("; ")),
        witness,
        evidence,
        path: Vec::new(),
        fix: dedicated(view, seat),
        cause: reasons.into_iter().map(|it| it.who).collect(),
    }))
}

/// The principals that the allowing statements of the trust policy name.
fn trusted<'e>(view: &View<'e>, seat: &Seat) -> Vec<&'e PrincipalPattern> {
    let trust = view.estate.roles.at(seat.role).trust;
    let statements = view.estate.policy(trust).map(|it| it.statements.iter());
    statements
        .into_iter()
        .flatten()
        .filter(|statement| statement.effect == Effect::Allow)
        .filter_map(|statement: &Statement| statement.principals.as_ref())
        .flat_map(|principals| match principals {
            Selection::Only(patterns) => patterns.as_slice(),
            Selection::AllBut(_) => &[],
        })
        .map(|pattern| &pattern.value)
        .collect()
}

/// Identity providers whose people or jobs can become the role.
fn providers(view: &View<'_>, seat: &Seat) -> Vec<Reason> {
    let role = &view.estate.roles.at(seat.role).arn;
    trusted(view, seat)
        .into_iter()
        .filter_map(|pattern| match pattern {
            PrincipalPattern::Federated(provider) => Some(provider),
            PrincipalPattern::Everyone
            | PrincipalPattern::Account(_)
            | PrincipalPattern::Aws(_)
            | PrincipalPattern::Service(_)
            | PrincipalPattern::CanonicalUser(_) => None,
        })
        .map(|provider| {
            let is_saml = provider.contains(":saml-provider/");
            let action = if is_saml {
                "sts:AssumeRoleWithSAML"
            } else {
                "sts:AssumeRoleWithWebIdentity"
            };
            let request =
                Request::new(Principal::Provider(provider.clone()), action, role.as_str());
            let whose = if is_saml { "people" } else { "jobs or people" };
            let name = provider
                .rsplit_once('/')
                .map_or(provider.as_str(), |it| it.1);
            Reason {
                said: format!("{whose} vouched for by {name} can assume it"),
                who: provider.clone(),
                proof: view.ask(request).proof(),
            }
        })
        .collect()
}

/// Users, and roles of people, that can assume the role.
fn people(view: &View<'_>, seat: &Seat) -> Vec<Reason> {
    let role = &view.estate.roles.at(seat.role).arn;
    let trusts_principals = trusted(view, seat)
        .into_iter()
        .any(|pattern| match pattern {
            PrincipalPattern::Everyone
            | PrincipalPattern::Account(_)
            | PrincipalPattern::Aws(_) => true,
            PrincipalPattern::Service(_)
            | PrincipalPattern::Federated(_)
            | PrincipalPattern::CanonicalUser(_) => false,
        });
    if !trusts_principals {
        return Vec::new();
    }
    view.people()
        .iter()
        .filter_map(|&person| {
            let proof = view
                .principal_can(person, "sts:AssumeRole", role.as_str())
                .proof()?;
            let arn = view.estate.arn(person);
            Some(Reason {
                said: format!("{} can assume it", arn.resource_name()),
                who: arn.to_string(),
                proof: Some(proof),
            })
        })
        .take(5)
        .collect()
}

fn builders(view: &View<'_>, seat: &Seat) -> Vec<Reason> {
    let pipelines = trusted(view, seat)
        .into_iter()
        .filter_map(|pattern| match pattern {
            PrincipalPattern::Service(name) => Some(name),
            PrincipalPattern::Everyone
            | PrincipalPattern::Account(_)
            | PrincipalPattern::Aws(_)
            | PrincipalPattern::Federated(_)
            | PrincipalPattern::CanonicalUser(_) => None,
        });
    pipelines
        .filter(|name| BUILDERS.contains(&name.as_str()))
        .map(|name| Reason {
            said: format!("{name} runs builds as it"),
            who: name.clone(),
            proof: None,
        })
        .collect()
}

fn dedicated(view: &View<'_>, seat: &Seat) -> Fix {
    let statements: Vec<_> = seat
        .agents
        .iter()
        .map(|&id| {
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
        })
        .collect();
    Fix {
        summary:
            "Make a role for the agent alone; its trust policy names the agent and nobody else"
                .to_owned(),
        patch: patch(&json!({"Version": "2012-10-17", "Statement": statements})),
    }
}
