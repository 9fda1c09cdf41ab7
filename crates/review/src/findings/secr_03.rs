//! SECR-03: every secret of the account.

use bailiwick_estate::Resource;
use serde_json::json;

use crate::{
    finding::{Finding, Fix, Severity},
    rule::{Checked, Claim, Stakes, arns, listed, patch, rule, some_of},
    view::{Answer, Missing, Proof, Seat, View},
};

rule! {
    /// A role behind an agent may read any secret, any parameter, or decrypt with any key.
    ///
    /// **Sees.** `secretsmanager:GetSecretValue`, `ssm:GetParameter` or `kms:Decrypt` allowed,
    /// effectively, on a secret, parameter or key that no policy names; and which of those in the
    /// snapshot it reaches.
    ///
    /// **Matters.** A secret that the agent can read is a secret that a prompt can ask for. The next
    /// hop needs no AWS permission at all.
    ///
    /// **Example.** `secretsmanager:GetSecretValue` on `*`, as starter kits grant it to gateways.
    ///
    /// **Severity.** High; one step up in production or with sensitive data.
    ///
    /// **Remedy.** Name the secret by its ARN; for keys, add `kms:ViaService` and the key's ARN.
    ///
    /// **References.** MITRE ATT&CK T1555.006; MITRE ATLAS AML.T0098; Security Hub KMS.1.
    "SECR-03", "Any secret of the account may be read", High, check
}

const READING: [(&str, &str); 3] = [
    (
        "secretsmanager:GetSecretValue",
        "AWS::SecretsManager::Secret",
    ),
    ("ssm:GetParameter", "AWS::SSM::Parameter"),
    ("kms:Decrypt", "AWS::KMS::Key"),
];

fn check(view: &View<'_>) -> Checked {
    Checked::access(view, view.seats(), |seat| look(view, seat))
}

fn look(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let mut proofs = Vec::new();
    let mut missing = Missing::default();
    for (action, kind) in READING {
        if !view.speaks(seat.role, action) {
            continue;
        }
        if let Some(proof) = missing.proof(any(view, seat, action)) {
            proofs.push((action, kind, proof));
        }
    }
    if proofs.is_empty() {
        let role = &view.estate.roles.at(seat.role).name;
        let question = format!("{role} may read any secret");
        return RULE.cannot_tell(view, seat, &question, &missing);
    }
    finding(view, seat, &proofs)
}

/// A secret that no policy names on purpose.
fn any(view: &View<'_>, seat: &Seat, action: &str) -> Answer {
    let account = view.estate.roles.at(seat.role).account;
    match view.catalog.action(action) {
        Ok(known) => view.role_can(seat.role, action, &view.any_resource(known, account)),
        Err(_) => Answer::No,
    }
}

fn finding(view: &View<'_>, seat: &Seat, proofs: &[(&str, &str, Proof)]) -> Option<Finding> {
    let (_, _, first) = proofs.first()?;
    let role = view.estate.roles.at(seat.role);
    let reached = reached(view, seat, proofs);
    let stakes = Stakes {
        production: view.is_production(seat),
        sensitive: view.touches_sensitive(seat),
        ..Stakes::default()
    };
    let (severity, raised) = stakes.raise(RULE.base, Severity::Critical);
    let actions: Vec<_> = proofs.iter().map(|(action, ..)| *action).collect();
    let known = if reached.is_empty() {
        String::new()
    } else {
        format!(" In this snapshot: {}.", some_of(&reached, 5))
    };
    Some(
        RULE.fails(Claim {
            severity,
            subject: role.arn.to_string(),
            agents: arns(view, &seat.concerned()),
            title: format!("{} may use {} on everything", role.name, listed(&actions)),
            why: format!(
                "A secret that the agent can read is one that a prompt can ask for.{known}{raised}"
            ),
            witness: first.witness(),
            evidence: proofs
                .iter()
                .flat_map(|(.., proof)| proof.evidence(view))
                .collect(),
            path: Vec::new(),
            fix: Fix {
                summary: "Name the secrets and keys that the agent needs".to_owned(),
                patch: patch(&json!({
                    "Effect": "Allow",
                    "Action": actions,
                    "Resource": "the ARN of each secret, parameter or key",
                })),
            },
            cause: actions.iter().map(|&it| it.to_owned()).collect(),
        }),
    )
}

/// The secrets, parameters and keys of the snapshot that are in reach.
fn reached(view: &View<'_>, seat: &Seat, proofs: &[(&str, &str, Proof)]) -> Vec<String> {
    let readable = |resource: &&Resource| {
        proofs
            .iter()
            .filter(|(_, kind, _)| resource.kind == *kind)
            .any(|(action, ..)| {
                view.role_can(seat.role, action, resource.arn.as_str())
                    .proof()
                    .is_some()
            })
    };
    view.estate
        .resources
        .values()
        .filter(readable)
        .take(50)
        .map(|it| it.arn.resource().to_owned())
        .collect()
}
