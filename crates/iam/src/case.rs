//! One question with everything it takes to answer it: a request and the policies of every layer,
//! as one JSON object.

mod pair;

use std::sync::Arc;

use serde::Serialize;

pub use pair::{AttachedTo, Pair, parse_side};

use crate::{
    evaluate::{Decision, evaluate},
    json::{JsonError, Kind, Node},
    layers::{Compiled, Layers, Level, NamedPolicy, Policies},
    policy::Policy,
    request::{At, ReadError, Request, Trouble},
    vocabulary::Vocabulary,
};

/// A request and its layers.
///
/// ```
/// use bailiwick_iam::{case::Case, vocabulary::NoVocabulary};
///
/// let case = Case::parse(
///     r#"{"name":"c1",
///         "request":{"principal":"arn:aws:sts::111122223333:assumed-role/R/s",
///                    "action":"s3:GetObject","resource":"arn:aws:s3:::b/k"},
///         "identity":[{"name":"p1","document":{"Version":"2012-10-17","Statement":[
///             {"Sid":"Read","Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}}]}"#,
/// )?;
/// assert_eq!(
///     serde_json::to_string(&case.answer(&NoVocabulary))?,
///     r#"{"name":"c1","decision":"allow","layer":null,"because":[{"layer":"identity","policy":"p1","statement":0,"sid":"Read","effect":"Allow"}],"missing":[]}"#
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Case {
    pub name: Option<String>,
    pub request: Request,
    pub layers: Layers,
}

/// A case's name and its decision.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    pub name: Option<String>,
    #[serde(flatten)]
    pub decision: Decision,
}

const MEMBERS: [&str; 11] = [
    "name",
    "request",
    "identity",
    "boundary",
    "session",
    "resource_policy",
    "scp",
    "rcp",
    "endpoint",
    "management_account",
    "context_complete",
];

impl Case {
    /// Reads a case.
    ///
    /// A layer that is absent or `null` does not exist. `identity: []` is a principal without
    /// policies; `scp: []` and `rcp: []` restrict nothing, and a level with `policies: []` allows
    /// nothing for `scp`.
    ///
    /// # Errors
    /// The first thing that nothing can be made of, with its place; an empty `boundary`, `session`
    /// or `endpoint` is one, because it could mean two things.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        let at = At::top();
        let node = Node::parse(text).map_err(|error| at.json(error))?;
        let mut name = None;
        let mut request = None;
        let mut complete = None;
        let mut layers = Layers::default();
        for member in at.members(&node)? {
            let place = at.member(&member.name);
            let value = &member.value;
            match member.name.as_ref() {
                "name" => name = optional(value, |node| place.string(node))?,
                "request" => {
                    let says_completeness =
                        value.kind() == Kind::Object && says_completeness(value, &place)?;
                    request = Some((Request::read(value, &place)?, says_completeness));
                }
                "identity" => layers.identity = policies(value, &place)?,
                "boundary" => layers.boundary = some_policies(value, &place, "boundary")?,
                "session" => layers.session = some_policies(value, &place, "session")?,
                "endpoint" => layers.endpoint = some_policies(value, &place, "endpoint")?,
                "resource_policy" => {
                    let read = |node: &Node<'_>| document(node, &place, "resource_policy".into());
                    layers.resource = optional(value, read)?;
                }
                "scp" => layers.scp = levels(value, &place)?,
                "rcp" => layers.rcp = levels(value, &place)?,
                "management_account" => {
                    layers.management_account = crate::request::read_account(value, &place)?;
                }
                "context_complete" => {
                    complete = place
                        .boolean(value)?
                        .map(|complete| (complete, value.span()));
                }
                _ => return Err(place.unknown(&member, "case", &MEMBERS)),
            }
        }
        let Some((mut request, says_completeness)) = request else {
            let missing = Trouble::Missing {
                member: "request",
                of: "case",
            };
            return Err(at.wrong(missing, node.span()));
        };
        if let Some((complete, span)) = complete {
            let differs = says_completeness && request.context.is_complete() != complete;
            if differs {
                let place = at.member("context_complete");
                return Err(place.wrong(Trouble::Completeness, span));
            }
            request.context.set_complete(complete);
        }
        Ok(Self {
            name,
            request,
            layers,
        })
    }

    pub fn answer(&self, vocabulary: &dyn Vocabulary) -> Answer {
        Answer {
            name: self.name.clone(),
            decision: evaluate(&self.layers, &self.request, vocabulary),
        }
    }
}

