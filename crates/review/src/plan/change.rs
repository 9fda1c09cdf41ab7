//! One change and what undoes it.

use std::collections::BTreeMap;

use bailiwick_iam::policy::{ParsePolicyError, Policy};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub type Tags = BTreeMap<String, String>;

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub phase: Phase,
    /// The agent it is for, by its charter's name or its ARN; `None` for what is shared.
    pub agent: Option<String>,
    pub why: String,
    pub act: Act,
    pub inverse: Inverse,
}

/// What undoes a change, right after it and after all that follows was undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inverse(pub Act);

impl Change {
    /// This change with what undoes it in its place.
    #[must_use]
    pub fn inverted(&self) -> Self {
        Self {
            phase: self.phase,
            agent: self.agent.clone(),
            why: format!("undoes: {}", self.why),
            act: self.inverse.0.clone(),
            inverse: Inverse(self.act.clone()),
        }
    }
}

/// In which part of a cut-over a change stands. Between two parts one may stop, and look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// New roles and policies; nothing uses them yet.
    Create,
    /// Agents move to their new roles, in versions that nothing routes to yet where they have any.
    Update,
    /// Traffic moves.
    Route,
    /// Somebody looks whether all works.
    Verify,
    /// What nothing uses any more goes.
    Retire,
}

/// A policy document as AWS has it, every member kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Document(pub Value);

impl Document {
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        // What the printer wrote is JSON.
        Self(serde_json::from_str(&policy.to_json()).unwrap_or_default())
    }

    /// What it means.
    ///
    /// # Errors
    /// As [`Policy::parse`].
    pub fn policy(&self) -> Result<Policy, ParsePolicyError> {
        match &self.0 {
            Value::String(text) => Policy::parse(text),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => Policy::parse(&self.0.to_string()),
        }
    }
}

/// An agent, of which kind, and where its answers stand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentAt {
    pub arn: String,
    /// In the words of `bailiwick agents`: `runtime`, `bedrock agent`, `flow`, …
    pub kind: String,
}

/// What is done. In AWS's words, and with nothing left to look up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// A managed policy, such as a permissions boundary.
    CreatePolicy {
        policy: String,
        document: Document,
    },
    DeletePolicy {
        policy: String,
    },
    CreateRole {
        role: String,
        trust: Document,
        max_session_seconds: u32,
        tags: Tags,
        boundary: Option<String>,
    },
    /// The role must have no policies left.
    DeleteRole {
        role: String,
    },
    /// A role that was deleted, as it was: with its policies, tags and boundary. In AWS it gets
    /// another unique id.
    RestoreRole {
        role: String,
        detail: Value,
        /// On which page of roles it stood, and where on it.
        at: [usize; 2],
        max_session_seconds: Option<u32>,
    },
    PutRolePolicy {
        role: String,
        name: String,
        document: Document,
    },
    DeleteRolePolicy {
        role: String,
        name: String,
    },
    AttachPolicy {
        role: String,
        policy: String,
    },
    DetachPolicy {
        role: String,
        policy: String,
    },
    AttachBoundary {
        role: String,
        policy: String,
    },
    RemoveBoundary {
        role: String,
    },
    UpdateAssumeRolePolicy {
        role: String,
        document: Document,
    },
    TagRole {
        role: String,
        tags: Tags,
    },
    UntagRole {
        role: String,
        keys: Vec<String>,
    },
    /// The agent's configuration names another role. Where that makes a version by itself (AgentCore
    /// runtimes), `version` is its number.
    UpdateAgentRole {
        agent: AgentAt,
        from: String,
        to: String,
        version: Option<VersionStep>,
    },
    /// The configuration as it was before [`Act::UpdateAgentRole`].
    RevertAgentRole {
        agent: AgentAt,
        from: String,
        to: String,
        version: Option<VersionStep>,
    },
    /// A Bedrock agent or flow makes its draft ready to be versioned.
    PrepareAgent {
        agent: AgentAt,
    },
    /// A version that is the draft as it stands now.
    CreateAgentVersion {
        agent: AgentAt,
        version: String,
    },
    DeleteAgentVersion {
        agent: AgentAt,
        version: String,
    },
    /// An alias (Bedrock agents, flows) or endpoint (runtimes) sends its requests to another
    /// version.
    MoveAlias {
        agent: AgentAt,
        /// By its name.
        alias: String,
        /// By which AWS's call names it; endpoints of runtimes have none beside their name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alias_id: Option<String>,
        from: String,
        to: String,
    },
    /// Nothing is changed: the agent is called, and its calls are seen to come from the role.
    Verify {
        agent: AgentAt,
        role: String,
    },
    PutResourcePolicy {
        resource: String,
        document: Document,
    },
    DeleteResourcePolicy {
        resource: String,
    },
    /// An SCP or RCP, not attached to anything.
    CreateCeiling {
        ceiling: CeilingKind,
        name: String,
        document: Document,
    },
    DeleteCeiling {
        ceiling: CeilingKind,
        name: String,
        document: Document,
    },
    /// To a root, a unit or an account, by id.
    AttachCeiling {
        ceiling: CeilingKind,
        name: String,
        target: String,
        document: Document,
    },
    DetachCeiling {
        ceiling: CeilingKind,
        name: String,
        target: String,
        document: Document,
    },
}

/// The version before and after an update that makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionStep {
    pub from: String,
    pub to: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CeilingKind {
    Scp,
    Rcp,
}

