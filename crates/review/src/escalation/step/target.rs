//! Steps to a user or a role that is there already.

use std::{collections::BTreeSet, ops::ControlFlow};

use bailiwick_estate::{Id, PrincipalId, Role, User};
use bailiwick_iam::layers::LayerKind;

use super::{From, Goal, Tally, Visit};
use crate::escalation::{
    circumstance::Asked,
    glob,
    path::{On, Path, UserState},
    question::Answer,
    scenario::REGION,
    world::Call,
};

const ASSUME: &str = "sts:AssumeRole";

/// A user of the caller's account, by credentials of the caller's making.
pub(crate) fn user(
    from: From<'_, '_>,
    path: &'static Path,
    goal: &Goal<'_, '_>,
    visit: Visit<'_>,
) -> ControlFlow<()> {
    let users = goal.index.users.get(&from.rights.account);
    let mut refused = Refused::of(from, path);
    for &user in users.into_iter().flatten() {
        let principal = PrincipalId::User(user);
        let to = From::given(path, principal);
        let skipped = from.is(principal) || !(goal.wants)(to);
        if skipped || refused.covers(from, principal) {
            continue;
        }
        let Some(tally) = from.onto_principal(path, principal) else {
            refused.add(from, principal);
            continue;
        };
        let Some(tally) = from.with_credentials(path, user, tally) else {
            continue;
        };
        if goal.is_sure_enough(&tally) {
            visit(tally.step(path, to))?;
        }
    }
    ControlFlow::Continue(())
}

/// A role of any account that admits the caller.
pub(crate) fn assumed_role(
    from: From<'_, '_>,
    path: &'static Path,
    goal: &Goal<'_, '_>,
    visit: Visit<'_>,
) -> ControlFlow<()> {
    let arn = from.world.estate.arn(from.rights.holder.principal);
    for role in goal.index.admitting(arn.as_str(), from.rights.account) {
        let principal = PrincipalId::Role(role);
        let to = From::given(path, principal);
        let rewrites_fixed = path.rewritten && from.is_fixed(principal);
        if from.is(principal) || rewrites_fixed || !(goal.wants)(to) {
            continue;
        }
        let Some(tally) = from.assuming(path, role) else {
            continue;
        };
        if goal.is_sure_enough(&tally) {
            visit(tally.step(path, to))?;
        }
    }
    ControlFlow::Continue(())
}

/// A role of the caller's account that is made to trust the caller.
pub(crate) fn trusting_role(
    from: From<'_, '_>,
    path: &'static Path,
    goal: &Goal<'_, '_>,
    visit: Visit<'_>,
) -> ControlFlow<()> {
    let roles = goal.index.roles.get(&from.rights.account);
    let mut refused = Refused::of(from, path);
    for &role in roles.into_iter().flatten() {
        let principal = PrincipalId::Role(role);
        let to = From::given(path, principal);
        let skipped = from.is(principal) || from.is_fixed(principal) || !(goal.wants)(to);
        if skipped || refused.covers(from, principal) {
            continue;
        }
        let Some(tally) = from.onto_principal(path, principal) else {
            refused.add(from, principal);
            continue;
        };
        if goal.is_sure_enough(&tally) {
            visit(tally.step(path, to))?;
        }
    }
    ControlFlow::Continue(())
}

/// Targets that a path was refused for, by what tells them apart: the resource patterns of the
/// caller's policies. Thousands of roles are told apart by a handful of patterns, so that most need
/// not be asked about.
struct Refused<'r> {
    /// `None`: something else than patterns tells targets apart.
    patterns: Option<Vec<&'r str>>,
    known: BTreeSet<Vec<bool>>,
}

impl<'r> Refused<'r> {
    fn of(from: From<'r, '_>, path: &Path) -> Self {
        let mut patterns = Some(Vec::new());
        for need in &path.needs {
            let telling = match need.on {
                On::Target => from.world.telling_patterns(from.rights, &need.action),
                On::Nothing
                | On::Oneself
                | On::Group
                | On::Policy
                | On::Existing
                | On::Thing(_) => None,
            };
            patterns = patterns.zip(telling).map(|(mut all, more)| {
                all.extend(more);
                all
            });
        }
        Self {
            patterns,
            known: BTreeSet::new(),
        }
    }

    fn covers(&self, from: From<'_, '_>, target: PrincipalId) -> bool {
        let likeness = self.likeness(from, target);
        likeness.is_some_and(|likeness| self.known.contains(&likeness))
    }

    fn add(&mut self, from: From<'_, '_>, target: PrincipalId) {
        self.known.extend(self.likeness(from, target));
    }

    fn likeness(&self, from: From<'_, '_>, target: PrincipalId) -> Option<Vec<bool>> {
        let arn = from.world.estate.arn(target).as_str();
        let patterns = self.patterns.as_ref()?.iter();
        Some(patterns.map(|it| glob::matches_exactly(it, arn)).collect())
    }
}

impl From<'_, '_> {
    /// What a path assumes of a user's credentials; `None` if they are known to be otherwise.
    fn with_credentials(self, path: &Path, user: Id<User>, mut tally: Tally) -> Option<Tally> {
        let user = self.world.estate.users.at(user);
        let keys = user.access_keys.as_ref().map(Vec::len);
        match (path.user, keys) {
            (Some(UserState::RoomForAKey), Some(2..)) => return None,
            (Some(UserState::RoomForAKey), None) => {
                tally.assume(format!("{} has at most one access key", user.arn));
            }
            (Some(UserState::KeysToSpare), Some(0 | 1)) => return None,
            (Some(UserState::Password), _) => tally.assume(format!("{} has a password", user.arn)),
            (Some(UserState::NoPassword), _) => {
                tally.assume(format!("{} has no password yet", user.arn));
            }
            (Some(UserState::RoomForAKey), Some(_))
            | (Some(UserState::KeysToSpare), _)
            | (None, _) => {}
        }
        Some(tally)
    }

    /// A path over a role that admits the caller.
    ///
    /// A path that needs `sts:AssumeRole` needs it of the caller's own policies; without that, the
    /// trust policy must name the caller itself, and the role be in its account.
    fn assuming(self, path: &Path, role: Id<Role>) -> Option<Tally> {
        let by_permission = path.needs.iter().any(|need| need.action == ASSUME);
        let world = self.world;
        let target = world.estate.roles.at(role);
        let abroad = target.account != self.rights.account;
        if path.rewritten && abroad {
            return None;
        }
        let permitted = world.may(self.rights, ASSUME, target.arn.as_str());
        if by_permission && !permitted {
            return None;
        }
        let mut tally = Tally::default();
        for need in path.needs.iter().filter(|need| need.action != ASSUME) {
            if need.on == On::Policy {
                tally = tally.join(&self.onto_policies(path, PrincipalId::Role(role))?);
            } else {
                tally.add(self.ask_about(need, PrincipalId::Role(role)))?;
            }
        }
        let layers = world
            .compiled
            .at_resource(self.rights.layers.clone(), &target.arn);
        let call = Call {
            action: ASSUME,
            resource: target.arn.as_str(),
            region: REGION,
            asked: Asked::Tagged(&target.tags),
            fixed: &[],
        };
        let answer = world.ask_with(self.rights, &layers, Some(target.trust), call);
        if let Answer::Yes(proof) = &answer {
            let mut statements = proof.statements.iter();
            let by_identity = statements.any(|it| it.layer == LayerKind::Identity);
            if by_identity != by_permission {
                return None;
            }
        } else if by_permission != permitted {
            return None;
        }
        tally.add(answer)?;
        Some(tally)
    }
}
