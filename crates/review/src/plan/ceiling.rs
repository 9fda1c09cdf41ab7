//! Ceilings: SCPs and RCPs over the units in which agents run.
//!
//! A ceiling is put together from [`LIMITS`], each of which may be left out, over what charters,
//! inventory and trail tell of the accounts below a unit. Before it is proposed, it is proved for
//! every charter that no declared request is denied, and asked for every observed call.

pub(crate) mod asked;
mod fit;
mod ground;
mod judge;
mod limit;
mod written;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bailiwick_charter::{Charters, compile::Site};
use bailiwick_estate::{
    Estate, Id, PolicyDocument,
    organization::{Ceilings, Organization, Unit},
    usage::Usage,
};
use bailiwick_iam::{
    access::Algebra,
    arn::{AccountId, Arn},
    layers::Level,
    policy::{Policy, Statement},
};
use bailiwick_iam_catalog::builtin;

use super::{CeilingKind, Proof};

pub use fit::Room;
pub use ground::Ground;
pub use limit::{LIMITS, Lacks, Limit};
pub use written::CANNOT;

/// What a ceiling is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub estate: &'a Estate,
    pub charters: &'a Charters,
    pub site: &'a Site,
    pub observed: &'a [Observed],
    /// Units by id or name; empty: all under which agents run.
    pub units: &'a [String],
    pub choice: &'a Choice,
    /// Patterns of principals that limits on governance exempt; empty: those that the SCPs already
    /// attached exempt.
    pub admins: &'a [String],
    pub pipelines: &'a [String],
}

impl Asked<'_> {
    /// The organisation's id, as the caller says or the estate does.
    #[must_use]
    pub fn organization(&self) -> Option<&str> {
        let of_estate = || self.estate.organization.as_ref()?.id.as_deref();
        self.site.organization.as_deref().or_else(of_estate)
    }
}

/// Which limits, by `Sid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    All,
    Only(Vec<String>),
    Without(Vec<String>),
}

/// A call that was seen in the trail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Observed {
    pub role: Arn,
    pub action: String,
    pub resource: String,
    /// Where it was made, if the trail covers one Region alone.
    pub region: Option<String>,
}

impl Observed {
    /// The calls that went through, each role's on each resource once.
    #[must_use]
    pub fn of(usage: &Usage) -> Vec<Self> {
        let region = usage.coverage.as_ref().and_then(|coverage| {
            let [only] = coverage.regions.as_slice() else {
                return None;
            };
            Some(only.clone())
        });
        let calls: BTreeSet<Self> = usage
            .lines
            .iter()
            .filter(|line| line.succeeded())
            .map(|line| Self {
                role: line.role.clone(),
                action: line.action.clone(),
                resource: line.resource.clone(),
                region: region.clone(),
            })
            .collect();
        calls.into_iter().collect()
    }
}

/// The ceilings, and what would come of them.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub nodes: Vec<Node>,
    /// Actions of the catalog that some statement denies in some circumstances.
    pub denied_actions: usize,
    /// One a charter.
    pub proofs: Vec<Proof>,
    pub observed: Observations,
    /// Agents under these nodes that no charter describes.
    pub uncharted: usize,
}

/// What is proposed for one unit or account.
#[derive(Debug, Clone)]
pub struct Node {
    /// `ou-…`, or the id of an account that is in no unit.
    pub target: String,
    pub name: String,
    pub accounts: BTreeSet<AccountId>,
    pub policies: Vec<NodePolicy>,
    pub left_out: Vec<LeftOut>,
    /// Whom the limits on governance exempt.
    pub admins: Vec<String>,
    /// Policies of either kind that stay attached here.
    pub attached: [usize; 2],
}

/// A policy to attach.
#[derive(Debug, Clone)]
pub struct NodePolicy {
    pub kind: CeilingKind,
    pub name: String,
    pub document: Policy,
    pub characters: usize,
}

/// A limit that a node does not get, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    pub sid: &'static str,
    pub why: String,
}

/// What would become of the calls that were seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observations {
    pub passing: usize,
    /// Role, and the statement that would deny.
    pub denied: Vec<(Arn, String)>,
    /// Role, what it asked for, and the keys on which it hangs.
    pub untold: Vec<(Arn, String, Vec<String>)>,
}

