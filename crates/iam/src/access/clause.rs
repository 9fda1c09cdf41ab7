//! Statements as boxes: an action set times a resource set times a principal set times
//! requirements on condition keys.
//!
//! A statement is one box, or several where a list mixes values with policy variables: then the
//! alternatives are correlated with other keys, and each gets a box of its own.

mod condition;
mod default;
mod principal;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::evaluate::ResourceSemantics;
use crate::policy::{self, Effect, Policy, Selection, Statement, Template, Version};
use crate::vocabulary::{KeyKind, Vocabulary};

use super::glob::{Glob, Piece, segmented, tokens_of};
use super::text::TextSet;
use super::values::{Kind, Predicate};

pub(crate) use principal::{is_readable, principal_text};

/// Keys whose value is known for every request in question, such as a role's own tags.
///
/// `None` as a value says that the key is known to be absent.
pub(crate) type Known = BTreeMap<String, Option<String>>;

/// One box.
#[derive(Debug, Clone)]
pub(crate) struct Clause {
    pub(crate) actions: TextSet,
    pub(crate) segmented: TextSet,
    pub(crate) flat: TextSet,
    /// `None`: whoever it is.
    pub(crate) principals: Option<TextSet>,
    pub(crate) requirements: Vec<Requirement>,
    /// The statement's place in its policy.
    pub(crate) statement: u32,
}

impl Clause {
    pub(crate) const fn resources(&self, semantics: ResourceSemantics) -> &TextSet {
        match semantics {
            ResourceSemantics::Segmented => &self.segmented,
            ResourceSemantics::Flat => &self.flat,
        }
    }
}

/// What a box asks of the context.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Requirement {
    Values(Values),
    /// The key and the variable both have a value, and it is the same; or not so.
    Equal {
        key: Arc<str>,
        variable: Arc<str>,
        holds: bool,
    },
    /// Something the algebra does not look into; the same text is always the same answer.
    Opaque {
        fact: Arc<Opaque>,
        holds: bool,
    },
}

/// All values of a key, or some, are matched by some listed value, or by none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Values {
    pub(crate) key: Arc<str>,
    /// Every value, rather than at least one.
    pub(crate) all: bool,
    /// Matched by none of the predicates, rather than by one.
    pub(crate) complement: bool,
    pub(crate) predicates: Arc<[Predicate]>,
    /// A value outside this is matched neither way: for ARN operators, what is no ARN.
    pub(crate) within: Option<Predicate>,
    /// What holds when the key is absent.
    pub(crate) when_absent: bool,
    /// Written with `ForAllValues` or `ForAnyValue`.
    pub(crate) set_operator: bool,
}

impl Values {
    /// For a key known to be absent, or to have this one value.
    fn holds_for(&self, known: Option<&str>) -> bool {
        match known {
            None => self.when_absent,
            Some(value) => {
                self.predicates
                    .iter()
                    .any(|predicate| predicate.matches(value))
                    != self.complement
            }
        }
    }
}

/// A condition that is read as a fact of the request, true or false, with what follows from it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Opaque {
    pub(crate) text: Arc<str>,
    pub(crate) key: Arc<str>,
    /// What must hold of the key if the fact does.
    pub(crate) when_true: Option<Values>,
    /// Whether the key must be present if the fact does not hold.
    pub(crate) present_when_false: bool,
    /// A value to try, by which a witness makes the fact true.
    pub(crate) example: Template,
}

/// How a policy is turned into boxes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) vocabulary: &'a dyn Vocabulary,
    pub(crate) known: &'a Known,
    /// Keys that have a value, whichever it is: the default of a variable is not used.
    pub(crate) present: &'a BTreeSet<String>,
    pub(crate) short: Short,
    /// Whether the layer is one whose statements name principals.
    pub(crate) names_principals: bool,
}

/// More boxes than this from one statement and its variables are read as facts instead.
const BOXES_MAX: usize = 64;

/// Of no key is it known that it has a value.
pub(crate) static NO_KEYS: BTreeSet<String> = BTreeSet::new();

