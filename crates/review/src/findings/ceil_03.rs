//! CEIL-03: agents where no ceiling binds.

use bailiwick_estate::{Account, Levels};

use crate::{
    finding::{Finding, Fix, Witness},
    rule::{Checked, Claim, counted, rule},
    view::View,
};

rule! {
    /// Agents run in the organisation's management account, where no SCP binds.
    ///
    /// **Sees.** Agents in the account that `organization.json` names as the management account.
    ///
    /// **Matters.** Service control policies do not limit the principals of this account, and from
    /// it the organisation itself can be changed.
    ///
    /// **Example.** A triage agent put where the audit trail already was.
    ///
    /// **Severity.** Critical. Unknown without `organization.json`.
    ///
    /// **Remedy.** Move the agent to a member account; delegate administration of the services it
    /// needs to that account.
    ///
    /// **References.** CIS AWS 2.1.3; AWS Security Pillar SEC01-BP01.
    "CEIL-03", "Agents run in the management account", Critical, check
}

fn check(view: &View<'_>) -> Checked {
    Checked::each(view.accounts_with_agents(), |account| look(view, account))
}

fn look(view: &View<'_>, account: &Account) -> Option<Finding> {
    let agents = view.agents_in(account.id);
    match view.estate.scp_levels(account.id) {
        Levels::Known(_) => None,
        Levels::Exempt => Some(RULE.fails(claim(
            account,
            agents.clone(),
            format!(
                "{} {} in the management account",
                counted(agents.len(), "agent"),
                if agents.len() == 1 { "runs" } else { "run" }
            ),
            "No SCP binds them, and from here the organisation itself can be changed.",
            Witness::facts([format!("{} is the management account", account.id)]),
        ))),
        // Without an organisation there is no management account to speak of, but who knows.
        Levels::Unknown => Some(RULE.unknown(claim(
            account,
            agents,
            format!(
                "Cannot tell whether {} is the management account",
                account.id
            ),
            "The snapshot does not say which account manages the organisation.",
            Witness::facts(["not known: management_account (organization.json)".to_owned()]),
        ))),
    }
}

fn claim(
    account: &Account,
    agents: Vec<String>,
    title: String,
    why: &str,
    witness: Witness,
) -> Claim {
    Claim {
        severity: RULE.base,
        subject: format!("arn:aws:iam::{}:root", account.id),
        agents,
        title,
        why: why.to_owned(),
        witness,
        evidence: Vec::new(),
        path: Vec::new(),
        fix: Fix {
            summary: "Move the agents to a member account".to_owned(),
            patch: "aws organizations register-delegated-administrator --account-id MEMBER --service-principal SERVICE".to_owned(),
        },
        cause: vec!["management account".to_owned()],
    }
}
