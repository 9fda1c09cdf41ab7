//! What an agent needs on AWS, guessed from what it did, or else from what its role holds.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_charter::{Reach, ResourceTemplate, compile::is_denied_to_agents};
use bailiwick_estate::{
    Agent, Estate, Id, PrincipalId, Role,
    usage::{Usage, Used},
};
use bailiwick_iam::{
    arn::Arn,
    policy::{Effect, Selection, Statement},
};
use bailiwick_iam_catalog::{AccessLevel, builtin};

/// Reads and writes of a first task, the models, and what was not taken over.
#[derive(Debug, Default)]
pub(super) struct Rights {
    pub(super) read: Vec<Reach>,
    pub(super) write: Vec<Reach>,
    pub(super) read_notes: Vec<String>,
    pub(super) write_notes: Vec<String>,
    pub(super) models: Vec<Arn>,
    pub(super) left_out: Vec<String>,
}

/// What every agent has, whatever its charter says: telemetry, its image, its own identity.
const BASELINE: [&str; 6] = [
    "cloudwatch:putmetricdata",
    "ecr:",
    "logs:",
    "xray:",
    "bedrock-agentcore:getworkloadaccesstoken",
    "sts:getwebidentitytoken",
];

/// A wildcard that stands for more actions than this says nothing about a need.
const EXPANDED_MAX: usize = 12;

/// More resources of one action than this are told by what they begin with.
const RESOURCES_MAX: usize = 4;

pub(super) fn of(
    agent: &Agent,
    role: Option<Id<Role>>,
    estate: &Estate,
    usage: Option<&Usage>,
) -> Rights {
    let mut needs = Needs::default();
    if let Some(role) = role {
        needs.models_of(role, estate);
    }
    let role_arn = role.map(|role| &estate.roles.at(role).arn);
    let mut observed = false;
    if let Some(usage) = usage {
        for used in observed_of(usage, &agent.arn, role_arn) {
            observed = true;
            needs.observed(&used.action, &used.resource, used.count);
        }
    }
    match (usage, role) {
        (Some(usage), _) if observed => {
            let over = usage.coverage.as_ref().map_or_else(
                || "a time it does not state".to_owned(),
                |coverage| format!("{} to {}", coverage.from, coverage.to),
            );
            needs.left_out.push(format!("reads and writes are what was observed over {over}; what happens once a year is not in it"));
        }
        (_, Some(role)) => {
            needs.held(role, estate);
            needs.left_out.push(
                "nothing was observed: reads and writes are what its role holds, not what it needs"
                    .to_owned(),
            );
        }
        (_, None) => needs
            .left_out
            .push("neither its calls nor its role are known".to_owned()),
    }
    needs.rights()
}

/// What an agent did: its own lines, and those of its role where no agent could be told. Calls that
/// were all refused are no need of it.
fn observed_of<'u>(
    usage: &'u Usage,
    agent: &'u Arn,
    role: Option<&'u Arn>,
) -> impl Iterator<Item = &'u Used> {
    usage.lines.iter().filter(move |used| {
        let its_own = match &used.agent {
            Some(named) => named == agent,
            None => Some(&used.role) == role,
        };
        its_own && used.succeeded()
    })
}

/// Resources by action, and how often.
#[derive(Debug, Default)]
struct Needs {
    by_action: BTreeMap<String, BTreeMap<String, u64>>,
    models: BTreeSet<Arn>,
    left_out: Vec<String>,
}

impl Needs {
    fn observed(&mut self, action: &str, resource: &str, count: u64) {
        if is_baseline(action) || is_model(action) {
            return;
        }
        let resources = self.by_action.entry(spelled(action)).or_default();
        *resources.entry(resource.to_owned()).or_default() += count;
    }

    fn statements(role: Id<Role>, estate: &Estate) -> impl Iterator<Item = &Statement> {
        let policies = estate.identity_policies(PrincipalId::Role(role));
        let read = policies
            .into_iter()
            .filter_map(|policy| estate.policy(policy));
        read.flat_map(|policy| &policy.statements)
            .filter(|statement| statement.effect == Effect::Allow)
    }

    fn models_of(&mut self, role: Id<Role>, estate: &Estate) {
        for statement in Self::statements(role, estate) {
            let (Selection::Only(actions), Some(Selection::Only(resources))) =
                (&statement.actions, &statement.resources)
            else {
                continue;
            };
            if !actions.iter().any(|action| is_model(&action.value.0)) {
                continue;
            }
            for resource in resources {
                match resource.value.0.parse::<Arn>() {
                    Ok(arn)
                        if !arn.as_str().contains(['*', '?', '$'])
                            && arn.service() == "bedrock" =>
                    {
                        self.models.insert(arn);
                    }
                    Ok(_) | Err(_) => self.left_out.push(format!(
                        "its role may invoke `{}`: name the models it thinks with under `models`",
                        resource.value
                    )),
                }
            }
        }
    }

