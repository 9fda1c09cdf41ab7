//! The three books of each agent, and how they differ: what its charter declares, what its roles
//! allow, what the trail saw.

mod access;
mod broken;
mod held;

use std::collections::BTreeSet;

use bailiwick_charter::{
    Charter,
    compile::{Closure, closure},
};
use bailiwick_estate::{
    Id, Role,
    usage::{Coverage, Usage},
};
use bailiwick_iam::{access::difference::Line, arn::Arn, layers::LayerKind};
use serde::Serialize;

use crate::{
    compiled::CompiledEstate,
    plan::{
        Drift,
        split::{
            Sources, Split,
            units::{Unit, Workload},
        },
    },
};
use held::Held;

/// The version of the shape; it grows when a field changes its meaning.
pub const VERSION: u32 = 1;

/// Lines a difference shows; more is work for `split` and `tighten`, and not for reading.
const LINES_MAX: usize = 20;

/// How the books of an estate differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    pub version: u32,
    /// What the trail could see; `None` if nobody said.
    pub coverage: Option<Coverage>,
    /// By the charters' names.
    pub agents: Vec<Books>,
    /// Agents that no charter names.
    pub undeclared: Vec<String>,
    /// trail − charter, where no agent can be named: done as a role of these agents, and declared by
    /// none whose role it is.
    pub unattributed: Vec<Drift>,
}

/// How the books of one agent differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Books {
    pub agent: String,
    pub roles: Vec<String>,
    /// access − charter: it may, and no task needs it.
    pub excess: Vec<Excess>,
    /// access − trail: it may, and was never seen to. Work for `tighten`, and no fault by itself.
    pub unused: Vec<Unused>,
    /// charter − access: a task needs it, and its roles do not allow it.
    pub broken: Vec<Broken>,
    /// trail − charter: it did, and no task says so.
    pub drift: Vec<Drift>,
    /// What could not be told, and why.
    pub unknown: Vec<String>,
}

/// Something that a role allows and the charter does not declare.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Excess {
    pub role: String,
    #[serde(flatten)]
    pub line: Line,
}

/// Actions that a role allows and nobody was seen to take as it, the platform's baseline aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unused {
    pub role: String,
    pub actions: Vec<String>,
    /// Selectors that were off, without which some of the actions go unseen.
    pub unseen: Vec<&'static str>,
}

/// Something declared that does not work, and the layer that denies it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Broken {
    pub role: String,
    #[serde(flatten)]
    pub line: Line,
    pub layer: Option<LayerKind>,
}

impl Difference {
    /// Whether the books are equal; `None` if they seem so and something could not be told.
    #[must_use]
    pub fn is_equal(&self) -> Option<bool> {
        let differs = |books: &Books| {
            !(books.excess.is_empty() && books.broken.is_empty() && books.drift.is_empty())
        };
        let strays = !self.undeclared.is_empty() || !self.unattributed.is_empty();
        if strays || self.agents.iter().any(differs) {
            return Some(false);
        }
        let untold = self.agents.iter().any(|books| !books.unknown.is_empty());
        (!untold).then_some(true)
    }
}

/// Compares the books of every agent that has a charter, and names those that have none.
#[must_use]
pub fn difference(sources: Sources<'_>) -> Difference {
    let compiled = CompiledEstate::new(sources.estate, sources.catalog);
    let read: Vec<Reading<'_>> = sources
        .charters
        .iter()
        .map(|charter| Reading::of(sources, charter, &compiled))
        .collect();
    Difference {
        version: VERSION,
        coverage: sources.usage.and_then(|usage| usage.coverage.clone()),
        agents: read.iter().map(Reading::books).collect(),
        undeclared: undeclared(sources),
        unattributed: unattributed(&read),
    }
}

fn undeclared(sources: Sources<'_>) -> Vec<String> {
    let charters = sources.charters.iter();
    let declared: BTreeSet<&Arn> = charters.flat_map(|charter| &charter.runs_as).collect();
    let agents = sources.estate.agents.values();
    let acting = agents.filter(|agent| agent.kind.acts());
    let mut undeclared: Vec<String> = acting
        .filter(|agent| !declared.contains(&agent.arn))
        .map(|agent| agent.arn.to_string())
        .collect();
    undeclared.sort();
    undeclared
}

