//! The old role goes: its policies first, last of them first, then the role itself.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Split;
use crate::plan::{Act, Change, Document, Inverse, Phase};

impl Split<'_> {
    pub(super) fn retire(&self) -> Vec<Change> {
        let Some((at, detail)) = self.sources.snapshot.role_detail(&self.old.arn) else {
            return Vec::new();
        };
        let role = self.old.arn.to_string();
        let mut acts = self.policies_away(&BTreeSet::new());
        let mut bare = detail.clone();
        for name in ["AttachedManagedPolicies", "RolePolicyList"] {
            if let Some(list) = bare.get_mut(name) {
                *list = json!([]);
            }
        }
        acts.push((
            Act::DeleteRole { role: role.clone() },
            Act::RestoreRole {
                role,
                detail: bare,
                at,
                max_session_seconds: self.sources.snapshot.session_seconds(&self.old.arn),
            },
        ));
        acts.into_iter()
            .map(|(act, inverse)| Change {
                phase: Phase::Retire,
                agent: None,
                why: "nothing runs as it any more".to_owned(),
                act,
                inverse: Inverse(inverse),
            })
            .collect()
    }

    /// The old role's policies go, the last first so that undoing puts them back in order; inline
    /// ones of these names stay.
    pub(in crate::plan) fn policies_away(&self, but: &BTreeSet<&str>) -> Vec<(Act, Act)> {
        let role = self.old.arn.to_string();
        let mut acts = Vec::new();
        for policy in self.listed("AttachedManagedPolicies").iter().rev() {
            if let Some(policy) = text(policy, "PolicyArn") {
                let (role, policy) = (role.clone(), policy.to_owned());
                acts.push((
                    Act::DetachPolicy {
                        role: role.clone(),
                        policy: policy.clone(),
                    },
                    Act::AttachPolicy { role, policy },
                ));
            }
        }
        for (name, document) in self.held_inline().into_iter().rev() {
            if but.contains(name.as_str()) {
                continue;
            }
            acts.push((
                Act::DeleteRolePolicy {
                    role: role.clone(),
                    name: name.clone(),
                },
                Act::PutRolePolicy {
                    role: role.clone(),
                    name,
                    document,
                },
            ));
        }
        acts
    }

    /// The inline policies that the old role has, as AWS answered.
    pub(in crate::plan) fn held_inline(&self) -> Vec<(String, Document)> {
        let named = |policy: &Value| {
            let name = text(policy, "PolicyName")?.to_owned();
            Some((name, Document(policy.get("PolicyDocument")?.clone())))
        };
        self.listed("RolePolicyList")
            .iter()
            .filter_map(named)
            .collect()
    }

    fn listed(&self, name: &str) -> &[Value] {
        let detail = self.sources.snapshot.role_detail(&self.old.arn);
        let list = detail.and_then(|(_, detail)| detail.get(name)?.as_array());
        list.map_or(&[], Vec::as_slice)
    }
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str()
}
