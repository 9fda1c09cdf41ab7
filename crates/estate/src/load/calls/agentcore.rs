//! `bedrock-agentcore-control`: runtimes, harnesses, gateways and what serves them.

use bailiwick_iam::arn::Arn;

use super::{
    super::{LoadError, Loader, read::Object},
    Call, Draft, DraftAlias, DraftTool, Handler, arns_in, stores,
};
use crate::agent::{ActsAs, AgentKind, Invocation, Network, PolicyEngine, ToolKind};

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

/// How one kind of component is written in its answers.
struct Shape {
    kind: AgentKind,
    list: &'static str,
    /// The member around a description, or empty if it stands bare.
    around: &'static str,
    id: &'static str,
    arn: &'static str,
    name: &'static str,
    role: &'static str,
}

const SHAPES: [(&str, Shape); 10] = [
    (
        "Gateway",
        shape(
            AgentKind::Gateway,
            "items",
            "",
            "gatewayId",
            "gatewayArn",
            "name",
            "roleArn",
        ),
    ),
    (
        "Harness",
        shape(
            AgentKind::Harness,
            "harnesses",
            "harness",
            "harnessId",
            "arn",
            "harnessName",
            "executionRoleArn",
        ),
    ),
    (
        "Browser",
        shape(
            AgentKind::Browser,
            "browserSummaries",
            "",
            "browserId",
            "browserArn",
            "name",
            "executionRoleArn",
        ),
    ),
    (
        "CodeInterpreter",
        shape(
            AgentKind::CodeInterpreter,
            "codeInterpreterSummaries",
            "",
            "codeInterpreterId",
            "codeInterpreterArn",
            "name",
            "executionRoleArn",
        ),
    ),
    (
        "Memor",
        shape(
            AgentKind::Memory,
            "memories",
            "memory",
            "id",
            "arn",
            "name",
            "memoryExecutionRoleArn",
        ),
    ),
    (
        "OnlineEvaluationConfig",
        shape(
            AgentKind::OnlineEvaluation,
            "onlineEvaluationConfigs",
            "",
            "onlineEvaluationConfigId",
            "onlineEvaluationConfigArn",
            "onlineEvaluationConfigName",
            "evaluationExecutionRoleArn",
        ),
    ),
    (
        "CapacityProvider",
        shape(
            AgentKind::CapacityProvider,
            "capacityProviders",
            "",
            "capacityProviderId",
            "capacityProviderArn",
            "name",
            "capacityProviderOperatorRoleArn",
        ),
    ),
    (
        "ConsentPortal",
        shape(
            AgentKind::ConsentPortal,
            "consentPortals",
            "",
            "consentPortalId",
            "consentPortalArn",
            "name",
            "executionRoleArn",
        ),
    ),
    (
        "PaymentManager",
        shape(
            AgentKind::PaymentManager,
            "paymentManagers",
            "",
            "paymentManagerId",
            "paymentManagerArn",
            "name",
            "roleArn",
        ),
    ),
    (
        "RegistryRecord",
        shape(
            AgentKind::RegistryRecord,
            "registryRecords",
            "",
            "recordId",
            "recordArn",
            "name",
            "roleArn",
        ),
    ),
];

const fn shape(
    kind: AgentKind,
    list: &'static str,
    around: &'static str,
    id: &'static str,
    arn: &'static str,
    name: &'static str,
    role: &'static str,
) -> Shape {
    Shape {
        kind,
        list,
        around,
        id,
        arn,
        name,
        role,
    }
}

/// The shape of what `ListGateways` lists and `GetGateway` describes.
fn shape_of(operation: &str) -> Option<&'static Shape> {
    let noun = operation
        .strip_prefix("List")
        .or_else(|| operation.strip_prefix("Get"))?;
    let found = SHAPES.iter().find(|(name, _)| noun.starts_with(name));
    found.map(|(_, shape)| shape)
}

fn listed(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let Some(shape) = shape_of(&call.operation) else {
        return Ok(());
    };
    for summary in call.response.objects(shape.list)? {
        let arn = summary.arn(shape.arn)?;
        // AWS's own browser and interpreter belong to no account and run as no role of one.
        if arn.as_ref().is_some_and(|arn| arn.account() == "aws") {
            continue;
        }
        let id = id_of(&summary, shape)?;
        let name = summary.text(shape.name)?;
        let draft = loader.draft(call, shape.kind, id, summary.place());
        draft.name = draft.name.take().or(name);
        draft.arn = draft.arn.take().or(arn);
    }
    Ok(())
}

fn id_of(object: &Object<'_>, shape: &Shape) -> Result<String, LoadError> {
    match object.text(shape.id)? {
        Some(id) => Ok(id),
        None => match object.arn(shape.arn)? {
            Some(arn) => Ok(arn.resource_name().to_owned()),
            None => Err(object.lacks(shape.id)),
        },
    }
}

fn described(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    if let Some(shape) = shape_of(&call.operation) {
        describe(loader, call, shape)?;
    }
    Ok(())
}

