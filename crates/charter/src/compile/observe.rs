//! What CloudTrail must be told, so that what an agent does can be seen.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_iam::arn::Arn;
use serde::Serialize;

use crate::charter::Charter;

/// One of CloudTrail's advanced event selectors, as `put-event-selectors` takes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Selector {
    pub name: String,
    pub field_selectors: Vec<FieldSelector>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FieldSelector {
    pub field: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub equals: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub starts_with: Vec<String>,
}

/// The type under which CloudTrail files the data events of a resource. What is not here is a
/// management event, which trails log unasked.
fn event_type(service: &str, resource: &str) -> Option<&'static str> {
    let kind = resource.split(['/', ':']).next().unwrap_or_default();
    match (service, kind) {
        ("s3", _) if resource.contains('/') => Some("AWS::S3::Object"),
        ("dynamodb", "table") => Some("AWS::DynamoDB::Table"),
        ("lambda", "function") => Some("AWS::Lambda::Function"),
        ("sqs", _) => Some("AWS::SQS::Queue"),
        ("sns", _) => Some("AWS::SNS::Topic"),
        ("bedrock", "agent" | "agent-alias") => Some("AWS::Bedrock::AgentAlias"),
        ("bedrock", "flow") => Some("AWS::Bedrock::FlowAlias"),
        ("bedrock", "knowledge-base") => Some("AWS::Bedrock::KnowledgeBase"),
        ("bedrock", "guardrail") => Some("AWS::Bedrock::Guardrail"),
        ("bedrock-agentcore", "runtime") => Some("AWS::BedrockAgentCore::Runtime"),
        ("bedrock-agentcore", "gateway") => Some("AWS::BedrockAgentCore::Gateway"),
        ("bedrock-agentcore", "memory") => Some("AWS::BedrockAgentCore::Memory"),
        ("bedrock-agentcore", "browser-custom") => Some("AWS::BedrockAgentCore::BrowserCustom"),
        ("bedrock-agentcore", "code-interpreter-custom") => {
            Some("AWS::BedrockAgentCore::CodeInterpreterCustom")
        }
        _ => None,
    }
}

pub(crate) fn selectors(charter: &Charter, workloads: &[Arn]) -> Vec<Selector> {
    let mut prefixes: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for workload in workloads {
        let Some(kind) = event_type(workload.service(), workload.resource()) else {
            continue;
        };
        let arn = workload.as_str().replacen(":agent/", ":agent-alias/", 1);
        prefixes.entry(kind).or_default().insert(literal(&arn));
    }
    let reaches = charter.tasks.values().flat_map(|task| task.reaches());
    for resource in reaches.flat_map(|reach| &reach.resources) {
        let widened = resource.widened();
        let tail = widened.splitn(6, ':').nth(5).unwrap_or_default();
        if let Some(kind) = resource
            .service()
            .and_then(|service| event_type(service, tail))
        {
            prefixes.entry(kind).or_default().insert(literal(&widened));
        }
    }
    let management = Selector {
        name: "Management events".to_owned(),
        field_selectors: vec![equals("eventCategory", "Management")],
    };
    let data = prefixes.into_iter().map(|(kind, prefixes)| Selector {
        name: format!("{}: {kind}", charter.agent),
        field_selectors: vec![
            equals("eventCategory", "Data"),
            equals("resources.type", kind),
            FieldSelector {
                field: "resources.ARN".to_owned(),
                equals: Vec::new(),
                starts_with: prefixes.into_iter().collect(),
            },
        ],
    });
    std::iter::once(management).chain(data).collect()
}

fn equals(field: &str, value: &str) -> FieldSelector {
    FieldSelector {
        field: field.to_owned(),
        equals: vec![value.to_owned()],
        starts_with: Vec::new(),
    }
}

/// What an ARN begins with before anything in it is a pattern: selectors know no wildcards.
fn literal(arn: &str) -> String {
    arn.split(['*', '?']).next().unwrap_or_default().to_owned()
}
