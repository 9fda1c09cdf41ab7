use bailiwick_estate::{
    Agent, AgentKind, Estate, ResourcePolicy, ToolKind,
    agent::{ActsAs, Invocation, LearnedFrom, Network},
};
use serde_json::{Value, json};

use crate::given::{ACCOUNT, Given, and, gaps, iam, role, role_arn, trust};

type Call = (&'static str, Value, Value);

fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:us-east-1:{ACCOUNT}:{resource}")
}

fn given(calls: &[Call]) -> Given {
    let names = ["old", "new", "tool", "base", "other"];
    let roles: Vec<Value> = names
        .iter()
        .map(|name| role(name, "bedrock.amazonaws.com"))
        .collect();
    Given::default()
        .with(&format!("accounts/{ACCOUNT}/iam.json"), &iam(&roles, &[]))
        .with_calls(calls)
}

fn agents(estate: &Estate, kind: AgentKind) -> Vec<&Agent> {
    estate
        .agents
        .values()
        .filter(|agent| agent.kind == kind)
        .collect()
}

fn only(estate: &Estate, kind: AgentKind) -> &Agent {
    let found = agents(estate, kind);
    assert_eq!(found.len(), 1, "{found:#?}");
    found[0]
}

fn roles(agent: &Agent) -> Vec<String> {
    let told = |it: &bailiwick_estate::AgentRole| {
        let versions = it.versions.iter().map(|version| {
            let number = version.number.as_deref().unwrap_or("-");
            format!("{number}<{}", version.routed_by.join("+"))
        });
        format!(
            "{} {}",
            it.role.arn.resource_name(),
            versions.collect::<Vec<_>>().join(" ")
        )
    };
    agent.roles.iter().map(told).collect()
}

fn list_agents() -> Call {
    (
        "ListAgents",
        json!({}),
        json!({"agentSummaries": [{"agentId": "A", "agentName": "desk"}]}),
    )
}

fn get_agent(role: &str) -> Call {
    let agent = json!({"agentId": "A", "agentName": "desk", "agentArn": arn("bedrock", "agent/A"),
        "agentResourceRoleArn": role_arn(role), "foundationModel": "m"});
    ("GetAgent", json!({"agentId": "A"}), json!({"agent": agent}))
}

fn get_version(number: &str, role: &str) -> Call {
    let agent = json!({"agentId": "A", "version": number, "agentArn": arn("bedrock", "agent/A"),
        "agentResourceRoleArn": role_arn(role)});
    (
        "GetAgentVersion",
        json!({"agentId": "A", "agentVersion": number}),
        json!({"agentVersion": agent}),
    )
}

fn aliases(routes_to: &str, state: &str) -> Call {
    let alias = json!({"agentAliasId": "L", "agentAliasName": "live",
        "routingConfiguration": [{"agentVersion": routes_to}], "aliasInvocationState": state});
    (
        "ListAgentAliases",
        json!({"agentId": "A"}),
        json!({"agentAliasSummaries": [alias]}),
    )
}

#[test]
fn each_version_of_a_bedrock_agent_keeps_its_own_role() {
    let calls = [
        list_agents(),
        get_agent("new"),
        get_version("1", "old"),
        aliases("1", "ACCEPT_INVOCATIONS"),
    ];
    let estate = given(&calls).estate();
    let agent = only(&estate, AgentKind::BedrockAgent);
    assert_eq!(roles(agent), ["old 1<live", "new DRAFT<"]);
    assert!(agent.roles[0].versions[0].is_live());
    assert!(!agent.roles[1].versions[0].is_live());
    assert_eq!(
        agent.aliases[0].arn.as_ref().unwrap().as_str(),
        arn("bedrock", "agent-alias/A/L")
    );
    assert_eq!(gaps(&estate), [""; 0]);
}

#[test]
fn an_alias_may_be_told_to_refuse() {
    let calls = [
        list_agents(),
        get_agent("new"),
        aliases("DRAFT", "REJECT_INVOCATIONS"),
    ];
    let estate = given(&calls).estate();
    assert!(!only(&estate, AgentKind::BedrockAgent).aliases[0].accepts_invocations);
}

