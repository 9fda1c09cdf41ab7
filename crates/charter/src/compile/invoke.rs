//! Who may start an agent: a policy for its invokers, apart from what the agent may reach.

use bailiwick_iam::arn::Arn;

use super::platform::workloads;
use super::statement::{self, Rights};
use super::{CompileError, Holds, InvokerPolicy, NamedDocument, Site, baseline};
use crate::charter::Charter;

/// The rights to start these workloads. A task on a schedule or a pod is started by nobody's call.
fn rights(workloads: &[Arn]) -> Rights {
    let mut rights = Rights::default();
    for workload in workloads {
        let text = workload.as_str();
        let behind = |kind: &str| {
            text.replacen(
                &format!(":{}/", workload.resource_kind()),
                &format!(":{kind}/"),
                1,
            )
        };
        let (action, resources) = match (workload.service(), workload.resource_kind()) {
            ("bedrock", "agent") => (
                "bedrock:InvokeAgent",
                vec![format!("{}/*", behind("agent-alias"))],
            ),
            ("bedrock", "flow") => ("bedrock:InvokeFlow", vec![format!("{text}/alias/*")]),
            ("bedrock-agentcore", "runtime") => (
                "bedrock-agentcore:InvokeAgentRuntime",
                vec![text.to_owned(), format!("{text}/runtime-endpoint/*")],
            ),
            ("bedrock-agentcore", "harness") => {
                ("bedrock-agentcore:InvokeHarness", vec![text.to_owned()])
            }
            ("bedrock-agentcore", "gateway") => {
                ("bedrock-agentcore:InvokeGateway", vec![text.to_owned()])
            }
            ("lambda", "function") => ("lambda:InvokeFunction", vec![text.to_owned()]),
            _ => continue,
        };
        rights.add([action.to_owned()], resources);
    }
    rights
}

/// `None` where the charter says nothing of invokers, names none, or nobody's call starts the agent.
pub(crate) fn policy(
    charter: &Charter,
    site: &Site,
) -> Result<Option<InvokerPolicy>, CompileError> {
    let account = baseline::account(charter, site)?;
    let rights = rights(&workloads(charter, site, account)?);
    let invokers = charter.invokers.clone().unwrap_or_default();
    if rights.is_empty() || invokers.is_empty() {
        return Ok(None);
    }
    Ok(Some(InvokerPolicy {
        account,
        path: charter.role_path(),
        policy: NamedDocument {
            name: format!("{}-invoke", charter.agent),
            holds: Holds::Invoke,
            document: statement::policy(rights.statements("Start")),
        },
        for_principals: invokers,
    }))
}
