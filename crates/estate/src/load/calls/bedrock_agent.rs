//! `bedrock-agent`: agents with their versions, aliases and tools; knowledge bases; flows.

use super::{
    super::{LoadError, Loader, read::Object},
    Call, Draft, DraftAlias, DraftTool, Handler, arns_in,
};
use crate::agent::{ActsAs, AgentKind, Invocation, Network, ToolKind};

const DRAFT: &str = "DRAFT";

pub(super) fn handler(operation: &str) -> Option<Handler> {
    Some(match operation {
        "ListAgents" => list_agents,
        "GetAgent" => agent,
        "GetAgentVersion" => agent_version,
        "ListAgentAliases" => agent_aliases,
        "GetAgentAlias" => agent_alias,
        "ListAgentActionGroups" => action_groups,
        "GetAgentActionGroup" => action_group,
        "ListAgentCollaborators" => collaborators,
        "GetAgentCollaborator" => collaborator,
        "ListAgentKnowledgeBases" => agent_knowledge_bases,
        "ListKnowledgeBases" => list_knowledge_bases,
        "GetKnowledgeBase" => knowledge_base,
        "GetDataSource" => data_source,
        "ListFlows" => list_flows,
        "GetFlow" | "GetFlowVersion" => flow,
        "ListFlowAliases" => flow_aliases,
        "GetFlowAlias" => one_flow_alias,
        // What they list is told better by the calls above.
        "ListAgentVersions"
        | "GetAgentKnowledgeBase"
        | "ListDataSources"
        | "ListFlowVersions"
        | "ListPrompts"
        | "GetPrompt" => |_, _| Ok(()),
        _ => return None,
    })
}

fn list_agents(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    for summary in call.response.objects("agentSummaries")? {
        let id = summary.need_text("agentId")?;
        let name = summary.text("agentName")?;
        let draft = loader.draft(call, AgentKind::BedrockAgent, id, summary.place());
        draft.name = draft.name.take().or(name);
    }
    Ok(())
}

fn agent(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let agent = call.response.need("agent")?.object()?;
    let id = agent.need_text("agentId")?;
    let draft = loader.draft(call, AgentKind::BedrockAgent, id, agent.place());
    draft.is_described = true;
    draft.place = agent.place();
    draft.arn = agent.arn("agentArn")?;
    draft.name = agent.text("agentName")?;
    draft.model = agent.text("foundationModel")?;
    draft.guardrail = guardrail(&agent)?;
    draft.invocation = Invocation::Iam;
    draft.network = Network::None;
    version_of_agent(draft, &agent, DRAFT)
}

fn agent_version(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let agent = call.response.need("agentVersion")?.object()?;
    let id = agent.need_text("agentId")?;
    let version = agent.need_text("version")?;
    let draft = loader.draft(call, AgentKind::BedrockAgent, id, agent.place());
    version_of_agent(draft, &agent, &version)
}

/// What every version of an agent keeps for itself: its role, and the functions that steer it.
fn version_of_agent(draft: &mut Draft, agent: &Object<'_>, version: &str) -> Result<(), LoadError> {
    if let Some(role) = agent.arn("agentResourceRoleArn")? {
        draft.roles.insert(Some(version.to_owned()), role);
    }
    draft.uses.extend(agent.arn("customerEncryptionKeyArn")?);
    let steering = [
        (
            "orchestration",
            agent.at(&["customOrchestration", "executor"])?,
            "lambda",
        ),
        (
            "prompt parser",
            agent.object("promptOverrideConfiguration")?,
            "overrideLambda",
        ),
    ];
    for (name, holder, member) in steering {
        let Some(holder) = holder else { continue };
        let Some(function) = holder.arn(member)? else {
            continue;
        };
        let tool = DraftTool {
            name: name.into(),
            kind: Some(ToolKind::Lambda { function }),
            is_enabled: true,
            acts_as: ActsAs::Service,
            place: holder.place(),
        };
        draft.tool(Some(version), name, tool);
    }
    Ok(())
}

fn guardrail(object: &Object<'_>) -> Result<Option<String>, LoadError> {
    match object.object("guardrailConfiguration")? {
        None => Ok(None),
        Some(guardrail) => guardrail.text("guardrailIdentifier"),
    }
}

