//! What a ceiling may say: one limit, one statement, with its reason and where AWS writes of it.

use std::collections::BTreeSet;

use bailiwick_iam::{
    json::{Span, Spanned},
    policy::{
        ActionPattern, Condition, Effect, Operator, PrincipalPattern, ResourcePattern, Selection,
        Statement, Test,
    },
};

use super::ground::Ground;
use crate::plan::CeilingKind;

/// One statement that a ceiling may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// The `Sid`, by which it is chosen or left out.
    pub sid: &'static str,
    pub kind: CeilingKind,
    /// What it is good for.
    pub reason: &'static str,
    /// The page of AWS on which it rests.
    pub source: &'static str,
    make: fn(&Ground) -> Result<Statement, Lacks>,
}

/// What has to be known for a limit, and is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lacks(pub &'static str);

impl Limit {
    /// The statement for this ground, or what is missing for it.
    ///
    /// # Errors
    ///
    /// What has to be said before the limit can be drawn. A limit is never drawn by guessing.
    pub fn statement(&self, ground: &Ground) -> Result<Statement, Lacks> {
        let statement = (self.make)(ground)?;
        Ok(Statement {
            sid: Some(self.sid.to_owned()),
            ..statement
        })
    }
}

/// Every limit, in the order in which a ceiling lists them.
pub const LIMITS: [Limit; 19] = [
    Limit {
        sid: "AgentsInTheirRegions",
        kind: CeilingKind::Scp,
        reason: "Agents are made and invoked only in the Regions where a charter or the inventory has one, so nobody has to watch the others.",
        source: "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_examples_general.html",
        make: agents_in_their_regions,
    },
    Limit {
        sid: "ModelsInTheirRegions",
        kind: CeilingKind::Scp,
        reason: "Models answer in those Regions too, except behind the inference profiles in use: a cross-Region profile is evaluated in each Region that it may route to.",
        source: "https://docs.aws.amazon.com/bedrock/latest/userguide/geographic-cross-region-inference.html",
        make: models_in_their_regions,
    },
    Limit {
        sid: "ApprovedModelsOnly",
        kind: CeilingKind::Scp,
        reason: "Only models of the makers that charters and agents name are invoked.",
        source: "https://docs.aws.amazon.com/bedrock/latest/userguide/security_iam_id-based-policy-examples.html",
        make: approved_models_only,
    },
    Limit {
        sid: "ApprovedModelsOnMantle",
        kind: CeilingKind::Scp,
        reason: "The same makers at Bedrock's OpenAI-compatible endpoint, which has an action of its own.",
        source: "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrockmantle.html",
        make: approved_models_on_mantle,
    },
    Limit {
        sid: "AgentsInApprovedAccounts",
        kind: CeilingKind::Scp,
        reason: "Agents are made and changed only in accounts in which a charter says that one runs.",
        source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html",
        make: agents_in_approved_accounts,
    },
    Limit {
        sid: "PassOnlyAgentRoles",
        kind: CeilingKind::Scp,
        reason: "Nobody hands an agent a role that was made for something else.",
        source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html",
        make: pass_only_agent_roles,
    },
    Limit {
        sid: "NoNewBedrockKeys",
        kind: CeilingKind::Scp,
        reason: "No long-lived Bedrock API key is made: it belongs to a user, outlives every task and cannot be told from another use of the same user.",
        source: "https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-permissions.html",
        make: no_new_bedrock_keys,
    },
    Limit {
        sid: "NoBedrockKeysUsed",
        kind: CeilingKind::Scp,
        reason: "Bedrock API keys, those made before this ceiling too, open nothing.",
        source: "https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-permissions.html",
        make: no_bedrock_keys_used,
    },
    Limit {
        sid: "BoundariesStay",
        kind: CeilingKind::Scp,
        reason: "Who may change an agent's policies still cannot lift its boundary.",
        source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
        make: boundaries_stay,
    },
    Limit {
        sid: "AgentRolesChangedByAdminsOnly",
        kind: CeilingKind::Scp,
        reason: "The roles of agents are made and changed by the named administrators and nobody else.",
        source: "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_examples_general.html",
        make: agent_roles_changed_by_admins_only,
    },
    Limit {
        sid: "TrailsStayOn",
        kind: CeilingKind::Scp,
        reason: "What an agent does is recorded, whoever would like it not to be.",
        source: "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/best-practices-security.html",
        make: trails_stay_on,
    },
    Limit {
        sid: "GuardsStay",
        kind: CeilingKind::Scp,
        reason: "Guardrails, policy engines and the log of model invocations are taken away by the named administrators and nobody else.",
        source: "https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions.html",
        make: guards_stay,
    },
    Limit {
        sid: "AliasesMovedByPipelineOnly",
        kind: CeilingKind::Scp,
        reason: "Which version of an agent answers changes in the pipeline, where it was reviewed.",
        source: "https://docs.aws.amazon.com/bedrock/latest/userguide/deploy-agent.html",
        make: aliases_moved_by_pipeline_only,
    },
    Limit {
        sid: "NoInlineAgents",
        kind: CeilingKind::Scp,
        reason: "An inline agent brings instructions and tools of its caller's: no inventory lists it and no charter describes it.",
        source: "https://docs.aws.amazon.com/bedrock/latest/userguide/agents-create-inline.html",
        make: no_inline_agents,
    },
    Limit {
        sid: "AgentsInsideVpc",
        kind: CeilingKind::Scp,
        reason: "Runtimes, browsers and code interpreters reach the network only through subnets of yours.",
        source: "https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/security-vpc-condition.html",
        make: agents_inside_vpc,
    },
    Limit {
        sid: "AgentRolesFromInside",
        kind: CeilingKind::Rcp,
        reason: "Roles of agents are assumed by the organisation's own principals and by AWS services, whatever their trust policies say.",
        source: "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_examples.html",
        make: agent_roles_from_inside,
    },
    Limit {
        sid: "AgentRolesForOurServices",
        kind: CeilingKind::Rcp,
        reason: "An AWS service that acts for another organisation assumes no agent's role: the confused deputy is stopped at the role, whatever its trust policy forgot.",
        source: "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_examples.html",
        make: agent_roles_for_our_services,
    },
    Limit {
        sid: "AgentDataFromInside",
        kind: CeilingKind::Rcp,
        reason: "What charters read and write is touched by the organisation's own principals and by AWS services, whatever the policies of buckets, tables, keys and secrets say. A partner who is meant to read some of it is a reason to leave this out.",
        source: "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_examples.html",
        make: agent_data_from_inside,
    },
    Limit {
        sid: "AgentDataOverTls",
        kind: CeilingKind::Rcp,
        reason: "What charters read and write crosses the network encrypted.",
        source: "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_examples.html",
        make: agent_data_over_tls,
    },
];

