//! What a ceiling would deny: of what charters declare, proved; of what was observed, asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use bailiwick_charter::{
    Charter,
    compile::{CompiledRole, Site, compile},
};
use bailiwick_iam::{
    access::{Algebra, Contained, Unknown},
    arn::Arn,
    evaluate::{Outcome, evaluate},
    layers::{Compiled, Layers, Level, NamedPolicy, Policies},
    policy::{Effect, Policy, Statement},
    request::{Principal, Request},
};

use super::{
    Asked, Bound, Bounds, Observed,
    asked::{as_asked, everything},
};
use crate::{
    compiled::SESSION,
    plan::{Claim, Proof, Proven},
    site,
};

/// Proves, for each role of a charter, that no ceiling over it denies a request that the charter
/// declares.
///
/// A declared request is one for a declared action on a declared resource, signed by the role, sent
/// to the Region that the resource's ARN names, or where it names none, to one in which the agent
/// runs. A model elsewhere is asked for behind a declared inference profile.
pub(super) fn charter(
    charter: &Charter,
    asked: &Asked<'_>,
    bounds: &Bounds,
    algebra: &Algebra<'_>,
) -> Proof {
    let site = &site::site(charter, asked.estate, asked.site);
    let proven = match compile(charter, site) {
        Err(error) => Proven::unknown(format!("the charter cannot be compiled: {error}")),
        Ok(compiled) => {
            let regions = regions(charter, site);
            let roles = compiled.roles().map(|role| {
                let bound = bounds.over(role.account);
                of_role(role, &regions, bound, asked.organization(), algebra)
            });
            worst(roles)
        }
    };
    Proof {
        claim: Claim::CeilingBreaksNothing,
        subject: charter.agent.to_string(),
        proven,
    }
}

fn regions(charter: &Charter, site: &Site) -> Vec<String> {
    let mut regions: Vec<String> = charter
        .runs_as
        .iter()
        .map(|workload| workload.region().to_owned())
        .filter(|region| !region.is_empty())
        .collect();
    if regions.is_empty() {
        regions.extend(site.region.clone());
    }
    regions.sort();
    regions.dedup();
    regions
}

fn of_role(
    role: &CompiledRole,
    regions: &[String],
    bound: &Bound,
    organization: Option<&str>,
    algebra: &Algebra<'_>,
) -> Proven {
    if bound.levels.is_empty() {
        return Proven::by_facts([format!(
            "{}: no ceiling of this plan binds account {}",
            role.name, role.account
        )]);
    }
    let Some(principal) = signer(&role.arn()) else {
        return Proven::unknown(format!("`{}` is no role", role.arn()));
    };
    let policies = role.policies.iter().map(|named| NamedPolicy {
        name: named.name.as_str().into(),
        policy: Arc::new(as_asked(&named.document, regions)),
    });
    let declared = Layers {
        identity: Some(compiled(policies)),
        ..Layers::default()
    };
    let ceiling = under(bound);
    // The roles are the organisation's own, and the SDKs of AWS speak TLS.
    let organization = organization.map(|id| ("aws:PrincipalOrgID", Some(id)));
    let known = || {
        organization
            .into_iter()
            .chain([("aws:SecureTransport", Some("true"))])
    };
    let (allowed, asked) = (
        algebra.access(&ceiling, Some(&principal)).knowing(known()),
        algebra.access(&declared, Some(&principal)).knowing(known()),
    );
    let (contained, certificate) = allowed.contains_with_certificate(&asked);
    // What each denial would take is held against what is declared.
    let certificate: BTreeSet<String> = certificate
        .iter()
        .flat_map(|certificate| certificate.lines(&allowed, &asked))
        .filter(|line| bound.denies(&line.policy))
        .map(|line| {
            format!(
                "{}: nothing declared meets the denial of {} in {}",
                role.name,
                line.actions.join(", "),
                line.policy
            )
        })
        .collect();
    let why = match &contained {
        Contained::Refuted(request) | Contained::Unknown(Unknown::Reading { witness: request }) => {
            why(&ceiling, request)
        }
        Contained::Proved | Contained::Unknown(_) => String::new(),
    };
    Proven::of(contained, certificate.into_iter().collect(), why)
}

