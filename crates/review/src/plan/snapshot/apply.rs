//! A plan tried on a snapshot: the same answers that AWS would give after it.

use bailiwick_iam::arn::{Arn, ParseArnError};

use super::{Snapshot, SnapshotHash, roles::NewRole};
use crate::plan::{Act, Plan};

/// Why a plan does not fit a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    #[error("the plan was made from the snapshot {made_from}, and this one is {found}")]
    Stale {
        made_from: SnapshotHash,
        found: SnapshotHash,
    },
    #[error("the snapshot has no {what} `{subject}`")]
    Missing { what: &'static str, subject: String },
    #[error("the snapshot has a {what} `{subject}` already")]
    Exists { what: &'static str, subject: String },
    #[error("the role `{role}` holds policies still: AWS deletes no such role")]
    HoldsPolicies { role: String },
    #[error(transparent)]
    Arn(#[from] ParseArnError),
}

pub(super) fn missing(what: &'static str, subject: &str) -> ApplyError {
    ApplyError::Missing {
        what,
        subject: subject.to_owned(),
    }
}

pub(super) fn exists(what: &'static str, subject: &str) -> ApplyError {
    ApplyError::Exists {
        what,
        subject: subject.to_owned(),
    }
}

impl Snapshot {
    /// The snapshot after the plan.
    ///
    /// # Errors
    /// If the plan was made from another snapshot, or a change does not fit this one.
    pub fn apply(&self, plan: &Plan) -> Result<Self, ApplyError> {
        let found = self.hash();
        if found != plan.snapshot {
            return Err(ApplyError::Stale {
                made_from: plan.snapshot.clone(),
                found,
            });
        }
        let mut after = self.clone();
        for change in &plan.changes {
            after.act(&change.act)?;
        }
        Ok(after)
    }

    fn act(&mut self, act: &Act) -> Result<(), ApplyError> {
        match act {
            Act::CreatePolicy { policy, document } => {
                self.create_policy(&policy.parse()?, document)
            }
            Act::DeletePolicy { policy } => self.delete_policy(&policy.parse()?),
            Act::CreateRole {
                role,
                trust,
                max_session_seconds,
                tags,
                boundary,
            } => self.create_role(&NewRole {
                arn: &role.parse()?,
                trust,
                max_session_seconds: *max_session_seconds,
                tags,
                boundary: boundary.as_deref(),
            }),
            Act::DeleteRole { role } => self.delete_role(&role.parse()?),
            Act::RestoreRole {
                role,
                detail,
                at,
                max_session_seconds,
            } => self.restore_role(&role.parse()?, detail, *at, *max_session_seconds),
            Act::PutRolePolicy {
                role,
                name,
                document,
            } => self.put_role_policy(&role.parse()?, name, document),
            Act::DeleteRolePolicy { role, name } => self.delete_role_policy(&role.parse()?, name),
            Act::AttachPolicy { role, policy } => self.attach_policy(&role.parse()?, policy),
            Act::DetachPolicy { role, policy } => self.detach_policy(&role.parse()?, policy),
            Act::AttachBoundary { role, policy } => self.set_boundary(&role.parse()?, Some(policy)),
            Act::RemoveBoundary { role } => self.set_boundary(&role.parse()?, None),
            Act::UpdateAssumeRolePolicy { role, document } => {
                self.set_trust(&role.parse()?, document)
            }
            Act::TagRole { role, tags } => self.tag_role(&role.parse()?, tags),
            Act::UntagRole { role, keys } => self.untag_role(&role.parse()?, keys),
            Act::UpdateAgentRole {
                agent,
                from,
                to,
                version,
            } => self.update_agent(agent, (from, to), version.as_ref()),
            Act::RevertAgentRole {
                agent,
                from,
                to,
                version,
            } => self.revert_agent(agent, (from, to), version.as_ref()),
            Act::CreateAgentVersion { agent, version } => self.create_version(agent, version),
            Act::DeleteAgentVersion { agent, version } => self.delete_version(agent, version),
            Act::MoveAlias {
                agent,
                alias,
                alias_id,
                from,
                to,
            } => self.move_alias(agent, alias_id.as_ref().unwrap_or(alias), (from, to)),
            // AWS's answers are the same after these.
            Act::PrepareAgent { .. } | Act::Verify { .. } => Ok(()),
            Act::PutResourcePolicy { resource, document } => {
                let resource: Arn = resource.parse()?;
                self.set_resource_policy(&resource, Some(document))
            }
            Act::DeleteResourcePolicy { resource } => {
                self.set_resource_policy(&resource.parse()?, None)
            }
            Act::CreateCeiling { .. } | Act::DeleteCeiling { .. } => Ok(()),
            Act::AttachCeiling {
                ceiling,
                name,
                target,
                document,
            } => self.attach_ceiling(*ceiling, name, target, document),
            Act::DetachCeiling {
                ceiling,
                name,
                target,
                document: _,
            } => self.detach_ceiling(*ceiling, name, target),
        }
    }
}
