//! Whom each principal can become.
//!
//! What a holder can go on to is the same whoever became it, so it is found once and kept for the
//! next start: without its proofs, which are made again for the few steps that are shown.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    ops::ControlFlow,
    rc::Rc,
};

use bailiwick_estate::PrincipalId;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    More,
    holder::{Everything, Holder},
    index::Index,
    path::Path,
    search::{Roster, Ways},
    step::{Goal, Step, Sure, steps},
    world::World,
};

/// The most leads that are kept, of some 40 bytes each; what is beyond is found anew for each start.
const LEADS_MAX: usize = 2_000_000;

/// Looks for whom a principal can become.
pub(crate) struct Explorer<'x, 'e> {
    pub(crate) world: &'x World<'e>,
    pub(crate) roster: &'x Roster,
    /// To all of an account.
    pub(crate) ways: &'x Ways,
    pub(crate) everyone: &'x Index<'e>,
    pub(crate) leads: &'x RefCell<Leads>,
}

/// Where holders can go on to, as far as it was asked.
#[derive(Debug, Default)]
pub(crate) struct Leads {
    by_holder: FxHashMap<Holder, Rc<[Lead]>>,
    count: usize,
}

/// A step without its proofs.
#[derive(Debug, Clone, Copy)]
struct Lead {
    to: Holder,
    path: &'static Path,
    sure: Sure,
}

/// A lead, and who followed it.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    from: Holder,
    lead: Lead,
}