const MODEL_CALLS: [&str; 2] = [
    "bedrock:InvokeModel",
    "bedrock:InvokeModelWithResponseStream",
];

const AGENT_ROLES: &str = "arn:aws:iam::*:role/agents/*";

// A pattern in a Deny takes in what AWS adds tomorrow, which in a Region that nobody uses is wanted.
fn agents_in_their_regions(ground: &Ground) -> Result<Statement, Lacks> {
    let actions = [
        "bedrock-agentcore:*",
        "bedrock:*Agent*",
        "bedrock:*Flow*",
        "bedrock:*KnowledgeBase*",
        "bedrock:CreateModelInvocationJob",
        "bedrock:Retrieve*",
    ];
    let regions = some(
        &ground.regions,
        "no charter and no agent below says in which Region it runs",
    )?;
    Ok(deny(&actions, everything()).when(Test::StringNotEquals, "aws:RequestedRegion", regions))
}

fn models_in_their_regions(ground: &Ground) -> Result<Statement, Lacks> {
    let regions = some(
        &ground.regions,
        "no charter and no agent below says in which Region it runs",
    )?;
    let statement = deny(&MODEL_CALLS, everything()).when(
        Test::StringNotEquals,
        "aws:RequestedRegion",
        regions,
    );
    if ground.profiles.is_empty() {
        return Ok(statement);
    }
    Ok(statement.when(
        Test::ArnNotLike,
        "bedrock:InferenceProfileArn",
        &ground.profiles,
    ))
}

