//! Principals that a holder's policies cannot tell apart.
//!
//! Thousands of roles are told apart by a handful of resource patterns and tags: what is refused
//! about one of a class is refused about all, and need be asked once. Classes are made once for each
//! set of patterns, and shared by all holders of the same policies.

use std::{collections::BTreeSet, rc::Rc};

use bailiwick_estate::{Id, PrincipalId, Role};
use bailiwick_iam::arn::AccountId;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    circumstance::tagged,
    glob,
    holder::Rights,
    index::Index,
    step::{Goal, Sure},
    world::World,
};

/// What tells one principal from another of the same account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Telling {
    pub(crate) patterns: BTreeSet<Box<str>>,
    /// Condition keys whose value is the target's, in lower case.
    pub(crate) keys: BTreeSet<Box<str>>,
}

/// Whether the value of a condition key, written in lower case, hangs on whom a call is about.
pub(crate) fn is_about_target(key: &str) -> bool {
    key.contains("resourcetag/") || key == "iam:permissionsboundary"
}

/// The classes that were made so far.
#[derive(Debug, Default)]
pub(crate) struct Alikeness {
    made: FxHashMap<Telling, Rc<Classes>>,
}

/// The class of every role and user, by index.
#[derive(Debug)]
struct Classes {
    roles: Vec<u32>,
    users: Vec<u32>,
}

/// What matters about a principal: which patterns match it, and what it says to the keys.
type Likeness = (Vec<bool>, Vec<Option<String>>);

impl Classes {
    fn of(world: &World<'_>, telling: &Telling) -> Self {
        let mut known: FxHashMap<Likeness, u32> = FxHashMap::default();
        let mut class = |principal| {
            let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
            *known
                .entry(likeness(world, telling, principal))
                .or_insert(next)
        };
        let estate = world.estate;
        let roles = estate.roles.ids().map(PrincipalId::Role).map(&mut class);
        let roles = roles.collect();
        let users = estate.users.ids().map(PrincipalId::User).map(&mut class);
        Self {
            roles,
            users: users.collect(),
        }
    }

    fn class(&self, principal: PrincipalId) -> Option<u32> {
        match principal {
            PrincipalId::Role(role) => self.roles.get(role.index()).copied(),
            PrincipalId::User(user) => self.users.get(user.index()).copied(),
        }
    }
}

fn likeness(world: &World<'_>, telling: &Telling, principal: PrincipalId) -> Likeness {
    let estate = world.estate;
    let arn = estate.arn(principal).as_str();
    let patterns = telling.patterns.iter();
    let matched = patterns.map(|it| glob::matches_exactly(it, arn)).collect();
    let keys = telling
        .keys
        .iter()
        .map(|key| match key.split_once("resourcetag/") {
            Some((_, tag)) => tagged(world.tags_of(principal), tag),
            None => {
                let boundary = estate.boundary(principal);
                let boundary = boundary.and_then(|it| estate.policies.at(it).arn.as_ref());
                boundary.map(ToString::to_string)
            }
        });
    (matched, keys.collect())
}

/// Principals that some actions of one holder cannot tell apart.
pub(crate) struct Alike {
    /// `None`: something else than patterns and tags tells them apart.
    classes: Option<Rc<Classes>>,
    /// Principals that a pattern names in full: each is of its own kind.
    named: Vec<PrincipalId>,
}

