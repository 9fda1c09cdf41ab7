//! What a policy says, with the place of every word.
//!
//! The types here are the policy language of AWS, no more: what a statement *matches* is decided by
//! the evaluator and, independently, by the algebra.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.

mod operator;
mod parse;
mod print;
mod template;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::json::{Span, Spanned};

pub use operator::{Operator, ParseOperatorError, Quantifier, Test};
pub use parse::{ParsePolicyError, Problem, TEXT_LENGTH_MAX};
pub use template::{Piece, Template};

/// A policy document.
///
/// Equality is of what is said, not of where it stood.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Policy {
    pub version: Version,
    pub id: Option<String>,
    pub statements: Vec<Statement>,
}

/// The language a policy is written in. Only the newer one has variables.
// IAM-030
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// No `Version` element: AWS reads the policy as 2008-10-17.
    Unstated,
    V2008,
    V2012,
}

impl Version {
    /// Whether `${…}` is a variable, or just these characters.
    #[must_use]
    pub fn has_variables(self) -> bool {
        match self {
            Self::V2012 => true,
            Self::Unstated | Self::V2008 => false,
        }
    }
}

/// One statement: an effect on the requests it matches.
#[derive(Debug, Clone)]
pub struct Statement {
    pub sid: Option<String>,
    pub effect: Effect,
    /// `Principal` or `NotPrincipal`; absent in identity policies, SCPs and session policies.
    pub principals: Option<Selection<PrincipalPattern>>,
    pub actions: Selection<ActionPattern>,
    /// `Resource` or `NotResource`; absent in trust policies.
    pub resources: Option<Selection<ResourcePattern>>,
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// The whole statement in its document.
    pub span: Span,
}

impl PartialEq for Statement {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            sid,
            effect,
            principals,
            actions,
            resources,
            conditions,
            span: _,
        } = self;
        *sid == other.sid
            && *effect == other.effect
            && *principals == other.principals
            && *actions == other.actions
            && *resources == other.resources
            && *conditions == other.conditions
    }
}

impl Eq for Statement {}

impl std::hash::Hash for Statement {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let Self {
            sid,
            effect,
            principals,
            actions,
            resources,
            conditions,
            span: _,
        } = self;
        (sid, effect, principals, actions, resources, conditions).hash(state);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    Allow,
    Deny,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        })
    }
}

/// `Action` and `NotAction`, `Resource` and `NotResource`, `Principal` and `NotPrincipal`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selection<T> {
    /// Whatever one of these matches.
    Only(Vec<Spanned<T>>),
    /// Whatever none of these matches: `Not…`.
    AllBut(Vec<Spanned<T>>),
}

impl<T> Selection<T> {
    #[must_use]
    pub fn patterns(&self) -> &[Spanned<T>] {
        match self {
            Self::Only(patterns) | Self::AllBut(patterns) => patterns,
        }
    }

    #[must_use]
    pub fn is_excluding(&self) -> bool {
        match self {
            Self::Only(_) => false,
            Self::AllBut(_) => true,
        }
    }
}

/// `service:Name` with `*` and `?`, as written. Compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActionPattern(pub String);

/// An ARN with `*`, `?` and `${variables}`, or `*` alone, as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourcePattern(pub String);

/// One entry of a `Principal` element.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PrincipalPattern {
    /// `"*"`, or `{"AWS": "*"}`: anyone, anonymous callers included.
    Everyone,
    /// `{"AWS": "111122223333"}` or `{"AWS": "arn:aws:iam::111122223333:root"}`: the account.
    Account(String),
    /// `{"AWS": …}`: the ARN of a user, a role or a session; or the unique id that AWS puts in
    /// place of the ARN of a deleted principal.
    Aws(String),
    /// `{"Service": …}`.
    Service(String),
    /// `{"Federated": …}`: a SAML or OIDC provider.
    Federated(String),
    /// `{"CanonicalUser": …}`: S3's own name of an account.
    CanonicalUser(String),
}

/// One line of a `Condition` element: an operator, a key, and the values to compare with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Condition {
    pub operator: Operator,
    /// The operator's name as written; AWS reads it without regard to case.
    pub written: String,
    /// The key as written; compared without regard to case.
    pub key: Spanned<String>,
    /// Numbers and booleans are kept as they were written.
    pub values: Vec<Spanned<String>>,
}

impl fmt::Display for ActionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ResourcePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
