//! Who can become an administrator, and whom each principal can become.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use bailiwick_estate::PrincipalId;
use rustc_hash::FxHashMap;

use super::{
    holder::{Added, Everything, Holder, Rights},
    index::Index,
    step::{Goal, Step, Sure, steps},
    world::World,
};

/// For every holder that is an administrator or can become one: how surely, and by which step.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    ways: FxHashMap<Holder, Way>,
    /// The rights of every holder that was looked at.
    rights: BTreeMap<Holder, Rights>,
}

#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) sure: Sure,
    /// The first step; `None` if the holder is an administrator itself.
    pub(crate) step: Option<Step>,
}

impl Ways {
    /// Looks for ways from the administrators backwards: those a step away, then those two steps
    /// away, by proved steps first, then by less sure ones.
    pub(crate) fn find(world: &World<'_>) -> Self {
        let mut ways = Self::default();
        for principal in world.estate.principals() {
            let base = Holder::of(principal);
            for holder in [base, base.with(Added::Anything)] {
                ways.rights.insert(holder, world.rights(holder));
            }
        }
        ways.join_groups(world);
        for surest in [Sure::Proved, Sure::Assumed, Sure::Unknown] {
            ways.seed(surest);
            ways.spread(world, surest);
        }
        ways
    }

    pub(crate) fn way(&self, holder: Holder) -> Option<&Way> {
        self.ways.get(&holder)
    }

    pub(crate) fn rights(&self, holder: Holder) -> Option<&Rights> {
        self.rights.get(&holder)
    }

    /// Users as members of the groups they can join.
    fn join_groups(&mut self, world: &World<'_>) {
        let nobody = Index::default();
        let joining = Goal {
            index: &nobody,
            wants: &|holder| matches!(holder.added, Added::Group(_)),
            privileged: &|_| false,
            surest: Sure::Unknown,
        };
        let mut joined = Vec::new();
        for rights in self.rights.values() {
            let is_user = matches!(rights.holder.principal, PrincipalId::User(_));
            if is_user && rights.holder.added == Added::Nothing {
                let _all = steps(world, rights, &joining, &mut |step| {
                    joined.push(step.to);
                    ControlFlow::Continue(())
                });
            }
        }
        for holder in joined {
            self.rights.insert(holder, world.rights(holder));
        }
    }

    fn seed(&mut self, sure: Sure) {
        let wanted = match sure {
            Sure::Proved => Everything::Proved,
            Sure::Assumed => return,
            Sure::Unknown => Everything::Unknown,
        };
        for (holder, rights) in &self.rights {
            if rights.everything == wanted {
                let way = Way { sure, step: None };
                self.ways.entry(*holder).or_insert(way);
            }
        }
    }

    fn spread(&mut self, world: &World<'_>, surest: Sure) {
        let mut reached: BTreeSet<Holder> = self.ways.keys().copied().collect();
        while !reached.is_empty() {
            let principals: BTreeSet<_> = reached.iter().map(|holder| holder.principal).collect();
            let index = Index::of(world.estate, |principal| principals.contains(&principal));
            let goal = Goal {
                index: &index,
                wants: &|holder| reached.contains(&holder),
                privileged: &|_| true,
                surest,
            };
            let mut found = Vec::new();
            for (holder, rights) in &self.rights {
                if self.ways.contains_key(holder) {
                    continue;
                }
                let mut first = None;
                let _stopped = steps(world, rights, &goal, &mut |step| {
                    first = Some(step);
                    ControlFlow::Break(())
                });
                if let Some(step) = first {
                    found.push((*holder, step));
                }
            }
            reached = found.iter().map(|(holder, _)| *holder).collect();
            for (holder, step) in found {
                let way = Way {
                    sure: surest,
                    step: Some(step),
                };
                self.ways.insert(holder, way);
            }
        }
    }
}

/// Whom a principal can become, each with the steps to it.
pub(crate) fn from(
    world: &World<'_>,
    ways: &Ways,
    everyone: &Index<'_>,
    start: Holder,
) -> Vec<Vec<Step>> {
    let mut found: Vec<Vec<Step>> = Vec::new();
    let mut before: BTreeMap<Holder, Vec<Step>> = BTreeMap::new();
    before.insert(start, Vec::new());
    let mut known: BTreeSet<PrincipalId> = BTreeSet::new();
    let mut later: BTreeMap<Sure, Vec<Vec<Step>>> = BTreeMap::new();
    for surest in [Sure::Proved, Sure::Assumed, Sure::Unknown] {
        let mut ring: Vec<Holder> = if surest == Sure::Proved {
            vec![start]
        } else {
            Vec::new()
        };
        let mut arriving = later.remove(&surest).unwrap_or_default();
        while !(ring.is_empty() && arriving.is_empty()) {
            for holder in std::mem::take(&mut ring) {
                let so_far = before.get(&holder).cloned().unwrap_or_default();
                for step in onward(world, ways, everyone, holder) {
                    let sure = step.sure;
                    let mut chain = so_far.clone();
                    chain.push(step);
                    if sure <= surest {
                        arriving.push(chain);
                    } else {
                        later.entry(sure).or_default().push(chain);
                    }
                }
            }
            for chain in std::mem::take(&mut arriving) {
                let Some(to) = chain.last().map(|step| step.to) else {
                    continue;
                };
                let is_first_hop = chain.len() == 1;
                let is_new = known.insert(to.principal) && to.principal != start.principal;
                if is_first_hop || is_new {
                    found.push(chain.clone());
                }
                if !before.contains_key(&to) {
                    before.insert(to, chain);
                    ring.push(to);
                }
            }
        }
    }
    found
}

/// The steps a holder can take. One that holds everything is everyone in its account already: only
/// what it can become elsewhere is of interest.
fn onward(world: &World<'_>, ways: &Ways, everyone: &Index<'_>, holder: Holder) -> Vec<Step> {
    let made;
    let rights = match ways.rights(holder) {
        Some(rights) => rights,
        None => {
            made = world.rights(holder);
            &made
        }
    };
    let holds_everything = rights.everything == Everything::Proved;
    let home = rights.account;
    let goal = Goal {
        index: everyone,
        wants: &|to| !holds_everything || world.estate.account_of(to.principal) != home,
        privileged: &|to| ways.way(to).is_some_and(|way| way.sure < Sure::Unknown),
        surest: Sure::Unknown,
    };
    let mut onward = Vec::new();
    let _all = steps(world, rights, &goal, &mut |step| {
        onward.push(step);
        ControlFlow::Continue(())
    });
    onward
}