impl Alike {
    /// As far as these actions go; `None` among them stands for a call that is not about a target.
    pub(crate) fn of<'a>(
        world: &World<'_>,
        rights: &Rights,
        actions: impl IntoIterator<Item = Option<&'a str>>,
    ) -> Self {
        let mut all = Telling::default();
        for action in actions {
            let Some(telling) = action.and_then(|it| world.telling(rights, it)) else {
                return Self {
                    classes: None,
                    named: Vec::new(),
                };
            };
            all.patterns.extend(telling.patterns);
            all.keys.extend(telling.keys);
        }
        // A pattern without a wildcard is the holder's own, as a rule: classes are made without it.
        let estate = world.estate;
        let mut named = Vec::new();
        all.patterns.retain(|pattern| {
            let is_wild = pattern.contains(['*', '?']);
            if !is_wild {
                let arn = pattern.parse().ok();
                named.extend(arn.and_then(|arn| estate.principal(&arn)));
            }
            is_wild
        });
        let made = world.alikeness.borrow().made.get(&all).cloned();
        let classes = made.unwrap_or_else(|| {
            let classes = Rc::new(Classes::of(world, &all));
            let mut alikeness = world.alikeness.borrow_mut();
            alikeness.made.insert(all, Rc::clone(&classes));
            classes
        });
        Self {
            classes: Some(classes),
            named,
        }
    }

    /// Roles by class, those that are like no other each alone; `None` if nobody is told to be like
    /// another. A role of each part stands for the part.
    pub(crate) fn parts(
        &self,
        index: &Index<'_>,
        account: AccountId,
        services: &'static [String],
    ) -> Option<Vec<Rc<[Id<Role>]>>> {
        let classes = self.classes.as_ref()?;
        let key = (account, services, Rc::as_ptr(classes).addr());
        let known = index.parts.borrow().get(&key).cloned();
        let parts = known.unwrap_or_else(|| {
            let mut by_class: FxHashMap<u32, Vec<Id<Role>>> = FxHashMap::default();
            let mut alone = Vec::new();
            for &role in index.trusting(account, services).iter() {
                match classes.class(PrincipalId::Role(role)) {
                    Some(class) => by_class.entry(class).or_default().push(role),
                    None => alone.push(vec![role]),
                }
            }
            let parts = by_class.into_values().chain(alone);
            let mut parts: Vec<Rc<[_]>> = parts.map(Into::into).collect();
            parts.sort_unstable();
            let parts: Rc<[_]> = parts.into();
            index.parts.borrow_mut().insert(key, Rc::clone(&parts));
            parts
        });
        let is_named = |role: &Id<Role>| self.named.contains(&PrincipalId::Role(*role));
        let mut apart = Vec::new();
        for part in parts.iter() {
            if self.named.is_empty() || !part.iter().any(is_named) {
                apart.push(Rc::clone(part));
                continue;
            }
            let (named, others): (Vec<Id<Role>>, Vec<Id<Role>>) =
                part.iter().copied().partition(is_named);
            apart.extend(named.into_iter().map(|role| Rc::from([role])));
            if !others.is_empty() {
                apart.push(others.into());
            }
        }
        Some(apart)
    }

    /// The class of a principal; `None` if it may be like no other.
    pub(crate) fn class(&self, principal: PrincipalId) -> Option<u32> {
        if self.named.contains(&principal) {
            return None;
        }
        self.classes.as_ref()?.class(principal)
    }
}

/// Classes of targets that a path was refused for, or was not sure enough about.
///
/// Who looks for one step only raises how sure a step must be, so that what was not sure enough
/// stays so.
pub(crate) struct Refused<K> {
    known: FxHashSet<K>,
}

impl<K: Eq + std::hash::Hash> Refused<K> {
    pub(crate) fn new() -> Self {
        Self {
            known: FxHashSet::default(),
        }
    }

    pub(crate) fn covers(&self, kind: Option<&K>) -> bool {
        kind.is_some_and(|kind| self.known.contains(kind))
    }

    pub(crate) fn add(&mut self, kind: Option<K>) {
        self.known.extend(kind);
    }
}

/// Classes of targets that a path led to, and how surely. Who wants to know where a holder can go,
/// and not why, need ask about one of each.
pub(crate) struct Taken<K> {
    known: FxHashMap<K, Sure>,
    is_asked_for: bool,
}

impl<K: Eq + std::hash::Hash> Taken<K> {
    pub(crate) fn of(goal: &Goal<'_, '_>) -> Self {
        Self {
            known: FxHashMap::default(),
            is_asked_for: !goal.with_proofs,
        }
    }

    /// How surely the path leads to one of this class, if that need not be asked again.
    pub(crate) fn sure(&self, kind: Option<&K>) -> Option<Sure> {
        self.known.get(kind?).copied()
    }

    pub(crate) fn add(&mut self, kind: Option<K>, sure: Sure) {
        if let (Some(kind), true) = (kind, self.is_asked_for) {
            self.known.insert(kind, sure);
        }
    }
}

/// A role's class with the text of its trust policy: what a service or a caller is told by it.
pub(crate) fn class_and_trust(
    world: &World<'_>,
    alike: &Alike,
    role: Id<Role>,
) -> Option<(u32, usize)> {
    let class = alike.class(PrincipalId::Role(role))?;
    Some((class, world.trust_text(role)?))
}
