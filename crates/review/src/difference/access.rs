//! What a role allows beyond a charter, and beyond what was seen.

use bailiwick_charter::compile::Closure;
use bailiwick_estate::usage::Usage;
use bailiwick_iam::{
    json::{Span, Spanned},
    layers::Layers,
    policy::{ActionPattern, Effect, Policy, ResourcePattern, Selection, Statement, Version},
};

use super::{Books, Excess, LINES_MAX, Unused, held::OfRole};
use crate::plan::{compiled, unseen};

/// Lines gone through for what was never used; only their actions are shown.
const UNUSED_LINES_MAX: usize = 500;

/// access − charter.
pub(super) fn excess(of_role: &OfRole<'_>, closure: &Closure, books: &mut Books) {
    let split = &of_role.split;
    let (charter, layers) = (closure.layers(), split.old_layers());
    let whole = split.algebra.access(&charter, None);
    let access = split.algebra.access(&layers, None);
    let beyond = access.beyond(&whole, LINES_MAX);
    if beyond.incomplete || beyond.more > 0 {
        books.unknown.push(format!(
            "{} may do more beyond its charter than is shown",
            split.old.name
        ));
    }
    let role = split.old.arn.to_string();
    books
        .excess
        .extend(beyond.lines.into_iter().map(|line| Excess {
            role: role.clone(),
            line,
        }));
}

/// access − trail, action by action. What the platform needs of every agent is left out.
pub(super) fn unused(
    of_role: &OfRole<'_>,
    closure: &Closure,
    usage: Option<&Usage>,
    books: &mut Books,
) {
    let split = &of_role.split;
    let Some(usage) = usage else {
        return;
    };
    let Some(coverage) = &usage.coverage else {
        return;
    };
    if !coverage.accounts.contains(&split.old.account) {
        return;
    }
    let used = usage.of_role(&split.old.arn).filter(|it| it.succeeded());
    let mut statements: Vec<Statement> = used.map(|line| anywhere(&line.action)).collect();
    statements.dedup_by(|a, b| a.actions == b.actions);
    statements.extend(closure.baseline.statements.iter().cloned());
    let seen = Layers {
        identity: Some([compiled("seen", policy(statements))].into()),
        ..Layers::default()
    };
    let layers = split.old_layers();
    let access = split.algebra.access(&layers, None);
    let beyond = access.beyond(&split.algebra.access(&seen, None), UNUSED_LINES_MAX);
    let mut actions: Vec<String> = beyond.lines.into_iter().flat_map(|it| it.actions).collect();
    actions.sort();
    actions.dedup();
    if beyond.incomplete || beyond.more > 0 {
        books.unknown.push(format!(
            "{} may do more that it was never seen to do than is shown",
            split.old.name
        ));
    }
    if actions.is_empty() {
        return;
    }
    books.unused.push(Unused {
        role: split.old.arn.to_string(),
        unseen: unseen(actions.iter().map(String::as_str), coverage),
        actions,
    });
}

fn anywhere(action: &str) -> Statement {
    Statement {
        sid: None,
        effect: Effect::Allow,
        principals: None,
        actions: Selection::Only(vec![Spanned::made(ActionPattern(action.to_owned()))]),
        resources: Some(Selection::Only(vec![Spanned::made(ResourcePattern(
            "*".to_owned(),
        ))])),
        conditions: Vec::new(),
        span: Span::default(),
    }
}

fn policy(statements: Vec<Statement>) -> Policy {
    Policy {
        version: Version::V2012,
        id: None,
        statements,
    }
}