fn agent_aliases(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let id = call.request.need_text("agentId")?;
    let place = call.response.place();
    let draft = loader.draft(call, AgentKind::BedrockAgent, id.clone(), place);
    draft.aliases.get_or_insert_default();
    for alias in call.response.objects("agentAliasSummaries")? {
        alias_of_agent(draft, &alias, &id, call)?;
    }
    Ok(())
}

fn agent_alias(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let alias = call.response.need("agentAlias")?.object()?;
    let id = alias.need_text("agentId")?;
    let draft = loader.draft(call, AgentKind::BedrockAgent, id.clone(), alias.place());
    alias_of_agent(draft, &alias, &id, call)
}

fn alias_of_agent(
    draft: &mut Draft,
    alias: &Object<'_>,
    agent: &str,
    call: &Call<'_>,
) -> Result<(), LoadError> {
    let id = alias.need_text("agentAliasId")?;
    let arn = match alias.arn("agentAliasArn")? {
        None => call.arn("bedrock", &format!("agent-alias/{agent}/{id}")),
        found => found,
    };
    let state = alias.text("aliasInvocationState")?;
    let made = DraftAlias {
        name: alias.text("agentAliasName")?.unwrap_or_else(|| id.clone()),
        arn,
        routes_to: routes(alias, "agentVersion")?,
        accepts_invocations: state.as_deref() != Some("REJECT_INVOCATIONS"),
        place: alias.place(),
    };
    draft.alias(id, made);
    Ok(())
}

fn routes(alias: &Object<'_>, member: &str) -> Result<Vec<String>, LoadError> {
    let mut found = Vec::new();
    for route in alias.objects("routingConfiguration")? {
        found.extend(route.text(member)?);
    }
    Ok(found)
}

fn action_groups(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let (id, version) = agent_and_version(call)?;
    let draft = loader.draft(call, AgentKind::BedrockAgent, id, call.response.place());
    for group in call.response.objects("actionGroupSummaries")? {
        let group_id = group.need_text("actionGroupId")?;
        let tool = DraftTool {
            name: group
                .text("actionGroupName")?
                .unwrap_or_else(|| group_id.clone()),
            kind: None,
            is_enabled: is_enabled(&group, "actionGroupState")?,
            acts_as: ActsAs::Unknown,
            place: group.place(),
        };
        draft.tool(Some(&version), &group_id, tool);
    }
    Ok(())
}

fn action_group(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let group = call.response.need("agentActionGroup")?.object()?;
    let id = group.need_text("agentId")?;
    let version = group.need_text("agentVersion")?;
    let group_id = group.need_text("actionGroupId")?;
    let (kind, acts_as) = executor(&group)?;
    let draft = loader.draft(call, AgentKind::BedrockAgent, id, group.place());
    let tool = DraftTool {
        name: group
            .text("actionGroupName")?
            .unwrap_or_else(|| group_id.clone()),
        kind: Some(kind),
        is_enabled: is_enabled(&group, "actionGroupState")?,
        acts_as,
        place: group.place(),
    };
    draft.tool(Some(&version), &group_id, tool);
    Ok(())
}

fn executor(group: &Object<'_>) -> Result<(ToolKind, ActsAs), LoadError> {
    if let Some(executor) = group.object("actionGroupExecutor")? {
        if let Some(function) = executor.arn("lambda")? {
            return Ok((ToolKind::Lambda { function }, ActsAs::Service));
        }
        if let Some(control) = executor.text("customControl")? {
            let kind = match control.as_str() {
                "RETURN_CONTROL" => ToolKind::ReturnControl,
                _ => ToolKind::Other { what: control },
            };
            return Ok((kind, ActsAs::Caller));
        }
    }
    let signature = group.text("parentActionSignature")?;
    Ok(match signature.as_deref() {
        Some("AMAZON.UserInput") => (ToolKind::UserInput, ActsAs::Nobody),
        Some(signature) => {
            let signature = signature.to_owned();
            (ToolKind::BuiltIn { signature }, ActsAs::Agent)
        }
        None => {
            let what = "an action group without an executor".into();
            (ToolKind::Other { what }, ActsAs::Unknown)
        }
    })
}

fn collaborators(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    for summary in call.response.objects("agentCollaboratorSummaries")? {
        add_collaborator(loader, call, &summary)?;
    }
    Ok(())
}

fn collaborator(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let found = call.response.need("agentCollaborator")?.object()?;
    add_collaborator(loader, call, &found)
}

