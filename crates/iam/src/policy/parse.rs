//! Reading a policy document, or saying where and why it cannot be read and what would mend it.

use std::{fmt, fmt::Write as _};

use super::{
    ActionPattern, Condition, Effect, Operator, ParseOperatorError, Policy, PrincipalPattern,
    ResourcePattern, Selection, Statement, Version,
};
use crate::{
    arn::AccountId,
    json::{JsonError, Kind, Member, Node, Span, Spanned},
};

/// The longest policy read, in bytes. AWS's own limit is 20,480 characters for the largest kind (a
/// bucket policy); managed policies made by AWS reach 160,000.
pub const TEXT_LENGTH_MAX: usize = 4 << 20;

/// Why a text is no policy: what is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} (at {place})", place = if pointer.is_empty() { "the top" } else { pointer })]
pub struct ParsePolicyError {
    pub problem: Problem,
    /// The place as a JSON pointer into the document (RFC 6901).
    pub pointer: String,
    /// The place in the text.
    pub span: Span,
}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    #[error("{0}")]
    Json(JsonError),
    #[error("the document is longer than {TEXT_LENGTH_MAX} bytes")]
    TooLong,
    #[error("`{name}` is not an element of a {of}")]
    UnknownElement { name: String, of: &'static str },
    #[error("the {of} has no `{element}`")]
    Missing {
        element: &'static str,
        of: &'static str,
    },
    #[error("`{one}` and `{other}` exclude each other")]
    Both {
        one: &'static str,
        other: &'static str,
    },
    #[error("`{found}` is no policy version")]
    Version { found: String },
    #[error("`{found}` is no effect")]
    Effect { found: String },
    #[error("`{found}` is no kind of principal")]
    PrincipalKind { found: String },
    #[error("{0}")]
    Operator(#[from] ParseOperatorError),
}

impl Problem {
    /// What the author should write instead.
    #[must_use]
    pub fn mend(&self) -> String {
        match self {
            Self::Json(JsonError::Malformed { .. }) => "mend the JSON at this place".into(),
            Self::Json(JsonError::Duplicate { name, .. }) => {
                format!("merge the two `{name}` into one: readers disagree on which one counts")
            }
            Self::Json(JsonError::Kind { expected, .. }) => format!("write {expected} here"),
            Self::TooLong => "AWS accepts no policy of this size; is this the right file?".into(),
            Self::UnknownElement { name, of } => match nearest(name, elements(of)) {
                Some(element) => format!("write `{element}`; element names are case-sensitive"),
                None => format!("a {of} has {}", elements(of).join(", ")),
            },
            Self::Missing { element, .. } => format!("add `{element}`"),
            Self::Both { one, other } => format!("keep `{one}` or `{other}`, not both"),
            Self::Version { .. } => "write \"2012-10-17\"".into(),
            Self::Effect { .. } => "write \"Allow\" or \"Deny\", in this case".into(),
            Self::PrincipalKind { .. } => {
                "write AWS, Service, Federated or CanonicalUser, in this case".into()
            }
            Self::Operator(ParseOperatorError::Test { name }) => {
                let names = super::Test::ALL.map(super::Test::name);
                match nearest(name, &names) {
                    Some(operator) => format!("did you mean `{operator}`?"),
                    None => "see AWS's list of condition operators".into(),
                }
            }
            Self::Operator(ParseOperatorError::Quantifier { .. }) => {
                "write ForAllValues:, ForAnyValue: or neither".into()
            }
            Self::Operator(ParseOperatorError::NullIfExists) => "write `Null`".into(),
        }
    }
}

const POLICY: &str = "policy";
const STATEMENT: &str = "statement";
const POLICY_ELEMENTS: [&str; 3] = ["Version", "Id", "Statement"];
const STATEMENT_ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

fn elements(of: &str) -> &'static [&'static str] {
    if of == POLICY {
        &POLICY_ELEMENTS
    } else {
        &STATEMENT_ELEMENTS
    }
}

impl Policy {
    /// Reads a policy document.
    ///
    /// # Errors
    /// The first thing that AWS would refuse or that nothing can be made of: malformed JSON, a name
    /// that stands twice, an unknown element, version, effect, principal kind or operator.
    /// Unknown *actions* and *condition keys* are no errors: AWS accepts them.
    pub fn parse(text: &str) -> Result<Self, ParsePolicyError> {
        if text.len() > TEXT_LENGTH_MAX {
            let span = Span {
                start: 0,
                end: text.len(),
            };
            return Err(ParsePolicyError {
                problem: Problem::TooLong,
                pointer: String::new(),
                span,
            });
        }
        let node = Node::parse(text).map_err(|error| Place::Top.json(error))?;
        Self::read(&node)
    }

