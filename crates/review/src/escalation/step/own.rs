//! Steps that widen the caller's own rights.

use std::ops::ControlFlow;

use bailiwick_estate::{Group, Id, PolicyDocument, PrincipalId};

use super::{From, Goal, Tally, Visit};
use crate::escalation::{
    holder::{Added, Holder},
    path::{Gives, Need, On, Path},
    question::Answer,
};

/// The policies of AWS's own that make whoever holds them an administrator, at once or by a step.
const ADMINISTRATORS: [&str; 2] = ["policy/AdministratorAccess", "policy/IAMFullAccess"];

/// The caller writes a policy of its own.
pub(crate) fn rewritten(
    from: From<'_, '_>,
    path: &'static Path,
    goal: &Goal<'_, '_>,
    visit: Visit<'_>,
) -> ControlFlow<()> {
    let holder = from.rights.holder;
    let to = holder.with(Added::Anything);
    let already = holder.added == Added::Anything;
    if already || from.is_fixed(holder.principal) || !(goal.wants)(to) {
        return ControlFlow::Continue(());
    }
    let tally = match (path.gives, holder.principal) {
        (Gives::OwnUser, PrincipalId::User(_)) | (Gives::OwnRole, PrincipalId::Role(_)) => {
            from.onto_principal(path, holder.principal)
        }
        (Gives::OwnGroup, PrincipalId::User(user)) => {
            let groups = &from.world.estate.users.at(user).groups;
            groups
                .iter()
                .find_map(|&group| from.onto_group(path, group))
        }
        (Gives::OwnPolicy, _) => from.onto_policies(path, holder.principal),
        _ => None,
    };
    match tally {
        Some(tally) if goal.is_sure_enough(&tally) => visit(tally.step(path, to)),
        Some(_) | None => ControlFlow::Continue(()),
    }
}

/// The caller joins a group.
pub(crate) fn joined(
    from: From<'_, '_>,
    path: &'static Path,
    goal: &Goal<'_, '_>,
    visit: Visit<'_>,
) -> ControlFlow<()> {
    let holder = from.rights.holder;
    let (PrincipalId::User(user), Added::Nothing) = (holder.principal, holder.added) else {
        return ControlFlow::Continue(());
    };
    let user = from.world.estate.users.at(user);
    for (id, group) in from.world.estate.groups.iter() {
        let to = holder.with(Added::Group(id));
        let outside = group.account == user.account && !user.groups.contains(&id);
        let gives_something = !(group.inline.is_empty() && group.attached.is_empty());
        if !outside || !gives_something || !(goal.wants)(to) {
            continue;
        }
        let Some(tally) = from.onto_group(path, id) else {
            continue;
        };
        if goal.is_sure_enough(&tally) {
            visit(tally.step(path, to))?;
        }
    }
    ControlFlow::Continue(())
}

impl From<'_, '_> {
    /// Whether AWS keeps a principal's policies to itself.
    pub(super) fn is_fixed(self, principal: PrincipalId) -> bool {
        match principal {
            PrincipalId::User(_) => false,
            PrincipalId::Role(role) => {
                let role = self.world.estate.roles.at(role);
                role.is_service_linked() || role.path.starts_with("/aws-reserved/")
            }
        }
    }

    /// The needs of a path that are about a principal and its policies.
    pub(super) fn onto_principal(self, path: &Path, principal: PrincipalId) -> Option<Tally> {
        let mut tally = Tally::default();
        for need in &path.needs {
            let answer = match need.on {
                On::Policy => {
                    tally = tally.join(&self.onto_policies(path, principal)?);
                    continue;
                }
                On::Target | On::Oneself => self.ask_about(need, principal),
                On::Nothing | On::Group | On::Existing | On::Thing(_) => Answer::No,
            };
            tally.add(answer)?;
        }
        Some(tally)
    }

    /// A call to IAM about a user or a role.
    pub(super) fn ask_about(self, need: &Need, principal: PrincipalId) -> Answer {
        let estate = self.world.estate;
        let arn = estate.arn(principal);
        let tags = self.world.tags_of(principal);
        let boundary = estate.boundary(principal);
        let boundary = boundary.and_then(|it| estate.policies.at(it).arn.as_ref());
        let boundary = ("iam:PermissionsBoundary", boundary.map(AsRef::as_ref));
        if !need.action.starts_with("iam:Attach") {
            return self.ask_iam(need, arn.as_str(), tags, &[boundary]);
        }
        self.attached(|policy| {
            self.ask_iam(
                need,
                arn.as_str(),
                tags,
                &[boundary, ("iam:PolicyARN", Some(policy))],
            )
        })
    }

    /// Tries the policies that make an administrator, till one may be attached.
    fn attached(self, ask: impl Fn(&str) -> Answer) -> Answer {
        let mut answer = Answer::No;
        for policy in ADMINISTRATORS {
            let arn = format!("arn:{}:iam::aws:{policy}", self.partition());
            match ask(&arn) {
                Answer::Yes(proof) => return Answer::Yes(proof),
                Answer::No => {}
                unknown @ Answer::Unknown(_) => answer = unknown,
            }
        }
        answer
    }

    fn onto_group(self, path: &Path, group: Id<Group>) -> Option<Tally> {
        let arn = self.world.estate.groups.at(group).arn.as_str();
        let mut tally = Tally::default();
        for need in &path.needs {
            let tags = self.world.no_tags();
            let answer = if need.action.starts_with("iam:Attach") {
                self.attached(|policy| {
                    self.ask_iam(need, arn, tags, &[("iam:PolicyARN", Some(policy))])
                })
            } else {
                self.ask_iam(need, arn, tags, &[])
            };
            tally.add(answer)?;
        }
        Some(tally)
    }

    /// The needs of a path that are about a managed policy which the principal holds, for the first
    /// such policy for which they are met.
    pub(super) fn onto_policies(self, path: &Path, principal: PrincipalId) -> Option<Tally> {
        let estate = self.world.estate;
        let held = estate.identity_policies(principal);
        let mut best = None;
        for document in held {
            let Some(tally) = self.onto_policy(path, document) else {
                continue;
            };
            best = super::surer(best, tally);
        }
        best
    }

    fn onto_policy(self, path: &Path, document: Id<PolicyDocument>) -> Option<Tally> {
        let document = self.world.estate.policies.at(document);
        let arn = document.arn.as_ref()?;
        // AWS's own managed policies are in no account, and nobody else can change them. IAM-014
        arn.account_id()?;
        let mut tally = Tally::default();
        for need in path.needs.iter().filter(|need| need.on == On::Policy) {
            tally.add(self.ask_iam(need, arn.as_str(), self.world.no_tags(), &[]))?;
        }
        if path.older_version {
            tally.assume(format!("{arn} has an older version that allows more"));
        }
        Some(tally)
    }

    /// Whose rights a path gives, once what was written is in force.
    pub(super) fn given(path: &Path, principal: PrincipalId) -> Holder {
        let holder = Holder::of(principal);
        if path.rewritten {
            holder.with(Added::Anything)
        } else {
            holder
        }
    }
}