fn approved_models_only(ground: &Ground) -> Result<Statement, Lacks> {
    let models = some(
        &ground.models,
        "no charter and no agent below names a model",
    )?;
    Ok(deny(&MODEL_CALLS, all_but(models)))
}

fn approved_models_on_mantle(ground: &Ground) -> Result<Statement, Lacks> {
    let makers = some(
        &ground.makers,
        "no charter and no agent below names a model",
    )?;
    let makers: Vec<String> = makers.iter().map(|maker| format!("{maker}.*")).collect();
    Ok(
        deny(&["bedrock-mantle:CreateInference"], everything()).when(
            Test::StringNotLike,
            "bedrock-mantle:Model",
            &makers,
        ),
    )
}

fn agents_in_approved_accounts(ground: &Ground) -> Result<Statement, Lacks> {
    let actions = [
        "bedrock-agentcore:CreateAgentRuntime",
        "bedrock-agentcore:CreateGateway",
        "bedrock-agentcore:CreateHarness",
        "bedrock-agentcore:UpdateAgentRuntime",
        "bedrock-agentcore:UpdateGateway",
        "bedrock-agentcore:UpdateHarness",
        "bedrock:CreateAgent",
        "bedrock:CreateFlow",
        "bedrock:UpdateAgent",
        "bedrock:UpdateFlow",
    ];
    let accounts = some(&ground.accounts, "no charter names an account below")?;
    Ok(deny(&actions, everything()).when(Test::StringNotEquals, "aws:PrincipalAccount", accounts))
}

fn pass_only_agent_roles(_: &Ground) -> Result<Statement, Lacks> {
    let services = ["bedrock-agentcore.amazonaws.com", "bedrock.amazonaws.com"];
    Ok(deny(&["iam:PassRole"], all_but(&[AGENT_ROLES])).when(
        Test::StringEquals,
        "iam:PassedToService",
        &services,
    ))
}

fn no_new_bedrock_keys(_: &Ground) -> Result<Statement, Lacks> {
    Ok(
        deny(&["iam:CreateServiceSpecificCredential"], everything()).when(
            Test::StringEquals,
            "iam:ServiceSpecificCredentialServiceName",
            &["bedrock.amazonaws.com"],
        ),
    )
}

fn no_bedrock_keys_used(_: &Ground) -> Result<Statement, Lacks> {
    let actions = [
        "bedrock-mantle:CallWithBearerToken",
        "bedrock:CallWithBearerToken",
    ];
    Ok(deny(&actions, everything()))
}

fn boundaries_stay(ground: &Ground) -> Result<Statement, Lacks> {
    let actions = [
        "iam:DeleteRolePermissionsBoundary",
        "iam:PutRolePermissionsBoundary",
    ];
    Ok(except(
        deny(&actions, only(&[AGENT_ROLES])),
        admins(ground)?,
    ))
}

fn agent_roles_changed_by_admins_only(ground: &Ground) -> Result<Statement, Lacks> {
    let actions = [
        "iam:AttachRolePolicy",
        "iam:CreateRole",
        "iam:DeleteRole",
        "iam:DeleteRolePolicy",
        "iam:DetachRolePolicy",
        "iam:PutRolePolicy",
        "iam:TagRole",
        "iam:UntagRole",
        "iam:UpdateAssumeRolePolicy",
        "iam:UpdateRole",
    ];
    // The broker writes the policy that revokes sessions.
    let mut exempt = admins(ground)?.to_vec();
    exempt.push(BROKER.to_owned());
    Ok(except(deny(&actions, only(&[AGENT_ROLES])), &exempt))
}

