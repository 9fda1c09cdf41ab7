//! Agents of every kind, the roles they run as, the tools they hold and the roles behind those.

use std::fmt;

use bailiwick_iam::arn::{AccountId, Arn};

use crate::{
    arena::Id,
    principal::{Role, Tags},
    resource::ResourcePolicy,
    source::Place,
};

/// A workload with a model in the loop, or a component that serves one with a role of its own.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Its ARN; for [`AgentKind::Unknown`], the ARN of the role that trusts an agent service.
    pub arn: Arn,
    pub kind: AgentKind,
    pub name: String,
    pub account: AccountId,
    pub region: Option<String>,
    pub environment: Option<Environment>,
    pub owner: Option<Learned>,
    pub tags: Tags,
    pub roles: Vec<AgentRole>,
    pub tools: Vec<Tool>,
    pub invocation: Invocation,
    pub network: Network,
    pub aliases: Vec<Alias>,
    /// The gateway's policy engine.
    pub policy_engine: Option<PolicyEngine>,
    pub model: Option<String>,
    pub guardrail: Option<String>,
    /// The workload identity that AgentCore gave it.
    pub workload_identity: Option<Arn>,
    pub resource_policy: ResourcePolicy,
    /// Keys, secrets, buckets and functions it is configured with, beside its tools.
    pub uses: Vec<Arn>,
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AgentKind {
    BedrockAgent,
    Flow,
    KnowledgeBase,
    Runtime,
    Harness,
    Gateway,
    Browser,
    CodeInterpreter,
    Memory,
    OnlineEvaluation,
    CapacityProvider,
    ConsentPortal,
    PaymentManager,
    RegistryRecord,
    /// Runs on compute of the owner's: the tag `agent` on a resource says so, or a charter.
    SelfRun,
    /// A role trusts an agent service and no inventory says which agent it is for.
    Unknown,
}

impl AgentKind {
    /// Whether it acts of its own: a model, or code under an agent's control, is in the loop.
    /// Knowledge bases, memories, evaluations and the like only serve those that do.
    #[must_use]
    pub fn acts(self) -> bool {
        match self {
            Self::BedrockAgent
            | Self::Flow
            | Self::Runtime
            | Self::Harness
            | Self::Gateway
            | Self::Browser
            | Self::CodeInterpreter
            | Self::SelfRun
            | Self::Unknown => true,
            Self::KnowledgeBase
            | Self::Memory
            | Self::OnlineEvaluation
            | Self::CapacityProvider
            | Self::ConsentPortal
            | Self::PaymentManager
            | Self::RegistryRecord => false,
        }
    }

    /// In words a table has room for.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BedrockAgent => "bedrock agent",
            Self::Flow => "flow",
            Self::KnowledgeBase => "knowledge base",
            Self::Runtime => "runtime",
            Self::Harness => "harness",
            Self::Gateway => "gateway",
            Self::Browser => "browser",
            Self::CodeInterpreter => "code interpreter",
            Self::Memory => "memory",
            Self::OnlineEvaluation => "online evaluation",
            Self::CapacityProvider => "capacity provider",
            Self::ConsentPortal => "consent portal",
            Self::PaymentManager => "payment manager",
            Self::RegistryRecord => "registry record",
            Self::SelfRun => "self-run",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for AgentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A role an agent runs as, and for which of its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRole {
    pub role: RoleRef,
    pub versions: Vec<AgentVersion>,
}

/// A version of an agent and what sends requests to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentVersion {
    /// `DRAFT`, or a number; `None` if this kind has no versions.
    pub number: Option<String>,
    /// Names of the aliases (Bedrock Agents, flows) or endpoints (runtimes) that route here.
    pub routed_by: Vec<String>,
}

impl AgentVersion {
    #[must_use]
    pub fn is_draft(&self) -> bool {
        self.number.as_deref() == Some("DRAFT")
    }

    /// Whether requests can reach it: unversioned, or routed to.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.number.is_none() || !self.routed_by.is_empty()
    }
}

/// A role that something names. The estate may not hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRef {
    pub arn: Arn,
    /// `None`: the role is in none of the files.
    pub id: Option<Id<Role>>,
}

/// An alias of a Bedrock Agent or a flow, or an endpoint of a runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    pub name: String,
    pub arn: Option<Arn>,
    /// The versions it routes to.
    pub routes_to: Vec<String>,
    /// A Bedrock Agent's alias can be told to refuse.
    pub accepts_invocations: bool,
    pub place: Place,
}

/// Something an agent can use.
#[derive(Debug, Clone)]
pub struct Tool {
    pub name: String,
    pub kind: ToolKind,
    /// The agent's versions that hold it; empty if the agent has none.
    pub versions: Vec<String>,
    pub enabled: bool,
    pub acts_as: ActsAs,
    /// The roles the tool itself runs as: a function's, a knowledge base's, a collaborator's.
    pub roles: Vec<RoleRef>,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolKind {
    /// The ARN as configured, with its version or alias if it has one.
    Lambda {
        function: Arn,
    },
    /// The caller of the agent acts, and hands back the result.
    ReturnControl,
    /// The agent asks its user.
    UserInput,
    /// `AMAZON.CodeInterpreter`, `ANTHROPIC.Computer` and their like, run by AWS.
    BuiltIn {
        signature: String,
    },
    KnowledgeBase {
        id: String,
        arn: Option<Arn>,
    },
    /// Another Bedrock Agent, through its alias.
    Collaborator {
        alias: Arn,
    },
    OpenApi,
    Smithy,
    ApiGateway {
        api: Option<String>,
    },
    McpServer {
        endpoint: String,
    },
    Runtime {
        arn: Arn,
    },
    Gateway {
        arn: Arn,
    },
    Browser {
        arn: Option<Arn>,
    },
    CodeInterpreter {
        arn: Option<Arn>,
    },
    Memory {
        arn: Arn,
    },
    /// A function that the caller of a harness runs itself.
    InlineFunction,
    /// A kind this version does not know, in AWS's word for it.
    Other {
        what: String,
    },
}

/// With whose rights a tool is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActsAs {
    /// The agent's own role.
    Agent,
    /// The service: Bedrock calls action-group functions itself, and the function's resource policy
    /// decides.
    Service,
    OAuth {
        provider: String,
    },
    ApiKey {
        provider: String,
    },
    /// The caller's IAM credentials or token are passed on.
    Caller,
    Nobody,
    Unknown,
}

/// How a caller of the agent is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// IAM decides (SigV4).
    Iam,
    /// A token from an OIDC issuer; empty lists limit nothing.
    Jwt {
        discovery_url: Option<String>,
        audiences: Vec<String>,
        clients: Vec<String>,
        scopes: Vec<String>,
    },
    /// Tokens are checked, nothing is authorised.
    AuthenticateOnly,
    /// Anyone may call.
    Open,
    /// Nothing calls it from outside.
    NotInvoked,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    Public,
    Vpc,
    Sandbox,
    /// This kind has no network of its own.
    None,
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyEngine {
    pub arn: String,
    /// `ENFORCE` or `LOG_ONLY`, as AWS wrote it.
    pub mode: Option<String>,
}

/// `prod`, `staging`, …, lower-case, and what said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pub name: String,
    pub learned_from: LearnedFrom,
}

/// A word about an agent and what said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    pub value: String,
    pub from: LearnedFrom,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LearnedFrom {
    /// A tag of the agent itself, by key.
    Tag(String),
    /// A tag of its role, by key.
    RoleTag(String),
    /// A tag of its account, by key.
    AccountTag(String),
    AccountName,
    /// The unit's name.
    Unit(String),
}