/// Why no ceiling can be proposed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CeilingError {
    #[error("the estate has no organisation, so there is nothing to attach a ceiling to")]
    NoOrganization,
    #[error("there is no unit `{0}` with agents below it")]
    NoUnit(String),
    #[error("there is no limit `{0}`")]
    NoLimit(String),
    #[error(
        "`{target}` has room for {room} more {kind} and this ceiling needs {needed}: {attached} are attached and AWS allows {most}"
    )]
    NoRoom {
        target: String,
        kind: &'static str,
        needed: usize,
        room: usize,
        attached: usize,
        most: usize,
    },
    #[error(
        "`{sid}` alone makes a policy of {characters} characters and AWS allows {most}: name fewer units, or leave it out"
    )]
    TooLong {
        sid: String,
        characters: usize,
        most: usize,
    },
}

/// The new policies that a request of an account's principal meets, as the evaluator and the algebra
/// take them. Empty: none.
#[derive(Debug, Clone)]
struct Bound {
    levels: Arc<[Level]>,
}

impl Bound {
    /// Whether a policy of this name is one of them, and not the allowance beside them.
    fn denies(&self, policy: &str) -> bool {
        let policies = self.levels.iter().flat_map(|level| level.policies.iter());
        policy != judge::FULL_ACCESS && policies.into_iter().any(|it| **it.name() == *policy)
    }
}

#[derive(Debug)]
struct Bounds {
    /// The SCPs over the account, and every RCP: whose resource is asked for is not known.
    accounts: BTreeMap<AccountId, Bound>,
    /// Accounts under none of the nodes.
    elsewhere: Bound,
}

impl Bounds {
    fn over(&self, account: AccountId) -> &Bound {
        self.accounts.get(&account).unwrap_or(&self.elsewhere)
    }
}

/// Puts ceilings together and judges them.
///
/// # Errors
///
/// When there is nothing to attach them to, or they do not fit.
pub fn propose(asked: &Asked<'_>) -> Result<Proposal, CeilingError> {
    let limits = chosen(asked.choice)?;
    let organization = asked
        .estate
        .organization
        .as_ref()
        .ok_or(CeilingError::NoOrganization)?;
    let spots = places(organization, asked);
    let is_known = |unit: &&String| spots.iter().any(|spot| spot.is(unit));
    if let Some(unknown) = asked.units.iter().find(|unit| !is_known(unit)) {
        return Err(CeilingError::NoUnit(unknown.clone()));
    }
    let mut nodes = Vec::new();
    for spot in &spots {
        nodes.push(node(spot, &limits, asked)?);
    }
    let bounds = bounds(organization, &nodes);
    let algebra = Algebra::new(builtin());
    let proofs = asked
        .charters
        .iter()
        .map(|charter| judge::charter(charter, asked, &bounds, &algebra))
        .collect();
    Ok(Proposal {
        denied_actions: denied_actions(&nodes),
        proofs,
        observed: observed(asked, &bounds),
        uncharted: uncharted(asked, &nodes),
        nodes,
    })
}

fn chosen(choice: &Choice) -> Result<Vec<&'static Limit>, CeilingError> {
    let named = match choice {
        Choice::All => &[][..],
        Choice::Only(sids) | Choice::Without(sids) => sids,
    };
    let is = |limit: &Limit, sid: &String| limit.sid.eq_ignore_ascii_case(sid);
    if let Some(unknown) = named
        .iter()
        .find(|sid| !LIMITS.iter().any(|limit| is(limit, sid)))
    {
        return Err(CeilingError::NoLimit(unknown.clone()));
    }
    let is_named = |limit: &Limit| named.iter().any(|sid| is(limit, sid));
    let wanted = |limit: &&Limit| match choice {
        Choice::All => true,
        Choice::Only(_) => is_named(limit),
        Choice::Without(_) => !is_named(limit),
    };
    Ok(LIMITS.iter().filter(wanted).collect())
}

/// A unit with accounts directly below it, or an account that no unit holds.
struct Spot<'e> {
    target: String,
    name: String,
    accounts: BTreeSet<AccountId>,
    attached: &'e Ceilings,
}

impl Spot<'_> {
    fn is(&self, unit: &str) -> bool {
        unit == self.target || unit.eq_ignore_ascii_case(&self.name)
    }
}

