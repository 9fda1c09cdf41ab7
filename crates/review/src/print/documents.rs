//! Policy documents, one a file, as `aws … --policy-document file://…` takes them.

use std::collections::BTreeMap;

use bailiwick_iam::policy::Policy;

use super::{Item, ManagedPolicy, Role, RolePolicy, Stack, name};

pub(super) fn write(stack: &Stack, files: &mut BTreeMap<String, String>) {
    let folder = format!("policies/{}", stack.home.stem());
    for item in &stack.items {
        match item {
            Item::Policy(ManagedPolicy { name, document, .. }) => {
                put(files, &[&folder, name], document);
            }
            Item::Role(role) => of_role(role, &folder, files),
            Item::RolePolicy(RolePolicy {
                role,
                name,
                document,
            }) => put(files, &[&folder, role, name], document),
            Item::Ceiling(ceiling) => put(files, &[&folder, &ceiling.name], &ceiling.document),
            Item::ResourcePolicy(it) => {
                let resource = format!("{}-{}", it.resource.service(), it.resource.resource());
                put(files, &[&folder, &resource], &it.document);
            }
        }
    }
}

fn of_role(role: &Role, folder: &str, files: &mut BTreeMap<String, String>) {
    put(files, &[folder, &role.name, "trust"], &role.trust);
    for (name, document) in &role.inline {
        put(files, &[folder, &role.name, name], document);
    }
}

fn put(files: &mut BTreeMap<String, String>, path: &[&str], document: &Policy) {
    let mut path: Vec<String> = path
        .iter()
        .enumerate()
        // The first is a path of ours.
        .map(|(at, part)| {
            if at == 0 {
                (*part).to_owned()
            } else {
                name::file(part)
            }
        })
        .collect();
    if let Some(last) = path.last_mut() {
        last.push_str(".json");
    }
    files.insert(path.join("/"), document.to_json_pretty() + "\n");
}
