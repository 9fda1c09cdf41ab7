//! Steps as commands of the `aws` program, for a person who follows a plan by hand.

use super::plan::named;
use crate::plan::{Act, AgentAt, CeilingKind, Tags};

/// The command that takes a step, or in words what is to be done where there is none.
pub(super) fn of(act: &Act, document: Option<&str>) -> Vec<String> {
    let file = format!("file://{}", document.unwrap_or("plan.json"));
    match act {
        Act::CreatePolicy { policy, .. } => vec![format!(
            "aws iam create-policy {} --policy-document {file}",
            placed("policy", policy)
        )],
        Act::DeletePolicy { policy } => {
            vec![format!("aws iam delete-policy --policy-arn {policy}")]
        }
        Act::CreateRole {
            role,
            max_session_seconds,
            tags,
            boundary,
            ..
        } => {
            let boundary = boundary
                .as_ref()
                .map_or_else(String::new, |arn| format!(" --permissions-boundary {arn}"));
            vec![format!(
                "aws iam create-role {} --assume-role-policy-document {file} --max-session-duration {max_session_seconds}{boundary}{}",
                placed("role", role),
                tagged(tags)
            )]
        }
        Act::DeleteRole { role } => vec![format!("aws iam delete-role {}", role_name(role))],
        Act::RestoreRole { role, .. } => vec![format!(
            "# make {role} again as `detail` in plan.json has it; it gets another unique id"
        )],
        Act::PutRolePolicy { role, name, .. } => vec![format!(
            "aws iam put-role-policy {} --policy-name {} --policy-document {file}",
            role_name(role),
            word(name)
        )],
        Act::DeleteRolePolicy { role, name } => vec![format!(
            "aws iam delete-role-policy {} --policy-name {}",
            role_name(role),
            word(name)
        )],
        Act::AttachPolicy { role, policy } => vec![format!(
            "aws iam attach-role-policy {} --policy-arn {policy}",
            role_name(role)
        )],
        Act::DetachPolicy { role, policy } => vec![format!(
            "aws iam detach-role-policy {} --policy-arn {policy}",
            role_name(role)
        )],
        Act::AttachBoundary { role, policy } => vec![format!(
            "aws iam put-role-permissions-boundary {} --permissions-boundary {policy}",
            role_name(role)
        )],
        Act::RemoveBoundary { role } => vec![format!(
            "aws iam delete-role-permissions-boundary {}",
            role_name(role)
        )],
        Act::UpdateAssumeRolePolicy { role, .. } => vec![format!(
            "aws iam update-assume-role-policy {} --policy-document {file}",
            role_name(role)
        )],
        Act::TagRole { role, tags } => {
            vec![format!(
                "aws iam tag-role {}{}",
                role_name(role),
                tagged(tags)
            )]
        }
        Act::UntagRole { role, keys } => {
            let keys: Vec<String> = keys.iter().map(|key| word(key)).collect();
            vec![format!(
                "aws iam untag-role {} --tag-keys {}",
                role_name(role),
                keys.join(" ")
            )]
        }
        Act::UpdateAgentRole { agent, to, .. } | Act::RevertAgentRole { agent, to, .. } => {
            agent_role(agent, to)
        }
        Act::PrepareAgent { agent } => vec![prepare(agent)],
        Act::CreateAgentVersion { agent, version } => new_version(agent, version),
        Act::DeleteAgentVersion { agent, version } => vec![delete_version(agent, version)],
        Act::MoveAlias {
            agent,
            alias,
            alias_id,
            to,
            ..
        } => vec![move_alias(
            agent,
            alias,
            alias_id.as_deref().unwrap_or(alias),
            to,
        )],
        Act::Verify { agent, role } => vec![format!(
            "# call {} and see in CloudTrail that its calls come from {role}",
            agent.arn
        )],
        Act::PutResourcePolicy { resource, .. } => vec![put_resource_policy(resource, &file)],
        Act::DeleteResourcePolicy { resource } => vec![delete_resource_policy(resource)],
        Act::CreateCeiling { ceiling, name, .. } => vec![format!(
            "aws organizations create-policy --type {} --name {} --description {} --content {file}",
            ceiling.policy_type(),
            word(name),
            word("Made by bailiwick")
        )],
        Act::DeleteCeiling { ceiling, name, .. } => vec![format!(
            "aws organizations delete-policy --policy-id {}",
            policy_id(*ceiling, name)
        )],
        Act::AttachCeiling {
            ceiling,
            name,
            target,
            ..
        } => vec![format!(
            "aws organizations attach-policy --policy-id {} --target-id {target}",
            policy_id(*ceiling, name)
        )],
        Act::DetachCeiling {
            ceiling,
            name,
            target,
            ..
        } => vec![format!(
            "aws organizations detach-policy --policy-id {} --target-id {target}",
            policy_id(*ceiling, name)
        )],
    }
}

