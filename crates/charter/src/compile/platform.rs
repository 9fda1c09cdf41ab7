//! How the places where agents run assume a role.

use bailiwick_iam::arn::Arn;
use bailiwick_iam::policy::{Policy, PrincipalPattern, Statement, Test};

use super::CompileError;
use super::statement::{policy, trust, where_key};

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