    fn held(&mut self, role: Id<Role>, estate: &Estate) {
        for statement in Self::statements(role, estate) {
            let (Selection::Only(actions), Some(Selection::Only(resources))) =
                (&statement.actions, &statement.resources)
            else {
                self.left_out
                    .push("a statement with NotAction or NotResource is not taken over".to_owned());
                continue;
            };
            for action in actions {
                let pattern = &action.value.0;
                if is_baseline(pattern) || is_model(pattern) {
                    continue;
                }
                let known = builtin().expand(pattern).unwrap_or_default();
                let is_wild = pattern.contains(['*', '?']);
                if is_wild && (known.is_empty() || known.len() > EXPANDED_MAX) {
                    self.left_out.push(format!(
                        "its role holds `{pattern}`, {} actions: name those it needs",
                        known.len()
                    ));
                    continue;
                }
                let names: Vec<String> = if is_wild {
                    known
                        .iter()
                        .map(|action| format!("{}:{}", action.service().prefix(), action.name()))
                        .collect()
                } else {
                    vec![spelled(pattern)]
                };
                for name in names
                    .into_iter()
                    .filter(|name| !is_baseline(name) && !is_model(name))
                {
                    let held = self.by_action.entry(name).or_default();
                    for resource in resources {
                        held.entry(resource.value.0.clone()).or_default();
                    }
                }
            }
        }
    }

    fn rights(mut self) -> Rights {
        let mut rights = Rights::default();
        let mut grouped: BTreeMap<(Side, Vec<String>), (Vec<String>, u64)> = BTreeMap::new();
        for (action, resources) in std::mem::take(&mut self.by_action) {
            if let Some(why) = never_drafted(&action) {
                self.left_out.push(format!("`{action}` is left out: {why}"));
                continue;
            }
            let count = resources.values().sum::<u64>();
            let mut written: Vec<String> = Vec::new();
            for resource in generalised(resources.into_keys().collect()) {
                if resource
                    .parse::<ResourceTemplate>()
                    .is_ok_and(|resource| resource.parameters().next().is_none())
                {
                    written.push(resource);
                } else {
                    self.left_out.push(format!(
                        "`{action}` on `{resource}`, which a charter cannot say: use a parameter"
                    ));
                }
            }
            if written.is_empty() {
                continue;
            }
            let (side, doubt) = side(&action);
            self.left_out.extend(doubt);
            let group = grouped.entry((side, written)).or_default();
            group.0.push(action);
            group.1 += count;
        }
        for ((side, resources), (actions, count)) in grouped {
            let reach = Reach {
                actions,
                resources: resources
                    .iter()
                    .filter_map(|resource| resource.parse().ok())
                    .collect(),
                account: None,
            };
            let note = match count {
                0 => "held by its role; whether it needs it nothing says".to_owned(),
                1 => "observed once".to_owned(),
                count => format!("observed {count} times"),
            };
            match side {
                Side::Read => {
                    rights.read.push(reach);
                    rights.read_notes.push(note);
                }
                Side::Write => {
                    rights.write.push(reach);
                    rights.write_notes.push(note);
                }
            }
        }
        self.left_out.sort();
        self.left_out.dedup();
        rights.left_out = self.left_out;
        rights.models = self.models.into_iter().collect();
        rights
    }
}

/// Why no draft proposes the action, whatever was observed: `charter check` refuses it.
fn never_drafted(action: &str) -> Option<&'static str> {
    if is_denied_to_agents(action) {
        return Some("no grant may make its successor; another account is declared with `account`");
    }
    let level = builtin().action(action).map(|it| it.level());
    let manages = level == Ok(AccessLevel::PermissionsManagement);
    // AWS counts calling a gateway as managing permissions.
    let starts = action.eq_ignore_ascii_case("bedrock-agentcore:InvokeGateway");
    (manages && !starts).then_some("it changes who may do what; leave that to people")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Read,
    Write,
}

/// On which list an action belongs. One that nobody knows may change something.
fn side(action: &str) -> (Side, Option<String>) {
    // AWS lists it as a write; who reads what is encrypted needs it, and nothing is changed by it.
    if action == "kms:Decrypt" {
        return (Side::Read, None);
    }
    match builtin().action(action).map(|action| action.level()) {
        Ok(AccessLevel::List | AccessLevel::Read) => (Side::Read, None),
        Ok(AccessLevel::Write | AccessLevel::Tagging) => (Side::Write, None),
        Ok(AccessLevel::PermissionsManagement) => (
            Side::Write,
            Some(format!(
                "`{action}` changes who may do what: does the agent need it?"
            )),
        ),
        Err(_) => (
            Side::Write,
            Some(format!(
                "`{action}` is not in the catalog, so it stands under `write`"
            )),
        ),
    }
}