impl Reading<'_> {
    /// The boxes of a policy's statements of one effect.
    pub(crate) fn clauses(&self, policy: &Policy, effect: Effect) -> Vec<Clause> {
        let numbered = policy.statements.iter().zip(0..);
        numbered
            .filter(|(statement, _)| statement.effect == effect)
            .flat_map(|(statement, at)| self.statement(statement, policy.version, at))
            .collect()
    }

    fn boxes(
        &self,
        statement: &Statement,
        version: Version,
        at: u32,
        case: &[Requirement],
    ) -> Vec<Clause> {
        let principals = match (&statement.principals, self.names_principals) {
            (None, false) => None,
            // A statement of a resource policy without a principal matches nobody.
            (None, true) => Some(TextSet::new(false, [])),
            (Some(principals), _) => Some(principal::of(principals, statement.effect)),
        };
        let mut alternatives = vec![case.to_vec()];
        for condition in &statement.conditions {
            alternatives = self.and_condition(&alternatives, condition, version);
        }
        let actions = action_set(&statement.actions);
        let mut clauses = Vec::new();
        for (resources, needs) in self.resource_sets(statement.resources.as_ref(), version) {
            for requirements in &alternatives {
                let mut requirements = requirements.clone();
                requirements.extend(needs.iter().map(present));
                requirements.sort_unstable();
                requirements.dedup();
                clauses.push(Clause {
                    actions: actions.clone(),
                    segmented: resources.segmented.clone(),
                    flat: resources.flat.clone(),
                    principals: principals.clone(),
                    requirements,
                    statement: at,
                });
            }
        }
        clauses
    }
}

pub(crate) fn present(key: &Arc<str>) -> Requirement {
    Requirement::Values(Values {
        key: key.clone(),
        all: true,
        complement: true,
        predicates: Arc::from([]),
        within: None,
        when_absent: false,
        set_operator: false,
    })
}

pub(crate) fn absent(key: &Arc<str>) -> Requirement {
    Requirement::Values(Values {
        key: key.clone(),
        all: false,
        complement: false,
        predicates: Arc::from([]),
        within: None,
        when_absent: true,
        set_operator: false,
    })
}

/// Never true, whatever the context.
fn impossible(key: &Arc<str>) -> Requirement {
    Requirement::Values(Values {
        key: key.clone(),
        all: false,
        complement: false,
        predicates: Arc::from([]),
        within: None,
        when_absent: false,
        set_operator: false,
    })
}

/// The key has this value; or it has not, and may be absent.
fn is_value(key: Arc<str>, value: &str, holds: bool) -> Requirement {
    Requirement::Values(Values {
        key,
        all: !holds,
        complement: !holds,
        predicates: Arc::from([Predicate::Text(Glob::literal(value))]),
        within: None,
        when_absent: !holds,
        set_operator: false,
    })
}

pub(crate) fn action_glob(text: &str) -> Glob {
    Glob::parse(&text.to_ascii_lowercase())
}

fn action_set(actions: &Selection<policy::ActionPattern>) -> TextSet {
    // `*:*` occurs in the wild and means every action.
    let read = |pattern: &str| {
        if pattern == "*:*" {
            Glob::everything()
        } else {
            action_glob(pattern)
        }
    };
    TextSet::new(
        actions.is_excluding(),
        actions
            .patterns()
            .iter()
            .filter(|pattern| may_name_actions(&pattern.value.0))
            .map(|pattern| read(&pattern.value.0)),
    )
}

/// Whether any action can be called so: a comma or a space stands in the name of none, and none
/// lacks its service or its name. AWS accepts such a pattern, and it matches nothing.
// IAM-015
fn may_name_actions(pattern: &str) -> bool {
    let is_strange = |letter: char| letter == ',' || letter.is_whitespace();
    !pattern.contains(is_strange) && !pattern.starts_with(':') && !pattern.ends_with(':')
}

struct Resources {
    segmented: TextSet,
    flat: TextSet,
}

/// A resource pattern, cut where AWS cuts it: variables stand after the fifth colon alone, and
/// before it letters are compared without case.
struct Cut {
    first: Template,
    last: Template,
    colons: usize,
}

impl Cut {
    fn new(written: &str, version: Version) -> Self {
        let fifth = written.match_indices(':').nth(4).map(|(at, _)| at + 1);
        let (first, last) = written
            .split_at_checked(fifth.unwrap_or(written.len()))
            .unwrap_or((written, ""));
        Self {
            first: Template::parse(first, Version::V2008),
            last: Template::parse(last, version),
            colons: written.matches(':').count().min(5),
        }
    }

