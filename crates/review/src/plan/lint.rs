//! What is wrong with a plan, whoever wrote it: changes out of order, beyond AWS's limits, or
//! without a way back.

use std::{collections::BTreeSet, fmt};

use bailiwick_iam::arn::Arn;
use serde::Serialize;

use super::{Act, Document, Plan, Verdict};

/// Something a plan should not be applied with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// The number of the change, from 1; `None` if it is the plan's.
    pub change: Option<usize>,
    pub subject: String,
    pub what: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.change {
            Some(number) => write!(f, "change {number}, {}: {}", self.subject, self.what),
            None => write!(f, "{}: {}", self.subject, self.what),
        }
    }
}

/// What AWS takes, in characters without white space.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const MANAGED_LENGTH_MAX: usize = 6_144;
const INLINE_LENGTH_MAX: usize = 10_240;
const TRUST_LENGTH_MAX: usize = 2_048;
const CEILING_LENGTH_MAX: usize = 10_240;
const ROLE_NAME_MAX: usize = 64;

/// Looks at every change. A plan without proofs is remarked on: nothing says that it is safe.
#[must_use]
pub fn lint(plan: &Plan) -> Vec<Remark> {
    let mut lint = Lint::default();
    if plan.proofs.is_empty() && !plan.changes.is_empty() {
        lint.remark(None, &plan.subject, "it has changes and no proof");
    }
    for proof in plan.open() {
        let verdict = match proof.proven.verdict() {
            Verdict::Refuted => "refuted",
            Verdict::Unknown | Verdict::Proved => continue,
        };
        let what = format!("`{}` is {verdict}", proof.claim);
        lint.remark(None, &proof.subject, &what);
    }
    for (index, change) in plan.changes.iter().enumerate() {
        lint.change(index + 1, change);
    }
    for pair in plan.changes.windows(2) {
        if let [before, after] = pair
            && before.phase > after.phase
            && before.agent == after.agent
        {
            let what = format!("{:?} comes after {:?}", after.phase, before.phase);
            lint.remark(None, &after.act.subject(), &what.to_lowercase());
        }
    }
    lint.found
}

#[derive(Default)]
struct Lint {
    found: Vec<Remark>,
    created: BTreeSet<String>,
    inline: std::collections::BTreeMap<String, usize>,
}

impl Lint {
    fn remark(&mut self, change: Option<usize>, subject: &str, what: &str) {
        self.found.push(Remark {
            change,
            subject: subject.to_owned(),
            what: what.to_owned(),
        });
    }

    fn change(&mut self, number: usize, change: &super::Change) {
        let subject = change.act.subject();
        if change.inverse.0.subject() != subject {
            self.remark(
                Some(number),
                &subject,
                "what undoes it is about something else",
            );
        }
        match &change.act {
            Act::CreatePolicy { policy, document } => {
                self.created.insert(policy.clone());
                self.fits(number, policy, document, MANAGED_LENGTH_MAX);
            }
            Act::CreateRole {
                role,
                trust,
                boundary,
                ..
            } => {
                self.named(number, role);
                self.fits(number, role, trust, TRUST_LENGTH_MAX);
                match boundary {
                    None => {
                        self.remark(Some(number), role, "a role without a permissions boundary")
                    }
                    Some(_) => {
                        self.created.insert(role.clone());
                    }
                }
            }
            Act::UpdateAssumeRolePolicy { role, document } => {
                self.fits(number, role, document, TRUST_LENGTH_MAX);
            }
            Act::PutRolePolicy { role, document, .. } => {
                let length = self.length(number, role, document);
                let total = self.inline.entry(role.clone()).or_default();
                *total += length;
                if *total > INLINE_LENGTH_MAX {
                    let what = format!(
                        "inline policies of {total} characters, and AWS allows {INLINE_LENGTH_MAX}"
                    );
                    self.remark(Some(number), role, &what);
                }
            }
            Act::CreateCeiling { name, document, .. } => {
                self.fits(number, name, document, CEILING_LENGTH_MAX);
            }
            Act::DeletePolicy { .. }
            | Act::DeleteRole { .. }
            | Act::RestoreRole { .. }
            | Act::DeleteRolePolicy { .. }
            | Act::AttachPolicy { .. }
            | Act::DetachPolicy { .. }
            | Act::AttachBoundary { .. }
            | Act::RemoveBoundary { .. }
            | Act::TagRole { .. }
            | Act::UntagRole { .. }
            | Act::UpdateAgentRole { .. }
            | Act::RevertAgentRole { .. }
            | Act::PrepareAgent { .. }
            | Act::CreateAgentVersion { .. }
            | Act::DeleteAgentVersion { .. }
            | Act::MoveAlias { .. }
            | Act::Verify { .. }
            | Act::PutResourcePolicy { .. }
            | Act::DeleteResourcePolicy { .. }
            | Act::DeleteCeiling { .. }
            | Act::AttachCeiling { .. }
            | Act::DetachCeiling { .. } => {}
        }
    }

    fn named(&mut self, number: usize, role: &str) {
        let Ok(arn) = role.parse::<Arn>() else {
            self.remark(Some(number), role, "no ARN");
            return;
        };
        let length = arn.resource_name().len();
        if length > ROLE_NAME_MAX {
            let what = format!("a name of {length} characters, and AWS allows {ROLE_NAME_MAX}");
            self.remark(Some(number), role, &what);
        }
        if self.created.contains(role) {
            self.remark(Some(number), role, "made twice");
        }
    }

    fn fits(&mut self, number: usize, subject: &str, document: &Document, most: usize) {
        let length = self.length(number, subject, document);
        if length > most {
            let what = format!("a policy of {length} characters, and AWS allows {most}");
            self.remark(Some(number), subject, &what);
        }
    }

    fn length(&mut self, number: usize, subject: &str, document: &Document) -> usize {
        match document.policy() {
            Ok(policy) => policy.to_json().chars().count(),
            Err(error) => {
                self.remark(Some(number), subject, &format!("no policy: {error}"));
                0
            }
        }
    }
}
