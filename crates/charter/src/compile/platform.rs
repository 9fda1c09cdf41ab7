//! How the places where agents run assume a role.

use std::borrow::Cow;

use bailiwick_iam::arn::{AccountId, Arn};
use bailiwick_iam::policy::{Policy, PrincipalPattern, Statement, Test};

use super::statement::{policy, trust, where_key};
use super::{CompileError, Site};
use crate::charter::{Charter, Mode};

/// What assumes the role of a workload, and what AWS says it acts for when it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    /// A Bedrock agent or flow.
    Bedrock,
    /// An AgentCore runtime, harness, gateway, browser, interpreter.
    AgentCore,
    EcsTask,
    EksPod,
    Lambda,
    Ec2,
}

impl Platform {
    pub(crate) fn of(workload: &Arn) -> Option<Self> {
        match workload.service() {
            "bedrock" => Some(Self::Bedrock),
            "bedrock-agentcore" => Some(Self::AgentCore),
            "ecs" => Some(Self::EcsTask),
            "eks" => Some(Self::EksPod),
            "lambda" => Some(Self::Lambda),
            "ec2" => Some(Self::Ec2),
            _ => None,
        }
    }

    fn service(self) -> &'static str {
        match self {
            Self::Bedrock => "bedrock.amazonaws.com",
            Self::AgentCore => "bedrock-agentcore.amazonaws.com",
            Self::EcsTask => "ecs-tasks.amazonaws.com",
            Self::EksPod => "pods.eks.amazonaws.com",
            Self::Lambda => "lambda.amazonaws.com",
            Self::Ec2 => "ec2.amazonaws.com",
        }
    }

    /// What `aws:SourceArn` holds, where the service says for whom it assumes the role. Lambda and
    /// EC2 do not: there, passing the role is what is guarded.
    fn source(self, workload: &Arn) -> Option<String> {
        let of_service = |resource: &str| {
            format!(
                "arn:{}:{}:{}:{}:{resource}",
                workload.partition(),
                workload.service(),
                workload.region(),
                workload.account()
            )
        };
        match self {
            Self::Bedrock | Self::AgentCore => Some(workload.to_string()),
            // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
            Self::EcsTask => Some(of_service("*")),
            Self::EksPod => {
                let cluster = workload.resource().split('/').nth(1)?;
                Some(of_service(&format!("cluster/{cluster}")))
            }
            Self::Lambda | Self::Ec2 => None,
        }
    }

    fn actions(self) -> &'static [&'static str] {
        match self {
            Self::EksPod => &["sts:AssumeRole", "sts:TagSession"],
            Self::Bedrock | Self::AgentCore | Self::EcsTask | Self::Lambda | Self::Ec2 => {
                &["sts:AssumeRole"]
            }
        }
    }

    /// Whether the service says in `aws:SourceArn` which of its workloads it is.
    pub(crate) fn names_workload(self) -> bool {
        match self {
            Self::Bedrock | Self::AgentCore => true,
            Self::EcsTask | Self::EksPod | Self::Lambda | Self::Ec2 => false,
        }
    }
}

/// The workloads of a charter. A brokered agent of which none is named yet is about to be an AgentCore
/// runtime of its name: its role on the platform holds no task data, and trusts nothing else until
/// then. A standing one is not guessed at: whoever is guessed would hold the tasks' rights.
pub(crate) fn workloads<'c>(
    charter: &'c Charter,
    site: &Site,
    home: AccountId,
) -> Result<Cow<'c, [Arn]>, CompileError> {
    if !charter.runs_as.is_empty() {
        return Ok(Cow::Borrowed(&charter.runs_as));
    }
    let expected = match charter.mode {
        Mode::Brokered => expected(charter, site, home),
        Mode::Standing => None,
    };
    expected
        .map(|arn| Cow::Owned(vec![arn]))
        .ok_or_else(|| CompileError::NoWorkload {
            agent: charter.agent.clone(),
        })
}

/// The runtime that is about to be made: AWS puts a hyphen, which no name has, and an id behind its
/// name.
// https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_CreateAgentRuntime.html
fn expected(charter: &Charter, site: &Site, home: AccountId) -> Option<Arn> {
    const NAME_LENGTH_MAX: usize = 48;
    let name = charter.agent.as_str().replace('-', "_");
    if name.len() > NAME_LENGTH_MAX {
        return None;
    }
    let region = site.region.as_deref().unwrap_or("*");
    format!("arn:aws:bedrock-agentcore:{region}:{home}:runtime/{name}-*")
        .parse()
        .ok()
}

/// The trust policy of a role that these workloads run as.
pub(crate) fn trust_of(workloads: &[Arn]) -> Result<Policy, CompileError> {
    let mut statements: Vec<Statement> = Vec::new();
    for (index, workload) in workloads.iter().enumerate() {
        let platform = Platform::of(workload).ok_or_else(|| CompileError::Platform {
            workload: workload.to_string(),
        })?;
        let sid = if index == 0 {
            "Platform".to_owned()
        } else {
            format!("Platform{}", index + 1)
        };
        let service = PrincipalPattern::Service(platform.service().to_owned());
        let mut statement = trust(&sid, service, platform.actions());
        if let Some(source) = platform.source(workload) {
            let exact = !source.contains('*');
            let test = if exact {
                Test::ArnEquals
            } else {
                Test::ArnLike
            };
            statement = where_key(
                statement,
                Test::StringEquals,
                "aws:SourceAccount",
                [workload.account()],
            );
            statement = where_key(statement, test, "aws:SourceArn", [source]);
        }
        statements.push(statement);
    }
    Ok(policy(statements))
}
