//! Whose an agent is and where it belongs, by what people write into tags and names.

use crate::{
    agent::{Environment, Learned, LearnedFrom},
    organization::Unit,
    principal::{Account, Tags},
};

const ENVIRONMENT_KEYS: [&str; 4] = ["environment", "env", "stage", "deployment-environment"];
const OWNER_KEYS: [&str; 4] = ["owner", "team", "owned-by", "contact"];
const AGENT_KEYS: [&str; 2] = ["agent", "bailiwick:agent"];

/// The words people use, and the one we use.
const WORDS: [(&str, &str); 15] = [
    ("prod", "prod"),
    ("production", "prod"),
    ("prd", "prod"),
    ("live", "prod"),
    ("staging", "staging"),
    ("stage", "staging"),
    ("stg", "staging"),
    ("preprod", "staging"),
    ("dev", "dev"),
    ("development", "dev"),
    ("test", "test"),
    ("testing", "test"),
    ("qa", "test"),
    ("uat", "test"),
    ("sandbox", "sandbox"),
];

/// The agent's own tag speaks first, then its role's, then its account.
pub(super) fn environment(
    tags: &Tags,
    role: Option<&Tags>,
    account: Option<&Account>,
) -> Option<Environment> {
    let own = tagged(tags, &ENVIRONMENT_KEYS).map(|(key, value)| (value, LearnedFrom::Tag(key)));
    let of_role = || {
        let (key, value) = tagged(role?, &ENVIRONMENT_KEYS)?;
        Some((value, LearnedFrom::RoleTag(key)))
    };
    match own.or_else(of_role) {
        Some((value, learned_from)) => Some(Environment {
            name: plain(&value),
            learned_from,
        }),
        None => account?.environment.clone(),
    }
}

/// The account's tag, its name, or the name of the nearest unit above it that says so.
pub(super) fn environment_of_account(account: &Account, units: &[&Unit]) -> Option<Environment> {
    if let Some((key, value)) = tagged(&account.tags, &ENVIRONMENT_KEYS) {
        return Some(Environment {
            name: plain(&value),
            learned_from: LearnedFrom::AccountTag(key),
        });
    }
    if let Some(name) = account.name.as_deref().and_then(word_in) {
        return Some(Environment {
            name: name.to_owned(),
            learned_from: LearnedFrom::AccountName,
        });
    }
    units.iter().rev().find_map(|unit| {
        let name = unit.name.as_deref()?;
        Some(Environment {
            name: word_in(name)?.to_owned(),
            learned_from: LearnedFrom::Unit(name.to_owned()),
        })
    })
}

pub(super) fn owner(tags: &Tags, role: Option<&Tags>) -> Option<Learned> {
    let own = tagged(tags, &OWNER_KEYS).map(|(key, value)| (value, LearnedFrom::Tag(key)));
    let of_role = || {
        let (key, value) = tagged(role?, &OWNER_KEYS)?;
        Some((value, LearnedFrom::RoleTag(key)))
    };
    let (value, from) = own.or_else(of_role)?;
    Some(Learned { value, from })
}

/// The name of the agent that a resource runs, if a tag says that it runs one.
pub(super) fn agent(tags: &Tags) -> Option<String> {
    tagged(tags, &AGENT_KEYS).map(|(_, value)| value)
}

/// The first of these keys, in any case of letters, that has a value.
fn tagged(tags: &Tags, keys: &[&str]) -> Option<(String, String)> {
    keys.iter().find_map(|key| {
        let found = tags
            .iter()
            .find(|(name, value)| name.eq_ignore_ascii_case(key) && !value.trim().is_empty())?;
        Some((found.0.clone(), found.1.trim().to_owned()))
    })
}

fn plain(value: &str) -> String {
    let value = value.to_lowercase();
    let known = WORDS.iter().find(|(word, _)| *word == value);
    known.map_or(value.clone(), |(_, plain)| (*plain).to_owned())
}

/// The environment that a name speaks of: `acme-prod`, `Staging`. `nonprod` is not `prod`.
fn word_in(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let parts: Vec<&str> = name
        .split(|letter: char| !letter.is_alphanumeric())
        .collect();
    let is_negated = parts
        .iter()
        .any(|part| matches!(*part, "non" | "not" | "no" | "pre"));
    let mut found = WORDS.iter().filter(|(word, _)| parts.contains(word));
    let (_, first) = found.next().filter(|_| !is_negated)?;
    found.all(|(_, other)| other == first).then_some(*first)
}

#[cfg(test)]
mod tests {
    use super::word_in;

    #[test]
    fn a_name_tells_its_environment_only_by_a_whole_word() {
        assert_eq!(word_in("acme-prod"), Some("prod"));
        assert_eq!(word_in("Staging"), Some("staging"));
        assert_eq!(word_in("product-catalog"), None);
        assert_eq!(word_in("nonprod"), None);
        assert_eq!(word_in("non-prod"), None);
    }

    #[test]
    fn a_name_that_speaks_of_two_environments_tells_none() {
        assert_eq!(word_in("prod-and-dev"), None);
    }
}
