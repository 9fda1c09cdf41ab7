//! The same access in fewer characters: statements regrouped, documents refilled, both directions
//! proved.
//!
//! Actions stay literal. A wildcard that is exact today may admit an action that AWS adds tomorrow
//! (within one year, a third of such sets did), so wildcards are the caller's choice, action by
//! action, and the proof then says as of which domain it holds.
//!
//! ```
//! use std::sync::Arc;
//! use bailiwick_iam::{access::Algebra, policy::Policy, synthesis::{Sizes, compact}, vocabulary::NoVocabulary};
//!
//! let policy = Policy::parse(
//!     r#"{"Version":"2012-10-17","Statement":[
//!         {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::ledger/*"},
//!         {"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::ledger/*"},
//!         {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::ledger/2026"}]}"#,
//! )?;
//! let algebra = Algebra::new(&NoVocabulary);
//! let compacted = compact(&[Arc::new(policy)], &algebra, Sizes::MANAGED, None);
//! assert_eq!(compacted.documents.len(), 1);
//! assert_eq!(compacted.documents[0].statements.len(), 1);
//! assert!(compacted.is_proved());
//! # Ok::<(), bailiwick_iam::policy::ParsePolicyError>(())
//! ```

mod fit;
mod wildcards;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::access::{Algebra, Contained, Domain, action_covers, resource_covers};
use crate::json::{Span, Spanned};
use crate::layers::{Compiled, Layers, NamedPolicy};
use crate::policy::{
    ActionPattern, Condition, Effect, Policy, ResourcePattern, Selection, Statement, Version,
};

pub use fit::Sizes;

/// What [`compact`] made, and why it is the same.
#[derive(Debug, Clone)]
pub struct Compacted {
    pub documents: Vec<Policy>,
    /// Characters without white space, as AWS counts them.
    pub characters_before: usize,
    pub characters: usize,
    /// Whether the documents are within the sizes asked for, and as many as allowed.
    pub fits: bool,
    /// Everything allowed before is allowed still.
    pub nothing_lost: Contained,
    /// Nothing is allowed that was not: over all requests, or, where there are wildcards, over
    /// those of the domain.
    pub nothing_added: Contained,
}

impl Compacted {
    #[must_use]
    pub fn is_proved(&self) -> bool {
        self.nothing_lost == Contained::Proved && self.nothing_added == Contained::Proved
    }
}

/// Which actions one wildcard may stand for. What it leaves out stays literal.
#[derive(Debug, Clone, Copy)]
pub struct Wildcards<'a> {
    /// The actions that exist; a wildcard must match none but wanted ones.
    pub domain: &'a dyn Domain,
    /// By `service:Name`: reads and lists, as a rule.
    pub may_hide: fn(&str) -> bool,
}

/// Regroups policies that are attached together.
///
/// Statements that deny, or say `NotAction`, `NotResource` or a principal, are kept as they stand.
#[must_use]
pub fn compact(
    policies: &[Arc<Policy>],
    algebra: &Algebra<'_>,
    sizes: Sizes,
    wildcards: Option<Wildcards<'_>>,
) -> Compacted {
    let mut statements = Vec::new();
    for version in [Version::V2012, Version::V2008, Version::Unstated] {
        let of_version = policies.iter().filter(|policy| policy.version == version);
        let mut table = Table::default();
        let mut kept = Vec::new();
        for statement in of_version.flat_map(|policy| &policy.statements) {
            if !table.take(statement) {
                kept.push(unnamed(statement));
            }
        }
        table.drop_what_others_cover(version);
        let mut grouped = table.statements();
        if let Some(wildcards) = wildcards {
            wildcards::shorten(&mut grouped, wildcards);
        }
        statements.extend(
            kept.into_iter()
                .chain(grouped)
                .map(|statement| (version, statement)),
        );
    }
    let (documents, fits) = fit::into_documents(statements, sizes);
    let (before, after) = (
        layers(policies.iter().cloned()),
        layers(documents.iter().cloned().map(Arc::new)),
    );
    let (old, new) = (algebra.access(&before, None), algebra.access(&after, None));
    let characters = |policy: &Policy| policy.to_json().chars().count();
    Compacted {
        characters_before: policies.iter().map(|policy| characters(policy)).sum(),
        characters: documents.iter().map(characters).sum(),
        fits,
        nothing_lost: new.contains(&old),
        nothing_added: if wildcards.is_some() {
            old.contains_in_domain(&new)
        } else {
            old.contains(&new)
        },
        documents,
    }
}

fn layers(policies: impl Iterator<Item = Arc<Policy>>) -> Layers {
    let compiled = policies.map(|policy| {
        Arc::new(Compiled::new(NamedPolicy {
            name: "compact".into(),
            policy,
        }))
    });
    Layers {
        identity: Some(compiled.collect()),
        ..Layers::default()
    }
}

