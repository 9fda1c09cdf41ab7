//! What AWS has fixed, whatever the policies say: no difference between policies lies there.

use std::sync::Arc;

use super::ask::{Label, Layer, Side};
use super::clause::{Clause, action_glob, resource_globs};
use super::glob::Glob;
use super::shelf::Shelf;
use super::text::TextSet;

/// What belongs to AWS and nobody may change.
// IAM-014
pub(crate) fn forbidden() -> Shelf {
    let aliases = ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"];
    let policies = [
        "iam:CreatePolicy",
        "iam:CreatePolicyVersion",
        "iam:DeletePolicy",
        "iam:DeletePolicyVersion",
        "iam:SetDefaultPolicyVersion",
        "iam:TagPolicy",
        "iam:UntagPolicy",
    ];
    let roles = [
        "iam:AttachRolePolicy",
        "iam:CreateRole",
        "iam:DeleteRole",
        "iam:DeleteRolePermissionsBoundary",
        "iam:DeleteRolePolicy",
        "iam:DetachRolePolicy",
        "iam:PutRolePermissionsBoundary",
        "iam:PutRolePolicy",
        "iam:TagRole",
        "iam:UntagRole",
        "iam:UpdateAssumeRolePolicy",
        "iam:UpdateRole",
        "iam:UpdateRoleDescription",
    ];
    Shelf::new(vec![
        plain(&aliases, "*:*:*:*:*:alias/aws/*"),
        plain(&policies, "*:*:*:*:aws:policy/*"),
        plain(&roles, "*:*:*:*:*:role/aws-reserved/*"),
    ])
}

/// What needs no permission and cannot be denied.
// IAM-014
pub(crate) fn free() -> Shelf {
    Shelf::new(vec![plain(&["sts:GetCallerIdentity"], "*")])
}

pub(crate) fn layer(shelf: Shelf, label: u32) -> Layer {
    vec![Side {
        shelf: Arc::new(shelf),
        label: Label(label),
    }]
}

/// Whatever the reading of patterns, these are cut by segments.
fn plain(actions: &[&str], resource: &str) -> Clause {
    let (_, resource) = resource_globs(resource);
    let resources = TextSet::new(false, resource);
    Clause {
        actions: TextSet::new(
            false,
            actions.iter().map(|action| -> Glob { action_glob(action) }),
        ),
        segmented: resources.clone(),
        flat: resources,
        principals: None,
        requirements: Vec::new(),
        statement: 0,
    }
}