    fn flat(&self) -> Glob {
        Glob::from_pieces(pieces(&self.first).chain(pieces(&self.last)))
    }

    /// By its six segments; `None` if it can match no resource.
    fn segmented(&self, short: Short) -> Option<Glob> {
        let mut tokens = tokens_of(pieces(&self.first));
        let only_stars = !tokens.is_empty() && tokens.iter().all(|token| token.is_star());
        if only_stars && self.last.0.is_empty() {
            return Some(Glob::everything());
        }
        let counts = match short {
            Short::Padded => true,
            Short::WithStar => tokens.iter().any(|token| token.is_star()),
            Short::EndingInStar => tokens.last().is_some_and(|token| token.is_star()),
            Short::Nothing => false,
        };
        if self.colons < 5 && !counts {
            return None;
        }
        for token in &mut tokens {
            *token = token.lowered();
        }
        tokens.extend(tokens_of(pieces(&self.last)));
        for _ in self.colons..5 {
            tokens.extend(tokens_of([Piece::Text(":"), Piece::Star]));
        }
        segmented(&tokens).map(|tokens| Glob::from_tokens(tokens, true))
    }
}

/// What a resource pattern of fewer than six segments is, by the kind of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Short {
    /// As if stars followed it.
    Padded,
    /// The same, if it holds a star.
    WithStar,
    /// The same, if it ends in one.
    EndingInStar,
    /// It matches nothing.
    Nothing,
}

/// A resource pattern without variables, under both readings.
pub(crate) fn resource_globs(written: &str) -> (Glob, Option<Glob>) {
    let cut = Cut::new(written, Version::V2008);
    (cut.flat(), cut.segmented(Short::Padded))
}

impl Reading<'_> {
    /// The resource sets of a statement, each with the variables it needs a value for.
    fn resource_sets(
        &self,
        resources: Option<&Selection<policy::ResourcePattern>>,
        version: Version,
    ) -> Vec<(Resources, Vec<Arc<str>>)> {
        let Some(resources) = resources else {
            // A trust policy: the resource is the role that carries it.
            return vec![(
                Resources {
                    segmented: TextSet::everything(),
                    flat: TextSet::everything(),
                },
                Vec::new(),
            )];
        };
        let mut groups: BTreeMap<Vec<Arc<str>>, Vec<Cut>> = BTreeMap::new();
        for pattern in resources.patterns() {
            let mut cut = Cut::new(&pattern.value.0, version);
            // A variable known to be absent: the pattern matches nothing.
            let Some(last) = self.bound(&cut.last) else {
                continue;
            };
            cut.last = last;
            let mut needs: Vec<Arc<str>> = cut
                .last
                .variables()
                .filter(|(_, default)| default.is_none())
                .map(|(key, _)| lower(key))
                .collect();
            needs.sort_unstable();
            needs.dedup();
            let group = if resources.is_excluding() {
                Vec::new()
            } else {
                needs
            };
            groups.entry(group).or_default().push(cut);
        }
        if groups.is_empty() {
            groups.insert(Vec::new(), Vec::new());
        }
        let excluding = resources.is_excluding();
        groups
            .into_iter()
            .map(|(needs, cuts)| {
                let flat = TextSet::new(excluding, cuts.iter().map(Cut::flat));
                let segmented = TextSet::new(
                    excluding,
                    cuts.iter().filter_map(|cut| cut.segmented(self.short)),
                );
                (Resources { segmented, flat }, needs)
            })
            .collect()
    }

    /// The template with every known key put in; `None` if one is known to be absent.
    fn bound(&self, template: &Template) -> Option<Template> {
        let mut bound = Vec::new();
        for piece in &template.0 {
            let policy::Piece::Variable { key, default } = piece else {
                bound.push(piece.clone());
                continue;
            };
            let known = self.known.get(&key.to_lowercase());
            let (_, plurality) = kind_of(self.vocabulary, key);
            let never = known == Some(&None) || plurality == Plurality::Many;
            match (known, default) {
                (Some(Some(value)), _) => bound.push(policy::Piece::Text(value.clone())),
                (_, Some(default)) if never => bound.push(policy::Piece::Text(default.clone())),
                (_, None) if never => return None,
                (None, Some(_)) if self.present.contains(&key.to_lowercase()) => {
                    bound.push(policy::Piece::Variable {
                        key: key.clone(),
                        default: None,
                    });
                }
                (Some(None) | None, _) => bound.push(piece.clone()),
            }
        }
        Some(Template(bound))
    }
}

