//! Two sides to compare, as one JSON object: what a candidate allows, and what a reference does.

use std::sync::Arc;

use serde::Serialize;

use super::{document, levels, named, optional, policies, some_policies};
use crate::{
    json::{Kind, Node},
    layers::{Compiled, Layers, Policies},
    request::{At, ReadError, Trouble},
};

/// What the policies of a pair are attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachedTo {
    /// Users, groups and roles.
    #[default]
    Identity,
    /// A resource: a bucket, a key, a queue.
    Resource,
}

/// The candidate `a` and the reference `b`.
///
/// ```
/// use bailiwick_iam::case::Pair;
///
/// let pair = Pair::parse(
///     r#"{"name":"narrower","kind":"identity",
///         "a":{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}},
///         "b":{"identity":[{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}],"boundary":null}}"#,
/// )?;
/// assert_eq!(pair.name.as_deref(), Some("narrower"));
/// assert_eq!(pair.b.identity.map(|policies| policies.len()), Some(1));
/// # Ok::<(), bailiwick_iam::request::ReadError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pair {
    pub name: Option<String>,
    pub kind: AttachedTo,
    pub a: Layers,
    pub b: Layers,
}

const MEMBERS: [&str; 4] = ["name", "kind", "a", "b"];
const LAYERS: [&str; 4] = ["identity", "boundary", "session", "scp"];

impl Pair {
    /// Reads a pair. Each side is a policy, a list of policies, or layers.
    ///
    /// # Errors
    /// The first thing that nothing can be made of, with its place.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        let at = At::top();
        let node = Node::parse(text).map_err(|error| at.json(error))?;
        let (mut name, mut kind, mut a, mut b) = (None, AttachedTo::default(), None, None);
        let members = at.members(&node)?;
        for member in &members {
            let place = at.member(&member.name);
            match member.name.as_ref() {
                "name" => name = optional(&member.value, |node| place.string(node))?,
                "kind" => kind = attached_to(&member.value, &place)?,
                "a" => a = Some((member.value, place)),
                "b" => b = Some((member.value, place)),
                _ => return Err(place.unknown(member, "pair", &MEMBERS)),
            }
        }
        let missing = |member| at.wrong(Trouble::Missing { member, of: "pair" }, node.span());
        let (a, place_a) = a.ok_or_else(|| missing("a"))?;
        let (b, place_b) = b.ok_or_else(|| missing("b"))?;
        Ok(Self {
            name,
            kind,
            a: side(&a, &place_a, kind)?,
            b: side(&b, &place_b, kind)?,
        })
    }
}

/// Reads one side of a pair from a text of its own.
///
/// # Errors
/// As [`Pair::parse`].
pub fn parse_side(text: &str, kind: AttachedTo) -> Result<Layers, ReadError> {
    let at = At::top();
    let node = Node::parse(text).map_err(|error| at.json(error))?;
    side(&node, &at, kind)
}

fn attached_to(node: &Node<'_>, at: &At) -> Result<AttachedTo, ReadError> {
    match at.string(node)?.as_str() {
        "identity" => Ok(AttachedTo::Identity),
        "resource" => Ok(AttachedTo::Resource),
        other => {
            let trouble = Trouble::Unknown {
                name: other.to_owned(),
                of: "kind",
                known: &["identity", "resource"],
            };
            Err(at.wrong(trouble, node.span()))
        }
    }
}

fn side(node: &Node<'_>, at: &At, kind: AttachedTo) -> Result<Layers, ReadError> {
    if kind == AttachedTo::Resource {
        return Ok(Layers {
            resource: Some(document(node, at, "policy".into())?),
            ..Layers::default()
        });
    }
    match node.kind() {
        Kind::List => Ok(Layers {
            identity: Some(listed(node, at)?),
            ..Layers::default()
        }),
        Kind::Object if is_layers(node, at)? => layers(node, at),
        Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Object => Ok(Layers {
            identity: Some([document(node, at, "policy".into())?].into()),
            ..Layers::default()
        }),
    }
}

/// Whether the object names layers; a policy has none of their names.
fn is_layers(node: &Node<'_>, at: &At) -> Result<bool, ReadError> {
    let members = at.members(node)?;
    let is_layer = |name: &str| LAYERS.contains(&name);
    Ok(members.is_empty() || members.iter().any(|member| is_layer(&member.name)))
}

