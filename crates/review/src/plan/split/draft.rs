//! A charter for an agent that has none, of its configuration and its calls.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_charter::{
    AgentName, Charter, Environment, Lasts, Limits, Mode, Owner, Places, Reach, ResourceTemplate,
    Task, TaskName,
};
use bailiwick_estate::usage::HowSure;
use bailiwick_iam_catalog::AccessLevel;
use sha2::{Digest, Sha256};

use super::{Split, configured, units::Workload};

/// The longest name a role can be made of.
const NAME_LENGTH_MAX: usize = 59;

/// How long a task of which nothing is known may last.
const TASK_SECONDS: u32 = 3_600;

/// `None` if something it did cannot be written into a charter: then nothing may be left out.
pub(super) fn charter(
    split: &Split<'_>,
    workload: &Workload<'_>,
    taken: &[String],
) -> Option<Charter> {
    let mut rights: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let configured = workload.agent.map(configured::rights).unwrap_or_default();
    let observed = observed(split, workload);
    for (action, resource) in configured.into_iter().chain(observed) {
        rights.entry(action).or_default().insert(resource);
    }
    let (read, write) = apart(split, rights)?;
    let task = Task {
        lasts: Lasts::of_seconds(TASK_SECONDS)?,
        parameters: BTreeMap::new(),
        record_parameters: false,
        read,
        write,
        tools: Vec::new(),
        sequence: Vec::new(),
        limits: Limits::default(),
    };
    let agent = workload.agent;
    let owner = agent.and_then(|agent| agent.owner.as_ref());
    let name = workload
        .agent
        .map_or_else(|| workload.arn.resource_name(), |agent| agent.name.as_str());
    Some(Charter {
        agent: name_for(split, name, workload, taken)?,
        owner: Owner {
            team: owner.map_or_else(|| "unknown".to_owned(), |owner| owner.value.clone()),
            contact: "unknown".to_owned(),
        },
        purpose: "Nobody has declared one.".to_owned(),
        environment: environment(split, workload)?,
        data: Vec::new(),
        runs_as: vec![workload.arn.clone()],
        role: None,
        identity: Vec::new(),
        mode: Mode::Standing,
        models: Vec::new(),
        invokers: None,
        review: None,
        class: None,
        tasks: BTreeMap::from([("observed".parse::<TaskName>().ok()?, task)]),
        places: Places::default(),
    })
}

/// What went through and is surely this agent's. The model is the baseline's.
fn observed(split: &Split<'_>, workload: &Workload<'_>) -> Vec<configured::Right> {
    let lines = split
        .sources
        .usage
        .into_iter()
        .flat_map(|usage| &usage.lines);
    lines
        .filter(|used| used.role == split.old.arn && used.succeeded())
        .filter(|used| used.agent.as_ref() == Some(&workload.arn))
        .filter(|used| used.how_sure != HowSure::Unknown)
        .filter(|used| !used.action.starts_with("bedrock:InvokeModel"))
        .map(|used| (used.action.clone(), used.resource.clone()))
        .collect()
}

/// Reads and writes, as the catalog tells them apart. What it does not know is a write.
fn apart(
    split: &Split<'_>,
    rights: BTreeMap<String, BTreeSet<String>>,
) -> Option<(Vec<Reach>, Vec<Reach>)> {
    let (mut read, mut write) = (Vec::new(), Vec::new());
    for (action, resources) in rights {
        let level = split.sources.catalog.action(&action).map(|it| it.level());
        let reads = matches!(level, Ok(AccessLevel::Read | AccessLevel::List));
        let resources: Option<Vec<ResourceTemplate>> =
            resources.iter().map(|it| it.parse().ok()).collect();
        let reach = Reach {
            actions: vec![action],
            resources: resources?,
            account: None,
        };
        if reads { &mut read } else { &mut write }.push(reach);
    }
    Some((read, write))
}

fn environment(split: &Split<'_>, workload: &Workload<'_>) -> Option<Environment> {
    let of_agent = workload.agent.and_then(|agent| agent.environment.as_ref());
    let account = split.sources.estate.accounts.get(&split.old.account);
    let told = of_agent.or(account.and_then(|account| account.environment.as_ref()));
    let name = told.map_or_else(|| "unknown".to_owned(), |it| kebab(&it.name));
    name.parse().or_else(|_| "unknown".parse()).ok()
}

/// The agent's own name where it is free, and short enough.
fn name_for(
    split: &Split<'_>,
    name: &str,
    workload: &Workload<'_>,
    taken: &[String],
) -> Option<AgentName> {
    let name = kebab(name);
    let digest = Sha256::digest(workload.arn.as_str());
    let mark: String = digest
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let short: String = name.chars().take(NAME_LENGTH_MAX - 9).collect();
    let marked = format!("{}-{mark}", short.trim_end_matches('-'));
    let estate = split.sources.estate;
    let is_free = |name: &String| {
        !taken.contains(name) && estate.role_named(split.old.account, name).is_none()
    };
    let fits = |name: &String| name.len() <= NAME_LENGTH_MAX;
    [name, marked]
        .into_iter()
        .filter(fits)
        .find(is_free)
        .and_then(|name| name.parse().ok())
}

/// Lower-case words joined by single hyphens, a letter first.
fn kebab(text: &str) -> String {
    let letter = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let plain: String = text.chars().map(letter).collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    let joined = words.join("-");
    let begins = joined.starts_with(|first: char| first.is_ascii_lowercase());
    if begins && joined.len() > 1 {
        joined
    } else {
        format!("agent-{joined}").trim_end_matches('-').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::kebab;

    #[test]
    fn a_name_becomes_lower_case_words() {
        assert_eq!(kebab("OrderDesk"), "orderdesk");
        assert_eq!(kebab("catalog_bot"), "catalog-bot");
        assert_eq!(kebab("--x"), "agent-x");
        assert_eq!(kebab("7 seas"), "agent-7-seas");
        assert_eq!(kebab("__"), "agent");
    }
}