/// An action as AWS writes it. Policies take any case of letters, a charter takes one.
fn spelled(action: &str) -> String {
    if let Ok(known) = builtin().action(action) {
        return format!("{}:{}", known.service().prefix(), known.name());
    }
    match action.split_once(':') {
        Some((service, name)) => format!("{}:{name}", service.to_ascii_lowercase()),
        None => action.to_owned(),
    }
}

fn is_baseline(action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    BASELINE.iter().any(|known| action.starts_with(known))
}

fn is_model(action: &str) -> bool {
    action
        .to_ascii_lowercase()
        .starts_with("bedrock:invokemodel")
}

/// Many resources of one folder as the folder: what was read today has another name tomorrow.
fn generalised(resources: BTreeSet<String>) -> BTreeSet<String> {
    let mut by_folder: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for resource in resources {
        let folder = resource
            .rsplit_once('/')
            .map_or(String::new(), |(folder, _)| folder.to_owned());
        by_folder.entry(folder).or_default().push(resource);
    }
    let mut told = BTreeSet::new();
    for (folder, resources) in by_folder {
        // The folder of `…:table/orders` is the kind of resource, and all of it is no guess.
        let is_kind = !folder.starts_with("arn:aws:s3:::");
        if is_kind || resources.len() <= RESOURCES_MAX {
            told.extend(resources);
        } else {
            told.insert(format!("{folder}/*"));
        }
    }
    let objects: Vec<String> = told
        .iter()
        .filter(|resource| resource.starts_with("arn:aws:s3:::"))
        .cloned()
        .collect();
    if objects.len() > RESOURCES_MAX {
        told.retain(|resource| !objects.contains(resource));
        told.extend(common_folders(&objects));
    }
    told
}

/// The longest folder that all objects of a bucket share.
fn common_folders(objects: &[String]) -> BTreeSet<String> {
    let mut by_bucket: BTreeMap<&str, Vec<Vec<&str>>> = BTreeMap::new();
    for object in objects {
        let (bucket, key) = object.split_once('/').unwrap_or((object, ""));
        by_bucket
            .entry(bucket)
            .or_default()
            .push(key.split('/').collect());
    }
    let folder = |(bucket, keys): (&str, Vec<Vec<&str>>)| {
        let first = keys.first().cloned().unwrap_or_default();
        let shared = first.iter().enumerate().take_while(|(at, part)| {
            keys.iter()
                .all(|key| key.len() > at + 1 && key.get(*at) == Some(part))
        });
        let mut path: Vec<&str> = shared.map(|(_, part)| *part).collect();
        path.push("*");
        format!("{bucket}/{}", path.join("/"))
    };
    by_bucket.into_iter().map(folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(resources: &[&str]) -> Vec<String> {
        generalised(resources.iter().map(|text| (*text).to_owned()).collect())
            .into_iter()
            .collect()
    }

    #[test]
    fn a_few_resources_are_named_and_many_are_their_folder() {
        assert_eq!(told(&["arn:aws:s3:::b/x/1", "arn:aws:s3:::b/x/2"]).len(), 2);
        let many: Vec<String> = (0..9)
            .map(|at| format!("arn:aws:s3:::b/in/{at}/x.json"))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(told(&many), ["arn:aws:s3:::b/in/*"]);
        let flat: Vec<String> = (0..9).map(|at| format!("arn:aws:s3:::b/in/{at}")).collect();
        let flat: Vec<&str> = flat.iter().map(String::as_str).collect();
        assert_eq!(told(&flat), ["arn:aws:s3:::b/in/*"]);
    }

    #[test]
    fn tables_are_never_told_as_all_tables() {
        let many: Vec<String> = (0..9)
            .map(|at| format!("arn:aws:dynamodb:us-east-1:111122223333:table/t{at}"))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(told(&many).len(), 9);
    }

    #[test]
    fn what_a_check_refuses_is_not_drafted() {
        for action in ["iam:PassRole", "sts:AssumeRole", "s3:PutBucketPolicy"] {
            assert!(never_drafted(action).is_some(), "{action}");
        }
        for action in [
            "bedrock-agentcore:InvokeGateway",
            "s3:PutObject",
            "s3:Teleport",
        ] {
            assert!(never_drafted(action).is_none(), "{action}");
        }
    }

    #[test]
    fn what_nobody_knows_may_write() {
        assert_eq!(side("s3:GetObject").0, Side::Read);
        assert_eq!(side("s3:PutObject").0, Side::Write);
        assert_eq!(side("s3:Teleport").0, Side::Write);
    }
}