fn placed(what: &str, arn: &str) -> String {
    match named(arn) {
        Some((_, path, name)) => format!("--{what}-name {} --path {}", word(&name), word(&path)),
        None => format!("--{what}-name {}", word(arn)),
    }
}

fn role_name(arn: &str) -> String {
    let name = named(arn).map_or_else(|| arn.to_owned(), |(_, _, name)| name);
    format!("--role-name {}", word(&name))
}

fn tagged(tags: &Tags) -> String {
    if tags.is_empty() {
        return String::new();
    }
    let tags: Vec<String> = tags
        .iter()
        .map(|(key, value)| word(&format!("Key={key},Value={value}")))
        .collect();
    format!(" --tags {}", tags.join(" "))
}

/// AWS names a policy of an organisation by an id that only it knows.
fn policy_id(kind: CeilingKind, name: &str) -> String {
    format!(
        "\"$(aws organizations list-policies --filter {} --query \"Policies[?Name=='{name}'].Id\" --output text)\"",
        kind.policy_type()
    )
}

fn id(agent: &AgentAt) -> &str {
    agent.arn.rsplit('/').next().unwrap_or(&agent.arn)
}

// An update replaces the whole configuration, so a command with the role alone would empty the rest.
fn agent_role(agent: &AgentAt, role: &str) -> Vec<String> {
    // A function's configuration is the one that takes a member alone.
    if service(&agent.arn) == "lambda" {
        let name = word(last(&agent.arn, ':'));
        return vec![format!(
            "aws lambda update-function-configuration --function-name {name} --role {role}"
        )];
    }
    let (service, noun, flag, field) = match agent.kind.as_str() {
        "bedrock agent" => ("bedrock-agent", "agent", "agent-id", "agentResourceRoleArn"),
        "flow" => (
            "bedrock-agent",
            "flow",
            "flow-identifier",
            "executionRoleArn",
        ),
        "knowledge base" => (
            "bedrock-agent",
            "knowledge-base",
            "knowledge-base-id",
            "roleArn",
        ),
        "runtime" => (
            "bedrock-agentcore-control",
            "agent-runtime",
            "agent-runtime-id",
            "roleArn",
        ),
        "harness" => (
            "bedrock-agentcore-control",
            "harness",
            "harness-id",
            "executionRoleArn",
        ),
        "gateway" => (
            "bedrock-agentcore-control",
            "gateway",
            "gateway-identifier",
            "roleArn",
        ),
        "memory" => (
            "bedrock-agentcore-control",
            "memory",
            "memory-id",
            "memoryExecutionRoleArn",
        ),
        _ => {
            return vec![format!(
                "# let {} run as {role}, wherever its configuration stands",
                agent.arn
            )];
        }
    };
    vec![
        format!(
            "aws {service} get-{noun} --{flag} {} > {noun}.json",
            id(agent)
        ),
        format!("# in {noun}.json keep what update-{noun} takes, and set {field} to {role}"),
        format!("aws {service} update-{noun} --cli-input-json file://{noun}.json"),
    ]
}

