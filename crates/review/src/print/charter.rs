//! What a compiled charter asks AWS to make, as stacks.

use std::collections::BTreeMap;

use bailiwick_charter::compile::{CompiledCharter, CompiledRole, RoleKind};
use bailiwick_iam::arn::AccountId;

use super::{Home, Item, ManagedPolicy, Role, Stack};

/// One stack an account: each role behind its boundary, the policies of those who start agents last.
#[must_use]
pub fn stacks<'c>(
    charters: impl IntoIterator<Item = &'c CompiledCharter>,
    broker: Option<&CompiledRole>,
) -> Vec<Stack> {
    let mut made: BTreeMap<AccountId, (Vec<Item>, Vec<Item>)> = BTreeMap::new();
    // Task roles trust the broker, so it comes first.
    if let Some(role) = broker {
        made.entry(role.account).or_default().0.extend(items(role));
    }
    for charter in charters {
        for role in charter.roles() {
            made.entry(role.account).or_default().0.extend(items(role));
        }
        if let Some(invoke) = &charter.invoke {
            let policy = ManagedPolicy {
                path: invoke.path.clone(),
                name: invoke.policy.name.clone(),
                description: format!("Lets its holder start {}.", charter.agent),
                document: invoke.policy.document.clone(),
                exists: false,
            };
            made.entry(invoke.account)
                .or_default()
                .1
                .push(Item::Policy(policy));
        }
    }
    let stack = |(account, (mut items, last)): (AccountId, (Vec<Item>, Vec<Item>))| {
        items.extend(last);
        Stack {
            home: Home::Account(account),
            title: format!("Roles of agents in account {account}, from their charters."),
            items,
        }
    };
    made.into_iter().map(stack).collect()
}

/// A role and, before it, its boundary.
#[must_use]
pub fn items(role: &CompiledRole) -> [Item; 2] {
    let boundary = ManagedPolicy {
        path: role.path.clone(),
        name: role.boundary.name.clone(),
        description: format!("The most that {} may ever do.", role.name),
        document: role.boundary.document.clone(),
        exists: false,
    };
    let inline = role.policies.iter();
    let made = Role {
        path: role.path.clone(),
        name: role.name.clone(),
        description: describe(role),
        max_session_seconds: role.max_session_seconds,
        tags: role.tags.clone(),
        trust: role.trust.clone(),
        is_provisional: !role.trust_is_exact,
        boundary: Some(role.boundary_arn()),
        inline: inline
            .map(|it| (it.name.clone(), it.document.clone()))
            .collect(),
        attached: Vec::new(),
        exists: false,
    };
    [Item::Policy(boundary), Item::Role(made)]
}

fn describe(role: &CompiledRole) -> String {
    let name = role.tags.get("agent").unwrap_or(&role.name);
    match role.kind {
        RoleKind::Runtime => format!("What {name} runs as. It holds no task data."),
        RoleKind::Standing => format!("What {name} runs as and works with."),
        RoleKind::Task => format!("What {name} works with, for the length of a grant."),
        RoleKind::Broker => "Mints the credentials of grants, and ends them.".to_owned(),
    }
}
