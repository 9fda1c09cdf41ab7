//! Two statements as one, where what that adds cannot be asked for: an action of the first on a
//! resource of the second that it never takes, and the other way round.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::{Domain, resources_meet};
use crate::json::Spanned;
use crate::policy::{ActionPattern, ResourcePattern, Selection, Statement, Version};

use super::allowing;

/// How many statements of one kind are tried in pairs; what is beyond stays as it is.
const TRIED_MAX: usize = 400;

/// Puts statements together for as long as two of them can be, the earlier ones first.
pub(super) fn merge(
    statements: Vec<(Version, Statement)>,
    domain: &dyn Domain,
) -> Vec<(Version, Statement)> {
    let takes: BTreeMap<String, Vec<String>> = domain
        .actions()
        .into_iter()
        .map(|action| (action.name.to_ascii_lowercase(), action.resources))
        .collect();
    let mut merged: Vec<(Version, Statement)> = Vec::new();
    let mut open: Vec<(usize, Rectangle)> = Vec::new();
    for (version, statement) in statements {
        let Some(rectangle) = Rectangle::of(version, &statement, &takes) else {
            merged.push((version, statement));
            continue;
        };
        let partner = open
            .iter_mut()
            .find(|(_, known)| known.adds_nothing_with(&rectangle, &takes));
        if let Some((at, known)) = partner {
            known.join(rectangle);
            if let Some((_, kept)) = merged.get_mut(*at) {
                *kept = known.statement(kept);
            }
            continue;
        }
        if open.len() < TRIED_MAX {
            open.push((merged.len(), rectangle));
        }
        merged.push((version, statement));
    }
    merged
}

/// Each of the actions on each of the resources.
struct Rectangle {
    version: Version,
    /// The conditions as text: only like may join like.
    conditions: String,
    actions: BTreeSet<String>,
    resources: BTreeSet<String>,
}

type Takes = BTreeMap<String, Vec<String>>;

impl Rectangle {
    /// None for what is not a plain list of known actions on resources without variables.
    fn of(version: Version, statement: &Statement, takes: &Takes) -> Option<Self> {
        let (None, Selection::Only(actions), Some(Selection::Only(resources))) = (
            &statement.principals,
            &statement.actions,
            &statement.resources,
        ) else {
            return None;
        };
        let allows = statement.effect == crate::policy::Effect::Allow;
        let actions: BTreeSet<String> = texts(actions, |action| &action.0);
        let resources: BTreeSet<String> = texts(resources, |resource| &resource.0);
        let known = |action: &String| takes.contains_key(&action.to_ascii_lowercase());
        let is_plain = |resource: &String| !resource.contains('$');
        (allows && actions.iter().all(known) && resources.iter().all(is_plain)).then(|| Self {
            version,
            conditions: format!("{:?}", statement.conditions),
            actions,
            resources,
        })
    }

    fn adds_nothing_with(&self, other: &Self, takes: &Takes) -> bool {
        self.version == other.version
            && self.conditions == other.conditions
            && self.never_takes(&other.resources, takes)
            && other.never_takes(&self.resources, takes)
    }

    /// Is none of these resources, but for the rectangle's own, ever asked for with its actions?
    fn never_takes(&self, resources: &BTreeSet<String>, takes: &Takes) -> bool {
        let foreign = || resources.difference(&self.resources);
        self.actions.iter().all(|action| {
            takes
                .get(&action.to_ascii_lowercase())
                .is_some_and(|taken| foreign().all(|own| !taken.iter().any(|one| meet(one, own))))
        })
    }

    fn join(&mut self, other: Self) {
        self.actions.extend(other.actions);
        self.resources.extend(other.resources);
    }

    fn statement(&self, like: &Statement) -> Statement {
        allowing(
            self.actions.iter().cloned().map(ActionPattern),
            self.resources.iter().cloned().map(ResourcePattern),
            like.conditions.clone(),
        )
    }
}

/// A request for no resource asks for the text `*`, which only `*` matches.
fn meet(taken: &str, resource: &str) -> bool {
    if taken == "*" {
        resource
            .chars()
            .all(|letter| letter == '*' || letter == '?')
    } else {
        resources_meet(taken, resource)
    }
}

fn texts<T>(list: &[Spanned<T>], text: fn(&T) -> &String) -> BTreeSet<String> {
    list.iter().map(|one| text(&one.value).clone()).collect()
}