/// The broker's role, by its usual name, in any account.
const BROKER: &str = "arn:aws:iam::*:role/bailiwick/bailiwick-broker";

fn trails_stay_on(_: &Ground) -> Result<Statement, Lacks> {
    let actions = [
        "cloudtrail:DeleteEventDataStore",
        "cloudtrail:DeleteTrail",
        "cloudtrail:PutEventSelectors",
        "cloudtrail:StopEventDataStoreIngestion",
        "cloudtrail:StopLogging",
        "cloudtrail:UpdateTrail",
    ];
    Ok(deny(&actions, everything()))
}

fn guards_stay(ground: &Ground) -> Result<Statement, Lacks> {
    let actions = [
        "bedrock-agentcore:DeletePolicy",
        "bedrock-agentcore:DeletePolicyEngine",
        "bedrock-agentcore:UpdatePolicy",
        "bedrock-agentcore:UpdatePolicyEngine",
        "bedrock:DeleteEnforcedGuardrailConfiguration",
        "bedrock:DeleteGuardrail",
        "bedrock:DeleteModelInvocationLoggingConfiguration",
        "bedrock:UpdateGuardrail",
    ];
    Ok(except(deny(&actions, everything()), admins(ground)?))
}

fn aliases_moved_by_pipeline_only(ground: &Ground) -> Result<Statement, Lacks> {
    let actions = [
        "bedrock-agentcore:DeleteAgentRuntimeEndpoint",
        "bedrock-agentcore:UpdateAgentRuntimeEndpoint",
        "bedrock:DeleteAgentAlias",
        "bedrock:DeleteFlowAlias",
        "bedrock:UpdateAgentAlias",
        "bedrock:UpdateFlowAlias",
    ];
    let pipelines = some(
        &ground.pipelines,
        "nothing says which role the pipeline has: --pipeline ARN",
    )?;
    Ok(except(deny(&actions, everything()), pipelines))
}

fn no_inline_agents(_: &Ground) -> Result<Statement, Lacks> {
    Ok(deny(&["bedrock:InvokeInlineAgent"], everything()))
}

fn agents_inside_vpc(_: &Ground) -> Result<Statement, Lacks> {
    let actions = [
        "bedrock-agentcore:CreateAgentRuntime",
        "bedrock-agentcore:CreateBrowser",
        "bedrock-agentcore:CreateCodeInterpreter",
        "bedrock-agentcore:UpdateAgentRuntime",
    ];
    Ok(deny(&actions, everything()).when(Test::Null, "bedrock-agentcore:subnets", &["true"]))
}

fn agent_roles_from_inside(ground: &Ground) -> Result<Statement, Lacks> {
    let statement = deny(&["sts:AssumeRole"], only(&[AGENT_ROLES]));
    Ok(to_outsiders(statement, organization(ground)?))
}

fn agent_roles_for_our_services(ground: &Ground) -> Result<Statement, Lacks> {
    let organization = organization(ground)?;
    let statement = deny(&["sts:AssumeRole"], only(&[AGENT_ROLES]))
        .when_operator(
            if_exists(Test::StringNotEquals),
            "aws:SourceOrgID",
            &[organization],
        )
        .when(Test::Null, "aws:SourceAccount", &["false"])
        .when(Test::Bool, "aws:PrincipalIsAWSService", &["true"]);
    Ok(to_everyone(statement))
}

fn agent_data_from_inside(ground: &Ground) -> Result<Statement, Lacks> {
    let organization = organization(ground)?;
    Ok(to_outsiders(deny_data(ground)?, organization))
}

fn agent_data_over_tls(ground: &Ground) -> Result<Statement, Lacks> {
    let statement =
        deny_data(ground)?.when_operator(if_exists(Test::Bool), "aws:SecureTransport", &["false"]);
    Ok(to_everyone(statement))
}

/// Characters of resources for which an RCP has room beside the rest of a statement.
const DATA_LENGTH_MAX: usize = 4_096;