fn prepare(agent: &AgentAt) -> String {
    match agent.kind.as_str() {
        "flow" => format!(
            "aws bedrock-agent prepare-flow --flow-identifier {}",
            id(agent)
        ),
        _ => format!("aws bedrock-agent prepare-agent --agent-id {}", id(agent)),
    }
}

// An agent's version has no call of its own: an alias that is made without a version makes one of the
// draft.
fn new_version(agent: &AgentAt, version: &str) -> Vec<String> {
    let id = id(agent);
    if agent.kind == "flow" {
        return vec![format!(
            "aws bedrock-agent create-flow-version --flow-identifier {id}"
        )];
    }
    vec![
        format!(
            "aws bedrock-agent create-agent-alias --agent-id {id} --agent-alias-name made-version-{version}"
        ),
        format!(
            "# it leads to version {version}, which stays when this alias goes: aws bedrock-agent delete-agent-alias --agent-id {id} --agent-alias-id ID"
        ),
    ]
}

fn delete_version(agent: &AgentAt, version: &str) -> String {
    match agent.kind.as_str() {
        "flow" => format!(
            "aws bedrock-agent delete-flow-version --flow-identifier {} --flow-version {version}",
            id(agent)
        ),
        _ => format!(
            "aws bedrock-agent delete-agent-version --agent-id {} --agent-version {version}",
            id(agent)
        ),
    }
}

fn move_alias(agent: &AgentAt, alias: &str, alias_id: &str, to: &str) -> String {
    let alias = word(alias);
    match agent.kind.as_str() {
        "runtime" => format!(
            "aws bedrock-agentcore-control update-agent-runtime-endpoint --agent-runtime-id {} --endpoint-name {alias} --agent-runtime-version {to}",
            id(agent)
        ),
        "flow" => format!(
            "aws bedrock-agent update-flow-alias --flow-identifier {} --alias-identifier {alias_id} --name {alias} --routing-configuration flowVersion={to}",
            id(agent)
        ),
        _ => format!(
            "aws bedrock-agent update-agent-alias --agent-id {} --agent-alias-id {alias_id} --agent-alias-name {alias} --routing-configuration agentVersion={to}",
            id(agent)
        ),
    }
}

fn put_resource_policy(resource: &str, file: &str) -> String {
    match service(resource) {
        "s3" => format!(
            "aws s3api put-bucket-policy --bucket {} --policy {file}",
            last(resource, ':')
        ),
        "kms" => format!(
            "aws kms put-key-policy --key-id {resource} --policy-name default --policy {file}"
        ),
        "secretsmanager" => format!(
            "aws secretsmanager put-resource-policy --secret-id {resource} --resource-policy {file}"
        ),
        "dynamodb" => {
            format!("aws dynamodb put-resource-policy --resource-arn {resource} --policy {file}")
        }
        "sqs" => format!("# set the Policy attribute of {resource} to {file}"),
        _ => format!("# give {resource} the policy in {file}"),
    }
}

fn delete_resource_policy(resource: &str) -> String {
    match service(resource) {
        "s3" => format!(
            "aws s3api delete-bucket-policy --bucket {}",
            last(resource, ':')
        ),
        "secretsmanager" => {
            format!("aws secretsmanager delete-resource-policy --secret-id {resource}")
        }
        "dynamodb" => format!("aws dynamodb delete-resource-policy --resource-arn {resource}"),
        _ => format!("# take the policy of {resource} away"),
    }
}

fn service(arn: &str) -> &str {
    arn.split(':').nth(2).unwrap_or_default()
}

fn last(text: &str, separator: char) -> &str {
    text.rsplit(separator).next().unwrap_or(text)
}

/// One word of a shell.
fn word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,@+".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