fn add_collaborator(
    loader: &mut Loader,
    call: &Call<'_>,
    object: &Object<'_>,
) -> Result<(), LoadError> {
    let id = object.need_text("agentId")?;
    let version = object.need_text("agentVersion")?;
    let collaborator = object.need_text("collaboratorId")?;
    let descriptor = object.need("agentDescriptor")?.object()?;
    let kind = match descriptor.arn("aliasArn")? {
        Some(alias) => ToolKind::Collaborator { alias },
        None => ToolKind::Other {
            what: "a collaborator without an alias".into(),
        },
    };
    let name = object.text("collaboratorName")?;
    let draft = loader.draft(call, AgentKind::BedrockAgent, id, object.place());
    let tool = DraftTool {
        name: name.unwrap_or_else(|| collaborator.clone()),
        kind: Some(kind),
        is_enabled: true,
        acts_as: ActsAs::Agent,
        place: object.place(),
    };
    draft.tool(Some(&version), &collaborator, tool);
    Ok(())
}

fn agent_knowledge_bases(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let (id, version) = agent_and_version(call)?;
    for summary in call.response.objects("agentKnowledgeBaseSummaries")? {
        let base = summary.need_text("knowledgeBaseId")?;
        let tool = DraftTool {
            name: base.clone(),
            kind: Some(knowledge_base_tool(call, &base)),
            is_enabled: is_enabled(&summary, "knowledgeBaseState")?,
            acts_as: ActsAs::Agent,
            place: summary.place(),
        };
        let draft = loader.draft(call, AgentKind::BedrockAgent, id.clone(), summary.place());
        draft.tool(Some(&version), &base, tool);
    }
    Ok(())
}

fn knowledge_base_tool(call: &Call<'_>, id: &str) -> ToolKind {
    ToolKind::KnowledgeBase {
        id: id.to_owned(),
        arn: call.arn("bedrock", &format!("knowledge-base/{id}")),
    }
}

fn agent_and_version(call: &Call<'_>) -> Result<(String, String), LoadError> {
    let id = call.request.need_text("agentId")?;
    Ok((id, call.request.need_text("agentVersion")?))
}

fn is_enabled(object: &Object<'_>, member: &str) -> Result<bool, LoadError> {
    Ok(object.text(member)?.as_deref() != Some("DISABLED"))
}

fn list_knowledge_bases(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    for summary in call.response.objects("knowledgeBaseSummaries")? {
        let id = summary.need_text("knowledgeBaseId")?;
        let name = summary.text("name")?;
        let draft = loader.draft(call, AgentKind::KnowledgeBase, id, summary.place());
        draft.name = draft.name.take().or(name);
    }
    Ok(())
}

fn knowledge_base(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let base = call.response.need("knowledgeBase")?.object()?;
    let id = base.need_text("knowledgeBaseId")?;
    let draft = loader.draft(call, AgentKind::KnowledgeBase, id, base.place());
    draft.is_described = true;
    draft.place = base.place();
    draft.arn = base.arn("knowledgeBaseArn")?;
    draft.name = base.text("name")?;
    draft.invocation = Invocation::Iam;
    draft.network = Network::None;
    if let Some(role) = base.arn("roleArn")? {
        draft.roles.insert(None, role);
    }
    // It thinks in no words, but it invokes a model: the one that its texts are embedded with.
    if let Some(configuration) = base.object("knowledgeBaseConfiguration")?
        && let Some(vector) = configuration.object("vectorKnowledgeBaseConfiguration")?
    {
        draft.model = vector.text("embeddingModelArn")?;
    }
    for member in ["storageConfiguration", "knowledgeBaseConfiguration"] {
        draft
            .uses
            .extend(base.field(member).iter().flat_map(arns_in));
    }
    Ok(())
}

fn data_source(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let source = call.response.need("dataSource")?.object()?;
    let id = source.need_text("knowledgeBaseId")?;
    let draft = loader.draft(call, AgentKind::KnowledgeBase, id, source.place());
    draft.uses.extend(arns_in(&source.value));
    Ok(())
}

fn list_flows(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    for summary in call.response.objects("flowSummaries")? {
        let id = summary.need_text("id")?;
        let (name, arn) = (summary.text("name")?, summary.arn("arn")?);
        let draft = loader.draft(call, AgentKind::Flow, id, summary.place());
        draft.name = draft.name.take().or(name);
        draft.arn = draft.arn.take().or(arn);
    }
    Ok(())
}

