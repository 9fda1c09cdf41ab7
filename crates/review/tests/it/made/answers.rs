//! What AWS answers of agents of each kind that run as one role.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Agent, HOME};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    BedrockAgent,
    Flow,
    KnowledgeBase,
    Runtime,
    Harness,
    Gateway,
    Memory,
    Function,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::BedrockAgent,
        Self::Flow,
        Self::KnowledgeBase,
        Self::Runtime,
        Self::Harness,
        Self::Gateway,
        Self::Memory,
        Self::Function,
    ];

    fn service(self) -> &'static str {
        match self {
            Self::BedrockAgent | Self::Flow | Self::KnowledgeBase => "bedrock.amazonaws.com",
            Self::Runtime | Self::Harness | Self::Gateway | Self::Memory => {
                "bedrock-agentcore.amazonaws.com"
            }
            Self::Function => "lambda.amazonaws.com",
        }
    }
}

pub(super) fn services(agents: &[Agent]) -> BTreeSet<&'static str> {
    agents.iter().map(|agent| agent.kind.service()).collect()
}

fn id(agent: &Agent) -> String {
    let number = agent.number;
    match agent.kind {
        Kind::BedrockAgent => format!("AGENT{number:05}"),
        Kind::Flow => format!("FLOW{number:06}"),
        Kind::KnowledgeBase => format!("KBASE{number:05}"),
        Kind::Runtime => format!("runtime_{number}-AbCdEf1234"),
        Kind::Harness => format!("harness_{number}-AbCdEf1234"),
        Kind::Gateway => format!("gateway-{number}-abcdef1234"),
        Kind::Memory => format!("memory_{number}-AbCdEf1234"),
        Kind::Function => format!("function-{number}"),
    }
}

pub(super) fn arn(agent: &Agent) -> String {
    let id = id(agent);
    let (service, resource) = match agent.kind {
        Kind::BedrockAgent => ("bedrock", format!("agent/{id}")),
        Kind::Flow => ("bedrock", format!("flow/{id}")),
        Kind::KnowledgeBase => ("bedrock", format!("knowledge-base/{id}")),
        Kind::Runtime => ("bedrock-agentcore", format!("runtime/{id}")),
        Kind::Harness => ("bedrock-agentcore", format!("harness/{id}")),
        Kind::Gateway => ("bedrock-agentcore", format!("gateway/{id}")),
        Kind::Memory => ("bedrock-agentcore", format!("memory/{id}")),
        Kind::Function => ("lambda", format!("function:{id}")),
    };
    format!("arn:aws:{service}:us-east-1:{HOME}:{resource}")
}

/// The answers of the services, as a snapshot folder has them.
pub(super) fn files(agents: &[Agent], role: &str) -> Vec<(String, Value)> {
    let of = |kinds: &[Kind]| -> Vec<&Agent> {
        agents
            .iter()
            .filter(|it| kinds.contains(&it.kind))
            .collect()
    };
    let bedrock = of(&[Kind::BedrockAgent, Kind::Flow, Kind::KnowledgeBase]);
    let agentcore = of(&[Kind::Runtime, Kind::Harness, Kind::Gateway, Kind::Memory]);
    let functions = of(&[Kind::Function]);
    let calls = |agents: &[&Agent]| -> Vec<Value> {
        agents.iter().flat_map(|agent| calls(agent, role)).collect()
    };
    let folder = format!("accounts/{HOME}/us-east-1");
    let mut files = Vec::new();
    if !bedrock.is_empty() {
        files.push((
            format!("{folder}/bedrock-agent.json"),
            json!({"calls": calls(&bedrock)}),
        ));
    }
    if !agentcore.is_empty() {
        let mut all = vec![list_of_runtimes(&agentcore)];
        all.extend(calls(&agentcore));
        files.push((
            format!("{folder}/bedrock-agentcore-control.json"),
            json!({"calls": all}),
        ));
    }
    if !functions.is_empty() {
        let listed: Vec<Value> = functions
            .iter()
            .map(|agent| function(agent, role))
            .collect();
        let list =
            json!({"operation": "ListFunctions", "request": {}, "response": {"Functions": listed}});
        let tags = functions.iter().map(|agent| {
            json!({"operation": "ListTags", "request": {"Resource": arn(agent)},
                "response": {"Tags": {"agent": id(agent), "environment": "prod"}}})
        });
        let calls: Vec<Value> = std::iter::once(list).chain(tags).collect();
        files.push((format!("{folder}/lambda.json"), json!({"calls": calls})));
    }
    files
}

