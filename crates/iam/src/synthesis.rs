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
//!
//! [`synthesize`] starts from what is wanted instead of from what there is.

mod fit;
mod rectangles;
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
    /// Nothing is allowed that was not: over all requests, or over those of the domain, as
    /// [`Compacted::in_domain`] says.
    pub nothing_added: Contained,
    /// Whether that nothing is added is said of the domain's requests alone: it holds as of the
    /// catalog, and is to be proved again with the next.
    pub in_domain: bool,
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

/// What a policy to be made shall allow: these actions on these resources under these conditions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Want {
    pub actions: Vec<ActionPattern>,
    pub resources: Vec<ResourcePattern>,
    pub conditions: Vec<Condition>,
}

/// Documents that allow what is wanted and nothing else, within the sizes if they can be.
///
/// `nothing_lost` is the proof that all that is wanted is allowed, `nothing_added` that nothing else
/// is. `characters_before` counts the wants as one document, a statement each. A want without actions
/// or without resources asks for nothing.
///
/// ```
/// use bailiwick_iam::access::Algebra;
/// use bailiwick_iam::policy::{ActionPattern, ResourcePattern};
/// use bailiwick_iam::synthesis::{Sizes, Want, synthesize};
/// use bailiwick_iam::vocabulary::NoVocabulary;
///
/// let want = |action: &str, resource: &str| Want {
///     actions: vec![ActionPattern(action.into())],
///     resources: vec![ResourcePattern(resource.into())],
///     conditions: Vec::new(),
/// };
/// let wanted = [
///     want("s3:GetObject", "arn:aws:s3:::invoices/*"),
///     want("s3:GetObjectVersion", "arn:aws:s3:::invoices/*"),
///     want("s3:GetObject", "arn:aws:s3:::invoices/2026/*"),
/// ];
/// let made = synthesize(&wanted, &Algebra::new(&NoVocabulary), Sizes::SESSION, None);
/// assert!(made.fits && made.is_proved());
/// assert_eq!(
///     made.documents[0].to_json(),
///     r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":"arn:aws:s3:::invoices/*"}]}"#
/// );
/// ```
#[must_use]
pub fn synthesize(
    wanted: &[Want],
    algebra: &Algebra<'_>,
    sizes: Sizes,
    wildcards: Option<Wildcards<'_>>,
) -> Compacted {
    let statements = wanted
        .iter()
        .filter(|want| !want.actions.is_empty() && !want.resources.is_empty())
        .map(|want| {
            allowing(
                want.actions.iter().cloned(),
                want.resources.iter().cloned(),
                want.conditions.clone(),
            )
        });
    let plain = Policy {
        version: Version::V2012,
        id: None,
        statements: statements.collect(),
    };
    compact(&[Arc::new(plain)], algebra, sizes, wildcards)
}

/// Regroups policies that are attached together.
///
/// Statements that deny, or say `NotAction`, `NotResource` or a principal, are kept as they stand.
/// What does not fit, and is asked over a domain, is put together further where that allows nothing
/// more in the domain: an action may share a statement with resources it never takes.
#[must_use]
pub fn compact(
    policies: &[Arc<Policy>],
    algebra: &Algebra<'_>,
    sizes: Sizes,
    wildcards: Option<Wildcards<'_>>,
) -> Compacted {
    let statements = regrouped(policies);
    let literal = Trial {
        documents: fit::into_documents(statements.clone(), sizes),
        scope: Scope::AllRequests,
    };
    let chosen = match (literal.documents.1, algebra.domain(), wildcards) {
        (_, _, Some(wildcards)) => Trial::shortened(statements, wildcards, sizes),
        (false, Some(domain), None) => Trial::merged(statements, domain, sizes),
        (true, _, None) | (false, None, None) => literal,
    };
    let made = chosen.proved(policies, algebra);
    if made.is_proved() {
        return made;
    }
    // A shorter text that could not be proved is worth nothing.
    let plain = Trial {
        documents: fit::into_documents(regrouped(policies), sizes),
        scope: Scope::AllRequests,
    };
    plain.proved(policies, algebra)
}

fn regrouped(policies: &[Arc<Policy>]) -> Vec<(Version, Statement)> {
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
        let all = kept.into_iter().chain(table.statements());
        statements.extend(all.map(|statement| (version, statement)));
    }
    statements
}

/// Over which requests nothing may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    AllRequests,
    Domain,
}

/// Documents, whether they fit, and what is to be proved of them.
struct Trial {
    documents: (Vec<Policy>, bool),
    scope: Scope,
}

impl Trial {
    fn shortened(
        mut statements: Vec<(Version, Statement)>,
        wildcards: Wildcards<'_>,
        sizes: Sizes,
    ) -> Self {
        wildcards::shorten(
            statements.iter_mut().map(|(_, statement)| statement),
            wildcards,
        );
        Self {
            documents: fit::into_documents(statements, sizes),
            scope: Scope::Domain,
        }
    }

    fn merged(statements: Vec<(Version, Statement)>, domain: &dyn Domain, sizes: Sizes) -> Self {
        Self {
            documents: fit::into_documents(rectangles::merge(statements, domain), sizes),
            scope: Scope::Domain,
        }
    }

    fn proved(self, policies: &[Arc<Policy>], algebra: &Algebra<'_>) -> Compacted {
        let (documents, fits) = self.documents;
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
            nothing_lost: new.contains_with_certificate(&old).0,
            nothing_added: match self.scope {
                Scope::AllRequests => old.contains_with_certificate(&new).0,
                Scope::Domain => old.contains_in_domain_with_certificate(&new).0,
            },
            in_domain: self.scope == Scope::Domain,
            documents,
        }
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
                statements.push(allowing(
                    actions.into_iter().map(ActionPattern),
                    resources.into_iter().map(ResourcePattern),
                    conditions.clone(),
                ));
            }
        }
        statements
    }
}

fn allowing(
    actions: impl IntoIterator<Item = ActionPattern>,
    resources: impl IntoIterator<Item = ResourcePattern>,
    conditions: Vec<Condition>,
) -> Statement {
    Statement {
        sid: None,
        effect: Effect::Allow,
        principals: None,
        actions: Selection::Only(actions.into_iter().map(Spanned::made).collect()),
        resources: Some(Selection::Only(
            resources.into_iter().map(Spanned::made).collect(),
        )),
        conditions,
        span: Span::default(),
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