#[test]
fn a_routed_version_that_nobody_described_is_told() {
    let calls = [
        list_agents(),
        get_agent("new"),
        aliases("7", "ACCEPT_INVOCATIONS"),
    ];
    let estate = given(&calls).estate();
    assert!(gaps(&estate)[0].starts_with("version 7 of bedrock agent"));
}

#[test]
fn an_agent_that_was_only_listed_has_an_unknown_role_and_is_told() {
    let estate = given(&[list_agents()]).estate();
    let agent = only(&estate, AgentKind::BedrockAgent);
    assert_eq!((agent.name.as_str(), agent.roles.len()), ("desk", 0));
    assert_eq!(agent.arn.as_str(), arn("bedrock", "agent/A"));
    assert!(gaps(&estate)[0].contains("its role is unknown"));
}

#[test]
fn tools_of_an_agent_lead_to_the_roles_behind_them() {
    let group = |id: &str, name: &str, members: Value| {
        let group = json!({"agentId": "A", "agentVersion": "DRAFT", "actionGroupId": id,
            "actionGroupName": name, "actionGroupState": "ENABLED"});
        let request = json!({"agentId": "A", "agentVersion": "DRAFT", "actionGroupId": id});
        (
            "GetAgentActionGroup",
            request,
            json!({"agentActionGroup": and(group, members)}),
        )
    };
    let function = arn("lambda", "function:post");
    let calls = [
        list_agents(),
        get_agent("new"),
        aliases("DRAFT", "ACCEPT_INVOCATIONS"),
        group(
            "G1",
            "post",
            json!({"actionGroupExecutor": {"lambda": format!("{function}:live")}}),
        ),
        group(
            "G2",
            "hand back",
            json!({"actionGroupExecutor": {"customControl": "RETURN_CONTROL"}}),
        ),
        group(
            "G3",
            "ask",
            json!({"parentActionSignature": "AMAZON.UserInput"}),
        ),
        group(
            "G4",
            "compute",
            json!({"parentActionSignature": "AMAZON.CodeInterpreter"}),
        ),
        (
            "ListAgentKnowledgeBases",
            json!({"agentId": "A", "agentVersion": "DRAFT"}),
            json!({"agentKnowledgeBaseSummaries": [{"knowledgeBaseId": "K", "knowledgeBaseState": "ENABLED"}]}),
        ),
        (
            "ListAgentCollaborators",
            json!({"agentId": "A", "agentVersion": "DRAFT"}),
            json!({"agentCollaboratorSummaries": [{"agentId": "A", "agentVersion": "DRAFT", "collaboratorId": "C",
                "collaboratorName": "self", "agentDescriptor": {"aliasArn": arn("bedrock", "agent-alias/A/L")}}]}),
        ),
        (
            "GetKnowledgeBase",
            json!({"knowledgeBaseId": "K"}),
            json!({"knowledgeBase": {"knowledgeBaseId": "K", "name": "docs",
                "knowledgeBaseArn": arn("bedrock", "knowledge-base/K"), "roleArn": role_arn("base"),
                "storageConfiguration": {"type": "PINECONE", "pineconeConfiguration":
                    {"credentialsSecretArn": arn("secretsmanager", "secret:pine")}}}}),
        ),
        (
            "ListFunctions",
            json!({}),
            json!({"Functions": [{"FunctionName": "post", "FunctionArn": function, "Role": role_arn("tool")}]}),
        ),
    ];
    let estate = given(&calls).estate();
    let agent = only(&estate, AgentKind::BedrockAgent);
    let tools: Vec<_> = agent
        .tools
        .iter()
        .map(|tool| {
            let roles: Vec<_> = tool.roles.iter().map(|it| it.arn.resource_name()).collect();
            (tool.name.as_str(), tool.acts_as.clone(), roles.join("+"))
        })
        .collect();
    assert_eq!(
        tools,
        [
            ("self", ActsAs::Agent, "new".into()),
            ("post", ActsAs::Service, "tool".into()),
            ("hand back", ActsAs::Caller, String::new()),
            ("ask", ActsAs::Nobody, String::new()),
            ("compute", ActsAs::Agent, String::new()),
            ("K", ActsAs::Agent, "base".into()),
        ]
    );
    let base = only(&estate, AgentKind::KnowledgeBase);
    assert_eq!(base.uses[0].service(), "secretsmanager");
    assert!(!base.kind.acts());
    assert_eq!(gaps(&estate), [""; 0]);
}