/// What all kinds have in common. Returns the draft and the object that describes it.
fn describe<'l, 'a>(
    loader: &'l mut Loader,
    call: &Call<'a>,
    shape: &Shape,
) -> Result<(&'l mut Draft, Object<'a>), LoadError> {
    let object = match call.response.object(shape.around)? {
        Some(object) => object,
        None => call.response.value.object()?,
    };
    let id = id_of(&object, shape)?;
    let draft = loader.draft(call, shape.kind, id, object.place());
    draft.is_described = true;
    draft.place = object.place();
    draft.arn = object.arn(shape.arn)?.or(draft.arn.take());
    draft.name = object.text(shape.name)?.or(draft.name.take());
    if let Some(role) = role_of(&object, shape)? {
        draft.roles.insert(None, role);
    }
    draft.invocation = invocation(&object, shape.kind)?;
    draft.network = network(&object)?;
    let workload = object.object("workloadIdentityDetails")?;
    draft.workload_identity = match workload {
        Some(details) => details.arn("workloadIdentityArn")?,
        None => None,
    };
    let own = draft.arn.clone();
    let others = uses(&object)
        .into_iter()
        .filter(|arn| Some(arn) != own.as_ref());
    draft.uses.extend(others);
    Ok((draft, object))
}

fn role_of(object: &Object<'_>, shape: &Shape) -> Result<Option<Arn>, LoadError> {
    if let Some(role) = object.arn(shape.role)? {
        return Ok(Some(role));
    }
    for path in [
        &["permissionsConfiguration"][..],
        &["iamCredentialProvider"],
        &["synchronizationConfiguration", "fromUrl"],
    ] {
        let Some(holder) = object.at(path)? else {
            continue;
        };
        // Records keep their role some levels down, in a list of providers.
        let role = arns_in(&holder.value)
            .into_iter()
            .find(|arn| arn.service() == "iam" && arn.resource_kind() == "role");
        if role.is_some() {
            return Ok(role);
        }
    }
    Ok(None)
}

/// The keys, secrets, functions and streams named in a description, its own role and name aside.
fn uses(object: &Object<'_>) -> Vec<Arn> {
    let is_used = |arn: &Arn| {
        !matches!(arn.service(), "iam" | "bedrock-agentcore") || arn.resource_kind() == "memory"
    };
    let own = object.value.node().text();
    let mut found: Vec<Arn> = super::arns(own).filter(is_used).collect();
    found.dedup();
    found
}

fn invocation(object: &Object<'_>, kind: AgentKind) -> Result<Invocation, LoadError> {
    let jwt = match object.at(&["authorizerConfiguration", "customJWTAuthorizer"])? {
        None => None,
        Some(jwt) => Some(Invocation::Jwt {
            discovery_url: jwt.text("discoveryUrl")?,
            audiences: jwt.texts("allowedAudience")?,
            clients: jwt.texts("allowedClients")?,
            scopes: jwt.texts("allowedScopes")?,
        }),
    };
    let declared = object.text("authorizerType")?;
    Ok(match (declared.as_deref(), jwt) {
        (Some("NONE"), _) => Invocation::Open,
        (Some("AUTHENTICATE_ONLY"), _) => Invocation::AuthenticateOnly,
        (Some("AWS_IAM"), _) => Invocation::Iam,
        (_, Some(jwt)) => jwt,
        (Some(_), None) => Invocation::Unknown,
        // Only gateways declare a type; the others take SigV4 where no issuer is configured.
        (None, None) => match kind {
            AgentKind::Gateway | AgentKind::PaymentManager => Invocation::Unknown,
            AgentKind::OnlineEvaluation
            | AgentKind::RegistryRecord
            | AgentKind::CapacityProvider => Invocation::NotInvoked,
            _ => Invocation::Iam,
        },
    })
}

fn network(object: &Object<'_>) -> Result<Network, LoadError> {
    let Some(configuration) = object.object("networkConfiguration")? else {
        return Ok(Network::None);
    };
    Ok(match configuration.text("networkMode")?.as_deref() {
        Some("PUBLIC") => Network::Public,
        Some("VPC") => Network::Vpc,
        Some("SANDBOX") => Network::Sandbox,
        Some(_) | None => Network::Unknown,
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

fn workload_identities(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    for identity in call.response.objects("workloadIdentities")? {
        let arn = identity.need_arn("workloadIdentityArn")?;
        loader.plain_resource(arn, "AWS::BedrockAgentCore::WorkloadIdentity", &identity);
    }
    Ok(())
}

fn credential_providers(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let kind = match call.operation.as_str() {
        "ListOauth2CredentialProviders" => "AWS::BedrockAgentCore::OAuth2CredentialProvider",
        _ => "AWS::BedrockAgentCore::ApiKeyCredentialProvider",
    };
    for provider in call.response.objects("credentialProviders")? {
        let arn = provider.need_arn("credentialProviderArn")?;
        loader.plain_resource(arn, kind, &provider);
    }
    Ok(())
}

/// An identity, a credential provider or the token vault, with the secret or key behind it.
fn identity_part(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let kind = match call.operation.as_str() {
        "GetWorkloadIdentity" => "AWS::BedrockAgentCore::WorkloadIdentity",
        "GetOauth2CredentialProvider" => "AWS::BedrockAgentCore::OAuth2CredentialProvider",
        "GetApiKeyCredentialProvider" => "AWS::BedrockAgentCore::ApiKeyCredentialProvider",
        _ => "AWS::BedrockAgentCore::TokenVault",
    };
    let found = ["workloadIdentityArn", "credentialProviderArn"]
        .into_iter()
        .find_map(|member| call.response.arn(member).transpose())
        .transpose()?;
    let vault = || {
        let id = call.response.text("tokenVaultId").ok().flatten()?;
        call.arn("bedrock-agentcore", &format!("token-vault/{id}"))
    };
    let Some(arn) = found.or_else(vault) else {
        return Ok(());
    };
    let mut behind = arns_in(&call.response.value);
    behind.retain(|other| *other != arn);
    loader.resource_with(arn, kind, &call.response, behind);
    Ok(())
}