    /// Reads a policy document that stands inside a larger JSON text.
    ///
    /// # Errors
    /// As [`Policy::parse`]; places are relative to the larger text, pointers to the policy.
    pub fn read(node: &Node<'_>) -> Result<Self, ParsePolicyError> {
        let top = Place::Top;
        let mut policy = Self {
            version: Version::Unstated,
            id: None,
            statements: Vec::new(),
        };
        let mut has_statement = false;
        for member in top.members(node)? {
            let place = top.member(&member.name);
            match member.name.as_ref() {
                "Version" => policy.version = version(&member.value, &place)?,
                "Id" => policy.id = Some(place.string(&member.value)?),
                "Statement" => {
                    has_statement = true;
                    policy.statements = statements(&member.value, &place)?;
                }
                _ => return Err(unknown_element(&member, &place, POLICY)),
            }
        }
        if !has_statement {
            return Err(top.wrong(
                Problem::Missing {
                    element: "Statement",
                    of: POLICY,
                },
                node.span(),
            ));
        }
        Ok(policy)
    }
}

fn version(node: &Node<'_>, place: &Place<'_>) -> Result<Version, ParsePolicyError> {
    let found = place.string(node)?;
    match found.as_str() {
        "2012-10-17" => Ok(Version::V2012),
        "2008-10-17" => Ok(Version::V2008),
        _ => Err(place.wrong(Problem::Version { found }, node.span())),
    }
}

// IAM-020: one statement may stand without a list around it.
fn statements(node: &Node<'_>, place: &Place<'_>) -> Result<Vec<Statement>, ParsePolicyError> {
    let listed = node.kind() == Kind::List;
    let nodes = node.one_or_more().map_err(|error| place.json(error))?;
    let read = |(index, node)| {
        if listed {
            statement(node, &place.element(index))
        } else {
            statement(node, place)
        }
    };
    nodes.iter().enumerate().map(read).collect()
}

#[derive(Default)]
struct Elements {
    sid: Option<String>,
    effect: Option<Effect>,
    principals: Option<Selection<PrincipalPattern>>,
    actions: Option<Selection<ActionPattern>>,
    resources: Option<Selection<ResourcePattern>>,
    conditions: Vec<Condition>,
}

fn statement(node: &Node<'_>, at: &Place<'_>) -> Result<Statement, ParsePolicyError> {
    let mut found = Elements::default();
    for member in at.members(node)? {
        let place = at.member(&member.name);
        let value = &member.value;
        match member.name.as_ref() {
            "Sid" => found.sid = Some(place.string(value)?),
            "Effect" => found.effect = Some(effect(value, &place)?),
            "Principal" | "NotPrincipal" => {
                let read = principals(value, &place)?;
                once(&mut found.principals, read, &member, &place)?;
            }
            "Action" | "NotAction" => {
                let read = patterns(value, &place, ActionPattern)?;
                once(&mut found.actions, read, &member, &place)?;
            }
            "Resource" | "NotResource" => {
                let read = patterns(value, &place, ResourcePattern)?;
                once(&mut found.resources, read, &member, &place)?;
            }
            "Condition" => found.conditions = conditions(value, &place)?,
            _ => return Err(unknown_element(&member, &place, STATEMENT)),
        }
    }
    let missing = |element| {
        at.wrong(
            Problem::Missing {
                element,
                of: STATEMENT,
            },
            node.span(),
        )
    };
    Ok(Statement {
        sid: found.sid,
        effect: found.effect.ok_or_else(|| missing("Effect"))?,
        principals: found.principals,
        actions: found.actions.ok_or_else(|| missing("Action"))?,
        resources: found.resources,
        conditions: found.conditions,
        span: node.span(),
    })
}

/// Keeps what an element selects, unless its opposite has been read before.
fn once<T>(
    slot: &mut Option<Selection<T>>,
    patterns: Vec<Spanned<T>>,
    member: &Member<'_>,
    place: &Place<'_>,
) -> Result<(), ParsePolicyError> {
    if slot.is_some() {
        let (one, other) = opposites(&member.name);
        return Err(place.wrong(Problem::Both { one, other }, member.span));
    }
    *slot = Some(if member.name.starts_with("Not") {
        Selection::AllBut(patterns)
    } else {
        Selection::Only(patterns)
    });
    Ok(())
}

fn opposites(name: &str) -> (&'static str, &'static str) {
    if name.ends_with("Principal") {
        ("Principal", "NotPrincipal")
    } else if name.ends_with("Action") {
        ("Action", "NotAction")
    } else {
        ("Resource", "NotResource")
    }
}

fn effect(node: &Node<'_>, place: &Place<'_>) -> Result<Effect, ParsePolicyError> {
    let found = place.string(node)?;
    match found.as_str() {
        "Allow" => Ok(Effect::Allow),
        "Deny" => Ok(Effect::Deny),
        _ => Err(place.wrong(Problem::Effect { found }, node.span())),
    }
}

fn patterns<T>(
    node: &Node<'_>,
    place: &Place<'_>,
    make: fn(String) -> T,
) -> Result<Vec<Spanned<T>>, ParsePolicyError> {
    let nodes = node.one_or_more().map_err(|error| place.json(error))?;
    nodes
        .iter()
        .map(|node| Ok(Spanned::new(make(place.string(node)?), node.span())))
        .collect()
}

