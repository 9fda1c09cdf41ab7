//! What a ceiling would deny: of what charters declare, proved; of what was observed, asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bailiwick_charter::{
    Charter,
    compile::{CompiledRole, Site, compile},
};
use bailiwick_iam::{
    access::{Algebra, Contained, Unknown},
    arn::Arn,
    evaluate::{Outcome, evaluate},
    json::Spanned,
    layers::{Compiled, Layers, Level, NamedPolicy, Policies},
    policy::{Effect, Policy, ResourcePattern, Selection, Statement, Test, Version},
    request::{Principal, Request},
};

use super::{Asked, Bound, Bounds, Observed, limit::When as _};
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
                of_role(role, &regions, bound, site.organization.as_deref(), algebra)
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
    // The roles are the organisation's own.
    let known = organization.map(|id| ("aws:PrincipalOrgID", Some(id)));
    let (allowed, asked) = (
        algebra.access(&ceiling, Some(&principal)).knowing(known),
        algebra.access(&declared, Some(&principal)).knowing(known),
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

fn everything() -> Policy {
    Policy {
        version: Version::V2012,
        id: None,
        statements: vec![Statement {
            sid: None,
            effect: Effect::Allow,
            principals: None,
            actions: Selection::Only(vec![Spanned::made(bailiwick_iam::policy::ActionPattern(
                "*".to_owned(),
            ))]),
            resources: Some(Selection::Only(vec![Spanned::made(ResourcePattern(
                "*".to_owned(),
            ))])),
            conditions: Vec::new(),
            span: bailiwick_iam::json::Span::default(),
        }],
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

/// The policy, each statement in the circumstances in which the agent asks.
fn as_asked(policy: &Policy, regions: &[String]) -> Policy {
    let profiles: Vec<String> = policy
        .statements
        .iter()
        .flat_map(resources)
        .filter(|resource| resource.contains("inference-profile/"))
        .map(str::to_owned)
        .collect();
    let mut statements = Vec::new();
    for statement in &policy.statements {
        if statement.effect == Effect::Deny {
            statements.push(statement.clone());
            continue;
        }
        let mut by_place: BTreeMap<Place, Vec<String>> = BTreeMap::new();
        for resource in resources(statement) {
            for place in Place::of(resource, regions, &profiles) {
                by_place.entry(place).or_default().push(resource.to_owned());
            }
        }
        if by_place.is_empty() {
            statements.push(statement.clone());
        }
        for (place, resources) in by_place {
            let patterns = resources
                .into_iter()
                .map(|it| Spanned::made(ResourcePattern(it)));
            statements.push(place.asked(Statement {
                resources: Some(Selection::Only(patterns.collect())),
                ..statement.clone()
            }));
        }
    }
    Policy {
        statements,
        ..policy.clone()
    }
}

/// The resources a statement lists; none where it lists those that it leaves out.
fn resources(statement: &Statement) -> impl Iterator<Item = &str> {
    let listed = match &statement.resources {
        Some(Selection::Only(patterns)) => patterns.as_slice(),
        Some(Selection::AllBut(_)) | None => &[],
    };
    listed.iter().map(|pattern| pattern.value.0.as_str())
}

/// Where a request for a resource goes, and behind what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Empty: anywhere.
    regions: Vec<String>,
    /// Not empty: behind one of these inference profiles.
    profiles: Vec<String>,
}

impl Place {
    fn of(resource: &str, own: &[String], profiles: &[String]) -> Vec<Self> {
        let written = resource.split(':').nth(3).unwrap_or_default();
        let is_one = !written.is_empty() && !written.contains(['*', '?']);
        let at = |regions: &[String]| Self {
            regions: regions.to_vec(),
            profiles: Vec::new(),
        };
        let is_model = resource.contains(":foundation-model/");
        let is_elsewhere = is_one && !own.iter().any(|region| region == written);
        let routed = Self {
            regions: if is_one {
                vec![written.to_owned()]
            } else {
                Vec::new()
            },
            profiles: profiles.to_vec(),
        };
        let has_profile = is_model && !profiles.is_empty();
        match (is_one, has_profile) {
            (true, true) if is_elsewhere => vec![routed],
            (true, _) => vec![at(&[written.to_owned()])],
            (false, true) => vec![at(own), routed],
            (false, false) => vec![at(own)],
        }
    }

    fn asked(self, mut statement: Statement) -> Statement {
        if !self.regions.is_empty() {
            statement = statement.when(Test::StringEquals, "aws:RequestedRegion", &self.regions);
        }
        if !self.profiles.is_empty() {
            statement =
                statement.when(Test::ArnLike, "bedrock:InferenceProfileArn", &self.profiles);
        }
        statement
    }
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