/// The steps that are shown, by who takes them, to whom and on which path.
type Shown = FxHashMap<(Holder, Holder, &'static str), Rc<Step>>;

/// What an exploration has found so far.
struct Found {
    start: Holder,
    /// The last step of each chain that is told of.
    ends: Vec<Arrival>,
    /// How each holder but the start was reached.
    reached: FxHashMap<Holder, Option<Arrival>>,
    known: FxHashSet<PrincipalId>,
    /// Arrivals that are less sure than those now looked for.
    later: BTreeMap<Sure, Vec<Arrival>>,
    /// Holders that some arrival as sure as this leads to: a second one tells nothing new.
    awaited: FxHashSet<(Sure, Holder)>,
}

impl Explorer<'_, '_> {
    /// Whom a principal can become, each with the steps to it: every first step, and for those
    /// further away a shortest chain, of the surest steps that lead there. So many at most.
    pub(crate) fn from(&self, start: Holder, most: usize) -> (Vec<Vec<Rc<Step>>>, Option<More>) {
        let first: Vec<Lead> = self
            .onward(start, start, None)
            .iter()
            .map(Lead::of)
            .collect();
        let mut found = Found::at(start);
        let mut ring = vec![start];
        for surest in [Sure::Proved, Sure::Assumed, Sure::Unknown] {
            let mut arriving = found.later.remove(&surest).unwrap_or_default();
            while !(ring.is_empty() && arriving.is_empty()) {
                for holder in std::mem::take(&mut ring) {
                    if holder == start {
                        found.walk_on(holder, &first, surest, &mut arriving);
                    } else {
                        let leads = self.leads(holder, start);
                        found.walk_on(holder, &leads, surest, &mut arriving);
                    }
                }
                for arrival in std::mem::take(&mut arriving) {
                    ring.extend(found.arrive(arrival));
                }
            }
        }
        let mut chains: Vec<_> = found.ends.iter().map(|end| found.chain(*end)).collect();
        let more = self.keep_most_telling(&mut chains, most);
        (self.show(start, &chains), more)
    }

    /// Leaves so many chains, and says what else there was.
    fn keep_most_telling(&self, chains: &mut Vec<Vec<Arrival>>, most: usize) -> Option<More> {
        let ways = chains.len().checked_sub(most).filter(|ways| *ways > 0)?;
        let to = |chain: &[Arrival]| chain.last().map(|end| end.lead.to.principal);
        let mut by_length: Vec<usize> = (0..chains.len()).collect();
        by_length.sort_by_key(|at| chains.get(*at).map_or(0, Vec::len));
        let mut paths = FxHashSet::default();
        let mut principals = FxHashSet::default();
        let mut ranked: Vec<_> = by_length
            .into_iter()
            .filter_map(|at| {
                let chain = chains.get(at)?;
                let path = chain.first()?.lead.path.id.as_str();
                let end = chain.last()?.lead.to;
                let summit = self.ways.way(end).is_some_and(|way| way.step.is_none());
                let rank = match (paths.insert(path), principals.insert(end.principal)) {
                    (true, _) => 0,
                    (false, true) => 1,
                    (false, false) => 2,
                };
                Some(((rank, !summit, chain.len(), at), at))
            })
            .collect();
        ranked.sort_unstable();
        let kept: FxHashSet<usize> = ranked.into_iter().take(most).map(|(_, at)| at).collect();
        let mut at = 0..;
        chains.retain(|_| at.next().is_some_and(|at| kept.contains(&at)));
        let told: FxHashSet<_> = chains.iter().filter_map(|chain| to(chain)).collect();
        Some(More {
            ways,
            principals: principals.difference(&told).count(),
        })
    }

    /// The leads of a holder that is not the start.
    fn leads(&self, holder: Holder, start: Holder) -> Rc<[Lead]> {
        if let Some(known) = self.leads.borrow().by_holder.get(&holder) {
            return Rc::clone(known);
        }
        let steps = self.onward(holder, start, None);
        // Beyond the start one step as sure as another tells nothing new.
        let mut known = FxHashSet::default();
        let leads = steps.iter().map(Lead::of);
        let leads: Rc<[Lead]> = leads
            .filter(|lead| known.insert((lead.to, lead.sure)))
            .collect();
        let mut kept = self.leads.borrow_mut();
        if kept.count + leads.len() <= LEADS_MAX {
            kept.count += leads.len();
            kept.by_holder.insert(holder, Rc::clone(&leads));
        }
        leads
    }

    /// The chains with their proofs.
    fn show(&self, start: Holder, chains: &[Vec<Arrival>]) -> Vec<Vec<Rc<Step>>> {
        let mut wanted: BTreeMap<Holder, FxHashSet<Holder>> = BTreeMap::new();
        for arrival in chains.iter().flatten() {
            wanted
                .entry(arrival.from)
                .or_default()
                .insert(arrival.lead.to);
        }
        let mut shown = Shown::default();
        for (from, to) in &wanted {
            for step in self.onward(*from, start, Some(to)) {
                shown.insert((*from, step.to, &step.path.id), Rc::new(step));
            }
        }
        let step = |it: &Arrival| {
            let key = (it.from, it.lead.to, it.lead.path.id.as_str());
            shown.get(&key).cloned()
        };
        let chains = chains.iter();
        chains
            .filter_map(|chain| chain.iter().map(step).collect())
            .collect()
    }

    /// The steps a holder can take: to anybody, as leads; to some, with proofs.
    ///
    /// One that holds everything is everyone in its account already: only what it can become
    /// elsewhere is of interest. Beyond the start, that goes for all that an account has to give.
    fn onward(&self, holder: Holder, start: Holder, some: Option<&FxHashSet<Holder>>) -> Vec<Step> {
        let made;
        let rights = match self.roster.rights(holder) {
            Some(rights) => rights,
            None => {
                made = self.world.rights(holder);
                &made
            }
        };
        let held = if holder == start {
            rights.everything
        } else {
            rights.all_of_account
        };
        let holds_all = held == Everything::Proved;
        let abroad = |to: Holder| self.world.estate.account_of(to.principal) != rights.account;
        let wanted = |to: Holder| some.is_none_or(|some| some.contains(&to));
        let privileged = |to| {
            let way = self.ways.way(to);
            way.is_some_and(|way| way.sure < Sure::Unknown)
        };
        let goal = Goal {
            index: self.everyone,
            wants: &|to| wanted(to) && (!holds_all || abroad(to)),
            privileged: &privileged,
            with_proofs: some.is_some(),
            least: Cell::new(Sure::Unknown),
        };
        let mut onward = Vec::new();
        let _all = steps(self.world, rights, &goal, &mut |step| {
            onward.push(step);
            ControlFlow::Continue(())
        });
        onward
    }
}

impl Lead {
    fn of(step: &Step) -> Self {
        Self {
            to: step.to,
            path: step.path,
            sure: step.sure,
        }
    }
}

impl Found {
    fn at(start: Holder) -> Self {
        Self {
            start,
            ends: Vec::new(),
            reached: FxHashMap::from_iter([(start, None)]),
            known: FxHashSet::from_iter([start.principal]),
            later: BTreeMap::new(),
            awaited: FxHashSet::default(),
        }
    }

    /// Follows the leads of a holder: the sure ones now, the others later.
    fn walk_on(&mut self, from: Holder, leads: &[Lead], surest: Sure, arriving: &mut Vec<Arrival>) {
        for &lead in leads {
            let when = lead.sure.max(surest);
            let is_first = from == self.start;
            let is_news =
                !self.reached.contains_key(&lead.to) && self.awaited.insert((when, lead.to));
            if !is_first && !is_news {
                continue;
            }
            let arrival = Arrival { from, lead };
            if when == surest {
                arriving.push(arrival);
            } else {
                self.later.entry(when).or_default().push(arrival);
            }
        }
    }

    /// Notes an arrival; its end, if nobody was there before.
    fn arrive(&mut self, arrival: Arrival) -> Option<Holder> {
        let to = arrival.lead.to;
        let is_new_principal = self.known.insert(to.principal);
        if arrival.from == self.start || is_new_principal {
            self.ends.push(arrival);
        }
        let is_new = !self.reached.contains_key(&to);
        if is_new {
            self.reached.insert(to, Some(arrival));
        }
        is_new.then_some(to)
    }

    /// The arrivals from the start to this one.
    fn chain(&self, end: Arrival) -> Vec<Arrival> {
        let mut chain = vec![end];
        let mut at = end.from;
        while let Some(Some(arrival)) = self.reached.get(&at) {
            chain.push(*arrival);
            at = arrival.from;
        }
        chain.reverse();
        chain
    }
}
