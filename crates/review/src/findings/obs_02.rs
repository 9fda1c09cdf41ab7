//! OBS-02: an agent that can remove its own traces.

use bailiwick_estate::{Agent, AgentKind};

use crate::{
    finding::Finding,
    forbidden::{self, Denies, Words},
    rule::{Checked, rule, some_of},
    view::{Seat, View},
};

rule! {
    /// An agent may delete its logs, or switch off the trail that records it.
    ///
    /// **Sees.** Effective permissions of an agent's role to delete or shorten its own log group, to
    /// stop, change or delete a trail, to delete log files from a bucket of audit data, or to switch
    /// off the logging of model invocations.
    ///
    /// **Matters.** After an incident the logs are what is left. An agent that can delete them needs
    /// no other cover.
    ///
    /// **Example.** `logs:DeleteLogGroup` on `/aws/bedrock-agentcore/*`, given to tidy up.
    ///
    /// **Severity.** Critical.
    ///
    /// **Remedy.** Deny it, and keep the logs in another account.
    ///
    /// **References.** MITRE ATT&CK T1685.002; AWS Agentic AI Lens AGENTSEC05-BP01.
    "OBS-02", "An agent can remove its own traces", Critical, check
}

fn check(view: &View<'_>) -> Checked {
    let seats = view.seats().iter().filter(|seat| !seat.agents.is_empty());
    Checked::access(view, seats, |seat| look(view, seat))
}

fn look(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let role = view.estate.roles.at(seat.role);
    let words = Words {
        title: format!("{} can remove the traces of its agent", role.name),
        question: format!("{} can remove the traces of its agent", role.name),
        why: |allowed| {
            format!(
                "It may use {}, for example on {}.",
                some_of(&allowed.actions(), 4),
                allowed
                    .proofs
                    .first()
                    .map_or("*", |it| it.request.resource.as_str())
            )
        },
        summary: "Deny it, best in an SCP, and keep the logs in another account",
        sid: "TracesStay",
        denies: Denies::Everywhere,
    };
    forbidden::look(&RULE, view, seat, &hidings(view, seat), words)
}

/// The deletions that would hide what the seat's agents did.
fn hidings(view: &View<'_>, seat: &Seat) -> Vec<(&'static str, String)> {
    let account = view.estate.roles.at(seat.role).account;
    let mut asked = Vec::new();
    for &id in &seat.agents {
        if let Some(group) = log_group(view.estate.agents.at(id)) {
            for action in [
                "logs:DeleteLogGroup",
                "logs:DeleteLogStream",
                "logs:PutRetentionPolicy",
            ] {
                asked.push((action, group.clone()));
            }
        }
    }
    let trail = format!("arn:aws:cloudtrail:us-east-1:{account}:trail/any");
    for action in [
        "cloudtrail:StopLogging",
        "cloudtrail:DeleteTrail",
        "cloudtrail:PutEventSelectors",
    ] {
        asked.push((action, trail.clone()));
    }
    asked.push((
        "bedrock:DeleteModelInvocationLoggingConfiguration",
        "*".to_owned(),
    ));
    let audit =
        view.estate.resources.values().filter(|it| {
            it.kind == "AWS::S3::Bucket" && it.data.iter().any(|class| class == "audit")
        });
    asked.extend(audit.map(|it| ("s3:DeleteObject", format!("{}/any", it.arn))));
    asked
}

/// Where AgentCore writes what an agent did.
fn log_group(agent: &Agent) -> Option<String> {
    let region = agent.region.as_deref().unwrap_or("us-east-1");
    let id = agent.arn.resource_name();
    let group = match agent.kind {
        AgentKind::Runtime => format!("/aws/bedrock-agentcore/runtimes/{id}-DEFAULT"),
        AgentKind::Harness => format!("/aws/bedrock-agentcore/runtimes/harness_{id}-DEFAULT"),
        AgentKind::Gateway => {
            format!("/aws/vendedlogs/bedrock-agentcore/gateway/APPLICATION_LOGS/{id}")
        }
        AgentKind::BedrockAgent => format!("/aws/bedrock/agents/{id}"),
        _ => return None,
    };
    Some(format!(
        "arn:aws:logs:{region}:{}:log-group:{group}:*",
        agent.account
    ))
}
