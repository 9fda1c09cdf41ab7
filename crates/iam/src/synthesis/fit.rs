//! Statements into documents of a limited size: first fit, longest first.

use crate::json::Spanned;
use crate::policy::{ActionPattern, Policy, Selection, Statement, Version};

/// How long a document may be, in characters without white space, and how many there may be.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    pub document: usize,
    pub documents: usize,
}

impl Sizes {
    /// Managed policies, as many as a role may have by default.
    pub const MANAGED: Self = Self {
        document: 6_144,
        documents: 10,
    };
    /// All inline policies of a role together.
    pub const INLINE_OF_ROLE: Self = Self {
        document: 10_240,
        documents: 1,
    };
    /// All inline policies of a user together.
    pub const INLINE_OF_USER: Self = Self {
        document: 2_048,
        documents: 1,
    };
    /// A policy passed with a session.
    pub const SESSION: Self = Self::INLINE_OF_USER;
}

/// The documents, and whether they keep to the sizes.
pub(super) fn into_documents(
    statements: Vec<(Version, Statement)>,
    sizes: Sizes,
) -> (Vec<Policy>, bool) {
    let mut pieces: Vec<(usize, Version, Statement)> = Vec::new();
    for (version, statement) in statements {
        split(statement, version, sizes, &mut pieces);
    }
    // The sort is stable: the same input gives the same documents.
    pieces.sort_by_key(|(length, ..)| std::cmp::Reverse(*length));
    let mut documents: Vec<(usize, Policy)> = Vec::new();
    for (length, version, statement) in pieces {
        let place = documents.iter_mut().find(|(filled, document)| {
            document.version == version && *filled + length < sizes.document
        });
        match place {
            Some((filled, document)) => {
                // And a comma.
                *filled += length + 1;
                document.statements.push(statement);
            }
            None => {
                let document = alone(version, statement);
                documents.push((characters(&document), document));
            }
        }
    }
    let fits = documents.len() <= sizes.documents
        && documents
            .iter()
            .all(|(filled, _)| *filled <= sizes.document);
    (
        documents
            .into_iter()
            .map(|(_, document)| document)
            .collect(),
        fits,
    )
}

/// A statement longer than a document is halved by its actions, each half with all the rest.
fn split(
    statement: Statement,
    version: Version,
    sizes: Sizes,
    pieces: &mut Vec<(usize, Version, Statement)>,
) {
    let length = characters(&alone(version, statement.clone())) - characters(&empty(version));
    let too_long = length + characters(&empty(version)) > sizes.document;
    match (&statement.actions, too_long) {
        (Selection::Only(actions), true) if actions.len() > 1 => {
            let (first, second) = actions.split_at(actions.len() / 2);
            for half in [first, second] {
                split(with_actions(&statement, half), version, sizes, pieces);
            }
        }
        (Selection::Only(_) | Selection::AllBut(_), _) => pieces.push((length, version, statement)),
    }
}

fn with_actions(statement: &Statement, actions: &[Spanned<ActionPattern>]) -> Statement {
    Statement {
        actions: Selection::Only(actions.to_vec()),
        ..statement.clone()
    }
}

fn empty(version: Version) -> Policy {
    Policy {
        version,
        id: None,
        statements: Vec::new(),
    }
}

fn alone(version: Version, statement: Statement) -> Policy {
    Policy {
        statements: vec![statement],
        ..empty(version)
    }
}

fn characters(policy: &Policy) -> usize {
    policy.to_json().chars().count()
}
