//! Steps to a user or a role that is there already.

use std::ops::ControlFlow;

use bailiwick_estate::{Id, PrincipalId, Role, User};
use bailiwick_iam::layers::LayerKind;

use super::{From, Goal, Tally, Visit};
use crate::escalation::{
    alike::{Alike, Refused, class_and_trust},
    circumstance::Asked,
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
    let alike = alike(from, path);
    let mut refused = Refused::new();
    for &user in users.into_iter().flatten() {
        let principal = PrincipalId::User(user);
        let class = alike.class(principal);
        let to = From::given(path, principal);
        if refused.covers(class.as_ref()) || from.is(principal) || !(goal.wants)(to) {
            continue;
        }
        let tally = from.onto_principal(path, principal);
        let Some(tally) = tally.filter(|it| goal.is_sure_enough(it)) else {
            refused.add(class);
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
    let world = from.world;
    let arn = world.estate.arn(from.rights.holder.principal);
    let alike = alike(from, path);
    let mut refused = Refused::new();
    for role in goal.index.admitting(arn.as_str(), from.rights.account) {
        let principal = PrincipalId::Role(role);
        let to = From::given(path, principal);
        let account = world.estate.roles.at(role).account;
        let kind = class_and_trust(world, &alike, role).map(|it| (it, account));
        let rewrites_fixed = path.rewritten && from.is_fixed(principal);
        let skipped = from.is(principal) || rewrites_fixed || !(goal.wants)(to);
        if refused.covers(kind.as_ref()) || skipped {
            continue;
        }
        match from.assuming(path, role) {
            Some(tally) if goal.is_sure_enough(&tally) => visit(tally.step(path, to))?,
            Some(_) | None if world.is_blind_to_target(role) => refused.add(kind),
            Some(_) | None => {}
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
    let alike = alike(from, path);
    let mut refused = Refused::new();
    for &role in roles.into_iter().flatten() {
        let principal = PrincipalId::Role(role);
        let class = alike.class(principal);
        if refused.covers(class.as_ref()) {
            continue;
        }
        let to = From::given(path, principal);
        if from.is(principal) || from.is_fixed(principal) || !(goal.wants)(to) {
            continue;
        }
        let tally = from.onto_principal(path, principal);
        match tally.filter(|it| goal.is_sure_enough(it)) {
            Some(tally) => visit(tally.step(path, to))?,
            None => refused.add(class),
        }
    }
    ControlFlow::Continue(())
}

/// Principals that the calls of a path cannot tell apart.
fn alike(from: From<'_, '_>, path: &Path) -> Alike {
    let actions = path.needs.iter().map(|need| match need.on {
        On::Target => Some(need.action.as_str()),
        On::Nothing | On::Oneself | On::Group | On::Policy | On::Existing | On::Thing(_) => None,
    });
    Alike::of(from.world, from.rights, actions)
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
