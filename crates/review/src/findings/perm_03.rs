//! PERM-03: policies made for everybody.

use bailiwick_estate::{Id, PolicyDocument};
use bailiwick_iam::policy::{Effect, Selection, Statement};

use crate::{
    finding::{Finding, Fix, Severity, Witness},
    rule::{Checked, Claim, Stakes, arns, listed, rule},
    view::{Missing, Proof, Seat, View},
};

rule! {
    /// A managed policy that grants whole services is attached to a role behind an agent.
    ///
    /// **Sees.** An attached policy with an `Allow` of `service:*`, or of everything, on every
    /// resource, of which something passes boundary and SCPs. Where the snapshot names a policy of
    /// AWS's and leaves its text out, one whose name says that it grants full access counts.
    ///
    /// **Matters.** Such policies are written for people who set things up. AWS widens its own when a
    /// service grows, and nobody here is asked.
    ///
    /// **Example.** `AmazonDynamoDBFullAccess` on a runtime that reads one table.
    ///
    /// **Severity.** High. Critical in production if the policy grants every service.
    ///
    /// **Remedy.** Detach it and grant the actions and resources that are used.
    ///
    /// **References.** Security Hub IAM.1; AWS Security Pillar SEC03-BP02.
    "PERM-03", "A broad managed policy is attached", High, check
}

/// How AWS names the policies that grant a service, or every service, whole.
const FULL: [&str; 3] = ["FullAccess", "AdministratorAccess", "PowerUserAccess"];

fn check(view: &View<'_>) -> Checked {
    Checked::access(view, view.seats(), |seat| look(view, seat))
}

struct Broad {
    name: String,
    document: Id<PolicyDocument>,
    whole: Whole,
}

enum Whole {
    /// It grants these, and the request passes every layer.
    Proved {
        patterns: Vec<String>,
        proof: Box<Proof>,
    },
    /// Its text is not here; its name says it.
    Named,
}

fn look(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let role = view.estate.roles.at(seat.role);
    let mut missing = Missing::default();
    let broad: Vec<_> = role
        .attached
        .iter()
        .filter_map(|&document| broad(view, seat, document, &mut missing))
        .collect();
    if broad.is_empty() {
        let question = format!("a broad policy attached to {} takes effect", role.name);
        return RULE.cannot_tell(view, seat, &question, &missing);
    }
    let names: Vec<_> = broad.iter().map(|it| it.name.clone()).collect();
    let proof = broad.iter().find_map(|it| match &it.whole {
        Whole::Proved { proof, .. } => Some(proof.as_ref()),
        Whole::Named => None,
    });
    let everything = broad.iter().any(|it| match &it.whole {
        Whole::Proved { patterns, .. } => patterns.iter().any(|it| it == "*" || it == "*:*"),
        Whole::Named => it.name == "AdministratorAccess",
    });
    let stakes = Stakes {
        production: view.is_production(seat),
        ..Stakes::default()
    };
    let cap = if everything {
        Severity::Critical
    } else {
        RULE.base
    };
    let (severity, raised) = stakes.raise(RULE.base, cap);
    Some(
        RULE.fails(Claim {
            severity,
            subject: role.arn.to_string(),
            agents: arns(view, &seat.concerned()),
            title: format!("{} has {}", role.name, listed(&names)),
            why: format!(
                "{} whole services to an agent that needs a few actions of them.{raised}{}",
                if names.len() == 1 {
                    "This policy grants"
                } else {
                    "These policies grant"
                },
                missing.aside()
            ),
            witness: proof.map_or_else(
                || {
                    Witness::facts(
                        names
                            .iter()
                            .map(|it| format!("{it} is attached to {}", role.arn)),
                    )
                },
                Proof::witness,
            ),
            evidence: broad.iter().map(|it| evidence(view, it)).collect(),
            path: Vec::new(),
            fix: Fix {
                summary: "Detach it and grant the actions and resources that are used".to_owned(),
                patch: broad
                    .iter()
                    .filter_map(|it| view.estate.policies.at(it.document).arn.as_ref())
                    .map(|arn| {
                        format!(
                            "aws iam detach-role-policy --role-name {} --policy-arn {arn}",
                            role.name
                        )
                    })
                    .collect::<Vec<_>>()
                    .join("\n"),
            },
            cause: names,
        }),
    )
}

fn evidence(view: &View<'_>, broad: &Broad) -> crate::finding::Evidence {
    let place = &view.estate.policies.at(broad.document).place;
    let said = match &broad.whole {
        Whole::Proved { patterns, .. } => format!("{} allows {}", broad.name, listed(patterns)),
        Whole::Named => format!(
            "{} is attached; its text is not in the snapshot",
            broad.name
        ),
    };
    view.evidence(place, &said)
}

fn broad(
    view: &View<'_>,
    seat: &Seat,
    document: Id<PolicyDocument>,
    missing: &mut Missing,
) -> Option<Broad> {
    let named = view.estate.policies.at(document);
    let name = named.name.to_string();
    let Some(policy) = view.estate.policy(document) else {
        let by_aws = named.arn.as_ref().is_some_and(|arn| arn.account() == "aws");
        let full = FULL.iter().any(|ending| name.ends_with(ending));
        return (by_aws && full).then_some(Broad {
            name,
            document,
            whole: Whole::Named,
        });
    };
    let patterns: Vec<_> = policy.statements.iter().flat_map(whole_services).collect();
    let account = view.estate.roles.at(seat.role).account;
    let proof = patterns.iter().find_map(|pattern| {
        let known = view.expanded(pattern);
        known.iter().take(40).find_map(|action| {
            let resource = view.any_resource(view.catalog.action(&action.name).ok()?, account);
            missing.proof(view.role_can(seat.role, &action.name, &resource))
        })
    })?;
    Some(Broad {
        name,
        document,
        whole: Whole::Proved {
            patterns,
            proof: Box::new(proof),
        },
    })
}

/// The services that a statement grants whole, on every resource.
fn whole_services(statement: &Statement) -> Vec<String> {
    let Selection::Only(actions) = &statement.actions else {
        return Vec::new();
    };
    let everywhere = matches!(
        &statement.resources,
        Some(Selection::Only(patterns)) if patterns.iter().any(|it| it.value.0 == "*")
    );
    if statement.effect != Effect::Allow || !everywhere {
        return Vec::new();
    }
    actions
        .iter()
        .map(|it| it.value.0.clone())
        .filter(|it| it == "*" || it.ends_with(":*"))
        .collect()
}
