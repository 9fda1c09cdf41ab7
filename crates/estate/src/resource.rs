//! Resources, their policies, and the compute that runs as a role.

use bailiwick_iam::arn::{AccountId, Arn};

use crate::{agent::RoleRef, arena::Id, document::PolicyDocument, principal::Tags, source::Place};

/// Something that is no principal and no agent: a bucket, a key, a function.
#[derive(Debug, Clone)]
pub struct Resource {
    pub arn: Arn,
    /// The CloudFormation type, such as `AWS::S3::Bucket`.
    pub kind: String,
    pub account: Option<AccountId>,
    pub tags: Tags,
    pub policy: ResourcePolicy,
    /// What it runs as. A resource with a role is a compute binding.
    pub role: Option<RoleRef>,
    /// The resources it calls, so far as said.
    pub calls: Vec<Arn>,
    /// Classes of data in it, such as `confidential`.
    pub data: Vec<String>,
    pub place: Place,
}

/// The policy attached to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourcePolicy {
    Attached(Id<PolicyDocument>),
    /// AWS was asked and had none.
    None,
    /// Nobody asked.
    Unknown,
}