fn function(agent: &Agent, role: &str) -> Value {
    json!({"FunctionName": id(agent), "FunctionArn": arn(agent), "Role": role, "Runtime": "python3.13"})
}

fn list_of_runtimes(agents: &[&Agent]) -> Value {
    let runtimes = agents.iter().filter(|agent| agent.kind == Kind::Runtime);
    let listed: Vec<Value> = runtimes
        .map(|agent| {
            json!({"agentRuntimeArn": arn(agent), "agentRuntimeId": id(agent), "agentRuntimeName": name(agent),
                "agentRuntimeVersion": latest(agent).to_string(), "status": "READY"})
        })
        .collect();
    json!({"operation": "ListAgentRuntimes", "request": {}, "response": {"agentRuntimes": listed}})
}

fn name(agent: &Agent) -> String {
    format!("found_{}", agent.number)
}

/// A runtime has one version at least.
fn latest(agent: &Agent) -> usize {
    agent.versions.max(1)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a test hands over what it has just made"
)]
fn call(operation: &str, request: Value, response: Value) -> Value {
    json!({"operation": operation, "request": request, "response": response})
}

fn calls(agent: &Agent, role: &str) -> Vec<Value> {
    let (id, arn, name) = (id(agent), arn(agent), name(agent));
    match agent.kind {
        Kind::BedrockAgent => bedrock_agent(agent, role),
        Kind::Flow => flow(agent, role),
        Kind::KnowledgeBase => vec![call(
            "GetKnowledgeBase",
            json!({"knowledgeBaseId": id}),
            json!({"knowledgeBase": {"knowledgeBaseId": id, "knowledgeBaseArn": arn, "name": name,
                "roleArn": role, "status": "ACTIVE", "knowledgeBaseConfiguration": {"type": "VECTOR",
                "vectorKnowledgeBaseConfiguration": {"embeddingModelArn":
                    "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0"}}}}),
        )],
        Kind::Runtime => runtime(agent, role),
        Kind::Harness => vec![call(
            "GetHarness",
            json!({"harnessId": id}),
            json!({"harness": {"harnessId": id, "arn": arn, "harnessName": name, "executionRoleArn": role,
                "status": "READY"}}),
        )],
        Kind::Gateway => vec![call(
            "GetGateway",
            json!({"gatewayIdentifier": id}),
            json!({"gatewayId": id, "gatewayArn": arn, "name": name, "roleArn": role, "status": "READY",
                "authorizerType": "AWS_IAM", "protocolType": "MCP"}),
        )],
        Kind::Memory => vec![call(
            "GetMemory",
            json!({"memoryId": id}),
            json!({"memory": {"id": id, "arn": arn, "name": name, "memoryExecutionRoleArn": role,
                "status": "ACTIVE"}}),
        )],
        Kind::Function => Vec::new(),
    }
}

