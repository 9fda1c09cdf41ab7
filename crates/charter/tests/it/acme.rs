//! Acme's charters, with which the documentation and other crates work.

use bailiwick_charter::{Charters, Contradiction};

fn charters() -> Charters {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/acme/charters");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        files.push((path.display().to_string(), std::fs::read(&path).unwrap()));
    }
    let files = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    Charters::parse(files).unwrap()
}

#[test]
fn acme_has_a_charter_for_each_agent_it_means_to_keep() {
    assert_eq!(charters().len(), 5);
}

#[test]
fn acme_s_shared_role_is_told_and_is_its_only_contradiction() {
    let charters = charters();
    let told = charters.contradictions();
    assert!(
        matches!(told, [Contradiction::RoleTwice { role, .. }] if role.ends_with("/agents-shared")),
        "{told:?}"
    );
}
