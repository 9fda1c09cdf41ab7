//! From a charter to what AWS, CloudTrail and the authority are told.
//!
//! Nothing here is applied: a compiled charter is data, which plans compare with what exists and
//! printers write as templates. The same charter and site give the same bytes.

mod baseline;
mod cedar;
mod closure;
mod harden;
mod invoke;
mod observe;
mod outlive;
mod platform;
mod role;
mod session;
mod statement;
mod when;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bailiwick_iam::arn::{AccountId, Arn};
use bailiwick_iam::policy::Policy;
use serde::Serialize;

use crate::charter::{Charter, Hash, Mode};
use crate::name::{AgentName, Environment, TaskName};

pub use cedar::{CedarSet, cedar_set};
pub use closure::{Closure, closure};
pub use harden::Hardening;
pub use observe::{FieldSelector, Selector};
pub use outlive::{OUTLIVING, Outlives};
pub use role::broker;
pub use session::{
    Deadline, SESSION_POLICY_LENGTH_MAX, SessionError, SessionTemplate, is_denied_to_agents,
    session_policy,
};
pub use when::{WhenError, check_when};

pub(crate) use closure::is_invocation;
pub(crate) use session::{SESSION, session_length};

/// What a charter does not say and its compilation depends on: where it is compiled for.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// The account of agents whose charter names none.
    pub account: Option<AccountId>,
    /// The region of agents whose charter names none.
    pub region: Option<String>,
    /// The role that mints credentials; by default [`BROKER_ROLE`] in the agent's account.
    pub broker: Option<Arn>,
    /// `o-…`: principals of others are kept out where a resource policy can say so.
    pub organization: Option<String>,
    /// Who a web identity token must be for, where agents prove themselves with one.
    pub audience: Option<String>,
    /// Models an agent was found to use, beside those its charter names.
    pub models: Vec<Arn>,
    /// The image repositories that containers of agents are pulled from.
    pub images: Vec<Arn>,
    /// The guardrails an agent is configured with.
    pub guardrails: Vec<Arn>,
    /// The policy engines that decide for a gateway.
    pub engines: Vec<Arn>,
    /// What stands behind a tool server, where calling it needs a right on AWS: by server name.
    pub tools: BTreeMap<String, Vec<ToolTarget>>,
}

/// The path and name of the broker's role.
pub const BROKER_ROLE: &str = "bailiwick/bailiwick-broker";

/// An action on a resource that a tool server stands for: `lambda:InvokeFunction` on a function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ToolTarget {
    pub action: String,
    pub resource: String,
    pub called_by: CalledBy,
}

/// With whose rights a tool is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CalledBy {
    /// The agent's own role, which needs the right.
    Role,
    /// The platform, for the agent: the policy of the resource decides, and the role needs nothing.
    Platform,
}

/// Everything one charter asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompiledCharter {
    pub agent: AgentName,
    pub environment: Environment,
    pub owner: String,
    pub mode: Mode,
    /// The charter it was compiled from.
    pub charter: Hash,
    /// The role that the platform assumes. In `standing` mode it holds the tasks' rights too.
    pub runtime: CompiledRole,
    /// In `brokered` mode, the role in each account that holds the tasks' rights there.
    pub tasks: BTreeMap<AccountId, CompiledRole>,
    /// Who may start the agent: a policy for its invokers, apart from what the agent may reach.
    pub invoke: Option<InvokerPolicy>,
    /// Resource policies of what the charter touches.
    pub hardening: Vec<Hardening>,
    /// One small set of Cedar policies for each task.
    pub cedar: BTreeMap<TaskName, CedarSet>,
    /// CloudTrail's advanced event selectors without which nobody sees what the agent does.
    pub selectors: Vec<Selector>,
    /// The rights beside the declared ones, each with its reason.
    pub baseline: Vec<Baseline>,
    /// In `brokered` mode, what a grant of each task will be given in each account.
    pub sessions: BTreeMap<TaskName, BTreeMap<AccountId, SessionTemplate>>,
    /// What goes on after a session ends, by its nature.
    pub outlives: Vec<Outlives>,
    /// What the reader of a plan should know.
    pub remarks: Vec<String>,
}

/// What a role is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleKind {
    /// The platform's, without rights on task data.
    Runtime,
    /// The platform's, with the tasks' rights.
    Standing,
    /// The broker's to assume, with the tasks' rights.
    Task,
    /// The broker itself.
    Broker,
}

/// A role, as AWS is told to make it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompiledRole {
    pub kind: RoleKind,
    pub account: AccountId,
    /// Begins and ends with a slash.
    pub path: String,
    pub name: String,
    pub max_session_seconds: u32,
    pub tags: BTreeMap<String, String>,
    pub trust: Policy,
    /// Whether the trust names the agent exactly. If not, AWS has not given its id yet: complete
    /// `runs-as` once it has, and compile again.
    pub trust_is_exact: bool,
    /// Inline policies: reads, writes, invocations and the platform's baseline apart.
    pub policies: Vec<NamedDocument>,
    /// A managed policy.
    pub boundary: NamedDocument,
}

