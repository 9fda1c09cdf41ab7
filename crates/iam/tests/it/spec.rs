//! Runs the scenarios of `docs/spec/iam.md`, and sees to it that every claim has one and is cited.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use bailiwick_iam::{
    evaluate::{Decision, Outcome, ResourceSemantics, evaluate},
    layers::{Compiled, Layers, Level, NamedPolicy, PlainOperator},
    policy::Policy,
    request::{Context, Principal, Request, Values},
};
use bailiwick_testkit::repository;
use serde_json::{Map, Value, json};

use crate::vocabulary::Known;

fn page() -> String {
    fs::read_to_string(repository().join("docs/spec/iam.md")).unwrap()
}

/// The claims of the page: number, and the scenarios under it with the line they begin at.
fn claims(page: &str) -> BTreeMap<String, Vec<(usize, String)>> {
    let mut claims: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
    let mut current = String::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in page.lines().enumerate() {
        if let Some(title) = line.strip_prefix("### ") {
            title.split(' ').next().unwrap().clone_into(&mut current);
            let before = claims.insert(current.clone(), Vec::new());
            assert!(before.is_none(), "{current} stands twice");
        } else if line == "```iam" {
            open = Some((index + 2, String::new()));
        } else if line == "```" {
            let scenario = open.take().expect("a fence that closes was opened");
            claims.get_mut(&current).unwrap().push(scenario);
        } else if let Some((_, text)) = &mut open {
            text.push_str(line);
            text.push('\n');
        }
    }
    claims
}

