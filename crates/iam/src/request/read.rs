//! Reading a request from JSON, or saying where and why it cannot be read and what would mend it.

use crate::{
    arn::AccountId,
    json::{JsonError, Kind, Member, Node, Span},
    policy,
};

use super::{Context, ParsePrincipalError, Principal, Request, Values};

/// Why a text is no request, or no case: what is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{trouble} (at {place})", place = if pointer.is_empty() { "the top" } else { pointer })]
pub struct ReadError {
    pub trouble: Trouble,
    /// The place as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// The place in the text.
    pub span: Span,
}

/// What is wrong with a request or a case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    #[error("{0}")]
    Json(JsonError),
    #[error("`{name}` is not a member of a {of}; it has {}", known.join(", "))]
    Unknown {
        name: String,
        of: &'static str,
        known: &'static [&'static str],
    },
    #[error("the {of} has no `{member}`")]
    Missing {
        member: &'static str,
        of: &'static str,
    },
    #[error("{0}")]
    Principal(#[from] ParsePrincipalError),
    #[error("`{text}` is no action")]
    Action { text: String },
    #[error("`{text}` is neither an ARN nor `*`")]
    Resource { text: String },
    #[error("`{text}` is no account id")]
    Account { text: String },
    #[error("the key `{key}` has no value")]
    NullKey { key: String },
    #[error("the key `{key}` stands twice, in two cases of letters")]
    RepeatedKey { key: String },
    #[error("`context_complete` stands in the case and in the request, and they differ")]
    Completeness,
    #[error("{0}")]
    Policy(policy::Problem),
    #[error("an empty `{layer}` could mean two things")]
    EmptyLayer { layer: &'static str },
}

impl Trouble {
    /// What the author should write instead.
    #[must_use]
    pub fn mend(&self) -> String {
        match self {
            Self::Json(JsonError::Malformed { .. }) => "mend the JSON at this place".into(),
            Self::Json(JsonError::Duplicate { name, .. }) => {
                format!("keep one `{name}`: readers disagree on which one counts")
            }
            Self::Json(JsonError::Kind { expected, .. }) => format!("write {expected} here"),
            Self::Unknown { known, .. } => format!("write one of {}", known.join(", ")),
            Self::Missing { member, .. } => format!("add `{member}`"),
            Self::Principal(_) => "write the ARN of a user, a role, a session or an account's \
                 root, {\"service\": \"…\"}, or \"anonymous\""
                .into(),
            Self::Action { .. } => "write a service, a colon and a name, without wildcards".into(),
            Self::Resource { .. } => {
                "write the whole ARN of one resource, or `*` where the action takes none".into()
            }
            Self::Account { .. } => "write twelve digits, as a string".into(),
            Self::NullKey { key } => format!(
                "leave `{key}` out if it is absent; list it in `context_unknown` if it is unknown"
            ),
            Self::RepeatedKey { .. } => "keys are read without regard to case; keep one".into(),
            Self::Completeness => "say it once".into(),
            Self::Policy(problem) => problem.mend(),
            Self::EmptyLayer { layer } => {
                format!("leave `{layer}` out if there is none; list the policies if there are any")
            }
        }
    }
}

impl Request {
    /// Reads one request from a JSON text.
    ///
    /// # Errors
    /// The first thing that nothing can be made of, with its place.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        let node = Node::parse(text).map_err(|error| At::top().json(error))?;
        Self::read(&node, &At::top())
    }

    pub(crate) fn read(node: &Node<'_>, at: &At) -> Result<Self, ReadError> {
        const OF: &str = "request";
        let mut found = Found::default();
        for member in at.members(node)? {
            let place = at.member(&member.name);
            let value = &member.value;
            match member.name.as_ref() {
                "principal" => found.principal = Some(principal(value, &place)?),
                "action" => found.action = Some(action(value, &place)?),
                "resource" => found.resource = Some(resource(value, &place)?),
                "resource_account" => found.resource_account = account(value, &place)?,
                "context" => context(value, &place, &mut found.context)?,
                "context_complete" => {
                    found.complete = place.boolean(value)?;
                }
                "context_unknown" => found.unknown = unknown_keys(value, &place)?,
                _ => return Err(place.unknown(&member, OF, &MEMBERS)),
            }
        }
        let missing = |member| at.wrong(Trouble::Missing { member, of: OF }, node.span());
        let mut context = found.context;
        for key in found.unknown {
            context = context.unknown(key);
        }
        if let Some(complete) = found.complete {
            context.set_complete(complete);
        }
        Ok(Self {
            principal: found.principal.ok_or_else(|| missing("principal"))?,
            action: found.action.ok_or_else(|| missing("action"))?,
            resource: found.resource.ok_or_else(|| missing("resource"))?,
            resource_account: found.resource_account,
            context,
        })
    }
}

const MEMBERS: [&str; 7] = [
    "principal",
    "action",
    "resource",
    "resource_account",
    "context",
    "context_complete",
    "context_unknown",
];

#[derive(Default)]
struct Found {
    principal: Option<Principal>,
    action: Option<String>,
    resource: Option<String>,
    resource_account: Option<AccountId>,
    context: Context,
    complete: Option<bool>,
    unknown: Vec<String>,
}

