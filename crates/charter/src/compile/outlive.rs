//! What goes on after the session that began it has ended.

use serde::Serialize;

use super::closure::kinds;
use crate::charter::Charter;
use crate::name::TaskName;

/// An action whose result works on, whatever becomes of the credentials that called it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Outlives {
    pub task: TaskName,
    pub action: String,
    pub what: &'static str,
}

/// Actions, and what they leave behind.
pub const OUTLIVING: [(&str, &str); 12] = [
    (
        "ecr:GetAuthorizationToken",
        "a registry password that works for twelve hours",
    ),
    (
        "ecr-public:GetAuthorizationToken",
        "a registry password that works for twelve hours",
    ),
    (
        "eks:AccessKubernetesApi",
        "a cluster token that works for fifteen minutes",
    ),
    (
        "codeartifact:GetAuthorizationToken",
        "a repository token that works for up to twelve hours",
    ),
    (
        "rds-db:connect",
        "a database login that works for fifteen minutes, and a connection that stays open",
    ),
    ("dsql:DbConnect", "a database connection that stays open"),
    (
        "redshift:GetClusterCredentials",
        "a database login that works for up to an hour",
    ),
    (
        "redshift-serverless:GetCredentials",
        "a database login that works for up to an hour",
    ),
    ("ssm:StartSession", "an open shell"),
    (
        "lambda:InvokeFunction",
        "a run of the function with rights of its own",
    ),
    (
        "states:StartExecution",
        "an execution with rights of its own",
    ),
    (
        "sts:GetServiceBearerToken",
        "a bearer token that works for up to twelve hours",
    ),
];

/// Presigned requests outlive no session: AWS checks them against the session's policies when they
/// are used, deadline included. What a reader was sent stays with the reader.
pub(crate) fn of(charter: &Charter) -> Vec<Outlives> {
    let mut found = Vec::new();
    for (name, task) in &charter.tasks {
        for action in kinds(task).flat_map(|(_, reach)| &reach.actions) {
            let left = OUTLIVING.iter().filter(|(known, _)| admits(action, known));
            found.extend(left.map(|(known, what)| Outlives {
                task: name.clone(),
                action: (*known).to_owned(),
                what,
            }));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Whether an action as a charter writes it, wildcards included, is this one.
pub(crate) fn admits(pattern: &str, action: &str) -> bool {
    wild(
        pattern.to_ascii_lowercase().as_bytes(),
        action.to_ascii_lowercase().as_bytes(),
    )
}

/// `*` is any run of letters, `?` any one. Linear in practice: a star remembers one place only.
fn wild(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(&letter) = text.get(from) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == letter => {
                at += 1;
                from += 1;
            }
            Some(_) | None => {
                let Some((star_at, star_from)) = star else {
                    return false;
                };
                star = Some((star_at, star_from + 1));
                at = star_at + 1;
                from = star_from + 1;
            }
        }
    }
    pattern
        .get(at..)
        .unwrap_or_default()
        .iter()
        .all(|&letter| letter == b'*')
}