fn places<'e>(organization: &'e Organization, asked: &Asked<'_>) -> Vec<Spot<'e>> {
    let mut spots = Vec::new();
    for root in &organization.roots {
        // A ceiling at the root would bind every account there will ever be.
        for member in &root.accounts {
            spots.push(Spot {
                target: member.id.to_string(),
                name: member.name.clone().unwrap_or_else(|| member.id.to_string()),
                accounts: BTreeSet::from([member.id]),
                attached: &member.ceilings,
            });
        }
        for unit in &root.units {
            below(unit, &mut spots);
        }
    }
    let with_agents = accounts_with_agents(asked);
    spots.retain(|spot| {
        let asked_for = asked.units.is_empty() || asked.units.iter().any(|unit| spot.is(unit));
        let is_managing = spot
            .accounts
            .iter()
            .all(|it| *it == organization.management_account);
        asked_for && !is_managing && !spot.accounts.is_disjoint(&with_agents)
    });
    spots
}

fn below<'e>(unit: &'e Unit, spots: &mut Vec<Spot<'e>>) {
    if !unit.accounts.is_empty() {
        spots.push(Spot {
            target: unit.id.clone(),
            name: unit.name.clone().unwrap_or_else(|| unit.id.clone()),
            accounts: unit.accounts.iter().map(|member| member.id).collect(),
            attached: &unit.ceilings,
        });
    }
    for unit in &unit.units {
        below(unit, spots);
    }
}

fn accounts_with_agents(asked: &Asked<'_>) -> BTreeSet<AccountId> {
    let charters = asked.charters.iter();
    let declared = charters.filter_map(|charter| charter.account().or(asked.site.account));
    let listed = asked.estate.agents.values().map(|agent| agent.account);
    declared.chain(listed).collect()
}

fn node(spot: &Spot<'_>, limits: &[&Limit], asked: &Asked<'_>) -> Result<Node, CeilingError> {
    let ground = Ground::under(&spot.accounts, asked);
    let mut left_out = Vec::new();
    let mut policies = Vec::new();
    let mut attached = [0, 0];
    for (at, kind) in [CeilingKind::Scp, CeilingKind::Rcp].into_iter().enumerate() {
        let mut statements = Vec::new();
        for limit in limits.iter().filter(|limit| limit.kind == kind) {
            match limit.statement(&ground) {
                Ok(statement) => statements.push(statement),
                Err(Lacks(why)) => left_out.push(LeftOut {
                    sid: limit.sid,
                    why: why.to_owned(),
                }),
            }
        }
        let made = fitted(spot, kind, statements, asked.estate)?;
        if let Some(count) = attached.get_mut(at) {
            *count = made.attached;
        }
        policies.extend(made.policies);
    }
    Ok(Node {
        target: spot.target.clone(),
        name: spot.name.clone(),
        accounts: spot.accounts.clone(),
        policies,
        left_out,
        admins: ground.admins,
        attached,
    })
}

struct Fitted {
    policies: Vec<NodePolicy>,
    attached: usize,
}

/// The statements as policies of this node, if they fit beside what is attached there.
fn fitted(
    spot: &Spot<'_>,
    kind: CeilingKind,
    statements: Vec<Statement>,
    estate: &Estate,
) -> Result<Fitted, CeilingError> {
    let room = Room::of(kind);
    let stem = format!("bailiwick-agents-{}", plain(&spot.name));
    let documents = fit::into_policies(statements, room);
    let many = documents.len() > 1;
    let mut policies = Vec::new();
    for (at, document) in documents.into_iter().enumerate() {
        let characters = fit::length(&document);
        if characters > room.characters {
            let sid = document.statements.first().and_then(|it| it.sid.clone());
            return Err(CeilingError::TooLong {
                sid: sid.unwrap_or_default(),
                characters,
                most: room.characters,
            });
        }
        let suffix = match kind {
            CeilingKind::Scp => "",
            CeilingKind::Rcp => "-resources",
        };
        let number = if many {
            format!("-{}", at + 1)
        } else {
            String::new()
        };
        policies.push(NodePolicy {
            kind,
            name: format!("{stem}{suffix}{number}"),
            document,
            characters,
        });
    }
    let attached = attached(spot, kind, &policies, estate);
    let free = room.policies.saturating_sub(attached);
    if policies.len() > free {
        return Err(CeilingError::NoRoom {
            target: spot.target.clone(),
            kind: match kind {
                CeilingKind::Scp => "SCPs",
                CeilingKind::Rcp => "RCPs",
            },
            needed: policies.len(),
            room: free,
            attached,
            most: room.policies,
        });
    }
    Ok(Fitted { policies, attached })
}

