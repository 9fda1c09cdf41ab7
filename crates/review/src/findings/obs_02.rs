//! OBS-02: an agent that can remove its own traces.

use std::collections::BTreeSet;

use bailiwick_estate::{Agent, AgentKind};
use bailiwick_iam::{arn::Arn, policy::Selection};

use crate::{
    finding::Finding,
    forbidden::{self, Denies, Words},
    rule::{Checked, rule, some_of},
    view::{Seat, View},
};

rule! {
    /// An agent may delete its logs, or switch off the trail that records it.
    ///
    /// **Sees.** Effective permissions of an agent's role to delete or shorten its own log groups, to
    /// stop, change or delete a trail or an event data store, to delete log files from a bucket of
    /// audit data or let them expire, or to switch off or redirect the logging of model invocations.
    /// Trails are those of the snapshot, those that its policies name, and one that none names.
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

/// Of more trails than these, no further one is asked about.
const TRAILS_MAX: usize = 20;

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
        for group in log_groups(view.estate.agents.at(id)) {
            for action in [
                "logs:DeleteLogGroup",
                "logs:DeleteLogStream",
                "logs:PutRetentionPolicy",
            ] {
                asked.push((action, group.clone()));
            }
        }
    }
    let any = |kind: &str| format!("arn:aws:cloudtrail:us-east-1:{account}:{kind}/any");
    let trails = named_trails(view, seat, "trail");
    for trail in trails.into_iter().chain([any("trail")]) {
        for action in [
            "cloudtrail:StopLogging",
            "cloudtrail:DeleteTrail",
            "cloudtrail:PutEventSelectors",
            "cloudtrail:UpdateTrail",
        ] {
            asked.push((action, trail.clone()));
        }
    }
    let stores = named_trails(view, seat, "eventdatastore");
    for store in stores.into_iter().chain([any("eventdatastore")]) {
        for action in [
            "cloudtrail:DeleteEventDataStore",
            "cloudtrail:StopEventDataStoreIngestion",
            "cloudtrail:UpdateEventDataStore",
        ] {
            asked.push((action, store.clone()));
        }
    }
    for action in [
        "bedrock:DeleteModelInvocationLoggingConfiguration",
        "bedrock:PutModelInvocationLoggingConfiguration",
    ] {
        asked.push((action, "*".to_owned()));
    }
    let audit =
        view.estate.resources.values().filter(|it| {
            it.kind == "AWS::S3::Bucket" && it.data.iter().any(|class| class == "audit")
        });
    for bucket in audit {
        let file = format!("{}/any", bucket.arn);
        asked.push(("s3:DeleteObject", file.clone()));
        asked.push(("s3:DeleteObjectVersion", file));
        for action in ["s3:DeleteBucket", "s3:PutLifecycleConfiguration"] {
            asked.push((action, bucket.arn.to_string()));
        }
    }
    asked
}

/// The trails, or stores of events, that the snapshot holds or that the role's policies name: a right
/// on one of them is no right on another.
fn named_trails(view: &View<'_>, seat: &Seat, kind: &str) -> BTreeSet<String> {
    let held = view.estate.resources.values().map(|it| it.arn.to_string());
    let grants = view.grants(seat.role);
    let patterns = grants.flat_map(|(_, _, statement)| match &statement.resources {
        Some(Selection::Only(patterns)) => patterns.as_slice(),
        Some(Selection::AllBut(_)) | None => &[],
    });
    let named = patterns.map(|pattern| pattern.value.0.replace('*', "any"));
    let is_one = |text: &String| {
        text.parse::<Arn>()
            .is_ok_and(|arn| arn.service() == "cloudtrail" && arn.resource_kind() == kind)
    };
    let plain = |text: &String| !text.contains(['?', '$']);
    held.chain(named)
        .filter(plain)
        .filter(is_one)
        .take(TRAILS_MAX)
        .collect()
}

/// Where what an agent did is written.
fn log_groups(agent: &Agent) -> Vec<String> {
    let region = agent.region.as_deref().unwrap_or("us-east-1");
    let id = agent.arn.resource_name();
    let groups = match agent.kind {
        // One for each endpoint.
        AgentKind::Runtime => {
            let endpoints = agent.aliases.iter().map(|alias| alias.name.as_str());
            let names: BTreeSet<&str> = endpoints.chain(["DEFAULT"]).collect();
            names
                .into_iter()
                .map(|name| format!("/aws/bedrock-agentcore/runtimes/{id}-{name}"))
                .collect()
        }
        AgentKind::Harness => vec![format!(
            "/aws/bedrock-agentcore/runtimes/harness_{id}-DEFAULT"
        )],
        AgentKind::Gateway => {
            vec![format!(
                "/aws/vendedlogs/bedrock-agentcore/gateway/APPLICATION_LOGS/{id}"
            )]
        }
        AgentKind::BedrockAgent => vec![format!("/aws/bedrock/agents/{id}")],
        AgentKind::SelfRun if agent.arn.service() == "lambda" => vec![format!("/aws/lambda/{id}")],
        _ => Vec::new(),
    };
    let arn = |group: String| {
        format!(
            "arn:aws:logs:{region}:{}:log-group:{group}:*",
            agent.account
        )
    };
    groups.into_iter().map(arn).collect()
}
