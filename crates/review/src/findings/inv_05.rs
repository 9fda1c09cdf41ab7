//! INV-05: a door without a lock, or with one that every key opens.

use bailiwick_estate::{Agent, AgentKind, agent::Invocation};
use serde_json::json;

use crate::{
    finding::{Finding, Fix, Severity, Witness},
    rule::{Checked, Claim, patch, rule},
    view::View,
};

rule! {
    /// A gateway or runtime lets callers in without checking them, or any holder of any token.
    ///
    /// **Sees.** A gateway whose authorizer is `NONE` or only authenticates; a JWT authorizer of a
    /// gateway, runtime or harness that limits neither clients nor audiences.
    ///
    /// **Matters.** Behind a gateway stand tools that act with the gateway's role. An issuer hands
    /// tokens to every application it serves; without a client or an audience each of them opens
    /// this door.
    ///
    /// **Example.** `"authorizerType": "NONE"`.
    ///
    /// **Severity.** Critical without an authorizer. High where tokens are checked and nothing is
    /// authorized. Medium for a token of any client and audience.
    ///
    /// **Remedy.** `AWS_IAM`, or a JWT authorizer with `allowedClients` or `allowedAudience`.
    ///
    /// **References.** Security Hub BedrockAgentCore.2; OWASP AISVS 10.2.2; OWASP NHI4.
    "INV-05", "Callers are not authorized on the way in", Critical, check
}

fn check(view: &View<'_>) -> Checked {
    let doors = view.estate.agents.values().filter(|agent| {
        matches!(
            agent.kind,
            AgentKind::Gateway | AgentKind::Runtime | AgentKind::Harness
        )
    });
    Checked::each(doors, |agent| look(view, agent))
}

fn look(view: &View<'_>, agent: &Agent) -> Option<Finding> {
    let (severity, said, cause) = match &agent.invocation {
        Invocation::Open => (
            Severity::Critical,
            "anyone may call it, without any credential",
            "open",
        ),
        Invocation::AuthenticateOnly => (
            Severity::High,
            "it checks who calls and authorizes nothing",
            "authenticate only",
        ),
        Invocation::Jwt {
            audiences, clients, ..
        } if audiences.is_empty() && clients.is_empty() => (
            Severity::Medium,
            "a token of its issuer for any client and any audience opens it",
            "any token",
        ),
        Invocation::Unknown if agent.kind == AgentKind::Gateway => {
            return Some(untold(view, agent));
        }
        Invocation::Iam | Invocation::Jwt { .. } | Invocation::NotInvoked | Invocation::Unknown => {
            return None;
        }
    };
    Some(RULE.fails(claim(view, agent, severity, said, cause)))
}

fn untold(view: &View<'_>, agent: &Agent) -> Finding {
    let missing = "the answer of GetGateway does not say how callers are authorized";
    RULE.unknown(claim(view, agent, RULE.base, missing, "untold"))
}

fn claim(view: &View<'_>, agent: &Agent, severity: Severity, said: &str, cause: &str) -> Claim {
    Claim {
        severity,
        subject: agent.arn.to_string(),
        agents: vec![agent.arn.to_string()],
        title: format!("{} {}: {said}", agent.kind, agent.name),
        why: "Whoever gets in uses the tools behind it with its role.".to_owned(),
        witness: Witness::facts([format!("{}: {said}", agent.arn)]),
        evidence: vec![view.evidence(&agent.place, said)],
        path: Vec::new(),
        fix: Fix {
            summary: "Authorize callers by IAM, or by tokens of named clients and audiences"
                .to_owned(),
            patch: patch(&json!({
                "authorizerType": "CUSTOM_JWT",
                "authorizerConfiguration": {"customJWTAuthorizer": {
                    "discoveryUrl": "the issuer's /.well-known/openid-configuration",
                    "allowedClients": ["the ids of the applications that may call"],
                    "allowedAudience": ["this gateway's own name at the issuer"],
                }},
            })),
        },
        cause: vec![cause.to_owned()],
    }
}