#[test]
fn a_function_that_no_file_describes_is_told_where_a_tool_needs_it() {
    let calls = [
        list_agents(),
        get_agent("new"),
        aliases("DRAFT", "ACCEPT_INVOCATIONS"),
        (
            "GetAgentActionGroup",
            json!({"agentId": "A"}),
            json!({"agentActionGroup": {"agentId": "A", "agentVersion": "DRAFT", "actionGroupId": "G",
                "actionGroupName": "post", "actionGroupExecutor": {"lambda": arn("lambda", "function:gone")}}}),
        ),
    ];
    let estate = given(&calls).estate();
    assert_eq!(
        only(&estate, AgentKind::BedrockAgent).tools[0].roles.len(),
        0
    );
    assert!(gaps(&estate)[0].contains("function:gone"));
}

#[test]
fn a_flow_calls_its_tools_with_its_own_role() {
    let definition = json!({"nodes": [
        {"name": "In", "type": "Input", "configuration": {"input": {}}},
        {"name": "Total", "type": "LambdaFunction", "configuration": {"lambdaFunction": {"lambdaArn": arn("lambda", "function:f")}}},
        {"name": "Ask", "type": "Agent", "configuration": {"agent": {"agentAliasArn": arn("bedrock", "agent-alias/A/L")}}}]});
    let flow = |version: &str, role: &str| {
        json!({"id": "F", "name": "close", "arn": arn("bedrock", "flow/F"), "version": version,
            "executionRoleArn": role_arn(role), "definition": definition})
    };
    let calls = [
        (
            "GetFlow",
            json!({"flowIdentifier": "F"}),
            flow("DRAFT", "new"),
        ),
        (
            "GetFlowVersion",
            json!({"flowIdentifier": "F", "flowVersion": "1"}),
            flow("1", "old"),
        ),
        (
            "ListFlowAliases",
            json!({"flowIdentifier": "F"}),
            json!({"flowAliasSummaries": [{"id": "X", "name": "live", "flowId": "F",
                "arn": arn("bedrock", "flow/F/alias/X"), "routingConfiguration": [{"flowVersion": "1"}]}]}),
        ),
    ];
    let estate = given(&calls).estate();
    let flow = only(&estate, AgentKind::Flow);
    assert_eq!(roles(flow), ["old 1<live", "new DRAFT<"]);
    let tools: Vec<_> = flow
        .tools
        .iter()
        .map(|tool| (tool.name.as_str(), &tool.versions))
        .collect();
    let both = vec!["1".to_owned(), "DRAFT".to_owned()];
    assert_eq!(tools, [("Ask", &both), ("Total", &both)]);
    assert!(flow.tools.iter().all(|tool| tool.acts_as == ActsAs::Agent));
}

fn runtime(version: &str, role: &str) -> Value {
    json!({"agentRuntimeId": "R-1", "agentRuntimeName": "R", "agentRuntimeVersion": version,
        "agentRuntimeArn": arn("bedrock-agentcore", "runtime/R-1"), "roleArn": role_arn(role),
        "networkConfiguration": {"networkMode": "VPC"},
        "authorizerConfiguration": {"customJWTAuthorizer": {"discoveryUrl": "https://x", "allowedClients": ["c"]}}})
}

#[test]
fn an_endpoint_of_a_runtime_may_keep_an_older_version_and_its_role_alive() {
    let calls = [
        (
            "GetAgentRuntime",
            json!({"agentRuntimeId": "R-1"}),
            runtime("2", "new"),
        ),
        (
            "GetAgentRuntime",
            json!({"agentRuntimeId": "R-1", "agentRuntimeVersion": "1"}),
            runtime("1", "old"),
        ),
        (
            "ListAgentRuntimeEndpoints",
            json!({"agentRuntimeId": "R-1"}),
            json!({"runtimeEndpoints": [
                {"name": "DEFAULT", "liveVersion": "2", "targetVersion": "2"},
                {"name": "stable", "liveVersion": "1", "targetVersion": "1"}]}),
        ),
    ];
    let estate = given(&calls).estate();
    let runtime = only(&estate, AgentKind::Runtime);
    assert_eq!(roles(runtime), ["old 1<stable", "new 2<DEFAULT"]);
    assert_eq!(runtime.network, Network::Vpc);
    let Invocation::Jwt {
        audiences, clients, ..
    } = &runtime.invocation
    else {
        panic!("{:?}", runtime.invocation);
    };
    assert_eq!(
        (audiences.len(), clients.as_slice()),
        (0, ["c".to_owned()].as_slice())
    );
}

