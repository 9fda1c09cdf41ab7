//! SECR-01: keys that do not end.

use bailiwick_estate::{Id, PrincipalId, User, principal::Credential};

use crate::{
    finding::{Finding, Fix, Severity, Witness},
    rule::{Checked, Claim, rule},
    view::View,
};

rule! {
    /// A long-lived credential can set agents or models to work.
    ///
    /// **Sees.** An active Bedrock API key; an active access key of a user that may invoke a model, an
    /// agent or a runtime. Keys are not in `get-account-authorization-details`: without
    /// `iam-extra.json`, users that may invoke are reported as unknown.
    ///
    /// **Matters.** A key lies in a file, a notebook, a chat. It works from anywhere, for whoever
    /// reads it, until somebody remembers to delete it.
    ///
    /// **Example.** A Bedrock API key made in the console with "never expires".
    ///
    /// **Severity.** High. Critical if it never expires and an agent service is what it is for.
    ///
    /// **Remedy.** A role for the workload; short-term keys for people who try things.
    ///
    /// **References.** OWASP NHI7; CIS AWS 2.12; AWS AI Security Framework AISF-IAM-03.
    "SECR-01", "A long-lived credential reaches agents or models", High, check
}

/// What setting agents or models to work looks like.
const INVOKING: [(&str, &str); 5] = [
    ("bedrock:InvokeModel", "foundation-model"),
    ("bedrock:InvokeAgent", "agent-alias"),
    ("bedrock:InvokeInlineAgent", "*"),
    ("bedrock-agentcore:InvokeAgentRuntime", "runtime"),
    ("bedrock-agentcore:InvokeGateway", "gateway"),
];

fn check(view: &View<'_>) -> Checked {
    Checked::each(view.estate.users.iter(), |(id, user)| look(view, id, user))
}

fn look(view: &View<'_>, id: Id<User>, user: &User) -> Option<Finding> {
    let bedrock_keys = user.service_credentials.iter().flatten().filter(|it| {
        it.active
            && it
                .service
                .as_deref()
                .is_some_and(|it| it.starts_with("bedrock"))
    });
    if let Some(key) = bedrock_keys.into_iter().next() {
        let severity = if key.expires.is_none() {
            Severity::Critical
        } else {
            RULE.base
        };
        return Some(found(view, user, key, "Bedrock API key", severity));
    }
    let named = user.name.starts_with("BedrockAPIKey-");
    let unknown = user.access_keys.is_none() || user.service_credentials.is_none();
    let active = user.access_keys.iter().flatten().find(|it| it.active);
    if active.is_none() && !unknown {
        return None;
    }
    let invokes = named || invokes(view, id);
    match active {
        Some(key) if invokes => Some(found(view, user, key, "access key", RULE.base)),
        Some(_) | None if invokes && unknown => Some(untold(view, user)),
        Some(_) | None => None,
    }
}

fn invokes(view: &View<'_>, id: Id<User>) -> bool {
    let user = PrincipalId::User(id);
    let account = view.estate.users.at(id).account;
    INVOKING.into_iter().any(|(action, _)| {
        if !view.speakers_of(action).contains(&user) {
            return false;
        }
        view.spoken_resources(user, action, account)
            .iter()
            .any(|resource| view.principal_can(user, action, resource).proof().is_some())
    })
}

fn found(
    view: &View<'_>,
    user: &User,
    key: &Credential,
    what: &str,
    severity: Severity,
) -> Finding {
    let age = key
        .created
        .as_deref()
        .map_or(String::new(), |it| format!(", made {it}"));
    let end = match &key.expires {
        Some(at) => format!("expires {at}"),
        None => "never expires".to_owned(),
    };
    RULE.fails(claim(
        view,
        user,
        severity,
        format!("{} has an active {what} that {end}", user.name),
        "It works from anywhere, for whoever reads it, until somebody deletes it.",
        Witness::facts([format!(
            "{what} {} of {} is active{age}, {end}",
            key.id, user.arn
        )]),
        &key.id,
        &format!("{what} {}", key.id),
        key,
    ))
}

#[expect(
    clippy::too_many_arguments,
    reason = "one call each for keys and for their absence"
)]
fn claim(
    view: &View<'_>,
    user: &User,
    severity: Severity,
    title: String,
    why: &str,
    witness: Witness,
    cause: &str,
    said: &str,
    key: &Credential,
) -> Claim {
    Claim {
        severity,
        subject: user.arn.to_string(),
        agents: Vec::new(),
        title,
        why: why.to_owned(),
        witness,
        evidence: vec![view.evidence(&key.place, said)],
        path: Vec::new(),
        fix: Fix {
            summary: "Give the workload a role; then delete the key".to_owned(),
            patch: format!(
                "aws iam delete-access-key --user-name {} --access-key-id {}",
                user.name, key.id
            ),
        },
        cause: vec![cause.to_owned()],
    }
}

fn untold(view: &View<'_>, user: &User) -> Finding {
    RULE.unknown(Claim {
        severity: RULE.base,
        subject: user.arn.to_string(),
        agents: Vec::new(),
        title: format!("Cannot tell whether {} has keys", user.name),
        why: "The user may set agents or models to work, and the snapshot does not list its keys."
            .to_owned(),
        witness: Witness::facts([
            "not known: access keys and service credentials (iam-extra.json)",
        ]),
        evidence: vec![view.evidence(&user.place, user.arn.as_str())],
        path: Vec::new(),
        fix: Fix {
            summary: "Add iam-extra.json to the snapshot".to_owned(),
            patch: "scripts/collect.sh".to_owned(),
        },
        cause: vec!["keys".to_owned()],
    })
}
