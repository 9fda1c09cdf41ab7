//! CEIL-02: controls that their subjects can switch off.

use bailiwick_estate::{Account, Levels};
use bailiwick_iam::request::{Principal, Request};
use serde_json::json;

use crate::{
    finding::{Finding, Fix},
    rule::{About, Checked, Claim, patch, rule, some_of},
    view::{Missing, Proof, View},
};

rule! {
    /// Nothing above an account with agents keeps its administrators from switching the controls of
    /// agents off.
    ///
    /// **Sees.** Whether the SCPs over the account let some role of it take a permissions boundary
    /// away, stop a trail, delete a guardrail or a policy engine, or send an alias to another version.
    /// The role is one that nobody has, so an SCP that excepts a pipeline by name is seen to hold.
    ///
    /// **Matters.** A boundary, a guardrail, a trail are as strong as the right to remove them.
    /// Whoever, or whatever, becomes an administrator of the account removes them first.
    ///
    /// **Example.** Boundaries on every agent, and no SCP on `iam:DeleteRolePermissionsBoundary`.
    ///
    /// **Severity.** High.
    ///
    /// **Remedy.** An SCP that denies these calls to everybody but the pipeline that owns them.
    ///
    /// **References.** MITRE ATT&CK T1685.002, T1666; AWS Security Pillar SEC03-BP05.
    "CEIL-02", "No ceiling protects the controls of agents", High, check
}

/// A call that switches a control off, and what it is made on.
const CALLS: [(&str, &str); 5] = [
    (
        "iam:DeleteRolePermissionsBoundary",
        "arn:aws:iam::ACCOUNT:role/any",
    ),
    (
        "cloudtrail:StopLogging",
        "arn:aws:cloudtrail:us-east-1:ACCOUNT:trail/any",
    ),
    (
        "bedrock:DeleteGuardrail",
        "arn:aws:bedrock:us-east-1:ACCOUNT:guardrail/any0000000",
    ),
    (
        "bedrock-agentcore:DeletePolicyEngine",
        "arn:aws:bedrock-agentcore:us-east-1:ACCOUNT:policy-engine/any-0123456789",
    ),
    (
        "bedrock:UpdateAgentAlias",
        "arn:aws:bedrock:us-east-1:ACCOUNT:agent-alias/ANY0000000/ANY0000000",
    ),
];

fn check(view: &View<'_>) -> Checked {
    let accounts = view.accounts_with_agents().into_iter().filter(|account| {
        // The management account is CEIL-03's matter: no ceiling binds it.
        view.estate.scp_levels(account.id) != Levels::Exempt
    });
    Checked::each(accounts, |account| look(view, account))
}

fn look(view: &View<'_>, account: &Account) -> Option<Finding> {
    let mut missing = Missing::default();
    let mut open = Vec::new();
    if view.estate.scp_levels(account.id) == Levels::Unknown {
        let scps = format!("the SCPs over {} (organization.json)", account.id);
        missing.add([scps].into_iter().collect());
    } else {
        let answers = CALLS.iter().filter_map(|(action, on)| {
            let on = on.replace("ACCOUNT", account.id.as_str());
            let administrator = format!("arn:aws:iam::{}:role/any-administrator", account.id);
            let administrator: Principal = administrator.parse().ok()?;
            Some(view.ask_exactly(Request::new(administrator, *action, on)))
        });
        open.extend(answers.filter_map(|answer| missing.proof(answer)));
    }
    let about = About {
        subject: format!("arn:aws:iam::{}:root", account.id),
        agents: view.agents_in(account.id),
        evidence: Vec::new(),
    };
    let Some(first) = open.first() else {
        let question = format!(
            "the controls of agents in {} can be switched off",
            account.id
        );
        return RULE.hangs(about, &question, &missing);
    };
    let name = account.name.as_deref().unwrap_or("the account");
    let actions: Vec<_> = open
        .iter()
        .map(|it: &Proof| it.request.action.clone())
        .collect();
    Some(RULE.fails(Claim {
        severity: RULE.base,
        subject: about.subject,
        agents: about.agents,
        title: format!(
            "No SCP protects the controls of agents in {name} ({})",
            account.id
        ),
        why: format!(
            "Whoever administers the account may use {}.{}",
            some_of(&actions, 5),
            missing.aside()
        ),
        witness: first.witness(),
        evidence: first.evidence(view),
        path: Vec::new(),
        fix: Fix {
            summary: "Deny these calls in an SCP to all but the pipeline that owns them".to_owned(),
            patch: patch(&json!({
                "Sid": "ControlsStay",
                "Effect": "Deny",
                "Action": actions,
                "Resource": "*",
                "Condition": {"ArnNotLike": {"aws:PrincipalArn": "the role of the pipeline"}},
            })),
        },
        cause: actions,
    }))
}
