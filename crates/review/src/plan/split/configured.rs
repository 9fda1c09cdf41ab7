//! What an agent's configuration takes of its role.
//!
//! The table of AWS's guides, resource by resource: what a tool is called with, where the agent's
//! own role calls it.

use bailiwick_estate::{Agent, AgentKind, ToolKind, agent::ActsAs};

use crate::site::guardrail;

/// An action on a resource.
pub(super) type Right = (String, String);

/// The rights that the agent's tools, guardrail and files take. Its model is the site's to say.
// https://docs.aws.amazon.com/bedrock/latest/userguide/agents-permissions.html
pub(super) fn rights(agent: &Agent) -> Vec<Right> {
    let mut rights = Vec::new();
    for tool in agent.tools.iter().filter(|tool| tool.enabled) {
        let called_as_agent = matches!(tool.acts_as, ActsAs::Agent);
        for (action, resource) in of_tool(&tool.kind, called_as_agent) {
            rights.push((action.to_owned(), resource));
        }
    }
    if let Some(guardrail) = guardrail(agent) {
        rights.push(("bedrock:ApplyGuardrail".to_owned(), guardrail.to_string()));
    }
    for used in &agent.uses {
        let action = match (used.service(), used.resource_kind()) {
            ("s3", _) if used.resource().contains('/') => "s3:GetObject",
            ("secretsmanager", "secret") => "secretsmanager:GetSecretValue",
            _ => continue,
        };
        rights.push((action.to_owned(), used.to_string()));
    }
    if agent.kind == AgentKind::KnowledgeBase {
        let buckets = agent.uses.iter();
        for bucket in buckets.filter(|arn| arn.service() == "s3" && !arn.resource().contains('/')) {
            rights.push(("s3:ListBucket".to_owned(), bucket.to_string()));
            rights.push(("s3:GetObject".to_owned(), format!("{bucket}/*")));
        }
    }
    rights.sort();
    rights.dedup();
    rights
}

fn of_tool(kind: &ToolKind, called_as_agent: bool) -> Vec<(&'static str, String)> {
    let on = |actions: &[&'static str], resource: &dyn std::fmt::Display| {
        actions
            .iter()
            .map(|action| (*action, resource.to_string()))
            .collect()
    };
    match kind {
        ToolKind::Lambda { function } if called_as_agent => {
            on(&["lambda:InvokeFunction"], function)
        }
        ToolKind::KnowledgeBase { arn: Some(arn), .. } => {
            on(&["bedrock:Retrieve", "bedrock:RetrieveAndGenerate"], arn)
        }
        ToolKind::Collaborator { alias } => {
            on(&["bedrock:GetAgentAlias", "bedrock:InvokeAgent"], alias)
        }
        ToolKind::Runtime { arn } => on(&["bedrock-agentcore:InvokeAgentRuntime"], arn),
        ToolKind::Gateway { arn } => on(&["bedrock-agentcore:InvokeGateway"], arn),
        ToolKind::Memory { arn } => on(
            &[
                "bedrock-agentcore:CreateEvent",
                "bedrock-agentcore:ListEvents",
                "bedrock-agentcore:RetrieveMemoryRecords",
            ],
            arn,
        ),
        ToolKind::Browser { arn: Some(arn) } => on(
            &[
                "bedrock-agentcore:ConnectBrowserAutomationStream",
                "bedrock-agentcore:StartBrowserSession",
                "bedrock-agentcore:StopBrowserSession",
            ],
            arn,
        ),
        ToolKind::CodeInterpreter { arn: Some(arn) } => on(
            &[
                "bedrock-agentcore:InvokeCodeInterpreter",
                "bedrock-agentcore:StartCodeInterpreterSession",
                "bedrock-agentcore:StopCodeInterpreterSession",
            ],
            arn,
        ),
        // Bedrock calls these itself, hands them back to its caller, or they are no AWS calls.
        _ => Vec::new(),
    }
}