fn principals(
    node: &Node<'_>,
    place: &Place<'_>,
) -> Result<Vec<Spanned<PrincipalPattern>>, ParsePolicyError> {
    if node.kind() == Kind::String {
        let text = place.string(node)?;
        // AWS takes only `*` here; an ARN without `AWS` around it is refused.
        if text != "*" {
            return Err(place.wrong(Problem::PrincipalKind { found: text }, node.span()));
        }
        return Ok(vec![Spanned::new(PrincipalPattern::Everyone, node.span())]);
    }
    let mut found = Vec::new();
    for member in place.members(node)? {
        let inside = place.member(&member.name);
        let make = match member.name.as_ref() {
            "AWS" => aws_principal,
            "Service" => PrincipalPattern::Service,
            "Federated" => PrincipalPattern::Federated,
            "CanonicalUser" => PrincipalPattern::CanonicalUser,
            name => {
                let problem = Problem::PrincipalKind {
                    found: name.to_owned(),
                };
                return Err(inside.wrong(problem, member.span));
            }
        };
        found.extend(patterns(&member.value, &inside, make)?);
    }
    Ok(found)
}

fn aws_principal(text: String) -> PrincipalPattern {
    if text == "*" {
        return PrincipalPattern::Everyone;
    }
    let is_account = |text: &str| text.parse::<AccountId>().is_ok();
    let root = text
        .strip_suffix(":root")
        .and_then(|start| start.rsplit_once("::"))
        .filter(|(start, account)| start.ends_with(":iam") && is_account(account))
        .map(|(_, account)| account.to_owned());
    match root {
        Some(account) => PrincipalPattern::Account(account),
        None if is_account(&text) => PrincipalPattern::Account(text),
        None => PrincipalPattern::Aws(text),
    }
}

// IAM-027: an empty Condition is no condition.
fn conditions(node: &Node<'_>, place: &Place<'_>) -> Result<Vec<Condition>, ParsePolicyError> {
    let mut found = Vec::new();
    for block in place.members(node)? {
        let at_operator = place.member(&block.name);
        let operator: Operator = block
            .name
            .parse()
            .map_err(|error| at_operator.wrong(Problem::Operator(error), block.span))?;
        for member in at_operator.members(&block.value)? {
            let at_key = at_operator.member(&member.name);
            let nodes = member
                .value
                .one_or_more()
                .map_err(|error| at_key.json(error))?;
            let value = |node: &Node<'_>| match node.scalar() {
                Ok(text) => Ok(Spanned::new(text, node.span())),
                Err(error) => Err(at_key.json(error)),
            };
            found.push(Condition {
                operator,
                written: block.name.to_string(),
                key: Spanned::new(member.name.to_string(), member.span),
                values: nodes.iter().map(value).collect::<Result<_, _>>()?,
            });
        }
    }
    Ok(found)
}

fn unknown_element(member: &Member<'_>, place: &Place<'_>, of: &'static str) -> ParsePolicyError {
    let problem = Problem::UnknownElement {
        name: member.name.to_string(),
        of,
    };
    place.wrong(problem, member.span)
}

/// Where in a document we are, as a chain that costs nothing until something is wrong.
enum Place<'p> {
    Top,
    Member(&'p Self, &'p str),
    Element(&'p Self, usize),
}

impl Place<'_> {
    fn member<'p>(&'p self, name: &'p str) -> Place<'p> {
        Place::Member(self, name)
    }

    fn element(&self, index: usize) -> Place<'_> {
        Place::Element(self, index)
    }

    fn wrong(&self, problem: Problem, span: Span) -> ParsePolicyError {
        ParsePolicyError {
            problem,
            pointer: self.to_string(),
            span,
        }
    }

    fn json(&self, error: JsonError) -> ParsePolicyError {
        let span = error.span();
        self.wrong(Problem::Json(error), span)
    }

    fn members<'a>(&self, node: &Node<'a>) -> Result<Vec<Member<'a>>, ParsePolicyError> {
        node.members().map_err(|error| self.json(error))
    }

    fn string(&self, node: &Node<'_>) -> Result<String, ParsePolicyError> {
        node.string().map_err(|error| self.json(error))
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => Ok(()),
            Self::Element(list, index) => write!(f, "{list}/{index}"),
            Self::Member(object, name) => {
                write!(f, "{object}/")?;
                name.chars().try_for_each(|letter| match letter {
                    '~' => f.write_str("~0"),
                    '/' => f.write_str("~1"),
                    other => f.write_char(other),
                })
            }
        }
    }
}

/// The name that was probably meant: the same but for case, or one slip of the pen away.
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let close = |candidate: &&&str| {
        candidate.eq_ignore_ascii_case(name)
            || one_edit_apart(&candidate.to_lowercase(), &name.to_lowercase())
    };
    known.iter().find(close).copied()
}

fn one_edit_apart(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let same_start = short.iter().zip(&long).take_while(|(a, b)| a == b).count();
    let same_end = short
        .iter()
        .rev()
        .zip(long.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    match long.len() - short.len() {
        0 => same_start + same_end + 1 >= long.len(),
        1 => same_start + same_end >= short.len(),
        _ => false,
    }
}