/// Everything that can be done with what charters read and write, where its service heeds RCPs.
fn deny_data(ground: &Ground) -> Result<Statement, Lacks> {
    let data = some(
        &ground.data,
        "no charter below touches a resource of a service that heeds RCPs",
    )?;
    // Each stands in quotes, with a comma behind.
    let length: usize = data.iter().map(|arn| arn.chars().count() + 3).sum();
    if length > DATA_LENGTH_MAX {
        return Err(Lacks(
            "the charters below name more resources than one RCP has room for: name fewer units, or write it over whole services",
        ));
    }
    let services = data.iter().filter_map(|arn| arn.split(':').nth(2));
    let actions: BTreeSet<String> = services.map(|service| format!("{service}:*")).collect();
    let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
    Ok(deny(&actions, only(data)))
}

fn organization(ground: &Ground) -> Result<&str, Lacks> {
    ground.organization.as_deref().ok_or(Lacks(
        "nothing says which organisation this is: --organization o-…, or `id` in organization.json",
    ))
}

const fn if_exists(test: Test) -> Operator {
    Operator {
        if_exists: true,
        ..Operator::plain(test)
    }
}

/// For everybody but AWS services and the organisation's own principals.
fn to_outsiders(statement: Statement, organization: &str) -> Statement {
    let statement = statement
        .when_operator(
            if_exists(Test::StringNotEquals),
            "aws:PrincipalOrgID",
            &[organization],
        )
        .when_operator(
            if_exists(Test::Bool),
            "aws:PrincipalIsAWSService",
            &["false"],
        );
    to_everyone(statement)
}

fn to_everyone(statement: Statement) -> Statement {
    Statement {
        principals: Some(Selection::Only(vec![Spanned::made(
            PrincipalPattern::Everyone,
        )])),
        ..statement
    }
}

fn some<'g>(list: &'g [String], lacks: &'static str) -> Result<&'g [String], Lacks> {
    if list.is_empty() {
        return Err(Lacks(lacks));
    }
    Ok(list)
}

fn admins(ground: &Ground) -> Result<&[String], Lacks> {
    some(
        &ground.admins,
        "nothing says who may still do it: --admin ARN",
    )
}

fn except(statement: Statement, principals: &[impl AsRef<str>]) -> Statement {
    statement.when(Test::ArnNotLike, "aws:PrincipalArn", principals)
}

fn everything() -> Selection<ResourcePattern> {
    only(&["*"])
}

fn only(resources: &[impl AsRef<str>]) -> Selection<ResourcePattern> {
    Selection::Only(patterns(resources, ResourcePattern))
}

fn all_but(resources: &[impl AsRef<str>]) -> Selection<ResourcePattern> {
    Selection::AllBut(patterns(resources, ResourcePattern))
}

fn patterns<T>(texts: &[impl AsRef<str>], pattern: fn(String) -> T) -> Vec<Spanned<T>> {
    texts
        .iter()
        .map(|text| Spanned::made(pattern(text.as_ref().to_owned())))
        .collect()
}

fn deny(actions: &[&str], resources: Selection<ResourcePattern>) -> Statement {
    Statement {
        sid: None,
        effect: Effect::Deny,
        principals: None,
        actions: Selection::Only(patterns(actions, ActionPattern)),
        resources: Some(resources),
        conditions: Vec::new(),
        span: Span::default(),
    }
}

/// A statement that holds only where a key compares so.
pub(super) trait When: Sized {
    fn when_operator(self, operator: Operator, key: &str, values: &[impl AsRef<str>]) -> Self;

    fn when(self, test: Test, key: &str, values: &[impl AsRef<str>]) -> Self {
        self.when_operator(Operator::plain(test), key, values)
    }
}

impl When for Statement {
    fn when_operator(mut self, operator: Operator, key: &str, values: &[impl AsRef<str>]) -> Self {
        self.conditions.push(Condition {
            operator,
            written: operator.to_string(),
            key: Spanned::made(key.to_owned()),
            values: patterns(values, |text| text),
        });
        self
    }
}
