//! Statements, made rather than read.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_iam::json::{Span, Spanned};
use bailiwick_iam::policy::{
    ActionPattern, Condition, Effect, Operator, Policy, PrincipalPattern, ResourcePattern,
    Selection, Statement, Test, Version,
};

/// Actions on resources, as few statements as their sets need.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rights {
    actions_on: BTreeMap<BTreeSet<String>, BTreeSet<String>>,
}

impl Rights {
    pub(crate) fn add(
        &mut self,
        actions: impl IntoIterator<Item = String>,
        resources: impl IntoIterator<Item = String>,
    ) {
        let mut resources: BTreeSet<String> = resources.into_iter().collect();
        if resources.contains("*") {
            resources = BTreeSet::from(["*".to_owned()]);
        }
        if !resources.is_empty() {
            self.actions_on
                .entry(resources)
                .or_default()
                .extend(actions);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.actions_on.is_empty()
    }

    /// Resources under the same actions stand together: A on R and A on S is A on R and S.
    fn grouped(&self) -> BTreeMap<&BTreeSet<String>, BTreeSet<&str>> {
        let mut grouped: BTreeMap<&BTreeSet<String>, BTreeSet<&str>> = BTreeMap::new();
        for (resources, actions) in &self.actions_on {
            let group = grouped.entry(actions).or_default();
            group.extend(resources.iter().map(String::as_str));
        }
        grouped
    }

    /// The statements, named after what they do and to which service: `ReadS3`.
    pub(crate) fn statements(&self, verb: &str) -> Vec<Statement> {
        let mut named: BTreeMap<String, usize> = BTreeMap::new();
        let statement = |(actions, resources): (&BTreeSet<String>, BTreeSet<&str>)| {
            let service = actions.first().and_then(|action| action.split(':').next());
            let stem = format!("{verb}{}", capitalised(service.unwrap_or_default()));
            let count = named.entry(stem.clone()).or_default();
            *count += 1;
            let sid = if *count == 1 {
                stem
            } else {
                format!("{stem}{count}")
            };
            allow(Some(&sid), actions, resources)
        };
        self.grouped().into_iter().map(statement).collect()
    }

    /// The same without names, where every character counts.
    pub(crate) fn unnamed(&self) -> Vec<Statement> {
        let statement = |(actions, resources): (&BTreeSet<String>, BTreeSet<&str>)| {
            allow(None, actions, resources)
        };
        self.grouped().into_iter().map(statement).collect()
    }

    pub(crate) fn actions(&self) -> BTreeSet<&str> {
        self.actions_on
            .values()
            .flatten()
            .map(String::as_str)
            .collect()
    }
}

/// `bedrock-agentcore` as `BedrockAgentcore`: a statement's id takes letters and digits.
fn capitalised(service: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    service.split('-').map(word).collect()
}

pub(crate) fn allow(
    sid: Option<&str>,
    actions: impl IntoIterator<Item = impl AsRef<str>>,
    resources: impl IntoIterator<Item = impl AsRef<str>>,
) -> Statement {
    statement(
        sid,
        Effect::Allow,
        actions,
        Some(only(resources, ResourcePattern)),
    )
}

pub(crate) fn deny(
    sid: Option<&str>,
    actions: impl IntoIterator<Item = impl AsRef<str>>,
) -> Statement {
    statement(
        sid,
        Effect::Deny,
        actions,
        Some(only(["*"], ResourcePattern)),
    )
}

/// A statement of a trust policy: it has principals and no resource.
pub(crate) fn trust(
    sid: &str,
    principal: PrincipalPattern,
    actions: impl IntoIterator<Item = impl AsRef<str>>,
) -> Statement {
    Statement {
        principals: Some(Selection::Only(vec![Spanned::made(principal)])),
        ..statement(Some(sid), Effect::Allow, actions, None)
    }
}

fn statement(
    sid: Option<&str>,
    effect: Effect,
    actions: impl IntoIterator<Item = impl AsRef<str>>,
    resources: Option<Selection<ResourcePattern>>,
) -> Statement {
    Statement {
        sid: sid.map(str::to_owned),
        effect,
        principals: None,
        actions: only(actions, ActionPattern),
        resources,
        conditions: Vec::new(),
        span: Span::default(),
    }
}

fn only<T>(
    texts: impl IntoIterator<Item = impl AsRef<str>>,
    pattern: fn(String) -> T,
) -> Selection<T> {
    let made = |text: &str| Spanned::made(pattern(text.to_owned()));
    Selection::Only(texts.into_iter().map(|text| made(text.as_ref())).collect())
}

pub(crate) fn to_principal(statement: Statement, principal: PrincipalPattern) -> Statement {
    Statement {
        principals: Some(Selection::Only(vec![Spanned::made(principal)])),
        ..statement
    }
}

/// The statement, only where a key has one of these values.
pub(crate) fn where_key(
    statement: Statement,
    test: Test,
    key: &str,
    values: impl IntoIterator<Item = impl AsRef<str>>,
) -> Statement {
    where_operator(statement, Operator::plain(test), key, values)
}

pub(crate) fn where_operator(
    mut statement: Statement,
    operator: Operator,
    key: &str,
    values: impl IntoIterator<Item = impl AsRef<str>>,
) -> Statement {
    let value = |text: &str| Spanned::made(text.to_owned());
    statement.conditions.push(Condition {
        operator,
        written: operator.to_string(),
        key: Spanned::made(key.to_owned()),
        values: values
            .into_iter()
            .map(|text| value(text.as_ref()))
            .collect(),
    });
    // The printer writes neighbours under one operator together.
    statement
        .conditions
        .sort_by_key(|condition| condition.operator);
    statement
}

pub(crate) fn policy(statements: Vec<Statement>) -> Policy {
    Policy {
        version: Version::V2012,
        id: None,
        statements,
    }
}

/// What AWS counts against its limits.
pub(crate) fn length(policy: &Policy) -> usize {
    policy.to_json().chars().count()
}

impl Rights {
    pub(crate) fn extend(&mut self, other: &Self) {
        for (resources, actions) in &other.actions_on {
            self.add(actions.iter().cloned(), resources.iter().cloned());
        }
    }
}
