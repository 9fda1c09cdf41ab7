//! What a snapshot says of the roles that charters name: each agent is bound to the role it has, by
//! the id that no other role will ever have, and a charter that the snapshot contradicts is refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use bailiwick_charter::{Charter, Charters, DeclaredRole};
use bailiwick_estate::{Estate, File, Id, Named, Role};

/// The charters, each with its role and the role's id as the snapshot has them.
///
/// # Errors
/// Everything in which snapshot and charters differ, a line each.
pub(crate) fn bound(
    charters: Charters,
    folder: &Path,
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<Charters, Vec<String>> {
    let given = folder.display().to_string();
    let listed = files
        .iter()
        .map(|(below, bytes)| File::of_bytes(&given, below, bytes))
        .collect();
    let estate = Estate::load(listed).map_err(|error| vec![format!("{given}: {error}")])?;
    if estate.accounts.is_empty() {
        return Err(vec![format!(
            "{given}: no account in it: name a snapshot folder, or an `iam.json`"
        )]);
    }
    let mut problems = Vec::new();
    let charters = charters.with_roles(|charter, file| {
        let found = role_of(charter, &estate);
        found.unwrap_or_else(|what| {
            problems.push(format!("{file}: {what}"));
            charter.role.clone()
        })
    });
    if problems.is_empty() {
        Ok(charters)
    } else {
        Err(problems)
    }
}

/// The role of an agent: what its charter says, with what the snapshot adds to it.
fn role_of(charter: &Charter, estate: &Estate) -> Result<Option<DeclaredRole>, String> {
    match &charter.role {
        Some(declared) => declared_role(declared, estate).map(Some),
        None => found_role(charter, estate),
    }
}

fn declared_role(declared: &DeclaredRole, estate: &Estate) -> Result<DeclaredRole, String> {
    let arn = &declared.arn;
    let Some(role) = estate.role(arn) else {
        let account = arn.account_id();
        let is_whole = account.is_some_and(|account| estate.has_all_principals(account));
        return if is_whole {
            Err(format!(
                "the role {arn} is not in the snapshot of its account; was it deleted, or is the snapshot old?"
            ))
        } else {
            Ok(declared.clone())
        };
    };
    match (&declared.id, &estate.roles.at(role).unique_id) {
        (Some(ours), Some(theirs)) if ours != theirs => Err(format!(
            "the role {arn} has the id {theirs} and the charter says {ours}: it was deleted and made again; look who made it, then change `role.id`"
        )),
        (Some(_), _) | (None, None) => Ok(declared.clone()),
        (None, Some(theirs)) => Ok(DeclaredRole {
            id: Some(theirs.clone()),
            ..declared.clone()
        }),
    }
}

/// The one role that the agent's workloads run with now. Where there are several, or the snapshot
/// does not know, the charter has to say.
fn found_role(charter: &Charter, estate: &Estate) -> Result<Option<DeclaredRole>, String> {
    let mut roles: BTreeSet<Id<Role>> = BTreeSet::new();
    for workload in &charter.runs_as {
        let Some(Named::Agent(agent)) = estate.named(workload) else {
            continue;
        };
        let live = estate.agents.at(agent).roles.iter().filter(|role| {
            role.versions.is_empty()
                || role
                    .versions
                    .iter()
                    .any(bailiwick_estate::agent::AgentVersion::is_live)
        });
        roles.extend(live.filter_map(|role| role.role.id));
    }
    let mut roles = roles.into_iter();
    let (Some(role), None) = (roles.next(), roles.next()) else {
        return Ok(None);
    };
    let role = estate.roles.at(role);
    Ok(Some(DeclaredRole {
        arn: role.arn.clone(),
        id: role.unique_id.clone(),
    }))
}