/// What went through as a role of agents with charters, by nobody in particular, and is in none of
/// their charters.
fn unattributed(read: &[Reading<'_>]) -> Vec<Drift> {
    let mut found: Vec<Drift> = Vec::new();
    let mut seen: BTreeSet<&Arn> = BTreeSet::new();
    for of_role in read.iter().flat_map(|reading| &reading.roles) {
        if !seen.insert(&of_role.split.old.arn) {
            continue;
        }
        // Declared by one is declared: whose call it was cannot be told.
        let mut nobodys: Option<Vec<Drift>> = None;
        for reading in read {
            let Some(closure) = &reading.closure else {
                continue;
            };
            let shares = |it: &&held::OfRole<'_>| it.split.old.arn == of_role.split.old.arn;
            let Some(own) = reading.roles.iter().find(shares) else {
                continue;
            };
            let strange = own.split.drift_of(closure).into_iter();
            let strange: Vec<Drift> = strange.filter(|it| it.agent.is_none()).collect();
            nobodys = Some(match nobodys {
                None => strange,
                Some(so_far) => so_far
                    .into_iter()
                    .filter(|drift| strange.contains(drift))
                    .collect(),
            });
        }
        found.extend(nobodys.unwrap_or_default());
    }
    let runs_alone = |drift: &Drift| {
        // An agent with a role of its own is named by the role, and the line is in its own book.
        let own = |books: &Reading<'_>| books.is_alone_as(&drift.role);
        read.iter().any(own)
    };
    found.retain(|drift| !runs_alone(drift));
    found.sort();
    found.dedup();
    found
}

/// One charter, with the roles that are to be held against it.
struct Reading<'a> {
    charter: &'a Charter,
    closure: Option<Closure>,
    roles: Vec<held::OfRole<'a>>,
    unknown: Vec<String>,
    usage: Option<&'a Usage>,
}

impl<'a> Reading<'a> {
    fn of(sources: Sources<'a>, charter: &'a Charter, compiled: &CompiledEstate<'a>) -> Self {
        let mut reading = Self {
            charter,
            closure: None,
            roles: Vec::new(),
            unknown: Vec::new(),
            usage: sources.usage,
        };
        let held = Held::of(sources.estate, charter);
        reading.unknown.extend(held.unknown);
        let Some(&first) = held.roles.first() else {
            let what =
                "no role of it is in the estate: it may have been made elsewhere, or not yet";
            reading.unknown.push(what.to_owned());
            return reading;
        };
        let split = |role: Id<Role>| Split::with(sources, role, compiled.clone());
        let unit = unit(&split(first), charter, &held.roles, &split);
        match closure(&unit.charter, &unit.site) {
            Ok(closure) => reading.closure = Some(closure),
            Err(error) => reading.unknown.push(error.to_string()),
        }
        reading.roles = held
            .roles
            .iter()
            .map(|&role| held::OfRole::new(split(role), &charter.runs_as, false))
            .chain(
                held.task_roles
                    .iter()
                    .map(|&role| held::OfRole::new(split(role), &charter.runs_as, true)),
            )
            .collect();
        reading
    }

    /// Whether what the role does is surely this agent's.
    fn is_alone_as(&self, role: &str) -> bool {
        let own = self
            .roles
            .iter()
            .find(|it| it.split.old.arn.as_str() == role);
        own.is_some_and(|it| it.is_own)
    }

    fn books(&self) -> Books {
        let mut books = Books {
            agent: self.charter.agent.to_string(),
            roles: Vec::new(),
            excess: Vec::new(),
            unused: Vec::new(),
            broken: Vec::new(),
            drift: Vec::new(),
            unknown: self.unknown.clone(),
        };
        let Some(closure) = &self.closure else {
            return books;
        };
        for of_role in &self.roles {
            let name = of_role.split.old.arn.to_string();
            if !books.roles.contains(&name) {
                books.roles.push(name);
            }
            access::excess(of_role, closure, &mut books);
            access::unused(of_role, closure, self.usage, &mut books);
            let lines = of_role.split.drift_of(closure).into_iter();
            let is_own = |drift: &Drift| match drift.agent.as_deref() {
                Some(agent) => self.charter.runs_as.iter().any(|it| it.as_str() == agent),
                None => of_role.is_own,
            };
            books.drift.extend(lines.filter(is_own));
        }
        broken::broken(self, closure, &mut books);
        self.trail(&mut books);
        books.unknown.sort();
        books.unknown.dedup();
        books
    }

    /// What is not known of what it did.
    fn trail(&self, books: &mut Books) {
        let coverage = self.usage.map(|usage| usage.coverage.as_ref());
        let what = "what it did, and what it never used, is not known";
        match coverage {
            None => books.unknown.push(format!("no usage was given: {what}")),
            Some(None) => books
                .unknown
                .push(format!("the usage states no coverage: {what}")),
            Some(Some(coverage)) => {
                for of_role in &self.roles {
                    let account = of_role.split.old.account;
                    if !coverage.accounts.contains(&account) {
                        let told =
                            format!("the trail does not cover the account {account}: {what}");
                        books.unknown.push(told);
                    }
                }
            }
        }
    }
}

/// The unit that a charter makes of all its workloads, whichever of the roles they run as.
fn unit<'a>(
    first: &Split<'a>,
    charter: &'a Charter,
    roles: &[Id<Role>],
    split: &dyn Fn(Id<Role>) -> Split<'a>,
) -> Unit<'a> {
    let mut workloads: Vec<Workload<'a>> = Vec::new();
    for &role in roles {
        let own = split(role).workloads().into_iter();
        workloads.extend(own.filter(|it| charter.runs_as.contains(&it.arn)));
    }
    workloads.sort_by(|a, b| a.arn.cmp(&b.arn));
    workloads.dedup_by(|a, b| a.arn == b.arn);
    first.unit_by(charter, workloads)
}