fn principal(node: &Node<'_>, at: &At) -> Result<Principal, ReadError> {
    if node.kind() == Kind::String {
        let text = at.string(node)?;
        return text
            .parse()
            .map_err(|error| at.wrong(Trouble::Principal(error), node.span()));
    }
    let members = at.members(node)?;
    let [member] = members.as_slice() else {
        let text = node.text().chars().take(200).collect();
        let error = ParsePrincipalError { text };
        return Err(at.wrong(Trouble::Principal(error), node.span()));
    };
    let place = at.member(&member.name);
    let make = match member.name.as_ref() {
        "service" => Principal::Service,
        "federated" => Principal::Provider,
        _ => return Err(place.unknown(member, "principal", &["service", "federated"])),
    };
    place.string(&member.value).map(make)
}

fn action(node: &Node<'_>, at: &At) -> Result<String, ReadError> {
    let text = at.string(node)?;
    let whole = text.split_once(':').is_some_and(|(service, name)| {
        let plain = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        plain(service) && plain(name)
    });
    if whole {
        Ok(text)
    } else {
        Err(at.wrong(Trouble::Action { text }, node.span()))
    }
}

fn resource(node: &Node<'_>, at: &At) -> Result<String, ReadError> {
    let text = at.string(node)?;
    let is_arn = text.starts_with("arn:") && text.splitn(6, ':').count() == 6;
    if is_arn || text == "*" {
        Ok(text)
    } else {
        Err(at.wrong(Trouble::Resource { text }, node.span()))
    }
}

pub(crate) fn account(node: &Node<'_>, at: &At) -> Result<Option<AccountId>, ReadError> {
    if node.kind() == Kind::Null {
        return Ok(None);
    }
    let text = at.string(node)?;
    match text.parse() {
        Ok(account) => Ok(Some(account)),
        Err(_) => Err(at.wrong(Trouble::Account { text }, node.span())),
    }
}

fn context(node: &Node<'_>, at: &At, context: &mut Context) -> Result<(), ReadError> {
    if node.kind() == Kind::Null {
        return Ok(());
    }
    let mut seen: Vec<String> = Vec::new();
    for member in at.members(node)? {
        let place = at.member(&member.name);
        let key = member.name.to_string();
        let lowered = key.to_ascii_lowercase();
        if seen.contains(&lowered) {
            return Err(place.wrong(Trouble::RepeatedKey { key }, member.span));
        }
        seen.push(lowered);
        let values = values(&member, &place)?;
        context.set(key, values);
    }
    Ok(())
}

fn values(member: &Member<'_>, at: &At) -> Result<Values, ReadError> {
    let node = &member.value;
    match node.kind() {
        Kind::Null => {
            let key = member.name.to_string();
            Err(at.wrong(Trouble::NullKey { key }, node.span()))
        }
        Kind::List => {
            let nodes = node.elements().map_err(|error| at.json(error))?;
            let read = |node: &Node<'_>| node.scalar().map_err(|error| at.json(error));
            Ok(Values::Many(
                nodes.iter().map(read).collect::<Result<_, _>>()?,
            ))
        }
        Kind::Bool | Kind::Number | Kind::String | Kind::Object => {
            let value = node.scalar().map_err(|error| at.json(error))?;
            Ok(Values::One(value))
        }
    }
}

fn unknown_keys(node: &Node<'_>, at: &At) -> Result<Vec<String>, ReadError> {
    let nodes = node.elements().map_err(|error| at.json(error))?;
    nodes.iter().map(|node| at.string(node)).collect()
}

/// Where in a text we are, as a JSON pointer.
#[derive(Debug, Clone)]
pub(crate) struct At(String);

impl At {
    pub(crate) fn top() -> Self {
        Self(String::new())
    }

    pub(crate) fn member(&self, name: &str) -> Self {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        Self(format!("{}/{escaped}", self.0))
    }

    pub(crate) fn element(&self, index: usize) -> Self {
        Self(format!("{}/{index}", self.0))
    }

    pub(crate) fn wrong(&self, trouble: Trouble, span: Span) -> ReadError {
        ReadError {
            trouble,
            pointer: self.0.clone(),
            span,
        }
    }

    pub(crate) fn json(&self, error: JsonError) -> ReadError {
        let span = error.span();
        self.wrong(Trouble::Json(error), span)
    }

    pub(crate) fn unknown(
        &self,
        member: &Member<'_>,
        of: &'static str,
        known: &'static [&'static str],
    ) -> ReadError {
        let name = member.name.to_string();
        self.wrong(Trouble::Unknown { name, of, known }, member.span)
    }

    pub(crate) fn policy(&self, error: policy::ParsePolicyError) -> ReadError {
        ReadError {
            trouble: Trouble::Policy(error.problem),
            pointer: format!("{}{}", self.0, error.pointer),
            span: error.span,
        }
    }

    pub(crate) fn members<'a>(&self, node: &Node<'a>) -> Result<Vec<Member<'a>>, ReadError> {
        node.members().map_err(|error| self.json(error))
    }

    pub(crate) fn elements<'a>(&self, node: &Node<'a>) -> Result<Vec<Node<'a>>, ReadError> {
        node.elements().map_err(|error| self.json(error))
    }

    pub(crate) fn string(&self, node: &Node<'_>) -> Result<String, ReadError> {
        node.string().map_err(|error| self.json(error))
    }

    /// A boolean, or nothing where `null` stands.
    pub(crate) fn boolean(&self, node: &Node<'_>) -> Result<Option<bool>, ReadError> {
        match node.kind() {
            Kind::Null => Ok(None),
            Kind::Bool => Ok(Some(node.text() == "true")),
            found @ (Kind::Number | Kind::String | Kind::List | Kind::Object) => {
                Err(self.json(JsonError::Kind {
                    expected: "true or false",
                    found,
                    span: node.span(),
                }))
            }
        }
    }
}
