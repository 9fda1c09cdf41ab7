//! What the SCPs over the old role and over the new ones let through. They bind all roles alike
//! unless they stand over another account or tell principals apart: an SCP that spares one role by
//! its name denies its heirs, and one that denies it by its name lets them do what it could not.

use std::{collections::BTreeSet, sync::Arc};

use bailiwick_charter::compile::{CompiledRole, Holds};
use bailiwick_iam::{
    access::Access,
    arn::Arn,
    layers::{Layers, Level, Policies},
    policy::Policy,
    request::Principal,
};

use super::{
    Moving, Split,
    proofs::{compiled, holds, layers_of},
};
use crate::{
    compiled::SESSION,
    plan::{Obligation, Proven},
};

/// Tags that the broker gives to its sessions, beside those of the role.
const SESSION_TAGS: [&str; 6] = ["agent", "environment", "grant", "owner", "task", "tenant"];

impl Split<'_> {
    /// Below the ceilings too, the new roles are within the old one and the baseline. `None` where
    /// the ceilings bind both alike, and nothing more is to be shown.
    pub(super) fn new_in_old_below(&self, one: &Moving<'_>) -> Option<Proven> {
        let told_apart: Vec<&CompiledRole> = self.told_apart(one).collect();
        if told_apart.is_empty() {
            return None;
        }
        if let Some(untold) = self.untold(&told_apart) {
            return Some(untold);
        }
        let baseline = compiled("baseline", one.closure.baseline.clone());
        let more = |policies: &Policies| -> Policies {
            policies.iter().cloned().chain([baseline.clone()]).collect()
        };
        let old = self.all_layers();
        let old = Layers {
            identity: old.identity.as_ref().map(more),
            boundary: old.boundary.as_ref().map(more),
            ..old
        };
        let outer = self.old_access(&old);
        let mut certificate = Vec::new();
        for role in told_apart {
            let Some(signer) = signer(role) else { continue };
            let layers = self.below(role, beyond_baseline(role));
            let inner = self.new_access(&layers, &signer, role);
            let why = "an SCP denied this to the old role, and does not deny it to the new one";
            match holds(&outer, &inner, &role.name, why) {
                Proven::Proved { certificate: lines } => certificate.extend(lines),
                open @ (Proven::Refuted { .. } | Proven::Unknown { .. }) => return Some(open),
            }
        }
        Some(Proven::Proved { certificate })
    }

    /// What the old role could do of a part of the charter below its ceilings, the new role can do
    /// below its own. `None` where the ceilings bind both alike.
    pub(super) fn kept_below(&self, part: &Layers, role: &CompiledRole) -> Option<Proven> {
        if !self.tells_apart(role) {
            return None;
        }
        if let Some(untold) = self.untold(&[role]) {
            return Some(untold);
        }
        let signer = signer(role)?;
        let old = self.all_layers();
        // What both allow: the old role's own policies stand where they can only limit.
        let had = Layers {
            identity: part.identity.clone(),
            session: old.identity,
            endpoint: old.boundary,
            scp: old.scp,
            management_account: old.management_account,
            ..Layers::default()
        };
        let inner = self.old_access(&had);
        let layers = self.below(role, layers_of(role));
        let outer = self.new_access(&layers, &signer, role);
        let why = "the charter declares this, an SCP lets the old role do it, and denies it to the new one: name the new role in the SCP as well";
        Some(holds(&outer, &inner, &role.name, why))
    }

    /// SCPs and RCPs that name the old role: no plan for a role rewrites what binds a whole account.
    pub(super) fn ceilings_that_name_it(&self, moving: &[Moving<'_>]) -> Vec<Obligation> {
        let estate = self.sources.estate;
        let roles: Vec<String> = moving
            .iter()
            .flat_map(|one| one.compiled.roles())
            .map(CompiledRole::arn)
            .collect();
        if roles.is_empty() {
            return Vec::new();
        }
        let mut asked = Vec::new();
        for account in estate.accounts.keys() {
            for levels in [estate.scp_levels(*account), estate.rcp_levels(*account)] {
                let bailiwick_estate::Levels::Known(levels) = levels else {
                    continue;
                };
                for document in levels.iter().flat_map(|level| &level.policies) {
                    let Some(policy) = estate.policy(*document) else {
                        continue;
                    };
                    if names(policy, &self.old.arn) {
                        asked.push(Obligation {
                            subject: estate.policies.at(*document).name.to_string(),
                            what: format!("name {} beside {}", roles.join(", "), self.old.arn),
                            why: "it is a ceiling that names the old role, and a plan for one role changes no ceiling of an account".to_owned(),
                        });
                    }
                }
            }
        }
        asked
    }

    /// The roles of a unit that the ceilings do not bind as they bind the old one.
    fn told_apart<'r>(&'r self, one: &'r Moving<'_>) -> impl Iterator<Item = &'r CompiledRole> {
        one.compiled.roles().filter(|role| self.tells_apart(role))
    }

    fn tells_apart(&self, role: &CompiledRole) -> bool {
        if self.is_unlisted(role) {
            return true;
        }
        let (over_old, over_new) = (
            self.compiled.scps(self.old.account),
            self.compiled.scps(role.account),
        );
        let is_bound = over_old.is_some() || over_new.is_some();
        let is_elsewhere = role.account != self.old.account && !same(&over_old, &over_new);
        is_bound && (is_elsewhere || over_old.iter().chain(&over_new).any(asks_who))
    }

    /// Whether the organisation says nothing of the account in which a role will be.
    fn is_unlisted(&self, role: &CompiledRole) -> bool {
        let estate = self.sources.estate;
        estate.organization.is_some() && !estate.accounts.contains_key(&role.account)
    }

    /// AWS gives a role its id when it is made, so what asks for the id cannot be told before; nor
    /// which SCPs bind an account that the snapshot does not know.
    fn untold(&self, roles: &[&CompiledRole]) -> Option<Proven> {
        if let Some(role) = roles.iter().find(|role| self.is_unlisted(role)) {
            return Some(Proven::unknown(format!(
                "the organisation does not list {}, so which SCPs bind {} is not known",
                role.account, role.name
            )));
        }
        let over = |account| self.compiled.scps(account);
        let accounts = roles.iter().map(|role| role.account);
        let mut levels = accounts.chain([self.old.account]).filter_map(over);
        levels.any(|levels| asks_for_ids(&levels)).then(|| {
            Proven::unknown(
                "an SCP looks at aws:userid, and AWS gives the new role its id when it is made",
            )
        })
    }

    fn below(&self, role: &CompiledRole, layers: Layers) -> Layers {
        Layers {
            scp: self.compiled.scps(role.account),
            management_account: self.all_layers().management_account,
            ..layers
        }
    }

    fn old_access<'l>(&'l self, layers: &Layers) -> Access<'l> {
        let access = self.algebra.access(layers, Some(&self.signer()));
        let tags = tags_asked_for(layers).into_iter().map(|(key, tag)| {
            let value = self.old.tags.iter().find(|(name, _)| same_tag(name, &tag));
            (key, value.map(|(_, value)| value.clone()))
        });
        knowing(access, tags)
    }

    fn new_access<'l>(
        &'l self,
        layers: &Layers,
        signer: &Principal,
        role: &CompiledRole,
    ) -> Access<'l> {
        let access = self.algebra.access(layers, Some(signer));
        let is_of_platform = role.kind != bailiwick_charter::compile::RoleKind::Task;
        let fixed = tags_asked_for(layers)
            .into_iter()
            .filter(|(_, tag)| is_of_platform || !SESSION_TAGS.iter().any(|it| same_tag(it, tag)));
        let tags = fixed.map(|(key, tag)| {
            let value = role.tags.iter().find(|(name, _)| same_tag(name, &tag));
            (key, value.map(|(_, value)| value.clone()))
        });
        knowing(access, tags)
    }
}

