//! Which of many sets of requests are the same: a thousand roles, compared all with all.
//!
//! Written alike is equal without a question. What names resources that the others do not is told
//! apart by these. Of the rest two are compared; the request that tells them apart is then asked of
//! all, and splits them. So a class ends after as many comparisons as it has members, not as many as
//! it has pairs.

mod apart;

use std::collections::BTreeMap;

use crate::evaluate::{Outcome, ResourceSemantics};
use crate::policy::Policy;
use crate::request::Request;

use super::{Access, Contained, Unknown};

/// Sets of requests by what they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// The places of those that are proved equal, in order; every place is in one group.
    pub groups: Vec<Vec<usize>>,
    /// Pairs of groups, by their first members, of which it could not be told whether they differ.
    pub undecided: Vec<(usize, usize, Unknown)>,
}

/// Groups what is equal. All must come from the same [`Algebra`](super::Algebra).
#[must_use]
pub fn group_equal(all: &[Access<'_>]) -> Grouping {
    let mut written: Vec<(Vec<Vec<&Policy>>, Vec<usize>)> = Vec::new();
    let mut by_print: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (at, access) in all.iter().enumerate() {
        let text = access.written();
        let candidates = by_print.entry(fingerprint(access, &text)).or_default();
        let same = |known: &&usize| {
            written.get(**known).is_some_and(|(other, members)| {
                let first = members.first().and_then(|first| all.get(*first));
                *other == text && first.is_some_and(|first| first.known == access.known)
            })
        };
        match candidates.iter().find(same).copied() {
            Some(known) => written
                .get_mut(known)
                .into_iter()
                .for_each(|(_, members)| members.push(at)),
            None => {
                candidates.push(written.len());
                written.push((text, vec![at]));
            }
        }
    }
    let classes: Vec<Vec<usize>> = written.into_iter().map(|(_, members)| members).collect();
    let mut grouping = Grouping {
        groups: Vec::new(),
        undecided: Vec::new(),
    };
    let first = |class: &Vec<usize>| class.first().and_then(|at| all.get(*at));
    let firsts: Vec<&Access<'_>> = classes.iter().filter_map(first).collect();
    let mut open = apart::apart(&firsts);
    while let Some(class) = open.pop() {
        refine(all, &classes, &class, &mut open, &mut grouping);
    }
    grouping
        .groups
        .iter_mut()
        .for_each(|group| group.sort_unstable());
    grouping.groups.sort();
    grouping.undecided.sort_by_key(|(one, two, _)| (*one, *two));
    grouping
}

/// Compares the first of a class with the others until a request splits the class.
fn refine(
    all: &[Access<'_>],
    classes: &[Vec<usize>],
    class: &[usize],
    open: &mut Vec<Vec<usize>>,
    grouping: &mut Grouping,
) {
    let Some((first, others)) = class.split_first() else {
        return;
    };
    let member = |class: &usize| classes.get(*class)?.first().copied();
    let mut equal = vec![*first];
    let mut undecided = Vec::new();
    for other in others {
        let (Some(one), Some(two)) = (member(first), member(other)) else {
            continue;
        };
        let (Some(left), Some(right)) = (all.get(one), all.get(two)) else {
            continue;
        };
        match differ(left, right) {
            Ok(None) => equal.push(*other),
            Err(why) => {
                grouping.undecided.push((one, two, why));
                undecided.push(*other);
            }
            Ok(Some(witness)) => {
                let rest: Vec<usize> = class.to_vec();
                let allows = |class: &usize| {
                    let access = member(class).and_then(|at| all.get(at));
                    access.is_some_and(|access| {
                        access.permits(&witness, ResourceSemantics::Segmented) == Outcome::Allow
                    })
                };
                let (allowed, denied): (Vec<usize>, Vec<usize>) =
                    rest.into_iter().partition(allows);
                if !allowed.is_empty() && !denied.is_empty() {
                    open.extend([allowed, denied]);
                    return;
                }
                undecided.push(*other);
            }
        }
    }
    let members = equal
        .iter()
        .filter_map(|class| classes.get(*class))
        .flatten();
    grouping.groups.push(members.copied().collect());
    if !undecided.is_empty() {
        open.push(undecided);
    }
}

/// A request that only one of them allows.
fn differ(left: &Access<'_>, right: &Access<'_>) -> Result<Option<Box<Request>>, Unknown> {
    for answer in [right.contains(left), left.contains(right)] {
        match answer {
            Contained::Proved => {}
            Contained::Refuted(request) => return Ok(Some(request)),
            Contained::Unknown(why) => return Err(why),
        }
    }
    Ok(None)
}

fn fingerprint(access: &Access<'_>, written: &[Vec<&Policy>]) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = rustc_hash::FxHasher::default();
    written.hash(&mut hasher);
    access.known.hash(&mut hasher);
    hasher.finish()
}

impl Access<'_> {
    /// The policies of each layer, in an order of their own.
    fn written(&self) -> Vec<Vec<&Policy>> {
        let layers = &self.layers;
        let plain = [
            &layers.identity,
            &layers.boundary,
            &layers.session,
            &layers.endpoint,
        ];
        let plain = plain.into_iter().map(|layer| {
            layer
                .iter()
                .flat_map(|policies| policies.iter())
                .collect::<Vec<_>>()
        });
        let levels = layers.scp.iter().flat_map(|levels| levels.iter());
        let levels = levels.map(|level| level.policies.iter().collect::<Vec<_>>());
        plain
            .chain(levels)
            .map(|list| {
                let mut policies: Vec<&Policy> = list
                    .into_iter()
                    .filter_map(|compiled| compiled.policy())
                    .map(|policy| &**policy)
                    .collect();
                policies.sort_by_cached_key(|policy| policy.to_json());
                policies.dedup();
                policies
            })
            .collect()
    }
}