/// Two statements with one `Sid` are refused by AWS; a regrouped one has none.
fn unnamed(statement: &Statement) -> Statement {
    Statement {
        sid: None,
        ..statement.clone()
    }
}

/// Each action's resources.
type Lines = BTreeMap<String, BTreeSet<String>>;

/// For each set of conditions, its lines.
#[derive(Debug, Default)]
struct Table {
    groups: Vec<(Vec<Condition>, Lines)>,
}

impl Table {
    /// Takes the statement apart, if it is a plain allow.
    fn take(&mut self, statement: &Statement) -> bool {
        let (Effect::Allow, None, Selection::Only(actions), Some(Selection::Only(resources))) = (
            statement.effect,
            &statement.principals,
            &statement.actions,
            &statement.resources,
        ) else {
            return false;
        };
        let mut conditions = statement.conditions.clone();
        conditions.sort_by_cached_key(|condition| {
            format!("{} {}", condition.operator, condition.key.value)
        });
        let known = self
            .groups
            .iter()
            .position(|(known, _)| *known == conditions);
        let at = known.unwrap_or_else(|| {
            self.groups.push((conditions, BTreeMap::new()));
            self.groups.len() - 1
        });
        let Some((_, table)) = self.groups.get_mut(at) else {
            return false;
        };
        for action in actions {
            // The first spelling of an action is kept.
            let name = &action.value.0;
            let spelled = table
                .keys()
                .find(|known| known.eq_ignore_ascii_case(name))
                .cloned();
            let own = table
                .entry(spelled.unwrap_or_else(|| name.clone()))
                .or_default();
            own.extend(resources.iter().map(|resource| resource.value.0.clone()));
        }
        true
    }

    fn drop_what_others_cover(&mut self, version: Version) {
        for (_, table) in &mut self.groups {
            for resources in table.values_mut() {
                *resources = widest(resources, version);
            }
        }
        // What holds without conditions holds with them.
        let plain = self
            .groups
            .iter()
            .find(|(conditions, _)| conditions.is_empty());
        let plain = plain.map(|(_, table)| table.clone()).unwrap_or_default();
        for (conditions, table) in &mut self.groups {
            let own = table.clone();
            table.retain(|action, resources| {
                let among = |others: &BTreeMap<String, BTreeSet<String>>, same: bool| {
                    others.iter().any(|(other, theirs)| {
                        let equal = other.eq_ignore_ascii_case(action);
                        let wide = other.contains(['*', '?']) && !(same && equal);
                        (wide || equal && !same)
                            && action_covers(other, action)
                            && all_within(resources, theirs, version)
                    })
                };
                !among(&own, true) && (conditions.is_empty() || !among(&plain, false))
            });
        }
        self.groups.retain(|(_, table)| !table.is_empty());
    }

    /// One statement for all actions with the same resources: nothing is granted that was not.
    fn statements(self) -> Vec<Statement> {
        let mut statements = Vec::new();
        for (conditions, table) in self.groups {
            let mut alike: BTreeMap<BTreeSet<String>, Vec<String>> = BTreeMap::new();
            for (action, resources) in table {
                alike.entry(resources).or_default().push(action);
            }
            for (resources, actions) in alike {
                statements.push(Statement {
                    sid: None,
                    effect: Effect::Allow,
                    principals: None,
                    actions: Selection::Only(
                        actions
                            .into_iter()
                            .map(|action| Spanned::made(ActionPattern(action)))
                            .collect(),
                    ),
                    resources: Some(Selection::Only(
                        resources
                            .into_iter()
                            .map(|resource| Spanned::made(ResourcePattern(resource)))
                            .collect(),
                    )),
                    conditions: conditions.clone(),
                    span: Span::default(),
                });
            }
        }
        statements
    }
}

/// The patterns that no other of them covers.
fn widest(resources: &BTreeSet<String>, version: Version) -> BTreeSet<String> {
    let list: Vec<&String> = resources.iter().collect();
    let is_covered = |at: usize, own: &str| {
        list.iter().enumerate().any(|(place, other)| {
            // Of two that cover each other the first stays.
            place != at
                && resource_covers(other, own, version)
                && (place < at || !resource_covers(own, other, version))
        })
    };
    let kept = list
        .iter()
        .enumerate()
        .filter(|(at, own)| !is_covered(*at, own));
    kept.map(|(_, own)| (*own).clone()).collect()
}

fn all_within(resources: &BTreeSet<String>, others: &BTreeSet<String>, version: Version) -> bool {
    resources.iter().all(|own| {
        others
            .iter()
            .any(|other| resource_covers(other, own, version))
    })
}
