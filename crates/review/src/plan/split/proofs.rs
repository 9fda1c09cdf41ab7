//! What is proved of each unit, and of all.

use std::sync::Arc;

use bailiwick_charter::compile::{Closure, CompiledRole};
use bailiwick_estate::{MORE_PRINCIPALS, Named, usage::Used};
use bailiwick_iam::{
    access::{Access, Find, Region},
    arn::Arn,
    json::{Span, Spanned},
    layers::{Compiled, Layers, NamedPolicy, Policies},
    policy::{ActionPattern, Effect, Policy, ResourcePattern, Selection, Statement, Version},
};

use super::{Moving, Split, units::Unit};
use crate::plan::{Claim, Drift, Proof, Proven};

/// Roles that an account can have unless AWS was asked for more.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const ROLES_MAX: usize = 1_000;

impl Split<'_> {
    pub(super) fn proofs_of(&self, one: &Moving<'_>) -> Vec<Proof> {
        let name = &one.unit.name;
        let of = |claim, proven| Proof {
            claim,
            subject: name.clone(),
            proven,
        };
        let nobody_declared =
            || Proven::unknown("it has no charter: nobody declared what it is for");
        let (in_charter, charter_in) = if one.unit.is_declared {
            (self.new_in_charter(one), self.charter_in_new(one))
        } else {
            (nobody_declared(), nobody_declared())
        };
        vec![
            of(Claim::NewInOld, self.new_in_old(one)),
            of(Claim::NewInCharter, in_charter),
            of(Claim::CharterInNew, charter_in),
        ]
    }

    /// Every role of the unit is within the old one and the named baseline.
    fn new_in_old(&self, one: &Moving<'_>) -> Proven {
        let baseline = compiled("baseline", one.closure.baseline.clone());
        let old = self.old_layers();
        let more = |policies: &Policies| -> Policies {
            policies.iter().cloned().chain([baseline.clone()]).collect()
        };
        let allowed = Layers {
            identity: old.identity.as_ref().map(more),
            boundary: old.boundary.as_ref().map(more),
            ..Layers::default()
        };
        let allowed = self.algebra.access(&allowed, None);
        let why = "the old role never allowed this, and the baseline does not name it";
        self.each_in(one, &allowed, why)
            .and_then(|| self.new_in_old_below(one))
    }

    fn new_in_charter(&self, one: &Moving<'_>) -> Proven {
        let charter = one.closure.layers();
        let charter = self.algebra.access(&charter, None);
        self.each_in(one, &charter, "the charter does not declare this")
    }

    fn each_in(&self, one: &Moving<'_>, outer: &Access<'_>, why: &str) -> Proven {
        let mut certificate = Vec::new();
        for role in one.compiled.roles() {
            let layers = layers_of(role);
            let inner = self.algebra.access(&layers, None);
            match holds(outer, &inner, &role.name, why) {
                Proven::Proved { certificate: lines } => certificate.extend(lines),
                open @ (Proven::Refuted { .. } | Proven::Unknown { .. }) => return open,
            }
        }
        Proven::Proved { certificate }
    }

    /// The role that holds a part of the charter holds all of that part: the baseline where the
    /// platform is, the tasks' rights of each account where they are exercised.
    fn charter_in_new(&self, one: &Moving<'_>) -> Proven {
        let why = "the charter declares this, and the new role does not allow it";
        let runtime = &one.compiled.runtime;
        let mut parts = vec![(one.closure.baseline.clone(), runtime)];
        if one.compiled.tasks.is_empty() {
            parts.push((one.closure.declared.clone(), runtime));
        }
        for (account, declared) in &one.closure.declared_in {
            if let Some(role) = one.compiled.tasks.get(account) {
                parts.push((declared.clone(), role));
            }
        }
        let mut certificate = Vec::new();
        for (part, role) in parts {
            if part.statements.is_empty() {
                continue;
            }
            let part = Layers {
                identity: Some([compiled("charter", part)].into()),
                ..Layers::default()
            };
            let layers = layers_of(role);
            let (outer, inner) = (
                self.algebra.access(&layers, None),
                self.algebra.access(&part, None),
            );
            let held = holds(&outer, &inner, &role.name, why);
            match held.and_then(|| self.kept_below(&part, role)) {
                Proven::Proved { certificate: lines } => certificate.extend(lines),
                open @ (Proven::Refuted { .. } | Proven::Unknown { .. }) => return open,
            }
        }
        Proven::Proved { certificate }
    }

    /// What the old role may do, within its boundary; SCPs are left out on both sides, and looked at
    /// where they tell the sides apart.
    pub(crate) fn old_layers(&self) -> Layers {
        Layers {
            scp: None,
            management_account: None,
            ..self.compiled.layers(self.principal())
        }
    }

    /// The lines of the role that are a unit's, or nobody's in particular, and went through.
    pub(crate) fn own_lines(&self, unit: &Unit<'_>) -> Vec<&Used> {
        let is_own = |used: &&Used| {
            let agent = used.agent.as_ref();
            agent.is_none_or(|agent| unit.workloads.iter().any(|it| it.arn == *agent))
        };
        self.lines().into_iter().filter(is_own).collect()
    }

    fn lines(&self) -> Vec<&Used> {
        let usage = self.sources.usage.into_iter();
        let lines = usage.flat_map(|usage| usage.of_role(&self.old.arn));
        lines.filter(|used| used.succeeded()).collect()
    }

    /// What went through and is in no part of a closure.
    pub(crate) fn drift_of(&self, closure: &Closure) -> Vec<Drift> {
        let lines = self.lines().into_iter();
        lines
            .filter(|used| !self.is_declared(closure, used))
            .map(drifted)
            .collect()
    }

    /// What was seen of each unit, and of nobody in particular.
    pub(super) fn observe(
        &self,
        moving: &[Moving<'_>],
        proofs: &mut Vec<Proof>,
        drift: &mut Vec<Drift>,
    ) {
        let lines = self.lines();
        for one in moving {
            let own = self.own_lines(&one.unit);
            let proven = self.observed_in_new(one, &own);
            proofs.push(Proof {
                claim: Claim::ObservedInNew,
                subject: one.unit.name.clone(),
                proven,
            });
        }
        for used in lines {
            let of = |arn: &Arn| {
                moving
                    .iter()
                    .find(|one| one.unit.workloads.iter().any(|it| it.arn == *arn))
            };
            let declared = match used.agent.as_ref().and_then(of) {
                Some(one) => self.is_declared(&one.closure, used),
                None => moving
                    .iter()
                    .any(|one| self.is_declared(&one.closure, used)),
            };
            if !declared {
                drift.push(drifted(used));
            }
        }
    }

    /// Whether some request of the line is declared. What cannot be told counts as declared for the
    /// proof, which then fails to close, and as drift for nobody.
    fn is_declared(&self, closure: &Closure, used: &Used) -> bool {
        let layers = closure.layers();
        let charter = self.algebra.access(&layers, None);
        let region = Region::new([&used.action], [&used.resource]);
        !matches!(charter.find(&region), Find::Nothing)
    }

    fn observed_in_new(&self, one: &Moving<'_>, lines: &[&Used]) -> Proven {
        let Some(usage) = self.sources.usage else {
            return if one.unit.is_declared {
                // Whatever was observed: what of it is declared is in the charter.
                self.charter_in_new(one)
            } else {
                Proven::unknown("no usage was given, and no charter says what it needs")
            };
        };
        if usage.coverage.is_none() {
            return Proven::unknown(
                "the usage states no coverage: what it does not show may have been done all the same",
            );
        }
        let mut certificate = Vec::new();
        let boundary: Policies = one.closure.layers().identity.unwrap_or_default();
        for used in lines {
            let declared = Layers {
                identity: Some([compiled("observed", observed(used))].into()),
                boundary: Some(boundary.clone()),
                ..Layers::default()
            };
            match self.held_by_one(one, &declared, used) {
                Proven::Proved { certificate: lines } => certificate.extend(lines),
                open @ (Proven::Refuted { .. } | Proven::Unknown { .. }) => return open,
            }
        }
        Proven::Proved { certificate }
    }

    /// Whether one role of the unit holds all of a line of usage that is declared. A line of which
    /// nothing is declared is held by any of them.
    fn held_by_one(&self, one: &Moving<'_>, declared: &Layers, used: &Used) -> Proven {
        let declared = self.algebra.access(declared, None);
        let line = format!("{} on {}", used.action, used.resource);
        let why = format!("{line} was observed and is declared, and no new role allows it");
        let mut open: Option<Proven> = None;
        for role in one.compiled.roles() {
            let layers = layers_of(role);
            let role_access = self.algebra.access(&layers, None);
            match holds(&role_access, &declared, &role.name, &why) {
                Proven::Proved { certificate } if certificate.is_empty() => {
                    return Proven::by_facts([format!("{line}: none of it is declared")]);
                }
                Proven::Proved { certificate } => {
                    let told = certificate.into_iter().map(|it| format!("{line}: {it}"));
                    return Proven::Proved {
                        certificate: told.collect(),
                    };
                }
                // That one role was not told outweighs that another lacks it.
                told @ Proven::Unknown { .. } => open = Some(told),
                told @ Proven::Refuted { .. } => {
                    open.get_or_insert(told);
                }
            }
        }
        open.unwrap_or_else(|| Proven::unknown("no role was made"))
    }

    /// Names that are free, and as many roles as an account may have.
    pub(super) fn limits(&self, moving: &[Moving<'_>]) -> Vec<Proof> {
        let estate = self.sources.estate;
        let mut proofs = Vec::new();
        let mut new_in = std::collections::BTreeMap::new();
        let mut taken = Vec::new();
        for role in moving.iter().flat_map(|one| one.compiled.roles()) {
            *new_in.entry(role.account).or_insert(0_usize) += 1;
            if estate.role_named(role.account, &role.name).is_some() {
                taken.push(format!(
                    "a role named `{}` exists in {} already, and names are unique whatever the path",
                    role.name, role.account
                ));
            }
            let boundary = role.boundary_arn().parse::<Arn>();
            let has = boundary.is_ok_and(|it| matches!(estate.named(&it), Some(Named::Policy(_))));
            if has {
                taken.push(format!("a policy `{}` exists already", role.boundary_arn()));
            }
        }
        for (account, new) in new_in {
            let has = estate
                .roles
                .values()
                .filter(|it| it.account == account)
                .count();
            let more = format!("{MORE_PRINCIPALS} {account}");
            let is_partial = estate
                .incomplete
                .iter()
                .any(|it| it.what.starts_with(&more))
                || estate
                    .accounts
                    .get(&account)
                    .is_none_or(|it| !it.principals_given);
            let count = format!(
                "{account} has {has} roles and gets {new} more; AWS allows {ROLES_MAX} unless asked"
            );
            let proven = if has + new > ROLES_MAX {
                Proven::refuted_by_facts(
                    [count],
                    "the account is full: delete roles, or ask AWS for more",
                )
            } else if is_partial {
                Proven::unknown(format!(
                    "{count}; the snapshot does not list all of the account's roles"
                ))
            } else if !taken.is_empty() {
                Proven::refuted_by_facts(
                    taken.clone(),
                    "rename the agent in its charter, or delete what has the name",
                )
            } else {
                Proven::by_facts([count])
            };
            proofs.push(Proof {
                claim: Claim::WithinLimits,
                subject: account.to_string(),
                proven,
            });
        }
        proofs
    }
}

fn drifted(used: &Used) -> Drift {
    Drift {
        agent: used.agent.as_ref().map(Arn::to_string),
        role: used.role.to_string(),
        action: used.action.clone(),
        resource: used.resource.clone(),
        count: used.count,
        last: used.last.to_string(),
    }
}

/// Whether `outer` holds `inner`, with the certificate in the words of the policies.
pub(crate) fn holds(outer: &Access<'_>, inner: &Access<'_>, role: &str, why: &str) -> Proven {
    let (answer, certificate) = outer.contains_with_certificate(inner);
    let lines = certificate
        .map(|it| it.lines(outer, inner))
        .unwrap_or_default();
    let told = lines.into_iter().map(|line| {
        let held: Vec<String> = line
            .held_by
            .iter()
            .map(|(layer, policy, statement)| format!("{layer} `{policy}` statement {statement}"))
            .collect();
        format!(
            "{role}: `{}` statement {} ({}) is held by {}",
            line.policy,
            line.statement,
            line.actions.join(", "),
            held.join(", ")
        )
    });
    Proven::of(answer, told.collect(), why)
}

/// The layers of a role as it will be.
pub(in crate::plan) fn layers_of(role: &CompiledRole) -> Layers {
    let policies = role
        .policies
        .iter()
        .map(|policy| compiled(&policy.name, policy.document.clone()));
    Layers {
        identity: Some(policies.collect()),
        boundary: Some(
            [compiled(
                &role.boundary.name,
                role.boundary.document.clone(),
            )]
            .into(),
        ),
        ..Layers::default()
    }
}

pub(crate) fn compiled(name: &str, policy: Policy) -> Arc<Compiled> {
    Arc::new(Compiled::new(NamedPolicy {
        name: name.into(),
        policy: Arc::new(policy),
    }))
}

/// What a line of usage shows, as a policy that allows it.
pub(crate) fn observed(used: &Used) -> Policy {
    let action = Spanned::made(ActionPattern(used.action.clone()));
    let resource = Spanned::made(ResourcePattern(used.resource.clone()));
    Policy {
        version: Version::V2012,
        id: None,
        statements: vec![Statement {
            sid: None,
            effect: Effect::Allow,
            principals: None,
            actions: Selection::Only(vec![action]),
            resources: Some(Selection::Only(vec![resource])),
            conditions: Vec::new(),
            span: Span::default(),
        }],
    }
}
