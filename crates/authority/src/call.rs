//! What an agent asks to do.

use bailiwick_charter::{NameError, SchemaPin, ToolName};
use bailiwick_iam::arn::AccountId;
use bailiwick_ledger::{Action, Flow};

use crate::json::{self, Bounds, JsonFault, Value};

/// One call, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub target: Target,
    /// The prompt that led here, for the record.
    pub flow: Option<Flow>,
    /// Whether the tool's answer passes through whoever asks here, who tells it to
    /// [`crate::Authority::learn`] before the agent sees it. If not, an answer from an untrusted or
    /// private source may be in every later argument, and is taken to be.
    pub is_mediated: bool,
}

/// What is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Tool {
        tool: ToolName,
        args: Value,
        /// The hash of the tool's description and schema as its server says them now, where that
        /// is known ([`crate::ToolSchema::pin`]).
        schema: Option<SchemaPin>,
    },
    Aws {
        /// `service:Name`, without wildcards.
        action: String,
        /// One resource by its ARN, or `*` where the action takes none.
        resource: String,
        /// Whose the resource is, where its ARN does not say.
        account: Option<AccountId>,
    },
}

/// Why a text is no call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("the arguments: {0}")]
    Arguments(#[from] JsonFault),
    #[error("the arguments are {found}, and must be an object")]
    NotAnObject { found: &'static str },
}

impl Call {
    /// What is called, as it is recorded, and nothing of its arguments.
    #[must_use]
    pub fn named(&self) -> Action {
        match &self.target {
            Target::Tool { tool, .. } => Action {
                server: Some(tool.server().to_owned()),
                tool: Some(tool.tool().to_owned()),
                ..Action::default()
            },
            Target::Aws {
                action, resource, ..
            } => Action {
                server: action
                    .split_once(':')
                    .map(|(service, _)| service.to_owned()),
                tool: Some(action.clone()),
                resource: Some(resource.clone()),
                ..Action::default()
            },
        }
    }

    /// A call to a tool, with its arguments as they were sent.
    ///
    /// # Errors
    /// If the name is none that a charter could hold, or the arguments are no strict JSON object.
    pub fn tool(tool: &str, args: &[u8]) -> Result<Self, CallError> {
        Self::tool_of(tool, json::read(args, Bounds::REQUEST)?)
    }

    /// A call to a tool, with arguments that were read strictly.
    ///
    /// # Errors
    /// If the name is none that a charter could hold, or the arguments are no object.
    pub fn tool_of(tool: &str, args: Value) -> Result<Self, CallError> {
        if args.record().is_none() {
            return Err(CallError::NotAnObject { found: args.kind() });
        }
        let tool = tool.parse()?;
        Ok(Self::of(Target::Tool {
            tool,
            args,
            schema: None,
        }))
    }

    /// A call to AWS.
    #[must_use]
    pub fn aws(action: &str, resource: &str) -> Self {
        Self::of(Target::Aws {
            action: action.to_owned(),
            resource: resource.to_owned(),
            account: None,
        })
    }

    fn of(target: Target) -> Self {
        Self {
            target,
            flow: None,
            is_mediated: false,
        }
    }
}
