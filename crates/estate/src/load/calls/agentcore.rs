//! `bedrock-agentcore-control`: runtimes, harnesses, gateways and what serves them.

use bailiwick_iam::arn::Arn;

use super::{
    super::{LoadError, Loader, read::Object},
    Call, Draft, DraftAlias, DraftTool, Handler,
    components::{describe, described, invocation, listed, network, shape_of, uses},
    identities::{credential_providers, identity_part, workload_identities},
    stores,
};
use crate::agent::{ActsAs, AgentKind, Network, PolicyEngine, ToolKind};

pub(super) fn handler(operation: &str) -> Option<Handler> {
    Some(match operation {
        "ListAgentRuntimes" => list_runtimes,
        "GetAgentRuntime" => runtime,
        "ListAgentRuntimeEndpoints" => runtime_endpoints,
        "GetAgentRuntimeEndpoint" => runtime_endpoint,
        "ListGatewayTargets" => gateway_targets,
        "GetGatewayTarget" => gateway_target,
        "GetGateway" => gateway,
        "GetHarness" => harness,
        "GetBrowser"
        | "GetCodeInterpreter"
        | "GetMemory"
        | "GetOnlineEvaluationConfig"
        | "GetCapacityProvider"
        | "GetConsentPortal"
        | "GetPaymentManager"
        | "GetRegistryRecord" => described,
        "ListGateways"
        | "ListHarnesses"
        | "ListBrowsers"
        | "ListCodeInterpreters"
        | "ListMemories"
        | "ListOnlineEvaluationConfigs"
        | "ListCapacityProviders"
        | "ListConsentPortals"
        | "ListPaymentManagers"
        | "ListRegistryRecords" => listed,
        "ListWorkloadIdentities" => workload_identities,
        "ListOauth2CredentialProviders" | "ListApiKeyCredentialProviders" => credential_providers,
        "GetWorkloadIdentity"
        | "GetOauth2CredentialProvider"
        | "GetApiKeyCredentialProvider"
        | "GetTokenVault" => identity_part,
        "GetResourcePolicy" => stores::resource_policy,
        // What they list is told better by the calls above, or is no identity.
        "ListAgentRuntimeVersions"
        | "ListRegistries"
        | "GetRegistry"
        | "ListPolicyEngines"
        | "GetPolicyEngine"
        | "ListPolicies"
        | "ListEvaluators"
        | "GetEvaluator" => |_, _| Ok(()),
        _ => return None,
    })
}

fn list_runtimes(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    for summary in call.response.objects("agentRuntimes")? {
        let id = summary.need_text("agentRuntimeId")?;
        let (name, arn) = (
            summary.text("agentRuntimeName")?,
            summary.arn("agentRuntimeArn")?,
        );
        let version = summary.text("agentRuntimeVersion")?;
        let draft = loader.draft(call, AgentKind::Runtime, id, summary.place());
        draft.name = draft.name.take().or(name);
        draft.arn = draft.arn.take().or(arn);
        draft.latest = draft.latest.take().or(version);
    }
    Ok(())
}

fn runtime(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let runtime = &call.response;
    let id = runtime.need_text("agentRuntimeId")?;
    let version = runtime.text("agentRuntimeVersion")?;
    let asked_for_one_version = call.request.text("agentRuntimeVersion")?.is_some()
        && call.request.field("agentRuntimeArn").is_none();
    let invocation = invocation(runtime, AgentKind::Runtime)?;
    let network = network(runtime)?;
    let workload = runtime.object("workloadIdentityDetails")?;
    let draft = loader.draft(call, AgentKind::Runtime, id, runtime.place());
    if let Some(role) = runtime.arn("roleArn")? {
        draft.roles.insert(version.clone(), role);
    }
    if asked_for_one_version && draft.is_described {
        return Ok(());
    }
    draft.is_described = true;
    draft.place = runtime.place();
    draft.arn = runtime.arn("agentRuntimeArn")?.or(draft.arn.take());
    draft.name = runtime.text("agentRuntimeName")?.or(draft.name.take());
    draft.invocation = invocation;
    draft.network = network;
    draft.workload_identity = match workload {
        Some(details) => details.arn("workloadIdentityArn")?,
        None => None,
    };
    draft.uses.extend(uses(runtime));
    if !asked_for_one_version {
        draft.latest = version;
    }
    Ok(())
}

fn runtime_endpoints(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let id = call.request.need_text("agentRuntimeId")?;
    let draft = loader.draft(call, AgentKind::Runtime, id, call.response.place());
    draft.aliases.get_or_insert_default();
    for endpoint in call.response.objects("runtimeEndpoints")? {
        add_endpoint(draft, &endpoint)?;
    }
    Ok(())
}

