//! What every agent needs and no task declares: its model, its telemetry, its own identity.
//!
//! Least privilege that forgets telemetry loses traces without an error, so these rights are part
//! of what is compiled; each is listed with its reason, and they are all that a plan may add beyond
//! what a role had.

use bailiwick_iam::arn::{AccountId, Arn};
use bailiwick_iam::policy::{Operator, Quantifier, Statement, Test};

use super::platform::{Platform, workloads};
use super::statement::{allow, where_key, where_operator};
use super::{Baseline, CompileError, Site};
use crate::charter::Charter;

/// A right of the baseline: as it is told, and as AWS reads it.
#[derive(Debug, Clone)]
pub(crate) struct Right {
    pub(crate) told: Baseline,
    pub(crate) statement: Statement,
}

pub(crate) const MODEL: &str = "Model";
const PROFILE: &str = "ModelProfile";
const GUARDRAIL: &str = "Guardrail";

/// The account in which the agent lives.
pub(crate) fn account(charter: &Charter, site: &Site) -> Result<AccountId, CompileError> {
    let account = charter.account().or(site.account);
    account.ok_or_else(|| CompileError::NoAccount {
        agent: charter.agent.clone(),
    })
}

pub(crate) fn of(charter: &Charter, site: &Site) -> Result<Vec<Right>, CompileError> {
    let account = account(charter, site)?;
    let mut rights = Vec::new();
    rights.extend(model(charter, site));
    // What a closure asks of an agent that runs nowhere yet is what it declares.
    let workloads = workloads(charter, site, account).unwrap_or_default();
    for workload in workloads.iter() {
        let Some(platform) = Platform::of(workload) else {
            continue;
        };
        match platform {
            Platform::AgentCore => {
                agentcore(&mut rights, workload, account, site);
                image(&mut rights, workload, site);
            }
            Platform::Lambda => logs(
                &mut rights,
                workload,
                &format!("/aws/lambda/{}", workload.resource_name()),
            ),
            // It writes the logs and traces of its agents itself.
            Platform::Bedrock => {
                profiles(&mut rights, charter, site);
                guardrails(&mut rights, site);
            }
            // Tasks and pods log through the role of their host.
            Platform::EcsTask | Platform::EksPod | Platform::Ec2 => {}
        }
    }
    rights.extend(proof(site));
    Ok(rights)
}

fn right(sid: &str, reason: &'static str, actions: &[&str], resources: &[String]) -> Right {
    Right {
        told: Baseline {
            sid: sid.to_owned(),
            reason,
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
            resources: resources.to_vec(),
        },
        statement: allow(Some(sid), actions, resources),
    }
}

fn model(charter: &Charter, site: &Site) -> Option<Right> {
    let mut models: Vec<String> = charter
        .models
        .iter()
        .chain(&site.models)
        .map(Arn::to_string)
        .collect();
    models.sort();
    models.dedup();
    let actions = [
        "bedrock:InvokeModel",
        "bedrock:InvokeModelWithResponseStream",
    ];
    let reason = "the model it thinks with";
    (!models.is_empty()).then(|| right(MODEL, reason, &actions, &models))
}

/// Bedrock looks a profile up, with the agent's role, before it thinks with it.
// https://docs.aws.amazon.com/bedrock/latest/userguide/agents-permissions.html
fn profiles(rights: &mut Vec<Right>, charter: &Charter, site: &Site) {
    let models = charter.models.iter().chain(&site.models);
    let mut profiles: Vec<String> = models
        .filter(|arn| arn.resource_kind().ends_with("inference-profile"))
        .map(Arn::to_string)
        .collect();
    profiles.sort();
    profiles.dedup();
    let is_said = rights.iter().any(|right| right.told.sid == PROFILE);
    if !profiles.is_empty() && !is_said {
        let reason = "Bedrock looks up the inference profile with the agent's role";
        rights.push(right(
            PROFILE,
            reason,
            &["bedrock:GetInferenceProfile"],
            &profiles,
        ));
    }
}

/// Without this right an agent that has a guardrail answers nothing at all.
// https://docs.aws.amazon.com/bedrock/latest/userguide/agents-permissions.html
fn guardrails(rights: &mut Vec<Right>, site: &Site) {
    let is_said = rights.iter().any(|right| right.told.sid == GUARDRAIL);
    if !site.guardrails.is_empty() && !is_said {
        let guardrails: Vec<String> = site.guardrails.iter().map(Arn::to_string).collect();
        let reason = "the guardrail it is configured with";
        rights.push(right(
            GUARDRAIL,
            reason,
            &["bedrock:ApplyGuardrail"],
            &guardrails,
        ));
    }
}

