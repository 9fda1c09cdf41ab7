//! Services: their actions, their resource types and the condition keys they use.

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

#[cfg(doc)]
use crate::Catalog;
use crate::{Action, ConditionKey, DecodeError, Unknown, action, compare, find, glob, key, part};

/// One service: whatever shares a prefix in action names.
#[derive(Clone, Copy)]
pub struct Service<'c> {
    header: &'c Header<'c>,
    content: &'c Content<'c>,
}

/// A kind of resource, with the forms its ARN takes.
#[derive(Clone, Copy)]
pub struct ResourceType<'c> {
    content: &'c Content<'c>,
    entry: &'c TypeEntry<'c>,
}

/// The form of an ARN: `arn:${Partition}:s3:::${BucketName}/${ObjectName}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArnFormat<'c>(&'c str);

/// A service whose content is decoded when it is first asked for.
#[derive(Debug)]
pub(crate) struct Entry<'t> {
    pub(crate) header: Header<'t>,
    pub(crate) text: &'t str,
    pub(crate) line: usize,
    pub(crate) content: OnceLock<Content<'t>>,
}

#[derive(Debug)]
pub(crate) struct Header<'t> {
    pub(crate) prefix: &'t str,
    pub(crate) name: &'t str,
    pub(crate) supports_rcp: bool,
}

/// The tables of one service. Ranges and places point into the tables beside them.
#[derive(Debug, Default)]
pub(crate) struct Content<'t> {
    pub(crate) keys: Vec<ConditionKey<'t>>,
    pub(crate) resource_types: Vec<TypeEntry<'t>>,
    pub(crate) shapes: Vec<action::Shape>,
    pub(crate) actions: Vec<action::Entry<'t>>,
    pub(crate) uses: Vec<action::UseEntry>,
    pub(crate) key_places: Vec<usize>,
    pub(crate) dependents: Vec<&'t str>,
}

#[derive(Debug)]
pub(crate) struct TypeEntry<'t> {
    pub(crate) name: &'t str,
    /// Separated by spaces.
    pub(crate) arns: &'t str,
    pub(crate) keys: Range<usize>,
}

impl<'t> Entry<'t> {
    pub(crate) fn service(&self) -> Service<'_> {
        #[expect(
            clippy::expect_used,
            reason = "`Catalog::decode` has decoded every service; for the built-in text a test does"
        )]
        let content = self.try_content().expect("a service that decodes");
        Service::new(&self.header, content)
    }

    pub(crate) fn try_content(&self) -> Result<&Content<'t>, DecodeError> {
        if let Some(content) = self.content.get() {
            return Ok(content);
        }
        let content = Content::decode(self.text, self.line)?;
        Ok(self.content.get_or_init(|| content))
    }
}

impl<'t> Content<'t> {
    pub(crate) fn keys_at(&self, places: &Range<usize>) -> impl Iterator<Item = ConditionKey<'t>> {
        part(&self.key_places, places)
            .iter()
            .filter_map(|place| self.keys.get(*place).copied())
    }
}

impl<'c> Service<'c> {
    pub(crate) fn new(header: &'c Header<'c>, content: &'c Content<'c>) -> Self {
        Self { header, content }
    }

    /// What its actions begin with: `bedrock-agentcore`.
    pub fn prefix(self) -> &'c str {
        self.header.prefix
    }

    /// What AWS calls it: `Amazon Bedrock AgentCore`.
    pub fn name(self) -> &'c str {
        self.header.name
    }

    /// Whether resource control policies reach it, as of the catalog's date.
    pub fn supports_rcp(self) -> bool {
        self.header.supports_rcp
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
            .and_then(|entry| Action::new(self.header, self.content, entry))
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
        self.named(part(entries, &(from..entries.len())))
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
        let content = self.content;
        content
            .resource_types
            .iter()
            .map(|entry| ResourceType::new(content, entry))
    }

    /// The condition keys that its actions and resources use.
    pub fn condition_keys(self) -> &'c [ConditionKey<'c>] {
        &self.content.keys
    }

    /// The condition key of that name, in any case, as this service uses it.
    ///
    /// # Errors
    /// [`Unknown::ConditionKey`] also for the keys that every service has; [`Catalog::condition_key`]
    /// knows those.
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
        key::match_template(&templates, name).ok_or_else(|| Unknown::ConditionKey(name.to_owned()))
    }

    fn named(self, entries: &'c [action::Entry<'c>]) -> impl Iterator<Item = Action<'c>> {
        let Self { header, content } = self;
        entries
            .iter()
            .filter_map(|entry| Action::new(header, content, entry))
    }

    fn entries(self) -> &'c [action::Entry<'c>] {
        &self.content.actions
    }
}

impl fmt::Debug for Service<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Service({})", self.prefix())
    }
}

impl<'c> ResourceType<'c> {
    pub(crate) fn new(content: &'c Content<'c>, entry: &'c TypeEntry<'c>) -> Self {
        Self { content, entry }
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
        self.content.keys_at(&self.entry.keys)
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
