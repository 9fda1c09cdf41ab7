//! Services: their actions, their resource types and the condition keys they use.

use std::fmt;
use std::ops::Range;

use crate::{Action, Catalog, ConditionKey, Unknown, action, compare, find, glob, key, part};

/// One service: whatever shares a prefix in action names.
#[derive(Clone, Copy)]
pub struct Service<'c> {
    catalog: &'c Catalog<'c>,
    entry: &'c Entry<'c>,
}

/// A kind of resource, with the forms its ARN takes.
#[derive(Clone, Copy)]
pub struct ResourceType<'c> {
    catalog: &'c Catalog<'c>,
    entry: &'c TypeEntry<'c>,
}

/// The form of an ARN: `arn:${Partition}:s3:::${BucketName}/${ObjectName}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArnFormat<'c>(&'c str);

#[derive(Debug)]
pub(crate) struct Entry<'t> {
    pub(crate) prefix: &'t str,
    pub(crate) name: &'t str,
    pub(crate) supports_rcp: bool,
    pub(crate) keys: Range<usize>,
    pub(crate) resource_types: Range<usize>,
    pub(crate) shapes: Range<usize>,
    pub(crate) actions: Range<usize>,
}

#[derive(Debug)]
pub(crate) struct TypeEntry<'t> {
    pub(crate) name: &'t str,
    /// Separated by spaces.
    pub(crate) arns: &'t str,
    pub(crate) keys: Range<usize>,
}

impl<'c> Service<'c> {
    pub(crate) fn new(catalog: &'c Catalog<'c>, entry: &'c Entry<'c>) -> Self {
        Self { catalog, entry }
    }

    /// What its actions begin with: `bedrock-agentcore`.
    pub fn prefix(self) -> &'c str {
        self.entry.prefix
    }

    /// What AWS calls it: `Amazon Bedrock AgentCore`.
    pub fn name(self) -> &'c str {
        self.entry.name
    }

    /// Whether resource control policies reach it, as of the catalog's date.
    pub fn supports_rcp(self) -> bool {
        self.entry.supports_rcp
    }

    /// Its actions, by name.
    pub fn actions(self) -> impl Iterator<Item = Action<'c>> {
        self.named(self.entries())
    }

    /// Its action of that name, in any case.
    ///
    /// # Errors
    /// [`Unknown::Action`].
    pub fn action(self, name: &str) -> Result<Action<'c>, Unknown> {
        find(self.entries(), name, |entry| entry.name)
            .and_then(|entry| Action::new(self.catalog, self.entry, entry))
            .ok_or_else(|| Unknown::action(self.prefix(), name))
    }

    /// Its actions that `pattern` matches, by name.
    ///
    /// # Errors
    /// [`Unknown::Action`] when there are none.
    pub fn expand(self, pattern: &str) -> Result<Vec<Action<'c>>, Unknown> {
        if !glob::is_glob(pattern) {
            return Ok(vec![self.action(pattern)?]);
        }
        let actions: Vec<_> = self.matching(pattern).collect();
        if actions.is_empty() {
            return Err(Unknown::action(self.prefix(), pattern));
        }
        Ok(actions)
    }

    /// What [`Service::expand`] answers, without the answer that there are none.
    pub(crate) fn matching(self, pattern: &str) -> impl Iterator<Item = Action<'c>> {
        let prefix = glob::literal_prefix(pattern);
        let entries = self.entries();
        let from = entries.partition_point(|entry| compare(entry.name, prefix).is_lt());
        self.named(part(entries, from..entries.len()))
            .take_while(move |action| {
                action
                    .name()
                    .get(..prefix.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
            })
            .filter(move |action| glob::matches(pattern, action.name()))
    }

    /// Its resource types, by name.
    pub fn resource_types(self) -> impl ExactSizeIterator<Item = ResourceType<'c>> {
        part(
            &self.catalog.resource_types,
            self.entry.resource_types.clone(),
        )
        .iter()
        .map(move |entry| ResourceType::new(self.catalog, entry))
    }

    /// The condition keys that its actions and resources use.
    pub fn condition_keys(self) -> &'c [ConditionKey<'c>] {
        part(&self.catalog.service_keys, self.entry.keys.clone())
    }

    /// The condition key of that name, in any case, as this service uses it; a key the service does
    /// not use is looked up in the whole catalog.
    ///
    /// # Errors
    /// [`Unknown::ConditionKey`].
    pub fn condition_key(self, name: &str) -> Result<ConditionKey<'c>, Unknown> {
        let keys = self.condition_keys();
        if let Some(key) = find(keys, name, |key| key.name()) {
            return Ok(*key);
        }
        let templates: Vec<_> = keys
            .iter()
            .copied()
            .filter_map(key::Template::new)
            .collect();
        match key::match_template(&templates, name) {
            Some(key) => Ok(key),
            None => self.catalog.condition_key(name),
        }
    }

    fn named(self, entries: &'c [action::Entry<'c>]) -> impl Iterator<Item = Action<'c>> {
        let Self { catalog, entry } = self;
        entries
            .iter()
            .filter_map(move |action| Action::new(catalog, entry, action))
    }

    fn entries(self) -> &'c [action::Entry<'c>] {
        part(&self.catalog.actions, self.entry.actions.clone())
    }
}

impl fmt::Debug for Service<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Service({})", self.prefix())
    }
}

impl<'c> ResourceType<'c> {
    pub(crate) fn new(catalog: &'c Catalog<'c>, entry: &'c TypeEntry<'c>) -> Self {
        Self { catalog, entry }
    }

    /// What the type is called within its service: `object`.
    pub fn name(self) -> &'c str {
        self.entry.name
    }

    /// The forms of its ARN, usually one.
    pub fn arn_formats(self) -> impl Iterator<Item = ArnFormat<'c>> {
        self.entry.arns.split(' ').map(ArnFormat)
    }

    /// The condition keys that such a resource carries, whatever the action.
    pub fn condition_keys(self) -> impl Iterator<Item = ConditionKey<'c>> {
        self.catalog.keys_at(self.entry.keys.clone())
    }
}

impl fmt::Debug for ResourceType<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ResourceType({})", self.name())
    }
}

impl<'c> ArnFormat<'c> {
    /// As AWS writes it, variables and all.
    pub fn as_str(self) -> &'c str {
        self.0
    }

    /// The pattern that every such ARN matches: each variable becomes `*`.
    pub fn pattern(self) -> String {
        let mut pattern = String::with_capacity(self.0.len());
        let mut rest = self.0;
        while let Some((literal, variable)) = rest.split_once("${") {
            pattern.push_str(literal);
            pattern.push('*');
            rest = variable.split_once('}').map_or("", |(_, after)| after);
        }
        pattern + rest
    }
}

impl fmt::Display for ArnFormat<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}