pub(crate) fn pieces(template: &Template) -> impl Iterator<Item = Piece<'_>> {
    template.0.iter().map(|piece| match piece {
        policy::Piece::Text(text) => Piece::Text(text),
        policy::Piece::Star => Piece::Star,
        policy::Piece::Question => Piece::Any,
        policy::Piece::Variable { key, default } => Piece::Variable {
            name: key,
            default: default.as_deref(),
        },
    })
}

fn flat_glob(template: &Template) -> Glob {
    Glob::from_pieces(pieces(template))
}

/// The keys that a policy speaks of: in conditions, and as variables.
#[derive(Debug)]
pub(crate) struct Mentioned {
    /// In lower case.
    keys: BTreeSet<String>,
    /// Values and resources with variables in them, in lower case.
    texts: Vec<String>,
}

impl Mentioned {
    pub(crate) fn by(policy: &Policy) -> Self {
        let conditions = || policy.statements.iter().flat_map(|it| &it.conditions);
        let values = conditions().flat_map(|condition| &condition.values);
        let resources = policy
            .statements
            .iter()
            .flat_map(|it| it.resources.iter().flat_map(Selection::patterns));
        let texts = values
            .map(|value| &value.value)
            .chain(resources.map(|pattern| &pattern.value.0));
        Self {
            keys: conditions()
                .map(|condition| condition.key.value.to_ascii_lowercase())
                .collect(),
            texts: texts
                .filter(|text| text.contains("${"))
                .map(|text| text.to_lowercase())
                .collect(),
        }
    }

    /// Whether a key in lower case is among them. May say yes too often, never no.
    pub(crate) fn holds(&self, key: &str) -> bool {
        self.keys.contains(key) || self.texts.iter().any(|text| text.contains(key))
    }
}

pub(crate) fn lower(key: &str) -> Arc<str> {
    Arc::from(key.to_lowercase())
}

/// How a vocabulary's kind narrows values.
pub(crate) fn kind_of(vocabulary: &dyn Vocabulary, key: &str) -> (Kind, Plurality) {
    let Some(facts) = vocabulary.key(key) else {
        return (Kind::Unknown, Plurality::Unknown);
    };
    let kind = match facts.kind {
        KeyKind::Bool => Kind::Bool,
        KeyKind::Numeric => Kind::Number,
        KeyKind::Date => Kind::Date,
        KeyKind::IpAddress => Kind::Address,
        KeyKind::String | KeyKind::Arn | KeyKind::Binary | KeyKind::Other => Kind::Text,
    };
    (
        kind,
        if facts.multivalued {
            Plurality::Many
        } else {
            Plurality::One
        },
    )
}

/// How many values a key may have at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Plurality {
    One,
    Many,
    Unknown,
}

/// Does one resource pattern match whatever the other does, under both readings?
pub(crate) fn resource_covers(wide: &str, narrow: &str, version: Version) -> bool {
    let (wide, narrow) = (Cut::new(wide, version), Cut::new(narrow, version));
    let by_segments = match (
        wide.segmented(Short::Padded),
        narrow.segmented(Short::Padded),
    ) {
        (Some(wide), Some(narrow)) => wide.covers_word(&narrow),
        (_, None) => true,
        (None, Some(_)) => false,
    };
    by_segments && wide.flat().covers_word(&narrow.flat())
}

/// Whether one resource could be in both of these patterns, neither of which has variables. May say
/// yes too often, never no.
#[must_use]
pub fn resources_meet(one: &str, other: &str) -> bool {
    let ((_, one), (_, other)) = (resource_globs(one), resource_globs(other));
    match (one, other) {
        (Some(one), Some(other)) => one.meets(&other),
        (None, _) | (_, None) => true,
    }
}

/// Does one action pattern match whatever the other does?
pub(crate) fn action_covers(wide: &str, narrow: &str) -> bool {
    action_glob(wide).covers_word(&action_glob(narrow))
}