#[test]
fn every_scenario_of_the_specification_holds() {
    let mut asked = 0;
    let mut failures = Vec::new();
    for (claim, scenarios) in claims(&page()) {
        for (start, text) in scenarios {
            let mut scene = Scene::default();
            for (index, line) in text.lines().enumerate() {
                let line_number = start + index;
                match scene.read(line) {
                    Ok(was_asked) => asked += usize::from(was_asked),
                    Err(why) => failures.push(format!(
                        "{claim}, docs/spec/iam.md:{line_number}: {line}\n    {why}"
                    )),
                }
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(asked > 200, "{asked} questions were found");
}

#[test]
fn every_claim_has_a_scenario_and_is_cited_by_code() {
    let page = page();
    let claims = claims(&page);
    assert!(claims.len() >= 42);
    let mut code = String::new();
    for folder in fs::read_dir(repository().join("crates")).unwrap() {
        read_sources(&folder.unwrap().path().join("src"), &mut code);
    }
    let without_scenario: Vec<_> = claims
        .iter()
        .filter(|(_, scenarios)| !scenarios.iter().any(|(_, text)| text.contains(" = ")))
        .map(|(claim, _)| claim)
        .collect();
    let without_code: Vec<_> = claims
        .keys()
        .filter(|claim| !code.contains(*claim))
        .collect();
    assert!(
        without_scenario.is_empty() && without_code.is_empty(),
        "no scenario: {without_scenario:?}; no code cites: {without_code:?}"
    );
    let unknown: Vec<_> = cited(&code)
        .filter(|claim| !claims.contains_key(claim))
        .collect();
    assert!(unknown.is_empty(), "cited but not claimed: {unknown:?}");
    for number in 1..=claims.len() {
        assert!(claims.contains_key(&format!("IAM-{number:03}")), "{number}");
    }
    let sources = page.lines().filter(|line| line.starts_with("Source:"));
    assert_eq!(sources.count(), claims.len(), "each claim names its source");
}

fn cited(code: &str) -> impl Iterator<Item = String> {
    code.match_indices("IAM-").filter_map(|(at, _)| {
        let number = code.get(at + 4..at + 7)?;
        let ends = !code
            .get(at + 7..at + 8)?
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric());
        (ends && number.bytes().all(|byte| byte.is_ascii_digit())).then(|| format!("IAM-{number}"))
    })
}

fn read_sources(folder: &Path, into: &mut String) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[derive(Debug, Default)]
struct Scene {
    principal: Option<Principal>,
    /// Statements by layer; `None` for a policy that cannot be read.
    policies: BTreeMap<String, Option<Value>>,
    levels: Vec<(&'static str, String)>,
    context: Context,
    resource_account: Option<String>,
    layers: Layers,
}

const LAYERS: [&str; 5] = ["identity", "boundary", "session", "resource", "endpoint"];

impl Scene {
    /// Reads one line; says whether it was a question.
    fn read(&mut self, line: &str) -> Result<bool, String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" => {}
            "principal" => {
                self.principal = Some(match rest.split_once(' ') {
                    Some(("service", name)) => Principal::Service(name.into()),
                    Some(("federated", name)) => Principal::Provider(name.into()),
                    _ => rest.parse().map_err(|error| format!("{error}"))?,
                });
            }
            "with" => self.with(rest)?,
            "without" => self.context.remove(rest),
            "context" if rest == "incomplete" => self.context.set_complete(false),
            "management" => {
                let account = rest.trim_start_matches("account ");
                self.layers.management_account = Some(account.parse().unwrap());
            }
            "switch" => match rest {
                "flat" => self.layers.switches.resource = ResourceSemantics::Flat,
                "plain operators match any value" => {
                    self.layers.switches.plain_operator = PlainOperator::AnyValue;
                }
                _ => return Err(format!("no switch `{rest}`")),
            },
            "clear" => {
                self.policies
                    .retain(|name, _| name.split(' ').next() != Some(rest));
                self.levels.retain(|(layer, _)| *layer != rest);
            }
            "resource" if rest.starts_with("account ") => {
                self.resource_account = Some(rest.trim_start_matches("account ").into());
            }
            "scp" | "rcp" => {
                let layer = if word == "scp" { "scp" } else { "rcp" };
                let (target, statement) = rest.split_once(' ').unwrap();
                let level = (layer, target.to_owned());
                if !self.levels.contains(&level) {
                    self.levels.push(level);
                }
                self.add(format!("{layer} {target}"), statement)?;
            }
            layer if LAYERS.contains(&layer) => self.add(layer.to_owned(), rest)?,
            _ => return self.ask(line).map(|()| true),
        }
        Ok(false)
    }

    fn with(&mut self, text: &str) -> Result<(), String> {
        if let Some(key) = text.strip_suffix(" unknown") {
            self.context = std::mem::take(&mut self.context).unknown(key);
            return Ok(());
        }
        let (key, value) = text.split_once(" = ").ok_or("no `=`")?;
        let list = value
            .strip_prefix('[')
            .and_then(|value| value.strip_suffix(']'));
        let values = match list {
            None => Values::from(value),
            Some(list) => Values::Many(
                words(list)
                    .map(|word| word.trim_matches('"').into())
                    .collect(),
            ),
        };
        self.context.set(key, values);
        Ok(())
    }

    fn add(&mut self, policy: String, text: &str) -> Result<(), String> {
        let empty = || json!({"Version": "2012-10-17", "Statement": []});
        if text == "unreadable" {
            self.policies.insert(policy, None);
            return Ok(());
        }
        let entry = self.policies.entry(policy).or_insert_with(|| Some(empty()));
        let entry = entry.get_or_insert_with(empty);
        if text == "nothing" {
            return Ok(());
        }
        if text.starts_with('{') {
            *entry = serde_json::from_str(text).map_err(|error| error.to_string())?;
            return Ok(());
        }
        let statements = entry["Statement"].as_array_mut().unwrap();
        statements.push(statement(text)?);
        Ok(())
    }

    fn ask(&self, line: &str) -> Result<(), String> {
        let (question, answer) = line
            .split_once(" = ")
            .ok_or("neither a word I know nor a question")?;
        let (action, resource) = question.split_once(" on ").ok_or("no resource")?;
        let mut request = Request::new(
            self.principal.clone().ok_or("no principal")?,
            action,
            resource,
        );
        request.resource_account = self
            .resource_account
            .as_deref()
            .map(|id| id.parse().unwrap());
        request.context = self.context.clone();
        let decision = evaluate(&self.layers()?, &request, &Known);
        let found = told(&decision);
        // `implicit deny` alone leaves the layer open.
        let is_met = found == answer
            || found
                .strip_prefix(answer)
                .is_some_and(|rest| rest.starts_with(" by "));
        if is_met {
            Ok(())
        } else {
            Err(format!("it is: {found}"))
        }
    }

    fn layers(&self) -> Result<Layers, String> {
        let mut layers = self.layers.clone();
        for (name, document) in &self.policies {
            let compiled = match document {
                None => Compiled::unreadable(name.as_str(), "it is not in the snapshot"),
                Some(document) => {
                    let policy =
                        Policy::parse(&document.to_string()).map_err(|error| error.to_string())?;
                    Compiled::new(NamedPolicy {
                        name: name.as_str().into(),
                        policy: Arc::new(policy),
                    })
                }
            };
            let list = || Some([Arc::new(compiled.clone())].into());
            match name.as_str() {
                "identity" => layers.identity = list(),
                "boundary" => layers.boundary = list(),
                "session" => layers.session = list(),
                "endpoint" => layers.endpoint = list(),
                "resource" => layers.resource = Some(Arc::new(compiled)),
                _ => {}
            }
        }
        let levels = |wanted: &str| -> Option<Arc<[Level]>> {
            let of = self.levels.iter().filter(|(layer, _)| *layer == wanted);
            let levels: Vec<Level> = of
                .map(|(layer, target)| {
                    let document = self.policies[&format!("{layer} {target}")]
                        .as_ref()
                        .unwrap();
                    let policy = Policy::parse(&document.to_string()).unwrap();
                    let compiled = Compiled::new(NamedPolicy {
                        name: target.as_str().into(),
                        policy: Arc::new(policy),
                    });
                    Level {
                        target: target.as_str().into(),
                        policies: [Arc::new(compiled)].into(),
                    }
                })
                .collect();
            (!levels.is_empty()).then(|| levels.into())
        };
        layers.scp = levels("scp");
        layers.rcp = levels("rcp");
        Ok(layers)
    }
}

/// A decision as the page spells it.
fn told(decision: &Decision) -> String {
    let layer = decision
        .layer
        .map(|layer| format!(" by {layer}"))
        .unwrap_or_default();
    match decision.outcome {
        Outcome::Allow => "allow".into(),
        Outcome::ImplicitDeny => format!("implicit deny{layer}"),
        Outcome::ExplicitDeny => format!("explicit deny{layer}"),
        Outcome::Unknown if decision.missing.is_empty() => "unknown".into(),
        Outcome::Unknown => format!("unknown, missing {}", decision.missing.join(", ")),
    }
}

/// `Allow [to [all but] P…:] [all but] A… [on [all but] R…] [if CONDITION [and CONDITION]…]`
fn statement(text: &str) -> Result<Value, String> {
    let (effect, rest) = text.split_once(' ').ok_or("no action")?;
    let mut statement = Map::new();
    statement.insert("Effect".into(), effect.into());
    let mut rest = rest;
    if let Some(named) = rest.strip_prefix("to ") {
        let (principals, after) = named
            .split_once(": ")
            .ok_or("no `:` after the principals")?;
        let (not, principals) = but(principals);
        statement.insert(format!("{not}Principal"), principals_of(principals));
        rest = after;
    }
    let (main, conditions) = match rest.split_once(" if ") {
        Some((main, conditions)) => (main, Some(conditions)),
        None => (rest, None),
    };
    let (actions, resources) = match main.split_once(" on ") {
        Some((actions, resources)) => (actions, Some(resources)),
        None => (main, None),
    };
    let (not, actions) = but(actions);
    statement.insert(format!("{not}Action"), words(actions).collect());
    if let Some(resources) = resources {
        let (not, resources) = but(resources);
        statement.insert(format!("{not}Resource"), resource_words(resources));
    }
    if let Some(conditions) = conditions {
        statement.insert("Condition".into(), conditions_of(conditions)?);
    }
    Ok(Value::Object(statement))
}

fn but(text: &str) -> (&'static str, &str) {
    match text.strip_prefix("all but ") {
        Some(rest) => ("Not", rest),
        None => ("", text),
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(", ").filter(|word| !word.is_empty())
}

/// A default in a variable has a comma of its own.
fn resource_words(text: &str) -> Value {
    if text.contains("${") {
        return text.into();
    }
    words(text).collect()
}

fn principals_of(text: &str) -> Value {
    if text == "everyone" {
        return "*".into();
    }
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for word in words(text) {
        let (kind, name) = match word.split_once(' ') {
            Some(("service", name)) => ("Service", name),
            Some(("federated", name)) => ("Federated", name),
            Some(("canonical", name)) => ("CanonicalUser", name),
            _ => ("AWS", word),
        };
        kinds.entry(kind).or_default().push(name);
    }
    json!(kinds)
}

fn conditions_of(text: &str) -> Result<Value, String> {
    let mut blocks: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    for condition in text.split(" and ") {
        let mut parts = condition.splitn(3, ' ');
        let (Some(operator), Some(key), Some(values)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(format!("`{condition}` is no condition"));
        };
        let block = blocks.entry(operator).or_default();
        block.insert(key, words(values).collect());
    }
    Ok(json!(blocks))
}