#[test]
fn a_runtime_whose_endpoints_nobody_listed_is_live_by_its_newest_version() {
    let calls = [(
        "GetAgentRuntime",
        json!({"agentRuntimeId": "R-1"}),
        runtime("2", "new"),
    )];
    let estate = given(&calls).estate();
    assert_eq!(roles(only(&estate, AgentKind::Runtime)), ["new 2<DEFAULT"]);
    assert!(gaps(&estate)[0].contains("no answer lists its aliases or endpoints"));
}

#[test]
fn the_targets_of_a_gateway_are_its_tools() {
    let target = |id: &str, configuration: Value, credentials: Value| {
        let answer = json!({"gatewayArn": arn("bedrock-agentcore", "gateway/g-1"), "targetId": id, "name": id,
            "targetConfiguration": configuration, "credentialProviderConfigurations": [credentials]});
        (
            "GetGatewayTarget",
            json!({"gatewayIdentifier": "g-1", "targetId": id}),
            answer,
        )
    };
    let provider = arn(
        "bedrock-agentcore",
        "token-vault/default/oauth2credentialprovider/o",
    );
    let calls = [
        (
            "GetGateway",
            json!({"gatewayIdentifier": "g-1"}),
            json!({"gatewayArn": arn("bedrock-agentcore", "gateway/g-1"), "gatewayId": "g-1", "name": "g",
                "roleArn": role_arn("new"), "authorizerType": "NONE",
                "policyEngineConfiguration": {"arn": arn("bedrock-agentcore", "policy-engine/p"), "mode": "LOG_ONLY"}}),
        ),
        target(
            "a",
            json!({"mcp": {"lambda": {"lambdaArn": arn("lambda", "function:post")}}}),
            json!({"credentialProviderType": "GATEWAY_IAM_ROLE"}),
        ),
        target(
            "b",
            json!({"mcp": {"mcpServer": {"endpoint": "https://m"}}}),
            json!({"credentialProviderType": "OAUTH", "credentialProvider":
                {"oauthCredentialProvider": {"providerArn": provider, "scopes": []}}}),
        ),
        target(
            "c",
            json!({"http": {"agentcoreRuntime": {"arn": arn("bedrock-agentcore", "runtime/R-1")}}}),
            json!({"credentialProviderType": "JWT_PASSTHROUGH"}),
        ),
        target(
            "d",
            json!({"mcp": {"somethingNew": {}}}),
            json!({"credentialProviderType": "NEW"}),
        ),
        (
            "ListFunctions",
            json!({}),
            json!({"Functions": [
            {"FunctionArn": arn("lambda", "function:post"), "Role": role_arn("tool")}]}),
        ),
        (
            "GetAgentRuntime",
            json!({"agentRuntimeId": "R-1"}),
            runtime("2", "other"),
        ),
    ];
    let estate = given(&calls).estate();
    let gateway = only(&estate, AgentKind::Gateway);
    assert_eq!(gateway.invocation, Invocation::Open);
    assert_eq!(
        gateway.policy_engine.as_ref().unwrap().mode.as_deref(),
        Some("LOG_ONLY")
    );
    let tools: Vec<_> = gateway
        .tools
        .iter()
        .map(|tool| {
            (
                tool.acts_as.clone(),
                tool.roles.first().map(|it| it.arn.resource_name()),
            )
        })
        .collect();
    assert_eq!(
        tools,
        [
            (ActsAs::Agent, Some("tool")),
            (ActsAs::OAuth { provider }, None),
            (ActsAs::Caller, Some("other")),
            (ActsAs::Unknown, None),
        ]
    );
    let kind = &gateway.tools[3].kind;
    assert_eq!(
        *kind,
        ToolKind::Other {
            what: "somethingNew".into()
        }
    );
}