/// The statement of the ceiling that denies.
fn why(ceiling: &Layers, request: &Request) -> String {
    let decision = evaluate(ceiling, request, bailiwick_iam_catalog::builtin());
    let deny = decision.because.iter().find(|it| it.effect == Effect::Deny);
    match deny {
        Some(deny) => format!(
            "{} of {} denies {} on {}",
            deny.sid.as_deref().unwrap_or("a statement"),
            deny.policy,
            request.action,
            request.resource
        ),
        None => format!("{} on {} is denied", request.action, request.resource),
    }
}

/// Everything, under the ceilings alone.
fn under(bound: &Bound) -> Layers {
    let everything = compiled([NamedPolicy {
        name: "everything".into(),
        policy: Arc::new(everything()),
    }]);
    Layers {
        identity: Some(everything),
        scp: Some(bound.levels.clone()),
        ..Layers::default()
    }
}

/// What AWS attaches to every node.
pub(super) const FULL_ACCESS: &str = "FullAWSAccess";

/// `FullAWSAccess`, which every node keeps, beside the policies that a plan attaches there.
pub(super) fn level(target: &str, policies: &[(String, Policy)]) -> Level {
    let kept = NamedPolicy {
        name: FULL_ACCESS.into(),
        policy: Arc::new(everything()),
    };
    let added = policies.iter().map(|(name, policy)| NamedPolicy {
        name: name.as_str().into(),
        // An RCP denies as an SCP does, whoever asks.
        policy: Arc::new(without_principals(policy)),
    });
    Level {
        target: target.into(),
        policies: compiled(std::iter::once(kept).chain(added)),
    }
}

fn without_principals(policy: &Policy) -> Policy {
    let statements = policy.statements.iter().map(|statement| Statement {
        principals: None,
        ..statement.clone()
    });
    Policy {
        statements: statements.collect(),
        ..policy.clone()
    }
}

fn compiled(policies: impl IntoIterator<Item = NamedPolicy>) -> Policies {
    policies
        .into_iter()
        .map(|named| Arc::new(Compiled::new(named)))
        .collect()
}

fn signer(role: &str) -> Option<Principal> {
    Principal::session(&role.parse().ok()?, SESSION).ok()
}

/// The first that is refuted, else unknown; else all that was proved.
fn worst(all: impl Iterator<Item = Proven>) -> Proven {
    let mut lines = Vec::new();
    let mut worst: Option<Proven> = None;
    for proven in all {
        match proven {
            Proven::Proved { certificate } => lines.extend(certificate),
            open @ (Proven::Refuted { .. } | Proven::Unknown { .. }) => {
                let is_worse = worst
                    .as_ref()
                    .is_none_or(|known| open.verdict() > known.verdict());
                if is_worse {
                    worst = Some(open);
                }
            }
        }
    }
    worst.unwrap_or(Proven::Proved { certificate: lines })
}

/// What would become of one call that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Passes,
    /// The statement that would deny it.
    Denied(String),
    /// The keys it hangs on, which a trail does not tell.
    Untold(Vec<String>),
}

pub(super) fn observed(seen: &Observed, bound: &Bound, organization: Option<&str>) -> Fate {
    if bound.levels.is_empty() {
        return Fate::Passes;
    }
    let Some(principal) = signer(seen.role.as_str()) else {
        return Fate::Untold(Vec::new());
    };
    let mut request = Request::new(principal, &seen.action, &seen.resource);
    // A trail tells the resource and not the circumstances.
    request.context = bailiwick_iam::request::Context::incomplete();
    request.context.set("aws:SecureTransport", "true");
    if let Some(organization) = organization {
        request.context.set("aws:PrincipalOrgID", organization);
    }
    let written = seen
        .resource
        .parse::<Arn>()
        .map(|arn| arn.region().to_owned());
    let region = written.ok().filter(|region| !region.is_empty());
    if let Some(region) = region.or_else(|| seen.region.clone()) {
        request.context.set("aws:RequestedRegion", region.as_str());
    }
    let ceiling = under(bound);
    let decision = evaluate(&ceiling, &request, bailiwick_iam_catalog::builtin());
    match decision.outcome {
        // A ceiling denies in so many words. What only lacks an allow, such as that of a key's own
        // policy, lacks it without the ceiling too.
        Outcome::Allow | Outcome::ImplicitDeny => Fate::Passes,
        Outcome::ExplicitDeny => Fate::Denied(why(&ceiling, &request)),
        Outcome::Unknown => Fate::Untold(decision.missing),
    }
}