fn runtime_endpoint(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let endpoint = &call.response;
    let runtime = endpoint.need_arn("agentRuntimeArn")?;
    let id = runtime.resource_name().to_owned();
    let draft = loader.draft(call, AgentKind::Runtime, id, endpoint.place());
    add_endpoint(draft, endpoint)
}

fn add_endpoint(draft: &mut Draft, endpoint: &Object<'_>) -> Result<(), LoadError> {
    let name = endpoint.need_text("name")?;
    // While it moves, both versions may answer.
    let mut routes_to: Vec<String> = endpoint.text("liveVersion")?.into_iter().collect();
    let target = endpoint.text("targetVersion")?;
    routes_to.extend(target.filter(|target| !routes_to.contains(target)));
    let made = DraftAlias {
        name: name.clone(),
        arn: endpoint.arn("agentRuntimeEndpointArn")?,
        routes_to,
        accepts_invocations: true,
        place: endpoint.place(),
    };
    draft.alias(name, made);
    Ok(())
}

fn gateway(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let Some(shape) = shape_of("GetGateway") else {
        return Ok(());
    };
    let (draft, gateway) = describe(loader, call, shape)?;
    draft.network = Network::None;
    if let Some(engine) = gateway.object("policyEngineConfiguration")? {
        draft.policy_engine = Some(PolicyEngine {
            arn: engine.need_text("arn")?,
            mode: engine.text("mode")?,
        });
    }
    for interceptor in gateway.objects("interceptorConfigurations")? {
        let Some(lambda) = interceptor.at(&["interceptor", "lambda"])? else {
            continue;
        };
        let function = lambda.need_arn("arn")?;
        let tool = DraftTool {
            name: "interceptor".into(),
            kind: Some(ToolKind::Lambda {
                function: function.clone(),
            }),
            is_enabled: true,
            acts_as: ActsAs::Agent,
            place: interceptor.place(),
        };
        draft.tool(None, &format!("interceptor {function}"), tool);
    }
    Ok(())
}

fn gateway_targets(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let id = gateway_id(&call.request.need_text("gatewayIdentifier")?);
    let draft = loader.draft(call, AgentKind::Gateway, id, call.response.place());
    for target in call.response.objects("items")? {
        let target_id = target.need_text("targetId")?;
        let tool = DraftTool {
            name: target.text("name")?.unwrap_or_else(|| target_id.clone()),
            kind: None,
            is_enabled: true,
            acts_as: ActsAs::Unknown,
            place: target.place(),
        };
        draft.tool(None, &target_id, tool);
    }
    Ok(())
}

fn gateway_target(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let target = &call.response;
    let id = match target.arn("gatewayArn")? {
        Some(arn) => arn.resource_name().to_owned(),
        None => gateway_id(&call.request.need_text("gatewayIdentifier")?),
    };
    let target_id = target.need_text("targetId")?;
    let kind = target_kind(target)?;
    let acts_as = credentials(target)?;
    let name = target.text("name")?;
    let draft = loader.draft(call, AgentKind::Gateway, id, target.place());
    let tool = DraftTool {
        name: name.unwrap_or_else(|| target_id.clone()),
        kind: Some(kind),
        is_enabled: true,
        acts_as,
        place: target.place(),
    };
    draft.tool(None, &target_id, tool);
    Ok(())
}

/// A gateway is asked for by its id or its ARN.
fn gateway_id(identifier: &str) -> String {
    identifier
        .rsplit('/')
        .next()
        .unwrap_or(identifier)
        .to_owned()
}

fn target_kind(target: &Object<'_>) -> Result<ToolKind, LoadError> {
    let configuration = target.need("targetConfiguration")?.object()?;
    for protocol in ["mcp", "http"] {
        let Some(protocol) = configuration.object(protocol)? else {
            continue;
        };
        let Some((name, value)) = protocol.into_members().into_iter().next() else {
            continue;
        };
        let object = value.object()?;
        return Ok(match name.as_str() {
            "lambda" => ToolKind::Lambda {
                function: object.need_arn("lambdaArn")?,
            },
            "openApiSchema" => ToolKind::OpenApi,
            "smithyModel" => ToolKind::Smithy,
            "mcpServer" => ToolKind::McpServer {
                endpoint: object.text("endpoint")?.unwrap_or_default(),
            },
            "apiGateway" => ToolKind::ApiGateway {
                api: object.text("restApiId")?,
            },
            "agentcoreRuntime" => ToolKind::Runtime {
                arn: object.need_arn("arn")?,
            },
            _ => ToolKind::Other { what: name },
        });
    }
    let what = configuration.names().collect::<Vec<_>>().join(", ");
    Ok(ToolKind::Other { what })
}