#[test]
fn a_harness_holds_browsers_gateways_and_a_memory() {
    let harness = json!({"harnessId": "h-1", "harnessName": "h", "arn": arn("bedrock-agentcore", "harness/h-1"),
        "executionRoleArn": role_arn("new"), "model": {"bedrockModelConfig": {"modelId": "claude"}},
        "memory": {"agentCoreMemoryConfiguration": {"arn": arn("bedrock-agentcore", "memory/m-1")}},
        "tools": [
            {"type": "agentcore_browser", "name": "b", "config": {"agentCoreBrowser": {"browserArn": arn("bedrock-agentcore", "browser-custom/b-1")}}},
            {"type": "agentcore_code_interpreter", "name": "i"},
            {"type": "remote_mcp", "name": "m", "config": {"remoteMcp": {"url": "https://m"}}},
            {"type": "inline_function", "name": "f"}]});
    let described = |operation, id: &str, arn_name: &str, resource: &str| {
        let answer = json!({id: "x", arn_name: arn("bedrock-agentcore", resource), "name": "x",
            "executionRoleArn": role_arn("tool"), "networkConfiguration": {"networkMode": "SANDBOX"}});
        (operation, json!({id: "x"}), answer)
    };
    let memory = json!({"memory": {"id": "m-1", "name": "m", "arn": arn("bedrock-agentcore", "memory/m-1"),
        "memoryExecutionRoleArn": role_arn("base"), "encryptionKeyArn": arn("kms", "key/k")}});
    let calls = [
        (
            "GetHarness",
            json!({"harnessId": "h-1"}),
            json!({"harness": harness}),
        ),
        described(
            "GetBrowser",
            "browserId",
            "browserArn",
            "browser-custom/b-1",
        ),
        described(
            "GetCodeInterpreter",
            "codeInterpreterId",
            "codeInterpreterArn",
            "code-interpreter-custom/i-1",
        ),
        ("GetMemory", json!({"memoryId": "m-1"}), memory),
    ];
    let estate = given(&calls).estate();
    let harness = only(&estate, AgentKind::Harness);
    assert_eq!(harness.model.as_deref(), Some("claude"));
    let behind = |name: &str| {
        let tool = harness.tools.iter().find(|tool| tool.name == name).unwrap();
        tool.roles.first().map(|it| it.arn.resource_name())
    };
    assert_eq!(behind("b"), Some("tool"));
    assert_eq!(behind("memory"), Some("base"));
    assert_eq!(behind("i"), None);
    assert_eq!(
        only(&estate, AgentKind::CodeInterpreter).network,
        Network::Sandbox
    );
    assert_eq!(only(&estate, AgentKind::Memory).uses[0].service(), "kms");
    assert_eq!(gaps(&estate), [""; 0]);
}

#[test]
fn components_that_only_serve_agents_have_roles_too() {
    let named = |id: &str, resource: &str, role_member: &str| {
        let arn_member = id.replace("Id", "Arn");
        json!({id: "x", arn_member: arn("bedrock-agentcore", resource), "name": "x", role_member: role_arn("other")})
    };
    let calls = [
        (
            "GetOnlineEvaluationConfig",
            json!({}),
            named(
                "onlineEvaluationConfigId",
                "online-evaluation-config/x",
                "evaluationExecutionRoleArn",
            ),
        ),
        (
            "GetPaymentManager",
            json!({}),
            named("paymentManagerId", "payment-manager/x", "roleArn"),
        ),
        (
            "GetConsentPortal",
            json!({}),
            named("consentPortalId", "consent-portal/x", "executionRoleArn"),
        ),
        (
            "GetCapacityProvider",
            json!({}),
            json!({"capacityProviderId": "x", "name": "x",
            "permissionsConfiguration": {"capacityProviderOperatorRoleArn": role_arn("other")}}),
        ),
        (
            "GetRegistryRecord",
            json!({}),
            json!({"recordId": "x", "name": "x", "synchronizationConfiguration":
            {"fromUrl": {"credentialProviderConfigurations": [{"credentialProvider":
                {"iamCredentialProvider": {"roleArn": role_arn("other")}}}]}}}),
        ),
    ];
    let estate = given(&calls).estate();
    let other = estate.role(&role_arn("other").parse().unwrap()).unwrap();
    let kinds: Vec<_> = estate
        .agents_of(other)
        .map(|it| estate.agents.at(it).kind)
        .collect();
    assert_eq!(
        kinds[..5],
        [
            AgentKind::OnlineEvaluation,
            AgentKind::CapacityProvider,
            AgentKind::ConsentPortal,
            AgentKind::PaymentManager,
            AgentKind::RegistryRecord,
        ]
    );
}