impl CeilingKind {
    /// As AWS's API, CloudFormation and Terraform spell it.
    #[must_use]
    pub const fn policy_type(self) -> &'static str {
        match self {
            Self::Scp => "SERVICE_CONTROL_POLICY",
            Self::Rcp => "RESOURCE_CONTROL_POLICY",
        }
    }
}

impl Act {
    /// AWS's name of the call, or of the step where it is none.
    #[must_use]
    pub fn call(&self) -> &'static str {
        match self {
            Self::CreatePolicy { .. } => "iam:CreatePolicy",
            Self::DeletePolicy { .. } => "iam:DeletePolicy",
            Self::CreateRole { .. } | Self::RestoreRole { .. } => "iam:CreateRole",
            Self::DeleteRole { .. } => "iam:DeleteRole",
            Self::PutRolePolicy { .. } => "iam:PutRolePolicy",
            Self::DeleteRolePolicy { .. } => "iam:DeleteRolePolicy",
            Self::AttachPolicy { .. } => "iam:AttachRolePolicy",
            Self::DetachPolicy { .. } => "iam:DetachRolePolicy",
            Self::AttachBoundary { .. } => "iam:PutRolePermissionsBoundary",
            Self::RemoveBoundary { .. } => "iam:DeleteRolePermissionsBoundary",
            Self::UpdateAssumeRolePolicy { .. } => "iam:UpdateAssumeRolePolicy",
            Self::TagRole { .. } => "iam:TagRole",
            Self::UntagRole { .. } => "iam:UntagRole",
            Self::UpdateAgentRole { agent, .. } | Self::RevertAgentRole { agent, .. } => {
                update_call(agent)
            }
            Self::PrepareAgent { agent } if agent.kind == "flow" => "bedrock:PrepareFlow",
            Self::PrepareAgent { .. } => "bedrock:PrepareAgent",
            Self::CreateAgentVersion { agent, .. } if agent.kind == "flow" => {
                "bedrock:CreateFlowVersion"
            }
            // A Bedrock agent's version is made by making an alias that names none.
            // https://docs.aws.amazon.com/bedrock/latest/userguide/deploy-agent.html
            Self::CreateAgentVersion { .. } => "bedrock:CreateAgentAlias",
            Self::DeleteAgentVersion { agent, .. } if agent.kind == "flow" => {
                "bedrock:DeleteFlowVersion"
            }
            Self::DeleteAgentVersion { .. } => "bedrock:DeleteAgentVersion",
            Self::MoveAlias { agent, .. } => match agent.kind.as_str() {
                "runtime" => "bedrock-agentcore:UpdateAgentRuntimeEndpoint",
                "flow" => "bedrock:UpdateFlowAlias",
                _ => "bedrock:UpdateAgentAlias",
            },
            Self::Verify { .. } => "verify",
            Self::PutResourcePolicy { .. } => "put the resource's policy",
            Self::DeleteResourcePolicy { .. } => "delete the resource's policy",
            Self::CreateCeiling { .. } => "organizations:CreatePolicy",
            Self::DeleteCeiling { .. } => "organizations:DeletePolicy",
            Self::AttachCeiling { .. } => "organizations:AttachPolicy",
            Self::DetachCeiling { .. } => "organizations:DetachPolicy",
        }
    }
}

impl Act {
    /// What it is done to: an ARN, a name, and what of it.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::CreatePolicy { policy, .. } | Self::DeletePolicy { policy } => policy.clone(),
            Self::CreateRole { role, .. }
            | Self::DeleteRole { role }
            | Self::RestoreRole { role, .. }
            | Self::AttachBoundary { role, .. }
            | Self::RemoveBoundary { role }
            | Self::UpdateAssumeRolePolicy { role, .. }
            | Self::TagRole { role, .. }
            | Self::UntagRole { role, .. } => role.clone(),
            Self::PutRolePolicy { role, name, .. } | Self::DeleteRolePolicy { role, name } => {
                format!("{name} of {role}")
            }
            Self::AttachPolicy { role, policy } | Self::DetachPolicy { role, policy } => {
                format!("{policy} of {role}")
            }
            Self::UpdateAgentRole { agent, .. }
            | Self::RevertAgentRole { agent, .. }
            | Self::PrepareAgent { agent }
            | Self::Verify { agent, .. } => agent.arn.clone(),
            Self::CreateAgentVersion { agent, version }
            | Self::DeleteAgentVersion { agent, version } => {
                format!("version {version} of {}", agent.arn)
            }
            Self::MoveAlias { agent, alias, .. } => format!("{alias} of {}", agent.arn),
            Self::PutResourcePolicy { resource, .. } | Self::DeleteResourcePolicy { resource } => {
                resource.clone()
            }
            Self::CreateCeiling { name, .. } | Self::DeleteCeiling { name, .. } => name.clone(),
            Self::AttachCeiling { name, target, .. } | Self::DetachCeiling { name, target, .. } => {
                format!("{name} on {target}")
            }
        }
    }
}

fn update_call(agent: &AgentAt) -> &'static str {
    if agent.arn.split(':').nth(2) == Some("lambda") {
        return "lambda:UpdateFunctionConfiguration";
    }
    match agent.kind.as_str() {
        "bedrock agent" => "bedrock:UpdateAgent",
        "flow" => "bedrock:UpdateFlow",
        "knowledge base" => "bedrock:UpdateKnowledgeBase",
        "runtime" => "bedrock-agentcore:UpdateAgentRuntime",
        "harness" => "bedrock-agentcore:UpdateHarness",
        "gateway" => "bedrock-agentcore:UpdateGateway",
        "memory" => "bedrock-agentcore:UpdateMemory",
        _ => "update what it runs on",
    }
}
