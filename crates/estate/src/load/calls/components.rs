//! What the components of AgentCore have in common: how each is listed and described.

use bailiwick_iam::arn::Arn;

use super::{
    super::{LoadError, Loader, read::Object},
    Call, Draft, arns, arns_in,
};
use crate::agent::{AgentKind, Invocation, Network};

/// How one kind of component is written in its answers.
pub(super) struct Shape {
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
pub(super) fn shape_of(operation: &str) -> Option<&'static Shape> {
    let noun = operation
        .strip_prefix("List")
        .or_else(|| operation.strip_prefix("Get"))?;
    let found = SHAPES.iter().find(|(name, _)| noun.starts_with(name));
    found.map(|(_, shape)| shape)
}

pub(super) fn listed(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
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

pub(super) fn described(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    if let Some(shape) = shape_of(&call.operation) {
        describe(loader, call, shape)?;
    }
    Ok(())
}

/// What all kinds have in common. Returns the draft and the object that describes it.
pub(super) fn describe<'l, 'a>(
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
pub(super) fn uses(object: &Object<'_>) -> Vec<Arn> {
    let is_used = |arn: &Arn| {
        !matches!(arn.service(), "iam" | "bedrock-agentcore") || arn.resource_kind() == "memory"
    };
    let own = object.value.node().text();
    let mut found: Vec<Arn> = arns(own).filter(is_used).collect();
    found.dedup();
    found
}

pub(super) fn invocation(object: &Object<'_>, kind: AgentKind) -> Result<Invocation, LoadError> {
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

pub(super) fn network(object: &Object<'_>) -> Result<Network, LoadError> {
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