fn says_completeness(request: &Node<'_>, at: &At) -> Result<bool, ReadError> {
    let members = at.members(request)?;
    Ok(members
        .iter()
        .any(|member| member.name == "context_complete" && member.value.kind() == Kind::Bool))
}

fn optional<T>(
    node: &Node<'_>,
    read: impl FnOnce(&Node<'_>) -> Result<T, ReadError>,
) -> Result<Option<T>, ReadError> {
    if node.kind() == Kind::Null {
        return Ok(None);
    }
    read(node).map(Some)
}

fn policies(node: &Node<'_>, at: &At) -> Result<Option<Policies>, ReadError> {
    optional(node, |node| {
        let nodes = at.elements(node)?;
        let read = |(index, node): (usize, &Node<'_>)| named(node, &at.element(index));
        nodes.iter().enumerate().map(read).collect()
    })
}

fn some_policies(
    node: &Node<'_>,
    at: &At,
    layer: &'static str,
) -> Result<Option<Policies>, ReadError> {
    match policies(node, at)? {
        Some(found) if found.is_empty() => {
            Err(at.wrong(Trouble::EmptyLayer { layer }, node.span()))
        }
        found => Ok(found),
    }
}

fn levels(node: &Node<'_>, at: &At) -> Result<Option<Arc<[Level]>>, ReadError> {
    optional(node, |node| {
        let nodes = at.elements(node)?;
        let read = |(index, node): (usize, &Node<'_>)| level(node, &at.element(index));
        nodes.iter().enumerate().map(read).collect()
    })
}

fn level(node: &Node<'_>, at: &At) -> Result<Level, ReadError> {
    const OF: &str = "level";
    let (mut target, mut found) = (None, None);
    for member in at.members(node)? {
        let place = at.member(&member.name);
        match member.name.as_ref() {
            "target" => target = Some(place.string(&member.value)?),
            "policies" => {
                found = policies(&member.value, &place)?;
                if found.is_none() {
                    return Err(place.json(JsonError::Kind {
                        expected: "a list",
                        found: Kind::Null,
                        span: member.value.span(),
                    }));
                }
            }
            _ => return Err(place.unknown(&member, OF, &["target", "policies"])),
        }
    }
    let missing = |member| at.wrong(Trouble::Missing { member, of: OF }, node.span());
    Ok(Level {
        target: target.ok_or_else(|| missing("target"))?.into(),
        policies: found.ok_or_else(|| missing("policies"))?,
    })
}

fn named(node: &Node<'_>, at: &At) -> Result<Arc<Compiled>, ReadError> {
    const OF: &str = "policy with its name";
    let (mut name, mut policy) = (None, None);
    for member in at.members(node)? {
        let place = at.member(&member.name);
        match member.name.as_ref() {
            "name" => name = Some(place.string(&member.value)?),
            "document" => {
                let read = Policy::read(&member.value);
                policy = Some(read.map_err(|error| place.policy(error))?);
            }
            _ => return Err(place.unknown(&member, OF, &["name", "document"])),
        }
    }
    let missing = |member| at.wrong(Trouble::Missing { member, of: OF }, node.span());
    let policy = policy.ok_or_else(|| missing("document"))?;
    let name = name.ok_or_else(|| missing("name"))?;
    Ok(compiled(name.into(), policy))
}

fn document(node: &Node<'_>, at: &At, name: Arc<str>) -> Result<Arc<Compiled>, ReadError> {
    let policy = Policy::read(node).map_err(|error| at.policy(error))?;
    Ok(compiled(name, policy))
}

fn compiled(name: Arc<str>, policy: Policy) -> Arc<Compiled> {
    let policy = Arc::new(policy);
    Arc::new(Compiled::new(NamedPolicy { name, policy }))
}

#[cfg(test)]
mod tests;