/// AWS's list for a runtime, less what it has for every runtime of the account.
// https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-permissions.html
fn agentcore(rights: &mut Vec<Right>, workload: &Arn, account: AccountId, site: &Site) {
    let (kind, id) = (workload.resource_kind(), workload.resource_name());
    let region = workload.region();
    if kind == "runtime" || kind == "harness" {
        logs(
            rights,
            workload,
            &format!("/aws/bedrock-agentcore/runtimes/{}", prefix_of(id)),
        );
        rights.push(right(
            "Traces",
            "spans of its turns and calls; X-Ray takes no resource",
            &["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
            &["*".to_owned()],
        ));
        let mut metrics = right(
            "Metrics",
            "its metrics, in the service's own namespace",
            &["cloudwatch:PutMetricData"],
            &["*".to_owned()],
        );
        metrics.statement = where_key(
            metrics.statement,
            Test::StringEquals,
            "cloudwatch:namespace",
            ["bedrock-agentcore"],
        );
        rights.push(metrics);
        let directory = format!(
            "arn:aws:bedrock-agentcore:{region}:{account}:workload-identity-directory/default"
        );
        rights.push(right(
            "OwnIdentity",
            "tokens of its own workload identity; not ForUserId, which believes any name it is given",
            &["bedrock-agentcore:GetWorkloadAccessToken", "bedrock-agentcore:GetWorkloadAccessTokenForJWT"],
            &[directory.clone(), format!("{directory}/workload-identity/{}", prefix_of(id))],
        ));
    }
    if kind == "gateway" {
        rights.push(right(
            "OwnConfiguration",
            "a gateway reads its own configuration at each call",
            &["bedrock-agentcore:GetGateway"],
            &[workload.to_string()],
        ));
        // https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/policy-permissions.html
        if !site.engines.is_empty() {
            let engines = site.engines.iter().map(Arn::to_string);
            let decided: Vec<String> = engines.chain([workload.to_string()]).collect();
            rights.push(right(
                "PolicyEngine",
                "its policy engine decides each call",
                &[
                    "bedrock-agentcore:AuthorizeAction",
                    "bedrock-agentcore:GetPolicyEngine",
                    "bedrock-agentcore:PartiallyAuthorizeActions",
                ],
                &decided,
            ));
        }
    }
}

/// A runtime pulls its image with its own role: its own repository, and not its neighbours'.
fn image(rights: &mut Vec<Right>, workload: &Arn, site: &Site) {
    if workload.resource_kind() != "runtime" || site.images.is_empty() {
        return;
    }
    let repositories: Vec<String> = site.images.iter().map(Arn::to_string).collect();
    rights.push(right(
        "Image",
        "the image it runs from",
        &["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        &repositories,
    ));
    rights.push(right(
        "ImageLogin",
        "the login without which no image is pulled; ECR takes no resource",
        &["ecr:GetAuthorizationToken"],
        &["*".to_owned()],
    ));
}

/// An id as the beginning of names that AWS makes of it.
fn prefix_of(id: &str) -> String {
    format!("{}*", id.trim_end_matches('*'))
}

fn logs(rights: &mut Vec<Right>, workload: &Arn, group: &str) {
    let group = format!(
        "arn:aws:logs:{}:{}:log-group:{group}",
        workload.region(),
        workload.account()
    );
    rights.push(right(
        "OwnLogs",
        "its own log group, to write and not to delete",
        &[
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        ],
        &[group.clone(), format!("{group}:*")],
    ));
}

/// A token that says who it is, for nobody but the authority.
fn proof(site: &Site) -> Option<Right> {
    let audience = site.audience.as_ref()?;
    let mut proof = right(
        "ProveIdentity",
        "a web identity token for the authority alone",
        &["sts:GetWebIdentityToken"],
        &["*".to_owned()],
    );
    let every = Operator {
        quantifier: Some(Quantifier::ForAllValues),
        ..Operator::plain(Test::StringEquals)
    };
    let key = "sts:IdentityTokenAudience";
    proof.statement = where_operator(proof.statement, every, key, [audience]);
    // Without values, ForAllValues holds.
    proof.statement = where_key(proof.statement, Test::Null, key, ["false"]);
    Some(proof)
}
