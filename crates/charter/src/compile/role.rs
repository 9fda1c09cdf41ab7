//! The roles of a charter, and the broker's own.

use std::collections::BTreeMap;

use bailiwick_iam::arn::{AccountId, Arn};
use bailiwick_iam::policy::{Operator, Policy, PrincipalPattern, Quantifier, Statement, Test};

use super::baseline::{Right, account};
use super::closure::{Split, declared};
use super::platform::{Platform, trust_of, workloads};
use super::statement::{Rights, allow, deny, length, policy, trust, where_key, where_operator};
use super::{BROKER_ROLE, CompileError, CompiledRole, Holds, NamedDocument, RoleKind, Site};
use crate::charter::{Charter, Mode};
use crate::name::TaskName;

impl Charter {
    /// Where the agent's roles and policies stand: `/agents/prod/`.
    #[must_use]
    pub fn role_path(&self) -> String {
        format!("/agents/{}/", self.environment)
    }

    /// The role that the broker assumes for a task, the same in every account.
    #[must_use]
    pub fn task_role_name(&self) -> String {
        format!("{}-task", self.agent)
    }

    /// The task role in one account.
    #[must_use]
    pub fn task_role_arn(&self, account: AccountId) -> String {
        let (path, name) = (self.role_path(), self.task_role_name());
        format!("arn:aws:iam::{account}:role{path}{name}")
    }
}

/// The roles of one charter.
#[derive(Debug)]
pub(crate) struct Roles {
    pub(crate) runtime: CompiledRole,
    pub(crate) tasks: BTreeMap<AccountId, CompiledRole>,
    wide: Vec<String>,
}

/// A role, and whether its boundary had to leave out resources.
#[derive(Debug)]
pub(crate) struct Made<'r> {
    pub(crate) role: &'r CompiledRole,
    pub(crate) boundary_is_wide: bool,
}

impl Roles {
    pub(crate) fn all(&self) -> impl Iterator<Item = Made<'_>> {
        let roles = std::iter::once(&self.runtime).chain(self.tasks.values());
        roles.map(|role| Made {
            role,
            boundary_is_wide: self.wide.contains(&role.arn()),
        })
    }
}

/// What AWS takes, in characters without white space.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
///
/// Of the 10,240 for all inline policies of a role, 2,048 stay free: a role without room for the
/// policy that revokes its sessions could not be stopped.
const INLINE_LENGTH_MAX: usize = 10_240 - 2_048;
const MANAGED_LENGTH_MAX: usize = 6_144;
const TRUST_LENGTH_MAX: usize = 2_048;

/// AWS's least for a role, and all that a chained session can have.
const SESSION_SECONDS: u32 = 3_600;

pub(crate) fn roles(
    charter: &Charter,
    site: &Site,
    baseline: &[Right],
) -> Result<Roles, CompileError> {
    let home = account(charter, site)?;
    let accounts = declared(charter, site, home);
    let mut wide = Vec::new();
    let mut make = |frame: Frame<'_>| frame.role(charter, &mut wide);
    let name = charter.agent.to_string();
    let workloads = workloads(charter, site, home)?;
    let trust = trust_of(&workloads)?;
    let statements: Vec<Statement> = baseline
        .iter()
        .map(|right| right.statement.clone())
        .collect();
    let nothing = Split::default();
    let everything = in_one(accounts.values());
    let (kind, split) = match charter.mode {
        Mode::Brokered => (RoleKind::Runtime, &nothing),
        Mode::Standing => (RoleKind::Standing, &everything),
    };
    let runtime = make(Frame {
        kind,
        account: home,
        name,
        trust,
        trust_is_exact: is_exact(&workloads),
        baseline: statements,
        split,
    })?;
    let mut tasks = BTreeMap::new();
    if charter.mode == Mode::Brokered {
        for (account, split) in &accounts {
            if split.read.is_empty() && split.write.is_empty() && split.invoke.is_empty() {
                continue;
            }
            let role = make(Frame {
                kind: RoleKind::Task,
                account: *account,
                name: charter.task_role_name(),
                trust: broker_trust(charter, site, home),
                trust_is_exact: true,
                baseline: Vec::new(),
                split,
            })?;
            tasks.insert(*account, role);
        }
    }
    Ok(Roles {
        runtime,
        tasks,
        wide,
    })
}

/// A role that stands for its platform's rights reaches other accounts through their resource
/// policies, so it holds what the tasks need in all of them.
fn in_one<'s>(splits: impl Iterator<Item = &'s Split>) -> Split {
    let mut all = Split::default();
    for split in splits {
        all.read.extend(&split.read);
        all.write.extend(&split.write);
        all.invoke.extend(&split.invoke);
    }
    all
}

/// Whether each workload is named to the letter, by a service that says which one it is.
fn is_exact(workloads: &[Arn]) -> bool {
    let exact = |workload: &Arn| {
        !workload.as_str().ends_with('*')
            || Platform::of(workload).is_some_and(|platform| !platform.names_workload())
    };
    workloads.iter().all(exact)
}

