//! Resource policies of what a charter touches: who else may come near.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_iam::arn::Arn;
use bailiwick_iam::policy::{Operator, Policy, PrincipalPattern, Statement, Test};
use serde::Serialize;

use super::closure::{account_of, kinds};
use super::platform::Platform;
use super::role::Roles;
use super::statement::{allow, deny, policy, to_principal, where_key, where_operator};
use super::{CalledBy, Site, ToolTarget};
use crate::charter::{Charter, Mode};

/// What the owner of one resource is asked to put into its policy. It is added to what is there and
/// replaces nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hardening {
    /// The resource that has the policy: a bucket, and not the objects in it.
    pub resource: String,
    pub kind: &'static str,
    /// `None` where the resource has no policy of its own to put it into.
    pub policy: Option<Policy>,
    pub why: String,
}

/// A resource that can say who comes near.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Guarded {
    Bucket,
    Function,
    Key,
    Secret,
    Table,
    KnowledgeBase,
}

impl Guarded {
    fn of(service: &str, resource: &str) -> Option<Self> {
        let kind = resource.split(['/', ':']).next().unwrap_or_default();
        match (service, kind) {
            ("s3", _) => Some(Self::Bucket),
            ("lambda", "function") => Some(Self::Function),
            ("kms", "key") => Some(Self::Key),
            ("secretsmanager", "secret") => Some(Self::Secret),
            ("dynamodb", "table") => Some(Self::Table),
            ("bedrock", "knowledge-base") => Some(Self::KnowledgeBase),
            _ => None,
        }
    }

    fn policy_kind(self) -> &'static str {
        match self {
            Self::Bucket => "bucket policy",
            Self::Function => "function policy",
            Self::Key => "key policy",
            Self::Secret => "secret policy",
            Self::Table => "table policy",
            Self::KnowledgeBase => "knowledge base",
        }
    }

    /// The resource that carries the policy.
    fn carrier(self, arn: &str) -> String {
        match self {
            Self::Bucket => arn.split('/').next().unwrap_or(arn).to_owned(),
            Self::Table => arn.split("/index/").next().unwrap_or(arn).to_owned(),
            Self::Function | Self::Key | Self::Secret | Self::KnowledgeBase => arn.to_owned(),
        }
    }
}

/// What the tasks do with one carrier.
#[derive(Debug, Default)]
struct Use {
    actions: BTreeSet<String>,
    resources: BTreeSet<String>,
    role: Option<String>,
}

pub(crate) fn all(charter: &Charter, site: &Site, roles: &Roles) -> Vec<Hardening> {
    let home = roles.runtime.account;
    let mut uses: BTreeMap<(Guarded, String), Use> = BTreeMap::new();
    for task in charter.tasks.values() {
        for (_, reach) in kinds(task) {
            for resource in &reach.resources {
                let widened = resource.widened();
                let tail = widened.splitn(6, ':').nth(5).unwrap_or_default();
                let Some(guarded) = resource
                    .service()
                    .and_then(|service| Guarded::of(service, tail))
                else {
                    continue;
                };
                let carrier = guarded.carrier(&widened);
                // A pattern stands for resources that only an estate can list.
                if carrier.contains(['*', '?']) {
                    continue;
                }
                let account = account_of(reach, resource.account(), home);
                let used = uses.entry((guarded, carrier)).or_default();
                let service = resource.service().unwrap_or_default();
                let own = |action: &&String| action.split(':').next() == Some(service);
                used.actions
                    .extend(reach.actions.iter().filter(own).cloned());
                used.resources.insert(widened);
                used.role = match charter.mode {
                    Mode::Standing => Some(roles.runtime.arn()),
                    Mode::Brokered => roles.tasks.get(&account).map(super::CompiledRole::arn),
                };
            }
        }
    }
    let mut asked: Vec<Hardening> = uses
        .into_iter()
        .filter_map(|((guarded, carrier), used)| one(guarded, carrier, &used, site))
        .collect();
    asked.extend(behind_tools(charter, site, roles));
    asked
}

