//! What a principal can become: the paths from one set of rights to another, hop by hop.
//!
//! A hop is taken only on *effective* permissions: identity, boundary and SCPs together, with
//! conditions and resource scope, and the trust of the role that is gained. What the caller of a
//! request chooses (the name of a new function, its tags, the Region) is chosen to its advantage;
//! what the snapshot does not tell (its network, its second factor) stays unknown.
//!
//! ```no_run
//! use bailiwick_review::escalation;
//! # fn example(estate: &bailiwick_estate::Estate) -> Result<(), serde_json::Error> {
//! let graph = escalation::graph(estate, bailiwick_iam_catalog::builtin());
//! for reach in graph.reaches() {
//!     println!("{}", serde_json::to_string(&reach)?);
//! }
//! # Ok(())
//! # }
//! ```

mod alike;
mod circumstance;
mod cut;
mod digest;
mod everything;
mod explore;
pub(crate) mod glob;
mod holder;
mod index;
mod path;
mod question;
mod scenario;
mod search;
mod step;
mod world;

#[cfg(test)]
mod tests;

use std::{cell::RefCell, rc::Rc};

use bailiwick_estate::{Estate, PrincipalId};
use bailiwick_iam::{arn::Arn, evaluate::Because, request::Request};
use bailiwick_iam_catalog::Catalog;
use rustc_hash::FxHashMap;
use serde::Serialize;

use self::{
    circumstance::Moment,
    explore::{Explorer, Leads},
    holder::{Everything, Holder},
    index::Index,
    search::{Roster, Summit, Ways},
    step::Step,
    world::World,
};
use crate::compiled::CompiledEstate;

/// What one principal can become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reach {
    pub principal: Arn,
    /// Whether it is, or can become, an administrator.
    pub admin: Admin,
    /// It is proved that its own effective permissions hold every action on every resource.
    pub direct: bool,
    /// Whom it can become, each by every one-hop path and else by a shortest one. A principal that
    /// widens its own rights reaches itself.
    pub reaches: Vec<Reached>,
    /// What was left out, where only so many ways were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<More>,
}

/// How much more a principal can become than is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct More {
    /// The ways that are left out.
    pub ways: usize,
    /// The principals to which no way is told.
    pub principals: usize,
}

/// Whether a principal is an administrator or can become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Admin {
    No,
    /// It hangs on something the snapshot does not tell.
    Unknown,
    /// Every hop is proved, except that something must exist which the snapshot does not list.
    Potential,
    Yes,
}

/// One principal that can be reached, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reached {
    pub principal: Arn,
    pub hops: Vec<Hop>,
}

/// One step, with its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// The id of the path taken, such as `iam-001`.
    pub path: String,
    pub from: Arn,
    pub to: Arn,
    /// One request for each call the path needs, and the statements that allow it.
    pub because: Vec<Proof>,
    /// What must be so and the snapshot does not tell; `None` if all is proved.
    pub assumes: Option<String>,
    /// The smallest change that breaks this hop.
    pub cut: String,
}

/// A request that is allowed, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    pub request: Request,
    pub statements: Vec<Because>,
}

/// What every principal of an estate can become.
#[derive(Debug)]
pub struct Graph<'e> {
    world: World<'e>,
    roster: Roster,
    to_everything: Ways,
    /// Where no SCP takes anything away, this is the same, and is not looked for again.
    to_all_of_account: Option<Ways>,
    everyone: Index<'e>,
    /// Filled as principals are asked about.
    leads: RefCell<Leads>,
}

/// Finds out who can become an administrator. What else each principal can become is found when it
/// is asked for.
#[must_use]
pub fn graph<'e>(estate: &'e Estate, catalog: &'e Catalog<'static>) -> Graph<'e> {
    graph_of(CompiledEstate::new(estate, catalog), catalog)
}

/// The same, where the estate's policies are compiled already.
#[must_use]
pub fn graph_of<'e>(compiled: CompiledEstate<'e>, catalog: &Catalog<'_>) -> Graph<'e> {
    let everyone = Index::of(compiled.estate(), |_| true);
    let world = World::new(compiled, moment(catalog));
    let roster = Roster::of(&world);
    let to_everything = Ways::find(&world, &roster, Summit::Everything);
    let to_all_of_account = roster
        .is_under_scps()
        .then(|| Ways::find(&world, &roster, Summit::AllOfAccount));
    Graph {
        world,
        roster,
        to_everything,
        to_all_of_account,
        everyone,
        leads: RefCell::default(),
    }
}

/// When requests are made: the catalog's date is the latest that this build knows of.
fn moment(catalog: &Catalog<'_>) -> Moment {
    Moment::of_day(catalog.date()).unwrap_or_else(Moment::unknown)
}

