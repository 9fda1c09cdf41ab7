//! The control catalogues that findings are mapped to, as data with a version each.
//!
//! Control ids move between versions: ATT&CK v19 retired a family, CIS renumbered twice. So an id
//! never stands alone; it stands in a catalogue whose name carries its version.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

/// Catalogue to control ids, as `scan --json` prints it.
pub type Maps = BTreeMap<String, Vec<String>>;

/// All catalogues, and which of their controls each rule speaks to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frameworks {
    pub catalogues: Vec<Catalogue>,
    rules: BTreeMap<String, Maps>,
}

/// One version of one catalogue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// What a finding calls it; carries the version where there may be another.
    pub id: String,
    pub name: String,
    pub version: String,
    pub date: String,
    pub source: String,
    pub controls: Vec<Control>,
}

/// One control, technique, threat or practice.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    pub id: String,
    pub title: String,
    /// Ids of the same thing in the version before, for who still searches by them.
    #[serde(default)]
    pub was: Vec<String>,
}

static SHIPPED: LazyLock<Frameworks> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the file is compiled in, and a test reads it"
    )]
    serde_json::from_str(include_str!("../data/frameworks.json"))
        .expect("data/frameworks.json is read by a test")
});

/// The catalogues that this version carries.
#[must_use]
pub fn shipped() -> &'static Frameworks {
    &SHIPPED
}

/// The controls that a rule speaks to.
#[must_use]
pub fn maps(rule: &str) -> Maps {
    shipped().rules.get(rule).cloned().unwrap_or_default()
}

impl Frameworks {
    #[must_use]
    pub fn catalogue(&self, id: &str) -> Option<&Catalogue> {
        self.catalogues.iter().find(|catalogue| catalogue.id == id)
    }

    /// The rules that are mapped, by id.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &Maps)> {
        self.rules.iter().map(|(rule, maps)| (rule.as_str(), maps))
    }
}

impl Catalogue {
    /// The control of that id, or the one that now stands for it.
    #[must_use]
    pub fn control(&self, id: &str) -> Option<&Control> {
        self.controls
            .iter()
            .find(|control| control.id == id || control.was.iter().any(|was| was == id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_a_rule_names_stands_in_its_catalogue() {
        for (rule, maps) in shipped().rules() {
            for (catalogue, controls) in maps {
                let catalogue = shipped()
                    .catalogue(catalogue)
                    .unwrap_or_else(|| panic!("{rule} names the catalogue {catalogue}"));
                for id in controls {
                    let known = catalogue.controls.iter().any(|control| control.id == *id);
                    assert!(known, "{rule} names {id} of {}", catalogue.id);
                }
            }
        }
    }

    #[test]
    fn no_catalogue_holds_an_id_twice() {
        for catalogue in &shipped().catalogues {
            let mut ids: Vec<_> = catalogue
                .controls
                .iter()
                .flat_map(|control| control.was.iter().chain([&control.id]))
                .collect();
            let count = ids.len();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), count, "{}", catalogue.id);
        }
    }

    #[test]
    fn an_id_that_attack_retired_still_finds_its_successor() {
        let attack = shipped().catalogue("mitre-attack-v19.1").unwrap();
        assert_eq!(attack.control("T1562.008").unwrap().id, "T1685.002");
    }
}
