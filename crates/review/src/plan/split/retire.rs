//! The old role goes: its policies first, last of them first, then the role itself.

use serde_json::{Value, json};

use super::Split;
use crate::plan::{Act, Change, Document, Inverse, Phase};

impl Split<'_> {
    pub(super) fn retire(&self) -> Vec<Change> {
        let Some((at, detail)) = self.sources.snapshot.role_detail(&self.old.arn) else {
            return Vec::new();
        };
        let role = self.old.arn.to_string();
        let list = |name: &str| {
            detail
                .get(name)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        let text =
            |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let mut acts = Vec::new();
        for policy in list("AttachedManagedPolicies").iter().rev() {
            if let Some(policy) = text(policy, "PolicyArn") {
                acts.push((
                    Act::DetachPolicy {
                        role: role.clone(),
                        policy: policy.clone(),
                    },
                    Act::AttachPolicy {
                        role: role.clone(),
                        policy,
                    },
                ));
            }
        }
        for policy in list("RolePolicyList").iter().rev() {
            if let Some(name) = text(policy, "PolicyName") {
                let document = Document(policy.get("PolicyDocument").cloned().unwrap_or_default());
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
        }
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
}