/// A role before its policies are measured.
struct Frame<'s> {
    kind: RoleKind,
    account: AccountId,
    name: String,
    trust: Policy,
    trust_is_exact: bool,
    baseline: Vec<Statement>,
    split: &'s Split,
}

impl Frame<'_> {
    fn role(self, charter: &Charter, wide: &mut Vec<String>) -> Result<CompiledRole, CompileError> {
        let policies = self.policies();
        let (boundary, is_wide) = self.boundary(&policies)?;
        let role = CompiledRole {
            kind: self.kind,
            account: self.account,
            path: charter.role_path(),
            max_session_seconds: SESSION_SECONDS,
            tags: tags(charter),
            trust_is_exact: self.trust_is_exact,
            boundary: NamedDocument {
                name: format!("{}-boundary", self.name),
                holds: Holds::Boundary,
                document: boundary,
            },
            name: self.name,
            trust: self.trust,
            policies,
        };
        fits(&role)?;
        if is_wide {
            wide.push(role.arn());
        }
        Ok(role)
    }

    fn policies(&self) -> Vec<NamedDocument> {
        let Split {
            read,
            write,
            invoke,
        } = self.split;
        let parts = [
            ("platform", Holds::Baseline, self.baseline.clone()),
            ("read", Holds::Read, read.statements("Read")),
            ("write", Holds::Write, write.statements("Write")),
            (
                "invoke-tools",
                Holds::InvokeTools,
                invoke.statements("Invoke"),
            ),
        ];
        let said = parts
            .into_iter()
            .filter(|(_, _, statements)| !statements.is_empty());
        said.map(|(name, holds, statements)| NamedDocument {
            name: name.to_owned(),
            holds,
            document: policy(statements),
        })
        .collect()
    }

    /// As wide as the role and no wider, so that a policy attached later adds nothing; and never
    /// wide enough to make another role or leave this one.
    fn boundary(&self, policies: &[NamedDocument]) -> Result<(Policy, bool), CompileError> {
        let statements = policies
            .iter()
            .flat_map(|policy| &policy.document.statements);
        let mut exact: Vec<Statement> = statements.cloned().collect();
        exact.push(never(self.kind));
        let exact = policy(exact);
        if length(&exact) <= MANAGED_LENGTH_MAX {
            return Ok((exact, false));
        }
        let mut actions = Rights::default();
        let Split {
            read,
            write,
            invoke,
        } = self.split;
        for part in [read, write, invoke] {
            let named = part.actions().into_iter().map(str::to_owned);
            actions.add(named, ["*".to_owned()]);
        }
        let mut wide = self.baseline.clone();
        wide.extend(actions.statements("Declared"));
        wide.push(never(self.kind));
        let wide = policy(wide);
        within(
            "boundary",
            &self.name,
            length(&wide),
            MANAGED_LENGTH_MAX,
            "split the agent: it has too many different rights",
        )?;
        Ok((wide, true))
    }
}

/// What no agent's role may do whatever is attached to it.
fn never(kind: RoleKind) -> Statement {
    let mut actions = vec![
        "account:*",
        "iam:*",
        "organizations:*",
        "sts:AssumeRole*",
        "sts:GetFederationToken",
    ];
    match kind {
        // The broker lives by assuming roles and writing revocations.
        RoleKind::Broker => actions
            .retain(|action| !action.starts_with("iam:") && !action.starts_with("sts:AssumeRole")),
        RoleKind::Task => actions.extend([
            "bedrock-agentcore:GetWorkloadAccessToken*",
            "sts:GetWebIdentityToken",
        ]),
        RoleKind::Runtime | RoleKind::Standing => {}
    }
    deny(Some("Never"), actions)
}

