//! A plan as a folder: `plan.json`, a summary to read, the documents, and templates.

use std::collections::BTreeMap;

use bailiwick_iam::{
    arn::{AccountId, Arn},
    policy::{ParsePolicyError, Policy},
};

use super::{Ceiling, Home, Item, Language, ManagedPolicy, Role, RolePolicy, Stack, markdown};
use crate::plan::{Act, Document, Plan};

/// Why a plan cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    #[error("a document of the plan is no policy")]
    Document(#[from] ParsePolicyError),
    #[error("the plan cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Everything that a reviewer and a pipeline need of a plan: path and text, by path.
///
/// # Errors
///
/// When a document of the plan is no policy.
pub fn files(plan: &Plan, language: Language) -> Result<BTreeMap<String, String>, PrintError> {
    let mut files = super::files(&stacks(plan)?, language);
    let desk = Desk::of(plan);
    files.extend(desk.files());
    files.insert("plan.json".to_owned(), plan.to_json()?);
    files.insert(
        "README.md".to_owned(),
        markdown::summary(plan, &desk, language),
    );
    Ok(files)
}

/// What a plan makes, one stack an account. What templates cannot say (agents that change roles,
/// aliases that move, what is taken away) stands in the summary alone.
///
/// # Errors
///
/// When a document of the plan is no policy.
pub fn stacks(plan: &Plan) -> Result<Vec<Stack>, ParsePolicyError> {
    let mut making = Making::default();
    for change in &plan.changes {
        making.take(&change.act, change.agent.as_deref(), &change.why)?;
    }
    let stack = |(home, items): (Home, Vec<Item>)| Stack {
        home,
        title: format!("{} {}", markdown::job(plan.kind), plan.subject),
        items,
    };
    Ok(making.items.into_iter().map(stack).collect())
}

#[derive(Default)]
struct Making {
    items: BTreeMap<Home, Vec<Item>>,
}

impl Making {
    fn take(&mut self, act: &Act, agent: Option<&str>, why: &str) -> Result<(), ParsePolicyError> {
        match act {
            Act::CreatePolicy { policy, document } => {
                let Some((account, path, name)) = named(policy) else {
                    return Ok(());
                };
                let policy = ManagedPolicy {
                    path,
                    name,
                    description: described(why),
                    document: document.policy()?,
                    exists: false,
                };
                self.add(Home::Account(account), Item::Policy(policy));
            }
            Act::CreateRole {
                role,
                trust,
                max_session_seconds,
                tags,
                boundary,
            } => {
                let Some((account, path, name)) = named(role) else {
                    return Ok(());
                };
                let trust = trust.policy()?;
                let role = Role {
                    path,
                    name,
                    description: agent.map_or_else(String::new, |agent| format!("Of {agent}.")),
                    max_session_seconds: *max_session_seconds,
                    tags: tags.clone(),
                    is_provisional: is_provisional(&trust),
                    trust,
                    boundary: boundary.clone(),
                    inline: Vec::new(),
                    attached: Vec::new(),
                    exists: false,
                };
                self.add(Home::Account(account), Item::Role(role));
            }
            Act::PutRolePolicy {
                role,
                name,
                document,
            } => self.inline(role, name, document.policy()?),
            Act::AttachPolicy { role, policy } => {
                if let Some(role) = self.made(role) {
                    role.attached.push(policy.clone());
                }
            }
            Act::AttachBoundary { role, policy } => {
                if let Some(role) = self.made(role) {
                    role.boundary = Some(policy.clone());
                }
            }
            Act::CreateCeiling {
                ceiling,
                name,
                document,
            } => {
                let ceiling = Ceiling {
                    kind: *ceiling,
                    name: name.clone(),
                    description: described(why),
                    document: document.policy()?,
                    targets: Vec::new(),
                };
                self.add(Home::Organization, Item::Ceiling(ceiling));
            }
            Act::AttachCeiling { name, target, .. } => self.attach(name, target),
            // The resource, and so its policy, is another stack's, and a plan changes it twice.
            Act::PutResourcePolicy { .. }
            | Act::DeletePolicy { .. }
            | Act::DeleteRole { .. }
            | Act::RestoreRole { .. }
            | Act::DeleteRolePolicy { .. }
            | Act::DetachPolicy { .. }
            | Act::RemoveBoundary { .. }
            | Act::UpdateAssumeRolePolicy { .. }
            | Act::TagRole { .. }
            | Act::UntagRole { .. }
            | Act::UpdateAgentRole { .. }
            | Act::RevertAgentRole { .. }
            | Act::PrepareAgent { .. }
            | Act::CreateAgentVersion { .. }
            | Act::DeleteAgentVersion { .. }
            | Act::MoveAlias { .. }
            | Act::Verify { .. }
            | Act::DeleteResourcePolicy { .. }
            | Act::DeleteCeiling { .. }
            | Act::DetachCeiling { .. } => {}
        }
        Ok(())
    }

    fn add(&mut self, home: Home, item: Item) {
        self.items.entry(home).or_default().push(item);
    }

    /// A role that this plan makes.
    fn made(&mut self, arn: &str) -> Option<&mut Role> {
        let (account, path, name) = named(arn)?;
        let items = self.items.get_mut(&Home::Account(account))?;
        items.iter_mut().find_map(|item| match item {
            Item::Role(role) if role.path == path && role.name == name => Some(role),
            Item::Role(_)
            | Item::Policy(_)
            | Item::RolePolicy(_)
            | Item::Ceiling(_)
            | Item::ResourcePolicy(_) => None,
        })
    }

    fn inline(&mut self, role: &str, name: &str, document: Policy) {
        if let Some(made) = self.made(role) {
            made.inline.push((name.to_owned(), document));
            return;
        }
        if let Some((account, _, role)) = named(role) {
            let policy = RolePolicy {
                role,
                name: name.to_owned(),
                document,
            };
            self.add(Home::Account(account), Item::RolePolicy(policy));
        }
    }

    fn attach(&mut self, name: &str, target: &str) {
        let items = self.items.entry(Home::Organization).or_default();
        for item in items {
            if let Item::Ceiling(ceiling) = item
                && ceiling.name == name
            {
                ceiling.targets.push(target.to_owned());
            }
        }
    }
}

/// Account, path and name of a role or policy.
pub(super) fn named(arn: &str) -> Option<(AccountId, String, String)> {
    let arn: Arn = arn.parse().ok()?;
    let (_, rest) = arn.resource().split_once('/')?;
    let (path, name) = match rest.rsplit_once('/') {
        Some((path, name)) => (format!("/{path}/"), name),
        None => ("/".to_owned(), rest),
    };
    Some((arn.account_id()?, path, name.to_owned()))
}

/// AWS's longest description of a policy is 1,000 characters, of an SCP 512.
const DESCRIPTION_MAX: usize = 512;

fn described(why: &str) -> String {
    why.chars().take(DESCRIPTION_MAX).collect()
}

/// Whether the trust names a workload of which AWS has not given the id yet.
fn is_provisional(trust: &Policy) -> bool {
    let conditions = trust.statements.iter().flat_map(|it| &it.conditions);
    conditions
        .filter(|condition| condition.key.value.eq_ignore_ascii_case("aws:SourceArn"))
        .flat_map(|condition| &condition.values)
        .any(|value| value.value.starts_with("arn:aws:bedrock") && value.value.contains('*'))
}

/// The documents that the steps of a plan, and what undoes them, put in place.
#[derive(Debug)]
pub(super) struct Desk {
    /// By number of the change and whether it undoes.
    paths: BTreeMap<(usize, bool), String>,
    texts: BTreeMap<String, String>,
}

impl Desk {
    fn of(plan: &Plan) -> Self {
        let mut desk = Self {
            paths: BTreeMap::new(),
            texts: BTreeMap::new(),
        };
        for (number, change) in plan.changes.iter().enumerate() {
            for (undoes, act) in [(false, &change.act), (true, &change.inverse.0)] {
                desk.lay(number, undoes, act);
            }
        }
        desk
    }

    fn lay(&mut self, number: usize, undoes: bool, act: &Act) {
        let Some((parts, document)) = document(act) else {
            return;
        };
        let text = pretty(document);
        let parts: Vec<String> = parts.iter().map(|part| super::name::file(part)).collect();
        let folder = if undoes { "undo" } else { "policies" };
        let stem = format!("{folder}/{}", parts.join("/"));
        // Two steps may put two documents in one place, one after the other.
        let candidates = std::iter::once(format!("{stem}.json"))
            .chain((2..).map(|count| format!("{stem}-{count}.json")));
        for path in candidates.take(plan_steps(number)) {
            let known = self.texts.get(&path);
            if known.is_none_or(|known| *known == text) {
                self.paths.insert((number, undoes), path.clone());
                self.texts.insert(path, text);
                return;
            }
        }
    }

    pub(super) fn path(&self, number: usize, undoes: bool) -> Option<&str> {
        self.paths.get(&(number, undoes)).map(String::as_str)
    }

    fn files(&self) -> BTreeMap<String, String> {
        self.texts.clone()
    }
}

/// No more documents than steps so far can stand in one place.
fn plan_steps(number: usize) -> usize {
    number + 2
}

/// The document that a step puts in place, and where it stands.
fn document(act: &Act) -> Option<(Vec<String>, &Document)> {
    let own = |arn: &str, file: Option<&str>| {
        let (account, _, name) = named(arn)?;
        let mut parts = vec![account.to_string(), name];
        parts.extend(file.map(str::to_owned));
        Some(parts)
    };
    match act {
        Act::CreatePolicy { policy, document } => Some((own(policy, None)?, document)),
        Act::CreateRole { role, trust, .. } => Some((own(role, Some("trust"))?, trust)),
        Act::UpdateAssumeRolePolicy { role, document } => {
            Some((own(role, Some("trust"))?, document))
        }
        Act::PutRolePolicy {
            role,
            name,
            document,
        } => Some((own(role, Some(name))?, document)),
        Act::PutResourcePolicy { resource, document } => {
            let arn: Arn = resource.parse().ok()?;
            let home = arn
                .account_id()
                .map_or_else(|| "resources".to_owned(), |account| account.to_string());
            let name = format!("{}-{}", arn.service(), arn.resource());
            Some((vec![home, name], document))
        }
        Act::CreateCeiling { name, document, .. } => {
            Some((vec!["organization".to_owned(), name.clone()], document))
        }
        Act::DeletePolicy { .. }
        | Act::DeleteRole { .. }
        | Act::RestoreRole { .. }
        | Act::DeleteRolePolicy { .. }
        | Act::AttachPolicy { .. }
        | Act::DetachPolicy { .. }
        | Act::AttachBoundary { .. }
        | Act::RemoveBoundary { .. }
        | Act::TagRole { .. }
        | Act::UntagRole { .. }
        | Act::UpdateAgentRole { .. }
        | Act::RevertAgentRole { .. }
        | Act::PrepareAgent { .. }
        | Act::CreateAgentVersion { .. }
        | Act::DeleteAgentVersion { .. }
        | Act::MoveAlias { .. }
        | Act::Verify { .. }
        | Act::DeleteResourcePolicy { .. }
        | Act::DeleteCeiling { .. }
        | Act::AttachCeiling { .. }
        | Act::DetachCeiling { .. } => None,
    }
}

/// As the documents of stacks are written. What is no policy stands as it was found.
fn pretty(document: &Document) -> String {
    let text = match document.policy() {
        Ok(policy) => policy.to_json_pretty(),
        Err(_) => serde_json::to_string_pretty(document).unwrap_or_default(),
    };
    text + "\n"
}