fn layers(node: &Node<'_>, at: &At) -> Result<Layers, ReadError> {
    let mut layers = Layers::default();
    for member in at.members(node)? {
        let place = at.member(&member.name);
        let value = &member.value;
        let bare = value.kind() == Kind::List;
        match member.name.as_ref() {
            "identity" if bare => layers.identity = Some(listed(value, &place)?),
            "identity" => layers.identity = policies(value, &place)?,
            "boundary" if bare && !is_empty(value, &place)? => {
                layers.boundary = Some(listed(value, &place)?);
            }
            "boundary" => layers.boundary = some_policies(value, &place, "boundary")?,
            "session" if bare && !is_empty(value, &place)? => {
                layers.session = Some(listed(value, &place)?);
            }
            "session" => layers.session = some_policies(value, &place, "session")?,
            "scp" => layers.scp = levels(value, &place)?,
            _ => return Err(place.unknown(&member, "set of layers", &LAYERS)),
        }
    }
    Ok(layers)
}

fn is_empty(node: &Node<'_>, at: &At) -> Result<bool, ReadError> {
    Ok(at.elements(node)?.is_empty())
}

/// Policies, each with its name or bare.
fn listed(node: &Node<'_>, at: &At) -> Result<Policies, ReadError> {
    let nodes = at.elements(node)?;
    let read = |(index, node): (usize, &Node<'_>)| one(node, index, &at.element(index));
    nodes.iter().enumerate().map(read).collect()
}

fn one(node: &Node<'_>, index: usize, at: &At) -> Result<Arc<Compiled>, ReadError> {
    let has_a_name = node.kind() == Kind::Object
        && at
            .members(node)?
            .iter()
            .any(|member| member.name == "document");
    if has_a_name {
        return named(node, at);
    }
    document(node, at, format!("policy {}", index + 1).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{"Statement":{"Effect":"Allow","Action":"a:b","Resource":"*"}}"#;

    fn names(layers: &Layers) -> Vec<String> {
        let policies = layers.identity.iter().flat_map(|policies| policies.iter());
        policies.map(|policy| policy.name().to_string()).collect()
    }

    #[test]
    fn a_side_is_a_policy_a_list_of_them_or_layers() {
        let read = |text: &str| parse_side(text, AttachedTo::Identity).unwrap();
        assert_eq!(names(&read(POLICY)), ["policy"]);
        assert_eq!(
            names(&read(&format!("[{POLICY},{POLICY}]"))),
            ["policy 1", "policy 2"]
        );
        let named = format!(r#"[{{"name":"n","document":{POLICY}}}]"#);
        assert_eq!(names(&read(&named)), ["n"]);
        let layers = read(&format!(
            r#"{{"identity":{named},"boundary":[{POLICY}],"session":null}}"#
        ));
        assert_eq!(names(&layers), ["n"]);
        assert_eq!(layers.boundary.map(|boundary| boundary.len()), Some(1));
        assert!(layers.session.is_none() && layers.scp.is_none());
    }

    #[test]
    fn a_resource_policy_stands_alone() {
        assert!(
            parse_side(POLICY, AttachedTo::Resource)
                .unwrap()
                .resource
                .is_some()
        );
        assert!(parse_side(&format!("[{POLICY}]"), AttachedTo::Resource).is_err());
    }

    #[test]
    fn what_could_mean_two_things_is_refused_at_its_place() {
        let error =
            parse_side(r#"{"identity":[],"boundary":[]}"#, AttachedTo::Identity).unwrap_err();
        assert_eq!(error.trouble, Trouble::EmptyLayer { layer: "boundary" });
        assert_eq!(error.pointer, "/boundary");
        let error = parse_side(r#"{"identity":[],"rcp":[]}"#, AttachedTo::Identity).unwrap_err();
        assert_eq!(error.pointer, "/rcp");
        assert!(Pair::parse(&format!(r#"{{"a":{POLICY}}}"#)).is_err());
        assert!(Pair::parse(&format!(r#"{{"kind":"trust","a":{POLICY},"b":{POLICY}}}"#)).is_err());
    }
}
