//! A charter's closure: all that its roles may ever hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use bailiwick_iam::arn::AccountId;
use bailiwick_iam::layers::{Compiled, Layers, NamedPolicy};
use bailiwick_iam::policy::{Policy, Statement};

use super::statement::{Rights, policy};
use super::{Baseline, CalledBy, CompileError, Site, baseline};
use crate::charter::{Charter, Reach, Task};

/// What a charter declares, with parameters as wide as anything, and the platform's baseline.
///
/// It is what *charter* means in a proof: `new ⊆ charter`, `charter ⊆ new`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// Reads, writes and invocations, whatever the account.
    pub declared: Policy,
    /// The same for each account by itself.
    pub declared_in: BTreeMap<AccountId, Policy>,
    /// Model, telemetry, own identity.
    pub baseline: Policy,
    /// Why each statement of the baseline is there.
    pub reasons: Vec<Baseline>,
}

impl Closure {
    /// The policies, as the identity layer of somebody who holds all of them and no more.
    #[must_use]
    pub fn layers(&self) -> Layers {
        layers([("declared", &self.declared), ("baseline", &self.baseline)])
    }

    /// What the tasks alone declare.
    #[must_use]
    pub fn declared_layers(&self) -> Layers {
        layers([("declared", &self.declared)])
    }
}

fn layers<'p>(policies: impl IntoIterator<Item = (&'static str, &'p Policy)>) -> Layers {
    // A policy without a statement is none.
    let said = policies
        .into_iter()
        .filter(|(_, policy)| !policy.statements.is_empty());
    let compiled = said.map(|(name, policy)| {
        Arc::new(Compiled::new(NamedPolicy {
            name: name.into(),
            policy: Arc::new(policy.clone()),
        }))
    });
    Layers {
        identity: Some(compiled.collect()),
        ..Layers::default()
    }
}

/// The closure of a charter at a site.
///
/// # Errors
///
/// When nothing says in which account the agent lives.
pub fn closure(charter: &Charter, site: &Site) -> Result<Closure, CompileError> {
    let home = baseline::account(charter, site)?;
    let baseline = baseline::of(charter, site)?;
    let by_account = declared(charter, site, home);
    let mut all = Split::default();
    for task in charter.tasks.values() {
        for (kind, reach) in kinds(task) {
            let part = all.part(kind, reach);
            part.add(reach.actions.iter().cloned(), widened(reach));
        }
    }
    tools(charter, site, &mut all.invoke);
    let declared_in = by_account
        .iter()
        .map(|(account, split)| (*account, policy(split.statements())));
    Ok(Closure {
        declared: policy(all.statements()),
        declared_in: declared_in.collect(),
        reasons: baseline.iter().map(|right| right.told.clone()).collect(),
        baseline: policy(baseline.into_iter().map(|right| right.statement).collect()),
    })
}

/// Declared rights, by what they are for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Split {
    pub(crate) read: Rights,
    pub(crate) write: Rights,
    pub(crate) invoke: Rights,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
}

impl Split {
    fn part(&mut self, kind: Kind, reach: &Reach) -> &mut Rights {
        let invokes = reach.actions.iter().all(|action| is_invocation(action));
        if invokes {
            return &mut self.invoke;
        }
        match kind {
            Kind::Read => &mut self.read,
            Kind::Write => &mut self.write,
        }
    }

    pub(crate) fn statements(&self) -> Vec<Statement> {
        let Self {
            read,
            write,
            invoke,
        } = self;
        let mut statements = read.statements("Read");
        statements.extend(write.statements("Write"));
        statements.extend(invoke.statements("Invoke"));
        statements
    }
}

/// Actions that set something else going, which then acts with rights of its own.
pub(crate) const INVOCATIONS: [&str; 9] = [
    "bedrock-agentcore:InvokeAgentRuntime",
    "bedrock-agentcore:InvokeGateway",
    "bedrock:GetAgentAlias",
    "bedrock:InvokeAgent",
    "bedrock:InvokeFlow",
    "lambda:InvokeFunction",
    "lambda:InvokeFunctionUrl",
    "states:StartExecution",
    "states:StartSyncExecution",
];

pub(crate) fn is_invocation(action: &str) -> bool {
    INVOCATIONS
        .iter()
        .any(|invocation| invocation.eq_ignore_ascii_case(action))
}

pub(crate) fn kinds(task: &Task) -> impl Iterator<Item = (Kind, &Reach)> {
    let reads = task.read.iter().map(|reach| (Kind::Read, reach));
    reads.chain(task.write.iter().map(|reach| (Kind::Write, reach)))
}

fn widened(reach: &Reach) -> impl Iterator<Item = String> {
    reach.resources.iter().map(|resource| resource.widened())
}

/// What the tasks need in each account. The agent's own is always there.
pub(crate) fn declared(
    charter: &Charter,
    site: &Site,
    home: AccountId,
) -> BTreeMap<AccountId, Split> {
    let mut accounts = BTreeMap::from([(home, Split::default())]);
    for task in charter.tasks.values() {
        for (kind, reach) in kinds(task) {
            for resource in &reach.resources {
                let account = account_of(reach, resource.account(), home);
                let part = accounts.entry(account).or_default().part(kind, reach);
                part.add(reach.actions.iter().cloned(), [resource.widened()]);
            }
        }
    }
    if let Some(split) = accounts.get_mut(&home) {
        tools(charter, site, &mut split.invoke);
    }
    accounts
}

/// The account of a resource: its ARN's, else what the charter says, else the agent's own.
pub(crate) fn account_of(reach: &Reach, written: Option<&str>, home: AccountId) -> AccountId {
    let named = written.and_then(|account| account.parse().ok());
    named.or(reach.account).unwrap_or(home)
}

/// What calling the charter's tools needs on AWS, where the site knows what stands behind them.
fn tools(charter: &Charter, site: &Site, invoke: &mut Rights) {
    let used = charter.tasks.values().flat_map(|task| &task.tools);
    let targets = used.filter_map(|used| site.tools.get(used.tool.server()));
    let by_role = targets
        .flatten()
        .filter(|target| target.called_by == CalledBy::Role);
    for target in by_role {
        invoke.add([target.action.clone()], [target.resource.clone()]);
    }
}