impl Graph<'_> {
    /// What every principal can become, users and roles, by ARN.
    pub fn reaches(&self) -> impl Iterator<Item = Reach> + '_ {
        let estate = self.world.estate;
        let mut principals: Vec<_> = estate.principals().collect();
        principals.sort_by_key(|&principal| estate.arn(principal));
        principals
            .into_iter()
            .map(|principal| self.reach(principal))
    }

    /// What a principal can become, with proofs.
    ///
    /// One that holds every action on every resource already is everyone in its account: only those
    /// of other accounts are listed.
    #[must_use]
    pub fn reach(&self, principal: PrincipalId) -> Reach {
        self.reach_by(principal, usize::MAX)
    }

    /// The same by so many ways at most, with how many more there are: of each path one, to each
    /// principal one, to administrators and by few hops first. A thousand principals that can become
    /// one another have a million ways, and no reader.
    #[must_use]
    pub fn reach_by(&self, principal: PrincipalId, ways_max: usize) -> Reach {
        let start = Holder::of(principal);
        let explorer = Explorer {
            world: &self.world,
            roster: &self.roster,
            ways: self.to_all_of_account(),
            everyone: &self.everyone,
            leads: &self.leads,
        };
        let (chains, more) = explorer.from(start, ways_max);
        let mut told = FxHashMap::default();
        let mut reaches: Vec<_> = chains
            .iter()
            .map(|chain| {
                let hops = self.hops_told(start, chain, &mut told);
                let to = hops.last().map(|hop| hop.to.clone());
                Reached {
                    principal: to.unwrap_or_else(|| self.arn(start).clone()),
                    hops,
                }
            })
            .collect();
        reaches.sort_by(|a, b| a.order().cmp(&b.order()));
        Reach {
            principal: self.arn(start).clone(),
            admin: self.admin(principal),
            direct: self.is_direct(principal),
            reaches,
            more,
        }
    }

    /// Whether a principal is, or can become, an administrator: one that holds every action on
    /// every resource. Under an SCP that denies anything there is none.
    #[must_use]
    pub fn admin(&self, principal: PrincipalId) -> Admin {
        self.to_everything.admin(principal)
    }

    /// Whether it is proved that a principal holds every action on every resource.
    #[must_use]
    pub fn is_direct(&self, principal: PrincipalId) -> bool {
        let rights = self.roster.rights(Holder::of(principal));
        rights.is_some_and(|rights| rights.everything == Everything::Proved)
    }

    /// A shortest way to an administrator; empty if it is one, `None` if there is none.
    #[must_use]
    pub fn way_to_admin(&self, principal: PrincipalId) -> Option<Vec<Hop>> {
        self.way(&self.to_everything, principal)
    }

    /// Whether a principal holds, or can come to hold, all that the SCPs leave to anybody in an
    /// account: what people call an administrator there.
    #[must_use]
    pub fn account_admin(&self, principal: PrincipalId) -> Admin {
        self.to_all_of_account().admin(principal)
    }

    /// Whether it is proved that only SCPs limit a principal.
    #[must_use]
    pub fn is_account_admin(&self, principal: PrincipalId) -> bool {
        let rights = self.roster.rights(Holder::of(principal));
        rights.is_some_and(|rights| rights.all_of_account == Everything::Proved)
    }

    /// A shortest way to all that the SCPs leave to anybody in an account; empty if the principal
    /// holds it, `None` if there is none.
    #[must_use]
    pub fn way_to_account_admin(&self, principal: PrincipalId) -> Option<Vec<Hop>> {
        self.way(self.to_all_of_account(), principal)
    }

    fn to_all_of_account(&self) -> &Ways {
        self.to_all_of_account
            .as_ref()
            .unwrap_or(&self.to_everything)
    }

    fn way(&self, ways: &Ways, principal: PrincipalId) -> Option<Vec<Hop>> {
        let start = Holder::of(principal);
        let mut chain = Vec::new();
        let mut way = ways.way(start)?;
        while let Some(step) = &way.step {
            chain.push(step.clone());
            way = ways.way(step.to)?;
        }
        Some(self.hops(start, &chain))
    }

    fn arn(&self, holder: Holder) -> &Arn {
        self.world.estate.arn(holder.principal)
    }

    /// The hops of a chain. Chains begin alike, so each step is put into words once.
    fn hops_told(
        &self,
        start: Holder,
        chain: &[Rc<Step>],
        told: &mut FxHashMap<*const Step, Hop>,
    ) -> Vec<Hop> {
        let mut from = start;
        let mut hops = Vec::new();
        for step in chain {
            let hop = told.entry(Rc::as_ptr(step));
            hops.push(hop.or_insert_with(|| self.hop(from, step)).clone());
            from = step.to;
        }
        hops
    }

    fn hops(&self, start: Holder, chain: &[Step]) -> Vec<Hop> {
        let mut from = start;
        let mut hops = Vec::new();
        for step in chain {
            hops.push(self.hop(from, step));
            from = step.to;
        }
        hops
    }

    fn hop(&self, from: Holder, step: &Step) -> Hop {
        let made;
        let rights = match self.roster.rights(from) {
            Some(rights) => rights,
            None => {
                made = self.world.rights(from);
                &made
            }
        };
        let shed = self.roster.rights(step.to).map_or(&[][..], |it| &it.shed);
        Hop {
            path: step.path.id.clone(),
            from: self.arn(from).clone(),
            to: self.arn(step.to).clone(),
            because: step.proofs.iter().chain(shed).cloned().collect(),
            assumes: step.assumes.clone(),
            cut: cut::cut(&self.world, rights, step),
        }
    }
}

/// What one does on a path, as a sentence without its subject: `iam-001` is "write a new version of
/// one's own managed policy".
#[must_use]
pub fn title(path: &str) -> Option<&'static str> {
    let mut paths = path::builtin().paths.iter();
    let found = paths.find(|it| it.id == path)?;
    Some(&found.title)
}

impl Reached {
    fn order(&self) -> (&Arn, usize, Vec<&str>) {
        let paths = self.hops.iter().map(|hop| hop.path.as_str()).collect();
        (&self.principal, self.hops.len(), paths)
    }
}
