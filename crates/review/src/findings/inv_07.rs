//! INV-07: a tool that answers anybody's agent.

use std::collections::BTreeMap;

use bailiwick_estate::{Agent, Id, ResourcePolicy, ToolKind};
use bailiwick_iam::{
    arn::{AccountId, Arn},
    request::{Context, Principal, Request},
};
use serde_json::json;

use crate::{
    finding::{Finding, Fix, Severity, Witness},
    rule::{Checked, Claim, Stakes, arns, patch, rule},
    view::{Answer, Proof, View, is_production},
};

rule! {
    /// A tool's function may be invoked by agents that it does not belong to.
    ///
    /// **Sees.** A function that a Bedrock agent uses, whose own policy lets `bedrock.amazonaws.com`
    /// invoke it while it works for an agent of a foreign account, or for another agent of the same
    /// account. Bailiwick asks the function's policy with such an agent as `aws:SourceArn`.
    ///
    /// **Matters.** Bedrock calls functions as a service, not with the agent's role: the function's
    /// policy is the only thing that asks which agent it is.
    ///
    /// **Example.** A permission for `bedrock.amazonaws.com` without `SourceArn`.
    ///
    /// **Severity.** High; one step up in production if the account is left open too. Medium where
    /// only the agent of the same account is open.
    ///
    /// **Remedy.** One permission an agent, with its ARN as `SourceArn`.
    ///
    /// **References.** Security Hub Lambda.1; MITRE ATT&CK T1648.
    "INV-07", "A tool may be invoked by any agent", High, check
}

const SERVICE: &str = "bedrock.amazonaws.com";

fn check(view: &View<'_>) -> Checked {
    Checked::each(functions(view), |(function, agents)| {
        look(view, &function, &agents)
    })
}

/// The functions that Bedrock itself calls, and for which agents.
fn functions(view: &View<'_>) -> BTreeMap<Arn, Vec<Id<Agent>>> {
    let mut functions: BTreeMap<Arn, Vec<Id<Agent>>> = BTreeMap::new();
    for (id, agent) in view.estate.agents.iter() {
        for tool in &agent.tools {
            let called_by_service = tool.acts_as == bailiwick_estate::agent::ActsAs::Service;
            if let (ToolKind::Lambda { function }, true) = (&tool.kind, called_by_service) {
                let agents = functions.entry(function.clone()).or_default();
                if !agents.contains(&id) {
                    agents.push(id);
                }
            }
        }
    }
    functions
}

fn look(view: &View<'_>, function: &Arn, agents: &[Id<Agent>]) -> Option<Finding> {
    if view.resource_policy(function) == ResourcePolicy::Unknown {
        return Some(untold(view, function, agents));
    }
    let account = function.account_id()?;
    let abroad = asked(view, function, view.outsider());
    let (proof, severity, whose, cause) = match abroad {
        Some(proof) => {
            let production = agents.iter().any(|&id| {
                let agent = view.estate.agents.at(id);
                agent
                    .environment
                    .as_ref()
                    .is_some_and(|it| is_production(&it.name))
            });
            let stakes = Stakes {
                production,
                external: true,
                ..Stakes::default()
            };
            let (severity, _) = stakes.raise(RULE.base, Severity::Critical);
            (proof, severity, "any agent of any account", "any account")
        }
        None => (
            asked(view, function, account)?,
            Severity::Medium,
            "any agent of its account",
            "any agent",
        ),
    };
    Some(RULE.fails(Claim {
        severity,
        subject: function.to_string(),
        agents: arns(view, agents),
        title: format!("{} answers {whose}", function.resource_name()),
        why: format!(
            "Its policy lets {SERVICE} invoke it for {whose}; the function is the last to ask which agent calls."
        ),
        witness: proof.witness(),
        evidence: proof.evidence(view),
        path: Vec::new(),
        fix: fix(view, function, agents),
        cause: vec![cause.to_owned()],
    }))
}

/// Bedrock at work for an agent that nobody has, of an account.
fn asked(view: &View<'_>, function: &Arn, account: AccountId) -> Option<Proof> {
    let region = if function.region().is_empty() {
        "us-east-1"
    } else {
        function.region()
    };
    let request = Request {
        context: Context::default()
            .with("aws:SourceAccount", account.as_str())
            .with(
                "aws:SourceArn",
                format!("arn:aws:bedrock:{region}:{account}:agent/SOMEONES00"),
            ),
        ..Request::new(
            Principal::Service(SERVICE.to_owned()),
            "lambda:InvokeFunction",
            function.as_str(),
        )
    };
    match view.ask_exactly(request) {
        Answer::Yes(proof) => Some(proof),
        Answer::No | Answer::Unknown(_) => None,
    }
}

fn untold(view: &View<'_>, function: &Arn, agents: &[Id<Agent>]) -> Finding {
    RULE.unknown(Claim {
        severity: RULE.base,
        subject: function.to_string(),
        agents: arns(view, agents),
        title: format!(
            "Cannot tell which agents may invoke {}",
            function.resource_name()
        ),
        why: "The snapshot does not hold the function's policy.".to_owned(),
        witness: Witness::facts([format!("not known: the answer of GetPolicy for {function}")]),
        evidence: Vec::new(),
        path: Vec::new(),
        fix: Fix {
            summary: "Add the answer of lambda GetPolicy to the snapshot".to_owned(),
            patch: format!("aws lambda get-policy --function-name {function}"),
        },
        cause: vec!["policy".to_owned()],
    })
}

fn fix(view: &View<'_>, function: &Arn, agents: &[Id<Agent>]) -> Fix {
    let statements: Vec<_> = agents
        .iter()
        .map(|&id| {
            let agent = view.estate.agents.at(id);
            json!({
                "Effect": "Allow",
                "Principal": {"Service": SERVICE},
                "Action": "lambda:InvokeFunction",
                "Resource": function.as_str(),
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": agent.account.as_str()},
                    "ArnLike": {"aws:SourceArn": agent.arn.as_str()},
                },
            })
        })
        .collect();
    Fix {
        summary: "One permission an agent, with its ARN as the source".to_owned(),
        patch: patch(&json!(statements)),
    }
}