/// A policy and its name in the role, or in the account under the role's path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedDocument {
    pub name: String,
    pub holds: Holds,
    pub document: Policy,
}

/// Which of a role's rights a policy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holds {
    Baseline,
    Read,
    Write,
    InvokeTools,
    Boundary,
    Invoke,
}

/// The policy that lets somebody start the agent, and for whom it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InvokerPolicy {
    pub account: AccountId,
    pub path: String,
    pub policy: NamedDocument,
    pub for_principals: Vec<Arn>,
}

/// A right that no task declares and the platform needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Baseline {
    pub sid: String,
    pub reason: &'static str,
    pub actions: Vec<String>,
    pub resources: Vec<String>,
}

/// Why a charter cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    #[error(
        "neither the charter of `{agent}` nor the site names an account; add `role` or `runs-as`"
    )]
    NoAccount { agent: AgentName },
    #[error("the charter of `{agent}` does not say where it runs; add `runs-as`")]
    NoWorkload { agent: AgentName },
    #[error(
        "nothing is known of how `{workload}` assumes a role; name the agent, function, task definition or association"
    )]
    Platform { workload: String },
    #[error("the {what} of `{role}` has {length} characters, of {most} at most; {mend}")]
    TooLong {
        what: &'static str,
        role: String,
        length: usize,
        most: usize,
        mend: &'static str,
    },
    #[error("the task `{task}` calls `{tool}` under a condition that is none: {why}")]
    When {
        task: TaskName,
        tool: String,
        why: WhenError,
    },
}

/// All that follows from a charter at a site.
///
/// # Errors
///
/// When the charter lacks what a role needs, or asks for more than AWS's limits hold. Nothing is
/// ever dropped to fit.
pub fn compile(charter: &Charter, site: &Site) -> Result<CompiledCharter, CompileError> {
    let baseline = baseline::of(charter, site)?;
    let roles = role::roles(charter, site, &baseline)?;
    let home = roles.runtime.account;
    let workloads = platform::workloads(charter, site, home)?;
    let mut cedar = BTreeMap::new();
    for (name, task) in &charter.tasks {
        cedar.insert(name.clone(), cedar_set(charter, name, task)?);
    }
    Ok(CompiledCharter {
        agent: charter.agent.clone(),
        environment: charter.environment.clone(),
        owner: charter.owner.team.clone(),
        mode: charter.mode,
        charter: charter.hash(),
        invoke: invoke::policy(charter, site)?,
        hardening: harden::all(charter, site, &roles),
        cedar,
        selectors: observe::selectors(charter, &workloads),
        sessions: session::templates(charter, home)?,
        outlives: outlive::of(charter),
        remarks: remarks(charter, &roles, &baseline),
        baseline: baseline.into_iter().map(|right| right.told).collect(),
        runtime: roles.runtime,
        tasks: roles.tasks,
    })
}

impl CompiledCharter {
    /// Every role of the charter, the platform's first.
    pub fn roles(&self) -> impl Iterator<Item = &CompiledRole> {
        std::iter::once(&self.runtime).chain(self.tasks.values())
    }
}

impl CompiledRole {
    #[must_use]
    pub fn arn(&self) -> String {
        format!(
            "arn:aws:iam::{}:role{}{}",
            self.account, self.path, self.name
        )
    }

    #[must_use]
    pub fn boundary_arn(&self) -> String {
        format!(
            "arn:aws:iam::{}:policy{}{}",
            self.account, self.path, self.boundary.name
        )
    }
}

fn remarks(charter: &Charter, roles: &role::Roles, baseline: &[baseline::Right]) -> Vec<String> {
    let mut remarks = Vec::new();
    if charter.mode == Mode::Standing {
        remarks.push("standing: the platform's role holds the rights at all times, and revocation is of the whole role".to_owned());
    }
    if !roles.runtime.trust_is_exact {
        let phase = if charter.runs_as.is_empty() {
            format!(
                "first phase: `runs-as` names nothing yet, so the role of the platform waits for an AgentCore runtime called `{}`; the roles of the tasks trust the broker and stay as they are. Put its ARN into `runs-as` once AWS has given it, and compile again",
                charter.agent.as_str().replace('-', "_")
            )
        } else {
            "first phase: the trust names the agent by a pattern; put its id into `runs-as` once AWS has given it, and compile again".to_owned()
        };
        remarks.push(phase);
    }
    let thinks = baseline
        .iter()
        .any(|right| right.told.sid == baseline::MODEL);
    if !thinks {
        remarks.push("no model is named: add `models`, or the role can invoke none".to_owned());
    }
    if charter.invokers.is_none() {
        remarks.push("the charter does not say who may start the agent: add `invokers`".to_owned());
    }
    let wide = roles.all().filter(|role| role.boundary_is_wide);
    remarks.extend(wide.map(|role| {
        format!("the boundary of `{}` names its actions on any resource: with the resources it would be longer than AWS allows", role.role.name)
    }));
    remarks
}
