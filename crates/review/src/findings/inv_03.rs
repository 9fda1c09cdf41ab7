//! INV-03: agents that exist for one call.

use bailiwick_estate::PrincipalId;
use bailiwick_iam::arn::AccountId;
use serde_json::json;

use crate::{
    finding::{Finding, Fix},
    rule::{About, Checked, Claim, Stakes, counted, patch, rule, some_of},
    view::{Missing, Proof, View, is_production},
};

rule! {
    /// Principals may start inline agents, whose instructions and tools the caller brings.
    ///
    /// **Sees.** Users and roles of an account, administrators left out, whose effective permissions
    /// allow `bedrock:InvokeInlineAgent`. One finding an account.
    ///
    /// **Matters.** An inline agent is in no inventory, has no owner and no role of its own: it runs
    /// on the caller's rights with whatever it was told.
    ///
    /// **Example.** An application role with `bedrock:InvokeInlineAgent` on `*`.
    ///
    /// **Severity.** High; one step up in production.
    ///
    /// **Remedy.** Deny it in an SCP; where it is needed, allow named inline agents by
    /// `bedrock:InlineAgentName`.
    ///
    /// **References.** MITRE ATLAS AML.T0103; AWS AI Security Framework AISF-AGENT-04.
    "INV-03", "Inline agents may be started", High, check
}

const ACTION: &str = "bedrock:InvokeInlineAgent";

fn check(view: &View<'_>) -> Checked {
    let accounts = view
        .estate
        .accounts
        .values()
        .filter(|it| it.principals_given);
    Checked::each(accounts, |account| look(view, account.id))
}

fn look(view: &View<'_>, account: AccountId) -> Option<Finding> {
    let mut missing = Missing::default();
    let starters: Vec<(PrincipalId, Proof)> = view
        .speakers_of(ACTION)
        .iter()
        .copied()
        .filter(|&it| view.estate.account_of(it) == account)
        .filter(|&it| !view.graph().is_account_admin(it))
        .filter_map(|it| Some((it, missing.proof(view.principal_can(it, ACTION, "*"))?)))
        .collect();
    let Some((_, first)) = starters.first() else {
        let about = About {
            subject: format!("arn:aws:iam::{account}:root"),
            agents: Vec::new(),
            evidence: Vec::new(),
        };
        let question = format!("principals of {account} may start inline agents");
        return RULE.hangs(about, &question, &missing);
    };
    let names: Vec<_> = starters
        .iter()
        .map(|(it, _)| view.estate.arn(*it).resource_name().to_owned())
        .collect();
    let agents = starters.iter().filter_map(|(it, _)| match it {
        PrincipalId::Role(role) => view.seats().iter().find(|seat| seat.role == *role),
        PrincipalId::User(_) => None,
    });
    let production = view
        .estate
        .accounts
        .get(&account)
        .and_then(|it| it.environment.as_ref())
        .is_some_and(|it| is_production(&it.name));
    let stakes = Stakes {
        production,
        ..Stakes::default()
    };
    let (severity, raised) = stakes.raise(RULE.base, crate::finding::Severity::Critical);
    Some(RULE.fails(Claim {
        severity,
        subject: format!("arn:aws:iam::{account}:root"),
        agents: agents
            .flat_map(|seat| crate::rule::arns(view, &seat.concerned()))
            .collect(),
        title: format!(
            "{} of {account} may start inline agents",
            counted(starters.len(), "principal")
        ),
        why: format!(
            "{} may run an agent with any instructions and any tools, of which no inventory knows.{raised}{}",
            some_of(&names, 6),
            missing.aside()
        ),
        witness: first.witness(),
        evidence: starters.iter().flat_map(|(_, proof)| proof.evidence(view)).take(10).collect(),
        path: Vec::new(),
        fix: Fix {
            summary: "Deny inline agents in an SCP".to_owned(),
            patch: patch(&json!({
                "Sid": "NoInlineAgents",
                "Effect": "Deny",
                "Action": ACTION,
                "Resource": "*",
            })),
        },
        cause: vec![ACTION.to_owned()],
    }))
}
