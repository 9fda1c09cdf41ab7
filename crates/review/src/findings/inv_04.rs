//! INV-04: in anybody's name.

use bailiwick_estate::Agent;

use crate::{
    finding::Finding,
    forbidden::{self, Denies, Words},
    rule::{Checked, rule, some_of},
    view::{Seat, View},
};

rule! {
    /// An agent may act in the name of a user whom nobody authenticated.
    ///
    /// **Sees.** Effective permissions of an agent's role for `GetWorkloadAccessTokenForUserId`, on
    /// its own workload identity or on any, or for `InvokeAgentRuntimeForUser`. Both take a user's
    /// name as a plain argument and believe it.
    ///
    /// **Matters.** A model that may say who it speaks for speaks for whoever pays best: with the
    /// token come that user's mailbox and files.
    ///
    /// **Example.** `bedrock-agentcore:*WorkloadAccessToken*`, taken over from a starter kit.
    ///
    /// **Severity.** High.
    ///
    /// **Remedy.** Leave these calls to the broker; an agent exchanges the token it was called with
    /// (`GetWorkloadAccessTokenForJWT`).
    ///
    /// **References.** OWASP AISVS 9.5.2; OWASP T9; MITRE ATT&CK T1550.001.
    "INV-04", "An agent may act in any user's name", High, check
}

fn check(view: &View<'_>) -> Checked {
    let seats = view.seats().iter().filter(|seat| !seat.agents.is_empty());
    Checked::access(view, seats, |seat| look(view, seat))
}

fn look(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let role = view.estate.roles.at(seat.role);
    let agents = seat.agents.iter().map(|&id| view.estate.agents.at(id));
    let calls: Vec<_> = agents.flat_map(in_a_name).collect();
    let words = Words {
        title: format!("{} may act in any user's name", role.name),
        question: format!("{} may act in any user's name", role.name),
        why: |allowed| {
            format!(
                "It may use {}, which take a user's name as an argument and believe it.",
                some_of(&allowed.actions(), 3)
            )
        },
        summary: "Deny it to the agent; let the broker exchange tokens",
        sid: "InNobodyElsesName",
        denies: Denies::Everywhere,
    };
    forbidden::look(&RULE, view, seat, &calls, words)
}

fn in_a_name(agent: &Agent) -> Vec<(&'static str, String)> {
    let region = agent.region.as_deref().unwrap_or("us-east-1");
    let prefix = format!("arn:aws:bedrock-agentcore:{region}:{}", agent.account);
    let any = format!("{prefix}:workload-identity-directory/default/workload-identity/any");
    let own = agent.workload_identity.as_ref().map(ToString::to_string);
    let identities = own.into_iter().chain([any]);
    identities
        .map(|it| ("bedrock-agentcore:GetWorkloadAccessTokenForUserId", it))
        .chain([(
            "bedrock-agentcore:InvokeAgentRuntimeForUser",
            format!("{prefix}:runtime/any-0123456789"),
        )])
        .collect()
}