#[test]
fn awss_own_browser_is_nobodys_agent() {
    let summary = json!({"browserId": "aws.browser.v1", "browserArn": "arn:aws:bedrock-agentcore:us-east-1:aws:browser/aws.browser.v1"});
    let calls = [(
        "ListBrowsers",
        json!({"type": "SYSTEM"}),
        json!({"browserSummaries": [summary]}),
    )];
    let estate = given(&calls).estate();
    assert_eq!(agents(&estate, AgentKind::Browser).len(), 0);
}

#[test]
fn roles_that_trust_an_agent_service_stand_for_agents_only_where_nobody_listed_them() {
    let unlisted = given(&[]).estate();
    assert_eq!(agents(&unlisted, AgentKind::Unknown).len(), 5);
    let listed = given(&[("ListAgents", json!({}), json!({"agentSummaries": []}))]).estate();
    assert_eq!(agents(&listed, AgentKind::Unknown).len(), 0);
    let other = [and(
        role("core", ""),
        json!({"AssumeRolePolicyDocument": trust("bedrock-agentcore.amazonaws.com")}),
    )];
    let estate = Given::default()
        .with(&format!("accounts/{ACCOUNT}/iam.json"), &iam(&other, &[]))
        .with_calls(&[("ListAgents", json!({}), json!({"agentSummaries": []}))])
        .estate();
    assert_eq!(agents(&estate, AgentKind::Unknown).len(), 1);
}

#[test]
fn a_tag_makes_compute_an_agent() {
    let resources = json!([
        {"arn": arn("ecs", "task-definition/nightly:1"), "type": "AWS::ECS::TaskDefinition", "role": role_arn("new"),
            "tags": {"agent": "nightly", "Environment": "Production", "Owner": "planning"}},
        {"arn": arn("ecs", "task-definition/web:1"), "type": "AWS::ECS::TaskDefinition", "role": role_arn("new")}]);
    let estate = given(&[])
        .with(&format!("accounts/{ACCOUNT}/resources.json"), &resources)
        .estate();
    let agent = only(&estate, AgentKind::SelfRun);
    assert_eq!(agent.name, "nightly");
    let environment = agent.environment.as_ref().unwrap();
    assert_eq!(environment.name, "prod");
    assert_eq!(
        environment.learned_from,
        LearnedFrom::Tag("Environment".into())
    );
    assert_eq!(agent.owner.as_ref().unwrap().value, "planning");
}

#[test]
fn a_resource_of_an_agents_type_is_that_agent_unless_its_service_described_it() {
    let listed = json!([{"arn": arn("bedrock-agentcore", "runtime/R-1"),
        "type": "AWS::BedrockAgentCore::Runtime", "role": role_arn("other")}]);
    let path = format!("accounts/{ACCOUNT}/resources.json");
    let estate = given(&[]).with(&path, &listed).estate();
    let only_listed = only(&estate, AgentKind::Runtime);
    assert_eq!(roles(only_listed), ["other -<"]);
    let other = estate.role(&role_arn("other").parse().unwrap()).unwrap();
    assert_eq!(estate.agents_of(other).count(), 1);
    let calls = [("GetAgentRuntime", json!({}), runtime("2", "new"))];
    let estate = given(&calls).with(&path, &listed).estate();
    assert_eq!(roles(only(&estate, AgentKind::Runtime)), ["new 2<DEFAULT"]);
}

