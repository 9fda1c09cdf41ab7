//! CEIL-01: an account in which nothing limits agents.

use bailiwick_estate::{Account, Levels};
use bailiwick_iam::request::{Context, Principal, Request};
use serde_json::json;

use crate::{
    finding::{Finding, Fix, Severity, Witness},
    rule::{Checked, Claim, patch, rule},
    view::{Answer, Proof, View, is_production},
};

rule! {
    /// No service control policy limits agent services, models or Regions in an account that has
    /// agents.
    ///
    /// **Sees.** An account with agents in which an administrator could, as far as SCPs go, invoke a
    /// model that nobody approved, create an agent in a Region that nobody uses, and start an inline
    /// agent. If its ceilings stop one of the three, somebody has thought about it, and the rule is
    /// content.
    ///
    /// **Matters.** Everything else can be undone inside the account. A ceiling is the only limit
    /// that its administrators, and what they create, cannot lift.
    ///
    /// **Example.** Only `FullAWSAccess` from the root to the account.
    ///
    /// **Severity.** High for a production account, else medium. Unknown without
    /// `organization.json`.
    ///
    /// **Remedy.** An SCP with approved models and Regions.
    ///
    /// **References.** AWS Security Pillar SEC03-BP05; CIS AWS 2.1.2; MITRE ATT&CK T1535.
    "CEIL-01", "No ceiling limits agents in the account", Medium, check
}

fn check(view: &View<'_>) -> Checked {
    let accounts = view.accounts_with_agents().into_iter().filter(|account| {
        // The management account is CEIL-03's matter: no ceiling binds it.
        view.estate.scp_levels(account.id) != Levels::Exempt
    });
    Checked::each(accounts, |account| look(view, account))
}

fn look(view: &View<'_>, account: &Account) -> Option<Finding> {
    if view.estate.scp_levels(account.id) == Levels::Unknown {
        return Some(untold(view, account));
    }
    let mut proofs = Vec::new();
    for request in probes(account) {
        match view.ask_exactly(request) {
            Answer::Yes(proof) => proofs.push(proof),
            Answer::No => return None,
            Answer::Unknown(missing) => return Some(hangs(view, account, &missing)),
        }
    }
    let first = proofs.first()?;
    Some(RULE.fails(claim(view, account, first.witness(), Some(first))))
}

/// What a ceiling for agents would stop: a model, a Region, an agent without an inventory.
fn probes(account: &Account) -> Vec<Request> {
    let someone = format!("arn:aws:iam::{}:role/any-administrator", account.id);
    let Ok(principal) = someone.parse::<Principal>() else {
        return Vec::new();
    };
    let ask = |action: &str, resource: &str, region: &str| Request {
        context: Context::default().with("aws:RequestedRegion", region),
        ..Request::new(principal.clone(), action, resource)
    };
    vec![
        ask(
            "bedrock:InvokeModel",
            "arn:aws:bedrock:us-east-1::foundation-model/any-vendor.any-model-v1:0",
            "us-east-1",
        ),
        ask("bedrock-agentcore:CreateAgentRuntime", "*", "ap-east-2"),
        ask("bedrock:InvokeInlineAgent", "*", "us-east-1"),
    ]
}

fn untold(view: &View<'_>, account: &Account) -> Finding {
    let witness = Witness::facts([format!(
        "not known: the SCPs over {} (organization.json)",
        account.id
    )]);
    RULE.unknown(Claim {
        title: format!(
            "Cannot tell whether a ceiling limits agents in {}",
            account.id
        ),
        why: "The snapshot does not say which SCPs bind the account.".to_owned(),
        ..claim(view, account, witness, None)
    })
}

fn hangs(view: &View<'_>, account: &Account, missing: &[String]) -> Finding {
    let witness = Witness::facts(missing.iter().map(|it| format!("not known: {it}")));
    RULE.unknown(Claim {
        title: format!(
            "Cannot tell whether a ceiling limits agents in {}",
            account.id
        ),
        ..claim(view, account, witness, None)
    })
}

fn claim(view: &View<'_>, account: &Account, witness: Witness, proof: Option<&Proof>) -> Claim {
    let production = account
        .environment
        .as_ref()
        .is_some_and(|it| is_production(&it.name));
    let name = account.name.as_deref().unwrap_or("the account");
    Claim {
        severity: if production { Severity::High } else { RULE.base },
        subject: format!("arn:aws:iam::{}:root", account.id),
        agents: view.agents_in(account.id),
        title: format!("No SCP limits agents in {name} ({})", account.id),
        why: "Any model, any Region and inline agents are open to whoever administers the account, and to whatever that creates.".to_owned(),
        witness,
        evidence: proof.map(|it| it.evidence(view)).unwrap_or_default(),
        path: Vec::new(),
        fix: Fix {
            summary: "Attach an SCP with approved models and Regions".to_owned(),
            patch: patch(&json!({
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "ApprovedModelsOnly",
                        "Effect": "Deny",
                        "Action": ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
                        "NotResource": ["arn:aws:bedrock:*::foundation-model/anthropic.*", "arn:aws:bedrock:*:*:inference-profile/*"],
                    },
                    {
                        "Sid": "AgentsInTheirRegion",
                        "Effect": "Deny",
                        "Action": ["bedrock:CreateAgent", "bedrock:CreateFlow", "bedrock-agentcore:CreateAgentRuntime", "bedrock-agentcore:CreateGateway", "bedrock-agentcore:CreateHarness"],
                        "Resource": "*",
                        "Condition": {"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}},
                    },
                    {
                        "Sid": "NoInlineAgents",
                        "Effect": "Deny",
                        "Action": "bedrock:InvokeInlineAgent",
                        "Resource": "*",
                    },
                ],
            })),
        },
        cause: vec!["agents".to_owned()],
    }
}
