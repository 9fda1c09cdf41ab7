//! Who can become an administrator, and whom each principal can become.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use bailiwick_estate::PrincipalId;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    Admin,
    holder::{Added, Everything, Holder, Rights},
    index::Index,
    step::{Goal, Step, Sure, steps},
    world::World,
};

/// The rights of everybody, and of everybody with a policy of their own writing, and of users as
/// members of the groups they can join.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    rights: BTreeMap<Holder, Rights>,
}

/// Where a way leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Summit {
    /// To every action on every resource.
    Everything,
    /// To all that the SCPs leave to anybody in an account.
    AllOfAccount,
}

/// Steps that were found and were not sure enough yet, in the order in which they were found.
#[derive(Debug, Default)]
struct Later {
    steps: Vec<(Holder, Step)>,
    /// The surest of each holder.
    surest: FxHashMap<Holder, Sure>,
}

impl Later {
    fn push(&mut self, holder: Holder, step: Step) {
        let surest = self.surest.entry(holder).or_insert(step.sure);
        *surest = step.sure.min(*surest);
        self.steps.push((holder, step));
    }

    /// Of what is as sure as a step that waits already, that one will be taken.
    fn least_of_interest(&self, holder: Holder) -> Sure {
        let surest = self.surest.get(&holder).copied();
        surest.map_or(Sure::Unknown, surer_than)
    }
}

/// The least sure that is surer; of what is proved nothing is.
fn surer_than(sure: Sure) -> Sure {
    match sure {
        Sure::Proved | Sure::Assumed => Sure::Proved,
        Sure::Unknown => Sure::Assumed,
    }
}

/// For every holder that is at the summit or can get there: how surely, and by which step.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    ways: FxHashMap<Holder, Way>,
}

#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) sure: Sure,
    /// The first step; `None` if the holder is at the summit itself.
    pub(crate) step: Option<Step>,
}

impl Roster {
    pub(crate) fn of(world: &World<'_>) -> Self {
        let mut roster = Self::default();
        for principal in world.estate.principals() {
            let base = Holder::of(principal);
            for holder in [base, base.with(Added::Anything)] {
                roster.rights.insert(holder, world.rights(holder));
            }
        }
        roster.join_groups(world);
        roster
    }

    pub(crate) fn rights(&self, holder: Holder) -> Option<&Rights> {
        self.rights.get(&holder)
    }

    /// Whether there is anybody whom only SCPs keep from holding everything.
    pub(crate) fn is_under_scps(&self) -> bool {
        let mut rights = self.rights.values();
        rights.any(|rights| rights.everything != rights.all_of_account)
    }

    /// Users as members of the groups they can join.
    fn join_groups(&mut self, world: &World<'_>) {
        let nobody = Index::default();
        let joining = Goal {
            index: &nobody,
            wants: &|holder| matches!(holder.added, Added::Group(_)),
            privileged: &|_| false,
            with_proofs: true,
            least: Cell::new(Sure::Unknown),
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
}

impl Ways {
    /// Looks for ways from the summit backwards: those a step away, then those two steps away, by
    /// proved steps first, then by less sure ones.
    pub(crate) fn find(world: &World<'_>, roster: &Roster, summit: Summit) -> Self {
        let mut ways = Self::default();
        let mut later = Later::default();
        for sure in [Sure::Proved, Sure::Assumed, Sure::Unknown] {
            let mut reached = ways.seed(roster, summit, sure);
            reached.extend(ways.resume(&later.steps, sure));
            while !reached.is_empty() {
                reached = ways.spread(world, roster, &reached, sure, &mut later);
            }
        }
        ways
    }

    pub(crate) fn way(&self, holder: Holder) -> Option<&Way> {
        self.ways.get(&holder)
    }

    pub(crate) fn admin(&self, principal: PrincipalId) -> Admin {
        match self.way(Holder::of(principal)).map(|way| way.sure) {
            Some(Sure::Proved) => Admin::Yes,
            Some(Sure::Assumed) => Admin::Potential,
            Some(Sure::Unknown) => Admin::Unknown,
            None => Admin::No,
        }
    }

    fn seed(&mut self, roster: &Roster, summit: Summit, sure: Sure) -> BTreeSet<Holder> {
        let wanted = match sure {
            Sure::Proved => Everything::Proved,
            Sure::Assumed => return BTreeSet::new(),
            Sure::Unknown => Everything::Unknown,
        };
        let mut reached = BTreeSet::new();
        for (holder, rights) in &roster.rights {
            let held = match summit {
                Summit::Everything => rights.everything,
                Summit::AllOfAccount => rights.all_of_account,
            };
            if held == wanted && !self.ways.contains_key(holder) {
                self.ways.insert(*holder, Way { sure, step: None });
                reached.insert(*holder);
            }
        }
        reached
    }

    /// Takes the steps that were found before and were not sure enough then.
    fn resume(&mut self, later: &[(Holder, Step)], sure: Sure) -> BTreeSet<Holder> {
        let mut reached = BTreeSet::new();
        for (holder, step) in later {
            if step.sure == sure && !self.ways.contains_key(holder) {
                let step = Some(step.clone());
                self.ways.insert(*holder, Way { sure, step });
                reached.insert(*holder);
            }
        }
        reached
    }

    /// Everybody who is one step from those reached last. Each holder is asked once about each.
    fn spread(
        &mut self,
        world: &World<'_>,
        roster: &Roster,
        reached: &BTreeSet<Holder>,
        sure: Sure,
        later: &mut Later,
    ) -> BTreeSet<Holder> {
        let principals: BTreeSet<_> = reached.iter().map(|holder| holder.principal).collect();
        let index = Index::of(world.estate, |principal| principals.contains(&principal));
        let wanted: FxHashSet<Holder> = reached.iter().copied().collect();
        let goal = Goal {
            index: &index,
            wants: &|holder| wanted.contains(&holder),
            privileged: &|_| true,
            with_proofs: true,
            least: Cell::new(Sure::Unknown),
        };
        let mut found = Vec::new();
        for (holder, rights) in &roster.rights {
            if self.ways.contains_key(holder) {
                continue;
            }
            let mut best: Option<Step> = None;
            goal.least.set(later.least_of_interest(*holder));
            let _stopped = steps(world, rights, &goal, &mut |step| {
                let enough = step.sure <= sure;
                // One step will do, so from here on only surer ones are of interest.
                goal.least.set(surer_than(step.sure));
                if best.as_ref().is_none_or(|best| step.sure < best.sure) {
                    best = Some(step);
                }
                if enough {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
            match best {
                Some(step) if step.sure <= sure => found.push((*holder, step)),
                Some(step) => later.push(*holder, step),
                None => {}
            }
        }
        let mut next = BTreeSet::new();
        for (holder, step) in found {
            let step = Some(step);
            self.ways.insert(holder, Way { sure, step });
            next.insert(holder);
        }
        next
    }
}