fn bedrock_agent(agent: &Agent, role: &str) -> Vec<Value> {
    let (id, arn, name) = (id(agent), arn(agent), name(agent));
    let described = |version: &str, member: &str| {
        json!({"agentId": id, "agentArn": arn, "agentName": name, member: version, "agentStatus": "PREPARED",
            "foundationModel": "anthropic.claude-v1", "agentResourceRoleArn": role})
    };
    let mut calls = vec![call(
        "GetAgent",
        json!({"agentId": id}),
        json!({"agent": described("DRAFT", "agentVersion")}),
    )];
    let mut listed = vec![json!({"agentVersion": "DRAFT", "agentName": name})];
    for version in 1..=agent.versions {
        let version = version.to_string();
        listed.push(json!({"agentVersion": version, "agentName": name}));
        calls.push(call(
            "GetAgentVersion",
            json!({"agentId": id, "agentVersion": version}),
            json!({"agentVersion": described(&version, "version")}),
        ));
    }
    calls.push(call(
        "ListAgentVersions",
        json!({"agentId": id}),
        json!({"agentVersionSummaries": listed}),
    ));
    let mut aliases = vec![
        json!({"agentAliasId": "TSTALIASID", "agentAliasName": "AgentTestAlias",
        "routingConfiguration": [{"agentVersion": "DRAFT"}]}),
    ];
    if agent.versions > 0 {
        aliases.push(
            json!({"agentAliasId": format!("LIVE{:06}", agent.number), "agentAliasName": "live",
            "routingConfiguration": [{"agentVersion": agent.versions.to_string()}]}),
        );
    }
    calls.push(call(
        "ListAgentAliases",
        json!({"agentId": id}),
        json!({"agentAliasSummaries": aliases}),
    ));
    calls
}

fn flow(agent: &Agent, role: &str) -> Vec<Value> {
    let (id, arn, name) = (id(agent), arn(agent), name(agent));
    let described = |version: &str| {
        json!({"id": id, "arn": arn, "name": name, "version": version, "executionRoleArn": role,
            "status": "Prepared", "definition": {"nodes": [], "connections": []}})
    };
    let mut calls = vec![call(
        "GetFlow",
        json!({"flowIdentifier": id}),
        described("DRAFT"),
    )];
    let mut listed = vec![json!({"id": id, "version": "DRAFT"})];
    for version in 1..=agent.versions {
        let version = version.to_string();
        listed.push(json!({"id": id, "version": version}));
        calls.push(call(
            "GetFlowVersion",
            json!({"flowIdentifier": id, "flowVersion": version}),
            described(&version),
        ));
    }
    calls.push(call(
        "ListFlowVersions",
        json!({"flowIdentifier": id}),
        json!({"flowVersionSummaries": listed}),
    ));
    let mut aliases = Vec::new();
    if agent.versions > 0 {
        aliases.push(
            json!({"id": format!("LIVE{:06}", agent.number), "name": "live", "flowId": id,
            "arn": format!("{arn}/alias/LIVE{:06}", agent.number),
            "routingConfiguration": [{"flowVersion": agent.versions.to_string()}]}),
        );
    }
    calls.push(call(
        "ListFlowAliases",
        json!({"flowIdentifier": id}),
        json!({"flowAliasSummaries": aliases}),
    ));
    calls
}

fn runtime(agent: &Agent, role: &str) -> Vec<Value> {
    let (id, arn, name) = (id(agent), arn(agent), name(agent));
    let described = |version: usize| {
        json!({"agentRuntimeArn": arn, "agentRuntimeId": id, "agentRuntimeName": name,
            "agentRuntimeVersion": version.to_string(), "roleArn": role, "status": "READY",
            "networkConfiguration": {"networkMode": "PUBLIC"}})
    };
    let latest = latest(agent);
    let mut calls = vec![call(
        "GetAgentRuntime",
        json!({"agentRuntimeId": id}),
        described(latest),
    )];
    for version in 1..latest {
        calls.push(call(
            "GetAgentRuntime",
            json!({"agentRuntimeId": id, "agentRuntimeVersion": version.to_string()}),
            described(version),
        ));
    }
    if agent.versions > 0 {
        let endpoint = |name: &str, version: usize| {
            json!({"name": name, "id": name, "agentRuntimeArn": arn, "liveVersion": version.to_string(),
                "targetVersion": version.to_string(),
                "agentRuntimeEndpointArn": format!("{arn}/runtime-endpoint/{name}")})
        };
        let mut endpoints = vec![endpoint("DEFAULT", latest)];
        if agent.versions > 1 {
            endpoints.push(endpoint("stable", latest - 1));
        }
        calls.push(call(
            "ListAgentRuntimeEndpoints",
            json!({"agentRuntimeId": id}),
            json!({"runtimeEndpoints": endpoints}),
        ));
    }
    calls
}
