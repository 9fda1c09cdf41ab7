//! The three books of each agent, and how they differ: what its charter declares, what its roles
//! allow, what the trail saw.

use std::collections::BTreeSet;

use bailiwick_charter::{Charter, Mode, compile::closure};
use bailiwick_estate::{Id, Named, PrincipalId, Role, usage::Coverage};
use bailiwick_iam::{
    access::difference::Line,
    arn::Arn,
    evaluate::evaluate,
    layers::{LayerKind, Layers},
};
use serde::Serialize;

use crate::plan::{
    Drift,
    split::{Sources, Split, units::Workload},
};

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
}

/// How the books of one agent differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Books {
    pub agent: String,
    pub roles: Vec<String>,
    /// access − charter: it may, and no task needs it.
    pub excess: Vec<Line>,
    /// charter − access: a task needs it, and its roles do not allow it.
    pub broken: Vec<Broken>,
    /// trail − charter: it did, and no task says so.
    pub drift: Vec<Drift>,
    /// What could not be told, and why.
    pub unknown: Vec<String>,
}

/// Something declared that does not work, and the layer that denies it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Broken {
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
        if !self.undeclared.is_empty() || self.agents.iter().any(differs) {
            return Some(false);
        }
        let untold = self.agents.iter().any(|books| !books.unknown.is_empty());
        (!untold).then_some(true)
    }
}

/// Compares the books of every agent that has a charter, and names those that have none.
#[must_use]
pub fn difference(sources: Sources<'_>) -> Difference {
    let declared: BTreeSet<&Arn> = sources
        .charters
        .iter()
        .flat_map(|charter| &charter.runs_as)
        .collect();
    let acting = sources
        .estate
        .agents
        .values()
        .filter(|agent| agent.kind.acts());
    let mut undeclared: Vec<String> = acting
        .filter(|agent| !declared.contains(&agent.arn))
        .map(|agent| agent.arn.to_string())
        .collect();
    undeclared.sort();
    Difference {
        version: VERSION,
        coverage: sources.usage.and_then(|usage| usage.coverage.clone()),
        agents: sources
            .charters
            .iter()
            .map(|charter| books(sources, charter))
            .collect(),
        undeclared,
    }
}

fn books(sources: Sources<'_>, charter: &Charter) -> Books {
    let mut books = Books {
        agent: charter.agent.to_string(),
        roles: Vec::new(),
        excess: Vec::new(),
        broken: Vec::new(),
        drift: Vec::new(),
        unknown: Vec::new(),
    };
    let roles = roles(sources, charter);
    let Some(&first) = roles.first() else {
        let what = "no role of it is in the estate: it may have been made elsewhere, or not yet";
        books.unknown.push(what.to_owned());
        return books;
    };
    let split = Split::of(sources, first);
    let workloads: Vec<Workload<'_>> = split
        .workloads()
        .into_iter()
        .filter(|workload| charter.runs_as.contains(&workload.arn))
        .collect();
    let unit = split.unit_by(charter, workloads);
    let closure = match closure(&unit.charter, &unit.site) {
        Ok(closure) => closure,
        Err(error) => {
            books.unknown.push(error.to_string());
            return books;
        }
    };
    let charter_layers = closure.layers();
    let declared_layers = closure.declared_layers();
    let whole = split.algebra.access(&charter_layers, None);
    for &role in &roles {
        let own = Split::of(sources, role);
        books.roles.push(own.old.arn.to_string());
        let layers = own.old_layers();
        let access = split.algebra.access(&layers, None);
        let excess = access.beyond(&whole, LINES_MAX);
        if excess.incomplete || excess.more > 0 {
            books.unknown.push(format!(
                "{} may do more beyond its charter than is shown",
                own.old.name
            ));
        }
        books.excess.extend(excess.lines);
        let lines = own.drift_of(&closure).into_iter();
        let is_own = |drift: &Drift| {
            let named = drift.agent.as_deref();
            named.is_some_and(|agent| charter.runs_as.iter().any(|it| it.as_str() == agent))
        };
        books.drift.extend(lines.filter(is_own));
    }
    // A brokered task works where its task role allows it; without one, its only role must.
    let working = roles.last().copied().unwrap_or(first);
    let layers: Layers = Split::of(sources, working).old_layers();
    let access = split.algebra.access(&layers, None);
    let declared = split.algebra.access(&declared_layers, None);
    let missing = declared.beyond(&access, LINES_MAX);
    if missing.incomplete {
        books
            .unknown
            .push("some of what it declares could not be checked".to_owned());
    }
    books.broken = missing
        .lines
        .into_iter()
        .map(|line| Broken {
            layer: evaluate(&layers, &line.witness, sources.catalog).layer,
            line,
        })
        .collect();
    books
}

/// The role it runs as, and then its task role if it has one.
fn roles(sources: Sources<'_>, charter: &Charter) -> Vec<Id<Role>> {
    let estate = sources.estate;
    let running = charter
        .runs_as
        .iter()
        .filter_map(|arn| match estate.named(arn)? {
            Named::Agent(agent) => {
                let held = &estate.agents.at(agent).roles;
                let live = held
                    .iter()
                    .find(|it| it.versions.iter().any(|it| it.is_live()));
                live.or(held.first())?.role.id
            }
            Named::Resource(resource) => estate.resources.at(resource).role.as_ref()?.id,
            Named::Role(_) | Named::User(_) | Named::Group(_) | Named::Policy(_) => None,
        });
    let declared = charter
        .role
        .as_ref()
        .and_then(|role| estate.role(&role.arn));
    let mut roles: Vec<Id<Role>> = running.chain(declared).take(1).collect();
    if charter.mode == Mode::Brokered
        && let Some(&role) = roles.first()
    {
        let account = estate.account_of(PrincipalId::Role(role));
        roles.extend(estate.role_named(account, &format!("{}-task", charter.agent)));
    }
    roles
}
