//! Actions: how deep they cut, what they work on, and what can narrow them.

use std::fmt;
use std::ops::Range;

use crate::service::{Content, Header, TypeEntry};
use crate::{ConditionKey, ResourceType, Service, part};

/// One action of one service.
#[derive(Clone, Copy)]
pub struct Action<'c> {
    service: &'c Header<'c>,
    content: &'c Content<'c>,
    name: &'c str,
    shape: &'c Shape,
}

/// How deep an action cuts, in AWS's own five steps.
///
/// AWS counts the invocation of a model, an agent or a flow as a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessLevel {
    List,
    Read,
    Tagging,
    Write,
    PermissionsManagement,
}

/// A resource type as one action uses it.
#[derive(Debug, Clone, Copy)]
pub struct ResourceUse<'c> {
    content: &'c Content<'c>,
    resource_type: &'c TypeEntry<'c>,
    entry: &'c UseEntry,
}

#[derive(Debug)]
pub(crate) struct Entry<'t> {
    pub(crate) name: &'t str,
    /// Many actions of a service differ in name alone; what they share is a shape.
    pub(crate) shape: usize,
}

#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) level: AccessLevel,
    pub(crate) keys: Range<usize>,
    pub(crate) dependents: Range<usize>,
    pub(crate) uses: Range<usize>,
}

#[derive(Debug)]
pub(crate) struct UseEntry {
    pub(crate) resource_type: usize,
    pub(crate) required: bool,
    pub(crate) keys: Range<usize>,
    pub(crate) dependents: Range<usize>,
}

impl<'c> Action<'c> {
    pub(crate) fn new(
        service: &'c Header<'c>,
        content: &'c Content<'c>,
        entry: &'c Entry<'c>,
    ) -> Option<Self> {
        Some(Self {
            service,
            content,
            name: entry.name,
            shape: content.shapes.get(entry.shape)?,
        })
    }

    /// The name without its service: `GetObject`.
    pub fn name(self) -> &'c str {
        self.name
    }

    pub fn service(self) -> Service<'c> {
        Service::new(self.service, self.content)
    }

    pub fn level(self) -> AccessLevel {
        self.shape.level
    }

    /// The resource types it works on; none where only `*` names its resource.
    pub fn resources(self) -> impl Iterator<Item = ResourceUse<'c>> {
        let content = self.content;
        part(&content.uses, &self.shape.uses)
            .iter()
            .filter_map(|entry| ResourceUse::new(content, entry))
    }

    /// Whether a policy can narrow it to some resources. Where it cannot, a statement with any
    /// `Resource` but `*` grants nothing.
    pub fn has_resources(self) -> bool {
        !self.shape.uses.is_empty()
    }

    /// The condition keys of every call, whatever its resource. The resource types have more.
    pub fn condition_keys(self) -> impl Iterator<Item = ConditionKey<'c>> {
        self.content.keys_at(&self.shape.keys)
    }

    /// Whether AWS lists the condition key for this action: for every call, for one of its resource
    /// types, or for the way it uses one. Global keys are there on every call and are not listed.
    pub fn lists_condition_key(self, name: &str) -> bool {
        let covers = |key: ConditionKey| key.covers(name);
        self.condition_keys().any(covers)
            || self.resources().any(|used| {
                used.condition_keys().any(covers)
                    || used.resource_type().condition_keys().any(covers)
            })
    }

    /// The actions that the caller must also be allowed, `service:Name`, as far as AWS lists them.
    pub fn dependents(self) -> &'c [&'c str] {
        part(&self.content.dependents, &self.shape.dependents)
    }
}

/// `s3:GetObject`.
impl fmt::Display for Action<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.service.prefix, self.name)
    }
}

impl fmt::Debug for Action<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl PartialEq for Action<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.service.prefix, self.name) == (other.service.prefix, other.name)
    }
}

impl Eq for Action<'_> {}

impl<'c> ResourceUse<'c> {
    fn new(content: &'c Content<'c>, entry: &'c UseEntry) -> Option<Self> {
        Some(Self {
            content,
            resource_type: content.resource_types.get(entry.resource_type)?,
            entry,
        })
    }

    pub fn resource_type(self) -> ResourceType<'c> {
        ResourceType::new(self.content, self.resource_type)
    }

    /// Whether every call names a resource of this type. Of types that stand for each other, such as
    /// an object and an object of an access point, AWS requires none.
    pub fn required(self) -> bool {
        self.entry.required
    }

    /// The condition keys that this use of the resource carries, beside those of its type.
    pub fn condition_keys(self) -> impl Iterator<Item = ConditionKey<'c>> {
        self.content.keys_at(&self.entry.keys)
    }

    /// The actions that the caller must also be allowed when the call names such a resource.
    pub fn dependents(self) -> &'c [&'c str] {
        part(&self.content.dependents, &self.entry.dependents)
    }
}