fn flow(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let flow = &call.response;
    let id = flow.need_text("id")?;
    let version = flow.text("version")?.unwrap_or_else(|| DRAFT.into());
    let draft = loader.draft(call, AgentKind::Flow, id, flow.place());
    draft.name = flow.text("name")?.or(draft.name.take());
    draft.arn = draft.arn.take().or(flow_arn(flow)?);
    draft.invocation = Invocation::Iam;
    draft.network = Network::None;
    if version == DRAFT {
        draft.is_described = true;
        draft.place = flow.place();
    }
    if let Some(role) = flow.arn("executionRoleArn")? {
        draft.roles.insert(Some(version.clone()), role);
    }
    draft.uses.extend(flow.arn("customerEncryptionKeyArn")?);
    let Some(definition) = flow.object("definition")? else {
        return Ok(());
    };
    for node in definition.objects("nodes")? {
        let name = node.need_text("name")?;
        if let Some(kind) = node_tool(call, draft, &node)? {
            let tool = DraftTool {
                name: name.clone(),
                kind: Some(kind),
                is_enabled: true,
                acts_as: ActsAs::Agent,
                place: node.place(),
            };
            draft.tool(Some(&version), &name, tool);
        }
    }
    Ok(())
}

/// `GetFlowVersion` may answer the version's ARN (`…:flow/ID/version/N`); the flow's is before it.
fn flow_arn(flow: &Object<'_>) -> Result<Option<bailiwick_iam::arn::Arn>, LoadError> {
    let Some(arn) = flow.arn("arn")? else {
        return Ok(None);
    };
    let whole = arn.as_str().split("/version/").next();
    Ok(whole.and_then(|whole| whole.parse().ok()))
}

/// What a node of a flow calls; `None` if it only moves data.
fn node_tool(
    call: &Call<'_>,
    draft: &mut Draft,
    node: &Object<'_>,
) -> Result<Option<ToolKind>, LoadError> {
    let Some(configuration) = node.object("configuration")? else {
        return Ok(None);
    };
    for (name, value) in configuration.into_members() {
        match name.as_str() {
            "lambdaFunction" => {
                let function = value.object()?.arn("lambdaArn")?;
                return Ok(function.map(|function| ToolKind::Lambda { function }));
            }
            "agent" => {
                let alias = value.object()?.arn("agentAliasArn")?;
                return Ok(alias.map(|alias| ToolKind::Collaborator { alias }));
            }
            "knowledgeBase" => {
                let id = value.object()?.text("knowledgeBaseId")?;
                return Ok(id.map(|id| knowledge_base_tool(call, &id)));
            }
            "inlineCode" => {
                let signature = "InlineCode".to_owned();
                return Ok(Some(ToolKind::BuiltIn { signature }));
            }
            "lex" => {
                return Ok(Some(ToolKind::Other {
                    what: "Lex bot".into(),
                }));
            }
            "storage" | "retrieval" | "prompt" => draft.uses.extend(arns_in(&value)),
            "input" | "output" | "condition" | "iterator" | "collector" | "loop" | "loopInput"
            | "loopController" => {}
            _ => return Ok(Some(ToolKind::Other { what: name })),
        }
    }
    Ok(None)
}

fn flow_aliases(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let id = call.request.need_text("flowIdentifier")?;
    let id = id.rsplit('/').next().unwrap_or(&id).to_owned();
    let draft = loader.draft(call, AgentKind::Flow, id, call.response.place());
    draft.aliases.get_or_insert_default();
    for alias in call.response.objects("flowAliasSummaries")? {
        alias_of_flow(draft, &alias)?;
    }
    Ok(())
}

fn one_flow_alias(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let id = call.response.need_text("flowId")?;
    let draft = loader.draft(call, AgentKind::Flow, id, call.response.place());
    alias_of_flow(draft, &call.response)
}

fn alias_of_flow(draft: &mut Draft, alias: &Object<'_>) -> Result<(), LoadError> {
    let id = alias.need_text("id")?;
    let made = DraftAlias {
        name: alias.text("name")?.unwrap_or_else(|| id.clone()),
        arn: alias.arn("arn")?,
        routes_to: routes(alias, "flowVersion")?,
        accepts_invocations: true,
        place: alias.place(),
    };
    draft.alias(id, made);
    Ok(())
}