/// How many policies stay attached at the node: all but those of the same names, which are replaced.
fn attached(spot: &Spot<'_>, kind: CeilingKind, policies: &[NodePolicy], estate: &Estate) -> usize {
    let named = |document: &&Id<PolicyDocument>| {
        let name = &estate.policies.at(**document).name;
        !policies.iter().any(|policy| *policy.name == **name)
    };
    match kind {
        CeilingKind::Scp => spot.attached.scps.iter().filter(named).count(),
        CeilingKind::Rcp => {
            let is_full = |document: &&Id<PolicyDocument>| {
                &*estate.policies.at(**document).name != "RCPFullAWSAccess"
            };
            // It is attached everywhere, listed or not.
            let others = spot.attached.rcps.iter().filter(named).filter(is_full);
            others.count() + 1
        }
    }
}

/// A name in the letters of policy names.
fn plain(name: &str) -> String {
    let letters = name.chars().map(|letter| {
        if letter.is_ascii_alphanumeric() {
            letter.to_ascii_lowercase()
        } else {
            '-'
        }
    });
    letters.collect()
}

fn bounds(organization: &Organization, nodes: &[Node]) -> Bounds {
    let level = |node: &Node, kind: CeilingKind| {
        let of_kind = node.policies.iter().filter(|policy| policy.kind == kind);
        let named: Vec<(String, Policy)> = of_kind
            .map(|policy| (policy.name.clone(), policy.document.clone()))
            .collect();
        (!named.is_empty()).then(|| judge::level(&node.target, &named))
    };
    let rcps: Vec<Level> = nodes
        .iter()
        .filter_map(|node| level(node, CeilingKind::Rcp))
        .collect();
    let mut accounts = BTreeMap::new();
    for node in nodes {
        let levels: Arc<[Level]> = level(node, CeilingKind::Scp)
            .into_iter()
            .chain(rcps.iter().cloned())
            .collect();
        let members = node.accounts.iter().copied();
        // No SCP binds the management account.
        let bound = members.filter(|account| *account != organization.management_account);
        accounts.extend(bound.map(|account| {
            let levels = levels.clone();
            (account, Bound { levels })
        }));
    }
    Bounds {
        accounts,
        elsewhere: Bound {
            levels: rcps.into(),
        },
    }
}

fn uncharted(asked: &Asked<'_>, nodes: &[Node]) -> usize {
    let agents = asked.estate.agents.values().filter(|agent| {
        let is_below = nodes.iter().any(|it| it.accounts.contains(&agent.account));
        is_below && agent.kind.acts() && asked.charters.of_workload(&agent.arn).next().is_none()
    });
    agents.count()
}

fn denied_actions(nodes: &[Node]) -> usize {
    let patterns: BTreeSet<&str> = nodes
        .iter()
        .flat_map(|node| &node.policies)
        .flat_map(|policy| &policy.document.statements)
        .flat_map(|statement| statement.actions.patterns())
        .map(|pattern| pattern.value.0.as_str())
        .collect();
    let actions: BTreeSet<String> = patterns
        .into_iter()
        .flat_map(|pattern| builtin().expand(pattern).unwrap_or_default())
        .map(|action| action.to_string())
        .collect();
    actions.len()
}

fn observed(asked: &Asked<'_>, bounds: &Bounds) -> Observations {
    let mut observations = Observations::default();
    let organization = asked.organization();
    for call in asked.observed {
        let Some(account) = call.role.account_id() else {
            observations.passing += 1;
            continue;
        };
        let what = || format!("{} on {}", call.action, call.resource);
        match judge::observed(call, bounds.over(account), organization) {
            judge::Fate::Passes => observations.passing += 1,
            judge::Fate::Denied(why) => observations.denied.push((call.role.clone(), why)),
            judge::Fate::Untold(keys) => {
                observations.untold.push((call.role.clone(), what(), keys));
            }
        }
    }
    observations
}
