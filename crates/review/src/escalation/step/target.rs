//! Steps to a user or a role that is there already.

use std::ops::ControlFlow;

use bailiwick_estate::{Id, PrincipalId, Role, User};
use bailiwick_iam::{
    arn::Arn,
    layers::{LayerKind, Layers},
    policy::{Effect, PrincipalPattern, Selection},
    request::Principal,
};

use super::{From, Goal, Step, Tally, Visit};
use crate::escalation::{
    alike::{Alike, Refused, Taken, class_and_trust},
    circumstance::Asked,
    holder::Rights,
    path::{On, Path, UserState},
    question::Answer,
    scenario::REGION,
    world::{Call, World},
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
    let mut taken = Taken::of(goal);
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
        if let Some(sure) = taken.sure(kind.as_ref()) {
            visit(Step::bare(path, to, sure))?;
            continue;
        }
        match from.assuming(path, role) {
            Some(tally) if goal.is_sure_enough(&tally) => {
                taken.add(
                    kind.filter(|_| world.is_blind_to_target(role)),
                    tally.sure(),
                );
                visit(tally.step(path, to))?;
            }
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
    let mut taken = Taken::of(goal);
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
        if let Some(sure) = taken.sure(class.as_ref()) {
            visit(Step::bare(path, to, sure))?;
            continue;
        }
        let tally = from.onto_principal(path, principal);
        match tally.filter(|it| goal.is_sure_enough(it)) {
            Some(tally) => {
                taken.add(class, tally.sure());
                visit(tally.step(path, to))?;
            }
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

    /// The trust policy names sessions of the caller: what it would say to them. Who names a session
    /// is not told, so that it is never a yes.
    fn assuming_as_session(self, role: Id<Role>, layers: &Layers, call: Call<'_>) -> Answer {
        let world = self.world;
        let own = world.estate.arn(self.rights.holder.principal);
        let target = world.estate.roles.at(role);
        for name in sessions_named(world, role, own) {
            let Ok(signer) = Principal::session(own, &name) else {
                continue;
            };
            let rights = Rights {
                signer,
                ..self.rights.clone()
            };
            match world.ask_with(&rights, layers, Some(target.trust), call) {
                Answer::No => {}
                Answer::Yes(_) | Answer::Unknown(_) => {
                    return Answer::Unknown(vec![format!("whether a session is called {name}")]);
                }
            }
        }
        Answer::No
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
        let answer = match world.ask_with(self.rights, &layers, Some(target.trust), call) {
            Answer::No => self.assuming_as_session(role, &layers, call),
            told => told,
        };
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

/// The names of a principal's sessions that the trust policy of a role names.
fn sessions_named(world: &World<'_>, role: Id<Role>, principal: &Arn) -> Vec<String> {
    let trust = world.estate.policy(world.estate.roles.at(role).trust);
    let statements = trust.into_iter().flat_map(|it| &it.statements);
    let principals = statements
        .filter(|it| it.effect == Effect::Allow)
        .filter_map(|it| it.principals.as_ref());
    let named = principals.flat_map(|it| match it {
        Selection::Only(patterns) => patterns.as_slice(),
        Selection::AllBut(_) => &[],
    });
    let sessions = named.filter_map(|it| match &it.value {
        PrincipalPattern::Aws(name) => session_name(name, principal),
        PrincipalPattern::Everyone
        | PrincipalPattern::Account(_)
        | PrincipalPattern::Service(_)
        | PrincipalPattern::Federated(_)
        | PrincipalPattern::CanonicalUser(_) => None,
    });
    sessions.collect()
}

/// `S` of `arn:aws:sts::111122223333:assumed-role/R/S`, if it is a session of the role `R`.
fn session_name(text: &str, role: &Arn) -> Option<String> {
    let session: Arn = text.parse().ok()?;
    let named = session.resource().strip_prefix("assumed-role/")?;
    let (name, session_name) = named.split_once('/')?;
    let same = session.service() == "sts"
        && session.account_id() == role.account_id()
        && role.resource_kind() == "role"
        && role.resource_name() == name;
    same.then(|| session_name.to_owned())
}