fn credentials(target: &Object<'_>) -> Result<ActsAs, LoadError> {
    let providers = target.objects("credentialProviderConfigurations")?;
    let Some(provider) = providers.first() else {
        return Ok(ActsAs::Nobody);
    };
    let named = |member: &str| -> Result<String, LoadError> {
        let found = provider.at(&["credentialProvider", member])?;
        let arn = found.map(|found| found.text("providerArn")).transpose()?;
        Ok(arn.flatten().unwrap_or_default())
    };
    Ok(match provider.text("credentialProviderType")?.as_deref() {
        Some("GATEWAY_IAM_ROLE") => ActsAs::Agent,
        Some("OAUTH") => ActsAs::OAuth {
            provider: named("oauthCredentialProvider")?,
        },
        Some("API_KEY") => ActsAs::ApiKey {
            provider: named("apiKeyCredentialProvider")?,
        },
        Some("CALLER_IAM_CREDENTIALS" | "JWT_PASSTHROUGH") => ActsAs::Caller,
        Some(_) | None => ActsAs::Unknown,
    })
}

fn harness(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let Some(shape) = shape_of("GetHarness") else {
        return Ok(());
    };
    let (draft, harness) = describe(loader, call, shape)?;
    for model in [
        "bedrockModelConfig",
        "openAiModelConfig",
        "geminiModelConfig",
    ] {
        if let Some(model) = harness.at(&["model", model])? {
            draft.model = model.text("modelId")?;
        }
    }
    if let Some(runtime) = harness.at(&["environment", "agentCoreRuntimeEnvironment"])? {
        draft.network = network(&runtime)?;
        draft.uses.extend(runtime.arn("agentRuntimeArn")?);
    }
    if let Some(memory) = harness.at(&["memory", "agentCoreMemoryConfiguration"])? {
        let arn = memory.need_arn("arn")?;
        let tool = made("memory", ToolKind::Memory { arn }, ActsAs::Agent, &memory);
        draft.tool(None, "memory", tool);
    }
    for (index, tool) in harness.objects("tools")?.iter().enumerate() {
        let (kind, acts_as) = harness_tool(tool)?;
        let name = tool
            .text("name")?
            .unwrap_or_else(|| format!("tool {index}"));
        draft.tool(
            None,
            &format!("{index} {name}"),
            made(&name, kind, acts_as, tool),
        );
    }
    Ok(())
}

fn made(name: &str, kind: ToolKind, acts_as: ActsAs, object: &Object<'_>) -> DraftTool {
    DraftTool {
        name: name.to_owned(),
        kind: Some(kind),
        is_enabled: true,
        acts_as,
        place: object.place(),
    }
}

fn harness_tool(tool: &Object<'_>) -> Result<(ToolKind, ActsAs), LoadError> {
    let configured = |member: &str| tool.at(&["config", member]);
    let arn_of = |member: &str, arn: &str| -> Result<Option<Arn>, LoadError> {
        configured(member)?.map_or(Ok(None), |found| found.arn(arn))
    };
    let what = tool.need_text("type")?;
    Ok(match what.as_str() {
        "remote_mcp" => {
            let url = configured("remoteMcp")?.map(|found| found.text("url"));
            let endpoint = url.transpose()?.flatten().unwrap_or_default();
            (ToolKind::McpServer { endpoint }, ActsAs::Unknown)
        }
        "agentcore_browser" => {
            let arn = arn_of("agentCoreBrowser", "browserArn")?;
            (ToolKind::Browser { arn }, ActsAs::Agent)
        }
        "agentcore_code_interpreter" => {
            let arn = arn_of("agentCoreCodeInterpreter", "codeInterpreterArn")?;
            (ToolKind::CodeInterpreter { arn }, ActsAs::Agent)
        }
        "agentcore_gateway" => match arn_of("agentCoreGateway", "gatewayArn")? {
            Some(arn) => (ToolKind::Gateway { arn }, ActsAs::Agent),
            None => (ToolKind::Other { what }, ActsAs::Agent),
        },
        "inline_function" => (ToolKind::InlineFunction, ActsAs::Caller),
        _ => (ToolKind::Other { what }, ActsAs::Unknown),
    })
}
