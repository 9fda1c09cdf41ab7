//! Prefix wildcards that match wanted actions and no other known one.
//!
//! Over the tree of a service's action names the cheapest cover by prefixes is found exactly: a
//! branch is either one wildcard, if all below it is wanted, or the best of its branches.

use std::collections::{BTreeMap, BTreeSet};

use crate::json::Spanned;
use crate::policy::{ActionPattern, Selection, Statement};

use super::Wildcards;

pub(super) fn shorten<'s>(
    statements: impl Iterator<Item = &'s mut Statement>,
    wildcards: Wildcards<'_>,
) {
    let known = by_service(wildcards);
    for statement in statements {
        if let Selection::Only(actions) = &mut statement.actions {
            let wanted: BTreeSet<String> = actions
                .iter()
                .map(|action| action.value.0.to_ascii_lowercase())
                .collect();
            let shorter = shortened(actions, &wanted, &known, wildcards.may_hide);
            *actions = shorter
                .into_iter()
                .map(|action| Spanned::made(ActionPattern(action)))
                .collect();
        }
    }
}

/// The names of each service in lower case, sorted, with their spelling.
fn by_service(wildcards: Wildcards<'_>) -> BTreeMap<String, Vec<(String, String)>> {
    let mut services: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for action in wildcards.domain.actions() {
        let lowered = action.name.to_ascii_lowercase();
        let service = lowered.split(':').next().unwrap_or_default().to_owned();
        services
            .entry(service)
            .or_default()
            .push((lowered, action.name));
    }
    for names in services.values_mut() {
        names.sort_unstable();
        names.dedup();
    }
    services
}

fn shortened(
    actions: &[Spanned<ActionPattern>],
    wanted: &BTreeSet<String>,
    known: &BTreeMap<String, Vec<(String, String)>>,
    may_hide: fn(&str) -> bool,
) -> Vec<String> {
    let mut out: BTreeSet<String> = BTreeSet::new();
    let mut covered: BTreeSet<&str> = BTreeSet::new();
    for (service, names) in known {
        let here = wanted
            .range(format!("{service}:")..)
            .take_while(|name| name.starts_with(&format!("{service}:")));
        if here.count() < 2 {
            continue;
        }
        let tree = Tree { wanted, may_hide };
        // Past the colon: `s3:*` is the shortest wildcard of a service.
        let (_, patterns) = tree.cover(names, service.len() + 1);
        out.extend(patterns);
        covered.extend(names.iter().map(|(lowered, _)| lowered.as_str()));
    }
    for action in actions {
        if !covered.contains(action.value.0.to_ascii_lowercase().as_str()) {
            out.insert(action.value.0.clone());
        }
    }
    out.into_iter().collect()
}

struct Tree<'a> {
    wanted: &'a BTreeSet<String>,
    may_hide: fn(&str) -> bool,
}

impl Tree<'_> {
    /// The cheapest cover of the wanted names, all of which share their first letters.
    fn cover(&self, names: &[(String, String)], shared: usize) -> (usize, Vec<String>) {
        let is_wanted = |(lowered, _): &&(String, String)| self.wanted.contains(lowered);
        let count = names.iter().filter(is_wanted).count();
        match names {
            _ if count == 0 => return (0, Vec::new()),
            [(_, name)] => return (cost(name), vec![name.clone()]),
            _ => {}
        }
        let (cheapest, patterns) = self.cover_branches(names, shared);
        let exact = count == names.len() && names.iter().all(|(_, name)| (self.may_hide)(name));
        let prefix = names.first().and_then(|(_, name)| name.get(..shared));
        match prefix.map(|prefix| format!("{prefix}*")) {
            Some(wildcard) if exact && cost(&wildcard) < cheapest => {
                (cost(&wildcard), vec![wildcard])
            }
            Some(_) | None => (cheapest, patterns),
        }
    }

    fn cover_branches(&self, names: &[(String, String)], shared: usize) -> (usize, Vec<String>) {
        let letter = |(lowered, _): &(String, String)| lowered.as_bytes().get(shared).copied();
        let (mut total, mut all) = (0, Vec::new());
        for branch in names.chunk_by(|one, two| letter(one) == letter(two)) {
            let (cost, patterns) = match branch {
                // The name that ends here.
                [only] if letter(only).is_none() => self.cover(branch, shared),
                _ => self.cover(branch, shared + 1),
            };
            total += cost;
            all.extend(patterns);
        }
        (total, all)
    }
}

/// With its quotes and comma.
fn cost(pattern: &str) -> usize {
    pattern.len() + 3
}