fn tags(charter: &Charter) -> BTreeMap<String, String> {
    let pairs = [
        ("agent", charter.agent.to_string()),
        ("environment", charter.environment.to_string()),
        ("owner", tag_value(&charter.owner.team)),
    ];
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// A text as the value of a tag, which takes letters, digits, spaces and `_.:/=+-@`.
fn tag_value(text: &str) -> String {
    let allowed = |letter: char| letter.is_alphanumeric() || " _.:/=+-@".contains(letter);
    let letters = text
        .chars()
        .map(|letter| if allowed(letter) { letter } else { '-' });
    letters.take(256).collect()
}

/// The broker alone, and only with the names that make a session's events resolvable.
fn broker_trust(charter: &Charter, site: &Site, home: AccountId) -> Policy {
    let broker = PrincipalPattern::Aws(broker_arn(site, home));
    let tasks = charter.tasks.keys().map(TaskName::as_str);
    let tagged = |statement| {
        let statement = where_key(
            statement,
            Test::StringEquals,
            "aws:RequestTag/agent",
            [&charter.agent],
        );
        let statement = where_key(
            statement,
            Test::StringEquals,
            "aws:RequestTag/task",
            tasks.clone(),
        );
        where_key(statement, Test::Null, "aws:RequestTag/grant", ["false"])
    };
    let begin = tagged(trust(
        "BeginForOneGrant",
        broker.clone(),
        ["sts:AssumeRole"],
    ));
    let begin = where_key(begin, Test::Null, "sts:SourceIdentity", ["false"]);
    let tag = tagged(trust("TagWithGrant", broker.clone(), ["sts:TagSession"]));
    let name = trust("NameAfterGrant", broker, ["sts:SetSourceIdentity"]);
    let name = where_key(name, Test::StringLike, "sts:SourceIdentity", ["?*"]);
    policy(vec![begin, tag, name])
}

pub(crate) fn broker_arn(site: &Site, home: AccountId) -> String {
    match &site.broker {
        Some(broker) => broker.to_string(),
        None => format!("arn:aws:iam::{home}:role/{BROKER_ROLE}"),
    }
}

/// The role of the broker that runs as `workload`: it begins sessions of task roles in these
/// accounts, and writes the policy by which a session is revoked. It may do nothing else.
///
/// IAM knows no condition on the name of an inline policy. What it writes is held by the boundary
/// that every role under `/agents/` has: the condition asks for it.
///
/// # Errors
///
/// When nothing is known of how the workload assumes a role.
pub fn broker(
    workload: &Arn,
    home: AccountId,
    accounts: &[AccountId],
) -> Result<CompiledRole, CompileError> {
    let mut accounts: Vec<AccountId> = accounts.to_vec();
    accounts.push(home);
    accounts.sort();
    accounts.dedup();
    let role = |account: &AccountId| format!("arn:aws:iam::{account}:role/agents/*");
    let boundary = |account: &AccountId| format!("arn:aws:iam::{account}:policy/agents/*");
    let roles: Vec<String> = accounts.iter().map(role).collect();
    let boundaries: Vec<String> = accounts.iter().map(boundary).collect();
    let begin = allow(Some("BeginSessions"), ["sts:AssumeRole"], &roles);
    let begin = where_key(begin, Test::Null, "sts:SourceIdentity", ["false"]);
    let name = allow(Some("NameSessions"), ["sts:SetSourceIdentity"], &roles);
    let tag = allow(Some("TagSessions"), ["sts:TagSession"], &roles);
    let every = Operator {
        quantifier: Some(Quantifier::ForAllValues),
        ..Operator::plain(Test::StringEquals)
    };
    let keys = ["agent", "environment", "grant", "owner", "task", "tenant"];
    let tag = where_operator(tag, every, "aws:TagKeys", keys);
    let tag = where_key(tag, Test::Null, "aws:RequestTag/grant", ["false"]);
    let revoke = allow(
        Some("Revoke"),
        ["iam:DeleteRolePolicy", "iam:PutRolePolicy"],
        &roles,
    );
    let revoke = where_key(
        revoke,
        Test::ArnLike,
        "iam:PermissionsBoundary",
        &boundaries,
    );
    let look = allow(Some("ReadRevocations"), ["iam:GetRolePolicy"], &roles);
    let own = vec![begin, name, tag, revoke, look];
    let (path, name) = BROKER_ROLE.split_once('/').unwrap_or(("", BROKER_ROLE));
    let mut bounded = own.clone();
    bounded.push(never(RoleKind::Broker));
    let role = CompiledRole {
        kind: RoleKind::Broker,
        account: home,
        path: format!("/{path}/"),
        name: name.to_owned(),
        max_session_seconds: SESSION_SECONDS,
        tags: BTreeMap::from([("bailiwick".to_owned(), "broker".to_owned())]),
        trust: trust_of(std::slice::from_ref(workload))?,
        trust_is_exact: true,
        policies: vec![NamedDocument {
            name: "broker".to_owned(),
            holds: Holds::Baseline,
            document: policy(own),
        }],
        boundary: NamedDocument {
            name: format!("{name}-boundary"),
            holds: Holds::Boundary,
            document: policy(bounded),
        },
    };
    fits(&role)?;
    Ok(role)
}

fn fits(role: &CompiledRole) -> Result<(), CompileError> {
    let inline = role
        .policies
        .iter()
        .map(|policy| length(&policy.document))
        .sum();
    within(
        "inline policies",
        &role.name,
        inline,
        INLINE_LENGTH_MAX,
        "split the agent: it has too many different rights",
    )?;
    within(
        "boundary",
        &role.name,
        length(&role.boundary.document),
        MANAGED_LENGTH_MAX,
        "split the agent: it has too many different rights",
    )?;
    within(
        "trust policy",
        &role.name,
        length(&role.trust),
        TRUST_LENGTH_MAX,
        "give tasks shorter names, or split the agent",
    )
}

pub(crate) fn within(
    what: &'static str,
    role: &str,
    length: usize,
    most: usize,
    mend: &'static str,
) -> Result<(), CompileError> {
    if length <= most {
        return Ok(());
    }
    Err(CompileError::TooLong {
        what,
        role: role.to_owned(),
        length,
        most,
        mend,
    })
}