fn one(guarded: Guarded, carrier: String, used: &Use, site: &Site) -> Option<Hardening> {
    let role = used.role.clone()?;
    if guarded == Guarded::KnowledgeBase {
        return Some(Hardening {
            resource: carrier,
            kind: guarded.policy_kind(),
            policy: None,
            why: format!(
                "a knowledge base has no policy of its own: only the identity policies of its callers keep others than {role} away"
            ),
        });
    }
    // In the policy of a key, `*` is the key itself.
    let resources = match guarded {
        Guarded::Key => BTreeSet::from(["*".to_owned()]),
        Guarded::Bucket
        | Guarded::Function
        | Guarded::Secret
        | Guarded::Table
        | Guarded::KnowledgeBase => used.resources.clone(),
    };
    let mut named = allow(Some("NamedRole"), &used.actions, &resources);
    let account = role.split(':').nth(4).unwrap_or_default();
    // A function's policy is made of permissions, which take no such condition.
    if guarded != Guarded::Function {
        named = where_key(named, Test::StringEquals, "aws:PrincipalAccount", [account]);
    }
    let mut statements = vec![to_principal(named, PrincipalPattern::Aws(role.clone()))];
    let mut why = format!("names {role} and the actions its tasks declare");
    if let Some(organization) = &site.organization
        && guarded != Guarded::Function
    {
        let outsiders = deny(Some("OrganisationOnly"), &used.actions);
        let mut outsiders = to_principal(outsiders, PrincipalPattern::Everyone);
        outsiders.resources = allow(None, ["x:y"], &resources).resources;
        let other = Operator {
            if_exists: true,
            ..Operator::plain(Test::StringNotEquals)
        };
        let person = Operator {
            if_exists: true,
            ..Operator::plain(Test::Bool)
        };
        let outsiders = where_operator(outsiders, other, "aws:PrincipalOrgID", [organization]);
        let outsiders = where_operator(outsiders, person, "aws:PrincipalIsAWSService", ["false"]);
        statements.push(outsiders);
        why.push_str("; keeps out principals of other organisations");
    }
    Some(Hardening {
        resource: carrier,
        kind: guarded.policy_kind(),
        policy: Some(policy(statements)),
        why,
    })
}

/// What stands behind tools names whoever calls it: a Bedrock agent's action group calls its function
/// as the service and for this agent, a gateway with its own role.
fn behind_tools(charter: &Charter, site: &Site, roles: &Roles) -> Vec<Hardening> {
    let mut asked: BTreeMap<&str, Vec<Statement>> = BTreeMap::new();
    let used = charter.tasks.values().flat_map(|task| &task.tools);
    let targets: BTreeSet<&ToolTarget> = used
        .filter_map(|used| site.tools.get(used.tool.server()))
        .flatten()
        .filter(|target| target.action == "lambda:InvokeFunction" && !target.resource.contains('*'))
        .collect();
    for target in targets {
        let function = target.resource.as_str();
        let statements = asked.entry(function).or_default();
        match target.called_by {
            CalledBy::Platform => statements.extend(for_agents(&charter.runs_as, function)),
            CalledBy::Role => {
                let invoke = allow(Some("NamedRole"), [&target.action], [function]);
                let role = PrincipalPattern::Aws(roles.runtime.arn());
                statements.push(to_principal(invoke, role));
            }
        }
    }
    let asked = asked
        .into_iter()
        .filter(|(_, statements)| !statements.is_empty());
    asked
        .map(|(function, statements)| Hardening {
            resource: function.to_owned(),
            kind: Guarded::Function.policy_kind(),
            policy: Some(policy(statements)),
            why: format!("`{}` may have this function called", charter.agent),
        })
        .collect()
}

fn for_agents(workloads: &[Arn], function: &str) -> Vec<Statement> {
    let agents = workloads
        .iter()
        .filter(|workload| Platform::of(workload) == Some(Platform::Bedrock));
    let statement = |(index, agent): (usize, &Arn)| {
        let sid = format!(
            "ThisAgent{}",
            if index == 0 {
                String::new()
            } else {
                (index + 1).to_string()
            }
        );
        let service = PrincipalPattern::Service("bedrock.amazonaws.com".to_owned());
        let invoke = allow(Some(&sid), ["lambda:InvokeFunction"], [function]);
        let invoke = to_principal(invoke, service);
        let invoke = where_key(
            invoke,
            Test::StringEquals,
            "aws:SourceAccount",
            [agent.account()],
        );
        let exact = !agent.as_str().contains('*');
        let test = if exact {
            Test::ArnEquals
        } else {
            Test::ArnLike
        };
        where_key(invoke, test, "aws:SourceArn", [agent.as_str()])
    };
    agents.enumerate().map(statement).collect()
}