#[test]
fn two_files_that_name_two_roles_for_one_function_are_told() {
    let function = arn("lambda", "function:post");
    let calls = [(
        "ListFunctions",
        json!({}),
        json!({"Functions": [
        {"FunctionArn": function, "Role": role_arn("tool")}]}),
    )];
    let listed =
        json!([{"arn": function, "type": "AWS::Lambda::Function", "role": role_arn("other")}]);
    let estate = given(&calls)
        .with(&format!("accounts/{ACCOUNT}/resources.json"), &listed)
        .estate();
    assert!(gaps(&estate)[0].contains("another role"));
}

#[test]
fn resource_policies_are_attached_absent_or_unknown() {
    let policy = trust("bedrock.amazonaws.com").to_string();
    let gateway = arn("bedrock-agentcore", "gateway/g-1");
    let calls = [
        (
            "ListFunctions",
            json!({}),
            json!({"Functions": [
            {"FunctionArn": arn("lambda", "function:with"), "Role": role_arn("tool")},
            {"FunctionArn": arn("lambda", "function:unasked"), "Role": role_arn("tool")}]}),
        ),
        (
            "GetPolicy",
            json!({"FunctionName": "with"}),
            json!({"Policy": policy}),
        ),
        (
            "GetGateway",
            json!({}),
            json!({"gatewayArn": gateway, "gatewayId": "g-1", "name": "g"}),
        ),
        (
            "GetResourcePolicy",
            json!({"resourceArn": gateway}),
            json!({"policy": policy}),
        ),
        (
            "ListBuckets",
            json!({}),
            json!({"Buckets": [{"Name": "b"}]}),
        ),
    ];
    let absent = json!({"calls": [{"operation": "GetBucketPolicy", "request": {"Bucket": "b"},
        "error": {"code": "NoSuchBucketPolicy"}}]});
    let estate = given(&calls)
        .with(&format!("accounts/{ACCOUNT}/us-east-1/s3.json"), &absent)
        .estate();
    let of = |arn: &str| estate.resource_policy(&arn.parse().unwrap());
    assert!(matches!(
        of(&arn("lambda", "function:with")),
        ResourcePolicy::Attached(_)
    ));
    assert!(matches!(
        of(&arn("lambda", "function:with:7")),
        ResourcePolicy::Attached(_)
    ));
    assert_eq!(
        of(&arn("lambda", "function:unasked")),
        ResourcePolicy::Unknown
    );
    assert!(matches!(of(&gateway), ResourcePolicy::Attached(_)));
    assert_eq!(of("arn:aws:s3:::b/key"), ResourcePolicy::None);
}

#[test]
fn an_answer_that_promises_more_is_told_unless_the_rest_is_there() {
    let page = |request: Value, token: Option<&str>| {
        let mut answer = json!({"agentSummaries": []});
        if let Some(token) = token {
            answer["nextToken"] = json!(token);
        }
        ("ListAgents", request, answer)
    };
    let first = page(json!({}), Some("t"));
    let rest = page(json!({"nextToken": "t"}), None);
    let told = |calls: &[Call]| gaps(&given(calls).estate());
    assert!(told(std::slice::from_ref(&first))[0].starts_with("the rest of ListAgents"));
    assert_eq!(told(&[first, rest]), [""; 0]);
}

#[test]
fn an_instance_runs_as_the_role_in_its_profile() {
    let profile = format!("arn:aws:iam::{ACCOUNT}:instance-profile/p");
    let roles = [and(
        role("r", "ec2.amazonaws.com"),
        json!({"InstanceProfileList": [{"Arn": profile}]}),
    )];
    let instance = json!({"InstanceId": "i-1", "IamInstanceProfile": {"Arn": profile},
        "Tags": [{"Key": "agent", "Value": "crawler"}]});
    let estate = Given::default()
        .with(&format!("accounts/{ACCOUNT}/iam.json"), &iam(&roles, &[]))
        .with_calls(&[(
            "DescribeInstances",
            json!({}),
            json!({"Reservations": [{"Instances": [instance]}]}),
        )])
        .estate();
    assert_eq!(
        only(&estate, AgentKind::SelfRun).roles[0].role.arn.as_str(),
        role_arn("r")
    );
}