fn knowing<'a>(
    access: Access<'a>,
    tags: impl Iterator<Item = (String, Option<String>)>,
) -> Access<'a> {
    let tags: Vec<(String, Option<String>)> = tags.collect();
    access.knowing(
        tags.iter()
            .map(|(key, value)| (key.as_str(), value.as_deref())),
    )
}

/// Names of tags are compared without regard to case.
fn same_tag(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

fn signer(role: &CompiledRole) -> Option<Principal> {
    let arn: Arn = role.arn().parse().ok()?;
    Principal::session(&arn, SESSION).ok()
}

/// What a role may do beyond the platform's baseline, within its boundary.
fn beyond_baseline(role: &CompiledRole) -> Layers {
    let beyond = role
        .policies
        .iter()
        .filter(|policy| policy.holds != Holds::Baseline);
    Layers {
        identity: Some(
            beyond
                .map(|policy| compiled(&policy.name, policy.document.clone()))
                .collect(),
        ),
        ..layers_of(role)
    }
}

fn same(one: &Option<Arc<[Level]>>, other: &Option<Arc<[Level]>>) -> bool {
    let texts = |levels: &Option<Arc<[Level]>>| -> Option<Vec<Vec<Option<String>>>> {
        let levels = levels.as_ref()?;
        let level = |level: &Level| {
            let policies = level.policies.iter();
            policies
                .map(|it| it.policy().map(|policy| policy.to_json()))
                .collect()
        };
        Some(levels.iter().map(level).collect())
    };
    let is_readable =
        |levels: &Vec<Vec<Option<String>>>| levels.iter().flatten().all(Option::is_some);
    match (texts(one), texts(other)) {
        (None, None) => true,
        (Some(one), Some(other)) => one == other && is_readable(&one),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// Whether some SCP looks at who asks, or cannot be read.
fn asks_who(levels: &Arc<[Level]>) -> bool {
    let mut policies = levels.iter().flat_map(|level| level.policies.iter());
    policies.any(|policy| {
        policy
            .policy()
            .is_none_or(|policy| keys(policy).any(is_of_principal) || speaks_of_principal(policy))
    })
}

fn asks_for_ids(levels: &Arc<[Level]>) -> bool {
    let mut policies = levels.iter().flat_map(|level| level.policies.iter());
    policies.any(|policy| {
        let text = policy.policy().map(|policy| policy.to_json());
        text.is_some_and(|text| text.to_ascii_lowercase().contains("aws:userid"))
    })
}

/// Keys that are not the same for two roles of one account.
fn is_of_principal(key: &str) -> bool {
    let is_of_all = [
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:principalisawsservice",
    ];
    let key = key.to_ascii_lowercase();
    let is_who = key.starts_with("aws:principal") || key == "aws:userid" || key == "aws:username";
    is_who && !is_of_all.contains(&key.as_str())
}

/// The keys of a policy's conditions.
fn keys(policy: &Policy) -> impl Iterator<Item = &str> {
    let conditions = policy.statements.iter().flat_map(|it| &it.conditions);
    conditions.map(|condition| condition.key.value.as_str())
}

/// Whether who asks stands as a variable in a value or a resource.
fn speaks_of_principal(policy: &Policy) -> bool {
    let text = policy.to_json().to_ascii_lowercase();
    ["${aws:principal", "${aws:userid", "${aws:username"]
        .iter()
        .any(|variable| text.contains(variable))
}

/// The tags of the principal that these ceilings ask for, as keys and as variables: the key, and the
/// name of the tag.
fn tags_asked_for(layers: &Layers) -> Vec<(String, String)> {
    const TAG: &str = "aws:principaltag/";
    let levels = layers.scp.iter().flat_map(|levels| levels.iter());
    let policies = levels
        .flat_map(|level| level.policies.iter())
        .filter_map(|policy| policy.policy());
    let mut tags = BTreeSet::new();
    for policy in policies {
        let lower = keys(policy).map(str::to_ascii_lowercase);
        tags.extend(lower.filter_map(|key| key.strip_prefix(TAG).map(str::to_owned)));
        let text = policy.to_json().to_ascii_lowercase();
        let begin = format!("${{{TAG}");
        let variables = text.split(begin.as_str()).skip(1);
        tags.extend(variables.filter_map(|rest| Some(rest.split(['}', ',']).next()?.to_owned())));
    }
    tags.into_iter()
        .map(|tag| (format!("{TAG}{tag}"), tag))
        .collect()
}

fn names(policy: &Policy, role: &Arn) -> bool {
    policy.to_json().contains(&format!("\"{role}\""))
}
